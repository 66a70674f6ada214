/* SPDX-License-Identifier: MIT */
/* What the hub tells, the thread, and files, beside a catalogue that only remembers. What was told
 * before the thread starts is done when it has stopped, so nothing waits for a moment. */
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

#include "base/time.h"
#include "media/h264_pack.h"
#include "receiver/record_tap.h"
#include "tests/support/clip.h"

#define FRAME (40 * SL_MS)

static struct sl_test_clip clip;
static char root[] = "/tmp/sl_record_XXXXXX";
static struct sl_storage storage = {.dir = -1};
static enum sl_storage_state storage_state;

static struct {
    struct sl_segment_row closed[16];
    struct sl_catalogue_event events[16];
    int opened, closed_count, event_count, connected;
    char disconnected[128];
} seen;

static struct {
    struct sl_record *record;
    struct sl_catalogue_writer *writer;
    struct sl_record_tap tap;
    sl_ns epoch, at;
    int64_t seq;
} t;

/* ---- In place of the catalogue and the storage, and of recovery, which is not configured ---- */

int sl_recover_begin(struct sl_recover_thread *thread, int dir)
{
    (void)thread;
    (void)dir;
    return 0;
}

void sl_recover_hold(struct sl_recover_thread *thread)
{
    (void)thread;
}

void sl_recover_release(struct sl_recover_thread *thread, const char *path)
{
    (void)thread;
    (void)path;
}

int sl_catalogue_begin(struct sl_catalogue *catalogue)
{
    (void)catalogue;
    return 0;
}

int sl_catalogue_commit(struct sl_catalogue *catalogue)
{
    (void)catalogue;
    return 0;
}

void sl_catalogue_rollback(struct sl_catalogue *catalogue)
{
    (void)catalogue;
}

const char *sl_catalogue_why(const struct sl_catalogue *catalogue)
{
    (void)catalogue;
    return "";
}

int sl_catalogue_put(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    (void)catalogue;
    seen.opened += row->open && row->info.frames == 0;
    if (!row->open)
        seen.closed[seen.closed_count++] = *row;
    return 0;
}

int sl_catalogue_remove(struct sl_catalogue *catalogue, const char *uuid)
{
    (void)catalogue, (void)uuid;
    return 0;
}

int sl_catalogue_event_put(struct sl_catalogue *catalogue, struct sl_catalogue_event *event)
{
    (void)catalogue;
    if (event->id == 0)
        event->id = ++seen.event_count;
    seen.events[event->id - 1] = *event;
    return 0;
}

int sl_catalogue_connected(struct sl_catalogue *catalogue, const char *camera, const char *location,
                           const char *address, int64_t at_us)
{
    (void)catalogue;
    assert_string_equal(camera, "yard");
    assert_string_equal(location, "behind");
    assert_string_equal(address, "192.0.2.1:7");
    assert_true(at_us > 1700000000000000);
    seen.connected++;
    return 0;
}

int sl_catalogue_disconnected(struct sl_catalogue *catalogue, const char *camera, const char *why,
                              int64_t at_us)
{
    (void)catalogue, (void)at_us;
    assert_string_equal(camera, "yard");
    snprintf(seen.disconnected, sizeof(seen.disconnected), "%s", why);
    return 0;
}

enum sl_storage_state sl_storage_look(struct sl_storage *store, char why[SL_STORE_WHY])
{
    (void)store;
    snprintf(why, SL_STORE_WHY, "the test took it away");
    return storage_state;
}

/* ---- The hub's part ---- */

static void begin(void)
{
    memset(&seen, 0, sizeof(seen));
    memset(&t, 0, sizeof(t));
    t.epoch = sl_time_epoch();
    t.at = sl_time_now() - 60 * SL_SEC;
    const struct sl_catalogue_writer_config writer = {.catalogue = NULL};
    assert_int_equal(sl_catalogue_writer_create(&t.writer, &writer), 0);
    const struct sl_record_config config = {
        .storage = &storage, .writer = t.writer, .segment = 24 * 3600 * SL_SEC, .epoch = t.epoch};
    assert_int_equal(sl_record_create(&t.record, &config), 0);
    sl_record_tap_init(&t.tap, t.record);
}

static void connect_camera(void)
{
    struct sl_addr from;
    assert_int_equal(sl_addr_parse(&from, "192.0.2.1:7"), 0);
    sl_record_tap_connect(&t.tap, "yard", "behind", &from, true, t.at);
}

static void take(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    (void)ctx;
    const struct sl_rtp_packet packet = {.seq = t.seq++,
                                         .timestamp = (uint32_t)(t.at / SL_MS * 90),
                                         .marker = last,
                                         .has_capture = true,
                                         .capture_ntp = sl_ntp_from_ns(t.at, t.epoch),
                                         .payload = payload,
                                         .payload_len = len};
    (void)sl_record_tap_packet(&t.tap, SL_VIDEO, &packet, t.at + SL_MS);
    (void)sl_record_tap_packet(&t.tap, SL_VIDEO_SUB, &packet, t.at + SL_MS);
}

static void play(int frames)
{
    for (int i = 0; i < frames; i++) {
        const struct sl_test_unit *unit = &clip.video[i % clip.frames];
        assert_true(sl_h264_pack(unit->data, unit->len, 1000, take, NULL) > 0);
        t.at += FRAME;
    }
}

static void hear_motion(uint32_t id, bool moving, int seconds)
{
    const struct sl_motion_log log = {
        .any = true,
        .moving = moving,
        .event = {.id = id,
                  .score = 6554,
                  .start_ntp = sl_ntp_from_ns(t.at, t.epoch),
                  .last_ntp = sl_ntp_from_ns(t.at + seconds * SL_SEC, t.epoch)}};
    sl_record_tap_motion(&t.tap, &log, t.epoch, t.at);
    sl_record_tap_motion(&t.tap, &log, t.epoch, t.at); /* told again: nothing new */
}

static void end(void)
{
    struct sl_record_stats stats;
    assert_int_equal(sl_catalogue_writer_start(t.writer), 0);
    assert_int_equal(sl_record_start(t.record), 0);
    sl_record_stop(t.record);
    sl_catalogue_writer_stop(t.writer);
    sl_record_stats(t.record, &stats);
    assert_int_equal(stats.offered, stats.taken + stats.refused);
    sl_record_tap_fini(&t.tap);
    sl_record_destroy(t.record);
    sl_catalogue_writer_destroy(t.writer);
}

/* Of the one file that was closed, or of two where a day began meanwhile: segments end with it. */
static uint32_t frames_closed(void)
{
    assert_in_range(seen.closed_count, 1, 2);
    const bool two = seen.closed_count == 2;
    assert_true(!two ||
                strncmp(seen.closed[0].path, seen.closed[1].path, sizeof("yard/2026-11-20") - 1));
    assert_int_equal(seen.opened, seen.closed_count);
    return (uint32_t)(seen.closed[0].info.frames + (two ? seen.closed[1].info.frames : 0));
}

/* ---- Tests ---- */

static void what_is_told_is_recorded(void **state)
{
    (void)state;
    begin();
    connect_camera();
    play(50);
    hear_motion(1, true, 1);
    hear_motion(1, false, 3);
    hear_motion(2, true, 1);
    hear_motion(3, true, 2); /* the end of 2 was not heard */
    play(25);
    sl_record_tap_disconnect(&t.tap, "cable out", t.at);
    end();
    assert_int_equal(seen.connected, 1);
    assert_string_equal(seen.disconnected, "cable out");
    assert_int_equal(frames_closed(), 75);
    const struct sl_segment_row *row = &seen.closed[0];
    assert_true(row->info.sound);
    assert_int_equal(strlen(row->info.meta.boot_id), 36);
    struct stat stat;
    assert_int_equal(fstatat(storage.dir, row->path, &stat, 0), 0);
    assert_int_equal(stat.st_size, row->info.bytes);
    assert_int_equal(seen.event_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(seen.events[i].type, "motion");
        assert_true(seen.events[i].end_us > 0);
        assert_true(seen.events[i].score > 9.9 && seen.events[i].score < 10.1);
    }
    const int64_t lasted = seen.events[0].end_us - seen.events[0].start_us;
    assert_in_range(lasted, 2999900, 3000100);
}

static void files_are_finished_when_it_stops(void **state)
{
    (void)state;
    begin();
    connect_camera();
    play(30);
    end();
    assert_int_equal(frames_closed(), 30);
    assert_string_equal(seen.disconnected, "the receiver stops");
}

static void a_full_queue_leaves_packets_out_and_nothing_else(void **state)
{
    (void)state;
    struct sl_record_stats stats;
    begin();
    connect_camera();
    do {
        play(50);
        sl_record_stats(t.record, &stats);
    } while (stats.refused == 0);
    assert_true(stats.taken > 288 * 50); /* of 64 KiB each, and packets of up to 1000 bytes */
    sl_record_tap_disconnect(&t.tap, "enough", t.at);
    end();
    assert_string_equal(seen.disconnected, "enough");
    assert_true(frames_closed() > 1000);
}

static void a_store_that_is_gone_stops_it(void **state)
{
    (void)state;
    begin();
    storage_state = SL_STORAGE_GONE;
    connect_camera();
    play(50);
    end();
    storage_state = SL_STORAGE_FINE;
    assert_int_equal(seen.opened, 0);
    assert_string_equal(seen.disconnected, "the receiver stops");
}

static void slots_are_given_back(void **state)
{
    (void)state;
    struct sl_record_tap tap;
    begin();
    for (int i = 1; i < SL_RECORD_SLOTS; i++)
        assert_int_equal(sl_record_slot_take(t.record), i);
    sl_record_tap_init(&tap, t.record); /* there is none left: it does nothing */
    assert_null(tap.record);
    sl_record_tap_fini(&tap);
    sl_record_slot_give(t.record, 7);
    sl_record_tap_init(&tap, t.record);
    assert_int_equal(tap.slot, 7);
    sl_record_tap_fini(&tap);
    sl_record_tap_init(&tap, NULL);
    assert_false(sl_record_tap_packet(&tap, SL_VIDEO, NULL, 0));
    end();
}

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, 50, 50);
    storage.dir = mkdtemp(root) ? open(root, O_RDONLY | O_DIRECTORY) : -1;
    return storage.dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sl_test_clip_free(&clip);
    close(storage.dir);
    snprintf(command, sizeof(command), "rm -rf %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_recorded),
        cmocka_unit_test(files_are_finished_when_it_stops),
        cmocka_unit_test(a_full_queue_leaves_packets_out_and_nothing_else),
        cmocka_unit_test(a_store_that_is_gone_stops_it),
        cmocka_unit_test(slots_are_given_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
