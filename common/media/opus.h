/* SPDX-License-Identifier: MIT */
/* Opus in RTP (RFC 7587): what a payload's TOC byte says (RFC 6716 section 3). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_OPUS_CLOCK_HZ 48000

/* Duration of the packet in 48 kHz samples (120..5760), or -EBADMSG. */
SL_MUST_CHECK int sl_opus_samples(const uint8_t *payload, size_t len);
