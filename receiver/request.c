/* SPDX-License-Identifier: MIT */
#include "receiver/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/option.h"
#include "receiver/answer.h"
#include "receiver/table.h"
#include "receiver/token.h"
#include "whip/link.h"

#define BODY_MAX SL_SDP_MAX_BYTES
#define DISCARD_MAX (4 << 20) /* of a body that is too large, read to say so; then cut off */
#define WAIT_MAX_S 60
#define SAY_AGAIN (60 * SL_SEC) /* the same refusal in the log */

/* ---- Asking the hub ---- */

static void ask_hub(struct sl_request *request, enum sl_ask_type type)
{
    request->ask.type = type;
    request->ask.from = request->from;
    request->ask.owner = request;
    /* The answer comes through this thread's loop, so never before the request is suspended. */
    if (sl_exchange_ask(request->server->config.exchange, &request->ask)) {
        request->state = SL_REQUEST_WITH_HUB;
        MHD_suspend_connection(request->connection);
    } else {
        sl_reply_problem(request, 503, "too many requests at a time");
    }
}

static const char *const layer_names[] = {[SL_VIDEO] = "main", [SL_VIDEO_SUB] = "sub"};

/* ?layer=; true if it is one. */
static bool read_layer(struct sl_request *request, bool required)
{
    const char *text =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "layer");
    request->ask.layer = SL_VIDEO;
    if (!text ? !required : strcmp(text, layer_names[SL_VIDEO]) == 0)
        return true;
    request->ask.layer = SL_VIDEO_SUB;
    if (text && strcmp(text, layer_names[SL_VIDEO_SUB]) == 0)
        return true;
    sl_reply_problem(request, 400, "layer: got '%.20s', wanted main or sub", text ? text : "");
    return false;
}

static void say_layer(struct sl_request *request)
{
    const enum sl_ask_type type = request->ask.type;
    if (type == SL_ASK_LAYER || type == SL_ASK_SUBSCRIBE)
        sl_reply_header(request, "Sightline-Layer", layer_names[request->ask.layer]);
}

void sl_request_answered(struct sl_request *request)
{
    const struct sl_ask *ask = &request->ask;
    char location[64];
    if (ask->status == 201) {
        sl_reply_text(request, 201, "application/sdp", request->answer);
        snprintf(location, sizeof(location), "/s/%s", ask->id);
        sl_reply_header(request, "Location", location);
        /* Of the ICE session (RFC 9725 section 4.3.2); it never restarts, so it has one. */
        sl_reply_header(request, "ETag", "\"1\"");
        sl_reply_header(request, "Accept-Patch", "application/trickle-ice-sdpfrag");
        say_layer(request);
    } else if (ask->status < 300) {
        sl_reply_empty(request, (unsigned)ask->status);
        say_layer(request);
    } else {
        sl_reply_problem(request, (unsigned)ask->status, "%s", ask->detail);
    }
    if (ask->retry_after > 0)
        sl_reply_retry_after(request, ask->retry_after);
    sl_reply_resume(request);
}

/* ---- Routes ---- */

static void open_media(struct sl_request *request, bool publish)
{
    struct sl_server *server = request->server;
    const struct sl_directory_camera *camera =
        sl_directory_find(server->directory, request->argument);
    const char *type =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Type");
    const char *why = "";
    if (!publish && !read_layer(request, false))
        return;
    if (!camera) {
        sl_reply_problem(request, 404, "there is no camera %s",
                         sl_name_valid(request->argument) ? request->argument : "of that name");
        return;
    }
    if (!type || strncasecmp(type, "application/sdp", 15) != 0) {
        sl_reply_problem(request, 415, "wanted Content-Type: application/sdp");
        return;
    }
    const int len =
        sl_answer_make(&server->config.answer, server->config.random, publish, camera->h264_profile,
                       request->body ? request->body : "", request->body_len, &request->ask.agreed,
                       request->answer, sizeof(request->answer), &why);
    if (len == -ENOTSUP) {
        sl_reply_problem(request, 406, "%s", why);
        return;
    }
    if (len < 0) {
        sl_reply_problem(request, 400, "the offer cannot be used: %s", why);
        return;
    }
    snprintf(request->ask.camera, sizeof(request->ask.camera), "%s", camera->entry.name);
    sl_token_random_text(server->config.random, 16, request->ask.id, sizeof(request->ask.id));
    ask_hub(request, publish ? SL_ASK_PUBLISH : SL_ASK_SUBSCRIBE);
}

static void ask_about_session(struct sl_request *request, enum sl_ask_type type)
{
    if (strlen(request->argument) >= sizeof(request->ask.id)) {
        sl_reply_problem(request, 404, "there is no such session");
        return;
    }
    snprintf(request->ask.id, sizeof(request->ask.id), "%.22s", request->argument);
    ask_hub(request, type);
}

/* RFC 9725 section 4.3: If-Match "*" asks for an ICE restart. Peers that roam make a new session
 * instead; a trickled candidate tells an ICE-lite agent nothing. */
static void patch_session(struct sl_request *request)
{
    const char *match =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-Match");
    if (match && strcmp(match, "*") == 0)
        sl_reply_problem(request, 422,
                         "ICE restarts are not supported: end the session and post anew");
    else if (match && strcmp(match, "\"1\"") != 0)
        sl_reply_problem(request, 412, "If-Match does not name this ICE session");
    else
        ask_about_session(request, SL_ASK_TOUCH);
}

static void get_cameras(struct sl_request *request)
{
    struct sl_server *server = request->server;
    const char *wait_text =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "wait");
    const char *known =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-None-Match");
    int64_t wait_s = 0;
    if (wait_text && sl_parse_int(wait_text, 0, 86400, &wait_s) != 0) {
        sl_reply_problem(request, 400, "wait: got '%.20s', wanted seconds", wait_text);
    } else if (!known || strcmp(known, sl_directory_etag(server->directory)) != 0) {
        sl_reply_cameras(request);
    } else if (wait_s == 0) {
        sl_reply_not_modified(request);
    } else if (server->waiting >= server->config.limits.waiting) {
        sl_reply_problem(request, 503, "at most %d requests can wait",
                         server->config.limits.waiting);
        sl_reply_retry_after(request, 1);
    } else {
        server->waiting++;
        request->wait_until =
            sl_loop_now(server->loop) + (wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S) * SL_SEC;
        request->state = SL_REQUEST_WAITING_FOR_NEWS;
        MHD_suspend_connection(request->connection);
    }
}

static void say_options(struct sl_request *request)
{
    sl_reply_empty(request, 204);
    sl_reply_header(request, "Allow", "POST, OPTIONS");
    sl_reply_header(request, "Accept-Post", "application/sdp");
}

/* Everything is here and the caller may. Afterwards: suspended, or something was said. */
static void act(struct sl_request *request)
{
    if (request->server->stopping) { /* libmicrohttpd cannot stop while a request is suspended */
        sl_reply_problem(request, 503, "the receiver stops");
        return;
    }
    switch (request->route->action) {
    case SL_ROUTE_PUBLISH:
        open_media(request, true);
        break;
    case SL_ROUTE_SUBSCRIBE:
        open_media(request, false);
        break;
    case SL_ROUTE_END:
        ask_about_session(request, SL_ASK_END);
        break;
    case SL_ROUTE_PATCH:
        patch_session(request);
        break;
    case SL_ROUTE_LAYER:
        if (read_layer(request, true))
            ask_about_session(request, SL_ASK_LAYER);
        break;
    case SL_ROUTE_CAMERAS:
        get_cameras(request);
        break;
    case SL_ROUTE_OPTIONS:
        say_options(request);
        break;
    case SL_ROUTE_SEGMENTS:
    case SL_ROUTE_EVENTS:
    case SL_ROUTE_MARKS:
    case SL_ROUTE_MEDIA_LINKS:
    case SL_ROUTE_CAMERA_MEDIA:
    case SL_ROUTE_SEGMENT_MEDIA:
    case SL_ROUTE_SNAPSHOT:
        sl_api_act(request);
        break;
    }
}

/* ---- Who may ---- */

void sl_reply_unauthorized(struct sl_request *request, enum sl_auth_outcome outcome)
{
    if (outcome == SL_AUTH_TOO_MANY) {
        sl_reply_problem(request, 429, "too many requests without a valid token");
        sl_reply_retry_after(request, 1);
    } else if (outcome == SL_AUTH_BROKEN) {
        sl_reply_problem(request, 503, "the store cannot be read");
    } else {
        sl_reply_problem(request, 401,
                         outcome == SL_AUTH_MISSING ? "wanted Authorization: Bearer TOKEN"
                                                    : "the token is not valid");
        sl_reply_header(request, "WWW-Authenticate", "Bearer realm=\"sightline\"");
    }
}

static void say_forbidden(struct sl_request *request)
{
    const struct sl_token *token = &request->ask.token;
    if (request->route->access == SL_ACCESS_CAMERA && token->role == SL_ROLE_CAMERA)
        sl_reply_problem(request, 403, "this link is for camera %s", token->subject);
    else
        sl_reply_problem(request, 403, "this link is for a %s",
                         token->role == SL_ROLE_CAMERA ? "camera" : "viewer");
}

/* False after saying why not. */
static bool may_call(struct sl_request *request)
{
    struct sl_server *server = request->server;
    if (request->route->access == SL_ACCESS_ANYONE)
        return true;
    if (sl_api_has_ticket(request))
        return sl_api_admit(request);
    const char *header =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Authorization");
    const enum sl_auth_outcome outcome = sl_auth_check(
        &server->auth, header, &request->from, sl_loop_refresh(server->loop), &request->ask.token);
    if (outcome != SL_AUTH_OK) {
        sl_reply_unauthorized(request, outcome);
        return false;
    }
    if (!sl_route_allows(request->route, request->argument, &request->ask.token)) {
        say_forbidden(request);
        return false;
    }
    return true;
}

/* ---- libmicrohttpd's callbacks ---- */

static struct sl_request *request_create(struct sl_server *server,
                                         struct MHD_Connection *connection)
{
    struct sl_request *request = calloc(1, sizeof(*request));
    if (!request)
        return NULL;
    request->server = server;
    request->connection = connection;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info && info->client_addr) {
        const socklen_t len = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                                       : sizeof(struct sockaddr_in);
        (void)!sl_addr_from_sockaddr(&request->from, info->client_addr, len);
    }
    request->next = server->requests;
    if (request->next)
        request->next->previous = request;
    server->requests = request;
    return request;
}

static void request_destroy(struct sl_request *request)
{
    if (request->next)
        request->next->previous = request->previous;
    if (request->previous)
        request->previous->next = request->next;
    else
        request->server->requests = request->next;
    if (request->response)
        MHD_destroy_response(request->response);
    sl_api_forget(request);
    free(request->body);
    free(request);
}

/* The header is here: whatever can be refused now is, before a body is kept. */
static void check_header(struct sl_request *request, const char *method, const char *path)
{
    char allow[64];
    const char *length =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Length");
    int64_t bytes = 0;
    request->route = sl_route_find(method, path, request->argument, allow);
    if (!request->route && allow[0]) {
        sl_reply_problem(request, 405, "wanted one of %s", allow);
        sl_reply_header(request, "Allow", allow);
    } else if (!request->route) {
        sl_reply_problem(request, 404, "there is nothing here");
    } else if (may_call(request) && length && sl_parse_int(length, 0, BODY_MAX, &bytes) != 0) {
        sl_reply_problem(request, 413, "a body of at most %d bytes, please", BODY_MAX);
    }
}

static enum MHD_Result keep_body(struct sl_request *request, const char *data, size_t len)
{
    request->body_seen += len;
    if (request->body_seen > DISCARD_MAX)
        return MHD_NO;
    if (request->response)
        return MHD_YES; /* refused already: read on, so that the answer is not lost to a reset */
    if (request->body_seen > BODY_MAX) {
        sl_reply_problem(request, 413, "a body of at most %d bytes, please", BODY_MAX);
        return MHD_YES;
    }
    if (request->body_len + len > request->body_room) {
        const size_t room = request->body_len + len > 8192 ? BODY_MAX : 8192;
        char *body = realloc(request->body, room);
        if (!body)
            return MHD_NO;
        request->body = body;
        request->body_room = room;
    }
    memcpy(request->body + request->body_len, data, len);
    request->body_len += len;
    return MHD_YES;
}

/* False for a line said within the last minute: a second sender asks again each second, for ever.
 */
static bool is_news(struct sl_server *server, const char *line)
{
    const uint32_t hash = sl_table_hash(line, strlen(line));
    const size_t slot = hash % SL_COUNT(server->said);
    const sl_ns now = sl_loop_now(server->loop);
    if (server->said[slot].hash == hash && now < server->said[slot].until)
        return false;
    server->said[slot].hash = hash;
    server->said[slot].until = now + SAY_AGAIN;
    return true;
}

/* Refusals are news, but not what strangers can repeat at will, viewers asking again and again for
 * a camera that is not live, or a session that is over anyway. Ids of sessions are left out: they
 * are keys. */
static void log_refusal(const struct sl_request *request)
{
    const struct sl_route *route = request->route;
    const struct sl_token *token = &request->ask.token;
    const bool stranger = token->role == SL_ROLE_NONE && request->status != 401;
    const bool offline = request->status == 409 && request->ask.type == SL_ASK_SUBSCRIBE;
    const bool ended = request->status == 404 && route && route->access == SL_ACCESS_TOKEN;
    char from[SL_ADDR_TEXT], line[512];
    if (request->status < 400 || request->server->stopping)
        return;
    snprintf(line, sizeof(line), "refused %s %s%s from %s at %s: %u %s",
             route ? route->method : "a request", route ? route->prefix : "",
             route && route->access != SL_ACCESS_TOKEN ? request->argument : "",
             token->role == SL_ROLE_NONE ? "a stranger" : token->subject,
             sl_addr_host(&request->from, from), request->status, request->detail);
    if (stranger || offline || ended || !is_news(request->server, line))
        sl_debug("%s", line);
    else
        sl_warn("%s", line);
}

static enum MHD_Result reply(struct sl_request *request)
{
    log_refusal(request);
    if (!request->response)
        return MHD_NO; /* out of memory: the connection is closed */
    return MHD_queue_response(request->connection, request->status, request->response);
}

enum MHD_Result sl_request_access(void *cls, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **ctx)
{
    (void)version;
    struct sl_server *server = cls;
    struct sl_request *request = *ctx;
    if (!request) {
        request = *ctx = request_create(server, connection);
        if (!request)
            return MHD_NO;
        check_header(request, method, path);
        return MHD_YES;
    }
    if (*upload_len) {
        const size_t len = *upload_len;
        *upload_len = 0;
        return keep_body(request, upload, len);
    }
    if (request->state == SL_REQUEST_RECEIVING && !request->response) {
        /* The link may have been withdrawn while the body came: asked again, so that no session
         * is made after the hub was told to end those of that link. */
        sl_server_look_at_store(server);
        if (may_call(request))
            act(request);
    }
    return request->response || request->state == SL_REQUEST_READY ? reply(request) : MHD_YES;
}

void sl_request_completed(void *cls, struct MHD_Connection *connection, void **ctx,
                          enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)connection;
    (void)code;
    if (*ctx)
        request_destroy(*ctx);
    *ctx = NULL;
}
