/* SPDX-License-Identifier: MIT */
/* A buffer as a driver could hand it over, in any format and shape that it could tell. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/frame.h>
#include <libavutil/log.h>

#include "base/bytes.h"
#include "sender/capture_v4l2_picture.h"
#include "sender/scale.h"

#define HEAD 8
#define SIDE 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    if (!format || format->encoded)
        return 0;
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
