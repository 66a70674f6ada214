/* SPDX-License-Identifier: MIT */
/*
 * Hub: the media side of the receiver. One loop owns the UDP socket, every session and every
 * camera's relay; it is told what to do by asks (receiver/exchange.h) and says what came of them.
 *
 *     datagram ─▶ whose? ─▶ session ─▶ relay ─▶ sessions ─▶ datagrams
 *                  │ validated address ─▶ its session
 *                  │ STUN request ─▶ the session with that ufrag, limited per source
 *                  └ anything else: dropped, counted
 *
 * A camera is live while its publisher's session is connected and was heard within 2 s. When it is
 * not, its subscribers stay connected, so that the picture is back with the publisher's first key
 * frame. One thread: that of the loop.
 */
#pragma once

#include <stdint.h>

#include "base/random.h"
#include "base/types.h"
#include "dtls/dtls.h"
#include "net/loop.h"
#include "net/udp.h"
#include "receiver/exchange.h"
#include "receiver/hub_limits.h"
#include "receiver/record.h"

struct sl_hub;

struct sl_hub_config {
    struct sl_loop *loop;
    struct sl_udp *udp;
    struct sl_exchange *exchange;
    const struct sl_dtls_identity *identity;
    struct sl_random *random;
    sl_ns epoch; /* sl_time_epoch() */
    struct sl_hub_limits limits;
    struct sl_trace *trace;   /* or NULL */
    struct sl_record *record; /* or NULL; it is told of every publisher */
};

/* 0 or -errno. What `config` points to must outlive the hub. */
SL_MUST_CHECK int sl_hub_create(struct sl_hub **ret, const struct sl_hub_config *config);
/* Ends every session with BYE and close_notify, and sends them. */
void sl_hub_stop(struct sl_hub *hub);
void sl_hub_destroy(struct sl_hub *hub);

/* datagrams == to_sessions + unknown_address + unknown_ufrag + limited */
struct sl_hub_stats {
    uint64_t datagrams, to_sessions;
    uint64_t unknown_address; /* neither validated nor a STUN request */
    uint64_t unknown_ufrag;
    uint64_t limited;          /* STUN beyond what an unknown address may send */
    uint64_t address_conflict; /* a session validated an address that another one holds */
    uint64_t created, ended, refused;
    int sessions, connecting, cameras, live;
};
void sl_hub_stats(const struct sl_hub *hub, struct sl_hub_stats *ret);
