/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sender/y4m.h"

static int read_text(struct sl_y4m_header *ret, const char *text, char *why, size_t why_len)
{
    return sl_y4m_read_header(ret, text, strlen(text), why, why_len);
}

static void good_headers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        struct sl_y4m_header header;
        size_t bytes;
    } cases[] = {
        {"YUV4MPEG2 W1280 H720 F30:1 Ip A1:1 C420jpeg XYSCSS=420JPEG\n",
         {1280, 720, 30, 1, false},
         1382400},
        {"YUV4MPEG2 W4 H2 F30000:1001", {4, 2, 30000, 1001, false}, 12},
        {"YUV4MPEG2 H241  W321 F25:1 I? C420mpeg2 XCOLORRANGE=FULL Zwhat\n",
         {321, 241, 25, 1, true},
         321 * 241 + 2 * 161 * 121},
        {"YUV4MPEG2 W16 H16 F1:2 C420paldv XCOLORRANGE=LIMITED\n", {16, 16, 1, 2, false}, 384},
        {"YUV4MPEG2 W16 H16 F1:1 C420\n", {16, 16, 1, 1, false}, 384},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_y4m_header header;
        char why[128] = "";
        if (read_text(&header, cases[i].text, why, sizeof(why)))
            fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(header.width, cases[i].header.width);
        assert_int_equal(header.height, cases[i].header.height);
        assert_int_equal(header.fps_num, cases[i].header.fps_num);
        assert_int_equal(header.fps_den, cases[i].header.fps_den);
        assert_int_equal(header.full_range, cases[i].header.full_range);
        assert_int_equal(sl_y4m_frame_bytes(&header), cases[i].bytes);
    }
}

static void nonsense_is_refused_and_named(void **state)
{
    (void)state;
    const struct {
        const char *text, *why;
    } cases[] = {
        {"", "not YUV4MPEG2"},
        {"\n", "not YUV4MPEG2"},
        {"YUV4MPEG", "not YUV4MPEG2"},
        {"YUV4MPEG3 W16 H16 F1:1\n", "not YUV4MPEG2"},
        {"YUV4MPEG2W16 H16 F1:1\n", "not YUV4MPEG2"},
        {"RIFF....AVI LIST", "not YUV4MPEG2"},
        {"YUV4MPEG2\n", "W or H is missing"},
        {"YUV4MPEG2 W16 F1:1\n", "W or H is missing"},
        {"YUV4MPEG2 W16 H16\n", "F is missing"},
        {"YUV4MPEG2 W0 H16 F1:1\n", "W must be"},
        {"YUV4MPEG2 W1 H16 F1:1\n", "W must be"},
        {"YUV4MPEG2 W16 H8193 F1:1\n", "H must be"},
        {"YUV4MPEG2 W99999999999999999999 H16 F1:1\n", "W must be"},
        {"YUV4MPEG2 W-16 H16 F1:1\n", "W must be"},
        {"YUV4MPEG2 W16x H16 F1:1\n", "W must be"},
        {"YUV4MPEG2 W H16 F1:1\n", "W must be"},
        {"YUV4MPEG2 W16 H16 F0:1\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F1:0\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F30\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F30:\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F:30\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F5000:1\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F1:61\n", "F must be"},
        {"YUV4MPEG2 W16 H16 F1:1 It\n", "interlaced"},
        {"YUV4MPEG2 W16 H16 F1:1 C444\n", "4:2:0"},
        {"YUV4MPEG2 W16 H16 F1:1 C420p10\n", "4:2:0"},
        {"YUV4MPEG2 W16 H16 F1:1 C\n", "4:2:0"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_y4m_header header = {.width = 77};
        char why[128] = "";
        assert_int_equal(read_text(&header, cases[i].text, why, sizeof(why)), -EBADMSG);
        if (!strstr(why, cases[i].why))
            fail_msg("'%s' says '%s', wanted '%s'", cases[i].text, why, cases[i].why);
        assert_int_equal(header.width, 77); /* written on success only */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_headers),
        cmocka_unit_test(nonsense_is_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
