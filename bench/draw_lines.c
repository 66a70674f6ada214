/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/draw.h"
#include "bench/view.h"

#define HEIGHT 300
#define TOP 30
#define BOTTOM 46
#define RIGHT 16
#define BASELINE 5 /* from a line's middle to that of the letters on it */

#define LABELLED_CURVES 5
#define LABEL_LETTERS 14
#define LABEL_APART 17
#define LABEL_MOVED 22 /* further away from its line's end a label is a riddle */

#define TRIED_POINTS 10
#define MARKED_POINTS 40   /* a line of so few has its points shown */
#define TOLD_POINTS 300    /* points that tell their figures */
#define DENSE_POINTS 1200  /* more: only what can be told apart is drawn */
#define DRAWN_POINTS 20000 /* of a curve whose points are in no order */

/* ---- Axes ---- */

/* 1, 2, 4 ... 64: where something was tried a few times, ever more, the ticks stand there. */
static void tick_at_points(struct sl_drawing *drawing)
{
    const struct sl_curve *curve = &drawing->figure->curve[0];
    if (!drawing->x.log || curve->count < 3 || curve->count > TRIED_POINTS)
        return;
    for (size_t i = 0; i < curve->count; i++)
        if (!(curve->x[i] >= drawing->x.low && curve->x[i] <= drawing->x.high) ||
            (i > 0 && !(curve->x[i] > curve->x[i - 1])))
            return;
    sl_scale_tick_at(&drawing->x, curve->x, curve->count);
}

static void fit_axes(struct sl_drawing *drawing)
{
    const struct sl_figure *figure = drawing->figure;
    double low, high;
    sl_figure_range(figure, true, &low, &high);
    const bool near_zero = low > 0 && low < high / 3;
    sl_scale_fit(&drawing->x, low, high, 6,
                 SL_SCALE_SNUG | (figure->x.log ? SL_SCALE_LOG : 0) |
                     (near_zero ? SL_SCALE_ZERO : 0));
    if (figure->kind != SL_PLOT_STEPS)
        tick_at_points(drawing);
    sl_figure_range(figure, false, &low, &high);
    const bool share = figure->kind == SL_PLOT_STEPS && low >= 0 && high <= 1 && !figure->y.log;
    if (share) {
        sl_scale_fit(&drawing->y, 0, 1, 4, SL_SCALE_ZERO);
        drawing->y.ticks = 5;
        for (int i = 0; i < 5; i++) {
            drawing->y.tick[i] = i / 4.0;
            snprintf(drawing->y.label[i], sizeof(drawing->y.label[i]), "%d %%", 25 * i);
        }
        return;
    }
    sl_scale_fit(&drawing->y, low, high, 5, SL_SCALE_ZERO | (figure->y.log ? SL_SCALE_LOG : 0));
}

static double place(double share)
{
    return fmin(fmax(share, 0), 1); /* NAN: 0, but nobody asks for that one */
}

static double at_x(const struct sl_drawing *drawing, double value)
{
    return drawing->left + drawing->width * place(sl_scale_place(&drawing->x, value));
}

static double at_y(const struct sl_drawing *drawing, double value)
{
    return drawing->top + drawing->height * (1 - place(sl_scale_place(&drawing->y, value)));
}

static bool has_place(const struct sl_drawing *drawing, const struct sl_curve *curve, size_t i)
{
    return !isnan(sl_scale_place(&drawing->x, curve->x[i])) &&
           !isnan(sl_scale_place(&drawing->y, curve->y[i]));
}

static void draw_x_axis(const struct sl_drawing *drawing)
{
    const double bottom = drawing->top + drawing->height;
    double end = -1;
    sl_markup_raw(drawing->markup, "<path class=g d=\"");
    for (int i = 0; i < drawing->x.ticks; i++)
        sl_markup_format(drawing->markup, "M%.1f %.1fV%.1f", at_x(drawing, drawing->x.tick[i]),
                         drawing->top, bottom);
    sl_markup_format(drawing->markup, "\"/><path class=b d=\"M%.1f %.1fh%.1f\"/>", drawing->left,
                     bottom, drawing->width);
    for (int i = 0; i < drawing->x.ticks; i++) {
        const double x = at_x(drawing, drawing->x.tick[i]);
        const double half = SL_DRAW_LETTER / 2 * (double)strlen(drawing->x.label[i]);
        if (x - half < end)
            continue; /* labels do not overlap */
        end = x + half + SL_DRAW_LETTER;
        /* The last may stand at the very edge. */
        sl_markup_format(drawing->markup, "<text x=%.1f y=%.1f text-anchor=%s>%s</text>", x,
                         bottom + 17, x + half > SL_DRAW_WIDTH ? "end" : "middle",
                         drawing->x.label[i]);
    }
    sl_draw_axis_title(drawing->markup, &drawing->figure->x, drawing->left + drawing->width,
                       bottom + 38, "end");
}

static void draw_y_axis(const struct sl_drawing *drawing)
{
    sl_markup_raw(drawing->markup, "<path class=g d=\"");
    for (int i = 0; i < drawing->y.ticks; i++)
        sl_markup_format(drawing->markup, "M%.1f %.1fh%.1f", drawing->left,
                         at_y(drawing, drawing->y.tick[i]), drawing->width);
    sl_markup_raw(drawing->markup, "\"/>");
    for (int i = 0; i < drawing->y.ticks; i++)
        sl_markup_format(drawing->markup, "<text x=%.1f y=%.1f text-anchor=end>%s</text>",
                         drawing->left - 6, at_y(drawing, drawing->y.tick[i]) + BASELINE - 1,
                         drawing->y.label[i]);
    sl_draw_axis_title(drawing->markup, &drawing->figure->y, 0, 14, "start");
}

static double room_for_y_labels(const struct sl_scale *scale)
{
    size_t letters = 2;
    for (int i = 0; i < scale->ticks; i++)
        letters = strlen(scale->label[i]) > letters ? strlen(scale->label[i]) : letters;
    return 10 + SL_DRAW_LETTER * (double)letters;
}

/* ---- Curves ---- */

static void tell(const struct sl_drawing *drawing, const struct sl_curve *curve, size_t i)
{
    sl_markup_raw(drawing->markup, "<title>");
    sl_markup_short(drawing->markup, curve->name, 60);
    sl_markup_raw(drawing->markup, ": ");
    sl_draw_value(drawing->markup, curve->y[i], drawing->figure->y.unit);
    sl_markup_raw(drawing->markup, " at ");
    sl_draw_value(drawing->markup, curve->x[i], drawing->figure->x.unit);
    sl_markup_raw(drawing->markup, "</title>");
}

static void draw_marks(const struct sl_drawing *drawing, const struct sl_curve *curve, int style)
{
    /* On a line they have a rim; crowded points would eat each other with one. */
    const bool dots = drawing->figure->kind == SL_PLOT_POINTS;
    for (size_t i = 0; i < curve->count; i++) {
        if (!has_place(drawing, curve, i))
            continue;
        sl_markup_raw(drawing->markup, dots ? "<circle class=\"o" : "<circle class=\"m");
        sl_draw_style(drawing->markup, style);
        sl_markup_format(drawing->markup, "\" cx=%.1f cy=%.1f r=%.1f>", at_x(drawing, curve->x[i]),
                         at_y(drawing, curve->y[i]), dots ? 2.2 : 2.8);
        tell(drawing, curve, i);
        sl_markup_raw(drawing->markup, "</circle>");
    }
}

/* What a line does within one column of half a unit: in, lowest, highest, out. */
struct column {
    long at;
    int points;
    double x, first, low, high, last;
};

struct pen {
    const struct sl_drawing *drawing;
    struct column column;
    bool down;
    int drawn;
};

static void pen_to(struct pen *pen, double x, double y)
{
    if (pen->drawn++ < DRAWN_POINTS)
        sl_markup_format(pen->drawing->markup, "%s%.1f %.1f", pen->down ? "L" : "M", x, y);
    pen->down = true;
}

static void pen_flush(struct pen *pen)
{
    const struct column c = pen->column;
    if (c.points)
        pen_to(pen, c.x, c.first);
    if (c.points > 2 && c.low < fmin(c.first, c.last))
        pen_to(pen, c.x, c.low);
    if (c.points > 2 && c.high > fmax(c.first, c.last))
        pen_to(pen, c.x, c.high);
    if (c.points > 1)
        pen_to(pen, c.x, c.last);
    pen->column.points = 0;
}

/* A gap: what stands alone is a dot, by the round ends of a line without length. */
static void pen_lift(struct pen *pen)
{
    const bool alone = !pen->down && pen->column.points == 1;
    pen_flush(pen);
    if (alone)
        sl_markup_raw(pen->drawing->markup, "h0");
    pen->down = false;
}

static void pen_add(struct pen *pen, double x, double y, bool dense)
{
    struct column *c = &pen->column;
    if (c->points && (!dense || c->at != lround(2 * x)))
        pen_flush(pen);
    if (!c->points)
        *c = (struct column){.at = lround(2 * x), .x = x, .first = y, .low = y, .high = y};
    c->low = fmin(c->low, y);
    c->high = fmax(c->high, y);
    c->last = y;
    c->points++;
}

static void draw_path(const struct sl_drawing *drawing, const struct sl_curve *curve)
{
    struct pen pen = {.drawing = drawing};
    for (size_t i = 0; i < curve->count; i++) {
        if (has_place(drawing, curve, i))
            pen_add(&pen, at_x(drawing, curve->x[i]), at_y(drawing, curve->y[i]),
                    curve->count > DENSE_POINTS);
        else
            pen_lift(&pen);
    }
    pen_lift(&pen);
}

static void draw_steps(const struct sl_drawing *drawing, const struct sl_curve *curve)
{
    double x = -10, y = drawing->top + drawing->height;
    for (size_t i = 0; i < curve->count; i++) {
        if (!has_place(drawing, curve, i))
            continue;
        const double next_x = at_x(drawing, curve->x[i]), next_y = at_y(drawing, curve->y[i]);
        if (x < 0)
            sl_markup_format(drawing->markup, "M%.1f %.1f", next_x, y);
        else if (fabs(next_x - x) + fabs(next_y - y) < 0.4 && i + 1 < curve->count)
            continue;
        sl_markup_format(drawing->markup, "H%.1fV%.1f", next_x, next_y);
        x = next_x;
        y = next_y;
    }
    if (x >= 0)
        sl_markup_format(drawing->markup, "H%.1f", drawing->left + drawing->width);
}

static void draw_dots(const struct sl_drawing *drawing, const struct sl_curve *curve)
{
    double x = -10, y = -10;
    for (size_t i = 0, drawn = 0; i < curve->count && drawn < DRAWN_POINTS; i++) {
        if (!has_place(drawing, curve, i))
            continue;
        const double next_x = at_x(drawing, curve->x[i]), next_y = at_y(drawing, curve->y[i]);
        if (fabs(next_x - x) + fabs(next_y - y) < 0.4)
            continue;
        sl_markup_format(drawing->markup, "M%.1f %.1fh0", x = next_x, y = next_y);
        drawn++;
    }
}

static void draw_curve(const struct sl_drawing *drawing, int index)
{
    const struct sl_curve *curve = &drawing->figure->curve[index];
    const enum sl_plot_kind kind = drawing->figure->kind;
    const int style = drawing->style[index];
    const bool points = kind == SL_PLOT_POINTS;
    if (!points || curve->count > TOLD_POINTS) {
        sl_markup_raw(drawing->markup, points ? "<path class=\"p" : "<path class=\"l");
        if (curve->count > DENSE_POINTS / 4 && !points && kind != SL_PLOT_STEPS)
            sl_markup_raw(drawing->markup, " thin");
        sl_draw_style(drawing->markup, style);
        sl_markup_raw(drawing->markup, "\" d=\"");
        if (points)
            draw_dots(drawing, curve);
        else if (kind == SL_PLOT_STEPS)
            draw_steps(drawing, curve);
        else
            draw_path(drawing, curve);
        sl_markup_raw(drawing->markup, "\"><title>");
        sl_markup_short(drawing->markup, curve->name, 60);
        sl_markup_raw(drawing->markup, "</title></path>");
    }
    if (points ? curve->count <= TOLD_POINTS
               : curve->count <= MARKED_POINTS && kind == SL_PLOT_LINES)
        draw_marks(drawing, curve, style);
}

/* ---- Labels at the lines' ends ---- */

/* Where each curve's label stands, none over another. False: not without moving one far away, or
 * names are too long, or a line ends within the field, where a label would lie upon data, or it has
 * so many points that it may end anywhere. */
static bool place_labels(const struct sl_drawing *drawing, double y[LABELLED_CURVES])
{
    const struct sl_figure *figure = drawing->figure;
    int order[LABELLED_CURVES];
    double end[LABELLED_CURVES];
    if (figure->kind != SL_PLOT_LINES || figure->curves < 2 || figure->curves > LABELLED_CURVES)
        return false;
    for (int i = 0; i < figure->curves; i++) {
        const struct sl_curve *curve = &figure->curve[i];
        const size_t letters = sl_view_width(curve->name);
        if (!letters || letters > LABEL_LETTERS || !curve->count || curve->count > MARKED_POINTS ||
            !has_place(drawing, curve, curve->count - 1) ||
            sl_scale_place(&drawing->x, curve->x[curve->count - 1]) < 0.97)
            return false;
        end[i] = at_y(drawing, curve->y[curve->count - 1]);
        int at = i;
        for (; at > 0 && end[order[at - 1]] > end[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    double lowest = drawing->top;
    for (int i = 0; i < figure->curves; i++) {
        y[order[i]] = fmax(end[order[i]], lowest);
        lowest = y[order[i]] + LABEL_APART;
    }
    double highest = drawing->top + drawing->height;
    for (int i = figure->curves - 1; i >= 0; i--) {
        y[order[i]] = fmin(y[order[i]], highest);
        highest = y[order[i]] - LABEL_APART;
    }
    for (int i = 0; i < figure->curves; i++)
        if (fabs(y[i] - end[i]) > LABEL_MOVED)
            return false;
    return true;
}

static void draw_labels(const struct sl_drawing *drawing, const double *y)
{
    for (int i = 0; i < drawing->figure->curves; i++) {
        sl_markup_raw(drawing->markup, "<text class=\"n");
        sl_draw_style(drawing->markup, drawing->style[i]);
        sl_markup_format(drawing->markup, "\" x=%.1f y=%.1f>", drawing->left + drawing->width + 7,
                         y[i] + BASELINE - 1);
        sl_markup_escaped(drawing->markup, drawing->figure->curve[i].name);
        sl_markup_raw(drawing->markup, "</text>");
    }
}

static void lay_out(struct sl_drawing *drawing, bool *labelled, double y[LABELLED_CURVES])
{
    size_t letters = 0;
    fit_axes(drawing);
    drawing->top = TOP;
    drawing->height = HEIGHT - TOP - BOTTOM;
    *labelled = place_labels(drawing, y); /* heights do not depend on widths */
    for (int i = 0; *labelled && i < drawing->figure->curves; i++) {
        const size_t width = sl_view_width(drawing->figure->curve[i].name);
        letters = width > letters ? width : letters;
    }
    drawing->left = room_for_y_labels(&drawing->y);
    drawing->width = SL_DRAW_WIDTH - RIGHT - drawing->left - SL_DRAW_LETTER * (double)letters;
}

bool sl_draw_labels_lines(const struct sl_figure *figure)
{
    struct sl_drawing drawing = {.figure = figure};
    bool labelled;
    double y[LABELLED_CURVES];
    lay_out(&drawing, &labelled, y);
    return labelled;
}

void sl_draw_lines(struct sl_markup *markup, const struct sl_figure *figure, const int *style)
{
    struct sl_drawing drawing = {.markup = markup, .figure = figure, .style = style};
    bool labelled;
    double y[LABELLED_CURVES];
    lay_out(&drawing, &labelled, y);
    sl_draw_open(markup, figure, HEIGHT);
    draw_y_axis(&drawing);
    draw_x_axis(&drawing);
    for (int i = figure->curves - 1; i >= 0; i--) /* the first on top */
        draw_curve(&drawing, i);
    if (labelled)
        draw_labels(&drawing, y);
    sl_draw_close(markup);
}
