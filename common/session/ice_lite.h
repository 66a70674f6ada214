/* SPDX-License-Identifier: MIT */
/*
 * ICE-lite: answers authenticated checks and remembers where they came from (RFC 8445 section 7.3).
 *
 *     request ─▶ username "ours:theirs" ─▶ MESSAGE-INTEGRITY ─▶ validated ─▶ success, same path
 * back
 *
 * Sends nothing by itself. Whatever is wrong with a request, nothing changes and nothing is said.
 * At most 8 validated addresses; a ninth gets in only when one has been silent for 30 s.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/types.h"

#define SL_ICE_LITE_ADDRESSES 8

/* The texts outlive whoever uses them. */
struct sl_ice_credentials {
    const char *local_ufrag, *local_pwd;
    const char *remote_ufrag, *remote_pwd;
};

struct sl_ice_validated {
    struct sl_path path;
    sl_ns heard;
};

struct sl_ice_lite {
    struct sl_ice_credentials credentials;
    struct sl_ice_validated validated[SL_ICE_LITE_ADDRESSES];
    int count;
    int nominated; /* of validated; -1: none yet */
    int last;      /* where the last lookup ended: media comes in runs */
};

void sl_ice_lite_init(struct sl_ice_lite *lite, const struct sl_ice_credentials *credentials);

enum sl_ice_check {
    SL_ICE_REFUSED,   /* not authentic, or no room: say nothing */
    SL_ICE_VALIDATED, /* authentic; `path` is new */
    SL_ICE_KNOWN,     /* authentic; `path` was validated before */
    SL_ICE_REJECTED,  /* authentic but not acceptable: the reply is an error */
};

/* A STUN datagram. Unless REFUSED, `*reply_len` bytes of `reply` go back over `path`. */
enum sl_ice_check sl_ice_lite_receive(struct sl_ice_lite *lite, sl_ns now,
                                      const struct sl_path *path, const uint8_t *data, size_t len,
                                      uint8_t *reply, size_t reply_size, size_t *reply_len);

bool sl_ice_lite_is_validated(struct sl_ice_lite *lite, const struct sl_path *path);

/* Where to send: the nominated path, else the first validated, else NULL. */
const struct sl_path *sl_ice_lite_path(const struct sl_ice_lite *lite);

/* True if `message`'s username is "ours:theirs" and its integrity holds under our password. */
struct sl_stun_message;
bool sl_ice_authentic(const struct sl_ice_credentials *credentials,
                      const struct sl_stun_message *message, const uint8_t *data, size_t len);
