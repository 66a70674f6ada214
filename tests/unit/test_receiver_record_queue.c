/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "receiver/record_queue.h"

#define MESSAGES 50000

static size_t length_of(uint32_t number)
{
    return 4 + number * 7919 % 1300;
}

static bool put(struct sl_record_queue *queue, uint32_t number, size_t spare)
{
    const size_t len = length_of(number);
    uint8_t *room = sl_record_queue_room(queue, len, spare);
    if (!room)
        return false;
    assert_int_equal((uintptr_t)room % 8, 0);
    memset(room, (int)(number & 0xff), len);
    memcpy(room, &number, sizeof(number));
    sl_record_queue_push(queue);
    return true;
}

/* False: there is none. */
static bool take(struct sl_record_queue *queue, uint32_t number)
{
    uint32_t got;
    const uint8_t *message = sl_record_queue_peek(queue);
    if (!message)
        return false;
    memcpy(&got, message, sizeof(got));
    assert_int_equal(got, number);
    uint8_t want[1304];
    memset(want, (int)(number & 0xff), sizeof(want));
    assert_memory_equal(message + sizeof(got), want, length_of(number) - sizeof(got));
    assert_ptr_equal(sl_record_queue_peek(queue), message);
    sl_record_queue_pop(queue);
    return true;
}

static struct sl_record_queue *make(size_t blocks)
{
    struct sl_record_queue *queue;
    assert_int_equal(sl_record_queue_create(&queue, blocks), 0);
    assert_null(sl_record_queue_peek(queue));
    return queue;
}

static void a_full_queue_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct sl_record_queue *queue = make(8);
    uint32_t in = 0, out = 0;
    while (put(queue, in, 3))
        in++;
    const uint32_t five_blocks = in;
    assert_in_range(five_blocks, 5 * 45, 5 * 120);
    assert_false(put(queue, in, 3));
    while (put(queue, in, 0))
        in++;
    assert_true(in > five_blocks + 3 * 45);
    while (take(queue, out))
        out++;
    assert_int_equal(out, in);
    assert_true(put(queue, in, 3));
    assert_true(take(queue, in));
    sl_record_queue_destroy(queue);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct sl_record_queue *queue;
    assert_int_equal(sl_record_queue_create(&queue, 1), -EINVAL);
    assert_int_equal(sl_record_queue_create(&queue, 65537), -EINVAL);
    queue = make(2);
    assert_null(sl_record_queue_room(queue, SL_RECORD_QUEUE_MESSAGE + 1, 0));
    uint8_t *room = sl_record_queue_room(queue, SL_RECORD_QUEUE_MESSAGE, 0);
    assert_non_null(room);
    memset(room, 7, SL_RECORD_QUEUE_MESSAGE);
    assert_null(sl_record_queue_peek(queue)); /* not told of */
    sl_record_queue_push(queue);
    assert_ptr_equal(sl_record_queue_peek(queue), room);
    sl_record_queue_destroy(queue);
    sl_record_queue_destroy(NULL);
}

/* Blocks that were given back are filled again before any other. */
static void few_blocks_are_used_while_the_reader_keeps_up(void **state)
{
    (void)state;
    struct sl_record_queue *queue = make(64);
    const uint8_t *low = NULL, *high = NULL;
    for (uint32_t number = 0; number < 20000; number++) {
        assert_true(put(queue, number, 0));
        const uint8_t *at = sl_record_queue_peek(queue);
        low = !low || at < low ? at : low;
        high = at > high ? at : high;
        assert_true(take(queue, number));
    }
    assert_true(high - low < 3 * SL_RECORD_QUEUE_BLOCK);
    sl_record_queue_destroy(queue);
}

/* Of the memory between the two. */
static size_t resident_bytes(const uint8_t *low, const uint8_t *high)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = (uintptr_t)low / page * page;
    const size_t pages = ((uintptr_t)high - from + page - 1) / page;
    unsigned char *present = calloc(pages, 1);
    assert_non_null(present);
    assert_int_equal(mincore((void *)from, pages * page, present), 0);
    size_t count = 0;
    for (size_t i = 0; i < pages; i++)
        count += present[i] & 1;
    free(present);
    return count * page;
}

static void a_backlogs_memory_goes_back_as_it_is_read(void **state)
{
    (void)state;
    struct sl_record_queue *queue = make(256);
    const uint8_t *low = NULL, *high = NULL;
    uint32_t in = 0;
    while (put(queue, in, 0))
        in++;
    for (uint32_t number = 0; number < in; number++) {
        const uint8_t *at = sl_record_queue_peek(queue);
        low = !low || at < low ? at : low;
        high = at > high ? at : high;
        assert_true(take(queue, number));
    }
    assert_true(high - low > 200 * SL_RECORD_QUEUE_BLOCK);
    assert_in_range(resident_bytes(low, high), SL_RECORD_QUEUE_BLOCK, 40 * SL_RECORD_QUEUE_BLOCK);
    /* And what comes next is whole. */
    for (uint32_t number = in; number < in + in / 2; number++)
        assert_true(put(queue, number, 0));
    for (uint32_t number = in; number < in + in / 2; number++)
        assert_true(take(queue, number));
    sl_record_queue_destroy(queue);
}

static void *produce(void *queue)
{
    for (uint32_t number = 0; number < MESSAGES; number++)
        while (!put(queue, number, 1))
            sched_yield();
    return NULL;
}

static void two_threads_agree_on_order_and_bytes(void **state)
{
    (void)state;
    pthread_t producer;
    const size_t blocks[] = {4, 64}; /* 64: now and then with a backlog */
    for (size_t i = 0; i < 2; i++) {
        struct sl_record_queue *queue = make(blocks[i]);
        assert_int_equal(pthread_create(&producer, NULL, produce, queue), 0);
        for (uint32_t number = 0; number < MESSAGES; number++)
            while (!take(queue, number))
                sched_yield();
        pthread_join(producer, NULL);
        assert_null(sl_record_queue_peek(queue));
        sl_record_queue_destroy(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_refuses_and_keeps_what_it_has),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(few_blocks_are_used_while_the_reader_keeps_up),
        cmocka_unit_test(a_backlogs_memory_goes_back_as_it_is_read),
        cmocka_unit_test(two_threads_agree_on_order_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
