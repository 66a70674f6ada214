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
#define CONCEAL_MAX (SL_AUDIO_RATE_HZ / 5) /* what is longer, the jitter buffer jumps over */

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
    int length; /* of the packet before, in samples */
    int filler; /* samples played in place of a packet that is missed */
    int16_t made[2 * SL_AUDIO_FRAME_SAMPLES]; /* of which the last so many were not needed yet: */
    int made_left;
};

static void begin_stream(struct sl_sound *sound, uint32_t stream)
{
    sound->playing = stream;
    sound->queued = 0;
    sound->filler = CONCEAL_MAX; /* there is nothing to go on from */
    sound->length = 0;
    sound->made_left = 0;
    sl_audio_sync_init(&sound->sync);
}

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
    begin_stream(sound, 0);
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

static uint32_t stream_in_force(const struct sl_sound *sound)
{
    return atomic_load_explicit(&sound->stream, memory_order_relaxed);
}

/* The next packet of the stream in force. */
static bool next_item(struct sl_sound *sound)
{
    const uint32_t stream = stream_in_force(sound);
    while (sl_ring_pop(sound->ring, &sound->item)) {
        if (sound->item.stream == stream)
            return true;
        add(&sound->switched);
    }
    return false;
}

static void conceal(struct sl_sound *sound, int16_t *out, int samples)
{
    if (sl_audio_decoder_decode(sound->decoder, NULL, 0, false, out, samples) != samples)
        memset(out, 0, (size_t)samples * 2 * sizeof(int16_t));
}

/* How long the packet says it is, as Opus conceals it. */
static int length_told(const struct sl_sound_packet *packet)
{
    const int samples = packet->samples < PACKET_SAMPLES ? packet->samples : PACKET_SAMPLES;
    return samples > 0 ? samples / CONCEAL_STEP * CONCEAL_STEP : SL_AUDIO_FRAME_SAMPLES;
}

/* Samples now in `decoded`. */
static int decode_item(struct sl_sound *sound)
{
    const struct item *item = &sound->item;
    const bool lost = item->packet.lost;
    const int samples = length_told(&item->packet);
    int got = -EBADMSG;
    if (item->has_data)
        got = sl_audio_decoder_decode(sound->decoder, item->bytes, item->packet.len, lost,
                                      sound->decoded, lost ? samples : PACKET_SAMPLES);
    if (got < 0 || lost)
        add(&sound->concealed);
    if (got >= 0)
        return got;
    conceal(sound, sound->decoded, samples);
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

/* Goes on from what was heard, which fades away. */
static void make_up(struct sl_sound *sound, int samples)
{
    while (samples > 0) {
        if (!sound->made_left) {
            conceal(sound, sound->made, SL_AUDIO_FRAME_SAMPLES);
            sound->made_left = SL_AUDIO_FRAME_SAMPLES;
        }
        const int count = samples < sound->made_left ? samples : sound->made_left;
        const int16_t *from = sound->made + 2 * (SL_AUDIO_FRAME_SAMPLES - sound->made_left);
        sound->queued +=
            sl_audio_stretch(&sound->sync, from, count, 0, sound->queue + 2 * sound->queued);
        sound->made_left -= count;
        samples -= count;
    }
}

/* The packet in `item` is lost, and nothing mends it or the card did not wait for it: what is
 * missing of it is made up. */
static bool was_made_up(struct sl_sound *sound)
{
    const int samples = length_told(&sound->item.packet), missing = samples - sound->filler;
    if (!sound->item.packet.lost || (sound->item.has_data && missing > 0))
        return false;
    add(&sound->concealed);
    make_up(sound, missing);
    sound->filler = missing < 0 ? -missing : 0;
    return true;
}

/* The card did not wait for the packet in `item`: one that is lost was played in part, one that is
 * late tells how much later they may come. Returns how much of it is to be left out. */
static int settle_filler(struct sl_sound *sound, int count)
{
    const int filler = sound->filler;
    sound->filler = 0;
    sound->made_left = 0;
    if (sound->item.packet.lost)
        return filler < count ? filler : count;
    if (filler == CONCEAL_MAX) /* there was nothing before, or a pause */
        insert_silence(sound, samples_in(SL_AUDIO_RESERVE));
    else if (filler)
        sl_audio_sync_missed(&sound->sync, span(filler));
    return 0;
}

/* Decodes the packet in `item` and puts its sound into the queue, which is heard from `heard` on,
 * stretched to be in step. */
static void queue_item(struct sl_sound *sound, sl_ns heard)
{
    if (sound->item.stream != sound->playing)
        begin_stream(sound, sound->item.stream);
    add(&sound->played);
    if (was_made_up(sound))
        return;
    const int count = decode_item(sound);
    sound->length = count;
    const int out = settle_filler(sound, count);
    const struct sl_audio_step step =
        sl_audio_sync_step(&sound->sync, lateness(sound, heard + span(sound->queued - out)));
    if (step.skip > 0 && span(count) <= step.skip)
        return; /* leaves all of it out; the next one tells how far we are then */
    if (step.skip < 0)
        insert_silence(sound, samples_in(-step.skip));
    sound->queued += sl_audio_stretch(&sound->sync, sound->decoded + 2 * out, count - out, step.ppm,
                                      sound->queue + 2 * sound->queued);
}

/* There is less than the card wants: a packet is missed. */
static void fill_up(struct sl_sound *sound, int samples)
{
    int missing = samples - sound->queued;
    add(&sound->dry);
    sl_audio_sync_left(&sound->sync, 0);
    if (missing > CONCEAL_MAX - sound->filler)
        missing = CONCEAL_MAX - sound->filler;
    if (stream_in_force(sound) != sound->playing)
        return;
    make_up(sound, missing);
    sound->filler += missing;
}

void sl_sound_fill(struct sl_sound *sound, sl_ns now, sl_ns delay, int16_t *out, int samples)
{
    while (sound->queued < samples && sound->queued < 2 * PACKET_SAMPLES && next_item(sound))
        queue_item(sound, now + delay);
    if (sound->queued < samples)
        fill_up(sound, samples);
    const int given = sound->queued < samples ? sound->queued : samples;
    memcpy(out, sound->queue, (size_t)given * 2 * sizeof(int16_t));
    memset(out + 2 * given, 0, (size_t)(samples - given) * 2 * sizeof(int16_t));
    sound->queued -= given;
    memmove(sound->queue, sound->queue + 2 * given, (size_t)sound->queued * 2 * sizeof(int16_t));
    const sl_ns waiting = (sl_ns)sl_ring_held(sound->ring) * span(sound->length);
    sl_audio_sync_left(&sound->sync, span(sound->queued) + waiting);
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
