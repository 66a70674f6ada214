/* SPDX-License-Identifier: MIT */
/* The commands recordings ... and export, as far as the catalogue answers them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/export_command.h"
#include "receiver/recordings_command.h"
#include "receiver/storage.h"

static char dir[64], recordings_dir[96], why[SL_STORE_WHY];
static char out[8192], err[2048];

static void record(struct sl_catalogue *catalogue, const char *camera, int64_t start_us)
{
    struct sl_segment_row row = {.info = {.duration_us = 1000000, .bytes = 5, .frames = 1}};
    snprintf(row.info.meta.uuid, sizeof(row.info.meta.uuid), "%.20s-%d", camera,
             (int)(start_us / 1000000));
    snprintf(row.info.meta.camera, sizeof(row.info.meta.camera), "%s", camera);
    row.info.meta.start_us = start_us;
    snprintf(row.path, sizeof(row.path), "%s.mp4", row.info.meta.uuid);
    assert_int_equal(sl_catalogue_put(catalogue, &row), 0);
}

/* Recordings of yard and of gate, which was removed since; shed is enrolled. */
static int set_up(void **state)
{
    (void)state;
    struct sl_catalogue *catalogue;
    struct sl_storage storage = {.dir = -1};
    struct sl_store *store;
    const uint8_t hash[SL_TOKEN_HASH_BYTES] = {1};
    snprintf(dir, sizeof(dir), "/tmp/sightline-commands-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(recordings_dir, sizeof(recordings_dir), "%s/recordings", dir);
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), 0);
    assert_int_equal(sl_storage_open(&storage, recordings_dir, catalogue, why), 0);
    record(catalogue, "yard", 1000000000);
    record(catalogue, "gate", 2000000000);
    sl_storage_close(&storage);
    sl_catalogue_close(catalogue);
    assert_int_equal(sl_store_open(&store, dir, true, why), 0);
    assert_int_equal(sl_store_camera_add(store, "shed", "", hash, 1), 0);
    sl_store_close(store);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/* Words, the last one NULL. Exit status; out and err are what was printed. */
static int run(const char *const *words)
{
    struct sl_receiver_options options = {0};
    char *argv[24] = {"sightline-receiver", "--data", dir};
    int argc = 3, status;
    for (; *words; words++)
        argv[argc++] = (char *)(uintptr_t)*words;
    memset(out, 0, sizeof(out));
    memset(err, 0, sizeof(err));
    FILE *to_out = fmemopen(out, sizeof(out), "w"), *to_err = fmemopen(err, sizeof(err), "w");
    status = sl_receiver_options_parse(&options, argc, argv, to_out, to_err);
    if (status < 0)
        status = options.command == SL_COMMAND_EXPORT
                     ? sl_export_command(&options, to_out, to_err)
                     : sl_recordings_command(&options, to_out, to_err);
    fclose(to_out);
    fclose(to_err);
    return status;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void marks_are_made_listed_and_removed(void **state)
{
    (void)state;
    assert_int_equal(RUN("recordings", "mark", "--camera", "yard", "--at", "2026-11-20T14:30:05.5Z",
                         "the fox, again"),
                     0);
    assert_string_equal(out, "1\tyard\t2026-11-20T14:30:05.500Z\tthe fox, again\n");
    assert_int_equal(RUN("recordings", "mark", "--camera", "shed", "now"), 0); /* only enrolled */
    assert_int_equal(RUN("recordings", "mark", "--camera", "gate", "--at", "2026-11-20T14:30:00Z",
                         "\xc3\xa4 \"b\""),
                     0);
    assert_int_equal(RUN("recordings", "marks", "--to", "2026-11-21T00:00:00Z"), 0);
    assert_string_equal(out, "3\tgate\t2026-11-20T14:30:00.000Z\t\xc3\xa4 \"b\"\n"
                             "1\tyard\t2026-11-20T14:30:05.500Z\tthe fox, again\n");
    assert_int_equal(RUN("recordings", "marks", "--camera", "gate", "--json"), 0);
    assert_string_equal(out, "{\"id\":3,\"camera\":\"gate\",\"at\":\"2026-11-20T14:30:00.000Z\","
                             "\"text\":\"\xc3\xa4 \\\"b\\\"\"}\n");
    assert_int_equal(RUN("recordings", "marks", "--camera", "shed", "--from", "-1h"), 0);
    assert_non_null(strstr(out, "2\tshed\t"));
    assert_int_equal(RUN("recordings", "unmark", "3"), 0);
    assert_non_null(strstr(out, "3\tgate\t"));
    assert_int_equal(RUN("recordings", "unmark", "3"), 1);
    assert_string_equal(err, "sightline-receiver: there is no mark 3\n");
    assert_int_equal(RUN("recordings", "marks", "--camera", "gate"), 0);
    assert_string_equal(out, "");
}

static void a_mark_that_is_none_is_refused(void **state)
{
    (void)state;
    assert_int_equal(RUN("recordings", "mark", "--camera", "yard"), 2);
    assert_non_null(strstr(err, "no text given"));
    assert_int_equal(RUN("recordings", "mark", "text"), 2);
    assert_non_null(strstr(err, "no --camera given"));
    assert_int_equal(RUN("recordings", "mark", "--camera", "yard", "two\nlines"), 2);
    assert_non_null(strstr(err, "without control characters"));
    assert_null(strstr(err, "two"));
    assert_int_equal(RUN("recordings", "mark", "--camera", "yard", "--at", "soon", "x"), 2);
    assert_non_null(strstr(err, "--at: got 'soon', wanted a time like"));
    assert_int_equal(
        RUN("recordings", "mark", "--camera", "yard", "--at", "1969-12-31T00:00:00Z", "x"), 2);
    assert_int_equal(RUN("recordings", "unmark", "first"), 2);
    assert_non_null(strstr(err, "got 'first', wanted the number of a mark"));
    assert_int_equal(RUN("recordings", "unmark"), 2);
    assert_non_null(strstr(err, "no number given"));
    assert_int_equal(RUN("recordings", "marks"), 0);
    assert_string_equal(out, "");
}

static const char nobody[] = "sightline-receiver: --camera: there is no camera 'yrad', wanted "
                             "gate, shed or yard\n";

static void a_camera_that_there_is_not_is_said(void **state)
{
    (void)state;
    static const char *const commands[][10] = {
        {"recordings", "list"},
        {"recordings", "usage"},
        {"recordings", "marks"},
        {"recordings", "mark", "x"},
        {"recordings", "lock", "--from", "-1h", "--to", "now"},
        {"recordings", "unlock", "--from", "-1h", "--to", "now"},
        {"retention", "--dry-run"},
        {"export", "--from", "-1h", "--to", "now", "-o", "/tmp/none.mp4"},
    };
    for (size_t i = 0; i < SL_COUNT(commands); i++) {
        const char *words[13] = {"--camera", "yrad"};
        memcpy(words + 2, commands[i], sizeof(commands[i]));
        assert_int_equal(run(words), 2);
        assert_string_equal(err, nobody);
        assert_string_equal(out, "");
    }
    assert_int_equal(RUN("recordings", "list", "--camera", "shed"), 0); /* nothing recorded yet */
    assert_string_equal(out, "");
    assert_int_equal(RUN("recordings", "list", "--camera", "gate"), 0);
    assert_non_null(strstr(out, "gate\t"));
}

static void many_cameras_are_not_all_named(void **state)
{
    (void)state;
    struct sl_catalogue *catalogue;
    char name[16];
    assert_int_equal(sl_catalogue_open(&catalogue, dir, true, why), 0);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "cam%d", i);
        record(catalogue, name, 3000000000);
    }
    sl_catalogue_close(catalogue);
    assert_int_equal(RUN("recordings", "list", "--camera", "yrad"), 2);
    assert_non_null(strstr(err, "wanted one of the 9 that"));
}

static void usage_of_one_camera(void **state)
{
    (void)state;
    assert_int_equal(RUN("recordings", "usage", "--camera", "yard"), 0);
    assert_non_null(strstr(out, "yard\t"));
    assert_null(strstr(out, "gate\t"));
    assert_non_null(strstr(out, "\nall\t"));
    assert_int_equal(RUN("recordings", "usage", "--camera", "yard", "--json"), 0);
    assert_non_null(strstr(out, "\"name\":\"yard\""));
    assert_null(strstr(out, "\"name\":\"gate\""));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(marks_are_made_listed_and_removed),
        WITH(a_mark_that_is_none_is_refused),
        WITH(a_camera_that_there_is_not_is_said),
        WITH(many_cameras_are_not_all_named),
        WITH(usage_of_one_camera),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
