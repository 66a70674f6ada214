/* SPDX-License-Identifier: MIT */
/*
 * Clocks and NTP time.
 *
 * Only net/loop, device threads and mains read a clock; all else takes the
 * time as an argument. NTP time here is the monotonic clock plus an epoch
 * offset taken once at program start, so a clock step never makes media time
 * jump; differences between machines are measured, not trusted.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

/* CLOCK_MONOTONIC now. */
sl_ns sl_time_now(void);

/* CLOCK_REALTIME minus CLOCK_MONOTONIC now, in ns since 1970, as exact as the moment allows: call
 * once at start. What wants to know the kernel's stamps of wall-clock time asks each time. */
sl_ns sl_time_epoch(void);

/* 64-bit NTP time (Q32.32 seconds since 1900) of `now` under `epoch`. RFC 5905. */
uint64_t sl_ntp_from_ns(sl_ns now, sl_ns epoch);

/* The inverse of sl_ntp_from_ns(). */
sl_ns sl_ntp_to_ns(uint64_t ntp, sl_ns epoch);

/* A signed difference in Q32.32 seconds, from and to nanoseconds. */
int64_t sl_ntp_span_from_ns(sl_ns span);
sl_ns sl_ntp_span_to_ns(int64_t span);
