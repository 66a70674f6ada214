/* SPDX-License-Identifier: MIT */
#include "sender/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sender/letters.h"

#define LINES_MAX 4
#define LINE_BYTES 512
#define TEXT_LUMA 235

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

void sl_overlay_time(sl_ns wall, char out[SL_OVERLAY_TIME])
{
    const time_t seconds = (time_t)(wall / SL_SEC);
    struct tm tm;
    localtime_r(&seconds, &tm);
    const size_t len = strftime(out, SL_OVERLAY_TIME, "%Y-%m-%d %H:%M:%S", &tm);
    const long minutes = labs(tm.tm_gmtoff) / 60;
    snprintf(out + len, SL_OVERLAY_TIME - len, " %c%02d:%02d", tm.tm_gmtoff < 0 ? '-' : '+',
             (int)(minutes / 60 % 100), (int)(minutes % 60));
}

/* ---- Breaking into lines ---- */

struct lines {
    int columns, rows; /* that there is room for */
    int count;         /* begun */
    char text[LINES_MAX][LINE_BYTES];
};

static void put_letters(struct lines *lines, const char *text, size_t bytes)
{
    char *line = lines->text[lines->count - 1];
    const size_t len = strlen(line);
    snprintf(line + len, LINE_BYTES - len, "%.*s", (int)bytes, text);
}

/* Bytes of `text` that go on a line of their own: whole words if one fits, never none. */
static size_t line_bytes(const struct lines *lines, const char *text)
{
    const size_t most = sl_letter_bytes(text, lines->columns);
    if (!text[most] || text[most] == ' ')
        return most;
    for (size_t len = most; len > 0; len--)
        if (text[len - 1] == ' ')
            return len - 1 ? len - 1 : most;
    return most;
}

/* The rest of a text where there are no more lines for it. */
static void put_cut(struct lines *lines, const char *text)
{
    const int kept = lines->columns > 2 ? lines->columns - 2 : 0;
    put_letters(lines, text, sl_letter_bytes(text, kept));
    put_letters(lines, "..", lines->columns < 2 ? 1 : 2);
}

/* Beside what is there if it fits, else on lines of its own. */
static void put_item(struct lines *lines, bool wanted, const char *text)
{
    if (!wanted || !text || !*text)
        return;
    if (lines->count &&
        sl_letter_count(lines->text[lines->count - 1]) + 2 + sl_letter_count(text) <=
            lines->columns) {
        put_letters(lines, "  ", 2);
        put_letters(lines, text, strlen(text));
        return;
    }
    while (*text && lines->count < lines->rows) {
        lines->text[lines->count++][0] = '\0';
        const size_t len = line_bytes(lines, text);
        if (text[len] && lines->count == lines->rows) {
            put_cut(lines, text);
            return;
        }
        put_letters(lines, text, len);
        text += len + strspn(text + len, " ");
    }
}

/* A row above each line is for the marks of capitals. */
static int pitch(int scale)
{
    return (SL_FONT_HEIGHT + SL_FONT_RISE) * scale;
}

static int measure(struct lines *lines, const struct sl_canvas *canvas)
{
    const int side = canvas->width < canvas->height ? canvas->width : canvas->height;
    const int scale = side < 360 ? 1 : (side + 120) / 240;
    lines->columns = (canvas->width - 3 * scale) / (SL_FONT_ADVANCE * scale);
    lines->rows = (canvas->height / 2 - 2 * scale) / pitch(scale);
    lines->columns = lines->columns < 1 ? 1 : lines->columns;
    lines->rows = lines->rows < 1 ? 1 : lines->rows > LINES_MAX ? LINES_MAX : lines->rows;
    return scale;
}

static void draw_lines(const struct lines *lines, const struct sl_canvas *canvas, int scale)
{
    const int pad = 2 * scale;
    int widest = 0;
    for (int i = 0; i < lines->count; i++) {
        const int width = sl_font_width(lines->text[i], scale);
        widest = width > widest ? width : widest;
    }
    sl_canvas_shade(canvas, 0, 0, widest + 2 * pad, lines->count * pitch(scale) + pad);
    for (int i = 0; i < lines->count; i++)
        sl_font_draw(canvas, pad, pad + i * pitch(scale), scale, TEXT_LUMA, lines->text[i]);
}

void sl_overlay_draw(struct sl_overlay *overlay, const struct sl_canvas *canvas, sl_ns captured,
                     sl_ns wall)
{
    char when[SL_OVERLAY_TIME], rate[16];
    struct lines lines = {.count = 0};
    count_frame(overlay, captured);
    sl_overlay_time(wall, when);
    snprintf(rate, sizeof(rate), "%d fps", overlay->shown_fps);
    const int scale = measure(&lines, canvas);
    put_item(&lines, overlay->time, when);
    put_item(&lines, overlay->name, overlay->name_text);
    put_item(&lines, overlay->location, overlay->location_text);
    put_item(&lines, overlay->fps && overlay->shown_fps, rate); /* known after a second */
    if (lines.count)
        draw_lines(&lines, canvas, scale);
}
