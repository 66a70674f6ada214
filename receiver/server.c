/* SPDX-License-Identifier: MIT */
#include "receiver/server.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/option.h"
#include "net/loop.h"
#include "receiver/auth.h"
#include "receiver/directory.h"
#include "receiver/route.h"
#include "receiver/token.h"

#define POLL_EVERY (100 * SL_MS) /* the store; admin commands take effect within 250 ms */
#define BODY_MAX SL_SDP_MAX_BYTES
#define DISCARD_MAX (4 << 20) /* of a body that is too large, read to say so; then cut off */
#define WAIT_MAX_S 60
#define IDLE_TIMEOUT_S 15u
#define TURNS_MAX 32 /* of libmicrohttpd before other work has its turn */

enum request_state { RECEIVING, WITH_HUB, WAITING_FOR_NEWS, READY };

struct request {
    struct sl_server *server;
    struct MHD_Connection *connection;
    enum request_state state;
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
    char detail[256]; /* of a problem */
    struct request *next, *previous;
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
    struct request *requests;
    int waiting;
    bool stale;        /* the hub does not know yet what the store says */
    bool store_broken; /* and that was logged */
    bool stopping;
    pthread_t thread;
    bool started;
};

struct sl_server_limits sl_server_limits_default(void)
{
    return (struct sl_server_limits){
        .connections = 1024, .connections_per_address = 512, .waiting = 256};
}

/* ---- Responses ---- */

static void say(struct request *request, unsigned status, struct MHD_Response *response)
{
    if (request->response)
        MHD_destroy_response(request->response);
    request->status = status;
    request->response = response;
    if (response)
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
}

static void add_header(struct request *request, const char *name, const char *value)
{
    if (request->response)
        (void)MHD_add_response_header(request->response, name, value);
}

static void say_nothing(struct request *request, unsigned status)
{
    say(request, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

static void say_text(struct request *request, unsigned status, const char *type, const char *text)
{
    say(request, status,
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                        MHD_RESPMEM_MUST_COPY));
    add_header(request, "Content-Type", type);
    add_header(request, "X-Content-Type-Options", "nosniff");
}

static const char *title_of(unsigned status)
{
    const char *title = MHD_get_reason_phrase_for(status);
    return title ? title : "Error";
}

/* RFC 9457. */
static SL_PRINTF(3, 4) void problem(struct request *request, unsigned status, const char *format,
                                    ...)
{
    char *detail = request->detail;
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(request->detail), format, args);
    va_end(args);
    cJSON *object = cJSON_CreateObject();
    char *text = NULL;
    if (object && cJSON_AddStringToObject(object, "type", "about:blank") &&
        cJSON_AddStringToObject(object, "title", title_of(status)) &&
        cJSON_AddNumberToObject(object, "status", status) &&
        cJSON_AddStringToObject(object, "detail", detail))
        text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    say_text(request, status, "application/problem+json", text ? text : "{}");
    cJSON_free(text);
}

static void set_retry_after(struct request *request, int seconds)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", seconds);
    add_header(request, "Retry-After", text);
}

/* A suspended request goes on with what was said. */
static void resume(struct request *request)
{
    request->state = READY;
    MHD_resume_connection(request->connection);
}

/* ---- The store ---- */

static int64_t utc_us(const struct sl_server *server)
{
    return (sl_loop_refresh(server->loop) + server->config.epoch) / SL_US;
}

static void say_cameras(struct request *request)
{
    struct sl_directory *directory = request->server->directory;
    const char *json = sl_directory_json(directory);
    if (!json) {
        problem(request, 503, "out of memory");
        return;
    }
    say_text(request, 200, "application/json", json);
    add_header(request, "ETag", sl_directory_etag(directory));
}

static void say_not_modified(struct request *request)
{
    say_nothing(request, 304);
    add_header(request, "ETag", sl_directory_etag(request->server->directory));
}

/* Something in the list of cameras changed: those that wait for that get it. */
static void tell_waiting(struct sl_server *server)
{
    for (struct request *request = server->requests; request; request = request->next) {
        if (request->state != WAITING_FOR_NEWS)
            continue;
        server->waiting--;
        say_cameras(request);
        resume(request);
    }
}

/* A suspended connection is not looked at by libmicrohttpd. */
static bool has_gone(const struct request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd poll_fd = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Those whose time is over, or whose caller left. */
static void time_out_waiting(struct sl_server *server, sl_ns now)
{
    for (struct request *request = server->requests; request; request = request->next) {
        if (request->state != WAITING_FOR_NEWS)
            continue;
        if (now < request->wait_until && !has_gone(request))
            continue;
        server->waiting--;
        say_not_modified(request);
        resume(request);
    }
}

/* Gives the hub what is in the store now. */
static bool give_snapshot(struct sl_server *server, struct sl_snapshot *snapshot)
{
    struct sl_ask *ask = calloc(1, sizeof(*ask));
    if (ask) {
        ask->type = SL_ASK_SNAPSHOT;
        ask->snapshot = snapshot;
        if (sl_exchange_ask(server->config.exchange, ask))
            return true;
    }
    free(ask);
    free(snapshot);
    return false;
}

/* Takes over what admin commands changed. Called before each answer, so a change is never older
 * than a request. */
static void look_at_store(struct sl_server *server)
{
    struct sl_snapshot *snapshot;
    const int changed = sl_store_changed(server->config.store);
    server->stale |= changed > 0;
    int err = changed < 0 ? changed : 0;
    if (server->stale && err == 0) {
        err = sl_store_snapshot(server->config.store, &snapshot);
        if (err == 0) {
            const bool news = sl_directory_apply(server->directory, snapshot, utc_us(server));
            server->stale = !give_snapshot(server, snapshot);
            if (news)
                tell_waiting(server);
        }
    }
    if (err != 0 && !server->store_broken)
        sl_error("%s", sl_store_why(server->config.store));
    server->store_broken = err != 0;
}

/* ---- Asking the hub ---- */

static void ask_hub(struct request *request, enum sl_ask_type type)
{
    request->ask.type = type;
    request->ask.from = request->from;
    request->ask.owner = request;
    /* The answer comes through this thread's loop, so never before the request is suspended. */
    if (sl_exchange_ask(request->server->config.exchange, &request->ask)) {
        request->state = WITH_HUB;
        MHD_suspend_connection(request->connection);
    } else {
        problem(request, 503, "too many requests at a time");
    }
}

static void say_answer(struct request *request)
{
    const struct sl_ask *ask = &request->ask;
    char location[64];
    if (ask->status == 201) {
        say_text(request, 201, "application/sdp", request->answer);
        snprintf(location, sizeof(location), "/s/%s", ask->id);
        add_header(request, "Location", location);
        /* Of the ICE session (RFC 9725 section 4.3.2); it never restarts, so it has one. */
        add_header(request, "ETag", "\"1\"");
        add_header(request, "Accept-Patch", "application/trickle-ice-sdpfrag");
    } else if (ask->status < 300) {
        say_nothing(request, (unsigned)ask->status);
    } else {
        problem(request, (unsigned)ask->status, "%s", ask->detail);
    }
    if (ask->retry_after > 0)
        set_retry_after(request, ask->retry_after);
}

/* ---- Routes ---- */

static void open_media(struct request *request, bool publish)
{
    struct sl_server *server = request->server;
    const struct sl_directory_camera *camera =
        sl_directory_find(server->directory, request->argument);
    const char *type =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Type");
    const char *why = "";
    if (!camera) {
        problem(request, 404, "there is no camera %s", request->argument);
        return;
    }
    if (!type || strncasecmp(type, "application/sdp", 15) != 0) {
        problem(request, 415, "wanted Content-Type: application/sdp");
        return;
    }
    const int len =
        sl_answer_make(&server->config.answer, server->config.random, publish, camera->h264_profile,
                       request->body ? request->body : "", request->body_len, &request->ask.agreed,
                       request->answer, sizeof(request->answer), &why);
    if (len == -ENOTSUP) {
        problem(request, 406, "%s", why);
        return;
    }
    if (len < 0) {
        problem(request, 400, "the offer cannot be used: %s", why);
        return;
    }
    snprintf(request->ask.camera, sizeof(request->ask.camera), "%s", camera->entry.name);
    sl_token_random_text(server->config.random, 16, request->ask.id, sizeof(request->ask.id));
    ask_hub(request, publish ? SL_ASK_PUBLISH : SL_ASK_SUBSCRIBE);
}

static void ask_about_session(struct request *request, enum sl_ask_type type)
{
    if (strlen(request->argument) >= sizeof(request->ask.id)) {
        problem(request, 404, "there is no such session");
        return;
    }
    snprintf(request->ask.id, sizeof(request->ask.id), "%.22s", request->argument);
    ask_hub(request, type);
}

/* RFC 9725 section 4.3: If-Match "*" asks for an ICE restart. Peers that roam make a new session
 * instead; a trickled candidate tells an ICE-lite agent nothing. */
static void patch_session(struct request *request)
{
    const char *match =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-Match");
    if (match && strcmp(match, "*") == 0)
        problem(request, 422, "ICE restarts are not supported: end the session and post anew");
    else if (match && strcmp(match, "\"1\"") != 0)
        problem(request, 412, "If-Match does not name this ICE session");
    else
        ask_about_session(request, SL_ASK_TOUCH);
}

static void get_cameras(struct request *request)
{
    struct sl_server *server = request->server;
    const char *wait_text =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "wait");
    const char *known =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "If-None-Match");
    int64_t wait_s = 0;
    if (wait_text && sl_parse_int(wait_text, 0, 86400, &wait_s) != 0) {
        problem(request, 400, "wait: got '%.20s', wanted seconds", wait_text);
    } else if (!known || strcmp(known, sl_directory_etag(server->directory)) != 0) {
        say_cameras(request);
    } else if (wait_s == 0) {
        say_not_modified(request);
    } else if (server->waiting >= server->config.limits.waiting) {
        problem(request, 503, "at most %d requests can wait", server->config.limits.waiting);
        set_retry_after(request, 1);
    } else {
        server->waiting++;
        request->wait_until =
            sl_loop_now(server->loop) + (wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S) * SL_SEC;
        request->state = WAITING_FOR_NEWS;
        MHD_suspend_connection(request->connection);
    }
}

static void say_options(struct request *request)
{
    say_nothing(request, 204);
    add_header(request, "Allow", "POST, OPTIONS");
    add_header(request, "Accept-Post", "application/sdp");
}

/* Everything is here and the caller may. Afterwards: suspended, or something was said. */
static void act(struct request *request)
{
    if (request->server->stopping) { /* libmicrohttpd cannot stop while a request is suspended */
        problem(request, 503, "the receiver stops");
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
    case SL_ROUTE_CAMERAS:
        get_cameras(request);
        break;
    case SL_ROUTE_OPTIONS:
        say_options(request);
        break;
    }
}

/* ---- Who may ---- */

static void say_unauthorized(struct request *request, enum sl_auth_outcome outcome)
{
    if (outcome == SL_AUTH_TOO_MANY) {
        problem(request, 429, "too many requests without a valid token");
        set_retry_after(request, 1);
    } else if (outcome == SL_AUTH_BROKEN) {
        problem(request, 503, "the store cannot be read");
    } else {
        problem(request, 401,
                outcome == SL_AUTH_MISSING ? "wanted Authorization: Bearer TOKEN"
                                           : "the token is not valid");
        add_header(request, "WWW-Authenticate", "Bearer realm=\"sightline\"");
    }
}

static void say_forbidden(struct request *request)
{
    const struct sl_token *token = &request->ask.token;
    if (request->route->access == SL_ACCESS_CAMERA && token->role == SL_ROLE_CAMERA)
        problem(request, 403, "this link is for camera %s", token->subject);
    else
        problem(request, 403, "this link is for a %s",
                token->role == SL_ROLE_CAMERA ? "camera" : "viewer");
}

/* False after saying why not. */
static bool may_call(struct request *request)
{
    struct sl_server *server = request->server;
    if (request->route->access == SL_ACCESS_ANYONE)
        return true;
    const char *header =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Authorization");
    const enum sl_auth_outcome outcome = sl_auth_check(
        &server->auth, header, &request->from, sl_loop_refresh(server->loop), &request->ask.token);
    if (outcome != SL_AUTH_OK) {
        say_unauthorized(request, outcome);
        return false;
    }
    if (!sl_route_allows(request->route, request->argument, &request->ask.token)) {
        say_forbidden(request);
        return false;
    }
    return true;
}

/* ---- libmicrohttpd's callbacks ---- */

static struct request *request_create(struct sl_server *server, struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof(*request));
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

static void request_destroy(struct request *request)
{
    if (request->next)
        request->next->previous = request->previous;
    if (request->previous)
        request->previous->next = request->next;
    else
        request->server->requests = request->next;
    if (request->response)
        MHD_destroy_response(request->response);
    free(request->body);
    free(request);
}

/* The header is here: whatever can be refused now is, before a body is kept. */
static void check_header(struct request *request, const char *method, const char *path)
{
    char allow[64];
    const char *length =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Content-Length");
    int64_t bytes = 0;
    request->route = sl_route_find(method, path, request->argument, allow);
    if (!request->route && allow[0]) {
        problem(request, 405, "wanted one of %s", allow);
        add_header(request, "Allow", allow);
    } else if (!request->route) {
        problem(request, 404, "there is nothing here");
    } else if (may_call(request) && length && sl_parse_int(length, 0, BODY_MAX, &bytes) != 0) {
        problem(request, 413, "a body of at most %d bytes, please", BODY_MAX);
    }
}

static enum MHD_Result keep_body(struct request *request, const char *data, size_t len)
{
    request->body_seen += len;
    if (request->body_seen > DISCARD_MAX)
        return MHD_NO;
    if (request->response)
        return MHD_YES; /* refused already: read on, so that the answer is not lost to a reset */
    if (request->body_seen > BODY_MAX) {
        problem(request, 413, "a body of at most %d bytes, please", BODY_MAX);
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

/* Refusals are news, but not what strangers can repeat at will, viewers asking again and again for
 * a camera that is not live, or a session that is over anyway. Ids of sessions are left out: they
 * are keys. */
static void log_refusal(const struct request *request)
{
    const struct sl_route *route = request->route;
    const struct sl_token *token = &request->ask.token;
    const bool stranger = token->role == SL_ROLE_NONE && request->status != 401;
    const bool offline = request->status == 409 && request->ask.type == SL_ASK_SUBSCRIBE;
    const bool ended = request->status == 404 && route && route->access == SL_ACCESS_TOKEN;
    char from[SL_ADDR_TEXT];
    if (request->status < 400 || request->server->stopping)
        return;
    sl_log(stranger || offline || ended ? SL_LOG_DEBUG : SL_LOG_WARN,
           "refused %s %s%s from %s at %s: %u %s", route ? route->method : "a request",
           route ? route->prefix : "",
           route && route->access != SL_ACCESS_TOKEN ? request->argument : "",
           token->role == SL_ROLE_NONE ? "a stranger" : token->subject,
           sl_addr_host(&request->from, from), request->status, request->detail);
}

static enum MHD_Result reply(struct request *request)
{
    log_refusal(request);
    if (!request->response)
        return MHD_NO; /* out of memory: the connection is closed */
    return MHD_queue_response(request->connection, request->status, request->response);
}

static enum MHD_Result access_request(void *cls, struct MHD_Connection *connection,
                                      const char *path, const char *method, const char *version,
                                      const char *upload, size_t *upload_len, void **ctx)
{
    (void)version;
    struct sl_server *server = cls;
    struct request *request = *ctx;
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
    if (request->state == RECEIVING && !request->response) {
        /* The link may have been withdrawn while the body came: asked again, so that no session
         * is made after the hub was told to end those of that link. */
        look_at_store(server);
        if (may_call(request))
            act(request);
    }
    return request->response || request->state == READY ? reply(request) : MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *connection, void **ctx,
                      enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)connection;
    (void)code;
    if (*ctx)
        request_destroy(*ctx);
    *ctx = NULL;
}

SL_PRINTF(2, 0) static void mhd_log(void *cls, const char *format, va_list args)
{
    (void)cls;
    char line[256];
    vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\n")] = '\0';
    sl_debug("https: %s", line);
}

/* ---- The loop ---- */

static void run_daemon(struct sl_server *server)
{
    unsigned long long left_ms = 0;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        (void)MHD_run(server->daemon);
        if (MHD_get_timeout(server->daemon, &left_ms) != MHD_YES) {
            sl_timer_clear(&server->mhd_timer);
            return;
        }
        if (left_ms > 0)
            break;
    }
    if (sl_timer_set(&server->mhd_timer, sl_loop_refresh(server->loop) + (sl_ns)left_ms * SL_MS) !=
        0)
        sl_error("out of memory for timers");
}

static void daemon_ready(void *ctx, uint32_t events)
{
    (void)events;
    run_daemon(ctx);
}

static void daemon_timer(void *ctx, sl_ns now)
{
    (void)now;
    run_daemon(ctx);
}

static void hub_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_server *server = ctx;
    struct sl_event event;
    bool news = false;
    sl_wake_clear(&server->config.exchange->http);
    while (sl_ring_pop(server->config.exchange->events, &event)) {
        if (event.type == SL_EVENT_CAMERA) {
            news |= sl_directory_state(server->directory, event.camera, event.live, event.since_us,
                                       event.h264_profile);
        } else {
            struct request *request = event.ask->owner;
            say_answer(request);
            resume(request);
        }
    }
    if (news)
        tell_waiting(server);
    run_daemon(server);
}

static void poll_store(void *ctx, sl_ns now)
{
    struct sl_server *server = ctx;
    look_at_store(server);
    time_out_waiting(server, now);
    run_daemon(server);
    if (sl_timer_set(&server->poll_timer, now + POLL_EVERY) != 0)
        sl_error("out of memory for timers");
}

static void *thread_main(void *ctx)
{
    struct sl_server *server = ctx;
    const int err = sl_loop_run(server->loop);
    if (err != 0)
        sl_error("https: the loop failed: %s", strerror(-err));
    return NULL;
}

/* ---- Life ---- */

int sl_server_listen(const struct sl_addr *addr, int *fd, struct sl_addr *bound)
{
    const int one = 1, zero = 0;
    const int s = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return -errno;
    struct sockaddr_storage got;
    socklen_t len = sizeof(got);
    (void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    (void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* inherited by accept */
    if (addr->sa.sa_family == AF_INET6)
        (void)setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    int err = 0;
    if (bind(s, &addr->sa, sl_addr_len(addr)) != 0 || listen(s, SOMAXCONN) != 0 ||
        getsockname(s, (struct sockaddr *)&got, &len) != 0)
        err = -errno;
    struct sl_addr where;
    if (err == 0)
        err = sl_addr_from_sockaddr(&where, (struct sockaddr *)&got, len);
    if (err != 0) {
        close(s);
        return err;
    }
    *fd = s;
    *bound = where;
    return 0;
}

static int start_daemon(struct sl_server *server)
{
    const struct sl_server_config *config = &server->config;
    const struct sl_dtls_identity *identity = config->answer.identity;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        access_request, server, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        config->listen_fd, MHD_OPTION_HTTPS_MEM_KEY, sl_dtls_identity_key_pem(identity),
        MHD_OPTION_HTTPS_MEM_CERT, sl_dtls_identity_certificate_pem(identity),
        MHD_OPTION_HTTPS_PRIORITIES, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
        MHD_OPTION_CONNECTION_LIMIT, config->limits.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        config->limits.connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    if (!server->daemon) {
        close(config->listen_fd);
        return -EIO;
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || info->epoll_fd < 0)
        return -EIO;
    return sl_loop_watch(server->loop, &server->mhd_watch, info->epoll_fd, EPOLLIN, daemon_ready,
                         server);
}

int sl_server_create(struct sl_server **ret, const struct sl_server_config *config)
{
    struct sl_server *server = calloc(1, sizeof(*server));
    if (!server) {
        close(config->listen_fd);
        return -ENOMEM;
    }
    char tag[16];
    const struct sl_limiter_config failures = {.burst = 30, .per_sec = 1, .hosts = 1024};
    server->config = *config;
    server->stale = true;
    sl_token_random_text(config->random, 6, tag, sizeof(tag));
    int err = sl_loop_create(&server->loop);
    if (err == 0)
        err = sl_directory_create(&server->directory, tag);
    if (err == 0)
        err = sl_limiter_create(&server->failures, &failures);
    if (err != 0) {
        close(config->listen_fd);
        goto out;
    }
    server->auth = (struct sl_auth){.store = config->store, .failures = server->failures};
    sl_timer_init(&server->mhd_timer, server->loop, daemon_timer, server);
    sl_timer_init(&server->poll_timer, server->loop, poll_store, server);
    err = start_daemon(server);
    if (err == 0)
        err = sl_loop_watch(server->loop, &server->wake_watch, config->exchange->http.fd, EPOLLIN,
                            hub_ready, server);
    if (err == 0)
        err = sl_timer_set(&server->poll_timer, 0);
out:
    if (err != 0) {
        sl_server_destroy(server);
        return err;
    }
    *ret = server;
    return 0;
}

int sl_server_start(struct sl_server *server)
{
    look_at_store(server); /* the hub knows the cameras before the first request */
    const int err = pthread_create(&server->thread, NULL, thread_main, server);
    if (err != 0)
        return -err;
    server->started = true;
    (void)pthread_setname_np(server->thread, "http");
    return 0;
}

/* Suspended connections cannot be closed: they are woken first. */
static void answer_suspended(struct sl_server *server)
{
    server->stopping = true;
    for (struct request *request = server->requests; request; request = request->next) {
        if (request->state != WITH_HUB && request->state != WAITING_FOR_NEWS)
            continue;
        problem(request, 503, "the receiver stops");
        resume(request);
    }
    if (server->daemon)
        (void)MHD_run(server->daemon);
}

void sl_server_stop(struct sl_server *server)
{
    if (!server || !server->started)
        return;
    sl_loop_stop(server->loop);
    (void)pthread_join(server->thread, NULL);
    server->started = false;
}

void sl_server_destroy(struct sl_server *server)
{
    if (!server)
        return;
    sl_server_stop(server);
    answer_suspended(server);
    if (server->loop) {
        sl_loop_unwatch(&server->wake_watch);
        sl_loop_unwatch(&server->mhd_watch);
    }
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    sl_directory_destroy(server->directory);
    sl_limiter_destroy(server->failures);
    sl_loop_destroy(server->loop);
    free(server);
}
