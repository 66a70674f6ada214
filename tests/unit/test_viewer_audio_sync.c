/* SPDX-License-Identifier: MIT */
#include "viewer/audio_sync.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PACKET (20 * SL_MS)
#define CALLBACK (10 * SL_MS)

/*
 * A day of sound in virtual time. A sender whose clock is `ppm` fast captures 20 ms a packet; the
 * network takes 5 ms and up to `jitter` more; the sound card asks for 10 ms each 10 ms. The picture
 * is `picture_age` old.
 */
struct day {
    sl_ns picture_age, jitter;
    int ppm;
    sl_ns length;
    /* results, after the first minute */
    sl_ns skew_max, skew_min; /* sound behind its picture */
    int dry;                  /* callbacks without enough sound */
    int jumps;
};

#define WAITING_MAX 256

struct line {
    const struct day *day;
    int64_t made, taken;
    sl_ns captured[WAITING_MAX], arrives[WAITING_MAX];
};

/* Lets everything that has arrived by `now` wait in line. */
static void arrive(struct line *line, sl_ns now)
{
    const double second = 1 - line->day->ppm * 1e-6; /* that the sender's seconds take */
    for (;;) {
        const sl_ns captured = (sl_ns)((double)(line->made * PACKET) * second);
        if (captured + PACKET + 5 * SL_MS > now)
            return;
        const int at = (int)(line->made++ % WAITING_MAX);
        assert_true(line->made - line->taken < WAITING_MAX);
        line->captured[at] = captured;
        line->arrives[at] =
            captured + PACKET + 5 * SL_MS + (line->day->jitter ? rand() % line->day->jitter : 0);
    }
}

static bool there(const struct line *line, sl_ns now)
{
    return line->taken < line->made && line->arrives[line->taken % WAITING_MAX] <= now;
}

static sl_ns waiting(const struct line *line, sl_ns now)
{
    int64_t count = 0;
    while (line->taken + count < line->made &&
           line->arrives[(line->taken + count) % WAITING_MAX] <= now)
        count++;
    return count * PACKET;
}

static void note(struct day *day, sl_ns now, sl_ns late, sl_ns skip)
{
    if (now < 60 * SL_SEC)
        return;
    day->jumps += skip != 0;
    day->skew_max = late > day->skew_max ? late : day->skew_max;
    day->skew_min = late < day->skew_min ? late : day->skew_min;
}

static void live_through(struct day *day)
{
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    struct line line = {.day = day};
    sl_ns queued = 0;
    day->skew_min = SL_SEC;
    day->skew_max = -SL_SEC;
    srand(5);
    for (sl_ns now = 0; now < day->length; now += CALLBACK) {
        arrive(&line, now);
        while (queued < CALLBACK && there(&line, now)) {
            const sl_ns age = now + queued - line.captured[line.taken++ % WAITING_MAX];
            const sl_ns late = age - day->picture_age;
            const struct sl_audio_step step = sl_audio_sync_step(&sync, late);
            note(day, now, late, step.skip);
            queued += (sl_ns)((double)PACKET / (1 + step.ppm * 1e-6)) - step.skip;
            if (queued < 0)
                queued = 0;
        }
        if (queued < CALLBACK && now > 60 * SL_SEC)
            day->dry++;
        queued = queued > CALLBACK ? queued - CALLBACK : 0;
        sl_audio_sync_left(&sync, queued + waiting(&line, now));
    }
}

static void test_a_day_of_drift_stays_in_step(void **state)
{
    (void)state;
    const int drifts[] = {-200, 0, 200};
    for (size_t i = 0; i < SL_COUNT(drifts); i++) {
        struct day day = {.picture_age = 120 * SL_MS,
                          .jitter = 8 * SL_MS,
                          .ppm = drifts[i],
                          .length = 24 * 3600 * SL_SEC};
        live_through(&day);
        assert_true(day.skew_max < 40 * SL_MS);
        assert_true(day.skew_min > -40 * SL_MS);
        assert_int_equal(day.jumps, 0);
    }
}

static void test_never_hurried_until_it_runs_dry(void **state)
{
    (void)state;
    /* The picture is younger than sound can ever be. */
    struct day day = {
        .picture_age = 8 * SL_MS, .jitter = 8 * SL_MS, .ppm = 200, .length = 3600 * SL_SEC};
    live_through(&day);
    assert_true(day.skew_max < 60 * SL_MS);
    assert_true(day.dry < 3600 * 100 / 500); /* of 360,000 callbacks */
    assert_int_equal(day.jumps, 0);
}

static void test_far_apart_jumps_at_once(void **state)
{
    (void)state;
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    struct sl_audio_step step = sl_audio_sync_step(&sync, -400 * SL_MS);
    assert_true(step.skip == -400 * SL_MS);
    assert_int_equal(step.ppm, 0);
    sl_audio_sync_init(&sync);
    sl_audio_sync_left(&sync, 500 * SL_MS);
    step = sl_audio_sync_step(&sync, 400 * SL_MS);
    assert_true(step.skip == 400 * SL_MS);
    /* but not beyond what there is */
    sl_audio_sync_init(&sync);
    sl_audio_sync_left(&sync, 10 * SL_MS);
    step = sl_audio_sync_step(&sync, 400 * SL_MS);
    assert_true(step.skip == 0);
}

static void test_one_late_picture_is_no_reason_to_jump(void **state)
{
    (void)state;
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    for (int i = 0; i < 100; i++) {
        const struct sl_audio_step step = sl_audio_sync_step(&sync, i % 50 == 25 ? -90 * SL_MS : 0);
        assert_true(step.skip == 0);
    }
    int packets = 0;
    while (sl_audio_sync_step(&sync, -90 * SL_MS).skip == 0)
        packets++;
    assert_in_range(packets, 5, 25); /* half a second at most */
}

/* Packets of which each time so much is left, and nothing says how late they are. */
static struct sl_audio_step steps(struct sl_audio_sync *sync, int packets, sl_ns left, sl_ns late)
{
    struct sl_audio_step step = {0};
    for (int i = 0; i < packets; i++) {
        sl_audio_sync_left(sync, left);
        step = sl_audio_sync_step(sync, late);
    }
    return step;
}

static void test_without_capture_times_the_queue_is_kept_short(void **state)
{
    (void)state;
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    assert_int_equal(steps(&sync, 200, 60 * SL_MS, SL_NEVER).ppm, SL_AUDIO_SPEED_MAX_PPM);
    assert_int_equal(steps(&sync, 200, SL_AUDIO_RESERVE, SL_NEVER).ppm, 0);
}

static void test_with_less_than_the_reserve_left_it_slows_down(void **state)
{
    (void)state;
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    assert_true(steps(&sync, 200, SL_MS, 100 * SL_MS).ppm < 0);
    assert_true(steps(&sync, 200, 20 * SL_MS, 100 * SL_MS).ppm > 0);
}

static void test_the_least_that_was_left_counts_for_a_while(void **state)
{
    (void)state;
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    steps(&sync, 200, 20 * SL_MS, 20 * SL_MS);
    sl_audio_sync_left(&sync, SL_AUDIO_RESERVE);
    assert_int_equal(steps(&sync, SL_AUDIO_LEFT_PACKETS - 1, 20 * SL_MS, 20 * SL_MS).skip, 0);
    const double before = sync.error;
    steps(&sync, 1, 20 * SL_MS, 20 * SL_MS);
    assert_true(sync.error < before); /* still working towards the reserve */
    assert_true(steps(&sync, 2 * SL_AUDIO_LEFT_PACKETS, 20 * SL_MS, 20 * SL_MS).ppm > 0);
}

static void test_a_packet_that_was_missed_adds_to_the_reserve(void **state)
{
    (void)state;
    struct sl_audio_sync sync;
    sl_audio_sync_init(&sync);
    sl_audio_sync_missed(&sync, 10 * SL_MS);
    /* 14 ms are kept, where nothing says how late sound is, or it is not late by that. */
    assert_int_equal(steps(&sync, 100, 14 * SL_MS, SL_NEVER).ppm, 0);
    assert_int_equal(steps(&sync, 100, 14 * SL_MS, 20 * SL_MS).ppm, 0);
    /* It would be: only the plain reserve is kept. */
    assert_true(steps(&sync, 100, 14 * SL_MS, 60 * SL_MS).ppm > 0);
    /* In time it is forgotten. */
    assert_true(steps(&sync, 100000, 14 * SL_MS, SL_NEVER).ppm > 0);
    for (int i = 0; i < 100; i++)
        sl_audio_sync_missed(&sync, SL_SEC);
    assert_true(steps(&sync, 200, SL_AUDIO_RESERVE_MAX + 10 * SL_MS, SL_NEVER).ppm > 0);
}

static void test_stretching_keeps_the_tone(void **state)
{
    (void)state;
    const int ppms[] = {0, 5000, -5000, 137};
    for (size_t p = 0; p < SL_COUNT(ppms); p++) {
        struct sl_audio_sync sync;
        sl_audio_sync_init(&sync);
        int16_t in[960 * 2], out[SL_AUDIO_STRETCHED_MAX(960) * 2];
        int64_t total = 0;
        int16_t last = 0;
        for (int block = 0; block < 500; block++) {
            for (int i = 0; i < 960; i++) {
                const double t = (block * 960 + i) / 48000.;
                in[2 * i] = (int16_t)(10000 * sin(2 * 3.14159265 * 200 * t));
                in[2 * i + 1] = (int16_t)-in[2 * i];
            }
            const int made = sl_audio_stretch(&sync, in, 960, ppms[p], out);
            assert_true(made <= SL_AUDIO_STRETCHED_MAX(960));
            for (int i = 0; i < made; i++) {
                /* 200 Hz at 10000 changes by at most 262 a sample: no clicks at the seams */
                assert_true(abs(out[2 * i] - last) < 280);
                assert_true(abs(out[2 * i] + out[2 * i + 1]) <= 1);
                last = out[2 * i];
            }
            total += made;
        }
        const double wanted = 500 * 960 / (1 + ppms[p] * 1e-6);
        assert_true(fabs((double)total - wanted) < 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_of_drift_stays_in_step),
        cmocka_unit_test(test_never_hurried_until_it_runs_dry),
        cmocka_unit_test(test_far_apart_jumps_at_once),
        cmocka_unit_test(test_one_late_picture_is_no_reason_to_jump),
        cmocka_unit_test(test_without_capture_times_the_queue_is_kept_short),
        cmocka_unit_test(test_with_less_than_the_reserve_left_it_slows_down),
        cmocka_unit_test(test_the_least_that_was_left_counts_for_a_while),
        cmocka_unit_test(test_a_packet_that_was_missed_adds_to_the_reserve),
        cmocka_unit_test(test_stretching_keeps_the_tone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
