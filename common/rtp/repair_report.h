/* SPDX-License-Identifier: MIT */
/*
 * Repair report: what became of a video stream's frames, told by its receiver to its sender in an
 * RTCP APP packet named "SLRP" (RFC 3550 section 6.7), subtype 0. All numbers big-endian, 32 bits:
 *
 *     media SSRC, frames whole at once, mended by FEC, mended by resends, too late, lost,
 *     packets expected, packets lost before repair, longest loss of late in packets,
 *     groups of neighbours among the lost
 *
 * The counters run since the stream began and wrap; a lost report costs nothing. A longer packet is
 * read up to here, so fields may be added. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/types.h"

#define SL_REPAIR_REPORT_NAME 0x534c5250u /* "SLRP" */

struct sl_repair_report {
    uint32_t ssrc;         /* of the media */
    uint32_t whole;        /* frames with all their packets as first sent */
    uint32_t by_fec;       /* frames that needed parity, and nothing resent */
    uint32_t by_resend;    /* frames that needed a resend or fresh parity after a NACK */
    uint32_t late;         /* of the three above: too late to be shown in time */
    uint32_t lost;         /* frames given up */
    uint32_t packets;      /* expected, lost ones included, resends and parity not */
    uint32_t packets_lost; /* before any repair */
    uint32_t burst;        /* gauge: longest run of numbers missing at first, of the last second */
    uint32_t runs;         /* groups of neighbours among packets_lost */
};

/* Appends the APP packet. */
void sl_repair_report_write(const struct sl_repair_report *report, uint32_t sender_ssrc,
                            struct sl_writer *w);

/* Reads what follows the name (SL_RTCP_APP's data): 0 or -EBADMSG. */
SL_MUST_CHECK int sl_repair_report_read(const uint8_t *data, size_t len,
                                        struct sl_repair_report *ret);
