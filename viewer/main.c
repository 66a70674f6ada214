/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <libavutil/log.h>

#include "base/log.h"
#include "base/time.h"
#include "base/trace.h"
#include "base/wake.h"
#include "dtls/dtls.h"
#include "jitter/jitter.h"
#include "net/resolve.h"
#include "srtp/srtp.h"
#include "viewer/audio_out.h"
#include "viewer/decode.h"
#include "viewer/options.h"
#include "viewer/screen.h"
#include "viewer/sound.h"
#include "viewer/subscriber.h"

#define TRACE_RECORDS (1 << 20)           /* five minutes of 16 cameras at 30/s */
#define LOOK_FOR_INPUT_EVERY (10 * SL_MS) /* where there is no descriptor to wait for */

struct viewer {
    struct sl_viewer_options options;
    struct sl_link link;
    struct sl_addr via;
    char receiver[300]; /* HOST:PORT */
    int signals;
    struct sl_wake wake;
    struct sl_dtls_identity *identity;
    struct sl_trace *trace; /* NULL: not wanted */
    struct sl_sound *sound;
    struct sl_audio_out *audio_out; /* NULL: there is no sound card */
    struct sl_screen *screen;
    struct sl_decode *decode;
    struct sl_subscriber *subscriber;
};

static int fail(int status, const char *what)
{
    fprintf(stderr, "sightline-viewer: %s\n", what);
    return status;
}

/* Whatever is wrong with the command line alone. */
static int read_options(struct viewer *v)
{
    char why[256], line[300];
    if (sl_viewer_options_check(&v->options, why, sizeof(why)))
        return fail(2, why);
    const int error = sl_link_parse(&v->link, v->options.from, why, sizeof(why));
    if (error) {
        snprintf(line, sizeof(line), "--from: %s", why);
        return fail(error == -EINVAL ? 2 : 1, line);
    }
    if (v->options.via && sl_resolve_text(&v->via, v->options.via, 0)) {
        snprintf(line, sizeof(line), "--via: got '%.100s', wanted HOST:PORT", v->options.via);
        return fail(2, line);
    }
    snprintf(v->receiver, sizeof(v->receiver), "%s:%d", v->link.host, v->link.port);
    return 0;
}

/* All threads are to inherit the mask: signals are read here. */
static int take_signals(struct viewer *v)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return v->signals < 0 ? -errno : 0;
}

static void listen_to(void *ctx, int feed)
{
    sl_subscriber_listen(((struct viewer *)ctx)->subscriber, feed);
}

static void tell_age(void *ctx, sl_ns age)
{
    sl_sound_picture_age(((struct viewer *)ctx)->sound, age);
}

static void release(void *ctx, int feed)
{
    sl_subscriber_release(((struct viewer *)ctx)->subscriber, feed);
}

static int open_screen(struct viewer *v)
{
    char why[256];
    const struct sl_viewer_options *options = &v->options;
    const struct sl_screen_config config = {
        .kind = &sl_render_sdl,
        .window = {.title = "Sightline",
                   .width = options->size.width,
                   .height = options->size.height,
                   .fullscreen = options->fullscreen},
        .hud = options->hud,
        .rows = options->rows,
        .columns = options->columns,
        .cores = (int)sysconf(_SC_NPROCESSORS_ONLN),
        .mute = options->mute,
        .snapshot_dir = options->snapshot_dir,
        .receiver = v->receiver,
        .trace = v->trace,
        .clock = sl_time_now,
        .listen = listen_to,
        .age = tell_age,
        .release = release,
        .ctx = v,
    };
    return sl_screen_create(&v->screen, &config, why, sizeof(why)) ? fail(1, why) : 0;
}

/* A wall without a sound card is still a wall. */
static int open_sound(struct viewer *v)
{
    char why[256];
    const int error = sl_sound_create(&v->sound);
    if (!error && sl_audio_out_create(&v->audio_out, v->sound, why, sizeof(why)))
        sl_warn("%s", why);
    return error;
}

static int open_trace(struct viewer *v)
{
    char line[300];
    const char *path = v->options.trace;
    const int error = path ? sl_trace_open(&v->trace, path, TRACE_RECORDS) : 0;
    if (!error)
        return 0;
    snprintf(line, sizeof(line), "--trace %.200s: %s", path, strerror(-error));
    return fail(1, line);
}

static int create_parts(struct viewer *v)
{
    int error = take_signals(v);
    if (!error)
        error = sl_srtp_library_init();
    if (!error)
        error = sl_dtls_identity_generate(&v->identity, "sightline-viewer");
    if (error)
        return fail(1, strerror(-error));
    if (open_screen(v))
        return 1;
    error = open_sound(v);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!error)
        error = sl_decode_create(&v->decode, cores < 1 ? 1 : cores > 16 ? 16 : (int)cores);
    const struct sl_subscriber_config config = {
        .link = v->link,
        .via = v->via,
        .cameras = v->options.cameras,
        .layer = v->options.layer,
        .latency = v->options.latency == SL_LATENCY_AUTO ? SL_JITTER_AUTO : v->options.latency,
        .identity = v->identity,
        .decode = v->decode,
        .sound = v->sound,
        .trace = v->trace,
        .main = &v->wake,
    };
    if (!error)
        error = sl_subscriber_create(&v->subscriber, &config);
    if (!error)
        error = sl_subscriber_start(v->subscriber);
    return error ? fail(1, strerror(-error)) : 0;
}

/* `pictures` -1: they do not end the wait. */
static void wait_until(struct viewer *v, int pictures, sl_ns until)
{
    const int input = sl_screen_input_fd(v->screen);
    struct pollfd fds[] = {{.fd = pictures, .events = POLLIN},
                           {.fd = v->signals, .events = POLLIN},
                           {.fd = input, .events = POLLIN}};
    sl_ns left = until == SL_NEVER ? 3600 * SL_SEC : until - sl_time_now();
    if (input < 0 && left > LOOK_FOR_INPUT_EVERY)
        left = LOOK_FOR_INPUT_EVERY;
    if (left < 0)
        left = 0;
    const struct timespec ts = {.tv_sec = left / SL_SEC, .tv_nsec = left % SL_SEC};
    ppoll(fds, SL_COUNT(fds), &ts, NULL);
}

/* Sleeps until a picture, an event, input or a signal comes, or `due`. If the screen rests then,
 * pictures and events gather until it no longer does. */
static void sleep_until(struct viewer *v, sl_ns due)
{
    wait_until(v, v->wake.fd, due);
    const sl_ns rest = sl_screen_rest(v->screen);
    if (rest > sl_time_now())
        wait_until(v, -1, rest);
}

static bool signalled(const struct viewer *v)
{
    struct signalfd_siginfo info;
    return read(v->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

/* True if the net thread says that it is of no use to go on. */
static bool take_events(struct viewer *v, sl_ns now)
{
    struct sl_event event;
    while (sl_subscriber_event(v->subscriber, &event)) {
        if (event.kind == SL_EVENT_FAILED) {
            fail(1, event.text);
            return true;
        }
        sl_screen_event(v->screen, &event, now);
    }
    return false;
}

static sl_ns sooner(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

static int show(struct viewer *v)
{
    const sl_ns begun = sl_time_now();
    const sl_ns leave = v->options.exit_after ? begun + v->options.exit_after : SL_NEVER;
    sl_ns report = v->options.stats ? begun + v->options.stats : SL_NEVER;
    for (;;) {
        sl_wake_clear(&v->wake);
        const sl_ns now = sl_time_now();
        if (take_events(v, now))
            return 1;
        sl_screen_draw(v->screen);
        if (!sl_screen_input(v->screen) || now >= leave || signalled(v))
            return 0;
        if (now >= report) {
            sl_screen_report(v->screen, stdout, now);
            report += v->options.stats;
        }
        sleep_until(v, sooner(sooner(leave, report), sl_screen_due(v->screen, sl_time_now())));
    }
}

static int save_screenshot(struct viewer *v, int status)
{
    char line[4200];
    const int error = v->options.screenshot ? sl_screen_save(v->screen, v->options.screenshot) : 0;
    if (!error)
        return status;
    snprintf(line, sizeof(line), "--screenshot %s: %s", v->options.screenshot, strerror(-error));
    return fail(1, line);
}

static void destroy(struct viewer *v)
{
    sl_subscriber_stop(v->subscriber);
    sl_screen_destroy(v->screen);
    sl_subscriber_destroy(v->subscriber);
    sl_decode_destroy(v->decode);
    sl_audio_out_destroy(v->audio_out);
    sl_sound_destroy(v->sound);
    sl_dtls_identity_destroy(v->identity);
    sl_srtp_library_fini();
    sl_wake_fini(&v->wake);
    sl_trace_close(v->trace);
    if (v->signals >= 0)
        close(v->signals);
}

int main(int argc, char **argv)
{
    struct viewer viewer = {.signals = -1};
    sl_log_init("sightline-viewer", SL_LOG_INFO);
    av_log_set_level(AV_LOG_QUIET);
    const struct sl_option_result parsed =
        sl_option_parse(&sl_viewer_option_table, &viewer.options, argc, argv, stdout, stderr);
    if (parsed.status >= 0)
        return parsed.status;
    int status = read_options(&viewer);
    if (status)
        return status;
    const int error = sl_wake_init(&viewer.wake);
    if (error)
        return fail(1, strerror(-error));
    status = open_trace(&viewer);
    if (!status)
        status = create_parts(&viewer);
    if (!status)
        status = save_screenshot(&viewer, show(&viewer));
    destroy(&viewer);
    return status;
}
