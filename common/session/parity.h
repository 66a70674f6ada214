/* SPDX-License-Identifier: MIT */
/*
 * Parity of one sent video stream: which frames are to be protected, and the packets of the repair
 * stream (docs/protocol.md, FEC).
 *
 *     packet as written ──▶ encoder
 *           └─▶ frame over? ──next()──▶ its runs ──(rows: the caller's)──▶ row() ──▶ repair packet
 *     NACK ──▶ run_of() ──────────────────────────────────────────────────┘
 *
 * A frame is over with its marker, or when the next one begins. One with a hole (a relay's, which
 * waits for it itself) may be completed for 5 ms, then its parts are protected apart. One of more
 * packets than a run has is protected while it is sent, each run of it like a frame of its own.
 *
 * The encoder is 0.7 MB and a copy of each packet. A leg that is `lazy` (one of many of a relay)
 * has one of 0.3 MB only once something was lost, and feeds it until nothing was for 10 s. Pure; a
 * lazy one allocates in sl_parity_lost(), the first time, and never on the way of a packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/types.h"
#include "fec/encoder.h"
#include "sdp/sdp.h"

#define SL_PARITY_PACKETS 512 /* remembered; a power of two */

struct sl_parity {
    const struct sl_sdp_media *media;
    const struct sl_fec_scheme *scheme;
    uint32_t ssrc; /* of the repair stream */
    uint32_t of;   /* of the media */
    int64_t seq;   /* of the repair stream, the next */
    bool lazy;
    sl_ns feed_until;               /* lazy: as if nothing were lost from then on */
    struct sl_fec_encoder *encoder; /* NULL: none yet */

    struct sl_parity_frame {
        bool begun, ended;
        uint32_t timestamp;
        int64_t first, last, count;
        sl_ns due; /* when it is protected with its holes */
    } frame, over;
    bool has_over;
    int64_t before;                  /* first number of the frame before `over`; 0: not known */
    int64_t next;                    /* the number after the last frame that ended; 0: not known */
    uint8_t rows[SL_PARITY_PACKETS]; /* minted of the run of each packet, by its number */
};

/* `lazy` as above. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_parity_init(struct sl_parity *parity, const struct sl_sdp_media *media,
                                 uint32_t of, bool lazy, struct sl_random *random);
void sl_parity_fini(struct sl_parity *parity);

/* Something was lost. */
void sl_parity_lost(struct sl_parity *parity, sl_ns now);

/* A packet as it is handed to SRTP, under its extended number of the wire. */
void sl_parity_packet(struct sl_parity *parity, int64_t seq, uint32_t timestamp, bool marker,
                      const uint8_t *data, size_t len, sl_ns now);

/* The runs of a frame that is over by `now`, each once; 0: none is. Call until then. */
size_t sl_parity_next(struct sl_parity *parity, sl_ns now,
                      struct sl_fec_run runs[SL_FEC_FRAME_RUNS]);
/*
 * What rows of a run that next() just gave are minted from: the first of its frame's reaches back
 * over the frame before. Where nothing of that is missing they are worth as much to their own
 * frame; else they mend it a frame later, sooner than an answer to a NACK could come.
 */
struct sl_fec_run sl_parity_over(const struct sl_parity *parity, const struct sl_fec_run *run);
/* More is to come of the frame that next() just gave a part of. */
bool sl_parity_more(const struct sl_parity *parity);
/* When next() may have one without another packet. */
sl_ns sl_parity_due(const struct sl_parity *parity);

/* The run that the frame of `seq` has, held in whole, if rows of it can answer a NACK. */
bool sl_parity_run_of(const struct sl_parity *parity, int64_t seq, struct sl_fec_run *ret);
/* How many rows that protect `seq` were sent. */
unsigned sl_parity_rows_sent(const struct sl_parity *parity, int64_t seq);

#define SL_PARITY_BATCH 32      /* rows minted at once: all that flexfec has for a run */
#define SL_PARITY_DATAGRAM 1500 /* a packet and what SRTP adds */
/*
 * Repair packets for `run`, up to `rows` (at most SL_PARITY_BATCH). Returns how many: fewer if
 * there are no more to be had.
 */
size_t sl_parity_rows(struct sl_parity *parity, const struct sl_fec_run *run, size_t rows,
                      uint8_t (*out)[SL_PARITY_DATAGRAM], size_t lens[SL_PARITY_BATCH]);
