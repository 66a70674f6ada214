/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>
#include <opus/opus.h>

#include "codec/encoder.h"
#include "media/nal.h"
#include "tests/support/alloc_count.h"

#define WIDTH 320
#define HEIGHT 240
#define FPS 30
#define BITRATE 500000

static const struct sl_video_encoder_config base_config = {
    .encoder = "libx264",
    .preset = "ultrafast",
    .width = WIDTH,
    .height = HEIGHT,
    .fps_num = FPS,
    .fps_den = 1,
    .bitrate_bps = BITRATE,
    .gop = 2 * SL_SEC,
};

static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];

/* A still texture with a bright square that moves: an IDR costs much more than a P frame. */
static struct sl_picture draw(int number)
{
    uint32_t noise = 1;
    for (size_t i = 0; i < sizeof(pixels); i++) {
        noise = noise * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(100 + (noise >> 26));
    }
    for (int y = 0; y < 40; y++)
        memset(pixels + (60 + y) * WIDTH + number * 4 % (WIDTH - 40), 220, 40);
    return (struct sl_picture){
        .width = WIDTH,
        .height = HEIGHT,
        .plane = {pixels, pixels + WIDTH * HEIGHT, pixels + WIDTH * HEIGHT * 5 / 4},
        .stride = {WIDTH, WIDTH / 2, WIDTH / 2},
    };
}

static struct sl_video_encoder *make(const struct sl_video_encoder_config *config)
{
    struct sl_video_encoder *encoder = NULL;
    char why[256] = "";
    const int error = sl_video_encoder_create(&encoder, config, why, sizeof(why));
    if (error)
        fail_msg("%s", why);
    return encoder;
}

/* How many NAL units of each type the access unit has; checks the SPS if there is one. */
static void look(const struct sl_encoded *unit, int counts[32])
{
    memset(counts, 0, 32 * sizeof(*counts));
    const uint8_t *at = unit->data;
    for (struct sl_nal nal; sl_nal_next(&at, unit->data + unit->len, &nal);) {
        counts[nal.data[0] & 31]++;
        if ((nal.data[0] & 31) != SL_NAL_SPS)
            continue;
        struct sl_sps sps;
        assert_int_equal(sl_sps_read(&sps, nal.data, nal.len), 0);
        assert_int_equal(sps.profile_idc, 66);
        assert_int_equal(sps.constraint_flags & 0x40, 0x40); /* constraint_set1: constrained */
        assert_int_equal(sps.level_idc, 31);
        assert_int_equal(sps.width, WIDTH);
        assert_int_equal(sps.height, HEIGHT);
        assert_int_equal(sps.num_ref_frames, 1);
        assert_true(sps.bitstream_restriction); /* so that no decoder holds a picture back */
        assert_int_equal(sps.num_reorder_frames, 0);
        assert_int_equal(sps.max_dec_frame_buffering, 1);
    }
}

static void one_in_one_out_and_key_on_request(void **state)
{
    (void)state;
    struct sl_video_encoder *encoder = make(&base_config);
    const uint64_t allocations = sl_alloc_count();
    for (int i = 0; i < 100; i++) {
        const struct sl_picture picture = draw(i);
        struct sl_encoded unit;
        assert_int_equal(sl_video_encoder_encode(encoder, &picture, i == 17 || i == 18, &unit), 0);
        int nals[32];
        look(&unit, nals);
        /* Frame 18 begins a GOP anew: 2 s later is 78. */
        const bool key = i == 0 || i == 17 || i == 18 || i == 78;
        assert_int_equal(unit.key, key);
        assert_int_equal(nals[SL_NAL_IDR] > 0, key);
        assert_int_equal(nals[SL_NAL_SLICE] > 0, !key);
        assert_int_equal(nals[SL_NAL_SPS], key); /* parameter sets with every IDR, and only there */
        assert_int_equal(nals[SL_NAL_PPS], key);
    }
    assert_int_equal(sl_alloc_count(), allocations); /* libavcodec's own are not counted */
    sl_video_encoder_destroy(encoder);
}

/* The leaky bucket that maxrate and bufsize describe may not overflow by more than a frame or so:
 * x264 is asked to plan for it, not to guarantee it. */
static void sizes_follow_the_vbv(void **state)
{
    (void)state;
    struct sl_video_encoder_config config = base_config;
    config.vbv_frames = 5;
    struct sl_video_encoder *encoder = make(&config);
    const double per_frame = (double)BITRATE / FPS;
    double level = 0, total = 0, highest = 0;
    const int frames = 300;
    for (int i = 0; i < frames; i++) {
        const struct sl_picture picture = draw(i);
        struct sl_encoded unit;
        assert_int_equal(sl_video_encoder_encode(encoder, &picture, false, &unit), 0);
        total += 8.0 * (double)unit.len;
        level = fmax(0, level + 8.0 * (double)unit.len - per_frame);
        highest = fmax(highest, level);
    }
    assert_true(highest > 0);
    assert_true(highest < 1.25 * config.vbv_frames * per_frame);
    assert_true(total / frames < 1.05 * per_frame);
    sl_video_encoder_destroy(encoder);
}

/* Grain over all of it, never the same: takes whatever rate there is. */
static struct sl_picture draw_grain(int number)
{
    const struct sl_picture picture = draw(number);
    uint32_t noise = (uint32_t)number * 2654435761u + 1;
    for (size_t i = 0; i < sizeof(pixels); i++) {
        noise = noise * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(pixels[i] + (noise >> 28));
    }
    return picture;
}

/* What a second of pictures comes to, in bits; the fullest the bucket of `rate` was over them. */
static double encode_second(struct sl_video_encoder *encoder, int second, double rate,
                            double *fullest)
{
    double total = 0, level = 0;
    *fullest = 0;
    for (int i = second * FPS; i < (second + 1) * FPS; i++) {
        const struct sl_picture picture = draw_grain(i);
        struct sl_encoded unit;
        assert_int_equal(sl_video_encoder_encode(encoder, &picture, false, &unit), 0);
        assert_int_equal(unit.key, i == 0); /* a new rate needs no key frame */
        total += 8.0 * (double)unit.len;
        level = fmax(0, level + 8.0 * (double)unit.len - rate / FPS);
        *fullest = fmax(*fullest, level);
    }
    return total;
}

static size_t sps_of_key(struct sl_video_encoder *encoder, uint8_t *sps, size_t size)
{
    const struct sl_picture picture = draw_grain(0);
    struct sl_encoded unit;
    assert_int_equal(sl_video_encoder_encode(encoder, &picture, true, &unit), 0);
    const uint8_t *at = unit.data;
    for (struct sl_nal nal; sl_nal_next(&at, unit.data + unit.len, &nal);) {
        if ((nal.data[0] & 31) != SL_NAL_SPS)
            continue;
        assert_in_range(nal.len, 1, size);
        memcpy(sps, nal.data, nal.len);
        return nal.len;
    }
    return 0;
}

/* Down and up, each within a second; then the VBV has the length that it began with. */
static void the_rate_follows(void **state)
{
    (void)state;
    struct sl_video_encoder_config config = base_config;
    config.bitrate_bps = 1000000;
    config.gop = 60 * SL_SEC;
    struct sl_video_encoder *encoder = make(&config);
    const double rates[] = {1000000, 250000, 100000, 700000, 1000000};
    int second = 0;
    for (size_t i = 0; i < SL_COUNT(rates); i++) {
        const double rate = rates[i];
        double fullest;
        sl_video_encoder_set_bitrate(encoder, (int64_t)rate);
        double bits = encode_second(encoder, second++, rate, &fullest);
        assert_true(bits < 1.6 * rate); /* a second, and what the bucket takes beyond that */
        for (int more = 0; more < 2; more++) {
            bits = encode_second(encoder, second++, rate, &fullest);
            if (bits < 0.85 * rate || bits > 1.15 * rate)
                fail_msg("%.0f bits in a second at %.0f", bits, rate);
            assert_true(fullest < 1.25 * 10 * rate / FPS);
        }
    }
    double fullest;
    sl_video_encoder_set_bitrate(encoder, 10000000);
    assert_true(encode_second(encoder, second++, 1000000, &fullest) < 1150000);
    sl_video_encoder_set_bitrate(encoder, 0); /* no rate at all is the least there is */
    encode_second(encoder, second, 10000, &fullest);
    sl_video_encoder_destroy(encoder);
}

static void a_new_rate_leaves_the_parameter_sets(void **state)
{
    (void)state;
    struct sl_video_encoder *encoder = make(&base_config);
    uint8_t first[64], later[64];
    const size_t len = sps_of_key(encoder, first, sizeof(first));
    assert_in_range(len, 8, sizeof(first));
    for (int64_t bps = BITRATE; bps > 50000; bps /= 2) {
        sl_video_encoder_set_bitrate(encoder, bps);
        assert_int_equal(sps_of_key(encoder, later, sizeof(later)), len);
        assert_memory_equal(later, first, len);
    }
    sl_video_encoder_destroy(encoder);
}

static void profile_is_constrained_baseline_at_the_level_needed(void **state)
{
    (void)state;
    const struct {
        int width, height, fps;
        int64_t bitrate;
        const char *profile;
    } cases[] = {
        {640, 360, 15, 500000, "42e01f"},     {1280, 720, 30, 2000000, "42e01f"},
        {1280, 720, 60, 2000000, "42e020"},   {1920, 1080, 30, 4000000, "42e028"},
        {1920, 1080, 60, 4000000, "42e02a"},  {1280, 720, 30, 18000000, "42e020"},
        {3840, 2160, 30, 20000000, "42e033"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_video_encoder_config config = base_config;
        config.width = cases[i].width;
        config.height = cases[i].height;
        config.fps_num = cases[i].fps;
        config.bitrate_bps = cases[i].bitrate;
        struct sl_video_encoder *encoder = make(&config);
        assert_string_equal(sl_video_encoder_profile(encoder), cases[i].profile);
        sl_video_encoder_destroy(encoder);
    }
}

static void wrong_configs_say_why(void **state)
{
    (void)state;
    struct sl_video_encoder *encoder = NULL;
    char why[256];
    struct sl_video_encoder_config config = base_config;
    config.encoder = "h265_magic";
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "unknown encoder 'h265_magic'; wanted auto or libx264");
    config = base_config;
    config.preset = "warp";
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "unknown preset 'warp'; wanted auto, ultrafast"));
    config = base_config;
    config.width = 321;
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), -EINVAL);
    config = base_config;
    config.fps_den = 0;
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), -EINVAL);
    config = base_config;
    config.bitrate_bps = 1;
    assert_int_equal(sl_video_encoder_create(&encoder, &config, why, sizeof(why)), -EINVAL);
    assert_null(encoder);
    sl_video_encoder_destroy(NULL);

    config = base_config;
    config.encoder = config.preset = "auto";
    encoder = make(&config);
    struct sl_picture picture = draw(0);
    picture.width = 160;
    struct sl_encoded unit;
    assert_int_equal(sl_video_encoder_encode(encoder, &picture, false, &unit), -EINVAL);
    sl_video_encoder_destroy(encoder);
}

static void tone(int16_t *samples, int block, double amplitude)
{
    for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++) {
        const double t = (block * SL_AUDIO_FRAME_SAMPLES + i) / (double)SL_AUDIO_RATE_HZ;
        samples[2 * i] = samples[2 * i + 1] = (int16_t)(amplitude * sin(2 * M_PI * 440 * t));
    }
}

static double power(const int16_t *samples, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (double)samples[i] * samples[i];
    return sum / count;
}

/* The packet in which a tone gets ten times louder is lost. The next one mends it; concealment, all
 * there would be without in-band FEC, could only go on as softly as before. */
static void opus_carries_fec(void **state)
{
    (void)state;
    struct sl_audio_encoder *encoder = NULL;
    char why[256];
    assert_int_equal(sl_audio_encoder_create(&encoder, 64000, why, sizeof(why)), 0);
    int error;
    OpusDecoder *decoder = opus_decoder_create(SL_AUDIO_RATE_HZ, SL_AUDIO_CHANNELS, &error);
    assert_int_equal(error, OPUS_OK);
    const int lost = 20, samples = SL_AUDIO_FRAME_SAMPLES;
    int16_t in[SL_AUDIO_FRAME_SAMPLES * 2], out[SL_AUDIO_FRAME_SAMPLES * 2];
    size_t bytes = 0;
    for (int block = 0; block <= lost + 1; block++) {
        tone(in, block, block < lost ? 1000 : 10000);
        struct sl_encoded unit;
        assert_int_equal(sl_audio_encoder_encode(encoder, in, &unit), 0);
        bytes += unit.len;
        const opus_int32 len = (opus_int32)unit.len;
        assert_int_equal(opus_packet_get_nb_samples(unit.data, len, SL_AUDIO_RATE_HZ), samples);
        if (block != lost)
            assert_int_equal(opus_decode(decoder, unit.data, len, out, samples, block > lost),
                             samples);
    }
    assert_true(power(out, 2 * samples) > 0.1 * power(in, 2 * samples));
    assert_in_range(bytes, 1000, (lost + 2) * 2 * 160); /* 64 kb/s are 160 bytes a packet */
    opus_decoder_destroy(decoder);
    sl_audio_encoder_destroy(encoder);
    sl_audio_encoder_destroy(NULL);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_one_out_and_key_on_request),
        cmocka_unit_test(sizes_follow_the_vbv),
        cmocka_unit_test(the_rate_follows),
        cmocka_unit_test(a_new_rate_leaves_the_parameter_sets),
        cmocka_unit_test(profile_is_constrained_baseline_at_the_level_needed),
        cmocka_unit_test(wrong_configs_say_why),
        cmocka_unit_test(opus_carries_fec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
