/* SPDX-License-Identifier: MIT */
/*
 * Stage: a display to show on, and scenes ready to be played: made once, used by many rounds.
 * One thread, which children are started from.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_scene;
struct sl_stage;

/* Uses $DISPLAY, or starts an Xvfb large enough for 1920x1080. 0 or -errno with `why`. */
SL_MUST_CHECK int sl_stage_open(struct sl_stage **ret, uint64_t seed, const atomic_bool *stop,
                                char *why, size_t why_len);
void sl_stage_close(struct sl_stage *stage);

/* For conditions: "Xvfb 1920x1080" or the display's name. */
const char *sl_stage_display(const struct sl_stage *stage);
/* For programs: ":99". */
const char *sl_stage_display_name(const struct sl_stage *stage);
/* Whether the bench has been told to stop. */
bool sl_stage_stopped(const struct sl_stage *stage);

/* A scene of this size, its colour ready for stamps; the stage's. 0 or -errno. */
SL_MUST_CHECK int sl_stage_scene(struct sl_stage *stage, const struct sl_scene **ret, int width,
                                 int height);
