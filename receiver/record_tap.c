/* SPDX-License-Identifier: MIT */
#include "receiver/record_tap.h"

#include "base/log.h"
#include "base/time.h"

void sl_record_tap_init(struct sl_record_tap *tap, struct sl_record *record)
{
    *tap = (struct sl_record_tap){.record = record};
    if (!record)
        return;
    tap->slot = sl_record_slot_take(record);
    if (tap->slot < 0)
        tap->record = NULL;
}

void sl_record_tap_fini(struct sl_record_tap *tap)
{
    if (tap->record)
        sl_record_slot_give(tap->record, tap->slot);
    tap->record = NULL;
}

void sl_record_tap_connect(struct sl_record_tap *tap, const char *camera, const char *location,
                           const struct sl_addr *from, bool sound, sl_ns now)
{
    char address[SL_ADDR_TEXT];
    if (!tap->record)
        return;
    sl_record_tap_disconnect(tap, "another sender took over", now);
    sl_record_connect(tap->record, tap->slot, camera, location, sl_addr_text(from, address), sound,
                      now);
    tap->connected = true;
}

void sl_record_tap_disconnect(struct sl_record_tap *tap, const char *why, sl_ns now)
{
    if (!tap->connected)
        return;
    sl_record_disconnect(tap->record, tap->slot, why, now);
    tap->connected = tap->moving = false;
}

bool sl_record_tap_packet(struct sl_record_tap *tap, enum sl_media_kind kind,
                          const struct sl_rtp_packet *packet, sl_ns arrival)
{
    if (!tap->connected)
        return false;
    sl_record_packet(tap->record, tap->slot, kind, packet, arrival);
    return sl_record_key_wanted(tap->record, tap->slot);
}

void sl_record_tap_motion(struct sl_record_tap *tap, const struct sl_motion_log *log, sl_ns epoch,
                          sl_ns now)
{
    const bool same = tap->moving == log->moving && tap->motion_id == log->event.id;
    if (!tap->connected || !log->any || same || (!log->moving && !tap->moving))
        return;
    tap->moving = log->moving;
    tap->motion_id = log->event.id;
    const struct sl_record_motion motion = {
        .id = log->event.id,
        .over = !log->moving,
        .percent = sl_motion_percent(log->event.score),
        .start = sl_ntp_to_ns(log->event.start_ntp, epoch),
        .end = sl_ntp_to_ns(log->event.last_ntp, epoch),
    };
    sl_record_motion(tap->record, tap->slot, &motion, now);
}
