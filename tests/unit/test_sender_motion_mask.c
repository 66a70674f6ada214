/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sender/motion_mask.h"

static int parse(struct sl_motion_mask *mask, const void *data, size_t len)
{
    char why[128] = "";
    *mask = (struct sl_motion_mask){0};
    const int error = sl_motion_mask_parse(mask, data, len, why, sizeof(why));
    assert_true((error != 0) == (*why != '\0'));
    if (error)
        assert_null(mask->looked_at);
    return error;
}

static int parse_text(struct sl_motion_mask *mask, const char *text)
{
    return parse(mask, text, strlen(text));
}

static void plain_and_raw_say_the_same(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0, 0, 1, 1, 0, 1};
    static const uint8_t deep[] = {'P', '5', '\n', '2',  ' ',  '1',  ' ',  '6', '5',
                                   '5', '3', '5',  '\n', 0x7f, 0xff, 0x80, 0x00};
    struct sl_motion_mask mask;
    assert_int_equal(parse_text(&mask, "P2 # by hand\n3 2\n# white:\n200\n0 100 101\n200 0 150\n"),
                     0);
    assert_int_equal(mask.width, 3);
    assert_int_equal(mask.height, 2);
    assert_memory_equal(mask.looked_at, expected, 6);
    sl_motion_mask_fini(&mask);
    assert_int_equal(parse(&mask, "P5\n3 2\n200\n\0\x64\x65\xc8\0\x96", 17), 0);
    assert_memory_equal(mask.looked_at, expected, 6);
    sl_motion_mask_fini(&mask);
    assert_int_equal(parse(&mask, deep, sizeof(deep)), 0);
    assert_false(mask.looked_at[0]);
    assert_true(mask.looked_at[1]);
    sl_motion_mask_fini(&mask);
}

static void it_is_laid_over_any_picture(void **state)
{
    (void)state;
    struct sl_motion_mask mask;
    assert_int_equal(parse_text(&mask, "P2 2 2 1 1 0 0 1"), 0);
    assert_true(sl_motion_mask_at(&mask, 0, 1280, 0, 720));
    assert_true(sl_motion_mask_at(&mask, 639, 1280, 359, 720));
    assert_false(sl_motion_mask_at(&mask, 640, 1280, 359, 720));
    assert_false(sl_motion_mask_at(&mask, 639, 1280, 360, 720));
    assert_true(sl_motion_mask_at(&mask, 1279, 1280, 719, 720));
    sl_motion_mask_fini(&mask);
}

static void what_is_no_pgm_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "P",
        "P6 1 1 255 a",
        "P2",
        "P2 0 1 1",
        "P2 1 0 1",
        "P2 1 1 0 0",
        "P2 1 1 65536 0",
        "P2 99999999999 1 1 0",
        "P2 -1 1 1 0",
        "P2 2 2 1 1 0 0",
        "P2 2 2 1 1 0 0 2",
        "P2 2 2 1 1 0 0 x",
        "P5 8192 8192 255 short",
        "P5 2 2 255\nabc",
        "P5 2 2 256\nabcdefg",
    };
    struct sl_motion_mask mask;
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        assert_int_equal(parse_text(&mask, bad[i]), -EBADMSG);
    assert_int_equal(parse_text(&mask, "P5 8193 1 255 "), -EFBIG);
}

static void files_are_read(void **state)
{
    (void)state;
    char path[] = "/tmp/sl-mask-XXXXXX", why[128];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "P5 640 360 255\n");
    for (int i = 0; i < 640 * 360; i++)
        fputc(i < 640 * 180 ? 0 : 255, file);
    fclose(file);
    struct sl_motion_mask mask;
    assert_int_equal(sl_motion_mask_read(&mask, path, why, sizeof(why)), 0);
    assert_false(sl_motion_mask_at(&mask, 5, 10, 4, 10));
    assert_true(sl_motion_mask_at(&mask, 5, 10, 5, 10));
    sl_motion_mask_fini(&mask);
    unlink(path);
    assert_int_equal(sl_motion_mask_read(&mask, path, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "No such file or directory");
    assert_int_equal(sl_motion_mask_read(&mask, "/tmp", why, sizeof(why)), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_raw_say_the_same),
        cmocka_unit_test(it_is_laid_over_any_picture),
        cmocka_unit_test(what_is_no_pgm_is_refused),
        cmocka_unit_test(files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
