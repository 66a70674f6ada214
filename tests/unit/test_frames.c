/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session/frames.h"

#define START (1000 * SL_SEC)
#define FRAME (33 * SL_MS)
#define SIZE 4

/* Packet `index` of frame `number`, of SIZE each. */
static void packet(struct sl_frames *frames, int64_t number, int index, enum sl_frame_packet how)
{
    sl_frames_packet(frames, number * SIZE + index, (uint32_t)number * 3000, index == SIZE - 1, how,
                     false, START + number * FRAME);
}

static void frame(struct sl_frames *frames, int64_t number)
{
    for (int i = 0; i < SIZE; i++)
        packet(frames, number, i, SL_FRAME_PLAIN);
}

static void expect(struct sl_frames *frames, uint32_t whole, uint32_t by_fec, uint32_t by_resend,
                   uint32_t lost)
{
    sl_frames_settle(frames, START + 1000 * SL_SEC);
    assert_int_equal(frames->count, 0);
    assert_int_equal(frames->whole, whole);
    assert_int_equal(frames->by_fec, by_fec);
    assert_int_equal(frames->by_resend, by_resend);
    assert_int_equal(frames->lost, lost);
}

static void each_is_what_its_worst_packet_was(void **state)
{
    (void)state;
    struct sl_frames frames = {0};
    frame(&frames, 1);
    for (int i = 0; i < SIZE; i++)
        packet(&frames, 2, i, i == 1 ? SL_FRAME_BY_FEC : SL_FRAME_PLAIN);
    for (int i = 0; i < SIZE; i++)
        packet(&frames, 3, i, i == 1 ? SL_FRAME_BY_RESEND : i == 2 ? SL_FRAME_BY_FEC : 0);
    packet(&frames, 4, 0, SL_FRAME_PLAIN); /* no end */
    frame(&frames, 5);
    expect(&frames, 2, 1, 1, 1);
}

static void one_of_which_nothing_came_is_lost(void **state)
{
    (void)state;
    struct sl_frames frames = {0};
    frame(&frames, 1);
    frame(&frames, 3);
    frame(&frames, 4);
    expect(&frames, 3, 0, 0, 1);
}

static void is_judged_only_when_repair_is_over(void **state)
{
    (void)state;
    struct sl_frames frames = {0};
    frame(&frames, 1);
    packet(&frames, 3, 0, SL_FRAME_PLAIN);
    frame(&frames, 4);
    frame(&frames, 2); /* all of it restored, after newer ones */
    packet(&frames, 3, 3, SL_FRAME_PLAIN);
    packet(&frames, 3, 1, SL_FRAME_BY_FEC);
    sl_frames_settle(&frames, START + 300 * SL_MS);
    assert_int_equal(frames.whole + frames.lost, 0);
    packet(&frames, 3, 2, SL_FRAME_BY_RESEND);
    expect(&frames, 3, 0, 1, 0);
    packet(&frames, 2, 0, SL_FRAME_BY_RESEND); /* after the verdict */
    expect(&frames, 3, 0, 1, 0);
}

static void holds_no_more_than_it_can(void **state)
{
    (void)state;
    struct sl_frames frames = {0};
    for (int64_t number = 0; number < 500; number++) /* all within one moment, across the wrap */
        for (int i = 0; i < SIZE; i++)
            sl_frames_packet(&frames, number * SIZE + i, (uint32_t)number * 3000 - 600000,
                             i == SIZE - 1, SL_FRAME_PLAIN, number % 10 == 0, START);
    assert_int_equal(frames.count, SL_FRAMES_HELD);
    assert_int_equal(frames.whole, 500 - SL_FRAMES_HELD);
    sl_frames_restart(&frames);
    expect(&frames, 500, 0, 0, 0);
    assert_int_equal(frames.late, 50);
    frame(&frames, 9); /* another stream: nothing is missing between them */
    expect(&frames, 501, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_what_its_worst_packet_was),
        cmocka_unit_test(one_of_which_nothing_came_is_lost),
        cmocka_unit_test(is_judged_only_when_repair_is_over),
        cmocka_unit_test(holds_no_more_than_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
