/* SPDX-License-Identifier: MIT */
/*
 * One V4L2 device that is streaming, and its buffers.
 *
 *     open ──▶ take ──▶ (look at the buffer) ──▶ give_back ──▶ take ... ──▶ close
 *                └ all that are ready: the newest is handed out, the others go back at once;
 *                  of what the camera encodes, one after the other: each refers to those before
 *
 * Knows nothing of pictures: what is in a buffer is whatever the mode says. One thread; one buffer
 * is out at a time. close() leaves nothing behind, whatever happened before.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/capture_v4l2_choose.h"
#include "sender/capture_v4l2_encoder.h"
#include "sender/capture_v4l2_ops.h"
#include "sender/halt.h"

struct sl_v4l2_device;

struct sl_v4l2_device_info {
    char path[256];
    char card[32], bus_info[32];
    struct sl_v4l2_mode mode; /* as the driver set it */
    struct sl_v4l2_shape shape;
};

/* dequeued == taken + replaced + damaged */
struct sl_v4l2_stats {
    uint64_t dequeued;
    uint64_t taken;
    uint64_t replaced; /* a newer one was ready as well */
    uint64_t damaged;  /* by the driver's own account, or empty */
    uint64_t missed;   /* numbers that the driver left out: it had no free buffer, or lost them */
};

/*
 * Opens `path`, sets the mode that suits the wish best, and starts it. 0 or -errno with one
 * sentence in `why`: -EBUSY in use, -ENOTTY not a camera, -EINVAL nothing that would do. Counts
 * into *stats, which outlives the device.
 */
SL_MUST_CHECK int sl_v4l2_device_open(struct sl_v4l2_device **ret, const struct sl_v4l2_ops *ops,
                                      const char *path, const struct sl_v4l2_wish *wish,
                                      struct sl_v4l2_stats *stats, char *why, size_t why_len);
/* NULL is fine. */
void sl_v4l2_device_close(struct sl_v4l2_device *device);

const struct sl_v4l2_device_info *sl_v4l2_device_info(const struct sl_v4l2_device *device);

struct sl_v4l2_buffer {
    const uint8_t *data;
    size_t len;
    sl_ns captured; /* by the driver's clock where that is ours, else when it was dequeued */
    unsigned index;
    uint32_t missed; /* numbers left out right before it */
    bool damaged;    /* one that was has been left out right before it */
};

/* Waits for the newest buffer, or the oldest of what is encoded. 1: it is in *ret until it is given
 * back. 0: none until `deadline`. -ECANCELED: halted. Other -errno: the device is gone or has
 * failed; close it. */
SL_MUST_CHECK int sl_v4l2_device_take(struct sl_v4l2_device *device, const struct sl_halt *halt,
                                      sl_ns deadline, struct sl_v4l2_buffer *ret);
/* 0 or -errno as take(). */
SL_MUST_CHECK int sl_v4l2_device_give_back(struct sl_v4l2_device *device,
                                           const struct sl_v4l2_buffer *buffer);

/* Of a camera that encodes; all zero of others. */
const struct sl_v4l2_encoder *sl_v4l2_device_encoder(const struct sl_v4l2_device *device);
bool sl_v4l2_device_force_key(struct sl_v4l2_device *device);
void sl_v4l2_device_set_bitrate(struct sl_v4l2_device *device, int64_t bps);
