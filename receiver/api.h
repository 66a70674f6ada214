/* SPDX-License-Identifier: MIT */
/*
 * /api/v1/ of what was recorded: pages of segments, events and marks, media of any range, the
 * newest picture. Inside the server only, HTTP thread.
 *
 *     act ─▶ (said at once)
 *         └▶ job on a lane, connection suspended ─▶ finish ─▶ said ─▶ media: chunk by chunk, each a
 *                                                                     job with the connection
 *                                                                     suspended
 *
 * Media is opened by sl_api_open() alone, which first asks sl_api_admit().
 */
#pragma once

#include "receiver/api_lanes.h"
#include "receiver/ticket.h"

struct sl_api;
struct sl_request;
struct sl_server;

struct sl_api_config {
    const char *data, *recordings, *snapshots; /* directories; data NULL: nothing is recorded */
    struct sl_snapshots *pictures;             /* NULL: only what there is on disk */
};

#define SL_API_STREAMS_MAX 64           /* media being sent */
#define SL_API_STREAMS_OF_VIEWER 16     /* by the same link */
#define SL_API_MEDIA_MAX 32             /* ranges open */
#define SL_API_MEDIA_BYTES (512u << 20) /* that they take of memory */
#define SL_API_TICKET_MAX_S 3600

SL_MUST_CHECK int sl_api_create(struct sl_api **ret, const struct sl_api_config *config,
                                const uint8_t key[SL_TICKET_KEY_BYTES]);
/* Every request is gone. */
void sl_api_destroy(struct sl_api *api);

/* Readable: call sl_api_done(). */
int sl_api_fd(const struct sl_api *api);
void sl_api_done(struct sl_api *api);
/* Each 100 ms: what has not been used for long is closed. */
void sl_api_tidy(struct sl_server *server, sl_ns now);
/* Links were withdrawn: what they have sent to them ends. */
void sl_api_links_changed(struct sl_server *server);
/* The threads end; jobs that were not done stay undone. What streams is broken off. */
void sl_api_stop(struct sl_server *server);

/* The route is one of the API's and the caller may: answers, or suspends. */
void sl_api_act(struct sl_request *request);
/* Its caller left while a job is done for it. */
void sl_api_give_up(struct sl_request *request);
/* The request ends. */
void sl_api_forget(struct sl_request *request);

/* True if the request brings a ticket in place of a token, on a route that takes one. */
bool sl_api_has_ticket(struct sl_request *request);
/*
 * May the caller see what the request is for: a viewer by token, or by a ticket of a viewer whose
 * link still stands. False after saying why not. The one check before every byte of footage.
 */
SL_MUST_CHECK bool sl_api_admit(struct sl_request *request);
