/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ring.h"
#include "base/wake.h"

static void assert_balanced(const struct sl_ring *ring)
{
    struct sl_ring_stats s;
    sl_ring_stats(ring, &s);
    assert_int_equal(s.offered, s.popped + s.held + s.refused);
    assert_int_equal(s.held, sl_ring_held(ring));
}

static void order_and_limit(void **state)
{
    (void)state;
    struct sl_ring *ring;
    assert_int_equal(sl_ring_create(&ring, 5, sizeof(int)), 0); /* rounded to 8 */
    int got;
    assert_false(sl_ring_pop(ring, &got));
    int next_in = 0, next_out = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 8; i++, next_in++)
            assert_true(sl_ring_push(ring, &next_in));
        const int extra = -1;
        assert_false(sl_ring_push(ring, &extra));
        assert_balanced(ring);
        assert_int_equal(sl_ring_held(ring), 8);
        for (int i = 0; i < 8; i++) {
            assert_true(sl_ring_peek(ring, &got));
            assert_int_equal(got, next_out);
            assert_balanced(ring);
            assert_true(sl_ring_pop(ring, &got));
            assert_int_equal(got, next_out++);
            assert_balanced(ring);
        }
        assert_false(sl_ring_pop(ring, &got));
        assert_false(sl_ring_peek(ring, &got));
    }
    struct sl_ring_stats s;
    sl_ring_stats(ring, &s);
    assert_int_equal(s.offered, 45);
    assert_int_equal(s.popped, 40);
    assert_int_equal(s.refused, 5);
    sl_ring_destroy(ring);
    sl_ring_destroy(NULL);
}

static void bad_arguments(void **state)
{
    (void)state;
    struct sl_ring *ring = (void *)1;
    assert_int_equal(sl_ring_create(&ring, 0, 4), -EINVAL);
    assert_int_equal(sl_ring_create(&ring, 4, 0), -EINVAL);
    assert_ptr_equal(ring, (void *)1);
}

/* Elements of several words, so that a torn copy shows. */
struct element {
    uint64_t a, b, c;
};
#define ELEMENTS 200000

struct shared {
    struct sl_ring *ring;
    struct sl_wake wake;
    uint64_t refused;
};

static void *produce(void *arg)
{
    struct shared *shared = arg;
    for (uint64_t i = 1; i <= ELEMENTS;) {
        const struct element e = {i, i * 3, ~i};
        if (sl_ring_push(shared->ring, &e))
            i++;
        else
            shared->refused++;
        sl_wake_signal(&shared->wake);
    }
    return NULL;
}

static void two_threads(void **state)
{
    (void)state;
    struct shared shared = {.refused = 0};
    assert_int_equal(sl_ring_create(&shared.ring, 64, sizeof(struct element)), 0);
    assert_int_equal(sl_wake_init(&shared.wake), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, &shared), 0);
    uint64_t expected = 1;
    while (expected <= ELEMENTS) {
        struct element e;
        /* No time limit: a lost wake-up hangs here, and the test's own limit fails it. */
        if (!sl_ring_pop(shared.ring, &e)) {
            assert_true(sl_wake_wait(&shared.wake, SL_NEVER));
            continue;
        }
        if (e.a != expected || e.b != expected * 3 || e.c != ~expected)
            fail_msg("element %llu is torn or out of order", (unsigned long long)expected);
        expected++;
    }
    pthread_join(thread, NULL);
    assert_balanced(shared.ring);
    struct sl_ring_stats s;
    sl_ring_stats(shared.ring, &s);
    assert_int_equal(s.popped, ELEMENTS);
    assert_int_equal(s.refused, shared.refused);
    sl_wake_fini(&shared.wake);
    sl_ring_destroy(shared.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_limit),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
