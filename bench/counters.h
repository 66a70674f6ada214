/* SPDX-License-Identifier: MIT */
/*
 * Counters: what the programs of a path, and the link between them, have counted: since their
 * start, and, of two readings, in between. A figure that the path does not tell is NAN, and makes
 * every sum that it goes into NAN. Pure.
 */
#pragma once

struct sl_counters {
    double seconds;                  /* when, or how long                             */
    double sent_bytes, sent_packets; /* UDP payload that came to `impair` from the sender */
    double lost_packets;             /* of these, what it did not let through         */
    double media_bytes;              /* H.264 that was sent                           */
    double repair_bytes; /* what parity and resends would be if datagrams of media were media_bytes:
                            its share of that is their share of those */
    double decoded, decoded_seconds; /* frames, in so many seconds                    */
    double resent;                   /* packets sent again                            */
    /* Frames as the receiver counts them that were not whole by themselves. */
    double frames_by_fec, frames_by_resend;
    double frames_late; /* among these two, but too late */
    double frames_lost;
};

struct sl_counters sl_counters_unknown(void);
/* What falls was counted anew, so it is not known. */
struct sl_counters sl_counters_since(const struct sl_counters *now, const struct sl_counters *then);
struct sl_counters sl_counters_sum(const struct sl_counters *a, const struct sl_counters *b);
