/* SPDX-License-Identifier: MIT */
#include "sender/thumb.h"

#include <string.h>

#include "sender/font.h"
#include "sender/motion_mark.h"

#define WIDTH_MAX 8192 /* of a picture */

struct sl_thumb sl_thumb(int width, int height, int most)
{
    const int side = width > height ? width : height;
    int factor = (side + most - 1) / most;
    const int least = width < height ? width : height;
    if (factor > least / 2)
        factor = least / 2; /* a strip rather too long than without a pixel */
    factor = factor < 1 ? 1 : factor;
    return (struct sl_thumb){
        .factor = factor,
        .width = width / factor & ~1,
        .height = height / factor & ~1,
    };
}

size_t sl_thumb_bytes(const struct sl_thumb *thumb)
{
    return (size_t)thumb->width * (size_t)thumb->height * 3 / 2;
}

/* Adds up `factor` rows; the compiler makes vectors of it. */
static void add_rows(uint16_t *sums, const uint8_t *pixels, int stride, int count, int factor)
{
    memset(sums, 0, (size_t)count * sizeof(*sums));
    for (int row = 0; row < factor; row++, pixels += stride)
        for (int x = 0; x < count; x++)
            sums[x] = (uint16_t)(sums[x] + pixels[x]);
}

static void make_plane(uint8_t *ret, int width, int height, const uint8_t *pixels, int stride,
                       int factor)
{
    uint16_t sums[WIDTH_MAX];
    const uint32_t count = (uint32_t)(factor * factor);
    const uint32_t share =
        ((1u << 20) + count / 2) / count; /* a division each costs as much again */
    for (int y = 0; y < height; y++, pixels += (ptrdiff_t)factor * stride) {
        add_rows(sums, pixels, stride, width * factor, factor);
        const uint16_t *at = sums;
        for (int x = 0; x < width; x++) {
            uint32_t sum = 0;
            for (int i = 0; i < factor; i++)
                sum += *at++;
            *ret++ = (uint8_t)((sum * share + (1u << 19)) >> 20);
        }
    }
}

void sl_thumb_make(const struct sl_thumb *thumb, uint8_t *ret, const uint8_t *pixels, int width,
                   int height)
{
    const size_t luma = (size_t)width * (size_t)height;
    const size_t small = (size_t)thumb->width * (size_t)thumb->height;
    const int half_width = thumb->width / 2, half_height = thumb->height / 2;
    make_plane(ret, thumb->width, thumb->height, pixels, width, thumb->factor);
    for (size_t plane = 0; plane < 2; plane++)
        make_plane(ret + small + plane * small / 4, half_width, half_height,
                   pixels + luma + plane * luma / 4, width / 2, thumb->factor);
}

void sl_thumb_mark(const struct sl_thumb *thumb, uint8_t *pixels, const struct sl_motion_map *moved)
{
    const struct sl_canvas canvas = sl_canvas(pixels, thumb->width, thumb->height);
    sl_motion_mark(&canvas, moved);
}
