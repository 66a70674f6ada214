/* SPDX-License-Identifier: MIT */
#include "receiver/record_preroll.h"

#include <stdlib.h>
#include <string.h>

static struct sl_record_unit *next_key(struct sl_record_unit *unit)
{
    while (unit && (unit->sound || !unit->key))
        unit = unit->next;
    return unit;
}

struct sl_record_unit *sl_record_preroll_take(struct sl_record_preroll *preroll)
{
    struct sl_record_unit *unit = preroll->first;
    if (!unit)
        return NULL;
    preroll->first = unit->next;
    if (!unit->next)
        preroll->last = NULL;
    if (preroll->first && preroll->first == preroll->second)
        preroll->second = next_key(preroll->first->next);
    preroll->bytes -= unit->len;
    unit->next = NULL;
    return unit;
}

void sl_record_preroll_clear(struct sl_record_preroll *preroll)
{
    while (preroll->first)
        free(sl_record_preroll_take(preroll));
}

/* How many went. */
static uint64_t drop_until(struct sl_record_preroll *preroll, const struct sl_record_unit *until)
{
    uint64_t count = 0;
    while (preroll->first && preroll->first != until) {
        free(sl_record_preroll_take(preroll));
        count++;
    }
    return count;
}

static void make_room(struct sl_record_preroll *preroll, size_t len)
{
    while (preroll->first && preroll->bytes + len > SL_RECORD_PREROLL_BYTES)
        preroll->too_many += drop_until(preroll, preroll->second);
}

static void append(struct sl_record_preroll *preroll, struct sl_record_unit *unit)
{
    if (preroll->last)
        preroll->last->next = unit;
    else
        preroll->first = unit;
    if (!preroll->second && preroll->first != unit)
        preroll->second = next_key(unit);
    preroll->last = unit;
    preroll->bytes += unit->len;
}

void sl_record_preroll_add(struct sl_record_preroll *preroll, bool sound, bool key, sl_ns time,
                           const uint8_t *data, size_t len, sl_ns span)
{
    const bool begins = key && !sound;
    make_room(preroll, len);
    if (!preroll->first && (!begins || len > SL_RECORD_PREROLL_BYTES))
        return;
    struct sl_record_unit *unit = malloc(sizeof(*unit) + len);
    if (!unit) { /* what follows it could not be decoded */
        preroll->too_many++;
        sl_record_preroll_clear(preroll);
        return;
    }
    *unit = (struct sl_record_unit){.sound = sound, .key = key, .time = time, .len = len};
    memcpy(unit->data, data, len);
    append(preroll, unit);
    while (preroll->second && preroll->second->time <= time - span)
        (void)drop_until(preroll, preroll->second);
}
