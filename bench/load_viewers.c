/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "bench/load_side.h"

#define SAMPLE 16 /* one packet in so many is timed: a power of two */

/* ---- What the endpoint says ---- */

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    (void)now; /* of the turn: a packet may have come after it began */
    struct load_viewer *viewer = ctx;
    struct sl_load *load = viewer->load;
    struct sl_load_figures *figures = &load->viewer_figures;
    if (kind != SL_VIDEO)
        return;
    figures->received++;
    figures->received_bytes += packet->payload_len;
    if (!viewer->ready) {
        viewer->ready = true;
        load_side_ready(&load->viewers_side);
    }
    const unsigned index = (unsigned)(viewer - load->viewers);
    if (!repaired && packet->has_capture && (packet->seq & (SAMPLE - 1)) == index % SAMPLE &&
        load->delay_count < LOAD_DELAYS_MAX)
        load->delays[load->delay_count++] =
            sl_time_now() - sl_ntp_to_ns(packet->capture_ntp, load->epoch);
}

static void add_up(uint64_t *before, uint64_t *last, uint64_t value)
{
    if (value < *last) /* a new session */
        *before += *last;
    *last = value;
}

static void look(struct load_viewer *viewer)
{
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(viewer->endpoint, &stats);
    const struct sl_session_media_stats *video = &stats.session.media[SL_VIDEO];
    add_up(&viewer->lost, &viewer->lost_last, video->given_up);
    add_up(&viewer->repaired, &viewer->repaired_last, video->repaired);
}

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct load_viewer *viewer = ctx;
    const bool live = state == SL_ENDPOINT_LIVE;
    if (viewer->live && !live)
        viewer->load->viewer_figures.broken++;
    viewer->live = live;
    if (state == SL_ENDPOINT_REFUSED)
        load_side_refused(&viewer->load->viewers_side, reason);
    if (live && !viewer->connected) {
        viewer->connected = true;
        load_side_connected(&viewer->load->viewers_side);
    }
}

static const struct sl_endpoint_handler handler = {.state = on_state, .packet = on_packet};

/* ---- Life ---- */

static void begin(struct load_side *side, int index)
{
    sl_endpoint_start(side->load->viewers[index].endpoint);
}

static void answer_figures(struct sl_load *load)
{
    struct sl_load_figures *figures = &load->viewer_figures;
    struct timespec cpu;
    figures->lost = figures->repaired = 0;
    for (int i = 0; i < load->viewers_side.count; i++) {
        struct load_viewer *viewer = &load->viewers[i];
        look(viewer);
        figures->lost += viewer->lost + viewer->lost_last;
        figures->repaired += viewer->repaired + viewer->repaired_last;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    figures->viewer_cpu = cpu.tv_sec * SL_SEC + cpu.tv_nsec;
    load->answer_viewers = *figures;
}

static void answer_delays(struct sl_load *load)
{
    const size_t count = load->delay_count;
    load->answer_delays = malloc((count ? count : 1) * sizeof(*load->answer_delays));
    load->answer_delay_count = count;
    if (load->answer_delays)
        memcpy(load->answer_delays, load->delays, count * sizeof(*load->delays));
    load->delay_count = 0;
}

static void answer(struct load_side *side, enum load_question question)
{
    struct sl_load *load = side->load;
    if (question == LOAD_FIGURES)
        answer_figures(load);
    else if (question == LOAD_DELAYS)
        answer_delays(load);
    for (int i = 0; i < side->count && question == LOAD_STOP; i++) {
        load->viewers[i].live = false;
        sl_endpoint_stop(load->viewers[i].endpoint);
    }
}

static int create_viewer(struct sl_load *load, int index)
{
    struct load_viewer *viewer = &load->viewers[index];
    char why[160];
    viewer->load = load;
    struct sl_link publish;
    struct sl_endpoint_config config = {
        .loop = load->viewers_side.loop,
        .http = load->viewers_side.http,
        .identity = load->identity,
        .random = &load->viewers_side.random,
        .epoch = load->epoch,
        .video = true,
        .retries = -1,
        .fec_percent = SL_FEC_AUTO,
        .handler = &handler,
        .ctx = viewer,
    };
    int error = sl_link_parse(&config.link, load->config.watch, why, sizeof(why));
    if (!error) /* neighbours watch different cameras, as walls do */
        error = sl_link_parse(&publish, load->config.publish[index % load->config.cameras], why,
                              sizeof(why));
    if (error)
        return error;
    memcpy(config.link.camera, publish.camera, sizeof(config.link.camera));
    return sl_endpoint_create(&viewer->endpoint, &config);
}

int load_viewers_create(struct sl_load *load)
{
    struct load_side *side = &load->viewers_side;
    side->count = load->config.cameras * load->config.viewers;
    side->begin = begin;
    side->answer = answer;
    load->viewers = calloc((size_t)side->count, sizeof(*load->viewers));
    load->delays = calloc(LOAD_DELAYS_MAX, sizeof(*load->delays));
    int error = load->viewers && load->delays ? 0 : -ENOMEM;
    for (int i = 0; i < side->count && !error; i++)
        error = create_viewer(load, i);
    return error;
}

void load_viewers_destroy(struct sl_load *load)
{
    for (int i = 0; load->viewers && i < load->viewers_side.count; i++)
        sl_endpoint_destroy(load->viewers[i].endpoint);
    free(load->viewers);
    free(load->delays);
}
