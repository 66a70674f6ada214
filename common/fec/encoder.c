/* SPDX-License-Identifier: MIT */
#include "fec/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fec/gf256.h"
#include "fec/symbols.h"
#include "rtp/packet.h"

#define PACKETS_MIN 128
#define PACKETS_MAX 4096

struct sl_fec_encoder {
    struct sl_fec_encoder_config config;
    bool started;
    int64_t newest;
    struct sl_fec_symbols *symbols;
    struct sl_fec_run *own;                  /* by seq mod packets; valid if the seq is in it */
    struct sl_fec_run used[SL_FEC_ROWS_MAX]; /* by row number: the run that had it last */
    uint8_t next_row;
    struct sl_fec_encoder_stats stats;
    struct sl_fec_batch batch; /* scratch */
    uint8_t tables[SL_GF256_TABLES];
};

struct sl_fec_encoder_config sl_fec_encoder_config_default(void)
{
    return (struct sl_fec_encoder_config){.scheme = &sl_fec_rs, .packets = 512};
}

static bool makes_sense(const struct sl_fec_encoder_config *config)
{
    return config->scheme && config->packets >= PACKETS_MIN && config->packets <= PACKETS_MAX &&
           !(config->packets & (config->packets - 1));
}

int sl_fec_encoder_create(struct sl_fec_encoder **ret, const struct sl_fec_encoder_config *config)
{
    if (!makes_sense(config))
        return -EINVAL;
    struct sl_fec_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder)
        return -ENOMEM;
    encoder->config = *config;
    encoder->own = calloc(config->packets, sizeof(*encoder->own));
    if (!encoder->own || sl_fec_symbols_create(&encoder->symbols, config->packets)) {
        sl_fec_encoder_destroy(encoder);
        return -ENOMEM;
    }
    *ret = encoder;
    return 0;
}

void sl_fec_encoder_destroy(struct sl_fec_encoder *encoder)
{
    if (!encoder)
        return;
    sl_fec_symbols_destroy(encoder->symbols);
    free(encoder->own);
    free(encoder);
}

enum sl_fec_put sl_fec_encoder_put(struct sl_fec_encoder *encoder, int64_t seq,
                                   const uint8_t *packet, size_t len)
{
    struct sl_fec_encoder_stats *stats = &encoder->stats;
    stats->packets++;
    if (len < SL_RTP_HEADER_BYTES || len > SL_FEC_PACKET_MAX) {
        stats->oversize++;
        return SL_FEC_PUT_OVERSIZE;
    }
    if (encoder->started && encoder->newest - seq >= (int64_t)encoder->config.packets) {
        stats->late++;
        return SL_FEC_PUT_LATE;
    }
    if (sl_fec_symbols_get(encoder->symbols, seq)) {
        stats->duplicate++;
        return SL_FEC_PUT_DUPLICATE;
    }
    if (!encoder->started || seq > encoder->newest)
        encoder->newest = seq;
    encoder->started = true;
    struct sl_fec_symbol *symbol = sl_fec_symbols_put(encoder->symbols, seq);
    symbol->len = encoder->config.scheme->to_symbol(symbol->bytes, packet, len);
    stats->kept++;
    return SL_FEC_PUT_KEPT;
}

static bool is_held(const struct sl_fec_encoder *encoder, int64_t seq)
{
    return sl_fec_symbols_get(encoder->symbols, seq) != NULL;
}

size_t sl_fec_encoder_held(const struct sl_fec_encoder *encoder, int64_t from, int64_t to)
{
    size_t count = 0;
    for (int64_t seq = from; seq < to; seq++)
        count += is_held(encoder, seq);
    return count;
}

static bool contains(const struct sl_fec_run *run, int64_t seq)
{
    return seq >= run->base && seq < run->base + (int64_t)run->count;
}

static bool overlap(const struct sl_fec_run *a, const struct sl_fec_run *b)
{
    return a->count && b->count && a->base < b->base + (int64_t)b->count &&
           b->base < a->base + (int64_t)a->count;
}

/* Cuts [base, base + count), all held, into equal runs. Returns how many, at most `max`. */
static size_t cut(struct sl_fec_run *runs, size_t max, int64_t base, size_t count, size_t run_max)
{
    size_t pieces = (count + run_max - 1) / run_max;
    size_t made = 0;
    while (pieces && made < max) {
        const size_t part = (count + pieces - 1) / pieces;
        runs[made++] = (struct sl_fec_run){.base = base, .count = part};
        base += (int64_t)part;
        count -= part;
        pieces--;
    }
    return made;
}

static void reach_back(const struct sl_fec_encoder *encoder, struct sl_fec_run *run, size_t reach)
{
    const size_t run_max = encoder->config.scheme->run_max;
    while (run->count < reach && run->count < run_max && is_held(encoder, run->base - 1)) {
        run->base--;
        run->count++;
    }
}

/* The packets of the frame, which begins at `first`, that are in `run` know it from now on. */
static void remember(struct sl_fec_encoder *encoder, int64_t first, const struct sl_fec_run *run)
{
    for (int64_t seq = run->base; contains(run, seq); seq++)
        if (seq >= first)
            encoder->own[(size_t)seq & (encoder->config.packets - 1)] = *run;
}

size_t sl_fec_encoder_frame(struct sl_fec_encoder *encoder, int64_t first, int64_t last,
                            size_t reach, struct sl_fec_run runs[SL_FEC_FRAME_RUNS])
{
    size_t count = 0;
    if (!encoder->started || last > encoder->newest)
        last = encoder->newest;
    int64_t seq = first;
    if (seq <= encoder->newest - (int64_t)encoder->config.packets)
        seq = encoder->newest - (int64_t)encoder->config.packets + 1;
    while (seq <= last && count < SL_FEC_FRAME_RUNS) {
        int64_t end = seq;
        while (end <= last && is_held(encoder, end))
            end++;
        count += cut(runs + count, SL_FEC_FRAME_RUNS - count, seq, (size_t)(end - seq),
                     encoder->config.scheme->run_max);
        seq = end + 1;
    }
    if (count == 1 && last - first < SL_FEC_FRAME_SHORT)
        reach_back(encoder, &runs[0], reach);
    for (size_t i = 0; i < count; i++)
        remember(encoder, first, &runs[i]);
    return count;
}

bool sl_fec_encoder_own_run(const struct sl_fec_encoder *encoder, int64_t seq,
                            struct sl_fec_run *ret)
{
    const struct sl_fec_run *own = &encoder->own[(size_t)seq & (encoder->config.packets - 1)];
    if (!contains(own, seq))
        return false;
    *ret = *own;
    return true;
}

static size_t longest(const struct sl_fec_encoder *encoder, const struct sl_fec_run *run)
{
    size_t len = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct sl_fec_symbol *symbol =
            sl_fec_symbols_get(encoder->symbols, run->base + (int64_t)i);
        if (symbol && symbol->len > len)
            len = symbol->len;
    }
    return len;
}

struct sl_fec_run sl_fec_encoder_reach_back(const struct sl_fec_encoder *encoder,
                                            const struct sl_fec_run *run, int64_t to)
{
    struct sl_fec_run longer = *run;
    const size_t len = longest(encoder, run) * 5 / 4;
    while (longer.base > to && longer.count < encoder->config.scheme->run_max) {
        const struct sl_fec_symbol *symbol = sl_fec_symbols_get(encoder->symbols, longer.base - 1);
        if (!symbol || symbol->len > len)
            break;
        longer.base--;
        longer.count++;
    }
    return longer;
}

/* Row numbers for `run` that no run which overlaps it has used. Returns how many. */
static size_t take_numbers(struct sl_fec_encoder *encoder, const struct sl_fec_run *run,
                           size_t rows, uint8_t numbers[SL_FEC_ROWS_MAX])
{
    size_t count = 0;
    for (size_t tried = 0; tried < SL_FEC_ROWS_MAX && count < rows; tried++) {
        const uint8_t number = encoder->next_row;
        encoder->next_row = (uint8_t)((number + 1) % SL_FEC_ROWS_MAX);
        if (overlap(&encoder->used[number], run))
            continue;
        encoder->used[number] = *run;
        numbers[count++] = number;
    }
    return count;
}

/* False if a packet is not held. */
static bool gather(struct sl_fec_encoder *encoder, const struct sl_fec_run *run)
{
    struct sl_fec_batch *batch = &encoder->batch;
    batch->base = (uint16_t)run->base;
    batch->ssrc = encoder->config.ssrc;
    batch->count = run->count;
    batch->len = 0;
    batch->tables = encoder->tables;
    for (size_t i = 0; i < run->count; i++) {
        const struct sl_fec_symbol *symbol =
            sl_fec_symbols_get(encoder->symbols, run->base + (int64_t)i);
        if (!symbol)
            return false;
        batch->symbols[i] = symbol->bytes;
        if (symbol->len > batch->len)
            batch->len = symbol->len;
    }
    return true;
}

int sl_fec_encoder_mint(struct sl_fec_encoder *encoder, const struct sl_fec_run *run, size_t rows,
                        struct sl_fec_repair *repairs)
{
    const struct sl_fec_scheme *scheme = encoder->config.scheme;
    if (run->count == 0 || run->count > scheme->run_max || rows == 0)
        return -EINVAL;
    if (!gather(encoder, run))
        return -ENOENT;
    uint8_t numbers[SL_FEC_ROWS_MAX];
    size_t count = rows;
    if (scheme->fresh)
        count = take_numbers(encoder, run, rows, numbers);
    else if (count > run->count)
        count = run->count;
    scheme->mint(&encoder->batch, numbers, count, repairs);
    encoder->stats.wanted += rows;
    encoder->stats.minted += count;
    encoder->stats.withheld += rows - count;
    return (int)count;
}

void sl_fec_encoder_reset(struct sl_fec_encoder *encoder, uint32_t ssrc)
{
    sl_fec_symbols_clear(encoder->symbols);
    memset(encoder->own, 0, encoder->config.packets * sizeof(*encoder->own));
    memset(encoder->used, 0, sizeof(encoder->used));
    encoder->started = false;
    encoder->config.ssrc = ssrc;
}

void sl_fec_encoder_stats(const struct sl_fec_encoder *encoder, struct sl_fec_encoder_stats *ret)
{
    *ret = encoder->stats;
}
