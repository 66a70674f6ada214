/* SPDX-License-Identifier: MIT */
#include "sender/audio.h"

#include <errno.h>
#include <stdlib.h>

#include "base/ring.h"
#include "base/wake.h"

#define QUEUE_BLOCKS 64

int sl_audio_next(struct sl_audio *audio, struct sl_audio_block *block)
{
    return audio->kind->next(audio, block);
}

void sl_audio_close(struct sl_audio *audio)
{
    if (audio)
        audio->kind->close(audio);
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
