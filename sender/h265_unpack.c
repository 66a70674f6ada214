/* SPDX-License-Identifier: MIT */
#include "sender/h265_unpack.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/bytes.h"

#define HEADER 2 /* of a NAL unit */
#define TYPE_AP 48
#define TYPE_FU 49
#define FU_START 0x80
#define FU_END 0x40

void sl_h265_unpack_begin(struct sl_h265_unpack *unpack, uint8_t *out, size_t size)
{
    *unpack = (struct sl_h265_unpack){.out = out, .size = size < INT_MAX ? size : INT_MAX};
}

static int append(struct sl_h265_unpack *unpack, const uint8_t *data, size_t len)
{
    if (len > unpack->size - unpack->len)
        return -EMSGSIZE;
    if (len)
        memcpy(unpack->out + unpack->len, data, len);
    unpack->len += len;
    return 0;
}

static int append_nal(struct sl_h265_unpack *unpack, const uint8_t *nal, size_t len)
{
    static const uint8_t start[] = {0, 0, 0, 1};
    const int error = append(unpack, start, sizeof(start));
    return error ? error : append(unpack, nal, len);
}

static int add_aggregate(struct sl_h265_unpack *unpack, const uint8_t *payload, size_t len)
{
    struct sl_reader r = sl_reader(payload + HEADER, len - HEADER);
    do {
        const size_t nal_len = sl_read16(&r);
        const uint8_t *nal = sl_read_bytes(&r, nal_len);
        if (!nal || nal_len < HEADER)
            return -EBADMSG;
        const int error = append_nal(unpack, nal, nal_len);
        if (error)
            return error;
    } while (sl_reader_left(&r));
    return 0;
}

static int add_fragment(struct sl_h265_unpack *unpack, const uint8_t *payload, size_t len)
{
    if (len < HEADER + 1)
        return -EBADMSG;
    const uint8_t fu = payload[HEADER];
    const bool start = fu & FU_START;
    if (start == unpack->in_fu)
        return -EBADMSG;
    int error = 0;
    if (start) {
        const uint8_t head[] = {(uint8_t)((payload[0] & 0x81) | (fu & 0x3f) << 1), payload[1]};
        error = append_nal(unpack, head, sizeof(head));
    }
    unpack->in_fu = !(fu & FU_END);
    return error ? error : append(unpack, payload + HEADER + 1, len - HEADER - 1);
}

int sl_h265_unpack_add(struct sl_h265_unpack *unpack, const uint8_t *payload, size_t len)
{
    if (len == 0)
        return 0;
    if (len < HEADER)
        return -EBADMSG;
    const unsigned type = payload[0] >> 1 & 0x3f;
    if (type == TYPE_FU)
        return add_fragment(unpack, payload, len);
    if (unpack->in_fu || type > TYPE_FU)
        return -EBADMSG;
    return type == TYPE_AP ? add_aggregate(unpack, payload, len) : append_nal(unpack, payload, len);
}

int sl_h265_unpack_end(struct sl_h265_unpack *unpack)
{
    return unpack->in_fu || unpack->len == 0 ? -EBADMSG : (int)unpack->len;
}
