/* SPDX-License-Identifier: MIT */
/* The few names that every file needs: time in nanoseconds and compiler help. */
#pragma once

#include <stdint.h>

/* Nanoseconds. A moment is CLOCK_MONOTONIC (or virtual time in tests). */
typedef int64_t sl_ns;

#define SL_NEVER INT64_MAX
#define SL_US ((sl_ns)1000)
#define SL_MS ((sl_ns)1000000)
#define SL_SEC ((sl_ns)1000000000)

#define SL_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SL_MUST_CHECK __attribute__((warn_unused_result))
#define SL_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* VIDEO_SUB: a camera's second, small picture, beside the main one (docs/layers.md). */
enum sl_media_kind { SL_VIDEO = 0, SL_AUDIO = 1, SL_VIDEO_SUB = 2 };
#define SL_MEDIA_KINDS 3
