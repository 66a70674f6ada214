/* SPDX-License-Identifier: MIT */
/*
 * Draw: figures as SVG in HTML. Colours are classes c0 to c8 of the page's style, dashes d1 to d3.
 * Letters may be up to SL_DRAW_LETTER units wide: on a small screen the style makes them larger
 * than they need to be on a large one, and room is kept for that.
 */
#pragma once

#include "bench/figure.h"
#include "bench/markup.h"
#include "bench/scale.h"

#define SL_DRAW_WIDTH 560
#define SL_DRAW_LETTER 8.2
#define SL_DRAW_COLOURS 9
#define SL_DRAW_DASHES 4

/* A name keeps its style on the whole page while no other curve of the same figure has it. Names
 * are those of the figures' JSON, which must outlive it. */
struct sl_palette {
    int count;
    const char *name[512];
    int style[512];
};

/* A <figure>: its title, a legend or labels at the lines, the drawing, and what could not be drawn.
 */
void sl_draw_figure(struct sl_markup *markup, const struct sl_figure *figure,
                    struct sl_palette *palette);

/* ---- For draw*.c ---- */

struct sl_drawing {
    struct sl_markup *markup;
    const struct sl_figure *figure;
    const int *style;                /* of each curve */
    double left, top, width, height; /* of the field within the axes */
    struct sl_scale x, y;
};

/* " c1 d2" */
void sl_draw_style(struct sl_markup *markup, int style);
/* "Age, ms" at this place, `anchor` start, middle or end. */
void sl_draw_axis_title(struct sl_markup *markup, const struct sl_axis *axis, double x, double y,
                        const char *anchor);
/* "8.123 ms" */
void sl_draw_value(struct sl_markup *markup, double value, const char *unit);
void sl_draw_open(struct sl_markup *markup, const struct sl_figure *figure, double height);
void sl_draw_close(struct sl_markup *markup);

/* Lines, points and steps. Whether the lines are labelled, so that no legend is wanted, is asked
 * first. */
bool sl_draw_labels_lines(const struct sl_figure *figure);
void sl_draw_lines(struct sl_markup *markup, const struct sl_figure *figure, const int *style);
/* Bars, lying: labels are read without turning one's head, and there is room for many. */
void sl_draw_bars(struct sl_markup *markup, const struct sl_figure *figure, const int *style);
