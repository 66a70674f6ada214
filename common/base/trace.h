/* SPDX-License-Identifier: MIT */
/*
 * Trace: the moments at which frames passed through a program, for whoever measures it
 * (--trace FILE; sightline-bench reads it).
 *
 * The file is mapped: noting is a few stores, from any thread, without lock, system call or
 * allocation, and what has been noted survives the program. A full trace drops what follows and
 * counts it. All times are CLOCK_MONOTONIC, so programs of one machine share a time line.
 *
 * A frame is told by its RTP timestamp, which it keeps from the sender through the relay to the
 * viewer. Before it has one, and in SENT, which joins the two, by its capture time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

/* In the order in which a frame passes them. Each moment is the end of what its name says. */
enum sl_trace_stage {
    SL_TRACE_CAPTURED = 1, /* sender: the whole picture is in memory      frame: capture time, ns */
    SL_TRACE_ENCODE_BEGUN, /* sender: the encoder takes it                frame: capture time, ns */
    SL_TRACE_ENCODED,      /* sender: its access unit exists              frame: capture time, ns */
    SL_TRACE_SENT,         /* sender: the kernel has its last packet      frame: capture time, ns;
                              value: RTP timestamp */
    SL_TRACE_RELAY_IN,     /* receiver: its last packet has been read     frame: RTP timestamp */
    SL_TRACE_RELAY_OUT,    /* receiver: the kernel has it for all viewers frame: RTP timestamp */
    SL_TRACE_ARRIVED,      /* viewer: the kernel has its last packet      frame: RTP timestamp */
    SL_TRACE_RELEASED,     /* viewer: out of the jitter buffer            frame: RTP timestamp */
    SL_TRACE_DECODE_BEGUN, /* viewer: a worker takes it                   frame: RTP timestamp */
    SL_TRACE_DECODED,      /* viewer: decoded and scaled                  frame: RTP timestamp */
    SL_TRACE_PAINT_BEGUN,  /* viewer: the main thread takes it            frame: RTP timestamp */
    SL_TRACE_PAINTED,      /* viewer: in the window's memory              frame: RTP timestamp */
    SL_TRACE_PRESENTED,    /* viewer: the display has it                  frame: RTP timestamp */
};

struct sl_trace_record {
    uint64_t frame;
    sl_ns at;
    uint32_t stage; /* enum sl_trace_stage; 0: not written yet */
    uint32_t value; /* as the stage says */
};

struct sl_trace;

/* Makes FILE anew with room for `records`. 0 or -errno. */
SL_MUST_CHECK int sl_trace_open(struct sl_trace **ret, const char *path, size_t records);
/* NULL is fine. The file stays. */
void sl_trace_close(struct sl_trace *trace);

/* NULL: nothing is noted. */
void sl_trace_note(struct sl_trace *trace, enum sl_trace_stage stage, uint64_t frame,
                   uint32_t value, sl_ns at);

/* What a trace file holds, also while it is written; free() the records. 0, -errno, or -EINVAL:
 * not a trace. `dropped`: noted without room. */
SL_MUST_CHECK int sl_trace_read(const char *path, struct sl_trace_record **ret, size_t *count,
                                uint64_t *dropped);
