/* SPDX-License-Identifier: MIT */
#include "receiver/asks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define TAKEOVER_AFTER (500 * SL_MS) /* docs/protocol.md */

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
static bool within_limits(const struct sl_asks *asks, struct sl_ask *ask)
{
    const struct sl_hub_limits *limits = &asks->limits;
    int of_token = 0;
    for (const struct sl_peer *peer = asks->sessions->peers.first; peer; peer = peer->next)
        of_token +=
            !peer->doomed && memcmp(peer->token.hash, ask->token.hash, SL_TOKEN_HASH_BYTES) == 0;
    if (of_token >= limits->per_token)
        refuse(ask, 429, 1, "at most %d sessions with one token", limits->per_token);
    else if (asks->sessions->stats.connecting >= limits->connecting)
        refuse(ask, 503, 1, "at most %d sessions being set up at a time", limits->connecting);
    else if (asks->sessions->stats.count >= limits->sessions)
        refuse(ask, 503, 1, "at most %d sessions", limits->sessions);
    else
        return true;
    return false;
}

static void answer_publish(const struct sl_asks *asks, struct sl_camera *camera, struct sl_ask *ask)
{
    const sl_ns now = sl_loop_now(asks->loop);
    struct sl_peer *old = sl_camera_publisher(camera);
    char from[SL_ADDR_TEXT];
    if (old && now - sl_session_heard(old->session) < TAKEOVER_AFTER) {
        refuse(ask, 409, 0, "camera %s already has a sender, at %s", sl_camera_name(camera),
               sl_addr_host(&old->from, from));
        return;
    }
    if (old)
        sl_sessions_close(old, "another sender took over");
    if (sl_sessions_create(asks->sessions, camera, ask) != 0)
        refuse(ask, 503, 1, "out of memory");
    else
        ask->status = 201;
}

static void answer_subscribe(const struct sl_asks *asks, struct sl_camera *camera,
                             struct sl_ask *ask)
{
    if (!sl_camera_is_live(camera))
        refuse(ask, 409, 1, "camera %s is not live", sl_camera_name(camera));
    else if (sl_camera_viewers(camera) >= asks->limits.subscribers_per_camera)
        refuse(ask, 503, 1, "camera %s has its %d viewers", sl_camera_name(camera),
               asks->limits.subscribers_per_camera);
    else if (sl_sessions_create(asks->sessions, camera, ask) != 0)
        refuse(ask, 503, 1, "out of memory");
    else
        ask->status = 201;
    if (ask->layer == SL_VIDEO_SUB && !(sl_camera_is_live(camera) && sl_camera_has_sub(camera)))
        ask->layer = SL_VIDEO;
}

static void answer_media(struct sl_asks *asks, struct sl_ask *ask)
{
    struct sl_camera *camera = sl_cameras_find(asks->cameras, ask->camera);
    if (!camera)
        refuse(ask, 404, 0, "there is no camera %s", ask->camera);
    else if (!within_limits(asks, ask))
        ; /* said */
    else if (ask->type == SL_ASK_PUBLISH)
        answer_publish(asks, camera, ask);
    else
        answer_subscribe(asks, camera, ask);
    if (ask->status != 201)
        asks->refused++;
}

/* A camera that has no small picture now gives the other, until it has. */
static void answer_layer(const struct sl_asks *asks, struct sl_peer *peer, struct sl_ask *ask)
{
    struct sl_camera *camera = peer->camera;
    if (peer->publisher) {
        refuse(ask, 400, 0, "the session is a sender's: it has no layer to choose");
        return;
    }
    sl_camera_choose(camera, peer, ask->layer, sl_loop_now(asks->loop));
    if (!sl_camera_has_sub(camera))
        ask->layer = SL_VIDEO;
    ask->status = 204;
}

static void answer_session(const struct sl_asks *asks, struct sl_ask *ask)
{
    struct sl_peer *peer = sl_peers_by_id(&asks->sessions->peers, ask->id);
    if (!peer) {
        refuse(ask, 404, 0, "there is no such session");
    } else if (peer->token.role != ask->token.role ||
               strcmp(peer->token.subject, ask->token.subject) != 0) {
        refuse(ask, 403, 0, "the session is not yours");
    } else if (ask->type == SL_ASK_END) {
        sl_sessions_close(peer, "ended by its owner");
        ask->status = 200;
    } else if (ask->type == SL_ASK_LAYER) {
        answer_layer(asks, peer, ask);
    } else {
        ask->status = 204;
    }
}

/* From now on only what is in the snapshot may be here. */
static void apply_snapshot(struct sl_asks *asks, const struct sl_snapshot *snapshot)
{
    sl_cameras_apply(asks->cameras, snapshot);
    for (struct sl_peer *peer = asks->sessions->peers.first; peer; peer = peer->next) {
        if (sl_camera_is_removed(peer->camera))
            sl_sessions_close(peer, "the camera was removed");
        else if (!sl_snapshot_token(snapshot, peer->token.hash))
            sl_sessions_close(peer, "its link was withdrawn");
    }
    sl_cameras_sweep(asks->cameras);
}

void sl_asks_answer(struct sl_asks *asks)
{
    struct sl_ask *ask;
    sl_wake_clear(&asks->exchange->hub);
    while (sl_ring_pop(asks->exchange->asks, &ask)) {
        if (ask->type == SL_ASK_SNAPSHOT) {
            apply_snapshot(asks, ask->snapshot);
            free(ask->snapshot);
            free(ask);
            continue;
        }
        if (ask->type == SL_ASK_PUBLISH || ask->type == SL_ASK_SUBSCRIBE)
            answer_media(asks, ask);
        else
            answer_session(asks, ask);
        /* The ring has a place for every request that HTTP can have open. */
        if (!sl_exchange_tell(asks->exchange,
                              &(struct sl_event){.type = SL_EVENT_ANSWER, .ask = ask}))
            sl_error("an answer was lost: the ring to HTTP is full");
    }
}
