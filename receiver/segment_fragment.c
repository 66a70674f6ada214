/* SPDX-License-Identifier: MIT */
#include "receiver/segment_fragment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define FULL_BYTES (4u << 20)
#define SIZE_LEAST 4096
#define VIDEO_ENTRY 12 /* duration, size, flags */
#define SOUND_ENTRY 8

#define MOOF_HEAD 24 /* moof, mfhd */
#define TRAF_HEAD 68 /* traf, tfhd, tfdt, trun without its table */
#define MDAT_HEAD 8

#define TFHD_FLAGS 0x20u
#define TFHD_BASE_IS_MOOF 0x20000u
#define TRUN_OFFSET 0x1u
#define TRUN_TICKS 0x100u
#define TRUN_SIZE 0x200u
#define TRUN_FLAGS 0x400u
#define SAMPLE_ALONE 0x2000000u  /* depends on no other */
#define SAMPLE_REFERS 0x1010000u /* depends on others, and is no place to begin */

_Static_assert(MOOF_HEAD + SL_SEGMENT_TRACKS * TRAF_HEAD + MDAT_HEAD <= SL_SEGMENT_FRAGMENT_HEADS,
               "room for all heads");
_Static_assert(2 * SL_SEGMENT_TRACKS + 1 + SL_SEGMENT_TRACKS <= SL_SEGMENT_FRAGMENT_PARTS,
               "heads and tables, the head of mdat, samples");

/* ---- Buffers ---- */

static uint8_t *room(struct sl_segment_buffer *buffer, size_t len)
{
    if (len > buffer->size - buffer->len) {
        size_t size = buffer->size ? buffer->size : SIZE_LEAST;
        while (size - buffer->len < len)
            size *= 2;
        uint8_t *data = realloc(buffer->data, size);
        if (!data)
            return NULL;
        buffer->data = data;
        buffer->size = size;
    }
    return buffer->data + buffer->len;
}

void sl_segment_fragment_init(struct sl_segment_fragment *fragment)
{
    *fragment = (struct sl_segment_fragment){.sequence = 1};
}

void sl_segment_fragment_fini(struct sl_segment_fragment *fragment)
{
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        free(fragment->tracks[i].samples.data);
        free(fragment->tracks[i].table.data);
    }
    sl_segment_fragment_init(fragment);
}

/* ---- Units ---- */

uint8_t *sl_segment_fragment_room(struct sl_segment_fragment *fragment, enum sl_segment_track track,
                                  size_t len)
{
    return room(&fragment->tracks[track].samples, len);
}

void sl_segment_fragment_hold(struct sl_segment_fragment *fragment, enum sl_segment_track track,
                              size_t len)
{
    fragment->tracks[track].held_len = len;
}

const uint8_t *sl_segment_fragment_held(const struct sl_segment_fragment *fragment,
                                        enum sl_segment_track track, size_t *len)
{
    const struct sl_segment_fragment_track *of = &fragment->tracks[track];
    *len = of->held_len;
    return of->held_len > 0 ? of->samples.data + of->samples.len : NULL;
}

int sl_segment_fragment_add(struct sl_segment_fragment *fragment, enum sl_segment_track track,
                            int64_t at, uint32_t ticks, bool key)
{
    struct sl_segment_fragment_track *of = &fragment->tracks[track];
    const size_t entry_len = track == SL_SEGMENT_VIDEO ? VIDEO_ENTRY : SOUND_ENTRY;
    uint8_t *entry = room(&of->table, entry_len);
    if (!entry)
        return -ENOMEM;
    sl_put32(entry, ticks);
    sl_put32(entry + 4, (uint32_t)of->held_len);
    if (track == SL_SEGMENT_VIDEO)
        sl_put32(entry + 8, key ? SAMPLE_ALONE : SAMPLE_REFERS);
    if (of->count++ == 0)
        of->at = at;
    of->table.len += entry_len;
    of->samples.len += of->held_len;
    of->held_len = 0;
    return 0;
}

size_t sl_segment_fragment_bytes(const struct sl_segment_fragment *fragment)
{
    size_t bytes = 0;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        bytes += fragment->tracks[i].samples.len;
    return bytes;
}

bool sl_segment_fragment_full(const struct sl_segment_fragment *fragment)
{
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        if (fragment->tracks[i].count >= SL_SEGMENT_FRAGMENT_UNITS)
            return true;
    return sl_segment_fragment_bytes(fragment) >= FULL_BYTES;
}

/* ---- Boxes ---- */

static size_t moof_bytes(const struct sl_segment_fragment *fragment)
{
    size_t bytes = MOOF_HEAD;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        if (fragment->tracks[i].count > 0)
            bytes += TRAF_HEAD + fragment->tracks[i].table.len;
    return bytes;
}

static void box(struct sl_writer *w, const char type[4], size_t bytes)
{
    sl_write32(w, (uint32_t)bytes);
    sl_write_bytes(w, type, 4);
}

static void write_moof_head(struct sl_writer *w, const struct sl_segment_fragment *fragment)
{
    box(w, "moof", moof_bytes(fragment));
    box(w, "mfhd", 16);
    sl_write32(w, 0);
    sl_write32(w, fragment->sequence);
}

/* Up to the table. `offset`: of the track's first sample, from the moof. */
static void write_traf_head(struct sl_writer *w, const struct sl_segment_fragment *fragment,
                            enum sl_segment_track track, size_t offset)
{
    const struct sl_segment_fragment_track *of = &fragment->tracks[track];
    const uint32_t each = TRUN_TICKS | TRUN_SIZE | (track == SL_SEGMENT_VIDEO ? TRUN_FLAGS : 0);
    box(w, "traf", TRAF_HEAD + of->table.len);
    box(w, "tfhd", 20);
    sl_write32(w, TFHD_BASE_IS_MOOF | TFHD_FLAGS);
    sl_write32(w, (uint32_t)track + 1);
    sl_write32(w, track == SL_SEGMENT_VIDEO ? SAMPLE_REFERS : SAMPLE_ALONE);
    box(w, "tfdt", 20);
    sl_write32(w, 1u << 24);
    sl_write64(w, (uint64_t)of->at);
    box(w, "trun", 20 + of->table.len);
    sl_write32(w, TRUN_OFFSET | each);
    sl_write32(w, of->count);
    sl_write32(w, (uint32_t)offset);
}

int sl_segment_fragment_parts(struct sl_segment_fragment *fragment,
                              struct iovec parts[SL_SEGMENT_FRAGMENT_PARTS])
{
    struct sl_writer w = sl_writer(fragment->heads, sizeof(fragment->heads));
    const size_t bytes = sl_segment_fragment_bytes(fragment);
    size_t offset = moof_bytes(fragment) + MDAT_HEAD;
    uint8_t *begin = w.at;
    int count = 0;
    if (bytes == 0)
        return 0;
    write_moof_head(&w, fragment);
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        const struct sl_segment_fragment_track *of = &fragment->tracks[i];
        if (of->count == 0)
            continue;
        write_traf_head(&w, fragment, i, offset);
        offset += of->samples.len;
        parts[count++] = (struct iovec){.iov_base = begin, .iov_len = (size_t)(w.at - begin)};
        parts[count++] = (struct iovec){.iov_base = of->table.data, .iov_len = of->table.len};
        begin = w.at;
    }
    box(&w, "mdat", MDAT_HEAD + bytes);
    parts[count++] = (struct iovec){.iov_base = begin, .iov_len = (size_t)(w.at - begin)};
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        const struct sl_segment_buffer *samples = &fragment->tracks[i].samples;
        if (samples->len > 0)
            parts[count++] = (struct iovec){.iov_base = samples->data, .iov_len = samples->len};
    }
    return count;
}

void sl_segment_fragment_next(struct sl_segment_fragment *fragment)
{
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        struct sl_segment_fragment_track *of = &fragment->tracks[i];
        if (of->held_len > 0)
            memmove(of->samples.data, of->samples.data + of->samples.len, of->held_len);
        of->samples.len = of->table.len = 0;
        of->count = 0;
    }
    fragment->sequence++;
}
