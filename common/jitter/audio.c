/* SPDX-License-Identifier: MIT */
#include "jitter/audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jitter/clock.h"
#include "media/opus.h"

#define CAPACITY 256
#define CAPACITY_MAX 4096
#define CONCEAL_MAX (SL_SEC / 5)

struct slot {
    int64_t seq;
    uint32_t timestamp;
    int samples; /* 0: padding only */
    size_t len;
    bool held;
    bool has_capture;
    uint64_t capture_ntp;
    uint8_t payload[SL_RTP_FOREIGN_MAX];
};

struct sl_audio_jitter {
    struct sl_audio_jitter_config config;
    struct sl_media_clock clock;
    bool started; /* next and highest hold */
    bool playing; /* something came out, so expected and samples hold */
    int64_t next, highest;
    uint32_t expected; /* timestamp of `next`, if the sender did not pause */
    int samples;       /* of the packet before */
    struct sl_audio_jitter_stats stats;
    struct slot *slots;
};

int sl_audio_jitter_create(struct sl_audio_jitter **ret,
                           const struct sl_audio_jitter_config *config)
{
    const uint32_t capacity = config->capacity ? config->capacity : CAPACITY;
    if (capacity > CAPACITY_MAX || (capacity & (capacity - 1)) || config->delay < 0)
        return -EINVAL;
    struct sl_audio_jitter *jitter = calloc(1, sizeof(*jitter));
    if (!jitter)
        return -ENOMEM;
    jitter->config = *config;
    jitter->config.capacity = capacity;
    if (!config->clock_hz)
        jitter->config.clock_hz = SL_OPUS_CLOCK_HZ;
    jitter->slots = calloc(capacity, sizeof(*jitter->slots));
    if (!jitter->slots) {
        free(jitter);
        return -ENOMEM;
    }
    sl_audio_jitter_reset(jitter);
    *ret = jitter;
    return 0;
}

void sl_audio_jitter_destroy(struct sl_audio_jitter *jitter)
{
    if (!jitter)
        return;
    free(jitter->slots);
    free(jitter);
}

void sl_audio_jitter_set_delay(struct sl_audio_jitter *jitter, sl_ns delay)
{
    jitter->config.delay = delay;
}

static void drop_all(struct sl_audio_jitter *jitter)
{
    for (size_t i = 0; i < jitter->config.capacity; i++) {
        jitter->slots[i].held = false;
        jitter->slots[i].seq = INT64_MIN;
    }
    jitter->stats.dropped += jitter->stats.held;
    jitter->stats.held = 0;
    jitter->started = false;
    jitter->playing = false;
}

void sl_audio_jitter_reset(struct sl_audio_jitter *jitter)
{
    drop_all(jitter);
    sl_media_clock_init(&jitter->clock, jitter->config.clock_hz);
}

static struct slot *slot_of(const struct sl_audio_jitter *jitter, int64_t seq)
{
    return &jitter->slots[(size_t)seq & (jitter->config.capacity - 1)];
}

static struct slot *held_slot(const struct sl_audio_jitter *jitter, int64_t seq)
{
    struct slot *slot = slot_of(jitter, seq);
    return slot->held && slot->seq == seq ? slot : NULL;
}

/* Moves the start, if the packet allows it. False if its turn has passed. */
static bool make_room(struct sl_audio_jitter *jitter, int64_t seq)
{
    const int64_t capacity = jitter->config.capacity;
    if (jitter->started && seq - jitter->next >= capacity)
        drop_all(jitter); /* the sender jumped, or nobody popped */
    if (!jitter->started) {
        jitter->next = jitter->highest = seq;
        jitter->started = true;
    }
    /* The first packet may have overtaken others. */
    if (!jitter->playing && seq < jitter->next && jitter->highest - seq < capacity)
        jitter->next = seq;
    return seq >= jitter->next;
}

static void keep(struct sl_audio_jitter *jitter, struct slot *slot,
                 const struct sl_rtp_packet *packet, int samples)
{
    slot->seq = packet->seq;
    slot->timestamp = packet->timestamp;
    slot->samples = samples;
    slot->len = packet->payload_len;
    slot->held = true;
    slot->has_capture = packet->has_capture;
    slot->capture_ntp = packet->capture_ntp;
    if (packet->has_capture_offset)
        slot->capture_ntp -= (uint64_t)packet->capture_offset;
    if (packet->payload_len)
        memcpy(slot->payload, packet->payload, packet->payload_len);
    jitter->stats.held++;
}

enum sl_audio_put sl_audio_jitter_put(struct sl_audio_jitter *jitter,
                                      const struct sl_rtp_packet *packet, sl_ns now)
{
    jitter->stats.offered++;
    const int samples =
        packet->payload_len ? sl_opus_samples(packet->payload, packet->payload_len) : 0;
    if (samples < 0 || packet->payload_len > SL_RTP_FOREIGN_MAX) {
        jitter->stats.refused++;
        return SL_AUDIO_REFUSED;
    }
    const bool in_time = make_room(jitter, packet->seq);
    struct slot *slot = slot_of(jitter, packet->seq);
    if (slot->seq == packet->seq) {
        jitter->stats.duplicate++;
        return SL_AUDIO_DUPLICATE;
    }
    if (!in_time) {
        jitter->stats.late++;
        return SL_AUDIO_LATE;
    }
    keep(jitter, slot, packet, samples);
    if (packet->seq >= jitter->highest) {
        jitter->highest = packet->seq;
        sl_media_clock_began(&jitter->clock, packet->timestamp, now);
    }
    if (samples)
        sl_media_clock_observe(&jitter->clock, packet->timestamp, now);
    return SL_AUDIO_KEPT;
}

static sl_ns due_of(const struct sl_audio_jitter *jitter, uint32_t timestamp)
{
    const sl_ns fastest = sl_media_clock_fastest(&jitter->clock, timestamp);
    return fastest == SL_NEVER ? 0 : fastest + jitter->config.delay;
}

static sl_ns length_of(const struct sl_audio_jitter *jitter, int samples)
{
    return samples * SL_SEC / jitter->config.clock_hz;
}

static void release(struct sl_audio_jitter *jitter, struct slot *slot)
{
    slot->held = false;
    jitter->stats.held--;
    jitter->stats.released++;
    jitter->next++;
}

static void skip_padding(struct sl_audio_jitter *jitter)
{
    struct slot *slot;
    while ((slot = held_slot(jitter, jitter->next)) && slot->samples == 0)
        release(jitter, slot);
}

/* The next number that is held; jitter->highest + 1 if none is. */
static int64_t next_held(const struct sl_audio_jitter *jitter)
{
    int64_t seq = jitter->next;
    while (seq <= jitter->highest && !held_slot(jitter, seq))
        seq++;
    return seq;
}

static enum sl_audio_pop pop_packet(struct sl_audio_jitter *jitter, struct slot *slot, sl_ns now,
                                    struct sl_audio_packet *ret)
{
    const sl_ns due = due_of(jitter, slot->timestamp);
    if (due > now)
        return SL_AUDIO_WAIT;
    const struct slot *after = held_slot(jitter, slot->seq + 1);
    *ret = (struct sl_audio_packet){
        .data = slot->payload,
        .len = slot->len,
        .seq = slot->seq,
        .timestamp = slot->timestamp,
        .samples = slot->samples,
        .late = now > due + length_of(jitter, slot->samples) && after && after->samples &&
                due_of(jitter, after->timestamp) <= now,
        .has_capture = slot->has_capture,
        .capture_ntp = slot->capture_ntp,
        .due = due,
    };
    jitter->playing = true;
    jitter->samples = slot->samples;
    jitter->expected = slot->timestamp + (uint32_t)slot->samples;
    release(jitter, slot);
    return SL_AUDIO_PACKET;
}

/* `seq`: the first that is held. Concealing may begin when what is missing is due. */
static enum sl_audio_pop pop_lost(struct sl_audio_jitter *jitter, int64_t seq, sl_ns now,
                                  struct sl_audio_packet *ret)
{
    const sl_ns due = due_of(jitter, jitter->expected);
    if (due > now)
        return SL_AUDIO_WAIT;
    const struct slot *after = seq == jitter->next + 1 ? held_slot(jitter, seq) : NULL;
    *ret = (struct sl_audio_packet){
        .data = after && after->samples ? after->payload : NULL,
        .len = after ? after->len : 0,
        .seq = jitter->next,
        .timestamp = jitter->expected,
        .samples = jitter->samples,
        .due = due,
    };
    jitter->expected += (uint32_t)jitter->samples;
    jitter->next++;
    jitter->stats.lost++;
    return SL_AUDIO_LOST;
}

/* Nothing can, or ought to, be played for the numbers before `seq`. */
static bool is_jump(const struct sl_audio_jitter *jitter, int64_t seq)
{
    return !jitter->playing ||
           (seq - jitter->next) * length_of(jitter, jitter->samples) > CONCEAL_MAX;
}

enum sl_audio_pop sl_audio_jitter_pop(struct sl_audio_jitter *jitter, sl_ns now,
                                      struct sl_audio_packet *ret)
{
    while (jitter->started) {
        skip_padding(jitter);
        const int64_t seq = next_held(jitter);
        if (seq > jitter->highest)
            break;
        struct slot *slot = held_slot(jitter, seq);
        if (seq == jitter->next)
            return pop_packet(jitter, slot, now, ret);
        if (!is_jump(jitter, seq))
            return pop_lost(jitter, seq, now, ret);
        if (slot->samples && due_of(jitter, slot->timestamp) > now)
            break; /* what is missing may still come */
        jitter->stats.lost += (uint64_t)(seq - jitter->next);
        jitter->next = seq;
    }
    return SL_AUDIO_WAIT;
}

sl_ns sl_audio_jitter_due(const struct sl_audio_jitter *jitter)
{
    if (!jitter->started)
        return SL_NEVER;
    const int64_t seq = next_held(jitter);
    if (seq > jitter->highest)
        return SL_NEVER;
    if (seq != jitter->next && !is_jump(jitter, seq))
        return due_of(jitter, jitter->expected);
    const struct slot *slot = held_slot(jitter, seq);
    return slot->samples ? due_of(jitter, slot->timestamp) : 0;
}

void sl_audio_jitter_stats(const struct sl_audio_jitter *jitter, struct sl_audio_jitter_stats *ret)
{
    *ret = jitter->stats;
    ret->delay = jitter->config.delay;
    ret->jitter = (sl_ns)jitter->clock.jitter;
}
