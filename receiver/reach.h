/* SPDX-License-Identifier: MIT */
/*
 * How peers reach us: what to put for a wildcard address in links and on the ready line, and the
 * ICE candidates of our answers.
 */
#pragma once

#include "base/address.h"
#include "base/types.h"
#include "sdp/sdp.h"

/* `bound`, or for a wildcard the machine's first address that is not loopback (else loopback). */
struct sl_addr sl_reach_addr(const struct sl_addr *bound);

struct sl_reach {
    struct sl_addr media; /* the bound UDP address */
    struct sl_addr advertised[SL_SDP_CANDIDATES];
    int advertised_count;
};

/* Candidates as they are now: interfaces come and go. */
void sl_reach_candidates(const struct sl_reach *reach, struct sl_sdp_transport *ret);
