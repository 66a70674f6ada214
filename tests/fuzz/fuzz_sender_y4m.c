/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdint.h>

#include "sender/y4m.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_y4m_header header;
    char why[64];
    if (sl_y4m_read_header(&header, (const char *)data, size, why, sizeof(why)))
        return 0;
    assert(header.width >= 2 && header.width <= 8192 && header.height >= 2 &&
           header.height <= 8192);
    assert(header.fps_num > 0 && header.fps_den > 0);
    assert(sl_y4m_frame_bytes(&header) >= 6);
    return 0;
}
