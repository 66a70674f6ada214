/* SPDX-License-Identifier: MIT */
/* libx264 through libavcodec: constrained baseline, one reference, no look-ahead, sliced threads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/cpu.h>
#include <libavutil/opt.h>

#include "codec/encoder_kind.h"

struct x264 {
    struct sl_video_encoder base;
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    int64_t pts;
    int64_t bitrate_most;
    int vbv_frames;
    char profile[7];
};

/* ITU-T H.264 table A-1, from 3.1 on: every browser decodes 42e01f, so a smaller picture gains
 * nothing by a lower level. Bit rates are those of baseline. */
static const struct level {
    int idc, macroblocks_per_second, macroblocks, kilobits, vbv_kilobits;
} levels[] = {
    {31, 108000, 3600, 14000, 14000},     {32, 216000, 5120, 20000, 20000},
    {40, 245760, 8192, 20000, 25000},     {42, 522240, 8704, 50000, 62500},
    {50, 589824, 22080, 135000, 135000},  {51, 983040, 36864, 240000, 240000},
    {52, 2073600, 36864, 240000, 240000}, {62, 16711680, 139264, 800000, 800000},
};

static int64_t vbv_bits(int64_t bitrate_bps, int frames, int64_t fps_num, int64_t fps_den)
{
    const int64_t bits = bitrate_bps * frames * fps_den / fps_num;
    return bits > 8000 ? bits : 8000; /* x264 wants a kilobyte */
}

static int64_t vbv_first(const struct sl_video_encoder_config *config)
{
    return vbv_bits(config->bitrate_bps, config->vbv_frames, config->fps_num, config->fps_den);
}

static int level_for(const struct sl_video_encoder_config *config)
{
    const int64_t wide = (config->width + 15) / 16, high = (config->height + 15) / 16;
    const int64_t rate = wide * high * config->fps_num / config->fps_den;
    for (size_t i = 0; i < SL_COUNT(levels); i++) {
        const struct level *l = &levels[i];
        const int64_t side = 8 * (int64_t)l->macroblocks;
        if (wide * high <= l->macroblocks && wide * wide <= side && high * high <= side &&
            rate <= l->macroblocks_per_second && config->bitrate_bps <= 1000LL * l->kilobits &&
            vbv_first(config) <= 1000LL * l->vbv_kilobits)
            return l->idc;
    }
    return levels[SL_COUNT(levels) - 1].idc;
}

/* "auto": superfast where a picture costs at most 2 ms and a quarter of its time, else ultrafast,
 * because what is saved is latency. Superfast takes 5.4 ms of one core for the 3600 macroblocks of
 * 720p, ultrafast 3.2; slices on more cores do not halve it. */
static const char *preset_for(const struct sl_video_encoder_config *config, int cores)
{
    if (strcmp(config->preset, "auto") != 0)
        return config->preset;
    const int64_t macroblocks = (int64_t)((config->width + 15) / 16) * ((config->height + 15) / 16);
    const int64_t superfast_ns = macroblocks * 1500 / (cores < 4 ? 1 : 2);
    const int64_t frame_ns = SL_SEC * config->fps_den / config->fps_num;
    return superfast_ns <= 2 * SL_MS && superfast_ns <= frame_ns / 4 ? "superfast" : "ultrafast";
}

static int threads_for(const struct sl_video_encoder_config *config, int cores)
{
    if (config->threads)
        return config->threads;
    /* 720p ultrafast, 2 Mb/s, 2 cores: p50 2.8 ms with one slice, 2.0 to 2.5 with two; on a busy
     * machine 7 to 8 and 5. A slice of fewer lines than this costs more than it saves. */
    const int by_size = config->height / 240;
    const int wanted = cores < by_size ? cores : by_size;
    return wanted < 1 ? 1 : wanted > 4 ? 4 : wanted;
}

static bool preset_known(const char *preset)
{
    static const char *const names[] = {"auto",   "ultrafast", "superfast", "veryfast",
                                        "faster", "fast",      "medium",    "slow",
                                        "slower", "veryslow",  "placebo"};
    for (size_t i = 0; i < SL_COUNT(names); i++)
        if (strcmp(preset, names[i]) == 0)
            return true;
    return false;
}

static int set_options(AVCodecContext *codec, const struct sl_video_encoder_config *config)
{
    void *priv = codec->priv_data;
    const int cores = av_cpu_count();
    const int64_t gop = config->gop * config->fps_num / (SL_SEC * config->fps_den);
    codec->width = config->width;
    codec->height = config->height;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->color_range = config->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    codec->time_base = (AVRational){config->fps_den, config->fps_num};
    codec->framerate = (AVRational){config->fps_num, config->fps_den};
    codec->bit_rate = codec->rc_max_rate = config->bitrate_bps;
    codec->rc_buffer_size = (int)vbv_first(config);
    codec->gop_size = gop < 1 ? 1 : gop > 100000 ? 100000 : (int)gop;
    codec->max_b_frames = 0;
    codec->refs = 1;
    codec->level = level_for(config);
    codec->thread_count = threads_for(config, cores);
    codec->thread_type = FF_THREAD_SLICE;
    int error = av_opt_set(priv, "preset", preset_for(config, cores), 0);
    error = error ? error : av_opt_set(priv, "tune", "zerolatency", 0);
    error = error ? error : av_opt_set(priv, "profile", "baseline", 0);
    error = error ? error : av_opt_set(priv, "forced-idr", "1", 0);
    /* Without AV_CODEC_FLAG_GLOBAL_HEADER x264 repeats SPS and PPS with every IDR.
     * lookahead-threads: the look at the picture that rate control takes is too small to share;
     * handing it to threads costs 0.6 ms a picture at 720p. */
    if (!error)
        error = av_opt_set(priv, "x264-params", "scenecut=0:rc-lookahead=0:lookahead-threads=1", 0);
    /* Dropping blocks of next to no coefficients is a sixth of the fastest presets' time, and at a
     * given rate is worth 0.01 to 0.2 dB. */
    const char *preset = preset_for(config, cores);
    if (!error && (strcmp(preset, "ultrafast") == 0 || strcmp(preset, "superfast") == 0))
        error = av_opt_set(priv, "x264opts", "no-dct-decimate", 0);
    return error;
}

static void noop_free(void *opaque, uint8_t *data)
{
    (void)opaque;
    (void)data;
}

/* libavcodec copies a frame that has no buffer reference. x264 is done with the pixels when encode
 * returns, so one reference to nothing stands for all pictures and saves the copy. */
static AVFrame *borrowing_frame(const AVCodecContext *codec)
{
    static uint8_t nothing[1];
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return NULL;
    frame->buf[0] = av_buffer_create(nothing, sizeof(nothing), noop_free, NULL, 0);
    frame->format = codec->pix_fmt;
    frame->width = codec->width;
    frame->height = codec->height;
    frame->color_range = codec->color_range;
    if (!frame->buf[0])
        av_frame_free(&frame);
    return frame;
}

static void x264_close(struct sl_video_encoder *encoder)
{
    struct x264 *x = (struct x264 *)encoder;
    avcodec_free_context(&x->codec);
    av_frame_free(&x->frame);
    av_packet_free(&x->packet);
    free(x);
}

static int open_codec(struct x264 *x, const struct sl_video_encoder_config *config, char *why,
                      size_t why_len)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    if (!codec) {
        snprintf(why, why_len, "this FFmpeg has no libx264 (Debian: package libavcodec-extra)");
        return -ENOENT;
    }
    x->codec = avcodec_alloc_context3(codec);
    x->packet = av_packet_alloc();
    if (!x->codec || !x->packet)
        return -ENOMEM;
    int error = set_options(x->codec, config);
    error = error ? error : avcodec_open2(x->codec, codec, NULL);
    if (error) {
        snprintf(why, why_len, "libx264 refuses %dx%d with preset %s: %s", config->width,
                 config->height, config->preset, av_err2str(error));
        return -EINVAL;
    }
    x->frame = borrowing_frame(x->codec);
    return x->frame ? 0 : -ENOMEM;
}

static int x264_open(struct sl_video_encoder **ret, const struct sl_video_encoder_config *config,
                     char *why, size_t why_len)
{
    snprintf(why, why_len, "out of memory");
    if (!preset_known(config->preset)) {
        snprintf(why, why_len,
                 "unknown preset '%s'; wanted auto, ultrafast, superfast, veryfast, faster, fast, "
                 "medium, slow, slower, veryslow or placebo",
                 config->preset);
        return -EINVAL;
    }
    struct x264 *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->base.kind = &sl_encoder_x264;
    x->bitrate_most = config->bitrate_bps;
    x->vbv_frames = config->vbv_frames;
    const int error = open_codec(x, config, why, why_len);
    if (error) {
        x264_close(&x->base);
        return error;
    }
    /* x264 sets constraint flags 0 and 1 (42c0xx). Without FMO, ASO and redundant slices flag 2
     * holds as well, and 42e0xx is the name that browsers know constrained baseline by. */
    snprintf(x->profile, sizeof(x->profile), "42e0%02x", (unsigned)x->codec->level & 0xff);
    *ret = &x->base;
    return 0;
}

static int x264_encode(struct sl_video_encoder *encoder, const struct sl_picture *picture, bool key,
                       struct sl_encoded *ret)
{
    struct x264 *x = (struct x264 *)encoder;
    if (picture->width != x->codec->width || picture->height != x->codec->height)
        return -EINVAL;
    for (int i = 0; i < 3; i++) {
        x->frame->data[i] = (uint8_t *)(uintptr_t)picture->plane[i]; /* read only */
        x->frame->linesize[i] = picture->stride[i];
    }
    x->frame->pts = x->pts++;
    x->frame->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    av_packet_unref(x->packet);
    int error = avcodec_send_frame(x->codec, x->frame);
    error = error ? error : avcodec_receive_packet(x->codec, x->packet);
    if (error)
        return error == AVERROR(ENOMEM) ? -ENOMEM
                                        : -EIO; /* EAGAIN too: it must not hold one back */
    ret->data = x->packet->data;
    ret->len = (size_t)x->packet->size;
    ret->key = x->packet->flags & AV_PKT_FLAG_KEY;
    return 0;
}

/* libavcodec looks at these with each frame and tells x264, which keeps what it knows of the
 * picture. A VBV is on from the beginning, so it may be changed; the level, written into the SPS,
 * was chosen for the first rate. */
static void x264_set_bitrate(struct sl_video_encoder *encoder, int64_t bps)
{
    struct x264 *x = (struct x264 *)encoder;
    AVCodecContext *codec = x->codec;
    codec->bit_rate = bps < x->bitrate_most ? bps : x->bitrate_most;
    codec->rc_max_rate = codec->bit_rate;
    codec->rc_buffer_size = (int)vbv_bits(codec->bit_rate, x->vbv_frames, codec->framerate.num,
                                          codec->framerate.den);
}

static const char *x264_profile(const struct sl_video_encoder *encoder)
{
    return ((const struct x264 *)encoder)->profile;
}

const struct sl_video_encoder_kind sl_encoder_x264 = {
    .name = "libx264",
    .open = x264_open,
    .encode = x264_encode,
    .set_bitrate = x264_set_bitrate,
    .profile = x264_profile,
    .close = x264_close,
};
