/* SPDX-License-Identifier: MIT */
#include "rtp/sequence.h"

int64_t sl_unwrap_peek(const struct sl_unwrap *unwrap, uint16_t seq)
{
    if (!unwrap->started)
        return seq;
    return unwrap->highest + (int16_t)(uint16_t)(seq - (uint16_t)unwrap->highest);
}

int64_t sl_unwrap_next(struct sl_unwrap *unwrap, uint16_t seq)
{
    const int64_t extended = sl_unwrap_peek(unwrap, seq);
    if (!unwrap->started || extended > unwrap->highest)
        unwrap->highest = extended;
    unwrap->started = true;
    return extended;
}

void sl_reception_init(struct sl_reception *reception, uint32_t clock_hz)
{
    *reception = (struct sl_reception){.clock_hz = clock_hz};
}

/* RFC 3550 A.8; timestamps wrap, so differences are taken in 32 bits. */
static void update_jitter(struct sl_reception *reception, uint32_t timestamp, sl_ns now)
{
    const int64_t ticks =
        now / SL_SEC * reception->clock_hz + now % SL_SEC * (int64_t)reception->clock_hz / SL_SEC;
    const uint32_t transit = (uint32_t)ticks - timestamp;
    if (reception->started) {
        const int64_t change = (int32_t)(transit - (uint32_t)reception->transit);
        const double size = (double)(change < 0 ? -change : change);
        reception->jitter += (size - reception->jitter) / 16;
    }
    reception->transit = transit;
}

void sl_reception_update(struct sl_reception *reception, int64_t seq, uint32_t timestamp, sl_ns now)
{
    update_jitter(reception, timestamp, now);
    /* A packet that was overtaken at the very start belongs to the stream as well. */
    if (!reception->started || seq < reception->base)
        reception->base = seq;
    if (!reception->started || seq > reception->highest)
        reception->highest = seq;
    reception->started = true;
    reception->received++;
}

static int32_t clamp24(int64_t value)
{
    if (value > 0x7fffff)
        return 0x7fffff;
    return value < -0x800000 ? -0x800000 : (int32_t)value;
}

struct sl_reception_report sl_reception_report(struct sl_reception *reception)
{
    if (!reception->started)
        return (struct sl_reception_report){0};
    const uint64_t expected = (uint64_t)(reception->highest - reception->base + 1);
    const int64_t expected_now = (int64_t)(expected - reception->prior_expected);
    const int64_t received_now = (int64_t)(reception->received - reception->prior_received);
    const int64_t lost_now = expected_now - received_now;
    reception->prior_expected = expected;
    reception->prior_received = reception->received;

    struct sl_reception_report report = {
        .cumulative_lost = clamp24((int64_t)(expected - reception->received)),
        .highest = (uint32_t)reception->highest,
        .jitter = (uint32_t)reception->jitter,
    };
    if (expected_now > 0 && lost_now > 0) {
        const int64_t fraction = lost_now * 256 / expected_now;
        report.fraction_lost = (uint8_t)(fraction > 255 ? 255 : fraction);
    }
    return report;
}
