/* SPDX-License-Identifier: MIT */
#include "sender/audio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ring.h"
#include "base/wake.h"

#define QUEUE_BLOCKS 64

static const struct sl_audio_kind *const kinds[] = {&sl_audio_test, &sl_audio_alsa, NULL};

const struct sl_audio_kind *sl_audio_find(const char *source, const char **rest)
{
    for (int i = 0; kinds[i]; i++) {
        const size_t len = strlen(kinds[i]->prefix);
        if (strncmp(source, kinds[i]->prefix, len) != 0)
            continue;
        if (kinds[i]->prefix[len - 1] == ':' ? !source[len] : source[len] != 0)
            continue;
        *rest = source + len;
        return kinds[i];
    }
    return NULL;
}

int sl_audio_open(struct sl_audio **ret, const char *source, const struct sl_audio_config *config,
                  char *why, size_t why_len)
{
    const char *rest;
    const struct sl_audio_kind *kind = sl_audio_find(source, &rest);
    if (!kind) {
        snprintf(why, why_len, "no such kind of source; wanted test or alsa:DEVICE");
        return -ENOTSUP;
    }
    return kind->open(ret, rest, config, why, why_len);
}

int sl_audio_next(struct sl_audio *audio, struct sl_audio_block *block)
{
    return audio->kind->next(audio, block);
}

void sl_audio_close(struct sl_audio *audio)
{
    if (audio)
        audio->kind->close(audio);
}

void sl_audio_stats(const struct sl_audio *audio, struct sl_audio_stats *ret)
{
    *ret = (struct sl_audio_stats){0};
    if (audio->kind->stats)
        audio->kind->stats(audio, ret);
}

struct queue {
    struct sl_audio base;
    const struct sl_halt *halt;
    struct sl_ring *ring;
    struct sl_wake wake;
};

static void queue_close(struct sl_audio *audio)
{
    struct queue *queue = (struct queue *)audio;
    sl_ring_destroy(queue->ring);
    sl_wake_fini(&queue->wake);
    free(queue);
}

static int queue_next(struct sl_audio *audio, struct sl_audio_block *block)
{
    struct queue *queue = (struct queue *)audio;
    while (!sl_ring_pop(queue->ring, block)) {
        if (sl_halt_or_readable(queue->halt, queue->wake.fd))
            return -ECANCELED;
        sl_wake_clear(&queue->wake);
    }
    return 1;
}

static const struct sl_audio_kind queue_kind = {.next = queue_next, .close = queue_close};

int sl_audio_queue_open(struct sl_audio **ret, const struct sl_halt *halt)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    queue->base.kind = &queue_kind;
    queue->halt = halt;
    queue->wake.fd = -1;
    int error = sl_ring_create(&queue->ring, QUEUE_BLOCKS, sizeof(struct sl_audio_block));
    error = error ? error : sl_wake_init(&queue->wake);
    if (error) {
        queue_close(&queue->base);
        return error;
    }
    *ret = &queue->base;
    return 0;
}

void sl_audio_queue_push(struct sl_audio *audio, const struct sl_audio_block *block)
{
    struct queue *queue = (struct queue *)audio;
    if (sl_ring_push(queue->ring, block))
        sl_wake_signal(&queue->wake);
}
