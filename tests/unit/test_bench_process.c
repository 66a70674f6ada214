/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/process.h"

static void what_it_holds(void **state)
{
    (void)state;
    struct sl_process before, now;
    assert_int_equal(sl_process_look(getpid(), &before), 0);
    assert_true(before.rss > 100000 && before.threads >= 1 && before.descriptors >= 3);
    const int fd = open("/dev/null", O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(sl_process_look(getpid(), &now), 0);
    assert_int_equal(now.descriptors, before.descriptors + 1);
    assert_true(now.written >= before.written && before.written >= 0);
    close(fd);
    assert_int_equal(sl_process_look(getpid(), &now), 0);
    assert_int_equal(now.descriptors, before.descriptors);
}

static void gone(void **state)
{
    (void)state;
    struct sl_process process;
    siginfo_t info;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(sl_process_look(pid, &process), -ESRCH); /* a zombie holds nothing */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(sl_process_look(pid, &process), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_it_holds), cmocka_unit_test(gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
