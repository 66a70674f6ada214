/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "bench/child.h"

static void talks(void **state)
{
    (void)state;
    const char *const argv[] = {"cat", NULL};
    struct sl_child child;
    char line[16];
    assert_int_equal(sl_child_start(&child, argv, SL_CHILD_IN | SL_CHILD_OUT, -1), 0);
    assert_true(sl_child_running(&child));
    assert_int_equal(sl_child_read_line(&child, line, sizeof(line), SL_MS), -ETIMEDOUT);
    assert_int_equal(write(child.in, "one\ntwo\nthis line is too long\n", 30), 30);
    assert_int_equal(sl_child_read_line(&child, line, sizeof(line), 5 * SL_SEC), 0);
    assert_string_equal(line, "one");
    assert_int_equal(sl_child_read_line(&child, line, sizeof(line), 5 * SL_SEC), 0);
    assert_string_equal(line, "two");
    assert_int_equal(sl_child_read_line(&child, line, sizeof(line), 5 * SL_SEC), -ENOBUFS);
    close(child.in);
    child.in = -1;
    while (sl_child_read_line(&child, line, sizeof(line), 5 * SL_SEC) != -EPIPE)
        ;
    sl_child_stop(&child, 5 * SL_SEC);
    assert_int_equal(child.pid, 0);
    assert_false(sl_child_running(&child));
    assert_int_equal(sl_child_stop(&child, 0), 0); /* again: harmless */
}

static void failures(void **state)
{
    (void)state;
    const char *const argv[] = {"/nonexistent/program", NULL};
    struct sl_child child = {.pid = 0};
    assert_int_equal(sl_child_start(&child, argv, SL_CHILD_IN, -1), -ENOENT);
    assert_int_equal(child.pid, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
}

static void stubborn(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done",
                                NULL};
    struct sl_child child;
    char line[16];
    assert_int_equal(sl_child_start(&child, argv, SL_CHILD_OUT, -1), 0);
    assert_int_equal(sl_child_read_line(&child, line, sizeof(line), 5 * SL_SEC), 0);
    const int status = sl_child_stop(&child, 20 * SL_MS);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* A bench that is killed leaves nothing running: the grandchild's end closes its pipe. */
static void dies_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t bench = fork();
    assert_true(bench >= 0);
    if (bench == 0) {
        const char *const argv[] = {"sh", "-c", "echo up; exec sleep 1000", NULL};
        struct sl_child child;
        close(ends[0]);
        if (sl_child_start(&child, argv, SL_CHILD_NO_PIPES, ends[1]) != 0)
            _exit(1);
        pause();
        _exit(2);
    }
    close(ends[1]);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1); /* it runs */
    kill(bench, SIGKILL);
    waitpid(bench, NULL, 0);
    ssize_t got;
    while ((got = read(ends[0], &byte, 1)) == 1)
        ;
    assert_int_equal(got, 0); /* would block for 1000 s if it lived */
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks),
        cmocka_unit_test(failures),
        cmocka_unit_test(stubborn),
        cmocka_unit_test(dies_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
