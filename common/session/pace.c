/* SPDX-License-Identifier: MIT */
#include "session/pace.h"

#include <errno.h>
#include <stdlib.h>

#include "media/h264_unpack.h"

#define TICK (100 * SL_MS)
#define DELAY_SPAN (5 * SL_SEC)
#define HEADERS 60 /* RTP, extensions, SRTP: near enough for a pace */

int sl_pace_create(struct sl_pace **ret, const struct sl_rate_config *config, sl_ns now)
{
    struct sl_pace *pace = calloc(1, sizeof(*pace));
    if (!pace)
        return -ENOMEM;
    const int r = sl_rate_create(&pace->rate, config, now);
    if (r < 0) {
        free(pace);
        return r;
    }
    pace->tick_due = now + TICK;
    *ret = pace;
    return 0;
}

void sl_pace_destroy(struct sl_pace *pace)
{
    if (!pace)
        return;
    sl_rate_destroy(pace->rate);
    free(pace);
}

static enum sl_pacer_kind kind_of(const struct sl_job *job)
{
    if (job->what == SL_JOB_PACKET)
        return SL_PACER_MEDIA;
    if (job->what == SL_JOB_COPY || job->asked)
        return SL_PACER_RESEND;
    return job->early ? SL_PACER_EARLY : SL_PACER_PARITY;
}

bool sl_pace_push(struct sl_pace *pace, const struct sl_job *job, size_t bytes)
{
    const enum sl_pacer_kind kind = kind_of(job);
    const bool queue = sl_pacer_is_urgent(kind);
    const uint32_t slot = pace->pushed[queue] % SL_PACER_TOKENS;
    if (!sl_pacer_push(sl_rate_pacer(pace->rate), kind, slot, bytes))
        return false;
    pace->jobs[queue][slot] = *job;
    pace->pushed[queue]++;
    return true;
}

static void hand_in(struct sl_pace *pace, sl_ns now)
{
    const uint32_t count = pace->frame.count;
    if (count == 0)
        return;
    sl_pacer_frame(sl_rate_pacer(pace->rate), pace->frame.bytes, pace->frame.key);
    pace->frames++;
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_job job = {.what = SL_JOB_PACKET,
                                   .kind = SL_VIDEO,
                                   .seq = pace->frame.first + i,
                                   .frame = pace->frames,
                                   .at = now};
        (void)sl_pace_push(pace, &job, pace->frame.bytes / count);
    }
    pace->frame.count = 0;
}

void sl_pace_collect(struct sl_pace *pace, const struct sl_rtp_packet *packet, sl_ns now)
{
    if (pace->frame.count > 0 && (packet->timestamp != pace->frame.timestamp ||
                                  packet->seq != pace->frame.first + pace->frame.count))
        hand_in(pace, now);
    if (pace->frame.count == 0) {
        pace->frame.first = packet->seq;
        pace->frame.timestamp = packet->timestamp;
        pace->frame.bytes = 0;
        pace->frame.key = false;
    }
    pace->frame.count++;
    pace->frame.bytes += packet->payload_len + HEADERS;
    pace->frame.key |= sl_h264_peek(packet->payload, packet->payload_len).idr;
    if (packet->marker)
        hand_in(pace, now);
}

bool sl_pace_pop(struct sl_pace *pace, sl_ns now, struct sl_job *ret)
{
    struct sl_pacer_token token;
    if (!sl_pacer_pop(sl_rate_pacer(pace->rate), now, &token))
        return false;
    *ret = pace->jobs[sl_pacer_is_urgent(token.kind)][token.token];
    const sl_ns waited = now - ret->at;
    pace->paced += waited > 0;
    if (waited > pace->delay[0])
        pace->delay[0] = waited;
    return true;
}

sl_ns sl_pace_delay(const struct sl_pace *pace)
{
    return pace->delay[0] > pace->delay[1] ? pace->delay[0] : pace->delay[1];
}

sl_ns sl_pace_due(const struct sl_pace *pace)
{
    const sl_ns due = sl_pacer_due(sl_rate_pacer(pace->rate));
    return due < pace->tick_due ? due : pace->tick_due;
}

void sl_pace_tick(struct sl_pace *pace, sl_ns now)
{
    if (now < pace->tick_due)
        return;
    sl_rate_tick(pace->rate, now);
    pace->tick_due = now + TICK;
    if (now - pace->since < DELAY_SPAN)
        return;
    pace->delay[1] = pace->delay[0];
    pace->delay[0] = 0;
    pace->since = now;
}
