/* SPDX-License-Identifier: MIT */
#include "whip/endpoint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "net/udp.h"
#include "whip/attempt.h"
#include "whip/resource.h"
#include "whip/retry.h"

#define SILENCE_MAX SL_SEC     /* without an authenticated packet */
#define KEPT_MAX (15 * SL_SEC) /* a silent session: a receiver of ours forgets it then */
#define SETUP_TIMEOUT (5 * SL_SEC)
#define POST_TIMEOUT (3 * SL_SEC)
#define POST_QUICK (2 * SL_SEC)
#define DATAGRAMS_A_TURN 64
#define OFFER_MAX 8192

enum phase {
    PHASE_IDLE,
    PHASE_POSTING, /* maybe beside a silent session */
    PHASE_SESSION, /* connecting or live */
    PHASE_WAITING, /* for retry_at, maybe beside a silent session */
    PHASE_OVER,    /* refused */
    PHASE_STOPPING,
    PHASE_STOPPED,
};

struct sl_endpoint {
    struct sl_endpoint_config config;
    enum phase phase;
    enum sl_endpoint_state state;
    char reason[200];
    struct sl_retry retry;
    sl_ns posted, retry_at, live_since;

    struct sl_http_request *request; /* POST, or the last DELETE */
    struct sl_sdp_local local;       /* of the offer under way */
    struct sl_resource resource;     /* the session at the receiver */
    struct sl_udp *udp;
    struct sl_watch watch;
    struct sl_session *session;
    bool inside;      /* a call into the session is under way: what it reports waits for its end */
    bool closing;     /* by us: what it reports is of no interest */
    bool silent;      /* it was live and nothing is heard of it: another is asked for meanwhile */
    sl_ns kept_until; /* while it is silent */
    bool became_connected, became_silent, became_over, stop_wanted;
    char over_reason[160];

    struct sl_timer timer, flush_timer;
    struct sl_endpoint_stats stats;
};

static void post(struct sl_endpoint *endpoint, bool fresh);
static void begin_stop(struct sl_endpoint *endpoint);

/* ---- Saying what happens. The caller of report() must be done: the handler may do anything. ----
 */

static void report(struct sl_endpoint *endpoint, enum sl_endpoint_state state, const char *format,
                   ...) SL_PRINTF(3, 4);

static void report(struct sl_endpoint *endpoint, enum sl_endpoint_state state, const char *format,
                   ...)
{
    char reason[sizeof(endpoint->reason)];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    if (state == endpoint->state && strcmp(reason, endpoint->reason) == 0)
        return;
    endpoint->state = state;
    memcpy(endpoint->reason, reason, sizeof(reason));
    if (endpoint->config.handler->state)
        endpoint->config.handler->state(endpoint->config.ctx, state, endpoint->reason);
}

static enum sl_endpoint_state trying(const struct sl_endpoint *endpoint)
{
    return endpoint->retry.was_live ? SL_ENDPOINT_RECONNECTING : SL_ENDPOINT_CONNECTING;
}

/* ---- The timer ---- */

static sl_ns min_ns(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

static sl_ns max_ns(sl_ns a, sl_ns b)
{
    return a > b ? a : b;
}

static void arm(struct sl_endpoint *endpoint)
{
    sl_ns due = endpoint->phase == PHASE_WAITING ? endpoint->retry_at : SL_NEVER;
    if (endpoint->session) {
        due = min_ns(due, sl_session_due(endpoint->session));
        due = min_ns(due, endpoint->silent ? endpoint->kept_until
                                           : sl_session_heard(endpoint->session) + SILENCE_MAX);
    }
    if (due != endpoint->timer.due)
        sl_timer_set(&endpoint->timer, due);
}

/* ---- The session ---- */

static void close_socket(struct sl_endpoint *endpoint)
{
    sl_loop_unwatch(&endpoint->watch);
    sl_timer_clear(&endpoint->flush_timer);
    sl_udp_close(endpoint->udp);
    endpoint->udp = NULL;
}

/* Says BYE: a receiver that hears us no longer need not wait for the DELETE. */
static void end_session(struct sl_endpoint *endpoint)
{
    if (endpoint->session) {
        endpoint->closing = true;
        sl_session_close(endpoint->session, sl_loop_now(endpoint->config.loop));
        endpoint->closing = false;
        sl_udp_flush(endpoint->udp);
        sl_session_destroy(endpoint->session);
        endpoint->session = NULL;
    }
    endpoint->silent = false;
    endpoint->became_connected = endpoint->became_silent = endpoint->became_over = false;
    close_socket(endpoint);
}

static void drop_session(struct sl_endpoint *endpoint)
{
    end_session(endpoint);
    sl_resource_delete(&endpoint->resource);
}

/* ---- How a try ends ---- */

static void count_try(struct sl_endpoint *endpoint, uint64_t *counter)
{
    if (endpoint->stats.pending) {
        endpoint->stats.pending = 0;
        (*counter)++;
    }
}

/* Counted from the start of the try: one that got no answer has waited already. */
static void wait_for(struct sl_endpoint *endpoint, sl_ns delay)
{
    const sl_ns soonest = sl_loop_now(endpoint->config.loop) + SL_RETRY_MIN / 2;
    endpoint->phase = PHASE_WAITING;
    endpoint->retry_at = max_ns(endpoint->posted + delay, soonest);
    arm(endpoint);
}

static void refuse(struct sl_endpoint *endpoint, const char *reason)
{
    count_try(endpoint, &endpoint->stats.failed);
    drop_session(endpoint);
    endpoint->phase = PHASE_OVER;
    arm(endpoint);
    report(endpoint, SL_ENDPOINT_REFUSED, "%s", reason);
}

static void fail_try(struct sl_endpoint *endpoint, const char *reason)
{
    if (sl_retry_failed(&endpoint->retry)) {
        refuse(endpoint, reason);
        return;
    }
    count_try(endpoint, &endpoint->stats.failed);
    if (!endpoint->silent)
        drop_session(endpoint);
    wait_for(endpoint, sl_retry_delay(&endpoint->retry, endpoint->config.random));
    report(endpoint, trying(endpoint), "%s", reason);
}

static void wait_until_live(struct sl_endpoint *endpoint, int retry_after_s, const char *reason)
{
    count_try(endpoint, &endpoint->stats.not_live);
    wait_for(endpoint, sl_retry_not_live(&endpoint->retry, retry_after_s, endpoint->config.random));
    report(endpoint, trying(endpoint), "%s", reason);
}

/* ---- What the session reports, acted on when the call into it is over ---- */

static void go_live(struct sl_endpoint *endpoint)
{
    const sl_ns now = sl_loop_now(endpoint->config.loop);
    count_try(endpoint, &endpoint->stats.lives);
    endpoint->stats.last_post_to_connected = now - endpoint->posted;
    sl_retry_lived(&endpoint->retry);
    endpoint->live_since = now;
    report(endpoint, SL_ENDPOINT_LIVE, "live");
}

/* Once it has been live: by what is on its way already, if the last silence asked for one. */
static void ask_for_another(struct sl_endpoint *endpoint)
{
    sl_retry_anew(&endpoint->retry);
    if (endpoint->request) {
        endpoint->phase = PHASE_POSTING;
        arm(endpoint);
    } else {
        post(endpoint, true);
    }
}

/* A session that lasted is replaced at once; one that did not is a failed try. */
static void lose_session(struct sl_endpoint *endpoint, const char *reason)
{
    const sl_ns now = sl_loop_now(endpoint->config.loop);
    if (endpoint->state != SL_ENDPOINT_LIVE) {
        fail_try(endpoint, reason);
        return;
    }
    endpoint->stats.losses++;
    if (!endpoint->request && now - endpoint->live_since < SL_SEC) {
        fail_try(endpoint, reason);
        return;
    }
    drop_session(endpoint);
    ask_for_another(endpoint);
    report(endpoint, SL_ENDPOINT_RECONNECTING, "%s", reason);
}

/* ---- Silence: the session is kept, and checks on, while another is asked for. If the link comes
 * back, the next check finds it at once, from whatever address that we have by then. ---- */

/* Numbers have 16 bits and the peer may send on: a quarter of a round is let pass, for rates vary.
 */
static sl_ns worth_keeping(const struct sl_endpoint *endpoint)
{
    struct sl_session_stats stats;
    sl_session_stats(endpoint->session, &stats);
    const uint64_t packets = stats.media[SL_VIDEO].packets;
    if (endpoint->config.publish || packets == 0)
        return KEPT_MAX;
    const sl_ns lasted = sl_session_heard(endpoint->session) - endpoint->live_since;
    return min_ns(KEPT_MAX, (sl_ns)((double)lasted * 16384.0 / (double)packets));
}

static void fall_silent(struct sl_endpoint *endpoint)
{
    endpoint->became_silent = false;
    endpoint->stats.losses++;
    endpoint->silent = true;
    endpoint->kept_until = sl_session_heard(endpoint->session) + worth_keeping(endpoint);
    sl_session_skip(endpoint->session);
    ask_for_another(endpoint);
    report(endpoint, SL_ENDPOINT_RECONNECTING, "nothing heard for 1 s");
}

/* What was asked for meanwhile may have reached the receiver: its answer is waited for. */
static void be_heard_again(struct sl_endpoint *endpoint)
{
    endpoint->silent = false;
    endpoint->phase = PHASE_SESSION;
    arm(endpoint);
    report(endpoint, SL_ENDPOINT_LIVE, "live");
}

static bool is_heard(const struct sl_endpoint *endpoint)
{
    return sl_loop_now(endpoint->config.loop) - sl_session_heard(endpoint->session) < SILENCE_MAX;
}

/* The end of every call into the session, and the last thing its caller does. */
static void settle(struct sl_endpoint *endpoint)
{
    endpoint->inside = false;
    sl_udp_flush(endpoint->udp);
    if (endpoint->stop_wanted) {
        begin_stop(endpoint);
        return;
    }
    if (endpoint->became_over && endpoint->silent) {
        drop_session(endpoint);
        arm(endpoint);
        return;
    }
    if (endpoint->became_over) {
        char reason[sizeof(endpoint->over_reason)];
        memcpy(reason, endpoint->over_reason, sizeof(reason));
        lose_session(endpoint, reason);
        return;
    }
    if (endpoint->became_silent) {
        fall_silent(endpoint);
        return;
    }
    if (endpoint->silent && is_heard(endpoint)) {
        be_heard_again(endpoint);
        return;
    }
    arm(endpoint);
    if (endpoint->became_connected) {
        endpoint->became_connected = false;
        go_live(endpoint);
    }
}

static void session_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    struct sl_endpoint *endpoint = ctx;
    (void)!sl_udp_send(endpoint->udp, path, data, len); /* lost, as any datagram may be */
}

static void session_state(void *ctx, enum sl_session_state state, const char *reason)
{
    struct sl_endpoint *endpoint = ctx;
    if (endpoint->closing)
        return;
    if (state == SL_SESSION_CONNECTED) {
        endpoint->became_connected = true;
    } else if (state == SL_SESSION_CLOSED || state == SL_SESSION_FAILED) {
        endpoint->became_over = true;
        snprintf(endpoint->over_reason, sizeof(endpoint->over_reason), "%s", reason);
    }
}

static void session_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                           bool repaired, sl_ns arrival)
{
    struct sl_endpoint *endpoint = ctx;
    if (endpoint->config.handler->packet)
        endpoint->config.handler->packet(endpoint->config.ctx, kind, packet, repaired, arrival);
}

static void session_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    struct sl_endpoint *endpoint = ctx;
    if (endpoint->config.handler->keyframe_wanted)
        endpoint->config.handler->keyframe_wanted(endpoint->config.ctx, kind, now);
}

static const struct sl_rtp_packet *session_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    struct sl_endpoint *endpoint = ctx;
    return endpoint->config.handler->resend
               ? endpoint->config.handler->resend(endpoint->config.ctx, kind, seq)
               : NULL;
}

static void session_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    struct sl_endpoint *endpoint = ctx;
    if (endpoint->config.handler->event)
        endpoint->config.handler->event(endpoint->config.ctx, event, now);
}

static void session_device(void *ctx, uint32_t flags, sl_ns now)
{
    struct sl_endpoint *endpoint = ctx;
    if (endpoint->config.handler->device)
        endpoint->config.handler->device(endpoint->config.ctx, flags, now);
}

static const struct sl_session_handler session_handler = {
    .send = session_send,
    .state = session_state,
    .packet = session_packet,
    .keyframe_wanted = session_keyframe_wanted,
    .resend = session_resend,
    .event = session_event,
    .device = session_device,
};

static void datagram(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data,
                     size_t len)
{
    struct sl_endpoint *endpoint = ctx;
    sl_session_receive(endpoint->session, sl_loop_now(endpoint->config.loop), arrival, path, data,
                       len);
}

static void socket_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_endpoint *endpoint = ctx;
    endpoint->inside = true;
    sl_loop_refresh(endpoint->config.loop); /* many sockets are read in one turn */
    (void)!sl_udp_receive(endpoint->udp, DATAGRAMS_A_TURN, datagram, endpoint);
    settle(endpoint);
}

static void flush_fired(void *ctx, sl_ns now)
{
    (void)now;
    struct sl_endpoint *endpoint = ctx;
    sl_udp_flush(endpoint->udp);
}

static void tick_session(struct sl_endpoint *endpoint, sl_ns now)
{
    endpoint->inside = true;
    if (!is_heard(endpoint)) /* or it is we who slept */
        (void)!sl_udp_receive(endpoint->udp, DATAGRAMS_A_TURN, datagram, endpoint);
    sl_session_tick(endpoint->session, now);
    if (endpoint->silent) {
        endpoint->became_over |= now >= endpoint->kept_until;
    } else if (!endpoint->became_over && !is_heard(endpoint)) {
        endpoint->became_silent = endpoint->state == SL_ENDPOINT_LIVE;
        endpoint->became_over = !endpoint->became_silent;
        snprintf(endpoint->over_reason, sizeof(endpoint->over_reason),
                 "no answer on the media port (UDP)");
    }
    settle(endpoint);
}

static void finish_stop(struct sl_endpoint *endpoint)
{
    endpoint->phase = PHASE_STOPPED;
    report(endpoint, SL_ENDPOINT_STOPPED, "stopped");
}

static void timer_fired(void *ctx, sl_ns now)
{
    struct sl_endpoint *endpoint = ctx;
    if (endpoint->phase == PHASE_STOPPING)
        finish_stop(endpoint);
    else if (endpoint->phase == PHASE_WAITING && endpoint->retry_at <= now)
        post(endpoint, endpoint->retry.failures > 0);
    else if (endpoint->session)
        tick_session(endpoint, now);
}

/* ---- From the answer to a session ---- */

static int open_socket(struct sl_endpoint *endpoint, int family)
{
    struct sl_udp_config config = {0};
    config.bind.sa.sa_family = (sa_family_t)family; /* the wildcard, a port of the kernel's */
    int error = sl_udp_open(&endpoint->udp, &config);
    if (error < 0)
        return error;
    error = sl_loop_watch(endpoint->config.loop, &endpoint->watch, sl_udp_fd(endpoint->udp),
                          EPOLLIN, socket_ready, endpoint);
    if (error < 0)
        close_socket(endpoint);
    return error;
}

static int start_session(struct sl_endpoint *endpoint, struct sl_sdp_agreed *agreed,
                         const struct sl_addr *peer)
{
    const struct sl_addr *via = &endpoint->config.via;
    if (!sl_addr_is_set(via)) {
        sl_attempt_remotes(&agreed->remote, peer);
        if (agreed->remote.candidate_count == 0)
            return -EDESTADDRREQ;
        via = &agreed->remote.candidates[0];
    }
    int error = open_socket(endpoint, via->sa.sa_family);
    if (error < 0)
        return error;
    const sl_ns now = sl_loop_now(endpoint->config.loop);
    const struct sl_session_config config = {
        .agreed = *agreed,
        .identity = endpoint->config.identity,
        .handler = &session_handler,
        .ctx = endpoint,
        .random = endpoint->config.random,
        .epoch = endpoint->config.epoch,
        .via = endpoint->config.via,
        .setup_timeout = SETUP_TIMEOUT,
        .fec_percent = endpoint->config.fec_percent,
        .ceiling_bps = endpoint->config.ceiling_bps,
        .floor_bps = endpoint->config.floor_bps,
        .audio_bps = endpoint->config.audio_bps,
        .frame_interval = endpoint->config.frame_interval,
    };
    error = sl_session_create(&endpoint->session, &config, now);
    if (error < 0) {
        close_socket(endpoint);
        return error;
    }
    endpoint->phase = PHASE_SESSION;
    endpoint->inside = true;
    sl_session_start(endpoint->session, now);
    return 0;
}

static void take_answer(struct sl_endpoint *endpoint, const struct sl_http_response *response)
{
    struct sl_sdp_agreed agreed;
    const char *why = "";
    drop_session(endpoint); /* a silent one */
    sl_resource_keep(&endpoint->resource, response->location);
    int error = sl_sdp_accept(response->body, response->body_len, &endpoint->local, &agreed, &why);
    if (error < 0) {
        if (endpoint->retry.was_live)
            fail_try(endpoint, why);
        else
            refuse(endpoint, why);
        return;
    }
    error = start_session(endpoint, &agreed, &response->peer);
    if (error < 0) {
        char reason[128];
        snprintf(reason, sizeof(reason), "no way to send to the addresses in the answer: %s",
                 strerror(-error));
        fail_try(endpoint, reason);
        return;
    }
    settle(endpoint);
}

/* ---- POST ---- */

/* The session came back while another was asked for. If there is one it is used: it has ended the
 * one before, if that was a publisher's. */
static void posted_late(struct sl_endpoint *endpoint, const struct sl_http_response *response)
{
    if (response->error != 0 || response->status != 201) {
        count_try(endpoint, &endpoint->stats.failed);
        return;
    }
    take_answer(endpoint, response);
    if (endpoint->state == SL_ENDPOINT_LIVE)
        report(endpoint, SL_ENDPOINT_RECONNECTING, "a new session takes over");
}

static void posted(void *ctx, const struct sl_http_response *response)
{
    struct sl_endpoint *endpoint = ctx;
    endpoint->request = NULL;
    sl_retry_connected(&endpoint->retry, response->connect);
    if (endpoint->phase == PHASE_SESSION) {
        posted_late(endpoint, response);
        return;
    }
    char reason[160];
    if (response->error != 0) {
        const struct sl_link *link = &endpoint->config.link;
        snprintf(reason, sizeof(reason), "%.80s port %d: %s", link->host, link->port,
                 response->message);
        if (response->error == -EKEYREJECTED && !endpoint->retry.was_live)
            refuse(endpoint, reason);
        else
            fail_try(endpoint, reason);
        return;
    }
    switch (sl_attempt_judge(response->status, endpoint->config.publish, endpoint->retry.was_live,
                             endpoint->config.link.camera, reason, sizeof(reason))) {
    case SL_ATTEMPT_ANSWERED:
        take_answer(endpoint, response);
        break;
    case SL_ATTEMPT_NOT_LIVE:
        wait_until_live(endpoint, response->retry_after_s, reason);
        break;
    case SL_ATTEMPT_AGAIN:
        fail_try(endpoint, reason);
        break;
    case SL_ATTEMPT_FINAL:
        refuse(endpoint, reason);
        break;
    }
}

static void post(struct sl_endpoint *endpoint, bool fresh)
{
    const struct sl_endpoint_config *config = &endpoint->config;
    char offer[OFFER_MAX], path[64];
    sl_attempt_describe(&endpoint->local, config->publish, config->video, config->audio,
                        config->fec_percent != 0, config->h264_profile,
                        sl_dtls_identity_fingerprint(config->identity), config->random);
    endpoint->phase = PHASE_POSTING;
    endpoint->posted = sl_loop_now(config->loop);
    endpoint->stats.posts++;
    endpoint->stats.pending = 1;
    arm(endpoint);
    endpoint->local.sub = config->publish && config->sub;
    sl_resource_asked(&endpoint->resource, config->small);
    snprintf(path, sizeof(path), "/%s/%s%s", config->publish ? "whip" : "whep", config->link.camera,
             config->small ? "?layer=sub" : "");
    const bool quick = sl_retry_is_quick(&endpoint->retry);
    struct sl_http_call call = sl_resource_call(
        &endpoint->resource, "POST", path, quick ? POST_QUICK : POST_TIMEOUT, posted, endpoint);
    call.reach = quick ? SL_RETRY_REACH : 0;
    call.content_type = "application/sdp";
    call.body = offer;
    call.fresh = fresh;
    int error = sl_sdp_write_offer(&endpoint->local, offer, sizeof(offer));
    if (error >= 0)
        error = sl_http_start(config->http, &call, &endpoint->request);
    if (error < 0) { /* out of memory: tried again like all else */
        count_try(endpoint, &endpoint->stats.failed);
        wait_for(endpoint, SL_RETRY_MAX);
    }
}

/* ---- Stopping ---- */

static void deleted(void *ctx, const struct sl_http_response *response)
{
    (void)response;
    struct sl_endpoint *endpoint = ctx;
    endpoint->request = NULL;
    finish_stop(endpoint);
}

static void begin_stop(struct sl_endpoint *endpoint)
{
    sl_http_cancel(endpoint->request);
    endpoint->request = NULL;
    sl_resource_fini(&endpoint->resource);
    count_try(endpoint, &endpoint->stats.failed);
    end_session(endpoint);
    endpoint->phase = PHASE_STOPPING;
    const int error =
        sl_resource_delete_last(&endpoint->resource, deleted, endpoint, &endpoint->request);
    sl_timer_set(&endpoint->timer, error < 0 ? sl_loop_now(endpoint->config.loop) : SL_NEVER);
}

/* ---- The face ---- */

int sl_endpoint_create(struct sl_endpoint **ret, const struct sl_endpoint_config *config)
{
    if (!config->loop || !config->http || !config->identity || !config->random ||
        !config->handler || !sl_name_valid(config->link.camera) ||
        (!config->video && !config->audio))
        return -EINVAL;
    struct sl_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint)
        return -ENOMEM;
    endpoint->config = *config;
    endpoint->retry.limit = config->retries;
    sl_resource_init(&endpoint->resource, config->http, &endpoint->config.link);
    sl_timer_init(&endpoint->timer, config->loop, timer_fired, endpoint);
    sl_timer_init(&endpoint->flush_timer, config->loop, flush_fired, endpoint);
    *ret = endpoint;
    return 0;
}

void sl_endpoint_start(struct sl_endpoint *endpoint)
{
    if (endpoint->phase == PHASE_IDLE)
        post(endpoint, false);
}

void sl_endpoint_stop(struct sl_endpoint *endpoint)
{
    if (endpoint->phase == PHASE_STOPPING || endpoint->phase == PHASE_STOPPED)
        return;
    if (endpoint->inside)
        endpoint->stop_wanted = true;
    else
        begin_stop(endpoint);
}

void sl_endpoint_nudge(struct sl_endpoint *endpoint)
{
    if (endpoint->phase != PHASE_WAITING)
        return;
    endpoint->retry_at = sl_loop_now(endpoint->config.loop);
    arm(endpoint);
}

void sl_endpoint_destroy(struct sl_endpoint *endpoint)
{
    if (!endpoint)
        return;
    sl_http_cancel(endpoint->request);
    sl_resource_fini(&endpoint->resource);
    sl_session_destroy(endpoint->session);
    close_socket(endpoint);
    sl_timer_clear(&endpoint->timer);
    free(endpoint);
}

static bool is_connected(const struct sl_endpoint *endpoint)
{
    return endpoint->phase == PHASE_SESSION &&
           sl_session_state(endpoint->session) == SL_SESSION_CONNECTED;
}

void sl_endpoint_choose(struct sl_endpoint *endpoint, bool small)
{
    endpoint->config.small = small;
    sl_resource_choose(&endpoint->resource, small, is_connected(endpoint));
}

/* What was queued leaves at the end of this turn of the loop, as one batch. */
static void flush_soon(struct sl_endpoint *endpoint)
{
    if (endpoint->inside)
        return;
    if (endpoint->flush_timer.due == SL_NEVER)
        sl_timer_set(&endpoint->flush_timer, sl_loop_now(endpoint->config.loop));
    arm(endpoint);
}

int sl_endpoint_send(struct sl_endpoint *endpoint, enum sl_media_kind kind,
                     const struct sl_rtp_packet *packet, sl_ns now)
{
    if (!is_connected(endpoint))
        return -ENOTCONN;
    const int error = sl_session_send(endpoint->session, kind, packet, now);
    flush_soon(endpoint);
    return error;
}

int sl_endpoint_send_event(struct sl_endpoint *endpoint, const struct sl_motion_event *event)
{
    if (!is_connected(endpoint))
        return -ENOTCONN;
    const int error = sl_session_send_event(endpoint->session, event);
    flush_soon(endpoint);
    return error;
}

int sl_endpoint_set_device(struct sl_endpoint *endpoint, uint32_t flags, sl_ns now)
{
    if (!is_connected(endpoint))
        return -ENOTCONN;
    const int error = sl_session_set_device(endpoint->session, flags, now);
    flush_soon(endpoint);
    return error;
}

enum sl_rate_verdict sl_endpoint_next_frame(struct sl_endpoint *endpoint, sl_ns now)
{
    if (!is_connected(endpoint))
        return SL_RATE_SEND;
    const enum sl_rate_verdict verdict = sl_session_next_frame(endpoint->session, now);
    flush_soon(endpoint); /* packets that were due may have left */
    return verdict;
}

sl_ns sl_endpoint_gate(const struct sl_endpoint *endpoint, sl_ns now)
{
    return is_connected(endpoint) ? sl_session_gate(endpoint->session, now) : 0;
}

int64_t sl_endpoint_bitrate(const struct sl_endpoint *endpoint)
{
    return is_connected(endpoint) ? sl_session_bitrate(endpoint->session) : 0;
}

void sl_endpoint_request_keyframe(struct sl_endpoint *endpoint, sl_ns now)
{
    if (!is_connected(endpoint))
        return;
    sl_session_request_keyframe(endpoint->session, SL_VIDEO, now);
    flush_soon(endpoint);
}

enum sl_endpoint_state sl_endpoint_state(const struct sl_endpoint *endpoint)
{
    return endpoint->state;
}

void sl_endpoint_stats(const struct sl_endpoint *endpoint, struct sl_endpoint_stats *ret)
{
    *ret = endpoint->stats;
    if (endpoint->session)
        sl_session_stats(endpoint->session, &ret->session);
}
