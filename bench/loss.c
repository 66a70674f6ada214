/* SPDX-License-Identifier: MIT */
#include "bench/loss.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/result.h"
#include "bench/rig_peers.h"
#include "bench/round.h"

#define USUAL_BITRATE 2000000
#define USUAL_FPS 30
#define USUAL_PIXELS (1280 * 720)
#define WARM_UP (SL_SEC + SL_SEC / 2)
#define BRIEF_PEERS 2             /* paths of a peer in `all` */
#define SEED_MAX 1000000000000000 /* of impair */

/* ---- What is measured ---- */

static void add_cell(struct sl_loss *loss, double percent, int burst, int rtt)
{
    if (loss->cell_count == SL_LOSS_CELLS)
        return;
    struct sl_loss_cell *cell = &loss->cells[loss->cell_count++];
    *cell = (struct sl_loss_cell){.loss = percent, .burst = burst, .rtt = rtt};
    snprintf(cell->label, sizeof(cell->label), "%g %%%s", percent, burst ? " bursts" : "");
}

static void add_words(struct sl_loss *loss, const char *words, const char *label)
{
    struct sl_loss_cell *cell = &loss->cells[loss->cell_count++];
    *cell = (struct sl_loss_cell){.words = words};
    snprintf(cell->label, sizeof(cell->label), "%s", label);
    cell->squeeze = sl_squeeze_find(&cell->plan, words);
}

static void choose_cells(struct sl_loss *loss)
{
    static const double percents[] = {0, 1, 2, 5, 10, 20};
    static const int rtts[] = {2, 20, 40, 100};
    if (loss->options->impair) {
        add_words(loss, loss->options->impair, "as given");
        return;
    }
    if (!loss->options->full) {
        add_cell(loss, 0, 0, SL_LOSS_USUAL_RTT);
        add_cell(loss, 5, 0, SL_LOSS_USUAL_RTT);
        add_cell(loss, 5, SL_LOSS_BURST, SL_LOSS_USUAL_RTT);
        add_cell(loss, 10, 0, SL_LOSS_USUAL_RTT);
        add_cell(loss, 20, 0, SL_LOSS_USUAL_RTT);
    }
    for (size_t r = 0; loss->options->full && r < SL_COUNT(rtts); r++)
        for (size_t p = 0; p < SL_COUNT(percents); p++) {
            add_cell(loss, percents[p], 0, rtts[r]);
            if (percents[p] > 0)
                add_cell(loss, percents[p], SL_LOSS_BURST, rtts[r]);
        }
    if (!loss->bench->brief)
        add_words(loss, SL_LOSS_SQUEEZE, "squeeze");
}

/* Sightline shows a picture at once, unless told to hold all back for smoothness. */
static void add_sightline(struct sl_loss *loss)
{
    struct sl_option_list *words = &loss->held_words;
    loss->paths[loss->path_count++] = &sl_rig_sightline;
    *words = loss->options->viewer_words;
    if (words->count + 2 > SL_OPTION_LIST_MAX)
        return;
    words->items[words->count++] = "--latency";
    words->items[words->count++] = SL_LOSS_HELD;
    loss->held = (struct sl_rig_path){"sightline-" SL_LOSS_HELD, sl_rig_sightline.start};
    loss->paths[loss->path_count++] = &loss->held;
}

static int choose_paths(struct sl_loss *loss, char *why, size_t why_len)
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
        add_sightline(loss);
    for (int i = 0; i < peers && loss->path_count < SL_LOSS_PATHS; i++)
        loss->paths[loss->path_count++] = &peer[i];
    if (o->peer && !peers)
        sl_result_note(loss->result, "%s has no path that is meant for a lossy link.", o->peer);
    if (loss->path_count)
        return 0;
    snprintf(why, why_len, "--peers-only: %s has no path that is meant for a lossy link",
             o->peer ? o->peer : "nobody");
    return -EINVAL;
}

bool sl_loss_left_out(const struct sl_loss *loss, const struct sl_loss_cell *cell, int path)
{
    const bool held = loss->paths[path] == &loss->held;
    if (cell->words)
        return held && cell->squeeze;
    if (!loss->bench->brief || loss->paths[path] == &sl_rig_sightline)
        return false;
    return cell->loss == 0 || cell->loss == 10 || (cell->burst && held);
}

static void choose_picture(struct sl_loss *loss)
{
    const struct sl_bench_options *o = loss->options;
    struct sl_rig_config *rig = &loss->rig;
    rig->width = o->size.width ? o->size.width : 1280;
    rig->height = o->size.height ? o->size.height : 720;
    loss->fps = o->fps ? o->fps : USUAL_FPS;
    const int64_t rate = o->bitrate_given ? o->bitrate_bps : USUAL_BITRATE;
    rig->bitrate_bps = rate * rig->width * rig->height / USUAL_PIXELS;
    rig->preset = o->preset;
    rig->count = true;
    rig->sender_words = &o->sender_words;
    rig->receiver_words = &o->receiver_words;
    rig->viewer_words = &o->viewer_words;
}

/* The words of `impair`. Loss is the uplink's, the way takes its time both ways. */
static void link_words(const struct sl_loss *loss, const struct sl_loss_cell *cell, int round,
                       char *words, size_t size)
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
             cell->loss, burst, cell->rtt >= SL_LOSS_JITTER_FROM ? SL_LOSS_JITTER : 0, seed);
}

/* ---- Measuring ---- */

/* What is plotted over time. */
static int keep_points(struct sl_loss_entry *entry, const struct sl_loss_cell *cell,
                       const struct sl_round_result *round)
{
    const struct sl_tally_result *tally = &round->camera[0].tally;
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
    entry->drop = round->link_began + cell->plan.start;
    return sl_series_append(&entry->kbps, &round->told[SL_RIG_KBPS], 0, round->window);
}

static int take(struct sl_loss *loss, const struct sl_loss_cell *cell, struct sl_loss_entry *entry,
                const struct sl_round_result *round)
{
    int err = sl_loss_figures_add(&entry->figures, round);
    if (err == 0 && cell->squeeze)
        err = sl_squeeze_add(&entry->squeeze, &cell->plan, round, loss->rig.bitrate_bps);
    return err ? err : keep_points(entry, cell, round);
}

/* One path over one link. A path that fails says so in its row: only -EINTR and -ENOMEM end all. */
static int measure(struct sl_loss *loss, const struct sl_loss_cell *cell, int path, int round)
{
    struct sl_loss_entry *entry = &loss->entries[cell - loss->cells][path];
    char words[512], why[sizeof(entry->why)] = "";
    link_words(loss, cell, round, words, sizeof(words));
    struct sl_round_config config = {
        .path = loss->paths[path],
        .rig = loss->rig,
        .fps = loss->fps,
        .warm_up = WARM_UP,
        .seconds = loss->options->seconds,
    };
    if (cell->squeeze)
        config.seconds = config.link_until = cell->plan.start + cell->plan.len + SL_SQUEEZE_WATCHED;
    config.rig.impair = words;
    if (config.path == &loss->held)
        config.rig.viewer_words = &loss->held_words;
    struct sl_round_result *result = malloc(sizeof(*result));
    if (!result)
        return -ENOMEM;
    int err = sl_round_run(result, loss->bench->stage, &config, why, sizeof(why));
    if (err == 0) {
        err = take(loss, cell, entry, result);
        sl_round_free(result);
    } else {
        snprintf(entry->why, sizeof(entry->why), "%s", why[0] ? why : strerror(-err));
    }
    free(result);
    return err == -EINTR || err == -ENOMEM ? err : 0;
}

static int measure_cell(struct sl_loss *loss, struct sl_loss_cell *cell)
{
    for (int round = 0; round < loss->options->rounds; round++) {
        for (int i = 0; i < loss->path_count; i++) {
            /* Every other round backwards: who goes first must not matter. */
            const int path = round % 2 ? loss->path_count - 1 - i : i;
            if (sl_loss_left_out(loss, cell, path))
                continue;
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

/* ---- Whole ---- */

static bool any_measured(const struct sl_loss *loss)
{
    for (int i = 0; i < loss->cell_count; i++)
        for (int path = 0; path < loss->path_count; path++)
            if (loss->entries[i][path].figures.rounds)
                return true;
    return false;
}

static void loss_free(struct sl_loss *loss)
{
    for (int i = 0; i < SL_LOSS_CELLS; i++)
        for (int path = 0; path < SL_LOSS_PATHS; path++) {
            struct sl_loss_entry *entry = &loss->entries[i][path];
            sl_loss_figures_free(&entry->figures);
            sl_squeeze_free(&entry->squeeze);
            sl_series_free(&entry->kbps);
            free(entry->at);
            free(entry->age);
        }
    cJSON_Delete(loss->result);
    free(loss);
}

int sl_loss_run(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    struct sl_loss *loss = calloc(1, sizeof(*loss));
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
        sl_loss_tell(loss);
        *ret = loss->result;
        loss->result = NULL;
    } else if (err == 0) {
        snprintf(why, why_len, "no path showed anything: %.150s", loss->entries[0][0].why);
        err = -ENODATA;
    }
    loss_free(loss);
    return err;
}
