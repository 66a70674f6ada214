/* SPDX-License-Identifier: MIT */
#include "receiver/segment.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int sl_segment_path(char path[SL_SEGMENT_PATH_BYTES], const char *camera, int64_t start_us, int try)
{
    const time_t seconds = (time_t)(start_us / 1000000);
    struct tm utc;
    char when[40], again[16] = "";
    if (start_us < 0 || try < 1 || !gmtime_r(&seconds, &utc) ||
        strftime(when, sizeof(when), "%Y-%m-%d/%H-%M-%SZ", &utc) == 0)
        return -EINVAL;
    if (try > 1)
        snprintf(again, sizeof(again), "-%d", try);
    const int len = snprintf(path, SL_SEGMENT_PATH_BYTES, "%s/%s%s.mp4", camera, when, again);
    return len < SL_SEGMENT_PATH_BYTES ? 1 : -ENAMETOOLONG;
}

void sl_segment_uuid(char uuid[SL_SEGMENT_UUID_BYTES], struct sl_random *random)
{
    uint8_t b[16];
    sl_random_fill(random, b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* RFC 9562 section 5.4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(uuid, SL_SEGMENT_UUID_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}
