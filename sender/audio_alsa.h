/* SPDX-License-Identifier: MIT */
/*
 * ALSA microphones: `alsa:DEVICE`, any capturing PCM that libasound knows by name; `alsa:auto` is
 * the first that is free.
 *
 * A device that is missing at the start is an error. One that goes later is looked for every half
 * second until it is back; meanwhile there are no blocks, and next() waits.
 */
#pragma once

#include "sender/audio.h"
#include "sender/audio_alsa_pcm.h"

/* As sl_audio_alsa.open, with another face: for tests. */
SL_MUST_CHECK int sl_audio_alsa_open(struct sl_audio **ret, const char *device,
                                     const struct sl_audio_config *config,
                                     const struct sl_alsa_face *face, char *why, size_t why_len);
