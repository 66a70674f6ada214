/* SPDX-License-Identifier: MIT */
#include "rtp/repair_report.h"

#include <errno.h>

enum { APP = 204 };

#define WORDS 10 /* after the name */

void sl_repair_report_write(const struct sl_repair_report *report, uint32_t sender_ssrc,
                            struct sl_writer *w)
{
    sl_write8(w, 2u << 6);
    sl_write8(w, APP);
    sl_write16(w, 2 + WORDS);
    sl_write32(w, sender_ssrc);
    sl_write32(w, SL_REPAIR_REPORT_NAME);
    sl_write32(w, report->ssrc);
    sl_write32(w, report->whole);
    sl_write32(w, report->by_fec);
    sl_write32(w, report->by_resend);
    sl_write32(w, report->late);
    sl_write32(w, report->lost);
    sl_write32(w, report->packets);
    sl_write32(w, report->packets_lost);
    sl_write32(w, report->burst);
    sl_write32(w, report->runs);
}

int sl_repair_report_read(const uint8_t *data, size_t len, struct sl_repair_report *ret)
{
    struct sl_reader r = sl_reader(data, len);
    struct sl_repair_report report = {.ssrc = sl_read32(&r)};
    report.whole = sl_read32(&r);
    report.by_fec = sl_read32(&r);
    report.by_resend = sl_read32(&r);
    report.late = sl_read32(&r);
    report.lost = sl_read32(&r);
    report.packets = sl_read32(&r);
    report.packets_lost = sl_read32(&r);
    report.burst = sl_read32(&r);
    report.runs = sl_read32(&r);
    if (r.failed)
        return -EBADMSG;
    *ret = report;
    return 0;
}
