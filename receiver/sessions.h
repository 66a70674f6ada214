/* SPDX-License-Identifier: MIT */
/*
 * Sessions: the life of the hub's peers, each a session and its place at a camera.
 *
 *     ask ─▶ created ─▶ connected ─▶ over (found by nothing, its camera knows) ─▶ buried
 *                └───── not set up in time ──▲                    at the end of the loop's turn
 *
 * What a session receives goes to its camera, what it sends to the UDP socket. The hub's thread.
 */
#pragma once

#include "base/random.h"
#include "dtls/dtls.h"
#include "net/loop.h"
#include "net/udp.h"
#include "receiver/camera.h"
#include "receiver/exchange.h"
#include "receiver/peers.h"

struct sl_sessions_config {
    struct sl_loop *loop;
    struct sl_udp *udp;
    const struct sl_dtls_identity *identity;
    struct sl_random *random;
    sl_ns epoch;
    sl_ns setup_timeout; /* a session that is not connected by then is ended */
    int expected;
};

/* created == ended + count */
struct sl_sessions_stats {
    uint64_t created, ended;
    uint64_t address_conflict; /* a session validated an address that another one holds */
    int count, connecting;     /* gauges */
};

struct sl_sessions {
    struct sl_sessions_config config;
    struct sl_peers peers;
    struct sl_sessions_stats stats;
    struct sl_peer *touched;
    struct sl_timer repairs_timer;
};

/* 0 or -ENOMEM; then fini is needed as well. */
SL_MUST_CHECK int sl_sessions_init(struct sl_sessions *sessions,
                                   const struct sl_sessions_config *config);
/* Buries all, without a word to them. */
void sl_sessions_fini(struct sl_sessions *sessions);

/* For an ask to publish or to subscribe, which may be granted: 0 or -errno. */
SL_MUST_CHECK int sl_sessions_create(struct sl_sessions *sessions, struct sl_camera *camera,
                                     const struct sl_ask *ask);
/* Says goodbye: the session is over. No matter if it is already. */
void sl_sessions_close(struct sl_peer *peer, const char *why);
void sl_sessions_close_all(struct sl_sessions *sessions, const char *why);

void sl_sessions_receive(struct sl_peer *peer, const struct sl_path *path, sl_ns arrival,
                         uint8_t *data, size_t len);

/* The end of a turn, not from inside a session: sets the timers of what was touched and buries the
 * dead. True if there were any. */
bool sl_sessions_bury(struct sl_sessions *sessions);
