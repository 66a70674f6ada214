/* SPDX-License-Identifier: MIT */
/* A compound RTCP packet: nothing that is called back points outside it. */
#include <stdint.h>
#include <stdlib.h>

#include "rtp/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size, items;
};

static void hear(void *ctx, const struct sl_rtcp_item *item)
{
    struct input *input = ctx;
    if (++input->items > input->size)
        abort(); /* more things than bytes */
    if (item->type != SL_RTCP_SDES_CNAME)
        return;
    const uint8_t *text = (const uint8_t *)item->text;
    if (text < input->data || text + item->text_len > input->data + input->size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.data = data, .size = size};
    (void)sl_rtcp_read(data, size, hear, &input);
    return 0;
}
