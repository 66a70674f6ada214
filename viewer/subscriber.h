/* SPDX-License-Identifier: MIT */
/*
 * Subscriber: the net thread. Follows the receiver's list of cameras and keeps a feed for each.
 *
 *     GET /api/v1/cameras (waits for a change) ──▶ feeds come and go ──▶ events ──▶ main
 *
 * A feed that left the list is stopped, and its memory goes when the main thread has released it
 * and no decode worker has it. Everything but the thread itself belongs to it; main calls only what
 * is declared here.
 */
#pragma once

#include "base/address.h"
#include "base/types.h"
#include "viewer/event.h"
#include "viewer/feed.h"
#include "whip/link.h"

struct sl_decode;
struct sl_dtls_identity;
struct sl_sound;
struct sl_subscriber;
struct sl_trace;
struct sl_wake;

struct sl_subscriber_config {
    struct sl_link link; /* of the viewer */
    struct sl_addr via;
    const char *cameras; /* "a,b,c"; NULL: all */
    enum sl_layer layer;
    sl_ns latency; /* 0: the newest picture at once; SL_JITTER_AUTO */
    const struct sl_dtls_identity *identity;
    struct sl_decode *decode;
    struct sl_sound *sound;
    struct sl_trace *trace; /* or NULL */
    struct sl_wake *main;   /* signalled for pictures and for events */
};

SL_MUST_CHECK int sl_subscriber_create(struct sl_subscriber **ret,
                                       const struct sl_subscriber_config *config);
/* Starts the thread. 0 or -errno. */
SL_MUST_CHECK int sl_subscriber_start(struct sl_subscriber *subscriber);

/* The next event; false if there is none. */
SL_MUST_CHECK bool sl_subscriber_event(struct sl_subscriber *subscriber, struct sl_event *ret);
/* Main is done with a feed whose REMOVED it got. */
void sl_subscriber_release(struct sl_subscriber *subscriber, int feed);

/* The feed whose sound is to be heard; -1: none. */
void sl_subscriber_listen(struct sl_subscriber *subscriber, int feed);

/* Ends all sessions in good order (1 s at most) and joins the thread. */
void sl_subscriber_stop(struct sl_subscriber *subscriber);
/* Stopped, and after main has let go of all lanes and the decode workers have ended. */
void sl_subscriber_destroy(struct sl_subscriber *subscriber);
