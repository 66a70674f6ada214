/* SPDX-License-Identifier: MIT */
/*
 * What outsiders, and peers that lie, can do to a session: nothing. protocol.md, "Security".
 * The session under test is the ICE-lite one (the receiver's), unless a test says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "session/ice_lite.h"
#include "session/internal.h"
#include "stun/stun.h"
#include "tests/support/simhop.h"

#define ROOM SL_SESSION_DATAGRAM
#define KEPT_MAX 4096

struct kept {
    size_t len;
    uint8_t data[ROOM];
};

struct world {
    struct sim *sim;
    struct sim_hop hop;
    struct sim_flow flow;
    bool has_flow;
    /* What went over a link, oldest first, and what of it to hold back. */
    struct kept *kept;
    size_t kept_count;
    bool (*hold)(const uint8_t *data, size_t len);
};

static struct kept kept_store[KEPT_MAX];

static void open_world(struct world *w, const struct sim_hop_config *config)
{
    memset(w, 0, sizeof(*w));
    w->sim = sim_create(7);
    w->kept = kept_store;
    sim_hop_open(&w->hop, w->sim, config);
}

static struct sim_hop_config publishing(void)
{
    return (struct sim_hop_config){
        .client_sends = true, .up = {.delay = 5 * SL_MS}, .down = {.delay = 5 * SL_MS}};
}

static struct sim_hop_config subscribing(void)
{
    struct sim_hop_config config = publishing();
    config.client_sends = false;
    return config;
}

static void connect_world(struct world *w)
{
    assert_true(sim_hop_connect(&w->hop, SL_SEC) > 0);
}

static void start_flow(struct world *w, size_t packets)
{
    const struct sim_flow_config config = {.kind = SL_VIDEO, .packets = packets};
    sim_flow_init(&w->flow, &config, sim_hop_sender(&w->hop), sim_hop_receiver(&w->hop));
    w->has_flow = true;
    sim_flow_start(&w->flow);
}

static void check_balance(const struct sim_end *end)
{
    const struct sl_session_stats s = sim_end_stats(end);
    assert_int_equal(s.datagrams_in, s.stun_accepted + s.dtls_accepted + s.rtp_accepted +
                                         s.rtcp_accepted + s.stun_refused + s.dtls_refused +
                                         s.srtp_refused + s.srtp_replayed + s.malformed +
                                         s.unknown_source + s.late);
}

/* Still connected both ways: a second of new media arrives whole. */
static void check_alive(struct world *w)
{
    if (w->has_flow) {
        w->flow.stopped = true;
        sim_run_for(w->sim, SL_SEC);
        sim_flow_fini(&w->flow);
        sim_hop_receiver(&w->hop)->flow[SL_VIDEO] = NULL;
    }
    struct sim_flow flow;
    const struct sim_flow_config config = {
        .kind = SL_VIDEO, .packets = 240, .first_seq = w->has_flow ? (int64_t)w->flow.sent : 0};
    sim_flow_init(&flow, &config, sim_hop_sender(&w->hop), sim_hop_receiver(&w->hop));
    sim_flow_start(&flow);
    sim_run_for(w->sim, 2 * SL_SEC);
    assert_int_equal(w->hop.client.state, SL_SESSION_CONNECTED);
    assert_int_equal(w->hop.lite.state, SL_SESSION_CONNECTED);
    assert_int_equal(flow.arrived, 240);
    assert_int_equal(flow.twice, 0);
    assert_int_equal(flow.damaged, 0);
    sim_hop_receiver(&w->hop)->flow[SL_VIDEO] = NULL;
    sim_flow_fini(&flow);
}

static void close_world(struct world *w)
{
    check_balance(&w->hop.client);
    check_balance(&w->hop.lite);
    sim_hop_close(&w->hop);
    sim_destroy(w->sim);
}

static struct sl_path path_from(const char *remote)
{
    struct sl_path path = {0};
    assert_int_equal(sl_addr_parse(&path.remote, remote), 0);
    return path;
}

static void inject(struct sim_end *end, const struct sl_path *from, const uint8_t *data, size_t len)
{
    uint8_t copy[2 * ROOM];
    assert_true(len <= sizeof(copy));
    memcpy(copy, data, len);
    const sl_ns now = sim_clock_now(&end->clock);
    sl_session_receive(end->session, now, now, from, copy, len);
    sim_end_settle(end);
}

/* ---- looking into a link ---- */

static bool keep(void *ctx, const uint8_t *data, size_t len)
{
    struct world *w = ctx;
    if (w->kept_count < KEPT_MAX) {
        struct kept *kept = &w->kept[w->kept_count++];
        kept->len = len;
        memcpy(kept->data, data, len);
    }
    return w->hold && w->hold(data, len);
}

static void watch(struct world *w, struct sim_link *link,
                  bool (*hold)(const uint8_t *data, size_t len))
{
    w->hold = hold;
    w->kept_count = 0;
    link->filter = keep;
    link->filter_ctx = w;
}

static void unwatch(struct world *w)
{
    w->hop.up.filter = NULL;
    w->hop.down.filter = NULL;
}

static bool is_dtls(const uint8_t *data, size_t len)
{
    (void)len;
    return data[0] >= 20 && data[0] <= 63;
}

static bool is_rtcp(const uint8_t *data, size_t len)
{
    return data[0] >= 128 && sl_rtp_is_rtcp(data, len);
}

static bool is_rtp(const uint8_t *data, size_t len)
{
    return data[0] >= 128 && !sl_rtp_is_rtcp(data, len);
}

static bool is_media(const uint8_t *data, size_t len)
{
    return is_rtp(data, len) || is_rtcp(data, len);
}

static const struct kept *find_kept(const struct world *w,
                                    bool (*is)(const uint8_t *data, size_t len))
{
    for (size_t i = 0; i < w->kept_count; i++)
        if (is(w->kept[i].data, w->kept[i].len))
            return &w->kept[i];
    fail_msg("no such datagram was sent");
    return NULL;
}

/* ---- STUN ---- */

struct check {
    const char *local, *remote, *password; /* NULL: the right one */
    bool use_candidate;
};

static size_t make_check(const struct world *w, const struct check *check, uint8_t *out)
{
    const struct sl_sdp_agreed *agreed = &w->hop.lite_agreed;
    char username[2 * SL_ICE_UFRAG_MAX + 2];
    static uint8_t transaction[12];
    transaction[0]++;
    snprintf(username, sizeof(username), "%s:%s", check->local ? check->local : agreed->local.ufrag,
             check->remote ? check->remote : agreed->remote.ufrag);
    const struct sl_stun_request request = {.transaction = transaction,
                                            .username = username,
                                            .password = check->password ? check->password
                                                                        : agreed->local.pwd,
                                            .use_candidate = check->use_candidate,
                                            .priority = 1,
                                            .controlling = true};
    const int n = sl_stun_write_request(&request, out, SL_STUN_MESSAGE_MAX);
    assert_true(n > 0);
    return (size_t)n;
}

/* Gives a datagram from an address and expects that nothing whatever comes of it. */
static void expect_silence(struct world *w, const struct sl_path *from, const uint8_t *data,
                           size_t len)
{
    const struct sl_session_stats before = sim_end_stats(&w->hop.lite);
    const int states = w->hop.lite.states, validated = w->hop.lite.validated;
    inject(&w->hop.lite, from, data, len);
    const struct sl_session_stats after = sim_end_stats(&w->hop.lite);
    assert_int_equal(after.datagrams_out, before.datagrams_out);
    assert_int_equal(after.datagrams_in, before.datagrams_in + 1);
    assert_int_equal(
        after.stun_accepted + after.dtls_accepted + after.rtp_accepted + after.rtcp_accepted,
        before.stun_accepted + before.dtls_accepted + before.rtp_accepted + before.rtcp_accepted);
    assert_int_equal(w->hop.lite.states, states);
    assert_int_equal(w->hop.lite.validated, validated);
}

static void give_bad_checks(struct world *w, const struct sl_path *from)
{
    static const struct check wrong[] = {
        {.local = "nobodys0"},
        {.remote = "nobd"},
        {.local = ""},
        {.remote = ""},
        {.password = "notthepasswordnotthepass"},
        {.password = ""},
    };
    uint8_t data[ROOM];
    for (size_t i = 0; i < SL_COUNT(wrong); i++) {
        struct check check = wrong[i];
        for (int nominate = 0; nominate < 2; nominate++) {
            check.use_candidate = nominate;
            expect_silence(w, from, data, make_check(w, &check, data));
        }
    }
    const struct check right = {.use_candidate = true};
    size_t len = make_check(w, &right, data);
    for (size_t at = 0; at < len; at++) { /* one bit anywhere */
        if (at == len - 8 || at == len - 7)
            continue; /* FINGERPRINT's type: what is left is whole, and its last attribute skipped
                       */
        data[at] ^= 1;
        expect_silence(w, from, data, len);
        data[at] ^= 1;
    }
    for (size_t cut = 1; cut < len; cut++) /* cut short, with and without a length that fits */
        for (int fix = 0; fix < 2; fix++) {
            uint8_t shorter[ROOM];
            memcpy(shorter, data, len - cut);
            if (fix && len - cut >= 20)
                sl_put16(shorter + 2, (uint16_t)(len - cut - 20));
            /* All but FINGERPRINT (the last 8 bytes) leaves a request that is whole. */
            if (!(fix && cut == 8))
                expect_silence(w, from, shorter, len - cut);
        }
    /* No MESSAGE-INTEGRITY at all: everything before it, and the attribute taken out. */
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, data, len), 0);
    len = message.integrity_offset;
    assert_true(len > 20);
    sl_put16(data + 2, (uint16_t)(len - 20));
    expect_silence(w, from, data, len);
}

static void bad_checks_do_nothing(void **state)
{
    (void)state;
    const struct sl_path stranger = path_from("203.0.113.9:999");
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    give_bad_checks(&w, &stranger);
    give_bad_checks(&w, &w.hop.lite.from);
    connect_world(&w);
    give_bad_checks(&w, &stranger);
    give_bad_checks(&w, &w.hop.lite.from); /* nor is the session of a known address torn down */
    const struct sl_session_stats s = sim_end_stats(&w.hop.lite);
    assert_true(sl_addr_equal(&s.path.remote, &w.hop.lite.from.remote));
    check_alive(&w);
    close_world(&w);
}

/* The client asks; forged answers must not convince or stop it. */
static void forged_answers_do_nothing(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    watch(&w, &w.hop.up, NULL);
    sim_end_start(&w.hop.lite);
    sim_end_start(&w.hop.client);
    assert_true(w.kept_count > 0);
    uint8_t data[ROOM];
    const uint8_t *transaction = w.kept[0].data + 8;
    const struct sl_addr *mapped = &w.hop.lite.from.remote;
    const char *pwd = w.hop.client_agreed.remote.pwd, *wrong = "notthepasswordnotthepass";
    static const uint8_t other[12] = {1, 2, 3};
    const int lens[] = {
        sl_stun_write_success(transaction, mapped, wrong, data, ROOM),
        sl_stun_write_success(other, mapped, pwd, data + 200, 200),
        sl_stun_write_error(transaction, 487, wrong, data + 400, 200),
        sl_stun_write_error(transaction, 401, wrong, data + 600, 200),
    };
    for (size_t i = 0; i < SL_COUNT(lens); i++) {
        assert_true(lens[i] > 0);
        const uint64_t out = sim_end_stats(&w.hop.client).datagrams_out;
        inject(&w.hop.client, &w.hop.client.from, data + 200 * i, (size_t)lens[i]);
        assert_int_equal(sim_end_stats(&w.hop.client).stun_refused, i + 1);
        assert_int_equal(sim_end_stats(&w.hop.client).datagrams_out, out);
    }
    unwatch(&w);
    sim_run_for(w.sim, SL_SEC);
    check_alive(&w);
    close_world(&w);
}

static void ninth_address_is_refused(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    connect_world(&w); /* the client's own is the first */
    uint8_t data[ROOM];
    char text[SL_ADDR_TEXT];
    const struct check right = {0};
    for (int i = 2; i <= SL_ICE_LITE_ADDRESSES; i++) {
        snprintf(text, sizeof(text), "203.0.113.%d:5000", i);
        const struct sl_path path = path_from(text);
        const uint64_t out = sim_end_stats(&w.hop.lite).datagrams_out;
        inject(&w.hop.lite, &path, data, make_check(&w, &right, data));
        assert_int_equal(sim_end_stats(&w.hop.lite).datagrams_out, out + 1);
        assert_int_equal(w.hop.lite.validated, i);
    }
    const struct sl_path ninth = path_from("203.0.113.9:5000");
    const struct check nominating = {.use_candidate = true};
    expect_silence(&w, &ninth, data, make_check(&w, &right, data));
    expect_silence(&w, &ninth, data, make_check(&w, &nominating, data));
    const struct sl_path port = path_from("203.0.113.8:5001"); /* a port is an address too */
    expect_silence(&w, &port, data, make_check(&w, &right, data));
    const struct sl_path eighth = path_from("203.0.113.8:5000");
    inject(&w.hop.lite, &eighth, data, make_check(&w, &right, data));
    assert_int_equal(w.hop.lite.validated, SL_ICE_LITE_ADDRESSES);

    watch(&w, &w.hop.up, is_rtp); /* and what the ninth says is not heard */
    start_flow(&w, 8);
    sim_run_for(w.sim, 20 * SL_MS);
    unwatch(&w);
    const struct kept *rtp = find_kept(&w, is_rtp);
    expect_silence(&w, &ninth, rtp->data, rtp->len);
    assert_int_equal(w.flow.arrived, 0);
    inject(&w.hop.lite, &eighth, rtp->data, rtp->len); /* what the eighth says, is */
    assert_int_equal(w.flow.arrived, 1);
    check_alive(&w);
    close_world(&w);
}

/* An answer must not be longer than what asked for it, lest we lend our weight to a forger. */
static void replies_are_no_larger_than_requests(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    watch(&w, &w.hop.down, NULL);
    const char *const sources[] = {"203.0.113.5:1000", "[2001:db8::5]:1000"};
    for (size_t i = 0; i < SL_COUNT(sources); i++) {
        const struct sl_path path = path_from(sources[i]);
        const struct check right = {0};
        uint8_t data[ROOM];
        const size_t len = make_check(&w, &right, data);
        inject(&w.hop.lite, &path, data, len);
        assert_int_equal(w.kept_count, i + 1);
        assert_true(w.kept[i].len <= len);
    }
    w.kept_count = 0;
    /* The least that is authentic: USERNAME and MESSAGE-INTEGRITY. */
    const struct sl_path path = path_from("[2001:db8::6]:1000");
    uint8_t data[ROOM];
    const struct check right = {0};
    const size_t full = make_check(&w, &right, data);
    struct sl_stun_message message;
    assert_int_equal(sl_stun_read(&message, data, full), 0);
    const size_t username = 24 + ((message.username_len + 3) & ~(size_t)3);
    sl_put16(data + 2, (uint16_t)(username - 20 + 24));
    sl_put16(data + username, 8);
    sl_put16(data + username + 2, 20);
    unsigned int mac_len = 20;
    const char *pwd = w.hop.lite_agreed.local.pwd;
    assert_non_null(
        HMAC(EVP_sha1(), pwd, (int)strlen(pwd), data, username, data + username + 4, &mac_len));
    inject(&w.hop.lite, &path, data, username + 24);
    for (size_t i = 0; i < w.kept_count; i++)
        assert_true(w.kept[i].len <= username + 24);
    unwatch(&w);
    close_world(&w);
}

/* ---- DTLS ---- */

static void hello_needs_a_validated_address(void **state)
{
    (void)state;
    struct world w;
    struct sim_hop_config config = publishing();
    open_world(&w, &config);
    watch(&w, &w.hop.up, is_dtls); /* ICE passes, the handshake is held up */
    sim_end_start(&w.hop.lite);
    sim_end_start(&w.hop.client);
    sim_run_for(w.sim, 30 * SL_MS);
    const struct kept hello = *find_kept(&w, is_dtls);
    unwatch(&w);
    assert_int_equal(hello.data[0], 22);
    assert_int_equal(hello.data[13], 1);

    /* Before: a session of its own, which nobody has checked in with. */
    struct world fresh;
    open_world(&fresh, &config);
    const struct sl_path stranger = path_from("203.0.113.9:999");
    expect_silence(&fresh, &fresh.hop.lite.from, hello.data, hello.len);
    expect_silence(&fresh, &stranger, hello.data, hello.len);
    assert_null(fresh.hop.lite.session->dtls); /* nothing is kept for it either */
    assert_int_equal(sim_end_stats(&fresh.hop.lite).dtls_refused, 2);
    connect_world(&fresh);
    check_alive(&fresh);
    close_world(&fresh);

    /* During: the right address has checked in, another one says hello. */
    expect_silence(&w, &stranger, hello.data, hello.len);
    assert_null(w.hop.lite.session->dtls);
    sim_run_for(w.sim, SL_SEC);
    assert_int_equal(w.hop.lite.state, SL_SESSION_CONNECTED);
    /* After. */
    for (int i = 0; i < 100; i++)
        expect_silence(&w, &stranger, hello.data, hello.len);
    assert_int_equal(sim_end_stats(&w.hop.lite).dtls_refused, 101);
    check_alive(&w);
    close_world(&w);
}

/* From the very address of the peer, as an attacker beside it could send. */
static void forged_dtls_ends_nothing(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    watch(&w, &w.hop.up, NULL);
    connect_world(&w);
    sim_run_for(w.sim, SL_SEC);
    unwatch(&w);
    for (size_t i = 0; i < w.kept_count; i++) /* the whole handshake once more */
        if (is_dtls(w.kept[i].data, w.kept[i].len))
            inject(&w.hop.lite, &w.hop.lite.from, w.kept[i].data, w.kept[i].len);
    for (uint8_t epoch = 0; epoch < 3; epoch++)
        for (uint8_t level = 0; level < 4; level++)
            for (int code = 0; code < 256; code++) {
                const uint8_t alert[] = {21, 0xfe, 0xfd, 0,     epoch,        0, 0, 0, level, 0,
                                         9,  0,    2,    level, (uint8_t)code};
                inject(&w.hop.lite, &w.hop.lite.from, alert, sizeof(alert));
                inject(&w.hop.client, &w.hop.client.from, alert, sizeof(alert));
            }
    assert_int_equal(w.hop.lite.states, 1);
    assert_int_equal(w.hop.client.states, 1);
    check_alive(&w);
    close_world(&w);
}

static void wrong_fingerprint_gives_no_keys(void **state)
{
    (void)state;
    struct world w;
    struct sim_hop_config config = publishing();
    config.wrong_fingerprint = true;
    open_world(&w, &config);
    watch(&w, &w.hop.up, NULL);
    assert_int_equal(sim_hop_connect(&w.hop, 20 * SL_SEC), -1);
    assert_int_equal(w.hop.client.state, SL_SESSION_FAILED);
    assert_int_equal(w.hop.lite.state, SL_SESSION_FAILED);
    assert_null(w.hop.client.session->srtp);
    assert_null(w.hop.lite.session->srtp);
    for (size_t i = 0; i < w.kept_count; i++)
        assert_false(is_media(w.kept[i].data, w.kept[i].len));
    close_world(&w);
}

/* ---- SRTP and SRTCP ---- */

static bool hold_media(const uint8_t *data, size_t len)
{
    return is_media(data, len);
}

/* A connected world whose next frame of video, and a report, are held in `kept`. */
static void hold_a_frame(struct world *w)
{
    connect_world(w);
    sim_run_for(w->sim, 100 * SL_MS);
    watch(w, &w->hop.up, hold_media);
    start_flow(w, 8);
    sim_run_for(w->sim, 20 * SL_MS);
    unwatch(w);
}

static void srtp_needs_a_validated_address(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    hold_a_frame(&w);
    const struct sl_path stranger = path_from("203.0.113.9:999");
    const struct sl_path port = path_from("198.51.100.7:50001");
    const struct kept rtp = *find_kept(&w, is_rtp), rtcp = *find_kept(&w, is_rtcp);
    for (int i = 0; i < 10; i++) {
        expect_silence(&w, i % 2 ? &stranger : &port, rtp.data, rtp.len);
        expect_silence(&w, i % 2 ? &stranger : &port, rtcp.data, rtcp.len);
    }
    assert_int_equal(sim_end_stats(&w.hop.lite).unknown_source, 20);
    assert_int_equal(w.flow.arrived, 0);
    inject(&w.hop.lite, &w.hop.lite.from, rtp.data, rtp.len); /* the same bytes, at the door */
    assert_int_equal(w.flow.arrived, 1);
    const uint64_t accepted = sim_end_stats(&w.hop.lite).rtcp_accepted;
    inject(&w.hop.lite, &w.hop.lite.from, rtcp.data, rtcp.len);
    assert_int_equal(sim_end_stats(&w.hop.lite).rtcp_accepted, accepted + 1);
    check_alive(&w);
    close_world(&w);
}

static void replays_are_dropped(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    connect_world(&w);
    watch(&w, &w.hop.up, NULL);
    start_flow(&w, 240);
    sim_run_for(w.sim, 1500 * SL_MS);
    unwatch(&w);
    assert_int_equal(w.flow.arrived, 240);
    const struct sl_session_stats before = sim_end_stats(&w.hop.lite);
    size_t rtp = 0, rtcp = 0;
    for (size_t i = 0; i < w.kept_count; i++) {
        if (!is_media(w.kept[i].data, w.kept[i].len))
            continue;
        is_rtcp(w.kept[i].data, w.kept[i].len) ? rtcp++ : rtp++;
        expect_silence(&w, &w.hop.lite.from, w.kept[i].data, w.kept[i].len);
    }
    assert_true(rtp >= 240 && rtcp >= 1);
    assert_int_equal(sim_end_stats(&w.hop.lite).srtp_replayed, before.srtp_replayed + rtp + rtcp);
    assert_int_equal(w.flow.twice, 0);
    check_alive(&w);
    close_world(&w);
}

static void spoilt_tags_are_refused(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    hold_a_frame(&w);
    const struct kept *kinds[] = {find_kept(&w, is_rtp), find_kept(&w, is_rtcp)};
    for (size_t i = 0; i < 2; i++) {
        struct kept bad = *kinds[i];
        const size_t tag_end = bad.len - (i == 1 ? 4 : 0);
        memset(bad.data + tag_end - 16, 0, 16);
        expect_silence(&w, &w.hop.lite.from, bad.data, bad.len);
        for (size_t len = 0; len < bad.len; len++)
            expect_silence(&w, &w.hop.lite.from, kinds[i]->data, len);
        for (size_t at = 4; at < bad.len; at += 3) { /* numbers apart: those may be old instead */
            bad = *kinds[i];
            bad.data[at] ^= 0x40;
            expect_silence(&w, &w.hop.lite.from, bad.data, bad.len);
        }
    }
    struct kept bad = *kinds[1];
    bad.data[bad.len - 4] &= 0x7f; /* E=0 */
    expect_silence(&w, &w.hop.lite.from, bad.data, bad.len);
    assert_int_equal(w.flow.arrived, 0);
    for (size_t i = 0; i < w.kept_count; i++) /* all as if nothing had been */
        inject(&w.hop.lite, &w.hop.lite.from, w.kept[i].data, w.kept[i].len);
    assert_int_equal(w.flow.arrived, 8);
    check_alive(&w);
    close_world(&w);
}

/* ---- a peer with keys that lies ---- */

/* Seals as the client would and gives it to the session under test. */
static void say_rtcp(struct world *w, const uint8_t *data, size_t len)
{
    uint8_t out[2 * ROOM];
    memcpy(out, data, len);
    const int n = sl_srtp_protect_rtcp(w->hop.client.session->srtp, out, len, sizeof(out));
    assert_true(n > 0);
    inject(&w->hop.lite, &w->hop.lite.from, out, (size_t)n);
}

static void nack_of_all_numbers_is_bounded(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = subscribing();
    open_world(&w, &config);
    connect_world(&w);
    start_flow(&w, 2000);
    while (w.flow.sent < 2000)
        sim_run_for(w.sim, 100 * SL_MS);
    sim_run_for(w.sim, SL_SEC);
    const struct sl_session_stats before = sim_end_stats(&w.hop.lite);
    const uint64_t bytes = w.hop.down.stats.bytes;
    const uint32_t media = w.hop.lite.session->send[SL_VIDEO]->ssrc;
    for (int round = 0; round < 3; round++)
        for (uint32_t pid = 0; pid < 65536;) {
            uint8_t data[1400];
            size_t len = 12;
            data[0] = 0x81;
            data[1] = 205;
            sl_put32(data + 4, 1);
            sl_put32(data + 8, media);
            for (; len + 4 <= 1200 && pid < 65536; pid += 17, len += 4)
                sl_put32(data + len, pid << 16 | 0xffff);
            sl_put16(data + 2, (uint16_t)(len / 4 - 1));
            say_rtcp(&w, data, len);
        }
    const struct sl_session_stats after = sim_end_stats(&w.hop.lite);
    const uint64_t resent = after.media[SL_VIDEO].resent - before.media[SL_VIDEO].resent;
    assert_in_range(resent, 1, 2000); /* each once, in no round trip */
    assert_in_range(w.hop.down.stats.bytes - bytes, 1000, 140 * 1024); /* the bucket's size */
    check_alive(&w);
    close_world(&w);
}

static void lie_in_rtcp(const struct sim_hop_config *config, const uint8_t *types, size_t count)
{
    struct world w;
    open_world(&w, config);
    connect_world(&w);
    static const uint16_t lengths[] = {0, 1, 2, 3, 5, 6, 7, 255, 16383, 65535};
    for (size_t type = 0; type < count; type++)
        for (size_t i = 0; i < SL_COUNT(lengths); i++)
            for (unsigned items = 0; items < 32; items++) {
                uint8_t data[64];
                memset(data, 0xff, sizeof(data)); /* SSRCs of nobody */
                data[0] = (uint8_t)(0x80 | items);
                data[1] = types[type];
                sl_put16(data + 2, lengths[i]);
                sl_put32(data + 4, 1);
                for (size_t len = 8; len <= 64; len += 28)
                    say_rtcp(&w, data, len);
                data[0] |= 0x20; /* padding of 255 */
                say_rtcp(&w, data, 64);
                if (w.hop.lite.state != SL_SESSION_CONNECTED)
                    fail_msg("type %d length %d items %u: %s", types[type], lengths[i], items,
                             w.hop.lite.reason);
            }
    assert_true(sim_end_stats(&w.hop.lite).malformed > 500);
    check_alive(&w);
    close_world(&w);
}

static void lying_rtcp_lengths_do_nothing(void **state)
{
    (void)state;
    /* To one who sends, a BYE is one whatever it names: it goes last, to one who receives. */
    static const uint8_t types[] = {192, 200, 201, 202, 204, 205, 206, 207, 223, 203};
    const struct sim_hop_config sends = subscribing(), receives = publishing();
    lie_in_rtcp(&sends, types, sizeof(types) - 1);
    lie_in_rtcp(&receives, types, sizeof(types));
}

static void lying_rtp_does_nothing(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    connect_world(&w);
    const uint32_t media = w.hop.client_agreed.media[0].ssrc;
    uint16_t seq = 100;
    for (int first = 0; first < 64; first++) /* P, X and CSRC count */
        for (int fill = 0; fill < 256; fill += 5)
            for (size_t len = 12; len < 60; len += 6) {
                uint8_t data[ROOM];
                memset(data, fill, sizeof(data));
                data[0] = (uint8_t)(0x80 | first);
                data[1] = 108;
                sl_put16(data + 2, seq++);
                sl_put32(data + 8, media);
                const int n = sl_srtp_protect(w.hop.client.session->srtp, data, len, sizeof(data));
                if (n > 0) /* else it could not even be made */
                    inject(&w.hop.lite, &w.hop.lite.from, data, (size_t)n);
            }
    const struct sl_session_stats s = sim_end_stats(&w.hop.lite);
    assert_true(s.malformed > 100);
    assert_true(s.rtp_accepted > 100);
    assert_int_equal(w.hop.lite.state, SL_SESSION_CONNECTED);
    close_world(&w);
}

static void unauthenticated_goodbye_is_not_believed(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    connect_world(&w);
    uint8_t bye[64] = {0x81, 203, 0, 1};
    sl_put32(bye + 4, w.hop.client_agreed.media[0].ssrc);
    memset(bye + 8, 0x80, sizeof(bye) - 8); /* an index with E=1, wherever it is looked for */
    for (size_t len = 8; len < sizeof(bye); len++)
        expect_silence(&w, &w.hop.lite.from, bye, len);
    check_alive(&w);
    say_rtcp(&w, bye, 8); /* with the keys it is */
    assert_int_equal(w.hop.lite.state, SL_SESSION_CLOSED);
    close_world(&w);
}

/* Two different packets under one nonce would give GCM's authentication key away. */
static void no_number_is_used_for_two_packets(void **state)
{
    (void)state;
    for (int rtx = 0; rtx < 2; rtx++) {
        struct world w;
        struct sim_hop_config config = publishing();
        config.no_rtx = !rtx;
        config.up.loss = 0.1;
        open_world(&w, &config);
        assert_true(sim_hop_connect(&w.hop, 5 * SL_SEC) > 0);
        watch(&w, &w.hop.up, NULL);
        start_flow(&w, 1200);
        sim_run_for(w.sim, 6 * SL_SEC);
        unwatch(&w);
        assert_true(sim_end_stats(&w.hop.client).media[SL_VIDEO].resent > 50);
        size_t again = 0;
        for (size_t i = 0; i < w.kept_count; i++)
            for (size_t j = i + 1; is_rtp(w.kept[i].data, w.kept[i].len) && j < w.kept_count; j++)
                if (is_rtp(w.kept[j].data, w.kept[j].len) &&
                    memcmp(w.kept[i].data + 8, w.kept[j].data + 8, 4) == 0 &&
                    memcmp(w.kept[i].data + 2, w.kept[j].data + 2, 2) == 0) {
                    again++;
                    assert_int_equal(w.kept[i].len, w.kept[j].len);
                    assert_memory_equal(w.kept[i].data, w.kept[j].data, w.kept[i].len);
                }
        assert_true(rtx ? again == 0 : again > 50);
        sim_flow_fini(&w.flow);
        close_world(&w);
    }
}

/* ---- and everything else ---- */

static void noise_does_nothing(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = publishing();
    open_world(&w, &config);
    connect_world(&w);
    const struct sl_path stranger = path_from("203.0.113.9:999");
    struct sl_random random;
    sl_random_init_seed(&random, 99);
    for (int i = 0; i < 50000; i++) {
        uint8_t data[1600];
        const size_t len = sl_random_range(&random, 0, i % 4 ? 100 : sizeof(data));
        sl_random_fill(&random, data, len);
        if (len > 0 && i % 3 == 0)
            data[0] = (uint8_t)i;
        const struct sl_path *from = i % 2 ? &stranger : &w.hop.lite.from;
        inject(&w.hop.lite, from, data, len);
        inject(&w.hop.client, i % 2 ? &stranger : &w.hop.client.from, data, len);
    }
    assert_int_equal(w.hop.lite.states, 1);
    assert_int_equal(w.hop.client.states, 1);
    check_alive(&w);
    close_world(&w);
}

/* ---- parity ---- */

static struct sim_hop_config protected_hop(void)
{
    struct sim_hop_config config = publishing();
    config.fec = SL_SDP_FEC_RS;
    config.fec_percent = 50;
    return config;
}

static bool is_row(const uint8_t *data, size_t len)
{
    return len > 12 && data[0] >> 6 == 2 && (data[1] & 0x7f) == 49;
}

struct meddler {
    struct world *w;
    uint64_t rows, seen;
};

/* Each seventh packet is lost, and each row comes with a bit turned over. */
static bool damage_rows(void *ctx, const uint8_t *data, size_t len)
{
    struct meddler *meddler = ctx;
    if (!is_row(data, len))
        return len > 12 && (data[1] & 0x7f) == 108 && meddler->seen++ % 7 == 6;
    uint8_t copy[ROOM];
    memcpy(copy, data, len);
    copy[12 + meddler->rows % (len - 12)] ^= (uint8_t)(1u << meddler->rows % 8);
    meddler->rows++;
    inject(&meddler->w->hop.lite, &meddler->w->hop.lite.from, copy, len);
    return true;
}

static void test_damaged_parity_is_refused_unread(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = protected_hop();
    open_world(&w, &config);
    connect_world(&w);
    struct meddler meddler = {.w = &w};
    w.hop.up.filter = damage_rows;
    w.hop.up.filter_ctx = &meddler;
    start_flow(&w, 2400);
    sim_run_for(w.sim, 11 * SL_SEC);
    const struct sl_session_stats s = sim_end_stats(&w.hop.lite);
    assert_true(meddler.rows > 1000);
    assert_int_equal(s.srtp_refused + s.malformed, meddler.rows); /* the lengths may lie too */
    assert_int_equal(s.media[SL_VIDEO].fec_rows, 0);
    assert_int_equal(s.media[SL_VIDEO].repaired_fec, 0);
    assert_true(s.media[SL_VIDEO].repaired_resend > 300);
    assert_int_equal(sim_flow_missing(&w.flow), 0);
    assert_int_equal(w.flow.damaged + w.flow.twice, 0);
    w.hop.up.filter = NULL;
    check_alive(&w);
    close_world(&w);
}

/* Of a peer that has the keys: what it sent is its own affair, what is kept of it is bounded. */
static void test_lying_parity_changes_nothing_that_came(void **state)
{
    (void)state;
    struct world w;
    const struct sim_hop_config config = protected_hop();
    open_world(&w, &config);
    connect_world(&w);
    start_flow(&w, 4800);
    sim_run_for(w.sim, SL_SEC);
    w.hop.lite.allocations = 0;
    struct sl_random random;
    sl_random_init_seed(&random, 9);
    const uint32_t ssrc = w.hop.lite_agreed.media[0].fec_ssrc;
    const struct sl_unwrap *sent = &w.hop.client.session->send[SL_VIDEO]->sent;
    for (uint16_t seq = 30000; seq < 34000; seq++) {
        uint8_t data[ROOM] = {0x80, 49};
        sl_put16(data + 2, seq);
        sl_put32(data + 8, ssrc);
        size_t len = 12 + sl_random_range(&random, 0, 1200);
        for (size_t i = 12; i < len; i++)
            data[i] = (uint8_t)sl_random_u32(&random);
        if (seq % 2) /* of a run that is being received, and may be, about to be */
            sl_put16(data + 12, (uint16_t)(sent->highest + 130 - sl_random_range(&random, 0, 300)));
        const int n = sl_srtp_protect(w.hop.client.session->srtp, data, len, sizeof(data));
        assert_true(n > 0);
        inject(&w.hop.lite, &w.hop.lite.from, data, (size_t)n);
        sim_run_for(w.sim, SL_MS);
    }
    const struct sl_session_stats s = sim_end_stats(&w.hop.lite);
    assert_true(s.media[SL_VIDEO].fec_rows >= 4000);
    assert_int_equal(w.hop.lite.allocations, 0);
    sim_run_for(w.sim, 20 * SL_SEC);
    assert_int_equal(sim_flow_missing(&w.flow), 0);
    assert_int_equal(w.flow.damaged + w.flow.twice, 0);
    check_alive(&w);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_checks_do_nothing),
        cmocka_unit_test(forged_answers_do_nothing),
        cmocka_unit_test(ninth_address_is_refused),
        cmocka_unit_test(replies_are_no_larger_than_requests),
        cmocka_unit_test(hello_needs_a_validated_address),
        cmocka_unit_test(forged_dtls_ends_nothing),
        cmocka_unit_test(wrong_fingerprint_gives_no_keys),
        cmocka_unit_test(srtp_needs_a_validated_address),
        cmocka_unit_test(replays_are_dropped),
        cmocka_unit_test(spoilt_tags_are_refused),
        cmocka_unit_test(nack_of_all_numbers_is_bounded),
        cmocka_unit_test(lying_rtcp_lengths_do_nothing),
        cmocka_unit_test(lying_rtp_does_nothing),
        cmocka_unit_test(unauthenticated_goodbye_is_not_believed),
        cmocka_unit_test(no_number_is_used_for_two_packets),
        cmocka_unit_test(noise_does_nothing),
        cmocka_unit_test(test_damaged_parity_is_refused_unread),
        cmocka_unit_test(test_lying_parity_changes_nothing_that_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
