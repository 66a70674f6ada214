/* SPDX-License-Identifier: MIT */
/*
 * Links that go away for 1 s to 10 min, in virtual time: a publishing and a subscribing endpoint,
 * as they are, and a receiver of sessions with the hub's rules.
 *
 *     publisher ══ leg 1 ══ receiver (leg 0) ══ leg 2 ══ viewer
 *
 * This file is net/loop, net/udp and whip/http to the endpoints: it defines their functions, so the
 * linker takes none of the true ones. HTTPS is reckoned as TCP goes: each step needs a round trip
 * within which the path is up, and is tried again after 1 s (SYN) or 200 ms, doubling.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "net/udp.h"
#include "stun/stun.h"
#include "tests/support/simnet.h"
#include "tests/support/span.h"
#include "whip/endpoint.h"

#define OUTAGES SIM_SPAN(500, 20)
#define LEGS 3 /* the receiver's, the publisher's, the viewer's */
#define PEERS 16
#define SOCKETS 8
#define DATAGRAMS 256 /* under way at a time; 20 would do */
#define FRAME (33 * SL_MS)
#define PAYLOAD 9 /* is it a key frame; when it was sent */

struct world;

struct sl_loop {
    struct world *world;
    int leg;
    sl_ns asleep_until; /* nothing runs before that */
};

struct sl_udp {
    struct world *world;
    int leg, port; /* port 0: free */
    struct sl_watch *watch;
    struct datagram *first, *last; /* arrived and not read */
};

struct datagram {
    struct world *world;
    struct datagram *next;
    bool up; /* to the receiver */
    struct sl_addr client;
    size_t len;
    uint8_t data[1500];
};

struct sl_http_request {
    struct world *world;
    struct sl_http_request *next;
    struct sl_http_call call;
    int leg;
    char method[8], path[64], body[8192];
    sl_ns begun, sent;
    bool over; /* done was called, or it was cancelled */
    int error;
    int status;
    char location[16], answer[8192];
};

struct sl_http {
    struct world *world;
    int leg;
};

/* A session at the receiver. */
struct peer {
    struct world *world;
    struct sl_session *session; /* NULL: free */
    struct sim_timer timer;
    bool publisher, connected, doomed;
    struct sl_addr remote;
    char ufrag[16], id[16];
    int64_t seq;
};

struct client {
    struct world *world;
    struct sl_loop loop;
    struct sl_http http;
    struct sl_endpoint *endpoint;
    enum sl_endpoint_state state;
    bool key_wanted;
    int host; /* last byte of its address */
    sl_ns moved;
    int64_t seq;
};

struct outage {
    bool legs[LEGS];
    sl_ns from, until;
    bool udp_only;
    bool told;    /* whoever sends on its own leg is told at once that there is no network */
    int moves;    /* the leg that comes back with another address; 0: none */
    bool restart; /* of the receiver, in the middle */
};

struct world {
    struct sim *sim;
    struct sl_dtls_identity *identity;
    sl_ns rtt;
    struct client clients[LEGS]; /* by leg; 0 is not used */
    struct peer peers[PEERS];
    struct sl_udp sockets[SOCKETS];
    struct datagram *datagrams;
    unsigned datagrams_sent;
    struct sl_http_request *requests;
    struct outage outage;
    int ports, made;
    sl_ns back;       /* when a picture captured after the outage was there; 0: not yet */
    sl_ns last, hole; /* since then: the last picture, and the longest time between two */
};

static struct world *world_now; /* for sl_udp_open(), which is not told */

/* ---- net/loop ---- */

sl_ns sl_loop_now(const struct sl_loop *loop)
{
    return sim_now(loop->world->sim);
}

sl_ns sl_loop_refresh(struct sl_loop *loop)
{
    return sl_loop_now(loop);
}

void sl_timer_init(struct sl_timer *timer, struct sl_loop *loop, void (*fire)(void *ctx, sl_ns now),
                   void *ctx)
{
    *timer = (struct sl_timer){.due = SL_NEVER, .fire = fire, .ctx = ctx, .loop = loop};
}

/* Timers outlive the play of the world; what was set and moved later comes too early. */
static void timer_event(void *ctx)
{
    struct sl_timer *timer = ctx;
    const sl_ns now = sl_loop_now(timer->loop);
    if (timer->due > now)
        return;
    if (now < timer->loop->asleep_until) {
        sim_at(timer->loop->world->sim, timer->loop->asleep_until, timer_event, timer);
        return;
    }
    timer->due = SL_NEVER;
    timer->fire(timer->ctx, now);
}

int sl_timer_set(struct sl_timer *timer, sl_ns due)
{
    timer->due = due;
    if (due != SL_NEVER)
        sim_at(timer->loop->world->sim, due, timer_event, timer);
    return 0;
}

void sl_timer_clear(struct sl_timer *timer)
{
    timer->due = SL_NEVER;
}

int sl_loop_watch(struct sl_loop *loop, struct sl_watch *watch, int fd, uint32_t events,
                  void (*ready)(void *ctx, uint32_t events), void *ctx)
{
    (void)events;
    *watch = (struct sl_watch){.fd = fd, .ready = ready, .ctx = ctx, .loop = loop};
    loop->world->sockets[fd].leg = loop->leg;
    loop->world->sockets[fd].watch = watch;
    return 0;
}

void sl_loop_unwatch(struct sl_watch *watch)
{
    if (watch->loop)
        watch->loop->world->sockets[watch->fd].watch = NULL;
    watch->loop = NULL;
}

/* ---- the network ---- */

static bool is_up(const struct world *world, int leg, sl_ns at, bool udp)
{
    const struct outage *outage = &world->outage;
    return !(outage->legs[leg] || outage->legs[0]) || (outage->udp_only && !udp) ||
           at < outage->from || at >= outage->until;
}

static struct sl_addr client_address(const struct world *world, const struct sl_udp *udp)
{
    char text[32];
    struct sl_addr addr;
    snprintf(text, sizeof(text), "10.0.%d.%d:%d", udp->leg, world->clients[udp->leg].host,
             udp->port);
    assert_int_equal(sl_addr_parse(&addr, text), 0);
    return addr;
}

static int leg_of(const struct sl_addr *client)
{
    return (int)(ntohl(client->in.sin_addr.s_addr) >> 8 & 0xff);
}

static void to_receiver(struct world *world, struct datagram *datagram);

/* When a process wakes up its timers are looked at first. */
static void wake_reader(void *ctx)
{
    struct sl_udp *udp = ctx;
    struct sim *sim = udp->world->sim;
    const sl_ns asleep_until = udp->world->clients[udp->leg].loop.asleep_until;
    if (sim_now(sim) <= asleep_until)
        sim_at(sim, asleep_until + 1, wake_reader, udp);
    else if (udp->port && udp->watch && udp->first)
        udp->watch->ready(udp->watch->ctx, EPOLLIN);
}

static void to_client(struct world *world, struct datagram *datagram)
{
    for (int i = 0; i < SOCKETS; i++) {
        struct sl_udp *udp = &world->sockets[i];
        const struct sl_addr here = client_address(world, udp);
        if (!udp->port || !udp->watch || !sl_addr_equal(&here, &datagram->client))
            continue;
        *(udp->first ? &udp->last->next : &udp->first) = datagram;
        udp->last = datagram;
        wake_reader(udp);
        return;
    }
}

static void arrive(void *ctx)
{
    struct datagram *datagram = ctx;
    struct world *world = datagram->world;
    if (is_up(world, leg_of(&datagram->client), sim_now(world->sim), true)) {
        if (datagram->up)
            to_receiver(world, datagram);
        else
            to_client(world, datagram);
    }
}

static void send_datagram(struct world *world, bool up, const struct sl_addr *client,
                          const uint8_t *data, size_t len)
{
    if (!is_up(world, leg_of(client), sim_now(world->sim), true))
        return;
    struct datagram *datagram = &world->datagrams[world->datagrams_sent++ % DATAGRAMS];
    *datagram = (struct datagram){.world = world, .up = up, .client = *client, .len = len};
    assert_true(len <= sizeof(datagram->data));
    memcpy(datagram->data, data, len);
    sim_at(world->sim, sim_now(world->sim) + world->rtt / 2, arrive, datagram);
}

/* ---- net/udp ---- */

int sl_udp_open(struct sl_udp **ret, const struct sl_udp_config *config)
{
    (void)config;
    int i = 0;
    while (world_now->sockets[i].port)
        assert_true(++i < SOCKETS);
    world_now->sockets[i] = (struct sl_udp){.world = world_now, .port = 1024 + world_now->ports++};
    *ret = &world_now->sockets[i];
    return 0;
}

void sl_udp_close(struct sl_udp *udp)
{
    if (udp)
        udp->port = 0;
}

int sl_udp_fd(const struct sl_udp *udp)
{
    return (int)(udp - udp->world->sockets);
}

int sl_udp_receive(struct sl_udp *udp, int max, sl_udp_receive_fn *receive, void *ctx)
{
    struct sl_path path = {0};
    int count = 0;
    assert_int_equal(sl_addr_parse(&path.remote, "10.0.0.1:8443"), 0);
    for (; udp->first && count < max; count++) {
        struct datagram *datagram = udp->first;
        udp->first = datagram->next;
        receive(ctx, &path, sim_now(udp->world->sim), datagram->data, datagram->len);
    }
    return count;
}

int sl_udp_send(struct sl_udp *udp, const struct sl_path *path, const void *data, size_t len)
{
    (void)path;
    const struct sl_addr from = client_address(udp->world, udp);
    send_datagram(udp->world, true, &from, data, len);
    return 0;
}

void sl_udp_flush(struct sl_udp *udp)
{
    (void)udp;
}

/* ---- whip/http ---- */

/* When a flight leaves that gets there and is answered: each try that falls into the outage, or
 * from an address that is no more, is lost. */
static sl_ns flight(const struct sl_http_request *request, sl_ns at, sl_ns again)
{
    const struct world *world = request->world;
    const sl_ns moved = world->clients[request->leg].moved;
    for (; at < request->begun + request->call.timeout; at += again, again *= 2)
        if (is_up(world, request->leg, at, false) &&
            is_up(world, request->leg, at + world->rtt, false) &&
            !(request->begun < moved && moved <= at + world->rtt))
            return at;
    return SL_NEVER;
}

static sl_ns after(sl_ns at, sl_ns span)
{
    return at == SL_NEVER ? SL_NEVER : at + span;
}

static void finish(struct sl_http_request *request)
{
    if (request->over)
        return;
    request->over = true;
    struct sl_http_response response = {.error = request->error,
                                        .message = "no answer in time",
                                        .status = request->status,
                                        .body = request->answer,
                                        .body_len = strlen(request->answer),
                                        .location = request->location,
                                        .retry_after_s = request->status == 409 ? 1 : -1};
    if (!request->error) {
        assert_int_equal(sl_addr_parse(&response.peer, "10.0.0.1:8443"), 0);
        response.connect = request->world->rtt;
    }
    request->call.done(request->call.ctx, &response);
}

static void answer_event(void *ctx)
{
    finish(ctx);
}

static void give_up(void *ctx)
{
    struct sl_http_request *request = ctx;
    request->error = -ETIMEDOUT;
    finish(request);
}

static void serve(struct world *world, struct sl_http_request *request);

static void request_event(void *ctx)
{
    struct sl_http_request *request = ctx;
    struct world *world = request->world;
    serve(world, request);
    const sl_ns left = flight(request, sim_now(world->sim), 200 * SL_MS);
    if (left != SL_NEVER)
        sim_at(world->sim, left + world->rtt / 2, answer_event, request);
}

static void send_request(void *ctx)
{
    struct sl_http_request *request = ctx;
    if (!request->over)
        sim_at(request->world->sim, sim_now(request->world->sim) + request->world->rtt / 2,
               request_event, request);
}

/* The moments are known beforehand: the outage is. */
static void plan(struct world *world, struct sl_http_request *request)
{
    const sl_ns now = request->begun, rto = 200 * SL_MS + world->rtt;
    const sl_ns reach = request->call.reach ? request->call.reach : SL_SEC;
    const sl_ns syn = flight(request, now, SL_SEC);
    const sl_ns tls = flight(request, after(syn, world->rtt), rto);
    const sl_ns connected = after(tls, world->rtt);
    if (world->outage.told && world->outage.legs[request->leg] &&
        !is_up(world, request->leg, now, false)) {
        sim_at(world->sim, now, give_up, request);
    } else if (after(syn, world->rtt) > now + reach) {
        sim_at(world->sim, now + reach, give_up, request);
    } else if (connected > now + 2 * reach) {
        sim_at(world->sim, now + 2 * reach, give_up, request);
    } else {
        const sl_ns sent = flight(request, connected, rto);
        sim_at(world->sim, now + request->call.timeout, give_up, request);
        if (sent != SL_NEVER)
            sim_at(world->sim, sent, send_request, request);
    }
}

int sl_http_start(struct sl_http *http, const struct sl_http_call *call,
                  struct sl_http_request **ret)
{
    struct world *world = http->world;
    struct sl_http_request *request = calloc(1, sizeof(*request));
    assert_non_null(request);
    *request = (struct sl_http_request){.world = world,
                                        .next = world->requests,
                                        .call = *call,
                                        .leg = http->leg,
                                        .begun = sim_now(world->sim)};
    snprintf(request->method, sizeof(request->method), "%s", call->method);
    snprintf(request->path, sizeof(request->path), "%s", call->path);
    snprintf(request->body, sizeof(request->body), "%s", call->body ? call->body : "");
    world->requests = request;
    plan(world, request);
    if (ret)
        *ret = request;
    return 0;
}

void sl_http_cancel(struct sl_http_request *request)
{
    if (request)
        request->over = true;
}

/* ---- the receiver ---- */

static void settle(struct peer *peer);

static void peer_timer(void *ctx)
{
    struct peer *peer = ctx;
    if (peer->session)
        sl_session_tick(peer->session, sim_now(peer->world->sim));
    settle(peer);
}

static void settle(struct peer *peer)
{
    if (peer->doomed) {
        sl_session_destroy(peer->session);
        peer->session = NULL;
        peer->doomed = peer->connected = false;
    }
    sim_timer_set(&peer->timer, peer->session ? sl_session_due(peer->session) : SL_NEVER);
}

static void peer_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    const struct peer *peer = ctx;
    send_datagram(peer->world, false, &path->remote, data, len);
}

static void peer_state(void *ctx, enum sl_session_state state, const char *reason)
{
    (void)reason;
    struct peer *peer = ctx;
    peer->connected = state == SL_SESSION_CONNECTED;
    peer->doomed = state == SL_SESSION_CLOSED || state == SL_SESSION_FAILED;
}

/* A publisher's packet goes to all viewers. */
static void peer_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                        bool repaired, sl_ns now)
{
    struct peer *from = ctx;
    (void)repaired;
    for (int i = 0; i < PEERS; i++) {
        struct peer *peer = &from->world->peers[i];
        if (!peer->session || peer->publisher || !peer->connected)
            continue;
        struct sl_rtp_packet copy = *packet;
        copy.seq = peer->seq++;
        (void)sl_session_send(peer->session, kind, &copy, now);
        settle(peer);
    }
}

static struct peer *publisher_of(struct world *world)
{
    for (int i = 0; i < PEERS; i++)
        if (world->peers[i].session && world->peers[i].publisher)
            return &world->peers[i];
    return NULL;
}

static void peer_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    const struct peer *peer = ctx;
    struct peer *publisher = publisher_of(peer->world);
    if (!publisher || !publisher->connected)
        return;
    sl_session_request_keyframe(publisher->session, kind, now);
    settle(publisher);
}

static const struct sl_rtp_packet *no_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    (void)ctx;
    (void)kind;
    (void)seq;
    return NULL;
}

static const struct sl_session_handler peer_handler = {
    .send = peer_send,
    .state = peer_state,
    .packet = peer_packet,
    .keyframe_wanted = peer_keyframe_wanted,
    .resend = no_resend,
};

static void to_receiver(struct world *world, struct datagram *datagram)
{
    const struct sl_path path = {.remote = datagram->client};
    const char *ufrag = NULL;
    const int ufrag_len = sl_stun_is(datagram->data, datagram->len)
                              ? sl_stun_peek_ufrag(datagram->data, datagram->len, &ufrag)
                              : -1;
    for (int i = 0; i < PEERS; i++) {
        struct peer *peer = &world->peers[i];
        if (!peer->session)
            continue;
        if (ufrag_len > 0 ? (size_t)ufrag_len != strlen(peer->ufrag) ||
                                memcmp(ufrag, peer->ufrag, (size_t)ufrag_len) != 0
                          : !sl_addr_equal(&peer->remote, &path.remote))
            continue;
        peer->remote = path.remote;
        const sl_ns now = sim_now(world->sim);
        sl_session_receive(peer->session, now, now, &path, datagram->data, datagram->len);
        settle(peer);
        return;
    }
}

static void end_peer(struct peer *peer)
{
    sl_session_close(peer->session, sim_now(peer->world->sim));
    peer->doomed = true;
    settle(peer);
}

/* As receiver/hub.c: 500 ms without a word make a publisher one that can be taken over, 2 s the
 * camera one that is not live, and 15 s a session one that is over. */
static int admit(struct world *world, bool publisher)
{
    struct peer *old = publisher_of(world);
    const sl_ns heard = old ? sim_now(world->sim) - sl_session_heard(old->session) : 1000 * SL_SEC;
    if (!publisher)
        return old && old->connected && heard < 2 * SL_SEC ? 201 : 409;
    if (heard < 500 * SL_MS)
        return 409;
    if (old)
        end_peer(old);
    return 201;
}

static void make_peer(struct world *world, struct sl_http_request *request, bool publisher)
{
    struct peer *peer = world->peers;
    while (peer->session)
        assert_true(++peer < world->peers + PEERS);
    struct sl_random *random = sim_random(world->sim);
    struct sl_sdp_local local = {
        .transport = {.ice_lite = true, .candidate_count = 1},
        .sends = !publisher,
        .video = true,
        .h264_profiles = {"42e01f"},
        .cname = "sim",
        .ssrc = {1001, 1003},
        .rtx_ssrc = {1002, 1004},
        .session_id = 1,
    };
    peer->publisher = publisher;
    sl_random_text(random, peer->ufrag, 8);
    strcpy(local.transport.ufrag, peer->ufrag);
    sl_random_text(random, local.transport.pwd, 24);
    memcpy(local.transport.fingerprint, sl_dtls_identity_fingerprint(world->identity),
           SL_FINGERPRINT_BYTES);
    assert_int_equal(sl_addr_parse(&local.transport.candidates[0], "10.0.0.1:8443"), 0);
    struct sl_session_config config = {.identity = world->identity,
                                       .handler = &peer_handler,
                                       .ctx = peer,
                                       .random = random,
                                       .consent_timeout = 15 * SL_SEC};
    const char *why = "";
    if (sl_sdp_answer(request->body, strlen(request->body), &local, &config.agreed, request->answer,
                      sizeof(request->answer), &why) < 0)
        fail_msg("the offer: %s", why);
    snprintf(peer->id, sizeof(peer->id), "/s/%d", ++world->made);
    snprintf(request->location, sizeof(request->location), "%s", peer->id);
    assert_int_equal(sl_session_create(&peer->session, &config, sim_now(world->sim)), 0);
    sl_session_start(peer->session, sim_now(world->sim));
    settle(peer);
}

static void serve(struct world *world, struct sl_http_request *request)
{
    request->status = 404;
    if (strcmp(request->method, "POST") == 0) {
        const bool publisher = strncmp(request->path, "/whip/", 6) == 0;
        request->status = admit(world, publisher);
        if (request->status == 201)
            make_peer(world, request, publisher);
        return;
    }
    for (int i = 0; i < PEERS; i++)
        if (world->peers[i].session && strcmp(world->peers[i].id, request->path) == 0) {
            end_peer(&world->peers[i]);
            request->status = 200;
        }
}

/* As kill -9 does it, and a start right after. */
static void restart_receiver(void *ctx)
{
    struct world *world = ctx;
    for (int i = 0; i < PEERS; i++) {
        world->peers[i].doomed = world->peers[i].session != NULL;
        settle(&world->peers[i]);
    }
}

/* ---- the clients ---- */

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct client *client = ctx;
    (void)reason;
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(client->endpoint, &stats);
    assert_int_equal(stats.posts, stats.lives + stats.failed + stats.not_live + stats.pending);
    assert_int_not_equal(state, SL_ENDPOINT_REFUSED);
    client->state = state;
    client->key_wanted = state == SL_ENDPOINT_LIVE; /* as sender and viewer do */
    if (client->key_wanted)
        sl_endpoint_request_keyframe(client->endpoint, sim_now(client->world->sim));
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    const struct client *client = ctx;
    struct world *world = client->world;
    (void)kind;
    (void)repaired;
    assert_int_equal(packet->payload_len, PAYLOAD);
    const sl_ns sent = (sl_ns)sl_get64(packet->payload + 1);
    if (packet->payload[0] && sent >= world->outage.until && !world->back)
        world->back = world->last = now;
    if (world->back && now - world->last > world->hole)
        world->hole = now - world->last;
    world->last = now;
}

static void on_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    (void)kind;
    (void)now;
    struct client *client = ctx;
    client->key_wanted = true;
}

static const struct sl_endpoint_handler client_handler = {
    .state = on_state,
    .packet = on_packet,
    .keyframe_wanted = on_keyframe_wanted,
    .resend = no_resend,
};

static void capture(void *ctx)
{
    struct client *client = ctx;
    struct sim *sim = client->world->sim;
    uint8_t payload[PAYLOAD] = {client->key_wanted};
    sl_put64(payload + 1, (uint64_t)sim_now(sim));
    const struct sl_rtp_packet packet = {.seq = client->seq,
                                         .timestamp = (uint32_t)client->seq * 3000,
                                         .marker = true,
                                         .payload = payload,
                                         .payload_len = sizeof(payload)};
    if (sl_endpoint_send(client->endpoint, SL_VIDEO, &packet, sim_now(sim)) == 0) {
        client->seq++;
        client->key_wanted = false;
    }
    sim_at(sim, sim_now(sim) + FRAME, capture, client);
}

static void open_client(struct world *world, int leg)
{
    struct client *client = &world->clients[leg];
    client->world = world;
    client->loop = (struct sl_loop){.world = world, .leg = leg};
    client->http = (struct sl_http){.world = world, .leg = leg};
    client->host = 2;
    const struct sl_endpoint_config config = {
        .loop = &client->loop,
        .http = &client->http,
        .identity = world->identity,
        .random = sim_random(world->sim),
        .link = {.token = "t", .host = "10.0.0.1", .port = 8443, .camera = "yard"},
        .publish = leg == 1,
        .video = true,
        .h264_profile = "42e01f",
        .retries = -1,
        .handler = &client_handler,
        .ctx = client,
    };
    assert_int_equal(sl_endpoint_create(&client->endpoint, &config), 0);
    sl_endpoint_start(client->endpoint);
}

static void open_world(struct world *world, uint64_t seed, sl_ns rtt)
{
    memset(world, 0, sizeof(*world));
    world_now = world;
    world->sim = sim_create(seed);
    world->rtt = rtt;
    world->datagrams = calloc(DATAGRAMS, sizeof(*world->datagrams));
    assert_non_null(world->datagrams);
    assert_int_equal(sl_dtls_identity_generate(&world->identity, "sim"), 0);
    for (int i = 0; i < PEERS; i++) {
        world->peers[i].world = world;
        sim_timer_init(&world->peers[i].timer, world->sim, peer_timer, &world->peers[i]);
    }
    open_client(world, 1);
    open_client(world, 2);
    capture(&world->clients[1]);
}

static void close_world(struct world *world)
{
    for (int leg = 1; leg < LEGS; leg++)
        sl_endpoint_destroy(world->clients[leg].endpoint);
    for (int i = 0; i < PEERS; i++)
        sl_session_destroy(world->peers[i].session);
    while (world->requests) {
        struct sl_http_request *request = world->requests;
        world->requests = request->next;
        free(request);
    }
    free(world->datagrams);
    sl_dtls_identity_destroy(world->identity);
    sim_destroy(world->sim);
}

/* ---- outages ---- */

static bool both_live(void *ctx)
{
    const struct world *world = ctx;
    return world->clients[1].state == SL_ENDPOINT_LIVE &&
           world->clients[2].state == SL_ENDPOINT_LIVE;
}

static bool is_back(void *ctx)
{
    const struct world *world = ctx;
    return world->back != 0;
}

static void move(void *ctx)
{
    struct client *client = ctx;
    client->host++;
    client->moved = sim_now(client->world->sim);
}

/* How long after the outage, which begins now or soon, the picture was back. */
static sl_ns play(struct world *world, const struct outage *outage)
{
    world->outage = *outage;
    world->back = 0;
    const sl_ns middle = outage->from + (outage->until - outage->from) / 2;
    if (outage->moves)
        sim_at(world->sim, middle, move, &world->clients[outage->moves]);
    if (outage->restart)
        sim_at(world->sim, middle, restart_receiver, world);
    sim_run_until(world->sim, outage->until);
    assert_true(sim_run_while_not(world->sim, is_back, world, outage->until + 60 * SL_SEC));
    return world->back - outage->until;
}

/* What was asked for while the link was away may still come: it changes little, and is not left
 * over. */
static void check_what_follows(struct world *world)
{
    int sessions = 0;
    world->hole = 0;
    sim_run_for(world->sim, 20 * SL_SEC);
    assert_true(both_live(world));
    assert_true(world->hole < SL_SEC && sim_now(world->sim) - world->last < 200 * SL_MS);
    for (int i = 0; i < PEERS; i++)
        sessions += world->peers[i].session != NULL;
    assert_int_equal(sessions, 2);
}

static struct outage draw(struct world *world, uint64_t seed)
{
    struct sl_random *random = sim_random(world->sim);
    struct outage outage = {.from = sim_now(world->sim) +
                                    (sl_ns)(sl_random_unit(random) * (double)SL_SEC)};
    /* 1 s to 10 min, each order of magnitude as often as another; both ends first. */
    const double share = sl_random_unit(random);
    const double seconds = pow(600, seed < 2 ? (double)seed : share);
    outage.until = outage.from + (sl_ns)(seconds * (double)SL_SEC);
    outage.legs[sl_random_range(random, 0, LEGS - 1)] = true;
    outage.udp_only = sim_chance(world->sim, 0.15);
    outage.told = sim_chance(world->sim, 0.3);
    if (sim_chance(world->sim, 0.3))
        outage.moves = (int)sl_random_range(random, 1, LEGS - 1);
    outage.restart = sim_chance(world->sim, 0.15);
    return outage;
}

static void describe(const struct outage *outage, uint64_t seed, sl_ns rtt, sl_ns took)
{
    printf("seed %d: %.1f s of no %s at %d%s%s, moves %d, rtt %d ms: back after %.0f ms\n",
           (int)seed, (double)(outage->until - outage->from) / 1e9,
           outage->udp_only ? "UDP" : "network",
           outage->legs[0]   ? 0
           : outage->legs[1] ? 1
                             : 2,
           outage->told ? ", told" : "", outage->restart ? ", restart" : "", outage->moves,
           (int)(rtt / SL_MS), (double)took / 1e6);
}

static int compare(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return (x > y) - (x < y);
}

/* Nobody has forgotten the session yet: it goes on. */
static bool is_kept(const struct outage *outage)
{
    return outage->until - outage->from < 14 * SL_SEC && !outage->restart && !outage->udp_only;
}

/* 1 s to 10 min, a new address, a receiver that starts anew: back within 2 s, or within one if all
 * of it is over before the session is forgotten. */
static void the_picture_is_back_within_2_s(void **state)
{
    (void)state;
    static sl_ns times[OUTAGES];
    for (uint64_t seed = 0; seed < OUTAGES; seed++) {
        struct world world;
        open_world(&world, seed, (sl_ns)(2 + seed * 7 % 99) * SL_MS);
        assert_true(
            sim_run_while_not(world.sim, both_live, &world, sim_now(world.sim) + 10 * SL_SEC));
        sim_run_for(world.sim, 2 * SL_SEC);
        const struct outage outage = draw(&world, seed);
        times[seed] = play(&world, &outage);
        const sl_ns limit = is_kept(&outage) ? SL_SEC : 2 * SL_SEC;
        if (times[seed] > limit)
            describe(&outage, seed, world.rtt, times[seed]);
        assert_true(times[seed] <= limit);
        check_what_follows(&world);

        close_world(&world);
    }
    qsort(times, OUTAGES, sizeof(times[0]), compare);
    printf("%d outages: picture back after p50 %.0f, p95 %.0f, max %.0f ms\n", OUTAGES,
           (double)times[OUTAGES / 2] / 1e6, (double)times[OUTAGES * 95 / 100] / 1e6,
           (double)times[OUTAGES - 1] / 1e6);
}

/* A link by satellite takes longer for a handshake than a near one that is away is waited for. */
static void a_satellite_is_waited_for(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct world world;
        open_world(&world, seed, 600 * SL_MS);
        assert_true(
            sim_run_while_not(world.sim, both_live, &world, sim_now(world.sim) + 20 * SL_SEC));
        sim_run_for(world.sim, 2 * SL_SEC);
        struct outage outage = {.from = sim_now(world.sim), .legs[0] = true};
        outage.until = outage.from + 40 * SL_SEC; /* longer than a session is remembered */
        const sl_ns took = play(&world, &outage);
        if (took > 8 * SL_SEC)
            describe(&outage, seed, world.rtt, took);
        assert_true(took <= 8 * SL_SEC);
        close_world(&world);
    }
}

/* A program that had no processor for a while finds in its socket what came meanwhile: it has lost
 * nobody. */
static void sleep_is_not_silence(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 1, 10 * SL_MS);
    assert_true(sim_run_while_not(world.sim, both_live, &world, sim_now(world.sim) + 10 * SL_SEC));
    for (int leg = 1; leg < LEGS; leg++) {
        sim_run_for(world.sim, 2 * SL_SEC);
        world.clients[leg].loop.asleep_until = sim_now(world.sim) + 1500 * SL_MS;
    }
    sim_run_for(world.sim, 5 * SL_SEC);
    for (int leg = 1; leg < LEGS; leg++) {
        struct sl_endpoint_stats stats;
        sl_endpoint_stats(world.clients[leg].endpoint, &stats);
        assert_int_equal(stats.losses, 0);
    }
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_picture_is_back_within_2_s),
        cmocka_unit_test(a_satellite_is_waited_for),
        cmocka_unit_test(sleep_is_not_silence),
    };
    if (sl_srtp_library_init() != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
