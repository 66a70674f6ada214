/* SPDX-License-Identifier: MIT */
#include "jitter/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/h264_unpack.h"

int sl_window_create(struct sl_window **ret, size_t capacity)
{
    struct sl_window *window = calloc(1, sizeof(*window));
    if (!window)
        return -ENOMEM;
    window->mask = capacity - 1;
    window->slots = calloc(capacity, sizeof(*window->slots));
    window->payloads = calloc(capacity, sizeof(*window->payloads));
    window->free = calloc(capacity, sizeof(*window->free));
    if (!window->slots || !window->payloads || !window->free) {
        sl_window_destroy(window);
        return -ENOMEM;
    }
    (void)sl_window_clear(window);
    *ret = window;
    return 0;
}

void sl_window_destroy(struct sl_window *window)
{
    if (!window)
        return;
    free(window->free);
    free(window->payloads);
    free(window->slots);
    free(window);
}

const struct sl_window_slot *sl_window_slot(const struct sl_window *window, int64_t seq)
{
    const struct sl_window_slot *slot = &window->slots[(size_t)seq & window->mask];
    return slot->held && slot->seq == seq ? slot : NULL;
}

const uint8_t *sl_window_payload(const struct sl_window *window, int64_t seq)
{
    return window->payloads[window->slots[(size_t)seq & window->mask].place];
}

static struct sl_window_frame *find_frame(struct sl_window *window, uint32_t timestamp, int64_t seq)
{
    for (size_t i = window->frame_count; i-- > 0;) {
        struct sl_window_frame *frame = &window->frames[i];
        if (frame->timestamp == timestamp && !(frame->has_end && seq > frame->end))
            return frame;
    }
    return NULL;
}

struct sl_window_frame *sl_window_frame_of(struct sl_window *window, int64_t seq)
{
    const struct sl_window_slot *slot = sl_window_slot(window, seq);
    return slot && slot->len ? find_frame(window, slot->timestamp, seq) : NULL;
}

static void note_payload(struct sl_window_frame *frame, const struct sl_rtp_packet *packet)
{
    const struct sl_h264_peek peek = sl_h264_peek(packet->payload, packet->payload_len);
    frame->slice |= peek.slice;
    frame->idr_slice |= peek.idr_slice;
    frame->has_sps |= peek.sps;
    frame->key_part |= peek.idr;
    frame->unreferenced |= peek.slice && !peek.reference;
    if (peek.starts_key && (!frame->has_start || packet->seq < frame->start)) {
        frame->has_start = true;
        frame->start = packet->seq;
    }
}

static void note_packet(struct sl_window_frame *frame, const struct sl_rtp_packet *packet,
                        sl_ns now)
{
    if (packet->seq < frame->first)
        frame->first = packet->seq;
    if (packet->seq > frame->last)
        frame->last = packet->seq;
    if (packet->marker && (!frame->has_end || packet->seq < frame->end)) {
        frame->has_end = true;
        frame->end = packet->seq;
    }
    if (packet->has_capture && !frame->has_capture) {
        frame->has_capture = true;
        frame->capture_ntp = packet->capture_ntp;
        if (packet->has_capture_offset)
            frame->capture_ntp -= (uint64_t)packet->capture_offset;
    }
    frame->arrived = now;
    note_payload(frame, packet);
}

static struct sl_window_frame *add_frame(struct sl_window *window,
                                         const struct sl_rtp_packet *packet, sl_ns now)
{
    if (window->frame_count == SL_WINDOW_FRAMES)
        return NULL;
    struct sl_window_frame *frame = &window->frames[window->frame_count++];
    *frame = (struct sl_window_frame){
        .timestamp = packet->timestamp,
        .first = packet->seq,
        .last = packet->seq,
        .begun = now,
        .scan_from = INT64_MIN,
    };
    return frame;
}

static void start(struct sl_window *window, int64_t seq)
{
    /* The first packet may have overtaken others. */
    window->started = true;
    window->floor = seq - (int64_t)(window->mask + 1) / 4;
    window->highest = seq;
}

enum sl_window_put sl_window_put(struct sl_window *window, const struct sl_rtp_packet *packet,
                                 sl_ns now)
{
    if (!window->started)
        start(window, packet->seq);
    struct sl_window_slot *slot = &window->slots[(size_t)packet->seq & window->mask];
    if (packet->seq < window->floor)
        return slot->seq == packet->seq ? SL_WINDOW_DUPLICATE : SL_WINDOW_PASSED;
    if (packet->seq - window->floor > (int64_t)window->mask ||
        packet->payload_len > SL_RTP_FOREIGN_MAX)
        return SL_WINDOW_NO_ROOM;
    if (slot->held)
        return SL_WINDOW_DUPLICATE;

    enum sl_window_put result = SL_WINDOW_KEPT;
    uint32_t place = 0;
    if (packet->payload_len) {
        struct sl_window_frame *frame = find_frame(window, packet->timestamp, packet->seq);
        if (!frame) {
            frame = add_frame(window, packet, now);
            if (!frame)
                return SL_WINDOW_NO_ROOM;
            result = SL_WINDOW_KEPT_NEW_FRAME;
        }
        note_packet(frame, packet, now);
        frame->disordered |= packet->seq < window->highest;
        place = window->free[--window->free_count]; /* never empty: no more are held than slots */
        memcpy(window->payloads[place], packet->payload, packet->payload_len);
    }
    *slot = (struct sl_window_slot){
        .seq = packet->seq,
        .timestamp = packet->timestamp,
        .len = (uint16_t)packet->payload_len,
        .held = true,
        .marker = packet->marker,
        .place = place,
    };
    window->held++;
    if (packet->seq > window->highest)
        window->highest = packet->seq;
    return result;
}

bool sl_window_whole(struct sl_window *window, struct sl_window_frame *frame, int64_t from,
                     int64_t *end)
{
    if (frame->scan_from != from)
        frame->scan_from = frame->scan = from;
    for (;; frame->scan++) {
        const struct sl_window_slot *slot = sl_window_slot(window, frame->scan);
        if (!slot)
            return false;
        const bool same = slot->timestamp == frame->timestamp;
        if (slot->len && !same) {
            *end = frame->scan - 1;
            return frame->scan > from;
        }
        if (same && slot->marker) {
            *end = frame->scan;
            return true;
        }
    }
}

/* Takes what is below `floor` off the frame. True if nothing is left. */
static bool cut_frame(struct sl_window_frame *frame, int64_t floor)
{
    if (frame->last < floor)
        return true;
    if (frame->first < floor)
        frame->first = floor;
    if (frame->has_start && frame->start < floor)
        frame->has_start = false;
    if (frame->has_end && frame->end < floor)
        frame->has_end = false;
    return false;
}

struct sl_window_gone sl_window_advance(struct sl_window *window, int64_t floor)
{
    struct sl_window_gone gone = {0};
    const int64_t stop = floor <= window->highest ? floor : window->highest + 1;
    for (int64_t seq = window->floor; seq < stop; seq++) {
        struct sl_window_slot *slot = &window->slots[(size_t)seq & window->mask];
        gone.packets += slot->held;
        if (slot->held && slot->len)
            window->free[window->free_count++] = slot->place;
        slot->held = false;
    }
    window->held -= gone.packets;
    if (floor > window->floor)
        window->floor = floor;
    for (size_t i = window->frame_count; i-- > 0;) {
        if (!cut_frame(&window->frames[i], floor))
            continue;
        window->frames[i] = window->frames[--window->frame_count];
        gone.frames++;
    }
    return gone;
}

struct sl_window_gone sl_window_clear(struct sl_window *window)
{
    const struct sl_window_gone gone = {.packets = window->held, .frames = window->frame_count};
    for (size_t i = 0; i <= window->mask; i++) {
        window->slots[i] = (struct sl_window_slot){.seq = INT64_MIN};
        window->free[i] = (uint32_t)(window->mask - i); /* 0 is taken first */
    }
    window->free_count = window->mask + 1;
    window->held = 0;
    window->frame_count = 0;
    window->started = false;
    return gone;
}
