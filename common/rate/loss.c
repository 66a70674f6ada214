/* SPDX-License-Identifier: MIT */
#include "rate/loss.h"

#include <string.h>

void sl_loss_clear(struct sl_loss_window *window)
{
    memset(window, 0, sizeof(*window));
}

void sl_loss_add(struct sl_loss_window *window, struct sl_loss_counts counts, sl_ns now)
{
    const int64_t number = now / SL_LOSS_SLOT;
    if (number - window->newest >= SL_LOSS_SLOTS)
        sl_loss_clear(window);
    for (int64_t n = window->newest + 1; n <= number && window->newest; n++)
        window->slots[n % SL_LOSS_SLOTS] = (struct sl_loss_counts){0};
    if (number > window->newest)
        window->newest = number;
    struct sl_loss_counts *slot = &window->slots[window->newest % SL_LOSS_SLOTS];
    slot->known += counts.known;
    slot->lost += counts.lost;
    slot->runs += counts.runs;
}

struct sl_loss_counts sl_loss_sum(const struct sl_loss_window *window, sl_ns span, sl_ns now)
{
    struct sl_loss_counts sum = {0};
    const int64_t number = now / SL_LOSS_SLOT;
    for (int64_t n = number - span / SL_LOSS_SLOT + 1; n <= window->newest; n++) {
        if (n <= window->newest - SL_LOSS_SLOTS || n < 0)
            continue;
        sum.known += window->slots[n % SL_LOSS_SLOTS].known;
        sum.lost += window->slots[n % SL_LOSS_SLOTS].lost;
        sum.runs += window->slots[n % SL_LOSS_SLOTS].runs;
    }
    if (sum.known < 0)
        sum.known = 0;
    if (sum.lost < 0)
        sum.lost = 0;
    if (sum.lost > sum.known)
        sum.lost = sum.known;
    return sum;
}
