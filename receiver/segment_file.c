/* SPDX-License-Identifier: MIT */
#include "receiver/segment_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "receiver/segment_box.h"
#include "receiver/segment_summary.h"

#define WINDOW_BYTES 4096 /* read at each box: most often a moof, and its mdat's beginning */
#define OTHER_BOXES_MAX 64
#define GAP_ORDINARY 3
#define TORN_MAX (16 << 20) /* bytes; twice what the largest fragment has */
#define PROBE_BYTES (64 << 10)
#define PROBE_HITS_MAX 64      /* what looks like a fragment at a first glance */
#define SEEK_BYTES (512 << 10) /* so near, reading on is cheaper than looking closer */
#define KNOWN_BYTES (1 << 20)
#define LEAD_US (4 * INT64_C(1000000)) /* how far apart sound and pictures may lie in a file */

/* What was counted up to a fragment's end. */
struct tally {
    int64_t bytes, frames, sounds, gaps_us;
    int gaps;
    int64_t at[SL_SEGMENT_TRACKS];    /* of the last sample, in ticks */
    int64_t ticks[SL_SEGMENT_TRACKS]; /* how long it lasts, as it says */
    int64_t ordinary;                 /* how long the picture before the last one did last */
    int64_t duration_us;
    size_t count[SL_SEGMENT_TRACKS];
};

/* UTC; in the file it is since its start. */
struct stretch {
    int64_t from_us, to_us;
};

struct scan {
    int fd;
    int64_t size;
    uint8_t *window;
    size_t window_size, window_len; /* room, and bytes of it from window_at on */
    int64_t window_at;
    struct sl_segment_head head;
    struct tally whole, next;       /* up to the last whole fragment; and with the one being read */
    struct sl_segment_index *index; /* NULL: only counted */
    size_t room[SL_SEGMENT_TRACKS];
    int64_t moof;                           /* where it is */
    struct sl_segment_sample first_picture; /* of the fragment; size 0: none yet */
    const struct stretch *stretch;          /* NULL: all is read */
    bool inside;                            /* begun in the middle: up to a key frame left out */
    bool known;                             /* what is before was looked at once */
    int64_t begun_us;                       /* the first picture kept */
    int64_t until;                          /* bytes; 0: all there are */
};

/* ---- Reading ---- */

static int read_at(int fd, uint8_t *out, size_t len, int64_t at, size_t *got)
{
    *got = 0;
    while (*got < len) {
        const ssize_t n = pread(fd, out + *got, len - *got, at + (int64_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return 0;
}

/* The window holds `len` bytes from `at` on, or as many as there are. */
static int look(struct scan *scan, int64_t at, size_t len)
{
    if (at >= scan->window_at && at + (int64_t)len <= scan->window_at + (int64_t)scan->window_len)
        return 0;
    const size_t want = len > WINDOW_BYTES ? len : WINDOW_BYTES;
    if (want > scan->window_size) {
        uint8_t *window = realloc(scan->window, want);
        if (!window)
            return -ENOMEM;
        scan->window = window;
        scan->window_size = want;
    }
    scan->window_at = at;
    scan->window_len = 0;
    return read_at(scan->fd, scan->window, want, at, &scan->window_len);
}

/* What the window holds from `at` on. */
static const uint8_t *seen(const struct scan *scan, int64_t at, size_t *len)
{
    *len = scan->window_len - (size_t)(at - scan->window_at);
    return scan->window + (at - scan->window_at);
}

/* 1: a box that ends within the file; 0: none; -errno. */
static int box_at(struct scan *scan, int64_t at, struct sl_segment_box *box)
{
    size_t len;
    const int err = look(scan, at, SL_SEGMENT_BOX_BYTES);
    if (err != 0)
        return err;
    const uint8_t *data = seen(scan, at, &len);
    return sl_segment_box_read(box, data, len) && (int64_t)box->bytes <= scan->size - at;
}

/* ---- Samples ---- */

static int keep(struct scan *scan, enum sl_segment_track track,
                const struct sl_segment_sample *sample)
{
    struct sl_segment_samples *samples = &scan->index->tracks[track];
    if (scan->next.frames + scan->next.sounds > SL_SEGMENT_SAMPLES_MAX)
        return -E2BIG;
    if (scan->next.count[track] == scan->room[track]) {
        const size_t room = scan->room[track] ? scan->room[track] * 2 : 1024;
        struct sl_segment_sample *items = realloc(samples->items, room * sizeof(*items));
        if (!items)
            return -ENOMEM;
        samples->items = items;
        scan->room[track] = room;
    }
    struct sl_segment_sample *kept = &samples->items[scan->next.count[track]++];
    *kept = *sample;
    kept->offset += scan->moof;
    return 0;
}

/* The last picture did last so long: until the next one, or as long as it says. */
static void count_gap(struct tally *tally, int64_t lasted, uint32_t hz)
{
    if (lasted > hz / 2 && lasted > GAP_ORDINARY * tally->ordinary) {
        tally->gaps++;
        tally->gaps_us += lasted * 1000000 / hz;
    }
    tally->ordinary = lasted;
}

/* -EBADMSG: time goes back. -ENODATA: pictures that need one which is not there. */
static int take(void *ctx, enum sl_segment_track track, const struct sl_segment_sample *sample)
{
    struct scan *scan = ctx;
    struct tally *tally = &scan->next;
    const uint32_t hz = scan->head.tracks[track].hz;
    const bool first = (track == SL_SEGMENT_VIDEO ? tally->frames : tally->sounds) == 0;
    if (!first && sample->at < tally->at[track])
        return -EBADMSG;
    if (track == SL_SEGMENT_VIDEO) {
        if (scan->first_picture.size == 0)
            scan->first_picture = *sample;
        if (first && !sample->key && !scan->known)
            return scan->inside ? 0 : -ENODATA;
        if (first)
            scan->begun_us = sample->at * 1000000 / hz;
        else
            count_gap(tally, sample->at - tally->at[track], hz);
        tally->frames++;
    } else {
        tally->sounds++;
    }
    tally->at[track] = sample->at;
    tally->ticks[track] = sample->ticks;
    const int64_t end_us = (sample->at + sample->ticks) * 1000000 / hz;
    if (end_us > tally->duration_us)
        tally->duration_us = end_us;
    return scan->index ? keep(scan, track, sample) : 0;
}

/* ---- Fragments ---- */

/* A loss of power can leave nothing but zeros where a picture ought to be. */
static int first_picture_sane(struct scan *scan)
{
    const struct sl_segment_sample *sample = &scan->first_picture;
    size_t len;
    if (sample->size == 0)
        return 0;
    const int err = look(scan, scan->moof + sample->offset, 4);
    if (err != 0)
        return err;
    const uint8_t *data = seen(scan, scan->moof + sample->offset, &len);
    const uint32_t unit = len >= 4 ? sl_get32(data) : 0;
    return unit > 0 && sample->size > 4 && unit <= sample->size - 4 ? 0 : -EBADMSG;
}

/* A moof and its mdat, sample by sample. 0 and where the mdat ends; -EBADMSG: not whole; another
 * -errno. */
static int parse_fragment(struct scan *scan, int64_t at, uint64_t moof_bytes, int64_t *end,
                          int (*each)(void *ctx, enum sl_segment_track track,
                                      const struct sl_segment_sample *sample),
                          void *ctx)
{
    struct sl_segment_box mdat;
    size_t len;
    if (moof_bytes > SL_SEGMENT_MOOF_MAX)
        return -EBADMSG;
    int err = look(scan, at, moof_bytes + SL_SEGMENT_BOX_BYTES);
    if (err != 0)
        return err;
    err = box_at(scan, at + (int64_t)moof_bytes, &mdat);
    if (err != 1 || mdat.type != SL_BOX('m', 'd', 'a', 't'))
        return err < 0 ? err : -EBADMSG;
    err = look(scan, at, moof_bytes);
    if (err != 0)
        return err;
    const uint8_t *data = seen(scan, at, &len);
    if (len < moof_bytes)
        return -EBADMSG;
    *end = at + (int64_t)(moof_bytes + mdat.bytes);
    return sl_segment_moof_parse(&scan->head, data, moof_bytes, *end - at, each, ctx);
}

static int read_fragment(struct scan *scan, int64_t at, uint64_t moof_bytes, int64_t *end)
{
    scan->moof = at;
    scan->next = scan->whole;
    scan->first_picture.size = 0;
    const int err = parse_fragment(scan, at, moof_bytes, end, take, scan);
    return err != 0 ? err : first_picture_sane(scan);
}

static bool is_other(uint32_t type)
{
    return type == SL_BOX('f', 'r', 'e', 'e') || type == SL_BOX('s', 'k', 'i', 'p') ||
           type == SL_BOX('u', 'u', 'i', 'd') || type == SL_BOX('s', 't', 'y', 'p') ||
           type == SL_BOX('s', 'i', 'd', 'x') || type == SL_BOX('m', 'f', 'r', 'a');
}

static int64_t since_start(const struct scan *scan, int64_t us)
{
    return us - scan->head.meta.start_us;
}

/* The picture that is shown when the stretch begins is not there. */
static bool is_late(const struct scan *scan)
{
    return scan->inside && scan->begun_us >= since_start(scan, scan->stretch->from_us);
}

/* Whether what is wanted was read; a stretch also if it was begun too late. */
static bool is_through(const struct scan *scan)
{
    const struct tally *tally = &scan->whole;
    const uint32_t hz = scan->head.tracks[SL_SEGMENT_VIDEO].hz;
    if (scan->until)
        return tally->bytes >= scan->until;
    if (!scan->stretch)
        return false;
    if (tally->frames == 0)
        return scan->inside &&
               tally->duration_us > since_start(scan, scan->stretch->from_us) + LEAD_US;
    return is_late(scan) || tally->at[SL_SEGMENT_VIDEO] * 1000000 / hz >
                                since_start(scan, scan->stretch->to_us) + LEAD_US;
}

/* All whole fragments. 0, or -errno that is no matter of the file's state. */
static int read_fragments(struct scan *scan)
{
    struct sl_segment_box box;
    int others = 0, err = 0;
    while (!is_through(scan) && (err = box_at(scan, scan->whole.bytes, &box)) == 1) {
        const int64_t at = scan->whole.bytes;
        int64_t end = at + (int64_t)box.bytes;
        if (box.type == SL_BOX('m', 'o', 'o', 'f')) {
            err = read_fragment(scan, at, box.bytes, &end);
            if (err != 0)
                return err == -EBADMSG || err == -ENODATA ? 0 : err;
            scan->whole = scan->next;
        } else if (!is_other(box.type) || ++others > OTHER_BOXES_MAX) {
            return 0;
        }
        scan->whole.bytes = end;
    }
    return err < 0 ? err : 0;
}

/* ---- The head ---- */

static int bad(char *why, const char *what)
{
    snprintf(why, SL_STORE_WHY, "%s", what);
    return -EBADMSG;
}

/* ftyp, and moov at once or behind what is of no matter. */
static int read_head(struct scan *scan, char *why)
{
    struct sl_segment_box box;
    size_t len;
    int64_t at = 0;
    for (int i = 0; i < 8; i++, at += (int64_t)box.bytes) {
        int err = box_at(scan, at, &box);
        if (err < 0)
            return err;
        if (err == 0)
            return bad(why, scan->size == 0 ? "it is empty" : "it ends before its head does");
        if (i == 0 && box.type != SL_BOX('f', 't', 'y', 'p'))
            return bad(why, "not an MP4 file");
        if (box.type != SL_BOX('m', 'o', 'o', 'v'))
            continue;
        if (box.bytes > SL_SEGMENT_MOOV_MAX)
            return bad(why, "its head is too large to be ours");
        err = look(scan, at, box.bytes);
        if (err != 0)
            return err;
        const uint8_t *data = seen(scan, at, &len);
        if (len < box.bytes)
            return bad(why, "it ends before its head does");
        scan->whole.bytes = at + (int64_t)box.bytes;
        return sl_segment_head_parse(&scan->head, data + box.head_bytes,
                                     (size_t)box.bytes - box.head_bytes, why);
    }
    return bad(why, "an MP4 file without a head that is ours");
}

/* ---- A stretch ---- */

struct first {
    int64_t us; /* of the first picture, or sound where there is none; -1: nothing */
    bool picture;
    const struct sl_segment_head *head;
};

static int take_first(void *ctx, enum sl_segment_track track,
                      const struct sl_segment_sample *sample)
{
    struct first *first = ctx;
    const bool picture = track == SL_SEGMENT_VIDEO;
    if (first->us >= 0 && (first->picture || !picture))
        return 0;
    first->us = sample->at * 1000000 / first->head->tracks[track].hz;
    first->picture = picture;
    return 0;
}

/* 1: a whole fragment is at `at`, and when it begins; 0: none; -errno. */
static int fragment_at(struct scan *scan, int64_t at, int64_t *us)
{
    struct first first = {.us = -1, .head = &scan->head};
    struct sl_segment_box moof, mfhd;
    int64_t end;
    int err = box_at(scan, at, &moof);
    if (err != 1 || moof.type != SL_BOX('m', 'o', 'o', 'f') || moof.bytes > SL_SEGMENT_MOOF_MAX)
        return err < 0 ? err : 0;
    err = box_at(scan, at + moof.head_bytes, &mfhd); /* its first box: most chance hits end here */
    if (err != 1 || mfhd.type != SL_BOX('m', 'f', 'h', 'd'))
        return err < 0 ? err : 0;
    err = parse_fragment(scan, at, moof.bytes, &end, take_first, &first);
    if (err != 0)
        return err == -EBADMSG ? 0 : err;
    *us = first.us;
    return first.us >= 0;
}

/* The first fragment that begins in [from, until), and when. 1, 0: none near; -errno. */
static int find_fragment(struct scan *scan, int64_t from, int64_t until, int64_t *place,
                         int64_t *us)
{
    int hits = 0;
    if (until - from > TORN_MAX)
        until = from + TORN_MAX;
    while (from < until) {
        size_t len;
        int err = look(scan, from, PROBE_BYTES);
        if (err != 0)
            return err;
        const uint8_t *data = seen(scan, from, &len);
        const uint8_t *hit = len > 4 ? memmem(data + 4, len - 4, "moof", 4) : NULL;
        if (!hit) {
            if (len < PROBE_BYTES)
                return 0;
            from += (int64_t)len - 7;
            continue;
        }
        *place = from + (hit - data) - 4;
        err = *place < until ? fragment_at(scan, *place, us) : 0;
        if (err != 0 || *place >= until || ++hits == PROBE_HITS_MAX)
            return err;
        from = *place + 1;
    }
    return 0;
}

/* Bisects for a fragment that begins at or before `us`, and not far before it. */
static int seek(struct scan *scan, int64_t us, int64_t *ret)
{
    int64_t low = *ret, high = scan->size;
    while (high - low > SEEK_BYTES) {
        const int64_t middle = low + (high - low) / 2;
        int64_t place = high, begins_us = us;
        const int err = find_fragment(scan, middle, high, &place, &begins_us);
        if (err < 0)
            return err;
        if (err == 1 && begins_us <= us)
            low = place;
        else
            high = middle;
    }
    *ret = low;
    return 0;
}

/* From a key frame before the stretch on: as far before it as need be. */
static int read_stretch(struct scan *scan)
{
    const struct tally head = scan->whole;
    const int64_t from_us = since_start(scan, scan->stretch->from_us);
    int err;
    for (int64_t lead = LEAD_US;; lead *= 4) {
        int64_t at = head.bytes;
        err = lead < from_us ? seek(scan, from_us - lead, &at) : 0;
        scan->inside = at > head.bytes;
        scan->whole = head;
        scan->whole.bytes = at;
        scan->begun_us = INT64_MAX;
        if (err == 0)
            err = read_fragments(scan);
        if (err != 0 || !is_late(scan))
            return err;
    }
}

/* ---- What was counted before ---- */

/*
 * Goes on where `known` ended, if a fragment ends there: the last ones before it are read once
 * more, for the times that go on, and for what did not reach the disk.
 */
static int go_on(struct scan *scan, const struct sl_segment_info *known)
{
    const struct tally head = scan->whole;
    int64_t at = known->bytes - KNOWN_BYTES, us;
    if (strcmp(known->meta.uuid, scan->head.meta.uuid) != 0 || known->bytes > scan->size ||
        known->frames == 0 || at <= head.bytes)
        return 0;
    int err = find_fragment(scan, at, known->bytes, &at, &us);
    if (err != 1)
        return err;
    scan->known = true;
    scan->whole.bytes = at;
    scan->until = known->bytes;
    err = read_fragments(scan);
    scan->until = 0;
    scan->known = err == 0 && scan->whole.bytes == known->bytes && scan->whole.frames > 0;
    if (!scan->known) {
        scan->whole = head;
        return err;
    }
    scan->whole.frames = known->frames;
    scan->whole.sounds = known->sounds;
    scan->whole.gaps = known->gaps;
    scan->whole.gaps_us = known->gaps_us;
    if (scan->whole.duration_us < known->duration_us)
        scan->whole.duration_us = known->duration_us;
    return 0;
}

/* ---- Results ---- */

static void fill_info(const struct scan *scan, struct sl_segment_info *info)
{
    const struct sl_segment_head_track *video = &scan->head.tracks[SL_SEGMENT_VIDEO];
    struct tally tally = scan->whole;
    if (tally.frames > 0)
        count_gap(&tally, tally.ticks[SL_SEGMENT_VIDEO], video->hz);
    *info = (struct sl_segment_info){
        .meta = scan->head.meta,
        .duration_us = tally.duration_us,
        .bytes = tally.bytes,
        .frames = tally.frames,
        .sounds = tally.sounds,
        .sound = scan->head.tracks[SL_SEGMENT_AUDIO].id != 0,
        .width = video->width,
        .height = video->height,
        .gaps = tally.gaps,
        .gaps_us = tally.gaps_us,
    };
}

/* 1: its last box tells all; 0: it has to be counted; -errno. */
static int read_summary(struct scan *scan, struct sl_segment_info *info)
{
    const int64_t at = scan->size - SL_SEGMENT_SUMMARY_BYTES;
    size_t len;
    if (scan->index || at <= scan->whole.bytes)
        return 0;
    const int err = look(scan, at, SL_SEGMENT_SUMMARY_BYTES);
    if (err != 0)
        return err;
    const uint8_t *data = seen(scan, at, &len);
    fill_info(scan, info);
    return len >= SL_SEGMENT_SUMMARY_BYTES && sl_segment_summary_read(info, scan->size, data);
}

static int scan_file(struct scan *scan, const struct sl_segment_info *known,
                     struct sl_segment_info *info, char *why)
{
    struct stat stat;
    why[0] = '\0';
    if (fstat(scan->fd, &stat) != 0)
        return -errno;
    if (!S_ISREG(stat.st_mode))
        return bad(why, "not a regular file");
    scan->size = stat.st_size;
    int err = read_head(scan, why);
    if (err == 0 && (err = read_summary(scan, info)) == 1)
        return 0;
    if (err == 0 && known)
        err = go_on(scan, known);
    if (err == 0)
        err = scan->stretch ? read_stretch(scan) : read_fragments(scan);
    if (err == 0) {
        fill_info(scan, info);
        if (scan->whole.frames == 0) {
            snprintf(why, SL_STORE_WHY, "not one whole fragment with pictures in it");
            err = -ENODATA;
        }
    } else if (!why[0]) {
        snprintf(why, SL_STORE_WHY, "cannot be read: %s", strerror(-err));
    }
    return err;
}

int sl_segment_scan(int fd, struct sl_segment_info *ret, char why[SL_STORE_WHY])
{
    struct scan scan = {.fd = fd};
    const int err = scan_file(&scan, NULL, ret, why);
    free(scan.window);
    return err;
}

int sl_segment_scan_on(int fd, const struct sl_segment_info *known, struct sl_segment_info *ret,
                       char why[SL_STORE_WHY])
{
    struct scan scan = {.fd = fd};
    const int err = scan_file(&scan, known, ret, why);
    free(scan.window);
    return err;
}

static void fill_track(struct sl_segment_samples *samples, const struct sl_segment_head_track *from,
                       size_t count)
{
    samples->present = from->id != 0;
    samples->hz = from->hz;
    samples->count = count;
    samples->config_len = from->config_len;
    memcpy(samples->config, from->config, from->config_len);
    samples->width = from->width;
    samples->height = from->height;
    samples->channels = from->channels;
}

static int make_index(struct scan *scan, struct sl_segment_index *ret, char *why)
{
    struct sl_segment_index index = {0};
    scan->index = &index;
    const int err = scan_file(scan, NULL, &index.info, why);
    free(scan->window);
    if (err != 0) {
        sl_segment_index_free(&index);
        return err;
    }
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        fill_track(&index.tracks[i], &scan->head.tracks[i], scan->whole.count[i]);
    *ret = index;
    return 0;
}

int sl_segment_index(int fd, struct sl_segment_index *ret, char why[SL_STORE_WHY])
{
    struct scan scan = {.fd = fd};
    return make_index(&scan, ret, why);
}

int sl_segment_index_stretch(int fd, int64_t from_us, int64_t to_us, struct sl_segment_index *ret,
                             char why[SL_STORE_WHY])
{
    const struct stretch stretch = {.from_us = from_us, .to_us = to_us};
    struct scan scan = {.fd = fd, .stretch = &stretch};
    return make_index(&scan, ret, why);
}

void sl_segment_index_free(struct sl_segment_index *index)
{
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++) {
        free(index->tracks[i].items);
        index->tracks[i] = (struct sl_segment_samples){0};
    }
}

/* ---- Tails ---- */

/*
 * A write that was cut short is at most one fragment, whose moof or mdat does not end. Whatever
 * more there is might be footage behind a damage.
 */
static int tail_torn(struct scan *scan, int64_t from)
{
    struct sl_segment_box box;
    int err, moofs = 0;
    while ((err = box_at(scan, from, &box)) == 1) {
        moofs += box.type == SL_BOX('m', 'o', 'o', 'f');
        if (moofs > 1 || (moofs == 0 && box.type == SL_BOX('m', 'd', 'a', 't')))
            return 0;
        from += (int64_t)box.bytes;
    }
    return err < 0 ? err : 1;
}

int sl_segment_tail_torn(int fd, int64_t from)
{
    struct scan scan = {.fd = fd};
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return -errno;
    scan.size = stat.st_size;
    if (stat.st_size - from > TORN_MAX)
        return 0;
    const int torn = tail_torn(&scan, from);
    free(scan.window);
    return torn;
}
