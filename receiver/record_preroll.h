/* SPDX-License-Identifier: MIT */
/*
 * Record preroll: the last seconds of a camera in memory, in case that something happens.
 *
 *     units ─▶ [ key ... key ... key ... ] ─▶ take, oldest first
 *
 * It begins with a key frame and holds at least `span`, so up to one GOP more; never more than
 * SL_RECORD_PREROLL_BYTES: then it holds less. Pure but for memory, which units take one by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_RECORD_PREROLL_BYTES ((size_t)24 << 20)

struct sl_record_unit {
    struct sl_record_unit *next;
    bool sound, key;
    sl_ns time;
    size_t len;
    uint8_t data[];
};

/* Zero-initialised is empty. */
struct sl_record_preroll {
    struct sl_record_unit *first, *last;
    struct sl_record_unit *second; /* key frame in it; NULL: there is one GOP */
    size_t bytes;
    uint64_t too_many; /* units that went because of the limit, or of a lack of memory */
};

/* Units in order; what comes before the first key frame is left out. */
void sl_record_preroll_add(struct sl_record_preroll *preroll, bool sound, bool key, sl_ns time,
                           const uint8_t *data, size_t len, sl_ns span);
/* The oldest, the caller's to free(); NULL if there is none. */
struct sl_record_unit *sl_record_preroll_take(struct sl_record_preroll *preroll);
void sl_record_preroll_clear(struct sl_record_preroll *preroll);
