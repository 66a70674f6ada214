/* SPDX-License-Identifier: MIT */
/* A track with real files: what is in them, and what is told of them. Times are judged by
 * sim/sim_receiver_record.c. */
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
#include "receiver/record_track.h"
#include "tests/support/clip.h"

#define FRAME (40 * SL_MS)
#define EPOCH (1795185000 * SL_SEC)

static struct sl_test_clip small, large;
static char store[] = "/tmp/sl_record_track_XXXXXX";
static int store_dir;

static struct {
    struct sl_record_track *track;
    struct sl_random random;
    struct sl_segment_row rows[64];
    int count;
    char said[8][256];
    int said_count;
    int64_t seq, sound_seq;
    sl_ns at;
} now;

static int open_here(void *ctx, struct sl_segment_writer **ret,
                     const struct sl_segment_write_config *config)
{
    struct sl_segment_write_config here = *config;
    (void)ctx;
    here.dir = store_dir;
    return sl_segment_write_open(ret, &here);
}

static const struct sl_record_files files = {
    .open = open_here,
    .video = sl_segment_write_video,
    .sound = sl_segment_write_sound,
    .flush = sl_segment_write_flush,
    .due = sl_segment_write_due,
    .close = sl_segment_write_close,
    .info = sl_segment_write_info,
    .path = sl_segment_write_path,
};

static void news_segment(void *ctx, const struct sl_segment_row *row)
{
    (void)ctx;
    assert_in_range(now.count, 0, 63);
    now.rows[now.count++] = *row;
}

static void news_event(void *ctx, const struct sl_catalogue_event *event)
{
    (void)ctx, (void)event;
}

static void news_say(void *ctx, enum sl_log_level level, const char *text)
{
    (void)ctx;
    if (level <= SL_LOG_INFO && now.said_count < 8)
        snprintf(now.said[now.said_count++], sizeof(now.said[0]), "%s", text);
}

static void news_key_wanted(void *ctx)
{
    (void)ctx;
}

static const struct sl_record_news news = {
    .segment = news_segment,
    .event = news_event,
    .say = news_say,
    .key_wanted = news_key_wanted,
};

static void begin(const char *camera)
{
    struct sl_record_track_config config = {.location = "behind",
                                            .boot_id = "boot",
                                            .segment = 900 * SL_SEC,
                                            .files = &files,
                                            .news = &news,
                                            .random = &now.random,
                                            .epoch = EPOCH};
    snprintf(config.camera, sizeof(config.camera), "%s", camera);
    memset(&now, 0, sizeof(now));
    now.at = 100 * SL_SEC;
    sl_random_init_seed(&now.random, 3);
    assert_int_equal(sl_record_track_create(&now.track, &config), 0);
    sl_record_track_wall(now.track, EPOCH, SL_CLOCK_FREE);
    sl_record_track_connect(now.track, true);
}

static void take(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    (void)ctx;
    const struct sl_rtp_packet packet = {.seq = now.seq++,
                                         .timestamp = (uint32_t)(now.at / SL_MS * 90),
                                         .marker = last,
                                         .has_capture = true,
                                         .capture_ntp = sl_ntp_from_ns(now.at, EPOCH),
                                         .payload = payload,
                                         .payload_len = len};
    sl_record_track_packet(now.track, SL_VIDEO, &packet, now.at + SL_MS);
}

static void put_sound(const struct sl_test_clip *clip, sl_ns at)
{
    const struct sl_test_unit *unit = &clip->sound[now.sound_seq % clip->sounds];
    const struct sl_rtp_packet packet = {.seq = now.sound_seq++,
                                         .timestamp = (uint32_t)(at / SL_MS * 48),
                                         .has_capture = true,
                                         .capture_ntp = sl_ntp_from_ns(at, EPOCH),
                                         .payload = unit->data,
                                         .payload_len = unit->len};
    sl_record_track_packet(now.track, SL_AUDIO, &packet, at + SL_MS);
}

static void play(const struct sl_test_clip *clip, int frames)
{
    for (int i = 0; i < frames; i++) {
        const struct sl_test_unit *unit = &clip->video[i % clip->frames];
        assert_true(sl_h264_pack(unit->data, unit->len, 1000, take, NULL) > 0);
        put_sound(clip, now.at);
        put_sound(clip, now.at + FRAME / 2);
        now.at += FRAME;
        sl_record_track_tick(now.track, now.at);
    }
}

static void end(void)
{
    sl_record_track_disconnect(now.track, now.at);
    sl_record_track_destroy(now.track);
}

static const struct sl_segment_row *last_row(void)
{
    assert_true(now.count > 0);
    return &now.rows[now.count - 1];
}

static void a_segment_is_told_of_from_beginning_to_end(void **state)
{
    (void)state;
    begin("yard");
    play(&small, 250);
    const int grown = now.count - 1;
    end();
    assert_true(now.rows[0].open && now.rows[0].info.frames == 0);
    assert_int_equal(grown, 2); /* in 10 s */
    assert_true(now.rows[1].open && now.rows[1].info.frames > 75);
    const struct sl_segment_row *row = last_row();
    assert_false(row->open);
    assert_string_equal(row->path, "yard/2026-11-20/14-31-40Z.mp4");
    assert_string_equal(row->info.meta.uuid, now.rows[0].info.meta.uuid);
    assert_string_equal(row->info.meta.camera, "yard");
    assert_string_equal(row->info.meta.location, "behind");
    assert_int_equal(row->info.meta.clock, SL_CLOCK_FREE);
    assert_true(row->info.meta.start_mono == 100 * SL_SEC);
    assert_int_equal(row->info.frames, 250);
    assert_int_equal(row->info.sounds, 500);
    assert_in_range(row->info.duration_us, 9999900, 10000100);
    struct stat stat;
    assert_int_equal(fstatat(store_dir, row->path, &stat, 0), 0);
    assert_int_equal(stat.st_size, row->info.bytes);
    assert_int_equal(now.said_count, 1);
    assert_string_equal(now.said[0], "camera yard: recording to yard/2026-11-20/14-31-40Z.mp4");
}

/* Of another size, or by other parameter sets: a file has one kind of pictures. */
static void a_new_size_begins_a_segment(void **state)
{
    (void)state;
    begin("size");
    play(&small, 50);
    sl_record_track_location(now.track, "in front");
    play(&large, 50);
    end();
    int closed = 0;
    for (int i = 0; i < now.count; i++) {
        const struct sl_segment_info *info = &now.rows[i].info;
        if (now.rows[i].open)
            continue;
        assert_int_equal(info->width, closed ? 96 : 64);
        assert_int_equal(info->frames, 50);
        assert_int_equal(info->sounds, 100);
        assert_in_range(info->duration_us, 1999900, 2000100);
        assert_string_equal(info->meta.location, closed ? "in front" : "behind");
        closed++;
    }
    assert_int_equal(closed, 2);
}

static void a_store_that_is_gone_is_said_once(void **state)
{
    (void)state;
    const int good = store_dir;
    begin("gone");
    store_dir = -1;
    play(&small, 250);
    assert_int_equal(now.said_count, 1);
    assert_string_equal(now.said[0], "camera gone: recording stopped: Bad file descriptor");
    assert_int_equal(now.count, 0);
    store_dir = good;
    play(&small, 50);
    end();
    assert_int_equal(now.said_count, 2);
    assert_int_equal(last_row()->info.frames, 50);
}

static void sound_alone_is_no_recording(void **state)
{
    (void)state;
    begin("quiet");
    for (int i = 0; i < 500; i++) {
        put_sound(&small, now.at);
        now.at += 20 * SL_MS;
        sl_record_track_tick(now.track, now.at);
    }
    end();
    assert_int_equal(now.count, 0);
}

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&small, 64, 48, 50, 50);
    sl_test_clip_make(&large, 96, 64, 50, 50);
    store_dir = mkdtemp(store) ? open(store, O_RDONLY | O_DIRECTORY) : -1;
    return store_dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sl_test_clip_free(&small);
    sl_test_clip_free(&large);
    close(store_dir);
    snprintf(command, sizeof(command), "rm -rf %s", store);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_told_of_from_beginning_to_end),
        cmocka_unit_test(a_new_size_begins_a_segment),
        cmocka_unit_test(a_store_that_is_gone_is_said_once),
        cmocka_unit_test(sound_alone_is_no_recording),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
