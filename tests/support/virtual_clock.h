/* SPDX-License-Identifier: MIT */
/*
 * Lends OpenSSL a test's clock: its DTLS timers read gettimeofday(), which a program that links
 * this module answers itself. Until the first sl_virtual_clock_set() it is the real time.
 */
#pragma once

#include "base/types.h"

/* From now on it is `now`, until set again. Never backwards. One thread. */
void sl_virtual_clock_set(sl_ns now);
