/* SPDX-License-Identifier: MIT */
#include "sender/aac_unpack.h"

#include <errno.h>

#include "base/bytes.h"

/* `count` (at most 32) bits from bit `*at` on; what is beyond `bits` reads as 0. */
static uint32_t take_bits(const uint8_t *data, size_t bits, size_t *at, unsigned count)
{
    uint32_t value = 0;
    for (; count; count--, (*at)++)
        value = value << 1 | (*at < bits ? data[*at / 8] >> (7 - *at % 8) & 1u : 0);
    return value;
}

int sl_aac_unpack(const struct sl_aac_format *format, const uint8_t *payload, size_t len,
                  struct sl_aac_frame ret[SL_AAC_FRAMES])
{
    struct sl_reader r = sl_reader(payload, len);
    const size_t bits = sl_read16(&r);
    const uint8_t *headers = sl_read_bytes(&r, (bits + 7) / 8);
    size_t at = 0;
    int count = 0;
    if (!headers || !format->size_bits || format->size_bits > 32 || format->index_bits > 32 ||
        format->delta_bits > 32)
        return -EBADMSG;
    while (at + format->size_bits <= bits) {
        const uint32_t size = take_bits(headers, bits, &at, format->size_bits);
        const unsigned index_bits = count ? format->delta_bits : format->index_bits;
        const uint32_t index = take_bits(headers, bits, &at, index_bits);
        const uint8_t *data = sl_read_bytes(&r, size);
        if (!data || index || count == SL_AAC_FRAMES)
            return -EBADMSG;
        ret[count++] = (struct sl_aac_frame){.data = data, .len = size};
    }
    return count ? count : -EBADMSG;
}
