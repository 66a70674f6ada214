/* SPDX-License-Identifier: MIT */
#include "bench/recorded.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libavformat/avformat.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define BOX_HEAD 8
#define BOX(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

/* ---- One file ---- */

/* Counts fragments. True: every box is whole, and the last one sums the file up. */
static bool read_boxes(int fd, int64_t size, int64_t *fragments)
{
    uint8_t head[BOX_HEAD];
    uint32_t type = 0, length = 0;
    for (int64_t at = 0; at < size; at += length) {
        if (pread(fd, head, sizeof(head), at) != (ssize_t)sizeof(head))
            return false;
        length = sl_get32(head);
        type = sl_get32(head + 4);
        if (length < BOX_HEAD || length > size - at) /* the recorder writes no 64-bit lengths */
            return false;
        *fragments += type == BOX('m', 'o', 'o', 'f');
    }
    return type == BOX('u', 'u', 'i', 'd');
}

/* True: to the end, without an error, from a key frame on. */
static bool read_frames(const char *path, int64_t *frames)
{
    AVFormatContext *file = NULL;
    AVPacket *packet = av_packet_alloc();
    int error = packet ? avformat_open_input(&file, path, NULL, NULL) : AVERROR(ENOMEM);
    bool good = error == 0, first = true;
    while (error == 0 && (error = av_read_frame(file, packet)) == 0) {
        const AVStream *stream = file->streams[packet->stream_index];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO) {
            good = good && (!first || packet->flags & AV_PKT_FLAG_KEY) &&
                   !(packet->flags & AV_PKT_FLAG_CORRUPT);
            first = false;
            ++*frames;
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&file);
    return good && !first && error == AVERROR_EOF;
}

static void read_file(struct sl_recorded *ret, const char *path)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ret->files++;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        ret->bytes += st.st_size;
        ret->closed += read_boxes(fd, st.st_size, &ret->fragments);
    }
    if (fd >= 0)
        close(fd);
    ret->bad += !read_frames(path, &ret->frames);
}

/* ---- All ---- */

static bool is_recording(const FTSENT *entry)
{
    return entry->fts_info == FTS_F && entry->fts_namelen > 4 &&
           strcmp(entry->fts_name + entry->fts_namelen - 4, ".mp4") == 0;
}

int sl_recorded_read(struct sl_recorded *ret, const char *folder)
{
    char *const paths[] = {(char *)folder, NULL}; /* fts only reads it */
    FTS *walk =
        access(folder, F_OK) == 0 ? fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
    if (!walk)
        return -errno;
    for (FTSENT *entry; (entry = fts_read(walk)) != NULL;)
        if (is_recording(entry))
            read_file(ret, entry->fts_path);
    fts_close(walk);
    return 0;
}

int64_t sl_recorded_bytes(const char *folder)
{
    char *const paths[] = {(char *)folder, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    int64_t bytes = 0;
    if (!walk)
        return 0;
    for (FTSENT *entry; (entry = fts_read(walk)) != NULL;)
        if (is_recording(entry))
            bytes += entry->fts_statp->st_size;
    fts_close(walk);
    return bytes;
}
