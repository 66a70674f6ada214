/* SPDX-License-Identifier: MIT */
/*
 * Record: the thread that writes recordings, and what the hub tells it.
 *
 *     hub ──packets, who comes and goes, motion──▶ [ queue ] ──▶ record: a track for each camera
 *                                                                │ files     └─▶ catalogue_writer
 *          ◀── a key frame is wanted (a flag for each camera) ───┘
 *
 * The hub never waits and never allocates for it: a packet that finds no room is left out, counted,
 * and a gap in that camera's recording. The thread looks every 40 ms, so that telling it costs no
 * system call; once a second it looks at the storage and at the wall's clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/catalogue_writer.h"
#include "receiver/record_rule.h"
#include "receiver/recover.h"
#include "receiver/snapshot.h"
#include "receiver/storage.h"
#include "rtp/packet.h"

#define SL_RECORD_SLOTS 512 /* cameras, with those that were removed and linger */

struct sl_record;

struct sl_record_config {
    struct sl_storage *storage; /* of the thread alone, from start to stop */
    struct sl_catalogue_writer *writer;
    struct sl_snapshots *snapshots;    /* is offered all key frames; or NULL */
    struct sl_recover_thread *recover; /* looks at a store each time that it is there; or NULL */
    sl_ns segment;
    sl_ns epoch; /* of the packets' NTP times */
};

SL_MUST_CHECK int sl_record_create(struct sl_record **ret, const struct sl_record_config *config);
SL_MUST_CHECK int sl_record_start(struct sl_record *record);
/* Finishes every file. The hub has stopped. */
void sl_record_stop(struct sl_record *record);
void sl_record_destroy(struct sl_record *record);

/* ---- The hub's thread ---- */

/* A place for a camera; -1: all are taken. It is given back after its disconnect was told. */
int sl_record_slot_take(struct sl_record *record);
void sl_record_slot_give(struct sl_record *record, int slot);

/* A publisher is there: what is told of `slot` is of `camera` from now on. */
void sl_record_connect(struct sl_record *record, int slot, const char *camera, const char *location,
                       const char *address, bool sound, sl_ns now);
/* When it is recorded, and where the camera is: for each slot, and after each change. */
void sl_record_rule(struct sl_record *record, int slot, const struct sl_record_rule *rule,
                    const char *location, sl_ns now);
void sl_record_disconnect(struct sl_record *record, int slot, const char *why, sl_ns now);
/* As sl_session_handler.packet. */
void sl_record_packet(struct sl_record *record, int slot, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, sl_ns arrival);

struct sl_record_motion {
    bool over;
    double percent;   /* of the picture, at most */
    sl_ns start, end; /* monotonic; as far as it is known */
};
/* That it begins, then that it is over. */
void sl_record_motion(struct sl_record *record, int slot, const struct sl_record_motion *motion,
                      sl_ns now);

/* True once for each time that the recording of the slot wants a key frame. */
bool sl_record_key_wanted(struct sl_record *record, int slot);

/* offered == taken + refused */
struct sl_record_stats {
    uint64_t offered, taken, refused; /* packets */
};
void sl_record_stats(const struct sl_record *record, struct sl_record_stats *ret);
