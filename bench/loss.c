/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/loss_figures.h"
#include "bench/result.h"
#include "bench/rig_peers.h"
#include "bench/round.h"

#define USUAL_BITRATE 2000000
#define USUAL_FPS 30
#define USUAL_RTT 40 /* ms */
#define USUAL_PIXELS (1280 * 720)
#define JITTER_FROM_RTT 20 /* ms: shorter ways have none */
#define JITTER 5           /* ms */
#define BURST 3            /* packets */
#define WARM_UP (SL_SEC + SL_SEC / 2)
#define PATHS_MAX 4
#define CELLS_MAX 48
#define BRIEF_PEERS 2             /* paths of a peer in `all` */
#define SEED_MAX 1000000000000000 /* of impair */

struct cell {
    double loss;       /* percent */
    int burst;         /* 0: each packet on its own */
    int rtt;           /* ms */
    const char *words; /* in place of all that */
    char label[32];
};

/* What one path showed over one link. */
struct entry {
    struct sl_loss_figures figures;
    char why[256];    /* what went wrong, if it did */
    double *at, *age; /* of the first round: s, ms */
    size_t points;
};

struct loss {
    struct sl_bench *bench;
    const struct sl_bench_options *options;
    struct sl_rig_config rig;
    const struct sl_rig_path *paths[PATHS_MAX];
    int path_count;
    struct cell cells[CELLS_MAX];
    int cell_count;
    struct entry entries[CELLS_MAX][PATHS_MAX];
    int measured; /* cells */
    cJSON *result;
};

/* ---- What is measured ---- */

static void add_cell(struct loss *loss, double percent, int burst, int rtt)
{
    if (loss->cell_count == CELLS_MAX)
        return;
    struct cell *cell = &loss->cells[loss->cell_count++];
    *cell = (struct cell){.loss = percent, .burst = burst, .rtt = rtt};
    snprintf(cell->label, sizeof(cell->label), "%g %%%s", percent, burst ? " bursts" : "");
}

static void choose_cells(struct loss *loss)
{
    static const double percents[] = {0, 1, 2, 5, 10, 20};
    static const int rtts[] = {2, 20, 40, 100};
    if (loss->options->impair) {
        loss->cells[loss->cell_count++] =
            (struct cell){.words = loss->options->impair, .label = "as given"};
        return;
    }
    if (!loss->options->full) {
        add_cell(loss, 0, 0, USUAL_RTT);
        add_cell(loss, 5, 0, USUAL_RTT);
        add_cell(loss, 5, BURST, USUAL_RTT);
        add_cell(loss, 20, 0, USUAL_RTT);
        return;
    }
    for (size_t r = 0; r < SL_COUNT(rtts); r++)
        for (size_t p = 0; p < SL_COUNT(percents); p++) {
            add_cell(loss, percents[p], 0, rtts[r]);
            if (percents[p] > 0)
                add_cell(loss, percents[p], BURST, rtts[r]);
        }
}

static int choose_paths(struct loss *loss, char *why, size_t why_len)
{
    const struct sl_bench_options *o = loss->options;
    int peers = 0;
    const struct sl_rig_path *peer =
        o->peer ? sl_peer_paths(o->peer, SL_PEER_LOSSY, &peers, why, why_len) : NULL;
    if (o->peer && !peer)
        return -EINVAL;
    if (loss->bench->brief && peers > BRIEF_PEERS)
        peers = BRIEF_PEERS;
    if (!o->peers_only)
        loss->paths[loss->path_count++] = &sl_rig_sightline;
    for (int i = 0; i < peers && loss->path_count < PATHS_MAX; i++)
        loss->paths[loss->path_count++] = &peer[i];
    if (o->peer && !peers)
        sl_result_note(loss->result, "%s has no path that is meant for a lossy link.", o->peer);
    if (loss->path_count)
        return 0;
    snprintf(why, why_len, "--peers-only: %s has no path that is meant for a lossy link",
             o->peer ? o->peer : "nobody");
    return -EINVAL;
}

static void choose_picture(struct loss *loss)
{
    const struct sl_bench_options *o = loss->options;
    struct sl_rig_config *rig = &loss->rig;
    rig->width = o->size.width ? o->size.width : 1280;
    rig->height = o->size.height ? o->size.height : 720;
    const int64_t rate = o->bitrate_given ? o->bitrate_bps : USUAL_BITRATE;
    rig->bitrate_bps = rate * rig->width * rig->height / USUAL_PIXELS;
    rig->preset = o->preset;
    rig->count = true;
    rig->sender_words = &o->sender_words;
    rig->receiver_words = &o->receiver_words;
    rig->viewer_words = &o->viewer_words;
}

/* The words of `impair`. Loss is the uplink's, the way takes its time both ways. */
static void link_words(const struct loss *loss, const struct cell *cell, int round, char *words,
                       size_t size)
{
    const long long seed = (long long)((loss->options->seed + round) % SEED_MAX);
    if (cell->words) {
        snprintf(words, size, "seed=%lld %s", seed, cell->words);
        return;
    }
    char burst[24] = "";
    if (cell->burst)
        snprintf(burst, sizeof(burst), " up.burst=%d", cell->burst);
    snprintf(words, size, "dir=both delay=%g up.loss=%g%s up.jitter=%d seed=%lld", cell->rtt / 2.0,
             cell->loss, burst, cell->rtt >= JITTER_FROM_RTT ? JITTER : 0, seed);
}

/* ---- Measuring ---- */

/* The ages over time, as they are plotted. */
static int keep_points(struct entry *entry, const struct sl_tally_result *tally)
{
    if (entry->at)
        return 0;
    entry->at = malloc((tally->handed + 1) * sizeof(double));
    entry->age = malloc((tally->handed + 1) * sizeof(double));
    if (!entry->at || !entry->age)
        return -ENOMEM;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const struct sl_tally_frame *frame = &tally->frames[i];
        if (frame->seen == SL_NEVER)
            continue;
        entry->at[entry->points] = (double)frame->handed / SL_SEC;
        entry->age[entry->points++] = (double)(frame->seen - frame->handed) / SL_MS;
    }
    return 0;
}

/* One path over one link. A path that fails says so in its row: only -EINTR and -ENOMEM end all. */
static int measure(struct loss *loss, const struct cell *cell, int path, int round)
{
    struct entry *entry = &loss->entries[cell - loss->cells][path];
    char words[512], why[sizeof(entry->why)] = "";
    link_words(loss, cell, round, words, sizeof(words));
    struct sl_round_config config = {
        .path = loss->paths[path],
        .rig = loss->rig,
        .fps = loss->options->fps ? loss->options->fps : USUAL_FPS,
        .warm_up = WARM_UP,
        .seconds = loss->options->seconds,
    };
    config.rig.impair = words;
    struct sl_round_result *result = malloc(sizeof(*result));
    if (!result)
        return -ENOMEM;
    int err = sl_round_run(result, loss->bench->stage, &config, why, sizeof(why));
    if (err == 0) {
        err = sl_loss_figures_add(&entry->figures, result);
        if (err == 0)
            err = keep_points(entry, &result->camera[0].tally);
        sl_round_free(result);
    } else {
        snprintf(entry->why, sizeof(entry->why), "%s", why[0] ? why : strerror(-err));
    }
    free(result);
    return err == -EINTR || err == -ENOMEM ? err : 0;
}

static int measure_cell(struct loss *loss, struct cell *cell)
{
    for (int round = 0; round < loss->options->rounds; round++) {
        for (int i = 0; i < loss->path_count; i++) {
            /* Every other round backwards: who goes first must not matter. */
            const int path = round % 2 ? loss->path_count - 1 - i : i;
            if (cell->words)
                sl_bench_progress("loss: %s, %s", cell->words, loss->paths[path]->name);
            else
                sl_bench_progress("loss %d/%d: %s, RTT %d ms, %s", (int)(cell - loss->cells) + 1,
                                  loss->cell_count, cell->label, cell->rtt,
                                  loss->paths[path]->name);
            const int err = measure(loss, cell, path, round);
            if (err != 0)
                return err;
        }
    }
    loss->measured++;
    return 0;
}

/* ---- Telling ---- */

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

static void tell_row(cJSON *table, const struct loss *loss, const struct cell *cell, int path)
{
    const struct entry *entry = &loss->entries[cell - loss->cells][path];
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
static void plot_by_loss(const struct loss *loss, const struct plotted *what)
{
    static const struct sl_axis x = {"loss", "", false};
    char title[120];
    if (loss->cells[0].words)
        snprintf(title, sizeof(title), "%s, %s", what->title, loss->cells[0].words);
    else
        snprintf(title, sizeof(title), "%s, RTT %d ms", what->title, USUAL_RTT);
    cJSON *plot = sl_result_plot(loss->result, what->name, title, SL_PLOT_BARS, &x, &what->axis);
    for (int path = 0; path < loss->path_count; path++) {
        double at[CELLS_MAX], value[CELLS_MAX];
        size_t count = 0;
        int bar = 0;
        for (int i = 0; i < loss->measured; i++) {
            const struct cell *cell = &loss->cells[i];
            if (!cell->words && cell->rtt != USUAL_RTT)
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
static void plot_by_rtt(const struct loss *loss, const struct plotted *what)
{
    static const struct sl_axis x = {"round trip", "ms", false};
    char title[120], name[40];
    snprintf(title, sizeof(title), "%s, 5 %% random loss", what->title);
    snprintf(name, sizeof(name), "%s_by_rtt", what->name);
    cJSON *plot = sl_result_plot(loss->result, name, title, SL_PLOT_LINES, &x, &what->axis);
    for (int path = 0; path < loss->path_count; path++) {
        double at[CELLS_MAX], value[CELLS_MAX];
        size_t count = 0;
        for (int i = 0; i < loss->measured; i++) {
            const struct cell *cell = &loss->cells[i];
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
static int main_cell(const struct loss *loss)
{
    for (int i = 0; i < loss->measured; i++) {
        const struct cell *cell = &loss->cells[i];
        if (cell->words || (cell->loss == 5 && !cell->burst && cell->rtt == USUAL_RTT))
            return i;
    }
    return -1;
}

static void plot_ages(const struct loss *loss, int cell)
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
        const struct entry *entry = &loss->entries[cell][path];
        sl_plot_series(plot, loss->paths[path]->name, entry->at, entry->age, entry->points);
    }
}

/* "gstreamer-fec50 27.8, gstreamer-srt 30.0" */
static void others(const struct loss *loss, int cell,
                   double (*value)(const struct sl_loss_figures *figures), char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    for (int path = 1; path < loss->path_count && len < size; path++) {
        const struct sl_loss_figures *figures = &loss->entries[cell][path].figures;
        const char *between = len ? ", " : "";
        const int put = figures->rounds ? snprintf(text + len, size - len, "%s%s %.1f", between,
                                                   loss->paths[path]->name, value(figures))
                                        : snprintf(text + len, size - len, "%s%s nothing", between,
                                                   loss->paths[path]->name);
        len += put > 0 ? (size_t)put : 0;
    }
}

static void tell_headlines(const struct loss *loss, int cell)
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

static void tell_conditions(const struct loss *loss)
{
    cJSON *result = loss->result;
    char size[32];
    snprintf(size, sizeof(size), "%dx%d", loss->rig.width, loss->rig.height);
    sl_result_condition_text(result, "picture", size);
    sl_result_condition_number(result, "fps", loss->options->fps ? loss->options->fps : USUAL_FPS);
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
                       JITTER_FROM_RTT, JITTER, BURST);
    sl_result_note(result,
                   "On time: on the screen within %d ms. Frames lost: never came out of a decoder, "
                   "which only Sightline tells. Not shown: never seen on the screen, lost or "
                   "overtaken by a newer one. Freezes: over %d ms without a new frame.",
                   (int)(SL_LOSS_ON_TIME / SL_MS), (int)(SL_LOSS_FREEZE / SL_MS));
    sl_result_note(result,
                   "Overhead: UDP payload that came from the sender (packet headers, parity, "
                   "packets sent again, session control) beyond the encoder's H.264.");
    if (loss->options->peer)
        sl_result_note(result,
                       "A peer's frame counts as shown once its stamp can be read, even if "
                       "the rest of the picture is damaged; Sightline shows no such frame.");
}

static void tell(const struct loss *loss)
{
    cJSON *table =
        sl_result_table(loss->result, "loss", "Pictures over a link that loses packets", columns);
    for (int i = 0; i < loss->cell_count; i++)
        for (int path = 0; path < loss->path_count; path++)
            if (i < loss->measured || loss->entries[i][path].figures.rounds)
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

/* ---- Whole ---- */

static bool any_measured(const struct loss *loss)
{
    for (int i = 0; i < loss->cell_count; i++)
        for (int path = 0; path < loss->path_count; path++)
            if (loss->entries[i][path].figures.rounds)
                return true;
    return false;
}

static void loss_free(struct loss *loss)
{
    for (int i = 0; i < CELLS_MAX; i++)
        for (int path = 0; path < PATHS_MAX; path++) {
            struct entry *entry = &loss->entries[i][path];
            sl_loss_figures_free(&entry->figures);
            free(entry->at);
            free(entry->age);
        }
    cJSON_Delete(loss->result);
    free(loss);
}

int sl_loss_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct loss *loss = calloc(1, sizeof(*loss));
    if (!loss)
        return -ENOMEM;
    loss->bench = bench;
    loss->options = bench->options;
    loss->result = sl_result_create("loss", "Loss");
    int err = choose_paths(loss, why, why_len);
    if (err == 0)
        err = sl_bench_stage(bench, why, why_len);
    choose_cells(loss);
    choose_picture(loss);
    for (int i = 0; i < loss->cell_count && err == 0; i++)
        err = measure_cell(loss, &loss->cells[i]);
    if (any_measured(loss)) {
        tell(loss);
        *ret = loss->result;
        loss->result = NULL;
    } else if (err == 0) {
        snprintf(why, why_len, "no path showed anything: %.150s", loss->entries[0][0].why);
        err = -ENODATA;
    }
    loss_free(loss);
    return err;
}
