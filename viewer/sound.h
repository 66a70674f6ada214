/* SPDX-License-Identifier: MIT */
/*
 * Sound: the selected tile's Opus packets on their way from the net thread to the sound card.
 *
 *     net: offer ──▶ [ ring of packets ] ──▶ card's thread: fill ── decode, conceal, stretch ──▶
 *     main: picture's age ────────────────────────────▲
 *
 * The sound card's thread asks for samples and gets them in step with the picture (audio_sync.h).
 * For a packet that is not there it does not wait: what was heard goes on and fades, for 200 ms at
 * most; if the packet turns out to be lost, that was its concealment, so sound stays where it was.
 * Then silence. A full ring drops the new packet (counted): the card has stopped asking.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_SOUND_PACKET_MAX 1240

struct sl_sound;

SL_MUST_CHECK int sl_sound_create(struct sl_sound **ret);
void sl_sound_destroy(struct sl_sound *sound);

/* ---- net thread ---- */

struct sl_sound_packet {
    const uint8_t *data; /* NULL: lost, and nothing follows to mend it with */
    size_t len;
    bool lost;   /* data, if any, is the packet after it, for its FEC */
    int samples; /* per channel */
    bool has_capture;
    sl_ns captured; /* of the first sample */
};

/* False if it was dropped. */
bool sl_sound_offer(struct sl_sound *sound, const struct sl_sound_packet *packet);
/* What is offered from now on is another stream: what waits is not played any more. */
void sl_sound_switch(struct sl_sound *sound);

/* ---- main thread ---- */

/* How old the picture is that the sound belongs to; SL_NEVER: not known. */
void sl_sound_picture_age(struct sl_sound *sound, sl_ns age);

/* ---- the sound card's thread ---- */

/* Interleaved stereo at 48 kHz; the first sample will be heard `delay` after `now`. */
void sl_sound_fill(struct sl_sound *sound, sl_ns now, sl_ns delay, int16_t *out, int samples);

/* offered == played + full + switched + held */
struct sl_sound_stats {
    uint64_t offered, played, full, switched, held;
    uint64_t concealed; /* of those played: lost, or not decodable */
    uint64_t dry;       /* times there was not enough to fill: made up, or silence */
    sl_ns late;         /* gauge: sound behind its picture, SL_NEVER: not known */
};
void sl_sound_stats(const struct sl_sound *sound, struct sl_sound_stats *ret);
