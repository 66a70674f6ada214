/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "receiver/record_sync.h"

static int temporary(void)
{
    char path[] = "/tmp/sl_record_sync_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static struct sl_record_sync_stats run(struct sl_record_sync *sync)
{
    struct sl_record_sync_stats stats;
    assert_int_equal(sl_record_sync_start(sync), 0);
    sl_record_sync_stop(sync);
    sl_record_sync_stats(sync, &stats);
    assert_int_equal(stats.asked, stats.done + stats.left_out);
    sl_record_sync_destroy(sync);
    return stats;
}

static void what_waits_is_done_together(void **state)
{
    (void)state;
    struct sl_record_sync *sync;
    const int fd = temporary();
    assert_int_equal(sl_record_sync_create(&sync), 0);
    for (int i = 0; i < 100; i++)
        sl_record_sync_ask(sync, fd, i == 0);
    close(fd); /* it has its own */
    const struct sl_record_sync_stats stats = run(sync);
    assert_int_equal(stats.done, 100);
    assert_int_equal(stats.error, 0);
    assert_in_range(stats.turns, 1, 2);
    const int next = temporary(); /* nothing was left open */
    assert_int_equal(next, fd);
    close(next);
}

static void what_fails_is_told(void **state)
{
    (void)state;
    struct sl_record_sync *sync;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(sl_record_sync_create(&sync), 0);
    sl_record_sync_ask(sync, pipes[1], false); /* has no disk behind it */
    sl_record_sync_ask(sync, -1, false);
    const struct sl_record_sync_stats stats = run(sync);
    assert_int_equal(stats.error, -EINVAL);
    assert_int_equal(stats.left_out, 1);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_full_ring_leaves_some_out(void **state)
{
    (void)state;
    struct sl_record_sync *sync;
    const int fd = temporary();
    assert_int_equal(sl_record_sync_create(&sync), 0);
    for (int i = 0; i < 400; i++)
        sl_record_sync_ask(sync, fd, false);
    close(fd);
    struct sl_record_sync_stats stats;
    sl_record_sync_stats(sync, &stats);
    assert_true(stats.left_out >= 400 - 256);
    sl_record_sync_destroy(sync); /* never ran: closes what it has */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_done_together),
        cmocka_unit_test(what_fails_is_told),
        cmocka_unit_test(a_full_ring_leaves_some_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
