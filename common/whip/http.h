/* SPDX-License-Identifier: MIT */
/*
 * HTTPS requests from a loop: libcurl's multi interface driven by net/loop.
 * The server is known by its public key (CURLOPT_PINNEDPUBLICKEY), not by a CA.
 * Connections are shared, at most 8 at a time; what is beyond waits. They are kept for a second
 * or two. One whose peer acknowledges nothing for 4 s is given up, also while an answer is awaited:
 * a network that went away without a word is noticed by that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/types.h"
#include "net/loop.h"

struct sl_http;
struct sl_http_request;

SL_MUST_CHECK int sl_http_create(struct sl_http **ret, struct sl_loop *loop);
/* Cancels what is under way without calling back. */
void sl_http_destroy(struct sl_http *http);

struct sl_http_response {
    int status; /* HTTP status; 0 if there was none */
    int error;  /* 0, -EKEYREJECTED (pin), -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -EIO ... */
    const char *message; /* one sentence if error != 0 */
    const char *body;    /* NUL-terminated, <= 256 KiB */
    size_t body_len;
    const char *location, *etag; /* NULL if absent */
    int retry_after_s;           /* -1 if absent */
    struct sl_addr peer;         /* where the answer came from; unset if there was none */
    sl_ns connect;               /* that TCP took to connect; 0 if it was already, or never did */
};

typedef void sl_http_done_fn(void *ctx, const struct sl_http_response *response);

struct sl_http_call {
    const char *method; /* GET POST PATCH DELETE */
    const char *host;
    int port;
    const char *path;                /* path from '/' on, with query */
    const char *pin;                 /* "sha256//..."; none: -EINVAL */
    const char *bearer;              /* token, or NULL */
    const char *content_type, *body; /* NULL: none */
    const char *if_none_match;
    bool fresh;    /* on a new connection: those kept may have died with the network */
    sl_ns reach;   /* for TCP to connect, and TLS has as long again; 0: 1 s */
    sl_ns timeout; /* of the whole */
    sl_http_done_fn *done;
    void *ctx;
};

/* Starts it; strings are copied. 0, -EINVAL or -ENOMEM; done is called from the loop, never from
 * in here. `ret` may be NULL; `*ret` is valid until done is called. */
SL_MUST_CHECK int sl_http_start(struct sl_http *http, const struct sl_http_call *call,
                                struct sl_http_request **ret);
/* done is not called. */
void sl_http_cancel(struct sl_http_request *request);
