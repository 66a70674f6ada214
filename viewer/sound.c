/* SPDX-License-Identifier: MIT */
#include "viewer/sound.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/ring.h"
#include "codec/decoder.h"
#include "codec/encoder.h"
#include "viewer/audio_sync.h"

#define PACKETS 64          /* 1.3 s */
#define PACKET_SAMPLES 5760 /* 120 ms, the longest of Opus */
#define CONCEAL_STEP 120    /* 2.5 ms: Opus conceals in multiples of that */
#define QUEUE_SAMPLES (4 * PACKET_SAMPLES)

struct item {
    struct sl_sound_packet packet; /* data is set when it is looked at */
    uint8_t bytes[SL_SOUND_PACKET_MAX];
    bool has_data;
    uint32_t stream;
};

struct sl_sound {
    struct sl_ring *ring;
    _Atomic uint32_t stream; /* the one that is offered now; net writes */
    _Atomic sl_ns picture_age;
    _Atomic sl_ns late;
    _Atomic uint64_t offered, played, full, switched, concealed, dry;

    /* the card's thread */
    struct sl_audio_decoder *decoder;
    struct sl_audio_sync sync;
    uint32_t playing;
    struct item item; /* too large for a stack of unknown size */
    int16_t decoded[2 * PACKET_SAMPLES];
    int16_t queue[2 * QUEUE_SAMPLES];
    int queued; /* samples, from the start of the queue */
};

int sl_sound_create(struct sl_sound **ret)
{
    struct sl_sound *sound = calloc(1, sizeof(*sound));
    if (!sound)
        return -ENOMEM;
    int error = sl_ring_create(&sound->ring, PACKETS, sizeof(struct item));
    if (!error)
        error = sl_audio_decoder_create(&sound->decoder);
    if (error) {
        sl_sound_destroy(sound);
        return error;
    }
    sl_audio_sync_init(&sound->sync);
    atomic_init(&sound->picture_age, SL_NEVER);
    atomic_init(&sound->late, SL_NEVER);
    *ret = sound;
    return 0;
}

void sl_sound_destroy(struct sl_sound *sound)
{
    if (!sound)
        return;
    sl_audio_decoder_destroy(sound->decoder);
    sl_ring_destroy(sound->ring);
    free(sound);
}

static void add(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

bool sl_sound_offer(struct sl_sound *sound, const struct sl_sound_packet *packet)
{
    add(&sound->offered);
    struct item item = {.packet = *packet,
                        .has_data = packet->data && packet->len <= SL_SOUND_PACKET_MAX,
                        .stream = atomic_load_explicit(&sound->stream, memory_order_relaxed)};
    if (item.has_data)
        memcpy(item.bytes, packet->data, packet->len);
    if (sl_ring_push(sound->ring, &item))
        return true;
    add(&sound->full);
    return false;
}

void sl_sound_switch(struct sl_sound *sound)
{
    atomic_fetch_add_explicit(&sound->stream, 1, memory_order_relaxed);
}

void sl_sound_picture_age(struct sl_sound *sound, sl_ns age)
{
    atomic_store_explicit(&sound->picture_age, age, memory_order_relaxed);
}

/* ---- the card's thread ---- */

static void begin_stream(struct sl_sound *sound, uint32_t stream)
{
    sound->playing = stream;
    sound->queued = 0;
    sl_audio_sync_init(&sound->sync);
}

/* The next packet of the stream in force. */
static bool next_item(struct sl_sound *sound)
{
    const uint32_t stream = atomic_load_explicit(&sound->stream, memory_order_relaxed);
    while (sl_ring_pop(sound->ring, &sound->item)) {
        if (sound->item.stream == stream)
            return true;
        add(&sound->switched);
    }
    return false;
}

/* Samples now in `decoded`. */
static int decode_item(struct sl_sound *sound)
{
    const struct item *item = &sound->item;
    const struct sl_sound_packet *packet = &item->packet;
    int samples = packet->samples < PACKET_SAMPLES ? packet->samples : PACKET_SAMPLES;
    samples = samples > 0 ? samples / CONCEAL_STEP * CONCEAL_STEP : SL_AUDIO_FRAME_SAMPLES;
    int got = -EBADMSG;
    if (item->has_data && !packet->lost)
        got = sl_audio_decoder_decode(sound->decoder, item->bytes, packet->len, false,
                                      sound->decoded, PACKET_SAMPLES);
    else if (item->has_data)
        got = sl_audio_decoder_decode(sound->decoder, item->bytes, packet->len, true,
                                      sound->decoded, samples);
    if (got >= 0 && !packet->lost)
        return got;
    add(&sound->concealed);
    if (got < 0)
        got = sl_audio_decoder_decode(sound->decoder, NULL, 0, false, sound->decoded, samples);
    if (got >= 0)
        return got;
    memset(sound->decoded, 0, (size_t)samples * 2 * sizeof(int16_t));
    return samples;
}

static sl_ns span(int samples)
{
    return samples * SL_SEC / SL_AUDIO_RATE_HZ;
}

static int samples_in(sl_ns length)
{
    return (int)(length * SL_AUDIO_RATE_HZ / SL_SEC);
}

/* How far behind its picture the packet would be heard at `heard`. */
static sl_ns lateness(struct sl_sound *sound, sl_ns heard)
{
    const sl_ns age = atomic_load_explicit(&sound->picture_age, memory_order_relaxed);
    sl_ns late = SL_NEVER;
    if (sound->item.packet.has_capture && age != SL_NEVER)
        late = heard - sound->item.packet.captured - age;
    atomic_store_explicit(&sound->late, late, memory_order_relaxed);
    return late;
}

static void insert_silence(struct sl_sound *sound, int samples)
{
    if (samples > QUEUE_SAMPLES - PACKET_SAMPLES * 2 - sound->queued)
        samples = QUEUE_SAMPLES - PACKET_SAMPLES * 2 - sound->queued;
    if (samples <= 0)
        return;
    memset(sound->queue + 2 * sound->queued, 0, (size_t)samples * 2 * sizeof(int16_t));
    sound->queued += samples;
}

/* Decodes the packet in `item` and puts its sound into the queue, stretched to be in step. */
static void queue_item(struct sl_sound *sound, sl_ns heard)
{
    if (sound->item.stream != sound->playing)
        begin_stream(sound, sound->item.stream);
    const int count = decode_item(sound);
    add(&sound->played);
    const sl_ns waiting = (sl_ns)sl_ring_held(sound->ring) * span(count);
    const struct sl_audio_step step =
        sl_audio_sync_step(&sound->sync, lateness(sound, heard), span(sound->queued) + waiting);
    if (step.skip > 0 && span(count) <= step.skip)
        return; /* leaves all of it out; the next one tells how far we are then */
    if (step.skip < 0)
        insert_silence(sound, samples_in(-step.skip));
    sound->queued += sl_audio_stretch(&sound->sync, sound->decoded, count, step.ppm,
                                      sound->queue + 2 * sound->queued);
}

void sl_sound_fill(struct sl_sound *sound, sl_ns now, sl_ns delay, int16_t *out, int samples)
{
    while (sound->queued < samples && sound->queued < 2 * PACKET_SAMPLES && next_item(sound))
        queue_item(sound, now + delay + span(sound->queued));
    const int given = sound->queued < samples ? sound->queued : samples;
    memcpy(out, sound->queue, (size_t)given * 2 * sizeof(int16_t));
    memset(out + 2 * given, 0, (size_t)(samples - given) * 2 * sizeof(int16_t));
    if (given < samples)
        add(&sound->dry);
    sound->queued -= given;
    memmove(sound->queue, sound->queue + 2 * given, (size_t)sound->queued * 2 * sizeof(int16_t));
}

void sl_sound_stats(const struct sl_sound *sound, struct sl_sound_stats *ret)
{
    *ret = (struct sl_sound_stats){
        .held = sl_ring_held(sound->ring),
        .played = atomic_load(&sound->played),
        .switched = atomic_load(&sound->switched),
        .full = atomic_load(&sound->full),
        .concealed = atomic_load(&sound->concealed),
        .dry = atomic_load(&sound->dry),
        .late = atomic_load(&sound->late),
        .offered = atomic_load(&sound->offered),
    };
}
