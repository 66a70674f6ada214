/* SPDX-License-Identifier: MIT */
#include "receiver/amount.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/types.h"

const char *sl_amount_size(int64_t bytes, char out[SL_AMOUNT_TEXT])
{
    static const char units[] = "kMGTPE";
    double value = (double)bytes;
    int unit = -1;
    if (bytes > -1024 && bytes < 1024) {
        snprintf(out, SL_AMOUNT_TEXT, "%" PRId64, bytes);
        return out;
    }
    while ((value >= 1024 || value <= -1024) && unit < 5) {
        value /= 1024;
        unit++;
    }
    const bool whole = value == (double)(int64_t)value;
    snprintf(out, SL_AMOUNT_TEXT, whole ? "%.0f%c" : "%.1f%c", value, units[unit]);
    return out;
}

const char *sl_amount_duration(int64_t us, char out[SL_AMOUNT_TEXT])
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    const int64_t seconds = us / 1000000;
    size_t i = 0;
    while (i + 1 < SL_COUNT(units) && (seconds < units[i].seconds || seconds % units[i].seconds))
        i++;
    snprintf(out, SL_AMOUNT_TEXT, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
    return out;
}
