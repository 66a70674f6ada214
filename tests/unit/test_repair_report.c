/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "rtp/repair_report.h"
#include "rtp/rtcp.h"

static const struct sl_repair_report sample = {.ssrc = 0x11223344,
                                               .whole = 1000,
                                               .by_fec = 70,
                                               .by_resend = 30,
                                               .late = 2,
                                               .lost = 0xffffffff,
                                               .packets = 9000,
                                               .packets_lost = 450,
                                               .burst = 3,
                                               .runs = 400};

static const uint8_t golden[] = {
    0x80, 0xcc, 0x00, 0x0c, /* V=2, subtype 0, PT=204, 13 words */
    0x00, 0x00, 0x00, 0x07, /* sender */
    'S',  'L',  'R',  'P',  /* name */
    0x11, 0x22, 0x33, 0x44, /* media */
    0x00, 0x00, 0x03, 0xe8, /* whole */
    0x00, 0x00, 0x00, 0x46, /* by FEC */
    0x00, 0x00, 0x00, 0x1e, /* by resend */
    0x00, 0x00, 0x00, 0x02, /* late */
    0xff, 0xff, 0xff, 0xff, /* lost */
    0x00, 0x00, 0x23, 0x28, /* packets */
    0x00, 0x00, 0x01, 0xc2, /* packets lost */
    0x00, 0x00, 0x00, 0x03, /* burst */
    0x00, 0x00, 0x01, 0x90, /* runs */
};

struct heard {
    int count, result;
    struct sl_repair_report report;
};

static void hear(void *ctx, const struct sl_rtcp_item *item)
{
    struct heard *heard = ctx;
    heard->count++;
    assert_int_equal(item->type, SL_RTCP_APP);
    assert_int_equal(item->sender_ssrc, 7);
    if (item->app_name == SL_REPAIR_REPORT_NAME)
        heard->result = sl_repair_report_read(item->data, item->data_len, &heard->report);
}

static void is_written_as_documented(void **state)
{
    (void)state;
    uint8_t wire[64];
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_repair_report_write(&sample, 7, &w);
    assert_false(w.failed);
    assert_int_equal(sl_writer_len(&w), sizeof(golden));
    assert_memory_equal(wire, golden, sizeof(golden));
}

static void is_read_out_of_a_compound(void **state)
{
    (void)state;
    struct heard heard = {.result = 1};
    assert_int_equal(sl_rtcp_read(golden, sizeof(golden), hear, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.result, 0);
    assert_memory_equal(&heard.report, &sample, sizeof(sample));
}

static void a_longer_one_is_read_and_a_shorter_one_refused(void **state)
{
    (void)state;
    uint8_t data[48] = {0};
    memcpy(data, golden + 12, sizeof(golden) - 12);
    struct sl_repair_report report;
    assert_int_equal(sl_repair_report_read(data, sizeof(data), &report), 0);
    assert_memory_equal(&report, &sample, sizeof(sample));
    for (size_t len = 0; len < sizeof(golden) - 12; len++)
        assert_int_equal(sl_repair_report_read(data, len, &report), -EBADMSG);
}

static void another_app_is_only_named(void **state)
{
    (void)state;
    uint8_t other[sizeof(golden)];
    memcpy(other, golden, sizeof(golden));
    other[8] = 'X';
    struct heard heard = {.result = 1};
    assert_int_equal(sl_rtcp_read(other, sizeof(other), hear, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.result, 1);
    /* One too short for a name. */
    const uint8_t nameless[] = {0x80, 0xcc, 0, 1, 0, 0, 0, 7};
    assert_int_equal(sl_rtcp_read(nameless, sizeof(nameless), hear, &heard), -EBADMSG);
    assert_int_equal(heard.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_written_as_documented),
        cmocka_unit_test(is_read_out_of_a_compound),
        cmocka_unit_test(a_longer_one_is_read_and_a_shorter_one_refused),
        cmocka_unit_test(another_app_is_only_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
