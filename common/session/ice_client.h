/* SPDX-License-Identifier: MIT */
/*
 * ICE for our own clients: full, controlling, host candidates only (RFC 8445), with consent
 * (RFC 7675).
 *
 *   start ─▶ a check to each candidate, 20 ms apart, again after 100 ms, 200 ms, 400 ms ...
 *         ─▶ the first pair that answers is selected ─▶ nominated by USE-CANDIDATE on it
 *         ─▶ a check each 5 s +-20 %; each 100 ms once nothing was heard for 500 ms
 *
 * Each try is a transaction of its own, so an answer says exactly how long it took. Pure: time and
 * randomness are arguments, what to send is handed out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/random.h"
#include "base/types.h"
#include "session/ice_lite.h"

#define SL_ICE_PAIRS 16
#define SL_ICE_OUTSTANDING 8 /* answers awaited per pair; more are forgotten, oldest first */

struct sl_ice_transaction {
    uint8_t id[12];
    sl_ns sent;
    bool awaited; /* not answered yet */
    bool use_candidate;
};

struct sl_ice_pair {
    struct sl_path path;
    bool valid;
    sl_ns next, interval;
    struct sl_ice_transaction outstanding[SL_ICE_OUTSTANDING];
    unsigned sent;
};

struct sl_ice_client {
    struct sl_ice_credentials credentials;
    struct sl_random *random;
    struct sl_ice_pair pairs[SL_ICE_PAIRS];
    int count;
    int selected; /* -1: none */
    bool nominated;
    sl_ns answered; /* when the selected pair last answered: consent */
    uint64_t tie_breaker;
    char username[2 * 256 + 2];
};

void sl_ice_client_init(struct sl_ice_client *client, const struct sl_ice_credentials *credentials,
                        const struct sl_addr *candidates, int count, struct sl_random *random);
void sl_ice_client_start(struct sl_ice_client *client, sl_ns now);

/* When sl_ice_client_next() has something, `heard` being when the peer was last heard. */
sl_ns sl_ice_client_due(const struct sl_ice_client *client, sl_ns heard);

/* The next check due at `now`: writes it, sets `*path`; length, or 0 if there is none. */
size_t sl_ice_client_next(struct sl_ice_client *client, sl_ns now, sl_ns heard, uint8_t *out,
                          size_t size, const struct sl_path **path);

enum sl_ice_answer {
    SL_ICE_ANSWER_REFUSED, /* not authentic, or not ours */
    SL_ICE_ANSWER_REPLY,   /* a request: `reply` goes back over the path it came by */
    SL_ICE_ANSWER_SUCCESS, /* one of our checks succeeded; `*rtt` is how long it took */
};

enum sl_ice_answer sl_ice_client_receive(struct sl_ice_client *client, sl_ns now,
                                         const struct sl_path *path, const uint8_t *data,
                                         size_t len, uint8_t *reply, size_t reply_size,
                                         size_t *reply_len, sl_ns *rtt);

bool sl_ice_client_is_valid(const struct sl_ice_client *client, const struct sl_path *path);
/* The selected path or NULL. */
const struct sl_path *sl_ice_client_path(const struct sl_ice_client *client);
