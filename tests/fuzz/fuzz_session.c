/* SPDX-License-Identifier: MIT */
/*
 * A connected session against a peer that holds the keys and lies: the input is a list of
 * [what][length, 2 bytes][bytes]: raw datagrams, or RTP and RTCP that is sealed as the peer would.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "session/internal.h"

#define START (1000 * SL_SEC)

static const uint8_t here_key[SL_SRTP_KEY_MAX] = {1}, there_key[SL_SRTP_KEY_MAX] = {2};

struct bench {
    struct sl_random random;
    struct sl_session *session;
    struct sl_srtp *peer;
    struct sl_path path;
    sl_ns now;
    int64_t seq;
    struct sl_rtp_packet last;
};

static void on_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)path;
    if (len == 0 || len > SL_SESSION_DATAGRAM || data == NULL)
        abort();
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    uint8_t sum = 0;
    (void)ctx;
    (void)repaired;
    (void)now;
    for (size_t i = 0; i < packet->payload_len; i++)
        sum ^= packet->payload[i];
    volatile uint8_t sink = sum;
    (void)sink;
    if ((unsigned)kind >= SL_MEDIA_KINDS)
        abort();
}

static const struct sl_rtp_packet *on_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    struct bench *bench = ctx;
    (void)kind;
    bench->last.seq = seq;
    return &bench->last;
}

static void on_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    (void)ctx;
    (void)now;
    if (event->state != SL_MOTION_GOES_ON && event->state != SL_MOTION_ENDED)
        abort();
}

static void on_device(void *ctx, uint32_t flags, sl_ns now)
{
    (void)ctx;
    (void)flags;
    (void)now;
}

static const struct sl_session_handler handler = {.send = on_send,
                                                  .packet = on_packet,
                                                  .resend = on_resend,
                                                  .event = on_event,
                                                  .device = on_device};

static struct sl_sdp_media media_of(enum sl_media_kind kind, uint8_t how)
{
    struct sl_sdp_media media = {.kind = kind,
                                 .mid = "0",
                                 .pt = (uint8_t)(108 + 2 * kind),
                                 .rtx_pt = (uint8_t)(109 + 2 * kind),
                                 .clock_hz = 90000,
                                 .ids = {.mid = 1, .abs_capture_time = 2, .playout_delay = 3},
                                 .nack = true,
                                 .pli = true,
                                 .rrtr = true,
                                 .ssrc = 0x1000u + (uint32_t)kind,
                                 .rtx_ssrc = 0x2000u + (uint32_t)kind,
                                 .cname = "fuzz"};
    media.ccfb = how & 8;
    if (kind == SL_VIDEO && how & 6) {
        media.fec = how & 2 ? SL_SDP_FEC_RS : SL_SDP_FEC_FLEXFEC;
        media.fec_pt = 49;
        media.fec_ssrc = 0x3000;
    }
    return media;
}

static void send_some(struct bench *bench, int count)
{
    static const uint8_t payload[100] = {0x61};
    for (int i = 0; i < count; i++) {
        bench->last = (struct sl_rtp_packet){.seq = bench->seq++,
                                             .timestamp = (uint32_t)(bench->seq / 5),
                                             .marker = bench->seq % 5 == 4,
                                             .payload = payload,
                                             .payload_len = sizeof(payload)};
        const int r = sl_session_send(bench->session, SL_VIDEO, &bench->last, bench->now);
        if (r < 0 && r != -ENOTCONN)
            abort();
    }
}

/* `how`: 1 sends, 2 Reed-Solomon, 4 flexfec, 8 feedback, 16 not our own program. */
static void build(struct bench *bench, const struct sl_dtls_identity *identity, uint8_t how)
{
    const bool sends = how & 1;
    memset(bench, 0, sizeof(*bench));
    bench->now = START;
    sl_random_init_seed(&bench->random, 1);
    bench->path.remote.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = 1};
    struct sl_session_config config = {
        .identity = identity, .handler = &handler, .ctx = bench, .random = &bench->random};
    config.agreed.local.ice_lite = true;
    config.agreed.local_sends = sends;
    config.agreed.sightline = !(how & 16);
    config.fec_percent = how & 32 ? 50 : SL_FEC_AUTO;
    config.ceiling_bps = 2000000;
    config.agreed.media[config.agreed.media_count++] = media_of(SL_VIDEO, how);
    config.agreed.media[config.agreed.media_count++] = media_of(SL_AUDIO, how);
    config.agreed.media[config.agreed.media_count++] = media_of(SL_VIDEO_SUB, how);
    if (sl_session_create(&bench->session, &config, START) < 0 ||
        sl_srtp_create(&bench->session->srtp, SL_SRTP_AEAD_AES_128_GCM, here_key, there_key) < 0 ||
        sl_srtp_create(&bench->peer, SL_SRTP_AEAD_AES_128_GCM, there_key, here_key) < 0)
        abort();
    bench->session->ice.lite.validated[0].path = bench->path;
    bench->session->ice.lite.count = 1;
    sl_session_enter(bench->session, SL_SESSION_CONNECTED, "fuzz");
    if (sends) /* a number that the corpus can name */
        bench->session->send[SL_VIDEO]->offset = 1000;
    send_some(bench, sends ? 10 : 0);
}

static void deliver(struct bench *bench, uint8_t what, const uint8_t *data, size_t len)
{
    uint8_t datagram[SL_SESSION_DATAGRAM];
    int n = (int)len;
    if (len > sizeof(datagram) - SL_SRTP_TRAILER_MAX)
        return;
    if (len)
        memcpy(datagram, data, len);
    if (what % 4 == 1) {
        n = sl_srtp_protect(bench->peer, datagram, len, sizeof(datagram));
    } else if (what % 4 == 2) {
        n = sl_srtp_protect_rtcp(bench->peer, datagram, len, sizeof(datagram));
    } else if (what % 4 == 3) {
        bench->now += (sl_ns)len * SL_MS;
        if (bench->session->send[SL_VIDEO])
            send_some(bench, what / 4 % 16);
        (void)sl_session_next_frame(bench->session, bench->now);
    }
    if (n < 0)
        return;
    uint8_t *exact = malloc(n ? (size_t)n : 1);
    if (!exact)
        abort();
    memcpy(exact, datagram, (size_t)n);
    sl_session_receive(bench->session, bench->now, bench->now, &bench->path, exact, (size_t)n);
    free(exact);
    for (int i = 0; sl_session_due(bench->session) <= bench->now; i++) {
        if (i > 100)
            abort(); /* due again and again */
        sl_session_tick(bench->session, bench->now);
    }
}

static void check(const struct sl_session *session)
{
    struct sl_session_stats s;
    sl_session_stats(session, &s);
    if (s.datagrams_in != s.stun_accepted + s.dtls_accepted + s.rtp_accepted + s.rtcp_accepted +
                              s.stun_refused + s.dtls_refused + s.srtp_refused + s.srtp_replayed +
                              s.malformed + s.unknown_source + s.late)
        abort();
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        const struct sl_session_media_stats *m = &s.media[kind];
        if (m->expected != m->received + m->repaired + m->missing + m->given_up ||
            m->repaired != m->repaired_fec + m->repaired_resend)
            abort();
    }
}

extern const size_t sl_replay_cuts;
const size_t sl_replay_cuts = 64; /* see replay_main.c */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sl_dtls_identity *identity;
    if (!identity &&
        (sl_srtp_library_init() < 0 || sl_dtls_identity_generate(&identity, "fuzz") < 0))
        abort();
    struct bench bench;
    struct sl_reader r = sl_reader(data, size);
    build(&bench, identity, sl_read8(&r));
    for (int i = 0; i < 200 && sl_reader_left(&r) > 0; i++) {
        const uint8_t what = sl_read8(&r);
        const size_t want = sl_read16(&r);
        const size_t len = want < sl_reader_left(&r) ? want : sl_reader_left(&r);
        const uint8_t *bytes = sl_read_bytes(&r, len);
        if (bytes)
            deliver(&bench, what, bytes, len);
    }
    check(bench.session);
    sl_session_destroy(bench.session);
    sl_srtp_destroy(bench.peer);
    return 0;
}
