/* SPDX-License-Identifier: MIT */
/* JPEG: one picture as a JFIF file, by libavcodec; BT.601 and full range, as JFIF has it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "codec/picture.h"

/* *data is malloc()'s, the caller's. 0, -ENOMEM, -EIO, -ENOENT (no encoder). */
SL_MUST_CHECK int sl_jpeg_encode(const struct sl_picture *picture, uint8_t **data, size_t *len);
