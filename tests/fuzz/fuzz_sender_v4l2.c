/* SPDX-License-Identifier: MIT */
/* A buffer as a driver could hand it over, in any format and shape that it could tell. Of H.264 it
 * is cut into buffers at each 16-bit length. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/frame.h>
#include <libavutil/log.h>

#include "base/bytes.h"
#include "sender/capture_v4l2_h264.h"
#include "sender/capture_v4l2_picture.h"
#include "sender/scale.h"

#define HEAD 8
#define SIDE 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Buffers, each behind its length (12 bits) and how many numbers are missing, or damage (15). */
static void take_units(const uint8_t *data, size_t size)
{
    struct sl_v4l2_h264 *h264;
    if (sl_v4l2_h264_create(&h264))
        return;
    sl_v4l2_h264_begin(h264, SL_SEC);
    for (sl_ns now = SL_SEC; size >= 2; now += 33 * SL_MS) {
        const unsigned head = sl_get16(data);
        const size_t left = size - 2, len = (head & 0xfff) < left ? head & 0xfff : left;
        uint8_t *exact = malloc(len + !len);
        memcpy(exact, data + 2, len);
        const struct sl_v4l2_h264_buffer buffer = {
            .data = exact, .len = len, .missed = head >> 12, .damaged = head >> 12 == 15};
        struct sl_h264_passed passed;
        if (sl_v4l2_h264_take(h264, &buffer, now, &passed) == SL_V4L2_H264_UNIT) {
            assert(passed.len > 0 && !passed.reordered);
            free(memcpy(malloc(passed.len), passed.data, passed.len)); /* all of it is there */
        }
        (void)sl_v4l2_h264_ask(h264, now);
        assert(!sl_v4l2_h264_is_known(h264) || sl_v4l2_h264_sps(h264));
        free(exact);
        data += 2 + len;
        size -= 2 + len;
    }
    sl_v4l2_h264_destroy(h264);
}

/* format, range, width, height, stride (16 bits each but the first two), then what is in it */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t pixels[SIDE * SIDE * 3 / 2];
    if (size < HEAD)
        return 0;
    av_log_set_level(AV_LOG_QUIET);
    const struct sl_v4l2_format *format = sl_v4l2_format_after(NULL);
    for (int i = data[0]; i > 0 && format; i--)
        format = sl_v4l2_format_after(format);
    if (!format)
        return 0;
    if (format->encoded) {
        take_units(data + HEAD, size - HEAD);
        return 0;
    }
    const struct sl_v4l2_shape shape = {
        .width = (int16_t)sl_get16(data + 2),
        .height = (int16_t)sl_get16(data + 4),
        .stride = sl_get16(data + 6),
        .full_range = data[1] & 1,
    };
    uint8_t *exact = malloc(size - HEAD + !(size - HEAD));
    memcpy(exact, data + HEAD, size - HEAD);
    struct sl_v4l2_picture *picture;
    struct sl_scaler *scaler;
    const AVFrame *frame;
    if (!sl_v4l2_picture_create(&picture, format)) {
        if (!sl_v4l2_picture_read(picture, &shape, exact, size - HEAD, &frame) &&
            !sl_scaler_create(&scaler, SIDE, SIDE, false)) {
            assert(frame->width > 0 && frame->height > 0);
            /* Pictures of many pixels are slow and no different. */
            if (frame->width * frame->height <= 1 << 16)
                (void)!sl_scaler_run(scaler, frame, pixels);
            sl_scaler_destroy(scaler);
        }
        sl_v4l2_picture_destroy(picture);
    }
    free(exact);
    return 0;
}
