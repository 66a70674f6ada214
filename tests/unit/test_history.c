/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "rtp/history.h"
#include "tests/support/alloc_count.h"

static struct sl_history *create(size_t slots)
{
    struct sl_history *history = NULL;
    assert_int_equal(sl_history_create(&history, slots), 0);
    return history;
}

static void put(struct sl_history *history, int64_t seq)
{
    uint8_t payload[8];
    memset(payload, (int)(seq & 0xff), sizeof(payload));
    const struct sl_rtp_packet packet = {
        .seq = seq, .pt = 5, .payload = payload, .payload_len = sizeof(payload)};
    sl_history_put(history, &packet, seq * SL_MS);
}

static void check_held(const struct sl_history *history, int64_t seq)
{
    sl_ns sent = 0;
    const struct sl_rtp_packet *packet = sl_history_get(history, seq, &sent);
    assert_non_null(packet);
    assert_true(packet->seq == seq);
    assert_int_equal(packet->payload_len, 8);
    assert_int_equal(packet->payload[7], (uint8_t)seq);
    assert_int_equal(sent, seq * SL_MS);
}

static void keeps_copies_of_the_last(void **state)
{
    (void)state;
    struct sl_history *history = create(5); /* becomes 8 */
    assert_null(sl_history_get(history, 0, NULL));
    for (int64_t seq = -3; seq < 100; seq++)
        put(history, seq);
    for (int64_t seq = 92; seq < 100; seq++)
        check_held(history, seq);
    assert_null(sl_history_get(history, 91, NULL));
    assert_null(sl_history_get(history, 100, NULL));
    sl_history_destroy(history);
}

static void fills_a_hole_within_reach_only(void **state)
{
    (void)state;
    struct sl_history *history = create(8);
    put(history, 10);
    put(history, 15);
    put(history, 12);
    check_held(history, 12);
    assert_null(sl_history_get(history, 11, NULL));
    put(history, 20); /* 12 and 20 share a slot */
    put(history, 12);
    check_held(history, 20);
    assert_null(sl_history_get(history, 12, NULL));
    sl_history_destroy(history);
}

static void refuses_what_nobody_could_send(void **state)
{
    (void)state;
    struct sl_history *history = create(8);
    static uint8_t big[SL_RTP_FOREIGN_MAX + 1];
    struct sl_rtp_packet packet = {.seq = 1, .payload = big, .payload_len = sizeof(big)};
    sl_history_put(history, &packet, 0);
    assert_null(sl_history_get(history, 1, NULL));
    packet.payload_len--;
    sl_history_put(history, &packet, 0);
    assert_non_null(sl_history_get(history, 1, NULL));
    sl_history_destroy(history);
}

static void refuses_silly_sizes(void **state)
{
    (void)state;
    struct sl_history *history = NULL;
    assert_int_equal(sl_history_create(&history, 0), -EINVAL);
    assert_int_equal(sl_history_create(&history, 65537), -EINVAL);
    assert_null(history);
    sl_history_destroy(NULL);
}

static void allocates_nothing_after_create(void **state)
{
    (void)state;
    struct sl_history *history = create(64);
    const uint64_t before = sl_alloc_count();
    for (int64_t seq = 0; seq < 1000; seq++) {
        put(history, seq);
        check_held(history, seq);
    }
    assert_int_equal(sl_alloc_count() - before, 0);
    sl_history_destroy(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_copies_of_the_last),
        cmocka_unit_test(fills_a_hole_within_reach_only),
        cmocka_unit_test(refuses_what_nobody_could_send),
        cmocka_unit_test(refuses_silly_sizes),
        cmocka_unit_test(allocates_nothing_after_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
