/* SPDX-License-Identifier: MIT */
#include "receiver/hub.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/time.h"
#include "base/trace.h"
#include "receiver/limiter.h"
#include "receiver/motion_log.h"
#include "receiver/peers.h"
#include "receiver/record_tap.h"
#include "stun/stun.h"

#define RECEIVE_BATCH 64             /* datagrams before what they caused is sent */
#define SILENT_AFTER (2 * SL_SEC)    /* a publisher that was not heard: the camera is offline */
#define TAKEOVER_AFTER (500 * SL_MS) /* docs/protocol.md */
#define ADDRESS_HELD (1 * SL_SEC)    /* a session heard within this keeps its addresses */
#define TELL_AGAIN (20 * SL_MS)
#define STUN_HOSTS 1024

struct sl_camera {
    char name[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    struct sl_hub *hub;
    struct sl_relay *relay;
    struct sl_peer *publisher; /* the one that may send; connected or not */
    bool live;
    bool told; /* HTTP knows the state */
    bool removed;
    int64_t since_us;
    struct sl_motion_log motion;
    bool moving; /* as told */
    int64_t moving_since_us;
    struct sl_record_tap tap;
    struct sl_device_watch device;
    bool away; /* its device is, as told */
    int peers; /* that point here */
    struct sl_timer timer;
    bool fed; /* its relay has packets to forward */
    struct sl_camera *next, *next_fed;
};

struct sl_hub {
    struct sl_hub_config config;
    struct sl_watch udp_watch, wake_watch;
    struct sl_timer tell_timer, repairs_timer;
    struct sl_peers peers;
    struct sl_peer *touched;
    struct sl_camera *cameras, *fed;
    struct sl_limiter *stun_limiter;
    struct sl_hub_stats stats;
    uint32_t traced[RECEIVE_BATCH]; /* timestamps of frames that leave with this turn's flush */
    int traced_count;
};

struct sl_hub_limits sl_hub_limits_default(void)
{
    return (struct sl_hub_limits){
        .cameras = SL_STORE_CAMERAS_MAX,
        .sessions = 2048,
        .subscribers_per_camera = 256,
        .connecting = 512, /* two walls of 256 tiles coming back at once */
        .per_token = 1024, /* a wall, twice over while it reconnects */
        .setup_timeout = 10 * SL_SEC,
        .stun_burst = 1000,
        .stun_per_sec = 500,
    };
}

/* ---- Cameras ---- */

static void tell_camera(struct sl_camera *camera)
{
    struct sl_event event = {
        .type = SL_EVENT_CAMERA,
        .live = camera->live,
        .since_us = camera->since_us,
        .moving = camera->moving,
        .moving_since_us = camera->moving_since_us,
        .away = camera->away,
    };
    snprintf(event.camera, sizeof(event.camera), "%s", camera->name);
    if (camera->live) {
        memcpy(event.h264_profile, camera->publisher->h264_profile, sizeof(event.h264_profile));
        event.sub = camera->publisher->sub;
    }
    camera->told = sl_exchange_tell(camera->hub->config.exchange, &event);
    if (!camera->told)
        (void)sl_timer_set(&camera->hub->tell_timer,
                           sl_loop_now(camera->hub->config.loop) + TELL_AGAIN);
}

static void tell_again(void *ctx, sl_ns now)
{
    (void)now;
    struct sl_hub *hub = ctx;
    for (struct sl_camera *camera = hub->cameras; camera; camera = camera->next)
        if (!camera->told)
            tell_camera(camera);
}

static void set_live(struct sl_camera *camera, bool live, sl_ns now)
{
    if (camera->live == live)
        return;
    camera->live = live;
    camera->hub->stats.live += live ? 1 : -1;
    camera->since_us = (now + camera->hub->config.epoch) / SL_US;
    tell_camera(camera);
}

/* After each change of its log. */
static void set_motion(struct sl_camera *camera, const struct sl_motion_lines *lines, sl_ns now)
{
    for (int i = 0; i < lines->count; i++)
        sl_info("%s", lines->text[i]);
    sl_record_tap_motion(&camera->tap, &camera->motion, camera->hub->config.epoch, now);
    if (camera->moving == camera->motion.moving)
        return;
    camera->moving = camera->motion.moving;
    camera->moving_since_us = (now + camera->hub->config.epoch) / SL_US;
    tell_camera(camera);
}

static void stop_motion(struct sl_camera *camera, sl_ns now)
{
    struct sl_motion_lines lines;
    sl_motion_log_stop(&camera->motion, camera->name, &lines);
    set_motion(camera, &lines, now);
}

/* A browser's is not supported. */
static void tell_viewer(struct sl_peer *peer, sl_ns now)
{
    (void)sl_session_set_device(peer->session, peer->camera->device.flags, now);
}

/* After a change of the flags of its device; `gone` says how it is away no more. */
static void device_changed(struct sl_camera *camera, const char *gone, sl_ns now)
{
    const bool away = camera->device.flags & SL_DEVICE_AWAY;
    if (away != camera->away) {
        sl_log(away ? SL_LOG_WARN : SL_LOG_INFO, "camera %s: %s", camera->name,
               away ? "no signal from its device" : gone);
        camera->away = away;
        tell_camera(camera);
    }
    for (struct sl_peer *peer = camera->hub->peers.first; peer; peer = peer->next)
        if (peer->camera == camera && !peer->publisher && !peer->doomed)
            tell_viewer(peer, now);
}

/* With its publisher. */
static void forget_device(struct sl_camera *camera, sl_ns now)
{
    if (sl_device_watch_hear(&camera->device, 0, now))
        device_changed(camera, "its device was away when its sender left", now);
}

static struct sl_camera *find_camera(const struct sl_hub *hub, const char *name)
{
    struct sl_camera *camera = hub->cameras;
    while (camera && (camera->removed || strcmp(camera->name, name) != 0))
        camera = camera->next;
    return camera;
}

/* When the camera's timer ought to fire. */
static sl_ns camera_due(const struct sl_camera *camera)
{
    const sl_ns relay = sl_relay_due(camera->relay), motion = sl_motion_log_due(&camera->motion);
    sl_ns due = relay < motion ? relay : motion;
    const sl_ns device = sl_device_watch_due(&camera->device);
    if (device < due)
        due = device;
    if (camera->live) {
        const sl_ns silent = sl_session_heard(camera->publisher->session) + SILENT_AFTER;
        if (silent < due)
            due = silent;
    }
    return due;
}

/* A timer set too early only fires and is set again, so a later due time needs no heap work. */
static void arm(struct sl_timer *timer, sl_ns due)
{
    if (due < timer->due && sl_timer_set(timer, due) != 0)
        sl_error("out of memory for timers");
}

static void camera_timer(void *ctx, sl_ns now)
{
    struct sl_camera *camera = ctx;
    if (camera->live && now - sl_session_heard(camera->publisher->session) >= SILENT_AFTER) {
        sl_warn("camera %s: offline, nothing heard for %d s", camera->name,
                (int)(SILENT_AFTER / SL_SEC));
        set_live(camera, false, now);
    }
    struct sl_motion_lines lines;
    sl_motion_log_tick(&camera->motion, camera->name, now, &lines);
    set_motion(camera, &lines, now);
    if (sl_device_watch_tick(&camera->device, now))
        device_changed(camera, "its device is not heard of any more", now);
    sl_relay_tick(camera->relay, now);
    arm(&camera->timer, camera_due(camera));
}

static struct sl_camera *add_camera(struct sl_hub *hub, const char *name)
{
    if (hub->stats.cameras >= hub->config.limits.cameras) {
        sl_error("camera %s: left out, at most %d cameras", name, hub->config.limits.cameras);
        return NULL;
    }
    struct sl_camera *camera = calloc(1, sizeof(*camera));
    if (!camera || sl_relay_create(&camera->relay, &sl_relay_real_sessions) != 0) {
        sl_error("camera %s: left out, out of memory", name);
        free(camera);
        return NULL;
    }
    snprintf(camera->name, sizeof(camera->name), "%s", name);
    camera->hub = hub;
    sl_record_tap_init(&camera->tap, hub->config.record);
    camera->told = true; /* offline is what HTTP takes for granted */
    sl_timer_init(&camera->timer, hub->config.loop, camera_timer, camera);
    camera->next = hub->cameras;
    hub->cameras = camera;
    hub->stats.cameras++;
    return camera;
}

/* Once it is removed and its last session is gone. */
static void free_cameras(struct sl_hub *hub, bool all)
{
    struct sl_camera **at = &hub->cameras;
    while (*at) {
        struct sl_camera *camera = *at;
        if (!all && (!camera->removed || camera->peers > 0)) {
            at = &camera->next;
            continue;
        }
        *at = camera->next;
        sl_timer_clear(&camera->timer);
        sl_record_tap_fini(&camera->tap);
        sl_relay_destroy(camera->relay);
        free(camera);
    }
}

/* ---- Peers ---- */

static const char *peer_kind(const struct sl_peer *peer)
{
    return peer->publisher ? "sender" : "viewer";
}

/* Its timer is looked at, and it may be destroyed, at the end of this turn. */
static void touch(struct sl_peer *peer)
{
    if (peer->touched)
        return;
    peer->touched = true;
    peer->next_touched = peer->hub->touched;
    peer->hub->touched = peer;
}

static void peer_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    struct sl_peer *peer = ctx;
    touch(peer); /* sending may have moved its next report */
    (void)sl_udp_send(peer->hub->config.udp, path, data, len); /* what fails it counts */
}

static void peer_connected(struct sl_peer *peer, sl_ns now)
{
    struct sl_camera *camera = peer->camera;
    struct sl_session_stats stats;
    char from[SL_ADDR_TEXT];
    sl_session_stats(peer->session, &stats);
    if (sl_addr_is_set(&stats.path.remote))
        peer->from = stats.path.remote;
    peer->connected = true;
    peer->repairs = (struct sl_repair_log){.began = now, .looked = now};
    peer->hub->stats.connecting--;
    const int ms = (int)((now - peer->created) / SL_MS);
    if (peer->publisher) {
        sl_info("camera %s: live from %s (H.264 %s%s%s, set up in %d ms)", camera->name,
                sl_addr_text(&peer->from, from), peer->h264_profile,
                peer->sub ? ", a small picture" : "", peer->sound ? " and sound" : "", ms);
        sl_relay_publish(camera->relay, peer->session, now);
        sl_record_tap_connect(&camera->tap, camera->name, camera->location, &peer->from,
                              peer->sound, now);
        set_live(camera, true, now);
    } else {
        sl_info("camera %s: viewer %s joined from %s (set up in %d ms)", camera->name,
                peer->token.subject, sl_addr_text(&peer->from, from), ms);
        sl_relay_connected(camera->relay, &peer->feed, now);
        tell_viewer(peer, now);
    }
    arm(&camera->timer, camera_due(camera));
}

static void say(const struct sl_repair_line *line)
{
    sl_log(line->level, "%s", line->text);
}

/* What was lost on the way from each camera lately. */
static void look_at_repairs(void *ctx, sl_ns now)
{
    struct sl_hub *hub = ctx;
    for (struct sl_peer *peer = hub->peers.first; peer; peer = peer->next) {
        struct sl_session_stats stats;
        struct sl_repair_line line;
        if (!peer->publisher || !peer->connected || peer->doomed)
            continue;
        sl_session_stats(peer->session, &stats);
        if (sl_repair_log_look(&peer->repairs, peer->camera->name, &stats, now, &line))
            say(&line);
    }
    arm(&hub->repairs_timer, now + SL_REPAIR_LOG_EVERY);
}

static void say_repairs_at_end(const struct sl_peer *peer, sl_ns now)
{
    struct sl_session_stats stats;
    struct sl_repair_line line;
    sl_session_stats(peer->session, &stats);
    if (peer->publisher)
        sl_repair_log_end(&peer->repairs, peer->camera->name, &stats, now, &line);
    else
        sl_repair_log_viewer_end(&peer->repairs, peer->camera->name, peer->token.subject, &stats,
                                 now, &line);
    say(&line);
}

/* It is over: found by nothing any more, destroyed at the end of this turn. */
static void peer_over(struct sl_peer *peer, const char *why, sl_ns now)
{
    struct sl_camera *camera = peer->camera;
    char from[SL_ADDR_TEXT];
    if (peer->doomed)
        return;
    peer->doomed = true;
    touch(peer);
    if (!peer->connected)
        peer->hub->stats.connecting--;
    sl_peers_hide(&peer->hub->peers, peer);
    peer->feed.live = false;
    if (peer->reason[0])
        why = peer->reason;
    sl_addr_text(&peer->from, from);
    if (peer->publisher && camera->publisher == peer) {
        stop_motion(camera, now);
        forget_device(camera, now);
        camera->publisher = NULL;
        sl_record_tap_disconnect(&camera->tap, why, now);
        sl_relay_publish(camera->relay, NULL, now);
        if (camera->live)
            sl_info("camera %s: offline, %s left: %s", camera->name, from, why);
        set_live(camera, false, now);
    }
    if (!peer->connected)
        sl_info("camera %s: %s %s at %s was not set up: %s", camera->name, peer_kind(peer),
                peer->token.subject, from, why);
    else if (!peer->publisher)
        sl_info("camera %s: viewer %s at %s left: %s", camera->name, peer->token.subject, from,
                why);
    if (peer->connected)
        say_repairs_at_end(peer, now);
}

static void peer_state(void *ctx, enum sl_session_state state, const char *reason)
{
    struct sl_peer *peer = ctx;
    const sl_ns now = sl_loop_now(peer->hub->config.loop);
    if (peer->doomed)
        return;
    if (state == SL_SESSION_CONNECTED)
        peer_connected(peer, now);
    else if (state != SL_SESSION_CONNECTING)
        peer_over(peer, reason ? reason : "no reason given", now);
}

/* A frame's last packet, which is with the relay. By its timestamp as viewers see it. */
static void trace_frame(const struct sl_peer *peer, uint32_t timestamp, sl_ns in)
{
    struct sl_hub *hub = peer->hub;
    timestamp += sl_relay_timestamp_offset(peer->camera->relay, SL_VIDEO);
    sl_trace_note(hub->config.trace, SL_TRACE_RELAY_IN, timestamp, 0, in);
    if (hub->traced_count < RECEIVE_BATCH)
        hub->traced[hub->traced_count++] = timestamp;
}

static void trace_flushed(struct sl_hub *hub)
{
    const sl_ns now = hub->traced_count ? sl_time_now() : 0;
    for (int i = 0; i < hub->traced_count; i++)
        sl_trace_note(hub->config.trace, SL_TRACE_RELAY_OUT, hub->traced[i], 0, now);
    hub->traced_count = 0;
}

static void peer_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                        bool repaired, sl_ns arrival)
{
    struct sl_peer *peer = ctx;
    struct sl_camera *camera = peer->camera;
    if (peer->doomed || camera->publisher != peer)
        return;
    if (sl_record_tap_packet(&camera->tap, kind, packet, arrival))
        sl_session_request_keyframe(peer->session, SL_VIDEO, sl_loop_now(peer->hub->config.loop));
    const bool traced = peer->hub->config.trace && kind == SL_VIDEO && packet->marker;
    const sl_ns in = traced ? sl_time_now() : 0;
    sl_relay_packet(camera->relay, kind, packet, repaired, sl_loop_now(peer->hub->config.loop));
    if (!camera->fed) {
        camera->fed = true;
        camera->next_fed = peer->hub->fed;
        peer->hub->fed = camera;
    }
    if (traced)
        trace_frame(peer, packet->timestamp, in);
}

/* To every viewer of ours, each time it is told: so its repetitions are theirs. */
static void peer_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    struct sl_peer *peer = ctx;
    struct sl_camera *camera = peer->camera;
    struct sl_motion_lines lines;
    if (peer->doomed || camera->publisher != peer)
        return;
    sl_motion_log_hear(&camera->motion, camera->name, event, now, &lines);
    set_motion(camera, &lines, now);
    arm(&camera->timer, camera_due(camera));
    for (struct sl_peer *to = peer->hub->peers.first; to; to = to->next)
        if (to->camera == camera && !to->publisher && !to->doomed)
            (void)sl_session_send_event(to->session, event); /* a browser's is not supported */
}

/* Each viewer's session repeats it by itself. */
static void peer_device(void *ctx, uint32_t flags, sl_ns now)
{
    struct sl_peer *peer = ctx;
    struct sl_camera *camera = peer->camera;
    if (peer->doomed || camera->publisher != peer)
        return;
    if (sl_device_watch_hear(&camera->device, flags, now))
        device_changed(camera, "its device is back", now);
    arm(&camera->timer, camera_due(camera));
}

static void peer_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)kind; /* a subscriber has one picture */
    struct sl_peer *peer = ctx;
    sl_relay_keyframe_wanted(peer->camera->relay, &peer->feed, now);
    arm(&peer->camera->timer, camera_due(peer->camera));
}

/* Whose is a validated address that another session holds? A check's source address can be forged
 * by whoever holds any token, so it stays with a session that is alive, unless both are the same
 * owner's. */
static void peer_validated(void *ctx, const struct sl_path *path)
{
    struct sl_peer *peer = ctx;
    struct sl_hub *hub = peer->hub;
    const sl_ns now = sl_loop_now(hub->config.loop);
    const struct sl_peer *holder = sl_peers_by_address(&hub->peers, &path->remote);
    if (holder && holder != peer && now - sl_session_heard(holder->session) < ADDRESS_HELD &&
        memcmp(holder->token.hash, peer->token.hash, SL_TOKEN_HASH_BYTES) != 0) {
        hub->stats.address_conflict++;
        return;
    }
    sl_peers_claim(&hub->peers, peer, &path->remote);
}

static const struct sl_rtp_packet *peer_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    struct sl_peer *peer = ctx;
    return sl_relay_resend(peer->camera->relay, &peer->feed, kind, seq);
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

static void peer_timer(void *ctx, sl_ns now)
{
    struct sl_peer *peer = ctx;
    if (!peer->doomed)
        sl_session_tick(peer->session, now);
    touch(peer);
}

static void peer_destroy(struct sl_peer *peer)
{
    struct sl_hub *hub = peer->hub;
    if (!peer->publisher)
        sl_relay_leave(peer->camera->relay, &peer->feed);
    sl_timer_clear(&peer->timer);
    sl_peers_remove(&hub->peers, peer);
    sl_session_destroy(peer->session);
    peer->camera->peers--;
    hub->stats.sessions--;
    hub->stats.ended++;
    free(peer);
}

/* Says goodbye; peer_over() follows from inside. */
static void peer_close(struct sl_peer *peer, const char *why)
{
    if (peer->doomed)
        return;
    const sl_ns now = sl_loop_now(peer->hub->config.loop);
    snprintf(peer->reason, sizeof(peer->reason), "%s", why);
    sl_session_close(peer->session, now);
    peer_over(peer, why, now); /* in case it was closed already */
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

/* 0 or -errno. */
static int peer_create(struct sl_hub *hub, struct sl_camera *camera, const struct sl_ask *ask)
{
    const sl_ns now = sl_loop_now(hub->config.loop);
    const bool publisher = ask->type == SL_ASK_PUBLISH;
    struct sl_peer *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    *peer = (struct sl_peer){.hub = hub, .camera = camera, .publisher = publisher, .created = now};
    take_ids(peer, ask);
    const struct sl_session_config config = {
        .agreed = ask->agreed,
        .identity = hub->config.identity,
        .handler = publisher ? &publisher_handler : &subscriber_handler,
        .ctx = peer,
        .random = hub->config.random,
        .epoch = hub->config.epoch,
        .setup_timeout = hub->config.limits.setup_timeout,
        .fec_percent = SL_FEC_AUTO,
        /* Our own programs check every 5 s and come back by a new POST after 1 s of silence. */
        .consent_timeout = ask->agreed.sightline ? 15 * SL_SEC : 0,
    };
    int err = sl_session_create(&peer->session, &config, now);
    if (err == 0 && !publisher)
        err = sl_relay_join(camera->relay, &peer->feed, peer->session);
    if (err == 0 && !publisher)
        sl_relay_choose(camera->relay, &peer->feed, ask->layer, now);
    if (err != 0) {
        sl_session_destroy(peer->session);
        free(peer);
        return err;
    }
    sl_timer_init(&peer->timer, hub->config.loop, peer_timer, peer);
    sl_peers_add(&hub->peers, peer);
    camera->peers++;
    if (publisher)
        camera->publisher = peer;
    hub->stats.sessions++;
    hub->stats.connecting++;
    hub->stats.created++;
    sl_session_start(peer->session, now);
    touch(peer);
    return 0;
}

/* ---- Asks ---- */

static SL_PRINTF(4, 5) void refuse(struct sl_ask *ask, int status, int retry_after,
                                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(ask->detail, sizeof(ask->detail), format, args);
    va_end(args);
    ask->status = status;
    ask->retry_after = retry_after;
}

/* True, or the ask is refused. */
static bool within_limits(struct sl_hub *hub, struct sl_ask *ask)
{
    const struct sl_hub_limits *limits = &hub->config.limits;
    int of_token = 0;
    for (const struct sl_peer *peer = hub->peers.first; peer; peer = peer->next)
        of_token +=
            !peer->doomed && memcmp(peer->token.hash, ask->token.hash, SL_TOKEN_HASH_BYTES) == 0;
    if (of_token >= limits->per_token)
        refuse(ask, 429, 1, "at most %d sessions with one token", limits->per_token);
    else if (hub->stats.connecting >= limits->connecting)
        refuse(ask, 503, 1, "at most %d sessions being set up at a time", limits->connecting);
    else if (hub->stats.sessions >= limits->sessions)
        refuse(ask, 503, 1, "at most %d sessions", limits->sessions);
    else
        return true;
    return false;
}

static void answer_publish(struct sl_hub *hub, struct sl_camera *camera, struct sl_ask *ask)
{
    const sl_ns now = sl_loop_now(hub->config.loop);
    struct sl_peer *old = camera->publisher;
    char from[SL_ADDR_TEXT];
    if (old && now - sl_session_heard(old->session) < TAKEOVER_AFTER) {
        refuse(ask, 409, 0, "camera %s already has a sender, at %s", camera->name,
               sl_addr_host(&old->from, from));
        return;
    }
    if (old)
        peer_close(old, "another sender took over");
    if (peer_create(hub, camera, ask) != 0)
        refuse(ask, 503, 1, "out of memory");
    else
        ask->status = 201;
}

static void answer_subscribe(struct sl_hub *hub, struct sl_camera *camera, struct sl_ask *ask)
{
    if (!camera->live)
        refuse(ask, 409, 1, "camera %s is not live", camera->name);
    else if (sl_relay_feeds(camera->relay) >= hub->config.limits.subscribers_per_camera)
        refuse(ask, 503, 1, "camera %s has its %d viewers", camera->name,
               hub->config.limits.subscribers_per_camera);
    else if (peer_create(hub, camera, ask) != 0)
        refuse(ask, 503, 1, "out of memory");
    else
        ask->status = 201;
    if (ask->layer == SL_VIDEO_SUB && !(camera->live && camera->publisher->sub))
        ask->layer = SL_VIDEO;
}

static void answer_media(struct sl_hub *hub, struct sl_ask *ask)
{
    struct sl_camera *camera = find_camera(hub, ask->camera);
    if (!camera)
        refuse(ask, 404, 0, "there is no camera %s", ask->camera);
    else if (!within_limits(hub, ask))
        ; /* said */
    else if (ask->type == SL_ASK_PUBLISH)
        answer_publish(hub, camera, ask);
    else
        answer_subscribe(hub, camera, ask);
    if (ask->status != 201)
        hub->stats.refused++;
}

/* A camera that has no small picture now gives the other, until it has. */
static void answer_layer(struct sl_peer *peer, struct sl_ask *ask)
{
    struct sl_camera *camera = peer->camera;
    if (peer->publisher) {
        refuse(ask, 400, 0, "the session is a sender's: it has no layer to choose");
        return;
    }
    sl_relay_choose(camera->relay, &peer->feed, ask->layer, sl_loop_now(peer->hub->config.loop));
    arm(&camera->timer, camera_due(camera));
    if (!camera->publisher || !camera->publisher->sub)
        ask->layer = SL_VIDEO;
    ask->status = 204;
}

static void answer_session(struct sl_hub *hub, struct sl_ask *ask)
{
    struct sl_peer *peer = sl_peers_by_id(&hub->peers, ask->id);
    if (!peer) {
        refuse(ask, 404, 0, "there is no such session");
    } else if (peer->token.role != ask->token.role ||
               strcmp(peer->token.subject, ask->token.subject) != 0) {
        refuse(ask, 403, 0, "the session is not yours");
    } else if (ask->type == SL_ASK_END) {
        peer_close(peer, "ended by its owner");
        ask->status = 200;
    } else if (ask->type == SL_ASK_LAYER) {
        answer_layer(peer, ask);
    } else {
        ask->status = 204;
    }
}

static void update_camera(struct sl_hub *hub, const struct sl_camera_entry *entry)
{
    struct sl_camera *camera = find_camera(hub, entry->name);
    if (!camera)
        camera = add_camera(hub, entry->name);
    if (!camera)
        return;
    memcpy(camera->location, entry->location, sizeof(camera->location));
    sl_record_tap_rule(&camera->tap, &entry->record, camera->location,
                       sl_loop_now(hub->config.loop));
}

/* From now on only what is in the snapshot may be here. */
static void apply_snapshot(struct sl_hub *hub, const struct sl_snapshot *snapshot)
{
    for (int i = 0; i < snapshot->camera_count; i++)
        update_camera(hub, &snapshot->cameras[i]);
    for (struct sl_camera *camera = hub->cameras; camera; camera = camera->next) {
        if (camera->removed || sl_snapshot_camera(snapshot, camera->name))
            continue;
        sl_info("camera %s: removed", camera->name);
        camera->removed = true;
        hub->stats.cameras--;
    }
    for (struct sl_peer *peer = hub->peers.first; peer; peer = peer->next) {
        if (peer->camera->removed)
            peer_close(peer, "the camera was removed");
        else if (!sl_snapshot_token(snapshot, peer->token.hash))
            peer_close(peer, "its link was withdrawn");
    }
    free_cameras(hub, false);
}

static void wake_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_hub *hub = ctx;
    struct sl_ask *ask;
    sl_wake_clear(&hub->config.exchange->hub);
    while (sl_ring_pop(hub->config.exchange->asks, &ask)) {
        if (ask->type == SL_ASK_SNAPSHOT) {
            apply_snapshot(hub, ask->snapshot);
            free(ask->snapshot);
            free(ask);
            continue;
        }
        if (ask->type == SL_ASK_PUBLISH || ask->type == SL_ASK_SUBSCRIBE)
            answer_media(hub, ask);
        else
            answer_session(hub, ask);
        /* The ring has a place for every request that HTTP can have open. */
        if (!sl_exchange_tell(hub->config.exchange,
                              &(struct sl_event){.type = SL_EVENT_ANSWER, .ask = ask}))
            sl_error("an answer was lost: the ring to HTTP is full");
    }
}

/* ---- Datagrams ---- */

/* Whose it is; NULL after counting why not. */
static struct sl_peer *owner_of(struct sl_hub *hub, const struct sl_path *path, const uint8_t *data,
                                size_t len)
{
    struct sl_peer *holder = sl_peers_by_address(&hub->peers, &path->remote);
    if (!sl_stun_is(data, len)) {
        hub->stats.unknown_address += !holder;
        return holder;
    }
    if (!holder &&
        !sl_limiter_take(hub->stun_limiter, &path->remote, sl_loop_now(hub->config.loop))) {
        hub->stats.limited++;
        return NULL;
    }
    const char *ufrag;
    const int ufrag_len = sl_stun_peek_ufrag(data, len, &ufrag);
    struct sl_peer *peer =
        ufrag_len > 0 ? sl_peers_by_ufrag(&hub->peers, ufrag, (size_t)ufrag_len) : NULL;
    hub->stats.unknown_ufrag += !peer;
    return peer;
}

static void datagram(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data,
                     size_t len)
{
    struct sl_hub *hub = ctx;
    hub->stats.datagrams++;
    struct sl_peer *peer = owner_of(hub, path, data, len);
    if (!peer)
        return;
    hub->stats.to_sessions++;
    const sl_ns now = sl_loop_now(hub->config.loop);
    sl_session_receive(peer->session, now, arrival, path, data, len);
    touch(peer);
    struct sl_camera *camera = peer->camera;
    if (!camera->live && camera->publisher == peer && peer->connected &&
        now - sl_session_heard(peer->session) < SILENT_AFTER) {
        sl_info("camera %s: live again", camera->name);
        set_live(camera, true, now);
        arm(&camera->timer, camera_due(camera));
    }
}

/* What was read together leaves together. */
static void forward(struct sl_hub *hub)
{
    while (hub->fed) {
        struct sl_camera *camera = hub->fed;
        hub->fed = camera->next_fed;
        camera->fed = false;
        sl_relay_forward(camera->relay, sl_loop_now(hub->config.loop));
    }
}

static void udp_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_hub *hub = ctx;
    sl_loop_refresh(hub->config.loop);
    (void)sl_udp_receive(hub->config.udp, RECEIVE_BATCH, datagram, hub);
    forward(hub);
}

/* The end of a turn: timers of what was touched, the dead are buried, datagrams leave. */
static void flush(void *ctx)
{
    struct sl_hub *hub = ctx;
    bool buried = false;
    sl_udp_flush(hub->config.udp);
    trace_flushed(hub);
    while (hub->touched) {
        struct sl_peer *peer = hub->touched;
        hub->touched = peer->next_touched;
        peer->touched = false;
        if (peer->doomed) {
            peer_destroy(peer);
            buried = true;
        } else {
            arm(&peer->timer, sl_session_due(peer->session));
        }
    }
    if (buried)
        free_cameras(hub, false);
}

/* ---- Life ---- */

int sl_hub_create(struct sl_hub **ret, const struct sl_hub_config *config)
{
    struct sl_hub *hub = calloc(1, sizeof(*hub));
    if (!hub)
        return -ENOMEM;
    hub->config = *config;
    const struct sl_limiter_config limiter = {.burst = config->limits.stun_burst,
                                              .per_sec = config->limits.stun_per_sec,
                                              .hosts = STUN_HOSTS};
    sl_timer_init(&hub->tell_timer, config->loop, tell_again, hub);
    sl_timer_init(&hub->repairs_timer, config->loop, look_at_repairs, hub);
    int err = sl_peers_init(&hub->peers, config->limits.sessions);
    if (err == 0)
        err = sl_limiter_create(&hub->stun_limiter, &limiter);
    if (err == 0)
        err = sl_loop_watch(config->loop, &hub->udp_watch, sl_udp_fd(config->udp), EPOLLIN,
                            udp_ready, hub);
    if (err == 0)
        err = sl_loop_watch(config->loop, &hub->wake_watch, config->exchange->hub.fd, EPOLLIN,
                            wake_ready, hub);
    if (err == 0)
        err = sl_loop_add_flush(config->loop, flush, hub);
    if (err == 0)
        err = sl_timer_set(&hub->repairs_timer, sl_loop_now(config->loop) + SL_REPAIR_LOG_EVERY);
    if (err != 0) {
        sl_hub_destroy(hub);
        return err;
    }
    *ret = hub;
    return 0;
}

void sl_hub_stop(struct sl_hub *hub)
{
    sl_loop_refresh(hub->config.loop);
    for (struct sl_peer *peer = hub->peers.first; peer; peer = peer->next)
        peer_close(peer, "the receiver stops");
    flush(hub);
}

void sl_hub_destroy(struct sl_hub *hub)
{
    if (!hub)
        return;
    while (hub->peers.first)
        peer_destroy(hub->peers.first);
    free_cameras(hub, true);
    sl_loop_remove_flush(hub->config.loop, hub);
    sl_loop_unwatch(&hub->wake_watch);
    sl_loop_unwatch(&hub->udp_watch);
    sl_timer_clear(&hub->tell_timer);
    sl_timer_clear(&hub->repairs_timer);
    sl_limiter_destroy(hub->stun_limiter);
    sl_peers_fini(&hub->peers);
    free(hub);
}

void sl_hub_stats(const struct sl_hub *hub, struct sl_hub_stats *ret)
{
    *ret = hub->stats;
}
