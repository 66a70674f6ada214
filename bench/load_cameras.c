/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "bench/load_side.h"
#include "media/h264_pack.h"

#define CLOCK_HZ 90000
#define HISTORY 512 /* half a second of 10 Mb/s */
/* As sender/uplink.c: what the header and our extensions take of a packet at most. */
#define EXTENSION_BYTES 32
#define PAYLOAD_MAX (SL_RTP_PLAIN_MAX - SL_RTP_HEADER_BYTES - EXTENSION_BYTES)
#define LATE (10 * SL_MS)
#define SLOWLY 10       /* times the clip's period */
#define HOPELESS SL_SEC /* what is not sent by then is not made up for */

/* ---- Sending ---- */

struct frame {
    struct load_camera *camera;
    uint32_t timestamp;
    uint64_t capture_ntp;
    sl_ns now;
    bool whole;
};

static void emit(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    struct frame *frame = ctx;
    struct load_camera *camera = frame->camera;
    struct sl_load_figures *figures = &camera->load->camera_figures;
    const struct sl_rtp_packet packet = {
        .seq = camera->seq++,
        .timestamp = frame->timestamp,
        .marker = last,
        .has_capture = true,
        .capture_ntp = frame->capture_ntp,
        .payload = payload,
        .payload_len = len,
    };
    sl_history_put(camera->history, &packet, frame->now);
    if (sl_endpoint_send(camera->endpoint, SL_VIDEO, &packet, frame->now) == 0) {
        figures->published++;
        figures->published_bytes += len;
    } else {
        frame->whole = false;
    }
}

static uint32_t timestamp(const struct load_camera *camera, sl_ns at)
{
    return camera->timestamp_base + (uint32_t)(at / SL_SEC * CLOCK_HZ) +
           (uint32_t)(at % SL_SEC * CLOCK_HZ / SL_SEC);
}

static void send_unit(struct load_camera *camera, sl_ns now)
{
    const struct sl_clip_unit unit = sl_clip_unit(camera->load->config.clip, camera->unit++);
    struct frame frame = {
        .camera = camera,
        .timestamp = timestamp(camera, camera->due),
        .capture_ntp = sl_ntp_from_ns(now, camera->load->epoch),
        .now = now,
        .whole = true,
    };
    if (sl_h264_pack(unit.data, unit.len, PAYLOAD_MAX, emit, &frame) > 0 && frame.whole)
        camera->whole++;
}

/* The next after `from` that is this camera's. */
static sl_ns moment_after(const struct load_camera *camera, sl_ns from)
{
    const sl_ns period = camera->load->period;
    return from - from % period + period + camera->phase;
}

/* By count, not by adding up: the period is no whole number of ns. Until everybody is there only
 * now and then, lest the media take the time that connecting needs. */
static void step(struct load_camera *camera)
{
    const struct sl_load *load = camera->load;
    if (!atomic_load_explicit(&load->full, memory_order_relaxed)) {
        camera->due = moment_after(camera, camera->due + SLOWLY * load->period);
        camera->begun = camera->due;
        camera->frame = 0;
        return;
    }
    camera->frame++;
    camera->due = camera->begun + (sl_ns)((double)camera->frame * (double)SL_SEC /
                                          sl_clip_fps(load->config.clip) / load->config.speed);
}

static void tick(void *ctx, sl_ns turn)
{
    (void)turn;
    struct load_camera *camera = ctx;
    struct sl_load *load = camera->load;
    const sl_ns now = sl_loop_refresh(load->cameras_side.loop);
    if (now - camera->due > LATE)
        load->camera_figures.late_ticks++;
    send_unit(camera, now);
    do
        step(camera);
    while (now - camera->due > HOPELESS);
    sl_timer_set(&camera->timer, camera->due);
}

/* From the clip's key frame on, at the next moment that is this camera's. */
static void play(struct load_camera *camera)
{
    if (camera->resting)
        return;
    camera->unit = 0;
    camera->frame = 0;
    camera->due = moment_after(camera, sl_loop_now(camera->load->cameras_side.loop));
    camera->begun = camera->due;
    sl_timer_set(&camera->timer, camera->due);
}

/* ---- What the endpoint says ---- */

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct load_camera *camera = ctx;
    struct load_side *side = &camera->load->cameras_side;
    const bool live = state == SL_ENDPOINT_LIVE;
    if (camera->live && !live)
        camera->load->camera_figures.broken++;
    camera->live = live;
    if (!live)
        sl_timer_clear(&camera->timer);
    if (state == SL_ENDPOINT_REFUSED)
        load_side_refused(side, reason);
    if (!live)
        return;
    play(camera);
    if (camera->connected)
        return;
    camera->connected = true;
    load_side_connected(side);
    load_side_ready(side);
}

static void on_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)kind;
    (void)now;
    struct load_camera *camera = ctx;
    camera->unit = 0;
    if (camera->resting)
        return;
    if (atomic_load_explicit(&camera->load->full, memory_order_relaxed))
        return;
    camera->due = sl_loop_now(camera->load->cameras_side.loop);
    sl_timer_set(&camera->timer, camera->due);
}

static const struct sl_rtp_packet *on_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    const struct load_camera *camera = ctx;
    return kind == SL_VIDEO ? sl_history_get(camera->history, seq, NULL) : NULL;
}

static const struct sl_endpoint_handler handler = {
    .state = on_state, .keyframe_wanted = on_keyframe_wanted, .resend = on_resend};

/* ---- Life ---- */

static void begin(struct load_side *side, int index)
{
    sl_endpoint_start(side->load->cameras[index].endpoint);
}

static void answer(struct load_side *side, enum load_question question)
{
    struct sl_load *load = side->load;
    struct timespec cpu;
    if (question == LOAD_FIGURES) {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
        load->camera_figures.camera_cpu = cpu.tv_sec * SL_SEC + cpu.tv_nsec;
        load->answer_cameras = load->camera_figures;
    } else if (question == LOAD_REST) {
        for (int i = 0; i < side->count; i++) {
            load->cameras[i].resting = true;
            sl_timer_clear(&load->cameras[i].timer);
        }
    } else if (question == LOAD_STOP) {
        for (int i = 0; i < side->count; i++) {
            load->cameras[i].live = false;
            sl_timer_clear(&load->cameras[i].timer);
            sl_endpoint_stop(load->cameras[i].endpoint);
        }
    }
}

static int create_camera(struct sl_load *load, int index)
{
    struct load_camera *camera = &load->cameras[index];
    char why[160];
    camera->load = load;
    camera->phase = load->period * index / load->config.cameras;
    camera->timestamp_base = sl_random_u32(&load->cameras_side.random);
    sl_timer_init(&camera->timer, load->cameras_side.loop, tick, camera);
    struct sl_endpoint_config config = {
        .loop = load->cameras_side.loop,
        .http = load->cameras_side.http,
        .identity = load->identity,
        .random = &load->cameras_side.random,
        .epoch = load->epoch,
        .publish = true,
        .video = true,
        .retries = -1,
        .fec_percent = SL_FEC_AUTO,
        .handler = &handler,
        .ctx = camera,
    };
    snprintf(config.h264_profile, sizeof(config.h264_profile), "%s",
             sl_clip_profile(load->config.clip));
    int error = sl_link_parse(&config.link, load->config.publish[index], why, sizeof(why));
    if (!error)
        error = sl_history_create(&camera->history, HISTORY);
    return error ? error : sl_endpoint_create(&camera->endpoint, &config);
}

int load_cameras_create(struct sl_load *load)
{
    struct load_side *side = &load->cameras_side;
    side->count = load->config.cameras;
    side->begin = begin;
    side->answer = answer;
    load->cameras = calloc((size_t)side->count, sizeof(*load->cameras));
    int error = load->cameras ? 0 : -ENOMEM;
    for (int i = 0; i < side->count && !error; i++)
        error = create_camera(load, i);
    return error;
}

void load_cameras_destroy(struct sl_load *load)
{
    for (int i = 0; load->cameras && i < load->config.cameras; i++) {
        sl_timer_clear(&load->cameras[i].timer);
        sl_endpoint_destroy(load->cameras[i].endpoint);
        sl_history_destroy(load->cameras[i].history);
    }
    free(load->cameras);
}
