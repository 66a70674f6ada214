/* SPDX-License-Identifier: MIT */
#include "receiver/hub.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "receiver/asks.h"
#include "receiver/cameras.h"
#include "receiver/forward.h"
#include "receiver/limiter.h"
#include "receiver/sessions.h"
#include "stun/stun.h"

#define STUN_HOSTS 1024

struct sl_hub {
    struct sl_hub_config config;
    struct sl_watch udp_watch, wake_watch;
    struct sl_sessions sessions;
    struct sl_cameras cameras;
    struct sl_forward forward;
    struct sl_asks asks;
    struct sl_limiter *stun_limiter;
    struct sl_hub_stats stats; /* of datagrams */
};

/* ---- Datagrams ---- */

/* Whose it is; NULL after counting why not. */
static struct sl_peer *owner_of(struct sl_hub *hub, const struct sl_path *path, const uint8_t *data,
                                size_t len)
{
    struct sl_peer *holder = sl_peers_by_address(&hub->sessions.peers, &path->remote);
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
        ufrag_len > 0 ? sl_peers_by_ufrag(&hub->sessions.peers, ufrag, (size_t)ufrag_len) : NULL;
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
    sl_sessions_receive(peer, path, arrival, data, len);
}

static void udp_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_hub *hub = ctx;
    sl_loop_refresh(hub->config.loop);
    (void)sl_udp_receive(hub->config.udp, SL_FORWARD_BATCH, datagram, hub);
    sl_forward_all(&hub->forward, sl_loop_now(hub->config.loop));
}

static void wake_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_hub *hub = ctx;
    sl_asks_answer(&hub->asks);
}

/* The end of a turn: datagrams leave, timers of what was touched, the dead are buried. */
static void flush(void *ctx)
{
    struct sl_hub *hub = ctx;
    sl_udp_flush(hub->config.udp);
    sl_forward_flushed(&hub->forward);
    if (!sl_sessions_bury(&hub->sessions))
        return;
    sl_cameras_sweep(&hub->cameras);
    if (hub->sessions.stats.count == 0)
        (void)malloc_trim(0); /* takes milliseconds, which nobody waits for now */
}

/* ---- Life ---- */

static int init_sessions(struct sl_hub *hub)
{
    const struct sl_hub_config *config = &hub->config;
    const struct sl_sessions_config sessions = {
        .loop = config->loop,
        .udp = config->udp,
        .identity = config->identity,
        .random = config->random,
        .epoch = config->epoch,
        .setup_timeout = config->limits.setup_timeout,
        .expected = config->limits.sessions,
    };
    return sl_sessions_init(&hub->sessions, &sessions);
}

static void init_cameras(struct sl_hub *hub)
{
    const struct sl_hub_config *config = &hub->config;
    const struct sl_camera_config cameras = {
        .loop = config->loop,
        .exchange = config->exchange,
        .forward = &hub->forward,
        .record = config->record,
        .peers = &hub->sessions.peers,
        .epoch = config->epoch,
    };
    sl_cameras_init(&hub->cameras, &cameras, config->limits.cameras);
}

static int watch(struct sl_hub *hub)
{
    const struct sl_hub_config *config = &hub->config;
    int err = sl_loop_watch(config->loop, &hub->udp_watch, sl_udp_fd(config->udp), EPOLLIN,
                            udp_ready, hub);
    if (err == 0)
        err = sl_loop_watch(config->loop, &hub->wake_watch, config->exchange->hub.fd, EPOLLIN,
                            wake_ready, hub);
    if (err == 0)
        err = sl_loop_add_flush(config->loop, flush, hub);
    return err;
}

int sl_hub_create(struct sl_hub **ret, const struct sl_hub_config *config)
{
    struct sl_hub *hub = calloc(1, sizeof(*hub));
    if (!hub)
        return -ENOMEM;
    hub->config = *config;
    hub->forward.trace = config->trace;
    hub->asks = (struct sl_asks){
        .loop = config->loop,
        .exchange = config->exchange,
        .cameras = &hub->cameras,
        .sessions = &hub->sessions,
        .limits = config->limits,
    };
    const struct sl_limiter_config limiter = {.burst = config->limits.stun_burst,
                                              .per_sec = config->limits.stun_per_sec,
                                              .hosts = STUN_HOSTS};
    init_cameras(hub);
    int err = init_sessions(hub);
    if (err == 0)
        err = sl_limiter_create(&hub->stun_limiter, &limiter);
    if (err == 0)
        err = watch(hub);
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
    sl_sessions_close_all(&hub->sessions, "the receiver stops");
    flush(hub);
}

void sl_hub_destroy(struct sl_hub *hub)
{
    if (!hub)
        return;
    sl_sessions_fini(&hub->sessions);
    sl_cameras_fini(&hub->cameras);
    sl_loop_remove_flush(hub->config.loop, hub);
    sl_loop_unwatch(&hub->wake_watch);
    sl_loop_unwatch(&hub->udp_watch);
    sl_limiter_destroy(hub->stun_limiter);
    free(hub);
}

void sl_hub_stats(const struct sl_hub *hub, struct sl_hub_stats *ret)
{
    const struct sl_sessions_stats *sessions = &hub->sessions.stats;
    *ret = hub->stats;
    ret->address_conflict = sessions->address_conflict;
    ret->created = sessions->created;
    ret->ended = sessions->ended;
    ret->refused = hub->asks.refused;
    ret->sessions = sessions->count;
    ret->connecting = sessions->connecting;
    ret->cameras = hub->cameras.count;
    ret->live = sl_cameras_live(&hub->cameras);
}
