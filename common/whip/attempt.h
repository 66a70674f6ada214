/* SPDX-License-Identifier: MIT */
/*
 * One try of an endpoint to get a session: what it offers, whom it then sends to, and what an HTTP
 * status means for the next one. For endpoint.c. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/random.h"
#include "sdp/sdp.h"

/* A new ufrag, password, cname and SSRCs: a new session at the receiver, new sources there. */
void sl_attempt_describe(struct sl_sdp_local *ret, bool publish, bool video, bool audio, bool fec,
                         const char *h264_profile, const uint8_t *fingerprint,
                         struct sl_random *random);

/*
 * Puts the candidates in the order to try: where the answer came from (`peer`, may be unset), at
 * each port that the candidates name, as the receiver may be behind NAT or not know how it is
 * reached; then the candidates themselves. One socket has one family: that of the first.
 */
void sl_attempt_remotes(struct sl_sdp_transport *remote, const struct sl_addr *peer);

enum sl_attempt_verdict {
    SL_ATTEMPT_ANSWERED, /* 201 */
    SL_ATTEMPT_NOT_LIVE, /* ask again soon; no failure */
    SL_ATTEMPT_AGAIN,    /* a failure that may pass */
    SL_ATTEMPT_FINAL,    /* asking again would only be told the same */
};

/* A sentence goes into `reason`. */
enum sl_attempt_verdict sl_attempt_judge(int status, bool publish, bool was_live,
                                         const char *camera, char *reason, size_t size);
