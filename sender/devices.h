/* SPDX-License-Identifier: MIT */
/*
 * What --list-devices prints: the cameras of this machine with all that they offer, and the
 * microphones that the caller has found, as text or as one JSON object.
 *
 * A camera that is in use still tells its modes. Whether it is, V4L2 does not tell: a request for
 * no buffers does, which a free device grants without any effect.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/types.h"
#include "sender/capture_v4l2_ops.h"

struct sl_device_microphone {
    const char *source; /* what --audio takes */
    const char *name;
    const char *offers; /* in words, or NULL */
    bool in_use;
};

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_devices_print(FILE *out, bool json, const struct sl_v4l2_ops *ops,
                                   const struct sl_device_microphone *microphones, size_t count);
