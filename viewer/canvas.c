/* SPDX-License-Identifier: MIT */
#include "viewer/canvas.h"

#include <string.h>

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static struct sl_rect clip(const struct sl_canvas *canvas, struct sl_rect rect)
{
    const int left = larger(rect.x, 0), top = larger(rect.y, 0);
    const int right = smaller(rect.x + rect.width, canvas->width);
    const int bottom = smaller(rect.y + rect.height, canvas->height);
    return (struct sl_rect){left, top, larger(right - left, 0), larger(bottom - top, 0)};
}

static uint8_t *row_at(const struct sl_canvas *canvas, int x, int y)
{
    return canvas->pixels + (size_t)y * (size_t)canvas->stride + (size_t)x * 4;
}

static void put_pixel(uint8_t *pixel, uint32_t colour)
{
    pixel[0] = (uint8_t)colour;
    pixel[1] = (uint8_t)(colour >> 8);
    pixel[2] = (uint8_t)(colour >> 16);
    pixel[3] = 0xff;
}

void sl_canvas_fill(const struct sl_canvas *canvas, struct sl_rect rect, uint32_t colour)
{
    rect = clip(canvas, rect);
    if (!rect.width || !rect.height)
        return;
    uint8_t *first = row_at(canvas, rect.x, rect.y);
    for (int x = 0; x < rect.width; x++)
        put_pixel(first + 4 * x, colour);
    for (int y = 1; y < rect.height; y++)
        memcpy(row_at(canvas, rect.x, rect.y + y), first, (size_t)rect.width * 4);
}

void sl_canvas_outline(const struct sl_canvas *canvas, struct sl_rect rect, int thickness,
                       uint32_t colour)
{
    const int bottom = rect.y + rect.height - thickness, right = rect.x + rect.width - thickness;
    sl_canvas_fill(canvas, (struct sl_rect){rect.x, rect.y, rect.width, thickness}, colour);
    sl_canvas_fill(canvas, (struct sl_rect){rect.x, bottom, rect.width, thickness}, colour);
    sl_canvas_fill(canvas, (struct sl_rect){rect.x, rect.y, thickness, rect.height}, colour);
    sl_canvas_fill(canvas, (struct sl_rect){right, rect.y, thickness, rect.height}, colour);
}

void sl_canvas_shade(const struct sl_canvas *canvas, struct sl_rect rect, int keep)
{
    rect = clip(canvas, rect);
    for (int y = 0; y < rect.height; y++) {
        uint8_t *row = row_at(canvas, rect.x, rect.y + y);
        for (int i = 0; i < rect.width * 4; i++)
            row[i] = (uint8_t)(row[i] * keep >> 8);
    }
}

void sl_canvas_grey(const struct sl_canvas *canvas, struct sl_rect rect, int keep)
{
    rect = clip(canvas, rect);
    for (int y = 0; y < rect.height; y++) {
        uint8_t *row = row_at(canvas, rect.x, rect.y + y);
        for (int x = 0; x < rect.width; x++) {
            uint8_t *pixel = row + 4 * x;
            const int luma = (29 * pixel[0] + 150 * pixel[1] + 77 * pixel[2]) >> 8; /* BT.601 */
            put_pixel(pixel, (uint32_t)(luma * keep >> 8) * 0x010101u);
        }
    }
}

static uint8_t mix(uint8_t below, uint8_t above, int alpha)
{
    return (uint8_t)(below + ((above - below) * (alpha + (alpha >> 7)) >> 8));
}

void sl_canvas_blend(const struct sl_canvas *canvas, int x, int y, const struct sl_bitmap *bitmap,
                     uint32_t colour)
{
    const struct sl_rect rect = clip(canvas, (struct sl_rect){x, y, bitmap->width, bitmap->height});
    for (int j = 0; j < rect.height; j++) {
        const uint8_t *alpha =
            bitmap->alpha + (size_t)(rect.y - y + j) * (size_t)bitmap->width + (rect.x - x);
        uint8_t *row = row_at(canvas, rect.x, rect.y + j);
        for (int i = 0; i < rect.width; i++) {
            if (!alpha[i])
                continue;
            uint8_t *pixel = row + 4 * i;
            pixel[0] = mix(pixel[0], (uint8_t)colour, alpha[i]);
            pixel[1] = mix(pixel[1], (uint8_t)(colour >> 8), alpha[i]);
            pixel[2] = mix(pixel[2], (uint8_t)(colour >> 16), alpha[i]);
        }
    }
}
