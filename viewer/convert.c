/* SPDX-License-Identifier: MIT */
#include "viewer/convert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libswscale/swscale.h>

#include "viewer/shrink.h"

/* libswscale's SIMD converts up to 16 columns at a time (32 where registers are wider) and writes
 * past a width in between, over the neighbour; what is left over is converted here. */
#define COLUMNS_AT_ONCE 32

struct sl_scaler {
    struct SwsContext *context;
    uint8_t *halfway; /* a picture shrunk by a whole factor, which is scaled the rest */
    size_t halfway_bytes;
};

int sl_scaler_create(struct sl_scaler **ret)
{
    struct sl_scaler *scaler = calloc(1, sizeof(*scaler));
    if (!scaler)
        return -ENOMEM;
    *ret = scaler;
    return 0;
}

void sl_scaler_destroy(struct sl_scaler *scaler)
{
    if (!scaler)
        return;
    sws_freeContext(scaler->context);
    free(scaler->halfway);
    free(scaler);
}

/* By libswscale, any size to any. */
static int resample(struct sl_scaler *scaler, const struct sl_picture *from,
                    const struct sl_picture *to, uint8_t *const planes[3])
{
    /* Bilinear 720p to 360p takes 0.21 ms, bicubic 0.40 ms. */
    scaler->context = sws_getCachedContext(scaler->context, from->width, from->height,
                                           AV_PIX_FMT_YUV420P, to->width, to->height,
                                           AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!scaler->context)
        return -EINVAL;
    const uint8_t *const in[4] = {from->plane[0], from->plane[1], from->plane[2], NULL};
    const int in_stride[4] = {from->stride[0], from->stride[1], from->stride[2], 0};
    uint8_t *const out[4] = {planes[0], planes[1], planes[2], NULL};
    const int out_stride[4] = {to->stride[0], to->stride[1], to->stride[2], 0};
    return sws_scale(scaler->context, in, in_stride, 0, from->height, out, out_stride) < 0 ? -EINVAL
                                                                                           : 0;
}

static void shrink(const struct sl_picture *from, const struct sl_picture *to,
                   uint8_t *const planes[3], int factor)
{
    for (int i = 0; i < 3; i++)
        sl_shrink_plane(from->plane[i], from->stride[i], planes[i], to->stride[i],
                        i ? to->width / 2 : to->width, i ? to->height / 2 : to->height, factor);
}

/* Room for a picture halfway, whose sides are even. */
static int make_halfway(struct sl_scaler *scaler, struct sl_picture *ret, uint8_t *planes[3],
                        int width, int height)
{
    const int luma = (width + 63) & ~63, chroma = (width / 2 + 63) & ~63;
    const size_t luma_bytes = (size_t)luma * (size_t)height;
    const size_t chroma_bytes = (size_t)chroma * (size_t)(height / 2);
    const size_t bytes = luma_bytes + 2 * chroma_bytes + 64;
    if (bytes > scaler->halfway_bytes) {
        free(scaler->halfway);
        scaler->halfway = aligned_alloc(64, bytes);
        scaler->halfway_bytes = scaler->halfway ? bytes : 0;
    }
    if (!scaler->halfway)
        return -ENOMEM;
    planes[0] = scaler->halfway;
    planes[1] = planes[0] + luma_bytes;
    planes[2] = planes[1] + chroma_bytes;
    *ret = (struct sl_picture){.width = width,
                               .height = height,
                               .plane = {planes[0], planes[1], planes[2]},
                               .stride = {luma, chroma, chroma}};
    return 0;
}

/* Down to half or a quarter the shrinker is three times as fast, and enough; the rest of the way,
 * if there is one, libswscale goes on a picture that has 4 or 16 times fewer samples. */
static int scale(struct sl_scaler *scaler, const struct sl_picture *from,
                 const struct sl_picture *to, uint8_t *const planes[3])
{
    const int factor = sl_shrink_factor(from->width, from->height, to->width, to->height);
    const int width = from->width / factor, height = from->height / factor;
    if (factor == 1)
        return resample(scaler, from, to, planes);
    if (width == to->width && height == to->height) {
        shrink(from, to, planes, factor);
        return 0;
    }
    struct sl_picture halfway;
    uint8_t *halfway_planes[3];
    const int error = make_halfway(scaler, &halfway, halfway_planes, width, height);
    if (error)
        return error;
    shrink(from, &halfway, halfway_planes, factor);
    return resample(scaler, &halfway, to, planes);
}

int sl_scaler_scale(struct sl_scaler *scaler, const struct sl_picture *from, struct sl_picture *to,
                    uint8_t *const planes[3])
{
    const int error = scale(scaler, from, to, planes);
    if (error)
        return error;
    to->full_range = from->full_range;
    to->bt709 = from->bt709;
    to->captured = from->captured;
    return 0;
}

/* Q16 weights of one matrix and range. */
struct weights {
    int luma_base, luma, red_v, green_u, green_v, blue_u;
};

struct sl_painter {
    struct SwsContext *context;
    int width, height;
    bool full_range, bt709;
};

int sl_painter_create(struct sl_painter **ret)
{
    struct sl_painter *painter = calloc(1, sizeof(*painter));
    if (!painter)
        return -ENOMEM;
    *ret = painter;
    return 0;
}

void sl_painter_destroy(struct sl_painter *painter)
{
    if (!painter)
        return;
    sws_freeContext(painter->context);
    free(painter);
}

static int q16(double value)
{
    return (int)(value * 65536 + (value < 0 ? -.5 : .5));
}

static struct weights weights_of(bool full_range, bool bt709)
{
    const double red = bt709 ? 0.2126 : 0.299, blue = bt709 ? 0.0722 : 0.114;
    const double green = 1 - red - blue;
    const double luma = full_range ? 1 : 255. / 219, chroma = full_range ? 1 : 255. / 224;
    return (struct weights){
        .luma_base = full_range ? 0 : 16,
        .luma = q16(luma),
        .red_v = q16(2 * (1 - red) * chroma),
        .green_u = q16(-2 * (1 - blue) * blue / green * chroma),
        .green_v = q16(-2 * (1 - red) * red / green * chroma),
        .blue_u = q16(2 * (1 - blue) * chroma),
    };
}

static int prepare(struct sl_painter *painter, const struct sl_picture *picture, int width)
{
    if (painter->context && painter->width == width && painter->height == picture->height &&
        painter->full_range == picture->full_range && painter->bt709 == picture->bt709)
        return 0;
    sws_freeContext(painter->context);
    painter->context =
        sws_getContext(width, picture->height, AV_PIX_FMT_YUV420P, width, picture->height,
                       AV_PIX_FMT_BGR0, SWS_POINT, NULL, NULL, NULL);
    if (!painter->context)
        return -EINVAL;
    const int *matrix = sws_getCoefficients(picture->bt709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
    sws_setColorspaceDetails(painter->context, matrix, picture->full_range, matrix, 1, 0, 1 << 16,
                             1 << 16);
    painter->width = width;
    painter->height = picture->height;
    painter->full_range = picture->full_range;
    painter->bt709 = picture->bt709;
    return 0;
}

static uint8_t clamp(int q)
{
    const int value = (q + 32768) >> 16;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void paint_columns(const struct weights *w, uint8_t *out, int stride,
                          const struct sl_picture *picture, int from)
{
    for (int y = 0; y < picture->height; y++, out += stride) {
        const uint8_t *luma = picture->plane[0] + (ptrdiff_t)y * picture->stride[0];
        const uint8_t *blue = picture->plane[1] + (ptrdiff_t)(y / 2) * picture->stride[1];
        const uint8_t *red = picture->plane[2] + (ptrdiff_t)(y / 2) * picture->stride[2];
        for (int x = from; x < picture->width; x++) {
            const int base = (luma[x] - w->luma_base) * w->luma;
            const int u = blue[x / 2] - 128, v = red[x / 2] - 128;
            out[4 * x] = clamp(base + u * w->blue_u);
            out[4 * x + 1] = clamp(base + u * w->green_u + v * w->green_v);
            out[4 * x + 2] = clamp(base + v * w->red_v);
            out[4 * x + 3] = 0xff;
        }
    }
}

int sl_painter_paint(struct sl_painter *painter, const struct sl_canvas *canvas, int x, int y,
                     const struct sl_picture *picture)
{
    if (x < 0 || y < 0 || x + picture->width > canvas->width ||
        y + picture->height > canvas->height)
        return -EINVAL;
    uint8_t *at = canvas->pixels + (size_t)y * (size_t)canvas->stride + (size_t)x * 4;
    const int whole = picture->width / COLUMNS_AT_ONCE * COLUMNS_AT_ONCE;
    if (whole) {
        const int error = prepare(painter, picture, whole);
        if (error)
            return error;
        const uint8_t *const in[4] = {picture->plane[0], picture->plane[1], picture->plane[2]};
        const int in_stride[4] = {picture->stride[0], picture->stride[1], picture->stride[2]};
        uint8_t *const out[4] = {at};
        const int out_stride[4] = {canvas->stride};
        if (sws_scale(painter->context, in, in_stride, 0, picture->height, out, out_stride) < 0)
            return -EINVAL;
    }
    if (whole < picture->width) {
        const struct weights weights = weights_of(picture->full_range, picture->bt709);
        paint_columns(&weights, at, canvas->stride, picture, whole);
    }
    return 0;
}
