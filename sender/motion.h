/* SPDX-License-Identifier: MIT */
/*
 * Motion: looks at raw pictures and says when something moves.
 *
 *     picture ─▶ changed cells (motion_model.h) ─▶ regions of some size ─▶ event: begins, goes on,
 * ends
 *
 * An event begins when there is a region in every picture looked at for 0.2 s, and ends once there
 * has been none for 2 s. It is told at once, each 200 ms while it goes on, and five times at its
 * end, as datagrams get lost. About ten pictures a second are looked at, whatever the rate; nothing
 * begins in the first second, nor within a second after the light was switched. A new event says
 * by its id that the one before is over.
 *
 * Pure: time is an argument; memory is taken by create.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/motion_event.h"
#include "sender/motion_mask.h"

struct sl_motion;

struct sl_motion_config {
    int width, height;                 /* 16 at least */
    int sensitivity;                   /* 1..100 */
    double min_area;                   /* of a region, as a share of the picture */
    const struct sl_motion_mask *mask; /* or NULL; read by create only */
    uint32_t first_id;                 /* random */
    sl_ns epoch;                       /* of sl_time_epoch() */
};

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_motion_create(struct sl_motion **ret, const struct sl_motion_config *config);
void sl_motion_destroy(struct sl_motion *motion);

/* One picture. True: *ret is to be told. */
bool sl_motion_look(struct sl_motion *motion, const uint8_t *luma, int stride, sl_ns captured,
                    struct sl_motion_event *ret);

/* Where something moved in the last picture that was looked at. */
const struct sl_motion_map *sl_motion_where(const struct sl_motion *motion);

/* pictures == looked + left_out */
struct sl_motion_stats {
    uint64_t pictures, looked, left_out;
    uint64_t moving;   /* of the looked at: with a region */
    uint64_t switched; /* of the looked at: the light was switched */
    uint64_t events;   /* begun */
};
void sl_motion_stats(const struct sl_motion *motion, struct sl_motion_stats *ret);
