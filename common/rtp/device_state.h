/* SPDX-License-Identifier: MIT */
/*
 * Device state: how the device behind a stream is, told by its sender, and passed on by a receiver
 * to viewers, in an RTCP APP packet named "SLST" (RFC 3550 section 6.7), subtype 0, whose SSRC is
 * that of the video. One word of 32 bits, big-endian:
 *
 *     flags: 1: the device is away: unplugged, not answering, or stuck; no pictures come of it
 *
 * Other flags are kept as they are, for who knows them; a longer packet is read up to here. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/types.h"

#define SL_DEVICE_STATE_NAME 0x534c5354u /* "SLST" */

#define SL_DEVICE_AWAY 1u

/* While any flag is set the state is told so often, and not heard for so long it is none any more.
 */
#define SL_DEVICE_STATE_EVERY SL_SEC
#define SL_DEVICE_STATE_LASTS (5 * SL_SEC)

/* Appends the APP packet. */
void sl_device_state_write(uint32_t flags, uint32_t sender_ssrc, struct sl_writer *w);

/* Reads what follows the name (SL_RTCP_APP's data): 0, or -EBADMSG if it is too short. */
SL_MUST_CHECK int sl_device_state_read(const uint8_t *data, size_t len, uint32_t *flags);

/* What is known by what was heard. Zero-initialised is ready. */
struct sl_device_watch {
    uint32_t flags;
    sl_ns heard; /* the last time */
};

/* True if the flags are others now. */
bool sl_device_watch_hear(struct sl_device_watch *watch, uint32_t flags, sl_ns now);
/* When flags that are not repeated fall; SL_NEVER: none is set. */
sl_ns sl_device_watch_due(const struct sl_device_watch *watch);
/* True if they have fallen. */
bool sl_device_watch_tick(struct sl_device_watch *watch, sl_ns now);
