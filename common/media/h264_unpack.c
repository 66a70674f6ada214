/* SPDX-License-Identifier: MIT */
#include "media/h264_unpack.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "media/nal.h"

#define FU_START 0x80
#define FU_END 0x40

void sl_h264_unpack_begin(struct sl_h264_unpack *unpack, uint8_t *out, size_t size)
{
    unpack->out = out;
    unpack->size = size;
    unpack->len = 0;
    unpack->in_fu = false;
    unpack->key = false;
    unpack->reference = false;
    unpack->has_slice = false;
    unpack->has_sps = false;
}

static int append(struct sl_h264_unpack *unpack, const uint8_t *data, size_t len)
{
    if (len > unpack->size - unpack->len)
        return -EMSGSIZE;
    if (len)
        memcpy(unpack->out + unpack->len, data, len);
    unpack->len += len;
    return 0;
}

static int append_nal(struct sl_h264_unpack *unpack, const uint8_t *nal, size_t len)
{
    static const uint8_t start[4] = {0, 0, 0, 1};
    const int err = append(unpack, start, sizeof(start));
    return err < 0 ? err : append(unpack, nal, len);
}

static void remember(uint8_t *set, size_t *set_len, const uint8_t *nal, size_t len)
{
    if (len > SL_H264_PARAMETER_SET_MAX)
        return;
    memcpy(set, nal, len);
    *set_len = len;
}

/* A key frame that came without parameter sets gets the last ones in front. */
static int add_remembered(struct sl_h264_unpack *unpack)
{
    if (unpack->has_sps || !unpack->sps_len || !unpack->pps_len)
        return 0;
    unpack->has_sps = true;
    const int err = append_nal(unpack, unpack->sps, unpack->sps_len);
    return err < 0 ? err : append_nal(unpack, unpack->pps, unpack->pps_len);
}

/* What the start of a NAL (header `head`) means for its unit. */
static int note_nal(struct sl_h264_unpack *unpack, uint8_t head)
{
    const unsigned type = head & 0x1f;
    if (type == 0 || type >= SL_NAL_STAP_A)
        return -EBADMSG;
    if (type <= SL_NAL_IDR) {
        unpack->has_slice = true;
        unpack->reference |= (head & 0x60) != 0;
    }
    if (type == SL_NAL_SPS)
        unpack->has_sps = true;
    if (type == SL_NAL_IDR) {
        unpack->key = true;
        return add_remembered(unpack);
    }
    return 0;
}

static int add_nal(struct sl_h264_unpack *unpack, const uint8_t *nal, size_t len)
{
    const int err = note_nal(unpack, nal[0]);
    if (err < 0)
        return err;
    switch (nal[0] & 0x1f) {
    case SL_NAL_SPS:
        remember(unpack->sps, &unpack->sps_len, nal, len);
        break;
    case SL_NAL_PPS:
        remember(unpack->pps, &unpack->pps_len, nal, len);
        break;
    case SL_NAL_SEI:
        unpack->key |= sl_sei_recovers_here(nal, len);
        break;
    default:
        break;
    }
    return append_nal(unpack, nal, len);
}

static int add_aggregate(struct sl_h264_unpack *unpack, const uint8_t *payload, size_t len)
{
    struct sl_reader r = sl_reader(payload + 1, len - 1);
    do {
        const size_t nal_len = sl_read16(&r);
        const uint8_t *nal = sl_read_bytes(&r, nal_len);
        if (!nal || nal_len == 0)
            return -EBADMSG;
        const int err = add_nal(unpack, nal, nal_len);
        if (err < 0)
            return err;
    } while (sl_reader_left(&r));
    return 0;
}

static int add_fragment(struct sl_h264_unpack *unpack, const uint8_t *payload, size_t len)
{
    if (len < 2)
        return -EBADMSG;
    const bool start = payload[1] & FU_START;
    if (start == unpack->in_fu)
        return -EBADMSG;
    int err = 0;
    if (start) {
        const uint8_t head = (uint8_t)((payload[0] & 0xe0) | (payload[1] & 0x1f));
        err = note_nal(unpack, head);
        if (err == 0)
            err = append_nal(unpack, &head, 1);
    }
    if (err == 0)
        err = append(unpack, payload + 2, len - 2);
    unpack->in_fu = !(payload[1] & FU_END);
    return err;
}

int sl_h264_unpack_add(struct sl_h264_unpack *unpack, const uint8_t *payload, size_t len)
{
    if (len == 0)
        return 0;
    const unsigned type = payload[0] & 0x1f;
    if (type == SL_NAL_FU_A)
        return add_fragment(unpack, payload, len);
    if (unpack->in_fu)
        return -EBADMSG;
    if (type == SL_NAL_STAP_A)
        return add_aggregate(unpack, payload, len);
    return add_nal(unpack, payload, len);
}

int sl_h264_unpack_end(struct sl_h264_unpack *unpack)
{
    return unpack->in_fu || !unpack->has_slice ? -EBADMSG : (int)unpack->len;
}

/* Some part of a NAL is in this payload. */
static void peek_part(struct sl_h264_peek *peek, unsigned type)
{
    peek->idr |= type == SL_NAL_IDR || type == SL_NAL_SPS || type == SL_NAL_PPS;
    peek->slice |= type >= SL_NAL_SLICE && type <= SL_NAL_IDR;
    peek->idr_slice |= type == SL_NAL_IDR;
}

/* `body`: what follows the header of a NAL that starts in this payload. */
static void peek_nal(struct sl_h264_peek *peek, unsigned type, const uint8_t *body, size_t len)
{
    /* first_mb_in_slice is ue(0), a set bit: the first slice of its picture. */
    const bool first_slice = len && body[0] & 0x80;
    peek_part(peek, type);
    peek->sps |= type == SL_NAL_SPS;
    peek->starts_key |= type == SL_NAL_SPS || (type == SL_NAL_IDR && first_slice);
}

static void peek_aggregate(struct sl_h264_peek *peek, const uint8_t *payload, size_t len)
{
    struct sl_reader r = sl_reader(payload + 1, len - 1);
    while (sl_reader_left(&r)) {
        const size_t nal_len = sl_read16(&r);
        const uint8_t *nal = sl_read_bytes(&r, nal_len);
        if (!nal || nal_len == 0)
            return;
        peek_nal(peek, nal[0] & 0x1f, nal + 1, nal_len - 1);
    }
}

struct sl_h264_peek sl_h264_peek(const uint8_t *payload, size_t len)
{
    struct sl_h264_peek peek = {0};
    if (len < 2)
        return peek;
    peek.reference = (payload[0] & 0x60) != 0;
    const unsigned type = payload[0] & 0x1f;
    if (type == SL_NAL_STAP_A) {
        peek_aggregate(&peek, payload, len);
    } else if (type != SL_NAL_FU_A) {
        peek_nal(&peek, type, payload + 1, len - 1);
    } else if (payload[1] & FU_START) {
        peek_nal(&peek, payload[1] & 0x1f, payload + 2, len - 2);
    } else {
        peek_part(&peek, payload[1] & 0x1f);
    }
    return peek;
}
