/* SPDX-License-Identifier: MIT */
/*
 * Told: figures out of the lines that programs print about themselves. Pure.
 *
 *     stats fps=30.0 kbps=1987 ... overhead_pct=12.3        sender, --stats
 *     stats yard live shown 30.0/s ... delay_ms=16          viewer, --stats
 *     up received 1200 forwarded 1140 lost 60 ...           impair, its tally
 *     ... repairs yard lost=60 by_fec=55 ... ended          receiver, on stderr
 *     ... does not keep up: 12 packets left out so far      the same
 */
#pragma once

#include <stdbool.h>

/* The number behind `name`: "name=5", or else "name 5", with a blank before it. NAN: not told. */
double sl_told_number(const char *line, const char *name);

/* Packets on the way to the receiver, over all of a session. */
struct sl_told_repairs {
    double lost, by_fec, by_resend; /* lost: did not come as first sent */
    double late;                    /* repaired, but too late */
    double given_up;
};

/* Of a camera's session that ended, the last one in `log`; else all are NAN. */
struct sl_told_repairs sl_told_repairs(const char *log);

/* Packets that the recorder's queue had no room for, by the newest of its lines, of which there is
 * one in 10 s at most; 0: it said nothing. */
double sl_told_left_out(const char *log);
