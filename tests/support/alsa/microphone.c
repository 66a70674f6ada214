/* SPDX-License-Identifier: MIT */
/*
 * A microphone for libasound, in user space: keeps real time by a clock that is as wrong as one
 * likes, overruns like a sound card, and can be pulled out. Mono, S16_LE; it ticks (2 ms, loud) at
 * each full second of CLOCK_MONOTONIC.
 *
 *     pcm_type.sightline_mic { lib "/path/of/this.so" }
 *     pcm.mic { type sightline_mic rate 44100 ppm 300 plugged "/path" }
 *
 * It is there as long as the file `plugged` is.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#define SECOND INT64_C(1000000000)
#define TICK (SECOND / 500)

struct microphone {
    snd_pcm_ioplug_t io;
    long rate, ppm;
    char *plugged;
    int64_t since; /* when its count was 0 */
    int64_t read;  /* frames of its count */
    int64_t shown; /* what pointer() said last */
};

static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

static double frames_per_ns(const struct microphone *mic)
{
    return (double)mic->rate * (1 + (double)mic->ppm * 1e-6) * 1e-9;
}

static int64_t counted(const struct microphone *mic)
{
    return (int64_t)((double)(now() - mic->since) * frames_per_ns(mic));
}

static int mic_prepare(snd_pcm_ioplug_t *io)
{
    struct microphone *mic = io->private_data;
    mic->read = mic->shown = 0;
    return 0;
}

static int mic_start(snd_pcm_ioplug_t *io)
{
    struct microphone *mic = io->private_data;
    const long period = (long)((double)io->period_size / frames_per_ns(mic));
    const struct itimerspec every = {.it_interval.tv_nsec = period, .it_value.tv_nsec = period};
    mic->since = now();
    return timerfd_settime(io->poll_fd, 0, &every, NULL) ? -errno : 0;
}

static int mic_stop(snd_pcm_ioplug_t *io)
{
    const struct itimerspec never = {0};
    return timerfd_settime(io->poll_fd, 0, &never, NULL) ? -errno : 0;
}

static snd_pcm_sframes_t mic_pointer(snd_pcm_ioplug_t *io)
{
    struct microphone *mic = io->private_data;
    if (access(mic->plugged, F_OK))
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
    else
        mic->shown = counted(mic);
    if (mic->shown - mic->read > (int64_t)io->buffer_size)
        return -EPIPE;
    return (snd_pcm_sframes_t)(mic->shown % (int64_t)io->buffer_size);
}

static snd_pcm_sframes_t mic_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                      snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    struct microphone *mic = io->private_data;
    int16_t *samples = (int16_t *)areas->addr + areas->first / 16 + offset * areas->step / 16;
    for (snd_pcm_uframes_t i = 0; i < size; i++, mic->read++) {
        const int64_t at = mic->since + (int64_t)((double)mic->read / frames_per_ns(mic));
        samples[i * areas->step / 16] = at % SECOND < TICK ? 20000 : 0;
    }
    return (snd_pcm_sframes_t)size;
}

static int mic_revents(snd_pcm_ioplug_t *io, struct pollfd *descriptors, unsigned count,
                       unsigned short *events)
{
    struct microphone *mic = io->private_data;
    uint64_t expired;
    (void)count;
    *events = 0;
    if (!(descriptors->revents & POLLIN))
        return 0;
    (void)!read(io->poll_fd, &expired, sizeof(expired));
    if (access(mic->plugged, F_OK))
        *events = POLLERR;
    else if (counted(mic) - mic->read >= (int64_t)io->period_size)
        *events = POLLIN;
    if (*events == POLLERR)
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
    return 0;
}

static int mic_close(snd_pcm_ioplug_t *io)
{
    struct microphone *mic = io->private_data;
    close(io->poll_fd);
    free(mic->plugged);
    free(mic);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = mic_start,
    .stop = mic_stop,
    .pointer = mic_pointer,
    .transfer = mic_transfer,
    .close = mic_close,
    .prepare = mic_prepare,
    .poll_revents = mic_revents,
};

static int offer(struct microphone *mic)
{
    static const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED};
    static const unsigned format[] = {SND_PCM_FORMAT_S16_LE};
    snd_pcm_ioplug_t *io = &mic->io;
    const unsigned rate = (unsigned)mic->rate;
    int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 1, access);
    error = error ? error : snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, format);
    error = error ? error : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 1);
    error = error ? error : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, rate, rate);
    error = error ? error
                  : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 256, 8192);
    return error ? error : snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
}

static int configure(struct microphone *mic, snd_config_t *config)
{
    snd_config_iterator_t i, next;
    snd_config_for_each(i, next, config)
    {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id, *text;
        if (snd_config_get_id(entry, &id))
            continue;
        if (strcmp(id, "rate") == 0)
            snd_config_get_integer(entry, &mic->rate);
        else if (strcmp(id, "ppm") == 0)
            snd_config_get_integer(entry, &mic->ppm);
        else if (strcmp(id, "plugged") == 0 && snd_config_get_string(entry, &text) == 0)
            mic->plugged = strdup(text);
    }
    return mic->plugged && access(mic->plugged, F_OK) == 0 ? 0 : -ENODEV;
}

SND_PCM_PLUGIN_DEFINE_FUNC(sightline_mic)
{
    (void)root;
    if (stream != SND_PCM_STREAM_CAPTURE)
        return -EINVAL;
    struct microphone *mic = calloc(1, sizeof(*mic));
    if (!mic)
        return -ENOMEM;
    mic->rate = 48000;
    mic->io = (snd_pcm_ioplug_t){
        .version = SND_PCM_IOPLUG_VERSION,
        .name = "A microphone for tests",
        .flags = SND_PCM_IOPLUG_FLAG_MONOTONIC,
        .poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
        .poll_events = POLLIN,
        .callback = &callbacks,
        .private_data = mic,
    };
    int error = configure(mic, conf);
    error = error ? error : snd_pcm_ioplug_create(&mic->io, name, stream, mode);
    if (error) {
        mic_close(&mic->io);
        return error;
    }
    error = offer(mic);
    if (error) {
        snd_pcm_ioplug_delete(&mic->io);
        return error;
    }
    *pcmp = mic->io.pcm;
    return 0;
}

SND_PCM_PLUGIN_SYMBOL(sightline_mic);
