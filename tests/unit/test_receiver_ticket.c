/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/ticket.h"

#define NOW INT64_C(1795183200000000)
#define MINUTE INT64_C(60000000)

static const uint8_t key[SL_TICKET_KEY_BYTES] = {1, 2, 3};
static const struct sl_media_target yard = {
    .kind = SL_MEDIA_OF_CAMERA, .name = "yard", .from_us = 100, .to_us = 200};
static const struct sl_ticket made = {.expires_us = NOW + MINUTE, .token_hash = {9, 8, 7}};

static int check(const struct sl_media_target *target, const char *text, int64_t now_us)
{
    struct sl_ticket found;
    return sl_ticket_check(key, target, text, now_us, &found);
}

static void test_a_ticket_is_for_one_thing(void **state)
{
    (void)state;
    char text[SL_TICKET_TEXT];
    struct sl_ticket found;
    sl_ticket_make(key, &yard, &made, text);
    assert_int_equal(strlen(text), SL_TICKET_TEXT - 1);
    assert_int_equal(sl_ticket_check(key, &yard, text, NOW, &found), 0);
    assert_int_equal(found.expires_us, made.expires_us);
    assert_memory_equal(found.token_hash, made.token_hash, SL_TOKEN_HASH_BYTES);

    struct sl_media_target other = yard;
    strcpy(other.name, "gate");
    assert_int_equal(check(&other, text, NOW), -EACCES);
    strcpy(other.name, "yard2");
    assert_int_equal(check(&other, text, NOW), -EACCES);
    other = yard;
    other.from_us--;
    assert_int_equal(check(&other, text, NOW), -EACCES);
    other = yard;
    other.to_us++;
    assert_int_equal(check(&other, text, NOW), -EACCES);
    other = yard;
    other.kind = SL_MEDIA_SNAPSHOT;
    assert_int_equal(check(&other, text, NOW), -EACCES);
    /* What stood behind the name before does not matter. */
    other = yard;
    memcpy(other.name, "yard\0of-old", 12);
    assert_int_equal(check(&other, text, NOW), 0);
}

static void test_a_ticket_ends(void **state)
{
    (void)state;
    char text[SL_TICKET_TEXT];
    sl_ticket_make(key, &yard, &made, text);
    assert_int_equal(check(&yard, text, NOW + MINUTE - 1), 0);
    assert_int_equal(check(&yard, text, NOW + MINUTE), -ESTALE);
}

static void test_no_other_text_is_one(void **state)
{
    (void)state;
    char text[SL_TICKET_TEXT + 8];
    static const uint8_t other_key[SL_TICKET_KEY_BYTES] = {1, 2, 4};
    struct sl_ticket found;
    sl_ticket_make(key, &yard, &made, text);
    assert_int_equal(sl_ticket_check(other_key, &yard, text, NOW, &found), -EACCES);
    for (size_t i = 0; i < SL_TICKET_TEXT - 1; i++) { /* each character counts */
        const char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(check(&yard, text, NOW), -EACCES);
        text[i] = '=';
        assert_int_equal(check(&yard, text, NOW), -EACCES);
        text[i] = '\0';
        assert_int_equal(check(&yard, text, NOW), -EACCES);
        text[i] = kept;
    }
    strcat(text, "A");
    assert_int_equal(check(&yard, text, NOW), -EACCES);
    strcat(text, "AAA");
    assert_int_equal(check(&yard, text, NOW), -EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_ticket_is_for_one_thing),
        cmocka_unit_test(test_a_ticket_ends),
        cmocka_unit_test(test_no_other_text_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
