/* SPDX-License-Identifier: MIT */
/*
 * The routes of the HTTPS origin, and who may call each. What is not in the table is called by
 * nobody. Pure.
 */
#pragma once

#include <stdbool.h>

#include "receiver/store.h"

enum sl_access {
    SL_ACCESS_NOBODY, /* zero: a route that forgets to say is closed */
    SL_ACCESS_ANYONE,
    SL_ACCESS_CAMERA, /* the token of the camera named in the path */
    SL_ACCESS_VIEWER, /* any viewer's token */
    SL_ACCESS_TOKEN,  /* any token; the session's owner is checked where the session is */
    SL_ACCESS_MEDIA,  /* any viewer's token, or a ticket for the very thing (api_admit.c) */
};

enum sl_route_action {
    SL_ROUTE_PUBLISH,       /* POST    /whip/CAMERA  */
    SL_ROUTE_SUBSCRIBE,     /* POST    /whep/CAMERA  */
    SL_ROUTE_END,           /* DELETE  /s/ID         */
    SL_ROUTE_PATCH,         /* PATCH   /s/ID         */
    SL_ROUTE_LAYER,         /* PUT     /s/ID?layer=  */
    SL_ROUTE_CAMERAS,       /* GET     /api/v1/cameras */
    SL_ROUTE_OPTIONS,       /* OPTIONS of WHIP and WHEP */
    SL_ROUTE_SEGMENTS,      /* GET     /api/v1/segments */
    SL_ROUTE_EVENTS,        /* GET     /api/v1/events */
    SL_ROUTE_MARKS,         /* GET     /api/v1/marks */
    SL_ROUTE_MEDIA_LINKS,   /* POST /api/v1/media-links */
    SL_ROUTE_CAMERA_MEDIA,  /* GET, HEAD /api/v1/cameras/CAMERA/media?from=&to= */
    SL_ROUTE_SEGMENT_MEDIA, /* GET, HEAD /api/v1/segments/UUID/media */
    SL_ROUTE_SNAPSHOT,      /* GET, HEAD /api/v1/cameras/CAMERA/snapshot.jpg */
};

struct sl_route {
    const char *method;
    const char *prefix; /* ends with '/': one more segment follows, the argument */
    const char *suffix; /* behind the argument, or NULL */
    enum sl_access access;
    enum sl_route_action action;
};

/* Ends with method == NULL. */
extern const struct sl_route sl_routes[];

#define SL_ROUTE_ARGUMENT 64

/*
 * The route of `method` and `path` (without query), its argument copied. NULL if there is none;
 * then `allow` lists the methods that the path has ("" : no such path).
 */
const struct sl_route *sl_route_find(const char *method, const char *path,
                                     char argument[SL_ROUTE_ARGUMENT], char allow[64]);

/* May the bearer of `token` (NULL: of none) call `route` with `argument`? */
bool sl_route_allows(const struct sl_route *route, const char *argument,
                     const struct sl_token *token);
