/* SPDX-License-Identifier: MIT */
#include "bench/compare.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "bench/conditions.h"
#include "bench/document.h"
#include "bench/view.h"

#define CONDITIONS_MAX 64
#define ROWS_MAX 1000 /* of a table */
#define COLUMNS_MAX 64
#define TABLES_MAX 64 /* of a bench, and benches of a run */

enum { FIGURE, VALUE_A, VALUE_B, DIFFERENCE, RATIO, VERDICT, CELLS };

struct line {
    char cell[CELLS][80];
};

struct compare {
    FILE *out;
    struct sl_compare_tally tally;
    struct line *lines; /* of one row, printed when it is whole */
    int count;
    size_t width[CELLS];
};

static void note_missing(struct compare *compare, const char *what, const char *name, char in)
{
    char text[200];
    sl_view_clean(name, text, sizeof(text));
    fprintf(compare->out, "%s only in %c: %s\n", what, in, text[0] ? text : "unnamed");
    compare->tally.missing++;
}

/* ---- Conditions ---- */

/* These are of the moment, not of what is compared. */
static bool is_of_the_moment(const char *key)
{
    static const char *const keys[] = {
        "date",    "load_before", "load_after",         "took_seconds",
        "command", "mhz",         "busy_before_percent"};
    for (size_t i = 0; i < SL_COUNT(keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static const struct sl_condition *find_condition(const struct sl_condition *list, size_t count,
                                                 const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].key, key) == 0)
            return &list[i];
    return NULL;
}

static void tell_condition(struct compare *compare, const struct sl_condition *named,
                           const struct sl_condition *a, const struct sl_condition *b)
{
    if (compare->tally.conditions++ == 0)
        fputs("THE CONDITIONS DIFFER: what follows compares them, too.\n", compare->out);
    fprintf(compare->out, "  %s\n    A  %s\n    B  %s\n", named->title, a ? a->text : "-",
            b ? b->text : "-");
}

static void compare_conditions(struct compare *compare, const cJSON *a, const cJSON *b)
{
    struct sl_condition in_a[CONDITIONS_MAX], in_b[CONDITIONS_MAX];
    const size_t count_a = sl_conditions_list(a, in_a, CONDITIONS_MAX);
    const size_t count_b = sl_conditions_list(b, in_b, CONDITIONS_MAX);
    for (size_t i = 0; i < count_a; i++) {
        const struct sl_condition *other = find_condition(in_b, count_b, in_a[i].key);
        if (!is_of_the_moment(in_a[i].key) && (!other || strcmp(other->text, in_a[i].text) != 0))
            tell_condition(compare, &in_a[i], &in_a[i], other);
    }
    for (size_t i = 0; i < count_b; i++)
        if (!is_of_the_moment(in_b[i].key) && !find_condition(in_a, count_a, in_b[i].key))
            tell_condition(compare, &in_b[i], NULL, &in_b[i]);
}

static void warn_of_busy(struct compare *compare, const cJSON *document, char name)
{
    char warning[256];
    if (sl_conditions_warning(sl_view_object(document, "conditions"), warning, sizeof(warning)))
        fprintf(compare->out, "%c: %s.\n", name, warning);
}

/* ---- Figures ---- */

/* -1: worse, 1: better, 0: neither. */
static int judge(const char *better, double a, double b)
{
    const bool lower = strcmp(better, "lower") == 0;
    if ((!lower && strcmp(better, "higher") != 0) ||
        !(fabs(b - a) * 100 > SL_COMPARE_PERCENT * fabs(a)))
        return 0;
    return (b < a) == lower ? 1 : -1;
}

static struct line *add_line(struct compare *compare, const cJSON *column)
{
    if (compare->count == COLUMNS_MAX)
        return NULL;
    struct line *line = &compare->lines[compare->count++];
    char title[44], unit[32];
    sl_view_clean(sl_view_text(column, "title"), title, sizeof(title));
    sl_view_clean(sl_view_text(column, "unit"), unit, sizeof(unit));
    memset(line, 0, sizeof(*line));
    snprintf(line->cell[FIGURE], sizeof(line->cell[FIGURE]), "%s%s%s", title, unit[0] ? ", " : "",
             unit);
    return line;
}

static void compare_figure(struct compare *compare, const cJSON *column, const cJSON *row_a,
                           const cJSON *row_b)
{
    static const char *const verdicts[] = {"worse", "", "better"};
    const char *key = sl_view_text(column, "key");
    const double a = sl_view_number(row_a, key), b = sl_view_number(row_b, key);
    char text_a[48], text_b[48];
    sl_view_cell(column, row_a, text_a, sizeof(text_a));
    sl_view_cell(column, row_b, text_b, sizeof(text_b));
    if (isnan(a) && isnan(b) && strcmp(text_a, text_b) == 0)
        return; /* no figure; a text that stayed is no news */
    struct line *line = add_line(compare, column);
    if (!line)
        return;
    snprintf(line->cell[VALUE_A], sizeof(line->cell[VALUE_A]), "%s", text_a);
    snprintf(line->cell[VALUE_B], sizeof(line->cell[VALUE_B]), "%s", text_b);
    if (isnan(a) || isnan(b)) {
        const bool one = isnan(a) != isnan(b);
        compare->tally.missing += one;
        snprintf(line->cell[VERDICT], sizeof(line->cell[VERDICT]), "%s",
                 !one       ? "differs"
                 : isnan(a) ? "not in A"
                            : "not in B");
        return;
    }
    const int verdict = judge(sl_view_text(column, "better"), a, b);
    char text[40];
    sl_view_format(b - a, sl_view_decimals(column), text, sizeof(text));
    snprintf(line->cell[DIFFERENCE], sizeof(line->cell[DIFFERENCE]), "%s%s",
             text[0] != '-' && strspn(text, "0.") != strlen(text) ? "+" : "", text);
    snprintf(line->cell[RATIO], sizeof(line->cell[RATIO]), "-");
    if (a > 0 && b >= 0)
        snprintf(line->cell[RATIO], sizeof(line->cell[RATIO]), b / a < 1000 ? "%.3f" : "%.3g",
                 b / a);
    snprintf(line->cell[VERDICT], sizeof(line->cell[VERDICT]), "%s", verdicts[verdict + 1]);
    compare->tally.figures++;
    compare->tally.better += verdict > 0;
    compare->tally.worse += verdict < 0;
}

/* ---- Rows ---- */

/* "sightline, 1280x720, cameras 4": the id columns; without any, its place. */
static void name_row(const cJSON *table, const cJSON *row, int at, char *name, size_t size)
{
    const cJSON *column;
    size_t len = 0;
    name[0] = '\0';
    cJSON_ArrayForEach(column, sl_view_array(table, "columns"))
    {
        char value[64], title[40];
        if (!sl_view_true(column, "id") || len + 1 >= size)
            continue;
        const bool figure = sl_view_cell(column, row, value, sizeof(value));
        sl_view_clean(sl_view_text(column, "title"), title, sizeof(title));
        snprintf(name + len, size - len, "%s%s%s%s", len ? ", " : "", figure ? title : "",
                 figure ? " " : "", value);
        len = strlen(name);
    }
    if (!len)
        snprintf(name, size, "row %d", at + 1);
}

static void widen(size_t *width, const char *text)
{
    const size_t wanted = sl_view_width(text);
    *width = wanted > *width ? wanted : *width;
}

static void print_line(struct compare *compare, const struct line *line)
{
    fputs("  ", compare->out);
    for (int i = 0; i < VERDICT; i++) {
        const int fill = (int)(compare->width[i] - sl_view_width(line->cell[i]));
        if (i == FIGURE)
            fprintf(compare->out, "  %s%*s", line->cell[i], fill, "");
        else
            fprintf(compare->out, "  %*s%s", fill, "", line->cell[i]);
    }
    fprintf(compare->out, "%s%s\n", line->cell[VERDICT][0] ? "  " : "", line->cell[VERDICT]);
}

/* The same places in every row of usual figures. */
static void set_widths(struct compare *compare)
{
    compare->width[FIGURE] = 30;
    for (int k = VALUE_A; k <= RATIO; k++)
        compare->width[k] = 10;
    for (int i = 0; i < compare->count; i++)
        for (int k = 0; k < CELLS; k++)
            widen(&compare->width[k], compare->lines[i].cell[k]);
}

static void print_row(struct compare *compare, const char *name)
{
    set_widths(compare);
    fprintf(compare->out, "  %s%s\n", name, compare->count ? "" : ": no figures");
    for (int i = 0; i < compare->count; i++)
        print_line(compare, &compare->lines[i]);
    compare->count = 0;
}

static bool has_column(const cJSON *table, const char *key)
{
    const cJSON *column;
    cJSON_ArrayForEach(column, sl_view_array(table, "columns"))
    {
        if (strcmp(sl_view_text(column, "key"), key) == 0)
            return true;
    }
    return false;
}

static void compare_row(struct compare *compare, const cJSON *table_a, const cJSON *table_b,
                        const cJSON *row_a, const cJSON *row_b, const char *name)
{
    const cJSON *column;
    cJSON_ArrayForEach(column, sl_view_array(table_a, "columns"))
    {
        if (!sl_view_true(column, "id") && has_column(table_b, sl_view_text(column, "key")))
            compare_figure(compare, column, row_a, row_b);
    }
    print_row(compare, name);
}

/* ---- Tables ---- */

struct rows {
    int count;
    const cJSON *row[ROWS_MAX];
    char name[ROWS_MAX][160];
    bool taken[ROWS_MAX];
};

static void read_rows(struct rows *rows, const cJSON *table)
{
    const cJSON *row;
    rows->count = 0;
    cJSON_ArrayForEach(row, sl_view_array(table, "rows"))
    {
        if (rows->count == ROWS_MAX)
            return;
        rows->row[rows->count] = row;
        rows->taken[rows->count] = false;
        name_row(table, row, rows->count, rows->name[rows->count], sizeof(rows->name[0]));
        rows->count++;
    }
}

/* Rows of the same name are matched in their order. */
static int take_row(struct rows *rows, const char *name)
{
    for (int i = 0; i < rows->count; i++) {
        if (rows->taken[i] || strcmp(rows->name[i], name) != 0)
            continue;
        rows->taken[i] = true;
        return i;
    }
    return -1;
}

static void note_columns(struct compare *compare, const cJSON *table, const cJSON *other, char in)
{
    const cJSON *column;
    cJSON_ArrayForEach(column, sl_view_array(table, "columns"))
    {
        if (!has_column(other, sl_view_text(column, "key")))
            note_missing(compare, "column", sl_view_text(column, "title"), in);
    }
}

static void compare_tables(struct compare *compare, const cJSON *a, const cJSON *b)
{
    static const struct line head = {.cell = {"", "A", "B", "difference", "ratio", ""}};
    struct rows *rows = calloc(2, sizeof(*rows));
    char title[200];
    if (!rows)
        return;
    sl_view_clean(sl_view_text(a, "title"), title, sizeof(title));
    fprintf(compare->out, "\n%s\n", title);
    note_columns(compare, a, b, 'A');
    note_columns(compare, b, a, 'B');
    read_rows(&rows[0], a);
    read_rows(&rows[1], b);
    set_widths(compare);
    print_line(compare, &head);
    for (int i = 0; i < rows[0].count; i++) {
        const int other = take_row(&rows[1], rows[0].name[i]);
        if (other >= 0)
            compare_row(compare, a, b, rows[0].row[i], rows[1].row[other], rows[0].name[i]);
        else
            note_missing(compare, "row", rows[0].name[i], 'A');
    }
    for (int i = 0; i < rows[1].count; i++)
        if (!rows[1].taken[i])
            note_missing(compare, "row", rows[1].name[i], 'B');
    free(rows);
}

/* ---- Benches ---- */

/* By its name; the first of two. */
static const cJSON *find_named(const cJSON *array, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_IsObject(item) && strcmp(sl_view_text(item, "name"), name) == 0)
            return item;
    }
    return NULL;
}

typedef void compare_pair(struct compare *compare, const cJSON *a, const cJSON *b);

/* What is in both goes to `pair`. */
static void match(struct compare *compare, const cJSON *a, const cJSON *b, const char *what,
                  compare_pair *pair)
{
    const cJSON *item;
    int count = 0;
    cJSON_ArrayForEach(item, a)
    {
        const cJSON *other = find_named(b, sl_view_text(item, "name"));
        if (count++ == TABLES_MAX)
            break;
        if (other && cJSON_IsObject(item))
            pair(compare, item, other);
        else
            note_missing(compare, what, sl_view_text(item, "name"), 'A');
    }
    count = 0;
    cJSON_ArrayForEach(item, b)
    {
        if (count++ == TABLES_MAX)
            break;
        if (!find_named(a, sl_view_text(item, "name")))
            note_missing(compare, what, sl_view_text(item, "name"), 'B');
    }
}

static void compare_benches(struct compare *compare, const cJSON *a, const cJSON *b)
{
    char title[200];
    sl_view_clean(sl_view_text(a, "title"), title, sizeof(title));
    fprintf(compare->out, "\n%s\n", title);
    for (size_t i = sl_view_width(title); i > 0; i--)
        fputc('=', compare->out);
    fputc('\n', compare->out);
    compare_conditions(compare, sl_view_object(a, "conditions"), sl_view_object(b, "conditions"));
    match(compare, sl_view_array(a, "tables"), sl_view_array(b, "tables"), "table", compare_tables);
}

struct sl_compare_tally sl_compare_write(const cJSON *a, const cJSON *b, FILE *out)
{
    struct compare compare = {.out = out};
    compare.lines = calloc(COLUMNS_MAX, sizeof(*compare.lines));
    if (!compare.lines) {
        fputs("out of memory\n", out);
        return compare.tally;
    }
    compare_conditions(&compare, sl_view_object(a, "conditions"), sl_view_object(b, "conditions"));
    warn_of_busy(&compare, a, 'A');
    warn_of_busy(&compare, b, 'B');
    match(&compare, sl_view_array(a, "benches"), sl_view_array(b, "benches"), "bench",
          compare_benches);
    fprintf(out,
            "\n%d figure%s: %d better, %d worse (by more than %d %%), %d otherwise; %d in one run "
            "only.\n",
            compare.tally.figures, compare.tally.figures == 1 ? "" : "s", compare.tally.better,
            compare.tally.worse, SL_COMPARE_PERCENT,
            compare.tally.figures - compare.tally.better - compare.tally.worse,
            compare.tally.missing);
    free(compare.lines);
    return compare.tally;
}

int sl_compare_main(const char *const *words, int count)
{
    cJSON *a, *b;
    if (count != 2) {
        fprintf(stderr, "sightline-bench: compare: got %d file%s, wanted two: A.json B.json\n",
                count, count == 1 ? "" : "s");
        return 2;
    }
    if (sl_document_load(&a, words[0]) != 0)
        return 2;
    if (sl_document_load(&b, words[1]) != 0) {
        cJSON_Delete(a);
        return 2;
    }
    printf("A  %s, %s\nB  %s, %s\n\n", words[0],
           sl_view_text(sl_view_object(a, "conditions"), "date"), words[1],
           sl_view_text(sl_view_object(b, "conditions"), "date"));
    sl_compare_write(a, b, stdout);
    cJSON_Delete(a);
    cJSON_Delete(b);
    return 0;
}
