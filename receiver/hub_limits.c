/* SPDX-License-Identifier: MIT */
#include "receiver/hub_limits.h"

#include "receiver/store.h"

struct sl_hub_limits sl_hub_limits_default(void)
{
    return (struct sl_hub_limits){
        .cameras = SL_STORE_CAMERAS_MAX,
        .sessions = 2048,
        .subscribers_per_camera = 256,
        .connecting = 512, /* two walls of 256 tiles coming back at once */
        .per_token = 1024, /* a wall, twice over while it reconnects */
        .setup_timeout = 10 * SL_SEC,
        .stun_burst = 1000,
        .stun_per_sec = 500,
    };
}
