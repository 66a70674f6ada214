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
#define TURN_ANYWAY (100 * SL_MS)   /* a frame whose end does not come does not hold up a change */
#define BATCH_MAX 128               /* packets; the history holds many more */
#define ELAPSED_MAX (3600 * SL_SEC) /* beyond, timestamps may as well start anywhere */

/* The last key frame that began. */
struct key {
    bool seen;
    bool whole_start; /* `seq` is known to be its very first packet */
    uint32_t timestamp;
    int64_t seq;
    sl_ns at;
};

/* One medium of the camera, in the camera's numbers. */
struct track {
    uint32_t clock_hz;
    struct sl_history *history;
    bool remembers; /* it holds packets */
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

    /* Of pictures. */
    struct key key;
    int awaited;    /* feeds that can only begin with one */
    bool wanted;    /* a key frame, and not asked for yet */
    sl_ns asked_at; /* the last request; far past if none to this publisher */
};

static const enum sl_media_kind pictures[] = {SL_VIDEO, SL_VIDEO_SUB};

struct sl_relay {
    const struct sl_relay_sessions *sessions;
    void *publisher;
    struct track tracks[SL_MEDIA_KINDS];

    struct sl_feed **feeds;
    int count, room;
    struct sl_rtp_packet moved; /* one that a feed knows by another number */

    /* Not forwarded yet; in the history. */
    struct {
        enum sl_media_kind kind;
        const struct sl_rtp_packet *packet;
    } batch[BATCH_MAX];
    int batched;
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
    for (size_t i = 0; i < SL_COUNT(pictures); i++)
        relay->tracks[pictures[i]].asked_at = -REQUEST_RETRY;
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

static sl_ns request_due(const struct sl_relay *relay, enum sl_media_kind kind)
{
    const struct track *track = &relay->tracks[kind];
    if (!relay->publisher)
        return SL_NEVER;
    if (track->wanted)
        return track->asked_at + REQUEST_EVERY;
    return track->awaited ? track->asked_at + REQUEST_RETRY : SL_NEVER;
}

static void request_if_due(struct sl_relay *relay, enum sl_media_kind kind, sl_ns now)
{
    if (now < request_due(relay, kind))
        return;
    relay->tracks[kind].wanted = false;
    relay->tracks[kind].asked_at = now;
    relay->stats.keyframes_requested++;
    relay->sessions->request_keyframe(relay->publisher, kind, now);
}

/* When the start of a key frame last left towards `feed`; long ago if none did. */
static sl_ns key_sent_at(const struct sl_relay *relay, const struct sl_feed *feed)
{
    if (!feed->started[SL_VIDEO])
        return INT64_MIN / 2;
    const struct key *key = &relay->tracks[feed->span.kind].key;
    return key->seen && key->at > feed->key_at ? key->at : feed->key_at;
}

static void want_key(struct sl_relay *relay, enum sl_media_kind kind, sl_ns now)
{
    relay->tracks[kind].wanted = true;
    request_if_due(relay, kind, now);
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
        want_key(relay, feed->span.kind, now);
}

sl_ns sl_relay_due(const struct sl_relay *relay)
{
    const sl_ns large = request_due(relay, SL_VIDEO), small = request_due(relay, SL_VIDEO_SUB);
    return large < small ? large : small;
}

void sl_relay_tick(struct sl_relay *relay, sl_ns now)
{
    for (size_t i = 0; i < SL_COUNT(pictures); i++)
        request_if_due(relay, pictures[i], now);
}

/* ---- Layers ---- */

static void set_awaiting(struct sl_relay *relay, struct sl_feed *feed, bool awaiting)
{
    relay->tracks[feed->layer].awaited += (int)awaiting - (int)feed->awaiting;
    feed->awaiting = awaiting;
}

/* No pictures before the start of a key frame. */
static void hold(struct sl_relay *relay, struct sl_feed *feed)
{
    feed->waiting = true;
    set_awaiting(relay, feed, true);
}

/* A feed is to get what it chose, as far as this publisher has it. One that gets the other picture
 * keeps it until a key frame begins that was made since. */
static void follow_choice(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    const bool sub = feed->chosen == SL_VIDEO_SUB && relay->tracks[SL_VIDEO_SUB].in_epoch;
    const enum sl_media_kind layer = sub ? SL_VIDEO_SUB : SL_VIDEO;
    if (layer == feed->layer)
        return;
    set_awaiting(relay, feed, false);
    feed->layer = layer;
    feed->turned_at = now;
    if (feed->live && (feed->waiting || feed->span.kind != layer))
        set_awaiting(relay, feed, true);
}

static void follow_choices(struct sl_relay *relay, sl_ns now)
{
    for (int i = 0; i < relay->count; i++)
        follow_choice(relay, relay->feeds[i], now);
}

/* ---- Publishers ---- */

void sl_relay_publish(struct sl_relay *relay, void *session, sl_ns now)
{
    sl_relay_forward(relay, now);
    relay->publisher = session;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct track *track = &relay->tracks[kind];
        track->key = (struct key){.seen = false};
        track->wanted = false;
        if (!session)
            continue;
        /* It begins with a key frame unasked: the first request is a retry. */
        track->asked_at = now;
        track->in_epoch = false;
    }
    if (!session)
        return;
    relay->stats.publishers++;
    follow_choices(relay, now); /* whether it has a small picture is seen when that comes */
}

void sl_relay_forget(struct sl_relay *relay)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct track *track = &relay->tracks[kind];
        struct sl_history *fresh; /* memory that is not touched is none */
        if (!track->remembers || sl_history_create(&fresh, track->slots) != 0)
            continue;
        sl_history_destroy(track->history);
        track->history = fresh;
        track->remembers = false;
    }
}

/* The old pictures are no reference for the new ones. */
static void await_key(struct sl_relay *relay, enum sl_media_kind kind)
{
    relay->tracks[kind].key = (struct key){.seen = false};
    for (int i = 0; i < relay->count; i++)
        if (relay->feeds[i]->live && relay->feeds[i]->span.kind == kind)
            hold(relay, relay->feeds[i]);
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

/* Both pictures of a publisher are of one clock, and so they stay. NULL for sound. */
static const struct track *twin_of(const struct sl_relay *relay, enum sl_media_kind kind)
{
    if (kind == SL_AUDIO)
        return NULL;
    return &relay->tracks[kind == SL_VIDEO ? SL_VIDEO_SUB : SL_VIDEO];
}

static uint32_t epoch_offset(const struct track *track, const struct track *twin,
                             const struct sl_rtp_packet *packet, sl_ns now)
{
    if (twin && twin->in_epoch)
        return twin->timestamp_offset;
    const struct track *last = track;
    if (twin && twin->begun && (!track->begun || twin->last_arrival > track->last_arrival))
        last = twin;
    if (!last->begun)
        return 0;
    const uint32_t ticks = (uint32_t)(elapsed(last, packet, now) * (sl_ns)last->clock_hz / SL_SEC);
    return last->last_timestamp + ticks - packet->timestamp;
}

static void begin_epoch(struct track *track, const struct track *twin,
                        const struct sl_rtp_packet *packet, sl_ns now)
{
    track->timestamp_offset = epoch_offset(track, twin, packet, now);
    track->in_epoch = true;
    track->ssrc = packet->ssrc;
    if (!track->begun) {
        /* Room below for what was sent before the first that arrived. */
        track->begun = true;
        track->floor = 0;
        track->first = packet->seq + 65536;
        track->highest = track->first - 1;
    } else {
        track->floor = track->highest;
        track->first = track->highest + 1 + EPOCH_GAP;
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

/* `packet` under the number that it has at the feed; valid until the next call. */
static const struct sl_rtp_packet *moved(struct sl_relay *relay, const struct sl_feed_span *span,
                                         const struct sl_rtp_packet *packet)
{
    if (!span->shift)
        return packet;
    relay->moved = *packet;
    relay->moved.seq += span->shift;
    return &relay->moved;
}

/* Of the layer that the feed gets. A feed has one video, whichever layer it is. */
static bool send_picture(struct sl_relay *relay, struct sl_feed *feed,
                         const struct sl_rtp_packet *packet, sl_ns now)
{
    const int64_t seq = packet->seq + feed->span.shift;
    if (seq > feed->highest) {
        feed->highest = seq;
        feed->ended = packet->marker;
        feed->sent_at = now;
    }
    return send_to(relay, feed, SL_VIDEO, moved(relay, &feed->span, packet), now);
}

/* Where the numbers of a layer go on behind those of another: without a hole, unless a frame was
 * left unfinished, which must be seen. */
static void turn(struct sl_feed *feed, int64_t key)
{
    const int64_t next = feed->highest + 1 + (feed->ended ? 0 : EPOCH_GAP);
    feed->before = feed->span;
    feed->before.end = next;
    feed->span = (struct sl_feed_span){.kind = feed->layer, .shift = next - key};
}

/* Begins the video of `feed` at the first packet of its layer's last key frame. */
static void begin_video(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    const struct track *video = &relay->tracks[feed->layer];
    if (!feed->started[SL_VIDEO])
        feed->span.kind = feed->layer;
    else if (feed->span.kind != feed->layer)
        turn(feed, video->key.seq);
    set_awaiting(relay, feed, false);
    feed->waiting = false;
    feed->started[SL_VIDEO] = true;
    feed->key_at = now;
    feed->span.first = video->key.seq;
    feed->first[SL_VIDEO] = video->key.seq + feed->span.shift;
    for (int64_t seq = video->key.seq; seq <= video->highest; seq++) {
        const struct sl_rtp_packet *packet = sl_history_get(video->history, seq, NULL);
        if (packet && send_picture(relay, feed, packet, now))
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
static void find_start(struct track *video)
{
    struct key *key = &video->key;
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
static void note_key(struct sl_relay *relay, struct track *video,
                     const struct sl_rtp_packet *packet, sl_ns now)
{
    struct key *key = &video->key;
    const bool newer = !key->seen || (int32_t)(packet->timestamp - key->timestamp) > 0;
    if (newer && sl_h264_peek(packet->payload, packet->payload_len).starts_key) {
        *key = (struct key){
            .seen = true, .timestamp = packet->timestamp, .seq = packet->seq, .at = now};
        relay->stats.keyframes_seen++;
        video->wanted = false; /* whatever was lost before it does not matter now */
    }
    if (key->seen && !key->whole_start)
        find_start(video);
}

/* Did a key frame begin so lately that a joiner can be shown all since, without a fast-forward? */
static bool key_is_fresh(const struct track *video, sl_ns now)
{
    const int64_t held = video->highest - (int64_t)video->slots;
    return video->key.whole_start && now - video->key.at <= REPLAY_WITHIN && video->key.seq > held;
}

/* True if the feed's video may begin, or change to the other layer, now: between two frames, and
 * with pictures that are not older than those it has. */
static bool may_begin(const struct sl_relay *relay, const struct sl_feed *feed, sl_ns now)
{
    const struct track *video = &relay->tracks[feed->layer];
    if (!feed->awaiting || !key_is_fresh(video, now))
        return false;
    return feed->waiting || (video->key.at >= feed->turned_at &&
                             (feed->ended || now - feed->sent_at >= TURN_ANYWAY));
}

static void count_sent(struct sl_relay *relay, bool sent)
{
    if (sent)
        relay->stats.sent++;
    else
        relay->stats.refused++;
}

static void forward_sound(struct sl_relay *relay, struct sl_feed *feed,
                          const struct sl_rtp_packet *packet, sl_ns now)
{
    if (!feed->started[SL_AUDIO]) {
        feed->started[SL_AUDIO] = true;
        feed->first[SL_AUDIO] = packet->seq;
    }
    if (packet->seq < feed->first[SL_AUDIO])
        relay->stats.withheld++;
    else
        count_sent(relay, send_to(relay, feed, SL_AUDIO, packet, now));
}

/* The batch to one feed. What its video begins with comes out of the history, which has all of the
 * batch. */
static void forward_batch(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    bool begun = false;
    for (int at = 0; at < relay->batched; at++) {
        const enum sl_media_kind kind = relay->batch[at].kind;
        const struct sl_rtp_packet *packet = relay->batch[at].packet;
        relay->stats.fanned++;
        if (kind == SL_AUDIO) {
            forward_sound(relay, feed, packet, now);
            continue;
        }
        if (!begun && may_begin(relay, feed, now)) {
            begin_video(relay, feed, now);
            begun = true;
        }
        if (begun || feed->waiting || kind != feed->span.kind || packet->seq < feed->span.first)
            relay->stats.withheld++;
        else
            count_sent(relay, send_picture(relay, feed, packet, now));
    }
    if (!begun && may_begin(relay, feed, now)) /* the old layer's frame has ended with the batch */
        begin_video(relay, feed, now);
}

void sl_relay_forward(struct sl_relay *relay, sl_ns now)
{
    if (!relay->batched)
        return;
    for (int i = 0; i < relay->count; i++)
        if (relay->feeds[i]->live)
            forward_batch(relay, relay->feeds[i], now);
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
        begin_epoch(track, twin_of(relay, kind), packet, now);
        if (kind == SL_VIDEO_SUB)
            follow_choices(relay, now);
        if (kind != SL_AUDIO)
            await_key(relay, kind);
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
    track->remembers = true;
    relay->stats.kept++;
    relay->stats.repaired += repaired;
    if (kind != SL_AUDIO)
        note_key(relay, track, &own, now);
    forward_later(relay, kind, &own, now);
    if (kind != SL_AUDIO)
        request_if_due(relay, kind, now);
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

static void begin_or_ask(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    if (may_begin(relay, feed, now))
        begin_video(relay, feed, now);
    else
        want_key(relay, feed->layer, now);
}

void sl_relay_connected(struct sl_relay *relay, struct sl_feed *feed, sl_ns now)
{
    if (feed->live)
        return;
    sl_relay_forward(relay, now); /* lest it gets them from the history and then again */
    feed->live = true;
    feed->span.kind = feed->layer;
    hold(relay, feed);
    begin_or_ask(relay, feed, now);
}

void sl_relay_choose(struct sl_relay *relay, struct sl_feed *feed, enum sl_media_kind layer,
                     sl_ns now)
{
    const enum sl_media_kind before = feed->layer;
    sl_relay_forward(relay, now);
    feed->chosen = layer;
    follow_choice(relay, feed, now);
    if (feed->layer != before && feed->awaiting && may_ask(feed, now))
        begin_or_ask(relay, feed, now);
}

enum sl_media_kind sl_relay_layer(const struct sl_feed *feed)
{
    return feed->layer;
}

void sl_relay_leave(struct sl_relay *relay, struct sl_feed *feed)
{
    for (int i = 0; i < relay->count; i++) {
        if (relay->feeds[i] != feed)
            continue;
        set_awaiting(relay, feed, false);
        relay->feeds[i] = relay->feeds[--relay->count];
        feed->live = false;
        return;
    }
}

int sl_relay_feeds(const struct sl_relay *relay)
{
    return relay->count;
}

/* Whose number of the feed's `seq` is; NULL: of nothing that it got. What a change left behind can
 * still be asked for. */
static const struct sl_feed_span *span_of(const struct sl_feed *feed, int64_t seq)
{
    if (seq - feed->span.shift >= feed->span.first)
        return &feed->span;
    const struct sl_feed_span *before = &feed->before;
    return seq < before->end && seq - before->shift >= before->first ? before : NULL;
}

const struct sl_rtp_packet *sl_relay_resend(struct sl_relay *relay, const struct sl_feed *feed,
                                            enum sl_media_kind kind, int64_t seq)
{
    if (!feed->started[kind])
        return NULL;
    if (kind == SL_AUDIO)
        return seq < feed->first[kind] ? NULL
                                       : sl_history_get(relay->tracks[kind].history, seq, NULL);
    const struct sl_feed_span *span = span_of(feed, seq);
    if (!span)
        return NULL;
    const struct sl_rtp_packet *packet =
        sl_history_get(relay->tracks[span->kind].history, seq - span->shift, NULL);
    return packet ? moved(relay, span, packet) : NULL;
}

void sl_relay_stats(const struct sl_relay *relay, struct sl_relay_stats *ret)
{
    *ret = relay->stats;
}
