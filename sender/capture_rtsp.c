/* SPDX-License-Identifier: MIT */
/*
 * A camera that is fetched from by RTSP. H.264 without reordering is sent on as it comes; what else
 * it sends is decoded and encoded anew.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "base/time.h"
#include "sender/audio.h"
#include "sender/capture.h"
#include "sender/h264_look.h"
#include "sender/h264_pass.h"
#include "sender/rtsp_feed.h"
#include "sender/scale.h"

#define LOOK (10 * SL_SEC) /* cameras have a key frame every 1 to 4 s, a few every 10 */
#define LOOK_PICTURES 8    /* a stream with B slices shows one among so many */
#define LOOK_ENOUGH SL_SEC /* for a slow one that cannot have any */
#define SIDE_MAX 8192
#define TICK (12 * SL_US) /* apart by at least one of 90 kHz, or two pictures become one */

struct camera {
    struct sl_capture base;
    struct sl_rtsp_feed *feed;
    char source[SL_RTSP_URL_MAX]; /* as it may be shown */
    uint32_t shortest;            /* between two pictures seen so far, in ticks; 0: none */
    uint32_t last_timestamp;
    int looked_at;

    struct sl_h264_pass *pass;
    struct sl_h264_look seen;
    bool only_key;
    sl_ns last_captured;

    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *picture;
    struct sl_scaler *scaler;
};

static void camera_close(struct sl_capture *capture)
{
    struct camera *camera = (struct camera *)capture;
    sl_audio_close(camera->base.sound);
    sl_rtsp_feed_close(camera->feed);
    sl_h264_pass_destroy(camera->pass);
    sl_scaler_destroy(camera->scaler);
    avcodec_free_context(&camera->decoder);
    av_packet_free(&camera->packet);
    av_frame_free(&camera->picture);
    free(camera);
}

/* Timestamps are the only word on the frame rate that is always true. They go to and fro where
 * pictures are reordered. */
static void note_interval(struct camera *camera, const struct sl_rtsp_unit *unit)
{
    const int32_t step = (int32_t)(unit->timestamp - camera->last_timestamp);
    const uint32_t ticks = step < 0 ? -(uint32_t)step : (uint32_t)step;
    if (camera->looked_at++ && !unit->gap && ticks &&
        (!camera->shortest || ticks < camera->shortest))
        camera->shortest = ticks;
    camera->last_timestamp = unit->timestamp;
}

static void set_rate(struct camera *camera)
{
    const uint32_t hz = sl_rtsp_feed_video(camera->feed)->clock_hz;
    camera->base.fps_num = 25;
    camera->base.fps_den = 1;
    if (camera->shortest)
        av_reduce(&camera->base.fps_num, &camera->base.fps_den, hz, camera->shortest, INT_MAX);
}

/* Of a picture that is given out. Time never goes back, though what is known of the camera's clock
 * is corrected now and then. */
static sl_ns note_picture(struct camera *camera, sl_ns at)
{
    if (at < camera->last_captured + TICK)
        at = camera->last_captured + TICK;
    camera->last_captured = at;
    atomic_store(&camera->base.away, false);
    return at;
}

/* ---- H.264, sent on ---- */

/* Parameter sets of the SDP: "sprop-parameter-sets=Z0LgHtoCgPRA,aM4G4g==" */
static void take_told_sets(struct camera *camera)
{
    char text[2048];
    uint8_t nal[1024];
    const char *at =
        sl_rtsp_fmtp(sl_rtsp_feed_video(camera->feed), "sprop-parameter-sets", text, sizeof(text));
    while (*at) {
        const size_t len = sl_rtsp_base64(&at, nal, sizeof(nal));
        sl_h264_pass_set(camera->pass, nal, len);
    }
}

/* Looks at what comes until it is clear what it is. 0, -ECANCELED, or -errno with `why`. */
static int look(struct camera *camera, char *why, size_t why_len)
{
    const sl_ns begun = sl_time_now(), until = begun + LOOK;
    const struct sl_sps *sps;
    bool enough = false;
    do {
        struct sl_rtsp_unit unit;
        struct sl_h264_passed passed;
        const int got = sl_rtsp_feed_next(camera->feed, until, &unit);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        note_interval(camera, &unit);
        if (sl_h264_pass_unit(camera->pass, unit.data, unit.len, &passed) == 0)
            sl_h264_look_note(&camera->seen, &passed);
        sps = sl_h264_pass_sps(camera->pass);
        enough =
            camera->looked_at >= LOOK_PICTURES || (sps && sps->in_order && camera->looked_at >= 2 &&
                                                   sl_time_now() - begun >= LOOK_ENOUGH);
    } while (!camera->seen.reordered && !(sps && enough));
    if (!camera->looked_at)
        snprintf(why, why_len, "it sends no pictures");
    else if (!sl_h264_pass_sps(camera->pass))
        snprintf(why, why_len, "it sends no parameter sets that can be read");
    else
        return 0;
    return -ETIMEDOUT;
}

/* 1: it is sent on; 0: it has to be decoded; -errno. */
static int try_to_pass(struct camera *camera, char *why, size_t why_len)
{
    int error = sl_h264_pass_create(&camera->pass, SL_RTSP_UNIT_MAX);
    if (error)
        return error;
    take_told_sets(camera);
    error = look(camera, why, why_len);
    if (error)
        return error;
    const struct sl_sps *sps = sl_h264_pass_sps(camera->pass);
    if (camera->seen.reordered || sl_h264_pass_profile(sps, camera->base.h264_profile))
        return 0;
    camera->base.encoded = true;
    camera->base.width = sps->width;
    camera->base.height = sps->height;
    return 1;
}

static int camera_next_unit(struct sl_capture *capture, struct sl_capture_unit *ret)
{
    struct camera *camera = (struct camera *)capture;
    for (;;) {
        struct sl_rtsp_unit unit;
        struct sl_h264_passed passed;
        const int got = sl_rtsp_feed_next(camera->feed, SL_NEVER, &unit);
        if (got != 1)
            return got;
        const int error = sl_h264_pass_unit(camera->pass, unit.data, unit.len, &passed);
        camera->only_key |= unit.gap || error == -EMSGSIZE;
        if (error || (camera->only_key && !passed.key))
            continue;
        if (passed.reordered) {
            capture->why = "it has begun to send B slices; started again, it will be decoded";
            return -ENOTSUP;
        }
        camera->only_key = false;
        *ret = (struct sl_capture_unit){.data = passed.data,
                                        .len = passed.len,
                                        .key = passed.key,
                                        .captured = note_picture(camera, unit.captured)};
        return 1;
    }
}

/* ---- All else, decoded ---- */

/* Parameter sets of the SDP in Annex B form; cameras that tell them there may not repeat them. */
static int set_extradata(struct camera *camera)
{
    static const char *const keys[] = {"sprop-vps", "sprop-sps", "sprop-pps",
                                       "sprop-parameter-sets"};
    const size_t size = 4096;
    uint8_t *out = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    size_t len = 0;
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < SL_COUNT(keys); i++) {
        char text[2048];
        const char *at =
            sl_rtsp_fmtp(sl_rtsp_feed_video(camera->feed), keys[i], text, sizeof(text));
        while (*at && len + 4 < size) {
            const size_t nal = sl_rtsp_base64(&at, out + len + 4, size - len - 4);
            out[len + 3] = nal ? 1 : 0;
            len += nal ? nal + 4 : 0;
        }
    }
    camera->decoder->extradata = out;
    camera->decoder->extradata_size = (int)len;
    return 0;
}

static int open_decoder(struct camera *camera)
{
    const enum sl_rtsp_codec coded = sl_rtsp_feed_video(camera->feed)->codec;
    const AVCodec *codec = avcodec_find_decoder_by_name(sl_rtsp_codec_name(coded));
    camera->packet = av_packet_alloc();
    camera->picture = av_frame_alloc();
    camera->decoder = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!codec)
        return -ENOTSUP;
    if (!camera->packet || !camera->picture || !camera->decoder)
        return -ENOMEM;
    camera->decoder->pkt_timebase = (AVRational){1, SL_SEC};
    camera->decoder->thread_count = 1; /* each further one would hold a picture back */
    const int error = coded == SL_RTSP_JPEG ? 0 : set_extradata(camera);
    if (error)
        return error;
    return avcodec_open2(camera->decoder, codec, NULL) ? -ENOTSUP : 0;
}

/* 1: `picture` is the next; 0: `until` has passed; -ECANCELED. Damaged pictures are left out. */
static int decode(struct camera *camera, sl_ns until)
{
    for (;;) {
        while (avcodec_receive_frame(camera->decoder, camera->picture) == 0)
            if (!(camera->picture->flags & AV_FRAME_FLAG_CORRUPT))
                return 1;
        struct sl_rtsp_unit unit;
        const int got = sl_rtsp_feed_next(camera->feed, until, &unit);
        if (got != 1)
            return got;
        note_interval(camera, &unit);
        camera->packet->data = unit.data;
        camera->packet->size = (int)unit.len;
        camera->packet->pts = unit.captured;
        (void)avcodec_send_packet(camera->decoder, camera->packet);
    }
}

static int begin_decoding(struct camera *camera, const struct sl_capture_config *config, char *why,
                          size_t why_len)
{
    int error = open_decoder(camera);
    if (error) {
        snprintf(why, why_len, "its video (%s) cannot be decoded here",
                 sl_rtsp_codec_name(sl_rtsp_feed_video(camera->feed)->codec));
        return error;
    }
    const sl_ns until = sl_time_now() + LOOK;
    int width = 0, height = 0, got = 1;
    while (got == 1 && (!width || camera->looked_at < LOOK_PICTURES)) {
        got = decode(camera, until);
        if (got < 0)
            return got;
        if (got == 1 && !width) {
            width = camera->picture->width;
            height = camera->picture->height;
            camera->base.full_range = camera->picture->color_range == AVCOL_RANGE_JPEG;
        }
    }
    if (width < 16 || height < 16 || width > SIDE_MAX || height > SIDE_MAX) {
        snprintf(why, why_len, "it sends no pictures that can be decoded");
        return -EBADMSG;
    }
    camera->base.width = config->size.width ? config->size.width : width & ~1;
    camera->base.height = config->size.height ? config->size.height : height & ~1;
    return sl_scaler_create(&camera->scaler, camera->base.width, camera->base.height,
                            camera->base.full_range);
}

static int camera_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    struct camera *camera = (struct camera *)capture;
    const int got = decode(camera, SL_NEVER);
    if (got != 1)
        return got;
    const int error = sl_scaler_run(camera->scaler, camera->picture, pixels);
    if (error)
        return error;
    *captured = note_picture(camera, camera->picture->best_effort_timestamp);
    return 1;
}

/* ---- Opening ---- */

static int set_up(struct camera *camera, const char *url, const struct sl_capture_config *config,
                  char *why, size_t why_len)
{
    struct sl_rtsp_feed_config feed = {
        .source = sl_rtsp_url_redact(url, camera->source, sizeof(camera->source)),
        .transport = config->rtsp_transport,
        .sound = config->sound,
        .halt = config->halt,
        .away = &camera->base.away,
    };
    int error = sl_rtsp_url_parse(&feed.url, url, why, why_len);
    error = error ? error : sl_rtsp_feed_open(&camera->feed, &feed, why, why_len);
    if (error)
        return error;
    camera->base.sound = sl_rtsp_feed_take_sound(camera->feed);
    snprintf(why, why_len, "out of memory");
    int passes = 0;
    if (sl_rtsp_feed_video(camera->feed)->codec == SL_RTSP_H264)
        passes = try_to_pass(camera, why, why_len);
    if (passes < 0)
        return passes;
    error = passes ? 0 : begin_decoding(camera, config, why, why_len);
    set_rate(camera);
    const double fps = (double)camera->base.fps_num / camera->base.fps_den;
    camera->base.bitrate_bps = passes ? sl_h264_look_bitrate_bps(&camera->seen, fps) : 0;
    return error;
}

static int open_camera(struct sl_capture **ret, const struct sl_capture_kind *kind,
                       const char *rest, const struct sl_capture_config *config, char *why,
                       size_t why_len)
{
    char url[SL_RTSP_URL_MAX];
    struct camera *camera = calloc(1, sizeof(*camera));
    snprintf(why, why_len, "out of memory");
    if (!camera)
        return -ENOMEM;
    camera->base.kind = kind;
    int error = -ENAMETOOLONG;
    if (snprintf(url, sizeof(url), "%s%s", kind->prefix, rest) < (int)sizeof(url))
        error = set_up(camera, url, config, why, why_len);
    else
        snprintf(why, why_len, "the URL is too long: at most %d characters", SL_RTSP_URL_MAX - 1);
    if (error) {
        camera_close(&camera->base);
        return error;
    }
    *ret = &camera->base;
    return 0;
}

static int open_plain(struct sl_capture **ret, const char *rest,
                      const struct sl_capture_config *config, char *why, size_t why_len)
{
    return open_camera(ret, &sl_capture_rtsp, rest, config, why, why_len);
}

static int open_tls(struct sl_capture **ret, const char *rest,
                    const struct sl_capture_config *config, char *why, size_t why_len)
{
    return open_camera(ret, &sl_capture_rtsps, rest, config, why, why_len);
}

const struct sl_capture_kind sl_capture_rtsp = {
    .prefix = "rtsp:",
    .open = open_plain,
    .next = camera_next,
    .next_unit = camera_next_unit,
    .close = camera_close,
};

const struct sl_capture_kind sl_capture_rtsps = {
    .prefix = "rtsps:",
    .open = open_tls,
    .next = camera_next,
    .next_unit = camera_next_unit,
    .close = camera_close,
};
