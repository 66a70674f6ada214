/* SPDX-License-Identifier: MIT */
#include "viewer/audio_out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <SDL.h>

#include "base/time.h"
#include "codec/encoder.h"
#include "viewer/hush.h"
#include "viewer/sound.h"

#define DEVICE_SAMPLES 256 /* 5.3 ms asked for at a time */

struct sl_audio_out {
    struct sl_sound *sound;
    SDL_AudioDeviceID device;
    sl_ns delay; /* from the callback until its first sample is heard */
};

static void fill(void *ctx, Uint8 *stream, int bytes)
{
    struct sl_audio_out *out = ctx;
    sl_sound_fill(out->sound, sl_time_now(), out->delay, (int16_t *)(void *)stream,
                  bytes / (int)(sizeof(int16_t) * SL_AUDIO_CHANNELS));
}

int sl_audio_out_create(struct sl_audio_out **ret, struct sl_sound *sound, char *why,
                        size_t why_len)
{
    struct sl_audio_out *out = calloc(1, sizeof(*out));
    if (!out)
        return -ENOMEM;
    out->sound = sound;
    const SDL_AudioSpec wanted = {.freq = SL_AUDIO_RATE_HZ,
                                  .format = AUDIO_S16SYS,
                                  .channels = SL_AUDIO_CHANNELS,
                                  .samples = DEVICE_SAMPLES,
                                  .callback = fill,
                                  .userdata = out};
    SDL_AudioSpec got;
    const int err = sl_hush_begin(); /* ALSA writes ten lines where there is no sound card */
    const bool started = SDL_InitSubSystem(SDL_INIT_AUDIO) == 0;
    if (started)
        out->device = SDL_OpenAudioDevice(NULL, 0, &wanted, &got, SDL_AUDIO_ALLOW_SAMPLES_CHANGE);
    sl_hush_end(err);
    if (!out->device) {
        snprintf(why, why_len, "no sound: %s", SDL_GetError());
        if (started)
            SDL_QuitSubSystem(SDL_INIT_AUDIO);
        free(out);
        return -ENODEV;
    }
    /* What the callback fills is heard after the buffer before it. */
    out->delay = 2 * (sl_ns)got.samples * SL_SEC / SL_AUDIO_RATE_HZ;
    SDL_PauseAudioDevice(out->device, 0);
    *ret = out;
    return 0;
}

void sl_audio_out_destroy(struct sl_audio_out *out)
{
    if (!out)
        return;
    SDL_CloseAudioDevice(out->device);
    SDL_QuitSubSystem(SDL_INIT_AUDIO);
    free(out);
}
