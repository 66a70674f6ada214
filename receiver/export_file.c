/* SPDX-License-Identifier: MIT */
#include "receiver/export_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libavformat/avformat.h>

#define VIDEO_HZ 90000

static const struct {
    const char *ending, *muxer;
} kinds[] = {
    [SL_EXPORT_MP4] = {"mp4", "mp4"}, [SL_EXPORT_MKV] = {"mkv", "matroska"},
    [SL_EXPORT_MOV] = {"mov", "mov"}, [SL_EXPORT_WEBM] = {"webm", "webm"},
    [SL_EXPORT_AVI] = {"avi", "avi"},
};

int sl_export_kind_of(const char *path, enum sl_export_kind *ret)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && dot != path && i < SL_COUNT(kinds); i++) {
        if (strcasecmp(dot + 1, kinds[i].ending) == 0) {
            *ret = (enum sl_export_kind)i;
            return 0;
        }
    }
    return -EINVAL;
}

struct sl_export_file {
    AVFormatContext *muxer;
    AVStream *streams[SL_SEGMENT_TRACKS];
    int64_t last[SL_SEGMENT_TRACKS]; /* decoding time of the last packet, in its stream's base */
    bool made, placed;
    char path[SL_EXPORT_PATH_BYTES], beside[SL_EXPORT_PATH_BYTES + 32];
};

/* libavformat's own errors are no errno. */
static int from_muxer(int err)
{
    return err < -4095 ? -EIO : err;
}

static int name_files(struct sl_export_file *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    const int dir = slash ? (int)(slash + 1 - path) : 0;
    if (strlen(path) >= sizeof(file->path))
        return -ENAMETOOLONG;
    snprintf(file->path, sizeof(file->path), "%s", path);
    snprintf(file->beside, sizeof(file->beside), "%.*s.%s.%ld.part", dir, path, path + dir,
             (long)getpid());
    return 0;
}

/* Ours alone, and not through a link that somebody put there. */
static int make_file(struct sl_export_file *file)
{
    const int fd = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    close(fd);
    file->made = true;
    char url[sizeof(file->beside) + 8];
    snprintf(url, sizeof(url), "file:%s", file->beside);
    file->muxer->url = av_strdup(url); /* the muxer reads it again to move its index to the front */
    if (!file->muxer->url)
        return -ENOMEM;
    const int err = avio_open(&file->muxer->pb, url, AVIO_FLAG_WRITE);
    return err < 0 ? from_muxer(err) : 0;
}

static int add_stream(struct sl_export_file *file, enum sl_segment_track track,
                      const AVCodecParameters *parameters, AVRational base)
{
    AVStream *stream = avformat_new_stream(file->muxer, NULL);
    if (!stream || avcodec_parameters_copy(stream->codecpar, parameters) < 0)
        return -ENOMEM;
    stream->time_base = base;
    file->streams[track] = stream;
    file->last[track] = INT64_MIN;
    return 0;
}

static int add_streams(struct sl_export_file *file, const struct sl_export_file_config *config)
{
    const AVRational fine = {1, VIDEO_HZ};
    const bool counts = config->kind == SL_EXPORT_AVI;
    int err =
        add_stream(file, SL_SEGMENT_VIDEO, config->video, counts ? av_inv_q(config->rate) : fine);
    if (err == 0) {
        file->streams[SL_SEGMENT_VIDEO]->avg_frame_rate = config->rate;
        if (config->sound)
            err = add_stream(file, SL_SEGMENT_AUDIO, config->sound,
                             (AVRational){1, config->sound->sample_rate});
    }
    return err;
}

static int describe(AVFormatContext *muxer, const struct sl_export_file_config *config)
{
    const time_t seconds = (time_t)(config->start_us / 1000000);
    struct tm utc;
    char day[32], text[64];
    if (!gmtime_r(&seconds, &utc) || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return -EINVAL;
    snprintf(text, sizeof(text), "%s.%06dZ", day, (int)(config->start_us % 1000000));
    if (av_dict_set(&muxer->metadata, "creation_time", text, 0) < 0 ||
        av_dict_set(&muxer->metadata, "title", config->title, 0) < 0 ||
        av_dict_set(&muxer->metadata, "comment", config->comment, 0) < 0)
        return -ENOMEM;
    return 0;
}

static int write_head(struct sl_export_file *file, enum sl_export_kind kind)
{
    AVDictionary *options = NULL;
    int err = 0;
    if (kind == SL_EXPORT_MP4 || kind == SL_EXPORT_MOV)
        err = av_dict_set(&options, "movflags", "+faststart", 0);
    if (err >= 0)
        err = avformat_write_header(file->muxer, &options);
    av_dict_free(&options);
    return err < 0 ? from_muxer(err) : 0;
}

int sl_export_file_open(struct sl_export_file **ret, const struct sl_export_file_config *config,
                        char why[SL_STORE_WHY])
{
    struct sl_export_file *file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    int err = name_files(file, config->path);
    if (err == 0 &&
        avformat_alloc_output_context2(&file->muxer, NULL, kinds[config->kind].muxer, NULL) < 0)
        err = -ENOMEM;
    if (err == 0)
        err = add_streams(file, config);
    if (err == 0)
        err = describe(file->muxer, config);
    if (err == 0)
        err = make_file(file);
    if (err == 0)
        err = write_head(file, config->kind);
    if (err != 0) {
        snprintf(why, SL_STORE_WHY, "%.180s: %s", config->path, strerror(-err));
        sl_export_file_close(file);
        return err;
    }
    *ret = file;
    return 0;
}

int sl_export_file_write(struct sl_export_file *file, enum sl_segment_track track, AVPacket *packet,
                         AVRational base)
{
    AVStream *stream = file->streams[track];
    packet->stream_index = stream->index;
    av_packet_rescale_ts(packet, base, stream->time_base);
    /* Two moments of a finer clock can be one of this. */
    if (packet->dts <= file->last[track]) {
        packet->pts += file->last[track] + 1 - packet->dts;
        packet->dts = file->last[track] + 1;
    }
    file->last[track] = packet->dts;
    const int err = av_interleaved_write_frame(file->muxer, packet);
    return err < 0 ? from_muxer(err) : 0;
}

int sl_export_file_finish(struct sl_export_file *file, int64_t *bytes)
{
    struct stat status;
    int err = av_write_trailer(file->muxer);
    const int closed = avio_closep(&file->muxer->pb);
    err = err < 0 ? err : closed;
    if (err < 0)
        return from_muxer(err);
    const int fd = open(file->beside, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    err = fsync(fd) != 0 || fstat(fd, &status) != 0 ? -errno : 0;
    close(fd);
    if (err == 0)
        *bytes = status.st_size;
    return err;
}

int sl_export_file_place(struct sl_export_file *file, bool replace)
{
    int done =
        replace ? -1 : renameat2(AT_FDCWD, file->beside, AT_FDCWD, file->path, RENAME_NOREPLACE);
    if (!replace && done != 0) {
        if (errno != EINVAL && errno != ENOSYS) /* a file system that cannot */
            return -errno;
        if (access(file->path, F_OK) == 0)
            return -EEXIST;
    }
    if (done != 0 && rename(file->beside, file->path) != 0)
        return -errno;
    file->placed = true;
    return 0;
}

const char *sl_export_file_path(const struct sl_export_file *file)
{
    return file->path;
}

void sl_export_file_close(struct sl_export_file *file)
{
    if (!file)
        return;
    if (file->muxer && file->muxer->pb)
        avio_closep(&file->muxer->pb);
    avformat_free_context(file->muxer);
    if (file->made && !file->placed)
        unlink(file->beside);
    free(file);
}
