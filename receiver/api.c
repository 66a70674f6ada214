/* SPDX-License-Identifier: MIT */
#include "receiver/api.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "receiver/api_call.h"
#include "whip/link.h"

#define JOBS 256 /* of a thread */
#define KEEP_MEDIA (60 * SL_SEC)

/* ---- Life ---- */

int sl_api_create(struct sl_api **ret, const struct sl_api_config *config,
                  const uint8_t key[SL_TICKET_KEY_BYTES])
{
    const struct sl_api_cache_limits limits = {
        .entries = SL_API_MEDIA_MAX, .bytes = SL_API_MEDIA_BYTES, .keep = KEEP_MEDIA};
    struct sl_api *api = calloc(1, sizeof(*api));
    if (!api)
        return -ENOMEM;
    api->config = *config;
    api->done.fd = -1;
    memcpy(api->key, key, sizeof(api->key));
    const struct sl_api_lanes_config lanes = {.data = config->data,
                                              .recordings = config->recordings,
                                              .snapshots = config->snapshots,
                                              .pictures = config->pictures,
                                              .done = &api->done,
                                              .capacity = JOBS};
    int err = sl_wake_init(&api->done);
    if (err == 0)
        err = sl_api_cache_create(&api->cache, &limits);
    if (err == 0)
        err = sl_api_lanes_create(&api->lanes, &lanes);
    if (err != 0) {
        sl_api_destroy(api);
        return err;
    }
    *ret = api;
    return 0;
}

void sl_api_destroy(struct sl_api *api)
{
    if (!api)
        return;
    sl_api_lanes_destroy(api->lanes);
    sl_api_cache_destroy(api->cache);
    if (api->done.fd >= 0)
        sl_wake_fini(&api->done);
    OPENSSL_cleanse(api->key, sizeof(api->key));
    free(api);
}

int sl_api_fd(const struct sl_api *api)
{
    return api->done.fd;
}

struct sl_api_call *sl_api_call(struct sl_request *request)
{
    if (!request->call) {
        request->call = calloc(1, sizeof(*request->call));
        if (!request->call) {
            sl_reply_problem(request, 503, "out of memory");
            return NULL;
        }
        request->call->request = request;
        request->call->reader.fd = -1;
        sl_api_query_init(&request->call->query);
    }
    return request->call;
}

void sl_api_forget(struct sl_request *request)
{
    struct sl_api_call *call = request->call;
    if (!call)
        return;
    struct sl_api *api = request->server->api;
    if (call->media)
        sl_api_cache_release(api->cache, call->media, sl_loop_now(request->server->loop));
    if (call->streaming)
        api->streams--;
    sl_media_reader_fini(&call->reader);
    sl_media_range_destroy(call->range);
    cJSON_free(call->json);
    free(call->picture);
    free(call->chunk);
    free(call);
    request->call = NULL;
}

/* ---- Jobs ---- */

bool sl_api_give(struct sl_api_call *call, enum sl_api_lane lane,
                 void (*work)(struct sl_api_job *job, struct sl_api_desk *desk),
                 void (*finish)(struct sl_api_call *call))
{
    call->job = (struct sl_api_job){.work = work, .owner = call};
    call->finish = finish;
    call->err = 0;
    call->why[0] = '\0';
    if (!sl_api_lanes_give(call->request->server->api->lanes, lane, &call->job))
        return false;
    call->lent = true;
    /* It comes back through this thread's loop, so never before this. */
    MHD_suspend_connection(call->request->connection);
    return true;
}

void sl_api_ask(struct sl_api_call *call, enum sl_api_lane lane,
                void (*work)(struct sl_api_job *job, struct sl_api_desk *desk),
                void (*finish)(struct sl_api_call *call))
{
    if (sl_api_give(call, lane, work, finish)) {
        call->request->state = SL_REQUEST_WITH_WORKER;
    } else {
        sl_reply_problem(call->request, 503, "too many requests at a time");
        sl_reply_retry_after(call->request, 1);
    }
}

void sl_api_done(struct sl_api *api)
{
    struct sl_api_job *job;
    sl_wake_clear(&api->done);
    while ((job = sl_api_lanes_take(api->lanes)) != NULL) {
        struct sl_api_call *call = job->owner;
        call->lent = false;
        call->finish(call);
    }
}

void sl_api_give_up(struct sl_request *request)
{
    if (request->call)
        atomic_store(&request->call->cancelled, true);
}

void sl_api_tidy(struct sl_server *server, sl_ns now)
{
    if (server->api)
        sl_api_cache_tidy(server->api->cache, now);
}

void sl_api_links_changed(struct sl_server *server)
{
    for (struct sl_request *request = server->requests; request; request = request->next) {
        struct sl_token token;
        if (request->call && request->call->streaming &&
            sl_store_token_find(server->config.store, request->ask.token.hash, &token) == -ENOENT)
            request->call->broken = true;
    }
}

void sl_api_stop(struct sl_server *server)
{
    if (!server->api)
        return;
    sl_api_lanes_stop(server->api->lanes);
    for (struct sl_request *request = server->requests; request; request = request->next) {
        struct sl_api_call *call = request->call;
        if (!call || !call->streaming)
            continue;
        call->broken = true;
        if (call->lent)
            MHD_resume_connection(request->connection);
        call->lent = false;
    }
}

/* ---- What is asked for ---- */

struct reading {
    struct sl_api_call *call;
    int takes;
    bool ok;
};

static enum MHD_Result read_parameter(void *cls, enum MHD_ValueKind kind, const char *key,
                                      const char *value)
{
    (void)kind;
    struct reading *reading = cls;
    struct sl_api_call *call = reading->call;
    reading->ok = sl_api_query_set(&call->query, reading->takes, key, value, call->why);
    return reading->ok ? MHD_YES : MHD_NO;
}

bool sl_api_read_query(struct sl_api_call *call, int takes)
{
    struct reading reading = {.call = call, .takes = takes, .ok = true};
    (void)MHD_get_connection_values(call->request->connection, MHD_GET_ARGUMENT_KIND,
                                    read_parameter, &reading);
    if (reading.ok && sl_api_query_end(&call->query, call->why))
        return true;
    sl_reply_problem(call->request, 400, "%s", call->why);
    return false;
}

bool sl_api_read_target(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    const enum sl_route_action action = request->route->action;
    struct sl_media_target *target = &call->target;
    if (call->targeted)
        return true;
    *target =
        (struct sl_media_target){.kind = action == SL_ROUTE_SNAPSHOT        ? SL_MEDIA_SNAPSHOT
                                         : action == SL_ROUTE_SEGMENT_MEDIA ? SL_MEDIA_OF_SEGMENT
                                                                            : SL_MEDIA_OF_CAMERA};
    if (!sl_api_read_query(call, SL_API_TAKES_TICKET |
                                     (action == SL_ROUTE_CAMERA_MEDIA ? SL_API_TAKES_RANGE : 0)))
        return false;
    if (target->kind != SL_MEDIA_OF_SEGMENT && !sl_name_valid(request->argument)) {
        sl_reply_problem(request, 404, "there is no camera of that name");
        return false;
    }
    if (strlen(request->argument) >= sizeof(target->name)) {
        sl_reply_problem(request, 404, "there is no such segment");
        return false;
    }
    memcpy(target->name, request->argument, strlen(request->argument));
    if (target->kind == SL_MEDIA_OF_CAMERA) {
        target->from_us = call->query.from_us;
        target->to_us = call->query.to_us;
        if (!sl_api_range_valid(target->from_us, target->to_us, call->why)) {
            sl_reply_problem(request, 400, "%s", call->why);
            return false;
        }
    }
    call->targeted = true;
    return true;
}

void sl_api_act(struct sl_request *request)
{
    if (!request->server->api) {
        sl_reply_problem(request, 404, "nothing is recorded here");
        return;
    }
    struct sl_api_call *call = sl_api_call(request);
    if (!call)
        return;
    call->now_us = (sl_loop_refresh(request->server->loop) + request->server->config.epoch) / SL_US;
    switch (request->route->action) {
    case SL_ROUTE_SEGMENTS:
        sl_api_segments(call);
        break;
    case SL_ROUTE_EVENTS:
        sl_api_events(call);
        break;
    case SL_ROUTE_MARKS:
        sl_api_marks(call);
        break;
    case SL_ROUTE_MEDIA_LINKS:
        sl_api_make_link(call);
        break;
    default:
        if (sl_api_read_target(call))
            sl_api_open(call);
        break;
    }
}
