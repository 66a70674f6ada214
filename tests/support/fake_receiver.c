/* SPDX-License-Identifier: MIT */
#include "tests/support/fake_receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "base/time.h"
#include "stun/stun.h"

#define FEED_EVERY (20 * SL_MS)

static void arm(struct fake_receiver *fake)
{
    sl_ns due = SL_NEVER;
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        if (!fake->sessions[i].session)
            continue;
        const sl_ns at = sl_session_due(fake->sessions[i].session);
        due = at < due ? at : due;
    }
    sl_timer_set(&fake->timer, due);
}

static bool is_mute(const struct fake_session *session)
{
    return session->receiver->mute || session->number <= session->receiver->mute_to;
}

static void session_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    struct fake_session *session = ctx;
    if (!is_mute(session))
        assert_int_equal(sl_udp_send(session->receiver->udp, path, data, len), 0);
}

static void session_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                           bool repaired, sl_ns now)
{
    struct fake_session *session = ctx;
    (void)kind, (void)packet, (void)repaired, (void)now;
    session->packets++;
}

static const struct sl_session_handler session_handler = {.send = session_send,
                                                          .packet = session_packet};

static struct fake_session *find(struct fake_receiver *fake, const struct sl_path *path,
                                 const uint8_t *data, size_t len)
{
    const char *ufrag = NULL;
    const int ufrag_len = sl_stun_is(data, len) ? sl_stun_peek_ufrag(data, len, &ufrag) : -1;
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        struct fake_session *session = &fake->sessions[i];
        if (!session->session || is_mute(session))
            continue;
        if (ufrag_len > 0 && (size_t)ufrag_len == strlen(session->ufrag) &&
            memcmp(ufrag, session->ufrag, (size_t)ufrag_len) == 0) {
            session->remote = path->remote;
            return session;
        }
        if (ufrag_len < 0 && sl_addr_equal(&session->remote, &path->remote))
            return session;
    }
    return NULL;
}

static void datagram(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data,
                     size_t len)
{
    struct fake_receiver *fake = ctx;
    struct fake_session *session = find(fake, path, data, len);
    if (session)
        sl_session_receive(session->session, sl_loop_now(fake->loop), arrival, path, data, len);
}

static void socket_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct fake_receiver *fake = ctx;
    assert_true(sl_udp_receive(fake->udp, 64, datagram, fake) >= 0);
    sl_udp_flush(fake->udp);
    arm(fake);
}

static void timer_fired(void *ctx, sl_ns now)
{
    struct fake_receiver *fake = ctx;
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        if (fake->sessions[i].session)
            sl_session_tick(fake->sessions[i].session, now);
    }
    sl_udp_flush(fake->udp);
    arm(fake);
}

static void feeder_fired(void *ctx, sl_ns now)
{
    struct fake_receiver *fake = ctx;
    static const uint8_t payload[] = {0x65, 1, 2, 3};
    const struct sl_rtp_packet packet = {.seq = fake->fed,
                                         .timestamp = (uint32_t)fake->fed * 1800,
                                         .marker = true,
                                         .payload = payload,
                                         .payload_len = sizeof(payload)};
    fake->fed++;
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        struct sl_session *session = fake->sessions[i].session;
        if (session && fake->sessions[i].sends && sl_session_state(session) == SL_SESSION_CONNECTED)
            (void)sl_session_send(session, SL_VIDEO, &packet, now);
    }
    sl_udp_flush(fake->udp);
    sl_timer_set(&fake->feeder, now + FEED_EVERY);
}

static struct sl_sdp_local describe(struct fake_receiver *fake, bool sends,
                                    struct fake_session *session)
{
    struct sl_sdp_local local = {
        .transport = {.ice_lite = true, .candidate_count = 1},
        .sends = sends,
        .video = true,
        .audio = true,
        .h264_profiles = {"42e01f"},
        .cname = "fake",
        .ssrc = {1001, 1003},
        .rtx_ssrc = {1002, 1004},
        .session_id = 1,
    };
    sl_random_text(&fake->random, session->ufrag, 8);
    strcpy(local.transport.ufrag, session->ufrag);
    sl_random_text(&fake->random, local.transport.pwd, 24);
    memcpy(local.transport.fingerprint, sl_dtls_identity_fingerprint(fake->identity),
           SL_FINGERPRINT_BYTES);
    char text[64];
    snprintf(text, sizeof(text), "%s:%d", fake->candidate_host ? fake->candidate_host : "127.0.0.1",
             fake->candidate_port ? fake->candidate_port : fake->media_port);
    assert_int_equal(sl_addr_parse(&local.transport.candidates[0], text), 0);
    return local;
}

static void make_session(struct fake_receiver *fake, const struct https_request *request,
                         struct https_reply *reply)
{
    struct fake_session *session = fake->sessions;
    while (session->session)
        session++;
    assert_true(session < fake->sessions + FAKE_SESSIONS);
    memset(session, 0, sizeof(*session));
    session->receiver = fake;
    session->sends = strncmp(request->path, "/whep/", 6) == 0;
    const struct sl_sdp_local local = describe(fake, session->sends, session);
    struct sl_session_config config = {.identity = fake->identity,
                                       .handler = &session_handler,
                                       .ctx = session,
                                       .random = &fake->random};
    const char *why = "";
    reply->body = calloc(1, 8192);
    assert_non_null(reply->body);
    const int len = sl_sdp_answer(request->body, request->body_len, &local, &config.agreed,
                                  reply->body, 8192, &why);
    if (len < 0)
        fail_msg("the offer: %s", why);
    reply->body_len = (size_t)len;
    reply->status = 201;
    session->number = ++fake->made;
    snprintf(session->path, sizeof(session->path), "/s/%d", session->number);
    snprintf(reply->headers, sizeof(reply->headers), "Location: %s\r\n", session->path);
    const sl_ns now = sl_loop_now(fake->loop);
    assert_int_equal(sl_session_create(&session->session, &config, now), 0);
    sl_session_start(session->session, now);
    arm(fake);
}

static void remove_session(struct fake_receiver *fake, const char *path, struct https_reply *reply)
{
    reply->status = 404;
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        struct fake_session *session = &fake->sessions[i];
        if (!session->session || strcmp(session->path, path) != 0)
            continue;
        sl_session_destroy(session->session);
        session->session = NULL;
        reply->status = 200;
    }
    arm(fake);
}

static void handle(void *ctx, const struct https_request *request, struct https_reply *reply)
{
    struct fake_receiver *fake = ctx;
    fake->token_right = strstr(request->head, "Authorization: Bearer " FAKE_TOKEN "\r\n") != NULL;
    reply->hang = fake->hang;
    if (strcmp(request->method, "DELETE") == 0) {
        fake->deletes++;
        snprintf(fake->last_deleted, sizeof(fake->last_deleted), "%s", request->path);
        remove_session(fake, request->path, reply);
        return;
    }
    fake->posts++;
    snprintf(fake->last_path, sizeof(fake->last_path), "%s", request->path);
    if (fake->statuses[0]) {
        reply->status = fake->statuses[0];
        if (reply->status == 409)
            strcpy(reply->headers, "Retry-After: 1\r\n");
        memmove(fake->statuses, fake->statuses + 1, sizeof(fake->statuses) - sizeof(int));
        fake->statuses[SL_COUNT(fake->statuses) - 1] = 0;
    } else if (!fake->hang) {
        make_session(fake, request, reply);
    }
}

static void open_ports(struct fake_receiver *fake)
{
    fake->https = https_server_start(fake->loop, fake->identity, fake->https_port, handle, fake);
    fake->https_port = https_server_port(fake->https);
    struct sl_udp_config config = {.receive_bytes = 262144, .send_bytes = 262144};
    char text[32];
    snprintf(text, sizeof(text), "127.0.0.1:%d", fake->media_port);
    assert_int_equal(sl_addr_parse(&config.bind, text), 0);
    assert_int_equal(sl_udp_open(&fake->udp, &config), 0);
    const struct sl_addr local = sl_udp_local(fake->udp);
    fake->media_port = sl_addr_port(&local);
    assert_int_equal(
        sl_loop_watch(fake->loop, &fake->watch, sl_udp_fd(fake->udp), EPOLLIN, socket_ready, fake),
        0);
    sl_timer_set(&fake->feeder, sl_loop_refresh(fake->loop));
}

void fake_receiver_start(struct fake_receiver *fake, struct sl_loop *loop)
{
    memset(fake, 0, sizeof(*fake));
    fake->loop = loop;
    sl_random_init_seed(&fake->random, 11);
    assert_int_equal(sl_dtls_identity_generate(&fake->identity, "fake"), 0);
    sl_timer_init(&fake->timer, loop, timer_fired, fake);
    sl_timer_init(&fake->feeder, loop, feeder_fired, fake);
    open_ports(fake);
}

void fake_receiver_kill(struct fake_receiver *fake)
{
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        sl_session_destroy(fake->sessions[i].session);
        fake->sessions[i].session = NULL;
    }
    sl_timer_clear(&fake->timer);
    sl_timer_clear(&fake->feeder);
    sl_loop_unwatch(&fake->watch);
    sl_udp_close(fake->udp);
    fake->udp = NULL;
    https_server_stop(fake->https);
    fake->https = NULL;
}

void fake_receiver_restart(struct fake_receiver *fake)
{
    open_ports(fake);
}

void fake_receiver_stop(struct fake_receiver *fake)
{
    fake_receiver_kill(fake);
    sl_dtls_identity_destroy(fake->identity);
}

void fake_receiver_hang_up(struct fake_receiver *fake)
{
    for (int i = 0; i < FAKE_SESSIONS; i++) {
        if (!fake->sessions[i].session)
            continue;
        sl_session_close(fake->sessions[i].session, sl_loop_now(fake->loop));
        sl_udp_flush(fake->udp);
        sl_session_destroy(fake->sessions[i].session);
        fake->sessions[i].session = NULL;
    }
    arm(fake);
}

uint64_t fake_receiver_packets(const struct fake_receiver *fake)
{
    uint64_t packets = 0;
    for (int i = 0; i < FAKE_SESSIONS; i++)
        packets += fake->sessions[i].session ? fake->sessions[i].packets : 0;
    return packets;
}
