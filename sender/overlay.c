/* SPDX-License-Identifier: MIT */
#include "sender/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int sl_overlay_parse(struct sl_overlay *overlay, const char *list)
{
    struct sl_overlay parsed = *overlay;
    const struct {
        const char *name;
        bool *flag;
    } items[] = {{"time", &parsed.time},
                 {"name", &parsed.name},
                 {"location", &parsed.location},
                 {"fps", &parsed.fps}};
    for (const char *at = list; at && *at;) {
        const size_t len = strcspn(at, ",");
        size_t i = 0;
        while (i < SL_COUNT(items) &&
               (strlen(items[i].name) != len || memcmp(items[i].name, at, len) != 0))
            i++;
        if (i == SL_COUNT(items))
            return -EINVAL;
        *items[i].flag = true;
        at += len;
        if (*at == ',' && !*++at)
            return -EINVAL;
    }
    *overlay = parsed;
    return 0;
}

bool sl_overlay_wanted(const struct sl_overlay *overlay)
{
    return overlay->time || overlay->name || overlay->location || overlay->fps;
}

static void count_frame(struct sl_overlay *overlay, sl_ns captured)
{
    if (captured - overlay->second_began >= SL_SEC) {
        overlay->shown_fps = overlay->count;
        overlay->count = 0;
        overlay->second_began = captured;
    }
    overlay->count++;
}

/* Adds two spaces and `text` if it is wanted and not empty. */
static void append(char *line, size_t size, bool wanted, const char *text)
{
    const size_t len = strlen(line);
    if (wanted && text && *text)
        snprintf(line + len, size - len, "%s%s", len ? "  " : "", text);
}

void sl_overlay_draw(struct sl_overlay *overlay, const struct sl_canvas *canvas, sl_ns captured)
{
    const sl_ns wall = captured + overlay->epoch;
    const time_t seconds = (time_t)(wall / SL_SEC);
    char when[32], rate[16], line[256] = "";
    struct tm tm;
    count_frame(overlay, captured);
    localtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(rate, sizeof(rate), "%d fps", overlay->shown_fps);
    append(line, sizeof(line), overlay->time, when);
    append(line, sizeof(line), overlay->name, overlay->name_text);
    append(line, sizeof(line), overlay->location, overlay->location_text);
    append(line, sizeof(line), overlay->fps, rate);
    int scale = canvas->height / 240;
    while (scale > 1 && sl_font_width(line, scale) + 6 * scale > canvas->width)
        scale--; /* a long location rather small than cut off */
    scale = scale < 1 ? 1 : scale;
    const int pad = 2 * scale, height = SL_FONT_HEIGHT * scale;
    /* At the top: the wall writes its labels at the bottom. */
    sl_canvas_shade(canvas, 0, 0, sl_font_width(line, scale) + 3 * pad, height + 2 * pad);
    sl_font_draw(canvas, pad, pad, scale, 235, line);
}
