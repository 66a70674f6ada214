/* SPDX-License-Identifier: MIT */
/*
 * Input: one byte of mode, then datagrams as [length 16][bytes], all for the server.
 * mode 0: before any handshake. 1: after completion. Else: datagram number mode - 2 of a true
 * handshake is preceded by them. Whatever comes, the server stays usable or says FAILED, and one
 * that stood before keeps standing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dtls/dtls.h"

#define QUEUE 64

struct link {
    struct sl_dtls *peers[2]; /* 0: the client */
    struct {
        int to;
        size_t len;
        uint8_t data[1500];
    } queue[QUEUE];
    size_t first, last;
};

struct end {
    struct link *link;
    int side;
};

static struct sl_dtls_identity *identity;

static void on_send(void *ctx, const uint8_t *data, size_t len)
{
    const struct end *end = ctx;
    struct link *link = end->link;
    if (len > 1200)
        abort();
    if (link->last == QUEUE)
        return;
    link->queue[link->last].to = !end->side;
    link->queue[link->last].len = len;
    memcpy(link->queue[link->last++].data, data, len);
}

static void feed(struct link *link, const uint8_t *data, size_t len)
{
    struct sl_reader r = sl_reader(data, len);
    for (int i = 0; i < 32 && sl_reader_left(&r) >= 2; i++) {
        size_t n = sl_read16(&r);
        if (n > sl_reader_left(&r))
            n = sl_reader_left(&r);
        sl_dtls_receive(link->peers[1], 0, sl_read_bytes(&r, n), n);
    }
}

/* Delivers up to `max` datagrams. */
static void deliver(struct link *link, int max)
{
    for (; max > 0 && link->first < link->last; max--, link->first++)
        sl_dtls_receive(link->peers[link->queue[link->first].to], 0, link->queue[link->first].data,
                        link->queue[link->first].len);
}

static void open_link(struct link *link, struct end ends[2])
{
    for (int side = 0; side < 2; side++) {
        ends[side] = (struct end){.link = link, .side = side};
        struct sl_dtls_config config = {
            .identity = identity, .client = side == 0, .send = on_send, .ctx = &ends[side]};
        memcpy(config.remote_fingerprint, sl_dtls_identity_fingerprint(identity), 32);
        if (sl_dtls_create(&link->peers[side], &config) < 0)
            abort();
    }
}

extern const size_t sl_replay_cuts;
const size_t sl_replay_cuts = 64; /* see replay_main.c */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct link link;
    struct end ends[2];
    if (!identity && sl_dtls_identity_generate(&identity, "fuzz") < 0)
        abort();
    if (size < 1)
        return 0;
    const int mode = data[0] % 8;
    memset(&link, 0, sizeof(link));
    open_link(&link, ends);
    if (mode > 0)
        sl_dtls_start(link.peers[0], 0);
    deliver(&link, mode == 1 ? QUEUE : mode > 1 ? mode - 2 : 0);
    const enum sl_dtls_state before = sl_dtls_state(link.peers[1]);
    if (mode == 1 && before != SL_DTLS_CONNECTED)
        abort();
    feed(&link, data + 1, size - 1);
    deliver(&link, QUEUE);
    const enum sl_dtls_state after = sl_dtls_state(link.peers[1]);
    if (before == SL_DTLS_CONNECTED && after != SL_DTLS_CONNECTED)
        abort(); /* nobody but the peer ends it, and it did not */
    enum sl_srtp_profile profile;
    uint8_t send[SL_SRTP_KEY_MAX], receive[SL_SRTP_KEY_MAX];
    const int keys = sl_dtls_keys(link.peers[1], &profile, send, receive);
    if ((keys == 0) != (after == SL_DTLS_CONNECTED))
        abort();
    sl_dtls_destroy(link.peers[0]);
    sl_dtls_destroy(link.peers[1]);
    return 0;
}
