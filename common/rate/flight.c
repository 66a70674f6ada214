/* SPDX-License-Identifier: MIT */
#include "rate/flight.h"

_Static_assert((SL_FLIGHT_PACKETS & (SL_FLIGHT_PACKETS - 1)) == 0, "indexed by a mask");

static struct sl_flight_packet *slot(struct sl_flight_stream *stream, int64_t seq)
{
    return &stream->packets[(uint64_t)seq & (SL_FLIGHT_PACKETS - 1)];
}

static bool holds(struct sl_flight_stream *stream, int64_t seq)
{
    const struct sl_flight_packet *packet = slot(stream, seq);
    return packet->state != SL_FLIGHT_NONE && packet->seq == seq;
}

/* Moves a packet between states; the only place where the counters change after sending. */
static void turn(struct sl_flight *flight, struct sl_flight_packet *packet,
                 enum sl_flight_state state)
{
    struct sl_flight_stats *stats = &flight->stats;
    switch ((enum sl_flight_state)packet->state) {
    case SL_FLIGHT_FLYING:
        stats->flying--;
        stats->flying_bytes -= packet->bytes;
        break;
    case SL_FLIGHT_LOST:
        stats->lost--;
        break;
    case SL_FLIGHT_FORGOTTEN:
        stats->forgotten--;
        break;
    default:
        break;
    }
    packet->state = (uint8_t)state;
    if (state == SL_FLIGHT_ARRIVED)
        stats->arrived++;
    else if (state == SL_FLIGHT_LOST)
        stats->lost++;
    else if (state == SL_FLIGHT_FORGOTTEN)
        stats->forgotten++;
}

static void lose(struct sl_flight *flight, struct sl_flight_stream *stream, int64_t seq)
{
    const bool runs_on = holds(stream, seq - 1) && slot(stream, seq - 1)->state == SL_FLIGHT_LOST;
    flight->stats.runs += !runs_on;
    turn(flight, slot(stream, seq), SL_FLIGHT_LOST);
}

static void forget_stream(struct sl_flight *flight, struct sl_flight_stream *stream, sl_ns before)
{
    for (; stream->unsettled <= stream->seqs.highest; stream->unsettled++) {
        const int64_t seq = stream->unsettled;
        if (!holds(stream, seq) || slot(stream, seq)->state != SL_FLIGHT_FLYING)
            continue;
        if (slot(stream, seq)->sent >= before)
            return;
        turn(flight, slot(stream, seq), SL_FLIGHT_FORGOTTEN);
    }
}

void sl_flight_forget(struct sl_flight *flight, sl_ns before)
{
    for (size_t i = 0; i < SL_FLIGHT_STREAMS; i++)
        if (flight->streams[i].used)
            forget_stream(flight, &flight->streams[i], before);
}

static struct sl_flight_stream *find(struct sl_flight *flight, uint32_t ssrc)
{
    for (size_t i = 0; i < SL_FLIGHT_STREAMS; i++)
        if (flight->streams[i].used && flight->streams[i].ssrc == ssrc)
            return &flight->streams[i];
    return NULL;
}

static struct sl_flight_stream *add(struct sl_flight *flight, uint32_t ssrc)
{
    struct sl_flight_stream *stream = &flight->streams[0];
    for (size_t i = 1; i < SL_FLIGHT_STREAMS && stream->used; i++) {
        struct sl_flight_stream *other = &flight->streams[i];
        if (!other->used || other->used_at < stream->used_at)
            stream = other;
    }
    if (stream->used)
        forget_stream(flight, stream, SL_NEVER);
    for (size_t i = 0; i < SL_FLIGHT_PACKETS; i++)
        stream->packets[i].state = SL_FLIGHT_NONE;
    stream->used = true;
    stream->ssrc = ssrc;
    stream->seqs = (struct sl_unwrap){0};
    return stream;
}

void sl_flight_sent(struct sl_flight *flight, uint32_t ssrc, uint16_t seq, size_t bytes,
                    int64_t frame, bool doubtful, sl_ns now)
{
    struct sl_flight_stream *stream = find(flight, ssrc);
    if (!stream)
        stream = add(flight, ssrc);
    const bool started = stream->seqs.started;
    const int64_t highest = stream->seqs.highest;
    const int64_t number = sl_unwrap_next(&stream->seqs, seq);
    stream->used_at = now;
    flight->stats.sent++;
    if (started && number <= highest - SL_FLIGHT_PACKETS) {
        flight->stats.forgotten++; /* far behind: nothing will be heard of it */
        return;
    }
    if (!started || number < stream->unsettled)
        stream->unsettled = number;
    /* What the ring no longer reaches is not waited for. */
    for (; stream->unsettled <= number - SL_FLIGHT_PACKETS; stream->unsettled++) {
        if (stream->unsettled > highest)
            break;
        if (holds(stream, stream->unsettled) &&
            slot(stream, stream->unsettled)->state == SL_FLIGHT_FLYING)
            turn(flight, slot(stream, stream->unsettled), SL_FLIGHT_FORGOTTEN);
    }
    struct sl_flight_packet *packet = slot(stream, number);
    if (packet->state == SL_FLIGHT_FLYING)
        turn(flight, packet, SL_FLIGHT_FORGOTTEN); /* the same number once more */
    *packet = (struct sl_flight_packet){.seq = number,
                                        .frame = frame,
                                        .sent = now,
                                        .bytes = (uint16_t)(bytes < 0xffff ? bytes : 0xffff),
                                        .state = SL_FLIGHT_FLYING};
    flight->stats.flying++;
    flight->stats.flying_bytes += packet->bytes;
    if (doubtful)
        turn(flight, packet, SL_FLIGHT_FORGOTTEN);
}

/* Reports have moved on to `begin`: what was missed once is lost, the rest we cannot know. */
static void settle(struct sl_flight *flight, struct sl_flight_stream *stream, int64_t begin)
{
    for (; stream->unsettled < begin; stream->unsettled++) {
        const int64_t seq = stream->unsettled;
        if (!holds(stream, seq) || slot(stream, seq)->state != SL_FLIGHT_FLYING)
            continue;
        if (slot(stream, seq)->missed)
            lose(flight, stream, seq);
        else
            turn(flight, slot(stream, seq), SL_FLIGHT_FORGOTTEN);
    }
}

const struct sl_flight_packet *sl_flight_hear(struct sl_flight *flight,
                                              const struct sl_ccfb_metric *metric)
{
    struct sl_flight_stream *stream = find(flight, metric->ssrc);
    if (!stream)
        return NULL;
    const int64_t seq = sl_unwrap_peek(&stream->seqs, metric->seq);
    if (seq > stream->seqs.highest)
        return NULL; /* never sent: a lie */
    if (metric->first)
        settle(flight, stream, seq);
    if (!holds(stream, seq))
        return NULL;
    struct sl_flight_packet *packet = slot(stream, seq);
    if (metric->received) {
        if (packet->state == SL_FLIGHT_ARRIVED)
            return NULL;
        turn(flight, packet, SL_FLIGHT_ARRIVED);
        return packet;
    }
    if (packet->state == SL_FLIGHT_FLYING && packet->missed)
        lose(flight, stream, seq);
    packet->missed = true;
    return NULL;
}
