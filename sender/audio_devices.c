/* SPDX-License-Identifier: MIT */
#include "sender/audio_devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sender/audio_alsa_pcm.h"

/* What it offers; ranges stay 0 where it says nothing. */
static void ask(struct sl_audio_device *device)
{
    snd_pcm_t *pcm;
    snd_pcm_hw_params_t *params;
    snd_pcm_hw_params_alloca(&params);
    device->error = snd_pcm_open(&pcm, device->name, SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);
    if (device->error)
        return;
    device->error = snd_pcm_hw_params_any(pcm, params);
    if (device->error >= 0) {
        device->error = 0;
        snd_pcm_hw_params_get_rate_min(params, &device->rate_min_hz, NULL);
        snd_pcm_hw_params_get_rate_max(params, &device->rate_max_hz, NULL);
        snd_pcm_hw_params_get_channels_min(params, &device->channels_min);
        snd_pcm_hw_params_get_channels_max(params, &device->channels_max);
        sl_alsa_formats_text(pcm, params, device->formats, sizeof(device->formats));
    }
    snd_pcm_close(pcm);
}

/* False if that device does not capture. */
static bool describe(snd_ctl_t *ctl, int number, struct sl_audio_device *ret)
{
    snd_ctl_card_info_t *card;
    snd_pcm_info_t *info;
    snd_ctl_card_info_alloca(&card);
    snd_pcm_info_alloca(&info);
    snd_pcm_info_set_device(info, (unsigned)number);
    snd_pcm_info_set_stream(info, SND_PCM_STREAM_CAPTURE);
    if (snd_ctl_card_info(ctl, card) || snd_ctl_pcm_info(ctl, info))
        return false;
    *ret = (struct sl_audio_device){0};
    snprintf(ret->name, sizeof(ret->name), "hw:CARD=%s,DEV=%d", snd_ctl_card_info_get_id(card),
             number);
    snprintf(ret->description, sizeof(ret->description), "%s, %s", snd_ctl_card_info_get_name(card),
             snd_pcm_info_get_name(info));
    ask(ret);
    return true;
}

static size_t devices_of_card(int card, struct sl_audio_device *ret, size_t max)
{
    char name[32];
    snd_ctl_t *ctl;
    size_t count = 0;
    snprintf(name, sizeof(name), "hw:%d", card);
    if (snd_ctl_open(&ctl, name, SND_CTL_NONBLOCK))
        return 0;
    for (int number = -1; count < max;) {
        if (snd_ctl_pcm_next_device(ctl, &number) || number < 0)
            break;
        count += describe(ctl, number, &ret[count]);
    }
    snd_ctl_close(ctl);
    return count;
}

size_t sl_audio_devices(struct sl_audio_device *ret, size_t max)
{
    size_t count = 0;
    sl_alsa_quiet();
    for (int card = -1; snd_card_next(&card) == 0 && card >= 0;)
        count += devices_of_card(card, ret + count, max - count);
    return count;
}

/* Returns what is used of `text` then, or would be. */
static size_t add_range(char *text, size_t len, size_t used, unsigned low, unsigned high,
                        const char *unit)
{
    char *const to = used < len ? text + used : NULL;
    const size_t room = used < len ? len - used : 0;
    const int added = low == high ? snprintf(to, room, "%u %s ", low, unit)
                                  : snprintf(to, room, "%u-%u %s ", low, high, unit);
    return used + (size_t)added;
}

void sl_audio_device_offers(const struct sl_audio_device *device, char *text, size_t len)
{
    size_t used = 0;
    if (device->error) {
        snprintf(text, len, "%s", device->error == -EBUSY ? "in use" : snd_strerror(device->error));
        return;
    }
    used = add_range(text, len, used, device->rate_min_hz, device->rate_max_hz, "Hz");
    used = add_range(text, len, used, device->channels_min, device->channels_max,
                     device->channels_max == 1 ? "channel" : "channels");
    if (used < len)
        snprintf(text + used, len - used, "%s", device->formats);
}
