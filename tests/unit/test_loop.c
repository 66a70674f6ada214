/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "net/loop.h"

#define TIMERS 500

struct world {
    struct sl_loop *loop;
    struct sl_timer timers[TIMERS];
    sl_ns last_due;
    int fired;
    int flushed;
    int left;
};

struct entry {
    struct world *world;
    int index;
    sl_ns due;
};

static struct entry entries[TIMERS];

static void fire_in_order(void *ctx, sl_ns now)
{
    struct entry *entry = ctx;
    struct world *world = entry->world;
    assert_true(now >= entry->due);
    assert_true(entry->due >= world->last_due);
    assert_int_equal(world->timers[entry->index].heap_index, 0);
    world->last_due = entry->due;
    world->fired++;
    if (--world->left == 0)
        sl_loop_stop(world->loop);
}

/* Set, move and clear at random; what is left fires in order of due time. */
static void timers_in_order(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    struct sl_random random;
    sl_random_init_seed(&random, 7);
    assert_int_equal(sl_loop_create(&world->loop), 0);
    const sl_ns base = sl_time_now();
    for (int i = 0; i < TIMERS; i++) {
        entries[i] = (struct entry){.world = world, .index = i};
        sl_timer_init(&world->timers[i], world->loop, fire_in_order, &entries[i]);
    }
    for (int step = 0; step < 5000; step++) {
        const uint32_t i = sl_random_range(&random, 0, TIMERS - 1);
        if (sl_random_range(&random, 0, 3) == 0) {
            sl_timer_clear(&world->timers[i]);
        } else {
            entries[i].due = base + sl_random_range(&random, 0, 20000) * SL_US;
            assert_int_equal(sl_timer_set(&world->timers[i], entries[i].due), 0);
        }
    }
    for (int i = 0; i < TIMERS; i++)
        world->left += world->timers[i].heap_index != 0;
    const int expected = world->left;
    assert_true(expected > 200);
    assert_int_equal(sl_loop_run(world->loop), 0);
    assert_int_equal(world->fired, expected);
    sl_loop_destroy(world->loop);
    free(world);
}

static void fire_again(void *ctx, sl_ns now)
{
    struct world *world = ctx;
    (void)now;
    world->fired++;
    sl_timer_set(&world->timers[0], 0); /* always past */
}

static void fire_stop(void *ctx, sl_ns now)
{
    struct world *world = ctx;
    (void)now;
    sl_loop_stop(world->loop);
}

static void past_timer_does_not_starve(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    assert_int_equal(sl_loop_create(&world->loop), 0);
    sl_timer_init(&world->timers[0], world->loop, fire_again, world);
    sl_timer_init(&world->timers[1], world->loop, fire_stop, world);
    sl_timer_set(&world->timers[0], 0);
    sl_timer_set(&world->timers[1], sl_time_now() + SL_MS);
    assert_int_equal(sl_loop_run(world->loop), 0);
    assert_true(world->fired > 1);
    sl_timer_set(&world->timers[0], SL_NEVER); /* clears */
    assert_int_equal(world->timers[0].heap_index, 0);
    sl_loop_destroy(world->loop);
    free(world);
}

struct remover {
    struct sl_loop *loop;
    struct sl_watch *own, *other;
    int calls;
};

static void remove_other(void *ctx, uint32_t events)
{
    struct remover *remover = ctx;
    assert_true(events & EPOLLIN);
    remover->calls++;
    /* The other's event is pending in this very turn, and its memory goes away. */
    sl_loop_unwatch(remover->other);
    memset(remover->other, 0xee, sizeof(*remover->other));
    sl_loop_unwatch(remover->own);
    sl_loop_stop(remover->loop);
}

static void callback_removes_pending_watch(void **state)
{
    (void)state;
    struct sl_loop *loop;
    struct sl_watch a, b;
    assert_int_equal(sl_loop_create(&loop), 0);
    struct remover on_a = {.loop = loop, .own = &a, .other = &b};
    struct remover on_b = {.loop = loop, .own = &b, .other = &a};
    const int fd_a = eventfd(1, 0), fd_b = eventfd(1, 0);
    assert_int_equal(sl_loop_watch(loop, &a, fd_a, EPOLLIN, remove_other, &on_a), 0);
    assert_int_equal(sl_loop_watch(loop, &b, fd_b, EPOLLIN, remove_other, &on_b), 0);
    assert_int_equal(sl_loop_run(loop), 0);
    assert_int_equal(on_a.calls + on_b.calls, 1);
    struct sl_watch c;
    assert_int_equal(sl_loop_watch(loop, &c, -1, EPOLLIN, remove_other, NULL), -EBADF);
    close(fd_a);
    close(fd_b);
    sl_loop_destroy(loop);
    sl_loop_destroy(NULL);
}

static void count_flush(void *ctx)
{
    ((struct world *)ctx)->flushed++;
}

static void flush_after_each_turn(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof(*world));
    assert_int_equal(sl_loop_create(&world->loop), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(sl_loop_add_flush(world->loop, count_flush, world), 0);
    assert_int_equal(sl_loop_add_flush(world->loop, count_flush, world), -ENOSPC);
    sl_loop_remove_flush(world->loop, world);
    assert_int_equal(sl_loop_add_flush(world->loop, count_flush, world), 0);
    sl_timer_init(&world->timers[0], world->loop, fire_stop, world);
    sl_timer_set(&world->timers[0], 0);
    assert_int_equal(sl_loop_run(world->loop), 0);
    assert_int_equal(world->flushed, 2); /* before the first turn, and after the one that stopped */
    sl_loop_destroy(world->loop);
    free(world);
}

static void *stop_it(void *loop)
{
    sl_loop_stop(loop);
    return NULL;
}

static void stop_from_a_thread(void **state)
{
    (void)state;
    struct sl_loop *loop;
    assert_int_equal(sl_loop_create(&loop), 0);
    for (int i = 0; i < 50; i++) { /* sometimes before run, sometimes while it sleeps */
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
        assert_int_equal(sl_loop_run(loop), 0);
        pthread_join(thread, NULL);
    }
    sl_loop_destroy(loop);
}

static void fire_signal(void *ctx, sl_ns now)
{
    (void)ctx;
    (void)now;
    kill(getpid(), SIGTERM);
}

/* In a child: signals and seccomp stay with the process. Its exit status is the answer. */
static int in_child(int (*body)(void))
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int stop_by_signal(void)
{
    struct sl_loop *loop;
    struct sl_timer timer;
    if (sl_loop_create(&loop) != 0 || sl_loop_stop_on_signals(loop) != 0)
        return 1;
    sl_timer_init(&timer, loop, fire_signal, NULL);
    sl_timer_set(&timer, sl_time_now() + SL_MS);
    const int err = sl_loop_run(loop);
    raise(SIGPIPE); /* ignored */
    sl_loop_destroy(loop);
    return err ? 2 : 0;
}

static void signals_stop(void **state)
{
    (void)state;
    assert_int_equal(in_child(stop_by_signal), 0);
}

/* As on a kernel before 5.11. */
static int forbid_epoll_pwait2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

struct count {
    struct sl_loop *loop;
    struct sl_timer timer;
    sl_ns started;
    int left;
};

static void fire_count(void *ctx, sl_ns now)
{
    struct count *count = ctx;
    if (--count->left == 0)
        sl_loop_stop(count->loop);
    else
        sl_timer_set(&count->timer, now + 300 * SL_US);
}

static int run_without_pwait2(void)
{
    struct count count = {.left = 10};
    if (forbid_epoll_pwait2() != 0)
        return 3;
    if (sl_loop_create(&count.loop) != 0)
        return 1;
    sl_timer_init(&count.timer, count.loop, fire_count, &count);
    const sl_ns start = sl_time_now();
    sl_timer_set(&count.timer, start + 300 * SL_US);
    if (sl_loop_run(count.loop) != 0 || count.left != 0)
        return 2;
    sl_loop_destroy(count.loop);
    return sl_time_now() - start >= 3 * SL_MS ? 0 : 4;
}

static void older_kernel(void **state)
{
    (void)state;
    assert_int_equal(in_child(run_without_pwait2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_in_order),
        cmocka_unit_test(past_timer_does_not_starve),
        cmocka_unit_test(callback_removes_pending_watch),
        cmocka_unit_test(flush_after_each_turn),
        cmocka_unit_test(stop_from_a_thread),
        cmocka_unit_test(signals_stop),
        cmocka_unit_test(older_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
