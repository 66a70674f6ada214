/* SPDX-License-Identifier: MIT */
/* Fps, the sender alone: from a pipe to a receiver's socket. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "bench/bench.h"
#include "bench/fps_step.h"
#include "bench/rig_child.h"
#include "bench/site.h"
#include "bench/source.h"
#include "bench/stage.h"
#include "bench/tally.h"
#include "bench/usage.h"

#define LIVE_WITHIN (15 * SL_SEC)
#define LINE_WITHIN (5 * SL_SEC)
#define LINES_A_SECOND 2 /* of the sender's figures */
#define WARM_UP 1        /* lines */
#define LONGEST 120      /* seconds that a step may take beside those that are measured */

struct run {
    const struct sl_fps_step_config *config;
    struct sl_site site;
    struct sl_child sender;
    struct sl_tally *tally;
    struct sl_source *source;
    struct sl_usage sender_usage, receiver_usage;
};

static int start_sender(struct run *run, char *why, size_t why_len)
{
    char program[PATH_MAX], rate[24];
    sl_rig_own_program("sightline-sender", program);
    snprintf(rate, sizeof(rate), "%lldk", (long long)(run->config->bitrate_bps / 1000));
    const char *const fixed[] = {
        program, "--to",     run->site.publish[0], "--video",   "y4m:-", "--audio",
        "none",  "--preset", run->config->preset,  "--bitrate", rate,    "--stats",
        "500ms", NULL};
    struct sl_words words = sl_words_of(fixed);
    sl_words_add_list(&words, &run->config->bench->options->sender_words);
    const int error =
        sl_child_start(&run->sender, words.argv, SL_CHILD_IN | SL_CHILD_OUT, run->site.log_fd);
    if (error)
        snprintf(why, why_len, "%s: %s", program, strerror(-error));
    return error;
}

static int start_source(struct run *run, char *why, size_t why_len)
{
    const struct sl_fps_step_config *config = run->config;
    struct sl_source_config source = {
        .fd = run->sender.in,
        .width = config->size.width,
        .height = config->size.height,
        .fps = config->fps,
        .from = sl_time_now(),
    };
    const uint32_t frames = (uint32_t)config->fps * (uint32_t)(config->seconds + LONGEST);
    int error = sl_stage_scene(config->bench->stage, &source.scene, source.width, source.height);
    if (!error)
        error = sl_tally_create(&run->tally, frames);
    source.tally = run->tally;
    if (!error)
        error = sl_source_start(&run->source, &source);
    if (error)
        snprintf(why, why_len, "frames of %dx%d at %d/s: %s", source.width, source.height,
                 source.fps, strerror(-error));
    return error;
}

/* The next line of figures. */
static int next_line(struct run *run, struct sl_fps_line *ret, char *why, size_t why_len)
{
    const sl_ns deadline = sl_time_now() + LIVE_WITHIN;
    char text[512];
    for (;;) {
        const int error = sl_child_read_line(&run->sender, text, sizeof(text), LINE_WITHIN);
        if (atomic_load(run->config->bench->stop))
            return -EINTR;
        if (error || sl_time_now() > deadline) {
            snprintf(why, why_len, "sightline-sender %s",
                     error == -EPIPE ? "ended" : "does not write its figures");
            return error ? error : -ETIMEDOUT;
        }
        if (sl_fps_line_read(text, ret))
            return 0;
    }
}

/* Until it sends, and a little longer: the first frames cost more than those that follow. */
static int warm_up(struct run *run, struct sl_fps_line *last, char *why, size_t why_len)
{
    const sl_ns deadline = sl_time_now() + LIVE_WITHIN;
    for (int warm = 0; warm <= WARM_UP;) {
        const int error = next_line(run, last, why, why_len);
        if (error)
            return error;
        warm += warm || last->fps > 0;
        if (!warm && sl_time_now() > deadline) {
            snprintf(why, why_len, "sightline-sender sends nothing");
            return -ETIMEDOUT;
        }
    }
    return 0;
}

static int begin_usage(struct run *run)
{
    const int error = sl_usage_begin(&run->sender_usage, "sightline-sender", run->sender.pid);
    return error
               ? error
               : sl_usage_begin(&run->receiver_usage, "sightline-receiver", run->site.receiver.pid);
}

static int end_usage(struct run *run, struct sl_fps_step *step)
{
    int error = sl_usage_end(&run->sender_usage);
    if (!error)
        error = sl_usage_end(&run->receiver_usage);
    if (error)
        return error;
    sl_fps_note_busiest(step, &run->sender_usage);
    sl_fps_note_busiest(step, &run->receiver_usage);
    return 0;
}

static int measure_second(struct run *run, struct sl_fps_step *step, struct sl_fps_line *last,
                          char *why, size_t why_len)
{
    double done = 0;
    for (int i = 0; i < LINES_A_SECOND; i++) {
        const int error = next_line(run, last, why, why_len);
        if (error)
            return error;
        done += last->fps / LINES_A_SECOND;
        step->encoding +=
            last->fps * last->encode_ms / 1000 / LINES_A_SECOND / run->config->seconds;
        step->bits_per_s += 1000 * last->kbps / LINES_A_SECOND / run->config->seconds;
    }
    step->done += done / run->config->seconds;
    step->worst = done < step->worst ? done : step->worst;
    return 0;
}

static int measure(struct run *run, struct sl_fps_step *ret, char *why, size_t why_len)
{
    const struct sl_fps_step_config *config = run->config;
    struct sl_fps_step step = {.offered = config->fps, .worst = INFINITY, .age_p50 = SL_NEVER};
    struct sl_fps_line first, line;
    sl_ns busy[2], all[2];
    int error = warm_up(run, &first, why, why_len);
    if (!error)
        error = begin_usage(run);
    sl_usage_machine(&busy[0], &all[0]);
    const uint32_t handed = sl_tally_handed_count(run->tally);
    const sl_ns begun = sl_time_now();
    for (int i = 0; i < config->seconds && !error; i++)
        error = measure_second(run, &step, &line, why, why_len);
    sl_usage_machine(&busy[1], &all[1]);
    if (!error)
        error = end_usage(run, &step);
    if (error)
        return error;
    step.handed = (sl_tally_handed_count(run->tally) - handed) * (double)SL_SEC /
                  (double)(sl_time_now() - begun);
    const double frames = (double)config->fps * config->seconds;
    step.replaced =
        (double)(line.replaced - first.replaced + line.dropped - first.dropped) / frames;
    step.busy = all[1] > all[0] ? (double)(busy[1] - busy[0]) / (double)(all[1] - all[0]) : NAN;
    *ret = step;
    return 0;
}

int sl_fps_step_sender(struct sl_fps_step *ret, const struct sl_fps_step_config *config, char *why,
                       size_t why_len)
{
    struct run run = {.config = config, .sender = {.in = -1, .out = -1}};
    int error =
        sl_site_start(&run.site, 1, false, &config->bench->options->receiver_words, why, why_len);
    if (error)
        return error;
    error = start_sender(&run, why, why_len);
    if (!error)
        error = start_source(&run, why, why_len);
    if (!error)
        error = measure(&run, ret, why, why_len);
    if (error && error != -EINTR)
        sl_site_print_log(&run.site);
    sl_source_stop(run.source);
    sl_child_stop(&run.sender, 3 * SL_SEC);
    sl_tally_destroy(run.tally);
    sl_site_stop(&run.site);
    return error;
}
