/* SPDX-License-Identifier: MIT */
#include "receiver/record_track.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "jitter/jitter.h"
#include "receiver/record_clock.h"
#include "receiver/record_preroll.h"
#include "receiver/record_sound.h"

#define VIDEO_HZ 90000
#define SOUND_HZ 48000
#define PACKETS 2048                /* 2 s of 9 Mb/s */
#define SOUND_WAIT (SL_SEC * 5 / 2) /* for its picture; longer than pictures wait for packets */
#define TRY_AGAIN (1 * SL_SEC)
#define ASK_AGAIN (SL_SEC / 2)
#define GAP_LEAST (50 * SL_MS) /* a key frame took the place of what was lost */
#define GAP_SAID (10 * SL_SEC)
#define OVERLAP (100 * SL_MS / SL_US) /* a new segment begins where the last one ended */
#define TEXT 256

enum gap { NO_GAP, GAP_LOST, GAP_OVERRUN };

struct sl_record_track {
    struct sl_record_track_config config;
    sl_ns wall_offset;
    enum sl_clock_state clock_state;
    bool connected, has_sound;

    struct sl_jitter *jitter;
    bool ssrc_known;
    uint32_t ssrc;
    struct sl_record_clock clock, sound_clock;
    bool picture_known;    /* picture is set */
    sl_ns picture;         /* time of the newest picture */
    bool sound_time_known; /* of the packet that sound gives next */
    sl_ns sound_time;

    struct sl_segment_writer *writer; /* NULL: no segment */
    struct sl_segment_params params;
    char uuid[SL_SEGMENT_UUID_BYTES];
    sl_ns start, file_offset;      /* its beginning, monotonic, and the wall's offset in it */
    int64_t start_us, last_end_us; /* of the segment before */
    sl_ns told;                    /* of it, the last time */
    int64_t told_bytes;

    struct sl_record_rule rule;
    bool moving;
    sl_ns wanted_until; /* MOTION, after it ended */
    struct sl_record_preroll preroll;

    bool storage_fine, failing, announce;
    sl_ns try_at;              /* no earlier; 0: whenever */
    enum gap gap;              /* since the newest picture */
    sl_ns gap_said, key_asked; /* 0: never */
    uint64_t gaps_unsaid;
    struct sl_record_track_stats stats;
    struct sl_record_sound sound;
};

/* ---- News ---- */

static SL_PRINTF(3, 4) void say(struct sl_record_track *track, enum sl_log_level level,
                                const char *format, ...)
{
    char text[TEXT];
    const int len = snprintf(text, sizeof(text), "camera %s: ", track->config.camera);
    va_list args;
    va_start(args, format);
    vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
    va_end(args);
    track->config.news->say(track->config.ctx, level, text);
}

static void tell_segment(struct sl_record_track *track, const struct sl_segment_info *info,
                         const char *path, bool open)
{
    struct sl_segment_row row = {.info = *info, .open = open};
    snprintf(row.path, sizeof(row.path), "%s", path);
    track->config.news->segment(track->config.ctx, &row);
}

static void tell_growth(struct sl_record_track *track, sl_ns now)
{
    struct sl_segment_info info;
    if (!track->writer || now - track->told < SL_RECORD_GROWN)
        return;
    track->config.files->info(track->writer, &info);
    if (info.bytes == track->told_bytes)
        return;
    track->told = now;
    track->told_bytes = info.bytes;
    tell_segment(track, &info, track->config.files->path(track->writer), true);
}

static int64_t wall_us(const struct sl_record_track *track, sl_ns time)
{
    return (time + track->wall_offset) / SL_US;
}

/* The picture at `time` is the first one after a gap. */
static void tell_gap(struct sl_record_track *track, sl_ns time)
{
    static const char *const why[] = {
        [GAP_LOST] = "lost on the way", [GAP_OVERRUN] = "the recorder did not keep up"};
    const enum gap gap = track->gap;
    track->gap = NO_GAP;
    if (gap == NO_GAP || !track->picture_known || time - track->picture < GAP_LEAST)
        return;
    struct sl_catalogue_event event = {
        .type = "gap", .start_us = wall_us(track, track->picture), .end_us = wall_us(track, time)};
    snprintf(event.camera, sizeof(event.camera), "%s", track->config.camera);
    snprintf(event.detail, sizeof(event.detail), "%s", why[gap]);
    track->config.news->event(track->config.ctx, &event);
    if (track->gap_said && time - track->gap_said < GAP_SAID) {
        track->gaps_unsaid++;
        return;
    }
    char more[48] = "";
    if (track->gaps_unsaid)
        snprintf(more, sizeof(more), ", and %" PRIu64 " before it", track->gaps_unsaid);
    say(track, SL_LOG_WARN, "a gap of %.1f s in the recording: %s%s",
        (double)(time - track->picture) / (double)SL_SEC, why[gap], more);
    track->gap_said = time;
    track->gaps_unsaid = 0;
}

/* ---- Segments ---- */

static void close_segment(struct sl_record_track *track, sl_ns end)
{
    struct sl_segment_info info;
    char path[SL_SEGMENT_PATH_BYTES];
    if (!track->writer)
        return;
    snprintf(path, sizeof(path), "%s", track->config.files->path(track->writer));
    const int64_t end_us = end ? (end + track->file_offset) / SL_US - track->start_us : 0;
    const int err = track->config.files->close(track->writer, end_us, &info);
    track->writer = NULL;
    track->last_end_us = info.meta.start_us + info.duration_us;
    if (err != 0 && !track->failing)
        say(track, SL_LOG_ERROR, "%s: its end could not be written: %s", path, strerror(-err));
    tell_segment(track, &info, path, false);
}

/* Says so once, and tries again from time to time. */
static void fail(struct sl_record_track *track, int err, sl_ns now)
{
    track->stats.failures++;
    track->try_at = now + TRY_AGAIN;
    if (!track->failing)
        say(track, SL_LOG_ERROR, "recording stopped: %s", strerror(-err));
    track->failing = true;
    track->announce = true;
    close_segment(track, 0);
}

static struct sl_segment_write_config segment_config(struct sl_record_track *track, sl_ns time)
{
    const struct sl_record_track_config *config = &track->config;
    struct sl_segment_write_config ret = {
        .meta = {.clock = track->clock_state, .start_us = wall_us(track, time), .start_mono = time},
        .params = track->params,
        .sound = track->has_sound,
        .channels = 2,
    };
    const int64_t overlap = track->last_end_us - ret.meta.start_us;
    if (overlap > 0 && overlap < OVERLAP)
        ret.meta.start_us = track->last_end_us;
    sl_segment_uuid(ret.meta.uuid, config->random);
    memcpy(ret.meta.camera, config->camera, sizeof(config->camera));
    memcpy(ret.meta.location, config->location, sizeof(config->location));
    memcpy(ret.meta.boot_id, config->boot_id, sizeof(config->boot_id));
    return ret;
}

static void open_segment(struct sl_record_track *track, sl_ns time, sl_ns now)
{
    struct sl_segment_info info;
    const struct sl_segment_write_config config = segment_config(track, time);
    const int err = track->config.files->open(track->config.ctx, &track->writer, &config);
    if (err != 0) {
        track->writer = NULL;
        fail(track, err, now);
        return;
    }
    const char *path = track->config.files->path(track->writer);
    say(track, track->announce ? SL_LOG_INFO : SL_LOG_DEBUG, "recording to %s", path);
    track->announce = track->failing = false;
    track->start = time;
    track->start_us = config.meta.start_us;
    track->file_offset = track->wall_offset;
    track->told = now;
    track->told_bytes = 0;
    track->stats.segments++;
    track->config.files->info(track->writer, &info);
    tell_segment(track, &info, path, true);
}

static bool stepped(const struct sl_record_track *track)
{
    const sl_ns step = track->wall_offset - track->file_offset;
    return step > SL_RECORD_STEP || step < -SL_RECORD_STEP;
}

/* The wall's clock has passed a multiple of the length of segments. */
static bool is_full(const struct sl_record_track *track, sl_ns time)
{
    const sl_ns length = track->config.segment;
    return (time + track->file_offset) / length != (track->start + track->file_offset) / length;
}

/* Not again before the answer can be here. */
static void want_key(struct sl_record_track *track, sl_ns now)
{
    if (track->key_asked && now - track->key_asked < ASK_AGAIN)
        return;
    track->key_asked = now;
    track->config.news->key_wanted(track->config.ctx);
}

/* ---- Sound ---- */

/* True if the rule wants what was captured at `time`. */
static bool wanted(const struct sl_record_track *track, sl_ns time)
{
    if (track->rule.mode == SL_RECORD_MOTION)
        return track->moving || time <= track->wanted_until;
    return track->rule.mode == SL_RECORD_ALWAYS;
}

static void remember(struct sl_record_track *track, bool sound, bool key, sl_ns time,
                     const uint8_t *data, size_t len)
{
    if (track->rule.mode == SL_RECORD_MOTION)
        sl_record_preroll_add(&track->preroll, sound, key, time, data, len, track->rule.pre);
}

static void place_sound(struct sl_record_track *track, sl_ns time, const uint8_t *data, size_t len,
                        sl_ns now)
{
    if (!track->writer)
        remember(track, true, false, time, data, len);
    if (!track->writer || time < track->start)
        return;
    const int err =
        track->config.files->sound(track->writer, (time - track->start) / SL_US, data, len, now);
    if (err == 0)
        track->stats.sounds_written++;
    else if (err != -EINVAL)
        fail(track, err, now);
}

/* Writes what is no later than the newest picture; or, if that does not come, what waited long. */
static void pump_sound(struct sl_record_track *track, sl_ns now, bool all)
{
    const struct sl_record_sound_packet *packet;
    const sl_ns patience = all ? 0 : SL_RECORD_PATIENCE;
    while ((packet = sl_record_sound_peek(&track->sound, now, patience))) {
        if (!track->sound_time_known)
            track->sound_time = sl_record_clock_next(&track->sound_clock, packet->timestamp,
                                                     packet->capture, packet->arrived);
        track->sound_time_known = true;
        if (!all && !(track->picture_known && track->sound_time < track->picture) &&
            now - packet->arrived < SOUND_WAIT)
            return;
        track->stats.sounds++;
        place_sound(track, track->sound_time, packet->data, packet->len, now);
        track->sound_time_known = false;
        sl_record_sound_take(&track->sound);
    }
}

/* ---- Pictures ---- */

/* A key frame: perhaps the segment ends here, perhaps one begins. */
static void look_at_key(struct sl_record_track *track, const uint8_t *unit, size_t len, sl_ns time,
                        sl_ns now)
{
    struct sl_segment_params params;
    if (sl_segment_params_read(&params, unit, len) != 0)
        return; /* no segment could begin with it; one that is under way goes on */
    const bool changed =
        params.len != track->params.len || memcmp(params.data, track->params.data, params.len) != 0;
    const bool want = wanted(track, time);
    if (track->writer && (!want || changed || stepped(track) || is_full(track, time))) {
        track->picture = time; /* the sound before it belongs to the old one */
        pump_sound(track, now, false);
        close_segment(track, time);
        track->announce |= !want;
    }
    track->params = params;
    if (!track->writer && want && track->storage_fine && now >= track->try_at)
        open_segment(track, time, now);
}

static void place_picture(struct sl_record_track *track, sl_ns time, bool key, const uint8_t *unit,
                          size_t len, sl_ns now)
{
    if (key)
        look_at_key(track, unit, len, time, now);
    if (!track->writer) {
        track->stats.unwritten++;
        remember(track, false, key, time, unit, len);
        return;
    }
    const int err = track->config.files->video(track->writer, (time - track->start) / SL_US, unit,
                                               len, key, now);
    track->stats.written += err == 0;
    track->stats.unwritten += err != 0;
    if (err != 0)
        fail(track, err, now);
}

/* What was kept in memory is wanted now. */
static void replay(struct sl_record_track *track, sl_ns now)
{
    struct sl_record_preroll preroll = track->preroll;
    struct sl_record_unit *unit;
    track->preroll = (struct sl_record_preroll){0};
    const sl_ns picture = track->picture;
    while ((unit = sl_record_preroll_take(&preroll))) {
        track->stats.unwritten -= !unit->sound;
        if (unit->sound)
            place_sound(track, unit->time, unit->data, unit->len, now);
        else
            place_picture(track, unit->time, unit->key, unit->data, unit->len, now);
        free(unit);
    }
    track->picture = picture;
}

static sl_ns capture_of(const struct sl_record_track *track, bool known, uint64_t ntp)
{
    return known ? sl_ntp_to_ns(ntp, track->config.epoch) : SL_NEVER;
}

static void tell_key(const struct sl_record_track *track, const struct sl_jitter_frame *frame,
                     sl_ns time)
{
    struct sl_segment_params params;
    if (frame->key && track->config.news->key &&
        sl_segment_params_read(&params, frame->data, frame->len) == 0)
        track->config.news->key(track->config.ctx, wall_us(track, time), frame->data, frame->len);
}

static void take_picture(struct sl_record_track *track, const struct sl_jitter_frame *frame,
                         sl_ns now)
{
    const sl_ns time = sl_record_clock_next(
        &track->clock, frame->timestamp, capture_of(track, frame->has_capture, frame->capture_ntp),
        frame->arrived);
    track->stats.pictures++;
    if (track->writer)
        tell_gap(track, time);
    track->gap = NO_GAP;
    tell_key(track, frame, time);
    place_picture(track, time, frame->key, frame->data, frame->len, now);
    track->picture = time;
    track->picture_known = true;
    if (track->writer && !frame->key && (is_full(track, time) || stepped(track)))
        want_key(track, now);
    pump_sound(track, now, false);
}

static void pump_video(struct sl_record_track *track, sl_ns now, sl_ns jitter_now)
{
    struct sl_jitter_frame frame;
    enum sl_jitter_pop pop;
    while ((pop = sl_jitter_pop(track->jitter, jitter_now, &frame)) != SL_JITTER_WAIT) {
        if (pop == SL_JITTER_FRAME) {
            take_picture(track, &frame, now);
            continue;
        }
        track->stats.breaks++;
        if (track->gap == NO_GAP)
            track->gap = GAP_LOST;
        want_key(track, now);
    }
}

/* What waits for something that will not come any more. */
static void drain(struct sl_record_track *track, sl_ns now)
{
    pump_video(track, now, now + 2 * SL_RECORD_PATIENCE);
    pump_sound(track, now, true);
}

static void begin_stream(struct sl_record_track *track)
{
    sl_jitter_reset(track->jitter);
    sl_record_sound_init(&track->sound);
    sl_record_clock_init(&track->clock, VIDEO_HZ);
    sl_record_clock_init(&track->sound_clock, SOUND_HZ);
    sl_record_preroll_clear(&track->preroll);
    track->moving = false;
    track->wanted_until = INT64_MIN;
    track->ssrc_known = track->picture_known = track->sound_time_known = false;
    track->gap = NO_GAP;
}

/* ---- The face ---- */

int sl_record_track_create(struct sl_record_track **ret,
                           const struct sl_record_track_config *config)
{
    const struct sl_jitter_config jitter = {.clock_hz = VIDEO_HZ,
                                            .capacity = PACKETS,
                                            .delay = SL_RECORD_PATIENCE,
                                            .wait_max = SL_RECORD_PATIENCE};
    if (config->segment < SL_SEC)
        return -EINVAL;
    struct sl_record_track *track = calloc(1, sizeof(*track));
    if (!track)
        return -ENOMEM;
    track->config = *config;
    track->rule = sl_record_rule_default();
    track->storage_fine = true;
    const int err = sl_jitter_create(&track->jitter, &jitter);
    if (err != 0) {
        free(track);
        return err;
    }
    begin_stream(track);
    *ret = track;
    return 0;
}

void sl_record_track_destroy(struct sl_record_track *track)
{
    if (!track)
        return;
    if (track->writer)
        (void)track->config.files->close(track->writer, 0, NULL);
    sl_record_preroll_clear(&track->preroll);
    sl_jitter_destroy(track->jitter);
    free(track);
}

void sl_record_track_wall(struct sl_record_track *track, sl_ns wall_offset,
                          enum sl_clock_state clock)
{
    track->wall_offset = wall_offset;
    track->clock_state = clock;
}

void sl_record_track_storage(struct sl_record_track *track, bool fine, sl_ns now)
{
    if (track->storage_fine == fine)
        return;
    track->storage_fine = fine;
    track->announce = true;
    if (!fine) {
        track->failing = true; /* who looks at the storage says why */
        drain(track, now);
        close_segment(track, 0);
    } else {
        track->failing = false;
        track->try_at = 0;
        if (track->connected)
            want_key(track, now);
    }
}

void sl_record_track_rule(struct sl_record_track *track, const struct sl_record_rule *rule,
                          sl_ns now)
{
    const bool was = wanted(track, now);
    track->rule = *rule;
    if (rule->mode == SL_RECORD_OFF && track->writer) {
        pump_sound(track, now, false);
        close_segment(track, 0);
        track->announce = true;
    }
    if (rule->mode != SL_RECORD_MOTION)
        sl_record_preroll_clear(&track->preroll);
    if (!was && wanted(track, now) && track->connected)
        want_key(track, now);
}

void sl_record_track_motion(struct sl_record_track *track, bool moving, sl_ns last, sl_ns now)
{
    track->moving = moving;
    if (!moving) {
        track->wanted_until = last + track->rule.post;
    } else if (!track->writer && track->rule.mode == SL_RECORD_MOTION) {
        if (!track->preroll.first)
            want_key(track, now);
        replay(track, now);
    }
}

void sl_record_track_location(struct sl_record_track *track, const char *location)
{
    snprintf(track->config.location, sizeof(track->config.location), "%s", location);
}

void sl_record_track_connect(struct sl_record_track *track, bool sound)
{
    begin_stream(track);
    track->connected = true;
    track->has_sound = sound;
    track->announce = true;
    track->failing = false;
    track->try_at = 0;
}

void sl_record_track_disconnect(struct sl_record_track *track, sl_ns now)
{
    drain(track, now);
    close_segment(track, 0);
    begin_stream(track);
    track->connected = false;
}

void sl_record_track_packet(struct sl_record_track *track, enum sl_media_kind kind,
                            const struct sl_rtp_packet *packet, sl_ns arrival)
{
    if (!track->connected)
        return;
    if (kind == SL_AUDIO && track->has_sound) {
        const uint64_t ntp = packet->capture_ntp -
                             (packet->has_capture_offset ? (uint64_t)packet->capture_offset : 0);
        sl_record_sound_put(&track->sound, packet, capture_of(track, packet->has_capture, ntp),
                            arrival);
    } else if (kind == SL_VIDEO) {
        if (track->ssrc_known && packet->ssrc != track->ssrc) {
            drain(track, arrival);
            sl_jitter_reset(track->jitter);
        }
        track->ssrc_known = true;
        track->ssrc = packet->ssrc;
        (void)sl_jitter_put(track->jitter, packet, arrival); /* it counts what it refuses */
        if (packet->marker)
            pump_video(track, arrival, arrival);
    }
}

void sl_record_track_overrun(struct sl_record_track *track)
{
    track->stats.overruns++;
    track->gap = GAP_OVERRUN;
}

void sl_record_track_tick(struct sl_record_track *track, sl_ns now)
{
    if (!track->connected)
        return;
    pump_video(track, now, now);
    pump_sound(track, now, false);
    if (track->writer) {
        const int err = track->config.files->flush(track->writer, now);
        if (err != 0)
            fail(track, err, now);
    }
    tell_growth(track, now);
}

sl_ns sl_record_track_due(const struct sl_record_track *track)
{
    if (!track->connected)
        return SL_NEVER;
    sl_ns due = sl_jitter_due(track->jitter);
    const sl_ns file = track->writer ? track->config.files->due(track->writer) : SL_NEVER;
    return file < due ? file : due;
}

void sl_record_track_stats(const struct sl_record_track *track, struct sl_record_track_stats *ret)
{
    *ret = track->stats;
}
