/* SPDX-License-Identifier: MIT */
/* A mask is whatever somebody drew. */
#include <stdlib.h>

#include "sender/motion_mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_motion_mask mask;
    char why[128];
    if (sl_motion_mask_parse(&mask, data, size, why, sizeof(why)))
        return 0;
    if (mask.width < 1 || mask.height < 1 || (size_t)mask.width * (size_t)mask.height > size)
        abort();
    for (int i = 0; i < mask.width * mask.height; i++)
        if (mask.looked_at[i] > 1)
            abort();
    (void)sl_motion_mask_at(&mask, 1279, 1280, 719, 720);
    sl_motion_mask_fini(&mask);
    return 0;
}
