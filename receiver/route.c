/* SPDX-License-Identifier: MIT */
#include "receiver/route.h"

#include <stdio.h>
#include <string.h>

const struct sl_route sl_routes[] = {
    {"POST", "/whip/", SL_ACCESS_CAMERA, SL_ROUTE_PUBLISH},
    {"OPTIONS", "/whip/", SL_ACCESS_ANYONE, SL_ROUTE_OPTIONS},
    {"POST", "/whep/", SL_ACCESS_VIEWER, SL_ROUTE_SUBSCRIBE},
    {"OPTIONS", "/whep/", SL_ACCESS_ANYONE, SL_ROUTE_OPTIONS},
    {"DELETE", "/s/", SL_ACCESS_TOKEN, SL_ROUTE_END},
    {"PATCH", "/s/", SL_ACCESS_TOKEN, SL_ROUTE_PATCH},
    {"PUT", "/s/", SL_ACCESS_TOKEN, SL_ROUTE_LAYER},
    {"GET", "/api/v1/cameras", SL_ACCESS_VIEWER, SL_ROUTE_CAMERAS},
    {.method = NULL},
};

/* The argument behind the prefix ("" for a route without one), or NULL if `path` is another's. */
static const char *match(const struct sl_route *route, const char *path)
{
    const size_t len = strlen(route->prefix);
    if (route->prefix[len - 1] != '/')
        return strcmp(path, route->prefix) == 0 ? "" : NULL;
    if (strncmp(path, route->prefix, len) != 0)
        return NULL;
    const char *argument = path + len;
    const size_t argument_len = strlen(argument);
    if (argument_len == 0 || argument_len >= SL_ROUTE_ARGUMENT || strchr(argument, '/'))
        return NULL;
    return argument;
}

const struct sl_route *sl_route_find(const char *method, const char *path,
                                     char argument[SL_ROUTE_ARGUMENT], char allow[64])
{
    allow[0] = '\0';
    for (const struct sl_route *route = sl_routes; route->method; route++) {
        const char *found = match(route, path);
        if (!found)
            continue;
        if (strcmp(route->method, method) == 0) {
            snprintf(argument, SL_ROUTE_ARGUMENT, "%s", found);
            return route;
        }
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
        return token && token->role == SL_ROLE_VIEWER;
    case SL_ACCESS_TOKEN:
        return token && token->role != SL_ROLE_NONE;
    case SL_ACCESS_NOBODY:
        break;
    }
    return false;
}
