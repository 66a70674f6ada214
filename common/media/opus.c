/* SPDX-License-Identifier: MIT */
#include "media/opus.h"

#include <errno.h>

#define SAMPLES_MAX 5760 /* 120 ms (RFC 6716 section 3.2.5, R5) */

/* RFC 6716 table 2: the configuration number gives mode, bandwidth and frame size. */
static int frame_samples(uint8_t toc)
{
    static const int silk[4] = {480, 960, 1920, 2880};
    const unsigned config = toc >> 3;
    if (config < 12)
        return silk[config % 4];
    if (config < 16)
        return config % 2 ? 960 : 480;
    return 120 << (config % 4);
}

int sl_opus_samples(const uint8_t *payload, size_t len)
{
    if (len == 0)
        return -EBADMSG;
    int frames = 1;
    if ((payload[0] & 3) == 3) {
        if (len < 2)
            return -EBADMSG;
        frames = payload[1] & 0x3f;
    } else if (payload[0] & 3) {
        frames = 2;
    }
    const int samples = frames * frame_samples(payload[0]);
    return samples == 0 || samples > SAMPLES_MAX ? -EBADMSG : samples;
}
