/* SPDX-License-Identifier: MIT */
/*
 * Who is asking: a bearer token to a role and a name, out of the store, always fresh (a link works
 * the moment `camera add` has printed it and not a moment after `camera remove`).
 *
 * Tokens are looked up by their SHA-256: what the time of a look-up tells is about a hash that
 * nobody can choose; the row found is compared in constant time. Right tokens are always let in;
 * only failures are counted against an address, so that one misconfigured machine does not lock
 * out the others behind the same NAT. HTTP thread only.
 */
#pragma once

#include "base/address.h"
#include "receiver/limiter.h"
#include "receiver/store.h"

struct sl_auth {
    struct sl_store *store;      /* read-only; not owned */
    struct sl_limiter *failures; /* not owned */
};

enum sl_auth_outcome {
    SL_AUTH_OK,
    SL_AUTH_MISSING, /* no Authorization: Bearer */
    SL_AUTH_WRONG,
    SL_AUTH_TOO_MANY, /* wrong or missing, and this address has had enough of that */
    SL_AUTH_BROKEN,   /* the store could not be read */
};

/* `header`: the value of Authorization, or NULL. `*ret` is written when OK. */
enum sl_auth_outcome sl_auth_check(const struct sl_auth *auth, const char *header,
                                   const struct sl_addr *from, sl_ns now, struct sl_token *ret);
