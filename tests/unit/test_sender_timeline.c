/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sender/timeline.h"

#define HZ 90000
#define STEP 3600 /* 25 pictures a second */
#define SPAN (40 * SL_MS)

/* The camera's NTP time of a moment, its wall clock being a day ahead of our clock. */
static uint64_t ntp(sl_ns at)
{
    at += 86400 * SL_SEC;
    return (uint64_t)(at / SL_SEC) << 32 | (((uint64_t)(at % SL_SEC) << 32) / SL_SEC);
}

static void the_first_is_as_it_came(void **state)
{
    (void)state;
    struct sl_timeline line;
    sl_timeline_init(&line, HZ);
    assert_true(sl_timeline_place(&line, NULL, 0xfffffff0u, SL_SEC) == SL_SEC);
    assert_true(sl_timeline_place(&line, NULL, STEP - 16, SL_SEC + SPAN) == SL_SEC + SPAN);
}

/* Arrivals shaken by up to 30 ms: what comes out is as even as the timestamps are. */
static void jitter_is_taken_out(void **state)
{
    (void)state;
    struct sl_timeline line;
    sl_ns last = 0;
    unsigned seed = 1;
    sl_timeline_init(&line, HZ);
    for (int i = 0; i < 1000; i++) {
        const sl_ns sent = SL_SEC + i * SPAN;
        const sl_ns arrival = sent + 2 * SL_MS + rand_r(&seed) % 31 * SL_MS;
        const sl_ns at = sl_timeline_place(&line, NULL, (uint32_t)i * STEP, arrival);
        assert_true(at <= arrival);
        if (i > 100) {
            assert_true(at >= sent + 2 * SL_MS && at <= sent + 3 * SL_MS);
            assert_true(at - last >= SPAN - SL_MS && at - last <= SPAN + SL_MS);
        }
        last = at;
    }
}

/* A camera's clock that runs 100 ppm fast: an hour later it is not 360 ms off. */
static void drift_is_followed(void **state)
{
    (void)state;
    struct sl_timeline line;
    sl_timeline_init(&line, HZ);
    for (int i = 0; i < 90000; i++) {
        const sl_ns arrival = SL_SEC + (sl_ns)((double)i * (double)SPAN * (1 - 100e-6));
        const sl_ns at = sl_timeline_place(&line, NULL, (uint32_t)i * STEP, arrival);
        assert_true(at <= arrival && arrival - at < 5 * SL_MS);
    }
}

/* Sound leaves the camera at once, pictures 80 ms later: by the reports they fall together. */
static void picture_and_sound_fall_together(void **state)
{
    (void)state;
    struct sl_timeline video, sound;
    sl_timeline_init(&video, HZ);
    sl_timeline_init(&sound, 8000);
    sl_ns seen = 0, heard = 0;
    for (int i = 0; i < 100; i++) {
        const sl_ns taken = SL_SEC + i * SPAN;
        seen = sl_timeline_place(&video, &sound, 5000u + (uint32_t)i * STEP, taken + 80 * SL_MS);
        heard = sl_timeline_place(&sound, &video, 99u + (uint32_t)i * 320, taken + SL_MS);
        assert_true(heard == taken + SL_MS);
        assert_true(seen == taken + (i < 51 ? 80 : 1) * SL_MS);
        if (i == 50) {
            sl_timeline_report(&video, ntp(taken), 5000u + (uint32_t)i * STEP);
            sl_timeline_report(&sound, ntp(taken), 99u + (uint32_t)i * 320);
        }
    }
    /* A report that is a minute off is not believed. */
    sl_timeline_report(&sound, ntp(SL_SEC + 100 * SPAN + 60 * SL_SEC), 99u + 100 * 320);
    seen = sl_timeline_place(&video, &sound, 5000u + 100 * STEP, SL_SEC + 100 * SPAN + 80 * SL_MS);
    assert_true(seen == SL_SEC + 100 * SPAN + 80 * SL_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_as_it_came),
        cmocka_unit_test(jitter_is_taken_out),
        cmocka_unit_test(drift_is_followed),
        cmocka_unit_test(picture_and_sound_fall_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
