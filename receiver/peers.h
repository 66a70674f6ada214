/* SPDX-License-Identifier: MIT */
/*
 * The sessions of the hub and how they are found: by our ufrag, by a validated address of the peer,
 * by the id of the HTTP resource. Memory is taken by init and by each new peer.
 */
#pragma once

#include "net/loop.h"
#include "receiver/exchange.h"
#include "receiver/relay.h"
#include "receiver/repair_log.h"
#include "receiver/table.h"
#include "session/session.h"

#define SL_PEER_ADDRESSES 8 /* validated ones a session may have (docs/protocol.md) */

struct sl_sessions;
struct sl_camera;

struct sl_peer_address {
    struct sl_table_link link;
    struct sl_addr addr;
    uint64_t claimed; /* in this order */
};

struct sl_peer {
    struct sl_sessions *sessions;
    struct sl_camera *camera;
    struct sl_session *session;
    bool publisher;
    struct sl_feed feed; /* of a subscriber */
    struct sl_timer timer;
    struct sl_token token;
    char id[SL_SESSION_ID_BYTES];
    char ufrag[257];
    char h264_profile[7];
    bool sound, sub;
    struct sl_addr from; /* who asked for it; then where its media comes from */
    sl_ns created;
    struct sl_repair_log repairs;

    bool connected;
    bool doomed; /* over; to be destroyed at the end of this turn */
    char reason[96];
    bool touched;
    struct sl_peer *next_touched;

    struct sl_table_link by_ufrag, by_id;
    struct sl_peer_address addresses[SL_PEER_ADDRESSES];
    struct sl_peer *next, *previous;
};

struct sl_peers {
    struct sl_table ufrags, addresses, ids;
    struct sl_peer *first;
    int count;
    uint64_t claims;
};

SL_MUST_CHECK int sl_peers_init(struct sl_peers *peers, int expected);
/* All peers must be gone. */
void sl_peers_fini(struct sl_peers *peers);

/* The peer's id and ufrag are set. */
void sl_peers_add(struct sl_peers *peers, struct sl_peer *peer);
/* No longer found by anything, but still in the list. */
void sl_peers_hide(struct sl_peers *peers, struct sl_peer *peer);
void sl_peers_remove(struct sl_peers *peers, struct sl_peer *peer);

struct sl_peer *sl_peers_by_ufrag(const struct sl_peers *peers, const char *ufrag, size_t len);
struct sl_peer *sl_peers_by_id(const struct sl_peers *peers, const char *id);
struct sl_peer *sl_peers_by_address(const struct sl_peers *peers, const struct sl_addr *addr);

/* `addr` leads to `peer` from now on, and to nobody else. */
void sl_peers_claim(struct sl_peers *peers, struct sl_peer *peer, const struct sl_addr *addr);
