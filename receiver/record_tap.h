/* SPDX-License-Identifier: MIT */
/*
 * Record tap: what the hub tells the recorder of one camera. Zero-initialised, or made for no
 * recorder, it does nothing. The hub's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "receiver/motion_log.h"
#include "receiver/record.h"

struct sl_record_tap {
    struct sl_record *record; /* NULL: nothing is recorded */
    int slot;
    bool known; /* the next two, as told */
    struct sl_record_rule rule;
    char location[SL_LOCATION_BYTES];
    bool connected, moving;
    struct sl_motion_event event; /* the newest, while it moves; its times are by `epoch` */
    sl_ns epoch;
};

/* `record` may be NULL. */
void sl_record_tap_init(struct sl_record_tap *tap, struct sl_record *record);
void sl_record_tap_fini(struct sl_record_tap *tap);

/* When it is recorded, and where the camera is; told on if it changed. */
void sl_record_tap_rule(struct sl_record_tap *tap, const struct sl_record_rule *rule,
                        const char *location, sl_ns now);
void sl_record_tap_connect(struct sl_record_tap *tap, const char *camera, const char *location,
                           const struct sl_addr *from, bool sound, sl_ns now);
void sl_record_tap_disconnect(struct sl_record_tap *tap, const char *why, sl_ns now);
/* True: a key frame is wanted of the publisher. */
bool sl_record_tap_packet(struct sl_record_tap *tap, enum sl_media_kind kind,
                          const struct sl_rtp_packet *packet, sl_ns arrival);
/* Whenever the log was told something; tells what begins or ends by it. */
void sl_record_tap_motion(struct sl_record_tap *tap, const struct sl_motion_log *log, sl_ns epoch,
                          sl_ns now);
