/* SPDX-License-Identifier: MIT */
#include "bench/draw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_bars(const struct sl_figure *figure)
{
    return figure->kind == SL_PLOT_STACKED || figure->kind == SL_PLOT_BARS;
}

/* ---- Styles ---- */

static int recall(const struct sl_palette *palette, const char *name)
{
    for (int i = 0; i < palette->count; i++)
        if (strcmp(palette->name[i], name) == 0)
            return palette->style[i];
    return -1;
}

static void remember(struct sl_palette *palette, const char *name, int style)
{
    if (palette->count == (int)SL_COUNT(palette->name) || recall(palette, name) >= 0)
        return;
    palette->name[palette->count] = name;
    palette->style[palette->count++] = style;
}

static void choose_styles(struct sl_palette *palette, const struct sl_figure *figure,
                          int style[SL_FIGURE_CURVES])
{
    bool taken[SL_FIGURE_CURVES] = {false};
    for (int i = 0; i < figure->curves; i++) {
        style[i] = recall(palette, figure->curve[i].name);
        if (style[i] >= 0 && taken[style[i]])
            style[i] = -1;
        if (style[i] >= 0)
            taken[style[i]] = true;
    }
    for (int i = 0; i < figure->curves; i++) {
        for (int k = 0; style[i] < 0 && k < SL_FIGURE_CURVES; k++)
            if (!taken[k])
                style[i] = k;
        taken[style[i]] = true;
        remember(palette, figure->curve[i].name, style[i]);
    }
}

void sl_draw_style(struct sl_markup *markup, int style)
{
    const int dash = style / SL_DRAW_COLOURS % SL_DRAW_DASHES;
    sl_markup_format(markup, " c%d", style % SL_DRAW_COLOURS);
    if (dash)
        sl_markup_format(markup, " d%d", dash);
}

/* ---- Pieces ---- */

void sl_draw_axis_title(struct sl_markup *markup, const struct sl_axis *axis, double x, double y,
                        const char *anchor)
{
    sl_markup_format(markup, "<text class=a x=%.0f y=%.0f text-anchor=%s>", x, y, anchor);
    sl_markup_short(markup, axis->title, 48);
    if (axis->unit[0]) {
        sl_markup_raw(markup, axis->title[0] ? ", " : "");
        sl_markup_short(markup, axis->unit, 16);
    }
    sl_markup_raw(markup, axis->log ? " (logarithmic)</text>" : "</text>");
}

void sl_draw_value(struct sl_markup *markup, double value, const char *unit)
{
    char text[32];
    sl_scale_number(value, 4, text, sizeof(text));
    sl_markup_raw(markup, text);
    if (unit[0]) {
        sl_markup_raw(markup, " ");
        sl_markup_short(markup, unit, 16);
    }
}

void sl_draw_open(struct sl_markup *markup, const struct sl_figure *figure, double height)
{
    sl_markup_format(markup, "<svg viewBox=\"0 0 %d %.0f\" role=img aria-label=\"", SL_DRAW_WIDTH,
                     height);
    sl_markup_escaped(markup, figure->title);
    sl_markup_raw(markup, "\">");
}

void sl_draw_close(struct sl_markup *markup)
{
    sl_markup_raw(markup, "</svg>");
}

/* ---- Legend ---- */

/* The lowest x at which a distribution has reached `share`. */
static double reached(const struct sl_curve *curve, double share)
{
    for (size_t i = 0; i < curve->count; i++)
        if (curve->y[i] >= share - 1e-9)
            return curve->x[i];
    return NAN;
}

static void write_key(struct sl_markup *markup, const struct sl_figure *figure, int style)
{
    sl_markup_raw(markup, "<svg class=\"key");
    sl_draw_style(markup, style);
    if (is_bars(figure))
        sl_markup_raw(markup, "\" viewBox=\"0 0 12 12\"><rect class=f width=12 height=12 rx=2 />");
    else if (figure->kind == SL_PLOT_POINTS)
        sl_markup_raw(markup, "\" viewBox=\"0 0 12 12\"><circle class=o cx=6 cy=6 r=4.5 />");
    else
        sl_markup_raw(markup, "\" viewBox=\"0 0 22 12\"><path class=l d=\"M1 6H21\"/>");
    sl_markup_raw(markup, "</svg>");
}

/* A distribution's legend says what one looks for in it. */
static void write_quantiles(struct sl_markup *markup, const struct sl_figure *figure,
                            const int *style)
{
    static const double shares[] = {0.5, 0.95, 0.99};
    sl_markup_raw(markup, "<table class=legend><tr><th><th>p50<th>p95<th>p99 ");
    sl_markup_short(markup, figure->x.unit, 16);
    for (int i = 0; i < figure->curves; i++) {
        const struct sl_curve *curve = &figure->curve[i];
        sl_markup_raw(markup, "<tr><td>");
        write_key(markup, figure, style[i]);
        sl_markup_short(markup, curve->name[0] ? curve->name : "unnamed", 40);
        for (size_t k = 0; k < SL_COUNT(shares); k++) {
            char text[32];
            sl_scale_number(reached(curve, shares[k]), 3, text, sizeof(text));
            sl_markup_format(markup, "<td class=r>%s", text);
        }
    }
    sl_markup_raw(markup, "</table>");
}

static void write_legend(struct sl_markup *markup, const struct sl_figure *figure, const int *style)
{
    if (figure->kind == SL_PLOT_STEPS) {
        write_quantiles(markup, figure, style);
        return;
    }
    /* The title of a lone curve says it all, mostly. */
    if (figure->curves == 1 && strcasestr(figure->title, figure->curve[0].name))
        return;
    sl_markup_raw(markup, "<ul class=legend>");
    for (int i = 0; i < figure->curves; i++) {
        const struct sl_curve *curve = &figure->curve[i];
        sl_markup_raw(markup, "<li>");
        write_key(markup, figure, style[i]);
        sl_markup_short(markup, curve->name[0] ? curve->name : "unnamed", 60);
        sl_markup_raw(markup, curve->count ? "</li>" : " (no data)</li>");
    }
    sl_markup_raw(markup, "</ul>");
}

/* ---- Whole ---- */

static void write_remarks(struct sl_markup *markup, const struct sl_figure *figure, size_t hidden)
{
    if (hidden)
        sl_markup_format(markup,
                         "<p class=remark>%zu figure%s of zero or less %s no place on a "
                         "logarithmic axis.</p>",
                         hidden, hidden > 1 ? "s" : "", hidden > 1 ? "have" : "has");
    if (figure->curves_left_out)
        sl_markup_format(markup, "<p class=remark>%d more series are not drawn.</p>",
                         figure->curves_left_out);
}

void sl_draw_figure(struct sl_markup *markup, const struct sl_figure *figure,
                    struct sl_palette *palette)
{
    int style[SL_FIGURE_CURVES];
    double low[2], high[2];
    const size_t hidden = sl_figure_range(figure, true, &low[0], &high[0]) +
                          sl_figure_range(figure, false, &low[1], &high[1]);
    choose_styles(palette, figure, style);
    sl_markup_raw(markup, "<figure><figcaption>");
    sl_markup_escaped(markup, figure->title[0] ? figure->title : "Untitled");
    sl_markup_raw(markup, "</figcaption>");
    if (isfinite(low[0]) && isfinite(low[1])) {
        if (!sl_draw_labels_lines(figure))
            write_legend(markup, figure, style);
        if (is_bars(figure))
            sl_draw_bars(markup, figure, style);
        else
            sl_draw_lines(markup, figure, style);
    } else {
        sl_markup_raw(markup, "<p class=empty>No data</p>");
    }
    write_remarks(markup, figure, is_bars(figure) ? 0 : hidden);
    sl_markup_raw(markup, "</figure>\n");
}
