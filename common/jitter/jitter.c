/* SPDX-License-Identifier: MIT */
#include "jitter/jitter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jitter/clock.h"
#include "jitter/playout.h"
#include "jitter/window.h"
#include "media/h264_unpack.h"

#define CAPACITY 2048
#define CAPACITY_MAX 32768
#define FRAME_BYTES ((size_t)2 << 20)
#define WAIT_MAX (500 * SL_MS)
#define COMING (100 * SL_MS) /* between two packets of a frame that is still under way */
#define TAIL_BYTES 64        /* what libavcodec's bit readers may read past the end */
/* A stream that began in the middle: how long its key frame may still be overtaken. */
#define START_GRACE (20 * SL_MS)
/* All frames so much behind their due times for so long: the timestamps went back, or the path is
 * another one. The clock alone would take half a minute to believe it. */
#define ASTRAY_BY SL_PLAYOUT_MAX
#define ASTRAY_FOR SL_SEC

/*
 * Two states. Running: everything before the window's floor came out, so the next frame starts
 * exactly there. Else: a key frame is awaited; the floor only says what is too old to look at.
 */
struct sl_jitter {
    struct sl_jitter_config config;
    struct sl_window *window;
    struct sl_h264_unpack unpack;
    struct sl_media_clock clock;
    struct sl_playout playout; /* its delay is the one in force; a fixed one is written there */
    sl_ns ready, due;          /* of the last frame out */
    uint32_t timestamp;        /* the same */
    sl_ns astray_since;        /* SL_NEVER: it is not */
    bool running;
    bool told;     /* not running: BROKEN was said, and no key frame was lost since */
    bool overflow; /* running: a packet found no room behind a hole */
    uint8_t *out;
    struct sl_jitter_stats stats;
};

int sl_jitter_create(struct sl_jitter **ret, const struct sl_jitter_config *config)
{
    const uint32_t capacity = config->capacity ? config->capacity : CAPACITY;
    if (config->clock_hz == 0 || capacity > CAPACITY_MAX || (capacity & (capacity - 1)) ||
        config->frame_bytes_max > INT32_MAX || config->delay < SL_JITTER_AUTO ||
        config->wait_max < 0)
        return -EINVAL;
    struct sl_jitter *jitter = calloc(1, sizeof(*jitter));
    if (!jitter)
        return -ENOMEM;
    jitter->config = *config;
    jitter->config.capacity = capacity;
    if (!config->frame_bytes_max)
        jitter->config.frame_bytes_max = FRAME_BYTES;
    if (!config->wait_max)
        jitter->config.wait_max = WAIT_MAX;
    sl_media_clock_init(&jitter->clock, config->clock_hz);
    sl_playout_init(&jitter->playout);
    sl_jitter_set_delay(jitter, config->delay);
    jitter->ready = jitter->due = INT64_MIN;
    jitter->astray_since = SL_NEVER;
    jitter->out = malloc(jitter->config.frame_bytes_max + TAIL_BYTES);
    if (!jitter->out || sl_window_create(&jitter->window, capacity) < 0) {
        sl_jitter_destroy(jitter);
        return -ENOMEM;
    }
    *ret = jitter;
    return 0;
}

void sl_jitter_destroy(struct sl_jitter *jitter)
{
    if (!jitter)
        return;
    sl_window_destroy(jitter->window);
    free(jitter->out);
    free(jitter);
}

void sl_jitter_set_delay(struct sl_jitter *jitter, sl_ns delay)
{
    jitter->config.delay = delay;
    if (delay != SL_JITTER_AUTO)
        jitter->playout.delay = delay;
}

sl_ns sl_jitter_delay(const struct sl_jitter *jitter)
{
    return jitter->playout.delay;
}

static void count_dropped(struct sl_jitter *jitter, struct sl_window_gone gone)
{
    jitter->stats.dropped += gone.packets;
    jitter->stats.frames_dropped += gone.frames;
}

static void drop_below(struct sl_jitter *jitter, int64_t floor)
{
    count_dropped(jitter, sl_window_advance(jitter->window, floor));
}

void sl_jitter_reset(struct sl_jitter *jitter)
{
    count_dropped(jitter, sl_window_clear(jitter->window));
    jitter->unpack = (struct sl_h264_unpack){0};
    sl_media_clock_init(&jitter->clock, jitter->config.clock_hz);
    sl_playout_restart(&jitter->playout);
    jitter->astray_since = SL_NEVER;
    jitter->running = false;
    jitter->told = false;
    jitter->overflow = false;
}

/* While no frame is owed to anybody the newest packets matter, so the window moves with them. */
static enum sl_window_put put_by_force(struct sl_jitter *jitter, const struct sl_rtp_packet *packet,
                                       sl_ns now)
{
    drop_below(jitter, packet->seq - (int64_t)jitter->config.capacity + 1);
    enum sl_window_put result = sl_window_put(jitter->window, packet, now);
    if (result == SL_WINDOW_NO_ROOM && packet->payload_len <= SL_RTP_FOREIGN_MAX) {
        drop_below(jitter, packet->seq);
        result = sl_window_put(jitter->window, packet, now);
    }
    return result;
}

enum sl_jitter_put sl_jitter_put(struct sl_jitter *jitter, const struct sl_rtp_packet *packet,
                                 sl_ns now)
{
    jitter->stats.offered++;
    enum sl_window_put result = sl_window_put(jitter->window, packet, now);
    if (result == SL_WINDOW_NO_ROOM && !jitter->running)
        result = put_by_force(jitter, packet, now);
    switch (result) {
    case SL_WINDOW_KEPT_NEW_FRAME:
        jitter->stats.frames_begun++;
        if (packet->seq == jitter->window->highest) /* else it was repaired, or overtaken */
            sl_media_clock_began(&jitter->clock, packet->timestamp, now);
        return SL_JITTER_KEPT;
    case SL_WINDOW_KEPT:
        return SL_JITTER_KEPT;
    case SL_WINDOW_DUPLICATE:
        jitter->stats.duplicate++;
        return SL_JITTER_DUPLICATE;
    case SL_WINDOW_PASSED:
        jitter->stats.late++;
        return SL_JITTER_LATE;
    case SL_WINDOW_NO_ROOM:
        break;
    }
    jitter->overflow = jitter->running;
    jitter->stats.ahead++;
    return SL_JITTER_AHEAD;
}

/* When a frame ought to be shown. */
static sl_ns due_of(const struct sl_jitter *jitter, uint32_t timestamp, sl_ns arrived)
{
    const sl_ns fastest = sl_media_clock_fastest(&jitter->clock, timestamp);
    return (fastest < arrived ? fastest : arrived) + jitter->playout.delay;
}

/* A packet of padding is nobody's: it goes as soon as it is at the front. */
static void skip_padding(struct sl_jitter *jitter)
{
    for (;;) {
        const struct sl_window_slot *slot = sl_window_slot(jitter->window, jitter->window->floor);
        if (!slot || slot->len)
            return;
        jitter->stats.released +=
            sl_window_advance(jitter->window, jitter->window->floor + 1).packets;
    }
}

/* The frame that starts at the floor, if it is whole. */
static struct sl_window_frame *whole_head(struct sl_jitter *jitter, int64_t *end)
{
    struct sl_window *window = jitter->window;
    struct sl_window_frame *frame = sl_window_frame_of(window, window->floor);
    return frame && sl_window_whole(window, frame, window->floor, end) ? frame : NULL;
}

/* Where to begin reading `frame`, if nothing before it is to be decoded. */
static int64_t start_of(const struct sl_window_frame *frame)
{
    return frame->has_start ? frame->start : frame->first;
}

/*
 * True if a decoder can start with `frame`, once it is whole: a key frame with its parameter sets,
 * or one that was sent without while the last sets are known. For that nothing may be missing
 * before it, else its own (other) sets may be what is missing. Sets in an access unit of their own
 * are read for the sake of the key frame that follows.
 */
static bool can_start(const struct sl_jitter *jitter, const struct sl_window_frame *frame)
{
    const struct sl_window *window = jitter->window;
    if (!frame->slice)
        return frame->key_part && !jitter->running;
    if (!frame->has_start || !frame->idr_slice)
        return false;
    if (frame->has_sps)
        return true;
    return jitter->unpack.sps_len && jitter->unpack.pps_len &&
           (frame->start == window->floor || sl_window_slot(window, frame->start - 1));
}

/* The oldest whole frame that a decoder can start with. */
static struct sl_window_frame *whole_key(const struct sl_jitter *jitter, int64_t *end)
{
    struct sl_window *window = jitter->window;
    struct sl_window_frame *best = NULL;
    for (size_t i = 0; i < window->frame_count; i++) {
        struct sl_window_frame *frame = &window->frames[i];
        int64_t last;
        if (!can_start(jitter, frame) || (best && start_of(frame) > start_of(best)) ||
            !sl_window_whole(window, frame, start_of(frame), &last))
            continue;
        best = frame;
        *end = last;
    }
    return best;
}

/*
 * A whole key frame behind a hole: nothing before it is needed any more. It is taken when it is
 * due. With delay 0 that is at once: a repair that came now would let the frames before it out
 * together with it, late, and none of them would be shown. With a delay the hole may still be
 * mended in time for the frames before it, so they have until then.
 */
static bool may_skip_to_key(const struct sl_jitter *jitter, sl_ns now, sl_ns *when)
{
    int64_t end;
    const struct sl_window_frame *key = whole_key(jitter, &end);
    if (!key)
        return false;
    *when = due_of(jitter, key->timestamp, key->arrived);
    return *when <= now;
}

static const struct sl_window_frame *oldest_begun(const struct sl_jitter *jitter)
{
    const struct sl_window_frame *oldest = NULL;
    for (size_t i = 0; i < jitter->window->frame_count; i++)
        if (!oldest || jitter->window->frames[i].begun < oldest->begun)
            oldest = &jitter->window->frames[i];
    return oldest;
}

/* Until when `oldest` and what is behind it may wait. A frame of which more and more comes is
 * waited for a while longer: on a link that has just become narrow a key frame takes its time, and
 * another one in its place would take as much. */
static sl_ns expiry(const struct sl_jitter *jitter, const struct sl_window_frame *oldest)
{
    const sl_ns usual = oldest->begun + jitter->config.wait_max;
    const sl_ns longest = usual + jitter->config.wait_max, coming = oldest->arrived + COMING;
    if (coming <= usual)
        return usual;
    return coming < longest ? coming : longest;
}

/* Something held has waited for as long as it may. */
static bool has_expired(const struct sl_jitter *jitter, sl_ns now)
{
    const struct sl_window_frame *oldest = oldest_begun(jitter);
    return oldest && expiry(jitter, oldest) <= now;
}

static bool holds_key_part(const struct sl_jitter *jitter, int64_t below)
{
    for (size_t i = 0; i < jitter->window->frame_count; i++) {
        const struct sl_window_frame *frame = &jitter->window->frames[i];
        if (frame->key_part && frame->last < below)
            return true;
    }
    return false;
}

/* Drops the frames that have waited too long, and what is before them. True if a key frame, or a
 * part of one, was among them. */
static bool drop_expired(struct sl_jitter *jitter, sl_ns now)
{
    int64_t floor = jitter->window->floor;
    for (size_t i = 0; i < jitter->window->frame_count; i++) {
        const struct sl_window_frame *frame = &jitter->window->frames[i];
        if (frame->begun + jitter->config.wait_max <= now && frame->last >= floor)
            floor = frame->last + 1;
    }
    const bool key = holds_key_part(jitter, floor);
    drop_below(jitter, floor);
    return key;
}

static enum sl_jitter_pop break_off(struct sl_jitter *jitter, sl_ns now)
{
    (void)drop_expired(jitter, now);
    jitter->running = false;
    jitter->told = true;
    jitter->overflow = false;
    jitter->stats.breaks++;
    return SL_JITTER_BROKEN;
}

/* Puts the packets [first, last] together. The length, 0 (parameter sets alone), or -errno. */
static int assemble(struct sl_jitter *jitter, int64_t first, int64_t last)
{
    struct sl_h264_unpack *unpack = &jitter->unpack;
    sl_h264_unpack_begin(unpack, jitter->out, jitter->config.frame_bytes_max);
    for (int64_t seq = first; seq <= last; seq++) {
        const struct sl_window_slot *slot = sl_window_slot(jitter->window, seq);
        const int err =
            sl_h264_unpack_add(unpack, sl_window_payload(jitter->window, seq), slot->len);
        if (err < 0)
            return err;
    }
    if (!unpack->has_slice && !unpack->in_fu)
        return 0;
    return sl_h264_unpack_end(unpack);
}

/* True if the frame after `timestamp` could come out at once. */
static bool newer_is_ready(struct sl_jitter *jitter, sl_ns now, sl_ns *interval, uint32_t timestamp)
{
    int64_t end;
    sl_ns when;
    *interval = 0;
    const struct sl_window_frame *next = whole_head(jitter, &end);
    if (!next)
        return may_skip_to_key(jitter, now, &when);
    const int32_t ticks = (int32_t)(next->timestamp - timestamp);
    if (ticks > 0)
        *interval = ticks * SL_SEC / jitter->config.clock_hz;
    return true;
}

/* Looks at the fastest transit after a frame that came at `arrived`. True if the clock is to begin
 * anew. */
static bool goes_astray(struct sl_jitter *jitter, sl_ns fastest, sl_ns arrived)
{
    if (arrived - fastest <= ASTRAY_BY + jitter->playout.delay)
        jitter->astray_since = SL_NEVER;
    else if (jitter->astray_since == SL_NEVER)
        jitter->astray_since = arrived;
    else if (arrived - jitter->astray_since > ASTRAY_FOR)
        return true;
    return false;
}

static sl_ns observe(struct sl_jitter *jitter, const struct sl_window_frame *frame)
{
    struct sl_media_clock *clock = &jitter->clock;
    sl_media_clock_observe(clock, frame->timestamp, frame->arrived);
    if (goes_astray(jitter, sl_media_clock_fastest(clock, frame->timestamp), frame->arrived)) {
        sl_media_clock_init(clock, jitter->config.clock_hz);
        sl_media_clock_observe(clock, frame->timestamp, frame->arrived);
    }
    return sl_media_clock_fastest(clock, frame->timestamp);
}

static sl_ns interval_since_last(struct sl_jitter *jitter, uint32_t timestamp)
{
    const int32_t ticks = (int32_t)(timestamp - jitter->timestamp);
    const bool known = jitter->ready != INT64_MIN && ticks > 0;
    return known ? ticks * SL_SEC / jitter->config.clock_hz : 0;
}

/* Tells clock and playout that the frame is there, and finds out when it is due. */
static sl_ns schedule(struct sl_jitter *jitter, const struct sl_window_frame *frame, size_t bytes)
{
    const sl_ns before = sl_media_clock_fastest(&jitter->clock, frame->timestamp);
    const sl_ns fastest = observe(jitter, frame);
    if (frame->arrived > jitter->ready)
        jitter->ready = frame->arrived;
    const struct sl_playout_frame seen = {
        .interval = interval_since_last(jitter, frame->timestamp),
        .ready = jitter->ready,
        .late = jitter->ready - fastest,
        .rise = before == SL_NEVER ? 0 : fastest - before,
        .bytes = bytes,
        .repaired = frame->disordered,
    };
    if (jitter->config.delay == SL_JITTER_AUTO)
        sl_playout_observe(&jitter->playout, &seen);
    jitter->timestamp = frame->timestamp;
    const sl_ns due = due_of(jitter, frame->timestamp, frame->arrived);
    if (due > jitter->due)
        jitter->due = due;
    return jitter->due;
}

/* Hands out the assembled frame, whose packets are at the floor, and lets go of them. */
static enum sl_jitter_pop deliver(struct sl_jitter *jitter, const struct sl_window_frame *frame,
                                  int64_t end, int len, sl_ns now, struct sl_jitter_frame *ret)
{
    struct sl_jitter_stats *stats = &jitter->stats;
    const struct sl_h264_unpack *unpack = &jitter->unpack;
    const sl_ns due = schedule(jitter, frame, (size_t)len);
    struct sl_jitter_frame out = {
        .data = jitter->out,
        .len = (size_t)len,
        .timestamp = frame->timestamp,
        .key = unpack->key,
        .reference = unpack->reference,
        .has_capture = frame->has_capture,
        .capture_ntp = frame->capture_ntp,
        .first_seq = jitter->window->floor,
        .last_seq = end,
        .arrived = frame->arrived,
        .due = due,
    };
    memset(jitter->out + len, 0, TAIL_BYTES);
    const struct sl_window_gone gone = sl_window_advance(jitter->window, end + 1);
    stats->released += gone.packets;
    stats->delivered++;
    /* Where a sender gives one timestamp to two access units, frames and groups are not the same.
     */
    if (gone.frames == 0)
        stats->frames_begun++;
    else
        stats->frames_dropped += gone.frames - 1;
    stats->keyframes += out.key;
    jitter->running = true;
    jitter->told = false;
    jitter->overflow = false;

    skip_padding(jitter);
    sl_ns interval;
    if (newer_is_ready(jitter, now, &interval, out.timestamp))
        out.late = jitter->playout.delay == 0 || now > out.due + interval;
    stats->delivered_late += out.late;
    *ret = out;
    return SL_JITTER_FRAME;
}

/* A frame of which something is missing, but only inside, and which nothing refers to, is let go
 * when the next one is whole (or it waited too long): no reference is lost with it. */
static bool drop_unreferenced(struct sl_jitter *jitter, sl_ns now)
{
    struct sl_window *window = jitter->window;
    const struct sl_window_frame *frame = sl_window_frame_of(window, window->floor);
    if (!frame || !frame->unreferenced || !frame->has_end)
        return false;
    const int64_t end = frame->end;
    struct sl_window_frame *next = sl_window_frame_of(window, end + 1);
    int64_t next_end;
    if (!has_expired(jitter, now) &&
        !(next && next != frame && sl_window_whole(window, next, end + 1, &next_end)))
        return false;
    drop_below(jitter, end + 1);
    return true;
}

enum { AGAIN = -1 }; /* the state changed: look again */

static int step_running(struct sl_jitter *jitter, sl_ns now, struct sl_jitter_frame *ret)
{
    skip_padding(jitter);
    int64_t end;
    sl_ns when;
    const struct sl_window_frame *frame = whole_head(jitter, &end);
    if (frame) {
        const bool unreferenced = frame->unreferenced;
        const int len = assemble(jitter, jitter->window->floor, end);
        if (len > 0)
            return (int)deliver(jitter, frame, end, len, now, ret);
        drop_below(jitter, end + 1);
        jitter->stats.malformed += len < 0;
        return len == 0 || unreferenced ? AGAIN : (int)break_off(jitter, now);
    }
    if (drop_unreferenced(jitter, now))
        return AGAIN;
    if (may_skip_to_key(jitter, now, &when)) {
        jitter->running = false;
        return AGAIN;
    }
    if (jitter->overflow || has_expired(jitter, now))
        return (int)break_off(jitter, now);
    return SL_JITTER_WAIT;
}

static int start_with_key(struct sl_jitter *jitter, struct sl_window_frame *key, int64_t end,
                          sl_ns now, struct sl_jitter_frame *ret)
{
    const struct sl_window_frame frame = *key;
    drop_below(jitter, start_of(&frame));
    const int len = assemble(jitter, start_of(&frame), end);
    if (len > 0 && jitter->unpack.key && jitter->unpack.has_sps)
        return (int)deliver(jitter, &frame, end, len, now, ret);
    drop_below(jitter, end + 1);
    jitter->stats.malformed += len < 0;
    return len < 0 ? (int)break_off(jitter, now) : AGAIN;
}

static int step_waiting(struct sl_jitter *jitter, sl_ns now, struct sl_jitter_frame *ret)
{
    int64_t end;
    struct sl_window_frame *key = whole_key(jitter, &end);
    if (key)
        return start_with_key(jitter, key, end, now, ret);
    const struct sl_window_frame *oldest = oldest_begun(jitter);
    if (!oldest)
        return SL_JITTER_WAIT;
    if (has_expired(jitter, now)) {
        const bool lost_key = drop_expired(jitter, now);
        return lost_key || !jitter->told ? (int)break_off(jitter, now) : SL_JITTER_WAIT;
    }
    if (!jitter->told && oldest->begun + START_GRACE <= now && !holds_key_part(jitter, INT64_MAX))
        return (int)break_off(jitter, now);
    return SL_JITTER_WAIT;
}

enum sl_jitter_pop sl_jitter_pop(struct sl_jitter *jitter, sl_ns now, struct sl_jitter_frame *ret)
{
    int result;
    do {
        result = jitter->running ? step_running(jitter, now, ret) : step_waiting(jitter, now, ret);
    } while (result == AGAIN);
    return (enum sl_jitter_pop)result;
}

bool sl_jitter_needs_key(const struct sl_jitter *jitter)
{
    return !jitter->running;
}

sl_ns sl_jitter_due(const struct sl_jitter *jitter)
{
    const struct sl_window_frame *oldest = oldest_begun(jitter);
    if (!oldest)
        return SL_NEVER;
    const sl_ns due = expiry(jitter, oldest);
    sl_ns when = due;
    if (jitter->running)
        (void)may_skip_to_key(jitter, INT64_MIN, &when);
    else if (!jitter->told && !holds_key_part(jitter, INT64_MAX))
        when = oldest->begun + START_GRACE;
    return when < due ? when : due;
}

void sl_jitter_stats(const struct sl_jitter *jitter, struct sl_jitter_stats *ret)
{
    *ret = jitter->stats;
    ret->held = jitter->window->held;
    ret->frames_held = jitter->window->frame_count;
    ret->delay = jitter->playout.delay;
    ret->jitter = (sl_ns)jitter->clock.jitter;
}
