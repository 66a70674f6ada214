/* SPDX-License-Identifier: MIT */
/*
 * Repairs: what became of the packets of one received stream, as figures to be told to people.
 *
 *     session's counters ──▶ of one session ──▶ over all sessions ──▶ since a moment ──▶ percent
 *
 * Counts are of packets as they were first sent, whatever repaired them. Pure.
 */
#pragma once

#include <stdint.h>

#include "session/session.h"

/* lost == by_fec + by_resend + given_up; late ones are among the first two. */
struct sl_repairs {
    uint64_t expected;
    uint64_t by_fec, by_resend;
    uint64_t late;                      /* repaired, but too late to be shown in time */
    uint64_t given_up;                  /* falls if one comes after all: it is a late one then */
    uint64_t bytes;                     /* payload that came, or was restored */
    uint64_t media_bytes, repair_bytes; /* datagrams: as first sent; parity and what was resent */
};

struct sl_repairs sl_repairs_of(const struct sl_session_media_stats *media);

/* `now` minus `then`; 0 where that is less than nothing. */
struct sl_repairs sl_repairs_since(const struct sl_repairs *now, const struct sl_repairs *then);

/* Packets that did not come as first sent, repaired or not. */
uint64_t sl_repairs_lost(const struct sl_repairs *repairs);
/* Of those expected; 0 if none were. */
double sl_repairs_loss_percent(const struct sl_repairs *repairs);
/* Bytes of repair for 100 bytes of media; 0 if none came. */
double sl_repairs_overhead_percent(const struct sl_repairs *repairs);

/* The sum over one session after the other. Zero-initialised is ready. */
struct sl_repairs_total {
    struct sl_repairs before, last;
    uint64_t session;
};

/* `now`: of the session that runs, all 0 while there is none; `session`: its number, for a new one
 * may have counted more than the old one by the time it is looked at. What was counted in a session
 * after the last look at it is not seen. */
struct sl_repairs sl_repairs_sum(struct sl_repairs_total *total, const struct sl_repairs *now,
                                 uint64_t session);
