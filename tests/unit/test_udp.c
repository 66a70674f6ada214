/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "net/interfaces.h"
#include "net/resolve.h"
#include "net/udp.h"

#define KEPT 1024

struct got {
    int count;
    size_t len[KEPT];
    uint8_t first[KEPT]; /* byte */
    struct sl_path path[KEPT];
    sl_ns arrival[KEPT];
};
static struct got got;

static void keep(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data, size_t len)
{
    struct got *g = ctx;
    assert_in_range(g->count, 0, KEPT - 1);
    for (size_t i = 1; i < len; i++)
        assert_int_equal(data[i], (uint8_t)(data[0] + i));
    memset(data, 0, len); /* allowed: changed in place */
    g->len[g->count] = len;
    g->path[g->count] = *path;
    g->arrival[g->count] = arrival;
    g->first[g->count++] = len ? data[0] : 0;
}

static void keep_first(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data,
                       size_t len)
{
    struct got *g = ctx;
    const uint8_t first = len ? data[0] : 0;
    keep(ctx, path, arrival, data, len);
    g->first[g->count - 1] = first;
}

static struct sl_addr address(const char *text)
{
    struct sl_addr addr;
    assert_int_equal(sl_addr_parse(&addr, text), 0);
    return addr;
}

static struct sl_udp *open_at(const char *text)
{
    struct sl_udp *udp;
    const struct sl_udp_config config = {.bind = address(text)};
    assert_int_equal(sl_udp_open(&udp, &config), 0);
    assert_int_not_equal(sl_addr_port(&(struct sl_addr){.in = sl_udp_local(udp).in}), 0);
    return udp;
}

static void send_one(struct sl_udp *udp, const struct sl_path *path, uint8_t first, size_t len)
{
    uint8_t data[SL_UDP_DATAGRAM_MAX];
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(first + i);
    assert_int_equal(sl_udp_send(udp, path, data, len), 0);
}

/* Waits for readiness, never for time: loopback delivers before sendmmsg returns. */
static void receive_all(struct sl_udp *udp, int expected)
{
    got.count = 0;
    while (got.count < expected) {
        struct pollfd entry = {.fd = sl_udp_fd(udp), .events = POLLIN};
        assert_int_equal(poll(&entry, 1, 5000), 1);
        assert_true(sl_udp_receive(udp, 1000, keep_first, &got) >= 0);
    }
    assert_int_equal(got.count, expected);
    assert_int_equal(sl_udp_receive(udp, 1000, keep_first, &got), 0);
}

static void assert_balanced(const struct sl_udp *udp)
{
    struct sl_udp_stats s;
    sl_udp_stats(udp, &s);
    assert_int_equal(s.queued, s.sent + s.send_failed + s.waiting);
}

static void batch_of_equal_sizes(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b = open_at("127.0.0.1:0");
    const struct sl_path path = {.remote = sl_udp_local(b)};
    for (int i = 0; i < 100; i++)
        send_one(a, &path, (uint8_t)i, 1200);
    send_one(a, &path, 100, 700);
    send_one(a, &path, 101, 1200); /* longer than the one before: a new message */
    send_one(a, &path, 102, 0);
    send_one(a, &path, 103, 1);
    assert_balanced(a);
    sl_udp_flush(a);
    assert_balanced(a);
    receive_all(b, 104);
    for (int i = 0; i < 104; i++) {
        assert_int_equal(got.len[i], i < 100 || i == 101 ? 1200
                                     : i == 100          ? 700
                                     : i == 102          ? 0
                                                         : 1);
        if (i != 102)
            assert_int_equal(got.first[i], i);
        const struct sl_addr from = sl_udp_local(a);
        assert_true(sl_addr_equal(&got.path[i].remote, &from));
        char text[SL_ADDR_TEXT];
        assert_string_equal(sl_addr_host(&got.path[i].local, text), "127.0.0.1");
    }
    struct sl_udp_stats s;
    sl_udp_stats(a, &s);
    assert_int_equal(s.sent, 104);
    assert_int_equal(s.sent_bytes, 101 * 1200 + 700 + 1);
    assert_true(s.gso == 0 || s.send_calls <= 2);
    sl_udp_stats(b, &s);
    assert_int_equal(s.received, 104);
    assert_int_equal(s.received_bytes, 101 * 1200 + 700 + 1);
    sl_udp_close(a);
    sl_udp_close(b);
    sl_udp_close(NULL);
}

/* Interleaved paths still leave as one message each, and each path keeps its order. */
static void interleaved_paths(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0");
    struct sl_udp *to[3];
    for (int i = 0; i < 3; i++)
        to[i] = open_at("127.0.0.1:0");
    for (int round = 0; round < 3; round++) { /* the table of runs must be clean each time */
        for (int i = 0; i < 60; i++) {
            const struct sl_path path = {.remote = sl_udp_local(to[i % 3])};
            send_one(a, &path, (uint8_t)i, 1000);
        }
        sl_udp_flush(a);
        for (int i = 0; i < 3; i++) {
            receive_all(to[i], 20);
            for (int j = 0; j < 20; j++)
                assert_int_equal(got.first[j], i + j * 3);
        }
    }
    assert_balanced(a);
    sl_udp_close(a);
    for (int i = 0; i < 3; i++)
        sl_udp_close(to[i]);
}

static void full_batch_flushes(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b = open_at("127.0.0.1:0");
    const struct sl_path path = {.remote = sl_udp_local(b)};
    for (int i = 0; i < 600; i++)
        send_one(a, &path, (uint8_t)i, 100 + (size_t)(i % 7));
    struct sl_udp_stats s;
    sl_udp_stats(a, &s);
    assert_int_equal(s.sent, 512);
    assert_int_equal(s.waiting, 88);
    sl_udp_flush(a);
    receive_all(b, 600);
    for (int i = 0; i < 600; i++)
        assert_int_equal(got.first[i], (uint8_t)i);
    assert_balanced(a);
    sl_udp_close(a);
    sl_udp_close(b);
}

/* A datagram leaves from the address that was asked for: all of 127/8 is ours. */
static void answers_from_the_address_asked(void **state)
{
    (void)state;
    struct sl_udp *server = open_at("0.0.0.0:0"), *client = open_at("127.0.0.1:0");
    struct sl_addr target = address("127.0.0.2:0");
    const struct sl_addr any = sl_udp_local(server);
    sl_addr_set_port(&target, sl_addr_port(&any));
    const struct sl_path out = {.remote = target};
    send_one(client, &out, 1, 10);
    sl_udp_flush(client);
    receive_all(server, 1);
    assert_true(sl_addr_same_host(&got.path[0].local, &target));
    const struct sl_path back = got.path[0];
    for (int i = 0; i < 3; i++)
        send_one(server, &back, (uint8_t)i, 10);
    sl_udp_flush(server);
    receive_all(client, 3);
    for (int i = 0; i < 3; i++)
        assert_true(sl_addr_equal(&got.path[i].remote, &target));
    sl_udp_close(server);
    sl_udp_close(client);
}

static void dual_stack(void **state)
{
    (void)state;
    struct sl_udp *server;
    const struct sl_udp_config config = {.bind = address("[::]:0")};
    if (sl_udp_open(&server, &config) != 0)
        skip(); /* a machine without IPv6 */
    const struct sl_addr any = sl_udp_local(server);
    static const char *const hosts[] = {"127.0.0.3:0", "[::1]:0"};
    static const char *const clients[] = {"127.0.0.1:0", "[::1]:0"};
    for (int i = 0; i < 2; i++) {
        struct sl_udp *client = open_at(clients[i]);
        struct sl_addr target = address(hosts[i]);
        sl_addr_set_port(&target, sl_addr_port(&any));
        const struct sl_path out = {.remote = target};
        send_one(client, &out, 1, 10);
        sl_udp_flush(client);
        receive_all(server, 1);
        const struct sl_addr from = sl_udp_local(client);
        assert_true(sl_addr_equal(&got.path[0].remote, &from)); /* IPv4 is told as IPv4 */
        assert_true(sl_addr_same_host(&got.path[0].local, &target));
        const struct sl_path back = got.path[0];
        for (int j = 0; j < 5; j++)
            send_one(server, &back, (uint8_t)j, 900);
        sl_udp_flush(server);
        receive_all(client, 5);
        assert_true(sl_addr_equal(&got.path[0].remote, &target));
        sl_udp_close(client);
    }
    assert_balanced(server);
    sl_udp_close(server);
}

static void limits(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b = open_at("127.0.0.1:0");
    struct sl_udp *busy = NULL;
    const struct sl_udp_config taken = {.bind = sl_udp_local(b)};
    assert_int_equal(sl_udp_open(&busy, &taken), -EADDRINUSE);
    const struct sl_udp_config foreign = {.bind = address("192.0.2.1:0")};
    assert_int_equal(sl_udp_open(&busy, &foreign), -EADDRNOTAVAIL);
    assert_null(busy);

    uint8_t big[SL_UDP_DATAGRAM_MAX + 1] = {0};
    struct sl_path path = {.remote = sl_udp_local(b)};
    assert_int_equal(sl_udp_send(a, &path, big, sizeof(big)), -EMSGSIZE);
    const struct sl_path six = {.remote = address("[::1]:5")};
    assert_int_equal(sl_udp_send(a, &six, big, 1), -EAFNOSUPPORT);
    const struct sl_path none = {.remote.sa.sa_family = AF_UNSPEC};
    assert_int_equal(sl_udp_send(a, &none, big, 1), -EAFNOSUPPORT);

    /* A stranger's datagram of 1501 bytes is dropped, the one after it is not. */
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(sendto(fd, big, sizeof(big), 0, &path.remote.sa, sl_addr_len(&path.remote)),
                     sizeof(big));
    assert_int_equal(sendto(fd, big, 1, 0, &path.remote.sa, sl_addr_len(&path.remote)), 1);
    close(fd);
    receive_all(b, 1);
    struct sl_udp_stats s;
    sl_udp_stats(b, &s);
    assert_int_equal(s.oversized, 1);
    assert_int_equal(s.received, 1);
    sl_udp_close(a);
    sl_udp_close(b);
}

/* A peer that is gone, or a network that is not there, costs only its own datagrams. */
static void dead_peers(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b = open_at("127.0.0.1:0");
    struct sl_udp *gone = open_at("127.0.0.1:0");
    const struct sl_path dead = {.remote = sl_udp_local(gone)};
    const struct sl_path live = {.remote = sl_udp_local(b)};
    /* Broadcast without SO_BROADCAST: EACCES for this message. */
    const struct sl_path refused = {.remote = address("255.255.255.255:9")};
    sl_udp_close(gone);
    for (int i = 0; i < 10; i++) {
        send_one(a, &dead, 1, 100);
        sl_udp_flush(a);
        send_one(a, &refused, 1, 100);
        send_one(a, &live, (uint8_t)i, 100);
        sl_udp_flush(a);
        assert_int_equal(sl_udp_receive(a, 10, keep, &got), 0);
    }
    receive_all(b, 10);
    struct sl_udp_stats s;
    sl_udp_stats(a, &s);
    assert_int_equal(s.send_failed, 10);
    assert_balanced(a);
    sl_udp_close(a);
    sl_udp_close(b);
}

static void kernel_drops_are_counted(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b;
    const struct sl_udp_config small = {.bind = address("127.0.0.1:0"), .receive_bytes = 4096};
    assert_int_equal(sl_udp_open(&b, &small), 0);
    const struct sl_path path = {.remote = sl_udp_local(b)};
    for (int i = 0; i < 200; i++) {
        send_one(a, &path, (uint8_t)i, 1000);
        sl_udp_flush(a);
    }
    got.count = 0;
    assert_true(sl_udp_receive(b, 1000, keep_first, &got) > 0);
    const int before = got.count;
    send_one(a, &path, 1, 1000); /* the count comes with the next one that is queued */
    sl_udp_flush(a);
    receive_all(b, 1);
    struct sl_udp_stats s;
    sl_udp_stats(b, &s);
    assert_true(s.kernel_drops > 0);
    assert_int_equal(s.kernel_drops + (uint64_t)before, 200);
    sl_udp_close(a);
    sl_udp_close(b);
}

static void receive_respects_max(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b = open_at("127.0.0.1:0");
    const struct sl_path path = {.remote = sl_udp_local(b)};
    for (int i = 0; i < 40; i++) {
        send_one(a, &path, (uint8_t)i, 100);
        sl_udp_flush(a); /* one by one: nothing is put together */
    }
    got.count = 0;
    assert_int_equal(sl_udp_receive(b, 25, keep_first, &got), 25);
    assert_int_equal(sl_udp_receive(b, 25, keep_first, &got), 15);
    assert_int_equal(got.count, 40);
    sl_udp_close(a);
    sl_udp_close(b);
}

static sl_ns wall_step; /* what the wall clock is set forward by, after the kernel's stamps */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    const int r = (int)syscall(SYS_clock_gettime, clock, ts);
    if (clock == CLOCK_REALTIME)
        ts->tv_sec += wall_step / SL_SEC;
    return r;
}

/* Two clocks are compared, and neither is read at the moment of the other. */
#define ABOUT SL_MS

struct stamped {
    struct sl_udp *a, *b;
    struct sl_path path;
    sl_ns before, sent, read; /* all of it was sent in between; and was read after this */
};

/* Sends, and reads it 3 ms later. */
static void send_and_read_late(struct stamped *s, int count)
{
    s->before = sl_time_now();
    for (int i = 0; i < count; i++)
        send_one(s->a, &s->path, (uint8_t)i, 1000);
    sl_udp_flush(s->a);
    s->sent = sl_time_now();
    while (sl_time_now() < s->sent + 3 * SL_MS)
        ;
    s->read = sl_time_now();
    receive_all(s->b, count);
}

static uint64_t unstamped(const struct sl_udp *udp)
{
    struct sl_udp_stats stats;
    sl_udp_stats(udp, &stats);
    return stats.unstamped;
}

static void open_stamped(struct stamped *s)
{
    s->a = open_at("127.0.0.1:0");
    s->b = open_at("127.0.0.1:0");
    s->path = (struct sl_path){.remote = sl_udp_local(s->b)};
}

static void close_stamped(struct stamped *s)
{
    sl_udp_close(s->a);
    sl_udp_close(s->b);
}

static void arrival_is_when_the_kernel_had_it(void **state)
{
    (void)state;
    struct stamped s;
    sl_ns last = 0;
    open_stamped(&s);
    for (int round = 0; round < 20; round++) {
        send_and_read_late(&s, 40); /* more than are read with one call; put together, or not */
        for (int i = 0; i < 40; i++) {
            assert_true(got.arrival[i] >= s.before - ABOUT && got.arrival[i] <= s.sent + ABOUT);
            assert_true(got.arrival[i] >= last);
            last = got.arrival[i];
        }
    }
    assert_int_equal(unstamped(s.b), 0);
    close_stamped(&s);
}

static void without_a_stamp_arrival_is_when_it_was_read(void **state)
{
    (void)state;
    struct stamped s;
    const int off = 0;
    open_stamped(&s);
    assert_int_equal(setsockopt(sl_udp_fd(s.b), SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof(off)), 0);
    send_and_read_late(&s, 3);
    for (int i = 0; i < 3; i++)
        assert_true(got.arrival[i] >= s.read && got.arrival[i] <= sl_time_now());
    assert_true(unstamped(s.b) > 0);
    close_stamped(&s);
}

static void a_step_of_the_wall_clock_is_no_arrival(void **state)
{
    (void)state;
    struct stamped s;
    open_stamped(&s);
    for (int way = -1; way <= 1; way += 2) {
        const uint64_t before = unstamped(s.b);
        wall_step = way * 5 * SL_SEC;
        send_and_read_late(&s, 1);
        assert_true(got.arrival[0] >= s.read && got.arrival[0] <= sl_time_now());
        assert_true(unstamped(s.b) > before);
    }
    wall_step = 0;
    send_and_read_late(&s, 1);
    assert_true(got.arrival[0] >= s.before - ABOUT && got.arrival[0] <= s.sent + ABOUT);
    close_stamped(&s);
}

/* As on a kernel before 4.18, which has no UDP_SEGMENT: in a child, since seccomp stays. */
static int without_gso(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 103 /* UDP_SEGMENT */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 1;
    struct sl_udp *a, *b;
    struct sl_udp_config config = {.bind = {.sa.sa_family = AF_UNSPEC}};
    if (sl_addr_parse(&config.bind, "127.0.0.1:0") != 0 || sl_udp_open(&a, &config) != 0 ||
        sl_udp_open(&b, &config) != 0)
        return 2;
    const struct sl_path path = {.remote = sl_udp_local(b)};
    uint8_t data[1200] = {0};
    for (int i = 0; i < 50; i++)
        if (sl_udp_send(a, &path, data, sizeof(data)) != 0)
            return 3;
    sl_udp_flush(a);
    struct sl_udp_stats s;
    sl_udp_stats(a, &s);
    return s.gso == 0 && s.sent == 50 && s.sent_bytes == 60000 ? 0 : 4;
}

static void older_kernel(void **state)
{
    (void)state;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(without_gso());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void falls_back_when_refused(void **state)
{
    (void)state;
    struct sl_udp *a = open_at("127.0.0.1:0"), *b = open_at("127.0.0.1:0");
    const int on = 1;
    /* Segmentation needs checksums: without them the kernel answers EINVAL (udp_send_skb). */
    assert_int_equal(setsockopt(sl_udp_fd(a), SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
    const struct sl_path path = {.remote = sl_udp_local(b)};
    const struct sl_path other = {.remote = sl_udp_local(a)};
    send_one(a, &other, 9, 50);
    for (int i = 0; i < 20; i++)
        send_one(a, &path, (uint8_t)i, 500);
    sl_udp_flush(a);
    receive_all(b, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(got.first[i], i);
    receive_all(a, 1);
    struct sl_udp_stats s;
    sl_udp_stats(a, &s);
    assert_int_equal(s.gso, 0);
    assert_int_equal(s.sent, 21);
    assert_int_equal(s.send_failed, 0);
    sl_udp_close(a);
    sl_udp_close(b);
}

static void resolving(void **state)
{
    (void)state;
    struct sl_addr addr;
    char text[SL_ADDR_TEXT];
    assert_int_equal(sl_resolve(&addr, "10.1.2.3", 80), 0);
    assert_string_equal(sl_addr_text(&addr, text), "10.1.2.3:80");
    assert_int_equal(sl_resolve(&addr, "[::1]", 80), 0);
    assert_string_equal(sl_addr_text(&addr, text), "[::1]:80");
    assert_int_equal(sl_resolve(&addr, "::1", 80), 0);
    assert_string_equal(sl_addr_text(&addr, text), "[::1]:80");
    assert_int_equal(sl_resolve_text(&addr, "10.1.2.3:5", 80), 0);
    assert_string_equal(sl_addr_text(&addr, text), "10.1.2.3:5");
    assert_int_equal(sl_resolve_text(&addr, "10.1.2.3", 80), 0);
    assert_string_equal(sl_addr_text(&addr, text), "10.1.2.3:80");
    assert_int_equal(sl_resolve_text(&addr, "[::1]:7", 0), 0);
    assert_string_equal(sl_addr_text(&addr, text), "[::1]:7");
    assert_int_equal(sl_resolve_text(&addr, "[::1]", 9), 0);
    assert_string_equal(sl_addr_text(&addr, text), "[::1]:9");
    assert_int_equal(sl_resolve(&addr, "localhost", 80), 0);
    assert_int_equal(sl_addr_port(&addr), 80);
    assert_int_equal(sl_resolve_text(&addr, "10.1.2.3", 0), -EINVAL);
    assert_int_equal(sl_resolve_text(&addr, "10.1.2.3:", 80), -EINVAL);
    assert_int_equal(sl_resolve_text(&addr, "10.1.2.3:70000", 80), -EINVAL);
    assert_int_equal(sl_resolve_text(&addr, ":5", 80), -EINVAL);
    assert_int_equal(sl_resolve(&addr, "", 80), -EINVAL);
    char longest[400];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(sl_resolve(&addr, longest, 80), -EINVAL);
}

static void own_addresses(void **state)
{
    (void)state;
    struct sl_addr list[32];
    char text[SL_ADDR_TEXT];
    const int all = sl_interfaces_list(list, 32, true);
    bool loopback = false, six = false;
    for (int i = 0; i < all; i++) {
        loopback |= strcmp(sl_addr_host(&list[i], text), "127.0.0.1") == 0;
        assert_false(six && list[i].sa.sa_family == AF_INET); /* IPv4 first */
        six |= list[i].sa.sa_family == AF_INET6;
        assert_int_equal(sl_addr_port(&list[i]), 0);
        assert_int_not_equal(strncmp(sl_addr_host(&list[i], text), "fe80:", 5), 0);
        /* Each is really ours. */
        struct sl_udp *udp;
        const struct sl_udp_config config = {.bind = list[i]};
        assert_int_equal(sl_udp_open(&udp, &config), 0);
        sl_udp_close(udp);
    }
    assert_true(loopback);
    const int outer = sl_interfaces_list(list, 32, false);
    assert_true(outer >= 0 && outer < all);
    for (int i = 0; i < outer; i++)
        assert_int_not_equal(strncmp(sl_addr_host(&list[i], text), "127.", 4), 0);
    assert_int_equal(sl_interfaces_list(list, 1, true), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_of_equal_sizes),
        cmocka_unit_test(interleaved_paths),
        cmocka_unit_test(full_batch_flushes),
        cmocka_unit_test(answers_from_the_address_asked),
        cmocka_unit_test(dual_stack),
        cmocka_unit_test(limits),
        cmocka_unit_test(dead_peers),
        cmocka_unit_test(kernel_drops_are_counted),
        cmocka_unit_test(receive_respects_max),
        cmocka_unit_test(arrival_is_when_the_kernel_had_it),
        cmocka_unit_test(without_a_stamp_arrival_is_when_it_was_read),
        cmocka_unit_test(a_step_of_the_wall_clock_is_no_arrival),
        cmocka_unit_test(older_kernel),
        cmocka_unit_test(falls_back_when_refused),
        cmocka_unit_test(resolving),
        cmocka_unit_test(own_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
