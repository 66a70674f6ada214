/* SPDX-License-Identifier: MIT */
#include "sender/h264_pass.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/h264_profile.h"

#define SETS 8       /* parameter sets that are remembered; cameras have two */
#define SET_MAX 1024 /* what is larger stays where it comes */
#define SETS_ROOM (SETS * (SET_MAX + 4))

static const uint8_t start_code[] = {0, 0, 0, 1};

struct set {
    uint8_t type;
    int id;
    size_t len; /* 0: none */
    uint8_t nal[SET_MAX];
};

struct sl_h264_pass {
    struct set sets[SETS]; /* as they are sent on */
    bool has_sps;
    struct sl_sps sps;
    uint8_t *out;
    size_t size, len;
};

int sl_h264_pass_create(struct sl_h264_pass **ret, size_t unit_max)
{
    struct sl_h264_pass *pass = calloc(1, sizeof(*pass));
    if (!pass)
        return -ENOMEM;
    /* Start codes may have been of 3 bytes: a NAL of one byte grows by a quarter. */
    pass->size = unit_max + unit_max / 4 + SETS_ROOM;
    pass->out = malloc(pass->size);
    if (!pass->out) {
        free(pass);
        return -ENOMEM;
    }
    *ret = pass;
    return 0;
}

void sl_h264_pass_destroy(struct sl_h264_pass *pass)
{
    if (!pass)
        return;
    free(pass->out);
    free(pass);
}

/* ---- Parameter sets ---- */

/* seq_ or pic_parameter_set_id, a ue(v) that begins a byte; -1 if it does not end in it (over 14).
 */
static int set_id(const uint8_t *nal, size_t len)
{
    const size_t at = (nal[0] & 0x1f) == SL_NAL_SPS ? 4 : 1;
    if (len <= at)
        return -1;
    const unsigned byte = nal[at];
    unsigned zeros = 0;
    while (zeros < 4 && !(byte >> (7 - zeros) & 1))
        zeros++;
    return zeros < 4 ? (int)(byte >> (7 - 2 * zeros)) - 1 : -1;
}

/* The place of this set: the one it replaces, or a free one. */
static struct set *place_of(struct sl_h264_pass *pass, uint8_t type, int id)
{
    struct set *free_one = NULL;
    for (int i = SETS - 1; i >= 0; i--) {
        struct set *set = &pass->sets[i];
        if (set->len && set->type == type && set->id == id)
            return set;
        if (!set->len)
            free_one = set;
    }
    return free_one;
}

/* False if it cannot be: it stays where it came. */
static bool remember(struct sl_h264_pass *pass, const uint8_t *nal, size_t len)
{
    const uint8_t type = nal[0] & 0x1f;
    const int id = set_id(nal, len);
    struct set *set = id >= 0 ? place_of(pass, type, id) : NULL;
    struct sl_sps sps;
    if (!set)
        return false;
    if (len > SET_MAX) {
        set->len = 0; /* what was there is not valid any more */
        return false;
    }
    if (type == SL_NAL_PPS) {
        memcpy(set->nal, nal, len);
        set->len = len;
    } else {
        const int made = sl_sps_no_reorder(nal, len, set->nal, SET_MAX);
        if (made < 0 || sl_sps_read(&sps, nal, len) < 0) {
            set->len = 0;
            return false;
        }
        set->len = (size_t)made;
        pass->sps = sps;
        pass->has_sps = true;
    }
    set->type = type;
    set->id = id;
    return true;
}

void sl_h264_pass_set(struct sl_h264_pass *pass, const uint8_t *nal, size_t len)
{
    const unsigned type = len ? nal[0] & 0x1f : 0;
    if (type == SL_NAL_SPS || type == SL_NAL_PPS)
        (void)remember(pass, nal, len);
}

/* ---- Units ---- */

static void append(struct sl_h264_pass *pass, const uint8_t *nal, size_t len)
{
    memcpy(pass->out + pass->len, start_code, sizeof(start_code));
    memcpy(pass->out + pass->len + sizeof(start_code), nal, len);
    pass->len += sizeof(start_code) + len;
}

static bool has(const struct sl_h264_pass *pass, uint8_t type)
{
    for (int i = 0; i < SETS; i++)
        if (pass->sets[i].len && pass->sets[i].type == type)
            return true;
    return false;
}

static void append_sets(struct sl_h264_pass *pass, uint8_t type)
{
    for (int i = 0; i < SETS; i++)
        if (pass->sets[i].len && pass->sets[i].type == type)
            append(pass, pass->sets[i].nal, pass->sets[i].len);
}

/* The set that stands for this NAL of the unit, if there is one. */
static const struct set *remembered(const struct sl_h264_pass *pass, const struct sl_nal *nal)
{
    const uint8_t type = nal->data[0] & 0x1f;
    if (type != SL_NAL_SPS && type != SL_NAL_PPS)
        return NULL;
    const int id = set_id(nal->data, nal->len);
    for (int i = 0; i < SETS; i++)
        if (pass->sets[i].len && pass->sets[i].type == type && pass->sets[i].id == id)
            return &pass->sets[i];
    return NULL;
}

struct seen {
    bool slice, set, reordered, key;
    size_t nals;
};

static struct seen look(struct sl_h264_pass *pass, const uint8_t *data, size_t len)
{
    struct seen seen = {0};
    struct sl_nal nal;
    for (const uint8_t *at = data; sl_nal_next(&at, data + len, &nal); seen.nals++) {
        switch (nal.data[0] & 0x1f) {
        case SL_NAL_IDR:
            seen.key = seen.slice = true;
            break;
        case SL_NAL_SLICE:
            seen.slice = true;
            seen.reordered |= sl_slice_is_b(nal.data, nal.len);
            break;
        case SL_NAL_SEI:
            seen.key |= sl_sei_recovers_here(nal.data, nal.len);
            break;
        case SL_NAL_SPS:
        case SL_NAL_PPS:
            seen.set |= remember(pass, nal.data, nal.len);
            break;
        default:
            break;
        }
    }
    return seen;
}

/* An access unit delimiter stays first (clause 7.4.1.2.3). */
static void write_unit(struct sl_h264_pass *pass, const uint8_t *data, size_t len, bool key)
{
    struct sl_nal nal;
    bool sets_due = key;
    pass->len = 0;
    for (const uint8_t *at = data; sl_nal_next(&at, data + len, &nal);) {
        const struct set *set = remembered(pass, &nal);
        if (sets_due && (nal.data[0] & 0x1f) != SL_NAL_AUD) {
            append_sets(pass, SL_NAL_SPS);
            append_sets(pass, SL_NAL_PPS);
            sets_due = false;
        }
        if (set && !key)
            append(pass, set->nal, set->len);
        else if (!set)
            append(pass, nal.data, nal.len);
    }
}

int sl_h264_pass_unit(struct sl_h264_pass *pass, const uint8_t *data, size_t len,
                      struct sl_h264_passed *ret)
{
    const struct seen seen = look(pass, data, len);
    if (!seen.slice)
        return -ENODATA;
    *ret = (struct sl_h264_passed){
        .data = data,
        .len = len,
        .key = seen.key && has(pass, SL_NAL_SPS) && has(pass, SL_NAL_PPS),
        .reordered = seen.reordered && !(pass->has_sps && pass->sps.in_order),
    };
    if (!ret->key && !seen.set)
        return 0;
    if (len + seen.nals * sizeof(start_code) + SETS_ROOM > pass->size)
        return -EMSGSIZE;
    write_unit(pass, data, len, ret->key);
    ret->data = pass->out;
    ret->len = pass->len;
    return 0;
}

const struct sl_sps *sl_h264_pass_sps(const struct sl_h264_pass *pass)
{
    return pass->has_sps ? &pass->sps : NULL;
}

int sl_h264_pass_profile(const struct sl_sps *sps, char ret[7])
{
    struct sl_h264_level level;
    char text[16];
    snprintf(text, sizeof(text), "%02x%02x%02x", sps->profile_idc, sps->constraint_flags,
             sps->level_idc);
    if (sl_h264_level_parse(&level, text, 6)) { /* flags that nobody lists narrow a profile only */
        snprintf(text, sizeof(text), "%02x00%02x", sps->profile_idc, sps->level_idc);
        if (sl_h264_level_parse(&level, text, 6))
            return -ENOTSUP;
    }
    if (level.profile == SL_H264_HIGH_444)
        return -ENOTSUP;
    memcpy(ret, text, 7);
    return 0;
}
