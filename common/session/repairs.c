/* SPDX-License-Identifier: MIT */
#include "session/repairs.h"

struct sl_repairs sl_repairs_of(const struct sl_session_media_stats *media)
{
    return (struct sl_repairs){.expected = media->expected,
                               .by_fec = media->repaired_fec,
                               .by_resend = media->repaired_resend,
                               .late = media->late,
                               .given_up = media->given_up,
                               .bytes = media->bytes,
                               .media_bytes = media->sent_bytes,
                               .repair_bytes = media->fec_bytes + media->resent_bytes};
}

static uint64_t grown(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

struct sl_repairs sl_repairs_since(const struct sl_repairs *now, const struct sl_repairs *then)
{
    return (struct sl_repairs){.expected = grown(now->expected, then->expected),
                               .by_fec = grown(now->by_fec, then->by_fec),
                               .by_resend = grown(now->by_resend, then->by_resend),
                               .late = grown(now->late, then->late),
                               .given_up = grown(now->given_up, then->given_up),
                               .bytes = grown(now->bytes, then->bytes),
                               .media_bytes = grown(now->media_bytes, then->media_bytes),
                               .repair_bytes = grown(now->repair_bytes, then->repair_bytes)};
}

static struct sl_repairs add(const struct sl_repairs *a, const struct sl_repairs *b)
{
    return (struct sl_repairs){.expected = a->expected + b->expected,
                               .by_fec = a->by_fec + b->by_fec,
                               .by_resend = a->by_resend + b->by_resend,
                               .late = a->late + b->late,
                               .given_up = a->given_up + b->given_up,
                               .bytes = a->bytes + b->bytes,
                               .media_bytes = a->media_bytes + b->media_bytes,
                               .repair_bytes = a->repair_bytes + b->repair_bytes};
}

uint64_t sl_repairs_lost(const struct sl_repairs *repairs)
{
    return repairs->by_fec + repairs->by_resend + repairs->given_up;
}

/* Of a short span more may be repaired than was expected in it: it was missed before. */
double sl_repairs_loss_percent(const struct sl_repairs *repairs)
{
    const uint64_t lost = sl_repairs_lost(repairs);
    if (repairs->expected == 0)
        return 0;
    return lost < repairs->expected ? 100 * (double)lost / (double)repairs->expected : 100;
}

double sl_repairs_overhead_percent(const struct sl_repairs *repairs)
{
    return repairs->media_bytes ? 100 * (double)repairs->repair_bytes / (double)repairs->media_bytes
                                : 0;
}

struct sl_repairs sl_repairs_sum(struct sl_repairs_total *total, const struct sl_repairs *now,
                                 uint64_t session)
{
    /* Of one session only what was expected never falls. */
    if (session != total->session || now->expected < total->last.expected)
        total->before = add(&total->before, &total->last);
    total->session = session;
    total->last = *now;
    return add(&total->before, now);
}
