/* SPDX-License-Identifier: MIT */
#include "rtp/device_state.h"

#include <errno.h>

enum { APP = 204 };

void sl_device_state_write(uint32_t flags, uint32_t sender_ssrc, struct sl_writer *w)
{
    sl_write8(w, 2u << 6);
    sl_write8(w, APP);
    sl_write16(w, 3);
    sl_write32(w, sender_ssrc);
    sl_write32(w, SL_DEVICE_STATE_NAME);
    sl_write32(w, flags);
}

int sl_device_state_read(const uint8_t *data, size_t len, uint32_t *flags)
{
    struct sl_reader r = sl_reader(data, len);
    const uint32_t read = sl_read32(&r);
    if (r.failed)
        return -EBADMSG;
    *flags = read;
    return 0;
}

bool sl_device_watch_hear(struct sl_device_watch *watch, uint32_t flags, sl_ns now)
{
    const bool changed = flags != watch->flags;
    *watch = (struct sl_device_watch){.flags = flags, .heard = now};
    return changed;
}

sl_ns sl_device_watch_due(const struct sl_device_watch *watch)
{
    return watch->flags ? watch->heard + SL_DEVICE_STATE_LASTS : SL_NEVER;
}

bool sl_device_watch_tick(struct sl_device_watch *watch, sl_ns now)
{
    if (now < sl_device_watch_due(watch))
        return false;
    watch->flags = 0;
    return true;
}
