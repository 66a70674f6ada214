/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/conditions.h"
#include "bench/document.h"
#include "bench/draw.h"
#include "bench/markup.h"
#include "bench/store.h"
#include "bench/view.h"

#define BENCHES_MAX 64
#define CARDS_MAX 48
#define PLOTS_MAX 64 /* of a bench */
#define CONDITIONS_MAX 64
#define COLUMNS_MAX 64
#define ROWS_MAX 10000

struct report {
    struct sl_markup markup;
    const cJSON *conditions, *benches;
    struct sl_palette palette;
};

/* ---- Top ---- */

static void write_head(struct report *report)
{
    struct sl_markup *m = &report->markup;
    sl_markup_raw(m, "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
                     "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
                     "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';"
                     "style-src 'unsafe-inline'\"><title>Sightline bench, ");
    sl_markup_escaped(m, sl_view_text(report->conditions, "date"));
    sl_markup_raw(m, "</title><style>");
    sl_markup_raw(m, sl_report_style);
    sl_markup_raw(m, "</style></head><body><main>\n");
}

/* "2 cores of Intel Xeon, Debian 12 · 2024-05-31 14:30 UTC" */
static void write_title(struct report *report)
{
    struct sl_markup *m = &report->markup;
    const cJSON *c = report->conditions;
    const double cores = sl_view_number(c, "cores");
    char date[64] = "";
    const char *utc = sl_view_text(c, "date"); /* 2024-05-31T14:30:59Z */
    if (strlen(utc) == 20)
        snprintf(date, sizeof(date), "%.10s %.5s UTC", utc, utc + 11);
    sl_markup_raw(m, "<header><p class=eyebrow>");
    sl_markup_escaped(m, sl_view_text(c, "command"));
    sl_markup_raw(m, "</p><h1>Sightline ");
    sl_markup_escaped(m, sl_view_text(c, "sightline"));
    if (cores >= 1 && cores < 1e6)
        sl_markup_format(m, " on %.0f core%s", cores, cores > 1 ? "s" : "");
    sl_markup_raw(m, "</h1><p class=sub>");
    const char *const parts[] = {sl_view_text(c, "processor"), sl_view_text(c, "system"), date};
    bool first = true;
    for (size_t i = 0; i < SL_COUNT(parts); i++) {
        if (!parts[i][0])
            continue;
        sl_markup_raw(m, first ? "" : " \xc2\xb7 ");
        sl_markup_escaped(m, parts[i]);
        first = false;
    }
    sl_markup_raw(m, "</p>");
    char warning[256];
    if (sl_conditions_warning(c, warning, sizeof(warning))) {
        sl_markup_raw(m, "<p class=warn>");
        sl_markup_escaped(m, warning);
        sl_markup_raw(m, ".</p>");
    }
    sl_markup_raw(m, "</header>\n");
}

static void write_card(struct sl_markup *m, const cJSON *headline)
{
    char text[64];
    const double value = sl_view_number(headline, "value");
    const char *unit = sl_view_text(headline, "unit");
    sl_markup_raw(m, "<div class=card><h4>");
    sl_markup_short(m, sl_view_text(headline, "title"), 80);
    sl_markup_raw(m, "</h4><div class=big>");
    if (fabs(value) >= 1e4)
        sl_scale_number(value, 4, text, sizeof(text));
    else
        sl_view_format(value, sl_view_decimals(headline), text, sizeof(text));
    sl_markup_escaped(m, isfinite(value) ? text : "\xe2\x80\x93");
    if (unit[0]) {
        sl_markup_raw(m, "<small>");
        sl_markup_short(m, unit, 24);
        sl_markup_raw(m, "</small>");
    }
    sl_markup_raw(m, "</div><p>");
    sl_markup_short(m, sl_view_text(headline, "note"), 200);
    sl_markup_raw(m, "</p></div>");
}

/* In rows of at most six, as full as each other. */
static void open_cards(struct sl_markup *m, int count)
{
    const int rows = (count + 5) / 6;
    sl_markup_format(m, "<div class=cards style=\"--n:%d\">", (count + rows - 1) / rows);
}

static void write_cards(struct report *report)
{
    const cJSON *bench, *headline, *shown[CARDS_MAX];
    int count = 0;
    cJSON_ArrayForEach(bench, report->benches)
    {
        cJSON_ArrayForEach(headline, sl_view_array(bench, "headlines"))
        {
            if (sl_view_text(headline, "title")[0] && count < CARDS_MAX)
                shown[count++] = headline;
        }
    }
    if (!count)
        return;
    open_cards(&report->markup, count);
    for (int i = 0; i < count; i++)
        write_card(&report->markup, shown[i]);
    sl_markup_raw(&report->markup, "</div>\n");
}

static void write_links(struct report *report)
{
    const cJSON *bench;
    int at = 0;
    if (cJSON_GetArraySize(report->benches) < 2)
        return;
    sl_markup_raw(&report->markup, "<nav>");
    cJSON_ArrayForEach(bench, report->benches)
    {
        if (at == BENCHES_MAX)
            break;
        sl_markup_format(&report->markup, "<a href=\"#b%d\">", at++);
        const char *name = sl_view_text(bench, "name");
        sl_markup_short(&report->markup, name[0] ? name : "unnamed", 40);
        sl_markup_raw(&report->markup, "</a>");
    }
    sl_markup_raw(&report->markup, "<a href=\"#conditions\">conditions</a></nav>\n");
}

/* ---- A bench ---- */

static void write_plots(struct report *report, const cJSON *bench)
{
    const cJSON *plot;
    int left = PLOTS_MAX;
    if (!cJSON_GetArraySize(sl_view_array(bench, "plots")))
        return;
    sl_markup_raw(&report->markup, "<div class=plots>\n");
    cJSON_ArrayForEach(plot, sl_view_array(bench, "plots"))
    {
        struct sl_figure figure;
        const int err = left-- > 0 ? sl_figure_read(&figure, plot) : -EINVAL;
        report->markup.failed |= err == -ENOMEM;
        if (err != 0)
            continue;
        sl_draw_figure(&report->markup, &figure, &report->palette);
        sl_figure_free(&figure);
    }
    sl_markup_raw(&report->markup, "</div>\n");
}

/* Figures stand to the right under a heading that does so, too. */
static bool is_of_figures(const cJSON *column, const cJSON *rows)
{
    char text[8];
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        if (!sl_view_cell(column, row, text, sizeof(text)) && strcmp(text, "-") != 0)
            return false;
    }
    return true;
}

static void write_cell(struct sl_markup *m, const cJSON *column, const cJSON *row, bool right)
{
    char text[1024];
    sl_view_cell(column, row, text, sizeof(text));
    const bool none = strcmp(text, "-") == 0;
    sl_markup_format(m, "<td class=\"%s%s%s\">", right ? "r" : "", none ? " none" : "",
                     strlen(text) > 32 ? " long" : "");
    sl_markup_escaped(m, none ? "\xe2\x80\x93" : text);
    sl_markup_raw(m, "</td>");
}

struct table {
    int columns;
    const cJSON *column[COLUMNS_MAX];
    bool right[COLUMNS_MAX];
};

static void write_headings(struct sl_markup *m, const struct table *table)
{
    sl_markup_raw(m, "<thead><tr>");
    for (int i = 0; i < table->columns; i++) {
        sl_markup_raw(m, table->right[i] ? "<th class=r>" : "<th>");
        sl_markup_escaped(m, sl_view_text(table->column[i], "title"));
        sl_markup_raw(m, "<small>");
        sl_markup_escaped(m, sl_view_text(table->column[i], "unit"));
        sl_markup_raw(m, "</small></th>");
    }
    sl_markup_raw(m, "</tr></thead>\n");
}

static void write_rows(struct sl_markup *m, const struct table *table, const cJSON *rows)
{
    const cJSON *row;
    int count = 0;
    sl_markup_raw(m, "<tbody>");
    cJSON_ArrayForEach(row, rows)
    {
        if (count++ == ROWS_MAX)
            break;
        sl_markup_raw(m, "<tr>");
        for (int i = 0; i < table->columns; i++)
            write_cell(m, table->column[i], row, table->right[i]);
        sl_markup_raw(m, "</tr>\n");
    }
    sl_markup_raw(m, "</tbody>");
}

static void write_table(struct sl_markup *m, const cJSON *json)
{
    const cJSON *rows = sl_view_array(json, "rows"), *column;
    struct table table = {.columns = 0};
    sl_markup_raw(m, "<h3>");
    sl_markup_escaped(m, sl_view_text(json, "title"));
    sl_markup_raw(m, "</h3>");
    cJSON_ArrayForEach(column, sl_view_array(json, "columns"))
    {
        if (table.columns == COLUMNS_MAX || !sl_view_column_wanted(column, rows))
            continue;
        table.column[table.columns] = column;
        table.right[table.columns++] = is_of_figures(column, rows);
    }
    if (!cJSON_GetArraySize(rows) || !table.columns) {
        sl_markup_raw(m, "<p class=remark>Nothing was measured.</p>\n");
        return;
    }
    sl_markup_raw(m, "<div class=wide><table>");
    write_headings(m, &table);
    write_rows(m, &table, rows);
    sl_markup_raw(m, "</table></div>\n");
}

static void write_notes(struct sl_markup *m, const cJSON *bench)
{
    const cJSON *note;
    if (!cJSON_GetArraySize(sl_view_array(bench, "notes")))
        return;
    sl_markup_raw(m, "<ul class=notes>");
    cJSON_ArrayForEach(note, sl_view_array(bench, "notes"))
    {
        sl_markup_raw(m, "<li>");
        sl_markup_escaped(m, cJSON_IsString(note) ? note->valuestring : "");
        sl_markup_raw(m, "</li>");
    }
    sl_markup_raw(m, "</ul>\n");
}

/* "fps 30 · preset ultrafast": what is this bench's own. */
static void write_own_conditions(struct sl_markup *m, const cJSON *bench)
{
    struct sl_condition list[CONDITIONS_MAX];
    const size_t count =
        sl_conditions_list(sl_view_object(bench, "conditions"), list, CONDITIONS_MAX);
    sl_markup_raw(m, count ? "<p class=cond>" : "");
    for (size_t i = 0; i < count; i++) {
        sl_markup_raw(m, i ? " \xc2\xb7 " : "");
        sl_markup_escaped(m, list[i].title);
        sl_markup_raw(m, " ");
        sl_markup_escaped(m, list[i].text);
    }
    sl_markup_raw(m, count ? "</p>\n" : "");
}

static void write_bench(struct report *report, const cJSON *bench, int at)
{
    struct sl_markup *m = &report->markup;
    const cJSON *table;
    sl_markup_format(m, "<section id=b%d><h2>", at);
    sl_markup_escaped(m, sl_view_text(bench, "title"));
    sl_markup_raw(m, "</h2>\n");
    write_own_conditions(m, bench);
    write_plots(report, bench);
    cJSON_ArrayForEach(table, sl_view_array(bench, "tables"))
    {
        write_table(m, table);
    }
    write_notes(m, bench);
    sl_markup_raw(m, "</section>\n");
}

/* ---- End ---- */

static void write_conditions(struct report *report)
{
    struct sl_markup *m = &report->markup;
    struct sl_condition list[CONDITIONS_MAX];
    const size_t count = sl_conditions_list(report->conditions, list, CONDITIONS_MAX);
    sl_markup_raw(m, "<section id=conditions><h2>Conditions</h2><dl>");
    for (size_t i = 0; i < count; i++) {
        sl_markup_raw(m, "<div><dt>");
        sl_markup_escaped(m, list[i].title);
        sl_markup_raw(m, "</dt><dd>");
        sl_markup_escaped(m, list[i].text);
        sl_markup_raw(m, "</dd></div>");
    }
    sl_markup_raw(m, "</dl></section>\n<footer>Figures of one run on one machine. "
                     "sightline-bench compare sets two runs side by side.</footer>\n");
}

int sl_report_create(char **ret, const cJSON *document)
{
    struct report *report = calloc(1, sizeof(*report));
    const cJSON *bench;
    int at = 0;
    if (!report)
        return -ENOMEM;
    report->conditions = sl_view_object(document, "conditions");
    report->benches = sl_view_array(document, "benches");
    if (!sl_document_is_one(document)) {
        free(report);
        return -EINVAL;
    }
    write_head(report);
    write_title(report);
    write_cards(report);
    write_links(report);
    cJSON_ArrayForEach(bench, report->benches)
    {
        if (at == BENCHES_MAX)
            break;
        write_bench(report, bench, at++);
    }
    write_conditions(report);
    sl_markup_raw(&report->markup, "</main></body></html>\n");
    char *text = sl_markup_take(&report->markup);
    free(report);
    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

int sl_report_main(const char *const *words, int count)
{
    cJSON *document;
    char *page;
    if (count != 2) {
        fprintf(stderr,
                "sightline-bench: report: got %d file%s, wanted two: RESULTS.json PAGE.html\n",
                count, count == 1 ? "" : "s");
        return 2;
    }
    int err = sl_document_load(&document, words[0]);
    if (err != 0)
        return err == -EINVAL ? 2 : 1;
    err = sl_report_create(&page, document);
    if (err == 0) {
        err = sl_store_write(words[1], page, strlen(page));
        free(page);
    }
    if (err != 0)
        fprintf(stderr, "sightline-bench: %s: not written: %s\n", words[1], strerror(-err));
    cJSON_Delete(document);
    return err == 0 ? 0 : 1;
}
