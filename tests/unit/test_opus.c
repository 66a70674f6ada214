/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <opus.h>

#include "media/opus.h"

/* libopus is the model: every TOC, every count of frames. */
static void agrees_with_libopus(void **state)
{
    (void)state;
    for (unsigned toc = 0; toc < 256; toc++) {
        for (unsigned second = 0; second < 256; second++) {
            const uint8_t packet[] = {(uint8_t)toc, (uint8_t)second};
            const int samples = opus_packet_get_nb_samples(packet, 2, SL_OPUS_CLOCK_HZ);
            assert_int_equal(sl_opus_samples(packet, 2), samples > 0 ? samples : -EBADMSG);
        }
    }
}

static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    const uint8_t packet[] = {0x03};
    assert_int_equal(sl_opus_samples(packet, 0), -EBADMSG);
    assert_int_equal(sl_opus_samples(packet, 1), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_libopus),
        cmocka_unit_test(refuses_what_is_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
