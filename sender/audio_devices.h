/* SPDX-License-Identifier: MIT */
/*
 * Audio devices: the microphones of this machine, as ALSA's hardware devices, and what each can do.
 * Nothing is recorded; a device is opened for a moment to ask it. Any thread.
 */
#pragma once

#include <stddef.h>

#include "base/types.h"

struct sl_audio_device {
    char name[64];         /* what follows alsa: "hw:CARD=Webcam,DEV=0" */
    char description[128]; /* "HD Webcam, USB Audio" */
    int error;             /* 0, or why it could not be asked: -EBUSY is in use by another */
    unsigned rate_min_hz, rate_max_hz;
    unsigned channels_min, channels_max;
    char formats[64]; /* "S16_LE S32_LE"; as many as there is room for */
};

/* Those that capture, in the order of cards and devices, `max` at most. How many. */
size_t sl_audio_devices(struct sl_audio_device *ret, size_t max);

/* What it offers, in words: "8000-48000 Hz 1-2 channels S16_LE", or why that is not known. */
void sl_audio_device_offers(const struct sl_audio_device *device, char *text, size_t len);
