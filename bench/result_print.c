/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/result.h"
#include "bench/view.h"

#define COLUMNS_MAX 64
#define CELL_MAX 256

struct layout {
    int columns;
    const cJSON *column[COLUMNS_MAX];
    size_t width[COLUMNS_MAX];
    bool right[COLUMNS_MAX]; /* it has a number, or nothing but nulls */
};

static void widen(size_t *width, const char *text)
{
    const size_t wanted = sl_view_width(text);
    if (wanted > *width)
        *width = wanted;
}

static void heading(const cJSON *column, const char *key, char text[CELL_MAX])
{
    sl_view_clean(sl_view_text(column, key), text, CELL_MAX);
}

static void lay_out_column(struct layout *layout, const cJSON *column, const cJSON *rows)
{
    char text[CELL_MAX];
    bool words = false;
    const int at = layout->columns++;
    layout->column[at] = column;
    layout->width[at] = 1;
    heading(column, "title", text);
    widen(&layout->width[at], text);
    heading(column, "unit", text);
    widen(&layout->width[at], text);
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        words |= !sl_view_cell(column, row, text, sizeof(text)) && strcmp(text, "-") != 0;
        widen(&layout->width[at], text);
    }
    layout->right[at] = !words;
}

static void print_cell(const struct layout *layout, int at, const char *text, FILE *out)
{
    const size_t len = sl_view_width(text);
    const int fill = (int)(layout->width[at] - (len < layout->width[at] ? len : layout->width[at]));
    if (at > 0)
        fputs("  ", out);
    if (layout->right[at])
        fprintf(out, "%*s%s", fill, "", text);
    else if (at == layout->columns - 1) /* no blanks at the end of a line */
        fputs(text, out);
    else
        fprintf(out, "%s%*s", text, fill, "");
}

static void print_headings(const struct layout *layout, FILE *out)
{
    char text[CELL_MAX];
    bool units = false;
    for (int i = 0; i < layout->columns; i++) {
        heading(layout->column[i], "title", text);
        print_cell(layout, i, text, out);
        units |= sl_view_text(layout->column[i], "unit")[0] != '\0';
    }
    fputc('\n', out);
    for (int i = 0; units && i < layout->columns; i++) {
        heading(layout->column[i], "unit", text);
        print_cell(layout, i, text, out);
    }
    fputs(units ? "\n" : "", out);
    for (int i = 0; i < layout->columns; i++) {
        fputs(i ? "  " : "", out);
        for (size_t k = 0; k < layout->width[i]; k++)
            fputc('-', out);
    }
    fputc('\n', out);
}

static void print_table(const cJSON *table, FILE *out)
{
    struct layout layout = {.columns = 0};
    char text[CELL_MAX];
    const cJSON *rows = sl_view_array(table, "rows");
    const cJSON *column, *row;
    cJSON_ArrayForEach(column, sl_view_array(table, "columns"))
    {
        if (layout.columns < COLUMNS_MAX && sl_view_column_wanted(column, rows))
            lay_out_column(&layout, column, rows);
    }
    sl_view_clean(sl_view_text(table, "title"), text, sizeof(text));
    fprintf(out, "\n%s\n", text);
    if (!cJSON_GetArraySize(rows) || !layout.columns) {
        fputs("  nothing measured\n", out);
        return;
    }
    print_headings(&layout, out);
    cJSON_ArrayForEach(row, rows)
    {
        for (int i = 0; i < layout.columns; i++) {
            sl_view_cell(layout.column[i], row, text, sizeof(text));
            print_cell(&layout, i, text, out);
        }
        fputc('\n', out);
    }
}

/* Broken between words at 100 columns; further lines stand under the first one's text. */
static void print_note(const char *note, FILE *out)
{
    char text[2048];
    char *rest = text, *word;
    size_t at = 0;
    sl_view_clean(note, text, sizeof(text));
    while ((word = strsep(&rest, " ")) != NULL) {
        const size_t width = sl_view_width(word);
        if (!width)
            continue;
        if (at == 0)
            at = (size_t)fprintf(out, "- ");
        else if (at + 1 + width > 100)
            at = (size_t)fprintf(out, "\n  ") - 1;
        else
            at += (size_t)fprintf(out, " ");
        fputs(word, out);
        at += width;
    }
    fputs(at ? "\n" : "", out);
}

/* "Age of a frame, median: 8.1 ms (720p30)" */
static void print_headline(const cJSON *headline, FILE *out)
{
    char title[CELL_MAX], value[64], unit[32], note[CELL_MAX];
    const double figure = sl_view_number(headline, "value");
    sl_view_clean(sl_view_text(headline, "title"), title, sizeof(title));
    sl_view_clean(sl_view_text(headline, "unit"), unit, sizeof(unit));
    sl_view_clean(sl_view_text(headline, "note"), note, sizeof(note));
    snprintf(value, sizeof(value), "-");
    if (isfinite(figure))
        sl_view_format(figure, sl_view_decimals(headline), value, sizeof(value));
    fprintf(out, "%s: %s%s%s%s%s%s\n", title, value, unit[0] ? " " : "", unit, note[0] ? " (" : "",
            note, note[0] ? ")" : "");
}

void sl_result_write(const cJSON *result, FILE *out)
{
    char title[CELL_MAX];
    const cJSON *item;
    sl_view_clean(sl_view_text(result, "title"), title, sizeof(title));
    fprintf(out, "\n%s\n", title);
    for (size_t i = sl_view_width(title); i > 0; i--)
        fputc('=', out);
    fputc('\n', out);
    cJSON_ArrayForEach(item, sl_view_array(result, "headlines"))
    {
        print_headline(item, out);
    }
    cJSON_ArrayForEach(item, sl_view_array(result, "tables"))
    {
        print_table(item, out);
    }
    if (cJSON_GetArraySize(sl_view_array(result, "notes")))
        fputc('\n', out);
    cJSON_ArrayForEach(item, sl_view_array(result, "notes"))
    {
        if (cJSON_IsString(item))
            print_note(item->valuestring, out);
    }
}

void sl_result_print(const cJSON *result)
{
    sl_result_write(result, stdout);
    fflush(stdout);
}
