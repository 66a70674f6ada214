/* SPDX-License-Identifier: MIT */
#include "sender/audio_alsa_pcm.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "sender/audio_devices.h"

#define PERIODS_PER_SECOND 200 /* 5 ms: half of that is what a sample waits on average */
#define BUFFERS_PER_SECOND 5   /* 200 ms: costs no delay, and outlasts a busy machine */
#define DEVICES_MAX 32
#define DESCRIPTORS_MAX 8
#define STAMP_OLDEST SL_SEC /* a moment further off is of another clock */

struct sl_alsa_pcm {
    snd_pcm_t *handle;
};

/* In the order of preference: what a small card has, then what loses nothing. */
static const snd_pcm_format_t formats[SL_SAMPLE_FORMATS] = {
    [SL_SAMPLE_S16] = SND_PCM_FORMAT_S16_LE,
    [SL_SAMPLE_S24_3] = SND_PCM_FORMAT_S24_3LE,
    [SL_SAMPLE_S32] = SND_PCM_FORMAT_S32_LE,
    [SL_SAMPLE_FLOAT] = SND_PCM_FORMAT_FLOAT_LE,
};

const char *sl_alsa_format_name(enum sl_sample_format format)
{
    return snd_pcm_format_name(formats[format]);
}

SL_PRINTF(5, 6)
static void on_words(const char *file, int line, const char *function, int error,
                     const char *format, ...)
{
    (void)file, (void)line, (void)function, (void)error;
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sl_debug("libasound: %s", text);
}

void sl_alsa_quiet(void)
{
    snd_lib_error_set_handler(on_words);
}

void sl_alsa_formats_text(snd_pcm_t *pcm, snd_pcm_hw_params_t *params, char *text, size_t len)
{
    size_t used = 0;
    *text = 0;
    for (int format = 0; format <= SND_PCM_FORMAT_LAST; format++) {
        const char *name = snd_pcm_format_name((snd_pcm_format_t)format);
        if (!name || snd_pcm_hw_params_test_format(pcm, params, (snd_pcm_format_t)format))
            continue;
        if (used + strlen(name) + 2 > len)
            return;
        used += (size_t)snprintf(text + used, len - used, "%s%s", used ? " " : "", name);
    }
}

/* ---- Opening ---- */

static void add_devices(char *why, size_t why_len)
{
    static const char *const separators[] = {"; there is ", ", "};
    struct sl_audio_device devices[DEVICES_MAX];
    const size_t count = sl_audio_devices(devices, DEVICES_MAX);
    if (!count)
        snprintf(why + strlen(why), why_len - strlen(why), "; there is none");
    for (size_t i = 0; i < count; i++)
        snprintf(why + strlen(why), why_len - strlen(why), "%salsa:%s", separators[i > 0],
                 devices[i].name);
}

static bool plays(const char *device)
{
    snd_pcm_t *handle;
    const int error = snd_pcm_open(&handle, device, SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK);
    if (!error)
        snd_pcm_close(handle);
    return !error || error == -EBUSY;
}

static void say_why_not_opened(const char *device, int error, char *why, size_t why_len)
{
    if (error == -EBUSY) {
        snprintf(why, why_len, "it is in use by another program");
    } else if (error == -EACCES || error == -EPERM) {
        snprintf(why, why_len, "no permission to open it; wanted a user in the group audio");
    } else if (plays(device)) {
        snprintf(why, why_len, "it does not capture (%s), wanted a microphone",
                 snd_strerror(error));
        add_devices(why, why_len);
    } else {
        const bool missing = error == -ENOENT || error == -ENODEV || error == -ENXIO;
        snprintf(why, why_len, "%s; wanted a device that captures",
                 missing ? "no such device" : snd_strerror(error));
        add_devices(why, why_len);
    }
}

/* Those that libasound gives up on are the only way to fail: all but the format is as near as it
 * gets. */
static int set_hardware(snd_pcm_t *handle, struct sl_alsa_info *info, char *why, size_t why_len)
{
    snd_pcm_hw_params_t *params;
    snd_pcm_hw_params_alloca(&params);
    int error = snd_pcm_hw_params_any(handle, params);
    if (error < 0)
        return error;
    error = snd_pcm_hw_params_set_access(handle, params, SND_PCM_ACCESS_RW_INTERLEAVED);
    if (error) {
        snprintf(why, why_len, "it does not give its channels interleaved, which is wanted");
        return error;
    }
    int format = 0;
    while (format < SL_SAMPLE_FORMATS &&
           snd_pcm_hw_params_test_format(handle, params, formats[format]))
        format++;
    if (format == SL_SAMPLE_FORMATS) {
        char offered[64];
        sl_alsa_formats_text(handle, params, offered, sizeof(offered));
        snprintf(why, why_len, "it offers %s, wanted S16_LE, S24_3LE, S32_LE or FLOAT_LE", offered);
        return -ENOTSUP;
    }
    unsigned rate = SL_AUDIO_RATE_HZ, channels = SL_AUDIO_CHANNELS;
    (void)snd_pcm_hw_params_set_rate_resample(handle, params, 0); /* ours is better */
    error = snd_pcm_hw_params_set_format(handle, params, formats[format]);
    error = error ? error : snd_pcm_hw_params_set_rate_near(handle, params, &rate, NULL);
    error = error ? error : snd_pcm_hw_params_set_channels_near(handle, params, &channels);
    snd_pcm_uframes_t period = rate / PERIODS_PER_SECOND, buffer = rate / BUFFERS_PER_SECOND;
    error = error ? error : snd_pcm_hw_params_set_period_size_near(handle, params, &period, NULL);
    error = error ? error : snd_pcm_hw_params_set_buffer_size_near(handle, params, &buffer);
    error = error ? error : snd_pcm_hw_params(handle, params);
    if (error)
        return error;
    info->format = (enum sl_sample_format)format;
    info->rate_hz = (int)rate;
    info->channels = (int)channels;
    info->period = (int)period;
    info->buffer = (int)buffer;
    return 0;
}

/* A plugin that knows no timestamps is no reason to do without it: see look(). */
static int set_software(snd_pcm_t *handle, const struct sl_alsa_info *info)
{
    snd_pcm_sw_params_t *params;
    snd_pcm_sw_params_alloca(&params);
    int error = snd_pcm_sw_params_current(handle, params);
    error = error
                ? error
                : snd_pcm_sw_params_set_avail_min(handle, params, (snd_pcm_uframes_t)info->period);
    if (error)
        return error;
    (void)snd_pcm_sw_params_set_tstamp_mode(handle, params, SND_PCM_TSTAMP_ENABLE);
    (void)snd_pcm_sw_params_set_tstamp_type(handle, params, SND_PCM_TSTAMP_TYPE_MONOTONIC);
    return snd_pcm_sw_params(handle, params);
}

static void name_it(snd_pcm_t *handle, struct sl_alsa_info *info)
{
    snd_pcm_info_t *pcm;
    snd_pcm_info_alloca(&pcm);
    snprintf(info->name, sizeof(info->name), "%s", snd_pcm_name(handle));
    if (snd_pcm_info(handle, pcm))
        return;
    char *card = NULL;
    if (snd_pcm_info_get_card(pcm) >= 0 &&
        snd_card_get_name(snd_pcm_info_get_card(pcm), &card) == 0)
        snprintf(info->name, sizeof(info->name), "%s", card);
    else if (snd_pcm_info_get_name(pcm)[0])
        snprintf(info->name, sizeof(info->name), "%s", snd_pcm_info_get_name(pcm));
    free(card);
}

/* The first that is free; if all are in use, the first. */
static int choose(struct sl_alsa_info *info, char *why, size_t why_len)
{
    struct sl_audio_device devices[DEVICES_MAX];
    const size_t count = sl_audio_devices(devices, DEVICES_MAX);
    size_t chosen = 0;
    while (chosen < count && devices[chosen].error)
        chosen++;
    if (!count) {
        snprintf(why, why_len, "there is no device that captures");
        return -ENODEV;
    }
    _Static_assert(sizeof(info->device) == sizeof(devices->name), "one is copied to the other");
    memcpy(info->device, devices[chosen < count ? chosen : 0].name, sizeof(info->device));
    return 0;
}

static int set_up(snd_pcm_t *handle, struct sl_alsa_info *info, char *why, size_t why_len)
{
    *why = 0;
    int error = set_hardware(handle, info, why, why_len);
    error = error ? error : set_software(handle, info);
    /* Whether it starts is seen here; nobody reads yet, so it is not left running. */
    error = error ? error : snd_pcm_start(handle);
    error = error ? error : snd_pcm_drop(handle);
    error = error ? error : snd_pcm_prepare(handle);
    if (error && !*why)
        snprintf(why, why_len, "cannot be set up: %s", snd_strerror(error));
    return error;
}

static int pcm_open(struct sl_alsa_pcm **ret, const char *device, struct sl_alsa_info *info,
                    char *why, size_t why_len)
{
    struct sl_alsa_info made = {0};
    sl_alsa_quiet();
    snprintf(made.device, sizeof(made.device), "%s", device);
    int error = 0;
    if (strcmp(device, "auto") == 0)
        error = choose(&made, why, why_len);
    if (error)
        return error;
    struct sl_alsa_pcm *pcm = calloc(1, sizeof(*pcm));
    snprintf(why, why_len, "out of memory");
    if (!pcm)
        return -ENOMEM;
    error = snd_pcm_open(&pcm->handle, made.device, SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);
    if (error) {
        say_why_not_opened(made.device, error, why, why_len);
        free(pcm);
        return error;
    }
    name_it(pcm->handle, &made);
    error = set_up(pcm->handle, &made, why, why_len);
    if (error) {
        sl_alsa_face.close(pcm);
        return error;
    }
    *info = made;
    *ret = pcm;
    return 0;
}

static void pcm_close(struct sl_alsa_pcm *pcm)
{
    if (!pcm)
        return;
    snd_pcm_close(pcm->handle);
    free(pcm);
}

/* ---- Reading ---- */

static int error_of_state(snd_pcm_t *handle)
{
    switch (snd_pcm_state(handle)) {
    case SND_PCM_STATE_XRUN:
        return -EPIPE;
    case SND_PCM_STATE_SUSPENDED:
        return -ESTRPIPE;
    case SND_PCM_STATE_DISCONNECTED:
        return -ENODEV;
    default:
        return -EIO;
    }
}

/* What poll() said, in the device's words. 1, 0: nothing yet, or -errno. */
static int judge(snd_pcm_t *handle, struct pollfd *descriptors, int count)
{
    unsigned short events = 0;
    const int error =
        snd_pcm_poll_descriptors_revents(handle, descriptors, (unsigned)count, &events);
    if (error)
        return error;
    if (events & (POLLERR | POLLNVAL | POLLHUP))
        return error_of_state(handle);
    return events & POLLIN ? 1 : 0;
}

static int pcm_wait(struct sl_alsa_pcm *pcm, const struct sl_halt *halt, sl_ns timeout)
{
    struct pollfd descriptors[1 + DESCRIPTORS_MAX] = {{.fd = halt->fd, .events = POLLIN}};
    const sl_ns due = sl_time_now() + timeout;
    const int count = snd_pcm_poll_descriptors(pcm->handle, descriptors + 1, DESCRIPTORS_MAX);
    const int error =
        snd_pcm_state(pcm->handle) == SND_PCM_STATE_PREPARED ? snd_pcm_start(pcm->handle) : 0;
    if (count <= 0 || error)
        return error ? error : count ? count : -ENODEV;
    for (;;) {
        const sl_ns left = due - sl_time_now();
        if (left <= 0)
            return 0;
        if (poll(descriptors, (nfds_t)count + 1, (int)(left / SL_MS) + 1) <= 0)
            continue;
        if (descriptors[0].revents)
            return -ECANCELED;
        const int ready = judge(pcm->handle, descriptors + 1, count);
        if (ready)
            return ready;
    }
}

/* The kernel notes when it last moved its count, which is better than when we came to ask. */
static int pcm_look(struct sl_alsa_pcm *pcm, int64_t *waiting, sl_ns *at)
{
    const snd_pcm_sframes_t before = snd_pcm_avail_update(pcm->handle);
    if (before < 0)
        return (int)before;
    snd_pcm_uframes_t frames;
    snd_htimestamp_t stamp;
    const int error = snd_pcm_htimestamp(pcm->handle, &frames, &stamp);
    const sl_ns now = sl_time_now();
    const sl_ns stamped = error ? 0 : stamp.tv_sec * SL_SEC + stamp.tv_nsec;
    const bool good = stamped <= now && stamped > now - STAMP_OLDEST;
    *waiting = good ? (int64_t)frames : before;
    *at = good ? stamped : now;
    return 0;
}

static int pcm_read(struct sl_alsa_pcm *pcm, void *frames, int count)
{
    return (int)snd_pcm_readi(pcm->handle, frames, (snd_pcm_uframes_t)count);
}

static int pcm_recover(struct sl_alsa_pcm *pcm, int error)
{
    if (error == -ESTRPIPE) { /* snd_pcm_recover() would sleep for seconds until it is resumed */
        const int resumed = snd_pcm_resume(pcm->handle);
        if (resumed == -EAGAIN || resumed == 0)
            return resumed;
    }
    return snd_pcm_prepare(pcm->handle);
}

static bool pcm_sleep(const struct sl_halt *halt, sl_ns time)
{
    return sl_halt_sleep(halt, sl_time_now() + time);
}

const struct sl_alsa_face sl_alsa_face = {
    .open = pcm_open,
    .close = pcm_close,
    .wait = pcm_wait,
    .look = pcm_look,
    .read = pcm_read,
    .recover = pcm_recover,
    .sleep = pcm_sleep,
};
