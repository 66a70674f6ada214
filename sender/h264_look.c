/* SPDX-License-Identifier: MIT */
#include "sender/h264_look.h"

#define KEY_SPAN 2 /* seconds; and a key frame is as large as so many others: */
#define KEY_WEIGHT 8

void sl_h264_look_note(struct sl_h264_look *look, const struct sl_h264_passed *passed)
{
    look->units++;
    look->reordered |= passed->reordered;
    if (!passed->key) {
        look->other_bytes += passed->len;
        look->others++;
    } else if (passed->len > look->key_bytes) {
        look->key_bytes = passed->len;
    }
}

int64_t sl_h264_look_bitrate_bps(const struct sl_h264_look *look, double fps)
{
    const double mean = look->others ? (double)look->other_bytes / look->others : 0;
    const double key = look->key_bytes ? (double)look->key_bytes : KEY_WEIGHT * mean;
    return (int64_t)(8 * (mean * fps + key / KEY_SPAN));
}
