/* SPDX-License-Identifier: MIT */
#include "receiver/segment_moov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavformat/avformat.h>

#include "media/opus.h"

static int add_video(AVFormatContext *muxer, const struct sl_segment_params *params)
{
    AVStream *stream = avformat_new_stream(muxer, NULL);
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
    stream->time_base = (AVRational){1, SL_SEGMENT_VIDEO_HZ};
    return 0;
}

static int add_sound(AVFormatContext *muxer, int channels)
{
    AVStream *stream = avformat_new_stream(muxer, NULL);
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
    return 0;
}

static int set_tag(AVFormatContext *muxer, const char *key, const char *value)
{
    return av_dict_set(&muxer->metadata, key, value, 0);
}

static int set_tags(AVFormatContext *muxer, const struct sl_segment_meta *meta)
{
    static const char *const clocks[] = {"unknown", "free", "synced"};
    char start[24], mono[24];
    snprintf(start, sizeof(start), "%" PRId64, meta->start_us);
    snprintf(mono, sizeof(mono), "%" PRId64, meta->start_mono);
    int err = set_tag(muxer, "sightline.uuid", meta->uuid);
    err = err < 0 ? err : set_tag(muxer, "sightline.camera", meta->camera);
    err = err < 0 ? err : set_tag(muxer, "sightline.location", meta->location);
    err = err < 0 ? err : set_tag(muxer, "sightline.start", start);
    err = err < 0 ? err : set_tag(muxer, "sightline.clock", clocks[meta->clock]);
    err = err < 0 ? err : set_tag(muxer, "sightline.boot", meta->boot_id);
    return err < 0 ? err : set_tag(muxer, "sightline.mono", mono);
}

static int write_head(AVFormatContext *muxer)
{
    AVDictionary *options = NULL;
    int err = av_dict_set(&options, "movflags",
                          "frag_custom+empty_moov+default_base_moof+use_metadata_tags", 0);
    if (err >= 0)
        err = av_dict_set(&options, "use_editlist", "0", 0);
    if (err >= 0)
        err = avformat_write_header(muxer, &options);
    av_dict_free(&options);
    return err;
}

/* The muxer's own errors are no errno. */
static int from_muxer(int err)
{
    return err >= 0 ? 0 : err < -4095 ? -EIO : err;
}

static int mux(AVFormatContext *muxer, const struct sl_segment_meta *meta,
               const struct sl_segment_params *params, int channels)
{
    muxer->avoid_negative_ts = 0; /* times are ours */
    int err = add_video(muxer, params);
    if (err == 0 && channels > 0)
        err = add_sound(muxer, channels);
    if (err == 0)
        err = set_tags(muxer, meta);
    if (err >= 0)
        err = avio_open_dyn_buf(&muxer->pb);
    if (err >= 0)
        err = write_head(muxer);
    return from_muxer(err);
}

/* What the muxer wrote; av_malloc()'s memory is not for free(). */
static int take_bytes(AVFormatContext *muxer, uint8_t **ret, size_t *ret_len)
{
    uint8_t *bytes = NULL;
    const int len = avio_close_dyn_buf(muxer->pb, &bytes);
    muxer->pb = NULL;
    uint8_t *copy = len > 0 && bytes ? malloc((size_t)len) : NULL;
    if (copy) {
        memcpy(copy, bytes, (size_t)len);
        *ret = copy;
        *ret_len = (size_t)len;
    }
    av_free(bytes);
    return copy ? 0 : -ENOMEM;
}

int sl_segment_moov_make(uint8_t **ret, size_t *ret_len, const struct sl_segment_meta *meta,
                         const struct sl_segment_params *params, int channels)
{
    AVFormatContext *muxer = NULL;
    if (avformat_alloc_output_context2(&muxer, NULL, "mp4", NULL) < 0)
        return -ENOMEM;
    int err = mux(muxer, meta, params, channels);
    if (err == 0) {
        err = take_bytes(muxer, ret, ret_len);
    } else if (muxer->pb) {
        uint8_t *bytes;
        (void)avio_close_dyn_buf(muxer->pb, &bytes);
        av_free(bytes);
    }
    avformat_free_context(muxer);
    return err;
}
