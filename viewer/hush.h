/* SPDX-License-Identifier: MIT */
/*
 * Hush: keeps what libraries write to stderr of their own accord off it while they look for a
 * display or a sound card that may not be there. What matters of it is in SDL's error. For start-up
 * only, while there is one thread.
 */
#pragma once

/* What sl_hush_end() wants. */
int sl_hush_begin(void);
void sl_hush_end(int kept);
