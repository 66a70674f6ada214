/* SPDX-License-Identifier: MIT */
#include "receiver/media_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

uint8_t *sl_media_bytes_add(struct sl_media_bytes *bytes, size_t len)
{
    if (bytes->room - bytes->len < len) {
        size_t room = bytes->room ? bytes->room + bytes->room / 2 : 256;
        if (room < bytes->len + len)
            room = bytes->len + len;
        uint8_t *data = realloc(bytes->data, room);
        if (!data)
            return NULL;
        bytes->data = data;
        bytes->room = room;
    }
    uint8_t *at = bytes->data + bytes->len;
    bytes->len += len;
    return at;
}

void sl_media_bytes_fini(struct sl_media_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct sl_media_bytes){.data = NULL};
}

void sl_media_tables_fini(struct sl_media_tables *tables)
{
    sl_media_bytes_fini(&tables->stts);
    sl_media_bytes_fini(&tables->stss);
    sl_media_bytes_fini(&tables->stsz);
    sl_media_bytes_fini(&tables->stsc);
    sl_media_bytes_fini(&tables->co64);
    free(tables->configs);
    *tables = (struct sl_media_tables){.configs = NULL};
}

static bool same(const struct sl_media_config *a, const struct sl_media_config *b)
{
    return a->len == b->len && a->width == b->width && a->height == b->height &&
           a->channels == b->channels && memcmp(a->data, b->data, a->len) == 0;
}

uint32_t sl_media_tables_config(struct sl_media_tables *tables,
                                const struct sl_media_config *config)
{
    for (uint32_t i = tables->config_count; i > 0; i--) {
        if (same(&tables->configs[i - 1], config))
            return i;
    }
    if (tables->config_count == SL_MEDIA_CONFIGS_MAX)
        return 0;
    struct sl_media_config *configs =
        realloc(tables->configs, (tables->config_count + 1) * sizeof(*configs));
    if (!configs)
        return 0;
    tables->configs = configs;
    configs[tables->config_count] = *config;
    return ++tables->config_count;
}

static int add32(struct sl_media_bytes *bytes, uint32_t value)
{
    uint8_t *at = sl_media_bytes_add(bytes, 4);
    if (!at)
        return -ENOMEM;
    sl_put32(at, value);
    return 0;
}

/* An entry of stsc is for this chunk and all behind it, up to the next entry. */
static int end_chunk(struct sl_media_tables *tables)
{
    if (tables->chunk_samples == 0 || (tables->chunk_samples == tables->last_chunk_samples &&
                                       tables->chunk_config == tables->last_chunk_config))
        return 0;
    uint8_t *at = sl_media_bytes_add(&tables->stsc, 12);
    if (!at)
        return -ENOMEM;
    sl_put32(at, tables->chunks);
    sl_put32(at + 4, tables->chunk_samples);
    sl_put32(at + 8, tables->chunk_config);
    tables->last_chunk_samples = tables->chunk_samples;
    tables->last_chunk_config = tables->chunk_config;
    return 0;
}

int sl_media_tables_chunk(struct sl_media_tables *tables, uint64_t offset, uint32_t config)
{
    if (end_chunk(tables) != 0)
        return -ENOMEM;
    uint8_t *at = sl_media_bytes_add(&tables->co64, 8);
    if (!at)
        return -ENOMEM;
    sl_put64(at, offset);
    tables->chunks++;
    tables->chunk_samples = 0;
    tables->chunk_config = config;
    return 0;
}

int sl_media_tables_sample(struct sl_media_tables *tables, uint32_t size, bool key)
{
    if (add32(&tables->stsz, size) != 0 || (key && add32(&tables->stss, tables->samples + 1) != 0))
        return -ENOMEM;
    tables->samples++;
    tables->chunk_samples++;
    return 0;
}

static int end_run(struct sl_media_tables *tables)
{
    if (tables->run_count == 0)
        return 0;
    uint8_t *at = sl_media_bytes_add(&tables->stts, 8);
    if (!at)
        return -ENOMEM;
    sl_put32(at, tables->run_count);
    sl_put32(at + 4, tables->run_ticks);
    tables->run_count = 0;
    return 0;
}

int sl_media_tables_ticks(struct sl_media_tables *tables, uint32_t ticks)
{
    if (ticks != tables->run_ticks && end_run(tables) != 0)
        return -ENOMEM;
    tables->run_ticks = ticks;
    tables->run_count++;
    tables->ticks += ticks;
    return 0;
}

int sl_media_tables_end(struct sl_media_tables *tables)
{
    const int err = end_chunk(tables);
    return err != 0 ? err : end_run(tables);
}

size_t sl_media_tables_bytes(const struct sl_media_tables *tables)
{
    return tables->stts.len + tables->stss.len + tables->stsz.len + tables->stsc.len +
           tables->co64.len + tables->config_count * sizeof(*tables->configs);
}
