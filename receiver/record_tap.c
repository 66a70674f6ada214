/* SPDX-License-Identifier: MIT */
#include "receiver/record_tap.h"

#include <stdio.h>
#include <string.h>

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

static bool is_told(const struct sl_record_tap *tap, const struct sl_record_rule *rule,
                    const char *location)
{
    return tap->known && tap->rule.mode == rule->mode && tap->rule.pre == rule->pre &&
           tap->rule.post == rule->post && strcmp(tap->location, location) == 0;
}

void sl_record_tap_rule(struct sl_record_tap *tap, const struct sl_record_rule *rule,
                        const char *location, sl_ns now)
{
    if (!tap->record || is_told(tap, rule, location))
        return;
    tap->known = true;
    tap->rule = *rule;
    snprintf(tap->location, sizeof(tap->location), "%s", location);
    sl_record_rule(tap->record, tap->slot, rule, location, now);
}

static void tell_motion(struct sl_record_tap *tap, bool over, sl_ns now)
{
    const struct sl_record_motion motion = {
        .over = over,
        .percent = sl_motion_percent(tap->event.score),
        .start = sl_ntp_to_ns(tap->event.start_ntp, tap->epoch),
        .end = sl_ntp_to_ns(tap->event.last_ntp, tap->epoch),
    };
    tap->moving = !over;
    sl_record_motion(tap->record, tap->slot, &motion, now);
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
    if (tap->moving)
        tell_motion(tap, true, now);
    sl_record_disconnect(tap->record, tap->slot, why, now);
    tap->connected = false;
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
    const bool moving = log->any && log->moving;
    if (!tap->connected || (!moving && !tap->moving))
        return;
    const bool another = log->any && tap->moving && log->event.id != tap->event.id;
    if (another)
        tell_motion(tap, true, now); /* as it was heard of last */
    if (log->any && (moving || !another))
        tap->event = log->event;
    tap->epoch = epoch;
    if (moving != tap->moving)
        tell_motion(tap, !moving, now);
}
