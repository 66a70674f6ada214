/* SPDX-License-Identifier: MIT */
#include "sender/landscape.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sender/font.h"

struct sl_landscape {
    int width, height;
    int unit; /* a 90th of the height: what all else is measured in */
    size_t bytes;
    uint8_t *still;
    char name[64];
};

static const struct sl_color white = {235, 128, 128};
/* 75 % colour bars, BT.601 video range. */
static const struct sl_color bars[] = {
    {180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58},
    {84, 184, 198},  {65, 100, 212}, {35, 212, 114},
};

static struct sl_color mix(struct sl_color a, struct sl_color b, int part, int whole)
{
    return (struct sl_color){
        .y = (uint8_t)(a.y + (b.y - a.y) * part / whole),
        .u = (uint8_t)(a.u + (b.u - a.u) * part / whole),
        .v = (uint8_t)(a.v + (b.v - a.v) * part / whole),
    };
}

static void paint_sky(const struct sl_canvas *canvas, int horizon)
{
    static const struct sl_color top = {50, 165, 110}, bottom = {175, 100, 155};
    for (int y = 0; y < horizon; y += 2)
        sl_canvas_fill(canvas, 0, y, canvas->width, 2, mix(top, bottom, y, horizon));
}

/* Three ranges of hills, the nearer the darker. */
static void paint_hills(const struct sl_canvas *canvas, int unit, int horizon)
{
    static const struct sl_color near = {40, 122, 118}, far = {95, 135, 122};
    for (int range = 0; range < 3; range++) {
        const struct sl_color color = mix(far, near, range, 2);
        for (int x = 0; x < canvas->width; x += 2) {
            const double at = (double)x / (unit * (20.0 - 4 * range)) + 2.1 * range;
            const double rise = sin(at) + 0.5 * sin(2.3 * at + 1) + 0.2 * sin(7.1 * at);
            const int top = horizon - (int)(unit * (14 - 4 * range + 4 * rise));
            sl_canvas_fill(canvas, x, top, 2, canvas->height - top, color);
        }
    }
}

static void paint_ground(const struct sl_canvas *canvas, int unit, int horizon)
{
    static const struct sl_color grass = {70, 110, 112}, road = {58, 128, 128};
    sl_canvas_fill(canvas, 0, horizon, canvas->width, canvas->height - horizon, grass);
    sl_canvas_fill(canvas, 0, horizon + 4 * unit, canvas->width, 12 * unit, road);
    for (int x = 0; x < canvas->width; x += 12 * unit)
        sl_canvas_fill(canvas, x, horizon + 10 * unit - unit / 2, 6 * unit, unit, white);
    const int count = (int)SL_COUNT(bars), top = canvas->height - 4 * unit;
    for (int i = 0; i < count; i++) {
        const int left = canvas->width * i / count;
        sl_canvas_fill(canvas, left, top, canvas->width * (i + 1) / count - left, 4 * unit,
                       bars[i]);
    }
}

int sl_landscape_create(struct sl_landscape **ret, int width, int height, const char *name)
{
    if (width < 16 || height < 16 || width % 2 || height % 2)
        return -EINVAL;
    struct sl_landscape *landscape = calloc(1, sizeof(*landscape));
    if (!landscape)
        return -ENOMEM;
    landscape->width = width;
    landscape->height = height;
    landscape->unit = height / 90 > 0 ? height / 90 : 1;
    landscape->bytes = (size_t)width * (size_t)height * 3 / 2;
    landscape->still = malloc(landscape->bytes);
    if (!landscape->still) {
        sl_landscape_destroy(landscape);
        return -ENOMEM;
    }
    snprintf(landscape->name, sizeof(landscape->name), "%s", name);
    const struct sl_canvas canvas = sl_canvas(landscape->still, width, height);
    const int horizon = height * 2 / 3;
    paint_sky(&canvas, horizon);
    paint_hills(&canvas, landscape->unit, horizon);
    paint_ground(&canvas, landscape->unit, horizon);
    *ret = landscape;
    return 0;
}

void sl_landscape_destroy(struct sl_landscape *landscape)
{
    if (!landscape)
        return;
    free(landscape->still);
    free(landscape);
}

static void draw_disc(const struct sl_canvas *canvas, int x, int y, int radius,
                      struct sl_color color)
{
    for (int row = -radius; row <= radius; row += 2) {
        const int half = (int)sqrt((double)(radius * radius - row * row));
        sl_canvas_fill(canvas, x - half, (y + row) & ~1, 2 * half, 2, color);
    }
}

/* Where something that needs `period` to cross `span` is. */
static int travel(sl_ns wall, sl_ns period, int span)
{
    return (int)((double)(wall % period) / (double)period * span);
}

static void draw_sun(const struct sl_landscape *landscape, const struct sl_canvas *canvas,
                     sl_ns wall)
{
    static const struct sl_color sun = {215, 70, 150};
    const double turn = (double)(wall % (60 * SL_SEC)) / (double)(60 * SL_SEC);
    const int x =
        travel(wall, 60 * SL_SEC, landscape->width + 12 * landscape->unit) - 6 * landscape->unit;
    const int y = (int)(landscape->height * (0.38 - 0.2 * sin(M_PI * turn)));
    draw_disc(canvas, x, y, 5 * landscape->unit, sun);
}

static void draw_car(const struct sl_landscape *landscape, const struct sl_canvas *canvas,
                     sl_ns wall)
{
    static const struct sl_color body = {95, 100, 190}, glass = {150, 140, 120},
                                 tyre = {25, 128, 128};
    const int u = landscape->unit, y = landscape->height * 2 / 3 + 10 * u;
    const int x = travel(wall, 8 * SL_SEC, landscape->width + 24 * u) - 20 * u;
    sl_canvas_fill(canvas, x + 4 * u, y - 8 * u, 9 * u, 4 * u, body);
    sl_canvas_fill(canvas, x + 5 * u, y - 7 * u, 7 * u, 3 * u, glass);
    sl_canvas_fill(canvas, x, y - 4 * u, 18 * u, 4 * u, body);
    draw_disc(canvas, x + 4 * u, y, 2 * u, tyre);
    draw_disc(canvas, x + 14 * u, y, 2 * u, tyre);
}

/* A ball that bounces once a second: a freeze or a skipped frame shows at a glance. */
static void draw_ball(const struct sl_landscape *landscape, const struct sl_canvas *canvas,
                      sl_ns wall)
{
    static const struct sl_color ball = {170, 30, 160};
    const double t = (double)(wall % SL_SEC) / (double)SL_SEC;
    const int u = landscape->unit, top = (int)(30 * u * 4 * t * (1 - t));
    draw_disc(canvas, landscape->width - 14 * u, landscape->height * 2 / 3 - 3 * u - top, 3 * u,
              ball);
}

static void draw_texts(const struct sl_landscape *landscape, const struct sl_canvas *canvas,
                       sl_ns wall, uint64_t number)
{
    const int u = landscape->unit, margin = 3 * u, top = 6 * u; /* --burn has the first line */
    const int big = landscape->height / 120 > 0 ? landscape->height / 120 : 1;
    const int small = landscape->height / 200 > 0 ? landscape->height / 200 : 1;
    const time_t seconds = (time_t)(wall / SL_SEC);
    struct tm tm;
    char clock[64], count[32];
    localtime_r(&seconds, &tm);
    snprintf(clock, sizeof(clock), "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(wall % SL_SEC / SL_MS));
    snprintf(count, sizeof(count), "frame %llu", (unsigned long long)number);
    sl_font_draw(canvas, margin, top, big, white.y, clock);
    sl_font_draw(canvas, margin, top + 9 * big, small + (small > 1), white.y, landscape->name);
    sl_font_draw(canvas, canvas->width - margin - sl_font_width(count, small), top, small, white.y,
                 count);
}

void sl_landscape_draw(const struct sl_landscape *landscape, uint8_t *pixels, sl_ns wall,
                       uint64_t number)
{
    memcpy(pixels, landscape->still, landscape->bytes);
    const struct sl_canvas canvas = sl_canvas(pixels, landscape->width, landscape->height);
    draw_sun(landscape, &canvas, wall);
    draw_ball(landscape, &canvas, wall);
    draw_car(landscape, &canvas, wall);
    draw_texts(landscape, &canvas, wall, number);
}
