/* SPDX-License-Identifier: MIT */
#include "bench/stamp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLACK 16
#define WHITE 235
#define CONTRAST_MIN 80
#define LEAD 3 /* blocks before the bits: black, white, black */
#define NUMBER_BITS 18
#define BITS 23 /* camera and number */

/* CRC-8, polynomial x^8+x^2+x+1. Starts at 0xff: all black must not look right. */
static uint8_t checksum(uint32_t value)
{
    uint8_t crc = 0xff;
    for (int bit = BITS - 1; bit >= 0; bit--) {
        const bool high = ((crc >> 7) ^ (value >> bit)) & 1;
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

/* ---- Writing ---- */

static void fill(uint8_t *plane, int stride, int x, int y, int width, int height, int value)
{
    for (int row = y; row < y + height; row++)
        memset(plane + (size_t)row * (size_t)stride + x, value, (size_t)width);
}

void sl_stamp_write_rows(const struct sl_stamp_place *place, uint8_t *rows, int stride,
                         struct sl_stamp stamp)
{
    const uint32_t value = ((uint32_t)stamp.camera & (SL_STAMP_CAMERAS - 1)) << NUMBER_BITS |
                           (stamp.number & SL_STAMP_NUMBER_MAX);
    const uint64_t bits = (uint64_t)2 << (BITS + 8) | (uint64_t)value << 8 | checksum(value);
    const int block = place->block;
    for (int i = 0; i < SL_STAMP_BLOCKS; i++) {
        const bool white = (bits >> (SL_STAMP_BLOCKS - 1 - i)) & 1;
        fill(rows, stride, place->x + i * block, 0, block, block, white ? WHITE : BLACK);
    }
}

void sl_stamp_write_colour(const struct sl_stamp_place *place, uint8_t *const plane[3],
                           const int stride[3])
{
    for (int i = 1; i < 3; i++)
        fill(plane[i], stride[i], place->x / 2, place->y / 2, SL_STAMP_BLOCKS * place->block / 2,
             place->block / 2, 128);
}

void sl_stamp_write(const struct sl_stamp_place *place, uint8_t *const plane[3],
                    const int stride[3], struct sl_stamp stamp)
{
    sl_stamp_write_rows(place, plane[0] + (size_t)place->y * (size_t)stride[0], stride[0], stamp);
    sl_stamp_write_colour(place, plane, stride);
}

/* ---- Reading ---- */

/* Mean of the middle half of a block: its edges blur. */
static int block_mean(const uint8_t *line, double x, double block, int index)
{
    const int from = (int)(x + block * (index + 0.25) + 0.5);
    const int to = (int)(x + block * (index + 0.75) + 0.5);
    int sum = 0;
    for (int i = from; i < to; i++)
        sum += line[i];
    return to > from ? sum / (to - from) : 0;
}

/* As soon as a block is less certain than `enough`, it is no stamp. */
static double read_line(const uint8_t *line, double x, double block, double enough,
                        struct sl_stamp *ret)
{
    const int before = block_mean(line, x, block, 0), after = block_mean(line, x, block, 2);
    const int black = (before + after) / 2;
    const int range = block_mean(line, x, block, 1) - black;
    if (range < CONTRAST_MIN || 2 * abs(before - after) > range)
        return -1;
    const int wanted = (int)(2 * enough * range);
    int least = range;
    uint32_t bits = 0;
    for (int i = LEAD; i < SL_STAMP_BLOCKS; i++) {
        /* What is far brighter than white is no white. */
        const int above = block_mean(line, x, block, i) - black;
        const bool white = 2 * above > range;
        const int margin = range - 2 * abs(white ? above - range : above);
        if (margin < wanted)
            return -1;
        least = margin < least ? margin : least;
        bits = bits << 1 | white;
    }
    if (checksum(bits >> 8) != (bits & 0xff))
        return -1;
    *ret = (struct sl_stamp){.camera = (int)(bits >> 8 >> NUMBER_BITS),
                             .number = bits >> 8 & SL_STAMP_NUMBER_MAX};
    return 0.5 * least / range;
}

double sl_stamp_read(const uint8_t *line, double x, double block, struct sl_stamp *ret)
{
    return read_line(line, x, block, 0, ret);
}

/* ---- Finding ----
 *
 * Each row is searched for what every stamp begins with: dark, bright, dark. That also says about
 * how wide a block is; what it leaves open is tried out. A row that reads well is believed if
 * enough others beside it agree: a stamp is as high as its blocks.
 */

#define BLOCK_MIN 3.6
#define THRESHOLD 80    /* below the middle: the wall dims pictures that stand still */
#define LEAD_ERROR 0.75 /* of the bright block's measured width, pixels either way */
#define MARGIN_MIN 0.1
#define HEIGHT_MIN 0.6 /* blocks */
#define ROW_STEP 1
#define CANDIDATES_MAX 128

struct finder {
    const uint8_t *row;
    int width, y;
    int level; /* between black and white, here */
    struct sl_stamp_found found[CANDIDATES_MAX];
    int count;
};

static bool bright(const uint8_t *row, int x, int level)
{
    return row[x] > level;
}

/* Between the middles of pixels x - 1 and x, where the brightness passes the level. */
static double edge(const uint8_t *row, int x, int level)
{
    const double before = row[x - 1], after = row[x];
    return x - 0.5 + (level + 0.5 - before) / (after - before);
}

/* The edge nearest to `x`, closer than `reach`; or `x` itself. */
static double nearest_edge(const struct finder *finder, double x, double reach)
{
    double best = x, distance = reach;
    for (int i = (int)(x - reach); i <= (int)(x + reach) + 1; i++) {
        if (i < 1 || i >= finder->width ||
            bright(finder->row, i, finder->level) == bright(finder->row, i - 1, finder->level))
            continue;
        const double at = edge(finder->row, i, finder->level);
        const double off = at < x ? x - at : at - x;
        if (off < distance) {
            distance = off;
            best = at;
        }
    }
    return best;
}

/* From how wide one block is measured to be, to how wide all 32 from the white one on are. */
static double refine(const struct finder *finder, double lead, double block)
{
    for (int i = SL_STAMP_BLOCKS - 1; i > LEAD; i--) {
        const double at = lead + (i - 1) * block;
        const double measured = nearest_edge(finder, at, block / 3);
        if (measured < at || measured > at)
            return (measured - lead) / (i - 1);
    }
    return block;
}

static bool fits(const struct finder *finder, double x, double block)
{
    return block >= BLOCK_MIN && x >= -0.5 && x + SL_STAMP_BLOCKS * block <= finder->width + 0.5;
}

/* A stamp whose white lead is [from, to). */
static bool try_lead(const struct finder *finder, double from, double to,
                     struct sl_stamp_found *ret)
{
    const double step = (to - from) / SL_STAMP_BLOCKS / 3;
    double best = -1;
    for (double block = to - from - LEAD_ERROR; block <= to - from + LEAD_ERROR; block += step) {
        struct sl_stamp stamp;
        const double x = from - block;
        if (!fits(finder, x, block))
            continue;
        const double margin = read_line(finder->row, x, block, MARGIN_MIN, &stamp);
        if (margin <= best)
            continue;
        best = margin;
        *ret = (struct sl_stamp_found){stamp, x, block, finder->y, finder->y + ROW_STEP};
    }
    if (best < 0)
        return false;
    struct sl_stamp stamp;
    const double block = refine(finder, from, ret->block);
    if (fits(finder, from - block, block) &&
        read_line(finder->row, from - block, block, MARGIN_MIN, &stamp) >= 0 &&
        stamp.camera == ret->stamp.camera && stamp.number == ret->stamp.number) {
        ret->x = from - block;
        ret->block = block;
    }
    return true;
}

static bool near(double a, double b, double reach)
{
    return a - b < reach && b - a < reach;
}

static bool tall_enough(const struct sl_stamp_found *found)
{
    return found->bottom - found->top >= HEIGHT_MIN * found->block;
}

/* Chance readings: nothing above or below agrees. */
static void forget_short(struct finder *finder)
{
    int kept = 0;
    for (int i = 0; i < finder->count; i++)
        if (finder->found[i].bottom >= finder->y || tall_enough(&finder->found[i]))
            finder->found[kept++] = finder->found[i];
    finder->count = kept;
}

/* Adds a row's reading to what the rows above it said. */
static void note(struct finder *finder, const struct sl_stamp_found *row)
{
    for (int i = 0; i < finder->count; i++) {
        struct sl_stamp_found *found = &finder->found[i];
        if (found->stamp.camera == row->stamp.camera && found->stamp.number == row->stamp.number &&
            near(found->x, row->x, row->block / 2) && row->top - found->bottom <= ROW_STEP) {
            found->bottom = row->bottom;
            return;
        }
    }
    if (finder->count == CANDIDATES_MAX)
        forget_short(finder);
    if (finder->count < CANDIDATES_MAX)
        finder->found[finder->count++] = *row;
}

/* White is from pixel `from` to before `to`, roughly. Black is beside it. */
static bool try_run(struct finder *finder, int from, int to, struct sl_stamp_found *ret)
{
    const uint8_t *row = finder->row;
    const int half = (to - from + 1) / 2;
    if (from < half || to + half >= finder->width)
        return false;
    const int before = row[from - half], after = row[to + half - 1];
    finder->level = (row[(from + to) / 2] + (before < after ? before : after)) / 2;
    const double left_edge = nearest_edge(finder, from, 2),
                 right_edge = nearest_edge(finder, to, 2);
    return right_edge - left_edge >= BLOCK_MIN - LEAD_ERROR &&
           try_lead(finder, left_edge, right_edge, ret);
}

static void search_row(struct finder *finder)
{
    const uint8_t *row = finder->row;
    for (int x = 1; x < finder->width;) {
        if (!bright(row, x, THRESHOLD) || bright(row, x - 1, THRESHOLD)) {
            x++;
            continue;
        }
        int end = x + 1;
        while (end < finder->width && bright(row, end, THRESHOLD))
            end++;
        struct sl_stamp_found found;
        if (try_run(finder, x, end, &found))
            note(finder, &found);
        x = end;
    }
}

int sl_stamp_find(const uint8_t *pixels, int width, int height, struct sl_stamp_found *ret, int max)
{
    struct finder finder = {.width = width};
    for (finder.y = 0; finder.y < height; finder.y += ROW_STEP) {
        finder.row = pixels + (size_t)finder.y * (size_t)width;
        search_row(&finder);
    }
    int count = 0;
    for (int i = 0; i < finder.count; i++) {
        const struct sl_stamp_found *found = &finder.found[i];
        const int rows = found->bottom - found->top;
        bool tallest = tall_enough(found);
        for (int j = 0; j < finder.count && tallest; j++) {
            const struct sl_stamp_found *other = &finder.found[j];
            const int its = other->bottom - other->top;
            tallest =
                other->stamp.camera != found->stamp.camera || its < rows || (its == rows && j >= i);
        }
        if (tallest && count < max)
            ret[count++] = *found;
    }
    return count;
}
