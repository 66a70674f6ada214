/* SPDX-License-Identifier: MIT */
/* Capture paths that are pixel formats: from a driver's buffer to the picture that is encoded. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/capture_path.h"
#include "bench/capture_pictures.h"
#include "sender/capture_v4l2_picture.h"
#include "sender/scale.h"

struct format {
    struct sl_capture_path base;
    struct sl_capture_pictures *pictures;
    struct sl_v4l2_picture *picture;
    struct sl_scaler *scaler;
    uint32_t number;
};

static int format_next(struct sl_capture_path *path, uint8_t *pixels)
{
    struct format *format = (struct format *)path;
    const struct sl_capture_bytes bytes = sl_capture_picture(format->pictures, format->number++);
    const struct AVFrame *frame;
    const int error =
        sl_v4l2_picture_read(format->picture, sl_capture_pictures_shape(format->pictures),
                             bytes.data, bytes.len, &frame);
    return error ? error : sl_scaler_run(format->scaler, frame, pixels);
}

static void format_close(struct sl_capture_path *path)
{
    struct format *format = (struct format *)path;
    sl_capture_pictures_destroy(format->pictures);
    sl_v4l2_picture_destroy(format->picture);
    sl_scaler_destroy(format->scaler);
    free(format);
}

static const struct sl_capture_path_kind kind = {.next = format_next, .close = format_close};

int sl_capture_path_format(struct sl_capture_path **ret, const struct sl_v4l2_format *v4l2,
                           enum AVPixelFormat jpeg, const struct sl_capture_path_config *config,
                           char *why, size_t why_len)
{
    struct format *format = calloc(1, sizeof(*format));
    int error = format ? 0 : -ENOMEM;
    if (!error) {
        format->base.kind = &kind;
        error = sl_capture_pictures_create(&format->pictures, v4l2, jpeg, config->scene,
                                           config->width, config->height, config->pictures);
    }
    if (!error)
        error = sl_v4l2_picture_create(&format->picture, v4l2);
    if (!error)
        error = sl_scaler_create(&format->scaler, config->width, config->height,
                                 sl_capture_pictures_shape(format->pictures)->full_range);
    if (error) {
        snprintf(why, why_len, "pictures of %s: %s", v4l2->name, strerror(-error));
        if (format)
            format_close(&format->base);
        return error;
    }
    format->base.bytes = sl_capture_pictures_mean(format->pictures);
    *ret = &format->base;
    return 0;
}
