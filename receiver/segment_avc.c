/* SPDX-License-Identifier: MIT */
#include "receiver/segment_avc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "media/nal.h"

#define PREFIX 4 /* bytes: a start code, or a length */

static size_t put(uint8_t *out, uint32_t prefix, const struct sl_nal *nal)
{
    sl_put32(out, prefix);
    memcpy(out + PREFIX, nal->data, nal->len);
    return PREFIX + nal->len;
}

static bool has(const struct sl_segment_params *params, const struct sl_nal *nal)
{
    const uint8_t *at = params->data, *end = params->data + params->len;
    struct sl_nal have;
    while (sl_nal_next(&at, end, &have))
        if (have.len == nal->len && memcmp(have.data, nal->data, nal->len) == 0)
            return true;
    return false;
}

static int add(struct sl_segment_params *params, const struct sl_nal *nal)
{
    if (has(params, nal))
        return 0;
    if (params->len + PREFIX + nal->len > sizeof(params->data))
        return -EMSGSIZE;
    params->len += put(params->data + params->len, 1, nal);
    return 0;
}

int sl_segment_params_read(struct sl_segment_params *ret, const uint8_t *unit, size_t len)
{
    struct sl_segment_params params = {0};
    const uint8_t *at = unit;
    bool sps = false, pps = false;
    struct sl_nal nal;
    while (sl_nal_next(&at, unit + len, &nal)) {
        const int type = nal.data[0] & 0x1f;
        if (type != SL_NAL_SPS && type != SL_NAL_PPS)
            continue;
        struct sl_sps read;
        if (type == SL_NAL_SPS) {
            if (sl_sps_read(&read, nal.data, nal.len) != 0)
                return -EBADMSG;
            params.width = read.width;
            params.height = read.height;
        }
        sps |= type == SL_NAL_SPS;
        pps |= type == SL_NAL_PPS;
        const int err = add(&params, &nal);
        if (err != 0)
            return err;
    }
    if (!sps || !pps)
        return -ENODATA;
    *ret = params;
    return 0;
}

/* A NAL unit takes at least 4 bytes with its start code, of which 3 may give way to 4. */
size_t sl_segment_avc_room(size_t len)
{
    return len + len / 4 + PREFIX;
}

size_t sl_segment_avc_sample(uint8_t *out, const struct sl_segment_params *params,
                             const uint8_t *unit, size_t len)
{
    const uint8_t *at = unit;
    size_t written = 0;
    struct sl_nal nal;
    while (sl_nal_next(&at, unit + len, &nal)) {
        const int type = nal.data[0] & 0x1f;
        const bool set = type == SL_NAL_SPS || type == SL_NAL_PPS;
        if (type == SL_NAL_AUD || (set && has(params, &nal)))
            continue;
        written += put(out + written, (uint32_t)nal.len, &nal);
    }
    return written;
}
