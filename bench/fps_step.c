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
    if (sscanf(text, "stats fps=%lf kbps=%lf encode_ms=%lf/", &line.fps, &line.kbps,
               &line.encode_ms) != 3 ||
        !isfinite(line.fps) || !isfinite(line.kbps) || !isfinite(line.encode_ms) || !replaced ||
        sscanf(replaced, " replaced=%llu dropped=%llu", &line.replaced, &line.dropped) != 2)
        return false;
    *ret = line;
    return true;
}

/* Threads that nobody gave a name have the program's, as its first one has: they are a library's,
 * the sender's its encoder's. */
static const char *name_of(const struct sl_usage *usage, const struct sl_usage_thread *thread)
{
    if (thread->tid == usage->pid)
        return "main";
    if (strncmp(usage->program, thread->name, sizeof(thread->name) - 1) != 0)
        return thread->name;
    return strcmp(usage->program, "sightline-sender") == 0 ? "x264" : "library";
}

void sl_fps_note_busiest(struct sl_fps_step *step, const struct sl_usage *usage)
{
    for (int i = 0; i < usage->threads; i++) {
        const struct sl_usage_thread *thread = &usage->thread[i];
        const double share = usage->at > 0 ? (double)thread->cpu / (double)usage->at : 0;
        if (share <= step->busiest_share)
            continue;
        step->busiest_share = share;
        snprintf(step->busiest, sizeof(step->busiest), "%s (%s)", name_of(usage, thread),
                 usage->program);
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
        .warm_up = config->warm_up,
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
        .encoding = NAN,
        .busy = round->busy,
        .age_p50 = tally->p50,
    };
    for (int i = 0; i < round->usages; i++)
        sl_fps_note_busiest(&step, &round->usage[i]);
    sl_round_free(round);
    free(round);
    *ret = step;
    return 0;
}
