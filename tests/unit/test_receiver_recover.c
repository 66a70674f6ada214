/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/log.h"
#include "receiver/catalogue_db.h"
#include "receiver/datadir.h"
#include "receiver/rebuild.h"
#include "receiver/recover.h"
#include "receiver/segment_file.h"
#include "receiver/segment_summary.h"
#include "receiver/segment_write.h"
#include "receiver/storage.h"
#include "tests/support/clip.h"

#define FRAME_US 40000
#define START_US 1795185000123456
#define HOUR_US (INT64_C(3600) * 1000000)

static struct sl_test_clip clip;

/* A data directory with a store, each test its own. */
struct place {
    char data[64], store[96];
    struct sl_catalogue *catalogue;
    struct sl_storage storage;
};

static char why[SL_STORE_WHY];

static int set_up_all(void **state)
{
    (void)state;
    sl_log_init("test", SL_LOG_ERROR);
    sl_test_clip_make(&clip, 64, 48, 50, 25);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    sl_test_clip_free(&clip);
    return 0;
}

static void open_place(struct place *place)
{
    assert_int_equal(sl_catalogue_open(&place->catalogue, place->data, true, why), 0);
    assert_int_equal(sl_storage_open(&place->storage, place->store, place->catalogue, why), 0);
}

static void close_place(struct place *place)
{
    sl_storage_close(&place->storage);
    sl_catalogue_close(place->catalogue);
    place->catalogue = NULL;
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    snprintf(place->data, sizeof(place->data), "/tmp/sl_recover_XXXXXX");
    if (!mkdtemp(place->data))
        return -1;
    snprintf(place->store, sizeof(place->store), "%s/recordings", place->data);
    open_place(place);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];
    close_place(place);
    snprintf(command, sizeof(command), "rm -rf %s", place->data);
    free(place);
    return system(command);
}

/* ---- Recordings ---- */

/* The `i`th of a camera; the row as the recorder would put it. */
static struct sl_segment_row record_until(struct place *place, const char *camera, int i,
                                          int frames, int64_t end_us)
{
    struct sl_segment_row row = {0};
    struct sl_segment_writer *writer;
    struct sl_segment_write_config config = {.dir = place->storage.dir};
    snprintf(config.meta.uuid, sizeof(config.meta.uuid), "6f2c0f2e-8a5b-4c9e-9d49-%02x%010d",
             (unsigned)camera[0], i);
    snprintf(config.meta.camera, sizeof(config.meta.camera), "%s", camera);
    config.meta.start_us = START_US + i * HOUR_US;
    assert_int_equal(sl_segment_params_read(&config.params, clip.video[0].data, clip.video[0].len),
                     0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    for (int k = 0; k < frames; k++) {
        const struct sl_test_unit *unit = &clip.video[k];
        const int64_t at = k * FRAME_US;
        assert_int_equal(
            sl_segment_write_video(writer, at, unit->data, unit->len, unit->key, at * SL_US), 0);
    }
    snprintf(row.path, sizeof(row.path), "%s", sl_segment_write_path(writer));
    assert_int_equal(sl_segment_write_close(writer, end_us, &row.info), 0);
    return row;
}

static struct sl_segment_row record(struct place *place, const char *camera, int i, int frames)
{
    return record_until(place, camera, i, frames, frames * FRAME_US);
}

static void put(struct place *place, const struct sl_segment_row *row, bool open)
{
    struct sl_segment_row put = *row;
    put.open = open;
    assert_int_equal(sl_catalogue_put(place->catalogue, &put), 0);
}

static int64_t size_of(const struct place *place, const char *path)
{
    struct stat stat;
    return fstatat(place->storage.dir, path, &stat, 0) == 0 ? stat.st_size : -1;
}

static void cut_to(const struct place *place, const char *path, int64_t bytes)
{
    const int fd = openat(place->storage.dir, path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
    close(fd);
}

static void move(const struct place *place, const char *from, const char *to)
{
    assert_int_equal(renameat(place->storage.dir, from, place->storage.dir, to), 0);
}

static void copy(const struct place *place, const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof(command), "cp %s/%s %s/%s", place->store, from, place->store, to);
    assert_int_equal(system(command), 0);
}

static void spoil(const struct place *place, const char *path, int64_t at)
{
    const int fd = openat(place->storage.dir, path, O_WRONLY);
    assert_int_equal(pwrite(fd, "XXXX", 4, at), 4);
    close(fd);
}

static bool get(const struct place *place, const struct sl_segment_row *like,
                struct sl_segment_row *row)
{
    const int err = sl_catalogue_get(place->catalogue, like->info.meta.uuid, row);
    assert_true(err == 0 || err == -ENOENT);
    return err == 0;
}

static struct sl_recover_counts recover(struct place *place)
{
    struct sl_recover recover = {.catalogue = place->catalogue, .dir = place->storage.dir};
    assert_int_equal(sl_recover_all(&recover), 0);
    const struct sl_recover_counts *n = &recover.counts;
    assert_int_equal(n->files, n->listed + n->copies + n->removed + n->unplayable);
    return recover.counts;
}

/* Where its moov ends. */
static int64_t head_of(const struct place *place, const char *path)
{
    uint8_t bytes[4096];
    const int fd = openat(place->storage.dir, path, O_RDONLY);
    const ssize_t len = read(fd, bytes, sizeof(bytes));
    close(fd);
    assert_true(len > 0);
    const uint8_t *moof = memmem(bytes, (size_t)len, "moof", 4);
    assert_non_null(moof);
    return moof - 4 - bytes;
}

/* ---- Recover ---- */

static void a_torn_tail_is_cut_and_its_row_closed(void **state)
{
    struct place *place = *state;
    struct sl_segment_row row = record(place, "yard", 1, 50), now;
    const int64_t torn = row.info.bytes - 200; /* the summary and some of the last fragment */
    cut_to(place, row.path, torn);
    row.info.duration_us = 480000;
    put(place, &row, true);
    const struct sl_recover_counts counts = recover(place);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.cut, 1);
    assert_true(get(place, &row, &now));
    assert_false(now.open);
    assert_true(now.info.bytes < torn);
    assert_int_equal(size_of(place, row.path), now.info.bytes);
    assert_true(now.info.frames >= 25 && now.info.frames < 50);
    assert_int_equal(now.info.duration_us, now.info.frames * FRAME_US);
    /* Once is enough. */
    assert_int_equal(recover(place).files, 0);
}

static void what_no_row_names_is_taken_in(void **state)
{
    struct place *place = *state;
    const struct sl_segment_row known = record(place, "yard", 1, 20);
    const struct sl_segment_row unknown = record(place, "yard", 2, 20);
    struct sl_segment_row now;
    put(place, &known, false);
    cut_to(place, known.path, 10); /* a closed one is not looked into */
    const struct sl_recover_counts counts = recover(place);
    assert_int_equal(counts.files, 1);
    assert_int_equal(counts.listed, 1);
    assert_true(get(place, &unknown, &now));
    assert_string_equal(now.path, unknown.path);
    assert_int_equal(now.info.duration_us, unknown.info.duration_us);
    assert_int_equal(size_of(place, known.path), 10);
}

static void nothing_that_cannot_be_played_is_listed(void **state)
{
    struct place *place = *state;
    struct sl_segment_row empty = record(place, "a", 1, 5), head = record(place, "b", 1, 5),
                          torn = record(place, "c", 1, 5), other = record(place, "d", 1, 5),
                          gone = record(place, "e", 1, 5), now;
    struct sl_segment_row *all[] = {&empty, &head, &torn, &other, &gone};
    for (size_t i = 0; i < SL_COUNT(all); i++)
        put(place, all[i], true);
    const int64_t head_bytes = head_of(place, head.path);
    cut_to(place, head.path, head_bytes);
    cut_to(place, empty.path, 0);
    cut_to(place, torn.path, head_bytes + 50); /* of its first fragment */
    spoil(place, other.path, 4);
    assert_int_equal(unlinkat(place->storage.dir, gone.path, 0), 0);
    cut_to(place, "notes.mp4", 0); /* empty, and none of ours */
    const struct sl_recover_counts counts = recover(place);
    assert_int_equal(counts.listed, 0);
    assert_int_equal(counts.removed, 2);
    for (size_t i = 0; i < SL_COUNT(all); i++)
        assert_false(get(place, all[i], &now));
    assert_int_equal(size_of(place, empty.path), -1);
    assert_int_equal(size_of(place, head.path), -1);
    assert_int_equal(size_of(place, torn.path), head_bytes + 50); /* may be footage to someone */
    assert_true(size_of(place, other.path) > 0);
    assert_int_equal(size_of(place, "notes.mp4"), 0);
}

static void footage_behind_a_damage_stays(void **state)
{
    struct place *place = *state;
    struct sl_segment_row row = record(place, "yard", 1, 50), now;
    const int64_t head = head_of(place, row.path);
    cut_to(place, row.path, row.info.bytes - 1); /* no summary */
    const int fd = openat(place->storage.dir, row.path, O_RDONLY);
    uint8_t moof_and_mdat[4096];
    assert_true(pread(fd, moof_and_mdat, sizeof(moof_and_mdat), head) > 0);
    close(fd);
    const int64_t moof = sl_get32(moof_and_mdat);
    const int64_t second = head + moof + sl_get32(moof_and_mdat + moof);
    spoil(place, row.path, second + 4);
    put(place, &row, true);
    const struct sl_recover_counts counts = recover(place);
    assert_int_equal(counts.damaged, 1);
    assert_true(get(place, &row, &now));
    assert_false(now.open);
    assert_int_equal(now.info.bytes, second);
    assert_int_equal(size_of(place, row.path), row.info.bytes - 1);
}

static void a_moved_file_is_the_same_recording(void **state)
{
    struct place *place = *state;
    struct sl_segment_row row = record(place, "yard", 1, 20), now;
    put(place, &row, false);
    assert_true(
        sl_catalogue_lock(place->catalogue, "yard", START_US, START_US + 2 * HOUR_US, true) == 1);
    copy(place, row.path, "copy.mp4");
    assert_int_equal(recover(place).copies, 1);
    assert_true(get(place, &row, &now));
    assert_string_equal(now.path, row.path);
    assert_int_equal(unlinkat(place->storage.dir, "copy.mp4", 0), 0);
    move(place, row.path, "burglary.mp4");
    assert_int_equal(recover(place).moved, 1);
    assert_true(get(place, &row, &now));
    assert_string_equal(now.path, "burglary.mp4");
    assert_true(now.locked);
}

/* ---- Beside recording ---- */

static void wait_for(struct sl_recover_thread *thread)
{
    while (sl_recover_busy(thread))
        usleep(1000);
}

/* Promise 12: an empty catalogue over a full store. */
static void files_are_taken_in_beside_recording(void **state)
{
    struct place *place = *state;
    struct sl_recover_thread *thread;
    struct sl_segment_row rows[300], now;
    for (int i = 0; i < (int)SL_COUNT(rows); i++)
        rows[i] = record(place, "yard", i, 3);
    assert_int_equal(sl_recover_create(&thread, place->data, why), 0);
    assert_false(sl_recover_busy(thread));
    assert_int_equal(sl_recover_begin(thread, place->storage.dir), 0);
    sl_recover_hold(thread); /* what is begun now is not its business */
    const struct sl_segment_row later = record(place, "attic", 0, 3);
    sl_recover_release(thread, later.path);
    wait_for(thread);
    for (int i = 0; i < (int)SL_COUNT(rows); i++)
        assert_true(get(place, &rows[i], &now));
    assert_false(get(place, &later, &now));

    /* The store comes back: what was begun before that is closed, and nobody named it. */
    assert_int_equal(sl_recover_begin(thread, place->storage.dir), 0);
    wait_for(thread);
    assert_true(get(place, &later, &now));
    sl_recover_destroy(thread);
}

/* A file that is being recorded is neither cut nor closed, and its row stays. */
static void what_is_being_recorded_is_left_alone(void **state)
{
    struct place *place = *state;
    struct sl_recover_gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct sl_recover recover = {
        .catalogue = place->catalogue, .dir = place->storage.dir, .gate = &gate};
    struct sl_segment_row now;
    const struct sl_segment_row listed = record(place, "attic", 0, 50);
    const struct sl_segment_row unlisted = record(place, "attic", 1, 50);
    const struct sl_segment_row absent = record(place, "attic", 2, 50);
    const struct sl_segment_row left = record(place, "yard", 0, 50);
    put(place, &listed, true);
    put(place, &absent, true);
    assert_int_equal(unlinkat(place->storage.dir, absent.path, 0), 0);
    const int64_t torn = size_of(place, listed.path) - SL_SEGMENT_SUMMARY_BYTES - 10;
    cut_to(place, listed.path, torn);
    assert_int_equal(sl_path_set_add(&gate.ours, listed.path), 1);
    assert_int_equal(sl_path_set_add(&gate.ours, unlisted.path), 1);
    assert_int_equal(sl_path_set_add(&gate.ours, absent.path), 1);
    assert_int_equal(sl_recover_all(&recover), 0);
    assert_int_equal(recover.counts.files, 1);
    assert_true(get(place, &left, &now));
    assert_int_equal(size_of(place, listed.path), torn);
    assert_true(get(place, &listed, &now) && now.open);
    assert_true(get(place, &absent, &now) && now.open);
    assert_false(get(place, &unlisted, &now));

    gate.all = true; /* there was no memory to note one */
    const struct sl_segment_row more = record(place, "yard", 1, 3);
    assert_int_equal(sl_recover_all(&recover), 0);
    assert_false(get(place, &more, &now));
    sl_path_set_fini(&gate.ours);
}

static void it_can_be_ended_at_any_time(void **state)
{
    struct place *place = *state;
    struct sl_recover_thread *thread;
    for (int i = 0; i < 20; i++)
        (void)record(place, "yard", i, 3);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sl_recover_create(&thread, place->data, why), 0);
        for (int k = 0; k < i % 4; k++)
            assert_int_equal(sl_recover_begin(thread, place->storage.dir), 0);
        sl_recover_destroy(thread);
    }
}

/* Those that a crash tore are the newest, and are not to wait for the rest. */
static void the_newest_are_taken_in_first(void **state)
{
    struct place *place = *state;
    struct sl_recover recover = {.catalogue = place->catalogue, .dir = place->storage.dir};
    struct sl_segment_row rows[6], now[2];
    for (int i = 0; i < 6; i++)
        rows[i] = record(place, i % 2 ? "attic" : "yard", i * 7, 3);
    assert_int_equal(sl_recover_all(&recover), 0);
    for (int i = 1; i < 6; i++) {
        assert_true(get(place, &rows[i - 1], &now[0]) && get(place, &rows[i], &now[1]));
        assert_true(now[0].id > now[1].id);
    }
}

/* ---- Rebuild and check ---- */

static int run(struct place *place, int (*command)(const char *, const char *, FILE *, FILE *),
               char text[4096])
{
    FILE *out = fmemopen(text, 4096, "w");
    close_place(place);
    const int status = command(place->data, NULL, out, out);
    fclose(out);
    open_place(place);
    return status;
}

static void check_says_each_difference(void **state)
{
    struct place *place = *state;
    char text[4096], line[200];
    struct sl_segment_row fine = record(place, "a", 1, 20), missing = record(place, "b", 1, 20),
                          unknown = record(place, "c", 1, 20), torn = record(place, "d", 1, 50),
                          longer = record(place, "e", 1, 20), broken = record(place, "f", 1, 20),
                          moved = record(place, "g", 1, 20);
    longer.info.duration_us += 1000000;
    put(place, &fine, false);
    assert_int_equal(unlinkat(place->storage.dir, unknown.path, 0), 0);
    assert_int_equal(run(place, sl_check_run, text), 1); /* the others are not in it */
    put(place, &missing, false);
    put(place, &longer, false);
    put(place, &broken, false);
    put(place, &moved, false);
    unknown = record(place, "c", 1, 20);
    cut_to(place, torn.path, torn.info.bytes - 200);
    assert_int_equal(unlinkat(place->storage.dir, missing.path, 0), 0);
    spoil(place, broken.path, 4);
    move(place, moved.path, "kept.mp4");
    assert_int_equal(run(place, sl_check_run, text), 1);
    snprintf(line, sizeof(line), "%s: missing", missing.path);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof(line), "%s: not in the catalogue\n", unknown.path);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof(line), "%s: not in the catalogue\n", torn.path);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof(line), "%s: lasts 800000 us, the catalogue says 1800000", longer.path);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof(line), "%s: cannot be played: not an MP4 file\n", broken.path);
    assert_non_null(strstr(text, line));
    snprintf(line, sizeof(line), "kept.mp4: the catalogue has it as %s", moved.path);
    assert_non_null(strstr(text, line));
    assert_null(strstr(text, fine.path));
    put(place, &torn, false);
    assert_int_equal(run(place, sl_check_run, text), 1);
    snprintf(line, sizeof(line), "%s: torn tail", torn.path);
    assert_non_null(strstr(text, line));
}

static void overwrite(const struct place *place, const char *path, int64_t at, int byte, size_t len)
{
    uint8_t bytes[8192];
    const int fd = openat(place->storage.dir, path, O_WRONLY);
    memset(bytes, byte, sizeof(bytes));
    assert_true(len <= sizeof(bytes) && pwrite(fd, bytes, len, at) == (ssize_t)len);
    close(fd);
}

/* All of a small file. */
static const uint8_t *bytes_of(const struct place *place, const struct sl_segment_row *row)
{
    static uint8_t bytes[1 << 20];
    const int fd = openat(place->storage.dir, row->path, O_RDONLY);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), row->info.bytes);
    close(fd);
    return bytes;
}

static void put_back(const struct place *place, const struct sl_segment_row *row,
                     const uint8_t *bytes)
{
    const int fd = openat(place->storage.dir, row->path, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes, (size_t)row->info.bytes, 0), row->info.bytes);
    close(fd);
}

/* Where the first moof behind the middle begins. */
static int64_t middle_of(const uint8_t *bytes, const struct sl_segment_row *row)
{
    const size_t half = (size_t)row->info.bytes / 2;
    const uint8_t *moof = memmem(bytes + half, (size_t)row->info.bytes - half, "moof", 4);
    assert_non_null(moof);
    return moof - 4 - bytes;
}

/* What only reading all of it tells. */
static void assert_deep(struct place *place, const char *path, const char *said)
{
    char text[4096], line[200];
    assert_int_equal(run(place, sl_check_run, text), 0);
    assert_int_equal(run(place, sl_check_deep_run, text), 1);
    snprintf(line, sizeof(line), "%s: ", path);
    const char *at = strstr(text, line);
    assert_non_null(at);
    if (!strstr(at, said))
        print_message("%s", text);
    assert_non_null(strstr(at, said));
}

static void a_deep_check_of_what_is_whole_says_nothing(void **state)
{
    struct place *place = *state;
    char text[4096];
    const struct sl_segment_row closed = record(place, "a", 1, 50),
                                torn = record(place, "b", 1, 50),
                                lasting = record_until(place, "c", 1, 50, 50 * FRAME_US + 700000);
    put(place, &closed, false);
    cut_to(place, torn.path, torn.info.bytes - 200);
    put(place, &torn, true);
    put(place, &lasting, false);
    assert_int_equal(lasting.info.gaps, 1);
    assert_int_equal(recover(place).cut, 1); /* one without a summary now */
    assert_int_equal(run(place, sl_check_deep_run, text), 0);
    assert_string_equal(text, "3 files, 3 rows, 0 differences\n");
}

static void a_deep_check_finds_what_was_overwritten(void **state)
{
    struct place *place = *state;
    char said[100];
    const struct sl_segment_row row = record(place, "a", 1, 50);
    const int64_t moof = middle_of(bytes_of(place, &row), &row);
    put(place, &row, false);
    overwrite(place, row.path, moof + 4, 'X', 4); /* its type */
    assert_deep(place, row.path, "its summary says 50 pictures, counting gives ");
    snprintf(said, sizeof(said), "damaged at byte %d: %d bytes behind", (int)moof,
             (int)(row.info.bytes - moof));
    assert_deep(place, row.path, said);
    overwrite(place, row.path, moof, 0, 8); /* a size that is none */
    assert_deep(place, row.path, said);
}

/* Of the first picture of a fragment. */
static void a_deep_check_finds_damaged_pictures(void **state)
{
    struct place *place = *state;
    const struct sl_segment_row row = record(place, "a", 1, 50);
    const uint8_t *bytes = bytes_of(place, &row);
    const int64_t moof = middle_of(bytes, &row);
    const uint8_t *mdat = memmem(bytes + moof, (size_t)(row.info.bytes - moof), "mdat", 4);
    put(place, &row, false);
    assert_non_null(mdat);
    const int64_t picture = mdat + 4 - bytes;
    overwrite(place, row.path, picture + 12, 0, 3); /* in a slice whose length stays */
    assert_deep(place, row.path, "1 pictures damaged, the first at byte ");
    assert_deep(place, row.path, "a slice of it is overwritten");
    put_back(place, &row, bytes);
    overwrite(place, row.path, picture + 4, 0x85, 1);
    assert_deep(place, row.path, "a unit of it is none of H.264");
    put_back(place, &row, bytes);
    overwrite(place, row.path, picture + 2, 0, 1); /* the length of its unit */
    overwrite(place, row.path, picture + 3, 6, 1);
    assert_deep(place, row.path, "1 pictures damaged");
}

/* A length in a sample table, one less: what follows is read where it is not. */
static void a_deep_check_finds_damaged_tables(void **state)
{
    struct place *place = *state;
    const struct sl_segment_row row = record(place, "a", 1, 50);
    const uint8_t *bytes = bytes_of(place, &row);
    const int64_t moof = middle_of(bytes, &row);
    const uint8_t *trun = memmem(bytes + moof, (size_t)(row.info.bytes - moof), "trun", 4);
    put(place, &row, false);
    assert_non_null(trun);
    const uint32_t flags = sl_get32(trun + 4);
    assert_true(flags & 0x200);
    int64_t entry = 0; /* of a sample: duration, size, flags, composition, those that there are */
    for (uint32_t flag = 0x100; flag <= 0x800; flag <<= 1)
        entry += flags & flag ? 4 : 0;
    const int64_t size = trun - bytes + 12 + (flags & 1 ? 4 : 0) + (flags & 4 ? 4 : 0) + entry +
                         (flags & 0x100 ? 4 : 0); /* of the second one */
    overwrite(place, row.path, size + 3, bytes[size + 3] - 1, 1);
    assert_deep(place, row.path, "1 boxes damaged, the first at byte ");
    assert_deep(place, row.path, "its samples are not all of it");
}

static void a_deep_check_counts_for_the_catalogue(void **state)
{
    struct place *place = *state;
    struct sl_segment_row row = record(place, "a", 1, 50);
    row.info.frames = 49;
    put(place, &row, false);
    assert_deep(place, row.path, "has 50 pictures and 0 packets of sound, the catalogue says 49");
}

static void rebuild_makes_the_catalogue_from_the_files(void **state)
{
    struct place *place = *state;
    char text[4096];
    struct sl_segment_row a = record(place, "a", 1, 20), b = record(place, "b", 1, 50),
                          gone = record(place, "c", 1, 20), now;
    a.info.duration_us = 1; /* whatever it says */
    put(place, &a, true);
    put(place, &gone, false);
    assert_int_equal(sl_catalogue_lock(place->catalogue, "a", a.info.meta.start_us,
                                       a.info.meta.start_us + 1, true),
                     1);
    move(place, a.path, "kept.mp4");
    cut_to(place, b.path, b.info.bytes - 200);
    assert_int_equal(unlinkat(place->storage.dir, gone.path, 0), 0);
    assert_int_equal(run(place, sl_rebuild_run, text), 0);
    assert_non_null(strstr(text, "listed       2\n"));
    assert_non_null(strstr(text, "tails cut    1\n"));
    assert_non_null(strstr(text, "rows dropped 1\n"));
    assert_true(get(place, &a, &now));
    assert_true(now.locked && !now.open);
    assert_string_equal(now.path, "kept.mp4");
    assert_int_equal(now.info.duration_us, 20 * FRAME_US);
    assert_true(get(place, &b, &now));
    assert_false(get(place, &gone, &now));
    assert_int_equal(run(place, sl_check_run, text), 0);
    assert_non_null(strstr(text, "2 files, 2 rows, 0 differences\n"));
}

static void a_catalogue_that_cannot_be_read_is_set_aside(void **state)
{
    struct place *place = *state;
    char text[4096], path[256];
    const struct sl_segment_row row = record(place, "a", 1, 20);
    struct sl_segment_row now;
    put(place, &row, false);
    close_place(place);
    snprintf(path, sizeof(path), "rm %s/catalogue.db*; echo no database >%s/catalogue.db",
             place->data, place->data);
    assert_int_equal(system(path), 0);
    FILE *out = fmemopen(text, sizeof(text), "w");
    assert_int_equal(sl_rebuild_run(place->data, NULL, out, out), 0);
    fclose(out);
    open_place(place);
    assert_true(get(place, &row, &now));
    snprintf(path, sizeof(path), "grep -q 'no database' %s/catalogue.db.aside-*", place->data);
    assert_int_equal(system(path), 0);
}

/* ---- What only the old catalogue knows ---- */

static int64_t number_of(struct place *place, const char *query)
{
    int64_t number = -1;
    assert_int_equal(sl_db_run(place->catalogue, &number, query, NULL, 0), 0);
    return number;
}

static void know_much(struct place *place, const struct sl_segment_row *row)
{
    struct sl_catalogue_event event = {.camera = "a", .type = "motion", .score = 0.5};
    event.start_us = row->info.meta.start_us;
    event.end_us = event.start_us + 1000;
    put(place, row, false);
    assert_int_equal(sl_catalogue_lock(place->catalogue, "a", event.start_us, event.end_us, true),
                     1);
    assert_int_equal(sl_catalogue_event_put(place->catalogue, &event), 0);
    assert_int_equal(sl_catalogue_connected(place->catalogue, "a", "", "", 5), 0);
    assert_int_equal(sl_catalogue_disconnected(place->catalogue, "a", "left", 9), 0);
    assert_int_equal(sl_db_execute(place->catalogue,
                                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                                   " WHERE i < 3000) INSERT INTO marks(camera, at, text)"
                                   " SELECT 'b', i, 'mark ' || i || printf('%.*c', 80, 'x') FROM n;"
                                   "PRAGMA wal_checkpoint(TRUNCATE);"),
                     0);
}

static void assert_known(struct place *place, const struct sl_segment_row *row)
{
    struct sl_segment_row now;
    assert_true(get(place, row, &now));
    assert_true(now.locked);
    assert_int_equal(number_of(place, "SELECT COUNT(*) FROM tags WHERE type = 'motion'"), 1);
    assert_int_equal(number_of(place, "SELECT end - start FROM events"), 1000);
    assert_int_equal(number_of(place, "SELECT disconnected FROM sessions WHERE why = 'left'"), 9);
}

static void rebuild_keeps_what_only_the_catalogue_knows(void **state)
{
    struct place *place = *state;
    char text[4096];
    const struct sl_segment_row row = record(place, "a", 1, 20);
    know_much(place, &row);
    assert_int_equal(run(place, sl_rebuild_run, text), 0);
    assert_null(strstr(text, "aside"));
    assert_known(place, &row);
    assert_int_equal(number_of(place, "SELECT COUNT(*) FROM marks"), 3000);
}

static void rebuild_takes_it_over_from_a_newer_one(void **state)
{
    struct place *place = *state;
    char text[4096];
    const struct sl_segment_row row = record(place, "a", 1, 20);
    know_much(place, &row);
    assert_int_equal(sl_db_execute(place->catalogue, "PRAGMA user_version = 99"), 0);
    assert_int_equal(run(place, sl_rebuild_run, text), 0);
    assert_non_null(strstr(text, "1 locks, 3000 marks, 1 events, 1 sessions\n"));
    assert_known(place, &row);
    assert_int_equal(number_of(place, "SELECT COUNT(*) FROM marks"), 3000);
    assert_int_equal(number_of(place, "SELECT at FROM marks WHERE id = 2000"), 2000);
}

static void rebuild_takes_it_over_from_both_sides_of_a_damage(void **state)
{
    struct place *place = *state;
    char text[4096], path[128];
    const struct sl_segment_row row = record(place, "a", 1, 20);
    know_much(place, &row);
    /* A page in the middle of the table. */
    const int64_t page =
        number_of(place, "SELECT pageno FROM dbstat WHERE name = 'marks'"
                         " AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 30");
    const int64_t size = number_of(place, "PRAGMA page_size");
    assert_true(page > 0 && size > 0);
    close_place(place);
    snprintf(path, sizeof(path), "%s/catalogue.db", place->data);
    const int fd = open(path, O_WRONLY);
    char junk[64];
    memset(junk, 0xee, sizeof(junk));
    assert_int_equal(pwrite(fd, junk, sizeof(junk), (page - 1) * size), sizeof(junk));
    close(fd);
    open_place(place); /* which does not notice */
    assert_int_equal(run(place, sl_rebuild_run, text), 0);
    assert_non_null(strstr(text, "1 locks, "));
    assert_non_null(strstr(text, "the rest of it cannot be read\n"));
    assert_known(place, &row);
    const int64_t marks = number_of(place, "SELECT COUNT(*) FROM marks");
    assert_in_range(marks, 2900, 2999);
    assert_int_equal(number_of(place, "SELECT COUNT(*) FROM marks WHERE id IN (1, 3000)"), 2);
    assert_int_equal(sl_catalogue_check(place->catalogue), 0);
}

static void rebuild_waits_for_no_receiver(void **state)
{
    struct place *place = *state;
    struct sl_datadir datadir;
    char text[4096];
    assert_int_equal(sl_datadir_open(&datadir, place->data, why), 0);
    assert_int_equal(sl_datadir_lock(&datadir, why), 0);
    assert_int_equal(run(place, sl_rebuild_run, text), 2);
    assert_non_null(strstr(text, "a receiver runs on it"));
    assert_int_equal(run(place, sl_check_run, text), 0); /* which only looks */
    sl_datadir_close(&datadir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_torn_tail_is_cut_and_its_row_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_row_names_is_taken_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_that_cannot_be_played_is_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(footage_behind_a_damage_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_moved_file_is_the_same_recording, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_taken_in_beside_recording, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_being_recorded_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_can_be_ended_at_any_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_are_taken_in_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_says_each_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_check_of_what_is_whole_says_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_deep_check_finds_what_was_overwritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_check_finds_damaged_pictures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_check_finds_damaged_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deep_check_counts_for_the_catalogue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rebuild_makes_the_catalogue_from_the_files, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_catalogue_that_cannot_be_read_is_set_aside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rebuild_keeps_what_only_the_catalogue_knows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rebuild_takes_it_over_from_a_newer_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rebuild_takes_it_over_from_both_sides_of_a_damage, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(rebuild_waits_for_no_receiver, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
