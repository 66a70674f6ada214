/* SPDX-License-Identifier: MIT */
/* One request of the API at work: shared by api.c, api_pages.c, api_media.c, api_stream.c. */
#pragma once

#include <stdatomic.h>

#include "receiver/api.h"
#include "receiver/api_cache.h"
#include "receiver/api_query.h"
#include "receiver/request.h"

struct sl_api {
    struct sl_api_config config;
    struct sl_api_lanes *lanes;
    struct sl_api_cache *cache;
    struct sl_wake done;
    uint8_t key[SL_TICKET_KEY_BYTES];
    int streams;
};

struct sl_api_call {
    struct sl_request *request;
    struct sl_api_job job;                    /* one at a time; `lent` while a lane has it */
    void (*finish)(struct sl_api_call *call); /* it is done; HTTP thread */
    bool lent;
    atomic_bool cancelled;

    /* What is asked for. */
    struct sl_api_query query;
    bool enrolled; /* query.camera */
    struct sl_media_target target;
    bool targeted;
    int64_t now_us;
    int link_s; /* a link is wanted, for so long; 0: the media itself */

    /* What a job brings. */
    int err;
    bool empty; /* there is no catalogue yet */
    char why[SL_STORE_WHY];
    char *json;
    struct sl_media_range *range;
    bool settled;
    uint8_t *picture;
    size_t picture_len;
    int64_t picture_s; /* when it was captured, UTC */

    /* Media on its way. */
    struct sl_api_media *media;
    struct sl_media_reader reader;
    uint64_t first; /* of the file, what is sent first */
    uint64_t end;   /* behind what is sent last */
    uint8_t *chunk;
    uint64_t chunk_at;
    size_t chunk_len;
    bool streaming; /* counted */
    bool broken;
};

/* NULL after saying that there is no memory. */
struct sl_api_call *sl_api_call(struct sl_request *request);

/* All parameters of the query into call->query. False after saying what is wrong. */
SL_MUST_CHECK bool sl_api_read_query(struct sl_api_call *call, int takes);
/* What the path and the query name into call->target. False after saying what is wrong. */
SL_MUST_CHECK bool sl_api_read_target(struct sl_api_call *call);

/* A job of this call; its connection is suspended meanwhile. False if the lane is full. */
SL_MUST_CHECK bool sl_api_give(struct sl_api_call *call, enum sl_api_lane lane,
                               void (*work)(struct sl_api_job *job, struct sl_api_desk *desk),
                               void (*finish)(struct sl_api_call *call));
/* The same for a request that has not been answered: 503 if it is full. */
void sl_api_ask(struct sl_api_call *call, enum sl_api_lane lane,
                void (*work)(struct sl_api_job *job, struct sl_api_desk *desk),
                void (*finish)(struct sl_api_call *call));

void sl_api_segments(struct sl_api_call *call);
void sl_api_events(struct sl_api_call *call);
void sl_api_marks(struct sl_api_call *call);

/* Opens call->target, if the caller may see it; then media, a link or a picture is the answer. */
void sl_api_open(struct sl_api_call *call);
/* A link to media is wanted: reads the body, then opens it. */
void sl_api_make_link(struct sl_api_call *call);

/* call->media is the answer, all or a part of it. */
void sl_api_stream(struct sl_api_call *call);
