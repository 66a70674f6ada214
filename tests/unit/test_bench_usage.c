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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/usage.h"

#define WORK (60 * SL_MS)

static atomic_bool worked, leave;

static sl_ns thread_cpu(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * SL_SEC + ts.tv_nsec;
}

static void *work(void *ctx)
{
    (void)ctx;
    pthread_setname_np(pthread_self(), "worker");
    const sl_ns begun = thread_cpu();
    while (thread_cpu() - begun < WORK)
        ;
    atomic_store(&worked, true);
    while (!atomic_load(&leave)) /* as good as asleep, but there */
        sched_yield();
    return NULL;
}

static void own_work(void **state)
{
    (void)state;
    struct sl_usage usage;
    pthread_t thread;
    const char *name;
    assert_int_equal(sl_usage_begin(&usage, "test", getpid()), 0);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    while (!atomic_load(&worked))
        sched_yield();
    assert_int_equal(sl_usage_end(&usage), 0);
    atomic_store(&leave, true);
    pthread_join(thread, NULL);
    assert_string_equal(usage.program, "test");
    assert_true(usage.threads >= 2); /* a sanitizer may have one of its own */
    assert_true(usage.at >= WORK);
    assert_true(usage.cpu >= WORK);
    assert_true(usage.rss > 100000);
    assert_true(sl_usage_cores(&usage) > 0);
    bool found = false;
    for (int i = 0; i < usage.threads; i++)
        if (strcmp(usage.thread[i].name, "worker") == 0)
            found = usage.thread[i].cpu >= WORK / 2 && usage.thread[i].cpu <= usage.cpu + WORK;
    assert_true(found);
    const double share = sl_usage_busiest(&usage, &name);
    assert_true(share > 0 && name[0]);

    /* What was before does not count, and work of threads that are gone does. */
    assert_int_equal(sl_usage_begin(&usage, "test", getpid()), 0);
    atomic_store(&worked, false);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(sl_usage_end(&usage), 0);
    assert_true(usage.cpu >= WORK && usage.cpu < 4 * WORK);
}

static void gone(void **state)
{
    (void)state;
    struct sl_usage usage;
    int go[2];
    assert_int_equal(pipe(go), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        char byte;
        _exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
    }
    assert_int_equal(sl_usage_begin(&usage, "child", pid), 0);
    assert_int_equal(write(go[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(sl_usage_end(&usage), -ESRCH);
    assert_int_equal(sl_usage_begin(&usage, "child", pid), -ESRCH);
    close(go[0]);
    close(go[1]);
}

static void machine(void **state)
{
    (void)state;
    sl_ns busy, all, busy_then, all_then;
    sl_usage_machine(&busy, &all);
    assert_true(busy > 0 && all >= busy);
    const sl_ns begun = thread_cpu();
    while (thread_cpu() - begun < WORK)
        ;
    sl_usage_machine(&busy_then, &all_then);
    assert_true(busy_then - busy >= WORK / 2);
    assert_true(all_then - all >= busy_then - busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_work),
        cmocka_unit_test(gone),
        cmocka_unit_test(machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
