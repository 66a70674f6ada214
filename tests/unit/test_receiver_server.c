/* SPDX-License-Identifier: MIT */
/*
 * The whole receiver in one process (the hub in this thread's loop, HTTPS in its own thread), and
 * the real WHIP and WHEP clients in this loop too: where the threads meet, a sanitizer can look.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "receiver/hub.h"
#include "receiver/server.h"
#include "receiver/token.h"
#include "rtp/history.h"
#include "srtp/srtp.h"
#include "whip/endpoint.h"

#define PATIENCE (20 * SL_SEC)
#define ADDRESS_CONNECTIONS 12 /* the clients here use up to 8 */

struct site {
    char dir[64];
    struct sl_loop *loop;
    struct sl_udp *udp;
    struct sl_exchange exchange;
    struct sl_dtls_identity *identity;
    struct sl_random hub_random, http_random, random;
    struct sl_store *writer, *reader;
    struct sl_hub *hub;
    struct sl_server *server;
    struct sl_addr bound;
    struct sl_http *http;

    struct sl_timer give_up, poll;
    bool timed_out;
    bool (*until)(void *ctx);
    void *until_ctx;
};

static void on_give_up(void *ctx, sl_ns now)
{
    (void)now;
    struct site *site = ctx;
    site->timed_out = true;
    sl_loop_stop(site->loop);
}

static void check_until(void *ctx)
{
    struct site *site = ctx;
    if (site->until && site->until(site->until_ctx)) {
        site->until = NULL;
        sl_loop_stop(site->loop);
    }
}

static void run_until(struct site *site, bool (*until)(void *ctx), void *ctx)
{
    site->until = until;
    site->until_ctx = ctx;
    site->timed_out = false;
    assert_int_equal(sl_timer_set(&site->give_up, sl_loop_refresh(site->loop) + PATIENCE), 0);
    assert_int_equal(sl_loop_run(site->loop), 0);
    sl_timer_clear(&site->give_up);
    assert_false(site->timed_out);
}

static void start_server(struct site *site)
{
    char why[SL_STORE_WHY];
    struct sl_addr any;
    assert_int_equal(sl_addr_parse(&any, "127.0.0.1:0"), 0);
    assert_int_equal(sl_store_open(&site->writer, site->dir, true, why), 0);
    assert_int_equal(sl_store_open(&site->reader, site->dir, false, why), 0);
    struct sl_server_config config = {
        .answer = {.identity = site->identity, .reach.media = sl_udp_local(site->udp)},
        .store = site->reader,
        .exchange = &site->exchange,
        .random = &site->http_random,
        .epoch = sl_time_epoch(),
        .limits = sl_server_limits_default()};
    config.limits.waiting = 2;
    config.limits.connections_per_address = ADDRESS_CONNECTIONS;
    assert_int_equal(sl_server_listen(&any, &config.listen_fd, &site->bound), 0);
    assert_int_equal(sl_server_create(&site->server, &config), 0);
    assert_int_equal(sl_server_start(site->server), 0);
}

static int set_up(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    struct sl_udp_config udp = {.receive_bytes = 0};
    strcpy(site->dir, "/tmp/sightline-server-XXXXXX");
    assert_non_null(mkdtemp(site->dir));
    assert_int_equal(sl_addr_parse(&udp.bind, "127.0.0.1:0"), 0);
    sl_random_init_seed(&site->hub_random, 1);
    sl_random_init_seed(&site->http_random, 2);
    sl_random_init_seed(&site->random, 3);
    assert_int_equal(sl_loop_create(&site->loop), 0);
    assert_int_equal(sl_udp_open(&site->udp, &udp), 0);
    assert_int_equal(sl_exchange_init(&site->exchange, 256), 0);
    assert_int_equal(sl_dtls_identity_generate(&site->identity, "test"), 0);
    assert_int_equal(sl_http_create(&site->http, site->loop), 0);
    const struct sl_hub_config hub = {.loop = site->loop,
                                      .udp = site->udp,
                                      .exchange = &site->exchange,
                                      .identity = site->identity,
                                      .random = &site->hub_random,
                                      .epoch = sl_time_epoch(),
                                      .limits = sl_hub_limits_default()};
    assert_int_equal(sl_hub_create(&site->hub, &hub), 0);
    start_server(site);
    sl_timer_init(&site->give_up, site->loop, on_give_up, site);
    assert_int_equal(sl_loop_add_flush(site->loop, check_until, site), 0);
    *state = site;
    return 0;
}

static int tear_down(void **state)
{
    struct site *site = *state;
    char command[128];
    sl_server_stop(site->server);
    sl_hub_stop(site->hub);
    sl_http_destroy(site->http);
    sl_server_destroy(site->server);
    sl_hub_destroy(site->hub);
    sl_exchange_fini(&site->exchange);
    sl_udp_close(site->udp);
    sl_loop_destroy(site->loop);
    sl_store_close(site->reader);
    sl_store_close(site->writer);
    sl_dtls_identity_destroy(site->identity);
    snprintf(command, sizeof(command), "rm -rf %s", site->dir);
    free(site);
    return system(command);
}

/* A camera's link, or with role VIEWER a viewer's. */
static struct sl_link add(struct site *site, enum sl_role role, const char *name)
{
    struct sl_link link = {.port = sl_addr_port(&site->bound), .host = "127.0.0.1"};
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    sl_token_make(&site->random, link.token);
    sl_token_hash(link.token, strlen(link.token), hash);
    snprintf(link.pin, sizeof(link.pin), "%s", sl_dtls_identity_pin(site->identity));
    if (role == SL_ROLE_CAMERA) {
        snprintf(link.camera, sizeof(link.camera), "%s", name);
        assert_int_equal(sl_store_camera_add(site->writer, name, "", hash, 0), 0);
    } else {
        assert_int_equal(sl_store_viewer_add(site->writer, name, hash, 0), 0);
    }
    return link;
}

/* ---- requests ---- */

struct got {
    bool done;
    int status;
    char etag[64], body[4096];
};

static void on_done(void *ctx, const struct sl_http_response *response)
{
    struct got *got = ctx;
    got->done = true;
    got->status = response->status;
    snprintf(got->etag, sizeof(got->etag), "%s", response->etag ? response->etag : "");
    snprintf(got->body, sizeof(got->body), "%s", response->body ? response->body : "");
}

static bool is_done(void *ctx)
{
    return ((struct got *)ctx)->done;
}

static void get(struct site *site, const struct sl_link *link, const char *path, const char *etag,
                struct got *got)
{
    *got = (struct got){.done = false};
    const struct sl_http_call call = {.method = "GET",
                                      .host = link->host,
                                      .port = link->port,
                                      .path = path,
                                      .pin = link->pin,
                                      .bearer = link->token,
                                      .if_none_match = etag,
                                      .timeout = 60 * SL_SEC,
                                      .done = on_done,
                                      .ctx = got};
    assert_int_equal(sl_http_start(site->http, &call, NULL), 0);
}

/* ---- cameras and viewers ---- */

struct client {
    struct site *site;
    struct sl_endpoint *endpoint;
    struct sl_history *history;
    struct sl_timer timer; /* a camera's frames */
    enum sl_endpoint_state state;
    int64_t seq;
    bool key_wanted;
    int packets, sub_packets;
    bool sends_sub;
    uint8_t first_byte;
};

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    (void)reason;
    struct client *client = ctx;
    client->state = state;
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    (void)kind;
    (void)repaired;
    (void)now;
    struct client *client = ctx;
    client->sub_packets += packet->payload_len == 5;
    if (client->packets++ == 0)
        client->first_byte = packet->payload[0];
}

static void on_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)kind;
    (void)now;
    struct client *client = ctx;
    client->key_wanted = true;
}

static const struct sl_rtp_packet *on_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    (void)kind;
    struct client *client = ctx;
    return sl_history_get(client->history, seq, NULL);
}

static const struct sl_endpoint_handler endpoint_handler = {
    .state = on_state,
    .packet = on_packet,
    .keyframe_wanted = on_keyframe_wanted,
    .resend = on_resend,
};

static void send_frame(void *ctx, sl_ns now)
{
    struct client *client = ctx;
    const bool key = client->key_wanted || client->seq % 60 == 0;
    const uint8_t payload[] = {key ? 0x67 : 0x41, 0x42, 0xe0, 0x1f};
    const struct sl_rtp_packet packet = {.seq = client->seq,
                                         .timestamp = (uint32_t)(client->seq * 3000),
                                         .marker = true,
                                         .payload = payload,
                                         .payload_len = sizeof(payload)};
    if (client->sends_sub) {
        const uint8_t small[] = {key ? 0x67 : 0x41, 0x42, 0xe0, 0x1f, 0};
        struct sl_rtp_packet sub = packet;
        sub.payload = small;
        sub.payload_len = sizeof(small);
        (void)sl_endpoint_send(client->endpoint, SL_VIDEO_SUB, &sub, now);
    }
    client->key_wanted = false;
    client->seq++;
    sl_history_put(client->history, &packet, now);
    (void)sl_endpoint_send(client->endpoint, SL_VIDEO, &packet, now);
    assert_int_equal(sl_timer_set(&client->timer, now + 33 * SL_MS), 0);
}

static void open_client_of(struct client *client, struct site *site, const struct sl_link *link,
                           bool publish, bool sub)
{
    *client = (struct client){.site = site, .sends_sub = publish && sub};
    const struct sl_endpoint_config config = {.loop = site->loop,
                                              .http = site->http,
                                              .identity = site->identity,
                                              .random = &site->random,
                                              .epoch = sl_time_epoch(),
                                              .link = *link,
                                              .publish = publish,
                                              .video = true,
                                              .sub = sub,
                                              .small = sub,
                                              .h264_profile = "42e01f",
                                              .retries = -1,
                                              .handler = &endpoint_handler,
                                              .ctx = client};
    assert_int_equal(sl_history_create(&client->history, 256), 0);
    assert_int_equal(sl_endpoint_create(&client->endpoint, &config), 0);
    sl_timer_init(&client->timer, site->loop, send_frame, client);
    if (publish)
        assert_int_equal(sl_timer_set(&client->timer, 0), 0);
    sl_endpoint_start(client->endpoint);
}

static void open_client(struct client *client, struct site *site, const struct sl_link *link,
                        bool publish)
{
    open_client_of(client, site, link, publish, false);
}

static void close_client(struct client *client)
{
    sl_timer_clear(&client->timer);
    sl_endpoint_destroy(client->endpoint);
    sl_history_destroy(client->history);
}

static bool is_live(void *ctx)
{
    return ((struct client *)ctx)->state == SL_ENDPOINT_LIVE;
}

static bool is_refused(void *ctx)
{
    return ((struct client *)ctx)->state == SL_ENDPOINT_REFUSED;
}

static bool is_stopped(void *ctx)
{
    return ((struct client *)ctx)->state == SL_ENDPOINT_STOPPED;
}

static bool is_watching(void *ctx)
{
    return ((struct client *)ctx)->packets > 3;
}

/* ---- tests ---- */

static void test_camera_to_viewer_through_the_whole_receiver(void **state)
{
    struct site *site = *state;
    struct client camera, viewers[5];
    struct got got, news;
    const struct sl_link yard = add(site, SL_ROLE_CAMERA, "yard");
    struct sl_link wall = add(site, SL_ROLE_VIEWER, "wall");
    get(site, &wall, "/api/v1/cameras", NULL, &got);
    run_until(site, is_done, &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"offline\""));
    get(site, &wall, "/api/v1/cameras?wait=30", got.etag, &news);

    open_client(&camera, site, &yard, true);
    run_until(site, is_live, &camera);
    run_until(site, is_done, &news);
    assert_int_equal(news.status, 200);
    assert_non_null(strstr(news.body, "\"live\""));

    strcpy(wall.camera, "yard");
    for (size_t i = 0; i < SL_COUNT(viewers); i++)
        open_client(&viewers[i], site, &wall, false);
    for (size_t i = 0; i < SL_COUNT(viewers); i++) {
        run_until(site, is_watching, &viewers[i]);
        assert_int_equal(viewers[i].first_byte, 0x67);
    }
    struct sl_hub_stats stats;
    sl_hub_stats(site->hub, &stats);
    assert_int_equal(stats.sessions, 6);

    /* One leaves politely, the camera's link is withdrawn, the rest are cut off with the site. */
    sl_endpoint_stop(viewers[0].endpoint);
    run_until(site, is_stopped, &viewers[0]);
    assert_int_equal(sl_store_camera_remove(site->writer, "yard"), 0);
    run_until(site, is_refused, &camera);
    for (size_t i = 0; i < SL_COUNT(viewers); i++)
        close_client(&viewers[i]);
    close_client(&camera);
}

/* Choosing is repeated, as a viewer does: one at a time is told. */
static bool got_sub(void *ctx)
{
    struct client *client = ctx;
    sl_endpoint_choose(client->endpoint, true);
    return client->sub_packets > 3;
}

static bool got_main(void *ctx)
{
    struct client *client = ctx;
    sl_endpoint_choose(client->endpoint, false);
    return client->packets - client->sub_packets > 3;
}

static void ask(struct site *site, const struct sl_link *link, const char *method, const char *path,
                struct got *got)
{
    *got = (struct got){.done = false};
    const struct sl_http_call call = {.method = method,
                                      .host = link->host,
                                      .port = link->port,
                                      .path = path,
                                      .pin = link->pin,
                                      .bearer = link->token,
                                      .content_type = "application/sdp",
                                      .timeout = 10 * SL_SEC,
                                      .done = on_done,
                                      .ctx = got};
    assert_int_equal(sl_http_start(site->http, &call, NULL), 0);
    run_until(site, is_done, got);
}

static void test_a_viewer_changes_its_layer_in_one_session(void **state)
{
    struct site *site = *state;
    struct client camera, viewer;
    struct got got;
    const struct sl_link yard = add(site, SL_ROLE_CAMERA, "yard");
    struct sl_link wall = add(site, SL_ROLE_VIEWER, "wall");
    open_client_of(&camera, site, &yard, true, true);
    run_until(site, is_live, &camera);
    strcpy(wall.camera, "yard");
    open_client_of(&viewer, site, &wall, false, true);
    run_until(site, got_sub, &viewer);
    get(site, &wall, "/api/v1/cameras", NULL, &got);
    run_until(site, is_done, &got);
    assert_non_null(strstr(got.body, "\"layers\":[\"main\",\"sub\"]"));
    for (int turn = 0; turn < 6; turn++) {
        viewer.packets = viewer.sub_packets = 0;
        run_until(site, turn % 2 ? got_sub : got_main, &viewer);
    }
    struct sl_hub_stats stats;
    sl_hub_stats(site->hub, &stats);
    assert_int_equal(stats.created, 2);
    assert_int_equal(stats.sessions, 2);

    ask(site, &wall, "POST", "/whep/yard?layer=tiny", &got);
    assert_int_equal(got.status, 400);
    assert_non_null(strstr(got.body, "layer: got 'tiny', wanted main or sub"));
    ask(site, &wall, "PUT", "/s/0123456789012345678901", &got);
    assert_int_equal(got.status, 400);
    ask(site, &wall, "PUT", "/s/0123456789012345678901?layer=sub", &got);
    assert_int_equal(got.status, 404);
    close_client(&viewer);
    close_client(&camera);
}

static bool any_is_done(void *ctx)
{
    const struct got *got = ctx;
    return got[0].done || got[1].done || got[2].done;
}

static void test_only_so_many_may_wait(void **state)
{
    struct site *site = *state;
    const struct sl_link wall = add(site, SL_ROLE_VIEWER, "wall");
    struct got first, waiting[3];
    get(site, &wall, "/api/v1/cameras", NULL, &first);
    run_until(site, is_done, &first);
    for (int i = 0; i < 3; i++)
        get(site, &wall, "/api/v1/cameras?wait=60", first.etag, &waiting[i]);
    /* Nothing is new, so the only one that ends is the one too many. */
    run_until(site, any_is_done, waiting);
    int refused = 0, which = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(waiting[i].status, waiting[i].done ? 503 : 0);
        refused += waiting[i].done;
        which = waiting[i].done ? i : which;
    }
    assert_int_equal(refused, 1);
    (void)add(site, SL_ROLE_CAMERA, "yard");
    for (int i = 0; i < 3; i++) {
        run_until(site, is_done, &waiting[i]);
        assert_int_equal(waiting[i].status, i == which ? 503 : 200);
    }
}

static void test_callers_that_left_do_not_wait(void **state)
{
    struct site *site = *state;
    const struct sl_link wall = add(site, SL_ROLE_VIEWER, "wall");
    struct got first, waiting[3], more = {.status = 503};
    struct sl_http *own = site->http, *other;
    assert_int_equal(sl_http_create(&other, site->loop), 0);
    get(site, &wall, "/api/v1/cameras", NULL, &first);
    run_until(site, is_done, &first);
    site->http = other;
    for (int i = 0; i < 3; i++)
        get(site, &wall, "/api/v1/cameras?wait=60", first.etag, &waiting[i]);
    run_until(site, any_is_done, waiting); /* one too many, so the other two wait */
    sl_http_destroy(other);
    site->http = own;
    const sl_ns left = sl_loop_refresh(site->loop);
    while (more.status == 503) {
        get(site, &wall, "/api/v1/cameras?wait=1", first.etag, &more);
        run_until(site, is_done, &more);
        assert_true(sl_loop_refresh(site->loop) - left < PATIENCE);
    }
    assert_int_equal(more.status, 304);
}

/* True if the server hangs up within `ms`. */
static bool is_hung_up(int fd, int ms)
{
    char byte;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static void test_one_address_has_only_so_many_connections(void **state)
{
    struct site *site = *state;
    int fds[ADDRESS_CONNECTIONS + 1];
    for (size_t i = 0; i < SL_COUNT(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        assert_int_equal(connect(fds[i], &site->bound.sa, sl_addr_len(&site->bound)), 0);
    }
    assert_true(is_hung_up(fds[ADDRESS_CONNECTIONS], 10000));
    for (size_t i = 0; i < ADDRESS_CONNECTIONS; i++)
        assert_false(is_hung_up(fds[i], 0));
    for (size_t i = 0; i < SL_COUNT(fds); i++)
        close(fds[i]);
}

static void test_stops_while_requests_are_open(void **state)
{
    struct site *site = *state;
    const struct sl_link wall = add(site, SL_ROLE_VIEWER, "wall");
    struct got first, waiting;
    get(site, &wall, "/api/v1/cameras", NULL, &first);
    run_until(site, is_done, &first);
    get(site, &wall, "/api/v1/cameras?wait=60", first.etag, &waiting);
    get(site, &wall, "/api/v1/cameras", NULL, &first);
    run_until(site, is_done, &first); /* so the other one is there as well, or soon will be */
}

static void on_pause_over(void *ctx, sl_ns now)
{
    (void)now;
    *(bool *)ctx = true;
}

static bool is_over(void *ctx)
{
    return *(bool *)ctx;
}

/* What lies in the socket when the server's thread has ended is read while it is taken down: it
 * must not be left waiting, which libmicrohttpd ends the program for. */
static void test_stops_with_a_request_not_read_yet(void **state)
{
    struct site *site = *state;
    const struct sl_link wall = add(site, SL_ROLE_VIEWER, "wall");
    struct got first, unread;
    get(site, &wall, "/api/v1/cameras", NULL, &first);
    run_until(site, is_done, &first);
    sl_server_stop(site->server);
    get(site, &wall, "/api/v1/cameras?wait=60", first.etag, &unread);
    bool over = false;
    struct sl_timer pause; /* for the request to leave; there is nothing that says it has */
    sl_timer_init(&pause, site->loop, on_pause_over, &over);
    assert_int_equal(sl_timer_set(&pause, sl_loop_refresh(site->loop) + 50 * SL_MS), 0);
    run_until(site, is_over, &over);
    assert_false(unread.done);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_camera_to_viewer_through_the_whole_receiver),
        CASE(test_a_viewer_changes_its_layer_in_one_session),
        CASE(test_only_so_many_may_wait),
        CASE(test_callers_that_left_do_not_wait),
        CASE(test_one_address_has_only_so_many_connections),
        CASE(test_stops_while_requests_are_open),
        CASE(test_stops_with_a_request_not_read_yet),
    };
    sl_log_init("test", SL_LOG_ERROR);
    if (sl_srtp_library_init() != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_srtp_library_fini();
    return failed;
}
