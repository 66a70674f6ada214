/* SPDX-License-Identifier: MIT */
#include "codec/decoder.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>
#include <opus/opus.h>

#include "base/bytes.h"
#include "codec/encoder.h"
#include "media/nal.h"

#define PADDING 64
#define UNITS_MAX 32

/* tests/media/moving-160x120.h264: 20 pictures, a key frame at 0 and 10, an AUD before each. */
struct sample {
    uint8_t *bytes;
    const uint8_t *unit[UNITS_MAX];
    size_t len[UNITS_MAX];
    int units;
};

static void sample_load(struct sample *sample)
{
    FILE *file = fopen(SL_TEST_DIR "/media/moving-160x120.h264", "rb");
    assert_non_null(file);
    sample->bytes = calloc(1, 65536);
    const size_t total = fread(sample->bytes, 1, 65536 - PADDING, file);
    fclose(file);
    const uint8_t *end = sample->bytes + total;
    sample->units = 0;
    for (const uint8_t *p = sample->bytes; p + 5 < end; p++) {
        if (memcmp(p, "\0\0\0\1\11", 5))
            continue;
        if (sample->units)
            sample->len[sample->units - 1] = (size_t)(p - sample->unit[sample->units - 1]);
        sample->unit[sample->units++] = p;
    }
    assert_int_equal(sample->units, 20);
    sample->len[19] = (size_t)(end - sample->unit[19]);
}

/* Each unit goes in followed by 64 zero bytes, as the header asks, at the end of a block of its
 * own, so that the address sanitizer sees any read past it. */
static int decode(struct sl_video_decoder *decoder, const uint8_t *data, size_t len,
                  struct sl_picture *ret)
{
    uint8_t *padded = calloc(1, len + PADDING);
    memcpy(padded, data, len);
    const int got = sl_video_decoder_decode(decoder, padded, len, ret);
    free(padded);
    return got;
}

static uint64_t picture_sum(const struct sl_picture *picture)
{
    uint64_t sum = 0;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++)
            sum = sum * 31 + picture->plane[0][y * picture->stride[0] + x];
    return sum;
}

static void test_each_unit_gives_its_picture_at_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct sample sample;
        sample_load(&sample);
        struct sl_video_decoder *decoder;
        assert_int_equal(sl_video_decoder_create(&decoder, threads), 0);
        uint64_t last = 0;
        for (int i = 0; i < sample.units; i++) {
            struct sl_picture picture;
            assert_int_equal(decode(decoder, sample.unit[i], sample.len[i], &picture), 1);
            assert_int_equal(picture.width, 160);
            assert_int_equal(picture.height, 120);
            assert_false(picture.full_range);
            assert_true(picture_sum(&picture) != last);
            last = picture_sum(&picture);
        }
        sl_video_decoder_destroy(decoder);
        free(sample.bytes);
    }
}

/* The sample's SPS, made to say num_reorder_frames 1: its last bits are 1 010 1 (0, 1, stop). */
static void allow_reordering(uint8_t *sps, size_t len)
{
    assert_int_equal(sl_get16(sps + len - 2), 0x26a0);
    sl_put16(sps + len - 2, 0x2528);
}

static void test_an_sps_that_allows_reordering_delays_nothing(void **state)
{
    (void)state;
    struct sample sample;
    sample_load(&sample);
    uint8_t unit[8192], *out = unit;
    const uint8_t *at = sample.unit[0], *end = at + sample.len[0];
    struct sl_nal nal;
    while (sl_nal_next(&at, end, &nal)) {
        memcpy(out, "\0\0\0\1", 4);
        out += 4;
        memcpy(out, nal.data, nal.len);
        if ((nal.data[0] & 31) == SL_NAL_SPS)
            allow_reordering(out, nal.len);
        out += nal.len;
    }
    struct sl_video_decoder *decoder;
    assert_int_equal(sl_video_decoder_create(&decoder, 1), 0);
    struct sl_picture picture;
    assert_int_equal(decode(decoder, unit, (size_t)(out - unit), &picture), 1);
    assert_int_equal(picture.height, 120);
    for (int i = 1; i < 10; i++)
        assert_int_equal(decode(decoder, sample.unit[i], sample.len[i], &picture), 1);
    sl_video_decoder_destroy(decoder);
    free(sample.bytes);
}

/* One picture of a stream of this range; only full range is said in so many words (VUI). */
static bool decoded_as_full_range(struct sl_video_decoder *decoder, bool full_range)
{
    static uint8_t pixels[160 * 120 * 3 / 2];
    const struct sl_video_encoder_config config = {.encoder = "libx264",
                                                   .preset = "ultrafast",
                                                   .width = 160,
                                                   .height = 120,
                                                   .fps_num = 10,
                                                   .fps_den = 1,
                                                   .bitrate_bps = 300000,
                                                   .gop = SL_SEC,
                                                   .full_range = full_range};
    struct sl_video_encoder *encoder;
    char why[256];
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), 0);
    memset(pixels, 128, sizeof(pixels));
    const struct sl_picture in = {
        .width = 160,
        .height = 120,
        .full_range = full_range,
        .plane = {pixels, pixels + 160 * 120, pixels + 160 * 120 * 5 / 4},
        .stride = {160, 80, 80},
    };
    struct sl_encoded unit;
    struct sl_picture out;
    assert_int_equal(sl_video_encoder_encode(encoder, &in, true, &unit), 0);
    assert_int_equal(decode(decoder, unit.data, unit.len, &out), 1);
    sl_video_encoder_destroy(encoder);
    return out.full_range;
}

/* A camera that comes back with another format: its pictures are not taken for those before. */
static void test_the_range_follows_the_stream(void **state)
{
    (void)state;
    struct sl_video_decoder *decoder;
    assert_int_equal(sl_video_decoder_create(&decoder, 1), 0);
    for (int turn = 0; turn < 6; turn++)
        assert_int_equal(decoded_as_full_range(decoder, turn % 2), turn % 2);
    sl_video_decoder_destroy(decoder);
}

static void test_nothing_before_a_key_frame(void **state)
{
    (void)state;
    struct sample sample;
    sample_load(&sample);
    struct sl_video_decoder *decoder;
    assert_int_equal(sl_video_decoder_create(&decoder, 1), 0);
    struct sl_picture picture;
    for (int i = 1; i < 4; i++)
        assert_true(decode(decoder, sample.unit[i], sample.len[i], &picture) <= 0);
    assert_int_equal(decode(decoder, sample.unit[0], sample.len[0], &picture), 1);
    const uint64_t key = picture_sum(&picture);
    assert_int_equal(decode(decoder, sample.unit[1], sample.len[1], &picture), 1);
    sl_video_decoder_reset(decoder);
    assert_true(decode(decoder, sample.unit[4], sample.len[4], &picture) <= 0);
    assert_int_equal(decode(decoder, sample.unit[0], sample.len[0], &picture), 1);
    assert_true(picture_sum(&picture) == key);
    sl_video_decoder_destroy(decoder);
    free(sample.bytes);
}

static void test_a_held_picture_outlives_the_decoder(void **state)
{
    (void)state;
    struct sample sample;
    sample_load(&sample);
    struct sl_video_decoder *decoder;
    struct sl_video_hold *hold;
    assert_int_equal(sl_video_decoder_create(&decoder, 1), 0);
    assert_int_equal(sl_video_hold_create(&hold), 0);
    struct sl_picture held, picture;
    assert_int_equal(decode(decoder, sample.unit[0], sample.len[0], &held), 1);
    const uint64_t sum = picture_sum(&held);
    sl_video_hold_keep(hold, decoder);
    for (int i = 1; i < sample.units; i++)
        assert_int_equal(decode(decoder, sample.unit[i], sample.len[i], &picture), 1);
    sl_video_decoder_reset(decoder);
    sl_video_decoder_destroy(decoder);
    assert_true(picture_sum(&held) == sum);
    sl_video_hold_drop(hold);
    sl_video_hold_destroy(hold);
    sl_video_hold_destroy(NULL);
    free(sample.bytes);
}

/* Loses each half of a unit in turn, and gives noise: nothing of it is ever shown. */
static void check_damage(int threads)
{
    struct sample sample;
    sample_load(&sample);
    struct sl_video_decoder *decoder;
    assert_int_equal(sl_video_decoder_create(&decoder, threads), 0);
    struct sl_picture picture;
    assert_int_equal(sl_video_decoder_decode(decoder, sample.unit[0], 0, &picture), -EBADMSG);
    uint8_t noise[700];
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 37 + 11);
    for (int i = 1; i < 10; i++) {
        assert_int_equal(decode(decoder, sample.unit[0], sample.len[0], &picture), 1);
        for (int k = 1; k < i; k++)
            assert_int_equal(decode(decoder, sample.unit[k], sample.len[k], &picture), 1);
        assert_true(decode(decoder, sample.unit[i], sample.len[i] / 2, &picture) <= 0);
        assert_true(decode(decoder, noise, sizeof(noise), &picture) <= 0);
        sl_video_decoder_reset(decoder);
    }
    assert_true(decode(decoder, sample.unit[0], sample.len[0] * 2 / 3, &picture) <= 0);
    sl_video_decoder_reset(decoder);
    assert_int_equal(decode(decoder, sample.unit[10], sample.len[10], &picture), 1);
    sl_video_decoder_destroy(decoder);
    free(sample.bytes);
}

static void test_damage_shows_nothing_and_a_key_frame_mends(void **state)
{
    (void)state;
    check_damage(1);
    check_damage(2);
}

static void test_limits(void **state)
{
    (void)state;
    struct sl_video_decoder *decoder = NULL;
    assert_int_equal(sl_video_decoder_create(&decoder, 0), -EINVAL);
    assert_int_equal(sl_video_decoder_create(&decoder, 17), -EINVAL);
    assert_null(decoder);
    sl_video_decoder_destroy(NULL);
    sl_audio_decoder_destroy(NULL);
}

#define SAMPLES 960

static double energy(const int16_t *samples, int count)
{
    double sum = 0;
    for (int i = 0; i < count * 2; i++)
        sum += (double)samples[i] * samples[i];
    return sum / count;
}

static void tone(int16_t *out, double *phase)
{
    for (int i = 0; i < SAMPLES; i++) {
        *phase += 2 * 3.14159265358979 * 220 / 48000;
        out[2 * i] = out[2 * i + 1] =
            (int16_t)(6000 * sin(*phase) + 3000 * sin(3 * *phase) + 1500 * sin(7 * *phase));
    }
}

static OpusEncoder *speech_encoder(void)
{
    int error;
    OpusEncoder *encoder = opus_encoder_create(48000, 2, OPUS_APPLICATION_VOIP, &error);
    assert_non_null(encoder);
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(20));
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(40000));
    opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));

    return encoder;
}

static void test_opus_plain_concealed_and_by_fec(void **state)
{
    (void)state;
    OpusEncoder *encoder = speech_encoder();
    struct sl_audio_decoder *decoder;
    assert_int_equal(sl_audio_decoder_create(&decoder), 0);
    int16_t in[SAMPLES * 2], out[SAMPLES * 2];
    double phase = 0;
    for (int packet = 0; packet < 30; packet++) {
        tone(in, &phase);
        uint8_t bytes[1000];
        const int len = opus_encode(encoder, in, SAMPLES, bytes, sizeof(bytes));
        assert_true(len > 0);
        if (packet == 20)
            continue; /* lost: comes back out of packet 21 */
        if (packet == 21) {
            assert_int_equal(
                sl_audio_decoder_decode(decoder, bytes, (size_t)len, true, out, SAMPLES), SAMPLES);
            assert_true(energy(out, SAMPLES) > energy(in, SAMPLES) / 4);
        }
        const bool lost = packet == 25;
        const int got = sl_audio_decoder_decode(decoder, lost ? NULL : bytes,
                                                lost ? 0 : (size_t)len, false, out, SAMPLES);
        assert_int_equal(got, SAMPLES);
        if (packet > 2)
            assert_true(energy(out, SAMPLES) > energy(in, SAMPLES) / 8);
    }
    sl_audio_decoder_destroy(decoder);
    opus_encoder_destroy(encoder);
}

static void test_opus_refuses_nonsense(void **state)
{
    (void)state;
    struct sl_audio_decoder *decoder;
    assert_int_equal(sl_audio_decoder_create(&decoder), 0);
    int16_t out[SAMPLES * 2];
    const uint8_t too_long[] = {0x03, 0xff}; /* code 3 with 63 frames of 10 ms */
    assert_int_equal(sl_audio_decoder_decode(decoder, too_long, 2, false, out, SAMPLES), -EBADMSG);
    assert_int_equal(sl_audio_decoder_decode(decoder, too_long, 0, false, out, SAMPLES), -EBADMSG);
    sl_audio_decoder_destroy(decoder);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_unit_gives_its_picture_at_once),
        cmocka_unit_test(test_an_sps_that_allows_reordering_delays_nothing),
        cmocka_unit_test(test_the_range_follows_the_stream),
        cmocka_unit_test(test_nothing_before_a_key_frame),
        cmocka_unit_test(test_a_held_picture_outlives_the_decoder),
        cmocka_unit_test(test_damage_shows_nothing_and_a_key_frame_mends),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_opus_plain_concealed_and_by_fec),
        cmocka_unit_test(test_opus_refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
