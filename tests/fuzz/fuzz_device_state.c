/* SPDX-License-Identifier: MIT */
/* What is accepted comes out the same once it is written and read again; and whatever is told, a
 * watch says each change once and forgets what is not repeated. Four bytes are a state, each 1 ms
 * to 33 s after the last. */
#include <stdlib.h>

#include "rtp/device_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read_again(uint32_t flags)
{
    uint8_t wire[16];
    uint32_t again;
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_device_state_write(flags, 1, &w);
    if (w.failed || sl_device_state_read(wire + 12, sl_writer_len(&w) - 12, &again) ||
        again != flags)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_device_watch watch = {0};
    uint32_t flags;
    sl_ns now = 0;
    for (; sl_device_state_read(data, size, &flags) == 0; data += 4, size -= 4) {
        write_and_read_again(flags);
        now += SL_MS << (flags >> 28 & 15);
        const bool due = now >= sl_device_watch_due(&watch);
        if (sl_device_watch_tick(&watch, now) != due || (due && watch.flags))
            abort();
        const uint32_t before = watch.flags;
        if (sl_device_watch_hear(&watch, flags, now) != (flags != before) || watch.flags != flags)
            abort();
    }
    return 0;
}
