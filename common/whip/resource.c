/* SPDX-License-Identifier: MIT */
#include "whip/resource.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DELETE_TIMEOUT SL_SEC
#define PUT_TIMEOUT (3 * SL_SEC)

void sl_resource_init(struct sl_resource *resource, struct sl_http *http,
                      const struct sl_link *link)
{
    *resource = (struct sl_resource){.http = http, .link = link};
}

void sl_resource_fini(struct sl_resource *resource)
{
    sl_http_cancel(resource->request);
    resource->request = NULL;
}

struct sl_http_call sl_resource_call(const struct sl_resource *resource, const char *method,
                                     const char *path, sl_ns timeout, sl_http_done_fn *done,
                                     void *ctx)
{
    const struct sl_link *link = resource->link;
    return (struct sl_http_call){
        .method = method,
        .host = link->host,
        .port = link->port,
        .path = path,
        .pin = link->pin,
        .bearer = link->token,
        .timeout = timeout,
        .done = done,
        .ctx = ctx,
    };
}

void sl_resource_asked(struct sl_resource *resource, bool small)
{
    sl_resource_fini(resource);
    resource->small = resource->told_small = small;
}

void sl_resource_keep(struct sl_resource *resource, const char *location)
{
    resource->location[0] = '\0';
    if (!location)
        return;
    const char *path = location;
    if (strncmp(location, "https://", 8) == 0)
        path = strchr(location + 8, '/');
    if (path && path[0] == '/' && strlen(path) < sizeof(resource->location) &&
        !strpbrk(path, " \r\n"))
        strcpy(resource->location, path);
}

/* A receiver that answers anything has heard it: one that knows no layers is not asked again. */
static void chosen(void *ctx, const struct sl_http_response *response)
{
    struct sl_resource *resource = ctx;
    resource->request = NULL;
    if (response->status == 0)
        resource->told_small = !resource->small;
}

void sl_resource_choose(struct sl_resource *resource, bool small, bool there)
{
    char path[sizeof(resource->location) + 16];
    resource->small = small;
    if (small == resource->told_small || resource->request || !there || !resource->location[0])
        return;
    snprintf(path, sizeof(path), "%s?layer=%s", resource->location, small ? "sub" : "main");
    const struct sl_http_call call =
        sl_resource_call(resource, "PUT", path, PUT_TIMEOUT, chosen, resource);
    if (sl_http_start(resource->http, &call, &resource->request) == 0)
        resource->told_small = small;
}

static void nobody_cares(void *ctx, const struct sl_http_response *response)
{
    (void)ctx;
    (void)response;
}

void sl_resource_delete(struct sl_resource *resource)
{
    if (!resource->location[0])
        return;
    const struct sl_http_call call = sl_resource_call(resource, "DELETE", resource->location,
                                                      DELETE_TIMEOUT, nobody_cares, NULL);
    (void)!sl_http_start(resource->http, &call, NULL);
    resource->location[0] = '\0';
}

int sl_resource_delete_last(struct sl_resource *resource, sl_http_done_fn *done, void *ctx,
                            struct sl_http_request **ret)
{
    if (!resource->location[0])
        return -ENOENT;
    const struct sl_http_call call =
        sl_resource_call(resource, "DELETE", resource->location, DELETE_TIMEOUT, done, ctx);
    return sl_http_start(resource->http, &call, ret);
}
