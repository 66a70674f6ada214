/* SPDX-License-Identifier: MIT */
#include "receiver/export_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "media/opus.h"
#include "receiver/export_codec.h"
#include "receiver/export_sound.h"

#define MICROSECONDS ((AVRational){1, 1000000})
#define SETS_BYTES (SL_SEGMENT_CONFIG_BYTES + 512) /* the camera's parameter sets, and ours */
#define REPEAT_SECONDS 10 /* in an AVI's gap; its muxer fills only so many places by itself */
#define OPUS_HEAD_BYTES 19

struct sl_export_part_writer {
    struct sl_export_part_config config;
    bool transcodes;
    bool remaking; /* of a remux: the units up to the next IDR */
    struct sl_export_file *file;
    struct sl_export_decoder *decoder;
    struct sl_export_encoder *encoder;
    struct sl_export_sound *sound;    /* NULL: Opus as it is, or none */
    struct sl_segment_samples camera; /* parameters that the file has; no items */
    AVPacket *packet;
    AVFrame *last;       /* picture sent to the encoder, of an AVI */
    AVRational rate;     /* pictures a second */
    AVRational base;     /* of the encoder's times */
    int64_t ordinary_us; /* a picture */
    int64_t origin_us;   /* in the source's time: of the first picture */
    int64_t encoded_at;  /* of the last picture sent to the encoder, in `base` */
    int gaps_before;
    int64_t gaps_us_before, damaged;
    bool begun; /* a picture was shown */
    struct sl_export_part told;
};

static int refuse(const struct sl_export_part_writer *part, int err, const char *what,
                  char why[SL_STORE_WHY])
{
    snprintf(why, SL_STORE_WHY, "%.160s: %s", part->config.path, what ? what : strerror(-err));
    return err;
}

static bool takes_opus(enum sl_export_kind kind)
{
    return kind != SL_EXPORT_MOV && kind != SL_EXPORT_AVI;
}

/* ---- Begin ---- */

/* A whole number where the camera's clock says nearly that. */
static AVRational find_rate(int64_t ordinary_us)
{
    const int64_t milli = 1000000000 / ordinary_us, whole = (milli + 500) / 1000;
    if (whole > 0 && llabs(milli - whole * 1000) * 50 <= whole * 1000)
        return (AVRational){(int)whole, 1};
    return (AVRational){(int)(milli > 0 ? milli : 1), 1000};
}

static void choose_times(struct sl_export_part_writer *part)
{
    part->ordinary_us = sl_export_source_ordinary_us(part->config.source);
    part->rate = find_rate(part->ordinary_us);
    part->base = MICROSECONDS;
    if (part->config.kind == SL_EXPORT_AVI)
        part->base = av_inv_q(part->rate);
    else if (part->config.kind == SL_EXPORT_WEBM)
        part->base = (AVRational){1, 1000};
}

/* The first key frame decoded apart, for its size and colours. */
static int decode_first(struct sl_export_part_writer *part, const struct sl_export_unit *unit,
                        AVFrame **ret)
{
    AVFrame *frame = NULL;
    int err = sl_export_decoder_send(part->decoder, unit->data, unit->len, unit->out_us);
    if (err == 0)
        err = sl_export_decoder_send(part->decoder, NULL, 0, 0);
    if (err == 0)
        err = sl_export_decoder_receive(part->decoder, &frame);
    if (err < 0)
        return err;
    *ret = frame ? av_frame_clone(frame) : NULL;
    if (!*ret)
        return frame ? -ENOMEM : -EBADMSG;
    sl_export_decoder_rewind(part->decoder);
    return 0;
}

static int open_encoder(struct sl_export_part_writer *part, const struct sl_export_unit *unit)
{
    struct sl_export_avc avc = {0};
    AVFrame *like = NULL;
    struct sl_export_encoder_config config = {
        .codec = part->config.kind == SL_EXPORT_WEBM  ? AV_CODEC_ID_VP8
                 : part->config.kind == SL_EXPORT_AVI ? AV_CODEC_ID_MPEG4
                                                      : AV_CODEC_ID_H264,
        .avc = &avc,
        .base = part->base,
        .rate = part->rate};
    int err = sl_export_decoder_create(&part->decoder, &part->camera);
    if (err == 0 && !part->transcodes)
        err = sl_export_avc_read(&avc, part->camera.config, part->camera.config_len);
    if (err == 0)
        err = decode_first(part, unit, &like);
    config.like = like;
    if (err == 0)
        err = sl_export_encoder_create(&part->encoder, &config);
    av_frame_free(&like);
    return err;
}

static int set_extradata(AVCodecParameters *parameters, const uint8_t *data, size_t len)
{
    parameters->extradata = av_mallocz(len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!parameters->extradata)
        return -ENOMEM;
    memcpy(parameters->extradata, data, len);
    parameters->extradata_size = (int)len;
    return 0;
}

static int describe_video(struct sl_export_part_writer *part, AVCodecParameters *ret)
{
    const AVCodecContext *made = part->encoder ? sl_export_encoder_context(part->encoder) : NULL;
    uint8_t merged[SETS_BYTES];
    if (part->transcodes)
        return avcodec_parameters_from_context(ret, made) < 0 ? -ENOMEM : 0;
    const struct sl_segment_samples *camera = &part->camera;
    ret->codec_type = AVMEDIA_TYPE_VIDEO;
    ret->codec_id = AV_CODEC_ID_H264;
    ret->width = camera->width;
    ret->height = camera->height;
    if (!made)
        return set_extradata(ret, camera->config, camera->config_len);
    const int len = sl_export_avc_merge(merged, sizeof(merged), camera->config, camera->config_len,
                                        made->extradata, (size_t)made->extradata_size);
    return len < 0 ? len : set_extradata(ret, merged, (size_t)len);
}

/* OpusHead (RFC 7845 section 5.1) out of dOps: the same, with its numbers turned round. */
static int describe_opus(const struct sl_segment_samples *sound, AVCodecParameters *ret)
{
    uint8_t head[OPUS_HEAD_BYTES] = {'O', 'p', 'u', 's', 'H', 'e',  'a',
                                     'd', 1,   2,   0,   0,   0x80, 0xbb};
    if (sound->present && sound->channels == 1)
        head[9] = 1;
    if (sound->present && sound->config_len >= 4) { /* pre-skip */
        head[10] = sound->config[3];
        head[11] = sound->config[2];
    }
    ret->codec_type = AVMEDIA_TYPE_AUDIO;
    ret->codec_id = AV_CODEC_ID_OPUS;
    ret->sample_rate = SL_OPUS_CLOCK_HZ;
    ret->initial_padding = head[10] | head[11] << 8;
    av_channel_layout_default(&ret->ch_layout, head[9]);
    return set_extradata(ret, head, sizeof(head));
}

static int describe_sound(struct sl_export_part_writer *part, AVCodecParameters *ret)
{
    const struct sl_segment_index *index = sl_export_source_index(part->config.source);
    if (takes_opus(part->config.kind))
        return describe_opus(&index->tracks[SL_SEGMENT_AUDIO], ret);
    const int err = sl_export_sound_create(
        &part->sound, part->config.kind == SL_EXPORT_AVI ? AV_CODEC_ID_MP3 : AV_CODEC_ID_AAC);
    if (err != 0)
        return err;
    const AVCodecContext *context = sl_export_sound_context(part->sound);
    return avcodec_parameters_from_context(ret, context) < 0 ? -ENOMEM : 0;
}

static int open_file(struct sl_export_part_writer *part, AVCodecParameters *video,
                     AVCodecParameters *sound, int64_t start_us, char why[SL_STORE_WHY])
{
    const struct sl_segment_meta *meta = &sl_export_source_index(part->config.source)->info.meta;
    char comment[SL_NAME_BYTES + SL_LOCATION_BYTES + 64];
    snprintf(comment, sizeof(comment), "Sightline camera %s%s%s", meta->camera,
             *meta->location ? ", " : "", meta->location);
    int err = describe_video(part, video);
    if (err == 0 && part->config.sound)
        err = describe_sound(part, sound);
    if (err != 0)
        return err;
    const struct sl_export_file_config config = {.path = part->config.path,
                                                 .kind = part->config.kind,
                                                 .video = video,
                                                 .sound = part->config.sound ? sound : NULL,
                                                 .rate = part->rate,
                                                 .start_us = start_us,
                                                 .title = meta->camera,
                                                 .comment = comment};
    return sl_export_file_open(&part->file, &config, why);
}

static int open_all(struct sl_export_part_writer *part, const struct sl_export_unit *unit,
                    char why[SL_STORE_WHY])
{
    int err = part->transcodes || part->remaking ? open_encoder(part, unit) : 0;
    AVCodecParameters *video = avcodec_parameters_alloc(), *sound = avcodec_parameters_alloc();
    if (err == 0 && (!video || !sound))
        err = -ENOMEM;
    if (err == 0)
        err = open_file(part, video, sound, unit->at_us - unit->out_us + part->origin_us, why);
    avcodec_parameters_free(&video);
    avcodec_parameters_free(&sound);
    if (err != 0 && !*why)
        return refuse(part, err,
                      err == -ENOENT    ? "this libavcodec lacks libx264, libvpx, libmp3lame or "
                                          "MPEG-4, whichever it takes"
                      : err == -EBADMSG ? "its first key frame cannot be decoded"
                                        : NULL,
                      why);
    return err;
}

int sl_export_part_begin(struct sl_export_part_writer **ret,
                         const struct sl_export_part_config *config,
                         const struct sl_export_unit *unit, char why[SL_STORE_WHY])
{
    struct sl_export_part_writer *part = calloc(1, sizeof(*part));
    if (!part)
        return -ENOMEM;
    const struct sl_segment_index *index = sl_export_source_index(config->source);
    const struct sl_export_source_stats *stats = sl_export_source_stats(config->source);
    part->config = *config;
    part->camera = index->tracks[SL_SEGMENT_VIDEO];
    part->camera.items = NULL; /* the source's */
    part->transcodes = config->kind == SL_EXPORT_WEBM || config->kind == SL_EXPORT_AVI;
    part->remaking = !part->transcodes && unit->lead;
    part->origin_us = unit->lead ? 0 : unit->out_us;
    part->encoded_at = -1;
    part->gaps_before = stats->gaps;
    part->gaps_us_before = stats->gaps_us;
    snprintf(part->told.path, sizeof(part->told.path), "%s", config->path);
    part->packet = av_packet_alloc();
    choose_times(part);
    const int err = part->packet ? open_all(part, unit, why) : -ENOMEM;
    if (err != 0) {
        sl_export_part_destroy(part);
        return err;
    }
    part->config.path = part->told.path;
    *ret = part;
    return 0;
}

static void close_codecs(struct sl_export_part_writer *part)
{
    sl_export_decoder_destroy(part->decoder);
    sl_export_encoder_destroy(part->encoder);
    part->decoder = NULL;
    part->encoder = NULL;
}

void sl_export_part_destroy(struct sl_export_part_writer *part)
{
    if (!part)
        return;
    close_codecs(part);
    sl_export_sound_destroy(part->sound);
    sl_export_file_close(part->file);
    av_packet_free(&part->packet);
    av_frame_free(&part->last);
    free(part);
}

/* ---- Pictures made anew ---- */

static int write_encoded(struct sl_export_part_writer *part)
{
    int got;
    while ((got = sl_export_encoder_receive(part->encoder, part->packet)) > 0) {
        part->packet->duration = av_rescale_q(part->ordinary_us, MICROSECONDS, part->base);
        const int err =
            sl_export_file_write(part->file, SL_SEGMENT_VIDEO, part->packet, part->base);
        if (err != 0)
            return err;
    }
    return got;
}

static int encode_at(struct sl_export_part_writer *part, const AVFrame *frame, int64_t at)
{
    part->encoded_at = at;
    const int err = sl_export_encoder_send(part->encoder, frame, at);
    return err != 0 ? err : write_encoded(part);
}

/* An AVI counts pictures and has no times: across a gap its last picture is shown again. */
static int fill_gap(struct sl_export_part_writer *part, const AVFrame *frame, int64_t at)
{
    const int64_t most = av_rescale_q(REPEAT_SECONDS, (AVRational){1, 1}, part->base);
    while (part->last && at - part->encoded_at > most) {
        const int err = encode_at(part, part->last, part->encoded_at + most);
        if (err != 0)
            return err;
    }
    av_frame_free(&part->last);
    part->last = av_frame_clone(frame);
    return part->last ? 0 : -ENOMEM;
}

static int encode(struct sl_export_part_writer *part, const AVFrame *frame)
{
    int64_t at = av_rescale_q(frame->pts - part->origin_us, MICROSECONDS, part->base);
    if (at < 0)
        return 0; /* lead */
    int err = part->config.kind == SL_EXPORT_AVI ? fill_gap(part, frame, at) : 0;
    if (err != 0)
        return err;
    if (at <= part->encoded_at) {
        at = part->encoded_at + 1; /* two in one place: the next one may be free */
        if (part->config.kind == SL_EXPORT_AVI &&
            av_compare_ts(at - 1, part->base, frame->pts - part->origin_us, MICROSECONDS) > 0)
            return 0; /* it was not: faster than ordinary */
    }
    part->told.frames++;
    part->told.remade++;
    return encode_at(part, frame, at);
}

static int encode_decoded(struct sl_export_part_writer *part)
{
    AVFrame *frame;
    int got;
    while ((got = sl_export_decoder_receive(part->decoder, &frame)) > 0) {
        const int err = encode(part, frame);
        if (err != 0)
            return err;
    }
    if (got == -EBADMSG)
        part->damaged++;
    return got == -EBADMSG ? 0 : got;
}

static int remake(struct sl_export_part_writer *part, const struct sl_export_unit *unit)
{
    const int err = sl_export_decoder_send(part->decoder, unit->data, unit->len, unit->out_us);
    if (err == -EBADMSG)
        part->damaged++;
    return err != 0 && err != -EBADMSG ? err : encode_decoded(part);
}

/* What the decoder still holds. */
static int drain_decoder(struct sl_export_part_writer *part)
{
    const int err = part->decoder ? sl_export_decoder_send(part->decoder, NULL, 0, 0) : 0;
    return err != 0 || !part->decoder ? err : encode_decoded(part);
}

static int drain_video(struct sl_export_part_writer *part)
{
    int err = drain_decoder(part);
    if (err == 0 && part->encoder)
        err = sl_export_encoder_send(part->encoder, NULL, 0);
    if (err == 0 && part->encoder)
        err = write_encoded(part);
    close_codecs(part);
    return err;
}

/* ---- Units as they are ---- */

static int copy(struct sl_export_part_writer *part, const struct sl_export_unit *unit)
{
    AVPacket *packet = part->packet;
    if (av_new_packet(packet, (int)unit->len) < 0)
        return -ENOMEM;
    memcpy(packet->data, unit->data, unit->len);
    packet->pts = packet->dts = unit->out_us - part->origin_us;
    packet->duration = unit->lasts_us;
    packet->flags = unit->key ? AV_PKT_FLAG_KEY : 0;
    return sl_export_file_write(part->file, unit->track, packet, MICROSECONDS);
}

static int write_picture(struct sl_export_part_writer *part, const struct sl_export_unit *unit)
{
    if (part->remaking && !unit->lead && sl_export_avc_idr(unit->data, unit->len)) {
        const int err = drain_video(part);
        if (err != 0)
            return err;
        part->remaking = false;
    }
    if (part->transcodes || part->remaking)
        return remake(part, unit);
    part->told.frames++;
    return copy(part, unit);
}

static int write_made_sound(struct sl_export_part_writer *part)
{
    const AVRational base = {1, SL_OPUS_CLOCK_HZ};
    int got;
    while ((got = sl_export_sound_receive(part->sound, part->packet)) > 0) {
        const int err = sl_export_file_write(part->file, SL_SEGMENT_AUDIO, part->packet, base);
        if (err != 0)
            return err;
    }
    return got;
}

static int write_sound(struct sl_export_part_writer *part, const struct sl_export_unit *unit)
{
    if (!part->config.sound || unit->out_us < part->origin_us)
        return 0;
    if (!part->sound)
        return copy(part, unit);
    const int err =
        sl_export_sound_send(part->sound, unit->data, unit->len, unit->out_us - part->origin_us);
    return err != 0 ? err : write_made_sound(part);
}

static void count(struct sl_export_part_writer *part, const struct sl_export_unit *unit)
{
    const struct sl_export_source_stats *stats = sl_export_source_stats(part->config.source);
    if (unit->lead || unit->track != SL_SEGMENT_VIDEO)
        return;
    if (!part->begun)
        part->told.from_us = unit->at_us;
    part->begun = true;
    part->told.to_us = unit->at_us + unit->lasts_us;
    part->told.duration_us = unit->out_us + unit->lasts_us - part->origin_us;
    part->told.gaps = stats->gaps - part->gaps_before;
    part->told.gaps_us = stats->gaps_us - part->gaps_us_before;
}

int sl_export_part_write(struct sl_export_part_writer *part, const struct sl_export_unit *unit,
                         char why[SL_STORE_WHY])
{
    const int err =
        unit->track == SL_SEGMENT_VIDEO ? write_picture(part, unit) : write_sound(part, unit);
    if (err != 0)
        return refuse(part, err, NULL, why);
    count(part, unit);
    return 0;
}

/* ---- Segments, and the end ---- */

static bool same_camera(const struct sl_segment_samples *a, const struct sl_segment_samples *b)
{
    return a->width == b->width && a->height == b->height && a->config_len == b->config_len &&
           memcmp(a->config, b->config, a->config_len) == 0;
}

int sl_export_part_continue(struct sl_export_part_writer *part, char why[SL_STORE_WHY])
{
    const struct sl_segment_samples *now =
        &sl_export_source_index(part->config.source)->tracks[SL_SEGMENT_VIDEO];
    if (!part->transcodes && !same_camera(&part->camera, now))
        return 0;
    if (!part->decoder)
        return 1;
    int err = drain_decoder(part);
    sl_export_decoder_destroy(part->decoder);
    part->decoder = NULL;
    if (err == 0)
        err = sl_export_decoder_create(&part->decoder, now);
    return err == 0 ? 1 : refuse(part, err, NULL, why);
}

int sl_export_part_end(struct sl_export_part_writer *part, char why[SL_STORE_WHY])
{
    int err = drain_video(part);
    if (err == 0 && part->sound)
        err = sl_export_sound_send(part->sound, NULL, 0, 0);
    if (err == 0 && part->sound)
        err = write_made_sound(part);
    if (err == 0)
        err = sl_export_file_finish(part->file, &part->told.bytes);
    return err == 0 ? 0 : refuse(part, err, NULL, why);
}

int sl_export_part_place(struct sl_export_part_writer *part, struct sl_export_part *ret,
                         char why[SL_STORE_WHY])
{
    const int err = sl_export_file_place(part->file, part->config.replace);
    if (err != 0)
        return refuse(part, err, err == -EEXIST ? "is there already" : NULL, why);
    *ret = part->told;
    return 0;
}

int64_t sl_export_part_damaged(const struct sl_export_part_writer *part)
{
    return part->damaged;
}
