/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/frame.h>

#include "base/log.h"
#include "sender/capture_v4l2_find.h"
#include "sender/capture_v4l2_h264.h"
#include "sender/capture_v4l2_picture.h"
#include "sender/scale.h"

#define SEARCH_EVERY (250 * SL_MS)
#define PATIENCE_INTERVALS 10 /* without a picture, before the device is opened anew */
#define PATIENCE_LEAST (2 * SL_SEC)
#define LOOK (10 * SL_SEC) /* at H.264, until its parameter sets come with a key frame */

struct v4l2 {
    struct sl_capture base;
    const struct sl_v4l2_ops *ops;
    const struct sl_halt *halt;
    struct sl_v4l2_wish wish;
    struct sl_v4l2_identity identity;
    int retries;                   /* -1: forever */
    struct sl_v4l2_device *device; /* NULL: away */
    struct sl_v4l2_picture *picture;
    struct sl_scaler *scaler;
    struct sl_v4l2_h264 *h264;  /* NULL: it gives pictures */
    struct sl_v4l2_buffer held; /* H.264 that was given last */
    bool holds;
    sl_ns deadline; /* for the next picture, or of the next search */
    bool lost;      /* said so; no picture since */
    int tries;      /* since then */
    sl_ns last;     /* moment of the last picture */
    struct sl_v4l2_capture_stats stats;
};

static void v4l2_close(struct sl_capture *capture)
{
    struct v4l2 *v4l2 = (struct v4l2 *)capture;
    sl_v4l2_device_close(v4l2->device);
    sl_v4l2_picture_destroy(v4l2->picture);
    sl_scaler_destroy(v4l2->scaler);
    sl_v4l2_h264_destroy(v4l2->h264);
    free(v4l2);
}

/* ---- Opening ---- */

static sl_ns patience(const struct v4l2 *v4l2)
{
    const struct sl_v4l2_mode *mode = &sl_v4l2_device_info(v4l2->device)->mode;
    const sl_ns several =
        mode->fps_num ? PATIENCE_INTERVALS * (SL_SEC * mode->fps_den / mode->fps_num) : 0;
    return several > PATIENCE_LEAST ? several : PATIENCE_LEAST;
}

static double fps(const struct sl_v4l2_mode *mode)
{
    return (double)mode->fps_num / mode->fps_den;
}

static void tell_of_encoder(const struct v4l2 *v4l2)
{
    const struct sl_v4l2_encoder *encoder = sl_v4l2_device_encoder(v4l2->device);
    char bitrate[48] = "as the camera has it";
    if (encoder->bitrate_bps)
        snprintf(bitrate, sizeof(bitrate), "%lld kb/s, follows the link",
                 (long long)encoder->bitrate_bps / 1000);
    sl_info("v4l2: its own H.264 (%s) is sent on: bit rate %s; key frames %s",
            v4l2->base.h264_profile, bitrate,
            encoder->key ? "when asked for" : "when the camera makes them");
}

/* One line of what was chosen; a warning if it is not what was asked for. */
static void tell(const struct v4l2 *v4l2)
{
    const struct sl_v4l2_device_info *info = sl_v4l2_device_info(v4l2->device);
    const struct sl_v4l2_mode *mode = &info->mode;
    const struct sl_v4l2_wish *wish = &v4l2->wish;
    const bool other_size =
        wish->size.width && (wish->size.width != mode->width || wish->size.height != mode->height);
    const bool slower = wish->fps && !sl_v4l2_reaches_rate(mode, wish);
    char fourcc[SL_V4L2_FOURCC_TEXT], asked[96] = "";
    if (other_size && v4l2->h264)
        snprintf(asked, sizeof(asked), ", sent as it is: it does not offer %dx%d", wish->size.width,
                 wish->size.height);
    else if (other_size)
        snprintf(asked, sizeof(asked), ", scaled to %dx%d: it does not offer that",
                 wish->size.width, wish->size.height);
    else if (slower)
        snprintf(asked, sizeof(asked), ": it does not reach %d/s", wish->fps);
    sl_log(other_size || slower ? SL_LOG_WARN : SL_LOG_INFO, "v4l2: %s '%s' %dx%d %.4g/s %s%s%s",
           info->path, info->card, mode->width, mode->height, fps(mode),
           sl_v4l2_fourcc_text(mode->fourcc, fourcc), mode->emulated ? " by libv4l2" : "", asked);
    if (v4l2->h264)
        tell_of_encoder(v4l2);
}

/* Makes the device ours, and what its pictures go through. */
static int adopt(struct v4l2 *v4l2, struct sl_v4l2_device *device, char *why, size_t why_len)
{
    const struct sl_v4l2_format *format =
        sl_v4l2_format_find(sl_v4l2_device_info(device)->mode.fourcc);
    struct sl_v4l2_picture *picture = NULL;
    int error = 0;
    if (!format->encoded)
        error = sl_v4l2_picture_create(&picture, format);
    else if (!v4l2->h264)
        error = sl_v4l2_h264_create(&v4l2->h264);
    if (error) {
        sl_v4l2_device_close(device);
        snprintf(why, why_len, "%s: %s", format->name, strerror(-error));
        return error;
    }
    v4l2->device = device;
    v4l2->picture = picture;
    v4l2->deadline = v4l2->ops->now() + patience(v4l2);
    if (format->encoded)
        sl_v4l2_h264_begin(v4l2->h264, v4l2->ops->now());
    return 0;
}

static int open_path(struct v4l2 *v4l2, const char *path, char *why, size_t why_len)
{
    struct sl_v4l2_device *device;
    const int error = sl_v4l2_device_open(&device, v4l2->ops, path, &v4l2->wish,
                                          &v4l2->stats.device, why, why_len);
    return error ? error : adopt(v4l2, device, why, why_len);
}

/* ---- H.264 of its own ---- */

static enum sl_v4l2_h264_found read_unit(struct v4l2 *v4l2, const struct sl_v4l2_buffer *buffer,
                                         struct sl_h264_passed *ret)
{
    const struct sl_v4l2_h264_buffer from = {.data = buffer->data,
                                             .len = buffer->len,
                                             .missed = buffer->missed,
                                             .damaged = buffer->damaged};
    return sl_v4l2_h264_take(v4l2->h264, &from, v4l2->ops->now(), ret);
}

static void ask_for_key(struct v4l2 *v4l2)
{
    if (sl_v4l2_h264_ask(v4l2->h264, v4l2->ops->now()) && sl_v4l2_device_force_key(v4l2->device))
        v4l2->stats.keys_asked++;
}

/* What it is can be seen only when it comes. 0 or -errno. */
static int look_at_units(struct v4l2 *v4l2, char *why, size_t why_len)
{
    const sl_ns until = v4l2->ops->now() + LOOK;
    while (!sl_v4l2_h264_is_known(v4l2->h264)) {
        struct sl_v4l2_buffer buffer;
        struct sl_h264_passed passed;
        ask_for_key(v4l2);
        int got = sl_v4l2_device_take(v4l2->device, v4l2->halt, until, &buffer);
        if (got == 1) {
            if (read_unit(v4l2, &buffer, &passed) == SL_V4L2_H264_NO_SLICE)
                v4l2->stats.undecodable++;
            else
                v4l2->stats.keyless++;
            got = sl_v4l2_device_give_back(v4l2->device, &buffer);
        }
        if (got < 0) {
            snprintf(why, why_len, "%s", strerror(-got));
            return got;
        }
        if (v4l2->ops->now() >= until) {
            snprintf(why, why_len, "it gives no H.264 that can be read");
            return -ETIMEDOUT;
        }
    }
    return 0;
}

static int begin_encoded(struct v4l2 *v4l2, char *why, size_t why_len)
{
    const int error = look_at_units(v4l2, why, why_len);
    if (error)
        return error;
    if (sl_v4l2_h264_is_reordered(v4l2->h264)) {
        snprintf(why, why_len, "its H.264 has B slices; wanted another --format");
        return -ENOTSUP;
    }
    if (sl_h264_pass_profile(sl_v4l2_h264_sps(v4l2->h264), v4l2->base.h264_profile)) {
        snprintf(why, why_len,
                 "its H.264 is of a profile that hardly anybody shows; "
                 "wanted another --format");
        return -ENOTSUP;
    }
    sl_v4l2_h264_begin(v4l2->h264, v4l2->ops->now()); /* what was looked at is not sent */
    v4l2->deadline = v4l2->ops->now() + patience(v4l2);
    return 0;
}

static void close_device(struct v4l2 *v4l2)
{
    sl_v4l2_device_close(v4l2->device);
    sl_v4l2_picture_destroy(v4l2->picture);
    v4l2->device = NULL;
    v4l2->picture = NULL;
    v4l2->holds = false;
}

/* H.264 that was not asked for by name and turns out to be of no use is not missed. */
static int open_first(struct v4l2 *v4l2, const char *path, char *why, size_t why_len)
{
    int error = open_path(v4l2, path, why, why_len);
    if (error || !v4l2->h264)
        return error;
    error = begin_encoded(v4l2, why, why_len);
    if (!error)
        return 0;
    close_device(v4l2);
    sl_v4l2_h264_destroy(v4l2->h264);
    v4l2->h264 = NULL;
    if (error == -ECANCELED || v4l2->wish.format)
        return error;
    char second[256];
    const enum sl_v4l2_encoded encoded = v4l2->wish.encoded;
    v4l2->wish.encoded = SL_V4L2_ENCODED_NEVER;
    if (!open_path(v4l2, path, second, sizeof(second)))
        error = 0;
    v4l2->wish.encoded = encoded;
    return error;
}

/* The first that is a camera, free, and has what was asked for. */
static int open_any(struct v4l2 *v4l2, char *why, size_t why_len)
{
    char nodes[SL_V4L2_NODES_MAX][SL_V4L2_PATH], reason[200];
    const size_t count = sl_v4l2_nodes(v4l2->ops, nodes);
    int error = -ENODEV;
    snprintf(why, why_len, "there is no camera");
    for (size_t i = 0; i < count; i++) {
        const int result = open_first(v4l2, nodes[i], reason, sizeof(reason));
        if (!result || result == -ECANCELED)
            return result;
        if (result == -ENOTTY || error != -ENODEV) /* the first camera's reason is told */
            continue;
        error = result;
        snprintf(why, why_len, "no camera is free: %s: %s", nodes[i], reason);
    }
    return error;
}

/* What it is from now on, wherever it comes back. */
static void fix_encoded(struct v4l2 *v4l2)
{
    const struct sl_sps *sps = sl_v4l2_h264_sps(v4l2->h264);
    const struct sl_v4l2_encoder *encoder = sl_v4l2_device_encoder(v4l2->device);
    const double rate = (double)v4l2->base.fps_num / v4l2->base.fps_den;
    v4l2->wish.format = sl_v4l2_format_named("h264");
    v4l2->base.encoded = true;
    v4l2->base.width = sps->width;
    v4l2->base.height = sps->height;
    v4l2->base.bitrate_bps =
        encoder->bitrate_bps ? encoder->bitrate_bps : sl_v4l2_h264_bitrate_bps(v4l2->h264, rate);
    v4l2->base.heeds = (struct sl_capture_heeds){
        .mode = true, .bitrate = encoder->bitrate_bps, .gop = encoder->gop};
}

static int fix_output(struct v4l2 *v4l2, const struct sl_capture_config *config)
{
    const struct sl_v4l2_device_info *info = sl_v4l2_device_info(v4l2->device);
    const struct sl_v4l2_mode *mode = &info->mode;
    sl_v4l2_identify(&v4l2->identity, v4l2->ops, info->path, info->card, info->bus_info);
    v4l2->base.width = config->size.width ? config->size.width : mode->width & ~1;
    v4l2->base.height = config->size.height ? config->size.height : mode->height & ~1;
    v4l2->base.fps_num = mode->fps_num ? mode->fps_num : config->fps ? config->fps : SL_V4L2_FPS;
    v4l2->base.fps_den = mode->fps_num ? mode->fps_den : 1;
    v4l2->base.full_range = info->shape.full_range;
    v4l2->wish.encoded = SL_V4L2_ENCODED_NEVER;
    if (v4l2->h264) {
        fix_encoded(v4l2);
        return 0;
    }
    return sl_scaler_create(&v4l2->scaler, v4l2->base.width, v4l2->base.height,
                            v4l2->base.full_range);
}

static int read_wish(struct v4l2 *v4l2, const struct sl_capture_config *config, char *why,
                     size_t why_len)
{
    const char *name = config->format && strcmp(config->format, "auto") ? config->format : NULL;
    v4l2->wish.size = config->size;
    v4l2->wish.fps = config->fps;
    v4l2->wish.bitrate_bps = config->bitrate_bps;
    v4l2->wish.gop = config->gop;
    v4l2->wish.encoded = config->pictures ? SL_V4L2_ENCODED_LAST : SL_V4L2_ENCODED_BETTER;
    v4l2->wish.format = name ? sl_v4l2_format_named(name) : NULL;
    if (name && !v4l2->wish.format) {
        snprintf(why, why_len, "there is no format %s", name);
        return -EINVAL;
    }
    return 0;
}

int sl_v4l2_capture_open(struct sl_capture **ret, const struct sl_v4l2_ops *ops, const char *rest,
                         const struct sl_capture_config *config, char *why, size_t why_len)
{
    struct v4l2 *v4l2 = calloc(1, sizeof(*v4l2));
    snprintf(why, why_len, "out of memory");
    if (!v4l2)
        return -ENOMEM;
    v4l2->base.kind = &sl_capture_v4l2;
    v4l2->ops = ops;
    v4l2->halt = config->halt;
    v4l2->retries = config->retries;
    int error = read_wish(v4l2, config, why, why_len);
    if (!error)
        error = strcmp(rest, "auto") == 0 ? open_any(v4l2, why, why_len)
                                          : open_first(v4l2, rest, why, why_len);
    if (!error)
        error = fix_output(v4l2, config);
    if (error) {
        v4l2_close(&v4l2->base);
        return error;
    }
    tell(v4l2);
    *ret = &v4l2->base;
    return 0;
}

static int v4l2_open(struct sl_capture **ret, const char *rest,
                     const struct sl_capture_config *config, char *why, size_t why_len)
{
    return sl_v4l2_capture_open(ret, &sl_v4l2_libv4l2, rest, config, why, why_len);
}

/* ---- Away and back ---- */

static void lose(struct v4l2 *v4l2, const char *reason)
{
    const struct sl_v4l2_device_info *info = sl_v4l2_device_info(v4l2->device);
    if (!v4l2->lost)
        sl_warn("v4l2: %s '%s': %s; looking for it", info->path, info->card, reason);
    v4l2->lost = true;
    atomic_store(&v4l2->base.away, true);
    v4l2->stats.outages++;
    close_device(v4l2);
    v4l2->deadline = v4l2->ops->now(); /* it may be there at once */
}

/* True if halted before `due`. */
static bool wait_until(const struct v4l2 *v4l2, sl_ns due)
{
    for (;;) {
        struct pollfd entry = {.fd = v4l2->halt->fd, .events = POLLIN};
        const sl_ns left = due - v4l2->ops->now();
        const int ms = left > 0 ? (int)((left + SL_MS - 1) / SL_MS) : 0;
        if (v4l2->ops->poll(&entry, 1, ms) > 0)
            return true;
        if (left <= 0)
            return false;
    }
}

/* 0: it streams again. -ECANCELED: halted. -ENODEV: no tries are left. */
static int bring_back(struct v4l2 *v4l2)
{
    while (!v4l2->device) {
        char path[SL_V4L2_PATH], why[256] = "it is not there";
        if (v4l2->retries >= 0 && v4l2->tries >= v4l2->retries)
            return -ENODEV;
        if (wait_until(v4l2, v4l2->deadline))
            return -ECANCELED;
        v4l2->deadline = v4l2->ops->now() + SEARCH_EVERY;
        v4l2->tries++;
        v4l2->stats.searches++;
        if (sl_v4l2_find(&v4l2->identity, v4l2->ops, path) ||
            open_path(v4l2, path, why, sizeof(why)))
            sl_debug("v4l2: try %d to find '%s': %s", v4l2->tries, v4l2->identity.card, why);
    }
    return 0;
}

static void note_picture(struct v4l2 *v4l2, sl_ns *captured)
{
    if (v4l2->lost) {
        sl_warn("v4l2: '%s' is back", v4l2->identity.card);
        tell(v4l2);
    }
    v4l2->lost = false;
    atomic_store(&v4l2->base.away, false);
    v4l2->tries = 0;
    v4l2->stats.given++;
    v4l2->deadline = v4l2->ops->now() + patience(v4l2);
    if (*captured <= v4l2->last) /* a driver's clock may start anew; time does not */
        *captured = v4l2->last + 1;
    v4l2->last = *captured;
}

/* 1: a picture. 0: what was in the buffer was none. -errno: the device has failed. */
static int look(struct v4l2 *v4l2, const struct sl_v4l2_buffer *buffer, uint8_t *pixels)
{
    const AVFrame *frame;
    int error = sl_v4l2_picture_read(v4l2->picture, &sl_v4l2_device_info(v4l2->device)->shape,
                                     buffer->data, buffer->len, &frame);
    error = error ? error : sl_scaler_run(v4l2->scaler, frame, pixels);
    const int failed = sl_v4l2_device_give_back(v4l2->device, buffer);
    if (error)
        v4l2->stats.undecodable++;
    else if (failed)
        v4l2->stats.lost++;
    return failed ? failed : !error;
}

/* 1: a buffer. 0: none by now, and what was wrong is seen to. -errno: it is over. */
static int take(struct v4l2 *v4l2, struct sl_v4l2_buffer *ret)
{
    const int error = bring_back(v4l2);
    if (error)
        return error;
    const int got = sl_v4l2_device_take(v4l2->device, v4l2->halt, v4l2->deadline, ret);
    if (got == 1 || got == -ECANCELED)
        return got;
    if (got < 0)
        lose(v4l2, strerror(-got));
    else if (v4l2->ops->now() >= v4l2->deadline)
        lose(v4l2, "no pictures come");
    return 0;
}

static int v4l2_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    struct v4l2 *v4l2 = (struct v4l2 *)capture;
    for (;;) {
        struct sl_v4l2_buffer buffer;
        int got = take(v4l2, &buffer);
        if (got < 0)
            return got;
        if (got == 0)
            continue;
        got = look(v4l2, &buffer, pixels);
        if (got < 0)
            lose(v4l2, strerror(-got));
        else if (got == 0 && v4l2->ops->now() >= v4l2->deadline)
            lose(v4l2, "no pictures come");
        if (got != 1)
            continue;
        *captured = buffer.captured;
        note_picture(v4l2, captured);
        return 1;
    }
}

static void release(struct v4l2 *v4l2)
{
    if (!v4l2->holds)
        return;
    v4l2->holds = false;
    const int error = sl_v4l2_device_give_back(v4l2->device, &v4l2->held);
    if (error)
        lose(v4l2, strerror(-error));
}

/* A camera that waits for its key frame is there, one that gives nothing readable is not. */
static void leave_out(struct v4l2 *v4l2, enum sl_v4l2_h264_found found)
{
    const sl_ns now = v4l2->ops->now();
    if (found == SL_V4L2_H264_KEYLESS)
        v4l2->deadline = now + patience(v4l2);
    if (found == SL_V4L2_H264_KEYLESS)
        v4l2->stats.keyless++;
    else
        v4l2->stats.undecodable++;
    release(v4l2);
    if (v4l2->device && now >= v4l2->deadline)
        lose(v4l2, "no pictures come");
}

static int v4l2_next_unit(struct sl_capture *capture, struct sl_capture_unit *ret)
{
    struct v4l2 *v4l2 = (struct v4l2 *)capture;
    for (;;) {
        struct sl_h264_passed passed;
        release(v4l2);
        if (v4l2->device && sl_v4l2_h264_is_starved(v4l2->h264, v4l2->ops->now()))
            lose(v4l2, "no key frame comes");
        else if (v4l2->device)
            ask_for_key(v4l2);
        const int got = take(v4l2, &v4l2->held);
        if (got < 0)
            return got;
        if (got == 0)
            continue;
        v4l2->holds = true;
        const enum sl_v4l2_h264_found found = read_unit(v4l2, &v4l2->held, &passed);
        if (found == SL_V4L2_H264_REORDERED) {
            capture->why = "it has begun to send B slices, which are not sent on";
            v4l2->stats.undecodable++;
            return -ENOTSUP;
        }
        if (found != SL_V4L2_H264_UNIT) {
            leave_out(v4l2, found);
            continue;
        }
        *ret = (struct sl_capture_unit){.data = passed.data,
                                        .len = passed.len,
                                        .key = passed.key,
                                        .captured = v4l2->held.captured};
        note_picture(v4l2, &ret->captured);
        return 1;
    }
}

static bool v4l2_request_key(struct sl_capture *capture)
{
    struct v4l2 *v4l2 = (struct v4l2 *)capture;
    if (!v4l2->device)
        return false;
    sl_v4l2_h264_want_key(v4l2->h264, v4l2->ops->now());
    return sl_v4l2_device_encoder(v4l2->device)->key;
}

static void v4l2_set_bitrate(struct sl_capture *capture, int64_t bps)
{
    struct v4l2 *v4l2 = (struct v4l2 *)capture;
    v4l2->wish.bitrate_bps = bps; /* as it will begin when it comes back */
    if (v4l2->device)
        sl_v4l2_device_set_bitrate(v4l2->device, bps);
}

void sl_v4l2_capture_stats(const struct sl_capture *capture, struct sl_v4l2_capture_stats *ret)
{
    *ret = ((const struct v4l2 *)capture)->stats;
}

const struct sl_capture_kind sl_capture_v4l2 = {
    .prefix = "v4l2:",
    .open = v4l2_open,
    .next = v4l2_next,
    .next_unit = v4l2_next_unit,
    .request_key = v4l2_request_key,
    .set_bitrate = v4l2_set_bitrate,
    .close = v4l2_close,
};
