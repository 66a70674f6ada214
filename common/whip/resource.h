/* SPDX-License-Identifier: MIT */
/*
 * Resource: an endpoint's session as HTTP knows it at the receiver: where it is, which layer it was
 * told to show, and that it may go. For endpoint.c.
 *
 *     POST (the endpoint's) ─▶ 201, Location ─▶ PUT ?layer=, again and again ─▶ DELETE
 */
#pragma once

#include "whip/http.h"
#include "whip/link.h"

struct sl_resource {
    struct sl_http *http;
    const struct sl_link *link;
    char location[512];              /* a path; "": there is none */
    struct sl_http_request *request; /* PUT of a layer */
    bool small, told_small;          /* wanted; by the POST or the last PUT */
};

/* `link` must outlive it. */
void sl_resource_init(struct sl_resource *resource, struct sl_http *http,
                      const struct sl_link *link);
/* Forgets what was asked, without a word. */
void sl_resource_fini(struct sl_resource *resource);

/* A call to the receiver of the link. */
struct sl_http_call sl_resource_call(const struct sl_resource *resource, const char *method,
                                     const char *path, sl_ns timeout, sl_http_done_fn *done,
                                     void *ctx);

/* Another is asked for by a POST that says this layer. */
void sl_resource_asked(struct sl_resource *resource, bool small);
/* The path of a Location, which may be a whole URL or NULL; only on the receiver of the link. */
void sl_resource_keep(struct sl_resource *resource, const char *location);

/* This layer is wanted. Told, if it is a new one, unless there is no session to tell (`there`) or
 * an earlier wish is on its way: then by the next call. */
void sl_resource_choose(struct sl_resource *resource, bool small, bool there);

/* A DELETE that outlives whatever becomes of the endpoint, if there is a session. */
void sl_resource_delete(struct sl_resource *resource);
/* The last one, whose answer is waited for: 0, -ENOENT if there is no session, or -errno. */
SL_MUST_CHECK int sl_resource_delete_last(struct sl_resource *resource, sl_http_done_fn *done,
                                          void *ctx, struct sl_http_request **ret);
