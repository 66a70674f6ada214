/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "rtp/motion_event.h"
#include "rtp/rtcp.h"

#define BYTES 108

static struct sl_motion_event sample(void)
{
    struct sl_motion_event event = {.id = 0x01020304,
                                    .state = SL_MOTION_GOES_ON,
                                    .score = 0x8000,
                                    .start_ntp = 0xe1000000aabbccdd,
                                    .last_ntp = 0xe100000211223344};
    sl_motion_map_set(&event.map, 0, 0);
    sl_motion_map_set(&event.map, 31, 0);
    sl_motion_map_set(&event.map, 1, 17);
    return event;
}

static const uint8_t golden_head[] = {
    0x80, 0xcc, 0x00, 0x1a,                         /* V=2, subtype 0, PT=204, 27 words */
    0x00, 0x00, 0x00, 0x07,                         /* sender */
    'S',  'L',  'E',  'V',                          /* name */
    0x01, 0x02, 0x03, 0x04,                         /* event */
    0x01, 0x00, 0x80, 0x00,                         /* goes on, score */
    0xe1, 0x00, 0x00, 0x00, 0xaa, 0xbb, 0xcc, 0xdd, /* start */
    0xe1, 0x00, 0x00, 0x02, 0x11, 0x22, 0x33, 0x44, /* last */
    0x80, 0x00, 0x00, 0x01,                         /* row 0 */
    0x00, 0x00, 0x00, 0x00,                         /* row 1 */
};

struct heard {
    int count, result;
    struct sl_motion_event event;
};

static void hear(void *ctx, const struct sl_rtcp_item *item)
{
    struct heard *heard = ctx;
    heard->count++;
    assert_int_equal(item->type, SL_RTCP_APP);
    assert_int_equal(item->sender_ssrc, 7);
    assert_int_equal(item->app_name, SL_MOTION_EVENT_NAME);
    heard->result = sl_motion_event_read(item->data, item->data_len, &heard->event);
}

static void write_sample(uint8_t wire[BYTES])
{
    const struct sl_motion_event event = sample();
    struct sl_writer w = sl_writer(wire, BYTES);
    sl_motion_event_write(&event, 7, &w);
    assert_false(w.failed);
    assert_int_equal(sl_writer_len(&w), BYTES);
}

static void is_written_as_documented(void **state)
{
    (void)state;
    uint8_t wire[BYTES];
    write_sample(wire);
    assert_memory_equal(wire, golden_head, sizeof(golden_head));
    assert_int_equal(sl_get32(wire + BYTES - 4), 0x40000000);
}

static void is_read_out_of_a_packet(void **state)
{
    (void)state;
    uint8_t wire[BYTES];
    write_sample(wire);
    struct heard heard = {.result = 1};
    assert_int_equal(sl_rtcp_read(wire, sizeof(wire), hear, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.result, 0);
    const struct sl_motion_event event = sample();
    assert_int_equal(heard.event.id, event.id);
    assert_int_equal(heard.event.state, event.state);
    assert_int_equal(heard.event.score, event.score);
    assert_true(heard.event.start_ntp == event.start_ntp);
    assert_true(heard.event.last_ntp == event.last_ntp);
    assert_memory_equal(&heard.event.map, &event.map, sizeof(event.map));
    assert_true(sl_motion_map_get(&heard.event.map, 31, 0));
    assert_false(sl_motion_map_get(&heard.event.map, 30, 0));
}

static void a_longer_one_is_read_and_a_shorter_one_refused(void **state)
{
    (void)state;
    uint8_t wire[BYTES], data[BYTES] = {0};
    write_sample(wire);
    memcpy(data, wire + 12, BYTES - 12);
    struct sl_motion_event event;
    assert_int_equal(sl_motion_event_read(data, sizeof(data), &event), 0);
    assert_int_equal(event.id, 0x01020304);
    for (size_t len = 0; len < BYTES - 12; len++)
        assert_int_equal(sl_motion_event_read(data, len, &event), -EBADMSG);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    uint8_t wire[BYTES], *data = wire + 12;
    struct sl_motion_event event;
    write_sample(wire);
    for (int value = 0; value < 256; value++) {
        data[4] = (uint8_t)value;
        assert_int_equal(sl_motion_event_read(data, BYTES - 12, &event),
                         value == 1 || value == 2 ? 0 : -EBADMSG);
    }
    write_sample(wire);
    data[16] = 0xe0; /* ends before it begins */
    assert_int_equal(sl_motion_event_read(data, BYTES - 12, &event), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_written_as_documented),
        cmocka_unit_test(is_read_out_of_a_packet),
        cmocka_unit_test(a_longer_one_is_read_and_a_shorter_one_refused),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
