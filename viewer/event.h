/* SPDX-License-Identifier: MIT */
/*
 * Events: what the net thread tells the main thread, by a ring, and the figures of a feed that
 * both look at.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/motion_map.h"
#include "viewer/tile.h"

#define SL_FEEDS_MAX 64 /* cameras on one wall */
#define SL_EVENT_TEXT 160

struct sl_lane;

/* Written by the net thread, read by the main thread. */
struct sl_feed_gauges {
    /* What became of its packets, over all sessions: the members of struct sl_repairs. */
    _Atomic uint64_t expected, by_fec, by_resend, late, given_up;
    _Atomic uint64_t bytes, media_bytes, repair_bytes;
    _Atomic sl_ns measured;  /* as of when those are; 0: never yet */
    _Atomic uint64_t breaks; /* of the reference chain */
    _Atomic sl_ns rtt;
    _Atomic sl_ns delay; /* frames are held back so long after the fastest transit */
    _Atomic sl_ns asked; /* when the running session was asked for */
    /* Something moves before the camera, unless told otherwise, until then; and where: what is of
     * two moments in it does no harm. */
    _Atomic sl_ns motion_until;
    _Atomic uint32_t motion_rows[SL_MOTION_ROWS];
};

enum sl_event_kind {
    SL_EVENT_ADDED,    /* feed, order, name, text: location, lane, gauges */
    SL_EVENT_REMOVED,  /* feed: main gives it back by sl_subscriber_release() */
    SL_EVENT_LINK,     /* feed, link, text: why it is not up */
    SL_EVENT_BROKEN,   /* feed: pictures are missing */
    SL_EVENT_DEVICE,   /* feed, away */
    SL_EVENT_RECEIVER, /* text: why it cannot be reached; "" when it can */
    SL_EVENT_FAILED,   /* text: it will not get better; the program ends */
};

struct sl_event {
    enum sl_event_kind kind;
    int feed; /* 0..SL_FEEDS_MAX-1; free again once it was released */
    int order;
    enum sl_tile_link link;
    bool away; /* the camera's device is */
    struct sl_lane *lane;
    const struct sl_feed_gauges *gauges;
    char name[33];
    char text[SL_EVENT_TEXT];
};
