/* SPDX-License-Identifier: MIT */
/* Congestion control feedback: whatever a body says, and what a recorder makes of odd arrivals. */
#include <stdint.h>
#include <stdlib.h>

#include "rate/estimator.h"
#include "rtp/ccfb.h"
#include "rtp/repair_report.h"
#include "rtp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    size_t size, metrics;
    struct sl_estimator *estimator;
    sl_ns now;
};

static void metric(void *ctx, const struct sl_ccfb_metric *metric)
{
    struct input *input = ctx;
    if (++input->metrics > input->size / 2)
        abort(); /* more than bytes */
    if (metric->before < 0 || metric->before > 8 * SL_SEC)
        abort();
    if (!metric->received && (metric->has_arrival || metric->ecn))
        abort();
}

static void item(void *ctx, const struct sl_rtcp_item *item)
{
    struct input *input = ctx;
    uint32_t timestamp;
    struct sl_repair_report report;
    if (item->type == SL_RTCP_CCFB) {
        input->now += 10 * SL_MS;
        const int r = sl_ccfb_read(item->data, item->data_len, &timestamp, metric, input);
        if (sl_estimator_feedback(input->estimator, item->data, item->data_len, input->now) != r)
            abort();
    } else if (item->type == SL_RTCP_APP) {
        if (sl_repair_report_read(item->data, item->data_len, &report) < 0 &&
            item->data_len >= 10 * 4)
            abort();
    }
}

static void check(const struct sl_estimator *estimator)
{
    struct sl_estimate e;
    sl_estimator_get(estimator, &e);
    if (e.sent != e.arrived + e.lost + e.forgotten + e.flying)
        abort();
    if (e.bps < 100000 || e.bps > 10000000)
        abort();
}

/* Arrivals as the bytes say: the report has to be readable and to fit. */
static void record(const uint8_t *data, size_t size)
{
    static struct sl_ccfb_recorder recorder;
    sl_ccfb_recorder_init(&recorder);
    sl_ns now = 0;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        now += data[i] * SL_MS;
        sl_ccfb_record(&recorder, data[i + 1] & 7, sl_get16(data + i + 2), data[i + 1] >> 6, now);
    }
    for (int i = 0; i < 4; i++) {
        uint8_t wire[SL_CCFB_BYTES_MAX];
        struct sl_writer w = sl_writer(wire, sizeof(wire));
        struct input input = {.size = sizeof(wire)};
        const size_t count = sl_ccfb_write(&recorder, 1, now, (uint64_t)now, &w);
        uint32_t timestamp;
        if (w.failed || (count == 0) != (sl_writer_len(&w) == 0))
            abort();
        if (count && sl_ccfb_read(wire + 8, sl_writer_len(&w) - 8, &timestamp, metric, &input) < 0)
            abort();
        if (input.metrics != count)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct input input;
    const struct sl_estimator_config config = {
        .start_bps = 2000000, .min_bps = 100000, .max_bps = 10000000};
    input = (struct input){.size = size, .now = 1000 * SL_SEC};
    if (sl_estimator_create(&input.estimator, &config) < 0)
        abort();
    for (uint16_t seq = 0; seq < 300; seq++)
        sl_estimator_sent(input.estimator, seq % 3 + 1, seq / 3, 1000, seq / 10,
                          input.now + seq * SL_MS);
    input.now += 300 * SL_MS;
    (void)sl_rtcp_read(data, size, item, &input);
    check(input.estimator);
    sl_estimator_destroy(input.estimator);
    record(data, size);
    return 0;
}
