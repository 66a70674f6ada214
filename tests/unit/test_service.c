/* SPDX-License-Identifier: MIT */
/* base/notify and net/service against a service manager's socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "net/service.h"

/* The manager's end, under "/PATH" or "@NAME". */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void expect(int fd, const char *text)
{
    char got[600];
    const ssize_t len = recv(fd, got, sizeof(got) - 1, 0);
    if (len < 0 || (size_t)len >= sizeof(got))
        fail_msg("nothing came, wanted '%s'", text);
    got[len] = '\0';
    assert_string_equal(got, text);
}

static void expect_nothing(int fd)
{
    char got[600];
    assert_true(recv(fd, got, sizeof(got), 0) < 0 && errno == EAGAIN);
}

static void by_path_and_by_abstract_name(void **state)
{
    (void)state;
    char dir[] = "/tmp/sl-notify-XXXXXX", path[64], abstract[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/socket", dir);
    snprintf(abstract, sizeof(abstract), "@sightline-test-%d", (int)getpid());
    const char *const names[] = {path, abstract};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        struct sl_notify notify;
        const int fd = listen_at(names[i]);
        assert_int_equal(sl_notify_open(&notify, names[i], "30000000"), 0);
        assert_true(notify.watchdog == 30 * SL_SEC);
        sl_notify_send(&notify, "STATUS=%s %d", "live", 7);
        expect(fd, "STATUS=live 7");
        char long_text[2000];
        memset(long_text, 'x', sizeof(long_text) - 1);
        long_text[sizeof(long_text) - 1] = '\0';
        sl_notify_send(&notify, "STATUS=%s", long_text); /* cut, not torn */
        long_text[511 - 7] = '\0';
        char wanted[600];
        snprintf(wanted, sizeof(wanted), "STATUS=%.504s", long_text);
        expect(fd, wanted);
        close(fd);
        sl_notify_send(&notify, "READY=1"); /* the manager has gone: no matter */
        sl_notify_close(&notify);
        sl_notify_send(&notify, "READY=1");
    }
    unlink(path);
    rmdir(dir);
}

static void nobody_asks_or_asks_wrongly(void **state)
{
    (void)state;
    struct sl_notify notify;
    assert_int_equal(sl_notify_open(&notify, NULL, NULL), 0);
    assert_int_equal(notify.fd, -1);
    sl_notify_send(&notify, "READY=1");
    sl_notify_close(&notify);
    char long_name[200];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[0] = '/';
    long_name[sizeof(long_name) - 1] = '\0';
    static const char *const wrong[] = {"", "/", "@", "relative", "vsock:2:1"};
    for (size_t i = 0; i < SL_COUNT(wrong); i++)
        assert_int_equal(sl_notify_open(&notify, wrong[i], NULL), -EINVAL);
    assert_int_equal(sl_notify_open(&notify, long_name, NULL), -ENAMETOOLONG);
    assert_int_equal(sl_notify_open(&notify, "/x", "soon"), -EINVAL);
    assert_int_equal(sl_notify_open(&notify, "/x", "0"), -EINVAL);
    assert_int_equal(notify.fd, -1);
}

static void stop_loop(void *ctx, sl_ns now)
{
    (void)now;
    sl_loop_stop(ctx);
}

static void a_service_from_ready_to_stopping(void **state)
{
    (void)state;
    char name[64], pid[16];
    snprintf(name, sizeof(name), "@sightline-service-%d", (int)getpid());
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    const int fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "20000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    struct sl_loop *loop = NULL;
    struct sl_service service = {0};
    assert_int_equal(sl_loop_create(&loop), 0);
    assert_int_equal(sl_service_open(&service), 0);
    assert_null(getenv("NOTIFY_SOCKET")); /* not for what we start */
    sl_service_ready(&service, loop);
    sl_service_status(&service, "live\nREADY=0");
    expect(fd, "READY=1");
    expect(fd, "WATCHDOG=1");
    expect(fd, "STATUS=live");
    expect_nothing(fd); /* as long as the loop does not turn */
    struct sl_timer end;
    sl_timer_init(&end, loop, stop_loop, loop);
    sl_timer_set(&end, sl_time_now() + 100 * SL_MS);
    assert_int_equal(sl_loop_run(loop), 0);
    expect(fd, "WATCHDOG=1");
    expect(fd, "WATCHDOG=1");
    char rest[64];
    while (recv(fd, rest, sizeof(rest), 0) > 0)
        continue;
    sl_service_stopping(&service);
    expect(fd, "STOPPING=1\nSTATUS=stopping");
    sl_service_close(&service);
    sl_loop_destroy(loop);
    close(fd);
}

static void another_process_is_watched(void **state)
{
    (void)state;
    setenv("NOTIFY_SOCKET", "@nobody", 1);
    setenv("WATCHDOG_USEC", "20000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    struct sl_service service = {0};
    assert_int_equal(sl_service_open(&service), 0);
    assert_true(service.notify.watchdog == 0);
    sl_service_close(&service);
    struct sl_service never = {0};
    sl_service_status(&never, "x"); /* not opened: nothing is sent to descriptor 0 */
    sl_service_close(&never);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_path_and_by_abstract_name),
        cmocka_unit_test(nobody_asks_or_asks_wrongly),
        cmocka_unit_test(a_service_from_ready_to_stopping),
        cmocka_unit_test(another_process_is_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
