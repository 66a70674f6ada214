/* SPDX-License-Identifier: MIT */
#include "receiver/export_avc.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "media/nal.h"

#define IDS 32       /* of SPS; PPS have 256, of which these are enough */
#define SPS_MAX 31   /* the count has 5 bits */
#define HEAD_BYTES 5 /* version, profile, constraints, level, length size */
#define SPS_ID_AT 4  /* bytes: NAL header, profile, constraints, level */
#define PPS_ID_AT 1
#define EMULATION_FREE 4 /* the ids lie in so many bytes */

/* The first Exp-Golomb number behind `at` bytes, or -1. */
static int read_id(const struct sl_nal *nal, size_t at)
{
    uint8_t raw[EMULATION_FREE] = {0};
    int zeros = 0;
    if (nal->len <= at)
        return -1;
    memcpy(raw, nal->data + at, nal->len - at < sizeof(raw) ? nal->len - at : sizeof(raw));
    const uint32_t bits = sl_get32(raw);
    while (zeros < 9 && !(bits >> (31 - zeros) & 1))
        zeros++;
    return zeros == 9 ? -1 : (int)((bits >> (31 - 2 * zeros)) & ((2U << zeros) - 1)) - 1;
}

/* A list of parameter sets in an avcC: their number, then each with its length. */
struct list {
    struct sl_reader *reader;
    int left;
};

static struct list open_list(struct sl_reader *reader, int mask)
{
    return (struct list){.reader = reader, .left = sl_read8(reader) & mask};
}

static bool next_set(struct list *list, struct sl_nal *ret)
{
    if (list->left-- <= 0)
        return false;
    ret->len = sl_read16(list->reader);
    ret->data = sl_read_bytes(list->reader, ret->len);
    if (ret->len == 0)
        list->reader->failed = true; /* what follows would be read as something else */
    return !list->reader->failed;
}

static int mark(uint32_t *used, const struct sl_nal *nal, size_t at)
{
    const int id = read_id(nal, at);
    if (id < 0)
        return -EBADMSG;
    if (id < IDS)
        *used |= 1U << id;
    return 0;
}

int sl_export_avc_read(struct sl_export_avc *ret, const uint8_t *avcc, size_t len)
{
    struct sl_reader reader = sl_reader(avcc, len);
    struct sl_export_avc avc = {.free_id = 1};
    struct sl_nal nal;
    uint32_t used = 0;
    if (sl_read8(&reader) != 1 || !sl_read_bytes(&reader, HEAD_BYTES - 1))
        return -EBADMSG;
    struct list list = open_list(&reader, SPS_MAX);
    for (bool first = true; next_set(&list, &nal); first = false) {
        struct sl_sps sps;
        if (mark(&used, &nal, SPS_ID_AT) != 0 || sl_sps_read(&sps, nal.data, nal.len) != 0)
            return -EBADMSG;
        if (!first)
            continue;
        avc.profile_idc = sps.profile_idc;
        avc.constraint_flags = sps.constraint_flags;
        avc.level_idc = sps.level_idc;
        avc.references = sps.num_ref_frames;
    }
    list = open_list(&reader, 0xff);
    while (next_set(&list, &nal))
        if (mark(&used, &nal, PPS_ID_AT) != 0)
            return -EBADMSG;
    if (reader.failed || avc.profile_idc == 0)
        return -EBADMSG;
    while (avc.free_id < IDS && (used >> avc.free_id & 1))
        avc.free_id++;
    if (avc.free_id == IDS)
        return -ENOSPC;
    *ret = avc;
    return 0;
}

static void put_set(struct sl_writer *w, const struct sl_nal *nal)
{
    sl_write16(w, (uint16_t)nal->len);
    sl_write_bytes(w, nal->data, nal->len);
}

/* Copies a list of the avcC with those of `sets` that are of `type` behind it. */
static int merge_list(struct sl_writer *w, struct sl_reader *reader, int mask, const uint8_t *sets,
                      size_t sets_len, int type)
{
    uint8_t *count_at = sl_write_room(w, 1);
    const uint8_t *at = sets;
    struct sl_nal nal;
    int count = 0;
    for (struct list list = open_list(reader, mask); next_set(&list, &nal); count++)
        put_set(w, &nal);
    while (sl_nal_next(&at, sets + sets_len, &nal)) {
        if ((nal.data[0] & 0x1f) != type)
            continue;
        put_set(w, &nal);
        count++;
    }
    if (count > mask || reader->failed)
        return -EBADMSG;
    if (w->failed)
        return -EMSGSIZE;
    *count_at = (uint8_t)(count | (~mask & 0xff));
    return 0;
}

int sl_export_avc_merge(uint8_t *out, size_t size, const uint8_t *avcc, size_t len,
                        const uint8_t *sets, size_t sets_len)
{
    struct sl_reader reader = sl_reader(avcc, len);
    struct sl_writer w = sl_writer(out, size);
    const uint8_t *head = sl_read_bytes(&reader, HEAD_BYTES);
    if (!head || head[0] != 1)
        return -EBADMSG;
    sl_write_bytes(&w, head, HEAD_BYTES);
    int err = merge_list(&w, &reader, SPS_MAX, sets, sets_len, SL_NAL_SPS);
    if (err == 0)
        err = merge_list(&w, &reader, 0xff, sets, sets_len, SL_NAL_PPS);
    if (err != 0)
        return err;
    sl_write_bytes(&w, reader.at, sl_reader_left(&reader)); /* what high profiles have there */
    return w.failed ? -EMSGSIZE : (int)sl_writer_len(&w);
}

bool sl_export_avc_idr(const uint8_t *unit, size_t len)
{
    struct sl_reader reader = sl_reader(unit, len);
    while (sl_reader_left(&reader) > 4) {
        const uint32_t nal_len = sl_read32(&reader);
        const uint8_t *nal = sl_read_bytes(&reader, nal_len);
        if (!nal || nal_len == 0)
            return false;
        if ((nal[0] & 0x1f) == SL_NAL_IDR)
            return true;
    }
    return false;
}
