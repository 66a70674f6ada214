/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "receiver/limiter.h"
#include "tests/support/alloc_count.h"

static struct sl_addr addr_of(const char *text)
{
    struct sl_addr addr;
    assert_int_equal(sl_addr_parse(&addr, text), 0);
    return addr;
}

static struct sl_limiter *make(uint32_t burst, uint32_t per_sec, uint32_t hosts)
{
    struct sl_limiter *limiter = NULL;
    const struct sl_limiter_config config = {.burst = burst, .per_sec = per_sec, .hosts = hosts};
    assert_int_equal(sl_limiter_create(&limiter, &config), 0);
    return limiter;
}

static void check_balance(const struct sl_limiter *limiter)
{
    struct sl_limiter_stats s;
    sl_limiter_stats(limiter, &s);
    assert_int_equal(s.offered, s.allowed + s.refused);
}

static void test_burst_then_rate(void **state)
{
    (void)state;
    struct sl_limiter *limiter = make(10, 5, 64);
    const struct sl_addr a = addr_of("192.0.2.1:5000"), port = addr_of("192.0.2.1:6000");
    const sl_ns start = 1000 * SL_SEC;
    for (int i = 0; i < 10; i++)
        assert_true(sl_limiter_take(limiter, i % 2 ? &a : &port, start));
    assert_false(sl_limiter_take(limiter, &a, start)); /* the eleventh */
    int allowed = 0;
    for (int ms = 0; ms < 10000; ms++)
        allowed += sl_limiter_take(limiter, &a, start + ms * SL_MS);
    assert_in_range(allowed, 49, 50);
    /* After a rest, a burst again and no more than that. */
    allowed = 0;
    for (int i = 0; i < 100; i++)
        allowed += sl_limiter_take(limiter, &a, start + 3600 * SL_SEC);
    assert_int_equal(allowed, 10);
    check_balance(limiter);
    sl_limiter_destroy(limiter);
}

static void test_ipv6_counts_by_network(void **state)
{
    (void)state;
    struct sl_limiter *limiter = make(2, 1, 64);
    const struct sl_addr a = addr_of("[2001:db8:1:2::1]:1"), b = addr_of("[2001:db8:1:2:9::7]:1"),
                         c = addr_of("[2001:db8:1:3::1]:1");
    assert_true(sl_limiter_take(limiter, &a, 0));
    assert_true(sl_limiter_take(limiter, &b, 0));
    assert_false(sl_limiter_take(limiter, &a, 0));
    assert_false(sl_limiter_take(limiter, &b, 0));
    assert_true(sl_limiter_take(limiter, &c, 0));
    sl_limiter_destroy(limiter);
}

static void test_a_flood_from_everywhere_costs_no_memory(void **state)
{
    (void)state;
    struct sl_limiter *limiter = make(3, 1, 64);
    const uint64_t allocations = sl_alloc_count();
    for (uint32_t i = 0; i < 100000; i++) {
        struct sl_addr addr = addr_of("10.0.0.0:1");
        addr.in.sin_addr.s_addr = htonl(0x0a000000u + i);
        assert_true(sl_limiter_take(limiter, &addr, i));
    }
    assert_int_equal(sl_alloc_count(), allocations);
    struct sl_limiter_stats s;
    sl_limiter_stats(limiter, &s);
    assert_true(s.evicted >= 100000 - 64);
    check_balance(limiter);
    sl_limiter_destroy(limiter);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    struct sl_limiter *limiter;
    const struct sl_limiter_config bad[] = {{0, 1, 1}, {1, 0, 1}, {1, 1, 0}};
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(sl_limiter_create(&limiter, &bad[i]), -EINVAL);
    sl_limiter_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_ipv6_counts_by_network),
        cmocka_unit_test(test_a_flood_from_everywhere_costs_no_memory),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
