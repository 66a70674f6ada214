/* SPDX-License-Identifier: MIT */
/* The hub with real sessions over loopback, all in one loop: what HTTP would ask, it is asked here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "receiver/answer.h"
#include "receiver/hub.h"
#include "receiver/token.h"
#include "rtp/history.h"
#include "session/session.h"
#include "srtp/srtp.h"
#include "stun/stun.h"

#define PATIENCE (10 * SL_SEC) /* of a test for something that ought to come at once */

#define REPLAY_WITHIN (250 * SL_MS) /* relay.c: an older key frame is not shown to a joiner */

struct site {
    struct sl_loop *loop;
    struct sl_udp *udp;
    struct sl_exchange exchange;
    struct sl_dtls_identity *identity;
    struct sl_random random;
    struct sl_answer_config answer;
    struct sl_hub_limits limits;
    struct sl_hub *hub;
    struct sl_timer give_up;
    struct sl_watch events;
    bool timed_out;

    bool (*until)(void *ctx); /* what run_until() waits for */
    void *until_ctx;
    struct sl_ask *answered;
    struct sl_event last_camera;
    int camera_events;
};

struct client {
    struct site *site;
    bool publishes;
    struct sl_udp *udp;
    struct sl_watch watch;
    struct sl_timer timer;
    struct sl_session *session;
    struct sl_history *history;
    enum sl_session_state state;
    struct sl_ask ask;
    int64_t next_seq;
    int packets, repaired, keyframes_wanted, events;
    struct sl_motion_event event; /* the last one */
    uint32_t device;
    int device_told;
    bool first_is_key;
    int64_t last_seq;
    uint32_t last_timestamp;
};

/* ---- the site ---- */

static void give_up(void *ctx, sl_ns now)
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

static void on_events(void *ctx, uint32_t events)
{
    (void)events;
    struct site *site = ctx;
    struct sl_event event;
    sl_wake_clear(&site->exchange.http);
    while (sl_ring_pop(site->exchange.events, &event)) {
        if (event.type == SL_EVENT_ANSWER) {
            site->answered = event.ask;
        } else {
            site->last_camera = event;
            site->camera_events++;
        }
    }
}

static bool run_for_up_to(struct site *site, bool (*until)(void *ctx), void *ctx, sl_ns patience)
{
    site->until = until;
    site->until_ctx = ctx;
    site->timed_out = false;
    assert_int_equal(sl_timer_set(&site->give_up, sl_loop_refresh(site->loop) + patience), 0);
    assert_int_equal(sl_loop_run(site->loop), 0);
    sl_timer_clear(&site->give_up);
    return !site->timed_out;
}

static void run_until(struct site *site, bool (*until)(void *ctx), void *ctx)
{
    assert_true(run_for_up_to(site, until, ctx, PATIENCE));
}

static void open_site(struct site *site, const struct sl_hub_limits *limits)
{
    *site = (struct site){.limits = limits ? *limits : sl_hub_limits_default()};
    struct sl_udp_config udp = {.receive_bytes = 0};
    assert_int_equal(sl_addr_parse(&udp.bind, "127.0.0.1:0"), 0);
    sl_random_init_seed(&site->random, 1);
    assert_int_equal(sl_loop_create(&site->loop), 0);
    assert_int_equal(sl_udp_open(&site->udp, &udp), 0);
    assert_int_equal(sl_exchange_init(&site->exchange, 64), 0);
    assert_int_equal(sl_dtls_identity_generate(&site->identity, "test"), 0);
    site->answer = (struct sl_answer_config){.identity = site->identity,
                                             .reach.media = sl_udp_local(site->udp)};
    const struct sl_hub_config config = {.loop = site->loop,
                                         .udp = site->udp,
                                         .exchange = &site->exchange,
                                         .identity = site->identity,
                                         .random = &site->random,
                                         .epoch = sl_time_epoch(),
                                         .limits = site->limits};
    assert_int_equal(sl_hub_create(&site->hub, &config), 0);
    sl_timer_init(&site->give_up, site->loop, give_up, site);
    assert_int_equal(sl_loop_add_flush(site->loop, check_until, site), 0);
    assert_int_equal(
        sl_loop_watch(site->loop, &site->events, site->exchange.http.fd, EPOLLIN, on_events, site),
        0);
}

static struct sl_hub_stats hub_stats(const struct site *site)
{
    struct sl_hub_stats s;
    sl_hub_stats(site->hub, &s);
    assert_int_equal(s.datagrams, s.to_sessions + s.unknown_address + s.unknown_ufrag + s.limited);
    assert_int_equal(s.created, s.ended + (uint64_t)s.sessions);
    return s;
}

static void close_site(struct site *site)
{
    hub_stats(site);
    sl_hub_destroy(site->hub);
    sl_loop_unwatch(&site->events);
    sl_exchange_fini(&site->exchange);
    sl_udp_close(site->udp);
    sl_dtls_identity_destroy(site->identity);
    sl_loop_destroy(site->loop);
}

/* A token whose hash is `fill` all over. */
static struct sl_token token_of(enum sl_role role, const char *subject, uint8_t fill)
{
    struct sl_token token = {.role = role};
    memset(token.hash, fill, sizeof(token.hash));
    snprintf(token.subject, sizeof(token.subject), "%s", subject);
    return token;
}

/* Tells the hub that there are these cameras (at most 3) and the tokens 1..token_count. */
static void give(struct site *site, const char *const *cameras, int token_count)
{
    struct sl_snapshot *snapshot = calloc(1, sizeof(*snapshot) + 8 * sizeof(struct sl_token) +
                                                 8 * sizeof(struct sl_camera_entry));
    struct sl_ask *ask = calloc(1, sizeof(*ask));
    assert_non_null(snapshot);
    assert_non_null(ask);
    snapshot->tokens = (struct sl_token *)(snapshot + 1);
    snapshot->cameras = (struct sl_camera_entry *)(snapshot->tokens + 8);
    for (; cameras[snapshot->camera_count]; snapshot->camera_count++)
        snprintf(snapshot->cameras[snapshot->camera_count].name, SL_NAME_BYTES, "%s",
                 cameras[snapshot->camera_count]);
    for (; snapshot->token_count < token_count; snapshot->token_count++)
        snapshot->tokens[snapshot->token_count] =
            token_of(SL_ROLE_VIEWER, "x", (uint8_t)(snapshot->token_count + 1));
    ask->type = SL_ASK_SNAPSHOT;
    ask->snapshot = snapshot;
    assert_true(sl_exchange_ask(&site->exchange, ask));
}

static bool is_answered(void *ctx)
{
    const struct site *site = ctx;
    return site->answered != NULL;
}

static int ask_hub(struct site *site, struct sl_ask *ask)
{
    site->answered = NULL;
    ask->status = 0;
    ask->retry_after = 0;
    ask->detail[0] = '\0';
    assert_true(sl_exchange_ask(&site->exchange, ask));
    run_until(site, is_answered, site);
    assert_ptr_equal(site->answered, ask);
    return ask->status;
}

/* ---- a client ---- */

static void settle(struct client *client)
{
    assert_int_equal(sl_timer_set(&client->timer, sl_session_due(client->session)), 0);
    sl_udp_flush(client->udp);
}

static void on_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    struct client *client = ctx;
    assert_int_equal(sl_udp_send(client->udp, path, data, len), 0);
}

static void on_state(void *ctx, enum sl_session_state state, const char *reason)
{
    (void)reason;
    struct client *client = ctx;
    client->state = state;
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    (void)now;
    struct client *client = ctx;
    assert_int_equal(kind, SL_VIDEO);
    if (client->packets++ == 0)
        client->first_is_key = (packet->payload[0] & 31) == 24;
    client->repaired += repaired;
    client->last_seq = packet->seq;
    client->last_timestamp = packet->timestamp;
}

static void on_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)kind;
    (void)now;
    struct client *client = ctx;
    client->keyframes_wanted++;
}

static const struct sl_rtp_packet *on_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    (void)kind;
    struct client *client = ctx;
    return sl_history_get(client->history, seq, NULL);
}

static void on_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    (void)now;
    struct client *client = ctx;
    client->events++;
    client->event = *event;
}

static void on_device(void *ctx, uint32_t flags, sl_ns now)
{
    (void)now;
    struct client *client = ctx;
    client->device_told++;
    client->device = flags;
}

static const struct sl_session_handler client_handler = {
    .send = on_send,
    .state = on_state,
    .packet = on_packet,
    .keyframe_wanted = on_keyframe_wanted,
    .resend = on_resend,
    .event = on_event,
    .device = on_device,
};

static void on_timer(void *ctx, sl_ns now)
{
    struct client *client = ctx;
    sl_session_tick(client->session, now);
    settle(client);
}

static void on_datagram(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data,
                        size_t len)
{
    struct client *client = ctx;
    sl_session_receive(client->session, sl_loop_now(client->site->loop), arrival, path, data, len);
}

static void on_readable(void *ctx, uint32_t events)
{
    (void)events;
    struct client *client = ctx;
    assert_true(sl_udp_receive(client->udp, 64, on_datagram, client) >= 0);
    settle(client);
}

static void prepare(struct client *client, struct site *site, bool publishes, const char *camera,
                    const struct sl_token *token)
{
    *client = (struct client){.site = site, .publishes = publishes, .next_seq = 100};
    struct sl_udp_config udp = {.receive_bytes = 0};
    assert_int_equal(sl_addr_parse(&udp.bind, "127.0.0.1:0"), 0);
    assert_int_equal(sl_udp_open(&client->udp, &udp), 0);
    assert_int_equal(sl_history_create(&client->history, 512), 0);
    client->ask.type = publishes ? SL_ASK_PUBLISH : SL_ASK_SUBSCRIBE;
    client->ask.token = *token;
    client->ask.from = sl_udp_local(client->udp);
    snprintf(client->ask.camera, sizeof(client->ask.camera), "%s", camera);
    sl_token_random_text(&site->random, 16, client->ask.id, sizeof(client->ask.id));
}

/* Offer, answer, ask. The status; 201: the session is under way. */
static int post(struct client *client)
{
    struct site *site = client->site;
    struct sl_sdp_local local = {.sends = client->publishes, .video = true, .session_id = 1};
    char offer[8192], answer[8192];
    const char *why = "";
    sl_random_text(&site->random, local.transport.ufrag, 8);
    sl_random_text(&site->random, local.transport.pwd, 24);
    memcpy(local.transport.fingerprint, sl_dtls_identity_fingerprint(site->identity), 32);
    strcpy(local.h264_profiles[0], "42e01f");
    local.ssrc[SL_VIDEO] = sl_random_u32(&site->random) | 1;
    local.rtx_ssrc[SL_VIDEO] = local.ssrc[SL_VIDEO] + 1;
    strcpy(local.cname, "c");
    const int offer_len = sl_sdp_write_offer(&local, offer, sizeof(offer));
    assert_true(offer_len > 0);
    const int answer_len =
        sl_answer_make(&site->answer, &site->random, client->publishes, "42e01f", offer,
                       (size_t)offer_len, &client->ask.agreed, answer, sizeof(answer), &why);
    assert_true(answer_len > 0);
    if (ask_hub(site, &client->ask) != 201)
        return client->ask.status;
    struct sl_session_config config = {.identity = site->identity,
                                       .handler = &client_handler,
                                       .ctx = client,
                                       .random = &site->random,
                                       .epoch = sl_time_epoch()};
    assert_int_equal(sl_sdp_accept(answer, (size_t)answer_len, &local, &config.agreed, &why), 0);
    const sl_ns now = sl_loop_refresh(site->loop);
    assert_int_equal(sl_session_create(&client->session, &config, now), 0);
    sl_timer_init(&client->timer, site->loop, on_timer, client);
    assert_int_equal(sl_loop_watch(site->loop, &client->watch, sl_udp_fd(client->udp), EPOLLIN,
                                   on_readable, client),
                     0);
    sl_session_start(client->session, now);
    settle(client);
    return 201;
}

static bool is_connected(void *ctx)
{
    const struct client *client = ctx;
    return client->state == SL_SESSION_CONNECTED;
}

static bool is_closed(void *ctx)
{
    const struct client *client = ctx;
    return client->state == SL_SESSION_CLOSED;
}

static bool is_live(void *ctx)
{
    const struct site *site = ctx;
    return site->last_camera.live;
}

static bool is_offline(void *ctx)
{
    const struct site *site = ctx;
    return !site->last_camera.live;
}

static void connect_client(struct client *client)
{
    assert_int_equal(post(client), 201);
    run_until(client->site, is_connected, client);
    if (client->publishes)
        run_until(client->site, is_live, client->site);
}

/* Forgets it without a word to the peer, as kill -9 would. */
static void drop(struct client *client)
{
    if (client->session) {
        sl_loop_unwatch(&client->watch);
        sl_timer_clear(&client->timer);
    }
    sl_session_destroy(client->session);
    sl_history_destroy(client->history);
    sl_udp_close(client->udp);
    *client = (struct client){.site = NULL};
}

/* One frame of one packet: a key frame is STAP-A(SPS, PPS) and the start of an IDR. */
static void send_frame(struct client *client, bool key)
{
    static const uint8_t parameters[] = {0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce};
    static const uint8_t idr[] = {0x65, 1, 2, 3}, delta[] = {0x41, 9, 9, 9};
    const sl_ns now = sl_loop_refresh(client->site->loop);
    struct sl_rtp_packet packet = {.timestamp = (uint32_t)(client->next_seq * 3000)};
    for (int part = key ? 0 : 1; part < 2; part++) {
        packet.seq = client->next_seq++;
        packet.payload = part == 0 ? parameters : key ? idr : delta;
        packet.payload_len = part == 0 ? sizeof(parameters) : sizeof(idr);
        packet.marker = part == 1;
        sl_history_put(client->history, &packet, now);
        assert_int_equal(sl_session_send(client->session, SL_VIDEO, &packet, now), 0);
    }
    settle(client);
}

static bool has_packet(void *ctx)
{
    const struct client *client = ctx;
    return client->packets > 0;
}

static bool keyframe_was_wanted(void *ctx)
{
    const struct client *client = ctx;
    return client->keyframes_wanted > 0;
}

struct pair {
    struct client *sender, *viewer;
};

static bool has_packet_or_wish(void *ctx)
{
    const struct pair *pair = ctx;
    return pair->viewer->packets > 0 || pair->sender->keyframes_wanted > 0;
}

/* ---- tests ---- */

static const char *const yard_only[] = {"yard", NULL};
static const char *const none[] = {NULL};

static void test_media_goes_from_publisher_to_subscriber(void **state)
{
    (void)state;
    struct site site;
    struct client sender, viewer;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    const struct sl_token wall = token_of(SL_ROLE_VIEWER, "wall", 2);
    open_site(&site, NULL);
    give(&site, yard_only, 2);
    prepare(&viewer, &site, false, "yard", &wall);
    assert_int_equal(post(&viewer), 409);
    assert_int_equal(viewer.ask.retry_after, 1);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    assert_string_equal(site.last_camera.camera, "yard");
    assert_string_equal(site.last_camera.h264_profile, "42e01f");
    send_frame(&sender, true);

    const sl_ns sent = sl_loop_refresh(site.loop);
    connect_client(&viewer);
    /* The key frame is some milliseconds old and comes out of the history; only where the test was
     * held up is another one asked for. */
    run_until(&site, has_packet_or_wish, &(struct pair){&sender, &viewer});
    if (sender.keyframes_wanted > 0) {
        assert_true(sl_loop_refresh(site.loop) - sent > REPLAY_WITHIN);
        send_frame(&sender, true);
        run_until(&site, has_packet, &viewer);
    }
    assert_true(viewer.first_is_key);
    struct sl_hub_stats stats = hub_stats(&site);
    assert_int_equal(stats.sessions, 2);
    assert_int_equal(stats.connecting, 0);

    /* The publisher says goodbye: offline, and the viewer stays. */
    sl_session_close(sender.session, sl_loop_refresh(site.loop));
    settle(&sender);
    run_until(&site, is_offline, &site);
    stats = hub_stats(&site);
    assert_int_equal(stats.live, 0);
    assert_int_equal(viewer.state, SL_SESSION_CONNECTED);

    /* Back at once under another SSRC: the same viewer session goes on. */
    const int64_t seq = viewer.last_seq;
    const uint32_t timestamp = viewer.last_timestamp;
    drop(&sender);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    viewer.packets = 0;
    send_frame(&sender, true);
    run_until(&site, has_packet, &viewer);
    assert_true(viewer.first_is_key);
    assert_true(viewer.last_seq > seq);
    assert_true((int32_t)(viewer.last_timestamp - timestamp) > 0);
    drop(&sender);
    drop(&viewer);
    close_site(&site);
}

static void test_joiner_without_a_fresh_key_frame_gets_one_asked_for(void **state)
{
    (void)state;
    struct site site;
    struct client sender, viewer;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    open_site(&site, NULL);
    give(&site, yard_only, 1);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    send_frame(&sender, false);
    prepare(&viewer, &site, false, "yard", &camera);
    connect_client(&viewer);
    run_until(&site, keyframe_was_wanted, &sender);
    send_frame(&sender, false);
    send_frame(&sender, true);
    run_until(&site, has_packet, &viewer);
    assert_true(viewer.first_is_key);
    drop(&sender);
    drop(&viewer);
    close_site(&site);
}

static void test_second_publisher_waits_or_takes_over(void **state)
{
    (void)state;
    struct site site;
    struct client first, second;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    open_site(&site, NULL);
    give(&site, yard_only, 1);
    prepare(&first, &site, true, "yard", &camera);
    connect_client(&first);
    prepare(&second, &site, true, "yard", &camera);
    assert_int_equal(post(&second), 409);
    assert_int_equal(second.ask.retry_after, 0);
    assert_non_null(strstr(second.ask.detail, "yard"));
    assert_int_equal(first.state, SL_SESSION_CONNECTED);
    /* Killed: within 500 ms it still counts as there, then a new one is let in at once. */
    drop(&first);
    const sl_ns killed = sl_loop_refresh(site.loop);
    while (post(&second) == 409)
        assert_true(sl_loop_refresh(site.loop) - killed < PATIENCE);
    assert_int_equal(second.ask.status, 201);
    const sl_ns took = sl_loop_refresh(site.loop) - killed;
    assert_in_range(took, 400 * SL_MS, 2 * SL_SEC);
    run_until(&site, is_connected, &second);
    assert_int_equal(hub_stats(&site).sessions, 1);
    drop(&second);
    close_site(&site);
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static void test_only_the_owner_ends_a_session(void **state)
{
    (void)state;
    struct site site;
    struct client sender;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    open_site(&site, NULL);
    give(&site, yard_only, 1);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    struct sl_ask ask = {.type = SL_ASK_END, .token = token_of(SL_ROLE_VIEWER, "yard", 2)};
    memcpy(ask.id, sender.ask.id, sizeof(ask.id));
    assert_int_equal(ask_hub(&site, &ask), 403);
    ask.token = token_of(SL_ROLE_CAMERA, "other", 3);
    assert_int_equal(ask_hub(&site, &ask), 403);
    ask.type = SL_ASK_TOUCH;
    assert_int_equal(ask_hub(&site, &ask), 403);
    ask.token = token_of(SL_ROLE_CAMERA, "yard", 4); /* a newer link of the same camera */
    assert_int_equal(ask_hub(&site, &ask), 204);
    assert_int_equal(hub_stats(&site).sessions, 1);
    ask.type = SL_ASK_END;
    assert_int_equal(ask_hub(&site, &ask), 200);
    run_until(&site, is_closed, &sender);
    assert_int_equal(ask_hub(&site, &ask), 404);
    assert_int_equal(hub_stats(&site).sessions, 0);
    drop(&sender);
    close_site(&site);
}

static void test_removal_ends_sessions(void **state)
{
    (void)state;
    struct site site;
    struct client sender, viewer;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    const struct sl_token wall = token_of(SL_ROLE_VIEWER, "wall", 2);
    open_site(&site, NULL);
    give(&site, yard_only, 2);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    prepare(&viewer, &site, false, "yard", &wall);
    connect_client(&viewer);
    give(&site, yard_only, 1); /* the viewer's link is withdrawn */
    run_until(&site, is_closed, &viewer);
    assert_int_equal(sender.state, SL_SESSION_CONNECTED);
    drop(&viewer);
    give(&site, none, 1); /* the camera is removed */
    run_until(&site, is_closed, &sender);
    drop(&sender);
    struct sl_hub_stats stats = hub_stats(&site);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.cameras, 0);
    prepare(&sender, &site, true, "yard", &camera);
    assert_int_equal(post(&sender), 404);
    drop(&sender);
    close_site(&site);
}

static void test_limits_hold_at_one_more(void **state)
{
    (void)state;
    struct sl_hub_limits limits = sl_hub_limits_default();
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    struct client clients[4];
    const struct {
        int sessions, per_camera, connecting, per_token;
        int status;
    } cases[] = {{3, 9, 9, 9, 503}, {9, 2, 9, 9, 503}, {9, 9, 2, 9, 503}, {9, 9, 9, 2, 429}};
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct site site;
        limits.sessions = cases[i].sessions;
        limits.subscribers_per_camera = cases[i].per_camera;
        limits.connecting = cases[i].connecting;
        limits.per_token = cases[i].per_token;
        open_site(&site, &limits);
        give(&site, yard_only, 2);
        prepare(&clients[3], &site, true, "yard", &camera);
        connect_client(&clients[3]);
        const struct sl_token wall = token_of(SL_ROLE_VIEWER, "wall", 2);
        for (int n = 0; n < 3; n++)
            prepare(&clients[n], &site, false, "yard", &wall);
        assert_int_equal(post(&clients[0]), 201);
        assert_int_equal(post(&clients[1]), 201);
        assert_int_equal(post(&clients[2]), cases[i].status);
        assert_int_equal(clients[2].ask.retry_after, 1);
        assert_int_equal(hub_stats(&site).sessions, 3);
        for (int n = 0; n < 4; n++)
            drop(&clients[n]);
        close_site(&site);
    }
    /* Cameras: the third is left out. */
    static const char *const three[] = {"a", "b", "c", NULL};
    struct site site;
    limits = sl_hub_limits_default();
    limits.cameras = 2;
    open_site(&site, &limits);
    give(&site, three, 1);
    prepare(&clients[0], &site, true, "b", &camera);
    assert_int_equal(post(&clients[0]), 201);
    prepare(&clients[1], &site, true, "c", &camera);
    assert_int_equal(post(&clients[1]), 404);
    drop(&clients[0]);
    drop(&clients[1]);
    close_site(&site);
}

struct counted {
    struct site *site;
    uint64_t datagrams;
};

static bool has_datagrams(void *ctx)
{
    const struct counted *counted = ctx;
    return hub_stats(counted->site).datagrams >= counted->datagrams;
}

static void test_strangers_get_nothing(void **state)
{
    (void)state;
    struct site site;
    struct client sender, stranger;
    struct sl_hub_limits limits = sl_hub_limits_default();
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    limits.stun_burst = 5;
    limits.stun_per_sec = 1;
    open_site(&site, &limits);
    give(&site, yard_only, 1);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    const uint64_t before = hub_stats(&site).limited;

    prepare(&stranger, &site, true, "yard", &camera);
    const struct sl_path path = {.remote = sl_udp_local(site.udp)};
    const uint8_t hello[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    const uint8_t rtp[20] = {0x80, 108};
    uint8_t stun[200];
    const struct sl_stun_request request = {.transaction = rtp,
                                            .username = "nobody:nothing",
                                            .password = "wrongwrongwrongwrongwrong",
                                            .priority = 1};
    const int stun_len = sl_stun_write_request(&request, stun, sizeof(stun));
    assert_true(stun_len > 0);
    struct counted counted = {.site = &site, .datagrams = hub_stats(&site).datagrams + 22};
    assert_int_equal(sl_udp_send(stranger.udp, &path, hello, sizeof(hello)), 0);
    assert_int_equal(sl_udp_send(stranger.udp, &path, rtp, sizeof(rtp)), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(sl_udp_send(stranger.udp, &path, stun, (size_t)stun_len), 0);
    sl_udp_flush(stranger.udp);
    run_until(&site, has_datagrams, &counted);
    const struct sl_hub_stats stats = hub_stats(&site);
    assert_int_equal(stats.unknown_address, 2);
    assert_true(stats.limited - before >= 14);
    assert_true(stats.unknown_ufrag >= 1);
    assert_int_equal(stats.sessions, 1);
    /* Nothing came back, and the session is as it was. */
    assert_int_equal(sl_udp_receive(stranger.udp, 8, on_datagram, &stranger), 0);
    assert_int_equal(sender.state, SL_SESSION_CONNECTED);
    assert_false(run_for_up_to(&site, never, NULL, 20 * SL_MS));
    drop(&stranger);
    drop(&sender);
    close_site(&site);
}

static bool has_no_sessions(void *ctx)
{
    return hub_stats(ctx).sessions == 0;
}

static void test_a_session_that_is_not_set_up_ends(void **state)
{
    (void)state;
    struct site site;
    struct client silent;
    struct sl_hub_limits limits = sl_hub_limits_default();
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    limits.setup_timeout = 100 * SL_MS;
    open_site(&site, &limits);
    give(&site, yard_only, 1);
    prepare(&silent, &site, true, "yard", &camera);
    assert_int_equal(post(&silent), 201);
    sl_loop_unwatch(&silent.watch);
    sl_timer_clear(&silent.timer);
    run_until(&site, has_no_sessions, &site);
    assert_int_equal(hub_stats(&site).connecting, 0);
    drop(&silent);
    close_site(&site);
}

struct conflict {
    struct site *site;
    uint64_t count;
};

static bool has_conflict(void *ctx)
{
    const struct conflict *conflict = ctx;
    return hub_stats(conflict->site).address_conflict > conflict->count;
}

/* Who holds a link of his own forges a check from a camera's address, to draw its packets away. */
static void test_a_live_sessions_address_is_not_taken(void **state)
{
    (void)state;
    struct site site;
    struct client sender, viewer, thief;
    static const char *const two[] = {"gate", "yard", NULL};
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    const struct sl_token other = token_of(SL_ROLE_CAMERA, "gate", 2);
    open_site(&site, NULL);
    give(&site, two, 2);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    prepare(&viewer, &site, false, "yard", &camera);
    connect_client(&viewer);
    prepare(&thief, &site, true, "gate", &other);
    connect_client(&thief);

    const struct sl_sdp_agreed *agreed = &thief.ask.agreed; /* as the hub has it */
    char username[600];
    uint8_t check[SL_STUN_MESSAGE_MAX], transaction[12] = {7};
    snprintf(username, sizeof(username), "%s:%s", agreed->local.ufrag, agreed->remote.ufrag);
    const struct sl_stun_request request = {.transaction = transaction,
                                            .username = username,
                                            .password = agreed->local.pwd,
                                            .priority = 1,
                                            .controlling = true};
    const int len = sl_stun_write_request(&request, check, sizeof(check));
    assert_true(len > 0);
    const struct sl_path path = {.remote = sl_udp_local(site.udp)};
    struct conflict conflict = {.site = &site, .count = hub_stats(&site).address_conflict};
    assert_int_equal(sl_udp_send(sender.udp, &path, check, (size_t)len), 0);
    sl_udp_flush(sender.udp);
    run_until(&site, has_conflict, &conflict);
    viewer.packets = 0;
    send_frame(&sender, true);
    run_until(&site, has_packet, &viewer); /* it still belongs to the camera */
    drop(&thief);
    drop(&sender);
    drop(&viewer);
    close_site(&site);
}

static void test_silent_publisher_goes_offline(void **state)
{
    (void)state;
    struct site site;
    struct client sender;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    open_site(&site, NULL);
    give(&site, yard_only, 1);
    prepare(&sender, &site, true, "yard", &camera);
    connect_client(&sender);
    const sl_ns live = sl_loop_refresh(site.loop);
    /* The cable is out. */
    sl_timer_clear(&sender.timer);
    sl_loop_unwatch(&sender.watch);
    run_until(&site, is_offline, &site);
    assert_in_range(sl_loop_refresh(site.loop) - live, 1500 * SL_MS, 4 * SL_SEC);
    assert_int_equal(hub_stats(&site).sessions, 1);
    /* And back in: the same session is live again. */
    assert_int_equal(sl_loop_watch(site.loop, &sender.watch, sl_udp_fd(sender.udp), EPOLLIN,
                                   on_readable, &sender),
                     0);
    settle(&sender);
    run_until(&site, is_live, &site);
    assert_int_equal(hub_stats(&site).live, 1);
    drop(&sender);
    close_site(&site);
}

static bool is_moving(void *ctx)
{
    const struct site *site = ctx;
    return site->last_camera.moving;
}

static bool is_still(void *ctx)
{
    const struct site *site = ctx;
    return !site->last_camera.moving;
}

static bool has_event(void *ctx)
{
    const struct client *client = ctx;
    return client->events > 0;
}

static void send_event(struct client *client, uint32_t id, enum sl_motion_state state)
{
    struct sl_motion_event event = {.id = id, .state = state, .score = 9};
    sl_motion_map_set(&event.map, 3, 4);
    sl_loop_refresh(client->site->loop);
    assert_int_equal(sl_session_send_event(client->session, &event), 0);
    settle(client);
}

static void test_motion_goes_to_viewers_of_the_camera(void **state)
{
    (void)state;
    struct site site;
    struct client yard, gate, viewer, other;
    static const char *const two[] = {"gate", "yard", NULL};
    const struct sl_token cameras[] = {token_of(SL_ROLE_CAMERA, "yard", 1),
                                       token_of(SL_ROLE_CAMERA, "gate", 2)};
    const struct sl_token wall = token_of(SL_ROLE_VIEWER, "wall", 3);
    open_site(&site, NULL);
    give(&site, two, 3);
    prepare(&gate, &site, true, "gate", &cameras[1]);
    connect_client(&gate);
    prepare(&yard, &site, true, "yard", &cameras[0]);
    connect_client(&yard);
    prepare(&viewer, &site, false, "yard", &wall);
    connect_client(&viewer);
    prepare(&other, &site, false, "gate", &wall);
    connect_client(&other);
    send_event(&yard, 77, SL_MOTION_GOES_ON);
    run_until(&site, has_event, &viewer);
    assert_int_equal(viewer.event.id, 77);
    assert_true(sl_motion_map_get(&viewer.event.map, 3, 4));
    run_until(&site, is_moving, &site);
    assert_string_equal(site.last_camera.camera, "yard");
    assert_true(site.last_camera.live);
    viewer.events = 0;
    send_event(&yard, 77, SL_MOTION_ENDED);
    run_until(&site, has_event, &viewer);
    assert_int_equal(viewer.event.state, SL_MOTION_ENDED);
    run_until(&site, is_still, &site);
    /* Its sender leaves in the midst of the next. */
    send_event(&yard, 78, SL_MOTION_GOES_ON);
    run_until(&site, is_moving, &site);
    sl_session_close(yard.session, sl_loop_refresh(site.loop));
    settle(&yard);
    run_until(&site, is_offline, &site);
    assert_false(site.last_camera.moving);
    assert_int_equal(other.events, 0);
    drop(&yard);
    drop(&gate);
    drop(&viewer);
    drop(&other);
    close_site(&site);
}

/* An event whose end never comes. */
static void test_motion_that_is_not_heard_of_is_over(void **state)
{
    (void)state;
    struct site site;
    struct client yard;
    const struct sl_token camera = token_of(SL_ROLE_CAMERA, "yard", 1);
    open_site(&site, NULL);
    give(&site, yard_only, 1);
    prepare(&yard, &site, true, "yard", &camera);
    connect_client(&yard);
    send_event(&yard, 77, SL_MOTION_GOES_ON);
    run_until(&site, is_moving, &site);
    const sl_ns moving = sl_loop_refresh(site.loop);
    run_until(&site, is_still, &site);
    assert_true(sl_loop_refresh(site.loop) - moving > 2 * SL_SEC);
    drop(&yard);
    close_site(&site);
}

static void tell_device(struct client *client, uint32_t flags)
{
    assert_int_equal(
        sl_session_set_device(client->session, flags, sl_loop_refresh(client->site->loop)), 0);
    settle(client);
}

static bool is_away(void *ctx)
{
    const struct client *client = ctx;
    return client->device == SL_DEVICE_AWAY && client->site->last_camera.away;
}

static bool is_back(void *ctx)
{
    const struct client *client = ctx;
    return client->device == 0 && !client->site->last_camera.away;
}

static void test_a_device_that_is_away_is_told_to_viewers_of_the_camera(void **state)
{
    (void)state;
    struct site site;
    struct client yard, gate, viewer, late, other;
    static const char *const two[] = {"gate", "yard", NULL};
    const struct sl_token cameras[] = {token_of(SL_ROLE_CAMERA, "yard", 1),
                                       token_of(SL_ROLE_CAMERA, "gate", 2)};
    const struct sl_token wall = token_of(SL_ROLE_VIEWER, "wall", 3);
    open_site(&site, NULL);
    give(&site, two, 3);
    prepare(&gate, &site, true, "gate", &cameras[1]);
    connect_client(&gate);
    prepare(&yard, &site, true, "yard", &cameras[0]);
    connect_client(&yard);
    prepare(&viewer, &site, false, "yard", &wall);
    connect_client(&viewer);
    prepare(&other, &site, false, "gate", &wall);
    connect_client(&other);
    tell_device(&yard, SL_DEVICE_AWAY);
    run_until(&site, is_away, &viewer);
    assert_string_equal(site.last_camera.camera, "yard");
    assert_true(site.last_camera.live);
    prepare(&late, &site, false, "yard", &wall); /* who comes later hears of it as well */
    connect_client(&late);
    run_until(&site, is_away, &late);
    tell_device(&yard, 0);
    run_until(&site, is_back, &viewer);
    run_until(&site, is_back, &late);
    /* Its sender leaves while it is away. */
    tell_device(&yard, SL_DEVICE_AWAY);
    run_until(&site, is_away, &viewer);
    sl_session_close(yard.session, sl_loop_refresh(site.loop));
    settle(&yard);
    run_until(&site, is_offline, &site);
    assert_false(site.last_camera.away); /* with it, not when it lapses */
    run_until(&site, is_back, &viewer);
    assert_int_equal(viewer.state, SL_SESSION_CONNECTED);
    assert_int_equal(other.device_told, 0);
    drop(&yard);
    drop(&gate);
    drop(&viewer);
    drop(&late);
    drop(&other);
    close_site(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_goes_from_publisher_to_subscriber),
        cmocka_unit_test(test_joiner_without_a_fresh_key_frame_gets_one_asked_for),
        cmocka_unit_test(test_second_publisher_waits_or_takes_over),
        cmocka_unit_test(test_only_the_owner_ends_a_session),
        cmocka_unit_test(test_removal_ends_sessions),
        cmocka_unit_test(test_limits_hold_at_one_more),
        cmocka_unit_test(test_strangers_get_nothing),
        cmocka_unit_test(test_a_session_that_is_not_set_up_ends),
        cmocka_unit_test(test_a_live_sessions_address_is_not_taken),
        cmocka_unit_test(test_silent_publisher_goes_offline),
        cmocka_unit_test(test_motion_goes_to_viewers_of_the_camera),
        cmocka_unit_test(test_motion_that_is_not_heard_of_is_over),
        cmocka_unit_test(test_a_device_that_is_away_is_told_to_viewers_of_the_camera),
    };
    sl_log_init("test", SL_LOG_ERROR);
    if (sl_srtp_library_init() != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_srtp_library_fini();
    return failed;
}
