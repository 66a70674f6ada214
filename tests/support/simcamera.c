/* SPDX-License-Identifier: MIT */
#include "tests/support/simcamera.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "media/h264_pack.h"

#define FRAME_MAX (1024 * 1024)
#define SLICE_HEADER 9 /* NAL header, number, length */

static const uint8_t parameter_sets[] = {
    0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4, /* SPS */
    0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,                               /* PPS */
};

void sim_camera_init(struct sim_camera *camera, const struct sim_camera_config *config,
                     struct sim_end *to)
{
    *camera = (struct sim_camera){.config = *config, .to = to, .seq = config->first_seq};
    struct sim_camera_config *c = &camera->config;
    c->interval = c->interval ? c->interval : SL_SEC / 30;
    c->gop = c->gop ? c->gop : 60;
    c->key_bytes = c->key_bytes ? c->key_bytes : 20000;
    c->picture_bytes = c->picture_bytes ? c->picture_bytes : 4000;
    c->payload_max = c->payload_max ? c->payload_max : 1100;
    camera->key_wanted = true;
    camera->frames = calloc(c->frames, sizeof(*camera->frames));
    if (!camera->frames)
        abort();
}

void sim_camera_fini(struct sim_camera *camera)
{
    free(camera->frames);
    camera->frames = NULL;
}

/* Never 0, so that no start code comes about. */
static uint8_t byte_of(uint32_t number, size_t i)
{
    return (uint8_t)(1 + (number * 7 + i * 13) % 255);
}

static void put_varied(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) /* seven bits a byte, so never 0 either; 28 bits are plenty */
        out[i] = (uint8_t)(0x80 | (value >> (7 * i) & 0x7f));
}

static uint32_t get_varied(const uint8_t *in)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)(in[i] & 0x7f) << (7 * i);
    return value;
}

static size_t write_slice(uint8_t *out, bool key, uint32_t number, size_t len)
{
    sl_put32(out, 1); /* start code */
    uint8_t *nal = out + 4;
    nal[0] = key ? 0x65 : 0x61;
    put_varied(nal + 1, number);
    put_varied(nal + 5, (uint32_t)len);
    for (size_t i = SLICE_HEADER; i < len; i++)
        nal[i] = byte_of(number, i);
    return 4 + len;
}

struct emission {
    struct sim_camera *camera;
    struct sl_rtp_packet packet;
    int count;
};

static void emit(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    struct emission *emission = ctx;
    struct sim_camera *camera = emission->camera;
    emission->packet.seq = camera->seq++;
    emission->packet.payload = payload;
    emission->packet.payload_len = len;
    emission->packet.marker = last;
    emission->count++;
    if (sim_end_send(camera->to, SL_VIDEO, &emission->packet) < 0)
        camera->refused++;
}

static void make_frame(void *ctx);

static bool is_wanted(struct sim_camera *camera)
{
    const enum sl_rate_verdict verdict =
        sl_session_next_frame(camera->to->session, sim_clock_now(&camera->to->clock));
    sim_end_settle(camera->to);
    return verdict == SL_RATE_SEND || verdict == SL_RATE_PROBE;
}

static size_t scaled(const struct sim_camera *camera, size_t bytes)
{
    const int64_t bps = sl_session_bitrate(camera->to->session);
    if (camera->config.nominal_bps == 0 || bps == 0)
        return bytes;
    return 100 + (size_t)((double)bytes * (double)bps / (double)camera->config.nominal_bps);
}

static uint32_t timestamp_of(const struct sim_camera *camera, uint32_t number)
{
    const sl_ns now = sim_clock_now(&camera->to->clock);
    if (!camera->config.timed)
        return number * 3000;
    return (uint32_t)(now / SL_SEC * 90000 + now % SL_SEC * 90000 / SL_SEC);
}

static void make_frame(void *ctx)
{
    static uint8_t annexb[FRAME_MAX];
    struct sim_camera *camera = ctx;
    struct sim *sim = camera->to->sim;
    if (camera->stopped)
        return;
    if (!is_wanted(camera)) {
        camera->skipped++;
        sim_at(sim, sim_now(sim) + camera->config.interval, make_frame, camera);
        return;
    }
    const bool key = camera->key_wanted || camera->since_key >= camera->config.gop;
    const uint32_t number = camera->config.first_frame + (uint32_t)camera->count;
    size_t len = 0;
    if (key) {
        memcpy(annexb, parameter_sets, sizeof(parameter_sets));
        len = sizeof(parameter_sets);
    }
    len +=
        write_slice(annexb + len, key, number,
                    scaled(camera, key ? camera->config.key_bytes : camera->config.picture_bytes));
    camera->since_key = key ? 1 : camera->since_key + 1;
    camera->key_wanted = false;

    struct emission emission = {.camera = camera,
                                .packet = {.timestamp = timestamp_of(camera, number),
                                           .has_capture = true,
                                           .capture_ntp = sim_clock_ntp(&camera->to->clock)}};
    struct sim_camera_frame *frame = &camera->frames[camera->count++];
    frame->sent = sim_now(sim);
    frame->key = key;
    if (sl_h264_pack(annexb, len, camera->config.payload_max, emit, &emission) < 0)
        abort();
    frame->packets = emission.count;
    if (camera->count < camera->config.frames)
        sim_at(sim, frame->sent + camera->config.interval, make_frame, camera);
}

void sim_camera_start(struct sim_camera *camera)
{
    sim_at(camera->to->sim, sim_now(camera->to->sim), make_frame, camera);
}

/* The slice is the last NAL. */
int64_t sim_camera_frame_number(const uint8_t *annexb, size_t len)
{
    const uint8_t *nal = NULL, *end = annexb + len;
    for (size_t i = 0; i + 3 < len; i++)
        if (annexb[i] == 0 && annexb[i + 1] == 0 && annexb[i + 2] == 1)
            nal = annexb + i + 3;
    if (!nal || end - nal < SLICE_HEADER || (nal[0] != 0x65 && nal[0] != 0x61))
        return -1;
    const uint32_t number = get_varied(nal + 1);
    if (get_varied(nal + 5) != (uint32_t)(end - nal))
        return -1;
    for (size_t i = SLICE_HEADER; nal + i < end; i++)
        if (nal[i] != byte_of(number, i))
            return -1;
    return number;
}
