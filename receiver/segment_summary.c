/* SPDX-License-Identifier: MIT */
#include "receiver/segment_summary.h"

#include <string.h>

#include "base/bytes.h"
#include "receiver/segment_box.h"

#define VERSION 1
#define SUM_AT (SL_SEGMENT_SUMMARY_BYTES - 8)

/* Of the box; chosen at random, once. */
static const uint8_t usertype[16] = {0x5b, 0x1c, 0x8e, 0x0a, 0x47, 0xd2, 0x4f, 0x39,
                                     0x9c, 0x61, 0x0e, 0xd5, 0x2a, 0x73, 0xb8, 0x14};

/* FNV-1a. */
static uint64_t sum_of(const uint8_t *data)
{
    uint64_t sum = 0xcbf29ce484222325;
    for (int i = 0; i < SUM_AT; i++)
        sum = (sum ^ data[i]) * 0x100000001b3;
    return sum;
}

void sl_segment_summary_write(uint8_t out[SL_SEGMENT_SUMMARY_BYTES],
                              const struct sl_segment_info *info)
{
    struct sl_writer w = sl_writer(out, SL_SEGMENT_SUMMARY_BYTES);
    memset(out, 0, SL_SEGMENT_SUMMARY_BYTES);
    sl_write32(&w, SL_SEGMENT_SUMMARY_BYTES);
    sl_write32(&w, SL_BOX('u', 'u', 'i', 'd'));
    sl_write_bytes(&w, usertype, sizeof(usertype));
    sl_write32(&w, VERSION);
    sl_write32(&w, (uint32_t)info->gaps);
    sl_write64(&w, (uint64_t)info->bytes);
    sl_write64(&w, (uint64_t)info->duration_us);
    sl_write64(&w, (uint64_t)info->frames);
    sl_write64(&w, (uint64_t)info->sounds);
    sl_write64(&w, (uint64_t)info->gaps_us);
    sl_put64(out + SUM_AT, sum_of(out));
}

bool sl_segment_summary_read(struct sl_segment_info *info, int64_t size,
                             const uint8_t data[SL_SEGMENT_SUMMARY_BYTES])
{
    struct sl_reader r = sl_reader(data, SL_SEGMENT_SUMMARY_BYTES);
    if (sl_read32(&r) != SL_SEGMENT_SUMMARY_BYTES || sl_read32(&r) != SL_BOX('u', 'u', 'i', 'd') ||
        memcmp(sl_read_bytes(&r, sizeof(usertype)), usertype, sizeof(usertype)) != 0 ||
        sl_read32(&r) != VERSION || sl_get64(data + SUM_AT) != sum_of(data))
        return false;
    const uint32_t gaps = sl_read32(&r);
    const uint64_t at = sl_read64(&r), duration_us = sl_read64(&r);
    const uint64_t frames = sl_read64(&r), sounds = sl_read64(&r), gaps_us = sl_read64(&r);
    const uint64_t longest_us = (uint64_t)SL_SEGMENT_SECONDS_MAX * 1000000;
    if (at != (uint64_t)(size - SL_SEGMENT_SUMMARY_BYTES) || frames == 0 || frames > at ||
        sounds > at || gaps > frames || duration_us > longest_us || gaps_us > longest_us)
        return false;
    info->bytes = size;
    info->duration_us = (int64_t)duration_us;
    info->frames = (int64_t)frames;
    info->sounds = (int64_t)sounds;
    info->gaps = (int)gaps;
    info->gaps_us = (int64_t)gaps_us;
    return true;
}
