/* SPDX-License-Identifier: MIT */
#include "bench/fps_search.h"

#define FIRST 0.95 /* of the estimate */
#define UP 1.12
#define DOWN 0.85  /* and each time further: the square, the cube of it */
#define CLOSE 1.04 /* nearer to each other than this, the two bounds are one */

static int within(const struct sl_fps_search *search, double rate)
{
    return rate < search->lowest    ? search->lowest
           : rate > search->highest ? search->highest
                                    : (int)rate;
}

void sl_fps_search_init(struct sl_fps_search *search, double estimate, int lowest, int highest,
                        int tries)
{
    *search = (struct sl_fps_search){
        .lowest = lowest, .highest = highest, .tries_left = tries, .down = 1};
    search->next = tries > 0 ? within(search, FIRST * estimate) : 0;
}

int sl_fps_search_next(const struct sl_fps_search *search)
{
    return search->next;
}

/* 0: what is known is near enough. */
static int choose(struct sl_fps_search *search)
{
    const double held = search->held, failed = search->failed;
    int rate;
    if (!search->failed)
        rate = within(search, UP * held + 1);
    else if (!search->held)
        rate = within(search, (search->down *= DOWN) * failed);
    else
        rate = failed > CLOSE * held ? within(search, (held + failed) / 2) : search->held;
    return rate == search->held || rate == search->failed ? 0 : rate;
}

void sl_fps_search_tried(struct sl_fps_search *search, bool holds)
{
    const int rate = search->next;
    if (holds && rate > search->held)
        search->held = rate;
    else if (!holds && (!search->failed || rate < search->failed))
        search->failed = rate;
    search->tries_left--;
    const bool more = search->tries_left > 0 || (search->tries_left == 0 && !search->held);
    search->next = more ? choose(search) : 0;
}
