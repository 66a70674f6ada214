/* SPDX-License-Identifier: MIT */
/*
 * Feed: one camera as the net thread knows it.
 *
 *     endpoint (WHEP) ──▶ jitter buffer ──▶ lane ──▶ decode workers
 *                    └──▶ jitter buffer of sound ──▶ sound, while it is listened to
 *
 * Keeps the endpoint alive, asks for key frames when the chain of references is broken, and holds
 * frames back until they are due, and sound with its pictures. Net thread only.
 */
#pragma once

#include "base/types.h"
#include "viewer/event.h"
#include "whip/endpoint.h"

struct sl_decode;
struct sl_feed;
struct sl_sound;
struct sl_trace;
struct sl_wake;

/* Which of a camera's pictures: AUTO: the small one for a tile that it is large enough for. */
enum sl_layer { SL_LAYER_AUTO, SL_LAYER_MAIN, SL_LAYER_SUB };

struct sl_feed_handler {
    /* reason "" when the link is up. */
    void (*link)(void *ctx, enum sl_tile_link link, const char *reason);
    /* Pictures are missing until the next key frame. */
    void (*broken)(void *ctx);
    /* The camera's device is away, or is no more, or is not told of any more. */
    void (*device)(void *ctx, bool away);
    /* The receiver will not have us for this camera: it stays so. */
    void (*refused)(void *ctx, const char *reason);
    /* After sl_feed_stop(). */
    void (*stopped)(void *ctx);
};

struct sl_feed_config {
    struct sl_loop *loop;
    struct sl_http *http;
    const struct sl_dtls_identity *identity;
    struct sl_random *random;
    sl_ns epoch;
    struct sl_link link; /* with its camera */
    struct sl_addr via;
    enum sl_layer layer;
    sl_ns latency; /* 0: the newest picture at once; SL_JITTER_AUTO */
    struct sl_decode *decode;
    struct sl_wake *shown;  /* signalled for each picture */
    struct sl_wake *wanted; /* signalled when a key frame is wanted: then call sl_feed_attend() */
    struct sl_feed_gauges *gauges;
    struct sl_sound *sound;
    struct sl_trace *trace; /* or NULL */
    const struct sl_feed_handler *handler;
    void *ctx;
};

/* 0, -ENOMEM, -ENOSPC or what its parts say. */
SL_MUST_CHECK int sl_feed_create(struct sl_feed **ret, const struct sl_feed_config *config);
void sl_feed_start(struct sl_feed *feed);
struct sl_lane *sl_feed_lane(const struct sl_feed *feed);

/* The camera is said to be live: no reason to wait any longer. */
void sl_feed_nudge(struct sl_feed *feed);
/* Asks for a key frame if somebody wants one. */
void sl_feed_attend(struct sl_feed *feed, sl_ns now);
/* Its sound goes to the sound card from now on, or not any more. */
void sl_feed_listen(struct sl_feed *feed, bool on);
/* Brings the gauges up to date, and the layer to the size of the tile. */
void sl_feed_measure(struct sl_feed *feed);

/* Ends the session in good order; stopped() follows within a second. */
void sl_feed_stop(struct sl_feed *feed);
/* False while a decode worker still has the lane: try again. The main thread must have let go. */
SL_MUST_CHECK bool sl_feed_destroy(struct sl_feed *feed);
