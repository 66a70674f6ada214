/* SPDX-License-Identifier: MIT */
#include "codec/encoder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "codec/encoder_kind.h"

#define SIZE_MIN 16
#define SIZE_MAX_SIDE 8192
#define BITRATE_MIN 10000
/* Surveillance footage at 720p30, 2 Mb/s: a VBV of one frame lets each IDR fall to 27 dB after 41,
 * a visible pulse; with 10 frames it has 35 dB; one of a second makes an IDR 140 ms late on a link
 * of that rate. */
#define VBV_FRAMES 10

static const struct sl_video_encoder_kind *const kinds[] = {&sl_encoder_x264, NULL};

static int unknown_encoder(const char *name, char *why, size_t why_len)
{
    int used = snprintf(why, why_len, "unknown encoder '%s'; wanted auto", name);
    for (int i = 0; kinds[i] && used >= 0 && (size_t)used < why_len; i++)
        used += snprintf(why + used, why_len - (size_t)used, " or %s", kinds[i]->name);
    return -ENOENT;
}

static const char *config_error(const struct sl_video_encoder_config *config)
{
    if (config->width < SIZE_MIN || config->height < SIZE_MIN || config->width > SIZE_MAX_SIDE ||
        config->height > SIZE_MAX_SIDE)
        return "size must be 16x16 to 8192x8192";
    if (config->width % 2 || config->height % 2)
        return "width and height must be even";
    if (config->fps_num <= 0 || config->fps_den <= 0 || config->fps_num / config->fps_den > 1000)
        return "frame rate must be above 0 and at most 1000";
    if (config->bitrate_bps < BITRATE_MIN || config->bitrate_bps > 1000000000)
        return "bit rate must be 10k to 1000M";
    if (config->gop < 0 || config->vbv_frames < 0 || config->threads < 0)
        return "gop, vbv and threads must not be negative";
    return NULL;
}

int sl_video_encoder_create(struct sl_video_encoder **ret,
                            const struct sl_video_encoder_config *config, char *why, size_t why_len)
{
    const char *wrong = config_error(config);
    if (wrong) {
        snprintf(why, why_len, "%s", wrong);
        return -EINVAL;
    }
    struct sl_video_encoder_config filled = *config;
    if (!filled.encoder)
        filled.encoder = "auto";
    if (!filled.preset)
        filled.preset = "auto";
    if (!filled.gop)
        filled.gop = 2 * SL_SEC;
    if (!filled.vbv_frames)
        filled.vbv_frames = VBV_FRAMES;
    const bool any = strcmp(filled.encoder, "auto") == 0;
    int error = -ENOENT;
    for (int i = 0; kinds[i]; i++) {
        if (!any && strcmp(filled.encoder, kinds[i]->name) != 0)
            continue;
        error = kinds[i]->open(ret, &filled, why, why_len);
        if (!error || !any)
            return error;
    }
    return any ? error : unknown_encoder(filled.encoder, why, why_len);
}

void sl_video_encoder_destroy(struct sl_video_encoder *encoder)
{
    if (encoder)
        encoder->kind->close(encoder);
}

int sl_video_encoder_encode(struct sl_video_encoder *encoder, const struct sl_picture *picture,
                            bool key, struct sl_encoded *ret)
{
    return encoder->kind->encode(encoder, picture, key, ret);
}

void sl_video_encoder_set_bitrate(struct sl_video_encoder *encoder, int64_t bps)
{
    encoder->kind->set_bitrate(encoder, bps < BITRATE_MIN ? BITRATE_MIN : bps);
}

const char *sl_video_encoder_profile(const struct sl_video_encoder *encoder)
{
    return encoder->kind->profile(encoder);
}
