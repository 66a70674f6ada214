/* SPDX-License-Identifier: MIT */
/* Audio out: a sound card, by SDL, that takes its samples from a sound. Main thread only; SDL's own
 * thread calls sl_sound_fill(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

struct sl_audio_out;
struct sl_sound;

/* Opens the default device and starts it. 0, or -ENODEV with one sentence in `why`. */
SL_MUST_CHECK int sl_audio_out_create(struct sl_audio_out **ret, struct sl_sound *sound, char *why,
                                      size_t why_len);
void sl_audio_out_destroy(struct sl_audio_out *out);
