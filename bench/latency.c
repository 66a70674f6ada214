/* SPDX-License-Identifier: MIT */
#include "bench/latency.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rig.h"
#include "bench/rig_peers.h"
#include "bench/round.h"
#include "bench/tally.h"

#define PATHS_MAX 10
#define ROUNDS_MAX 100
#define WARM_UP (2 * SL_SEC)

struct path {
    const struct sl_rig_path *rig;
    int rounds;
    struct sl_tally_result round[ROUNDS_MAX];
};

struct bench {
    const struct sl_latency_options *options;
    struct sl_stage *stage;
    struct path paths[PATHS_MAX];
    int path_count;
};

int sl_latency_parse_seconds(void *options, const char *text, char *wanted, size_t wanted_len)
{
    int64_t value;
    snprintf(wanted, wanted_len, "whole seconds, from 1 to 3600");
    if (sl_parse_int(text, 1, 3600, &value) != 0)
        return -EINVAL;
    ((struct sl_latency_options *)options)->seconds = value * SL_SEC;
    return 0;
}

static double ms(sl_ns span)
{
    return (double)span / SL_MS;
}

/* ---- One round ---- */

static int run_round(struct bench *bench, const struct sl_rig_path *path,
                     struct sl_tally_result *ret, char *why, size_t why_len)
{
    const struct sl_latency_options *o = bench->options;
    const struct sl_round_config config = {
        .path = path,
        .rig =
            {
                .width = o->size.width,
                .height = o->size.height,
                .bitrate_bps = o->bitrate_bps,
                .preset = o->preset,
                .sender_words = &o->sender_words,
                .receiver_words = &o->receiver_words,
                .viewer_words = &o->viewer_words,
            },
        .fps = o->fps,
        .warm_up = WARM_UP,
        .seconds = o->seconds,
    };
    struct sl_round_result *result = malloc(sizeof(*result));
    int err = result ? sl_round_run(result, bench->stage, &config, why, why_len) : -ENOMEM;
    if (err == 0) {
        *ret = result->camera[0].tally;
        result->camera[0].tally = (struct sl_tally_result){.ages = NULL};
        sl_round_free(result);
    }
    free(result);
    return err;
}

/* ---- Results ---- */

struct summary {
    sl_ns p50, p95, p99, max, freeze;
    double shown_per_s;
    uint32_t shown, not_shown, out_of_order, misread;
};

/* All rounds of a path: quantiles over all their frames, the worst freeze. */
static int summarize(const struct path *path, struct summary *ret)
{
    struct summary sum = {.p50 = 0};
    size_t total = 0;
    for (int i = 0; i < path->rounds; i++)
        total += path->round[i].shown;
    sl_ns *ages = malloc((total ? total : 1) * sizeof(*ages));
    if (!ages || !total) {
        free(ages);
        return total ? -ENOMEM : -ENODATA;
    }
    size_t at = 0;
    for (int i = 0; i < path->rounds; i++) {
        const struct sl_tally_result *r = &path->round[i];
        memcpy(ages + at, r->ages, r->shown * sizeof(*ages));
        at += r->shown;
        sum.shown += r->shown;
        sum.not_shown += r->not_shown;
        sum.out_of_order += r->out_of_order;
        sum.misread += r->misread;
        sum.shown_per_s += r->shown_per_s / path->rounds;
        sum.freeze = r->freeze > sum.freeze ? r->freeze : sum.freeze;
    }
    sl_sort_times(ages, total);
    sum.p50 = sl_quantile(ages, total, 0.50);
    sum.p95 = sl_quantile(ages, total, 0.95);
    sum.p99 = sl_quantile(ages, total, 0.99);
    sum.max = ages[total - 1];
    free(ages);
    *ret = sum;
    return 0;
}

static void print_round(const char *name, int round, const struct sl_tally_result *r)
{
    printf("round %d %-10s p50 %6.2f  p95 %6.2f  p99 %6.2f  max %6.2f ms  shown %5.2f/s  "
           "longest freeze %5.1f ms  not shown %u  out of order %u\n",
           round + 1, name, ms(r->p50), ms(r->p95), ms(r->p99), ms(r->max), r->shown_per_s,
           ms(r->freeze), r->not_shown, r->out_of_order);
    fflush(stdout);
}

static void print_summary(const char *name, const struct summary *s)
{
    printf("all     %-10s p50 %6.2f  p95 %6.2f  p99 %6.2f  max %6.2f ms  shown %5.2f/s  "
           "longest freeze %5.1f ms  not shown %u  out of order %u\n",
           name, ms(s->p50), ms(s->p95), ms(s->p99), ms(s->max), s->shown_per_s, ms(s->freeze),
           s->not_shown, s->out_of_order);
}

static void write_json_path(FILE *out, const struct path *path, const struct summary *s)
{
    fprintf(out,
            "\"%s\":{\"rounds\":%d,\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,"
            "\"shown_per_s\":%.3f,\"longest_freeze_ms\":%.3f,\"shown\":%u,\"not_shown\":%u,"
            "\"out_of_order\":%u,\"misread\":%u,\"round_p50_ms\":[",
            path->rig->name, path->rounds, ms(s->p50), ms(s->p95), ms(s->p99), ms(s->max),
            s->shown_per_s, ms(s->freeze), s->shown, s->not_shown, s->out_of_order, s->misread);
    for (int i = 0; i < path->rounds; i++)
        fprintf(out, "%s%.3f", i ? "," : "", ms(path->round[i].p50));
    fputs("]}", out);
}

/* The ratio of medians of Sightline to the peer, or 0. */
static double ratio_of(const struct bench *bench, const struct summary *sums)
{
    sl_ns own = 0, peer = 0;
    for (int i = 0; i < bench->path_count; i++) {
        const char *name = bench->paths[i].rig->name;
        if (strcmp(name, "sightline") == 0)
            own = sums[i].p50;
        else if (bench->options->peer && strcmp(name, bench->options->peer) == 0)
            peer = sums[i].p50;
    }
    return own && peer ? (double)own / (double)peer : 0;
}

static int write_json(const struct bench *bench, const struct summary *sums)
{
    const struct sl_latency_options *o = bench->options;
    FILE *out = fopen(o->json, "we");
    if (!out) {
        fprintf(stderr, "sightline-bench: --json %s: %s\n", o->json, strerror(errno));
        return -EIO;
    }
    fprintf(out,
            "{\"bench\":\"latency\",\"width\":%d,\"height\":%d,\"fps\":%d,\"bitrate_bps\":%" PRId64
            ",\"preset\":\"%s\",\"seconds\":%.3f,\"paths\":{",
            o->size.width, o->size.height, o->fps, o->bitrate_bps, o->preset,
            (double)o->seconds / SL_SEC);
    for (int i = 0; i < bench->path_count; i++) {
        fputs(i ? "," : "", out);
        write_json_path(out, &bench->paths[i], &sums[i]);
    }
    fprintf(out, "}");
    if (ratio_of(bench, sums) > 0)
        fprintf(out, ",\"ratio_of_medians\":%.4f", ratio_of(bench, sums));
    fprintf(out, "}\n");
    return fclose(out) == 0 ? 0 : -EIO;
}

static int report(const struct bench *bench)
{
    struct summary sums[PATHS_MAX];
    for (int i = 0; i < bench->path_count; i++) {
        const int err = summarize(&bench->paths[i], &sums[i]);
        if (err != 0)
            return err;
    }
    for (int i = 0; i < bench->path_count; i++)
        print_summary(bench->paths[i].rig->name, &sums[i]);
    const double ratio = ratio_of(bench, sums);
    if (ratio > 0)
        printf("ratio of medians, sightline to %s: %.3f\n", bench->options->peer, ratio);
    return bench->options->json ? write_json(bench, sums) : 0;
}

/* ---- Whole ---- */

static int run_rounds(struct bench *bench, char *why, size_t why_len)
{
    for (int round = 0; round < bench->options->rounds; round++) {
        for (int i = 0; i < bench->path_count; i++) {
            /* Every other round backwards: who goes first must not matter. */
            const int at = round % 2 ? bench->path_count - 1 - i : i;
            struct path *path = &bench->paths[at];
            char cause[200];
            const int err =
                run_round(bench, path->rig, &path->round[path->rounds], cause, sizeof(cause));
            if (err != 0) {
                snprintf(why, why_len, "%s: %s", path->rig->name, cause);
                return err;
            }
            print_round(path->rig->name, round, &path->round[path->rounds]);
            path->rounds++;
        }
    }
    return 0;
}

static int choose_paths(struct bench *bench)
{
    const struct sl_latency_options *o = bench->options;
    char why[200];
    int peers = 0;
    if (!o->peers_only)
        bench->paths[bench->path_count++].rig = &sl_rig_sightline;
    const struct sl_rig_path *peer =
        o->peer ? sl_peer_paths(o->peer, SL_PEER_CLEAN, &peers, why, sizeof(why)) : NULL;
    if (o->peer && !peer) {
        fprintf(stderr, "sightline-bench: %s\n", why);
        return -EINVAL;
    }
    for (int i = 0; i < peers && bench->path_count < PATHS_MAX - 1; i++)
        bench->paths[bench->path_count++].rig = &peer[i];
    if (o->floor)
        bench->paths[bench->path_count++].rig = &sl_rig_floor;
    if (bench->path_count)
        return 0;
    fprintf(stderr, "sightline-bench: --peers-only needs --peer or --floor\n");
    return -EINVAL;
}

int sl_latency_main(const struct sl_latency_options *options, const atomic_bool *stop)
{
    char why[256] = "";
    struct bench *bench = calloc(1, sizeof(*bench));
    if (!bench)
        return 1;
    bench->options = options;
    if (choose_paths(bench) != 0) {
        free(bench);
        return 2;
    }
    int err = sl_stage_open(&bench->stage, 1, stop, why, sizeof(why));
    if (err == 0)
        err = run_rounds(bench, why, sizeof(why));
    if (err == 0)
        err = report(bench);
    if (err != 0 && err != -EINTR)
        fprintf(stderr, "sightline-bench: %s\n", why[0] ? why : strerror(-err));
    sl_stage_close(bench->stage);
    for (int i = 0; i < bench->path_count; i++)
        for (int j = 0; j < bench->paths[i].rounds; j++)
            sl_tally_result_free(&bench->paths[i].round[j]);
    free(bench);
    return err == 0 || err == -EINTR ? 0 : 1;
}
