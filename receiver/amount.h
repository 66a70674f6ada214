/* SPDX-License-Identifier: MIT */
/* Amounts as users read them: "50G", "1.5M" (powers of 1024, as options take them); "30d", "90m".
 */
#pragma once

#include <stdint.h>

#define SL_AMOUNT_TEXT 32

const char *sl_amount_size(int64_t bytes, char out[SL_AMOUNT_TEXT]);
/* The largest unit that it is a whole number of; what is below a second is left out. */
const char *sl_amount_duration(int64_t us, char out[SL_AMOUNT_TEXT]);
