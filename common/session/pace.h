/* SPDX-License-Identifier: MIT */
/*
 * Pacing of a sender that has a rate controller: which packet may leave now.
 *
 *     packets of a frame ──collect──▶ marker ──▶ [ jobs ] ──pop──▶ the packet's number
 *     resends, rows ─────────push────────────▶ [      ]
 *
 * Holds no packets, only what they are: they are fetched from the caller's history when they leave.
 * What the pacer has no room for is lost, and asked for like all that is lost. Pure; memory is
 * taken by create.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rate/controller.h"
#include "rtp/packet.h"

enum sl_job_what { SL_JOB_PACKET, SL_JOB_COPY, SL_JOB_ROW };

struct sl_job {
    enum sl_job_what what;
    enum sl_media_kind kind;
    int64_t seq;  /* of the caller's space; ROW: the run's base, of the wire's */
    size_t count; /* ROW: of the run */
    bool asked;   /* ROW: in answer to a NACK */
    bool early;   /* ROW: more of its frame is to come */
    int64_t frame;
    sl_ns at; /* when it was handed in */
};

struct sl_pace {
    struct sl_rate *rate;
    sl_ns tick_due;
    struct sl_job jobs[2][SL_PACER_TOKENS]; /* as the pacer's queues */
    uint32_t pushed[2];
    struct {
        uint32_t timestamp;
        int64_t first;
        uint32_t count; /* 0: none is begun */
        size_t bytes;
        bool key;
    } frame;
    int64_t frames;
    uint64_t paced; /* packets that had to wait */
    sl_ns delay[2]; /* the longest wait of these five seconds and of those before */
    sl_ns since;
};

/* 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_pace_create(struct sl_pace **ret, const struct sl_rate_config *config,
                                 sl_ns now);
void sl_pace_destroy(struct sl_pace *pace);

/* One more video packet of the caller's; a frame is handed to the pacer once it is over. */
void sl_pace_collect(struct sl_pace *pace, const struct sl_rtp_packet *packet, sl_ns now);

/* A row or a copy; false if there is no room. */
bool sl_pace_push(struct sl_pace *pace, const struct sl_job *job, size_t bytes);

/* The next that may leave. */
bool sl_pace_pop(struct sl_pace *pace, sl_ns now, struct sl_job *ret);

/* The longest wait of the last five to ten seconds. */
sl_ns sl_pace_delay(const struct sl_pace *pace);

/* When pop or tick is due. */
sl_ns sl_pace_due(const struct sl_pace *pace);
void sl_pace_tick(struct sl_pace *pace, sl_ns now);
