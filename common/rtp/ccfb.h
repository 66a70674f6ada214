/* SPDX-License-Identifier: MIT */
/*
 * Congestion control feedback (RFC 8888): which packets came, and when.
 *
 *     arrivals ──▶ [ recorder: a ring per SSRC ] ──write──▶ RTCP ──▶ read ──▶ one call per packet
 *
 * The media receiver records every authenticated packet and writes a report each frame (10 to
 * 33 ms). A report covers what came since the last but two, so that two reports in a row may be
 * lost, and reaches back for what came late. What is older than the ring is forgotten.
 *
 * Decides nothing about rates (rate/estimator.h does). Pure; fixed memory; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/types.h"
#include "rtp/sequence.h"

#define SL_CCFB_STREAMS 8         /* SSRCs of one peer; another replaces the longest silent */
#define SL_CCFB_PACKETS 512       /* remembered of each; a power of two */
#define SL_CCFB_BYTES_MAX 1150    /* of one report with its RTCP header */
#define SL_CCFB_REPORTS_OVERLAP 3 /* reports that mention a packet */

struct sl_ccfb_stream {
    bool used;
    uint32_t ssrc;
    struct sl_unwrap seqs;
    sl_ns heard; /* the last time */
    int64_t
        begin[SL_CCFB_REPORTS_OVERLAP]; /* next number at each of the last reports, oldest 1st */
    int64_t oldest_news;                /* the lowest number recorded since the last report */
    bool news;
    sl_ns at[SL_CCFB_PACKETS]; /* SL_NEVER: did not come */
    uint8_t ecn[SL_CCFB_PACKETS];
};

/* recorded == counted once + again + old. */
struct sl_ccfb_stats {
    uint64_t recorded;
    uint64_t fresh;   /* first copies within the ring */
    uint64_t again;   /* duplicates */
    uint64_t old;     /* behind the ring */
    uint64_t trimmed; /* numbers that a report had no room for */
};

struct sl_ccfb_recorder {
    struct sl_ccfb_stream streams[SL_CCFB_STREAMS];
    struct sl_ccfb_stats stats;
};

void sl_ccfb_recorder_init(struct sl_ccfb_recorder *recorder);

/* A packet came (after its SRTP tag was checked). `ecn`: the two bits of the IP header, 0 if
 * unknown; of copies, the first one's time counts and Congestion Experienced wins (section 3.1). */
void sl_ccfb_record(struct sl_ccfb_recorder *recorder, uint32_t ssrc, uint16_t seq, uint8_t ecn,
                    sl_ns now);

/*
 * Appends one report as of `now`, which `ntp` (Q32.32) says in the recorder's NTP time: any clock
 * that runs evenly. Returns how many packets it reports on; 0: nothing to say (all streams have
 * been quiet for three reports), nothing written. Numbers that do not fit are left out, oldest
 * first; a full writer fails as writers do.
 */
size_t sl_ccfb_write(struct sl_ccfb_recorder *recorder, uint32_t sender_ssrc, sl_ns now,
                     uint64_t ntp, struct sl_writer *w);

/* What one report says about one packet. */
struct sl_ccfb_metric {
    uint32_t ssrc;
    uint16_t seq;
    bool first;    /* of this report's block for the SSRC: numbers before are settled */
    bool received; /* else nothing below is set */
    uint8_t ecn;
    bool has_arrival; /* false: over 8 s before the report, or unknown */
    sl_ns before;     /* how long before the report timestamp it came; 1/1024 s fine */
};

typedef void sl_ccfb_read_fn(void *ctx, const struct sl_ccfb_metric *metric);

/*
 * Reads the body of a report: what follows the RTCP header and the sender's SSRC
 * (SL_RTCP_CCFB's data). All of it is checked before the first call back: 0 or -EBADMSG.
 * `*timestamp`: the middle 32 bits of the peer's NTP time (1/65536 s). `read` may be NULL.
 */
SL_MUST_CHECK int sl_ccfb_read(const uint8_t *body, size_t len, uint32_t *timestamp,
                               sl_ccfb_read_fn *read, void *ctx);
