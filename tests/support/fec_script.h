/* SPDX-License-Identifier: MIT */
/*
 * A script for both ends of an erasure code: bytes say which packets are sent, lost, doubled and
 * reordered, which rows are minted, and what is damaged or made up. Aborts if counters do not
 * balance, if what is restored is not RTP of its number, or, as long as nobody has lied, if it is
 * not what was sent.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fec/scheme.h"

void fec_script_play(const struct sl_fec_scheme *scheme, const uint8_t *data, size_t size);
