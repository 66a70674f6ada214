/* SPDX-License-Identifier: MIT */
#include "session/frames.h"

#include <string.h>

#define SETTLED (500 * SL_MS)

static bool is_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static bool is_whole(const struct sl_frame *frame)
{
    return frame->ended && frame->count == frame->last - frame->first + 1;
}

static void judge(struct sl_frames *frames)
{
    const struct sl_frame *frame = &frames->list[0];
    if (!is_whole(frame)) {
        frames->lost++;
    } else {
        if (frames->judged && frames->end >= 0 && frame->first > frames->end + 1)
            frames->lost++; /* of which nothing came */
        if (frame->by_resend)
            frames->by_resend++;
        else if (frame->by_fec)
            frames->by_fec++;
        else
            frames->whole++;
        frames->late += frame->late;
    }
    frames->judged = true;
    frames->oldest = frame->timestamp;
    frames->end = frame->ended ? frame->last : -1;
    frames->count--;
    memmove(&frames->list[0], &frames->list[1], (size_t)frames->count * sizeof(frames->list[0]));
}

void sl_frames_settle(struct sl_frames *frames, sl_ns now)
{
    while (frames->count > 0 && now - frames->list[0].began >= SETTLED)
        judge(frames);
}

void sl_frames_restart(struct sl_frames *frames)
{
    while (frames->count > 0)
        judge(frames);
    frames->judged = false;
}

/* The frame of `timestamp`, made if need be; NULL if it was judged already. */
static struct sl_frame *find(struct sl_frames *frames, int64_t seq, uint32_t timestamp, sl_ns now)
{
    int at = frames->count;
    while (at > 0 && is_newer(frames->list[at - 1].timestamp, timestamp))
        at--;
    if (at > 0 && frames->list[at - 1].timestamp == timestamp)
        return &frames->list[at - 1];
    if (frames->count == SL_FRAMES_HELD) {
        if (at == 0)
            return NULL; /* older than all that are held */
        judge(frames);
        at--;
    }
    if (frames->judged && !is_newer(timestamp, frames->oldest))
        return NULL;
    memmove(&frames->list[at + 1], &frames->list[at],
            (size_t)(frames->count - at) * sizeof(frames->list[0]));
    frames->count++;
    frames->list[at] =
        (struct sl_frame){.timestamp = timestamp, .first = seq, .last = seq, .began = now};
    return &frames->list[at];
}

void sl_frames_packet(struct sl_frames *frames, int64_t seq, uint32_t timestamp, bool marker,
                      enum sl_frame_packet how, bool late, sl_ns now)
{
    sl_frames_settle(frames, now);
    struct sl_frame *frame = find(frames, seq, timestamp, now);
    if (!frame)
        return;
    if (seq < frame->first)
        frame->first = seq;
    if (seq > frame->last)
        frame->last = seq;
    frame->count++;
    frame->ended |= marker;
    frame->by_fec |= how == SL_FRAME_BY_FEC;
    frame->by_resend |= how == SL_FRAME_BY_RESEND;
    frame->late |= late;
}
