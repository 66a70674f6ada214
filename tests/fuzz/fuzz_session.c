/* SPDX-License-Identifier: MIT */
/*
 * Input: one byte (bit 0: the session under test sends media, else it receives), then datagrams as
 * [kind 8][length 16][bytes]:
 * kind 0: as they are, from the peer's address; 1: from a stranger's; 2: RTP and 3: RTCP, sealed
 * with the peer's keys; 4: an STUN request's attributes, sealed with its password; 5: time passes.
 * Nothing but a BYE, by a peer with keys, ends the session, and its counters balance. SSRCs are
 * the same in each run (seed 1), so that inputs can name them.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "session/internal.h"
#include "tests/support/simhop.h"

#define ROOM SL_SESSION_DATAGRAM

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void give(struct sim_hop *hop, const struct sl_path *from, uint8_t *data, int len)
{
    if (len < 0)
        return;
    sl_session_receive(hop->lite.session, sim_clock_now(&hop->lite.clock), from, data, (size_t)len);
    sim_end_settle(&hop->lite);
}

/* USERNAME and whatever the input says, then a MESSAGE-INTEGRITY that holds. */
static int seal_stun(const struct sim_hop *hop, uint8_t *out, const uint8_t *data, size_t len)
{
    const struct sl_sdp_agreed *agreed = &hop->lite_agreed;
    struct sl_writer w = sl_writer(out, ROOM);
    const size_t user = strlen(agreed->local.ufrag) + 1 + strlen(agreed->remote.ufrag);
    sl_write16(&w, 1);
    sl_write16(&w, 0);
    sl_write32(&w, 0x2112a442);
    sl_write_bytes(&w, "transaction!", 12);
    sl_write16(&w, 6);
    sl_write16(&w, (uint16_t)user);
    sl_write_bytes(&w, agreed->local.ufrag, strlen(agreed->local.ufrag));
    sl_write8(&w, ':');
    sl_write_bytes(&w, agreed->remote.ufrag, strlen(agreed->remote.ufrag));
    sl_write_bytes(&w, "\0\0\0", -user & 3);
    sl_write_bytes(&w, data, len & ~(size_t)3);
    const size_t covered = sl_writer_len(&w);
    if (w.failed || covered + 24 > ROOM)
        return -1;
    sl_put16(out + 2, (uint16_t)(covered + 24 - 20));
    sl_put32(out + covered, 0x00080014);
    unsigned int mac = 20;
    HMAC(EVP_sha1(), agreed->local.pwd, (int)strlen(agreed->local.pwd), out, covered,
         out + covered + 4, &mac);
    return (int)covered + 24;
}

static void feed(struct sim_hop *hop, int kind, const uint8_t *data, size_t len)
{
    uint8_t out[ROOM + SL_SRTP_TRAILER_MAX];
    struct sl_srtp *keys = hop->client.session->srtp;
    struct sl_path stranger = hop->lite.from;
    if (len > ROOM - SL_SRTP_TRAILER_MAX)
        len = ROOM - SL_SRTP_TRAILER_MAX;
    if (len > 0)
        memcpy(out, data, len);
    switch (kind) {
    case 0:
        give(hop, &hop->lite.from, out, (int)len);
        break;
    case 1:
        sl_addr_set_port(&stranger.remote, 9);
        give(hop, &stranger, out, (int)len);
        break;
    case 2:
        give(hop, &hop->lite.from, out, sl_srtp_protect(keys, out, len, sizeof(out)));
        break;
    case 3:
        give(hop, &hop->lite.from, out, sl_srtp_protect_rtcp(keys, out, len, sizeof(out)));
        break;
    case 4:
        give(hop, &hop->lite.from, out, seal_stun(hop, out, data, len));
        break;
    default:
        sim_run_for(hop->lite.sim, (sl_ns)len * SL_MS);
    }
}

/* A BYE may be in it (203 somewhere in RTCP with keys): then the end is no fault. */
static bool has_bye(struct sl_reader r)
{
    while (sl_reader_left(&r) >= 3) {
        const int kind = sl_read8(&r) % 6;
        const size_t len = sl_read16(&r);
        const uint8_t *data =
            sl_read_bytes(&r, len < sl_reader_left(&r) ? len : sl_reader_left(&r));
        for (size_t i = 0; kind == 3 && data && data + i < r.at; i++)
            if (data[i] == 203)
                return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 16384)
        return 0;
    struct sim *sim = sim_create(1);
    struct sim_hop hop;
    const struct sim_hop_config config = {
        .client_sends = !(data[0] & 1), .up = {.delay = SL_MS}, .down = {.delay = SL_MS}};
    sim_hop_open(&hop, sim, &config);
    check(sim_hop_connect(&hop, SL_SEC) > 0);
    struct sl_reader r = sl_reader(data + 1, size - 1);
    const bool may_end = has_bye(r);
    for (int i = 0; i < 64 && sl_reader_left(&r) >= 3; i++) {
        const int kind = sl_read8(&r) % 6;
        size_t len = sl_read16(&r);
        if (len > sl_reader_left(&r))
            len = sl_reader_left(&r);
        feed(&hop, kind, sl_read_bytes(&r, len), len);
    }
    check(hop.lite.state == SL_SESSION_CONNECTED || may_end);
    const struct sl_session_stats s = sim_end_stats(&hop.lite);
    check(s.datagrams_in == s.stun_accepted + s.dtls_accepted + s.rtp_accepted + s.rtcp_accepted +
                                s.stun_refused + s.dtls_refused + s.srtp_refused + s.srtp_replayed +
                                s.malformed + s.unknown_source + s.late);
    sim_hop_close(&hop);
    sim_destroy(sim);
    return 0;
}
