/* SPDX-License-Identifier: MIT */
/* Tokens, who they belong to, and what happens to those who guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "receiver/auth.h"
#include "receiver/token.h"

struct bench {
    char dir[64];
    struct sl_store *writer, *reader;
    struct sl_limiter *failures;
    struct sl_auth auth;
    struct sl_random random;
    struct sl_addr from, elsewhere;
    char token[SL_TOKEN_TEXT], header[80];
};

static void make_token(struct bench *bench, uint8_t hash[SL_TOKEN_HASH_BYTES])
{
    sl_token_make(&bench->random, bench->token);
    sl_token_hash(bench->token, strlen(bench->token), hash);
    snprintf(bench->header, sizeof(bench->header), "Bearer %s", bench->token);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char why[SL_STORE_WHY];
    const struct sl_limiter_config limit = {.burst = 3, .per_sec = 1, .hosts = 16};
    strcpy(bench->dir, "/tmp/sightline-auth-XXXXXX");
    assert_non_null(mkdtemp(bench->dir));
    assert_int_equal(sl_store_open(&bench->writer, bench->dir, true, why), 0);
    assert_int_equal(sl_store_open(&bench->reader, bench->dir, false, why), 0);
    assert_int_equal(sl_limiter_create(&bench->failures, &limit), 0);
    sl_random_init_seed(&bench->random, 3);
    assert_int_equal(sl_addr_parse(&bench->from, "192.0.2.1:1000"), 0);
    assert_int_equal(sl_addr_parse(&bench->elsewhere, "192.0.2.2:1000"), 0);
    bench->auth = (struct sl_auth){.store = bench->reader, .failures = bench->failures};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char command[128];
    sl_store_close(bench->reader);
    sl_store_close(bench->writer);
    sl_limiter_destroy(bench->failures);
    snprintf(command, sizeof(command), "rm -rf %s", bench->dir);
    free(bench);
    return system(command);
}

static void test_tokens_are_256_bits_in_43_characters(void **state)
{
    struct bench *bench = *state;
    char other[SL_TOKEN_TEXT];
    sl_token_make(&bench->random, bench->token);
    sl_token_make(&bench->random, other);
    assert_int_equal(strlen(bench->token), 43);
    assert_string_not_equal(bench->token, other);
    assert_int_equal(strspn(other, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789-_"),
                     43);
    /* FIPS 180-4's example. */
    static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    sl_token_hash("abc", 3, hash);
    assert_memory_equal(hash, abc, sizeof(abc));
    char id[23];
    sl_token_random_text(&bench->random, 16, id, sizeof(id));
    assert_int_equal(strlen(id), 22);
}

static void test_a_link_works_from_add_to_remove(void **state)
{
    struct bench *bench = *state;
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    struct sl_token token;
    make_token(bench, hash);
    assert_int_equal(sl_auth_check(&bench->auth, bench->header, &bench->from, 0, &token),
                     SL_AUTH_WRONG);
    assert_int_equal(sl_store_camera_add(bench->writer, "yard", "", hash, 0), 0);
    assert_int_equal(sl_auth_check(&bench->auth, bench->header, &bench->from, 0, &token),
                     SL_AUTH_OK);
    assert_string_equal(token.subject, "yard");
    bench->header[0] = 'b'; /* schemes have no case */
    assert_int_equal(sl_auth_check(&bench->auth, bench->header, &bench->from, 0, &token),
                     SL_AUTH_OK);
    assert_int_equal(sl_store_camera_remove(bench->writer, "yard"), 0);
    assert_int_equal(sl_auth_check(&bench->auth, bench->header, &bench->from, 0, &token),
                     SL_AUTH_WRONG);
}

static void test_what_is_not_the_token_is_wrong(void **state)
{
    struct bench *bench = *state;
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    struct sl_token token;
    char header[128];
    sl_ns now = 0;
    make_token(bench, hash);
    assert_int_equal(sl_store_viewer_add(bench->writer, "wall", hash, 0), 0);
    static const struct {
        const char *header;
        enum sl_auth_outcome outcome;
    } cases[] = {{NULL, SL_AUTH_MISSING},         {"", SL_AUTH_MISSING},
                 {"Bearer", SL_AUTH_MISSING},     {"Bearer ", SL_AUTH_MISSING},
                 {"Basic QQ==", SL_AUTH_MISSING}, {"Bearer x", SL_AUTH_WRONG}};
    for (size_t i = 0; i < SL_COUNT(cases); i++)
        assert_int_equal(
            sl_auth_check(&bench->auth, cases[i].header, &bench->from, now += SL_SEC, &token),
            cases[i].outcome);
    for (int i = 7; i < 50; i += 6) { /* one character other */
        strcpy(header, bench->header);
        header[i] = header[i] == 'A' ? 'B' : 'A';
        assert_int_equal(sl_auth_check(&bench->auth, header, &bench->from, now += SL_SEC, &token),
                         SL_AUTH_WRONG);
    }
    snprintf(header, sizeof(header), "%s=", bench->header);
    assert_int_equal(sl_auth_check(&bench->auth, header, &bench->from, now += SL_SEC, &token),
                     SL_AUTH_WRONG);
    header[strlen(header) - 2] = '\0';
    assert_int_equal(sl_auth_check(&bench->auth, header, &bench->from, now += SL_SEC, &token),
                     SL_AUTH_WRONG);
}

static void test_guessing_is_slowed_but_nobody_is_locked_out(void **state)
{
    struct bench *bench = *state;
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    struct sl_token token;
    make_token(bench, hash);
    assert_int_equal(sl_store_viewer_add(bench->writer, "wall", hash, 0), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(sl_auth_check(&bench->auth, "Bearer guess", &bench->from, 1, &token),
                         i < 3 ? SL_AUTH_WRONG : SL_AUTH_TOO_MANY);
    /* Others at another address, and right ones at the same, are not its victims. */
    assert_int_equal(sl_auth_check(&bench->auth, "Bearer guess", &bench->elsewhere, 1, &token),
                     SL_AUTH_WRONG);
    assert_int_equal(sl_auth_check(&bench->auth, bench->header, &bench->from, 1, &token),
                     SL_AUTH_OK);
    assert_int_equal(sl_auth_check(&bench->auth, "Bearer guess", &bench->from, 1 + SL_SEC, &token),
                     SL_AUTH_WRONG);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_tokens_are_256_bits_in_43_characters),
        CASE(test_a_link_works_from_add_to_remove),
        CASE(test_what_is_not_the_token_is_wrong),
        CASE(test_guessing_is_slowed_but_nobody_is_locked_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
