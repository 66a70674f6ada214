/* SPDX-License-Identifier: MIT */
#include "receiver/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/request.h"
#include "receiver/snapshot_files.h"
#include "receiver/token.h"

#define POLL_EVERY (100 * SL_MS) /* the store; admin commands take effect within 250 ms */
#define IDLE_TIMEOUT_S 15u
#define SNAPSHOTS_EVERY (1 * SL_SEC) /* their times in the list of cameras */
#define TURNS_MAX 32                 /* of libmicrohttpd before other work has its turn */

struct sl_server_limits sl_server_limits_default(void)
{
    return (struct sl_server_limits){
        .connections = 1024, .connections_per_address = 512, .waiting = 256};
}

/* ---- The store ---- */

static int64_t utc_us(const struct sl_server *server)
{
    return (sl_loop_refresh(server->loop) + server->config.epoch) / SL_US;
}

/* Something in the list of cameras changed: those that wait for that get it. */
static void tell_waiting(struct sl_server *server)
{
    for (struct sl_request *request = server->requests; request; request = request->next) {
        if (request->state != SL_REQUEST_WAITING_FOR_NEWS)
            continue;
        server->waiting--;
        sl_reply_cameras(request);
        sl_reply_resume(request);
    }
}

/* A suspended connection is not looked at by libmicrohttpd. */
static bool has_gone(const struct sl_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd poll_fd = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Those whose time is over, or whose caller left. */
static void time_out_waiting(struct sl_server *server, sl_ns now)
{
    for (struct sl_request *request = server->requests; request; request = request->next) {
        if (request->state == SL_REQUEST_WITH_WORKER && has_gone(request))
            sl_api_give_up(request);
        if (request->state != SL_REQUEST_WAITING_FOR_NEWS)
            continue;
        if (now < request->wait_until && !has_gone(request))
            continue;
        server->waiting--;
        sl_reply_not_modified(request);
        sl_reply_resume(request);
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

/* Of cameras that are new here: what an earlier run left. A look-up of a name, on the disk that the
 * accounts are on. */
static void look_for_snapshots(struct sl_server *server)
{
    const struct sl_directory_camera *camera;
    int64_t at_us;
    for (int i = 0; (camera = sl_directory_at(server->directory, i)) != NULL; i++)
        if (server->config.api.snapshots && camera->snapshot_us == 0 &&
            sl_snapshot_taken(server->config.api.snapshots, camera->entry.name, &at_us) == 0)
            sl_directory_snapshot(server->directory, camera->entry.name, at_us);
}

void sl_server_look_at_snapshots(struct sl_server *server)
{
    const struct sl_directory_camera *camera;
    const sl_ns now = sl_loop_now(server->loop);
    if (!server->config.api.pictures || now < server->snapshots_at)
        return;
    server->snapshots_at = now + SNAPSHOTS_EVERY;
    for (int i = 0; (camera = sl_directory_at(server->directory, i)) != NULL; i++) {
        const int64_t at_us = sl_snapshot_newest(server->config.api.pictures, camera->entry.name);
        if (at_us != 0)
            sl_directory_snapshot(server->directory, camera->entry.name, at_us);
    }
}

void sl_server_look_at_store(struct sl_server *server)
{
    struct sl_snapshot *snapshot;
    const int changed = sl_store_changed(server->config.store);
    server->stale |= changed > 0;
    int err = changed < 0 ? changed : 0;
    if (server->stale && err == 0) {
        err = sl_store_snapshot(server->config.store, &snapshot);
        if (err == 0) {
            const bool news = sl_directory_apply(server->directory, snapshot, utc_us(server));
            look_for_snapshots(server);
            server->stale = !give_snapshot(server, snapshot);
            sl_api_links_changed(server);
            if (news)
                tell_waiting(server);
        }
    }
    if (err != 0 && !server->store_broken)
        sl_error("%s", sl_store_why(server->config.store));
    server->store_broken = err != 0;
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
            news |= sl_directory_state(server->directory, event.camera, event.live, event.sub,
                                       event.since_us, event.h264_profile);
            news |= sl_directory_motion(server->directory, event.camera, event.moving,
                                        event.moving_since_us);
            news |= sl_directory_device(server->directory, event.camera, event.away);
        } else {
            sl_request_answered(event.ask->owner);
        }
    }
    if (news)
        tell_waiting(server);
    run_daemon(server);
}

static void api_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_server *server = ctx;
    sl_api_done(server->api);
    run_daemon(server);
}

static void poll_store(void *ctx, sl_ns now)
{
    struct sl_server *server = ctx;
    sl_server_look_at_store(server);
    time_out_waiting(server, now);
    sl_api_tidy(server, now);
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
        sl_request_access, server, MHD_OPTION_EXTERNAL_LOGGER, mhd_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, config->listen_fd, MHD_OPTION_HTTPS_MEM_KEY,
        sl_dtls_identity_key_pem(identity), MHD_OPTION_HTTPS_MEM_CERT,
        sl_dtls_identity_certificate_pem(identity), MHD_OPTION_HTTPS_PRIORITIES,
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_CONNECTION_LIMIT,
        config->limits.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        config->limits.connections_per_address, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
        MHD_OPTION_NOTIFY_COMPLETED, sl_request_completed, NULL, MHD_OPTION_END);
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

static int start_api(struct sl_server *server)
{
    uint8_t key[SL_TICKET_KEY_BYTES];
    sl_random_fill(server->config.random, key, sizeof(key));
    const int err = sl_api_create(&server->api, &server->config.api, key);
    OPENSSL_cleanse(key, sizeof(key));
    if (err != 0)
        return err;
    return sl_loop_watch(server->loop, &server->api_watch, sl_api_fd(server->api), EPOLLIN,
                         api_ready, server);
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
    if (err == 0 && config->api.data)
        err = start_api(server);
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
    sl_server_look_at_store(server); /* the hub knows the cameras before the first request */
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
    sl_api_stop(server);
    for (struct sl_request *request = server->requests; request; request = request->next) {
        if (request->state == SL_REQUEST_RECEIVING || request->state == SL_REQUEST_READY)
            continue;
        sl_reply_problem(request, 503, "the receiver stops");
        sl_reply_resume(request);
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
    sl_api_stop(server);
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
        sl_loop_unwatch(&server->api_watch);
    }
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    sl_api_destroy(server->api);
    sl_directory_destroy(server->directory);
    sl_limiter_destroy(server->failures);
    sl_loop_destroy(server->loop);
    free(server);
}
