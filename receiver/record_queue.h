/* SPDX-License-Identifier: MIT */
/*
 * Record queue: what the hub tells the recorder, each message as long as it is; one producer
 * thread, one consumer thread, no lock.
 *
 *     room, push ─▶ [ block ][ block ] ... ─▶ peek, pop
 *          ▲                                       │
 *          └──────── blocks that were read ◀───────┘
 *
 * Messages are made and read in place, in blocks of 64 KiB. The block that was given back last is
 * filled next: as long as the consumer keeps up, a few are in use and stay in the processor's
 * cache, and the memory of the others is never touched. A ring of as many bytes comes by all of
 * them, and each message is a miss for both sides. Memory by create; what a backlog of more than
 * 2 MB took goes back to the system while it is read. It wakes nobody.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_RECORD_QUEUE_BLOCK (64 << 10)                      /* bytes */
#define SL_RECORD_QUEUE_MESSAGE (SL_RECORD_QUEUE_BLOCK - 128) /* bytes, at most */

struct sl_record_queue;

/* `blocks`: 2 to 65536. 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_record_queue_create(struct sl_record_queue **ret, size_t blocks);
void sl_record_queue_destroy(struct sl_record_queue *queue);

/* Producer: where the next message of `len` bytes is to be written, aligned to 8, or NULL: no more
 * than `spare` blocks are free. Then push tells of it; without a push nothing happened. */
void *sl_record_queue_room(struct sl_record_queue *queue, size_t len, size_t spare);
void sl_record_queue_push(struct sl_record_queue *queue);

/* Consumer: the oldest message, until it is popped, or NULL. */
const void *sl_record_queue_peek(struct sl_record_queue *queue);
void sl_record_queue_pop(struct sl_record_queue *queue);
