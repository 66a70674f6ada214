/* SPDX-License-Identifier: MIT */
#include "bench/impairment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 28 /* IPv4 and UDP: they take time on a link, too */
#define RATE_MIN 1      /* kbit/s */
#define RATE_MAX 1e7

struct sl_impairment_config sl_impairment_config_default(void)
{
    return (struct sl_impairment_config){.queue = 200 * SL_MS, .seed = 1};
}

/* A number from `min` to `max`; `*end` is what follows it. */
static int parse_number(const char *text, char **end, double min, double max, double *ret)
{
    const double value = strtod(text, end);
    if (*end == text || !isfinite(value) || value < min || value > max)
        return -EINVAL;
    *ret = value;
    return 0;
}

/* "START,LEN" or, of a squeeze, "START,LEN,KBIT". */
static int parse_span(const char *text, bool squeeze, struct sl_impairment_config *config)
{
    char *end;
    double start, len, rate_kbit = 0;
    if (parse_number(text, &end, 0, 1e6, &start) != 0 || *end != ',' ||
        parse_number(end + 1, &end, 0, 1e6, &len) != 0 ||
        (squeeze &&
         (*end != ',' || parse_number(end + 1, &end, RATE_MIN, RATE_MAX, &rate_kbit) != 0)) ||
        *end)
        return -EINVAL;
    if (config->spans == SL_IMPAIRMENT_SPANS)
        return -E2BIG;
    config->span[config->spans++] = (struct sl_impairment_span){
        (sl_ns)(start * SL_SEC), (sl_ns)(len * SL_SEC), (int64_t)(rate_kbit * 1000)};
    return 0;
}

static bool is_name(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(text, name, len) == 0;
}

int sl_impairment_config_set(struct sl_impairment_config *config, const char *text)
{
    static const struct {
        const char *name;
        double min, max;
    } numbers[] = {
        {"loss", 0, 100}, {"burst", 1, 1000},           {"delay", 0, 10000}, {"jitter", 0, 10000},
        {"dup", 0, 100},  {"rate", RATE_MIN, RATE_MAX}, {"queue", 0, 10000}, {"seed", 0, 1e15},
    };
    const char *equals = strchr(text, '=');
    const size_t name_len = equals ? (size_t)(equals - text) : 0;
    const bool squeeze = is_name(text, name_len, "squeeze");
    if (squeeze || is_name(text, name_len, "outage"))
        return parse_span(equals + 1, squeeze, config);
    for (size_t i = 0; i < SL_COUNT(numbers); i++) {
        if (!is_name(text, name_len, numbers[i].name))
            continue;
        char *end;
        double value;
        if (parse_number(equals + 1, &end, numbers[i].min, numbers[i].max, &value) != 0 || *end)
            return -EINVAL;
        switch (i) {
        case 0:
            config->loss = value / 100;
            break;
        case 1:
            config->burst = value;
            break;
        case 2:
            config->delay = (sl_ns)(value * SL_MS);
            break;
        case 3:
            config->jitter = (sl_ns)(value * SL_MS);
            break;
        case 4:
            config->duplicate = value / 100;
            break;
        case 5:
            config->rate_bps = (int64_t)(value * 1000);
            break;
        case 6:
            config->queue = (sl_ns)(value * SL_MS);
            break;
        default:
            config->seed = (uint64_t)value;
            break;
        }
        return 0;
    }
    return -ENOENT;
}

int sl_impairment_config_check(const struct sl_impairment_config *config)
{
    const double b = config->burst;
    return b < 1 || config->loss >= 1 || config->loss <= b / (b + 1) ? 0 : -EINVAL;
}

void sl_impairment_init(struct sl_impairment *impairment, const struct sl_impairment_config *config,
                        sl_ns now)
{
    *impairment = (struct sl_impairment){.config = *config, .start = now, .free_at = now};
    sl_random_init_seed(&impairment->random, config->seed);
}

/*
 * Gilbert's two states: every packet of the bad one is lost. It ends with probability 1/burst, so a
 * burst has that mean length, and begins so often that the share of the bad state is `loss`.
 */
static bool is_lost(struct sl_impairment *impairment, double draw)
{
    const struct sl_impairment_config *c = &impairment->config;
    if (c->burst < 1 || c->loss >= 1)
        return draw < c->loss;
    const double leave = 1 / c->burst;
    const double enter = c->loss / (1 - c->loss) * leave;
    impairment->losing = impairment->losing ? draw >= leave : draw < enter;
    return impairment->losing;
}

static bool is_within(const struct sl_impairment_span *span, sl_ns since)
{
    return since >= span->start && since - span->start < span->len;
}

static bool in_outage(const struct sl_impairment *impairment, sl_ns now)
{
    const struct sl_impairment_config *c = &impairment->config;
    for (int i = 0; i < c->spans; i++)
        if (!c->span[i].rate_bps && is_within(&c->span[i], now - impairment->start))
            return true;
    return false;
}

/* How wide the bottleneck is at `at` (0: there is none), and the next moment at which that may be
 * otherwise. */
static int64_t rate_at(const struct sl_impairment *impairment, sl_ns at, sl_ns *until)
{
    const struct sl_impairment_config *c = &impairment->config;
    const sl_ns since = at - impairment->start;
    int64_t rate = c->rate_bps;
    sl_ns next = SL_NEVER;
    for (int i = 0; i < c->spans; i++) {
        const struct sl_impairment_span *span = &c->span[i];
        if (!span->rate_bps)
            continue;
        const bool within = is_within(span, since);
        const sl_ns edge = within ? span->start + span->len : span->start;
        if (within && (!rate || span->rate_bps < rate))
            rate = span->rate_bps;
        if (edge > since && edge < next)
            next = edge;
    }
    *until = next == SL_NEVER ? SL_NEVER : impairment->start + next;
    return rate;
}

/* When `bits` are through the bottleneck whose sending begins at `at`. */
static sl_ns sent_at(const struct sl_impairment *impairment, sl_ns at, int64_t bits)
{
    for (;;) {
        sl_ns until;
        const int64_t rate = rate_at(impairment, at, &until);
        const sl_ns took = rate ? bits * SL_SEC / rate : 0;
        if (took <= until - at)
            return at + took;
        bits -= (until - at) * rate / SL_SEC;
        at = until;
    }
}

/* When the bottleneck has sent the packet, or SL_NEVER if its queue is too long. */
static sl_ns through_bottleneck(struct sl_impairment *impairment, sl_ns now, size_t bytes)
{
    const sl_ns begin = impairment->free_at > now ? impairment->free_at : now;
    if (begin - now > impairment->config.queue)
        return SL_NEVER;
    impairment->free_at = sent_at(impairment, begin, (int64_t)(bytes + HEADER_BYTES) * 8);
    return impairment->free_at;
}

struct sl_impairment_verdict sl_impairment_decide(struct sl_impairment *impairment, sl_ns now,
                                                  size_t bytes)
{
    const struct sl_impairment_config *c = &impairment->config;
    struct sl_impairment_stats *stats = &impairment->stats;
    struct sl_impairment_verdict verdict = {.copies = 0};
    double draw[4];
    for (size_t i = 0; i < SL_COUNT(draw); i++)
        draw[i] = sl_random_unit(&impairment->random);
    const bool lost = is_lost(impairment, draw[0]); /* moves the state in an outage, too */

    stats->received++;
    if (in_outage(impairment, now)) {
        stats->outage_dropped++;
        return verdict;
    }
    if (lost) {
        stats->lost++;
        return verdict;
    }
    const sl_ns sent = through_bottleneck(impairment, now, bytes);
    if (sent == SL_NEVER) {
        stats->queue_dropped++;
        return verdict;
    }
    verdict.copies = draw[1] < c->duplicate ? 2 : 1;
    for (int i = 0; i < 2; i++)
        verdict.due[i] = sent + c->delay + (sl_ns)(draw[2 + i] * (double)c->jitter);
    stats->passed += (uint64_t)verdict.copies;
    stats->duplicated += (uint64_t)verdict.copies - 1;
    return verdict;
}
