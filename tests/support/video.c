/* SPDX-License-Identifier: MIT */
#include "tests/support/video.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "media/h264_pack.h"
#include "media/nal.h"

#define HEAD_BYTES 10 /* of a slice: NAL header, first_mb bit, number, slice, length */
#define UNIT_MAX 65536

void sl_test_video_init(struct sl_test_video *video, int64_t seq, uint32_t timestamp)
{
    memset(video, 0, sizeof(*video));
    video->seq = seq;
    video->timestamp = timestamp;
    video->step = 3000;
}

/* Never 0, so that no start code can appear in it. */
static uint8_t filling(uint32_t number, size_t at)
{
    return (uint8_t)(0x11 + (number * 31 + at * 7) % 199);
}

/* Seven bits a byte with the top one set: no zeros. */
static void put_number(uint8_t *out, uint32_t number)
{
    for (int i = 0; i < 5; i++)
        out[i] = (uint8_t)(0x80 | (number >> (28 - 7 * i) & 0x7f));
}

static uint32_t get_number(const uint8_t *in)
{
    uint32_t number = 0;
    for (int i = 0; i < 5; i++)
        number = number << 7 | (in[i] & 0x7f);
    return number;
}

static void write_slice(struct sl_writer *w, uint32_t number, const struct sl_test_frame *frame,
                        int slice, size_t len)
{
    sl_write32(w, 1);
    uint8_t *nal = sl_write_room(w, len);
    assert_non_null(nal);
    for (size_t i = 0; i < len; i++)
        nal[i] = filling(number, i);
    nal[0] = (uint8_t)((frame->unreferenced ? 0 : 0x60) | (frame->key ? 5 : 1));
    nal[1] = slice == 0 ? 0xff : 0x7f; /* first_mb_in_slice: 0, or more */
    put_number(nal + 2, number);
    nal[7] = (uint8_t)(0x80 | slice);
    nal[8] = (uint8_t)(0x80 | (len >> 7 & 0x7f));
    nal[9] = (uint8_t)(0x80 | (len & 0x7f));
}

static void take(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    struct sl_test_video *video = ctx;
    assert_in_range(video->count, 0, SL_TEST_VIDEO_PACKETS - 1);
    memcpy(video->bytes[video->count], payload, len);
    video->packets[video->count] = (struct sl_rtp_packet){
        .seq = video->seq++,
        .timestamp = video->timestamp,
        .marker = last,
        .has_capture = video->count == 0,
        .capture_ntp = (uint64_t)video->number << 32,
        .payload = video->bytes[video->count],
        .payload_len = len,
    };
    video->count++;
}

void sl_test_video_frame(struct sl_test_video *video, const struct sl_test_frame *frame)
{
    static const uint8_t sets[] = {0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x95,
                                   0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80};
    static uint8_t unit[UNIT_MAX];
    struct sl_writer w = sl_writer(unit, sizeof(unit));
    if (frame->key && !frame->no_sets)
        sl_write_bytes(&w, sets, sizeof(sets));
    const int slices = frame->slices ? frame->slices : 1;
    const size_t bytes = frame->bytes ? frame->bytes : 3000;
    for (int i = 0; i < slices; i++) {
        const size_t len = bytes / (size_t)slices;
        write_slice(&w, video->number, frame, i, len > HEAD_BYTES ? len : HEAD_BYTES);
    }
    video->count = 0;
    const int packed = sl_h264_pack(unit, sl_writer_len(&w), 1100, take, video);
    assert_int_equal(packed, video->count);
    video->number++;
    video->timestamp += video->step;
}

uint32_t sl_test_video_check(const uint8_t *annexb, size_t len)
{
    const uint8_t *at = annexb;
    struct sl_nal nal;
    uint32_t number = 0;
    int slices = 0;
    while (sl_nal_next(&at, annexb + len, &nal)) {
        if ((nal.data[0] & 0x1f) > SL_NAL_IDR)
            continue;
        assert_true(nal.len >= HEAD_BYTES);
        if (slices)
            assert_int_equal(get_number(nal.data + 2), number);
        number = get_number(nal.data + 2);
        assert_int_equal(nal.data[7] & 0x7f, slices);
        assert_int_equal((size_t)((nal.data[8] & 0x7f) << 7 | (nal.data[9] & 0x7f)),
                         nal.len & 0x3fff);
        for (size_t i = HEAD_BYTES; i < nal.len; i++)
            assert_int_equal(nal.data[i], filling(number, i));
        slices++;
    }
    assert_true(slices > 0);
    return number;
}
