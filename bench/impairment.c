/* SPDX-License-Identifier: MIT */
#include "bench/impairment.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 28 /* IPv4 and UDP: they take time on a link, too */

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

static int parse_outage(const char *text, struct sl_impairment_config *config)
{
    char *end;
    double start, len;
    if (parse_number(text, &end, 0, 1e6, &start) != 0 || *end != ',' ||
        parse_number(end + 1, &end, 0, 1e6, &len) != 0 || *end)
        return -EINVAL;
    config->outage_start = (sl_ns)(start * SL_SEC);
    config->outage_len = (sl_ns)(len * SL_SEC);
    return 0;
}

int sl_impairment_config_set(struct sl_impairment_config *config, const char *text)
{
    static const struct {
        const char *name;
        double min, max;
    } numbers[] = {
        {"loss", 0, 100}, {"burst", 1, 1000}, {"delay", 0, 10000}, {"jitter", 0, 10000},
        {"dup", 0, 100},  {"rate", 1, 1e7},   {"queue", 0, 10000}, {"seed", 0, 1e15},
    };
    const char *equals = strchr(text, '=');
    const size_t name_len = equals ? (size_t)(equals - text) : 0;
    if (name_len == strlen("outage") && memcmp(text, "outage", name_len) == 0)
        return parse_outage(equals + 1, config);
    for (size_t i = 0; i < SL_COUNT(numbers); i++) {
        if (name_len != strlen(numbers[i].name) || memcmp(text, numbers[i].name, name_len) != 0)
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

static bool in_outage(const struct sl_impairment *impairment, sl_ns now)
{
    const sl_ns since = now - impairment->start - impairment->config.outage_start;
    return since >= 0 && since < impairment->config.outage_len;
}

/* When the bottleneck has sent the packet, or SL_NEVER if its queue is too long. */
static sl_ns through_bottleneck(struct sl_impairment *impairment, sl_ns now, size_t bytes)
{
    const struct sl_impairment_config *c = &impairment->config;
    if (!c->rate_bps)
        return now;
    const sl_ns begin = impairment->free_at > now ? impairment->free_at : now;
    if (begin - now > c->queue)
        return SL_NEVER;
    impairment->free_at = begin + (sl_ns)(bytes + HEADER_BYTES) * 8 * SL_SEC / c->rate_bps;
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
