/* SPDX-License-Identifier: MIT */
#include "sender/rtsp_feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "base/log.h"
#include "base/time.h"
#include "media/h264_unpack.h"
#include "sender/aac_unpack.h"
#include "sender/h265_unpack.h"
#include "sender/jpeg_unpack.h"
#include "sender/sound.h"
#include "sender/timeline.h"

#define SILENCE (2 * SL_SEC)
#define RETRY_MIN (100 * SL_MS)
#define RETRY_MAX (2 * SL_SEC)
#define LOSSES_TOLD (10 * SL_SEC) /* at most so often */
#define AAC_SAMPLES 1024
#define PADDING 64

_Static_assert(PADDING >= AV_INPUT_BUFFER_PADDING_SIZE, "decoders may read behind a unit");

struct sl_rtsp_feed {
    struct sl_rtsp_feed_config config;
    struct sl_rtsp *rtsp; /* NULL: not connected */
    struct sl_rtsp_media video, heard;
    struct sl_timeline lines[SL_MEDIA_KINDS];

    /* The unit that is being put together. */
    union {
        struct sl_h264_unpack h264;
        struct sl_h265_unpack h265;
        struct sl_jpeg_unpack jpeg;
    } unpack;
    uint8_t *unit;
    bool begun, damaged;
    uint32_t timestamp;
    sl_ns arrival;
    bool gap;                     /* since the last unit that was given */
    bool waits;                   /* `packet` begins the next unit */
    struct sl_rtsp_packet packet; /* the last that was read */

    struct sl_sound *sound; /* NULL: none */
    struct sl_aac_format aac;
    struct sl_audio *queue; /* where it goes; the caller's once he has taken it */
    bool queue_taken;
    AVPacket *coded;

    sl_ns heard_at; /* the last packet */
    sl_ns lost_at;  /* the connection; 0: it is there */
    sl_ns retry_at, retry_gap;
    char reason[200]; /* told last */
    unsigned losses;  /* not told yet */
    sl_ns losses_at;  /* told last */
};

const struct sl_rtsp_media *sl_rtsp_feed_video(const struct sl_rtsp_feed *feed)
{
    return &feed->video;
}

struct sl_audio *sl_rtsp_feed_take_sound(struct sl_rtsp_feed *feed)
{
    feed->queue_taken = true;
    return feed->queue;
}

/* ---- Sound ---- */

static enum AVCodecID codec_id(enum sl_rtsp_codec codec)
{
    switch (codec) {
    case SL_RTSP_AAC:
        return AV_CODEC_ID_AAC;
    case SL_RTSP_PCMU:
        return AV_CODEC_ID_PCM_MULAW;
    case SL_RTSP_PCMA:
        return AV_CODEC_ID_PCM_ALAW;
    case SL_RTSP_OPUS:
        return AV_CODEC_ID_OPUS;
    default:
        return AV_CODEC_ID_NONE;
    }
}

/* AudioSpecificConfig, in hexadecimal digits, tells the decoder what the frames are. */
static int set_aac_config(AVCodecParameters *codec, const struct sl_rtsp_media *media)
{
    char text[256];
    uint8_t bytes[sizeof(text) / 2];
    const size_t len =
        sl_rtsp_hex(sl_rtsp_fmtp(media, "config", text, sizeof(text)), bytes, sizeof(bytes));
    if (!len)
        return -ENOTSUP;
    codec->extradata = av_mallocz(len + PADDING);
    if (!codec->extradata)
        return -ENOMEM;
    memcpy(codec->extradata, bytes, len);
    codec->extradata_size = (int)len;
    return 0;
}

static int open_sound(struct sl_rtsp_feed *feed)
{
    const struct sl_rtsp_media *media = &feed->heard;
    AVCodecParameters *codec = avcodec_parameters_alloc();
    if (!codec)
        return -ENOMEM;
    codec->codec_type = AVMEDIA_TYPE_AUDIO;
    codec->codec_id = codec_id(media->codec);
    codec->sample_rate = (int)media->clock_hz;
    av_channel_layout_default(&codec->ch_layout, media->channels);
    int error = media->codec == SL_RTSP_AAC ? set_aac_config(codec, media) : 0;
    error = error ? error : sl_sound_create(&feed->sound, codec);
    avcodec_parameters_free(&codec);
    feed->aac = (struct sl_aac_format){
        .size_bits = sl_rtsp_fmtp_number(media, "sizelength", 13),
        .index_bits = sl_rtsp_fmtp_number(media, "indexlength", 3),
        .delta_bits = sl_rtsp_fmtp_number(media, "indexdeltalength", 3),
    };
    return error;
}

static void hear(struct sl_rtsp_feed *feed, const uint8_t *data, size_t len, sl_ns at)
{
    struct sl_audio_block block;
    feed->coded->data = (uint8_t *)(uintptr_t)data; /* read only: it has no buffer of its own */
    feed->coded->size = (int)len;
    sl_sound_put(feed->sound, feed->coded, at);
    while (sl_sound_take(feed->sound, SL_NEVER, &block))
        sl_audio_queue_push(feed->queue, &block);
}

static void take_sound(struct sl_rtsp_feed *feed, const struct sl_rtsp_packet *packet)
{
    const struct sl_rtp_packet *rtp = &packet->rtp;
    struct sl_aac_frame frames[SL_AAC_FRAMES];
    if (!feed->sound || !rtp->payload_len)
        return;
    const sl_ns at = sl_timeline_place(&feed->lines[SL_AUDIO], &feed->lines[SL_VIDEO],
                                       rtp->timestamp, packet->arrival);
    if (feed->heard.codec != SL_RTSP_AAC) {
        hear(feed, rtp->payload, rtp->payload_len, at);
        return;
    }
    const int count = sl_aac_unpack(&feed->aac, rtp->payload, rtp->payload_len, frames);
    for (int i = 0; i < count; i++)
        hear(feed, frames[i].data, frames[i].len,
             at + i * AAC_SAMPLES * SL_SEC / feed->heard.clock_hz);
}

/* ---- Pictures ---- */

static void unpack_begin(struct sl_rtsp_feed *feed)
{
    if (feed->video.codec == SL_RTSP_H264)
        sl_h264_unpack_begin(&feed->unpack.h264, feed->unit, SL_RTSP_UNIT_MAX);
    else if (feed->video.codec == SL_RTSP_H265)
        sl_h265_unpack_begin(&feed->unpack.h265, feed->unit, SL_RTSP_UNIT_MAX);
    else
        sl_jpeg_unpack_begin(&feed->unpack.jpeg, feed->unit, SL_RTSP_UNIT_MAX);
}

static int unpack_add(struct sl_rtsp_feed *feed, const struct sl_rtp_packet *rtp)
{
    if (feed->video.codec == SL_RTSP_H264)
        return sl_h264_unpack_add(&feed->unpack.h264, rtp->payload, rtp->payload_len);
    if (feed->video.codec == SL_RTSP_H265)
        return sl_h265_unpack_add(&feed->unpack.h265, rtp->payload, rtp->payload_len);
    return sl_jpeg_unpack_add(&feed->unpack.jpeg, rtp->payload, rtp->payload_len);
}

static int unpack_end(struct sl_rtsp_feed *feed)
{
    if (feed->video.codec == SL_RTSP_H264)
        return sl_h264_unpack_end(&feed->unpack.h264);
    if (feed->video.codec == SL_RTSP_H265)
        return sl_h265_unpack_end(&feed->unpack.h265);
    return sl_jpeg_unpack_end(&feed->unpack.jpeg);
}

/* Some cameras end their parameter sets as if they were a picture. */
static bool holds_no_picture(const struct sl_rtsp_feed *feed)
{
    return feed->video.codec == SL_RTSP_H264 && !feed->unpack.h264.has_slice &&
           !feed->unpack.h264.in_fu;
}

/* Whether it came to something. */
static bool end_unit(struct sl_rtsp_feed *feed, struct sl_rtsp_unit *ret)
{
    feed->begun = false;
    const int len = feed->damaged ? -EBADMSG : unpack_end(feed);
    if (len < 0) {
        feed->gap |= feed->damaged || !holds_no_picture(feed);
        return false;
    }
    memset(feed->unit + len, 0, PADDING);
    *ret = (struct sl_rtsp_unit){
        .data = feed->unit,
        .len = (size_t)len,
        .timestamp = feed->timestamp,
        .captured = sl_timeline_place(&feed->lines[SL_VIDEO], &feed->lines[SL_AUDIO],
                                      feed->timestamp, feed->arrival),
        .gap = feed->gap,
    };
    feed->gap = false;
    return true;
}

/* One packet of video. True if a unit is whole by it. What is lost may be the end of one unit or
 * the beginning of the next: neither is believed. */
static bool take_video(struct sl_rtsp_feed *feed, struct sl_rtsp_unit *ret)
{
    const struct sl_rtsp_packet *packet = &feed->packet;
    feed->waits = false;
    feed->losses += packet->gap;
    if (feed->begun && packet->rtp.timestamp != feed->timestamp) { /* it had no marker */
        feed->damaged |= packet->gap;
        if (end_unit(feed, ret)) {
            feed->waits = true;
            return true;
        }
    }
    if (!feed->begun) {
        feed->begun = true;
        feed->damaged = false;
        feed->timestamp = packet->rtp.timestamp;
        feed->arrival = packet->arrival;
        unpack_begin(feed);
    }
    feed->damaged = feed->damaged || packet->gap || unpack_add(feed, &packet->rtp) < 0;
    return packet->rtp.marker && end_unit(feed, ret);
}

/* ---- The connection ---- */

/* What plays is what played before, or it is of no use: pictures are encoded or not for good. */
static int check_offer(struct sl_rtsp_feed *feed, const struct sl_rtsp_offer *offer, char *why,
                       size_t why_len)
{
    if (feed->video.codec == SL_RTSP_NONE || feed->video.codec == offer->video.codec)
        return 0;
    snprintf(why, why_len, "it sends %s now, and sent %s before: start the sender again",
             sl_rtsp_codec_name(offer->video.codec), sl_rtsp_codec_name(feed->video.codec));
    return -ENOTSUP;
}

/* Sound that cannot be had stops nothing. */
static void begin_sound(struct sl_rtsp_feed *feed, const struct sl_rtsp_offer *offer)
{
    const char *what = offer->other_sound;
    int error = 0;
    sl_sound_destroy(feed->sound);
    feed->sound = NULL;
    feed->heard = offer->sound;
    if (!feed->config.sound || (!feed->queue && feed->queue_taken))
        return;
    if (offer->sound.codec != SL_RTSP_NONE) {
        what = sl_rtsp_codec_name(offer->sound.codec);
        error = open_sound(feed);
    }
    if (!error && feed->sound && !feed->queue)
        error = sl_audio_queue_open(&feed->queue, feed->config.halt);
    if (error || (!feed->sound && what[0]))
        sl_warn("--video %s: its sound (%s) cannot be taken: it is left out", feed->config.source,
                what);
    if (error) {
        sl_sound_destroy(feed->sound);
        feed->sound = NULL;
    }
}

static int connect_once(struct sl_rtsp_feed *feed, char *why, size_t why_len)
{
    const struct sl_rtsp_config config = {
        .url = &feed->config.url,
        .transport = feed->config.transport,
        .sound = feed->config.sound,
        .halt = feed->config.halt,
    };
    struct sl_rtsp *rtsp;
    int error = sl_rtsp_open(&rtsp, &config, why, why_len);
    if (error)
        return error;
    const struct sl_rtsp_offer *offer = sl_rtsp_offer(rtsp);
    error = check_offer(feed, offer, why, why_len);
    if (error) {
        sl_rtsp_close(rtsp);
        return error;
    }
    feed->rtsp = rtsp;
    feed->video = offer->video;
    memset(&feed->unpack, 0, sizeof(feed->unpack));
    begin_sound(feed, offer);
    sl_timeline_init(&feed->lines[SL_VIDEO], offer->video.clock_hz);
    sl_timeline_init(&feed->lines[SL_AUDIO], feed->sound ? offer->sound.clock_hz : 1);
    feed->begun = feed->waits = false;
    feed->gap = true;
    feed->heard_at = sl_time_now();
    return 0;
}

/* A reason is said once, however often it comes back. */
static void explain(struct sl_rtsp_feed *feed, const char *why)
{
    if (strcmp(feed->reason, why) == 0)
        return;
    snprintf(feed->reason, sizeof(feed->reason), "%s", why);
    sl_warn("--video %s: %s; trying again", feed->config.source, why);
}

static void lose(struct sl_rtsp_feed *feed, const char *why)
{
    sl_rtsp_close(feed->rtsp);
    feed->rtsp = NULL;
    feed->waits = false;
    atomic_store(feed->config.away, true);
    if (!feed->lost_at)
        feed->lost_at = feed->heard_at;
    feed->retry_at = sl_time_now() + feed->retry_gap;
    feed->retry_gap = feed->retry_gap * 2 < RETRY_MAX ? feed->retry_gap * 2 : RETRY_MAX;
    explain(feed, why);
}

/* One try, when it is due. 0: done, or failed; -ETIMEDOUT: `until` has passed; -ECANCELED. */
static int reconnect(struct sl_rtsp_feed *feed, sl_ns until)
{
    char why[200];
    if (sl_halt_sleep(feed->config.halt, feed->retry_at < until ? feed->retry_at : until))
        return -ECANCELED;
    if (feed->retry_at > until)
        return -ETIMEDOUT;
    const int error = connect_once(feed, why, sizeof(why));
    if (error && error != -ECANCELED)
        lose(feed, why);
    return error == -ECANCELED ? error : 0;
}

static void note_packet(struct sl_rtsp_feed *feed)
{
    feed->heard_at = feed->packet.arrival;
    feed->retry_gap = RETRY_MIN;
    if (feed->lost_at) {
        sl_warn("--video %s: it sends again, after %.1f s", feed->config.source,
                (double)(feed->heard_at - feed->lost_at) / (double)SL_SEC);
        feed->lost_at = 0;
        feed->reason[0] = 0;
    }
    if (feed->losses && feed->heard_at - feed->losses_at >= LOSSES_TOLD) {
        sl_warn("--video %s: %u losses of packets on the way from the camera", feed->config.source,
                feed->losses);
        feed->losses = 0;
        feed->losses_at = feed->heard_at;
    }
}

/* 1: `packet` is new; 0: none came, for this reason or that; -ETIMEDOUT, -ECANCELED. */
static int read_packet(struct sl_rtsp_feed *feed, sl_ns until)
{
    char why[200];
    const sl_ns silent = feed->heard_at + SILENCE;
    const int got =
        sl_rtsp_read(feed->rtsp, silent < until ? silent : until, &feed->packet, why, sizeof(why));
    if (got == 1) {
        note_packet(feed);
        return 1;
    }
    if (got == -ECANCELED)
        return got;
    if (got == 0 && until <= silent)
        return -ETIMEDOUT;
    lose(feed, got == 0 ? "the camera sends nothing" : why);
    return 0;
}

int sl_rtsp_feed_next(struct sl_rtsp_feed *feed, sl_ns until, struct sl_rtsp_unit *ret)
{
    for (;;) {
        int got = 1;
        if (!feed->rtsp)
            got = reconnect(feed, until);
        else if (!feed->waits)
            got = read_packet(feed, until);
        if (got < 0)
            return got == -ETIMEDOUT ? 0 : got;
        if (got == 0)
            continue;
        const struct sl_rtsp_packet *packet = &feed->packet;
        if (packet->report)
            sl_timeline_report(&feed->lines[packet->kind], packet->report_ntp,
                               packet->rtp.timestamp);
        else if (packet->kind == SL_AUDIO)
            take_sound(feed, packet);
        else if (take_video(feed, ret))
            return 1;
    }
}

/* ---- Life ---- */

int sl_rtsp_feed_open(struct sl_rtsp_feed **ret, const struct sl_rtsp_feed_config *config,
                      char *why, size_t why_len)
{
    struct sl_rtsp_feed *feed = calloc(1, sizeof(*feed));
    snprintf(why, why_len, "out of memory");
    if (!feed)
        return -ENOMEM;
    feed->config = *config;
    feed->retry_gap = RETRY_MIN;
    feed->unit = malloc(SL_RTSP_UNIT_MAX + PADDING);
    feed->coded = av_packet_alloc();
    const int error = feed->unit && feed->coded ? connect_once(feed, why, why_len) : -ENOMEM;
    if (error) {
        sl_rtsp_feed_close(feed);
        return error;
    }
    *ret = feed;
    return 0;
}

void sl_rtsp_feed_close(struct sl_rtsp_feed *feed)
{
    if (!feed)
        return;
    sl_rtsp_close(feed->rtsp);
    sl_sound_destroy(feed->sound);
    if (!feed->queue_taken)
        sl_audio_close(feed->queue);
    av_packet_free(&feed->coded);
    free(feed->unit);
    free(feed);
}
