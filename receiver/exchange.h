/* SPDX-License-Identifier: MIT */
/*
 * What the HTTP thread and the hub say to each other.
 *
 *     http ──ask──▶ [ ring ] ──▶ hub
 *     http ◀── [ ring ] ──event── hub
 *
 * An ask is a block of the HTTP side's: lent to the hub until it comes back, answered, in an
 * event. A snapshot is the exception: given, and freed by the hub. Full rings refuse: towards the
 * hub the request is answered 503, towards HTTP the hub keeps the news and tries again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/ring.h"
#include "base/wake.h"
#include "receiver/store.h"
#include "sdp/sdp.h"

enum sl_ask_type {
    SL_ASK_PUBLISH,   /* camera, id, agreed */
    SL_ASK_SUBSCRIBE, /* camera, id, agreed, layer */
    SL_ASK_END,       /* id */
    SL_ASK_TOUCH,     /* id: is it there and the asker's? */
    SL_ASK_LAYER,     /* id, layer */
    SL_ASK_SNAPSHOT,  /* snapshot: who and what may be here from now on; no answer */
};

#define SL_SESSION_ID_BYTES 23 /* 128 bits as base64url, and NUL */

struct sl_ask {
    enum sl_ask_type type;
    struct sl_token token; /* of the asker */
    struct sl_addr from;   /* for the log */
    char camera[SL_NAME_BYTES];
    char id[SL_SESSION_ID_BYTES];
    struct sl_sdp_agreed agreed;
    struct sl_snapshot *snapshot;
    enum sl_media_kind layer; /* wanted; in the answer, given */

    /* The answer. */
    int status;      /* of HTTP */
    int retry_after; /* seconds; 0: not said */
    char detail[160];

    void *owner; /* the HTTP side's */
};

enum sl_event_type { SL_EVENT_ANSWER, SL_EVENT_CAMERA };

struct sl_event {
    enum sl_event_type type;
    struct sl_ask *ask; /* ANSWER */
    /* CAMERA: its state changed */
    char camera[SL_NAME_BYTES];
    bool live;
    bool sub; /* it has a small picture as well */
    int64_t since_us;
    bool moving;             /* something does, before the camera */
    int64_t moving_since_us; /* 0: it never changed */
    bool away;               /* its device is */
    char h264_profile[7];
};

struct sl_exchange {
    struct sl_ring *asks;   /* struct sl_ask * */
    struct sl_ring *events; /* struct sl_event */
    struct sl_wake hub, http;
};

SL_MUST_CHECK int sl_exchange_init(struct sl_exchange *exchange, size_t capacity);
/* Frees the snapshots still in there. Zeroed by the caller and never initialised is fine. */
void sl_exchange_fini(struct sl_exchange *exchange);

/* False if the ring is full. */
SL_MUST_CHECK bool sl_exchange_ask(struct sl_exchange *exchange, struct sl_ask *ask);
SL_MUST_CHECK bool sl_exchange_tell(struct sl_exchange *exchange, const struct sl_event *event);
