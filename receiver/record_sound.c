/* SPDX-License-Identifier: MIT */
#include "receiver/record_sound.h"

#include <string.h>

#include "media/opus.h"

static struct sl_record_sound_packet *slot_of(struct sl_record_sound *sound, int64_t seq)
{
    return &sound->slots[(uint64_t)seq % SL_RECORD_SOUND_SLOTS];
}

static struct sl_record_sound_packet *held(struct sl_record_sound *sound, int64_t seq)
{
    struct sl_record_sound_packet *slot = slot_of(sound, seq);
    return slot->held && slot->seq == seq ? slot : NULL;
}

void sl_record_sound_init(struct sl_record_sound *sound)
{
    sound->started = false;
    for (int i = 0; i < SL_RECORD_SOUND_SLOTS; i++)
        sound->slots[i].held = false;
}

static void give_up(struct sl_record_sound *sound, int64_t below)
{
    const int64_t end = sound->next + SL_RECORD_SOUND_SLOTS;
    for (int64_t seq = sound->next; seq < below && seq < end; seq++) {
        struct sl_record_sound_packet *slot = held(sound, seq);
        sound->missing += !slot;
        if (slot) {
            slot->held = false;
            sound->refused++;
        }
    }
    sound->next = below;
}

void sl_record_sound_put(struct sl_record_sound *sound, const struct sl_rtp_packet *packet,
                         sl_ns capture, sl_ns now)
{
    sound->offered++;
    if (!sound->started) {
        sound->started = true;
        sound->next = sound->highest = packet->seq;
    }
    if (packet->seq < sound->next) {
        sound->late++;
        return;
    }
    if (packet->payload_len > SL_RTP_FOREIGN_MAX) {
        sound->refused++;
        return;
    }
    if (packet->seq >= sound->next + SL_RECORD_SOUND_SLOTS)
        give_up(sound, packet->seq - SL_RECORD_SOUND_SLOTS + 1);
    struct sl_record_sound_packet *slot = slot_of(sound, packet->seq);
    if (slot->held) {
        sound->duplicate++;
        return;
    }
    slot->seq = packet->seq;
    slot->timestamp = packet->timestamp;
    slot->capture = capture;
    slot->arrived = now;
    slot->held = true;
    slot->len = packet->payload_len;
    if (packet->payload_len)
        memcpy(slot->data, packet->payload, packet->payload_len);
    if (packet->seq > sound->highest)
        sound->highest = packet->seq;
}

/* Goes on to the next one that can be written: padding and what is not Opus is nobody's. */
static const struct sl_record_sound_packet *usable(struct sl_record_sound *sound,
                                                   struct sl_record_sound_packet *slot)
{
    if (slot->len > 0 && sl_opus_samples(slot->data, slot->len) > 0)
        return slot;
    slot->held = false;
    sound->refused++;
    sound->next = slot->seq + 1;
    return NULL;
}

const struct sl_record_sound_packet *sl_record_sound_peek(struct sl_record_sound *sound, sl_ns now,
                                                          sl_ns patience)
{
    while (sound->started && sound->next <= sound->highest) {
        int64_t seq = sound->next;
        while (!held(sound, seq))
            if (++seq > sound->highest)
                return NULL;
        struct sl_record_sound_packet *slot = held(sound, seq);
        if (seq > sound->next && now - slot->arrived < patience)
            return NULL;
        sound->missing += (uint64_t)(seq - sound->next);
        sound->next = seq;
        const struct sl_record_sound_packet *packet = usable(sound, slot);
        if (packet)
            return packet;
    }
    return NULL;
}

void sl_record_sound_take(struct sl_record_sound *sound)
{
    held(sound, sound->next)->held = false;
    sound->next++;
    sound->given++;
}
