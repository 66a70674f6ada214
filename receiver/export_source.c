/* SPDX-License-Identifier: MIT */
#include "receiver/export_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PADDING 64 /* AV_INPUT_BUFFER_PADDING_SIZE */
#define GAP_US 500000
#define GAP_ORDINARY 3
#define ORDINARY_SAMPLES 501
#define ORDINARY_US 33333 /* of a segment that has a single picture */
#define UNIT_BYTES_MAX (64 << 20)
#define NOT_YET INT64_MIN
#define STRETCH_US (3600 * INT64_C(1000000)) /* of which the index is in memory */

/* Of the segment being read: samples up to `end` are wanted, `next` is the next one. */
struct lane {
    const struct sl_segment_samples *samples;
    size_t next, end;
};

struct sl_export_source {
    struct sl_export_source_config config;
    int row; /* the next one */
    int fd;  /* of the segment being read; -1: none */
    int segment;
    struct sl_segment_index index; /* of a stretch of it */
    int64_t until_us; /* UTC: where the next one begins; the range's end: there is none */
    struct lane lanes[SL_SEGMENT_TRACKS];
    size_t first; /* picture shown of this segment */
    int64_t ordinary_us;
    int64_t shift_us;     /* UTC + shift == time in what is made */
    int64_t span_end_us;  /* UTC: sound from there on up to the next picture is in a closed gap */
    int64_t end_us;       /* UTC: of the last picture given out; NOT_YET */
    int64_t out_end_us;   /* the same, in what is made */
    int64_t sound_end_us; /* in what is made: of the last sound given out */
    uint8_t *buffer;
    size_t buffer_size;
    struct sl_export_source_stats stats;
};

static int64_t span_us(const struct sl_segment_samples *samples, int64_t ticks)
{
    return samples->hz ? (ticks * 1000000 + samples->hz / 2) / samples->hz : 0;
}

static int64_t at_us(const struct sl_export_source *source, const struct lane *lane, size_t i)
{
    return source->index.info.meta.start_us + span_us(lane->samples, lane->samples->items[i].at);
}

/* ---- A segment ---- */

static int compare_ticks(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The median of the first ones. */
static int64_t find_ordinary(const struct sl_segment_samples *samples)
{
    uint32_t ticks[ORDINARY_SAMPLES];
    const size_t count = samples->count < ORDINARY_SAMPLES ? samples->count : ORDINARY_SAMPLES;
    for (size_t i = 0; i < count; i++)
        ticks[i] = samples->items[i].ticks;
    qsort(ticks, count, sizeof(*ticks), compare_ticks);
    const int64_t us = count > 1 ? span_us(samples, ticks[count / 2]) : ORDINARY_US;
    return us > 0 ? us : ORDINARY_US;
}

/* The first sample at or after `us`. */
static size_t find_sample(const struct sl_export_source *source, const struct lane *lane,
                          int64_t us)
{
    size_t low = 0, high = lane->samples->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (at_us(source, lane, middle) < us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t key_before(const struct sl_segment_samples *samples, size_t i)
{
    while (i > 0 && !samples->items[i].key)
        i--;
    return i;
}

/* Up to where samples of the stretch are wanted. */
static void choose_ends(struct sl_export_source *source)
{
    struct lane *video = &source->lanes[SL_SEGMENT_VIDEO];
    struct lane *sound = &source->lanes[SL_SEGMENT_AUDIO];
    video->samples = &source->index.tracks[SL_SEGMENT_VIDEO];
    sound->samples = &source->index.tracks[SL_SEGMENT_AUDIO];
    video->end = find_sample(source, video, source->until_us);
    sound->end = sound->samples->present ? find_sample(source, sound, source->until_us) : 0;
}

/* Which samples are wanted. False: none. */
static bool choose_samples(struct sl_export_source *source)
{
    struct lane *video = &source->lanes[SL_SEGMENT_VIDEO];
    struct lane *sound = &source->lanes[SL_SEGMENT_AUDIO];
    const struct sl_export_source_config *config = &source->config;
    choose_ends(source);
    size_t first = find_sample(source, video, config->from_us);
    /* The picture under way at `from`: its key frame is where a fast one begins. */
    if (config->fast && source->end_us == NOT_YET && first > 0 &&
        (first == video->end || at_us(source, video, first) > config->from_us))
        first--;
    if (first >= video->end)
        return false;
    video->next = key_before(video->samples, first);
    source->first = config->fast ? video->next : first;
    sound->next = 0;
    if (sound->samples->present)
        sound->next = find_sample(source, sound, at_us(source, video, source->first));
    return true;
}

static void unload(struct sl_export_source *source)
{
    sl_segment_index_free(&source->index);
    memset(&source->index, 0, sizeof(source->index));
    memset(source->lanes, 0, sizeof(source->lanes));
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

static void skip(struct sl_export_source *source, const char *path, const char *why)
{
    if (source->stats.skipped++ == 0)
        snprintf(source->stats.why, sizeof(source->stats.why), "%s: %.150s", path, why);
}

/* Where the segment lies in what is made, given what was before it. */
static void place(struct sl_export_source *source)
{
    const int64_t first_us = at_us(source, &source->lanes[SL_SEGMENT_VIDEO], source->first);
    const bool after_gap = source->span_end_us != INT64_MAX; /* closed by its last picture */
    source->ordinary_us = find_ordinary(source->lanes[SL_SEGMENT_VIDEO].samples);
    source->span_end_us = INT64_MAX;
    if (source->end_us == NOT_YET) {
        source->shift_us = -first_us;
        source->stats.from_us = first_us;
        return;
    }
    const int64_t gap_us = first_us - source->end_us;
    const bool is_gap = gap_us > GAP_US && gap_us > GAP_ORDINARY * source->ordinary_us;
    if (is_gap) {
        source->stats.gaps++;
        source->stats.gaps_us += gap_us;
    }
    if (first_us + source->shift_us < source->out_end_us || after_gap ||
        (is_gap && source->config.close_gaps))
        source->shift_us = source->out_end_us - first_us;
}

/* The stretch of the segment that begins at `from_us`. */
static int read_stretch(struct sl_export_source *source, int64_t from_us, char *why)
{
    const int64_t to_us = source->config.to_us;
    source->until_us = to_us - from_us > STRETCH_US ? from_us + STRETCH_US : to_us;
    return sl_segment_index_stretch(source->fd, from_us, source->until_us, &source->index, why);
}

/* Whether there is a stretch of the segment behind the one at hand. */
static bool has_more(const struct sl_export_source *source)
{
    const struct sl_segment_info *info = &source->index.info;
    return source->until_us < source->config.to_us &&
           info->meta.start_us + info->duration_us > source->until_us;
}

/* The first stretch with pictures that are wanted. 1, 0: none, -errno. */
static int read_first(struct sl_export_source *source, int64_t from_us, char *why)
{
    int err = read_stretch(source, from_us, why);
    while (err == 0 && !choose_samples(source)) {
        if (!has_more(source))
            return 0;
        sl_segment_index_free(&source->index);
        err = read_stretch(source, source->until_us, why);
    }
    return err != 0 ? err : 1;
}

/* Goes on in the segment. 1, 0: it has no more, or it cannot be read; -ENOMEM. */
static int load_on(struct sl_export_source *source)
{
    char why[SL_STORE_WHY] = "";
    const int64_t from_us = source->until_us;
    if (source->fd < 0 || !has_more(source))
        return 0;
    sl_segment_index_free(&source->index);
    const int err = read_stretch(source, from_us, why);
    if (err != 0) {
        memset(&source->index, 0, sizeof(source->index));
        if (err != -ENOMEM)
            skip(source, source->config.rows[source->row - 1].path, *why ? why : strerror(-err));
        return err == -ENOMEM ? err : 0;
    }
    choose_ends(source);
    source->first = 0;
    for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
        source->lanes[i].next = find_sample(source, &source->lanes[i], from_us);
    return 1;
}

/* Where a segment's stretch begins: one that starts later, at its first picture. */
static int64_t begin_us(const struct sl_export_source *source, const struct sl_segment_row *row)
{
    const int64_t start_us = row->info.meta.start_us;
    return start_us > source->config.from_us ? start_us : source->config.from_us;
}

/* The next segment with pictures of the range. 1, 0: no more, -errno. */
static int load(struct sl_export_source *source)
{
    const int more = load_on(source);
    if (more != 0)
        return more;
    unload(source);
    while (source->row < source->config.count) {
        const char *path = source->config.rows[source->row++].path;
        char why[SL_STORE_WHY] = "";
        source->fd = openat(source->config.store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (source->fd < 0) {
            skip(source, path, strerror(errno));
            continue;
        }
        const int got =
            read_first(source, begin_us(source, &source->config.rows[source->row - 1]), why);
        if (got == 1) {
            source->segment++;
            place(source);
            return 1;
        }
        if (got == -ENOMEM)
            return got;
        if (got != 0)
            skip(source, path, *why ? why : strerror(-got));
        unload(source);
    }
    return 0;
}

/* ---- Units ---- */

static int read_unit(struct sl_export_source *source, const struct sl_segment_sample *sample)
{
    size_t done = 0;
    if (sample->size > UNIT_BYTES_MAX)
        return -E2BIG;
    if (sample->size + PADDING > source->buffer_size) {
        const size_t size = sample->size + sample->size / 2 + PADDING;
        uint8_t *buffer = realloc(source->buffer, size);
        if (!buffer)
            return -ENOMEM;
        source->buffer = buffer;
        source->buffer_size = size;
    }
    while (done < sample->size) {
        const ssize_t n = pread(source->fd, source->buffer + done, sample->size - done,
                                sample->offset + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    memset(source->buffer + done, 0, PADDING);
    return 0;
}

/* Until the next one, whatever it says of itself: what came late was written before that was known.
 */
static int64_t picture_us(const struct sl_segment_samples *samples, size_t i)
{
    const struct sl_segment_sample *sample = &samples->items[i];
    return i + 1 < samples->count ? span_us(samples, sample[1].at - sample->at)
                                  : span_us(samples, sample->ticks);
}

/* A picture that lasts too long is one of an ordinary length, and a gap. */
static void look_for_gap(struct sl_export_source *source, struct sl_export_unit *unit)
{
    const int64_t gap_us = unit->lasts_us - source->ordinary_us;
    source->span_end_us = INT64_MAX;
    if (unit->lasts_us <= GAP_US || unit->lasts_us <= GAP_ORDINARY * source->ordinary_us)
        return;
    source->stats.gaps++;
    source->stats.gaps_us += gap_us;
    if (!source->config.close_gaps)
        return;
    unit->lasts_us = source->ordinary_us;
    source->span_end_us = unit->at_us + source->ordinary_us;
}

static void give_picture(struct sl_export_source *source, struct sl_export_unit *unit)
{
    struct lane *lane = &source->lanes[SL_SEGMENT_VIDEO];
    const struct sl_segment_sample *sample = &lane->samples->items[lane->next];
    unit->lead = lane->next < source->first;
    if (!unit->lead && source->span_end_us != INT64_MAX && source->end_us != NOT_YET)
        source->shift_us = source->out_end_us - unit->at_us; /* the gap is closed */
    unit->out_us = unit->at_us + source->shift_us;
    unit->lasts_us = picture_us(lane->samples, lane->next);
    if (unit->at_us + unit->lasts_us > source->config.to_us)
        unit->lasts_us = source->config.to_us - unit->at_us;
    unit->key = sample->key;
    lane->next++;
    if (unit->lead)
        return;
    source->end_us = unit->at_us + unit->lasts_us;
    look_for_gap(source, unit);
    source->out_end_us = unit->out_us + unit->lasts_us;
    source->stats.to_us = unit->at_us + unit->lasts_us;
    source->stats.duration_us = source->out_end_us;
    source->stats.frames++;
}

/* False: it is left out. */
static bool give_sound(struct sl_export_source *source, struct sl_export_unit *unit)
{
    struct lane *lane = &source->lanes[SL_SEGMENT_AUDIO];
    const struct sl_segment_sample *sample = &lane->samples->items[lane->next];
    lane->next++;
    unit->key = true;
    unit->out_us = unit->at_us + source->shift_us;
    unit->lasts_us = span_us(lane->samples, sample->ticks);
    /* Half of it was heard already: of two segments that overlap. */
    if (unit->at_us >= source->span_end_us || unit->out_us < 0 ||
        unit->out_us + unit->lasts_us / 2 < source->sound_end_us)
        return false;
    if (unit->out_us < source->sound_end_us)
        unit->out_us = source->sound_end_us;
    source->sound_end_us = unit->out_us + unit->lasts_us;
    source->stats.sounds++;
    return true;
}

/* The lane whose sample is next by time; pictures first. SL_SEGMENT_TRACKS: none is left. */
static enum sl_segment_track choose_lane(const struct sl_export_source *source)
{
    const struct lane *video = &source->lanes[SL_SEGMENT_VIDEO];
    const struct lane *sound = &source->lanes[SL_SEGMENT_AUDIO];
    if (video->next >= video->end)
        return sound->next < sound->end ? SL_SEGMENT_AUDIO : SL_SEGMENT_TRACKS;
    if (sound->next >= sound->end)
        return SL_SEGMENT_VIDEO;
    return at_us(source, sound, sound->next) < at_us(source, video, video->next) ? SL_SEGMENT_AUDIO
                                                                                 : SL_SEGMENT_VIDEO;
}

int sl_export_source_next(struct sl_export_source *source, struct sl_export_unit *ret)
{
    for (;;) {
        const enum sl_segment_track track = choose_lane(source);
        if (track == SL_SEGMENT_TRACKS) {
            const int more = load(source);
            if (more <= 0)
                return more;
            continue;
        }
        const struct lane *lane = &source->lanes[track];
        const struct sl_segment_sample *sample = &lane->samples->items[lane->next];
        struct sl_export_unit unit = {.track = track,
                                      .at_us = at_us(source, lane, lane->next),
                                      .segment = source->segment,
                                      .len = sample->size};
        if (track == SL_SEGMENT_VIDEO)
            give_picture(source, &unit);
        else if (!give_sound(source, &unit))
            continue;
        const int err = read_unit(source, sample);
        if (err != 0)
            return err;
        unit.data = source->buffer;
        *ret = unit;
        return 1;
    }
}

int sl_export_source_open(struct sl_export_source **ret,
                          const struct sl_export_source_config *config)
{
    struct sl_export_source *source = calloc(1, sizeof(*source));
    if (!source)
        return -ENOMEM;
    source->config = *config;
    source->fd = -1;
    source->end_us = NOT_YET;
    source->span_end_us = INT64_MAX;
    source->ordinary_us = ORDINARY_US;
    *ret = source;
    return 0;
}

void sl_export_source_close(struct sl_export_source *source)
{
    if (!source)
        return;
    unload(source);
    free(source->buffer);
    free(source);
}

const struct sl_segment_index *sl_export_source_index(const struct sl_export_source *source)
{
    return &source->index;
}

int64_t sl_export_source_ordinary_us(const struct sl_export_source *source)
{
    return source->ordinary_us;
}

const struct sl_export_source_stats *sl_export_source_stats(const struct sl_export_source *source)
{
    return &source->stats;
}
