/* SPDX-License-Identifier: MIT */
/*
 * Recordings of the past, without waiting for them: what e2e/e2e_playback.py looks at.
 *
 *     make_recordings DATA CAMERA START_US:SECONDS[:HEIGHT] ...
 *
 * One segment each, as the recorder writes them (10 pictures a second, a key frame each second, a
 * tone), and its row in the catalogue. The brightness of a picture tells its time: second n of UTC
 * has a luma of about 32 + 8 * (n % 24). Prints the UUIDs.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/encoder.h"
#include "receiver/catalogue.h"
#include "receiver/segment_write.h"

#define FPS 10
#define FRAME_US (1000000 / FPS)
#define SOUND_US 20000

struct maker {
    struct sl_catalogue *catalogue;
    struct sl_random random;
    const char *camera;
    int store;
};

static void fail(const char *what)
{
    fprintf(stderr, "make_recordings: %s failed\n", what);
    exit(1);
}

static void draw(uint8_t *pixels, int width, int height, int64_t us, struct sl_picture *ret)
{
    const size_t luma = (size_t)width * (size_t)height;
    uint32_t noise = (uint32_t)us; /* so that there are some bytes to seek in */
    for (size_t i = 0; i < luma; i++) {
        noise = noise * 1664525 + 1013904223;
        pixels[i] = (uint8_t)(28 + 8 * (us / 1000000 % 24) + (noise >> 29));
    }
    memset(pixels + luma, 128, luma / 2);
    *ret = (struct sl_picture){.width = width,
                               .height = height,
                               .plane = {pixels, pixels + luma, pixels + luma * 5 / 4},
                               .stride = {width, width / 2, width / 2}};
}

static void write_sound(struct sl_audio_encoder *encoder, struct sl_segment_writer *writer,
                        int64_t at_us, sl_ns now)
{
    int16_t samples[SL_AUDIO_FRAME_SAMPLES * SL_AUDIO_CHANNELS];
    struct sl_encoded packet;
    for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++)
        samples[2 * i] = samples[2 * i + 1] =
            (int16_t)(4000 * sin(2 * 3.14159265 * 440 * ((double)at_us / 1e6 + i / 48000.0)));
    if (sl_audio_encoder_encode(encoder, samples, &packet) != 0 ||
        sl_segment_write_sound(writer, at_us, packet.data, packet.len, now) != 0)
        fail("sound");
}

static void open_segment(struct maker *maker, int64_t start_us, const struct sl_encoded *first,
                         struct sl_segment_writer **writer)
{
    struct sl_segment_write_config config = {
        .dir = maker->store, .sound = true, .channels = SL_AUDIO_CHANNELS};
    sl_segment_uuid(config.meta.uuid, &maker->random);
    sl_segment_uuid(config.meta.boot_id, &maker->random);
    snprintf(config.meta.camera, sizeof(config.meta.camera), "%s", maker->camera);
    config.meta.start_us = start_us;
    config.meta.clock = SL_CLOCK_SYNCED;
    if (sl_segment_params_read(&config.params, first->data, first->len) != 0 ||
        sl_segment_write_open(writer, &config) != 0)
        fail("opening a segment");
    printf("%s\n", config.meta.uuid);
}

static void make_segment(struct maker *maker, int64_t start_us, int seconds, int height)
{
    const int width = height * 16 / 9 & ~1;
    const struct sl_video_encoder_config video = {.encoder = "auto",
                                                  .preset = "ultrafast",
                                                  .width = width,
                                                  .height = height,
                                                  .fps_num = FPS,
                                                  .fps_den = 1,
                                                  .bitrate_bps = 15 * height * height,
                                                  .gop = 1 * SL_SEC};
    struct sl_video_encoder *encoder;
    struct sl_audio_encoder *sound;
    struct sl_segment_writer *writer = NULL;
    struct sl_segment_row row = {.id = 0};
    char why[256];
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3 / 2);
    if (!pixels || sl_video_encoder_create(&encoder, &video, why, sizeof(why)) != 0 ||
        sl_audio_encoder_create(&sound, 32000, why, sizeof(why)) != 0)
        fail("an encoder");
    int64_t heard_us = 0;
    for (int i = 0; i < seconds * FPS; i++) {
        const int64_t at_us = (int64_t)i * FRAME_US;
        struct sl_picture picture;
        struct sl_encoded unit;
        draw(pixels, width, height, start_us + at_us, &picture);
        if (sl_video_encoder_encode(encoder, &picture, i % FPS == 0, &unit) != 0)
            fail("encoding");
        if (i == 0)
            open_segment(maker, start_us, &unit, &writer);
        if (sl_segment_write_video(writer, at_us, unit.data, unit.len, unit.key, at_us * SL_US) !=
            0)
            fail("a picture");
        for (; heard_us < at_us + FRAME_US; heard_us += SOUND_US)
            write_sound(sound, writer, heard_us, at_us * SL_US);
    }
    snprintf(row.path, sizeof(row.path), "%s", sl_segment_write_path(writer));
    if (sl_segment_write_close(writer, (int64_t)seconds * 1000000, &row.info) != 0 ||
        sl_catalogue_put(maker->catalogue, &row) != 0)
        fail("closing a segment");
    sl_video_encoder_destroy(encoder);
    sl_audio_encoder_destroy(sound);
    free(pixels);
}

int main(int argc, char **argv)
{
    struct maker maker = {.camera = argc > 2 ? argv[2] : ""};
    char path[4096], why[SL_STORE_WHY];
    if (argc < 4) {
        fprintf(stderr, "usage: make_recordings DATA CAMERA START_US:SECONDS[:HEIGHT] ...\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s/recordings", argv[1]);
    (void)mkdir(path, 0700);
    maker.store = open(path, O_RDONLY | O_DIRECTORY);
    sl_random_init_system(&maker.random);
    if (maker.store < 0 || sl_catalogue_open(&maker.catalogue, argv[1], true, why) != 0)
        fail("opening the store");
    for (int i = 3; i < argc; i++) {
        long long start_us;
        int seconds, height = 360;
        if (sscanf(argv[i], "%lld:%d:%d", &start_us, &seconds, &height) < 2)
            fail(argv[i]);
        make_segment(&maker, start_us, seconds, height);
    }
    sl_catalogue_close(maker.catalogue);
    close(maker.store);
    return 0;
}
