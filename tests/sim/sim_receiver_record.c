/* SPDX-License-Identifier: MIT */
/*
 * What is promised of the times of recordings, in virtual time: hours of clocks that run fast or
 * slow, timestamps that jump, a wall clock that steps, and days on which the zone's offset changes.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/time.h"
#include "media/h264_pack.h"
#include "receiver/record_track.h"
#include "tests/support/clip.h"
#include "tests/support/simpath.h"
#include "tests/support/span.h"

#define FRAME (SL_SEC / 25)
#define GOP 50
#define TRAVEL (20 * SL_MS)
#define WAVER_MS 30                 /* of the network */
#define EPOCH (1795185000 * SL_SEC) /* 2026-11-20 14:30:00 at monotonic 0 */
#define FILES_MAX 64
#define RIGHT_MS 100 /* promised */
#define SEGMENT (900 * SL_SEC)
#define HOURS SIM_SPAN(7200 * SL_SEC, 1800 * SL_SEC)

/* ---- Files that only remember ---- */

struct file {
    struct sl_segment_meta meta;
    char path[SL_SEGMENT_PATH_BYTES];
    int64_t last_us, last_sound_us, end_us;
    int pictures, sounds;
    bool closed;
};

struct world {
    struct sl_record_track *track;
    struct sl_random random;
    struct file files[FILES_MAX];
    int file_count, opened, closed, gaps, keys_wanted;
    int failing_with; /* what the disk says; 0: nothing */
    sl_ns wall_offset;

    /* The camera. */
    double ppm;
    bool tells_capture;
    uint32_t timestamp_jump;
    int64_t seq, number;
    int64_t late_seq; /* the number of a packet that comes late, or never; -1: none */
    sl_ns late_by;
    struct sl_rtp_packet held_packet;
    uint8_t held_bytes[2048];
    sl_ns held_until;

    /* Of what was written: */
    int64_t written; /* pictures; the n-th written is the n-th sent, where none is lost */
    sl_ns worst, worst_step;
    sl_ns last_true, last_wall;
    bool judge;
    bool numbered; /* pictures of simcamera: none may be missing */
};

static struct world world;
static struct sl_test_clip clip;

static int file_open(void *ctx, struct sl_segment_writer **ret,
                     const struct sl_segment_write_config *config)
{
    struct world *w = ctx;
    assert_in_range(w->file_count, 0, FILES_MAX - 1);
    if (w->failing_with)
        return w->failing_with;
    struct file *file = &w->files[w->file_count++];
    *file = (struct file){.meta = config->meta, .last_us = -1, .last_sound_us = -1};
    for (int try = 1; !file->path[0]; try++) {
        char path[SL_SEGMENT_PATH_BYTES];
        bool taken = false;
        assert_int_equal(sl_segment_path(path, config->meta.camera, config->meta.start_us, try), 1);
        for (int i = 0; i < w->file_count - 1; i++)
            taken |= strcmp(w->files[i].path, path) == 0;
        if (!taken)
            memcpy(file->path, path, sizeof(path));
    }
    *ret = (struct sl_segment_writer *)file;
    return 0;
}

/* When the picture that is written now was really captured, by the wall that its file goes by. */
static sl_ns true_time(const struct world *w)
{
    return w->written * FRAME + SL_SEC;
}

static sl_ns distance(sl_ns a, sl_ns b)
{
    return a < b ? b - a : a - b;
}

static void judge_time(struct world *w, const struct file *file, int64_t at_us)
{
    const sl_ns mono = file->meta.start_mono + at_us * SL_US;
    const sl_ns error = distance(mono, true_time(w));
    if (error > w->worst)
        w->worst = error;
    if (file->pictures > 0) {
        const sl_ns step = distance(mono - w->last_wall, true_time(w) - w->last_true);
        if (step > w->worst_step)
            w->worst_step = step;
    }
    w->last_wall = mono;
    w->last_true = true_time(w);
}

static int file_video(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *unit,
                      size_t len, bool key, sl_ns now)
{
    struct file *file = (struct file *)writer;
    (void)now;
    assert_true(len > 0);
    assert_true(at_us > file->last_us); /* strictly */
    if (file->pictures == 0)
        assert_true(key && at_us == 0);
    if (world.judge)
        judge_time(&world, file, at_us);
    if (world.numbered)
        assert_int_equal(sim_camera_frame_number(unit, len), world.written);
    world.written++;
    file->last_us = at_us;
    file->pictures++;
    return world.failing_with;
}

static int file_sound(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *packet,
                      size_t len, sl_ns now)
{
    struct file *file = (struct file *)writer;
    (void)packet, (void)len, (void)now;
    assert_true(at_us > file->last_sound_us && at_us >= 0);
    /* Within 40 ms of its pictures, promise 7; here it is numbered as they are. */
    file->last_sound_us = at_us;
    file->sounds++;
    return 0;
}

static int file_flush(struct sl_segment_writer *writer, sl_ns now)
{
    (void)writer, (void)now;
    return 0;
}

static sl_ns file_due(const struct sl_segment_writer *writer)
{
    (void)writer;
    return SL_NEVER;
}

static void file_info(const struct sl_segment_writer *writer, struct sl_segment_info *ret)
{
    const struct file *file = (const struct file *)writer;
    *ret = (struct sl_segment_info){.meta = file->meta,
                                    .frames = file->pictures,
                                    .duration_us = file->end_us ? file->end_us : file->last_us};
}

static int file_close(struct sl_segment_writer *writer, int64_t end_us,
                      struct sl_segment_info *info)
{
    struct file *file = (struct file *)writer;
    assert_false(file->closed);
    file->closed = true;
    file->end_us = end_us ? end_us : file->last_us;
    if (info)
        file_info(writer, info);
    return 0;
}

static const char *file_path(const struct sl_segment_writer *writer)
{
    return ((const struct file *)writer)->path;
}

static const struct sl_record_files files = {
    .open = file_open,
    .video = file_video,
    .sound = file_sound,
    .flush = file_flush,
    .due = file_due,
    .close = file_close,
    .info = file_info,
    .path = file_path,
};

static void news_segment(void *ctx, const struct sl_segment_row *row)
{
    struct world *w = ctx;
    w->closed += !row->open;
    w->opened += row->open && row->info.frames == 0;
}

static void news_event(void *ctx, const struct sl_catalogue_event *event)
{
    struct world *w = ctx;
    assert_string_equal(event->type, "gap");
    assert_true(event->end_us > event->start_us);
    w->gaps++;
}

static void news_say(void *ctx, enum sl_log_level level, const char *text)
{
    (void)ctx, (void)level;
    assert_memory_equal(text, "camera yard: ", 13);
}

static void news_key_wanted(void *ctx)
{
    ((struct world *)ctx)->keys_wanted++;
}

static const struct sl_record_news news = {
    .segment = news_segment,
    .event = news_event,
    .say = news_say,
    .key_wanted = news_key_wanted,
};

/* ---- The camera and its network ---- */

static void begin(sl_ns segment)
{
    struct sl_record_track_config config = {.camera = "yard",
                                            .boot_id = "boot",
                                            .segment = segment,
                                            .files = &files,
                                            .news = &news,
                                            .ctx = &world,
                                            .random = &world.random,
                                            .epoch = EPOCH};
    memset(&world, 0, sizeof(world));
    sl_random_init_seed(&world.random, 7);
    world.tells_capture = world.judge = true;
    world.wall_offset = EPOCH;
    world.late_seq = -1;
    world.seq = 100;
    assert_int_equal(sl_record_track_create(&world.track, &config), 0);
    sl_record_track_wall(world.track, world.wall_offset, SL_CLOCK_SYNCED);
    sl_record_track_connect(world.track, true);
}

static sl_ns end(void)
{
    const sl_ns now = world.number * FRAME + SL_SEC + TRAVEL + WAVER_MS * SL_MS;
    struct sl_record_track_stats stats;
    sl_record_track_disconnect(world.track, now);
    sl_record_track_stats(world.track, &stats);
    assert_int_equal(stats.pictures, stats.written + stats.unwritten);
    sl_record_track_destroy(world.track);
    assert_int_equal(world.closed, world.file_count);
    for (int i = 0; i < world.file_count; i++)
        assert_true(world.files[i].closed);
    return now;
}

/* What its clock shows after `elapsed` of ours, in ticks. */
static uint32_t ticks(sl_ns elapsed, uint32_t hz)
{
    const double seconds = (double)elapsed / (double)SL_SEC * (1 + world.ppm * 1e-6);
    return (uint32_t)(uint64_t)(seconds * hz) + world.timestamp_jump / 90000 * hz;
}

static struct sl_rtp_packet packet_of(int64_t seq, sl_ns captured, uint32_t hz)
{
    return (struct sl_rtp_packet){
        .seq = seq,
        .timestamp = ticks(captured, hz) + 0xfffff000u,
        .ssrc = 5,
        .has_capture = world.tells_capture,
        /* By a driver's stamp, which wavers. */
        .capture_ntp =
            sl_ntp_from_ns(captured + sl_random_range(&world.random, 0, 4000) * SL_US, EPOCH),
    };
}

struct sending {
    sl_ns captured, arrival;
    uint8_t bytes[64][1200];
    int count;
};

static void send_packet(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    struct sending *sending = ctx;
    struct sl_rtp_packet packet = packet_of(world.seq++, sending->captured, 90000);
    packet.marker = last;
    packet.payload = payload;
    packet.payload_len = len;
    if (packet.seq != world.late_seq) {
        sl_record_track_packet(world.track, SL_VIDEO, &packet, sending->arrival);
        return;
    }
    memcpy(world.held_bytes, payload, len);
    packet.payload = world.held_bytes;
    world.held_packet = packet;
    world.held_until = sending->arrival + world.late_by;
}

static void send_sound(const struct sending *sending, int64_t number)
{
    const struct sl_test_unit *unit = &clip.sound[number % clip.sounds];
    struct sl_rtp_packet packet = packet_of(number, sending->captured, 48000);
    packet.payload = unit->data;
    packet.payload_len = unit->len;
    sl_record_track_packet(world.track, SL_AUDIO, &packet, sending->arrival);
}

static void run(sl_ns span)
{
    static struct sending sending;
    for (const int64_t until = world.number + span / FRAME; world.number < until; world.number++) {
        const struct sl_test_unit *unit = &clip.video[world.number % GOP];
        sending.captured = world.number * FRAME + SL_SEC;
        sending.arrival =
            sending.captured + TRAVEL + sl_random_range(&world.random, 0, WAVER_MS) * SL_MS;
        if (world.held_until && world.held_until <= sending.arrival) {
            sl_record_track_packet(world.track, SL_VIDEO, &world.held_packet, world.held_until);
            world.held_until = 0;
        }
        assert_true(sl_h264_pack(unit->data, unit->len, 1100, send_packet, &sending) > 0);
        send_sound(&sending, world.number);
        if (world.number % 2 == 0)
            sl_record_track_tick(world.track, sending.arrival);
    }
}

static void step_wall(sl_ns by)
{
    world.wall_offset += by;
    sl_record_track_wall(world.track, world.wall_offset, SL_CLOCK_SYNCED);
}

/* Every segment but the first begins within a GOP of a multiple of `length`; none overlaps. */
static void segments_are_even(sl_ns length)
{
    for (int i = 1; i < world.file_count; i++) {
        const struct file *file = &world.files[i], *before = &world.files[i - 1];
        const int64_t over = file->meta.start_us % (length / SL_US);
        assert_true(over <= GOP * FRAME / SL_US);
        assert_int_equal(file->meta.start_us, before->meta.start_us + before->end_us);
    }
}

/* ---- Tests ---- */

static void hours_of(double ppm, bool tells_capture)
{
    begin(SEGMENT);
    world.ppm = ppm;
    world.tells_capture = tells_capture;
    run(HOURS);
    end();
    printf("%+.0f ppm, %s: %d segments, off by %.1f ms, uneven by %.2f ms\n", ppm,
           tells_capture ? "capture times" : "none", world.file_count,
           (double)world.worst / (double)SL_MS, (double)world.worst_step / (double)SL_MS);
    assert_int_equal(world.file_count, HOURS / SEGMENT); /* it began a second behind a multiple */
    assert_int_equal(world.written, HOURS / FRAME);
    segments_are_even(SEGMENT);
    assert_true(world.worst <= RIGHT_MS * SL_MS);
    assert_true(world.worst_step <= 10 * SL_MS);
}

static void clocks_that_run_fast_or_slow(void **state)
{
    (void)state;
    hours_of(500, true);
    hours_of(-500, true);
    hours_of(500, false);
    hours_of(-500, false);
}

static void timestamps_that_jump(void **state)
{
    (void)state;
    static const int seconds[] = {10, -10, 3, -3, 1000};
    const sl_ns part = SIM_SPAN(400, 100) * SL_SEC;
    for (int told = 0; told < 2; told++) {
        for (size_t i = 0; i < SL_COUNT(seconds); i++) {
            begin(SEGMENT);
            world.tells_capture = told;
            run(part);
            world.timestamp_jump += (uint32_t)(seconds[i] * 90000);
            run(part);
            end();
            assert_int_equal(world.file_count, 1);
            assert_true(world.worst <= RIGHT_MS * SL_MS);
            assert_int_equal(world.written, 2 * part / FRAME);
        }
    }
}

static void a_step_of_the_wall_begins_a_segment(void **state)
{
    (void)state;
    begin(SEGMENT);
    run(100 * SL_SEC);
    step_wall(SL_SEC / 2); /* not enough */
    run(101 * SL_SEC);
    assert_int_equal(world.file_count, 1);
    step_wall(2 * SL_SEC);
    run(100 * SL_SEC);
    assert_int_equal(world.file_count, 2);
    assert_true(world.keys_wanted > 0);
    step_wall(-302 * SL_SEC);
    run(99 * SL_SEC);
    assert_int_equal(world.file_count, 3);
    end();
    assert_int_equal(world.written, 400 * 25); /* no picture was lost by it */
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(world.files[i].path, world.files[k].path);
    assert_int_equal(world.files[1].meta.start_us - world.files[0].meta.start_us -
                         world.files[0].end_us,
                     2500000);
    assert_true(world.worst <= RIGHT_MS * SL_MS); /* monotonic times are as ever */
}

/* What is on each side of the next two changes of each zone. */
static void zones_do_not_matter(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int64_t at[2];
    } days[] = {
        {"Europe/Berlin", {1792890000, 1806195600}},
        {"America/New_York", {1793512800, 1805007600}},
        {"America/Santiago", {1788667200, 1806807600}},
        {"Australia/Lord_Howe", {1791041400, 1806764400}},
        {"Africa/Casablanca", {1801965600, 1804989600}},
        {"Pacific/Auckland", {1790431200, 1806760800}},
    };
    for (size_t i = 0; i < SL_COUNT(days) * 2; i++) {
        setenv("TZ", days[i / 2].zone, 1);
        tzset();
        begin(SEGMENT);
        step_wall(days[i / 2].at[i % 2] * SL_SEC - HOURS / 2 - SL_SEC - EPOCH);
        run(HOURS);
        end();
        assert_int_equal(world.file_count, HOURS / SEGMENT);
        segments_are_even(SEGMENT);
        for (int k = 0; k < world.file_count; k++) {
            const time_t start = (time_t)(world.files[k].meta.start_us / 1000000);
            struct tm utc;
            char want[SL_SEGMENT_PATH_BYTES];
            assert_non_null(gmtime_r(&start, &utc));
            strftime(want, sizeof(want), "yard/%Y-%m-%d/%H-%M-%SZ.mp4", &utc);
            assert_string_equal(world.files[k].path, want);
        }
    }
    unsetenv("TZ");
    tzset();
}

static void what_is_repaired_late_is_recorded(void **state)
{
    (void)state;
    begin(SEGMENT);
    run(10 * SL_SEC);
    world.late_seq = world.seq + 5;
    world.late_by = 1900 * SL_MS;
    run(10 * SL_SEC);
    end();
    assert_int_equal(world.written, 20 * 25);
    assert_int_equal(world.gaps, 0);
    assert_true(world.worst <= RIGHT_MS * SL_MS);
}

static void what_is_lost_is_a_gap(void **state)
{
    (void)state;
    begin(SEGMENT);
    world.judge = false;
    run(10 * SL_SEC);
    world.late_seq = world.seq + 60; /* in the middle of a GOP: up to the next key frame */
    world.late_by = 3600 * SL_SEC;
    run(10 * SL_SEC);
    end();
    assert_int_equal(world.gaps, 1);
    assert_int_equal(world.file_count, 1);
    assert_true(world.keys_wanted > 0);
    assert_in_range(world.written, 20 * 25 - GOP, 20 * 25 - 1);
    assert_in_range(world.files[0].last_us, 19900000, 20000000);
    assert_in_range(world.files[0].sounds, 20 * 25 - 1, 20 * 25);
}

static void a_disk_that_comes_back_is_used(void **state)
{
    (void)state;
    begin(SEGMENT);
    world.judge = false;
    run(10 * SL_SEC);
    world.failing_with = -ENOSPC;
    run(10 * SL_SEC);
    assert_int_equal(world.file_count, 1);
    assert_true(world.files[0].closed);
    world.failing_with = 0;
    run(10 * SL_SEC);
    assert_int_equal(world.file_count, 2);
    sl_record_track_storage(world.track, false, world.number * FRAME + SL_SEC);
    assert_true(world.files[1].closed);
    run(10 * SL_SEC);
    assert_int_equal(world.file_count, 2);
    sl_record_track_storage(world.track, true, world.number * FRAME + SL_SEC);
    run(10 * SL_SEC);
    end();
    assert_int_equal(world.file_count, 3);
}

/* The end of a file by the monotonic clock. */
static sl_ns end_of(const struct file *file)
{
    return file->meta.start_mono + file->end_us * SL_US;
}

static void motion_is_recorded_with_what_was_before_and_after(void **state)
{
    (void)state;
    const struct sl_record_rule rule = {
        .mode = SL_RECORD_MOTION, .pre = 5 * SL_SEC, .post = 10 * SL_SEC};
    const sl_ns gop = GOP * FRAME + FRAME;
    begin(SEGMENT);
    world.judge = false;
    sl_record_track_rule(world.track, &rule, 0);
    for (int i = 0; i < 3; i++) {
        run(30 * SL_SEC + i * SL_SEC / 2); /* wherever in a GOP */
        assert_int_equal(world.file_count, i);
        const sl_ns began = world.number * FRAME + SL_SEC;
        sl_record_track_motion(world.track, true, began, began);
        assert_int_equal(world.file_count, i + 1);
        run(4 * SL_SEC);
        const sl_ns ended = world.number * FRAME + SL_SEC;
        sl_record_track_motion(world.track, false, ended, ended);
        run(15 * SL_SEC);
        const struct file *file = &world.files[i];
        assert_true(file->closed);
        assert_in_range(began - file->meta.start_mono, rule.pre - FRAME, rule.pre + gop);
        assert_in_range(end_of(file) - ended, rule.post - FRAME, rule.post + gop);
        assert_int_equal(file->pictures, (end_of(file) - file->meta.start_mono) / FRAME);
        assert_in_range(file->sounds, file->pictures - 1, file->pictures);
    }
    end();
    assert_int_equal(world.gaps, 0);
}

static void a_rule_is_changed_while_it_runs(void **state)
{
    (void)state;
    struct sl_record_rule rule = sl_record_rule_default();
    begin(SEGMENT);
    world.judge = false;
    run(10 * SL_SEC);
    rule.mode = SL_RECORD_OFF;
    sl_record_track_rule(world.track, &rule, world.number * FRAME + SL_SEC);
    assert_true(world.files[0].closed);
    run(10 * SL_SEC);
    assert_int_equal(world.file_count, 1);
    world.keys_wanted = 0;
    rule.mode = SL_RECORD_ALWAYS;
    sl_record_track_rule(world.track, &rule, world.number * FRAME + SL_SEC);
    assert_int_equal(world.keys_wanted, 1);
    run(10 * SL_SEC);
    assert_int_equal(world.file_count, 2);
    rule.mode = SL_RECORD_MOTION; /* nothing moves: up to the next key frame */
    sl_record_track_rule(world.track, &rule, world.number * FRAME + SL_SEC);
    run(10 * SL_SEC);
    assert_true(world.files[1].closed);
    assert_in_range(end_of(&world.files[1]), 31 * SL_SEC - FRAME, 33 * SL_SEC);
    end();
    assert_int_equal(world.file_count, 2);
}

static void tap(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet, sl_ns now)
{
    struct world *w = ctx;
    sl_record_track_packet(w->track, kind, packet, now);
    sl_record_track_tick(w->track, now);
    w->last_true = now;
}

/* Issue 6: the recording has every picture that the camera sent, while live kept its age. */
static void bad_uplink(const char *name, struct sim_link_config up)
{
    static struct sim_path path;
    const sl_ns span = SIM_SPAN(120, 30) * SL_SEC;
    up.delay = 20 * SL_MS;
    up.reorder = 1;
    up.reorder_by = 5 * SL_MS;
    const struct sim_path_config config = {.seed = 11,
                                           .up = up,
                                           .up_back = {.delay = 20 * SL_MS},
                                           .down = SIM_PATH_CLEAN_LAN,
                                           .down_back = SIM_PATH_CLEAN_LAN,
                                           .camera = {.frames = 200 * 30},
                                           .fec_percent = SL_FEC_AUTO,
                                           .latency = SL_JITTER_AUTO,
                                           .tap = tap,
                                           .tap_ctx = &world};
    begin(SEGMENT);
    world.judge = false;
    world.numbered = true;
    sim_path_open(&path, &config);
    const sl_ns from = sim_now(path.sim) + 3 * SL_SEC / 2;
    sim_run_until(path.sim, from + span);
    path.camera.stopped = true;
    sim_run_until(path.sim, from + span + 3 * SL_SEC);
    const struct sim_path_figures live = sim_path_judge(&path, from, from + span - SL_SEC);
    sl_record_track_disconnect(world.track, world.last_true);
    sl_record_track_destroy(world.track);
    sim_path_print(name, &path, &live);
    printf("    %zu pictures sent, %lld recorded\n", path.camera.count, (long long)world.written);
    assert_int_equal(world.written, path.camera.count);
    assert_int_equal(world.gaps, 0);
    assert_true(live.p99 <= 150 * SL_MS);
    sim_path_close(&path);
}

static void every_picture_is_recorded_on_a_bad_uplink(void **state)
{
    (void)state;
    bad_uplink("5 % lost", (struct sim_link_config){.loss = 0.05});
    bad_uplink(
        "5 % in bursts of 4",
        (struct sim_link_config){.burst_enter = 0.0132, .burst_leave = 0.25, .burst_loss = 1});
}

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, GOP, GOP);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_test_clip_free(&clip);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_that_run_fast_or_slow),
        cmocka_unit_test(timestamps_that_jump),
        cmocka_unit_test(a_step_of_the_wall_begins_a_segment),
        cmocka_unit_test(zones_do_not_matter),
        cmocka_unit_test(what_is_repaired_late_is_recorded),
        cmocka_unit_test(what_is_lost_is_a_gap),
        cmocka_unit_test(a_disk_that_comes_back_is_used),
        cmocka_unit_test(motion_is_recorded_with_what_was_before_and_after),
        cmocka_unit_test(a_rule_is_changed_while_it_runs),
        cmocka_unit_test(every_picture_is_recorded_on_a_bad_uplink),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
