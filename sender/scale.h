/* SPDX-License-Identifier: MIT */
/*
 * Pictures of any size and pixel format into tightly packed I420 of one size and range, by
 * libswscale; a plain copy where nothing has to change. One thread owns a scaler.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

struct AVFrame;
struct sl_scaler;

/* To width x height (even). 0 or -ENOMEM. */
SL_MUST_CHECK int sl_scaler_create(struct sl_scaler **ret, int width, int height, bool full_range);
void sl_scaler_destroy(struct sl_scaler *scaler);

/* 0, -ENOMEM, or -EINVAL for a format that swscale does not know. The frame's format may change
 * between calls. */
SL_MUST_CHECK int sl_scaler_run(struct sl_scaler *scaler, const struct AVFrame *frame,
                                uint8_t *pixels);
