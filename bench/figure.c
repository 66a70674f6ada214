/* SPDX-License-Identifier: MIT */
#include "bench/figure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/view.h"

static enum sl_plot_kind kind_of(const char *name)
{
    static const struct {
        const char *name;
        enum sl_plot_kind kind;
    } kinds[] = {
        {"points", SL_PLOT_POINTS},
        {"steps", SL_PLOT_STEPS},
        {"stacked", SL_PLOT_STACKED},
        {"bars", SL_PLOT_BARS},
    };
    for (size_t i = 0; i < SL_COUNT(kinds); i++)
        if (strcmp(name, kinds[i].name) == 0)
            return kinds[i].kind;
    return SL_PLOT_LINES;
}

static struct sl_axis read_axis(const cJSON *plot, const char *key)
{
    const cJSON *axis = sl_view_object(plot, key);
    return (struct sl_axis){
        .title = sl_view_text(axis, "title"),
        .unit = sl_view_text(axis, "unit"),
        .log = sl_view_true(axis, "log"),
    };
}

static int read_curve(struct sl_curve *curve, const cJSON *series)
{
    const cJSON *xs = sl_view_array(series, "x"), *ys = sl_view_array(series, "y");
    const cJSON *x = xs ? xs->child : NULL, *y = ys ? ys->child : NULL;
    size_t count = 0;
    for (; x && y && count < SL_FIGURE_POINTS; x = x->next, y = y->next)
        count++;
    curve->name = sl_view_text(series, "name");
    if (!count)
        return 0;
    curve->x = malloc(count * sizeof(*curve->x));
    curve->y = malloc(count * sizeof(*curve->y));
    if (!curve->x || !curve->y)
        return -ENOMEM;
    x = xs->child;
    y = ys->child;
    for (; curve->count < count; curve->count++, x = x->next, y = y->next) {
        curve->x[curve->count] = sl_view_value(x);
        curve->y[curve->count] = sl_view_value(y);
    }
    return 0;
}

int sl_figure_read(struct sl_figure *ret, const cJSON *plot)
{
    const cJSON *item;
    int err = cJSON_IsObject(plot) ? 0 : -EINVAL;
    struct sl_figure figure = {
        .title = sl_view_text(plot, "title"),
        .kind = kind_of(sl_view_text(plot, "kind")),
        .x = read_axis(plot, "x"),
        .y = read_axis(plot, "y"),
    };
    cJSON_ArrayForEach(item, sl_view_array(plot, "labels"))
    {
        if (figure.labels < SL_FIGURE_LABELS)
            figure.label[figure.labels++] = cJSON_IsString(item) ? item->valuestring : "";
    }
    cJSON_ArrayForEach(item, sl_view_array(plot, "series"))
    {
        if (figure.curves == SL_FIGURE_CURVES)
            figure.curves_left_out++;
        else if (err == 0)
            err = read_curve(&figure.curve[figure.curves++], item);
    }
    if (err != 0) {
        sl_figure_free(&figure);
        return err;
    }
    *ret = figure;
    return 0;
}

void sl_figure_free(struct sl_figure *figure)
{
    for (int i = 0; i < figure->curves; i++) {
        free(figure->curve[i].x);
        free(figure->curve[i].y);
    }
    figure->curves = 0;
}

size_t sl_figure_range(const struct sl_figure *figure, bool of_x, double *low, double *high)
{
    const bool log_axis = of_x ? figure->x.log : figure->y.log;
    size_t placeless = 0;
    *low = *high = NAN;
    for (int i = 0; i < figure->curves; i++) {
        const struct sl_curve *curve = &figure->curve[i];
        for (size_t k = 0; k < curve->count; k++) {
            const double value = of_x ? curve->x[k] : curve->y[k];
            if (!isfinite(curve->x[k]) || !isfinite(curve->y[k]))
                continue;
            if (log_axis && value <= 0) {
                placeless++;
                continue;
            }
            *low = fmin(*low, value); /* of NAN and a number, the number */
            *high = fmax(*high, value);
        }
    }
    return placeless;
}
