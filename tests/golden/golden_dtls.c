/* SPDX-License-Identifier: MIT */
/*
 * The ClientHello of Chromium 156 (1413 bytes) and Firefox 153 (1461 bytes), as captured: both come
 * in two datagrams, in fragments of one handshake message (golden/dtls/BROWSER-N.bin).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "dtls/dtls.h"

struct answer {
    size_t datagrams, len;
    uint8_t first[1200]; /* the datagram that came first */
};

struct file {
    size_t len;
    uint8_t data[2000];
};

static struct sl_dtls_identity *identity;

static void on_send(void *ctx, const uint8_t *data, size_t len)
{
    struct answer *answer = ctx;
    assert_true(len <= sizeof(answer->first));
    if (answer->datagrams++ == 0) {
        answer->len = len;
        memcpy(answer->first, data, len);
    }
}

static struct file read_fragment(const char *browser, int number)
{
    char path[512];
    struct file file = {0};
    snprintf(path, sizeof(path), "%s/golden/dtls/%s-%d.bin", SL_TEST_DIR, browser, number);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    file.len = fread(file.data, 1, sizeof(file.data), stream);
    fclose(stream);
    assert_true(file.len > 25);
    return file;
}

static struct sl_dtls *open_server(struct answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    const struct sl_dtls_config config = {.identity = identity, .send = on_send, .ctx = answer};
    struct sl_dtls *server = NULL;
    assert_int_equal(sl_dtls_create(&server, &config), 0);
    sl_dtls_start(server, 0);
    return server;
}

static void give(struct sl_dtls *server, const struct file *file)
{
    assert_int_equal(sl_dtls_receive(server, 0, file->data, file->len), SL_DTLS_HANDSHAKING);
}

/* A ServerHello of DTLS 1.2 whose use_srtp (RFC 5764 section 4.1.1) chose SRTP_AEAD_AES_128_GCM. */
static void check_answer(const struct answer *answer)
{
    static const uint8_t use_srtp[] = {0, 14, 0, 5, 0, 2, 0, 7, 0};
    assert_true(answer->datagrams > 0);
    const uint8_t *hello = answer->first + 13 + 12;
    assert_int_equal(answer->first[0], 22);
    assert_int_equal(answer->first[13], 2);
    assert_int_equal(sl_get16(hello), 0xfefd);
    const size_t len = sl_get24(answer->first + 14);
    assert_true(13 + 12 + len <= answer->len);
    assert_non_null(memmem(hello, len, use_srtp, sizeof(use_srtp)));
}

static void is_answered_in_any_order(const char *browser, size_t message_len)
{
    const struct file first = read_fragment(browser, 1), second = read_fragment(browser, 2);
    const struct file *orders[][4] = {
        {&first, &second},
        {&second, &first},
        {&first, &first, &second},
        {&second, &second, &first, &first},
    };
    assert_int_equal(sl_get24(first.data + 14), message_len);
    for (size_t i = 0; i < SL_COUNT(orders); i++) {
        struct answer answer;
        struct sl_dtls *server = open_server(&answer);
        size_t given = 0;
        while (given < 4 && orders[i][given] && answer.datagrams == 0)
            give(server, orders[i][given++]);
        assert_true(given >= 2);
        check_answer(&answer);
        sl_dtls_destroy(server);
    }
    for (int half = 0; half < 2; half++) {
        struct answer answer;
        struct sl_dtls *server = open_server(&answer);
        for (int i = 0; i < 5; i++)
            give(server, half ? &second : &first);
        assert_int_equal(answer.datagrams, 0);
        sl_dtls_destroy(server);
    }
}

static void chromium(void **state)
{
    (void)state;
    is_answered_in_any_order("chromium", 1413);
}

static void firefox(void **state)
{
    (void)state;
    is_answered_in_any_order("firefox", 1461);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chromium), cmocka_unit_test(firefox)};
    if (sl_dtls_identity_generate(&identity, "golden") < 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_dtls_identity_destroy(identity);
    return failed;
}
