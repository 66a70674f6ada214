/* SPDX-License-Identifier: MIT */
/*
 * Recordings of the past, without waiting for them: what e2e/e2e_playback.py looks at.
 *
 *     make_recordings DATA CAMERA START_US:SECONDS[:HEIGHT[:COUNT[:torn]]] ...
 *
 * COUNT segments (1) one after another, as the recorder writes them (10 pictures a second, a key
 * frame each second, a tone), and their rows in the catalogue. `torn`: as a kill leaves them: no
 * summary, the last fragment half there, no row. The brightness of a picture tells its time:
 * second n of UTC has a luma of about 32 + 8 * (n % 24). Prints the UUIDs.
 *
 * What was encoded for a second of 24 is used for all that look the same, so a day, or 10,000
 * files, take seconds.
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
#define LOOKS 24 /* seconds that differ */
#define SOUNDS (1000000 / SOUND_US)

struct unit {
    uint8_t *data;
    size_t len;
};

struct maker {
    struct sl_catalogue *catalogue;
    struct sl_random random;
    const char *camera;
    int store, height; /* height: of the pictures; 0: none are there */
    struct unit pictures[LOOKS][FPS];
    struct unit sounds[SOUNDS]; /* a second: whole periods of the tone */
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

static void keep(struct unit *unit, const struct sl_encoded *from)
{
    free(unit->data);
    unit->data = malloc(from->len);
    if (!unit->data)
        fail("memory");
    memcpy(unit->data, from->data, from->len);
    unit->len = from->len;
}

static void encode_sounds(struct maker *maker)
{
    struct sl_audio_encoder *encoder;
    struct sl_encoded packet;
    char why[256];
    if (sl_audio_encoder_create(&encoder, 32000, why, sizeof(why)) != 0)
        fail("an encoder");
    for (int n = 0; n < SOUNDS; n++) {
        int16_t samples[SL_AUDIO_FRAME_SAMPLES * SL_AUDIO_CHANNELS];
        for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++)
            samples[2 * i] = samples[2 * i + 1] =
                (int16_t)(4000 * sin(2 * 3.14159265 * 440 * (n * SOUND_US / 1e6 + i / 48000.0)));
        if (sl_audio_encoder_encode(encoder, samples, &packet) != 0)
            fail("sound");
        keep(&maker->sounds[n], &packet);
    }
    sl_audio_encoder_destroy(encoder);
}

static void encode_pictures(struct maker *maker, int height)
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
    char why[256];
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3 / 2);
    if (!pixels || sl_video_encoder_create(&encoder, &video, why, sizeof(why)) != 0)
        fail("an encoder");
    for (int i = 0; i < LOOKS * FPS; i++) {
        struct sl_picture picture;
        struct sl_encoded unit;
        draw(pixels, width, height, (int64_t)i * FRAME_US, &picture);
        if (sl_video_encoder_encode(encoder, &picture, i % FPS == 0, &unit) != 0)
            fail("encoding");
        keep(&maker->pictures[i / FPS][i % FPS], &unit);
    }
    maker->height = height;
    sl_video_encoder_destroy(encoder);
    free(pixels);
}

static void open_segment(struct maker *maker, int64_t start_us, const struct unit *first,
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
    if (printf("%s\n", config.meta.uuid) < 0)
        fail("printing");
}

/* Half of what was written since `whole` bytes, as it is when the machine goes down. */
static void tear(struct maker *maker, struct sl_segment_writer *writer)
{
    struct sl_segment_info whole;
    char path[SL_SEGMENT_PATH_BYTES];
    struct stat stat;
    sl_segment_write_info(writer, &whole);
    snprintf(path, sizeof(path), "%s", sl_segment_write_path(writer));
    const int fd = openat(maker->store, path, O_WRONLY | O_CLOEXEC);
    if (sl_segment_write_close(writer, 0, NULL) != 0 || fd < 0 || fstat(fd, &stat) != 0 ||
        ftruncate(fd, whole.bytes + (stat.st_size - whole.bytes) / 2) != 0)
        fail("tearing");
    close(fd);
}

static void make_segment(struct maker *maker, int64_t start_us, int seconds, bool torn)
{
    struct sl_segment_writer *writer = NULL;
    struct sl_segment_row row = {.id = 0};
    int64_t heard_us = 0;
    for (int64_t i = 0; i < (int64_t)seconds * FPS; i++) {
        const int64_t at_us = i * FRAME_US, second = start_us / 1000000 + i / FPS;
        const struct unit *unit = &maker->pictures[second % LOOKS][i % FPS];
        if (i == 0)
            open_segment(maker, start_us, unit, &writer);
        if (sl_segment_write_video(writer, at_us, unit->data, unit->len, i % FPS == 0,
                                   at_us * SL_US) != 0)
            fail("a picture");
        for (; heard_us < at_us + FRAME_US; heard_us += SOUND_US) {
            const struct unit *sound = &maker->sounds[heard_us / SOUND_US % SOUNDS];
            if (sl_segment_write_sound(writer, heard_us, sound->data, sound->len, at_us * SL_US) !=
                0)
                fail("sound");
        }
    }
    if (torn) {
        tear(maker, writer);
        return;
    }
    snprintf(row.path, sizeof(row.path), "%s", sl_segment_write_path(writer));
    if (sl_segment_write_close(writer, (int64_t)seconds * 1000000, &row.info) != 0 ||
        sl_catalogue_put(maker->catalogue, &row) != 0)
        fail("closing a segment");
}

static void make_segments(struct maker *maker, const char *text)
{
    long long start_us;
    int seconds, height = 360, count = 1;
    char torn[5] = "";
    if (sscanf(text, "%lld:%d:%d:%d:%4s", &start_us, &seconds, &height, &count, torn) < 2)
        fail(text);
    if (height != maker->height)
        encode_pictures(maker, height);
    for (int i = 0; i < count; i++)
        make_segment(maker, start_us + (int64_t)i * seconds * 1000000, seconds, *torn != '\0');
}

int main(int argc, char **argv)
{
    struct maker maker = {.camera = argc > 2 ? argv[2] : ""};
    char path[4096], why[SL_STORE_WHY];
    if (argc < 4) {
        fprintf(
            stderr,
            "usage: make_recordings DATA CAMERA START_US:SECONDS[:HEIGHT[:COUNT[:torn]]] ...\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s/recordings", argv[1]);
    (void)mkdir(path, 0700);
    maker.store = open(path, O_RDONLY | O_DIRECTORY);
    sl_random_init_system(&maker.random);
    if (maker.store < 0 || sl_catalogue_open(&maker.catalogue, argv[1], true, why) != 0)
        fail("opening the store");
    encode_sounds(&maker);
    if (sl_catalogue_begin(maker.catalogue) != 0)
        fail("a transaction");
    for (int i = 3; i < argc; i++)
        make_segments(&maker, argv[i]);
    if (sl_catalogue_commit(maker.catalogue) != 0)
        fail("a transaction");
    sl_catalogue_close(maker.catalogue);
    close(maker.store);
    for (int i = 0; i < LOOKS * FPS; i++)
        free(maker.pictures[i / FPS][i % FPS].data);
    for (int i = 0; i < SOUNDS; i++)
        free(maker.sounds[i].data);
    return 0;
}
