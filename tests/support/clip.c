/* SPDX-License-Identifier: MIT */
#include "tests/support/clip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "codec/encoder.h"

static void keep(struct sl_test_unit *unit, const struct sl_encoded *encoded)
{
    unit->data = malloc(encoded->len);
    assert_non_null(unit->data);
    memcpy(unit->data, encoded->data, encoded->len);
    unit->len = encoded->len;
    unit->key = encoded->key;
}

static void make_video(struct sl_test_clip *clip, int width, int height, int gop)
{
    const struct sl_video_encoder_config config = {.encoder = "libx264",
                                                   .preset = "ultrafast",
                                                   .width = width,
                                                   .height = height,
                                                   .fps_num = 30,
                                                   .fps_den = 1,
                                                   .bitrate_bps = 200000,
                                                   .gop = 3600 * SL_SEC,
                                                   .threads = 1};
    struct sl_video_encoder *encoder;
    char why[256];
    uint8_t *pixels = malloc((size_t)(width * height) * 2);
    assert_non_null(pixels);
    av_log_set_level(AV_LOG_ERROR);
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), 0);
    for (int i = 0; i < clip->frames; i++) {
        memset(pixels, 30 + i * 3, (size_t)(width * height) * 2);
        const struct sl_picture picture = {.width = width,
                                           .height = height,
                                           .plane = {pixels, pixels, pixels},
                                           .stride = {width, width / 2, width / 2}};
        struct sl_encoded encoded;
        assert_int_equal(sl_video_encoder_encode(encoder, &picture, i % gop == 0, &encoded), 0);
        keep(&clip->video[i], &encoded);
    }
    sl_video_encoder_destroy(encoder);
    free(pixels);
}

static void make_sound(struct sl_test_clip *clip)
{
    static int16_t samples[SL_AUDIO_FRAME_SAMPLES * SL_AUDIO_CHANNELS];
    struct sl_audio_encoder *encoder;
    char why[256];
    assert_int_equal(sl_audio_encoder_create(&encoder, 32000, why, sizeof(why)), 0);
    for (int i = 0; i < clip->sounds; i++) {
        for (size_t k = 0; k < sizeof(samples) / sizeof(*samples); k++)
            samples[k] = (int16_t)((int)k * (i + 1) * 37 % 4000);
        struct sl_encoded encoded;
        assert_int_equal(sl_audio_encoder_encode(encoder, samples, &encoded), 0);
        keep(&clip->sound[i], &encoded);
    }
    sl_audio_encoder_destroy(encoder);
}

void sl_test_clip_make(struct sl_test_clip *clip, int width, int height, int frames, int gop)
{
    assert_true(frames <= SL_TEST_CLIP_MAX);
    *clip = (struct sl_test_clip){.frames = frames, .sounds = 8};
    make_video(clip, width, height, gop);
    make_sound(clip);
}

void sl_test_clip_free(struct sl_test_clip *clip)
{
    for (int i = 0; i < SL_TEST_CLIP_MAX; i++) {
        free(clip->video[i].data);
        free(clip->sound[i].data);
    }
}
