/* SPDX-License-Identifier: MIT */
#include "viewer/shrink.h"

#include <stddef.h>
#include <string.h>

/* Sides of a 4:2:0 picture that both planes can be divided by. */
static int divides(int side, int factor)
{
    return side % (2 * factor) == 0;
}

int sl_shrink_factor(int from_width, int from_height, int to_width, int to_height)
{
    for (int factor = 4; factor > 1; factor /= 2)
        if (divides(from_width, factor) && divides(from_height, factor) &&
            from_width / factor >= to_width && from_height / factor >= to_height)
            return factor;
    return 1;
}

/*
 * Samples are added up side by side within a word, two or four at a time, in lanes of 16 bits:
 * whichever end of a word comes first in memory, and in a form that compilers make SIMD of.
 */

static void halve_row(const uint8_t *const row[2], uint8_t *restrict to, int width)
{
    for (int x = 0; x < width; x++) {
        uint16_t above, below;
        memcpy(&above, row[0] + 2 * x, sizeof(above));
        memcpy(&below, row[1] + 2 * x, sizeof(below));
        const uint16_t sum =
            (uint16_t)((above & 0xff) + (above >> 8) + (below & 0xff) + (below >> 8));
        to[x] = (uint8_t)((sum + 2) >> 2);
    }
}

static void quarter_row(const uint8_t *const row[4], uint8_t *restrict to, int width)
{
    for (int x = 0; x < width; x++) {
        uint32_t sum = 0;
        for (int i = 0; i < 4; i++) {
            uint32_t word;
            memcpy(&word, row[i] + 4 * x, sizeof(word));
            sum += (word & 0x00ff00ff) + ((word >> 8) & 0x00ff00ff);
        }
        to[x] = (uint8_t)(((sum & 0xffff) + (sum >> 16) + 8) >> 4);
    }
}

void sl_shrink_plane(const uint8_t *from, int from_stride, uint8_t *to, int to_stride, int width,
                     int height, int factor)
{
    for (int y = 0; y < height; y++, to += to_stride) {
        const uint8_t *row[4];
        for (int i = 0; i < factor; i++)
            row[i] = from + (ptrdiff_t)(y * factor + i) * from_stride;
        if (factor == 4)
            quarter_row(row, to, width);
        else
            halve_row(row, to, width);
    }
}
