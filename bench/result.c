/* SPDX-License-Identifier: MIT */
#include "bench/result.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const kinds[] = {
    [SL_PLOT_LINES] = "lines",     [SL_PLOT_POINTS] = "points", [SL_PLOT_STEPS] = "steps",
    [SL_PLOT_STACKED] = "stacked", [SL_PLOT_BARS] = "bars",
};

static const char *const betters[] = {
    [SL_BETTER_NEITHER] = "neither",
    [SL_BETTER_LOWER] = "lower",
    [SL_BETTER_HIGHER] = "higher",
};

/* JSON has no number that is not finite. */
static cJSON *number(double value)
{
    return isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull();
}

/* `item` goes to `parent`, or away; returns it while it lives. */
static cJSON *put(cJSON *parent, const char *key, cJSON *item)
{
    if (parent && item &&
        (key ? cJSON_AddItemToObject(parent, key, item) : cJSON_AddItemToArray(parent, item)))
        return item;
    cJSON_Delete(item);
    return NULL;
}

static cJSON *member(const cJSON *object, const char *key)
{
    return object ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

/* Replaces what is there: the last word holds. */
static void set(cJSON *object, const char *key, cJSON *item)
{
    if (!object || !item || !member(object, key)) {
        put(object, key, item);
        return;
    }
    if (!cJSON_ReplaceItemInObjectCaseSensitive(object, key, item))
        cJSON_Delete(item);
}

cJSON *sl_result_create(const char *name, const char *title)
{
    cJSON *result = cJSON_CreateObject();
    put(result, "name", cJSON_CreateString(name));
    put(result, "title", cJSON_CreateString(title));
    put(result, "conditions", cJSON_CreateObject());
    put(result, "notes", cJSON_CreateArray());
    put(result, "headlines", cJSON_CreateArray());
    put(result, "tables", cJSON_CreateArray());
    if (put(result, "plots", cJSON_CreateArray()))
        return result;
    cJSON_Delete(result);
    return NULL;
}

void sl_result_condition_number(cJSON *result, const char *key, double value)
{
    set(member(result, "conditions"), key, number(value));
}

void sl_result_condition_text(cJSON *result, const char *key, const char *value)
{
    set(member(result, "conditions"), key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void sl_result_note(cJSON *result, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(member(result, "notes"), NULL, cJSON_CreateString(text));
}

void sl_result_headline(cJSON *result, const char *title, double value, int decimals,
                        const char *unit, const char *note)
{
    cJSON *headline = put(member(result, "headlines"), NULL, cJSON_CreateObject());
    put(headline, "title", cJSON_CreateString(title));
    put(headline, "value", number(value));
    put(headline, "decimals", cJSON_CreateNumber(decimals));
    put(headline, "unit", cJSON_CreateString(unit ? unit : ""));
    put(headline, "note", cJSON_CreateString(note ? note : ""));
}

cJSON *sl_result_table(cJSON *result, const char *name, const char *title,
                       const struct sl_column *columns)
{
    cJSON *table = put(member(result, "tables"), NULL, cJSON_CreateObject());
    put(table, "name", cJSON_CreateString(name));
    put(table, "title", cJSON_CreateString(title));
    cJSON *array = put(table, "columns", cJSON_CreateArray());
    for (; columns->key; columns++) {
        cJSON *column = put(array, NULL, cJSON_CreateObject());
        put(column, "key", cJSON_CreateString(columns->key));
        put(column, "title", cJSON_CreateString(columns->title ? columns->title : columns->key));
        put(column, "unit", cJSON_CreateString(columns->unit ? columns->unit : ""));
        put(column, "better", cJSON_CreateString(betters[columns->better]));
        put(column, "id", cJSON_CreateBool(columns->id));
        put(column, "decimals", cJSON_CreateNumber(columns->decimals));
    }
    put(table, "rows", cJSON_CreateArray());
    return table;
}

cJSON *sl_table_row(cJSON *table)
{
    cJSON *row = put(member(table, "rows"), NULL, cJSON_CreateObject());
    const cJSON *column;
    cJSON_ArrayForEach(column, member(table, "columns"))
    {
        const cJSON *key = member(column, "key");
        if (key)
            put(row, key->valuestring, cJSON_CreateNull());
    }
    return row;
}

void sl_row_number(cJSON *row, const char *key, double value)
{
    assert(!row || member(row, key)); /* a column of the table */
    set(row, key, number(value));
}

void sl_row_ms(cJSON *row, const char *key, sl_ns value)
{
    sl_row_number(row, key, (double)value / SL_MS);
}

void sl_row_text(cJSON *row, const char *key, const char *value)
{
    assert(!row || member(row, key));
    set(row, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

static void put_axis(cJSON *plot, const char *key, const struct sl_axis *axis)
{
    cJSON *object = put(plot, key, cJSON_CreateObject());
    put(object, "title", cJSON_CreateString(axis->title ? axis->title : ""));
    put(object, "unit", cJSON_CreateString(axis->unit ? axis->unit : ""));
    put(object, "log", cJSON_CreateBool(axis->log));
}

cJSON *sl_result_plot(cJSON *result, const char *name, const char *title, enum sl_plot_kind kind,
                      const struct sl_axis *x, const struct sl_axis *y)
{
    cJSON *plot = put(member(result, "plots"), NULL, cJSON_CreateObject());
    put(plot, "name", cJSON_CreateString(name));
    put(plot, "title", cJSON_CreateString(title));
    put(plot, "kind", cJSON_CreateString(kinds[kind]));
    put_axis(plot, "x", x);
    put_axis(plot, "y", y);
    put(plot, "series", cJSON_CreateArray());
    return plot;
}

void sl_plot_label(cJSON *plot, const char *label)
{
    cJSON *labels = member(plot, "labels");
    if (plot && !labels)
        labels = put(plot, "labels", cJSON_CreateArray());
    put(labels, NULL, cJSON_CreateString(label ? label : ""));
}

void sl_plot_series(cJSON *plot, const char *name, const double *x, const double *y, size_t count)
{
    cJSON *series = put(member(plot, "series"), NULL, cJSON_CreateObject());
    put(series, "name", cJSON_CreateString(name));
    cJSON *xs = put(series, "x", cJSON_CreateArray());
    cJSON *ys = put(series, "y", cJSON_CreateArray());
    for (size_t i = 0; i < count; i++) {
        put(xs, NULL, number(x[i]));
        put(ys, NULL, number(y[i]));
    }
}
