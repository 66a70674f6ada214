/* SPDX-License-Identifier: MIT */
/*
 * What peers can make the hub hold.
 */
#pragma once

#include <stdint.h>

#include "base/types.h"

struct sl_hub_limits {
    int cameras;
    int sessions; /* in all */
    int subscribers_per_camera;
    int connecting; /* ICE or DTLS under way */
    int per_token;
    sl_ns setup_timeout;               /* a session that is not connected by then is ended */
    uint32_t stun_burst, stun_per_sec; /* requests from one unknown address */
};

struct sl_hub_limits sl_hub_limits_default(void);
