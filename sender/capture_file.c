/* SPDX-License-Identifier: MIT */
/* A media file played in real time, with its sound. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "sender/audio.h"
#include "sender/capture.h"
#include "sender/media_file.h"
#include "sender/scale.h"

#define SIDE_MAX 8192

struct file {
    struct sl_capture base;
    const struct sl_halt *halt;
    struct sl_media_file *media;
    struct sl_scaler *scaler;
    bool started;
    sl_ns start;                 /* when 0 of the timeline is shown */
    bool block_waits;            /* `block` is next, and not yet due */
    struct sl_audio_block block; /* captured: on the timeline */
};

static void file_close(struct sl_capture *capture)
{
    struct file *file = (struct file *)capture;
    sl_audio_close(file->base.sound);
    sl_scaler_destroy(file->scaler);
    sl_media_file_close(file->media);
    free(file);
}

static int set_up(struct file *file, const char *path, const struct sl_capture_config *config,
                  char *why, size_t why_len)
{
    file->base.kind = &sl_capture_file;
    file->base.stored = true;
    file->halt = config->halt;
    int error = sl_media_file_open(&file->media, path, config->sound, config->loop, config->halt,
                                   why, why_len);
    if (error)
        return error;
    struct sl_media_info info;
    sl_media_file_info(file->media, &info);
    if (info.width < 16 || info.height < 16 || info.width > SIDE_MAX || info.height > SIDE_MAX) {
        snprintf(why, why_len, "its pictures are %dx%d, wanted 16x16 to 8192x8192", info.width,
                 info.height);
        return -EBADMSG;
    }
    file->base.width = config->size.width ? config->size.width : info.width & ~1;
    file->base.height = config->size.height ? config->size.height : info.height & ~1;
    file->base.fps_num = info.fps_num;
    file->base.fps_den = info.fps_den;
    file->base.full_range = info.full_range;
    error = sl_scaler_create(&file->scaler, file->base.width, file->base.height, info.full_range);
    if (!error && info.sound)
        error = sl_audio_queue_open(&file->base.sound, config->halt);
    if (error)
        snprintf(why, why_len, "%s", strerror(-error));
    return error;
}

static int file_open(struct sl_capture **ret, const char *rest,
                     const struct sl_capture_config *config, char *why, size_t why_len)
{
    struct file *file = calloc(1, sizeof(*file));
    snprintf(why, why_len, "out of memory");
    if (!file)
        return -ENOMEM;
    const int error = set_up(file, rest, config, why, why_len);
    if (error) {
        file_close(&file->base);
        return error;
    }
    *ret = &file->base;
    return 0;
}

/* Sound leaves when its own moment has come, between pictures. */
static int play_sound_until(struct file *file, sl_ns at)
{
    for (;;) {
        if (!file->block_waits)
            file->block_waits = sl_media_file_sound(file->media, at, &file->block);
        if (!file->block_waits || file->block.captured >= at)
            return 0;
        file->block.captured += file->start;
        file->block_waits = false;
        if (sl_halt_sleep(file->halt, file->block.captured))
            return -ECANCELED;
        sl_audio_queue_push(file->base.sound, &file->block);
    }
}

static int file_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    struct file *file = (struct file *)capture;
    const struct AVFrame *picture;
    sl_ns at;
    const int got = sl_media_file_picture(file->media, &picture, &at);
    if (got != 1)
        return got;
    int error = sl_scaler_run(file->scaler, picture, pixels);
    if (error)
        return error;
    const sl_ns now = sl_time_now();
    if (!file->started || now - (file->start + at) > SL_SEC) { /* began, or was suspended */
        file->started = true;
        file->start = now - at;
    }
    error = file->base.sound ? play_sound_until(file, at) : 0;
    if (error)
        return error;
    *captured = file->start + at;
    return sl_halt_sleep(file->halt, *captured) ? -ECANCELED : 1;
}

const struct sl_capture_kind sl_capture_file = {
    .prefix = "file:",
    .open = file_open,
    .next = file_next,
    .close = file_close,
};
