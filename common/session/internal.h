/* SPDX-License-Identifier: MIT */
/*
 * What the files of a session share: session.c (life, demultiplexing, timers), connect.c (ICE and
 * DTLS), media.c (RTP received, NACKs asked), sending.c (RTP sent, NACKs answered, parity, pacing),
 * reports.c (RTCP both ways), device.c (the device's state in it). For them only.
 */
#pragma once

#include "rtp/ccfb.h"
#include "session/ice_client.h"
#include "session/ice_lite.h"
#include "session/media_receive.h"
#include "session/media_send.h"
#include "session/pace.h"
#include "session/parity.h"
#include "session/peer_clock.h"
#include "session/session.h"
#include "session/sources.h"

#define SL_SESSION_DATAGRAM 1500
#define SL_SESSION_FEEDBACK                                                                        \
    (33 * SL_MS)             /* from a packet to the report that tells of it, at most              \
                              */
#define SL_SESSION_ANSWERS 8 /* runs that rows are minted for after one NACK; more get copies */
/* What we write at most: relayed packets of others (SL_RTP_FOREIGN_MAX) with our extensions on. */
#define SL_SESSION_PLAIN_MAX 1400
_Static_assert(SL_SESSION_PLAIN_MAX + SL_SRTP_TRAILER_MAX <= SL_SESSION_DATAGRAM, "room to seal");

struct sl_session {
    struct sl_session_config config;
    enum sl_session_state state;
    sl_ns created, heard;
    bool lite;
    union {
        struct sl_ice_lite lite;
        struct sl_ice_client client;
    } ice;
    struct sl_dtls *dtls;
    struct sl_srtp *srtp;
    uint32_t local_ssrc; /* of our RTCP where we only receive */

    /* One of the two, per kind that was agreed. */
    struct sl_media_send *send[SL_MEDIA_KINDS];
    struct sl_media_receive *receive[SL_MEDIA_KINDS];
    struct sl_sources sources;

    /* Sending video. */
    struct sl_parity *parity;        /* NULL: no FEC */
    struct sl_pace *pace;            /* NULL: no rate controller; all leaves at once */
    struct sl_redundancy redundancy; /* where there is no controller that has one */
    struct sl_heard_loss {
        sl_ns at;                    /* when it was last told to redundancy */
        uint64_t packets;            /* sent by then */
        struct sl_loss_counts asked; /* since then, of a peer that sends no reports of repair */
        int64_t highest;             /* number that was asked for */
        int32_t cumulative;          /* lost, by the last RR */
        int32_t told;                /* asked for since that */
        bool has_report;
        struct sl_repair_report report;
    } loss;
    struct { /* NACKs of one compound that rows will answer */
        struct sl_fec_run run;
        size_t missing;
    } answers[SL_SESSION_ANSWERS];
    size_t answer_count;

    struct sl_ccfb_recorder *recorder; /* receiving, if feedback was agreed */
    sl_ns feedback_due;
    sl_ns now;     /* of the call under way: for what the decoder restores */
    sl_ns arrival; /* of the datagram under way */

    struct sl_peer_clock clock;
    int64_t clock_span; /* remote minus ours, Q32.32: what a capture time is corrected by; or 0 */

    sl_ns report_due;
    bool reports_rrtr; /* agreed: we send RRTR when we receive, answer it when we send */
    struct {
        uint32_t ssrc, ntp;
        sl_ns at; /* 0: nothing to answer */
        sl_ns answered;
    } rrtr;
    struct {
        bool due; /* asked for, held back by the limit */
        sl_ns asked;
        int fir_seq; /* of the last FIR, -1: none yet */
    } keyframe[SL_MEDIA_KINDS];
    struct {
        sl_ns since; /* the second under way */
        int count;
    } events; /* that came */
    struct {
        uint32_t flags; /* ours, as told */
        int tells;      /* more of them, though no flag is set */
        sl_ns due;      /* of the next */
        sl_ns since;    /* the second under way */
        int heard;      /* of the peer's, in it */
    } device;

    struct {
        uint64_t resent, nacks, keyframe_requests, bytes, packets;
        uint64_t sent_bytes, resent_bytes, fec_rows, fec_bytes; /* of datagrams */
        uint8_t remote_fraction_lost;
        uint32_t remote_jitter;
    } counts[SL_MEDIA_KINDS];
    struct sl_session_stats stats; /* the counters of it that have no better home */
};

static inline sl_ns sl_min_ns(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

/* session.c */
void sl_session_count_refused(struct sl_session *session, int error); /* of sl_srtp_unprotect */
void sl_session_enter(struct sl_session *session, enum sl_session_state state, const char *reason);
void sl_session_output(struct sl_session *session, const struct sl_path *path, const uint8_t *data,
                       size_t len);

/* connect.c */
int sl_connect_init(struct sl_session *session);
void sl_connect_start(struct sl_session *session, sl_ns now);
void sl_connect_stun(struct sl_session *session, sl_ns now, const struct sl_path *path,
                     const uint8_t *data, size_t len);
void sl_connect_dtls(struct sl_session *session, sl_ns now, const struct sl_path *path,
                     const uint8_t *data, size_t len);
bool sl_connect_is_validated(struct sl_session *session, const struct sl_path *path);
/* Where to send, or NULL. */
const struct sl_path *sl_connect_path(const struct sl_session *session);
sl_ns sl_connect_due(const struct sl_session *session);
void sl_connect_tick(struct sl_session *session, sl_ns now);

/* media.c */
int sl_media_init(struct sl_session *session);
void sl_media_fini(struct sl_session *session);
void sl_media_rtp(struct sl_session *session, sl_ns now, uint8_t *data, size_t len);
sl_ns sl_media_due(const struct sl_session *session);
void sl_media_tick(struct sl_session *session, sl_ns now);

/* sending.c */
int sl_sending_init(struct sl_session *session, const struct sl_sdp_media *media, sl_ns now);
void sl_sending_fini(struct sl_session *session);
/* One item of a compound; what rows will answer waits for sl_sending_answer(). */
void sl_sending_nack(struct sl_session *session, sl_ns now, uint32_t ssrc, uint16_t pid,
                     uint16_t blp);
void sl_sending_answer(struct sl_session *session, sl_ns now);
/* What a peer's reports of repair tell; or, of another peer, its NACKs and RRs: those count what it
 * did not ask for, having repaired it. */
void sl_sending_repair_report(struct sl_session *session, const struct sl_repair_report *report,
                              sl_ns now);
void sl_sending_lost(struct sl_session *session, int32_t cumulative);
void sl_sending_heard(struct sl_session *session, sl_ns now);
void sl_sending_feedback(struct sl_session *session, const uint8_t *body, size_t len, sl_ns now);
sl_ns sl_sending_due(const struct sl_session *session);
void sl_sending_tick(struct sl_session *session, sl_ns now);

/* device.c */
sl_ns sl_device_due(const struct sl_session *session);
void sl_device_tick(struct sl_session *session, sl_ns now);
void sl_device_read(struct sl_session *session, const uint8_t *data, size_t len, sl_ns now);

/* reports.c */
void sl_reports_start(struct sl_session *session, sl_ns now);
void sl_reports_rtcp(struct sl_session *session, sl_ns now, uint8_t *data, size_t len);
/* Seals what `w` holds (in a buffer with room for the trailer) and sends it. */
void sl_reports_send(struct sl_session *session, struct sl_writer *w);
void sl_reports_bye(struct sl_session *session);
sl_ns sl_reports_due(const struct sl_session *session);
void sl_reports_tick(struct sl_session *session, sl_ns now);
