/* SPDX-License-Identifier: MIT */
#include "fec/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sl_fec_symbols {
    size_t mask;
    struct sl_fec_symbol slots[];
};

int sl_fec_symbols_create(struct sl_fec_symbols **ret, size_t slots)
{
    if (slots == 0 || (slots & (slots - 1)))
        return -EINVAL;
    struct sl_fec_symbols *symbols =
        calloc(1, sizeof(*symbols) + slots * sizeof(struct sl_fec_symbol));
    if (!symbols)
        return -ENOMEM;
    symbols->mask = slots - 1;
    *ret = symbols;
    return 0;
}

void sl_fec_symbols_destroy(struct sl_fec_symbols *symbols)
{
    free(symbols);
}

struct sl_fec_symbol *sl_fec_symbols_put(struct sl_fec_symbols *symbols, int64_t seq)
{
    struct sl_fec_symbol *slot = &symbols->slots[(size_t)seq & symbols->mask];
    memset(slot->bytes, 0, slot->len);
    slot->len = 0;
    slot->seq = seq;
    return slot;
}

const struct sl_fec_symbol *sl_fec_symbols_get(const struct sl_fec_symbols *symbols, int64_t seq)
{
    const struct sl_fec_symbol *slot = &symbols->slots[(size_t)seq & symbols->mask];
    return slot->seq == seq && slot->len ? slot : NULL;
}

void sl_fec_symbols_clear(struct sl_fec_symbols *symbols)
{
    for (size_t i = 0; i <= symbols->mask; i++) {
        memset(symbols->slots[i].bytes, 0, symbols->slots[i].len);
        symbols->slots[i].len = 0;
    }
}
