/* SPDX-License-Identifier: MIT */
/* An Opus packet: its duration is one that Opus has, or it is refused. */
#include <stdint.h>
#include <stdlib.h>

#include "media/opus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int samples = sl_opus_samples(data, size);
    if (samples >= 0 && (samples < 120 || samples > 5760 || samples % 120))
        abort();
    return 0;
}
