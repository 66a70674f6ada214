/* SPDX-License-Identifier: MIT */
/* One encoded picture on its way from an encoder's thread to the send loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_access_unit {
    uint8_t *data; /* Annex B */
    size_t len;
    bool key;
    sl_ns captured;
    sl_ns encode_time; /* what the encoder took */
};
