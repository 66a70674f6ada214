/* SPDX-License-Identifier: MIT */
#include "sender/media_file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "sender/sound.h"

#define HELD_PACKETS 128 /* video packets read while looking for sound */

struct sl_media_file {
    AVFormatContext *format;
    const struct sl_halt *halt;
    bool loop, ended;
    int video_index, sound_index; /* sound_index < 0: none */
    AVCodecContext *video;
    struct sl_sound *sound; /* NULL: none */
    AVFrame *picture;
    AVPacket *packet;
    AVPacket *held[HELD_PACKETS];
    size_t held_first, held_count;
    bool draining; /* the video decoder has been told that this is the end */

    sl_ns origin;      /* file time that is 0 on the timeline, this time round */
    sl_ns picture_end; /* where on the timeline the last picture given ends */
    bool any_picture;  /* this time round */
};

static int interrupted(void *ctx)
{
    const struct sl_media_file *file = ctx;
    struct pollfd entry = {.fd = file->halt->fd, .events = POLLIN};
    return poll(&entry, 1, 0) > 0;
}

static sl_ns frame_span(const struct sl_media_file *file)
{
    AVStream *stream = file->format->streams[file->video_index];
    const AVRational rate = av_guess_frame_rate(file->format, stream, NULL);
    return rate.num > 0 && rate.den > 0 ? SL_SEC * rate.den / rate.num : SL_SEC / 25;
}

/* ---- Packets ---- */

static void drop_held(struct sl_media_file *file)
{
    while (file->held_count) {
        av_packet_unref(file->held[file->held_first]);
        file->held_first = (file->held_first + 1) % HELD_PACKETS;
        file->held_count--;
    }
}

static int hold_packet(struct sl_media_file *file)
{
    AVPacket **slot = &file->held[(file->held_first + file->held_count) % HELD_PACKETS];
    if (!*slot && !(*slot = av_packet_alloc()))
        return -ENOMEM;
    av_packet_move_ref(*slot, file->packet);
    file->held_count++;
    return 0;
}

/* ---- Reading ---- */

static void hear_packet(struct sl_media_file *file)
{
    const AVStream *stream = file->format->streams[file->sound_index];
    sl_ns at = SL_NEVER;
    if (file->packet->pts != AV_NOPTS_VALUE)
        at = av_rescale_q(file->packet->pts, stream->time_base, (AVRational){1, SL_SEC}) -
             file->origin;
    sl_sound_put(file->sound, file->packet, at);
}

/* One packet: sound is decoded at once, video is held. 1, 0 at the end, or -errno. */
static int read_packet(struct sl_media_file *file)
{
    const int error = av_read_frame(file->format, file->packet);
    if (error == AVERROR_EXIT)
        return -ECANCELED;
    if (error < 0)
        return 0; /* a file cut short ends where it was cut */
    int status = 1;
    if (file->packet->stream_index == file->sound_index)
        hear_packet(file);
    else if (file->packet->stream_index == file->video_index)
        status = hold_packet(file) ? -ENOMEM : 1;
    av_packet_unref(file->packet);
    return status;
}

/* Back to the beginning, where the timeline goes on. */
static int rewind_file(struct sl_media_file *file)
{
    const int64_t start = file->format->start_time != AV_NOPTS_VALUE ? file->format->start_time : 0;
    if (av_seek_frame(file->format, -1, start, AVSEEK_FLAG_BACKWARD) < 0 &&
        av_seek_frame(file->format, -1, 0, AVSEEK_FLAG_BYTE) < 0)
        return -ESPIPE;
    avcodec_flush_buffers(file->video);
    drop_held(file);
    sl_ns end = file->picture_end;
    if (file->sound) {
        sl_sound_reset(file->sound);
        if (sl_sound_end(file->sound) > end)
            end = sl_sound_end(file->sound);
    }
    file->origin = start * (SL_SEC / AV_TIME_BASE) - end;
    file->draining = file->any_picture = false;
    return 0;
}

static int feed_video(struct sl_media_file *file)
{
    while (!file->held_count) {
        const int got = read_packet(file);
        if (got < 0)
            return got;
        if (got == 0) {
            file->draining = true;
            return avcodec_send_packet(file->video, NULL) ? -EIO : 0;
        }
    }
    /* Damaged packets are left out. A decoder that will not take one is full: it never is here,
     * since all it had was taken before. */
    (void)avcodec_send_packet(file->video, file->held[file->held_first]);
    av_packet_unref(file->held[file->held_first]);
    file->held_first = (file->held_first + 1) % HELD_PACKETS;
    file->held_count--;
    return 0;
}

static sl_ns place_picture(struct sl_media_file *file)
{
    const AVStream *stream = file->format->streams[file->video_index];
    sl_ns at = file->picture_end;
    if (file->picture->best_effort_timestamp != AV_NOPTS_VALUE)
        at = av_rescale_q(file->picture->best_effort_timestamp, stream->time_base,
                          (AVRational){1, SL_SEC}) -
             file->origin;
    const sl_ns span = frame_span(file);
    if (at < file->picture_end - span) /* time never goes back */
        at = file->picture_end;
    file->picture_end = at + span;
    file->any_picture = true;
    return at;
}

int sl_media_file_picture(struct sl_media_file *file, const AVFrame **ret, sl_ns *at)
{
    for (;;) {
        const int got = avcodec_receive_frame(file->video, file->picture);
        if (got == 0) {
            *at = place_picture(file);
            *ret = file->picture;
            return 1;
        }
        int error = 0;
        if (!file->draining)
            error = feed_video(file);
        else if (!file->loop || !file->any_picture)
            return 0;
        else
            error = rewind_file(file);
        if (error)
            return error;
    }
}

bool sl_media_file_sound(struct sl_media_file *file, sl_ns until, struct sl_audio_block *block)
{
    if (!file->sound)
        return false;
    while (!sl_sound_has_block(file->sound) && !file->draining && file->held_count < HELD_PACKETS &&
           sl_sound_end(file->sound) < until)
        if (read_packet(file) != 1)
            return false;
    return sl_sound_take(file->sound, until, block);
}

/* ---- Opening ---- */

static int open_decoder(struct sl_media_file *file, int index, AVCodecContext **ret)
{
    const AVStream *stream = file->format->streams[index];
    const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
    if (!codec)
        return -ENOTSUP;
    *ret = avcodec_alloc_context3(codec);
    if (!*ret)
        return -ENOMEM;
    if (avcodec_parameters_to_context(*ret, stream->codecpar) < 0)
        return -EINVAL;
    (*ret)->pkt_timebase = stream->time_base;
    (*ret)->thread_count = 1; /* real time is all that is asked for */
    return avcodec_open2(*ret, codec, NULL) ? -ENOTSUP : 0;
}

static int open_container(struct sl_media_file *file, const char *path, char *why, size_t why_len)
{
    char url[4096 + 8]; /* with the protocol named, no path is taken for another one's URL */
    if (snprintf(url, sizeof(url), "file:%s", path) >= (int)sizeof(url))
        return -ENAMETOOLONG;
    file->format = avformat_alloc_context();
    if (!file->format)
        return -ENOMEM;
    file->format->interrupt_callback = (AVIOInterruptCB){interrupted, file};
    int error = avformat_open_input(&file->format, url, NULL, NULL);
    error = error ? error : avformat_find_stream_info(file->format, NULL);
    if (error >= 0)
        return 0;
    if (error == AVERROR_INVALIDDATA)
        snprintf(why, why_len, "not a media file");
    else
        snprintf(why, why_len, "%s", av_err2str(error));
    return error == AVERROR_INVALIDDATA ? -EBADMSG : AVERROR(error) > 0 ? error : -EIO;
}

static int open_streams(struct sl_media_file *file, bool sound, char *why, size_t why_len)
{
    AVFormatContext *format = file->format;
    file->video_index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (file->video_index < 0) {
        snprintf(why, why_len, "it has no video");
        return -EBADMSG;
    }
    int error = open_decoder(file, file->video_index, &file->video);
    if (error) {
        snprintf(why, why_len, "its video (%s) cannot be decoded here",
                 avcodec_get_name(format->streams[file->video_index]->codecpar->codec_id));
        return error;
    }
    if (sound)
        file->sound_index =
            av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, file->video_index, NULL, 0);
    if (file->sound_index < 0)
        return 0;
    error = sl_sound_create(&file->sound, format->streams[file->sound_index]->codecpar);
    if (error)
        snprintf(why, why_len, "its sound (%s) cannot be decoded here (--audio none leaves it out)",
                 avcodec_get_name(format->streams[file->sound_index]->codecpar->codec_id));
    return error;
}

static int set_up(struct sl_media_file *file, const char *path, bool sound, char *why,
                  size_t why_len)
{
    int error = open_container(file, path, why, why_len);
    error = error ? error : open_streams(file, sound, why, why_len);
    if (error)
        return error;
    for (unsigned i = 0; i < file->format->nb_streams; i++)
        if ((int)i != file->video_index && (int)i != file->sound_index)
            file->format->streams[i]->discard = AVDISCARD_ALL;
    file->picture = av_frame_alloc();
    file->packet = av_packet_alloc();
    if (!file->picture || !file->packet)
        return -ENOMEM;
    if (file->format->start_time != AV_NOPTS_VALUE)
        file->origin = file->format->start_time * (SL_SEC / AV_TIME_BASE);
    return 0;
}

int sl_media_file_open(struct sl_media_file **ret, const char *path, bool sound, bool loop,
                       const struct sl_halt *halt, char *why, size_t why_len)
{
    snprintf(why, why_len, "out of memory");
    struct sl_media_file *file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    file->halt = halt;
    file->loop = loop;
    file->video_index = file->sound_index = -1;
    const int error = set_up(file, path, sound, why, why_len);
    if (error) {
        sl_media_file_close(file);
        return error;
    }
    *ret = file;
    return 0;
}

void sl_media_file_close(struct sl_media_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < HELD_PACKETS; i++)
        av_packet_free(&file->held[i]);
    av_packet_free(&file->packet);
    av_frame_free(&file->picture);
    sl_sound_destroy(file->sound);
    avcodec_free_context(&file->video);
    avformat_close_input(&file->format);
    free(file);
}

void sl_media_file_info(const struct sl_media_file *file, struct sl_media_info *ret)
{
    AVStream *stream = file->format->streams[file->video_index];
    const AVCodecParameters *codec = stream->codecpar;
    const AVRational rate = av_guess_frame_rate(file->format, stream, NULL);
    const AVRational pixel = av_guess_sample_aspect_ratio(file->format, stream, NULL);
    *ret = (struct sl_media_info){
        .width = codec->width,
        .height = codec->height,
        .fps_num = rate.num > 0 && rate.den > 0 ? rate.num : 25,
        .fps_den = rate.num > 0 && rate.den > 0 ? rate.den : 1,
        .full_range = codec->color_range == AVCOL_RANGE_JPEG,
        .sound = file->sound != NULL,
    };
    if (pixel.num > 0 && pixel.den > 0)
        ret->width = (int)av_rescale(codec->width, pixel.num, pixel.den);
}
