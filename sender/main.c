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
#include "sender/options.h"
#include "sender/pipeline.h"
#include "sender/report.h"
#include "sender/uplink.h"
#include "srtp/srtp.h"

#define AUDIO_BITRATE_BPS 64000
#define TRACE_RECORDS (1 << 17) /* a quarter of an hour at 30/s */

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
    struct sl_video_encoder *video_encoder;
    struct sl_audio_encoder *audio_encoder;
    struct sl_http *http;
    struct sl_dtls_identity *identity;
    struct sl_pipeline *pipeline;
    struct sl_uplink *uplink;
    struct sl_report report;
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
        sl_error("--video %s: %s", options->video, why);
        return 1;
    }
    return open_audio(sender);
}

static int open_encoders(struct sender *sender)
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
    char why[256];
    int error = sl_video_encoder_create(&sender->video_encoder, &config, why, sizeof(why));
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
    sl_uplink_stop(sender->uplink);
}

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct sender *sender = ctx;
    if (!sender->stopping)
        sl_report_state(&sender->report, state, reason);
    sender->failed |= state == SL_ENDPOINT_REFUSED;
    if (state == SL_ENDPOINT_REFUSED || state == SL_ENDPOINT_STOPPED)
        sl_loop_stop(sender->loop);
}

static void on_ended(void *ctx, int error)
{
    struct sender *sender = ctx;
    if (error && error != -ECANCELED) {
        sl_error("--video %s: %s", sender->options.video, strerror(-error));
        sender->failed = true;
    } else {
        sl_info("%s has ended", sender->options.video);
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
    sl_uplink_start(sender->uplink);
    const int error = sl_loop_run(sender->loop);
    if (error || sender->failed || sender->stopping)
        return error;
    stop(sender); /* a signal: say goodbye; a second one does not wait for that */
    return sl_loop_run(sender->loop);
}

/* ---- Making and unmaking ---- */

static int make_pipeline(struct sender *sender)
{
    const struct sl_pipeline_config config = {
        .capture = sender->capture,
        .video = sender->video_encoder,
        .audio = sender->audio ? sender->audio : sender->capture->sound,
        .audio_encoder = sender->audio_encoder,
        .overlay = &sender->options.overlay,
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
    const sl_ns asked = sender->options.fps ? SL_SEC / sender->options.fps : 0;
    return source > asked ? source : asked;
}

static int make_uplink(struct sender *sender)
{
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
                .via = sender->options.via,
                .retries = sender->options.retries,
                .fec_percent = sender->options.fec_percent,
                .ceiling_bps = (uint64_t)sender->options.bitrate_bps,
                .floor_bps = (uint64_t)sender->options.min_bitrate_bps,
                .audio_bps = sender->audio_encoder ? AUDIO_BITRATE_BPS : 0,
                .frame_interval = frame_interval(sender),
            },
        .pipeline = sender->pipeline,
        .trace = sender->trace,
        .handler = &uplink_handler,
        .ctx = sender,
    };
    snprintf(config.endpoint.h264_profile, sizeof(config.endpoint.h264_profile), "%s",
             sl_video_encoder_profile(sender->video_encoder));
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

static int make_and_run(struct sender *sender)
{
    int error = sl_srtp_library_init();
    error = error ? error : sl_http_create(&sender->http, sender->loop);
    error = error ? error : sl_dtls_identity_generate(&sender->identity, "sightline-sender");
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
    sl_dtls_identity_destroy(sender->identity);
    sl_http_destroy(sender->http);
    sl_audio_encoder_destroy(sender->audio_encoder);
    sl_video_encoder_destroy(sender->video_encoder);
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
    sl_random_init_system(&sender.random);
    sender.epoch = sender.options.overlay.epoch = sl_time_epoch();
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
