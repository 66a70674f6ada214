/* SPDX-License-Identifier: MIT */
/*
 * RTCP: SR, RR, SDES, BYE (RFC 3550), NACK and PLI (RFC 4585), FIR (RFC 5104),
 * XR receiver reference time and DLRR (RFC 3611), REMB (draft-alvestrand). The bodies of congestion
 * control feedback (RFC 8888) and of APP packets are handed to ccfb.h and to repair_report.h.
 *
 * Reading walks a compound packet and calls back once per thing found; writing
 * appends to a buffer. Reduced-size compounds (RFC 5506) are accepted. A length
 * that lies ends the walk with -EBADMSG; what was called back before stands.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/types.h"

struct sl_rtcp_report_block {
    uint32_t ssrc;
    uint8_t fraction_lost;
    int32_t cumulative_lost;
    uint32_t highest;
    uint32_t jitter;
    uint32_t lsr;  /* middle 32 bits of the last SR's NTP time, 0: none */
    uint32_t dlsr; /* 1/65536 s */
};

enum sl_rtcp_type {
    SL_RTCP_SR,
    SL_RTCP_RR,
    SL_RTCP_SDES_CNAME,
    SL_RTCP_BYE,
    SL_RTCP_NACK,
    SL_RTCP_PLI,
    SL_RTCP_FIR,
    SL_RTCP_REMB,
    SL_RTCP_XR_RRTR,
    SL_RTCP_XR_DLRR,
    SL_RTCP_REPORT_BLOCK,
    SL_RTCP_CCFB, /* data: for sl_ccfb_read() */
    SL_RTCP_APP,  /* app_name; data: what follows it */
};

/* One thing out of a compound. Only the fields of its type are set. */
struct sl_rtcp_item {
    enum sl_rtcp_type type;
    uint32_t sender_ssrc;
    uint32_t media_ssrc;      /* NACK PLI FIR; BYE: the one that leaves; DLRR: the one it is for */
    uint64_t ntp;             /* SR, RRTR */
    uint32_t rtp_timestamp;   /* SR */
    uint32_t packets, octets; /* SR */
    struct sl_rtcp_report_block block; /* REPORT_BLOCK (one item each, after its SR or RR) */
    uint16_t nack_pid, nack_blp;       /* NACK: one item per FCI */
    uint8_t fir_seq;
    uint32_t lrr, dlrr; /* XR DLRR */
    uint64_t remb_bps;
    const char *text; /* SDES CNAME, not terminated */
    uint8_t text_len;
    uint32_t app_name;
    const uint8_t *data; /* CCFB, APP: within what is read */
    size_t data_len;
};

typedef void sl_rtcp_read_fn(void *ctx, const struct sl_rtcp_item *item);

/* 0 or -EBADMSG. Unknown packet types are skipped. */
int sl_rtcp_read(const uint8_t *data, size_t len, sl_rtcp_read_fn *read, void *ctx);

/* All writers append to `w`; check w->failed once at the end. */
void sl_rtcp_write_sr(struct sl_writer *w, uint32_t ssrc, uint64_t ntp, uint32_t rtp_timestamp,
                      uint32_t packets, uint32_t octets, const struct sl_rtcp_report_block *blocks,
                      size_t count);
void sl_rtcp_write_rr(struct sl_writer *w, uint32_t ssrc, const struct sl_rtcp_report_block *blocks,
                      size_t count);
void sl_rtcp_write_sdes(struct sl_writer *w, uint32_t ssrc, const char *cname);
void sl_rtcp_write_bye(struct sl_writer *w, const uint32_t *ssrcs, size_t count);
/* Packs ascending extended numbers into PID/BLP pairs. */
void sl_rtcp_write_nack(struct sl_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                        const int64_t *seqs, size_t count);
void sl_rtcp_write_pli(struct sl_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc);
void sl_rtcp_write_rrtr(struct sl_writer *w, uint32_t ssrc, uint64_t ntp);
void sl_rtcp_write_dlrr(struct sl_writer *w, uint32_t ssrc, uint32_t to_ssrc, uint32_t lrr,
                        uint32_t dlrr);
void sl_rtcp_write_remb(struct sl_writer *w, uint32_t sender_ssrc, uint32_t media_ssrc,
                        uint64_t bps);
