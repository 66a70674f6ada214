/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mailbox.h"
#include "base/pool.h"

static void all_blocks_once(void **state)
{
    (void)state;
    struct sl_pool *pool;
    assert_int_equal(sl_pool_create(&pool, 5, 100), 0);
    void *blocks[5];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5; i++) {
            blocks[i] = sl_pool_take(pool);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 64, 0);
            memset(blocks[i], i, 100);
            for (int j = 0; j < i; j++)
                assert_ptr_not_equal(blocks[i], blocks[j]);
            assert_int_equal(sl_pool_used(pool), i + 1);
        }
        assert_null(sl_pool_take(pool));
        assert_int_equal(sl_pool_used(pool), 5);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(((uint8_t *)blocks[i])[99], i); /* no neighbour wrote into it */
            sl_pool_give(pool, blocks[i]);
        }
        assert_int_equal(sl_pool_used(pool), 0);
    }
    sl_pool_destroy(pool);
    sl_pool_destroy(NULL);
}

static void bad_arguments(void **state)
{
    (void)state;
    struct sl_pool *pool = (void *)1;
    assert_int_equal(sl_pool_create(&pool, 0, 1), -EINVAL);
    assert_int_equal(sl_pool_create(&pool, 1, 0), -EINVAL);
    assert_int_equal(sl_pool_create(&pool, UINT32_MAX, 1), -EINVAL);
    assert_ptr_equal(pool, (void *)1);
}

#define THREADS 4
#define TURNS 50000
#define HELD 3

static void *take_and_give(void *arg)
{
    struct sl_pool *pool = arg;
    uintptr_t bad = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        uint64_t *held[HELD];
        for (int i = 0; i < HELD; i++) {
            held[i] = sl_pool_take(pool);
            if (held[i])
                *held[i] = (uint64_t)(uintptr_t)&held[i]; /* ours: unlike any other thread's */
        }
        for (int i = 0; i < HELD; i++) {
            if (!held[i])
                continue;
            bad += *held[i] != (uint64_t)(uintptr_t)&held[i];
            sl_pool_give(pool, held[i]);
        }
    }
    return (void *)bad;
}

static void many_threads(void **state)
{
    (void)state;
    struct sl_pool *pool;
    assert_int_equal(sl_pool_create(&pool, 7, sizeof(uint64_t)), 0); /* fewer than all want */
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, pool), 0);
    for (int i = 0; i < THREADS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(sl_pool_used(pool), 0);
    void *all[7];
    for (int i = 0; i < 7; i++) {
        all[i] = sl_pool_take(pool);
        assert_non_null(all[i]); /* none was lost */
    }
    assert_null(sl_pool_take(pool));
    for (int i = 0; i < 7; i++)
        sl_pool_give(pool, all[i]);
    sl_pool_destroy(pool);
}

/* Every block put into a mailbox comes out once: taken, or returned as replaced. */
struct post {
    struct sl_mailbox box;
    struct sl_pool *pool;
    _Atomic bool done;
    uint64_t replaced;
};

static void *post_all(void *arg)
{
    struct post *post = arg;
    for (uint64_t i = 1; i <= TURNS;) {
        uint64_t *item = sl_pool_take(post->pool);
        if (!item)
            continue;
        *item = i++;
        void *old = sl_mailbox_put(&post->box, item);
        if (old) {
            post->replaced++;
            sl_pool_give(post->pool, old);
        }
    }
    atomic_store(&post->done, true);
    return NULL;
}

static void mailbox_newest_wins(void **state)
{
    (void)state;
    struct post post = {.replaced = 0};
    sl_mailbox_init(&post.box);
    assert_null(sl_mailbox_take(&post.box));
    assert_int_equal(sl_pool_create(&post.pool, 3, sizeof(uint64_t)), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_all, &post), 0);
    uint64_t last = 0, taken = 0;
    for (bool done = false; !done;) {
        done = atomic_load(&post.done); /* before the last look */
        uint64_t *item = sl_mailbox_take(&post.box);
        if (!item)
            continue;
        done = false;
        assert_true(*item > last);
        last = *item;
        taken++;
        sl_pool_give(post.pool, item);
    }
    pthread_join(thread, NULL);
    assert_int_equal(last, TURNS);
    assert_int_equal(taken + post.replaced, TURNS);
    sl_pool_destroy(post.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_blocks_once),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(mailbox_newest_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
