/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/time.h"
#include "sender/pipeline.h"
#include "tests/support/alloc_count.h"

#define SIDE 64
#define PATIENCE (10 * SL_SEC) /* a machine under load; nothing here judges speed */

/* A source that the test paces: one picture per permit, then the end. */
struct script {
    struct sl_capture base;
    const struct sl_halt *halt;
    struct sl_wake permit;
    _Atomic int pictures; /* still to give; negative: an -errno, once they are used up */
    int end;              /* what follows the last: 0 or -errno */
    sl_ns next, step;
    uint64_t begun, allocations;
    bool noisy;
    uint8_t unit[64]; /* of an encoded source: what was given last */
    int gop;          /* its key frames: each gop-th */
    _Atomic int keys_asked;
    _Atomic int64_t bitrate_bps; /* told last */
    size_t unit_len;             /* 0: as long as `unit` */
    uint64_t square_from;        /* a still scene; a square goes through it from then on. 0: none */
};

static void draw_square(const struct script *script, uint8_t *pixels)
{
    memset(pixels, 90, SIDE * SIDE);
    for (int y = 20; script->begun > script->square_from && y < 40; y++)
        memset(pixels + y * SIDE + script->begun % 40, 200, 20);
}

/* Waits for the permit of one more: 1, or what next() is to say. */
static int script_begin(struct script *script)
{
    while (atomic_load(&script->pictures) == 0) {
        if (sl_halt_or_readable(script->halt, script->permit.fd))
            return -ECANCELED;
        sl_wake_clear(&script->permit);
    }
    if (atomic_load(&script->pictures) < 0)
        return script->end;
    if (!script->begun++)
        script->allocations = sl_alloc_count();
    assert_int_equal(sl_alloc_count(), script->allocations); /* of the capture thread */
    atomic_fetch_sub(&script->pictures, 1);
    return 1;
}

static int script_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    struct script *script = (struct script *)capture;
    uint32_t noise = (uint32_t)script->next;
    const int got = script_begin(script);
    if (got != 1)
        return got;
    memset(pixels, (int)(script->next / SL_MS), sl_capture_bytes(capture));
    for (size_t i = 0; script->noisy && i < sl_capture_bytes(capture); i++)
        pixels[i] = (uint8_t)((noise = noise * 1664525u + 1013904223u) >> 25);
    if (script->square_from)
        draw_square(script, pixels);
    *captured = script->next;
    script->next += script->step;
    return 1;
}

static int script_next_unit(struct sl_capture *capture, struct sl_capture_unit *ret)
{
    struct script *script = (struct script *)capture;
    const int got = script_begin(script);
    if (got != 1)
        return got;
    memset(script->unit, (int)script->begun, sizeof(script->unit));
    *ret = (struct sl_capture_unit){
        .data = script->unit,
        .len = script->unit_len ? script->unit_len : sizeof(script->unit),
        .key = (script->begun - 1) % (uint64_t)script->gop == 0,
        .captured = script->next,
    };
    script->next += script->step;
    return 1;
}

static bool script_request_key(struct sl_capture *capture)
{
    atomic_fetch_add(&((struct script *)capture)->keys_asked, 1);
    return true;
}

static void script_set_bitrate(struct sl_capture *capture, int64_t bps)
{
    atomic_store(&((struct script *)capture)->bitrate_bps, bps);
}

static void script_close(struct sl_capture *capture)
{
    sl_wake_fini(&((struct script *)capture)->permit);
}

static const struct sl_capture_kind script_kind = {
    .next = script_next, .next_unit = script_next_unit, .close = script_close};
static const struct sl_capture_kind asked_kind = {.next_unit = script_next_unit,
                                                  .request_key = script_request_key,
                                                  .set_bitrate = script_set_bitrate,
                                                  .close = script_close};

/* All that a pipeline stands on. */
struct bench {
    struct sl_halt halt;
    struct script script;
    struct sl_video_encoder *video;
    struct sl_audio *audio;
    struct sl_audio_encoder *audio_encoder;
    struct sl_overlay overlay;
    struct sl_motion *motion;
    sl_ns gop;
    struct sl_pipeline *pipeline;
};

static void make_encoders(struct bench *bench, bool sound)
{
    const struct sl_video_encoder_config config = {.preset = "ultrafast",
                                                   .width = SIDE,
                                                   .height = SIDE,
                                                   .fps_num = 50,
                                                   .fps_den = 1,
                                                   .bitrate_bps = 300000,
                                                   .gop = 60 * SL_SEC,
                                                   .threads = 1};
    char why[256];
    assert_int_equal(sl_video_encoder_create(&bench->video, &config, why, sizeof(why)), 0);
    if (!sound)
        return;
    assert_int_equal(sl_audio_encoder_create(&bench->audio_encoder, 64000, why, sizeof(why)), 0);
    const struct sl_audio_config audio = {.halt = &bench->halt};
    assert_int_equal(sl_audio_open(&bench->audio, "test", &audio, why, sizeof(why)), 0);
}

static void make_pipeline(struct bench *bench, struct sl_capture *capture, int fps)
{
    const struct sl_pipeline_config config = {
        .capture = capture,
        .video = bench->video,
        .audio = bench->audio,
        .audio_encoder = bench->audio_encoder,
        .overlay = &bench->overlay,
        .motion = bench->motion,
        .halt = &bench->halt,
        .fps = fps,
        .gop = bench->gop,
    };
    assert_int_equal(sl_pipeline_create(&bench->pipeline, &config), 0);
}

static void make_script(struct bench *bench, bool stored)
{
    *bench = (struct bench){0};
    assert_int_equal(sl_halt_init(&bench->halt), 0);
    bench->script.base = (struct sl_capture){.kind = &script_kind,
                                             .width = SIDE,
                                             .height = SIDE,
                                             .fps_num = 50,
                                             .fps_den = 1,
                                             .stored = stored};
    bench->script.halt = &bench->halt;
    bench->script.next = SL_SEC;
    bench->script.step = 20 * SL_MS;
    assert_int_equal(sl_wake_init(&bench->script.permit), 0);
}

static void make_with(struct bench *bench, bool stored, int fps, struct sl_motion *motion)
{
    make_script(bench, stored);
    bench->motion = motion;
    make_encoders(bench, false);
    make_pipeline(bench, &bench->script.base, fps);
}

static void make(struct bench *bench, bool stored, int fps)
{
    make_with(bench, stored, fps, NULL);
}

/* With a source that gives access units, each `gop`-th a key frame; no encoder is there. */
static void make_encoded(struct bench *bench, const struct sl_capture_kind *kind, int gop)
{
    make_script(bench, false);
    bench->script.base.kind = kind;
    bench->script.base.encoded = true;
    bench->script.gop = gop;
    make_pipeline(bench, &bench->script.base, 0);
}

static void unmake(struct bench *bench)
{
    sl_pipeline_destroy(bench->pipeline);
    sl_video_encoder_destroy(bench->video);
    sl_audio_encoder_destroy(bench->audio_encoder);
    sl_audio_close(bench->audio);
    if (bench->script.base.kind)
        sl_capture_close(&bench->script.base);
    sl_halt_fini(&bench->halt);
}

static void permit(struct bench *bench, int pictures)
{
    atomic_fetch_add(&bench->script.pictures, pictures);
    sl_wake_signal(&bench->script.permit);
}

static void end_with(struct bench *bench, int end)
{
    bench->script.end = end;
    atomic_store(&bench->script.pictures, -1);
    sl_wake_signal(&bench->script.permit);
}

static struct sl_pipeline_stats balance(const struct bench *bench)
{
    struct sl_pipeline_stats s;
    sl_pipeline_stats(bench->pipeline, &s);
    const uint64_t done = s.skipped + s.replaced + s.idle + s.skipped_rate + s.stalled + s.failed +
                          s.keyless + s.encoded;
    assert_in_range(s.captured - done, 0, 2); /* in the mailbox, in the encoder */
    assert_in_range(s.encoded - s.taken, 0, 8);
    return s;
}

/* Waits for a counter, looked at again whenever a thread had its turn. */
static void wait_count(const struct bench *bench, size_t offset, uint64_t wanted)
{
    const sl_ns give_up = sl_time_now() + PATIENCE;
    for (;;) {
        struct sl_pipeline_stats stats;
        sl_pipeline_stats(bench->pipeline, &stats);
        if (*(uint64_t *)((char *)&stats + offset) >= wanted)
            return;
        if (sl_time_now() > give_up)
            fail_msg("counter at %zu did not reach %llu", offset, (unsigned long long)wanted);
        const bool halted = sl_halt_sleep(&bench->halt, sl_time_now() + SL_MS);
        assert_false(halted);
    }
}

#define WAIT(bench, counter, wanted)                                                               \
    wait_count(bench, offsetof(struct sl_pipeline_stats, counter), wanted)

/* One picture in, its access unit out. */
static struct sl_access_unit pass_one(struct bench *bench)
{
    struct sl_access_unit unit;
    permit(bench, 1);
    while (!sl_pipeline_take_video(bench->pipeline, &unit))
        assert_true(sl_wake_wait(sl_pipeline_wake(bench->pipeline), PATIENCE));
    return unit;
}

static void first_is_key_and_on_request(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    sl_pipeline_set_live(bench.pipeline, true);
    for (int i = 0; i < 40; i++) {
        /* 200 ms after the last key frame; and again at once, which waits until 100 ms are over. */
        if (i == 10 || i == 12)
            sl_pipeline_request_key(bench.pipeline);
        const struct sl_access_unit unit = pass_one(&bench);
        assert_int_equal(unit.key, i == 0 || i == 10 || i == 15);
        assert_true(unit.captured == SL_SEC + i * 20 * SL_MS);
        assert_true(unit.encode_time > 0);
        assert_memory_equal(unit.data, "\0\0\0\1", 4);
        sl_pipeline_give_back(bench.pipeline, &unit);
    }
    const struct sl_pipeline_stats stats = balance(&bench);
    assert_int_equal(stats.captured, 40);
    assert_int_equal(stats.taken, 40);
    unmake(&bench);
}

static void a_slow_source_gets_its_key_frames(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    sl_pipeline_destroy(bench.pipeline); /* the halt of this one is used up */
    sl_halt_fini(&bench.halt);
    assert_int_equal(sl_halt_init(&bench.halt), 0);
    bench.gop = SL_SEC;
    bench.script.step = 300 * SL_MS;
    make_pipeline(&bench, &bench.script.base, 0);
    sl_pipeline_set_live(bench.pipeline, true);
    for (int i = 0; i < 12; i++) {
        const struct sl_access_unit unit = pass_one(&bench);
        assert_int_equal(unit.key, i % 4 == 0);
        sl_pipeline_give_back(bench.pipeline, &unit);
    }
    unmake(&bench);
}

/* Until `wanted` pictures have come to nothing: what is still on its way would be encoded later. */
static void wait_drained(const struct bench *bench, uint64_t wanted)
{
    const sl_ns give_up = sl_time_now() + PATIENCE;
    struct sl_pipeline_stats s = balance(bench);
    while (s.idle + s.replaced < wanted) {
        assert_true(sl_time_now() < give_up);
        assert_false(sl_halt_sleep(&bench->halt, sl_time_now() + SL_MS));
        s = balance(bench);
    }
}

/* While nobody receives the source is drained; the first picture after that is a key frame. */
static void idle_drains(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    permit(&bench, 5);
    wait_drained(&bench, 5);
    struct sl_access_unit unit;
    assert_false(sl_pipeline_take_video(bench.pipeline, &unit));
    sl_pipeline_set_live(bench.pipeline, true);
    unit = pass_one(&bench);
    assert_true(unit.key);
    sl_pipeline_give_back(bench.pipeline, &unit);
    sl_pipeline_set_live(bench.pipeline, false);
    permit(&bench, 1);
    wait_drained(&bench, 6);
    sl_pipeline_set_live(bench.pipeline, true);
    unit = pass_one(&bench);
    assert_true(unit.key); /* though the last one was 40 ms ago */
    sl_pipeline_give_back(bench.pipeline, &unit);
    sl_pipeline_set_live(bench.pipeline, false);
    sl_pipeline_set_live(bench.pipeline, true); /* not a picture long, but another one receives */
    unit = pass_one(&bench);
    assert_true(unit.key);
    sl_pipeline_give_back(bench.pipeline, &unit);
    assert_int_equal(balance(&bench).encoded, 3);
    unmake(&bench);
}

static void stored_sources_wait_for_an_audience(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, true, 0);
    permit(&bench, 1);
    assert_false(sl_wake_wait(sl_pipeline_wake(bench.pipeline), 20 * SL_MS));
    assert_int_equal(balance(&bench).captured, 0);
    sl_pipeline_set_live(bench.pipeline, true);
    struct sl_access_unit unit;
    while (!sl_pipeline_take_video(bench.pipeline, &unit))
        assert_true(sl_wake_wait(sl_pipeline_wake(bench.pipeline), PATIENCE));
    assert_true(unit.captured == SL_SEC); /* not one of its pictures is lost */
    sl_pipeline_give_back(bench.pipeline, &unit);
    unmake(&bench);
}

/* A loop that does not take: eight units are held, further pictures are left out, and what comes
 * after them refers to the last one held, not to what nobody will get. */
static void a_full_ring_leaves_pictures_out(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    sl_pipeline_set_live(bench.pipeline, true);
    for (int i = 0; i < 12; i++) {
        permit(&bench, 1);
        if (i < 8)
            WAIT(&bench, encoded, (uint64_t)i + 1);
        else
            WAIT(&bench, stalled, (uint64_t)i - 7);
    }
    balance(&bench);
    struct sl_access_unit unit;
    for (int i = 0; i < 8; i++) {
        assert_true(sl_pipeline_take_video(bench.pipeline, &unit));
        assert_int_equal(unit.key, i == 0);
        sl_pipeline_give_back(bench.pipeline, &unit);
    }
    assert_false(sl_pipeline_take_video(bench.pipeline, &unit));
    unit = pass_one(&bench);
    assert_false(unit.key);
    assert_true(unit.captured == SL_SEC + 12 * 20 * SL_MS);
    sl_pipeline_give_back(bench.pipeline, &unit);
    const struct sl_pipeline_stats stats = balance(&bench);
    assert_int_equal(stats.encoded, 9);
    assert_int_equal(stats.stalled, 4);
    unmake(&bench);
}

/* Left out before the encoder: what comes after refers to the last that was sent. A key frame that
 * was asked for meanwhile waits for the gate. */
static void a_shut_gate_leaves_pictures_out(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    sl_pipeline_set_live(bench.pipeline, true);
    struct sl_access_unit unit = pass_one(&bench);
    sl_pipeline_give_back(bench.pipeline, &unit);
    sl_pipeline_set_rate(bench.pipeline, SL_NEVER, 0);
    for (int i = 0; i < 6; i++) {
        permit(&bench, 1);
        WAIT(&bench, skipped_rate, (uint64_t)i + 1);
    }
    assert_false(sl_pipeline_take_video(bench.pipeline, &unit));
    sl_pipeline_set_rate(bench.pipeline, sl_time_now(), 0);
    unit = pass_one(&bench);
    assert_false(unit.key);
    assert_true(unit.captured == SL_SEC + 7 * 20 * SL_MS);
    sl_pipeline_give_back(bench.pipeline, &unit);
    sl_pipeline_set_rate(bench.pipeline, sl_time_now() + 3600 * SL_SEC, 0);
    sl_pipeline_request_key(bench.pipeline);
    permit(&bench, 1);
    WAIT(&bench, skipped_rate, 7);
    sl_pipeline_set_rate(bench.pipeline, 0, 0);
    unit = pass_one(&bench);
    assert_true(unit.key);
    sl_pipeline_give_back(bench.pipeline, &unit);
    const struct sl_pipeline_stats stats = balance(&bench);
    assert_int_equal(stats.encoded, 3);
    assert_int_equal(stats.skipped_rate, 7);
    unmake(&bench);
}

/* Bytes of 25 busy pictures, half a second of them, at what the encoder was told last. */
static size_t weigh(struct bench *bench)
{
    size_t bytes = 0;
    for (int i = 0; i < 25; i++) {
        const struct sl_access_unit unit = pass_one(bench);
        bytes += unit.len;
        sl_pipeline_give_back(bench->pipeline, &unit);
    }
    return bytes;
}

static void the_encoder_is_told_of_a_new_rate(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    bench.script.noisy = true;
    sl_pipeline_set_live(bench.pipeline, true);
    weigh(&bench);
    const size_t full = weigh(&bench);
    sl_pipeline_set_rate(bench.pipeline, 0, 60000); /* of 300000 */
    weigh(&bench);
    const size_t low = weigh(&bench);
    sl_pipeline_set_rate(bench.pipeline, 0, 0); /* as it is */
    const size_t same = weigh(&bench);
    sl_pipeline_set_rate(bench.pipeline, 0, 300000);
    weigh(&bench);
    const size_t again = weigh(&bench);
    if (low * 3 > full || same * 3 > full || again * 3 < full * 2)
        fail_msg("%zu at first, then %zu, %zu and %zu bytes", full, low, same, again);
    unmake(&bench);
}

static void rate_limit_spreads_evenly(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 20); /* of 50 */
    sl_pipeline_set_live(bench.pipeline, true);
    sl_ns last = 0;
    for (int i = 0; i < 100; i++) {
        permit(&bench, 1);
        WAIT(&bench, captured, (uint64_t)i + 1);
        struct sl_pipeline_stats stats;
        do
            sl_pipeline_stats(bench.pipeline, &stats);
        while (stats.skipped + stats.encoded < (uint64_t)i + 1);
        struct sl_access_unit unit;
        sl_wake_wait(sl_pipeline_wake(bench.pipeline), 0);
        while (stats.encoded > stats.taken) {
            if (sl_pipeline_take_video(bench.pipeline, &unit)) {
                assert_true(!last || (unit.captured - last >= 40 * SL_MS &&
                                      unit.captured - last <= 60 * SL_MS));
                last = unit.captured;
                sl_pipeline_give_back(bench.pipeline, &unit);
            }
            sl_pipeline_stats(bench.pipeline, &stats);
        }
    }
    assert_in_range(balance(&bench).encoded, 39, 41); /* 2 s at 20 */
    unmake(&bench);
}

static void wait_end(struct bench *bench, int wanted)
{
    int error = 77;
    while (!sl_pipeline_ended(bench->pipeline, &error))
        assert_true(sl_wake_wait(sl_pipeline_wake(bench->pipeline), PATIENCE));
    assert_int_equal(error, wanted);
}

static void the_end_comes_after_the_last_picture(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, false, 0);
    int error = 77;
    sl_pipeline_set_live(bench.pipeline, true);
    assert_false(sl_pipeline_ended(bench.pipeline, &error));
    permit(&bench, 1);
    WAIT(&bench, encoded, 1);
    end_with(&bench, 0);
    struct sl_access_unit unit;
    for (int i = 0; i < 100; i++)
        assert_false(sl_pipeline_ended(bench.pipeline, &error));
    while (!sl_pipeline_take_video(bench.pipeline, &unit))
        assert_true(sl_wake_wait(sl_pipeline_wake(bench.pipeline), PATIENCE));
    sl_pipeline_give_back(bench.pipeline, &unit);
    wait_end(&bench, 0);
    unmake(&bench);

    make(&bench, false, 0);
    end_with(&bench, -EIO);
    wait_end(&bench, -EIO);
    unmake(&bench);
}

/* The unit numbered `number` from 1 comes out as it went in. */
static void expect_unit(struct bench *bench, int number, bool key)
{
    struct sl_access_unit unit;
    uint8_t wanted[64];
    memset(wanted, number, sizeof(wanted));
    while (!sl_pipeline_take_video(bench->pipeline, &unit))
        assert_true(sl_wake_wait(sl_pipeline_wake(bench->pipeline), PATIENCE));
    assert_int_equal(unit.len, sizeof(wanted));
    assert_memory_equal(unit.data, wanted, sizeof(wanted));
    assert_int_equal(unit.key, key);
    assert_true(unit.captured == SL_SEC + (number - 1) * 20 * SL_MS);
    assert_true(unit.encode_time == 0);
    sl_pipeline_give_back(bench->pipeline, &unit);
}

static void units_pass_from_a_key_frame_on(void **state)
{
    (void)state;
    struct bench bench;
    make_encoded(&bench, &script_kind, 4);
    permit(&bench, 2); /* 1 and 2: nobody receives */
    WAIT(&bench, idle, 2);
    sl_pipeline_set_live(bench.pipeline, true);
    permit(&bench, 4); /* 5 is the next key frame */
    expect_unit(&bench, 5, true);
    expect_unit(&bench, 6, false);
    assert_int_equal(balance(&bench).keyless, 2);
    sl_pipeline_set_live(bench.pipeline, false);
    sl_pipeline_set_live(bench.pipeline, true); /* another one receives, who has not seen 5 */
    permit(&bench, 3);
    expect_unit(&bench, 9, true);
    sl_pipeline_request_key(bench.pipeline); /* cannot be fulfilled, and stops nothing */
    permit(&bench, 1);
    expect_unit(&bench, 10, false);
    const struct sl_pipeline_stats stats = balance(&bench);
    assert_int_equal(stats.keyless, 4);
    assert_int_equal(stats.encoded, 4);
    unmake(&bench);
}

/* The ninth finds no place: it and all that refers to it are left out. */
static void a_full_ring_leaves_units_out_up_to_a_key_frame(void **state)
{
    (void)state;
    struct bench bench;
    make_encoded(&bench, &script_kind, 12);
    sl_pipeline_set_live(bench.pipeline, true);
    permit(&bench, 9);
    WAIT(&bench, stalled, 1);
    for (int i = 1; i <= 8; i++)
        expect_unit(&bench, i, i == 1);
    permit(&bench, 5);
    expect_unit(&bench, 13, true);
    expect_unit(&bench, 14, false);
    const struct sl_pipeline_stats stats = balance(&bench);
    assert_int_equal(stats.stalled, 1);
    assert_int_equal(stats.keyless, 3);
    bench.script.unit_len = (size_t)3 << 20; /* more than any camera sends; never read */
    permit(&bench, 1);
    WAIT(&bench, failed, 1);
    unmake(&bench);
}

/* Shut for a moment it stops nothing; for longer, all up to a key frame that finds it open. */
static void a_shut_gate_leaves_units_out_up_to_a_key_frame(void **state)
{
    (void)state;
    struct bench bench;
    make_encoded(&bench, &script_kind, 4);
    sl_pipeline_set_live(bench.pipeline, true);
    permit(&bench, 1);
    expect_unit(&bench, 1, true);
    sl_pipeline_set_rate(bench.pipeline, SL_NEVER, 0);
    permit(&bench, 1);
    expect_unit(&bench, 2, false);
    assert_false(sl_halt_sleep(&bench.halt, sl_time_now() + 460 * SL_MS));
    permit(&bench, 1);
    WAIT(&bench, skipped_rate, 1);
    permit(&bench, 2); /* 5, a key frame, is left out too */
    WAIT(&bench, skipped_rate, 2);
    sl_pipeline_set_rate(bench.pipeline, 0, 0);
    permit(&bench, 4);
    expect_unit(&bench, 9, true);
    const struct sl_pipeline_stats stats = balance(&bench);
    assert_int_equal(stats.skipped_rate, 2);
    assert_int_equal(stats.keyless, 4);
    assert_int_equal(stats.encoded, 3);
    unmake(&bench);
}

static void a_source_that_can_be_asked_is_asked(void **state)
{
    (void)state;
    struct bench bench;
    make_encoded(&bench, &asked_kind, 1);
    permit(&bench, 1);
    WAIT(&bench, idle, 1);
    assert_int_equal(atomic_load(&bench.script.keys_asked), 0);
    sl_pipeline_set_live(bench.pipeline, true);
    permit(&bench, 1);
    expect_unit(&bench, 2, true);
    assert_int_equal(atomic_load(&bench.script.keys_asked), 1);
    permit(&bench, 1);
    expect_unit(&bench, 3, true);
    sl_pipeline_request_key(bench.pipeline);
    sl_pipeline_request_key(bench.pipeline);
    permit(&bench, 1);
    expect_unit(&bench, 4, true);
    assert_int_equal(atomic_load(&bench.script.keys_asked), 2);
    end_with(&bench, -EIO);
    wait_end(&bench, -EIO);
    unmake(&bench);
}

/* A key frame is asked for while nothing can be sent without one, but not for a shut gate. */
static void an_encoded_source_follows_the_link(void **state)
{
    (void)state;
    struct bench bench;
    make_encoded(&bench, &asked_kind, 4);
    permit(&bench, 1);
    WAIT(&bench, idle, 1);
    sl_pipeline_set_live(bench.pipeline, true);
    permit(&bench, 2);
    WAIT(&bench, keyless, 2);
    assert_int_equal(atomic_load(&bench.script.keys_asked), 3); /* one that the loop asked for */
    sl_pipeline_set_rate(bench.pipeline, SL_NEVER, 700000);
    permit(&bench, 1);
    WAIT(&bench, keyless, 3);
    assert_int_equal(atomic_load(&bench.script.keys_asked), 3);
    assert_int_equal(atomic_load(&bench.script.bitrate_bps), 700000);
    sl_pipeline_set_rate(bench.pipeline, 0, 0); /* as it is */
    permit(&bench, 1);
    expect_unit(&bench, 5, true);
    permit(&bench, 1);
    expect_unit(&bench, 6, false);
    assert_int_equal(atomic_load(&bench.script.keys_asked), 3);
    assert_int_equal(atomic_load(&bench.script.bitrate_bps), 700000);
    unmake(&bench);
}

/* Whether anybody watches or not. */
static void motion_is_told_of(void **state)
{
    (void)state;
    struct bench bench;
    struct sl_motion *motion;
    struct sl_motion_event event;
    const struct sl_motion_config config = {
        .width = SIDE, .height = SIDE, .sensitivity = 50, .min_area = 0.002, .first_id = 5};
    assert_int_equal(sl_motion_create(&motion, &config), 0);
    make_with(&bench, false, 0, motion);
    bench.script.square_from = 100;
    permit(&bench, 100);
    WAIT(&bench, captured, 100);
    assert_false(sl_pipeline_take_event(bench.pipeline, &event));
    permit(&bench, 50);
    for (int i = 0; i < 4; i++) {
        while (!sl_pipeline_take_event(bench.pipeline, &event))
            assert_true(sl_wake_wait(sl_pipeline_wake(bench.pipeline), PATIENCE));
        assert_int_equal(event.id, 5);
        assert_int_equal(event.state, SL_MOTION_GOES_ON);
        assert_true(event.map.rows[8]); /* the square's height */
        assert_int_equal(event.map.rows[3] | event.map.rows[14], 0);
    }
    balance(&bench);
    unmake(&bench);
    sl_motion_destroy(motion);
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* With the real synthetic sources, stopped at every stage of their life. */
static void starting_and_stopping_leaves_nothing(void **state)
{
    (void)state;
    int threads = 0, descriptors = 0;
    for (int i = 0; i < 50; i++) {
        struct bench bench = {0};
        assert_int_equal(sl_halt_init(&bench.halt), 0);
        make_encoders(&bench, true);
        bench.overlay = (struct sl_overlay){.time = true, .fps = true};
        struct sl_capture *capture = NULL;
        char why[256];
        const struct sl_capture_config config = {
            .size = {SIDE, SIDE}, .fps = 200, .name = "yard", .halt = &bench.halt};
        assert_int_equal(sl_capture_open(&capture, "test", &config, why, sizeof(why)), 0);
        make_pipeline(&bench, capture, 0);
        if (i % 3)
            sl_pipeline_set_live(bench.pipeline, true);
        if (i % 3 == 2) {
            WAIT(&bench, encoded, 2);
            WAIT(&bench, audio_packets, 1);
            struct sl_audio_packet packet;
            assert_true(sl_pipeline_take_audio(bench.pipeline, &packet));
            assert_in_range(packet.len, 3, SL_OPUS_PACKET_MAX);
            balance(&bench);
        }
        unmake(&bench);
        sl_capture_close(capture);
        if (i == 2) {
            threads = count_entries("/proc/self/task");
            descriptors = count_entries("/proc/self/fd");
        }
    }
    assert_int_equal(count_entries("/proc/self/task"), threads);
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
    sl_pipeline_destroy(NULL);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_is_key_and_on_request),
        cmocka_unit_test(a_slow_source_gets_its_key_frames),
        cmocka_unit_test(idle_drains),
        cmocka_unit_test(stored_sources_wait_for_an_audience),
        cmocka_unit_test(a_full_ring_leaves_pictures_out),
        cmocka_unit_test(a_shut_gate_leaves_pictures_out),
        cmocka_unit_test(the_encoder_is_told_of_a_new_rate),
        cmocka_unit_test(rate_limit_spreads_evenly),
        cmocka_unit_test(the_end_comes_after_the_last_picture),
        cmocka_unit_test(units_pass_from_a_key_frame_on),
        cmocka_unit_test(a_full_ring_leaves_units_out_up_to_a_key_frame),
        cmocka_unit_test(a_shut_gate_leaves_units_out_up_to_a_key_frame),
        cmocka_unit_test(a_source_that_can_be_asked_is_asked),
        cmocka_unit_test(an_encoded_source_follows_the_link),
        cmocka_unit_test(motion_is_told_of),
        cmocka_unit_test(starting_and_stopping_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
