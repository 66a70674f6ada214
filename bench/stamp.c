/* SPDX-License-Identifier: MIT */
#include "bench/stamp.h"

#include <errno.h>
#include <string.h>

#define BLACK 16
#define WHITE 235
#define CONTRAST_MIN 80

/* CRC-8, polynomial x^8+x^2+x+1. Starts at 0xff: all black must not look right. */
static uint8_t checksum(uint32_t number)
{
    uint8_t crc = 0xff;
    for (int bit = 23; bit >= 0; bit--) {
        const bool high = ((crc >> 7) ^ (number >> bit)) & 1;
        crc = (uint8_t)((crc << 1) ^ (high ? 0x07 : 0));
    }
    return crc;
}

int sl_stamp_place(struct sl_stamp_place *ret, int width, int height)
{
    /* Whole macroblocks: 32 pixels in 1280. */
    int block = width / (SL_STAMP_BLOCKS + 2) / 16 * 16;
    if (block < 16 || height < 4 * block)
        return -EINVAL;
    /* Low in the picture: it must not count as shown while its lower part still is not. */
    *ret = (struct sl_stamp_place){.x = block, .y = height / 16 * 16 - 2 * block, .block = block};
    return 0;
}

static void fill(uint8_t *plane, int stride, int x, int y, int width, int height, int value)
{
    for (int row = y; row < y + height; row++)
        memset(plane + (size_t)row * (size_t)stride + x, value, (size_t)width);
}

void sl_stamp_write(const struct sl_stamp_place *place, uint8_t *const plane[3],
                    const int stride[3], uint32_t number)
{
    const uint64_t bits =
        ((uint64_t)1 << 32) | ((uint64_t)(number & 0xffffff) << 8) | checksum(number & 0xffffff);
    const int block = place->block;
    for (int i = 0; i < SL_STAMP_BLOCKS; i++) {
        const bool white = (bits >> (SL_STAMP_BLOCKS - 1 - i)) & 1;
        fill(plane[0], stride[0], place->x + i * block, place->y, block, block,
             white ? WHITE : BLACK);
    }
    for (int i = 1; i < 3; i++)
        fill(plane[i], stride[i], place->x / 2, place->y / 2, SL_STAMP_BLOCKS * block / 2,
             block / 2, 128);
}

/* Mean of the middle half of a block: its edges blur. */
static int block_mean(const uint8_t *line, double block, int index)
{
    const int from = (int)(block * (index + 0.25));
    const int to = (int)(block * (index + 0.75));
    int sum = 0;
    for (int i = from; i < to; i++)
        sum += line[i];
    return to > from ? sum / (to - from) : 0;
}

bool sl_stamp_read(const uint8_t *line, double block, uint32_t *ret)
{
    const int black = block_mean(line, block, 0);
    const int white = block_mean(line, block, 1);
    if (white - black < CONTRAST_MIN)
        return false;
    uint32_t bits = 0;
    for (int i = 2; i < SL_STAMP_BLOCKS; i++)
        bits = (bits << 1) | (2 * block_mean(line, block, i) > black + white);
    if (checksum(bits >> 8) != (bits & 0xff))
        return false;
    *ret = bits >> 8;
    return true;
}
