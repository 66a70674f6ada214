/* SPDX-License-Identifier: MIT */
#include "tests/support/simpath.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 35000
#define PICTURE_BYTES 7900 /* with the above, one in 60: 2 Mb/s */
#define CEILING_BPS 2000000
#define FLOOR_BPS 300000
#define FREEZE (130 * SL_MS)
/* Decoder and screen need that long for a picture: one that is followed sooner is not seen. */
#define SEEN (2 * SL_MS)

static void die(const char *why)
{
    fprintf(stderr, "simpath: %s\n", why);
    abort();
}

/* ---- relay ---- */

static void settle_relay(struct sim_path *path)
{
    sim_timer_set(&path->relay_timer,
                  sim_clock_when(&path->relay_clock, sl_relay_due(path->relay)));
}

static int relay_send(void *session, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      sl_ns now)
{
    struct sim_end *end = session;
    const int r = sl_session_send(end->session, kind, packet, now);
    sim_end_settle(end);
    return r;
}

static void relay_request(void *session, enum sl_media_kind kind, sl_ns now)
{
    struct sim_end *end = session;
    sl_session_request_keyframe(end->session, kind, now);
    sim_end_settle(end);
}

static const struct sl_relay_sessions relay_sessions = {.send = relay_send,
                                                        .request_keyframe = relay_request};

static void from_camera(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                        const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    struct sim_path *path = ctx;
    (void)end;
    if (path->config.tap)
        path->config.tap(path->config.tap_ctx, kind, packet, now);
    sl_relay_packet(path->relay, kind, packet, repaired, now);
    sl_relay_forward(path->relay, now);
    settle_relay(path);
}

static const struct sl_rtp_packet *answer(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                                          int64_t seq)
{
    struct sim_path *path = ctx;
    (void)end;
    return sl_relay_resend(path->relay, &path->feed, kind, seq);
}

static void wanted_by_viewer(void *ctx, struct sim_end *end, enum sl_media_kind kind, sl_ns now)
{
    struct sim_path *path = ctx;
    (void)end;
    (void)kind;
    sl_relay_keyframe_wanted(path->relay, &path->feed, now);
    settle_relay(path);
}

static void wanted_by_relay(void *ctx, struct sim_end *end, enum sl_media_kind kind, sl_ns now)
{
    struct sim_path *path = ctx;
    (void)end;
    (void)kind;
    (void)now;
    path->camera.key_wanted = true;
}

static void on_relay_timer(void *ctx)
{
    struct sim_path *path = ctx;
    sl_relay_tick(path->relay, sim_clock_now(&path->relay_clock));
    settle_relay(path);
}

/* ---- viewer ---- */

/* The frame before was seen if it was due long enough before this one. */
static void show(struct sim_path *path, int64_t number, sl_ns due)
{
    if (path->waiting >= 0 && due - path->waiting_due >= SEEN)
        path->frames[path->waiting].shown = path->waiting_due;
    path->waiting = number;
    path->waiting_due = due;
}

static void take(struct sim_path *path, const struct sl_jitter_frame *frame)
{
    const int64_t number = sim_camera_frame_number(frame->data, frame->len);
    if (number < 0 || number <= path->decoded)
        die("a frame that the camera did not make, or out of turn");
    if (!frame->key && number != path->decoded + 1)
        die("a frame came out without its reference");
    const sl_ns now = sim_now(path->sim);
    const sl_ns due = sim_clock_when(&path->viewer_clock, frame->due);
    path->decoded = number;
    path->frames[number].decoded = now;
    if (!frame->late)
        show(path, number, due > now ? due : now);
}

static void pump(struct sim_path *path)
{
    struct sim_end *end = &path->out.client;
    const sl_ns now = sim_clock_now(&end->clock);
    struct sl_jitter_frame frame;
    enum sl_jitter_pop got;
    while ((got = sl_jitter_pop(path->jitter, now, &frame)) != SL_JITTER_WAIT) {
        if (got == SL_JITTER_FRAME) {
            take(path, &frame);
            continue;
        }
        path->breaks++;
        sl_session_request_keyframe(end->session, SL_VIDEO, now); /* settled by whoever called */
    }
    sim_timer_set(&path->jitter_timer, sim_clock_when(&end->clock, sl_jitter_due(path->jitter)));
}

static void on_jitter_timer(void *ctx)
{
    struct sim_path *path = ctx;
    pump(path);
    sim_end_settle(&path->out.client);
}

static void to_viewer(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    struct sim_path *path = ctx;
    (void)end;
    (void)kind;
    (void)repaired;
    (void)sl_jitter_put(path->jitter, packet, now);
    pump(path);
}

/* ---- life ---- */

static const struct sim_end_handler camera_handler = {.keyframe_wanted = wanted_by_relay};
static const struct sim_end_handler publisher_handler = {.packet = from_camera};
static const struct sim_end_handler subscriber_handler = {.keyframe_wanted = wanted_by_viewer,
                                                          .resend = answer};
static const struct sim_end_handler viewer_handler = {.packet = to_viewer};

static void fill_in(struct sim_path_config *config)
{
    config->camera.key_bytes = config->camera.key_bytes ? config->camera.key_bytes : KEY_BYTES;
    config->camera.picture_bytes =
        config->camera.picture_bytes ? config->camera.picture_bytes : PICTURE_BYTES;
    config->ceiling_bps = config->ceiling_bps ? config->ceiling_bps : CEILING_BPS;
    config->floor_bps = config->floor_bps ? config->floor_bps : FLOOR_BPS;
    config->camera.nominal_bps = config->ceiling_bps;
    config->camera.timed = true;
}

static void open_uplink(struct sim_path *path)
{
    const struct sim_path_config *config = &path->config;
    const struct sim_hop_config hop = {.client_sends = true,
                                       .no_audio = true,
                                       .up = config->up,
                                       .down = config->up_back,
                                       .client_clock = &path->camera_clock,
                                       .lite_clock = &path->relay_clock,
                                       .client_handler = &camera_handler,
                                       .client_ctx = path,
                                       .lite_handler = &publisher_handler,
                                       .lite_ctx = path,
                                       .fec = config->no_fec ? SL_SDP_FEC_NONE : SL_SDP_FEC_RS,
                                       .fec_percent = config->fec_percent,
                                       .ccfb = true,
                                       .ceiling_bps = config->ceiling_bps,
                                       .floor_bps = config->floor_bps};
    sim_hop_open(&path->in, path->sim, &hop);
    if (sim_hop_connect(&path->in, 10 * SL_SEC) < 0)
        die("the uplink does not connect");
    sl_relay_publish(path->relay, &path->in.lite, sim_clock_now(&path->relay_clock));
}

static void open_leg(struct sim_path *path)
{
    const struct sim_path_config *config = &path->config;
    const struct sim_hop_config hop = {.no_audio = true,
                                       .up = config->down_back,
                                       .down = config->down,
                                       .client_clock = &path->viewer_clock,
                                       .lite_clock = &path->relay_clock,
                                       .client_handler = &viewer_handler,
                                       .client_ctx = path,
                                       .lite_handler = &subscriber_handler,
                                       .lite_ctx = path,
                                       .fec = config->no_fec ? SL_SDP_FEC_NONE : SL_SDP_FEC_RS,
                                       .fec_percent = SL_FEC_AUTO};
    sim_hop_open(&path->out, path->sim, &hop);
    if (sl_relay_join(path->relay, &path->feed, &path->out.lite) < 0)
        die("no memory");
    if (sim_hop_connect(&path->out, 10 * SL_SEC) < 0)
        die("the viewer does not connect");
    sl_relay_connected(path->relay, &path->feed, sim_clock_now(&path->relay_clock));
    settle_relay(path);
}

void sim_path_open(struct sim_path *path, const struct sim_path_config *config)
{
    *path = (struct sim_path){.config = *config, .decoded = -1, .waiting = -1};
    fill_in(&path->config);
    path->sim = sim_create(config->seed);
    path->camera_clock = sim_clock(path->sim, config->camera_ppm, 0);
    path->relay_clock = sim_clock(path->sim, 0, 0);
    path->viewer_clock = sim_clock(path->sim, config->viewer_ppm, 0);
    path->frames = calloc(config->camera.frames, sizeof(*path->frames));
    const struct sl_jitter_config jitter = {.clock_hz = 90000, .delay = config->latency};
    if (!path->frames || sl_relay_create(&path->relay, &relay_sessions) < 0 ||
        sl_jitter_create(&path->jitter, &jitter) < 0)
        die("no memory");
    sim_timer_init(&path->relay_timer, path->sim, on_relay_timer, path);
    sim_timer_init(&path->jitter_timer, path->sim, on_jitter_timer, path);
    open_uplink(path);
    open_leg(path);
    sim_camera_init(&path->camera, &path->config.camera, &path->in.client);
    sim_camera_start(&path->camera);
}

static void check_session(const struct sim_end *end)
{
    const struct sl_session_stats s = sim_end_stats(end);
    const struct sl_session_media_stats *m = &s.media[SL_VIDEO];
    if (m->expected != m->received + m->repaired + m->missing + m->given_up ||
        m->repaired != m->repaired_fec + m->repaired_resend)
        die("a session's counters do not balance");
}

static void check(const struct sim_path *path)
{
    struct sl_jitter_stats j;
    struct sl_relay_stats r;
    sl_jitter_stats(path->jitter, &j);
    sl_relay_stats(path->relay, &r);
    if (j.offered != j.released + j.held + j.duplicate + j.late + j.ahead + j.dropped)
        die("the jitter buffer's counters do not balance");
    if (r.offered != r.kept + r.stale || r.fanned != r.sent + r.refused + r.withheld)
        die("the relay's counters do not balance");
    check_session(&path->in.lite);
    check_session(&path->out.client);
}

void sim_path_close(struct sim_path *path)
{
    check(path);
    sl_relay_leave(path->relay, &path->feed);
    sim_hop_close(&path->out);
    sim_hop_close(&path->in);
    sim_camera_fini(&path->camera);
    sl_jitter_destroy(path->jitter);
    sl_relay_destroy(path->relay);
    sim_destroy(path->sim);
    free(path->frames);
}

/* ---- figures ---- */

static int compare_ns(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return (x > y) - (x < y);
}

static void ages(struct sim_path_figures *f, sl_ns *age, size_t count)
{
    if (count == 0)
        return;
    qsort(age, count, sizeof(*age), compare_ns);
    f->p50 = age[count / 2];
    f->p98 = age[count * 98 / 100];
    f->p99 = age[count * 99 / 100];
    f->most = age[count - 1];
}

struct calm {
    sl_ns from, until;
    sl_ns last; /* a picture was seen */
    size_t frozen, minute_seen;
};

/* A freeze counts in the minute in which it ends. */
static void look_at(struct calm *calm, struct sim_path_figures *f, sl_ns shown)
{
    const sl_ns stood = shown - calm->last;
    if (stood > f->freeze)
        f->freeze = stood;
    const size_t minute = (size_t)((shown - calm->from) / (60 * SL_SEC)) + 1;
    if (stood > FREEZE && minute != calm->minute_seen) {
        calm->frozen++;
        calm->minute_seen = minute;
    }
    calm->last = shown;
}

/* A camera whose frames are all sent shows nothing more: no figure of the path. */
static void check_camera(const struct sim_camera *camera, sl_ns until)
{
    if (camera->count == camera->config.frames && camera->frames[camera->count - 1].sent < until)
        die("judged for longer than the camera has frames");
}

struct sim_path_figures sim_path_judge(const struct sim_path *path, sl_ns from, sl_ns until)
{
    struct sim_path_figures f = {0};
    struct calm calm = {.from = from, .until = until, .last = from};
    const struct sim_camera *camera = &path->camera;
    sl_ns *age = calloc(camera->count + 1, sizeof(*age));
    size_t decoded = 0, shown = 0;
    if (!age)
        die("no memory");
    check_camera(camera, until);
    for (size_t i = 0; i < camera->count; i++) {
        const sl_ns sent = camera->frames[i].sent;
        const struct sim_path_frame *frame = &path->frames[i];
        if (sent < from || sent >= until)
            continue;
        f.frames++;
        decoded += frame->decoded != 0;
        if (frame->shown == 0)
            continue;
        age[shown++] = frame->shown - sent;
        look_at(&calm, &f, frame->shown);
    }
    if (calm.last < until)
        look_at(&calm, &f, until);
    const double seconds = (double)(until - from) / 1e9;
    const double minutes = seconds / 60 > 1 ? (double)(size_t)(seconds / 60) : 1;
    f.captured = (double)f.frames / seconds;
    f.decoded = (double)decoded / seconds;
    f.shown = (double)shown / seconds;
    f.lost = f.frames ? 1 - (double)decoded / (double)f.frames : 0;
    f.calm_minutes = 1 - (double)calm.frozen / minutes;
    ages(&f, age, shown);
    free(age);
    return f;
}

double sim_path_overhead(const struct sim_path *path)
{
    return sim_end_stats(&path->in.client).rate.overhead;
}

void sim_path_print(const char *name, const struct sim_path *path, const struct sim_path_figures *f)
{
    const struct sl_session_stats up = sim_end_stats(&path->in.lite);
    const struct sl_session_media_stats *m = &up.media[SL_VIDEO];
    const struct sl_session_stats from = sim_end_stats(&path->in.client);
    const struct sl_session_media_stats *sent = &from.media[SL_VIDEO];
    printf("%s: %.2f/s decoded, %.2f shown of %.2f, %.3f %% lost, age p50 %.1f p99 %.1f max %.0f "
           "ms, freeze %.0f ms, calm minutes %.0f %%, overhead %.1f %%, delay %.1f ms\n"
           "    %llu packets, %llu rows, %llu resent; by FEC %llu, by resend %llu, late %llu, "
           "given up %llu; %zu skipped, %zu breaks\n",
           name, f->decoded, f->shown, f->captured, 100 * f->lost, (double)f->p50 / 1e6,
           (double)f->p99 / 1e6, (double)f->most / 1e6, (double)f->freeze / 1e6,
           100 * f->calm_minutes, 100 * sim_path_overhead(path),
           (double)sl_jitter_delay(path->jitter) / 1e6, (unsigned long long)sent->packets,
           (unsigned long long)sent->fec_rows, (unsigned long long)sent->resent,
           (unsigned long long)m->repaired_fec, (unsigned long long)m->repaired_resend,
           (unsigned long long)m->late, (unsigned long long)m->given_up, path->camera.skipped,
           path->breaks);
}
