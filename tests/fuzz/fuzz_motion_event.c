/* SPDX-License-Identifier: MIT */
/* What is accepted comes out the same once it is written and read again. */
#include <stdlib.h>

#include "rtp/motion_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_motion_event event, again;
    uint8_t wire[256];
    if (sl_motion_event_read(data, size, &event))
        return 0;
    struct sl_writer w = sl_writer(wire, sizeof(wire));
    sl_motion_event_write(&event, 1, &w);
    if (w.failed || sl_motion_event_read(wire + 12, sl_writer_len(&w) - 12, &again))
        abort();
    if (again.id != event.id || again.state != event.state || again.score != event.score ||
        again.start_ntp != event.start_ntp || again.last_ntp != event.last_ntp ||
        memcmp(&again.map, &event.map, sizeof(event.map)) != 0)
        abort();
    return 0;
}
