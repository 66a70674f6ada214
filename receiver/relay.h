/* SPDX-License-Identifier: MIT */
/*
 * Relay: one camera, from its publisher's session to every subscriber's, at once.
 *
 *     publisher's session ──packet()──▶ [ number and time of the camera ] ──▶ history
 *                                                    │
 *                              feed · feed · feed ◀──┘  forward(): each a subscriber's session
 *
 * Cut-through: a packet leaves with the datagrams it was read with, whatever is missing before it.
 * They leave subscriber by subscriber: the first has its whole picture before the last has half of
 * one, and each one's datagrams make long runs for the kernel (net/udp.h). What the
 * upstream session repairs follows when it comes, under the number it always had. Numbers and
 * timestamps of the camera only go up: a new publisher (restart, takeover) or SSRC gets an offset
 * that puts it a few missing numbers behind the highest, so that nobody glues its first frame to
 * the last one of the old, and as many ticks later as time went by.
 *
 * A feed gets sound at once and video from the first packet of a key frame on: out of the history
 * if one began in the last 250 ms, else the publisher is asked for one. Requests of all feeds are
 * put together into at most one per 200 ms.
 *
 * A camera may have two pictures, VIDEO and the small VIDEO_SUB: layers, of one clock. A feed has
 * one video stream, which shows one of them; when it chooses the other, the old one goes on up to
 * the end of a frame behind which the new one can begin, with a key frame, under the numbers that
 * follow. Timestamps are the pictures' own: a change may step back by a frame.
 *
 * Pure: time is an argument, sessions are behind two functions. One thread; nothing allocates
 * after create but sl_relay_join(), which may grow the list of feeds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"

struct sl_relay;

/* What the relay does with sessions; `session` is what publish and join were given. */
struct sl_relay_sessions {
    int (*send)(void *session, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                sl_ns now);
    void (*request_keyframe)(void *session, enum sl_media_kind kind, sl_ns now);
};

/* sl_session_send and sl_session_request_keyframe of common/session. */
extern const struct sl_relay_sessions sl_relay_real_sessions;

/* Numbers of a feed that are of one layer: the layer's + shift. */
struct sl_feed_span {
    enum sl_media_kind kind;
    int64_t shift;
    int64_t first; /* number of the layer */
    int64_t end;   /* number of the feed behind it, if it is over */
};

/* The camera at one subscriber: embedded in the subscriber, read by nobody else. */
struct sl_feed {
    void *session;
    bool live;                 /* connected */
    bool waiting;              /* gets no pictures before the start of a key frame */
    bool awaiting;             /* its layer can only begin with one */
    enum sl_media_kind chosen; /* by the subscriber */
    enum sl_media_kind layer;  /* what it is to get: chosen, or what there is */
    sl_ns turned_at;           /* when that changed */
    struct sl_feed_span span, before;
    int64_t highest; /* number of pictures sent */
    bool ended;      /* with it, a frame */
    sl_ns sent_at;
    bool started[SL_MEDIA_KINDS];
    int64_t first[SL_MEDIA_KINDS]; /* number of the first packet it was sent */
    sl_ns key_at;                  /* when it was given the start of a key frame */
    sl_ns keys_due;                /* of its requests: see sl_relay_keyframe_wanted() */
    uint64_t sent, refused;
};

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_relay_create(struct sl_relay **ret, const struct sl_relay_sessions *sessions);
void sl_relay_destroy(struct sl_relay *relay);

/* A publisher takes the place of the one there is; NULL: none. Feeds stay. */
void sl_relay_publish(struct sl_relay *relay, void *session, sl_ns now);
/* Gives back the memory of the packets it remembers; only without publisher and feeds. */
void sl_relay_forget(struct sl_relay *relay);

/* From the publisher's session. Waits for sl_relay_forward(), but not for more than 128 packets. */
void sl_relay_packet(struct sl_relay *relay, enum sl_media_kind kind,
                     const struct sl_rtp_packet *packet, bool repaired, sl_ns now);
/* To every feed what waits. */
void sl_relay_forward(struct sl_relay *relay, sl_ns now);

/* What is added to the timestamps of this publisher, by now. */
uint32_t sl_relay_timestamp_offset(const struct sl_relay *relay, enum sl_media_kind kind);

/* A subscriber whose session is not connected yet. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_relay_join(struct sl_relay *relay, struct sl_feed *feed, void *session);
/* Its session is connected: media flows. */
void sl_relay_connected(struct sl_relay *relay, struct sl_feed *feed, sl_ns now);
/* It wants this layer, now or once it is connected; where the camera has no VIDEO_SUB, VIDEO. */
void sl_relay_choose(struct sl_relay *relay, struct sl_feed *feed, enum sl_media_kind layer,
                     sl_ns now);
/* What it gets, or is about to. */
enum sl_media_kind sl_relay_layer(const struct sl_feed *feed);
/* Not from inside a call into the relay. */
void sl_relay_leave(struct sl_relay *relay, struct sl_feed *feed);
int sl_relay_feeds(const struct sl_relay *relay);

/* The subscriber's session was asked for `seq` (of the feed) again; NULL: not held, or not its.
 * Valid until the next call. */
const struct sl_rtp_packet *sl_relay_resend(struct sl_relay *relay, const struct sl_feed *feed,
                                            enum sl_media_kind kind, int64_t seq);

/* The subscriber asked for a key frame. Not passed on if it waits for one anyway, or if one was on
 * its way when it asked: began towards it within the last 200 ms (peers that lack one ask again).
 */
void sl_relay_keyframe_wanted(struct sl_relay *relay, struct sl_feed *feed, sl_ns now);

/* When to call tick next; SL_NEVER: no need. */
sl_ns sl_relay_due(const struct sl_relay *relay);
void sl_relay_tick(struct sl_relay *relay, sl_ns now);

/*
 * offered == kept + stale
 * fanned == sent + refused + withheld: of each forwarded packet to each live feed, first sends only
 */
struct sl_relay_stats {
    uint64_t offered, kept;
    uint64_t stale;    /* of an earlier publisher, or older than the history */
    uint64_t repaired; /* of the kept */
    uint64_t fanned, sent, refused, withheld;
    uint64_t replayed; /* out of the history for joiners, besides */
    uint64_t publishers, keyframes_wanted, keyframes_ignored, keyframes_requested, keyframes_seen;
};
void sl_relay_stats(const struct sl_relay *relay, struct sl_relay_stats *ret);
