/* SPDX-License-Identifier: MIT */
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

#include "base/types.h"
#include "whip/link.h"

#define TOKEN "aB3-_fghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
#define PIN "sha256//abc+/EFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop="

static char why[256];

static void a_link_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *camera;
        int port;
    } cases[] = {
        {"sightline://" TOKEN "@cam.example:8443/yard?pin=" PIN, "cam.example", "yard", 8443},
        {"sightline://" TOKEN "@192.0.2.1:1?pin=" PIN, "192.0.2.1", "", 1},
        {"sightline://" TOKEN "@[2001:db8::1]:65535/a-b_9?pin=" PIN, "2001:db8::1", "a-b_9", 65535},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_link link;
        assert_int_equal(sl_link_parse(&link, cases[i].text, why, sizeof(why)), 0);
        assert_string_equal(link.token, TOKEN);
        assert_string_equal(link.host, cases[i].host);
        assert_string_equal(link.camera, cases[i].camera);
        assert_int_equal(link.port, cases[i].port);
        assert_string_equal(link.pin, PIN);
        char text[SL_LINK_TEXT];
        assert_int_equal(sl_link_text(&link, text, sizeof(text)), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        for (size_t size = 0; size <= strlen(text); size++)
            assert_int_equal(sl_link_text(&link, (char[SL_LINK_TEXT]){0}, size), -EMSGSIZE);
    }
}

static void what_people_paste_is_understood(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "  sightline://" TOKEN "@h:1/yard?pin=" PIN "\n",
        "sightline://" TOKEN "@h:1/yard?v=2&pin=" PIN "&more",
        "sightline://" TOKEN
        "@h:1/yard?pin=sha256%2F%2fabc%2B%2fEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop%3D",
        "sightline://" TOKEN "@h:1/yard?pin=sha256//abc+%2FEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop=",
    };
    for (size_t i = 0; i < SL_COUNT(texts); i++) {
        struct sl_link link;
        assert_int_equal(sl_link_parse(&link, texts[i], why, sizeof(why)), 0);
        assert_string_equal(link.pin, PIN);
        assert_string_equal(link.camera, "yard");
    }
    struct sl_link link;
    assert_int_equal(sl_link_parse(&link, "sightline://" TOKEN "@h:1/?pin=" PIN, why, sizeof(why)),
                     0);
    assert_string_equal(link.camera, "");
}

static void errors_name_the_part_and_never_the_token(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "begin"},
        {"https://" TOKEN "@h:1/yard?pin=" PIN, "begin"},
        {"sightline://" TOKEN "h:1/yard?pin=" PIN, "token"},
        {"sightline://short@h:1/yard?pin=" PIN, "token"},
        {"sightline://" TOKEN "x@h:1/yard?pin=" PIN, "token"},
        {"sightline://+B3-_fghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ@h:1/yard?pin=" PIN, "token"},
        {"sightline://" TOKEN "@h/yard?pin=" PIN, "port"},
        {"sightline://" TOKEN "@h:/yard?pin=" PIN, "port"},
        {"sightline://" TOKEN "@h:0/yard?pin=" PIN, "port"},
        {"sightline://" TOKEN "@h:65536/yard?pin=" PIN, "port"},
        {"sightline://" TOKEN "@h:1x/yard?pin=" PIN, "port"},
        {"sightline://" TOKEN "@:1/yard?pin=" PIN, "host"},
        {"sightline://" TOKEN "@a b:1/yard?pin=" PIN, "host"},
        {"sightline://" TOKEN "@" TOKEN "@h:1/yard?pin=" PIN, "host"},
        {"sightline://" TOKEN "@2001:db8::1:1/yard?pin=" PIN, "port"},
        {"sightline://" TOKEN "@[2001:db8::1/yard?pin=" PIN, "brackets"},
        {"sightline://" TOKEN "@h:1/Yard?pin=" PIN, "camera"},
        {"sightline://" TOKEN "@h:1/a/b?pin=" PIN, "camera"},
        {"sightline://" TOKEN "@h:1/abcdefghijklmnopqrstuvwxyz0123456?pin=" PIN, "camera"},
        {"sightline://" TOKEN "@h:1/yard", "no pin"},
        {"sightline://" TOKEN "@h:1/yard?x=1", "no pin"},
        {"sightline://" TOKEN "@h:1/yard?pin=sha256//abc", "pin"},
        {"sightline://" TOKEN "@h:1/yard?pin=sha256//abc%2", "pin"},
        {"sightline://" TOKEN "@h:1/yard?pin=sha1", "pin"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_link link, before;
        memset(&link, 0x5a, sizeof(link));
        before = link;
        memset(why, 0, sizeof(why));
        assert_int_equal(sl_link_parse(&link, cases[i].text, why, sizeof(why)), -EINVAL);
        if (!strstr(why, cases[i].says))
            fail_msg("%s: \"%s\"", cases[i].text, why);
        assert_non_null(strstr(why, "wanted sightline://"));
        assert_null(strstr(why, "ghijklmnopqrstuvwxyzABCDEFG"));
        assert_memory_equal(&link, &before, sizeof(link));
    }
}

static void a_link_from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/test_link.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char text[] = "sightline://" TOKEN "@h:1/yard?pin=" PIN "\nsecond line\n";
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    char argument[64];
    snprintf(argument, sizeof(argument), "@%s", path);
    struct sl_link link;
    assert_int_equal(sl_link_parse(&link, argument, why, sizeof(why)), 0);
    assert_string_equal(link.camera, "yard");
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(sl_link_parse(&link, argument, why, sizeof(why)), -EINVAL);
    unlink(path);
    assert_int_equal(sl_link_parse(&link, argument, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "No such file"));
}

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "9", "yard-1", "a_b",
                                       "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const bad[] = {
        "", "-a", "_a", "A", "a b", "a.b", "\xc3\xa4", "a/", "abcdefghijklmnopqrstuvwxyz0123456"};
    for (size_t i = 0; i < SL_COUNT(good); i++)
        assert_true(sl_name_valid(good[i]));
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_false(sl_name_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_round_trip),
        cmocka_unit_test(what_people_paste_is_understood),
        cmocka_unit_test(errors_name_the_part_and_never_the_token),
        cmocka_unit_test(a_link_from_a_file),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
