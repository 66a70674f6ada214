/* SPDX-License-Identifier: MIT */
#include "fec/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fec/equations.h"
#include "fec/gf256.h"
#include "fec/symbols.h"
#include "rtp/packet.h"

#define PACKETS_MIN 256 /* SL_FEC_AHEAD, and a run behind the newest packet */
#define PACKETS_MAX 4096
#define ROWS_MAX 256

_Static_assert(PACKETS_MIN >= SL_FEC_AHEAD + SL_FEC_RUN_MAX, "a run and the one ahead fit");

/*
 * Live numbers lie in [oldest, newest + SL_FEC_AHEAD], which is `packets` wide: so no two of them
 * share a slot or a column.
 */
struct sl_fec_decoder {
    struct sl_fec_decoder_config config;
    bool started;
    int64_t newest; /* came or was restored */
    int64_t row_last;
    struct sl_fec_symbols *symbols;
    struct sl_equations *equations;
    struct sl_fec_decoder_stats stats;
    struct sl_fec_row row;             /* scratch */
    uint8_t solved[SL_FEC_SYMBOL_MAX]; /* all zero between calls */
    uint8_t packet[SL_FEC_PACKET_MAX];
    int64_t fresh[ROWS_MAX + 1]; /* restored by the call that is under way */
    size_t fresh_count;
};

struct sl_fec_decoder_config sl_fec_decoder_config_default(void)
{
    return (struct sl_fec_decoder_config){.scheme = &sl_fec_rs, .packets = 512, .rows = 64};
}

static bool makes_sense(const struct sl_fec_decoder_config *config)
{
    return config->scheme && config->restored && config->packets >= PACKETS_MIN &&
           config->packets <= PACKETS_MAX && !(config->packets & (config->packets - 1)) &&
           config->rows >= 1 && config->rows <= ROWS_MAX;
}

int sl_fec_decoder_create(struct sl_fec_decoder **ret, const struct sl_fec_decoder_config *config)
{
    if (!makes_sense(config))
        return -EINVAL;
    struct sl_fec_decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return -ENOMEM;
    decoder->config = *config;
    if (sl_fec_symbols_create(&decoder->symbols, config->packets) ||
        sl_equations_create(&decoder->equations, config->rows, config->packets)) {
        sl_fec_decoder_destroy(decoder);
        return -ENOMEM;
    }
    *ret = decoder;
    return 0;
}

void sl_fec_decoder_destroy(struct sl_fec_decoder *decoder)
{
    if (!decoder)
        return;
    sl_fec_symbols_destroy(decoder->symbols);
    sl_equations_destroy(decoder->equations);
    free(decoder);
}

static int64_t oldest(const struct sl_fec_decoder *decoder)
{
    return decoder->newest + SL_FEC_AHEAD + 1 - (int64_t)decoder->config.packets;
}

static size_t column_of(const struct sl_fec_decoder *decoder, int64_t seq)
{
    return (size_t)seq & (decoder->config.packets - 1);
}

static int64_t seq_of(const struct sl_fec_decoder *decoder, size_t column)
{
    const int64_t first = oldest(decoder);
    return first + (int64_t)column_of(decoder, (int64_t)column - first);
}

/* Counts an equation that is gone, or was never kept. */
static enum sl_fec_taken count_fate(struct sl_fec_decoder *decoder, enum sl_equation_fate fate)
{
    if (fate == SL_EQUATION_HELD)
        return SL_FEC_KEPT;
    if (fate == SL_EQUATION_FALSE)
        decoder->stats.bad++;
    else
        decoder->stats.unneeded++;
    return fate == SL_EQUATION_FALSE ? SL_FEC_REFUSED : SL_FEC_UNNEEDED;
}

/* Moves the reach up to `seq`, and gives up what falls out behind it. */
static void advance(struct sl_fec_decoder *decoder, int64_t seq)
{
    const int64_t from = oldest(decoder);
    if (decoder->started && seq <= decoder->newest)
        return;
    decoder->newest = seq;
    if (!decoder->started || oldest(decoder) - from >= (int64_t)decoder->config.packets) {
        decoder->started = true;
        decoder->stats.forgotten += sl_equations_clear(decoder->equations);
        return;
    }
    for (int64_t s = from; s < oldest(decoder) && sl_equations_held(decoder->equations); s++)
        decoder->stats.forgotten += sl_equations_forget(decoder->equations, column_of(decoder, s));
}

static void restore(struct sl_fec_decoder *decoder, int64_t seq, size_t len)
{
    const struct sl_fec_decoder_config *config = &decoder->config;
    const int packet_len = config->scheme->to_packet(decoder->packet, decoder->solved, len,
                                                     (uint16_t)seq, config->ssrc);
    if (packet_len < 0) {
        decoder->stats.bad++;
        return;
    }
    decoder->stats.restored++;
    advance(decoder, seq);
    struct sl_fec_symbol *symbol = sl_fec_symbols_put(decoder->symbols, seq);
    symbol->len = config->scheme->to_symbol(symbol->bytes, decoder->packet, (size_t)packet_len);
    decoder->fresh[decoder->fresh_count++] = seq;
}

static void solve(struct sl_fec_decoder *decoder)
{
    size_t column, len;
    while (sl_equations_take(decoder->equations, &column, decoder->solved, &len)) {
        restore(decoder, seq_of(decoder, column), len);
        memset(decoder->solved, 0, len);
    }
}

/* They are few and nearly in order. */
static void sort(int64_t *seqs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const int64_t seq = seqs[i];
        size_t at = i;
        for (; at > 0 && seqs[at - 1] > seq; at--)
            seqs[at] = seqs[at - 1];
        seqs[at] = seq;
    }
}

/* Only now, so that whatever the callback does finds the decoder at rest. */
static void deliver(struct sl_fec_decoder *decoder)
{
    const struct sl_fec_decoder_config *config = &decoder->config;
    const size_t count = decoder->fresh_count;
    decoder->fresh_count = 0;
    sort(decoder->fresh, count);
    for (size_t i = 0; i < count; i++) {
        const int64_t seq = decoder->fresh[i];
        const struct sl_fec_symbol *symbol = sl_fec_symbols_get(decoder->symbols, seq);
        const int len = config->scheme->to_packet(decoder->packet, symbol->bytes, symbol->len,
                                                  (uint16_t)seq, config->ssrc);
        config->restored(config->user, seq, decoder->packet, (size_t)len);
    }
}

enum sl_fec_taken sl_fec_decoder_packet(struct sl_fec_decoder *decoder, int64_t seq,
                                        const uint8_t *packet, size_t len)
{
    decoder->stats.packets++;
    if (len < SL_RTP_HEADER_BYTES || len > SL_FEC_PACKET_MAX) {
        decoder->stats.oversize++;
        return SL_FEC_REFUSED;
    }
    if (decoder->started && seq < oldest(decoder)) {
        decoder->stats.late++;
        return SL_FEC_LATE;
    }
    if (sl_fec_symbols_get(decoder->symbols, seq)) {
        decoder->stats.duplicate++;
        return SL_FEC_DUPLICATE;
    }
    decoder->stats.kept++;
    advance(decoder, seq);
    struct sl_fec_symbol *symbol = sl_fec_symbols_put(decoder->symbols, seq);
    symbol->len = decoder->config.scheme->to_symbol(symbol->bytes, packet, len);
    if (sl_equations_held(decoder->equations)) {
        count_fate(decoder, sl_equations_known(decoder->equations, column_of(decoder, seq),
                                               symbol->bytes, symbol->len));
        solve(decoder);
        deliver(decoder);
    }
    return SL_FEC_KEPT;
}

/* How many packets of the row are missing; -EBADMSG if it is shorter than one that is not. */
static int count_missing(const struct sl_fec_decoder *decoder, const struct sl_fec_row *row,
                         int64_t base)
{
    int missing = 0;
    for (size_t i = 0; i < row->count; i++) {
        if (!row->factors[i])
            continue;
        const struct sl_fec_symbol *symbol =
            sl_fec_symbols_get(decoder->symbols, base + (int64_t)i);
        missing += symbol == NULL;
        if (symbol && symbol->len > row->head_len + row->tail_len)
            return -EBADMSG;
    }
    return missing;
}

/* Turns the row into an equation over what is missing: what is known goes over to the sum. */
static void fill(struct sl_fec_decoder *decoder, const struct sl_fec_row *row, int64_t base)
{
    struct sl_equation *equation = sl_equations_blank(decoder->equations);
    memcpy(equation->symbol, row->head, row->head_len);
    if (row->tail_len)
        memcpy(equation->symbol + row->head_len, row->tail, row->tail_len);
    equation->len = row->head_len + row->tail_len;
    for (size_t i = 0; i < row->count; i++) {
        const int64_t seq = base + (int64_t)i;
        const uint8_t factor = row->factors[i];
        if (!factor)
            continue;
        const struct sl_fec_symbol *symbol = sl_fec_symbols_get(decoder->symbols, seq);
        if (!symbol) {
            equation->factors[column_of(decoder, seq)] = factor;
            equation->unknowns++;
            continue;
        }
        sl_gf256_add(equation->symbol, symbol->bytes, factor, symbol->len);
    }
}

/* Gives up the oldest missing packet that costs an equation. */
static void make_room(struct sl_fec_decoder *decoder)
{
    int64_t seq = oldest(decoder);
    while (!sl_equations_forget(decoder->equations, column_of(decoder, seq)))
        seq++;
    decoder->stats.forgotten++;
}

static enum sl_fec_taken take_row(struct sl_fec_decoder *decoder, const struct sl_fec_row *row)
{
    struct sl_fec_decoder_stats *stats = &decoder->stats;
    const int64_t base =
        decoder->newest + (int16_t)(uint16_t)(row->base - (uint16_t)decoder->newest);
    if (base + (int64_t)row->count - 1 > decoder->newest + SL_FEC_AHEAD) {
        stats->refused++;
        return SL_FEC_REFUSED;
    }
    decoder->row_last = base + (int64_t)row->count - 1;
    if (base < oldest(decoder)) {
        stats->forgotten++;
        return SL_FEC_LATE;
    }
    const int missing = count_missing(decoder, row, base);
    if (missing < 0) {
        stats->refused++;
        return SL_FEC_REFUSED;
    }
    if (missing == 0) {
        stats->unneeded++;
        return SL_FEC_UNNEEDED;
    }
    if (sl_equations_full(decoder->equations))
        make_room(decoder);
    fill(decoder, row, base);
    return count_fate(decoder, sl_equations_add(decoder->equations));
}

enum sl_fec_taken sl_fec_decoder_repair(struct sl_fec_decoder *decoder, const uint8_t *payload,
                                        size_t len)
{
    const struct sl_fec_decoder_config *config = &decoder->config;
    decoder->stats.repairs++;
    if (!decoder->started || config->scheme->read(&decoder->row, payload, len, config->ssrc)) {
        decoder->stats.refused++;
        return SL_FEC_REFUSED;
    }
    const enum sl_fec_taken taken = take_row(decoder, &decoder->row);
    if (taken == SL_FEC_KEPT) {
        solve(decoder);
        deliver(decoder);
    }
    return taken;
}

int64_t sl_fec_decoder_row_last(const struct sl_fec_decoder *decoder)
{
    return decoder->row_last;
}

void sl_fec_decoder_reset(struct sl_fec_decoder *decoder, uint32_t ssrc)
{
    decoder->stats.forgotten += sl_equations_clear(decoder->equations);
    sl_fec_symbols_clear(decoder->symbols);
    decoder->started = false;
    decoder->config.ssrc = ssrc;
}

void sl_fec_decoder_stats(const struct sl_fec_decoder *decoder, struct sl_fec_decoder_stats *ret)
{
    *ret = decoder->stats;
    ret->held = (uint32_t)sl_equations_held(decoder->equations);
}
