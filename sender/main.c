/* SPDX-License-Identifier: MIT */
/* sightline-sender: publishes a camera to a receiver. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/log.h>

#include "base/log.h"
#include "base/time.h"
#include "base/trace.h"
#include "net/service.h"
#include "sender/audio_devices.h"
#include "sender/devices.h"
#include "sender/options.h"
#include "sender/pipeline.h"
#include "sender/report.h"
#include "sender/uplink.h"
#include "srtp/srtp.h"

#define MICROPHONES_MAX 32
#define AUDIO_BITRATE_BPS 64000
/* Of video that comes encoded: what is left to the rate controller, as a multiple of what was seen.
 * Scenes get busier; and what it holds back of such a stream is late, not less. */
#define PASSED_HEADROOM 3
#define PASSED_BITRATE_BPS 20000000 /* where nothing was seen, and the most that is expected */
#define TRACE_RECORDS (1 << 17)     /* a quarter of an hour at 30/s */

/* The parts, in the order in which they are made. */
struct sender {
    struct sl_sender_options options;
    sl_ns epoch;
    struct sl_random random;
    struct sl_trace *trace; /* NULL: not wanted */
    struct sl_capture *capture;
    struct sl_audio *audio;   /* NULL: none, or the capture's own */
    struct sl_motion *motion; /* NULL: not wanted */
    struct sl_loop *loop;
    struct sl_video_encoder *video_encoder, *sub_encoder; /* sub: NULL: not wanted */
    struct sl_audio_encoder *audio_encoder;
    struct sl_http *http;
    struct sl_dtls_identity *identity;
    struct sl_preview *preview; /* NULL: not wanted */
    struct sl_pipeline *pipeline;
    struct sl_uplink *uplink;
    struct sl_report report;
    struct sl_service service;
    struct sl_timer stats_timer;
    bool stopping, failed;
};

/* Ends what blocks in the sources; while they are being opened, by the signal handler. */
static struct sl_halt halt = {.fd = -1};

static void on_signal(int number)
{
    (void)number;
    sl_halt_set(&halt);
}

static int catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    signal(SIGPIPE, SIG_IGN);
    const int error = sl_halt_init(&halt);
    if (error)
        return error;
    return sigaction(SIGINT, &action, NULL) || sigaction(SIGTERM, &action, NULL) ? -errno : 0;
}

/* ---- Sources and encoders: all that can be wrong before anybody is called ---- */

/* -1: go on; else the exit status. */
static int open_trace(struct sender *sender)
{
    const char *path = sender->options.trace;
    const int error = path ? sl_trace_open(&sender->trace, path, TRACE_RECORDS) : 0;
    if (error)
        sl_error("--trace %s: %s", path, strerror(-error));
    return error ? 1 : -1;
}

static int open_audio(struct sender *sender)
{
    const char *source = sender->options.audio;
    const struct sl_audio_config config = {.halt = &halt, .epoch = sender->epoch};
    char why[256];
    const int error = source ? sl_audio_open(&sender->audio, source, &config, why, sizeof(why)) : 0;
    if (error)
        sl_error("--audio %s: %s", source, why);
    return error ? 1 : -1;
}

static int open_motion(struct sender *sender)
{
    const struct sl_sender_options *options = &sender->options;
    struct sl_motion_mask mask = {0};
    char why[256] = "";
    if (!options->motion || !sender->capture) /* the latter: halted */
        return -1;
    if (options->motion_mask &&
        sl_motion_mask_read(&mask, options->motion_mask, why, sizeof(why)) != 0) {
        sl_error("--motion-mask %s: %s", options->motion_mask, why);
        return 1;
    }
    const struct sl_motion_config config = {
        .width = sender->capture->width,
        .height = sender->capture->height,
        .sensitivity = options->motion_sensitivity,
        .min_area = options->motion_min_area,
        .mask = mask.looked_at ? &mask : NULL,
        .first_id = sl_random_u32(&sender->random),
        .epoch = sender->epoch,
    };
    const int error = sl_motion_create(&sender->motion, &config);
    sl_motion_mask_fini(&mask);
    if (error)
        sl_error("--motion: %s", strerror(-error));
    return error ? 1 : -1;
}

static int open_sources(struct sender *sender)
{
    const struct sl_sender_options *options = &sender->options;
    const struct sl_capture_config config = {
        .size = options->size,
        .fps = options->fps,
        .loop = options->loop,
        .format = options->format,
        .pictures = sl_sender_options_want_pictures(options),
        .bitrate_bps = options->bitrate_bps,
        .gop = options->gop,
        .retries = options->retries,
        .rtsp_transport = options->rtsp_transport,
        .sound = options->source_audio,
        .name = options->name,
        .epoch = sender->epoch,
        .halt = &halt,
    };
    char why[256];
    int error = sl_capture_open(&sender->capture, options->video, &config, why, sizeof(why));
    if (error == -ECANCELED)
        return 0;
    if (error) {
        sl_error("--video %s: %s", options->video_shown, why);
        return 1;
    }
    return open_audio(sender);
}

static int list_devices(const struct sl_sender_options *options)
{
    struct sl_audio_device found[MICROPHONES_MAX];
    struct sl_device_microphone microphones[MICROPHONES_MAX];
    char sources[MICROPHONES_MAX][80], offers[MICROPHONES_MAX][160];
    const size_t count = sl_audio_devices(found, MICROPHONES_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(sources[i], sizeof(sources[i]), "alsa:%.63s", found[i].name);
        sl_audio_device_offers(&found[i], offers[i], sizeof(offers[i]));
        microphones[i] = (struct sl_device_microphone){.source = sources[i],
                                                       .name = found[i].description,
                                                       .offers = offers[i],
                                                       .in_use = found[i].error == -EBUSY};
    }
    const int error = sl_devices_print(stdout, options->json, &sl_v4l2_libv4l2, microphones, count);
    if (error)
        sl_error("--list-devices: %s", strerror(-error));
    return error ? 1 : 0;
}

/* `config`: the main one's. 0 or -errno. */
static int open_sub_encoder(struct sender *sender, struct sl_video_encoder_config config, char *why,
                            size_t why_len)
{
    const struct sl_sender_options *options = &sender->options;
    if (!options->sub.fps)
        return 0;
    config.width = options->sub.size.width;
    config.height = options->sub.size.height;
    config.bitrate_bps = options->sub.bitrate_bps;
    if ((int64_t)options->sub.fps * config.fps_den < config.fps_num) {
        config.fps_num = options->sub.fps;
        config.fps_den = 1;
    }
    config.threads = 1;
    return sl_video_encoder_create(&sender->sub_encoder, &config, why, why_len);
}

static int open_video_encoders(struct sender *sender, char *why, size_t why_len)
{
    const struct sl_sender_options *options = &sender->options;
    const struct sl_capture *capture = sender->capture;
    struct sl_video_encoder_config config = {
        .encoder = options->encoder,
        .preset = options->preset,
        .width = capture->width,
        .height = capture->height,
        .fps_num = capture->fps_num,
        .fps_den = capture->fps_den,
        .bitrate_bps = options->bitrate_bps,
        .gop = options->gop,
        .full_range = capture->full_range,
    };
    if (options->fps && (int64_t)options->fps * capture->fps_den < capture->fps_num) {
        config.fps_num = options->fps;
        config.fps_den = 1;
    }
    const int error = sl_video_encoder_create(&sender->video_encoder, &config, why, why_len);
    return error ? error : open_sub_encoder(sender, config, why, why_len);
}

/* What the camera encodes is sent as it is: what was given for an encoder is told to be in vain. */
static void tell_what_is_unused(const struct sender *sender)
{
    char list[128];
    if (*sl_sender_options_unused(&sender->options, &sender->capture->heeds, list, sizeof(list)))
        sl_warn("--video %s: it comes encoded and is sent as it is; not used: %s",
                sender->options.video_shown, list);
}

static int open_encoders(struct sender *sender)
{
    const struct sl_capture *capture = sender->capture;
    char why[256];
    int error = 0;
    if (capture->encoded) {
        tell_what_is_unused(sender);
        sender->options.sub.fps = 0; /* there are no pictures to make it from */
        sender->options.sub.bitrate_bps = 0;
    } else {
        error = open_video_encoders(sender, why, sizeof(why));
    }
    if (!error && (sender->audio || capture->sound))
        error =
            sl_audio_encoder_create(&sender->audio_encoder, AUDIO_BITRATE_BPS, why, sizeof(why));
    if (!error)
        return -1;
    sl_error("%s", why);
    return error == -ENOENT || error == -EINVAL ? 2 : 1;
}

/* ---- While it runs ---- */

static void stop(struct sender *sender)
{
    if (sender->stopping)
        return;
    sender->stopping = true;
    sl_service_stopping(&sender->service);
    sl_uplink_stop(sender->uplink);
}

static void tell_service(struct sender *sender, enum sl_endpoint_state state, const char *reason)
{
    static const char *const words[] = {
        [SL_ENDPOINT_CONNECTING] = "connecting",     [SL_ENDPOINT_LIVE] = "live",
        [SL_ENDPOINT_RECONNECTING] = "reconnecting", [SL_ENDPOINT_REFUSED] = "refused",
        [SL_ENDPOINT_STOPPED] = "stopped",
    };
    const bool told = reason && *reason && state != SL_ENDPOINT_LIVE;
    char text[256];
    snprintf(text, sizeof(text), "%s%s%s", words[state], told ? ": " : "", told ? reason : "");
    sl_service_status(&sender->service, text);
}

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct sender *sender = ctx;
    sl_preview_set_state(sender->preview, state);
    if (!sender->stopping) {
        sl_report_state(&sender->report, state, reason);
        tell_service(sender, state, reason);
    }
    sender->failed |= state == SL_ENDPOINT_REFUSED;
    if (state == SL_ENDPOINT_REFUSED || state == SL_ENDPOINT_STOPPED)
        sl_loop_stop(sender->loop);
}

static void on_ended(void *ctx, int error)
{
    struct sender *sender = ctx;
    if (error && error != -ECANCELED) {
        sl_error("--video %s: %s", sender->options.video_shown,
                 sender->capture->why ? sender->capture->why : strerror(-error));
        sender->failed = true;
    } else {
        sl_info("%s has ended", sender->options.video_shown);
    }
    stop(sender);
}

static const struct sl_uplink_handler uplink_handler = {.state = on_state, .ended = on_ended};

static void on_stats(void *ctx, sl_ns now)
{
    struct sender *sender = ctx;
    struct sl_uplink_stats uplink;
    struct sl_pipeline_stats pipeline;
    sl_uplink_stats(sender->uplink, &uplink);
    sl_pipeline_stats(sender->pipeline, &pipeline);
    sl_report_figures(&sender->report, &uplink, &pipeline, now);
    sl_timer_set(&sender->stats_timer, now + sender->options.stats);
}

static int run(struct sender *sender)
{
    if (sender->options.stats) {
        sender->report.stats_at = sl_loop_refresh(sender->loop);
        sl_timer_init(&sender->stats_timer, sender->loop, on_stats, sender);
        sl_timer_set(&sender->stats_timer, sender->report.stats_at + sender->options.stats);
    }
    sl_service_ready(&sender->service, sender->loop);
    sl_service_status(&sender->service, "connecting");
    sl_uplink_start(sender->uplink);
    const int error = sl_loop_run(sender->loop);
    if (error || sender->failed || sender->stopping)
        return error;
    stop(sender); /* a signal: say goodbye; a second one does not wait for that */
    return sl_loop_run(sender->loop);
}

/* ---- Making and unmaking ---- */

static int make_preview(struct sender *sender)
{
    const struct sl_preview_config config = {
        .camera = sender->options.link.camera,
        .width = sender->capture->width,
        .height = sender->capture->height,
        .full_range = sender->capture->full_range,
        .motion = sender->motion && !sender->capture->encoded,
    };
    return sender->options.preview ? sl_preview_create(&sender->preview, &config) : 0;
}

static int make_pipeline(struct sender *sender)
{
    const struct sl_pipeline_config config = {
        .capture = sender->capture,
        .video = sender->video_encoder,
        .audio = sender->audio ? sender->audio : sender->capture->sound,
        .audio_encoder = sender->audio_encoder,
        .overlay = &sender->options.overlay,
        .preview = sender->preview,
        .sub_encoder = sender->sub_encoder,
        .sub_size = sender->options.sub.size,
        .sub_fps = sender->options.sub.fps,
        .motion = sender->motion,
        .halt = &halt,
        .fps = sender->options.fps,
        .gop = sender->options.gop,
        .trace = sender->trace,
    };
    return sl_pipeline_create(&sender->pipeline, &config);
}

/* Pictures come at the source's rate, or at --fps if that is less. */
static sl_ns frame_interval(const struct sender *sender)
{
    const struct sl_capture *capture = sender->capture;
    const sl_ns source = SL_SEC * capture->fps_den / capture->fps_num;
    const int fps = capture->encoded ? 0 : sender->options.fps;
    const sl_ns asked = fps ? SL_SEC / fps : 0;
    return source > asked ? source : asked;
}

/* At least what was asked for: that is no wish which every encoded source would heed. */
static int64_t ceiling_bps(const struct sender *sender)
{
    const int64_t asked = sender->options.bitrate_bps;
    if (!sender->capture->encoded)
        return asked;
    if (sender->capture->heeds.bitrate) /* which may be able to do only more than that */
        return sender->capture->bitrate_bps > asked ? sender->capture->bitrate_bps : asked;
    const int64_t expected = sender->capture->bitrate_bps * PASSED_HEADROOM;
    const int64_t ceiling =
        expected > 0 && expected < PASSED_BITRATE_BPS ? expected : PASSED_BITRATE_BPS;
    return ceiling > asked ? ceiling : asked;
}

static int make_uplink(struct sender *sender)
{
    const bool encoded = sender->capture->encoded;
    struct sl_uplink_config config = {
        .endpoint =
            {
                .loop = sender->loop,
                .http = sender->http,
                .identity = sender->identity,
                .random = &sender->random,
                .epoch = sender->epoch,
                .link = sender->options.link,
                .video = true,
                .audio = sender->audio_encoder != NULL,
                .sub = sender->sub_encoder != NULL,
                .via = sender->options.via,
                .retries = sender->options.retries,
                .fec_percent = sender->options.fec_percent,
                .ceiling_bps = (uint64_t)ceiling_bps(sender),
                .floor_bps = (uint64_t)sender->options.min_bitrate_bps,
                .audio_bps = (sender->audio_encoder ? AUDIO_BITRATE_BPS : 0) +
                             (uint64_t)sender->options.sub.bitrate_bps,
                .frame_interval = frame_interval(sender),
            },
        .pipeline = sender->pipeline,
        .trace = sender->trace,
        .handler = &uplink_handler,
        .ctx = sender,
    };
    snprintf(config.endpoint.h264_profile, sizeof(config.endpoint.h264_profile), "%s",
             encoded ? sender->capture->h264_profile
                     : sl_video_encoder_profile(sender->video_encoder));
    return sl_uplink_create(&sender->uplink, &config);
}

/* Before any thread, those of an encoder included: they inherit that signals are the loop's. */
static int make_loop(struct sender *sender)
{
    int error = sl_loop_create(&sender->loop);
    error = error ? error : sl_loop_stop_on_signals(sender->loop);
    if (error)
        sl_error("event loop: %s", strerror(-error));
    return error ? 1 : -1;
}

static void open_service(struct sender *sender)
{
    const int error = sl_service_open(&sender->service);
    if (error)
        sl_warn("NOTIFY_SOCKET, WATCHDOG_USEC: %s", strerror(-error));
}

static int make_and_run(struct sender *sender)
{
    open_service(sender);
    int error = sl_srtp_library_init();
    error = error ? error : sl_http_create(&sender->http, sender->loop);
    error = error ? error : sl_dtls_identity_generate(&sender->identity, "sightline-sender");
    error = error ? error : make_preview(sender);
    error = error ? error : make_pipeline(sender);
    error = error ? error : make_uplink(sender);
    error = error ? error : run(sender);
    if (error)
        sl_error("cannot run: %s", strerror(-error));
    return error || sender->failed ? 1 : 0;
}

static void unmake(struct sender *sender)
{
    sl_uplink_destroy(sender->uplink);
    sl_pipeline_destroy(sender->pipeline);
    sl_preview_destroy(sender->preview);
    sl_dtls_identity_destroy(sender->identity);
    sl_http_destroy(sender->http);
    sl_audio_encoder_destroy(sender->audio_encoder);
    sl_video_encoder_destroy(sender->sub_encoder);
    sl_video_encoder_destroy(sender->video_encoder);
    sl_service_close(&sender->service);
    sl_loop_destroy(sender->loop);
    sl_motion_destroy(sender->motion);
    sl_audio_close(sender->audio);
    sl_capture_close(sender->capture);
    sl_trace_close(sender->trace);
    sl_halt_fini(&halt);
}

int main(int argc, char **argv)
{
    struct sender sender = {.report.out = stdout};
    int status = sl_sender_options_parse(&sender.options, argc, argv, stdout, stderr);
    if (status >= 0)
        return status;
    sl_log_init("sightline-sender", sender.options.verbose ? SL_LOG_DEBUG : SL_LOG_WARN);
    av_log_set_level(AV_LOG_QUIET);
    if (sender.options.list_devices)
        return list_devices(&sender.options);
    sl_random_init_system(&sender.random);
    sender.epoch = sl_time_epoch();
    sender.report.camera = sender.options.link.camera;
    const int error = catch_signals();
    if (error)
        sl_error("signals: %s", strerror(-error));
    status = error ? 1 : open_trace(&sender);
    status = status >= 0 ? status : open_sources(&sender);
    status = status >= 0 ? status : open_motion(&sender);
    status = status >= 0 ? status : make_loop(&sender);
    status = status >= 0 ? status : open_encoders(&sender);
    status = status >= 0 ? status : make_and_run(&sender);
    unmake(&sender);
    return status;
}
