/* SPDX-License-Identifier: MIT */
/*
 * What the sender tells its user: `live CAMERA` and `reconnecting` on stdout as that changes, a
 * line of figures with --stats, and on stderr why it is not live.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/types.h"
#include "sender/pipeline.h"
#include "sender/uplink.h"

struct sl_report {
    FILE *out;
    const char *camera;
    enum sl_endpoint_state state;
    char reason[160]; /* said last */
    sl_ns stats_at;
    struct sl_uplink_stats uplink; /* as of the last line of figures */
};

void sl_report_state(struct sl_report *report, enum sl_endpoint_state state, const char *reason);

/* Figures since the last call (or `stats_at`). */
void sl_report_figures(struct sl_report *report, const struct sl_uplink_stats *uplink,
                       const struct sl_pipeline_stats *pipeline, sl_ns now);
