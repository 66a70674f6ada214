/* SPDX-License-Identifier: MIT */
/*
 * Host names to addresses. Numeric hosts answer at once; names ask the system's
 * resolver and BLOCK: not for a thread that carries media.
 */
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "base/types.h"

/* `host` may be in brackets. The first address that the system prefers. 0, -EINVAL (empty or too
 * long), -ENOENT (no such host), -EAGAIN (the resolver does not answer). */
SL_MUST_CHECK int sl_resolve(struct sl_addr *ret, const char *host, uint16_t port);

/* "HOST:PORT", or "HOST" if default_port is not 0. The same errors. */
SL_MUST_CHECK int sl_resolve_text(struct sl_addr *ret, const char *text, uint16_t default_port);
