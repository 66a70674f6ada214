/* SPDX-License-Identifier: MIT */
#include "sender/timeline.h"

#define RELATED SL_SEC

void sl_timeline_init(struct sl_timeline *line, uint32_t hz)
{
    *line = (struct sl_timeline){0};
    sl_media_clock_init(&line->clock, hz);
}

void sl_timeline_report(struct sl_timeline *line, uint64_t ntp, uint32_t timestamp)
{
    const sl_ns seconds = (sl_ns)(ntp >> 32) * SL_SEC;
    line->reported = true;
    line->report_timestamp = timestamp;
    line->report_at = seconds + (sl_ns)(((ntp & UINT32_MAX) * (uint64_t)SL_SEC) >> 32);
}

/* What has to be added to the camera's wall clock, by this stream's arrivals. */
static bool offset(const struct sl_timeline *line, sl_ns *ret)
{
    const sl_ns fastest = sl_media_clock_fastest(&line->clock, line->report_timestamp);
    if (!line->reported || fastest == SL_NEVER)
        return false;
    *ret = fastest - line->report_at;
    return true;
}

sl_ns sl_timeline_place(struct sl_timeline *line, const struct sl_timeline *other,
                        uint32_t timestamp, sl_ns arrival)
{
    sl_ns own, others;
    sl_media_clock_observe(&line->clock, timestamp, arrival);
    sl_ns at = sl_media_clock_fastest(&line->clock, timestamp);
    if (other && offset(line, &own) && offset(other, &others) && others < own &&
        own - others < RELATED)
        at -= own - others; /* the other stream takes a shorter way */
    return at < arrival ? at : arrival;
}
