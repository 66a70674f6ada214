/* SPDX-License-Identifier: MIT */
#include "receiver/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "receiver/peer_log.h"

#define ADDRESS_HELD (1 * SL_SEC) /* a session heard within this keeps its addresses */

/* A timer set too early only fires and is set again, so a later due time needs no heap work. */
static void arm(struct sl_timer *timer, sl_ns due)
{
    if (due < timer->due && sl_timer_set(timer, due) != 0)
        sl_error("out of memory for timers");
}

/* Its timer is looked at, and it may be destroyed, at the end of this turn. */
static void touch(struct sl_peer *peer)
{
    if (peer->touched)
        return;
    peer->touched = true;
    peer->next_touched = peer->sessions->touched;
    peer->sessions->touched = peer;
}

static sl_ns time_now(const struct sl_peer *peer)
{
    return sl_loop_now(peer->sessions->config.loop);
}

/* ---- What a session reports ---- */

static void peer_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    struct sl_peer *peer = ctx;
    touch(peer); /* sending may have moved its next report */
    (void)sl_udp_send(peer->sessions->config.udp, path, data, len); /* what fails it counts */
}

static void peer_connected(struct sl_peer *peer, sl_ns now)
{
    struct sl_session_stats stats;
    sl_session_stats(peer->session, &stats);
    if (sl_addr_is_set(&stats.path.remote))
        peer->from = stats.path.remote;
    peer->connected = true;
    peer->sessions->stats.connecting--;
    sl_peer_log_connected(peer, now);
    sl_camera_connected(peer->camera, peer, now);
}

/* It is over: found by nothing any more, destroyed at the end of this turn. */
static void peer_over(struct sl_peer *peer, const char *why, sl_ns now)
{
    if (peer->doomed)
        return;
    peer->doomed = true;
    touch(peer);
    if (!peer->connected)
        peer->sessions->stats.connecting--;
    sl_peers_hide(&peer->sessions->peers, peer);
    if (peer->reason[0])
        why = peer->reason;
    sl_camera_over(peer->camera, peer, why, now);
    sl_peer_log_over(peer, why, now);
}

static void peer_state(void *ctx, enum sl_session_state state, const char *reason)
{
    struct sl_peer *peer = ctx;
    const sl_ns now = time_now(peer);
    if (peer->doomed)
        return;
    if (state == SL_SESSION_CONNECTED)
        peer_connected(peer, now);
    else if (state != SL_SESSION_CONNECTING)
        peer_over(peer, reason ? reason : "no reason given", now);
}

static void peer_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                        bool repaired, sl_ns arrival)
{
    struct sl_peer *peer = ctx;
    if (!peer->doomed)
        sl_camera_packet(peer->camera, peer, kind, packet, repaired, arrival);
}

static void peer_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    struct sl_peer *peer = ctx;
    if (!peer->doomed)
        sl_camera_motion(peer->camera, peer, event, now);
}

static void peer_device(void *ctx, uint32_t flags, sl_ns now)
{
    struct sl_peer *peer = ctx;
    if (!peer->doomed)
        sl_camera_device(peer->camera, peer, flags, now);
}

static void peer_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)kind; /* a subscriber has one picture */
    struct sl_peer *peer = ctx;
    sl_camera_keyframe_wanted(peer->camera, peer, now);
}

/* Whose is a validated address that another session holds? A check's source address can be forged
 * by whoever holds any token, so it stays with a session that is alive, unless both are the same
 * owner's. */
static void peer_validated(void *ctx, const struct sl_path *path)
{
    struct sl_peer *peer = ctx;
    struct sl_sessions *sessions = peer->sessions;
    const sl_ns now = time_now(peer);
    const struct sl_peer *holder = sl_peers_by_address(&sessions->peers, &path->remote);
    if (holder && holder != peer && now - sl_session_heard(holder->session) < ADDRESS_HELD &&
        memcmp(holder->token.hash, peer->token.hash, SL_TOKEN_HASH_BYTES) != 0) {
        sessions->stats.address_conflict++;
        return;
    }
    sl_peers_claim(&sessions->peers, peer, &path->remote);
}

static const struct sl_rtp_packet *peer_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    struct sl_peer *peer = ctx;
    return sl_camera_resend(peer->camera, peer, kind, seq);
}

static const struct sl_session_handler publisher_handler = {
    .send = peer_send,
    .state = peer_state,
    .packet = peer_packet,
    .validated = peer_validated,
    .event = peer_event,
    .device = peer_device,
};

static const struct sl_session_handler subscriber_handler = {
    .send = peer_send,
    .state = peer_state,
    .keyframe_wanted = peer_keyframe_wanted,
    .validated = peer_validated,
    .resend = peer_resend,
};

/* ---- Their life ---- */

static void peer_timer(void *ctx, sl_ns now)
{
    struct sl_peer *peer = ctx;
    if (!peer->doomed)
        sl_session_tick(peer->session, now);
    touch(peer);
}

static void peer_destroy(struct sl_peer *peer)
{
    struct sl_sessions *sessions = peer->sessions;
    sl_camera_leave(peer->camera, peer);
    sl_timer_clear(&peer->timer);
    sl_peers_remove(&sessions->peers, peer);
    sl_session_destroy(peer->session);
    sessions->stats.count--;
    sessions->stats.ended++;
    free(peer);
}

static void take_ids(struct sl_peer *peer, const struct sl_ask *ask)
{
    const struct sl_sdp_agreed *agreed = &ask->agreed;
    peer->token = ask->token;
    peer->from = ask->from;
    snprintf(peer->id, sizeof(peer->id), "%s", ask->id);
    snprintf(peer->ufrag, sizeof(peer->ufrag), "%s", agreed->local.ufrag);
    for (int i = 0; i < agreed->media_count; i++) {
        if (agreed->media[i].kind == SL_VIDEO)
            memcpy(peer->h264_profile, agreed->media[i].h264_profile, sizeof(peer->h264_profile));
        peer->sound |= agreed->media[i].kind == SL_AUDIO;
        peer->sub |= agreed->media[i].kind == SL_VIDEO_SUB;
    }
}

int sl_sessions_create(struct sl_sessions *sessions, struct sl_camera *camera,
                       const struct sl_ask *ask)
{
    const sl_ns now = sl_loop_now(sessions->config.loop);
    const bool publisher = ask->type == SL_ASK_PUBLISH;
    struct sl_peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    *peer = (struct sl_peer){
        .sessions = sessions, .camera = camera, .publisher = publisher, .created = now};
    take_ids(peer, ask);
    const struct sl_session_config config = {
        .agreed = ask->agreed,
        .identity = sessions->config.identity,
        .handler = publisher ? &publisher_handler : &subscriber_handler,
        .ctx = peer,
        .random = sessions->config.random,
        .epoch = sessions->config.epoch,
        .setup_timeout = sessions->config.setup_timeout,
        .fec_percent = SL_FEC_AUTO,
        /* Our own programs check every 5 s and come back by a new POST after 1 s of silence. */
        .consent_timeout = ask->agreed.sightline ? 15 * SL_SEC : 0,
    };
    int err = sl_session_create(&peer->session, &config, now);
    if (err == 0)
        err = sl_camera_enter(camera, peer, ask->layer, now);
    if (err != 0) {
        sl_session_destroy(peer->session);
        free(peer);
        return err;
    }
    sl_timer_init(&peer->timer, sessions->config.loop, peer_timer, peer);
    sl_peers_add(&sessions->peers, peer);
    sessions->stats.count++;
    sessions->stats.connecting++;
    sessions->stats.created++;
    sl_session_start(peer->session, now);
    touch(peer);
    return 0;
}

void sl_sessions_close(struct sl_peer *peer, const char *why)
{
    if (peer->doomed)
        return;
    const sl_ns now = time_now(peer);
    snprintf(peer->reason, sizeof(peer->reason), "%s", why);
    sl_session_close(peer->session, now); /* peer_over() follows from inside */
    peer_over(peer, why, now);            /* in case it was closed already */
}

void sl_sessions_close_all(struct sl_sessions *sessions, const char *why)
{
    for (struct sl_peer *peer = sessions->peers.first; peer; peer = peer->next)
        sl_sessions_close(peer, why);
}

void sl_sessions_receive(struct sl_peer *peer, const struct sl_path *path, sl_ns arrival,
                         uint8_t *data, size_t len)
{
    const sl_ns now = time_now(peer);
    sl_session_receive(peer->session, now, arrival, path, data, len);
    touch(peer);
    sl_camera_heard(peer->camera, peer, now);
}

bool sl_sessions_bury(struct sl_sessions *sessions)
{
    bool buried = false;
    while (sessions->touched) {
        struct sl_peer *peer = sessions->touched;
        sessions->touched = peer->next_touched;
        peer->touched = false;
        if (peer->doomed) {
            peer_destroy(peer);
            buried = true;
        } else {
            arm(&peer->timer, sl_session_due(peer->session));
        }
    }
    return buried;
}

/* What was lost on the way from each camera lately. */
static void look_at_repairs(void *ctx, sl_ns now)
{
    struct sl_sessions *sessions = ctx;
    for (struct sl_peer *peer = sessions->peers.first; peer; peer = peer->next)
        sl_peer_log_repairs(peer, now);
    arm(&sessions->repairs_timer, now + SL_REPAIR_LOG_EVERY);
}

int sl_sessions_init(struct sl_sessions *sessions, const struct sl_sessions_config *config)
{
    *sessions = (struct sl_sessions){.config = *config};
    sl_timer_init(&sessions->repairs_timer, config->loop, look_at_repairs, sessions);
    const int err = sl_peers_init(&sessions->peers, config->expected);
    if (err != 0)
        return err;
    return sl_timer_set(&sessions->repairs_timer, sl_loop_now(config->loop) + SL_REPAIR_LOG_EVERY);
}

void sl_sessions_fini(struct sl_sessions *sessions)
{
    while (sessions->peers.first)
        peer_destroy(sessions->peers.first);
    sl_timer_clear(&sessions->repairs_timer);
    sl_peers_fini(&sessions->peers);
}
