/* SPDX-License-Identifier: MIT */
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

#include "receiver/catalogue.h"
#include "receiver/export_command.h"
#include "receiver/segment_write.h"
#include "tests/support/clip.h"

#define FRAME_US 40000
#define START_US INT64_C(1795185000000000) /* 2026-11-20T14:30:00Z */
#define FRAMES 50
#define SECOND INT64_C(1000000)

static struct sl_test_clip clip;
static char data[] = "/tmp/sl_export_command_XXXXXX", file[64];

/* Two seconds of pictures from `start_us` on; without those from `hole` for 20. */
static void record(struct sl_catalogue *catalogue, int store, int number, int64_t start_us,
                   int hole)
{
    struct sl_segment_write_config config = {
        .dir = store,
        .meta = {.boot_id = "0b6f1e3a-8a5b-4c9e-9d49-6f2c0f2e7c55",
                 .camera = "yard",
                 .start_us = start_us}};
    struct sl_segment_writer *writer;
    struct sl_segment_row row = {.open = number == 2};
    snprintf(config.meta.uuid, sizeof(config.meta.uuid), "6f2c0f2e-8a5b-4c9e-9d49-0b6f1e3a7c5%d",
             number);
    assert_int_equal(sl_segment_params_read(&config.params, clip.video[0].data, clip.video[0].len),
                     0);
    assert_int_equal(sl_segment_write_open(&writer, &config), 0);
    snprintf(row.path, sizeof(row.path), "%s", sl_segment_write_path(writer));
    for (int i = 0; i < FRAMES; i++)
        if (!hole || i < hole || i >= hole + 20)
            assert_int_equal(sl_segment_write_video(writer, i * FRAME_US, clip.video[i].data,
                                                    clip.video[i].len, clip.video[i].key,
                                                    i * 40 * SL_MS),
                             0);
    assert_int_equal(sl_segment_write_close(writer, FRAMES * FRAME_US, &row.info), 0);
    assert_int_equal(sl_catalogue_put(catalogue, &row), 0);
}

/* One that nothing was recorded of. */
static void enrol(const char *camera)
{
    char why[SL_STORE_WHY];
    struct sl_store *accounts;
    const uint8_t hash[SL_TOKEN_HASH_BYTES] = {1};
    assert_int_equal(sl_store_open(&accounts, data, true, why), 0);
    assert_int_equal(sl_store_camera_add(accounts, camera, "", hash, 1), 0);
    sl_store_close(accounts);
}

static int set_up(void **state)
{
    (void)state;
    char why[SL_STORE_WHY], path[64];
    struct sl_catalogue *catalogue;
    sl_test_clip_make(&clip, 64, 48, FRAMES, 25);
    assert_non_null(mkdtemp(data));
    snprintf(file, sizeof(file), "%s/out.mp4", data);
    snprintf(path, sizeof(path), "%s/recordings", data);
    assert_int_equal(mkdir(path, 0750), 0);
    const int store = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(sl_catalogue_open(&catalogue, data, true, why), 0);
    record(catalogue, store, 0, START_US, 0);
    record(catalogue, store, 1, START_US + 2 * SECOND, 0);
    record(catalogue, store, 2, START_US + 10 * SECOND, 5);
    sl_catalogue_close(catalogue);
    close(store);
    enrol("gate");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sl_test_clip_free(&clip);
    snprintf(command, sizeof(command), "rm -rf %s", data);
    return system(command);
}

/* Runs it; what it says, on either, is in `said` until the next. */
static int run(const struct sl_receiver_options *options, char said[2][512])
{
    char *out_text, *err_text;
    size_t out_len, err_len;
    FILE *out = open_memstream(&out_text, &out_len), *err = open_memstream(&err_text, &err_len);
    const int status = sl_export_command(options, out, err);
    fclose(out);
    fclose(err);
    snprintf(said[0], 512, "%s", out_text);
    snprintf(said[1], 512, "%s", err_text);
    free(out_text);
    free(err_text);
    return status;
}

static struct sl_receiver_options options_of(const char *from, const char *to)
{
    return (struct sl_receiver_options){.command = SL_COMMAND_EXPORT,
                                        .data = data,
                                        .camera = "yard",
                                        .from = from,
                                        .to = to,
                                        .output = file,
                                        .force = true};
}

static void tells_what_it_covers(void **state)
{
    (void)state;
    char said[2][512], want[512];
    struct stat status;
    const struct sl_receiver_options options =
        options_of("2026-11-20T14:30:01.010Z", "2026-11-20T15:30:03+01:00");
    assert_int_equal(run(&options, said), 0);
    assert_int_equal(stat(file, &status), 0);
    snprintf(want, sizeof(want),
             "%s camera=yard from=2026-11-20T14:30:01.040Z to=2026-11-20T14:30:03.000Z "
             "duration_s=1.960 gaps=0 gaps_s=0.000 frames=49 remade=24 bytes=%lld\n",
             file, (long long)status.st_size);
    assert_string_equal(said[0], want);
    assert_string_equal(said[1], "");
}

static void tells_of_gaps_and_the_open_one(void **state)
{
    (void)state;
    char said[2][512];
    struct sl_receiver_options options = options_of("2026-11-20T14:30:00Z", "2026-11-20T14:31:00Z");
    assert_int_equal(run(&options, said), 0);
    assert_non_null(strstr(said[0], "duration_s=12.000 gaps=2 gaps_s=6.800 frames=130 remade=0"));
    options.close_gaps = true;
    assert_int_equal(run(&options, said), 0);
    assert_non_null(strstr(said[0], "duration_s=5.200 gaps=2 gaps_s=6.800 frames=130"));
}

/* What an open row says is some seconds old: the file has more. */
static void finds_what_was_recorded_just_now(void **state)
{
    (void)state;
    char said[2][512], why[SL_STORE_WHY];
    struct sl_catalogue *catalogue;
    struct sl_catalogue_cursor cursor = {0};
    const struct sl_segment_filter all = {.camera = "yard", .newest_first = true};
    struct sl_segment_row newest, told;
    const struct sl_receiver_options options =
        options_of("2026-11-20T14:30:11.500Z", "2026-11-20T14:30:12Z");
    assert_int_equal(sl_catalogue_open(&catalogue, data, true, why), 0);
    assert_int_equal(sl_catalogue_page(catalogue, &all, &cursor, &newest, 1), 1);
    told = newest;
    told.open = true;
    told.info.duration_us = 0;
    assert_int_equal(sl_catalogue_put(catalogue, &told), 0);
    assert_int_equal(run(&options, said), 0);
    assert_non_null(strstr(said[0], "from=2026-11-20T14:30:11.520Z"));
    assert_int_equal(sl_catalogue_put(catalogue, &newest), 0);
    sl_catalogue_close(catalogue);
}

static void says_what_is_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *camera, *from, *to, *want;
    } cases[] = {
        {"yard", "2026-11-20T14:30:05Z", "2026-11-20T14:30:06Z",
         "sightline-receiver: export: there is no picture of yard from 2026-11-20T14:30:05.000Z to "
         "2026-11-20T14:30:06.000Z; the last one before ends at 2026-11-20T14:30:04.000Z; the next "
         "one begins at 2026-11-20T14:30:10.000Z\n"},
        {"yard", "2026-11-20T14:30:10.3Z", "2026-11-20T14:30:10.7Z",
         "sightline-receiver: export: there is no picture of yard from 2026-11-20T14:30:10.300Z to "
         "2026-11-20T14:30:10.700Z, which is a gap within a recording\n"},
        {"gate", "2026-11-20T14:30:05Z", "2026-11-20T14:30:06Z",
         "sightline-receiver: export: there is no picture of gate from 2026-11-20T14:30:05.000Z to "
         "2026-11-20T14:30:06.000Z; there is none of it at all\n"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        char said[2][512];
        struct sl_receiver_options options = options_of(cases[i].from, cases[i].to);
        options.camera = cases[i].camera;
        unlink(file);
        assert_int_equal(run(&options, said), 1);
        assert_string_equal(said[0], "");
        assert_string_equal(said[1], cases[i].want);
        assert_int_not_equal(access(file, F_OK), 0);
    }
}

static void wants_a_camera_that_there_is(void **state)
{
    (void)state;
    char said[2][512];
    struct sl_receiver_options options = options_of("2026-11-20T14:30:05Z", "2026-11-20T14:30:06Z");
    options.camera = "yrad";
    assert_int_equal(run(&options, said), 2);
    assert_string_equal(said[1], "sightline-receiver: --camera: there is no camera 'yrad', wanted "
                                 "gate or yard\n");
}

static void wants_a_range(void **state)
{
    (void)state;
    char said[2][512];
    struct sl_receiver_options options = options_of("teatime", "now");
    assert_int_equal(run(&options, said), 2);
    assert_non_null(strstr(said[1], "export: --from: got 'teatime', wanted a time like"));
    options = options_of("now", "-2h");
    assert_int_equal(run(&options, said), 2);
    assert_non_null(strstr(said[1], "is not before --to"));
}

static void wants_a_store(void **state)
{
    (void)state;
    char said[2][512];
    struct sl_receiver_options options = options_of("2026-11-20T14:30:00Z", "2026-11-20T14:31:00Z");
    options.recordings = "/nowhere/at/all";
    assert_int_equal(run(&options, said), 1);
    assert_string_equal(said[1],
                        "sightline-receiver: export: /nowhere/at/all: No such file or directory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_it_covers),
        cmocka_unit_test(tells_of_gaps_and_the_open_one),
        cmocka_unit_test(finds_what_was_recorded_just_now),
        cmocka_unit_test(says_what_is_nearest),
        cmocka_unit_test(wants_a_range),
        cmocka_unit_test(wants_a_camera_that_there_is),
        cmocka_unit_test(wants_a_store),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
