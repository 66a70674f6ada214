/* SPDX-License-Identifier: MIT */
/* The relay over real loopback sockets: its tables, its balance, its addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "bench/impair.h"
#include "net/loop.h"

static int open_socket(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void send_to(int fd, uint16_t port, const void *data, size_t len)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(sendto(fd, data, len, 0, (const struct sockaddr *)&to, sizeof(to)), len);
}

static void assert_balanced(const struct sl_impair *impair)
{
    for (int i = 0; i < SL_IMPAIR_DIRECTIONS; i++) {
        struct sl_impair_stats s;
        sl_impair_stats(impair, (enum sl_impair_direction)i, &s);
        assert_int_equal(s.link.passed, s.forwarded + s.undelivered + s.waiting);
    }
}

struct rig {
    struct sl_loop *loop;
    struct sl_impair *impair;
    struct sl_timer poll; /* looks whether the awaited has come */
    int target;
    uint16_t target_port;
    int awaited_fd;
};

static void look(void *ctx, sl_ns now)
{
    struct rig *rig = ctx;
    struct pollfd entry = {.fd = rig->awaited_fd, .events = POLLIN};
    if (poll(&entry, 1, 0) == 1)
        sl_loop_stop(rig->loop);
    else
        sl_timer_set(&rig->poll, now + 100 * SL_US);
}

/* Runs the relay until `fd` is readable. Returns how long that took. */
static sl_ns await(struct rig *rig, int fd)
{
    const sl_ns start = sl_time_now();
    rig->awaited_fd = fd;
    sl_timer_set(&rig->poll, start);
    assert_int_equal(sl_loop_run(rig->loop), 0);
    return sl_time_now() - start;
}

static void rig_open(struct rig *rig, const char *const *options, int count)
{
    const char *words[16] = {"0", NULL};
    char port[8];
    struct sl_impair_config config;
    rig->target = open_socket(&rig->target_port);
    snprintf(port, sizeof(port), "%u", rig->target_port);
    words[1] = port;
    for (int i = 0; i < count; i++)
        words[2 + i] = options[i];
    assert_int_equal(sl_impair_parse(&config, words, 2 + count, stderr), 0);
    assert_int_equal(sl_loop_create(&rig->loop), 0);
    assert_int_equal(sl_impair_create(&rig->impair, rig->loop, &config), 0);
    sl_timer_init(&rig->poll, rig->loop, look, rig);
}

static void rig_close(struct rig *rig)
{
    assert_balanced(rig->impair);
    sl_impair_destroy(rig->impair);
    sl_loop_destroy(rig->loop);
    close(rig->target);
}

/* Two clients: the target sees two ports, and each client gets its own answer. */
static void both_ways(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL, 0);
    int clients[2];
    uint16_t ports[2], seen[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = open_socket(&ports[i]);
        send_to(clients[i], sl_impair_port(rig.impair), &i, sizeof(i));
        await(&rig, rig.target);
        struct sockaddr_in from;
        socklen_t len = sizeof(from);
        int got = -1;
        assert_int_equal(recvfrom(rig.target, &got, sizeof(got), 0, (struct sockaddr *)&from, &len),
                         sizeof(got));
        assert_int_equal(got, i);
        seen[i] = ntohs(from.sin_port);
    }
    assert_int_not_equal(seen[0], seen[1]);
    for (int i = 0; i < 2; i++) {
        send_to(rig.target, seen[i], &ports[i], sizeof(ports[i]));
        await(&rig, clients[i]);
        uint16_t got = 0;
        assert_int_equal(recv(clients[i], &got, sizeof(got), 0), sizeof(got));
        assert_int_equal(got, ports[i]);
        close(clients[i]);
    }
    rig_close(&rig);
}

static void delay_one_way(void **state)
{
    (void)state;
    static const char *const options[] = {"delay=20", "dir=up"};
    struct rig rig;
    rig_open(&rig, options, 2);
    uint16_t port;
    const int client = open_socket(&port);
    send_to(client, sl_impair_port(rig.impair), "x", 1);
    assert_true(await(&rig, rig.target) >= 20 * SL_MS);
    struct sl_impair_stats s;
    sl_impair_stats(rig.impair, SL_IMPAIR_UP, &s);
    assert_int_equal(s.forwarded, 1);
    close(client);
    rig_close(&rig);
}

static void clients_are_bounded(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL, 0);
    int clients[SL_IMPAIR_CLIENTS_MAX + 1]; /* all stay open: a port given anew is no new client */
    for (int i = 0; i <= SL_IMPAIR_CLIENTS_MAX; i++) {
        uint16_t port;
        int got;
        clients[i] = open_socket(&port);
        send_to(clients[i], sl_impair_port(rig.impair), &i, sizeof(i));
        await(&rig, rig.target);
        assert_int_equal(recv(rig.target, &got, sizeof(got), 0), sizeof(got));
        assert_int_equal(got, i);
        assert_int_equal(sl_impair_evicted(rig.impair), i == SL_IMPAIR_CLIENTS_MAX);
    }
    for (int i = 0; i <= SL_IMPAIR_CLIENTS_MAX; i++)
        close(clients[i]);
    rig_close(&rig);
}

static void waiting_is_bounded(void **state)
{
    (void)state;
    static const char *const options[] = {"delay=10000", "dir=up"};
    struct rig rig;
    rig_open(&rig, options, 2);
    uint16_t port;
    const int client = open_socket(&port);
    struct sl_impair_stats s;
    for (int i = 0; i < 17000; i++) {
        send_to(client, sl_impair_port(rig.impair), "x", 1);
        if (i % 50 == 49) { /* the relay reads what has come, then the readable client ends it */
            send_to(client, port, "y", 1);
            await(&rig, client);
            assert_int_equal(recv(client, &(char){0}, 1, 0), 1);
        }
    }
    for (;;) {
        sl_impair_stats(rig.impair, SL_IMPAIR_UP, &s);
        if (s.link.received == 17000)
            break;
        send_to(client, port, "y", 1);
        await(&rig, client);
        assert_int_equal(recv(client, &(char){0}, 1, 0), 1);
    }
    assert_int_equal(s.waiting, 16384);
    assert_int_equal(s.undelivered, 17000 - 16384);
    close(client);
    rig_close(&rig);
}

/* Bytes are counted as they come and go; what would be cut is refused, and nothing is unaccounted.
 */
static void bytes_are_counted(void **state)
{
    (void)state;
    static const char *const options[] = {"dup=100", "dir=up"};
    static const uint8_t data[4000];
    struct rig rig;
    rig_open(&rig, options, 2);
    uint16_t port;
    const int client = open_socket(&port);
    send_to(client, sl_impair_port(rig.impair), data, 4000);
    send_to(client, sl_impair_port(rig.impair), data, 2048);
    send_to(client, sl_impair_port(rig.impair), data, 7);
    static const ssize_t wanted[] = {2048, 2048, 7, 7};
    for (size_t i = 0; i < SL_COUNT(wanted); i++) {
        uint8_t got[4000];
        await(&rig, rig.target);
        assert_int_equal(recv(rig.target, got, sizeof(got), 0), wanted[i]);
    }
    struct sl_impair_stats s;
    sl_impair_stats(rig.impair, SL_IMPAIR_UP, &s);
    assert_int_equal(s.link.received, 3);
    assert_int_equal(s.received_bytes, 4000 + 2048 + 7);
    assert_int_equal(s.forwarded_bytes, 2 * (2048 + 7));
    assert_int_equal(s.undelivered, 2); /* both copies */
    assert_int_equal(s.overflowed, 0);
    close(client);
    rig_close(&rig);
}

/* More than the kernel keeps for a relay that does not read is counted, too. */
static void overflow_is_counted(void **state)
{
    (void)state;
    static const uint8_t data[2048];
    struct rig rig;
    rig_open(&rig, NULL, 0);
    uint16_t port;
    const int client = open_socket(&port);
    for (int i = 0; i < 20000; i++)
        send_to(client, sl_impair_port(rig.impair), data, sizeof(data));
    struct sl_impair_stats s = {.received_bytes = 0};
    do {
        send_to(client, port, "y", 1);
        await(&rig, client);
        assert_int_equal(recv(client, &(char){0}, 1, 0), 1);
        const uint64_t before = s.link.received;
        sl_impair_stats(rig.impair, SL_IMPAIR_UP, &s);
        if (s.link.received == before)
            break;
    } while (s.link.received + s.overflowed < 20000);
    assert_true(s.overflowed > 0);
    assert_int_equal(s.link.received + s.overflowed, 20000);
    close(client);
    rig_close(&rig);
}

static struct sl_impair_config parsed(const char *text)
{
    char copy[256];
    const char *words[16] = {"0", "9"};
    int count = 2;
    struct sl_impair_config config;
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *save, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        words[count++] = word;
    assert_int_equal(sl_impair_parse(&config, words, count, stderr), 0);
    return config;
}

static void words_and_directions(void **state)
{
    (void)state;
    struct sl_impair_config c = parsed("loss=5 delay=20 dir=up");
    assert_true(c.direction[SL_IMPAIR_UP].loss == 0.05 && c.direction[SL_IMPAIR_DOWN].loss == 0);
    assert_int_equal(c.direction[SL_IMPAIR_UP].delay, 20 * SL_MS);
    assert_int_equal(c.direction[SL_IMPAIR_DOWN].delay, 0);
    c = parsed("dir=up dir=both up.loss=5 delay=20 down.delay=30 loss=1");
    assert_true(c.direction[SL_IMPAIR_UP].loss == 0.05 && c.direction[SL_IMPAIR_DOWN].loss == 0.01);
    assert_int_equal(c.direction[SL_IMPAIR_UP].delay, 20 * SL_MS);
    assert_int_equal(c.direction[SL_IMPAIR_DOWN].delay, 30 * SL_MS);
    c = parsed("dir=down up.jitter=3 seed=5"); /* what is said of one direction holds */
    assert_int_equal(c.direction[SL_IMPAIR_UP].jitter, 3 * SL_MS);
    assert_int_equal(c.direction[SL_IMPAIR_DOWN].jitter, 0);
    assert_int_equal(c.direction[SL_IMPAIR_UP].seed, 5);
    assert_int_not_equal(c.direction[SL_IMPAIR_DOWN].seed, 5);
    c = parsed("outage=1,2 up.squeeze=3,4,800 down.outage=5,6"); /* both, and its own */
    assert_int_equal(c.direction[SL_IMPAIR_UP].spans, 2);
    assert_int_equal(c.direction[SL_IMPAIR_UP].span[1].start, 3 * SL_SEC);
    assert_int_equal(c.direction[SL_IMPAIR_UP].span[1].len, 4 * SL_SEC);
    assert_int_equal(c.direction[SL_IMPAIR_UP].span[1].rate_bps, 800000);
    assert_int_equal(c.direction[SL_IMPAIR_DOWN].spans, 2);
    assert_int_equal(c.direction[SL_IMPAIR_DOWN].span[1].rate_bps, 0);
}

static void bad_words(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"x", "5", NULL},         {"1", NULL, NULL},         {"1", "0", NULL},
        {"1", "70000", NULL},     {"1", "2", "dir=left"},    {"1", "2", "loss=200"},
        {"1", "2", "wobble=200"}, {"1", "2", "up.dir=up"},   {"1", "2", "down.loss=x"},
        {"1", "2", "up.los=1"},   {"1", "2", "side.loss=1"}, {"1", "2", "up.squeeze=1,2"},
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++) {
        struct sl_impair_config config;
        char *text;
        size_t len;
        int count = 0;
        while (count < 3 && bad[i][count])
            count++;
        FILE *err = open_memstream(&text, &len);
        assert_int_equal(sl_impair_parse(&config, bad[i], count, err), -EINVAL);
        fclose(err);
        assert_ptr_equal(strchr(text, '\n'), text + len - 1); /* one line */
        free(text);
    }
}

static void too_many_spans(void **state)
{
    (void)state;
    const char *words[2 + SL_IMPAIRMENT_SPANS + 1] = {"1", "2"};
    struct sl_impair_config config;
    char *text;
    size_t len;
    for (int i = 0; i <= SL_IMPAIRMENT_SPANS; i++)
        words[2 + i] = "outage=1,2";
    FILE *err = open_memstream(&text, &len);
    assert_int_equal(sl_impair_parse(&config, words, 2 + SL_IMPAIRMENT_SPANS, err), 0);
    assert_int_equal(sl_impair_parse(&config, words, 2 + SL_IMPAIRMENT_SPANS + 1, err), -EINVAL);
    fclose(err);
    assert_non_null(strstr(text, "at most 16"));
    free(text);
}

/* 90 % in bursts of 3 cannot be: between any two there is a packet that passes. */
static void loss_beyond_bursts(void **state)
{
    (void)state;
    static const char *const bad[] = {"1", "2", "loss=90", "up.burst=3"};
    struct sl_impair_config config;
    char *text;
    size_t len;
    FILE *err = open_memstream(&text, &len);
    assert_int_equal(sl_impair_parse(&config, bad, 4, err), -EINVAL);
    fclose(err);
    assert_non_null(strstr(text, "bursts of 9 or more"));
    free(text);
    parsed("loss=75 burst=3");
    parsed("loss=100 burst=3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(delay_one_way),
        cmocka_unit_test(clients_are_bounded),
        cmocka_unit_test(waiting_is_bounded),
        cmocka_unit_test(bytes_are_counted),
        cmocka_unit_test(overflow_is_counted),
        cmocka_unit_test(words_and_directions),
        cmocka_unit_test(bad_words),
        cmocka_unit_test(too_many_spans),
        cmocka_unit_test(loss_beyond_bursts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
