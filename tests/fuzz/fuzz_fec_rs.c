/* SPDX-License-Identifier: MIT */
#include "tests/support/fec_script.h"

extern const size_t sl_replay_cuts;
const size_t sl_replay_cuts = 64; /* see replay_main.c */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fec_script_play(&sl_fec_rs, data, size);
    return 0;
}
