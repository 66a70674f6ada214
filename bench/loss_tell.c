/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "bench/loss.h"
#include "bench/result.h"
#include "bench/round.h"

/* ---- Tables ---- */

#define ID_COLUMNS                                                                                 \
    {.key = "loss", .title = "loss", .unit = "%", .id = true},                                     \
        {.key = "pattern", .title = "pattern", .unit = "", .id = true},                            \
        {.key = "rtt", .title = "RTT", .unit = "ms", .id = true},                                  \
    {                                                                                              \
        .key = "path", .title = "path", .unit = "", .id = true                                     \
    }

static const struct sl_column seen_columns[] = {
    ID_COLUMNS,
    {"shown", "shown", "1/s", SL_BETTER_HIGHER, false, 1},
    {"on_time", "on time", "1/s", SL_BETTER_HIGHER, false, 1},
    {"decoded", "decoded", "1/s", SL_BETTER_HIGHER, false, 1},
    {"residual", "frames lost", "%", SL_BETTER_LOWER, false, 1},
    {"not_shown", "not shown", "%", SL_BETTER_LOWER, false, 1},
    {"p50", "age p50", "ms", SL_BETTER_LOWER, false, 1},
    {"p99", "age p99", "ms", SL_BETTER_LOWER, false, 1},
    {"freeze", "longest freeze", "ms", SL_BETTER_LOWER, false, 0},
    {"freezes", "freezes", "", SL_BETTER_LOWER, false, 0},
    {"calm", "calm", "%", SL_BETTER_HIGHER, false, 0},
    {.key = "note", .title = "", .unit = ""},
    {.key = NULL},
};

static const struct sl_column cost_columns[] = {
    ID_COLUMNS,
    {"link", "link lost", "%", SL_BETTER_NEITHER, false, 1},
    {"repair", "repair", "%", SL_BETTER_LOWER, false, 1},
    {"overhead", "overhead", "%", SL_BETTER_LOWER, false, 1},
    {"resent", "sent again", "packets", SL_BETTER_NEITHER, false, 0},
    {"kbps", "H.264", "kb/s", SL_BETTER_NEITHER, false, 0},
    {"rtt_measured", "RTT, told", "ms", SL_BETTER_NEITHER, false, 1},
    {"delay", "delay p50", "ms", SL_BETTER_LOWER, false, 0},
    {"delay_max", "delay max", "ms", SL_BETTER_LOWER, false, 0},
    {.key = NULL},
};

static const struct sl_column mended_columns[] = {
    ID_COLUMNS,
    {"frames_by_fec", "by parity", "frames", SL_BETTER_NEITHER, false, 0},
    {"frames_by_resend", "by resend", "frames", SL_BETTER_NEITHER, false, 0},
    {"frames_late", "late", "frames", SL_BETTER_LOWER, false, 0},
    {"frames_lost", "lost", "frames", SL_BETTER_LOWER, false, 0},
    {"lost", "missed", "packets", SL_BETTER_NEITHER, false, 0},
    {"by_fec", "by parity", "packets", SL_BETTER_NEITHER, false, 0},
    {"by_resend", "by resend", "packets", SL_BETTER_NEITHER, false, 0},
    {"late", "late", "packets", SL_BETTER_LOWER, false, 0},
    {"given_up", "given up", "packets", SL_BETTER_LOWER, false, 0},
    {.key = NULL},
};

static cJSON *name_row(cJSON *table, const struct sl_loss *loss, const struct sl_loss_cell *cell,
                       int path)
{
    cJSON *row = sl_table_row(table);
    if (cell->words) {
        sl_row_text(row, "pattern", cell->words);
    } else {
        sl_row_number(row, "loss", cell->loss);
        sl_row_text(row, "pattern", cell->burst ? "bursts" : "random");
        sl_row_number(row, "rtt", cell->rtt);
    }
    sl_row_text(row, "path", loss->paths[path]->name);
    return row;
}

static void tell_seen(cJSON *row, const struct sl_loss_entry *entry)
{
    const struct sl_loss_figures *f = &entry->figures;
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
    sl_row_number(row, "calm", sl_loss_calm_percent(f));
}

static void tell_cost(cJSON *row, const struct sl_loss_figures *f)
{
    sl_row_number(row, "link", sl_loss_link_percent(f));
    sl_row_number(row, "repair", sl_loss_repair_percent(f));
    sl_row_number(row, "overhead", sl_loss_overhead_percent(f));
    sl_row_number(row, "resent", f->counted.resent);
    sl_row_number(row, "kbps", sl_loss_kbps(f));
    sl_row_number(row, "rtt_measured", sl_series_quantile(&f->rtt_ms, 0.5));
    sl_row_number(row, "delay", sl_series_quantile(&f->delay_ms, 0.5));
    sl_row_number(row, "delay_max", sl_series_quantile(&f->delay_ms, 1));
}

static void tell_mended(cJSON *row, const struct sl_loss_figures *f)
{
    sl_row_number(row, "frames_by_fec", f->counted.frames_by_fec);
    sl_row_number(row, "frames_by_resend", f->counted.frames_by_resend);
    sl_row_number(row, "frames_late", f->counted.frames_late);
    sl_row_number(row, "frames_lost", f->counted.frames_lost);
    sl_row_number(row, "lost", f->repairs.lost);
    sl_row_number(row, "by_fec", f->repairs.by_fec);
    sl_row_number(row, "by_resend", f->repairs.by_resend);
    sl_row_number(row, "late", f->repairs.late);
    sl_row_number(row, "given_up", f->repairs.given_up);
}

/* One that was chosen for its squeeze has tables of its own. */
static bool is_elsewhere(const struct sl_loss *loss, const struct sl_loss_cell *cell)
{
    return cell->squeeze && !loss->options->impair;
}

static void tell_tables(const struct sl_loss *loss)
{
    cJSON *seen = sl_result_table(loss->result, "loss", "Pictures over a link that loses packets",
                                  seen_columns);
    cJSON *cost = sl_result_table(loss->result, "repair", "What the link lost, what repair took",
                                  cost_columns);
    cJSON *mended =
        loss->options->peers_only
            ? NULL
            : sl_result_table(loss->result, "mended",
                              "What became of what Sightline's receiver missed", mended_columns);
    for (int i = 0; i < loss->cell_count; i++) {
        const struct sl_loss_cell *cell = &loss->cells[i];
        for (int path = 0; path < loss->path_count && !is_elsewhere(loss, cell); path++) {
            const struct sl_loss_entry *entry = &loss->entries[i][path];
            const bool own = loss->paths[path]->start == sl_rig_sightline.start;
            if (entry->figures.rounds || entry->why[0])
                tell_seen(name_row(seen, loss, cell, path), entry);
            if (entry->figures.rounds)
                tell_cost(name_row(cost, loss, cell, path), &entry->figures);
            if (entry->figures.rounds && own && mended)
                tell_mended(name_row(mended, loss, cell, path), &entry->figures);
        }
    }
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
            if (is_elsewhere(loss, cell) || (!cell->words && cell->rtt != SL_LOSS_USUAL_RTT))
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
            if (cell->words || cell->loss != 5 || cell->burst || !figures->rounds)
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
        if (is_elsewhere(loss, cell))
            continue;
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

/* Of the first that was measured: all have one length, but for a squeeze. */
static sl_ns piece_of(const struct sl_loss *loss)
{
    for (int i = 0; i < loss->cell_count; i++)
        for (int path = 0; path < loss->path_count; path++)
            if (loss->entries[i][path].figures.rounds)
                return loss->entries[i][path].figures.piece;
    return 0;
}

static void tell_times(const struct sl_loss *loss)
{
    const int piece = (int)(piece_of(loss) / SL_SEC);
    char pieces[120] = "minutes";
    if (piece < 60)
        snprintf(pieces, sizeof(pieces), "pieces of %d s, for no minute was measured at a stretch,",
                 piece);
    sl_result_note(loss->result,
                   "On time: on the screen within %d ms. Frames lost: never came out of a decoder, "
                   "which only Sightline tells. Not shown: never seen on the screen, lost or "
                   "overtaken by a newer one. Freezes: over %d ms without a new frame. Calm: the "
                   "share of %s without a freeze.",
                   (int)(SL_LOSS_ON_TIME / SL_MS), (int)(SL_LOSS_FREEZE / SL_MS), pieces);
}

static void tell_counting(const struct sl_loss *loss)
{
    sl_result_note(loss->result,
                   "Frames count from some 2 s after the first picture on, bytes, packets and what "
                   "the programs tell from 1.5 s after it: the start, when nobody knows the link "
                   "yet, is left out.");
    if (!loss->options->peers_only)
        sl_result_note(
            loss->result,
            "Repair: datagrams of parity and packets sent again for 100 bytes of datagrams of "
            "video, as the sender tells; meant to stay under 30 at 5 %% of loss, 45 at 10 %%, 65 "
            "at 20 %%. Delay: how long the viewer held pictures back. Of what the receiver missed, "
            "frames are of the time measured, packets of the whole session, the start included; "
            "late ones were mended, but not in time. -: not told.");
    sl_result_note(
        loss->result,
        "Overhead: UDP payload that came from the sender (packet headers, parity, "
        "packets sent again, session control) beyond the encoder's H.264. A path that takes "
        "packets which overtake each other for lost sends them again for nothing.");
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
    tell_times(loss);
    if (!loss->options->peers_only)
        sl_result_note(result,
                       "sightline shows the newest picture at once, so that of those which "
                       "waited for one packet only the last is seen; sightline-" SL_LOSS_HELD
                       " is the same with the viewer's --latency " SL_LOSS_HELD ".");
    tell_counting(loss);
    if (loss->options->peer)
        sl_result_note(result,
                       "A peer's frame counts as shown once its stamp can be read, even if "
                       "the rest of the picture is damaged; Sightline shows no such frame.");
}

void sl_loss_tell(const struct sl_loss *loss)
{
    tell_tables(loss);
    sl_loss_tell_squeeze(loss);
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
