/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sdp/h264_profile.h"

static void each_way_to_write_a_profile(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sl_h264_profile profile;
        int level;
    } cases[] = {
        {"42e01f", SL_H264_CONSTRAINED_BASELINE, 31},
        {"42C00A", SL_H264_CONSTRAINED_BASELINE, 10},
        {"42f028", SL_H264_CONSTRAINED_BASELINE, 40},
        {"4d8033", SL_H264_CONSTRAINED_BASELINE, 51},
        {"58c01f", SL_H264_CONSTRAINED_BASELINE, 31},
        {"42001f", SL_H264_BASELINE, 31},
        {"42a01f", SL_H264_BASELINE, 31},
        {"58801f", SL_H264_BASELINE, 31},
        {"4d001f", SL_H264_MAIN, 31},
        {"4d4028", SL_H264_MAIN, 40},
        {"640034", SL_H264_HIGH, 52},
        {"640c1f", SL_H264_CONSTRAINED_HIGH, 31},
        {"f4001f", SL_H264_HIGH_444, 31},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_h264_level level;
        assert_int_equal(sl_h264_level_parse(&level, cases[i].text, 6), 0);
        assert_int_equal(level.profile, cases[i].profile);
        assert_int_equal(level.level_idc, cases[i].level);
    }
    static const struct {
        const char *text;
        int error;
    } bad[] = {{"", -EBADMSG},       {"42e01", -EBADMSG},  {"42e01f0", -EBADMSG},
               {"42e01g", -EBADMSG}, {"+2e01f", -EBADMSG}, {"58001f", -ENOTSUP},
               {"6e001f", -ENOTSUP}, {"64081f", -ENOTSUP}};
    for (size_t i = 0; i < SL_COUNT(bad); i++) {
        struct sl_h264_level level = {.level_idc = 99};
        assert_int_equal(sl_h264_level_parse(&level, bad[i].text, strlen(bad[i].text)),
                         bad[i].error);
        assert_int_equal(level.level_idc, 99);
    }
}

static void which_decoder_shows_which_stream(void **state)
{
    (void)state;
    /* Rows: decoders; columns: streams; in the order of the enum. */
    static const char *const table[] = {"110000", "110000", "111000", "110100", "111110", "111111"};
    for (int decoder = 0; decoder < 6; decoder++) {
        for (int stream = 0; stream < 6; stream++)
            assert_int_equal(
                sl_h264_profile_shows((enum sl_h264_profile)decoder, (enum sl_h264_profile)stream),
                table[decoder][stream] == '1');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_write_a_profile),
        cmocka_unit_test(which_decoder_shows_which_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
