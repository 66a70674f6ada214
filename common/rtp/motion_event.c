/* SPDX-License-Identifier: MIT */
#include "rtp/motion_event.h"

#include <errno.h>

enum { APP = 204 };

#define WORDS (6 + SL_MOTION_ROWS) /* after the name */

void sl_motion_event_write(const struct sl_motion_event *event, uint32_t sender_ssrc,
                           struct sl_writer *w)
{
    sl_write8(w, 2u << 6);
    sl_write8(w, APP);
    sl_write16(w, 2 + WORDS);
    sl_write32(w, sender_ssrc);
    sl_write32(w, SL_MOTION_EVENT_NAME);
    sl_write32(w, event->id);
    sl_write8(w, (uint8_t)event->state);
    sl_write8(w, 0);
    sl_write16(w, event->score);
    sl_write64(w, event->start_ntp);
    sl_write64(w, event->last_ntp);
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        sl_write32(w, event->map.rows[row]);
}

static bool makes_sense(const struct sl_motion_event *event)
{
    return (event->state == SL_MOTION_GOES_ON || event->state == SL_MOTION_ENDED) &&
           event->last_ntp >= event->start_ntp;
}

int sl_motion_event_read(const uint8_t *data, size_t len, struct sl_motion_event *ret)
{
    struct sl_reader r = sl_reader(data, len);
    struct sl_motion_event event = {.id = sl_read32(&r)};
    event.state = (enum sl_motion_state)sl_read8(&r);
    (void)sl_read8(&r);
    event.score = sl_read16(&r);
    event.start_ntp = sl_read64(&r);
    event.last_ntp = sl_read64(&r);
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        event.map.rows[row] = sl_read32(&r);
    if (r.failed || !makes_sense(&event))
        return -EBADMSG;
    *ret = event;
    return 0;
}
