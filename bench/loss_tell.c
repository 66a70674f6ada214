/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "bench/loss.h"
#include "bench/result.h"
#include "bench/round.h"

/* ---- Table ---- */

static const struct sl_column columns[] = {
    {.key = "loss", .title = "loss", .unit = "%", .id = true},
    {.key = "pattern", .title = "pattern", .unit = "", .id = true},
    {.key = "rtt", .title = "RTT", .unit = "ms", .id = true},
    {.key = "path", .title = "path", .unit = "", .id = true},
    {"shown", "shown", "1/s", SL_BETTER_HIGHER, false, 1},
    {"on_time", "on time", "1/s", SL_BETTER_HIGHER, false, 1},
    {"decoded", "decoded", "1/s", SL_BETTER_HIGHER, false, 1},
    {"residual", "frames lost", "%", SL_BETTER_LOWER, false, 1},
    {"not_shown", "not shown", "%", SL_BETTER_LOWER, false, 1},
    {"p50", "age p50", "ms", SL_BETTER_LOWER, false, 1},
    {"p99", "age p99", "ms", SL_BETTER_LOWER, false, 1},
    {"freeze", "longest freeze", "ms", SL_BETTER_LOWER, false, 0},
    {"freezes", "freezes", "", SL_BETTER_LOWER, false, 0},
    {"overhead", "overhead", "%", SL_BETTER_LOWER, false, 1},
    {"resent", "resent", "packets", SL_BETTER_NEITHER, false, 0},
    {"link", "link lost", "%", SL_BETTER_NEITHER, false, 1},
    {.key = "note", .title = "", .unit = ""},
    {.key = NULL},
};

static void tell_row(cJSON *table, const struct sl_loss *loss, const struct sl_loss_cell *cell,
                     int path)
{
    const struct sl_loss_entry *entry = &loss->entries[cell - loss->cells][path];
    const struct sl_loss_figures *f = &entry->figures;
    cJSON *row = sl_table_row(table);
    if (cell->words) {
        sl_row_text(row, "pattern", cell->words);
    } else {
        sl_row_number(row, "loss", cell->loss);
        sl_row_text(row, "pattern", cell->burst ? "bursts" : "random");
        sl_row_number(row, "rtt", cell->rtt);
    }
    sl_row_text(row, "path", loss->paths[path]->name);
    if (entry->why[0])
        sl_row_text(row, "note", entry->why);
    if (!f->rounds)
        return;
    sl_row_number(row, "shown", sl_loss_shown_per_s(f));
    sl_row_number(row, "on_time", sl_loss_on_time_per_s(f));
    sl_row_number(row, "decoded", sl_loss_decoded_per_s(f));
    sl_row_number(row, "residual", sl_loss_residual_percent(f));
    sl_row_number(row, "not_shown", sl_loss_not_shown_percent(f));
    sl_row_ms(row, "p50", sl_loss_age(f, 0.50));
    sl_row_ms(row, "p99", sl_loss_age(f, 0.99));
    sl_row_ms(row, "freeze", f->freeze);
    sl_row_number(row, "freezes", f->freezes);
    sl_row_number(row, "overhead", sl_loss_overhead_percent(f));
    sl_row_number(row, "resent", f->resent);
    sl_row_number(row, "link", sl_loss_link_percent(f));
}

/* ---- Plots ---- */

static double ms(sl_ns span)
{
    return (double)span / SL_MS;
}

static double p99_ms(const struct sl_loss_figures *figures)
{
    return ms(sl_loss_age(figures, 0.99));
}

static double freeze_ms(const struct sl_loss_figures *figures)
{
    return ms(figures->freeze);
}

struct plotted {
    const char *name, *title;
    struct sl_axis axis;
    double (*value)(const struct sl_loss_figures *figures);
};

static const struct plotted plotted[] = {
    {"shown", "Frames shown a second", {"shown", "1/s", false}, sl_loss_shown_per_s},
    {"p99", "Age that 99 % of frames do not exceed", {"age", "ms", false}, p99_ms},
    {"freeze", "Longest freeze", {"freeze", "ms", false}, freeze_ms},
    {"overhead",
     "Bytes sent beyond the encoder's",
     {"overhead", "%", false},
     sl_loss_overhead_percent},
};

/* Bars by loss, of the cells at the usual round trip. */
static void plot_by_loss(const struct sl_loss *loss, const struct plotted *what)
{
    static const struct sl_axis x = {"loss", "", false};
    char title[120];
    if (loss->cells[0].words)
        snprintf(title, sizeof(title), "%s, %s", what->title, loss->cells[0].words);
    else
        snprintf(title, sizeof(title), "%s, RTT %d ms", what->title, SL_LOSS_USUAL_RTT);
    cJSON *plot = sl_result_plot(loss->result, what->name, title, SL_PLOT_BARS, &x, &what->axis);
    for (int path = 0; path < loss->path_count; path++) {
        double at[SL_LOSS_CELLS], value[SL_LOSS_CELLS];
        size_t count = 0;
        int bar = 0;
        for (int i = 0; i < loss->measured; i++) {
            const struct sl_loss_cell *cell = &loss->cells[i];
            if (!cell->words && cell->rtt != SL_LOSS_USUAL_RTT)
                continue;
            if (path == 0)
                sl_plot_label(plot, cell->label);
            const struct sl_loss_figures *figures = &loss->entries[i][path].figures;
            at[count] = bar++;
            value[count] = figures->rounds ? what->value(figures) : NAN;
            count += isfinite(value[count]);
        }
        sl_plot_series(plot, loss->paths[path]->name, at, value, count);
    }
}

/* Lines by round trip, at 5 % of random loss. */
static void plot_by_rtt(const struct sl_loss *loss, const struct plotted *what)
{
    static const struct sl_axis x = {"round trip", "ms", false};
    char title[120], name[40];
    snprintf(title, sizeof(title), "%s, 5 %% random loss", what->title);
    snprintf(name, sizeof(name), "%s_by_rtt", what->name);
    cJSON *plot = sl_result_plot(loss->result, name, title, SL_PLOT_LINES, &x, &what->axis);
    for (int path = 0; path < loss->path_count; path++) {
        double at[SL_LOSS_CELLS], value[SL_LOSS_CELLS];
        size_t count = 0;
        for (int i = 0; i < loss->measured; i++) {
            const struct sl_loss_cell *cell = &loss->cells[i];
            const struct sl_loss_figures *figures = &loss->entries[i][path].figures;
            if (cell->loss != 5 || cell->burst || !figures->rounds)
                continue;
            at[count] = cell->rtt;
            value[count] = what->value(figures);
            count += isfinite(value[count]);
        }
        sl_plot_series(plot, loss->paths[path]->name, at, value, count);
    }
}

/* The cell that one looks at first: 5 % random loss at the usual round trip, or the one given. */
static int main_cell(const struct sl_loss *loss)
{
    for (int i = 0; i < loss->measured; i++) {
        const struct sl_loss_cell *cell = &loss->cells[i];
        if (cell->words || (cell->loss == 5 && !cell->burst && cell->rtt == SL_LOSS_USUAL_RTT))
            return i;
    }
    return -1;
}

static void plot_ages(const struct sl_loss *loss, int cell)
{
    static const struct sl_axis x = {"time", "s", false}, y = {"age", "ms", false};
    char title[160];
    if (loss->cells[cell].words)
        snprintf(title, sizeof(title), "Age of each frame, %s", loss->cells[cell].words);
    else
        snprintf(title, sizeof(title), "Age of each frame, %s random loss, RTT %d ms",
                 loss->cells[cell].label, loss->cells[cell].rtt);
    cJSON *plot = sl_result_plot(loss->result, "ages", title, SL_PLOT_POINTS, &x, &y);
    for (int path = 0; path < loss->path_count; path++) {
        const struct sl_loss_entry *entry = &loss->entries[cell][path];
        sl_plot_series(plot, loss->paths[path]->name, entry->at, entry->age, entry->points);
    }
}

/* "gstreamer-fec50 27.8, gstreamer-srt 30.0" */
static void others(const struct sl_loss *loss, int cell,
                   double (*value)(const struct sl_loss_figures *figures), char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (int path = 1; path < loss->path_count && len < size; path++) {
        const struct sl_loss_figures *figures = &loss->entries[cell][path].figures;
        if (sl_loss_left_out(loss, &loss->cells[cell], path))
            continue;
        const char *between = len ? ", " : "";
        const int put = figures->rounds ? snprintf(text + len, size - len, "%s%s %.1f", between,
                                                   loss->paths[path]->name, value(figures))
                                        : snprintf(text + len, size - len, "%s%s nothing", between,
                                                   loss->paths[path]->name);
        len += put > 0 ? (size_t)put : 0;
    }
}

/* ---- Headlines, conditions ---- */

static void tell_headlines(const struct sl_loss *loss, int cell)
{
    const struct sl_loss_figures *own = &loss->entries[cell][0].figures;
    char note[200], title[120];
    if (loss->paths[0] != &sl_rig_sightline)
        return;
    const char *where = loss->cells[cell].words ? loss->cells[cell].words : "5 % loss, RTT 40 ms";
    others(loss, cell, sl_loss_shown_per_s, note, sizeof(note));
    snprintf(title, sizeof(title), "Frames shown at %s", where);
    sl_result_headline(loss->result, title, own->rounds ? sl_loss_shown_per_s(own) : NAN, 1, "1/s",
                       note);
    others(loss, cell, p99_ms, note, sizeof(note));
    snprintf(title, sizeof(title), "Age p99 at %s", where);
    sl_result_headline(loss->result, title, own->rounds ? p99_ms(own) : NAN, 0, "ms", note);
}

static void tell_conditions(const struct sl_loss *loss)
{
    cJSON *result = loss->result;
    char size[32];
    snprintf(size, sizeof(size), "%dx%d", loss->rig.width, loss->rig.height);
    sl_result_condition_text(result, "picture", size);
    sl_result_condition_number(result, "fps", loss->fps);
    sl_result_condition_number(result, "bitrate_kbps", (double)loss->rig.bitrate_bps / 1000);
    sl_result_condition_text(result, "preset", loss->rig.preset);
    sl_result_condition_text(result, "display", sl_stage_display(loss->bench->stage));
    if (loss->options->impair)
        sl_result_condition_text(result, "impair", loss->options->impair);
    else
        sl_result_note(result,
                       "The link: half of the round trip each way; from %d ms on, 0 to %d ms of "
                       "jitter on the uplink, so that packets overtake each other; loss on the "
                       "uplink only, each packet on its own or in bursts of %d on average. The "
                       "n-th packet's fate depends on the seed alone.",
                       SL_LOSS_JITTER_FROM, SL_LOSS_JITTER, SL_LOSS_BURST);
    sl_result_note(result,
                   "On time: on the screen within %d ms. Frames lost: never came out of a decoder, "
                   "which only Sightline tells. Not shown: never seen on the screen, lost or "
                   "overtaken by a newer one. Freezes: over %d ms without a new frame.",
                   (int)(SL_LOSS_ON_TIME / SL_MS), (int)(SL_LOSS_FREEZE / SL_MS));
    if (!loss->options->peers_only)
        sl_result_note(result,
                       "sightline shows the newest picture at once, so that of those which "
                       "waited for one packet only the last is seen; sightline-" SL_LOSS_HELD
                       " is the same with the viewer's --latency " SL_LOSS_HELD ".");
    sl_result_note(
        result,
        "Overhead: UDP payload that came from the sender (packet headers, parity, "
        "packets sent again, session control) beyond the encoder's H.264. A path that takes "
        "packets which overtake each other for lost sends them again for nothing.");
    if (loss->options->peer)
        sl_result_note(result,
                       "A peer's frame counts as shown once its stamp can be read, even if "
                       "the rest of the picture is damaged; Sightline shows no such frame.");
}

void sl_loss_tell(const struct sl_loss *loss)
{
    cJSON *table =
        sl_result_table(loss->result, "loss", "Pictures over a link that loses packets", columns);
    for (int i = 0; i < loss->cell_count; i++)
        for (int path = 0; path < loss->path_count; path++)
            if (loss->entries[i][path].figures.rounds || loss->entries[i][path].why[0])
                tell_row(table, loss, &loss->cells[i], path);
    for (size_t i = 0; i < SL_COUNT(plotted); i++)
        plot_by_loss(loss, &plotted[i]);
    for (size_t i = 0; loss->options->full && !loss->options->impair && i < SL_COUNT(plotted); i++)
        plot_by_rtt(loss, &plotted[i]);
    const int cell = main_cell(loss);
    if (cell >= 0) {
        plot_ages(loss, cell);
        tell_headlines(loss, cell);
    }
    tell_conditions(loss);
}
