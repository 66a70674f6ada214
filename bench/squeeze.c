/* SPDX-License-Identifier: MIT */
#include "bench/squeeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/impair.h"

static bool first_squeeze(struct sl_squeeze_plan *ret, const struct sl_impairment_config *link)
{
    for (int i = 0; i < link->spans; i++)
        if (link->span[i].rate_bps) {
            *ret = (struct sl_squeeze_plan){link->span[i].start, link->span[i].len,
                                            link->span[i].rate_bps};
            return true;
        }
    return false;
}

bool sl_squeeze_find(struct sl_squeeze_plan *ret, const char *words)
{
    const char *list[SL_OPTION_LIST_MAX] = {"0", "1", "dir=up"};
    struct sl_impair_config config;
    int count = 3;
    char *copy = strdup(words), *rest = copy, *word;
    while ((word = strsep(&rest, " ")) != NULL && count < SL_OPTION_LIST_MAX)
        if (*word)
            list[count++] = word;
    FILE *nowhere = copy ? fopen("/dev/null", "we") : NULL;
    const bool found = nowhere && sl_impair_parse(&config, list, count, nowhere) == 0 &&
                       first_squeeze(ret, &config.direction[SL_IMPAIR_UP]);
    if (nowhere)
        fclose(nowhere);
    free(copy);
    return found;
}

static sl_ns later(sl_ns a, sl_ns b)
{
    return a > b ? a : b;
}

/* Of a time without a new picture, what lies in [from, to). */
static sl_ns within(sl_ns begin, sl_ns end, sl_ns from, sl_ns to)
{
    begin = begin > from ? begin : from;
    end = end < to ? end : to;
    return end > begin ? end - begin : 0;
}

/* The longest time in [from, to) without a new picture. */
static sl_ns longest_freeze(const struct sl_tally_result *tally, sl_ns from, sl_ns to)
{
    sl_ns last = tally->before, longest = 0;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const sl_ns seen = tally->frames[i].seen;
        if (seen == SL_NEVER)
            continue;
        longest = later(longest, within(last, seen, from, to));
        last = seen;
    }
    return later(longest, within(last, to, from, to));
}

static int add_phase(struct sl_squeeze_seen *seen, const struct sl_round_result *round, sl_ns from,
                     sl_ns to)
{
    const struct sl_tally_result *tally = &round->camera[0].tally;
    from = from > 0 ? from : 0;
    to = to < round->window ? to : round->window;
    if (to <= from)
        return 0;
    int err = sl_series_append(&seen->kbps, &round->told[SL_RIG_KBPS], from, to);
    for (uint32_t i = 0; i < tally->handed && err == 0; i++) {
        const struct sl_tally_frame *frame = &tally->frames[i];
        if (frame->handed >= from && frame->handed < to && frame->seen != SL_NEVER)
            err = sl_series_add(&seen->ages, frame->handed,
                                (double)(frame->seen - frame->handed) / SL_MS);
    }
    seen->freeze = later(seen->freeze, longest_freeze(tally, from, to));
    seen->seconds += (double)(to - from) / SL_SEC;
    return err;
}

static sl_ns settled_after(const struct sl_tally_result *tally, sl_ns drop, sl_ns end)
{
    sl_ns settled = 0;
    for (uint32_t i = 0; i < tally->handed; i++) {
        const struct sl_tally_frame *frame = &tally->frames[i];
        if (frame->handed >= drop && frame->handed < end && frame->seen != SL_NEVER &&
            frame->seen - frame->handed > SL_SQUEEZE_AGE)
            settled = frame->seen - drop;
    }
    return settled;
}

static sl_ns back_after(const struct sl_series *target, sl_ns end, int64_t full_bps)
{
    for (size_t i = 0; i < target->count; i++)
        if (target->at[i] >= end && target->value[i] * 1000 >= SL_SQUEEZE_FULL * (double)full_bps)
            return target->at[i] - end;
    return SL_NEVER;
}

int sl_squeeze_add(struct sl_squeeze_figures *figures, const struct sl_squeeze_plan *plan,
                   const struct sl_round_result *round, int64_t full_bps)
{
    const struct sl_tally_result *tally = &round->camera[0].tally;
    const sl_ns drop = round->link_began + plan->start, end = drop + plan->len;
    struct sl_squeeze_seen *phase = figures->phase;
    int err = add_phase(&phase[SL_SQUEEZE_BEFORE], round, 0, drop);
    if (err == 0)
        err = add_phase(&phase[SL_SQUEEZE_NARROW], round, drop + SL_SQUEEZE_SETTLES, end);
    if (err == 0)
        err = add_phase(&phase[SL_SQUEEZE_AFTER], round, end + SL_SQUEEZE_BACK, round->window);
    if (err != 0)
        return err;
    figures->freeze = later(figures->freeze, longest_freeze(tally, drop, round->window));
    figures->settled = later(figures->settled, settled_after(tally, drop, end));
    figures->back =
        later(figures->back, back_after(&round->told[SL_RIG_TARGET_KBPS], end, full_bps));
    figures->rounds++;
    return 0;
}

void sl_squeeze_free(struct sl_squeeze_figures *figures)
{
    for (int i = 0; i < SL_SQUEEZE_PHASES; i++) {
        sl_series_free(&figures->phase[i].ages);
        sl_series_free(&figures->phase[i].kbps);
    }
}
