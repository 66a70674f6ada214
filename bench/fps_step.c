/* SPDX-License-Identifier: MIT */
#include "bench/fps_step.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/round.h"

#define ENOUGH 0.98
#define REPLACED_MOST 0.01
#define WORST_SECOND 0.95
#define WARM_UP SL_SEC

bool sl_fps_step_holds(const struct sl_fps_step *step)
{
    return step->done >= ENOUGH * step->offered && step->replaced <= REPLACED_MOST &&
           step->worst >= WORST_SECOND * step->offered;
}

double sl_fps_worst_second(const struct sl_tally_result *tally, sl_ns window)
{
    const sl_ns seconds = window / SL_SEC;
    double worst = INFINITY;
    for (sl_ns second = 0; second < seconds; second++) {
        int seen = 0;
        for (uint32_t i = 0; i < tally->handed; i++)
            seen += tally->frames[i].seen != SL_NEVER && tally->frames[i].handed / SL_SEC == second;
        worst = seen < worst ? seen : worst;
    }
    return seconds ? worst : NAN;
}

bool sl_fps_line_read(const char *text, struct sl_fps_line *ret)
{
    struct sl_fps_line line;
    const char *replaced = strstr(text, " replaced=");
    if (sscanf(text, "stats fps=%lf kbps=%lf ", &line.fps, &line.kbps) != 2 ||
        !isfinite(line.fps) || !isfinite(line.kbps) || !replaced ||
        sscanf(replaced, " replaced=%llu dropped=%llu", &line.replaced, &line.dropped) != 2)
        return false;
    *ret = line;
    return true;
}

static void find_busiest(const struct sl_round_result *round, struct sl_fps_step *step)
{
    for (int i = 0; i < round->usages; i++) {
        const char *name;
        const double share = sl_usage_busiest(&round->usage[i], &name);
        if (share <= step->busiest_share)
            continue;
        step->busiest_share = share;
        snprintf(step->busiest, sizeof(step->busiest), "%s (%s)", name, round->usage[i].program);
    }
}

int sl_fps_step_path(struct sl_fps_step *ret, const struct sl_fps_step_config *config, char *why,
                     size_t why_len)
{
    const struct sl_bench_options *o = config->bench->options;
    const struct sl_round_config round_config = {
        .path = &sl_rig_sightline,
        .rig = {.width = config->size.width,
                .height = config->size.height,
                .bitrate_bps = config->bitrate_bps,
                .preset = config->preset,
                .cameras = 1,
                .sender_words = &o->sender_words,
                .receiver_words = &o->receiver_words,
                .viewer_words = &o->viewer_words},
        .fps = config->fps,
        .warm_up = WARM_UP,
        .seconds = config->seconds * SL_SEC,
    };
    struct sl_round_result *round = calloc(1, sizeof(*round));
    if (!round)
        return -ENOMEM;
    const int error = sl_round_run(round, config->bench->stage, &round_config, why, why_len);
    if (error) {
        free(round);
        return error;
    }
    const struct sl_tally_result *tally = &round->camera[0].tally;
    const double seconds = (double)round->window / (double)SL_SEC;
    struct sl_fps_step step = {
        .offered = config->fps,
        .handed = tally->handed / seconds,
        .done = tally->shown / seconds,
        .worst = sl_fps_worst_second(tally, round->window),
        .replaced = tally->handed ? (double)tally->not_shown / tally->handed : 1,
        .bits_per_s = NAN,
        .busy = round->busy,
        .age_p50 = tally->p50,
    };
    find_busiest(round, &step);
    sl_round_free(round);
    free(round);
    *ret = step;
    return 0;
}
