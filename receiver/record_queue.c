/* SPDX-License-Identifier: MIT */
#include "receiver/record_queue.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/ring.h"

#define LINE 64
#define BACKLOG 32 /* blocks, 2 MB; the memory of what is read while as many wait is let go */
#define ALIGN 8
#define BLOCKS_MAX 65536
#define NONE UINT32_MAX

struct block {
    _Alignas(LINE) _Atomic uint32_t filled; /* bytes of data; the producer writes */
    _Alignas(LINE) uint8_t data[SL_RECORD_QUEUE_BLOCK - LINE];
};

/* In front of each message. */
struct head {
    uint32_t bytes; /* with it, and what aligns the next one */
    uint32_t unused;
};

_Static_assert(sizeof(struct block) == SL_RECORD_QUEUE_BLOCK, "a block is as long as it says");
_Static_assert(sizeof(struct head) % ALIGN == 0, "messages are aligned");
_Static_assert(SL_RECORD_QUEUE_MESSAGE + sizeof(struct head) + ALIGN <=
                   SL_RECORD_QUEUE_BLOCK - LINE,
               "the longest message fits in a block");

struct sl_record_queue {
    struct block *blocks;
    struct sl_ring *filled, *given_back; /* numbers of blocks, in their order */

    /* The producer's. */
    uint32_t *free; /* numbers; the last one is taken first */
    size_t free_count;
    uint32_t filling, at; /* the block, and the bytes in it */
    uint32_t next_bytes;  /* of what there is room for */

    /* The consumer's. */
    _Alignas(LINE) uint32_t reading;
    uint32_t read;
};

int sl_record_queue_create(struct sl_record_queue **ret, size_t blocks)
{
    if (blocks < 2 || blocks > BLOCKS_MAX)
        return -EINVAL;
    struct sl_record_queue *queue = aligned_alloc(LINE, sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    *queue = (struct sl_record_queue){.filling = NONE, .reading = NONE};
    /* Pages are no longer than blocks, so no two blocks share one. */
    queue->blocks = aligned_alloc(SL_RECORD_QUEUE_BLOCK, blocks * sizeof(*queue->blocks));
    queue->free = calloc(blocks, sizeof(*queue->free));
    int err = queue->blocks && queue->free ? 0 : -ENOMEM;
    if (err == 0)
        err = sl_ring_create(&queue->filled, blocks, sizeof(uint32_t));
    if (err == 0)
        err = sl_ring_create(&queue->given_back, blocks, sizeof(uint32_t));
    if (err != 0) {
        sl_record_queue_destroy(queue);
        return err;
    }
    while (queue->free_count < blocks) {
        queue->free[queue->free_count] = (uint32_t)(blocks - 1 - queue->free_count);
        queue->free_count++;
    }
    *ret = queue;
    return 0;
}

void sl_record_queue_destroy(struct sl_record_queue *queue)
{
    if (!queue)
        return;
    sl_ring_destroy(queue->filled);
    sl_ring_destroy(queue->given_back);
    free(queue->free);
    free(queue->blocks);
    free(queue);
}

/* ---- Producer ---- */

static bool next_block(struct sl_record_queue *queue, size_t spare)
{
    uint32_t number;
    while (sl_ring_pop(queue->given_back, &number))
        queue->free[queue->free_count++] = number;
    if (queue->free_count <= spare)
        return false;
    number = queue->free[queue->free_count - 1];
    atomic_store_explicit(&queue->blocks[number].filled, 0, memory_order_relaxed);
    if (!sl_ring_push(queue->filled, &number)) /* there is room for all blocks */
        return false;
    queue->free_count--;
    queue->filling = number;
    queue->at = 0;
    return true;
}

void *sl_record_queue_room(struct sl_record_queue *queue, size_t len, size_t spare)
{
    if (len > SL_RECORD_QUEUE_MESSAGE)
        return NULL;
    const uint32_t bytes = (uint32_t)(sizeof(struct head) + (len + ALIGN - 1) / ALIGN * ALIGN);
    const bool fits = queue->filling != NONE && bytes <= sizeof(queue->blocks->data) - queue->at;
    if (!fits && !next_block(queue, spare))
        return NULL;
    queue->next_bytes = bytes;
    return queue->blocks[queue->filling].data + queue->at + sizeof(struct head);
}

void sl_record_queue_push(struct sl_record_queue *queue)
{
    struct block *block = &queue->blocks[queue->filling];
    struct head *head = (struct head *)(void *)(block->data + queue->at);
    head->bytes = queue->next_bytes;
    queue->at += queue->next_bytes;
    atomic_store_explicit(&block->filled, queue->at, memory_order_release);
}

/* ---- Consumer ---- */

static bool has_more(const struct sl_record_queue *queue)
{
    return queue->reading != NONE &&
           queue->read <
               atomic_load_explicit(&queue->blocks[queue->reading].filled, memory_order_acquire);
}

/* Never full: there is room for all blocks. A disk that stood still has made the producer touch
 * many, which it will not need again for long: their memory goes back. */
static bool give_back(struct sl_record_queue *queue)
{
    if (sl_ring_held(queue->filled) >= BACKLOG)
        (void)madvise(&queue->blocks[queue->reading], sizeof(*queue->blocks), MADV_DONTNEED);
    return sl_ring_push(queue->given_back, &queue->reading);
}

const void *sl_record_queue_peek(struct sl_record_queue *queue)
{
    while (!has_more(queue)) {
        uint32_t number;
        if (!sl_ring_peek(queue->filled, &number))
            return NULL;
        if (has_more(queue)) /* the producer went on, so this one is at its end now */
            break;
        if (queue->reading != NONE && !give_back(queue))
            return NULL;
        if (!sl_ring_pop(queue->filled, &queue->reading))
            return NULL;
        queue->read = 0;
    }
    return queue->blocks[queue->reading].data + queue->read + sizeof(struct head);
}

void sl_record_queue_pop(struct sl_record_queue *queue)
{
    const struct head *head =
        (const struct head *)(const void *)(queue->blocks[queue->reading].data + queue->read);
    queue->read += head->bytes;
}
