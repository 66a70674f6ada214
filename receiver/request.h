/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request, inside the server only: from its header to what is said in the end.
 *
 *     RECEIVING ─▶ (refused, or answered at once)                    ─▶ said
 *         ├──────▶ WITH_HUB ─▶ event ─▶ READY                        ─▶ said
 *         ├──────▶ WITH_WORKER ─▶ job done (api.h) ─▶ READY         ─▶ said
 *         └──────▶ WAITING_FOR_NEWS ─▶ news, time over, caller gone ─▶ READY ─▶ said
 *
 * Between the first and the last state libmicrohttpd has the connection suspended.
 */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

#include "net/loop.h"
#include "receiver/api.h"
#include "receiver/auth.h"
#include "receiver/directory.h"
#include "receiver/route.h"
#include "receiver/server.h"

enum sl_request_state {
    SL_REQUEST_RECEIVING,
    SL_REQUEST_WITH_HUB,
    SL_REQUEST_WAITING_FOR_NEWS,
    SL_REQUEST_WITH_WORKER,
    SL_REQUEST_READY,
};

struct sl_request {
    struct sl_server *server;
    struct MHD_Connection *connection;
    enum sl_request_state state;
    const struct sl_route *route;
    char argument[SL_ROUTE_ARGUMENT];
    struct sl_addr from;

    char *body;
    size_t body_len, body_room, body_seen;

    struct sl_ask ask;
    char answer[8192]; /* SDP */
    sl_ns wait_until;

    unsigned status; /* READY (or refused while still RECEIVING): what to say */
    struct MHD_Response *response;
    char detail[256];         /* of a problem */
    struct sl_api_call *call; /* of the API's routes; NULL */
    struct sl_request *next, *previous;
};

struct sl_server {
    struct sl_server_config config;
    struct sl_loop *loop;
    struct MHD_Daemon *daemon;
    struct sl_watch mhd_watch, wake_watch;
    struct sl_timer mhd_timer, poll_timer;
    struct sl_limiter *failures;
    struct sl_auth auth;
    struct sl_directory *directory;
    struct sl_api *api; /* NULL: nothing is recorded */
    struct sl_watch api_watch;
    struct sl_request *requests;
    int waiting;
    sl_ns snapshots_at; /* when their times are looked at again */
    bool stale;         /* the hub does not know yet what the store says */
    bool store_broken;  /* and that was logged */
    bool stopping;
    struct {
        uint32_t hash;
        sl_ns until;
    } said[64]; /* refusals in the log lately */
    pthread_t thread;
    bool started;
};

/* ---- request.c ---- */

/* libmicrohttpd's MHD_AccessHandlerCallback and MHD_RequestCompletedCallback. */
enum MHD_Result sl_request_access(void *server, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **ctx);
void sl_request_completed(void *server, struct MHD_Connection *connection, void **ctx,
                          enum MHD_RequestTerminationCode code);
/* The hub has answered the request's ask. */
void sl_request_answered(struct sl_request *request);
void sl_reply_unauthorized(struct sl_request *request, enum sl_auth_outcome outcome);

/* ---- reply.c: what is said; nothing leaves before the request goes on ---- */

void sl_reply_empty(struct sl_request *request, unsigned status);
void sl_reply_text(struct sl_request *request, unsigned status, const char *type, const char *text);
/* Of the reply's own, copied. */
void sl_reply_bytes(struct sl_request *request, unsigned status, const char *type, const void *data,
                    size_t len);
/* What `reader` gives, `length` bytes, in blocks. */
void sl_reply_stream(struct sl_request *request, unsigned status, const char *type, uint64_t length,
                     size_t block, MHD_ContentReaderCallback reader, void *ctx);
void sl_reply_header(struct sl_request *request, const char *name, const char *value);
void sl_reply_retry_after(struct sl_request *request, int seconds);
/* RFC 9457. */
SL_PRINTF(3, 4)
void sl_reply_problem(struct sl_request *request, unsigned status, const char *format, ...);
/* The list of cameras; that it is the one the caller knows. */
void sl_reply_cameras(struct sl_request *request);
void sl_reply_not_modified(struct sl_request *request);
/* A suspended request goes on with what was said. */
void sl_reply_resume(struct sl_request *request);

/* ---- server.c ---- */

/* Takes over what admin commands changed. Called before each answer, so that no answer is older
 * than a change. */
void sl_server_look_at_store(struct sl_server *server);
/* The times of the newest pictures into the directory, at most once a second. */
void sl_server_look_at_snapshots(struct sl_server *server);
