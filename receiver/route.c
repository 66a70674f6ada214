/* SPDX-License-Identifier: MIT */
#include "receiver/route.h"

#include <stdio.h>
#include <string.h>

const struct sl_route sl_routes[] = {
    {"POST", "/whip/", NULL, SL_ACCESS_CAMERA, SL_ROUTE_PUBLISH},
    {"OPTIONS", "/whip/", NULL, SL_ACCESS_ANYONE, SL_ROUTE_OPTIONS},
    {"POST", "/whep/", NULL, SL_ACCESS_VIEWER, SL_ROUTE_SUBSCRIBE},
    {"OPTIONS", "/whep/", NULL, SL_ACCESS_ANYONE, SL_ROUTE_OPTIONS},
    {"DELETE", "/s/", NULL, SL_ACCESS_TOKEN, SL_ROUTE_END},
    {"PATCH", "/s/", NULL, SL_ACCESS_TOKEN, SL_ROUTE_PATCH},
    {"PUT", "/s/", NULL, SL_ACCESS_TOKEN, SL_ROUTE_LAYER},
    {"GET", "/api/v1/cameras", NULL, SL_ACCESS_VIEWER, SL_ROUTE_CAMERAS},
    {"GET", "/api/v1/segments", NULL, SL_ACCESS_VIEWER, SL_ROUTE_SEGMENTS},
    {"GET", "/api/v1/events", NULL, SL_ACCESS_VIEWER, SL_ROUTE_EVENTS},
    {"GET", "/api/v1/marks", NULL, SL_ACCESS_VIEWER, SL_ROUTE_MARKS},
    {"POST", "/api/v1/media-links", NULL, SL_ACCESS_VIEWER, SL_ROUTE_MEDIA_LINKS},
    {"GET", "/api/v1/cameras/", "/media", SL_ACCESS_MEDIA, SL_ROUTE_CAMERA_MEDIA},
    {"HEAD", "/api/v1/cameras/", "/media", SL_ACCESS_MEDIA, SL_ROUTE_CAMERA_MEDIA},
    {"GET", "/api/v1/segments/", "/media", SL_ACCESS_MEDIA, SL_ROUTE_SEGMENT_MEDIA},
    {"HEAD", "/api/v1/segments/", "/media", SL_ACCESS_MEDIA, SL_ROUTE_SEGMENT_MEDIA},
    {"GET", "/api/v1/cameras/", "/snapshot.jpg", SL_ACCESS_VIEWER, SL_ROUTE_SNAPSHOT},
    {"HEAD", "/api/v1/cameras/", "/snapshot.jpg", SL_ACCESS_VIEWER, SL_ROUTE_SNAPSHOT},
    {.method = NULL},
};

/* The argument between prefix and suffix ("" for a route without one), copied. False if `path` is
 * another's. */
static bool match(const struct sl_route *route, const char *path, char argument[SL_ROUTE_ARGUMENT])
{
    const size_t len = strlen(route->prefix);
    argument[0] = '\0';
    if (route->prefix[len - 1] != '/')
        return strcmp(path, route->prefix) == 0;
    if (strncmp(path, route->prefix, len) != 0)
        return false;
    const size_t argument_len = strcspn(path + len, "/");
    if (argument_len == 0 || argument_len >= SL_ROUTE_ARGUMENT ||
        strcmp(path + len + argument_len, route->suffix ? route->suffix : "") != 0)
        return false;
    memcpy(argument, path + len, argument_len);
    argument[argument_len] = '\0';
    return true;
}

const struct sl_route *sl_route_find(const char *method, const char *path,
                                     char argument[SL_ROUTE_ARGUMENT], char allow[64])
{
    allow[0] = '\0';
    for (const struct sl_route *route = sl_routes; route->method; route++) {
        if (!match(route, path, argument))
            continue;
        if (strcmp(route->method, method) == 0)
            return route;
        const size_t used = strlen(allow);
        snprintf(allow + used, 64 - used, "%s%s", used ? ", " : "", route->method);
    }
    return NULL;
}

bool sl_route_allows(const struct sl_route *route, const char *argument,
                     const struct sl_token *token)
{
    switch (route->access) {
    case SL_ACCESS_ANYONE:
        return true;
    case SL_ACCESS_CAMERA:
        return token && token->role == SL_ROLE_CAMERA && strcmp(token->subject, argument) == 0;
    case SL_ACCESS_VIEWER:
    case SL_ACCESS_MEDIA: /* by ticket: before this is asked */
        return token && token->role == SL_ROLE_VIEWER;
    case SL_ACCESS_TOKEN:
        return token && token->role != SL_ROLE_NONE;
    case SL_ACCESS_NOBODY:
        break;
    }
    return false;
}
