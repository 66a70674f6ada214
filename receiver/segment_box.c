/* SPDX-License-Identifier: MIT */
#include "receiver/segment_box.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/option.h"
#include "whip/link.h"

#define KEYS_MAX 64
#define TRAKS_MAX 8
#define START_MAX (INT64_C(253402300800) * 1000000) /* the year 10000 */
#define HZ_MAX 1000000

/* ISO/IEC 14496-12, 8.8.7 and 8.8.8. */
#define TFHD_BASE 0x1u
#define TFHD_DESCRIPTION 0x2u
#define TFHD_TICKS 0x8u
#define TFHD_SIZE 0x10u
#define TFHD_FLAGS 0x20u
#define TFHD_BASE_IS_MOOF 0x20000u
#define TRUN_OFFSET 0x1u
#define TRUN_FIRST_FLAGS 0x4u
#define TRUN_TICKS 0x100u
#define TRUN_SIZE 0x200u
#define TRUN_FLAGS 0x400u
#define TRUN_COMPOSITION 0x800u
#define SAMPLE_IS_NO_KEY 0x10000u

bool sl_segment_box_read(struct sl_segment_box *ret, const uint8_t *data, size_t len)
{
    struct sl_reader r = sl_reader(data, len);
    uint64_t bytes = sl_read32(&r);
    const uint32_t type = sl_read32(&r);
    const uint32_t head_bytes = bytes == 1 ? 16 : 8;
    if (bytes == 1)
        bytes = sl_read64(&r);
    if (r.failed || bytes < head_bytes || bytes > INT64_MAX)
        return false;
    *ret = (struct sl_segment_box){.type = type, .head_bytes = head_bytes, .bytes = bytes};
    return true;
}

/* The next box of a body, whole. False at the end, or where something else lies. */
static bool next(struct sl_reader *body, uint32_t *type, struct sl_reader *inner)
{
    struct sl_segment_box box;
    const size_t left = sl_reader_left(body);
    if (!sl_segment_box_read(&box, body->at, left) || box.bytes > left)
        return false;
    *type = box.type;
    *inner = sl_reader(body->at + box.head_bytes, (size_t)box.bytes - box.head_bytes);
    body->at += box.bytes;
    return true;
}

/* The first child of that type; an empty one that fails at once if there is none. */
static struct sl_reader child(struct sl_reader body, uint32_t wanted)
{
    struct sl_reader inner;
    uint32_t type;
    while (next(&body, &type, &inner))
        if (type == wanted)
            return inner;
    return (struct sl_reader){.at = body.end, .end = body.end, .failed = true};
}

/* Version and flags. */
static uint32_t full_box(struct sl_reader *body, uint32_t *flags)
{
    const uint32_t word = sl_read32(body);
    *flags = word & 0xffffff;
    return word >> 24;
}

static int bad(char *why, const char *what)
{
    snprintf(why, SL_STORE_WHY, "%s", what);
    return -EBADMSG;
}

/* ---- Tracks ---- */

static void keep_config(struct sl_segment_head_track *track, struct sl_reader config)
{
    const size_t len = sl_reader_left(&config);
    if (config.failed || len > sizeof(track->config))
        return;
    memcpy(track->config, config.at, len);
    track->config_len = len;
}

static void read_avc(struct sl_segment_head_track *track, struct sl_reader entry)
{
    (void)sl_read_bytes(&entry, 24);
    track->width = sl_read16(&entry);
    track->height = sl_read16(&entry);
    (void)sl_read_bytes(&entry, 50);
    keep_config(track, child(entry, SL_BOX('a', 'v', 'c', 'C')));
}

static void read_opus(struct sl_segment_head_track *track, struct sl_reader entry)
{
    (void)sl_read_bytes(&entry, 16);
    track->channels = sl_read16(&entry);
    (void)sl_read_bytes(&entry, 10);
    keep_config(track, child(entry, SL_BOX('d', 'O', 'p', 's')));
}

/* The one entry of stsd. Which track it is, or SL_SEGMENT_TRACKS. */
static enum sl_segment_track read_entry(struct sl_segment_head_track *track, struct sl_reader stsd)
{
    struct sl_reader entry;
    uint32_t type, flags;
    (void)full_box(&stsd, &flags);
    if (sl_read32(&stsd) != 1 || !next(&stsd, &type, &entry))
        return SL_SEGMENT_TRACKS;
    if (type == SL_BOX('a', 'v', 'c', '1')) {
        read_avc(track, entry);
        return track->width && track->height && track->config_len >= 7 ? SL_SEGMENT_VIDEO
                                                                       : SL_SEGMENT_TRACKS;
    }
    if (type == SL_BOX('O', 'p', 'u', 's')) {
        read_opus(track, entry);
        return track->channels && track->config_len >= 11 ? SL_SEGMENT_AUDIO : SL_SEGMENT_TRACKS;
    }
    return SL_SEGMENT_TRACKS;
}

static int read_trak(struct sl_segment_head *head, struct sl_reader trak, char *why)
{
    struct sl_segment_head_track track = {0};
    struct sl_reader tkhd = child(trak, SL_BOX('t', 'k', 'h', 'd'));
    struct sl_reader mdia = child(trak, SL_BOX('m', 'd', 'i', 'a'));
    struct sl_reader mdhd = child(mdia, SL_BOX('m', 'd', 'h', 'd'));
    const struct sl_reader stbl =
        child(child(mdia, SL_BOX('m', 'i', 'n', 'f')), SL_BOX('s', 't', 'b', 'l'));
    uint32_t flags;
    (void)sl_read_bytes(&tkhd, full_box(&tkhd, &flags) == 1 ? 16 : 8);
    track.id = sl_read32(&tkhd);
    (void)sl_read_bytes(&mdhd, full_box(&mdhd, &flags) == 1 ? 16 : 8);
    track.hz = sl_read32(&mdhd);
    if (track.id == 0 || track.hz == 0 || track.hz > HZ_MAX)
        return bad(why, "a track without a number or a clock");
    const enum sl_segment_track which = read_entry(&track, child(stbl, SL_BOX('s', 't', 's', 'd')));
    if (which == SL_SEGMENT_TRACKS)
        return bad(why, "a track that is neither H.264 nor Opus");
    if (head->tracks[which].id)
        return bad(why, "two tracks of a kind");
    head->tracks[which] = track;
    return 0;
}

static struct sl_segment_head_track *track_of(struct sl_segment_head *head, uint32_t id)
{
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        if (id && head->tracks[i].id == id)
            return &head->tracks[i];
    return NULL;
}

static void read_trex(struct sl_segment_head *head, struct sl_reader trex)
{
    uint32_t flags;
    (void)full_box(&trex, &flags);
    struct sl_segment_head_track *track = track_of(head, sl_read32(&trex));
    (void)sl_read32(&trex);
    const uint32_t ticks = sl_read32(&trex), size = sl_read32(&trex);
    flags = sl_read32(&trex);
    if (trex.failed || !track)
        return;
    track->ticks = ticks;
    track->size = size;
    track->flags = flags;
}

/* ---- Metadata ---- */

struct tag {
    char text[SL_LOCATION_BYTES];
    bool there;
};

enum { UUID, CAMERA, LOCATION, START, CLOCK, BOOT, MONO, TAGS };

static int tag_of_key(const struct sl_reader *key)
{
    static const char *const names[TAGS] = {
        "sightline.uuid",  "sightline.camera", "sightline.location", "sightline.start",
        "sightline.clock", "sightline.boot",   "sightline.mono"};
    for (int i = 0; i < TAGS; i++)
        if (sl_reader_left(key) == strlen(names[i]) &&
            memcmp(key->at, names[i], strlen(names[i])) == 0)
            return i;
    return -1;
}

/* Which tag the keys 1, 2 ... are; -1: none of ours. How many there are. */
static uint32_t read_keys(int tags[KEYS_MAX], struct sl_reader keys)
{
    struct sl_reader key;
    uint32_t type, flags, count = 0;
    (void)full_box(&keys, &flags);
    (void)sl_read32(&keys);
    while (count < KEYS_MAX && next(&keys, &type, &key))
        tags[count++] = type == SL_BOX('m', 'd', 't', 'a') ? tag_of_key(&key) : -1;
    return count;
}

/* Text that is too long or has NUL in it is not taken. */
static void read_tag(struct tag *tag, struct sl_reader item)
{
    struct sl_reader data = child(item, SL_BOX('d', 'a', 't', 'a'));
    (void)sl_read_bytes(&data, 8);
    const size_t len = sl_reader_left(&data);
    if (data.failed || len >= sizeof(tag->text) || memchr(data.at, '\0', len))
        return;
    memcpy(tag->text, data.at, len);
    tag->text[len] = '\0';
    tag->there = true;
}

static void read_tags(struct tag tags[TAGS], struct sl_reader moov)
{
    int which[KEYS_MAX];
    struct sl_reader meta =
        child(child(moov, SL_BOX('u', 'd', 't', 'a')), SL_BOX('m', 'e', 't', 'a'));
    struct sl_reader item;
    uint32_t index, flags;
    (void)full_box(&meta, &flags);
    const uint32_t count = read_keys(which, child(meta, SL_BOX('k', 'e', 'y', 's')));
    struct sl_reader ilst = child(meta, SL_BOX('i', 'l', 's', 't'));
    while (next(&ilst, &index, &item))
        if (index >= 1 && index <= count && which[index - 1] >= 0)
            read_tag(&tags[which[index - 1]], item);
}

static bool is_uuid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (!text[i] || (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i])))
            return false;
    }
    return text[36] == '\0';
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static enum sl_clock_state clock_of(const char *text)
{
    return strcmp(text, "synced") == 0 ? SL_CLOCK_SYNCED
           : strcmp(text, "free") == 0 ? SL_CLOCK_FREE
                                       : SL_CLOCK_UNKNOWN;
}

static int read_meta(struct sl_segment_meta *meta, struct sl_reader moov, char *why)
{
    struct tag tags[TAGS] = {0};
    int64_t mono = 0;
    read_tags(tags, moov);
    if (!tags[UUID].there)
        return bad(why, "no sightline.uuid in it: not a recording of ours");
    if (!is_uuid(tags[UUID].text))
        return bad(why, "its sightline.uuid is none");
    if (!sl_name_valid(tags[CAMERA].text))
        return bad(why, "its sightline.camera is no name");
    if (!is_printable(tags[LOCATION].text))
        return bad(why, "its sightline.location is no text");
    if (sl_parse_int(tags[START].text, 0, START_MAX, &meta->start_us) != 0)
        return bad(why, "its sightline.start is no time");
    if (sl_parse_int(tags[MONO].text, 0, INT64_MAX, &mono) == 0)
        meta->start_mono = mono;
    snprintf(meta->uuid, sizeof(meta->uuid), "%.36s", tags[UUID].text);
    snprintf(meta->camera, sizeof(meta->camera), "%.32s", tags[CAMERA].text);
    snprintf(meta->location, sizeof(meta->location), "%s", tags[LOCATION].text);
    snprintf(meta->boot_id, sizeof(meta->boot_id), "%.36s",
             is_uuid(tags[BOOT].text) ? tags[BOOT].text : "");
    meta->clock = clock_of(tags[CLOCK].text);
    return 0;
}

int sl_segment_head_parse(struct sl_segment_head *ret, const uint8_t *data, size_t len,
                          char why[SL_STORE_WHY])
{
    struct sl_segment_head head = {0};
    const struct sl_reader moov = sl_reader(data, len);
    struct sl_reader body = moov, inner;
    uint32_t type;
    int traks = 0;
    int err = read_meta(&head.meta, moov, why);
    while (err == 0 && next(&body, &type, &inner)) {
        if (type == SL_BOX('t', 'r', 'a', 'k'))
            err = ++traks > TRAKS_MAX ? bad(why, "too many tracks") : read_trak(&head, inner, why);
    }
    if (err != 0)
        return err;
    if (!head.tracks[SL_SEGMENT_VIDEO].id)
        return bad(why, "no track of pictures");
    if (head.tracks[SL_SEGMENT_AUDIO].id == head.tracks[SL_SEGMENT_VIDEO].id)
        return bad(why, "two tracks of one number");
    body = child(moov, SL_BOX('m', 'v', 'e', 'x'));
    while (next(&body, &type, &inner))
        if (type == SL_BOX('t', 'r', 'e', 'x'))
            read_trex(&head, inner);
    *ret = head;
    return 0;
}

/* ---- Fragments ---- */

struct run {
    const struct sl_segment_head_track *track;
    enum sl_segment_track which;
    uint32_t ticks, size, flags; /* of a sample that does not say */
    int64_t at;                  /* of the next sample, decoded */
    int64_t offset;              /* of it; 0: not known yet */
    int64_t first, end;          /* where data may lie */
    int64_t *samples_left;
};

static bool read_tfhd(struct run *run, const struct sl_segment_head *head, struct sl_reader tfhd)
{
    uint32_t flags;
    (void)full_box(&tfhd, &flags);
    const uint32_t id = sl_read32(&tfhd);
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        if (id && head->tracks[i].id == id) {
            run->track = &head->tracks[i];
            run->which = i;
        }
    }
    if (!run->track || (flags & TFHD_BASE) || !(flags & TFHD_BASE_IS_MOOF))
        return false;
    if (flags & TFHD_DESCRIPTION)
        (void)sl_read32(&tfhd);
    run->ticks = flags & TFHD_TICKS ? sl_read32(&tfhd) : run->track->ticks;
    run->size = flags & TFHD_SIZE ? sl_read32(&tfhd) : run->track->size;
    run->flags = flags & TFHD_FLAGS ? sl_read32(&tfhd) : run->track->flags;
    return !tfhd.failed;
}

static bool read_tfdt(struct run *run, struct sl_reader tfdt)
{
    uint32_t flags;
    const uint64_t at = full_box(&tfdt, &flags) == 1 ? sl_read64(&tfdt) : sl_read32(&tfdt);
    run->at = (int64_t)at;
    return !tfdt.failed && at <= (uint64_t)run->track->hz * SL_SEGMENT_SECONDS_MAX;
}

static bool read_sample(struct run *run, struct sl_reader *trun, uint32_t flags, uint32_t first,
                        struct sl_segment_sample *ret)
{
    int64_t composition = 0;
    ret->ticks = flags & TRUN_TICKS ? sl_read32(trun) : run->ticks;
    ret->size = flags & TRUN_SIZE ? sl_read32(trun) : run->size;
    const uint32_t own = flags & TRUN_FLAGS ? sl_read32(trun) : first;
    if (flags & TRUN_COMPOSITION)
        composition = (int32_t)sl_read32(trun);
    ret->key = run->which == SL_SEGMENT_AUDIO || !(own & SAMPLE_IS_NO_KEY);
    ret->offset = run->offset;
    ret->at = run->at + composition;
    run->offset += ret->size;
    run->at += ret->ticks;
    return !trun->failed && ret->size > 0 && ret->at >= 0 && run->offset <= run->end &&
           run->at <= (int64_t)run->track->hz * SL_SEGMENT_SECONDS_MAX;
}

static int read_trun(struct run *run, struct sl_reader trun,
                     int (*take)(void *, enum sl_segment_track, const struct sl_segment_sample *),
                     void *ctx)
{
    struct sl_segment_sample sample;
    uint32_t flags;
    (void)full_box(&trun, &flags);
    const uint32_t count = sl_read32(&trun);
    if (flags & TRUN_OFFSET)
        run->offset = (int32_t)sl_read32(&trun);
    uint32_t first = flags & TRUN_FIRST_FLAGS ? sl_read32(&trun) : run->flags;
    if (trun.failed || run->offset < run->first || count > *run->samples_left)
        return -EBADMSG;
    *run->samples_left -= count;
    for (uint32_t i = 0; i < count; i++, first = run->flags) {
        if (!read_sample(run, &trun, flags, first, &sample))
            return -EBADMSG;
        const int err = take(ctx, run->which, &sample);
        if (err != 0)
            return err;
    }
    return 0;
}

static int read_traf(struct run *run, const struct sl_segment_head *head, struct sl_reader traf,
                     int (*take)(void *, enum sl_segment_track, const struct sl_segment_sample *),
                     void *ctx)
{
    struct sl_reader inner;
    uint32_t type;
    int err = 0;
    if (!read_tfhd(run, head, child(traf, SL_BOX('t', 'f', 'h', 'd'))) ||
        !read_tfdt(run, child(traf, SL_BOX('t', 'f', 'd', 't'))))
        return -EBADMSG;
    while (err == 0 && next(&traf, &type, &inner))
        if (type == SL_BOX('t', 'r', 'u', 'n'))
            err = read_trun(run, inner, take, ctx);
    return err;
}

int sl_segment_moof_parse(const struct sl_segment_head *head, const uint8_t *data, size_t len,
                          int64_t end,
                          int (*take)(void *ctx, enum sl_segment_track track,
                                      const struct sl_segment_sample *sample),
                          void *ctx)
{
    int64_t samples_left = SL_SEGMENT_MOOF_SAMPLES_MAX;
    struct sl_reader moof = sl_reader(data, len), body, inner;
    uint32_t type;
    int err = 0;
    if (!next(&moof, &type, &body) || type != SL_BOX('m', 'o', 'o', 'f'))
        return -EBADMSG;
    while (err == 0 && next(&body, &type, &inner)) {
        struct run run = {.first = (int64_t)len + 8, .end = end, .samples_left = &samples_left};
        if (type == SL_BOX('t', 'r', 'a', 'f'))
            err = read_traf(&run, head, inner, take, ctx);
    }
    return err;
}
