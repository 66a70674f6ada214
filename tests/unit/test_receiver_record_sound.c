/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver/record_sound.h"

#define PATIENCE (2 * SL_SEC)

static struct sl_record_sound sound;

static void put(int64_t seq, sl_ns now)
{
    static const uint8_t opus[] = {0x78, 1, 2}; /* 20 ms */
    const struct sl_rtp_packet packet = {.seq = seq, .payload = opus, .payload_len = sizeof(opus)};
    sl_record_sound_put(&sound, &packet, SL_NEVER, now);
}

/* The number of the next one, -1: none yet. */
static int64_t take(sl_ns now)
{
    const struct sl_record_sound_packet *packet = sl_record_sound_peek(&sound, now, PATIENCE);
    if (!packet)
        return -1;
    const int64_t seq = packet->seq;
    sl_record_sound_take(&sound);
    return seq;
}

static void begin(void)
{
    sound = (struct sl_record_sound){0};
    sl_record_sound_init(&sound);
}

static void packets_come_out_in_order(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(0), -1);
    put(65535, 0);
    put(65537, 1);
    put(65537, 1);
    assert_int_equal(take(1), 65535);
    assert_int_equal(take(1), -1);
    put(65536, 2);
    put(65535, 2); /* again, too late */
    assert_int_equal(take(2), 65536);
    assert_int_equal(take(2), 65537);
    assert_int_equal(take(2), -1);
    assert_int_equal(sound.duplicate, 1);
    assert_int_equal(sound.late, 1);
    assert_int_equal(sound.missing, 0);
    assert_int_equal(sound.offered, sound.given + sound.duplicate + sound.late + sound.refused);
}

static void what_is_missing_is_waited_for(void **state)
{
    (void)state;
    begin();
    put(1, 0);
    put(4, SL_SEC);
    assert_int_equal(take(SL_SEC), 1);
    assert_int_equal(take(SL_SEC + PATIENCE - 1), -1);
    assert_int_equal(take(SL_SEC + PATIENCE), 4);
    assert_int_equal(sound.missing, 2);
}

static void a_jump_far_ahead_gives_up_what_is_before(void **state)
{
    (void)state;
    begin();
    put(1, 0);
    put(2, 0);
    put(1000000, 0);
    assert_int_equal(take(PATIENCE), 1000000);
    assert_int_equal(sound.refused, 2);
}

static void what_is_not_opus_is_left_out(void **state)
{
    (void)state;
    static const uint8_t bad[] = {0x7b, 63}; /* 63 frames of 20 ms */
    const struct sl_rtp_packet padding = {.seq = 2};
    const struct sl_rtp_packet junk = {.seq = 3, .payload = bad, .payload_len = sizeof(bad)};
    begin();
    put(1, 0);
    sl_record_sound_put(&sound, &padding, SL_NEVER, 0);
    sl_record_sound_put(&sound, &junk, SL_NEVER, 0);
    put(4, 0);
    assert_int_equal(take(0), 1);
    assert_int_equal(take(0), 4);
    assert_int_equal(sound.refused, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_come_out_in_order),
        cmocka_unit_test(what_is_missing_is_waited_for),
        cmocka_unit_test(a_jump_far_ahead_gives_up_what_is_before),
        cmocka_unit_test(what_is_not_opus_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
