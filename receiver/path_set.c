/* SPDX-License-Identifier: MIT */
#include "receiver/path_set.h"

#include <errno.h>
#include <stdlib.h>

/* FNV-1a, and a final mix, for its low bits are the weak ones. */
static uint64_t key_of(const char *text)
{
    uint64_t key = 0xcbf29ce484222325;
    for (; *text; text++)
        key = (key ^ (uint8_t)*text) * 0x100000001b3;
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccd;
    key ^= key >> 33;
    return key ? key : 1;
}

/* Where the key is, or would be. */
static uint64_t *find(const struct sl_path_set *set, uint64_t key)
{
    size_t at = key & (set->size - 1);
    while (set->slots[at] && set->slots[at] != key)
        at = (at + 1) & (set->size - 1);
    return &set->slots[at];
}

static int grow(struct sl_path_set *set)
{
    struct sl_path_set larger = {.size = set->size ? set->size * 2 : 1024, .count = set->count};
    larger.slots = calloc(larger.size, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < set->size; i++)
        if (set->slots[i])
            *find(&larger, set->slots[i]) = set->slots[i];
    free(set->slots);
    *set = larger;
    return 0;
}

void sl_path_set_fini(struct sl_path_set *set)
{
    free(set->slots);
    *set = (struct sl_path_set){0};
}

int sl_path_set_add(struct sl_path_set *set, const char *text)
{
    if (set->count >= set->size / 2) {
        const int err = grow(set);
        if (err != 0)
            return err;
    }
    const uint64_t key = key_of(text);
    uint64_t *slot = find(set, key);
    if (*slot)
        return 0;
    *slot = key;
    set->count++;
    return 1;
}

bool sl_path_set_has(const struct sl_path_set *set, const char *text)
{
    return set->size > 0 && *find(set, key_of(text)) != 0;
}
