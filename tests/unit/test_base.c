/* SPDX-License-Identifier: MIT */
/* Time, randomness, addresses, wake-ups, log lines. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "base/wake.h"

static void ntp(void **state)
{
    (void)state;
    /* 2000-01-01 is 3155673600 s after 1900 (RFC 5905 figure 4). */
    const sl_ns epoch = 946684800 * SL_SEC;
    assert_int_equal(sl_ntp_from_ns(0, epoch), (uint64_t)3155673600u << 32);
    assert_int_equal(sl_ntp_from_ns(500 * SL_MS, epoch), ((uint64_t)3155673600u << 32) | 1u << 31);
    for (sl_ns now = 1; now < 100 * SL_SEC; now = now * 3 + 7)
        assert_in_range(sl_ntp_to_ns(sl_ntp_from_ns(now, epoch), epoch) - now + 1, 0, 2);
    assert_int_equal(sl_ntp_span_from_ns(-SL_SEC), -((int64_t)1 << 32));
    assert_int_equal(sl_ntp_span_to_ns(((int64_t)3 << 32) / 2), 1500 * SL_MS);
}

static void seeded_random(void **state)
{
    (void)state;
    struct sl_random a, b, c;
    sl_random_init_seed(&a, 1);
    sl_random_init_seed(&b, 1);
    sl_random_init_seed(&c, 2);
    uint8_t x[100], y[100], z[100];
    sl_random_fill(&a, x, sizeof(x));
    sl_random_fill(&b, y, sizeof(y));
    sl_random_fill(&c, z, sizeof(z));
    assert_memory_equal(x, y, sizeof(x));
    assert_memory_not_equal(x, z, sizeof(x));

    int seen[6] = {0};
    double sum = 0;
    for (int i = 0; i < 60000; i++) {
        const uint32_t v = sl_random_range(&a, 10, 15);
        assert_in_range(v, 10, 15);
        seen[v - 10]++;
        const double u = sl_random_unit(&a);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 9500, 10500); /* 5 sigma is 460 */
    assert_in_range((int)(sum / 60000 * 1000), 494, 506);
    assert_int_equal(sl_random_range(&a, 7, 7), 7);
    (void)sl_random_range(&a, 0, UINT32_MAX); /* a span of 2^32 */
}

static void system_random(void **state)
{
    (void)state;
    struct sl_random a;
    sl_random_init_system(&a);
    uint8_t x[1000] = {0};
    sl_random_fill(&a, x, sizeof(x));
    int ones = 0;
    for (size_t i = 0; i < sizeof(x); i++)
        ones += __builtin_popcount(x[i]);
    assert_in_range(ones, 3700, 4300); /* 6 sigma is 268 */
    char text[33];
    memset(text, 'X', sizeof(text));
    sl_random_text(&a, text, 32);
    assert_int_equal(strlen(text), 32);
    assert_int_equal(
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"), 32);
}

static void assert_text(const char *in, const char *text, const char *host, int port)
{
    struct sl_addr addr;
    char out[SL_ADDR_TEXT];
    assert_int_equal(sl_addr_parse(&addr, in), 0);
    assert_string_equal(sl_addr_text(&addr, out), text);
    assert_string_equal(sl_addr_host(&addr, out), host);
    assert_int_equal(sl_addr_port(&addr), port);
    assert_true(sl_addr_is_set(&addr));
    struct sl_addr again;
    assert_int_equal(sl_addr_from_sockaddr(&again, &addr.sa, sl_addr_len(&addr)), 0);
    assert_true(sl_addr_equal(&addr, &again));
    assert_int_equal(sl_addr_hash(&addr), sl_addr_hash(&again));
}

static void addresses(void **state)
{
    (void)state;
    assert_text("1.2.3.4:5", "1.2.3.4:5", "1.2.3.4", 5);
    assert_text("[::1]:65535", "[::1]:65535", "::1", 65535);
    assert_text("[2001:DB8::0001]:0", "[2001:db8::1]:0", "2001:db8::1", 0);
    assert_text("[::ffff:10.0.0.1]:7", "10.0.0.1:7", "10.0.0.1", 7);
    assert_text("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);

    static const char *const bad[] = {
        "",
        ":",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3.4:5x",
        "1.2.3:5",
        "::1:5",
        "[::1]",
        "[::1]5",
        "[::1:5",
        "[1.2.3.4]:5",
        "host:5",
        "1.2.3.4:000005",
        "[]:1",
        "[11111111111111111111111111111111111111111111111111111111111]:1",
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++) {
        struct sl_addr addr;
        if (sl_addr_parse(&addr, bad[i]) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    }

    struct sl_addr a, b, none = {.sa.sa_family = AF_UNSPEC};
    char out[SL_ADDR_TEXT];
    assert_int_equal(sl_addr_parse(&a, "1.2.3.4:5"), 0);
    assert_int_equal(sl_addr_parse(&b, "1.2.3.4:6"), 0);
    assert_false(sl_addr_equal(&a, &b));
    assert_true(sl_addr_same_host(&a, &b));
    assert_int_not_equal(sl_addr_hash(&a), sl_addr_hash(&b));
    sl_addr_set_port(&b, 5);
    assert_true(sl_addr_equal(&a, &b));
    assert_false(sl_addr_equal(&a, &none));
    assert_false(sl_addr_is_set(&none));
    assert_string_equal(sl_addr_text(&none, out), "-");

    struct sockaddr_storage unix_address = {.ss_family = AF_UNIX};
    assert_int_equal(
        sl_addr_from_sockaddr(&a, (struct sockaddr *)&unix_address, sizeof(unix_address)),
        -EAFNOSUPPORT);
    assert_int_equal(sl_addr_from_sockaddr(&a, &b.sa, 4), -EAFNOSUPPORT);
}

static bool readable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static void wake_coalesces(void **state)
{
    (void)state;
    struct sl_wake wake;
    assert_int_equal(sl_wake_init(&wake), 0);
    assert_false(sl_wake_wait(&wake, 0));
    for (int i = 0; i < 3; i++)
        sl_wake_signal(&wake);
    uint64_t count;
    assert_int_equal(read(wake.fd, &count, sizeof(count)), 8);
    assert_int_equal(count, 1); /* one system call for three signals */
    sl_wake_clear(&wake);
    sl_wake_signal(&wake);
    assert_true(readable(wake.fd));
    assert_true(sl_wake_wait(&wake, SL_NEVER));
    assert_false(readable(wake.fd));
    const sl_ns start = sl_time_now();
    assert_false(sl_wake_wait(&wake, 2 * SL_MS));
    assert_true(sl_time_now() - start >= 2 * SL_MS);
    sl_wake_fini(&wake);
}

static void log_lines(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int kept = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    sl_log_init("prog", SL_LOG_INFO);
    sl_debug("not shown");
    sl_warn("peer said '%s'", "a\nb\033[2J");
    char big[3000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    sl_error("%s", big);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(ends[1]);
    char text[4096];
    const ssize_t len = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    assert_true(len > 0);
    text[len] = '\0';
    char *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = '\0';
    assert_string_equal(strchr(text, ' '), " prog warning: peer said 'a?b?[2J'");
    assert_int_equal(text[10], 'T');
    assert_true(strlen(second) < 1100);
    assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1);
}

static void cursors(void **state)
{
    (void)state;
    uint8_t data[15];
    struct sl_writer w = sl_writer(data, sizeof(data));
    sl_write8(&w, 1);
    sl_write16(&w, 0x0203);
    sl_write32(&w, 0x04050607);
    sl_write64(&w, 0x08090a0b0c0d0e0f);
    assert_int_equal(sl_writer_len(&w), 15);
    assert_false(w.failed);
    for (int i = 0; i < 15; i++)
        assert_int_equal(data[i], i + 1);
    sl_write8(&w, 0);
    assert_true(w.failed);

    struct sl_reader r = sl_reader(data, 4);
    assert_int_equal(sl_read24(&r), 0x010203);
    assert_int_equal(sl_read16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(sl_read8(&r), 0); /* sticks, though a byte is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ntp),
        cmocka_unit_test(seeded_random),
        cmocka_unit_test(system_random),
        cmocka_unit_test(addresses),
        cmocka_unit_test(wake_coalesces),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(cursors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
