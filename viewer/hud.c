/* SPDX-License-Identifier: MIT */
#include "viewer/hud.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <SDL_ttf.h>

#define WHITE 0xffffffu
#define SOFT 0xd0d4d8u   /* ages, reasons */
#define ALARM 0xffb020u  /* stale, loss */
#define MOVES 0x30e060u  /* motion */
#define SELECT 0x3fa7ffu /* the selected tile's frame */
#define UNDER_TEXT 96    /* of 256: what is left of the picture under a label */
#define LINE_MAX_CHARS 256
#define NET_LINES 8 /* a tile that is lower leaves out what its network does */

static const char *const font_paths[] = {
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", /* Debian, Ubuntu: fonts-dejavu-core */
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
};

struct sl_hud {
    TTF_Font *font;
    int size; /* in force */
    enum sl_hud_level level;
    bool started; /* SDL_ttf */
};

/* One rendered text. */
struct text {
    char words[LINE_MAX_CHARS];
    int size;
    struct sl_bitmap bitmap;
};

struct sl_hud_label {
    struct text name, place, age, delay, loss, motion, net, net_brief, state, reason;
    struct sl_hud_content drawn; /* without its texts */
    bool ever;
};

int sl_hud_create(struct sl_hud **ret, enum sl_hud_level level, char *why, size_t why_len)
{
    struct sl_hud *hud = calloc(1, sizeof(*hud));
    if (!hud)
        return -ENOMEM;
    hud->level = level;
    hud->started = TTF_Init() == 0;
    for (size_t i = 0; i < SL_COUNT(font_paths) && hud->started && !hud->font; i++)
        hud->font = TTF_OpenFont(font_paths[i], 16);
    if (!hud->font) {
        snprintf(why, why_len, "the font DejaVu Sans is missing (package fonts-dejavu-core)");
        sl_hud_destroy(hud);
        return -ENOENT;
    }
    *ret = hud;
    return 0;
}

void sl_hud_destroy(struct sl_hud *hud)
{
    if (!hud)
        return;
    if (hud->font)
        TTF_CloseFont(hud->font);
    if (hud->started)
        TTF_Quit();
    free(hud);
}

int sl_hud_label_create(struct sl_hud_label **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

void sl_hud_label_destroy(struct sl_hud_label *label)
{
    if (!label)
        return;
    struct text *const texts[] = {
        &label->name,   &label->place, &label->age,       &label->delay, &label->loss,
        &label->motion, &label->net,   &label->net_brief, &label->state, &label->reason,
    };
    for (size_t i = 0; i < SL_COUNT(texts); i++)
        free(texts[i]->bitmap.alpha);
    free(label);
}

/* Takes the coverage out of SDL_ttf's surface. */
static void keep_coverage(struct sl_bitmap *bitmap, const SDL_Surface *surface)
{
    free(bitmap->alpha);
    *bitmap = (struct sl_bitmap){.alpha = malloc((size_t)surface->w * (size_t)surface->h)};
    if (!bitmap->alpha)
        return;
    bitmap->width = surface->w;
    bitmap->height = surface->h;
    for (int y = 0; y < surface->h; y++) {
        const uint8_t *row = (const uint8_t *)surface->pixels + (ptrdiff_t)y * surface->pitch;
        for (int x = 0; x < surface->w; x++)
            bitmap->alpha[y * surface->w + x] = row[4 * x + 3];
    }
}

/* Renders `words` unless that is what the text shows already. "" makes an empty bitmap. */
static void render(struct sl_hud *hud, struct text *text, const char *words, int size)
{
    if (text->size == size && !strcmp(text->words, words))
        return;
    snprintf(text->words, sizeof(text->words), "%s", words);
    text->size = size;
    text->bitmap.width = text->bitmap.height = 0;
    if (!*words)
        return;
    if (hud->size != size && TTF_SetFontSize(hud->font, size) == 0)
        hud->size = size;
    SDL_Surface *surface =
        TTF_RenderUTF8_Blended(hud->font, text->words, (SDL_Color){255, 255, 255, 255});
    if (surface)
        keep_coverage(&text->bitmap, surface);
    SDL_FreeSurface(surface);
}

/* Width of a text on its box. */
static int boxed(const struct text *text)
{
    return text->bitmap.width + 2 * (text->size / 3);
}

/* Writes a text on a darkened box, its box's corner at x, y. Returns the box's width. */
static int put(const struct sl_canvas *cell, const struct text *text, int x, int y, uint32_t colour)
{
    if (!text->bitmap.width)
        return 0;
    const struct sl_rect box = {x < 0 ? 0 : x, y, boxed(text), text->bitmap.height + 2};
    sl_canvas_shade(cell, box, UNDER_TEXT);
    sl_canvas_blend(cell, box.x + text->size / 3, y + 1, &text->bitmap, colour);
    return box.width;
}

static int within(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

/* It belongs to a picture that moves, as its age does. */
static sl_ns delay_shown(const struct sl_hud_content *content)
{
    return content->view.state == SL_TILE_LIVE ? content->delay : 0;
}

/* Above the name, in its whole form or else in its brief one, as far as there is room. */
static void draw_net(struct sl_hud *hud, struct sl_hud_label *label, const struct sl_canvas *cell,
                     const struct sl_hud_content *content, int size)
{
    const int small = within(size * 5 / 6, 10, 15), gap = size / 3;
    const int y = cell->height - gap - size * 3;
    const uint32_t colour = content->net_harm ? ALARM : SOFT;
    if (content->view.state != SL_TILE_LIVE || !content->net || !*content->net ||
        cell->height < NET_LINES * size)
        return;
    render(hud, &label->net, content->net, small);
    if (boxed(&label->net) + 2 * gap <= cell->width) {
        put(cell, &label->net, gap, y, colour);
        return;
    }
    render(hud, &label->net_brief, content->net_brief, small);
    if (boxed(&label->net_brief) + 2 * gap <= cell->width)
        put(cell, &label->net_brief, gap, y, colour);
}

/* From the right: the age, the mark of loss, then what has room beside the name. */
static void draw_details(struct sl_hud *hud, struct sl_hud_label *label,
                         const struct sl_canvas *cell, const struct sl_hud_content *content,
                         int size, int line)
{
    const int gap = size / 3;
    char text[SL_HUD_TEXT], place[LINE_MAX_CHARS] = "";
    if (*content->location)
        snprintf(place, sizeof(place), "\u00b7 %s", content->location);
    render(hud, &label->age, sl_hud_age_text(content->view.age, text), size);
    render(hud, &label->delay, sl_hud_delay_text(delay_shown(content), text), size);
    render(hud, &label->loss, content->view.loss ? "LOSS" : "", size);
    render(hud, &label->motion,
           content->motion && content->view.state == SL_TILE_LIVE ? "MOTION" : "", size);
    render(hud, &label->place, place, size);
    const int left = gap + boxed(&label->name);
    int right = cell->width - gap;
    right -= put(cell, &label->age, right - boxed(&label->age), line, SOFT);
    if (label->loss.bitmap.width)
        right -= gap + put(cell, &label->loss, right - gap - boxed(&label->loss), line, ALARM);
    if (label->motion.bitmap.width && right - gap - boxed(&label->motion) >= left)
        right -= gap + put(cell, &label->motion, right - gap - boxed(&label->motion), line, MOVES);
    if (label->delay.bitmap.width && right - gap - boxed(&label->delay) >= left)
        right -= gap + put(cell, &label->delay, right - gap - boxed(&label->delay), line, SOFT);
    if (left + boxed(&label->place) <= right)
        put(cell, &label->place, left, line, WHITE);
}

static void draw_labels(struct sl_hud *hud, struct sl_hud_label *label,
                        const struct sl_canvas *cell, const struct sl_hud_content *content)
{
    const int size = within(cell->height / 24, 11, 18), gap = size / 3;
    char words[LINE_MAX_CHARS];
    snprintf(words, sizeof(words), "%s%s", content->sound ? "\u266a " : "", content->name);
    render(hud, &label->name, words, size);
    /* At the bottom: cameras burn their clocks and names in at the top. */
    const int line = cell->height - gap - size * 3 / 2;
    put(cell, &label->name, gap, line, WHITE);
    if (hud->level < SL_HUD_FULL)
        return;
    draw_details(hud, label, cell, content, size, line);
    draw_net(hud, label, cell, content, size);
}

static void draw_state(struct sl_hud *hud, struct sl_hud_label *label, const struct sl_canvas *cell,
                       const struct sl_hud_content *content)
{
    const int size = within(cell->width / 16, 12, 34), small = within(size / 2, 10, 18);
    char words[SL_HUD_TEXT];
    render(hud, &label->state, sl_hud_state_text(&content->view, words), size);
    render(hud, &label->reason, content->reason, small);
    const uint32_t colour = content->view.state == SL_TILE_CONNECTING ? SOFT : ALARM;
    const int y = cell->height / 2 - size;
    put(cell, &label->state, (cell->width - boxed(&label->state)) / 2, y, colour);
    put(cell, &label->reason, (cell->width - boxed(&label->reason)) / 2, y + size * 2, SOFT);
}

void sl_hud_draw(struct sl_hud *hud, struct sl_hud_label *label, const struct sl_canvas *canvas,
                 struct sl_rect cell, const struct sl_hud_content *content)
{
    const struct sl_canvas inside = {
        .pixels = canvas->pixels + (ptrdiff_t)cell.y * canvas->stride + (ptrdiff_t)cell.x * 4,
        .width = cell.width,
        .height = cell.height,
        .stride = canvas->stride,
    };
    if (hud->level != SL_HUD_OFF)
        draw_labels(hud, label, &inside, content);
    if (content->view.state != SL_TILE_LIVE)
        draw_state(hud, label, &inside, content);
    if (content->selected && hud->level != SL_HUD_OFF)
        sl_canvas_outline(canvas, cell, 2, SELECT);
    label->drawn = *content;
    label->drawn.name = label->drawn.location = label->drawn.reason = NULL;
    label->drawn.net = label->drawn.net_brief = NULL;
    label->ever = true;
}

bool sl_hud_changed(const struct sl_hud *hud, const struct sl_hud_label *label,
                    const struct sl_hud_content *content)
{
    const struct sl_tile_view *now = &content->view, *then = &label->drawn.view;
    if (!label->ever || now->state != then->state || now->grey != then->grey ||
        now->stale_s != then->stale_s)
        return true;
    if (now->state != SL_TILE_LIVE && strcmp(label->reason.words, content->reason))
        return true;
    if (hud->level == SL_HUD_OFF)
        return false;
    if (content->selected != label->drawn.selected || content->sound != label->drawn.sound)
        return true;
    char text[SL_HUD_TEXT];
    return hud->level == SL_HUD_FULL &&
           (now->loss != then->loss || content->motion != label->drawn.motion ||
            strcmp(label->age.words, sl_hud_age_text(now->age, text)) ||
            strcmp(label->delay.words, sl_hud_delay_text(delay_shown(content), text)));
}
