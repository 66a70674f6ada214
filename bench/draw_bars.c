/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/draw.h"
#include "bench/view.h"

#define TOP 6
#define BOTTOM 44
#define RIGHT 62 /* the value at a bar's end */
#define LABEL_LETTERS 27
#define STACK 22
#define STACK_APART 9
#define BAR_MIN 5
#define BAR_MAX 18
#define GROUP 66 /* bars side by side share it while they are not too thin */
#define GROUP_APART 12
#define WORDS 13 /* a thinner bar has no value beside it */

struct bars {
    struct sl_drawing drawing;
    int rows;
    double *cell; /* [curve][row], NAN where there is none */
    bool stacked;
    double bar, row; /* heights */
};

static double cell(const struct bars *bars, int curve, int row)
{
    return bars->cell[curve * bars->rows + row];
}

static int count_rows(const struct sl_figure *figure)
{
    int rows = figure->labels;
    for (int i = 0; i < figure->curves; i++)
        for (size_t k = 0; k < figure->curve[i].count; k++) {
            const double x = figure->curve[i].x[k];
            if (x >= 0 && x < SL_FIGURE_LABELS && (int)lround(x) >= rows)
                rows = (int)lround(x) + 1;
        }
    return rows < SL_FIGURE_LABELS ? rows : SL_FIGURE_LABELS;
}

static bool read_cells(struct bars *bars)
{
    const struct sl_figure *figure = bars->drawing.figure;
    const int count = figure->curves * bars->rows;
    bars->cell = malloc((size_t)(count ? count : 1) * sizeof(*bars->cell));
    for (int i = 0; bars->cell && i < count; i++)
        bars->cell[i] = NAN;
    for (int i = 0; bars->cell && i < figure->curves; i++)
        for (size_t k = 0; k < figure->curve[i].count; k++) {
            const double x = figure->curve[i].x[k];
            if (x > -0.5 && x < bars->rows - 0.5)
                bars->cell[i * bars->rows + (int)lround(x)] = figure->curve[i].y[k];
        }
    return bars->cell != NULL;
}

/* What a stack adds up to; nothing is less than nothing. */
static double sum_of(const struct bars *bars, int row)
{
    double sum = NAN;
    for (int i = 0; i < bars->drawing.figure->curves; i++) {
        const double value = cell(bars, i, row);
        if (isfinite(value))
            sum = (isnan(sum) ? 0 : sum) + fmax(value, 0);
    }
    return sum;
}

static void fit(struct bars *bars)
{
    const struct sl_figure *figure = bars->drawing.figure;
    double low, high;
    size_t letters = 1;
    sl_figure_range(figure, false, &low, &high);
    for (int row = 0; bars->stacked && row < bars->rows; row++)
        high = fmax(high, sum_of(bars, row));
    const bool log_axis = figure->y.log && !bars->stacked; /* parts of a sum have no logarithm */
    if (log_axis)
        low /= 2; /* the lowest has a bar, too */
    sl_scale_fit(&bars->drawing.x, bars->stacked ? 0 : low, high, 5,
                 SL_SCALE_ZERO | (log_axis ? SL_SCALE_LOG : 0) | (low >= 0 ? SL_SCALE_SNUG : 0));
    for (int i = 0; i < figure->labels; i++) {
        const size_t width = sl_view_width(figure->label[i]);
        letters = width > letters ? width : letters;
    }
    letters = letters < LABEL_LETTERS ? letters : LABEL_LETTERS;
    bars->drawing.left = 12 + SL_DRAW_LETTER * (double)letters;
    bars->drawing.top = TOP;
    bars->drawing.width = SL_DRAW_WIDTH - RIGHT - bars->drawing.left;
    bars->bar = STACK;
    bars->row = STACK + STACK_APART;
    if (!bars->stacked) {
        bars->bar = fmin(fmax((double)GROUP / fmax(figure->curves, 1), BAR_MIN), BAR_MAX);
        bars->row = bars->bar * figure->curves + GROUP_APART;
    }
    bars->drawing.height = bars->row * bars->rows;
}

static double at(const struct bars *bars, double value)
{
    const double place = sl_scale_place(&bars->drawing.x, value);
    /* On a logarithmic axis a zero has a bar without length. */
    return bars->drawing.left + bars->drawing.width * (isnan(place) ? 0 : fmin(fmax(place, 0), 1));
}

static void draw_axis(const struct bars *bars)
{
    const struct sl_drawing *drawing = &bars->drawing;
    struct sl_markup *markup = drawing->markup;
    const double bottom = drawing->top + drawing->height;
    double end = -1;
    sl_markup_raw(markup, "<path class=g d=\"");
    for (int i = 0; i < drawing->x.ticks; i++)
        sl_markup_format(markup, "M%.1f %.1fV%.1f", at(bars, drawing->x.tick[i]), drawing->top,
                         bottom);
    sl_markup_format(markup, "\"/>");
    for (int i = 0; i < drawing->x.ticks; i++) {
        const double x = at(bars, drawing->x.tick[i]);
        const double half = SL_DRAW_LETTER / 2 * (double)strlen(drawing->x.label[i]);
        if (x - half < end)
            continue;
        end = x + half + SL_DRAW_LETTER;
        sl_markup_format(markup, "<text x=%.1f y=%.1f text-anchor=middle>%s</text>", x, bottom + 16,
                         drawing->x.label[i]);
    }
    struct sl_axis axis = drawing->figure->y;
    axis.log = drawing->x.log;
    sl_draw_axis_title(markup, &axis, drawing->left + drawing->width, bottom + 37, "end");
}

static void draw_row_label(const struct bars *bars, int row, double middle)
{
    const struct sl_figure *figure = bars->drawing.figure;
    struct sl_markup *markup = bars->drawing.markup;
    sl_markup_format(markup, "<text class=w x=%.1f y=%.1f text-anchor=end>", bars->drawing.left - 7,
                     middle + 4);
    if (row < figure->labels) {
        sl_markup_raw(markup, "<title>");
        sl_markup_escaped(markup, figure->label[row]);
        sl_markup_raw(markup, "</title>");
        sl_markup_short(markup, figure->label[row], LABEL_LETTERS);
    } else {
        sl_markup_format(markup, "%d", row);
    }
    sl_markup_raw(markup, "</text>");
}

static void draw_bar(const struct bars *bars, int curve, int row, double from, double to, double y,
                     double sum)
{
    const struct sl_figure *figure = bars->drawing.figure;
    struct sl_markup *markup = bars->drawing.markup;
    const double value = cell(bars, curve, row);
    sl_markup_raw(markup, "<rect class=\"f");
    sl_draw_style(markup, bars->drawing.style[curve]);
    sl_markup_format(markup, "\" x=%.1f y=%.1f width=%.1f height=%.1f><title>", fmin(from, to), y,
                     fabs(to - from), bars->stacked ? bars->bar : bars->bar - 1);
    if (row < figure->labels && figure->label[row][0]) {
        sl_markup_short(markup, figure->label[row], 60);
        sl_markup_raw(markup, ", ");
    }
    sl_markup_short(markup, figure->curve[curve].name, 60);
    sl_markup_raw(markup, ": ");
    sl_draw_value(markup, value, figure->y.unit);
    if (sum > 0)
        sl_markup_format(markup, " (%.0f %%)", 100 * value / sum);
    sl_markup_raw(markup, "</title></rect>");
}

static void draw_number(struct sl_markup *markup, const char *class, double value, double x,
                        double y, const char *anchor)
{
    char text[32];
    sl_scale_number(value, 3, text, sizeof(text));
    sl_markup_format(markup, "<text class=%s x=%.1f y=%.1f text-anchor=%s>%s</text>", class, x, y,
                     anchor, text);
}

static void draw_stack(const struct bars *bars, int row, double y)
{
    const double sum = sum_of(bars, row);
    double under = 0;
    for (int i = 0; i < bars->drawing.figure->curves; i++) {
        const double value = cell(bars, i, row);
        if (!(value > 0))
            continue;
        draw_bar(bars, i, row, at(bars, under), at(bars, under + value), y, sum);
        under += value;
    }
    draw_number(bars->drawing.markup, "v", sum, at(bars, under) + 6, y + bars->bar / 2 + 4,
                "start");
}

static void draw_group(const struct bars *bars, int row, double y)
{
    for (int i = 0; i < bars->drawing.figure->curves; i++, y += bars->bar) {
        const double value = cell(bars, i, row), zero = bars->drawing.x.log ? 0 : at(bars, 0);
        if (!isfinite(value))
            continue;
        const double end = at(bars, value);
        draw_bar(bars, i, row, zero > 0 ? zero : bars->drawing.left, end, y, 0);
        if (bars->bar >= WORDS || bars->drawing.figure->curves == 1)
            draw_number(bars->drawing.markup, "v", value, fmax(end, zero) + 6,
                        y + bars->bar / 2 + 4, "start");
    }
}

void sl_draw_bars(struct sl_markup *markup, const struct sl_figure *figure, const int *style)
{
    struct bars bars = {
        .drawing = {.markup = markup, .figure = figure, .style = style},
        .rows = count_rows(figure),
        .stacked = figure->kind == SL_PLOT_STACKED,
    };
    if (!read_cells(&bars)) {
        markup->failed = true;
        return;
    }
    fit(&bars);
    sl_draw_open(markup, figure, TOP + bars.drawing.height + BOTTOM);
    draw_axis(&bars);
    for (int row = 0; row < bars.rows; row++) {
        const double y = TOP + bars.row * row + (bars.stacked ? STACK_APART : GROUP_APART) / 2.0;
        draw_row_label(&bars, row, y + (bars.stacked ? bars.bar : bars.bar * figure->curves) / 2);
        if (bars.stacked)
            draw_stack(&bars, row, y);
        else
            draw_group(&bars, row, y);
    }
    sl_markup_format(markup, "<path class=b d=\"M%.1f %.1fv%.1f\"/>", bars.drawing.left,
                     bars.drawing.top, bars.drawing.height);
    sl_draw_close(markup);
    free(bars.cell);
}
