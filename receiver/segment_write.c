/* SPDX-License-Identifier: MIT */
#include "receiver/segment_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "base/bytes.h"
#include "media/opus.h"
#include "receiver/segment_summary.h"

#define VIDEO_HZ 90000
#define TRIES_MAX 1000 /* names of one second */
#define IO_BYTES (64 << 10)
#define DEFAULT_TICKS (VIDEO_HZ / 30) /* of a picture that has no other beside it */
#define GAP_TICKS (VIDEO_HZ / 2)
#define GAP_ORDINARY 3

enum track { VIDEO, SOUND, TRACKS };

/* The unit held back, and what is known of those before. */
struct lane {
    AVStream *stream;
    AVPacket *held; /* size 0: none */
    sl_ns arrived;
    int64_t last;       /* time of the newest unit; -1: none yet */
    int64_t last_ticks; /* how long the one before it lasts; 0: none yet */
};

struct sl_segment_writer {
    AVFormatContext *muxer;
    struct lane lanes[TRACKS];
    int dir, fd, error;
    bool sync;
    void (*wrote)(void *ctx, int fd, bool created);
    void *ctx;
    struct sl_segment_params params;
    char path[SL_SEGMENT_PATH_BYTES];
    sl_ns fragment_began; /* SL_NEVER: nothing muxed since the last fragment */
    size_t muxed_bytes;
    uint8_t *out; /* of the muxer, not in the file yet */
    size_t out_len, out_size;
    struct sl_segment_info info, next; /* of the file; and with the fragment under way */
};

/* ---- The file ---- */

static int make_directories(int dir, const char *path)
{
    char part[SL_SEGMENT_PATH_BYTES];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdirat(dir, part, 0700) != 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* The name outlives a loss of power only if its directory is on the disk as well. */
static void sync_directories(int dir, const char *path)
{
    char part[SL_SEGMENT_PATH_BYTES];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strrchr(part, '/'); slash; slash = strrchr(part, '/')) {
        *slash = '\0';
        const int fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            (void)fsync(fd);
            close(fd);
        }
    }
    (void)fsync(dir);
}

static int make_file(struct sl_segment_writer *writer, const struct sl_segment_write_config *config)
{
    for (int try = 1; try <= TRIES_MAX; try++) {
        int err = sl_segment_path(writer->path, config->meta.camera, config->meta.start_us, try);
        if (err < 0)
            return err;
        err = make_directories(config->dir, writer->path);
        if (err != 0)
            return err;
        writer->fd = openat(config->dir, writer->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (writer->fd >= 0)
            return 0;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

/* What the muxer gives is collected: a fragment goes to the disk by one write. */
static int collect(void *ctx, uint8_t *data, int len)
{
    struct sl_segment_writer *writer = ctx;
    const size_t need = writer->out_len + (size_t)len;
    if (need > writer->out_size) {
        const size_t size = need + need / 2;
        uint8_t *out = realloc(writer->out, size);
        if (!out)
            return AVERROR(ENOMEM);
        writer->out = out;
        writer->out_size = size;
    }
    memcpy(writer->out + writer->out_len, data, (size_t)len);
    writer->out_len = need;
    return len;
}

static int write_all(int fd, const uint8_t *data, size_t len, int64_t offset)
{
    while (len > 0) {
        const ssize_t n = pwrite(fd, data, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        data += n;
        len -= (size_t)n;
        offset += n;
    }
    return 0;
}

/* The muxer's own errors are no errno. */
static int from_muxer(int err)
{
    return err < -4095 ? -EIO : err;
}

/* It ends with its last whole fragment from here on. */
static int fail(struct sl_segment_writer *writer, int err)
{
    if (writer->error == 0) {
        writer->error = from_muxer(err);
        (void)!ftruncate(writer->fd, writer->info.bytes);
    }
    return writer->error;
}

static int to_disk(struct sl_segment_writer *writer)
{
    avio_flush(writer->muxer->pb);
    int err = writer->muxer->pb->error;
    if (err == 0)
        err = write_all(writer->fd, writer->out, writer->out_len, writer->info.bytes);
    if (err == 0 && writer->sync && fdatasync(writer->fd) != 0)
        err = -errno;
    if (err != 0)
        return fail(writer, err);
    if (writer->wrote && writer->out_len > 0)
        writer->wrote(writer->ctx, writer->fd, writer->info.bytes == 0);
    writer->next.bytes += (int64_t)writer->out_len;
    writer->info = writer->next;
    writer->out_len = 0;
    return 0;
}

/* ---- Set-up ---- */

static int add_video(struct sl_segment_writer *writer, const struct sl_segment_params *params)
{
    AVStream *stream = avformat_new_stream(writer->muxer, NULL);
    if (!stream)
        return -ENOMEM;
    AVCodecParameters *par = stream->codecpar;
    par->extradata = av_mallocz(params->len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return -ENOMEM;
    memcpy(par->extradata, params->data, params->len);
    par->extradata_size = (int)params->len;
    par->codec_type = AVMEDIA_TYPE_VIDEO;
    par->codec_id = AV_CODEC_ID_H264;
    par->width = params->width;
    par->height = params->height;
    stream->time_base = (AVRational){1, VIDEO_HZ};
    writer->lanes[VIDEO].stream = stream;
    return 0;
}

static int add_sound(struct sl_segment_writer *writer, int channels)
{
    AVStream *stream = avformat_new_stream(writer->muxer, NULL);
    if (!stream)
        return -ENOMEM;
    AVCodecParameters *par = stream->codecpar;
    /* OpusHead (RFC 7845 section 5.1), without pre-skip: a stream's beginning is long past. */
    const uint8_t head[19] = {'O', 'p', 'u',  's', 'H', 'e', 'a', 'd', 1, (uint8_t)channels,
                              0,   0,   0x80, 0xbb};
    par->extradata = av_mallocz(sizeof(head) + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!par->extradata)
        return -ENOMEM;
    memcpy(par->extradata, head, sizeof(head));
    par->extradata_size = sizeof(head);
    par->codec_type = AVMEDIA_TYPE_AUDIO;
    par->codec_id = AV_CODEC_ID_OPUS;
    par->sample_rate = SL_OPUS_CLOCK_HZ;
    par->frame_size = SL_OPUS_CLOCK_HZ / 50; /* usually */
    av_channel_layout_default(&par->ch_layout, channels);
    stream->time_base = (AVRational){1, SL_OPUS_CLOCK_HZ};
    writer->lanes[SOUND].stream = stream;
    return 0;
}

static int set_tag(struct sl_segment_writer *writer, const char *key, const char *value)
{
    return av_dict_set(&writer->muxer->metadata, key, value, 0);
}

static int set_tags(struct sl_segment_writer *writer, const struct sl_segment_meta *meta)
{
    static const char *const clocks[] = {"unknown", "free", "synced"};
    char start[24], mono[24];
    snprintf(start, sizeof(start), "%" PRId64, meta->start_us);
    snprintf(mono, sizeof(mono), "%" PRId64, meta->start_mono);
    int err = set_tag(writer, "sightline.uuid", meta->uuid);
    err = err < 0 ? err : set_tag(writer, "sightline.camera", meta->camera);
    err = err < 0 ? err : set_tag(writer, "sightline.location", meta->location);
    err = err < 0 ? err : set_tag(writer, "sightline.start", start);
    err = err < 0 ? err : set_tag(writer, "sightline.clock", clocks[meta->clock]);
    err = err < 0 ? err : set_tag(writer, "sightline.boot", meta->boot_id);
    return err < 0 ? err : set_tag(writer, "sightline.mono", mono);
}

static int make_muxer(struct sl_segment_writer *writer,
                      const struct sl_segment_write_config *config)
{
    if (avformat_alloc_output_context2(&writer->muxer, NULL, "mp4", NULL) < 0)
        return -ENOMEM;
    uint8_t *buffer = av_malloc(IO_BYTES);
    if (!buffer)
        return -ENOMEM;
    writer->muxer->pb = avio_alloc_context(buffer, IO_BYTES, 1, writer, NULL, collect, NULL);
    if (!writer->muxer->pb) {
        av_free(buffer);
        return -ENOMEM;
    }
    writer->muxer->flags |= AVFMT_FLAG_CUSTOM_IO;
    writer->muxer->avoid_negative_ts = 0; /* times are ours */
    for (int i = 0; i < TRACKS; i++) {
        writer->lanes[i].last = -1;
        if (!(writer->lanes[i].held = av_packet_alloc()))
            return -ENOMEM;
    }
    int err = add_video(writer, &config->params);
    if (err == 0 && config->sound)
        err = add_sound(writer, config->channels);
    return err != 0 ? err : set_tags(writer, &config->meta);
}

/* Without a trailer: nothing but the summary tells a file that was closed from one that was cut. */
static int write_head(struct sl_segment_writer *writer)
{
    AVDictionary *options = NULL;
    int err = av_dict_set(&options, "movflags",
                          "frag_custom+empty_moov+default_base_moof+use_metadata_tags+skip_trailer"
                          "+frag_discont",
                          0);
    if (err >= 0)
        err = av_dict_set(&options, "use_editlist", "0", 0);
    if (err >= 0)
        err = avformat_write_header(writer->muxer, &options);
    av_dict_free(&options);
    return err < 0 ? from_muxer(err) : to_disk(writer);
}

static void destroy(struct sl_segment_writer *writer)
{
    for (int i = 0; i < TRACKS; i++)
        av_packet_free(&writer->lanes[i].held);
    if (writer->muxer && writer->muxer->pb) {
        av_freep(&writer->muxer->pb->buffer);
        avio_context_free(&writer->muxer->pb);
    }
    avformat_free_context(writer->muxer);
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->dir >= 0)
        close(writer->dir);
    free(writer->out);
    free(writer);
}

int sl_segment_write_open(struct sl_segment_writer **ret,
                          const struct sl_segment_write_config *config)
{
    struct sl_segment_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return -ENOMEM;
    writer->fd = -1;
    writer->dir = fcntl(config->dir, F_DUPFD_CLOEXEC, 0);
    writer->sync = config->sync;
    writer->wrote = config->wrote;
    writer->ctx = config->ctx;
    writer->params = config->params;
    writer->fragment_began = SL_NEVER;
    writer->next.meta = config->meta;
    writer->next.sound = config->sound;
    writer->next.width = config->params.width;
    writer->next.height = config->params.height;
    int err = writer->dir < 0 ? -errno : make_muxer(writer, config);
    if (err == 0)
        err = make_file(writer, config);
    if (err == 0 && (err = write_head(writer)) != 0)
        (void)unlinkat(config->dir, writer->path, 0); /* made by us a moment ago */
    if (err != 0) {
        destroy(writer);
        return err;
    }
    if (config->sync)
        sync_directories(config->dir, writer->path);
    *ret = writer;
    return 0;
}

/* ---- Units ---- */

static void count(struct sl_segment_writer *writer, enum track track, int64_t at, int64_t ticks)
{
    const int64_t hz = track == VIDEO ? VIDEO_HZ : SL_OPUS_CLOCK_HZ;
    const int64_t end_us = (at + ticks) * 1000000 / hz;
    if (end_us > writer->next.duration_us)
        writer->next.duration_us = end_us;
    if (track == SOUND) {
        writer->next.sounds++;
        return;
    }
    writer->next.frames++;
}

/* How long the newest picture lasted, now that the next one is there. */
static void count_gap(struct sl_segment_writer *writer, int64_t ticks)
{
    const int64_t ordinary = writer->lanes[VIDEO].last_ticks;
    if (ticks <= GAP_TICKS || ticks <= GAP_ORDINARY * ordinary)
        return;
    writer->next.gaps++;
    writer->next.gaps_us += ticks * 1000000 / VIDEO_HZ;
}

/* What is held goes to the muxer, as a unit of `ticks`. */
static int release(struct sl_segment_writer *writer, enum track track, int64_t ticks)
{
    struct lane *lane = &writer->lanes[track];
    AVPacket *held = lane->held;
    count(writer, track, held->dts, ticks);
    held->duration = ticks;
    writer->muxed_bytes += (size_t)held->size;
    if (lane->arrived < writer->fragment_began)
        writer->fragment_began = lane->arrived;
    const int err = av_write_frame(writer->muxer, held);
    av_packet_unref(held);
    return err < 0 ? fail(writer, err) : 0;
}

/* Nothing to tell it by. */
static int64_t guess(const struct sl_segment_writer *writer, enum track track)
{
    const struct lane *lane = &writer->lanes[track];
    if (track == SOUND)
        return sl_opus_samples(lane->held->data, (size_t)lane->held->size);
    return lane->last_ticks ? lane->last_ticks : DEFAULT_TICKS;
}

/* Cuts the fragment here. The next one's times begin with those of its first units. */
static int end_fragment(struct sl_segment_writer *writer)
{
    if (writer->fragment_began == SL_NEVER)
        return 0;
    int err = av_write_frame(writer->muxer, NULL);
    if (err < 0)
        return fail(writer, err);
    err = av_opt_set(writer->muxer->priv_data, "movflags", "+frag_discont", 0);
    if (err < 0)
        return fail(writer, err);
    writer->fragment_began = SL_NEVER;
    writer->muxed_bytes = 0;
    return to_disk(writer);
}

sl_ns sl_segment_write_due(const struct sl_segment_writer *writer)
{
    sl_ns oldest = writer->fragment_began;
    for (int i = 0; i < TRACKS; i++)
        if (writer->lanes[i].held->size > 0 && writer->lanes[i].arrived < oldest)
            oldest = writer->lanes[i].arrived;
    return oldest == SL_NEVER ? SL_NEVER : oldest + SL_SEGMENT_FRAGMENT;
}

int sl_segment_write_flush(struct sl_segment_writer *writer, sl_ns now)
{
    if (writer->error != 0)
        return writer->error;
    if (now < sl_segment_write_due(writer) && writer->muxed_bytes < SL_SEGMENT_FRAGMENT_BYTES)
        return 0;
    for (int i = 0; i < TRACKS; i++) {
        const struct lane *lane = &writer->lanes[i];
        if (lane->held->size == 0 || now < lane->arrived + SL_SEGMENT_FRAGMENT)
            continue;
        const int err = release(writer, i, guess(writer, i));
        if (err != 0)
            return err;
    }
    return end_fragment(writer);
}

/* Makes room for a unit at `at`, which tells how long the one before it lasts. */
static int follow(struct sl_segment_writer *writer, enum track track, int64_t at, sl_ns now)
{
    struct lane *lane = &writer->lanes[track];
    const int64_t ticks = at - lane->last;
    if (lane->last < 0)
        return 0;
    if (ticks <= 0)
        return -EINVAL;
    if (track == VIDEO)
        count_gap(writer, ticks);
    const int err = lane->held->size > 0 ? release(writer, track, ticks) : 0;
    lane->last_ticks = ticks;
    return err != 0 ? err : sl_segment_write_flush(writer, now);
}

static void hold(struct lane *lane, int64_t at, bool key, sl_ns now)
{
    lane->held->stream_index = lane->stream->index;
    lane->held->dts = lane->held->pts = at;
    lane->held->flags = key ? AV_PKT_FLAG_KEY : 0;
    lane->last = at;
    lane->arrived = now;
}

int sl_segment_write_video(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *unit,
                           size_t len, bool key, sl_ns now)
{
    struct lane *lane = &writer->lanes[VIDEO];
    const int64_t at = (at_us * VIDEO_HZ + 500000) / 1000000;
    int err = writer->error != 0 ? writer->error : follow(writer, VIDEO, at, now);
    if (err != 0)
        return err;
    if (av_new_packet(lane->held, (int)sl_segment_avc_room(len)) < 0)
        return fail(writer, -ENOMEM);
    const size_t stripped = sl_segment_avc_strip(lane->held->data, &writer->params, unit, len);
    av_shrink_packet(lane->held, (int)stripped);
    hold(lane, at, key, now);
    return 0;
}

int sl_segment_write_sound(struct sl_segment_writer *writer, int64_t at_us, const uint8_t *packet,
                           size_t len, sl_ns now)
{
    struct lane *lane = &writer->lanes[SOUND];
    const int64_t at = (at_us * SL_OPUS_CLOCK_HZ + 500000) / 1000000;
    if (!lane->stream || at_us < 0 || sl_opus_samples(packet, len) < 0)
        return -EINVAL;
    int err = writer->error != 0 ? writer->error : follow(writer, SOUND, at, now);
    if (err != 0)
        return err;
    if (av_new_packet(lane->held, (int)len) < 0)
        return fail(writer, -ENOMEM);
    memcpy(lane->held->data, packet, len);
    hold(lane, at, true, now);
    return 0;
}

/* ---- The end ---- */

/* Of the last unit of a file that ends at `end_us`; sound does not outlast the pictures. */
static int64_t last_ticks(const struct sl_segment_writer *writer, enum track track, int64_t end_us)
{
    const int64_t hz = track == VIDEO ? VIDEO_HZ : SL_OPUS_CLOCK_HZ;
    const int64_t left = (end_us * hz + 500000) / 1000000 - writer->lanes[track].held->dts;
    const int64_t usual = guess(writer, track);
    return left > 0 && (track == VIDEO || left < usual) ? left : usual;
}

/* So that reading the file back need not look at each fragment. */
static int summarise(struct sl_segment_writer *writer)
{
    uint8_t summary[SL_SEGMENT_SUMMARY_BYTES];
    sl_segment_summary_write(summary, &writer->info);
    avio_write(writer->muxer->pb, summary, sizeof(summary));
    return to_disk(writer);
}

int sl_segment_write_close(struct sl_segment_writer *writer, int64_t end_us,
                           struct sl_segment_info *info)
{
    int err = writer->error;
    for (int i = 0; i < TRACKS && err == 0; i++) {
        const AVPacket *held = writer->lanes[i].held;
        if (held->size == 0)
            continue;
        const int64_t ticks = last_ticks(writer, i, end_us);
        if (i == VIDEO) /* as whoever counts the file would */
            count_gap(writer, ticks);
        err = release(writer, i, ticks);
    }
    if (err == 0)
        err = end_fragment(writer);
    if (err == 0 && av_write_trailer(writer->muxer) == 0) /* frees; there is nothing to write */
        err = to_disk(writer);
    if (err == 0 && writer->info.frames > 0)
        err = summarise(writer);
    if (info)
        *info = writer->info;
    if (writer->info.frames == 0) /* of no use to anybody */
        (void)unlinkat(writer->dir, writer->path, 0);
    destroy(writer);
    return err;
}

void sl_segment_write_info(const struct sl_segment_writer *writer, struct sl_segment_info *ret)
{
    *ret = writer->info;
}

const char *sl_segment_write_path(const struct sl_segment_writer *writer)
{
    return writer->path;
}

int sl_segment_write_fd(const struct sl_segment_writer *writer)
{
    return writer->fd;
}
