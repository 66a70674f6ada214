/* SPDX-License-Identifier: MIT */
/*
 * A jitter buffer with a source of frames and a clock moved by hand. Every step asserts that the
 * counters balance; what an expectation does not find fails the test.
 *
 *     rig_make ─▶ rig.video.packets ── rig_put, rig_put_all ──▶ jitter ── rig_pop, rig_expect_*
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "jitter/jitter.h"
#include "tests/support/video.h"

#define RIG_FRAME (SL_SEC / 30)

struct rig {
    struct sl_jitter *jitter;
    struct sl_test_video video;
    sl_ns now;
    struct sl_jitter_frame frame; /* of the last pop */
};

void rig_setup(struct rig *rig); /* delay 0, the usual ring */
void rig_setup_with(struct rig *rig, sl_ns delay, uint32_t capacity);
void rig_teardown(struct rig *rig);

/* The next frame of the source; the clock moves with it. */
void rig_make(struct rig *rig, struct sl_test_frame frame);
/* One packet of it, or all, which are kept. */
enum sl_jitter_put rig_put(struct rig *rig, size_t packet);
void rig_put_all(struct rig *rig);

enum sl_jitter_pop rig_pop(struct rig *rig);
void rig_expect_frame(struct rig *rig, uint32_t number);
void rig_expect_wait(struct rig *rig);

void rig_check_balance(const struct rig *rig);
struct sl_jitter_stats rig_stats(const struct rig *rig);
