/* SPDX-License-Identifier: MIT */
/*
 * What is in a driver's buffer, as a picture: a view of it where the pixels lie there as they are,
 * else what libavcodec decodes of it. What is cut off or damaged gives no picture. One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/capture_v4l2_format.h"

struct sl_v4l2_picture;

/* 0, -ENOMEM, or -ENOTSUP if libavcodec lacks the decoder. */
SL_MUST_CHECK int sl_v4l2_picture_create(struct sl_v4l2_picture **ret,
                                         const struct sl_v4l2_format *format);
/* NULL is fine. */
void sl_v4l2_picture_destroy(struct sl_v4l2_picture *picture);

/* 0: *ret is valid until the next read, and while `data` is. -EBADMSG: too short or damaged. */
SL_MUST_CHECK int sl_v4l2_picture_read(struct sl_v4l2_picture *picture,
                                       const struct sl_v4l2_shape *shape, const uint8_t *data,
                                       size_t len, const struct AVFrame **ret);
