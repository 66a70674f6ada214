/* SPDX-License-Identifier: MIT */
#include "receiver/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/time.h"
#include "media/h264_unpack.h"
#include "rtp/history.h"
#include "session/session.h"

#define VIDEO_SLOTS 2048    /* 4 s at 6 Mb/s */
#define VIDEO_SUB_SLOTS 512 /* the same at 1.5 Mb/s */
#define AUDIO_SLOTS 256     /* 5 s of 20 ms packets */

#define REQUEST_EVERY (200 * SL_MS) /* key frame requests to one publisher */
#define REQUEST_RETRY (500 * SL_MS) /* while somebody still waits for one  */
#define STALE_REQUEST (200 * SL_MS) /* after a key frame: what repair cannot mend shows later */
#define FEED_REQUEST_EVERY (1 * SL_SEC)
#define FEED_REQUEST_BURST 5
#define REPLAY_WITHIN (250 * SL_MS) /* a little more than REQUEST_EVERY: see the header */
#define EPOCH_GAP                                                                                  \
    5 /* one that stays missing, and room for a head that is repaired (session/nack.h) */
#define BATCH_MAX 128               /* packets; the history holds many more */
#define ELAPSED_MAX (3600 * SL_SEC) /* beyond, timestamps may as well start anywhere */

/* One medium of the camera, in the camera's numbers. */
struct track {
    uint32_t clock_hz;
    struct sl_history *history;
    size_t slots;

    bool begun;    /* anything at all so far */
    bool in_epoch; /* anything of this publisher */
    uint32_t ssrc; /* of this epoch */
    int64_t floor; /* numbers up to here are of earlier epochs */
    int64_t first; /* of this epoch, as it arrived */
    int64_t highest;
    int64_t offset; /* camera's number - publisher's */
    uint32_t timestamp_offset;

    uint32_t last_timestamp; /* of `highest` */
    sl_ns last_arrival;
    bool last_has_capture;
    uint64_t last_capture; /* our NTP */
};

/* The last key frame that began. */
struct key {
    bool seen;
    bool whole_start; /* `seq` is known to be its very first packet */
    uint32_t timestamp;
    int64_t seq;
    sl_ns at;
};

struct sl_relay {
    const struct sl_relay_sessions *sessions;
    void *publisher;
    struct track tracks[SL_MEDIA_KINDS];
    struct key key;

    struct sl_feed **feeds;
    int count, room, waiting;

    /* Not forwarded yet; in the history. */
    struct {
        enum sl_media_kind kind;
        const struct sl_rtp_packet *packet;
    } batch[BATCH_MAX];
    int batched;

    bool wanted;    /* a key frame, and not asked for yet */
    sl_ns asked_at; /* the last request; far past if none to this publisher */
    struct sl_relay_stats stats;
};

static int real_send(void *session, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                     sl_ns now)
{
    return sl_session_send(session, kind, packet, now);
}

static void real_request_keyframe(void *session, enum sl_media_kind kind, sl_ns now)
{
    sl_session_request_keyframe(session, kind, now);
}

const struct sl_relay_sessions sl_relay_real_sessions = {
    .send = real_send,
    .request_keyframe = real_request_keyframe,
};

int sl_relay_create(struct sl_relay **ret, const struct sl_relay_sessions *sessions)
{
    struct sl_relay *relay = calloc(1, sizeof(*relay));
    if (!relay)
        return -ENOMEM;
    relay->sessions = sessions;
    relay->tracks[SL_VIDEO].clock_hz = 90000;
    relay->tracks[SL_VIDEO].slots = VIDEO_SLOTS;
    relay->tracks[SL_AUDIO].clock_hz = 48000;
    relay->tracks[SL_AUDIO].slots = AUDIO_SLOTS;
    relay->tracks[SL_VIDEO_SUB].clock_hz = 90000;
    relay->tracks[SL_VIDEO_SUB].slots = VIDEO_SUB_SLOTS;
    int err = 0;
    for (int kind = 0; kind < SL_MEDIA_KINDS && err == 0; kind++)
        err = sl_history_create(&relay->tracks[kind].history, relay->tracks[kind].slots);
    if (err != 0) {
        sl_relay_destroy(relay);
        return err;
    }
    relay->asked_at = -REQUEST_RETRY;
    *ret = relay;
    return 0;
}

void sl_relay_destroy(struct sl_relay *relay)
{
    if (!relay)
        return;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        sl_history_destroy(relay->tracks[kind].history);
    free(relay->feeds);
    free(relay);
}

/* ---- Key frames asked for ---- */

static sl_ns request_due(const struct sl_relay *relay)
{
    if (!relay->publisher)
        return SL_NEVER;
    if (relay->wanted)
        return relay->asked_at + REQUEST_EVERY;
    return relay->waiting ? relay->asked_at + REQUEST_RETRY : SL_NEVER;
}

static void request_if_due(struct sl_relay *relay, sl_ns now)
{
    if (now < request_due(relay))
        return;
    relay->wanted = false;
    relay->asked_at = now;
    relay->stats.keyframes_requested++;
    relay->sessions->request_keyframe(relay->publisher, SL_VIDEO, now);
}

/* When the start of a key frame last left towards `feed`; long ago if none did. */
static sl_ns key_sent_at(const struct sl_relay *relay, const struct sl_feed *feed)
{
    if (!feed->started[SL_VIDEO])
        return INT64_MIN / 2;
    return relay->key.seen && relay->key.at > feed->key_at ? relay->key.at : feed->key_at;
}

static void want_key(struct sl_relay *relay, sl_ns now)
{
    relay->wanted = true;
    request_if_due(relay, now);
}

/* A token bucket: `keys_due` is when it would be full again. */
static bool may_ask(struct sl_feed *feed, sl_ns now)
{
    const sl_ns due = feed->keys_due > now ? feed->keys_due : now;
    if (due + FEED_REQUEST_EVERY > now + FEED_REQUEST_BURST * FEED_REQUEST_EVERY)
        return false;
    feed->keys_due = due + FEED_REQUEST_EVERY;
    return true;
}

void sl_relay_keyframe_wanted(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    relay->stats.keyframes_wanted++;
    if (feed->waiting || now - key_sent_at(relay, feed) < STALE_REQUEST || !may_ask(feed, now))
        relay->stats.keyframes_ignored++;
    else
        want_key(relay, now);
}

sl_ns sl_relay_due(const struct sl_relay *relay)
{
    return request_due(relay);
}

void sl_relay_tick(struct sl_relay *relay, sl_ns now)
{
    request_if_due(relay, now);
}

/* ---- Publishers ---- */

static void set_waiting(struct sl_relay *relay, struct sl_feed *feed, bool waiting)
{
    relay->waiting += (int)waiting - (int)feed->waiting;
    feed->waiting = waiting;
}

void sl_relay_publish(struct sl_relay *relay, void *session, sl_ns now)
{
    sl_relay_forward(relay, now);
    relay->publisher = session;
    relay->key = (struct key){.seen = false};
    relay->wanted = false;
    if (!session)
        return;
    relay->stats.publishers++;
    /* It begins with a key frame unasked: the first request is a retry. */
    relay->asked_at = now;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        relay->tracks[kind].in_epoch = false;
}

/* The old pictures are no reference for the new ones. */
static void await_key(struct sl_relay *relay)
{
    relay->key = (struct key){.seen = false};
    for (int i = 0; i < relay->count; i++)
        if (relay->feeds[i]->live)
            set_waiting(relay, relay->feeds[i], true);
}

static uint64_t capture_of(const struct sl_rtp_packet *packet)
{
    return packet->capture_ntp - (uint64_t)packet->capture_offset;
}

/* Time from the last packet of the old epoch to the first of the new: by capture time if both
 * have it and it is believable, so that sound and picture keep their distance. */
static sl_ns elapsed(const struct track *track, const struct sl_rtp_packet *packet, sl_ns now)
{
    const sl_ns by_arrival = now - track->last_arrival;
    sl_ns span = by_arrival;
    if (packet->has_capture && track->last_has_capture) {
        const sl_ns by_capture =
            sl_ntp_span_to_ns((int64_t)(capture_of(packet) - track->last_capture));
        if (by_capture > 0 && llabs(by_capture - by_arrival) < 2 * SL_SEC)
            span = by_capture;
    }
    if (span < SL_MS)
        span = SL_MS;
    return span < ELAPSED_MAX ? span : ELAPSED_MAX;
}

static void begin_epoch(struct track *track, const struct sl_rtp_packet *packet, sl_ns now)
{
    track->in_epoch = true;
    track->ssrc = packet->ssrc;
    if (!track->begun) {
        /* Room below for what was sent before the first that arrived. */
        track->begun = true;
        track->floor = 0;
        track->first = packet->seq + 65536;
        track->timestamp_offset = 0;
        track->highest = track->first - 1;
    } else {
        track->floor = track->highest;
        track->first = track->highest + 1 + EPOCH_GAP;
        const sl_ns span = elapsed(track, packet, now);
        const uint32_t ticks = (uint32_t)(span * (sl_ns)track->clock_hz / SL_SEC);
        track->timestamp_offset = track->last_timestamp + ticks - packet->timestamp;
    }
    track->offset = track->first - packet->seq;
}

/* ---- Sending ---- */

static bool send_to(struct sl_relay *relay, struct sl_feed *feed, enum sl_media_kind kind,
                    const struct sl_rtp_packet *packet, sl_ns now)
{
    const bool sent = relay->sessions->send(feed->session, kind, packet, now) == 0;
    if (sent)
        feed->sent++;
    else
        feed->refused++;
    return sent;
}

/* Begins the video of `feed` at the last key frame's first packet. */
static void begin_video(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    const struct track *video = &relay->tracks[SL_VIDEO];
    set_waiting(relay, feed, false);
    feed->started[SL_VIDEO] = true;
    feed->key_at = now;
    feed->first[SL_VIDEO] = relay->key.seq;
    for (int64_t seq = relay->key.seq; seq <= video->highest; seq++) {
        const struct sl_rtp_packet *packet = sl_history_get(video->history, seq, NULL);
        if (packet && send_to(relay, feed, SL_VIDEO, packet, now))
            relay->stats.replayed++;
    }
}

/* SEI, SPS, AUD or STAP-A: what a key frame begins with. */
static bool begins_unit(const struct sl_rtp_packet *packet)
{
    const unsigned type = packet->payload_len ? packet->payload[0] & 0x1fu : 0;
    return type == 6 || type == 7 || type == 9 || type == 24;
}

/* Walks back to the first packet of the key frame, as far as there is no hole. */
static void find_start(struct sl_relay *relay)
{
    const struct track *video = &relay->tracks[SL_VIDEO];
    struct key *key = &relay->key;
    const struct sl_rtp_packet *before;
    while (key->seq > video->first &&
           (before = sl_history_get(video->history, key->seq - 1, NULL)) != NULL) {
        if (before->timestamp != key->timestamp) {
            key->whole_start = true;
            return;
        }
        key->seq--;
    }
    /* Nothing came before it. Then it must look like a beginning: the very first packet, with the
     * parameter sets, may be lost and on its way again. */
    const struct sl_rtp_packet *start = sl_history_get(video->history, key->seq, NULL);
    key->whole_start = key->seq <= video->first && start && begins_unit(start);
}

/* Looks for the start of a key frame in `packet`, which the history holds. */
static void note_key(struct sl_relay *relay, const struct sl_rtp_packet *packet, sl_ns now)
{
    struct key *key = &relay->key;
    const bool newer = !key->seen || (int32_t)(packet->timestamp - key->timestamp) > 0;
    if (newer && sl_h264_peek(packet->payload, packet->payload_len).starts_key) {
        *key = (struct key){
            .seen = true, .timestamp = packet->timestamp, .seq = packet->seq, .at = now};
        relay->stats.keyframes_seen++;
        relay->wanted = false; /* whatever was lost before it does not matter now */
    }
    if (key->seen && !key->whole_start)
        find_start(relay);
}

/* Did a key frame begin so lately that a joiner can be shown all since, without a fast-forward? */
static bool key_is_fresh(const struct sl_relay *relay, sl_ns now)
{
    const int64_t held = relay->tracks[SL_VIDEO].highest - VIDEO_SLOTS;
    return relay->key.whole_start && now - relay->key.at <= REPLAY_WITHIN && relay->key.seq > held;
}

/* True if the feed's video began with it, so that all there is so far has been sent. */
static bool forward_to(struct sl_relay *relay, struct sl_feed *feed, enum sl_media_kind kind,
                       const struct sl_rtp_packet *packet, bool startable, sl_ns now)
{
    relay->stats.fanned++;
    if (kind == SL_AUDIO && !feed->started[SL_AUDIO]) {
        feed->started[SL_AUDIO] = true;
        feed->first[SL_AUDIO] = packet->seq;
    }
    if ((kind == SL_VIDEO && feed->waiting) || packet->seq < feed->first[kind]) {
        relay->stats.withheld++;
        if (kind == SL_VIDEO && feed->waiting && startable) {
            begin_video(relay, feed, now); /* this packet is in it */
            return true;
        }
    } else if (send_to(relay, feed, kind, packet, now)) {
        relay->stats.sent++;
    } else {
        relay->stats.refused++;
    }
    return false;
}

void sl_relay_forward(struct sl_relay *relay, sl_ns now)
{
    if (!relay->batched)
        return;
    const bool startable = relay->waiting && key_is_fresh(relay, now);
    for (int i = 0; i < relay->count; i++) {
        struct sl_feed *feed = relay->feeds[i];
        if (!feed->live)
            continue;
        bool begun = false;
        for (int at = 0; at < relay->batched; at++) {
            const enum sl_media_kind kind = relay->batch[at].kind;
            if (begun && kind == SL_VIDEO) { /* the history, and so the replay, had it */
                relay->stats.fanned++;
                relay->stats.withheld++;
            } else {
                begun |= forward_to(relay, feed, kind, relay->batch[at].packet, startable, now);
            }
        }
    }
    relay->batched = 0;
}

/* `packet` as the history keeps it, or, if it is too large for that, as it is. */
static void forward_later(struct sl_relay *relay, enum sl_media_kind kind,
                          const struct sl_rtp_packet *packet, sl_ns now)
{
    const struct sl_rtp_packet *kept =
        sl_history_get(relay->tracks[kind].history, packet->seq, NULL);
    relay->batch[relay->batched].kind = kind;
    relay->batch[relay->batched++].packet = kept ? kept : packet;
    if (!kept || relay->batched == BATCH_MAX)
        sl_relay_forward(relay, now);
}

void sl_relay_packet(struct sl_relay *relay, enum sl_media_kind kind,
                     const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    struct track *track = &relay->tracks[kind];
    relay->stats.offered++;
    if (!track->in_epoch || (packet->ssrc != track->ssrc && !repaired)) {
        sl_relay_forward(relay, now);
        begin_epoch(track, packet, now);
        if (kind == SL_VIDEO)
            await_key(relay);
    }

    struct sl_rtp_packet own = *packet;
    own.seq += track->offset;
    own.timestamp += track->timestamp_offset;
    if (packet->ssrc != track->ssrc || own.seq <= track->floor ||
        track->highest - own.seq >= (int64_t)track->slots) {
        relay->stats.stale++;
        return;
    }
    if (own.seq < track->first)
        track->first = own.seq; /* sent before the first that arrived */
    if (own.seq > track->highest) {
        track->highest = own.seq;
        track->last_timestamp = own.timestamp;
        track->last_arrival = now;
        track->last_has_capture = own.has_capture;
        track->last_capture = capture_of(&own);
    }
    sl_history_put(track->history, &own, now);
    relay->stats.kept++;
    relay->stats.repaired += repaired;
    if (kind == SL_VIDEO)
        note_key(relay, &own, now);
    forward_later(relay, kind, &own, now);
    if (kind == SL_VIDEO)
        request_if_due(relay, now);
}

uint32_t sl_relay_timestamp_offset(const struct sl_relay *relay, enum sl_media_kind kind)
{
    return relay->tracks[kind].timestamp_offset;
}

/* ---- Subscribers ---- */

int sl_relay_join(struct sl_relay *relay, struct sl_feed *feed, void *session)
{
    if (relay->count == relay->room) {
        const int room = relay->room ? relay->room * 2 : 8;
        struct sl_feed **feeds = realloc(relay->feeds, (size_t)room * sizeof(struct sl_feed *));
        if (!feeds)
            return -ENOMEM;
        relay->feeds = feeds;
        relay->room = room;
    }
    *feed = (struct sl_feed){.session = session};
    relay->feeds[relay->count++] = feed;
    return 0;
}

void sl_relay_connected(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    if (feed->live)
        return;
    sl_relay_forward(relay, now); /* lest it gets them from the history and then again */
    feed->live = true;
    set_waiting(relay, feed, true);
    if (key_is_fresh(relay, now))
        begin_video(relay, feed, now);
    else
        want_key(relay, now);
}

void sl_relay_leave(struct sl_relay *relay, struct sl_feed *feed)
{
    for (int i = 0; i < relay->count; i++) {
        if (relay->feeds[i] != feed)
            continue;
        set_waiting(relay, feed, false);
        relay->feeds[i] = relay->feeds[--relay->count];
        feed->live = false;
        return;
    }
}

int sl_relay_feeds(const struct sl_relay *relay)
{
    return relay->count;
}

const struct sl_rtp_packet *sl_relay_resend(const struct sl_relay *relay,
                                            const struct sl_feed *feed, enum sl_media_kind kind,
                                            int64_t seq)
{
    if (!feed->started[kind] || seq < feed->first[kind])
        return NULL;
    return sl_history_get(relay->tracks[kind].history, seq, NULL);
}

void sl_relay_stats(const struct sl_relay *relay, struct sl_relay_stats *ret)
{
    *ret = relay->stats;
}
