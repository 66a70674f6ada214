/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/moments.h"

#define FROM (100 * SL_SEC) /* when the window began */
#define PERIOD (33 * SL_MS)
#define FRAMES 20
#define FIRST 5 /* number of the first frame in the window */
#define AGE (9 * SL_MS)

/* A path on which every stage of frame i of camera c takes a known time. */
struct site {
    struct sl_round_result result;
    struct sl_moments_traces traces;
    struct sl_tally_frame frames[SL_ROUND_CAMERAS_MAX][FRAMES];
};

static void note(struct sl_moments_trace *trace, enum sl_trace_stage stage, uint64_t frame,
                 uint32_t value, sl_ns at)
{
    trace->records[trace->count++] =
        (struct sl_trace_record){.frame = frame, .at = at, .stage = stage, .value = value};
}

static sl_ns handed_at(int camera, int number)
{
    return FROM + (number - FIRST) * PERIOD + camera * SL_MS;
}

/* What frames are known by: near the end of the numbers, so that they wrap. */
static uint32_t rtp_of(int camera, int number)
{
    return (uint32_t)(-8000 + camera * 1000000 + number * 2970);
}

static void note_sender(struct site *site, int camera, int number)
{
    struct sl_moments_trace *sender = &site->traces.sender[camera];
    const sl_ns handed = handed_at(camera, number);
    const uint64_t captured = (uint64_t)(handed + 900 * SL_US);
    note(sender, SL_TRACE_CAPTURED, captured, 0, handed + SL_MS);
    if (number < 2) /* nobody received yet */
        return;
    note(sender, SL_TRACE_ENCODE_BEGUN, captured, 0, handed + SL_MS + 10 * SL_US);
    note(sender, SL_TRACE_ENCODED, captured, 0, handed + 4 * SL_MS);
    note(sender, SL_TRACE_SENT, captured, rtp_of(camera, number), handed + 4200 * SL_US);
}

static void note_rest(struct site *site, int camera, int number)
{
    struct sl_moments_trace *receiver = &site->traces.receiver, *viewer = &site->traces.viewer;
    const sl_ns handed = handed_at(camera, number);
    const uint32_t rtp = rtp_of(camera, number);
    note(receiver, SL_TRACE_RELAY_IN, rtp, 0, handed + 4300 * SL_US);
    note(receiver, SL_TRACE_RELAY_OUT, rtp, 0, handed + 4350 * SL_US);
    note(viewer, SL_TRACE_ARRIVED, rtp, 0, handed + 4500 * SL_US);
    note(viewer, SL_TRACE_RELEASED, rtp, 0, handed + 4550 * SL_US);
    note(viewer, SL_TRACE_DECODE_BEGUN, rtp, 0, handed + 4600 * SL_US);
    note(viewer, SL_TRACE_DECODED, rtp, 0, handed + 6 * SL_MS);
    note(viewer, SL_TRACE_PAINT_BEGUN, rtp, 0, handed + 6100 * SL_US);
    note(viewer, SL_TRACE_PAINTED, rtp, 0, handed + 7 * SL_MS);
    note(viewer, SL_TRACE_PRESENTED, rtp, 0, handed + 8 * SL_MS);
    note(viewer, SL_TRACE_PRESENTED, rtp, 0, handed + 20 * SL_MS); /* and again, anew */
}

static int make_site(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    const size_t room = SL_ROUND_CAMERAS_MAX * (FIRST + FRAMES) * 12;
    site->result.cameras = SL_ROUND_CAMERAS_MAX;
    site->traces.receiver.records = calloc(room, sizeof(struct sl_trace_record));
    site->traces.viewer.records = calloc(room, sizeof(struct sl_trace_record));
    for (int c = 0; c < SL_ROUND_CAMERAS_MAX; c++) {
        struct sl_tally_result *tally = &site->result.camera[c].tally;
        site->traces.sender[c].records = calloc(room, sizeof(struct sl_trace_record));
        tally->frames = malloc(sizeof(site->frames[c]));
        for (int i = 0; i < FIRST + FRAMES; i++) {
            note_sender(site, c, i);
            if (i >= 2)
                note_rest(site, c, i);
        }
        for (int i = 0; i < FRAMES; i++) {
            const sl_ns handed = handed_at(c, FIRST + i) - FROM;
            tally->frames[i] = (struct sl_tally_frame){(uint32_t)(FIRST + i), handed, handed + AGE};
        }
        tally->handed = tally->shown = FRAMES;
    }
    *state = site;
    return 0;
}

static int free_site(void **state)
{
    struct site *site = *state;
    sl_round_free(&site->result);
    for (int c = 0; c < SL_ROUND_CAMERAS_MAX; c++)
        free(site->traces.sender[c].records);
    free(site->traces.receiver.records);
    free(site->traces.viewer.records);
    free(site);
    return 0;
}

static struct sl_trace_record *record(struct sl_moments_trace *trace, enum sl_trace_stage stage,
                                      uint64_t frame)
{
    for (size_t i = 0; i < trace->count; i++)
        if (trace->records[i].stage == stage && trace->records[i].frame == frame)
            return &trace->records[i];
    fail();
    return NULL;
}

/* Stages are the whole, each frame. */
static void adds_up(const struct sl_round_result *result)
{
    for (size_t i = 0; i < result->traced; i++) {
        sl_ns sum = 0;
        for (int s = 0; s < SL_STAGES; s++) {
            assert_true(result->stage[s][i] >= 0);
            sum += result->stage[s][i];
        }
        assert_int_equal(sum, result->total[i]);
        assert_true(!i || result->handed[i] >= result->handed[i - 1]);
    }
}

static void every_stage(void **state)
{
    static const sl_ns wanted[SL_STAGES] = {
        [SL_STAGE_CAPTURE] = SL_MS,
        [SL_STAGE_ENCODE] = 3 * SL_MS,
        [SL_STAGE_PACKETISE] = 200 * SL_US,
        [SL_STAGE_NETWORK] = 250 * SL_US,
        [SL_STAGE_RELAY] = 50 * SL_US,
        [SL_STAGE_BUFFER] = 100 * SL_US,
        [SL_STAGE_DECODE] = 1400 * SL_US,
        [SL_STAGE_PRESENT] = 2 * SL_MS,
        [SL_STAGE_SEEN] = SL_MS,
    };
    struct site *site = *state;
    assert_int_equal(sl_moments_fill(&site->result, &site->traces, FROM), 0);
    assert_int_equal(site->result.traced, SL_ROUND_CAMERAS_MAX * FRAMES);
    assert_int_equal(site->result.untraced, 0);
    adds_up(&site->result);
    for (size_t i = 0; i < site->result.traced; i++) {
        assert_int_equal(site->result.total[i], AGE);
        for (int s = 0; s < SL_STAGES; s++) {
            assert_int_equal(site->result.stage[s][i], wanted[s]);
            assert_non_null(sl_stage_names[s]);
        }
    }
}

/* Who hands over may note it after whoever gets it. */
static void handed_over_before_it_is_noted(void **state)
{
    struct site *site = *state;
    const sl_ns handed = handed_at(0, 7);
    record(&site->traces.sender[0], SL_TRACE_SENT, (uint64_t)(handed + 900 * SL_US))->at =
        handed + 4320 * SL_US;
    record(&site->traces.receiver, SL_TRACE_RELAY_OUT, rtp_of(0, 7))->at = handed + 4590 * SL_US;
    record(&site->traces.viewer, SL_TRACE_PRESENTED, rtp_of(0, 7))->at = handed + AGE + SL_US;
    assert_int_equal(sl_moments_fill(&site->result, &site->traces, FROM), 0);
    assert_int_equal(site->result.untraced, 0);
    adds_up(&site->result);
    const size_t at = (7 - FIRST) * SL_ROUND_CAMERAS_MAX;
    assert_int_equal(site->result.handed[at], handed - FROM);
    assert_int_equal(site->result.stage[SL_STAGE_PACKETISE][at], 300 * SL_US);
    assert_int_equal(site->result.stage[SL_STAGE_NETWORK][at], 0);
    assert_int_equal(site->result.stage[SL_STAGE_RELAY][at], 200 * SL_US);
    assert_int_equal(site->result.stage[SL_STAGE_PRESENT][at], 3 * SL_MS);
    assert_int_equal(site->result.stage[SL_STAGE_SEEN][at], 0);
}

/* The viewer began to read before the receiver had the last packet of a paced frame. */
static void arrived_as_of_the_begin_of_reading(void **state)
{
    struct site *site = *state;
    record(&site->traces.viewer, SL_TRACE_ARRIVED, rtp_of(0, 7))->at =
        handed_at(0, 7) + 4250 * SL_US;
    assert_int_equal(sl_moments_fill(&site->result, &site->traces, FROM), 0);
    assert_int_equal(site->result.untraced, 0);
    adds_up(&site->result);
}

static void what_is_missing_or_backwards_is_counted(void **state)
{
    struct site *site = *state;
    /* Not noted; noted, but out of order; not shown at all, which is another thing. */
    record(&site->traces.viewer, SL_TRACE_DECODE_BEGUN, rtp_of(1, 8))->stage = 0;
    record(&site->traces.sender[2], SL_TRACE_SENT, (uint64_t)(handed_at(2, 9) + 900 * SL_US))
        ->stage = SL_TRACE_ENCODED;
    record(&site->traces.receiver, SL_TRACE_RELAY_IN, rtp_of(3, 10))->at = handed_at(3, 10);
    record(&site->traces.viewer, SL_TRACE_DECODED, rtp_of(4, 11))->at = handed_at(4, 11);
    site->result.camera[5].tally.frames[3].seen = SL_NEVER;
    site->result.camera[5].tally.shown--;
    assert_int_equal(sl_moments_fill(&site->result, &site->traces, FROM), 0);
    assert_int_equal(site->result.untraced, 4);
    assert_int_equal(site->result.traced, SL_ROUND_CAMERAS_MAX * FRAMES - 5);
    adds_up(&site->result);
}

/* A picture that the sender did not read shifts all after it: they do not fit any more. */
static void a_frame_is_not_taken_for_another(void **state)
{
    struct site *site = *state;
    struct sl_moments_trace *sender = &site->traces.sender[0];
    struct sl_trace_record *lost =
        record(sender, SL_TRACE_CAPTURED, (uint64_t)(handed_at(0, 12) + 900 * SL_US));
    memmove(lost, lost + 1, (size_t)(sender->records + sender->count - lost - 1) * sizeof(*lost));
    sender->count--;
    assert_int_equal(sl_moments_fill(&site->result, &site->traces, FROM), 0);
    assert_int_equal(site->result.untraced, FIRST + FRAMES - 12);
}

static void nothing_noted(void **state)
{
    struct site *site = *state;
    for (int c = 0; c < SL_ROUND_CAMERAS_MAX; c++)
        site->traces.sender[c].count = 0;
    site->traces.receiver.count = site->traces.viewer.count = 0;
    assert_int_equal(sl_moments_fill(&site->result, &site->traces, FROM), 0);
    assert_int_equal(site->result.traced, 0);
    assert_int_equal(site->result.untraced, SL_ROUND_CAMERAS_MAX * FRAMES);
    assert_null(site->result.total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_stage, make_site, free_site),
        cmocka_unit_test_setup_teardown(handed_over_before_it_is_noted, make_site, free_site),
        cmocka_unit_test_setup_teardown(arrived_as_of_the_begin_of_reading, make_site, free_site),
        cmocka_unit_test_setup_teardown(what_is_missing_or_backwards_is_counted, make_site,
                                        free_site),
        cmocka_unit_test_setup_teardown(a_frame_is_not_taken_for_another, make_site, free_site),
        cmocka_unit_test_setup_teardown(nothing_noted, make_site, free_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
