/* SPDX-License-Identifier: MIT */
/* RTP payloads of cameras: the first byte chooses the codec; then length, payload, and so on. */
#include <stdlib.h>
#include <string.h>

#include "sender/aac_unpack.h"
#include "sender/h265_unpack.h"
#include "sender/jpeg_unpack.h"
#include "sender/rtp_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[8192];

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The next payload; false at the end. */
static bool next(const uint8_t **data, size_t *size, const uint8_t **payload, size_t *len)
{
    if (*size == 0)
        return false;
    *len = **data < *size ? **data : *size - 1;
    *payload = *data + 1;
    *data += 1 + *len;
    *size -= 1 + *len;
    return true;
}

static void unpack_h265(const uint8_t *data, size_t size)
{
    struct sl_h265_unpack unpack;
    const uint8_t *payload;
    size_t len;
    sl_h265_unpack_begin(&unpack, out, sizeof(out));
    while (next(&data, &size, &payload, &len))
        if (sl_h265_unpack_add(&unpack, payload, len) < 0)
            return;
    require(sl_h265_unpack_end(&unpack) <= (int)sizeof(out));
}

static void unpack_jpeg(const uint8_t *data, size_t size)
{
    struct sl_jpeg_unpack unpack;
    const uint8_t *payload;
    size_t len;
    sl_jpeg_unpack_init(&unpack);
    sl_jpeg_unpack_begin(&unpack, out, sizeof(out));
    while (next(&data, &size, &payload, &len)) {
        if (sl_jpeg_unpack_add(&unpack, payload, len) < 0)
            sl_jpeg_unpack_begin(&unpack, out, sizeof(out));
        else if (len && payload[0] & 1)
            require(sl_jpeg_unpack_end(&unpack) <= (int)sizeof(out));
    }
}

static void unpack_aac(const uint8_t *data, size_t size)
{
    static const struct sl_aac_format formats[] = {{13, 3, 3}, {6, 2, 2}, {16, 0, 0}, {32, 32, 32}};
    struct sl_aac_frame frames[SL_AAC_FRAMES];
    for (size_t f = 0; f < SL_COUNT(formats); f++) {
        const int count = sl_aac_unpack(&formats[f], data, size, frames);
        require(count <= SL_AAC_FRAMES);
        for (int i = 0; i < count; i++)
            require(frames[i].data >= data && frames[i].data + frames[i].len <= data + size);
    }
}

/* Numbers as they come; each is taken once at most, and all that is held comes out. */
static void put_in_order(const uint8_t *data, size_t size)
{
    struct sl_rtp_order *order;
    struct sl_rtp_ordered got;
    size_t kept = 0, taken = 0;
    if (sl_rtp_order_create(&order))
        return;
    for (; size >= 2; data += 2, size -= 2) {
        kept += sl_rtp_order_put(order, (uint16_t)(data[0] << 8 | data[1]), data, 2, SL_SEC);
        while (sl_rtp_order_take(order, SL_SEC, &got))
            taken++;
    }
    while (sl_rtp_order_take(order, 2 * SL_SEC, &got))
        taken++;
    require(taken <= kept && sl_rtp_order_due(order) == SL_NEVER);
    sl_rtp_order_destroy(order);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const all[])(const uint8_t *, size_t) = {unpack_h265, unpack_jpeg, unpack_aac,
                                                           put_in_order};
    if (size)
        all[data[0] % SL_COUNT(all)](data + 1, size - 1);
    return 0;
}
