/* SPDX-License-Identifier: MIT */
#include "bench/clip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/scene.h"
#include "codec/encoder.h"

struct sl_clip {
    int frames, fps;
    char profile[8];
    size_t bytes, room;
    uint8_t *data;
    struct unit {
        size_t from, len;
        bool key;
    } units[];
};

static int append(struct sl_clip *clip, int index, const struct sl_encoded *encoded)
{
    if (clip->bytes + encoded->len > clip->room) {
        const size_t room = 2 * (clip->bytes + encoded->len);
        uint8_t *data = realloc(clip->data, room);
        if (!data)
            return -ENOMEM;
        clip->data = data;
        clip->room = room;
    }
    memcpy(clip->data + clip->bytes, encoded->data, encoded->len);
    clip->units[index] =
        (struct unit){.from = clip->bytes, .len = encoded->len, .key = encoded->key};
    clip->bytes += encoded->len;
    return 0;
}

static int encode_all(struct sl_clip *clip, struct sl_scene *scene,
                      struct sl_video_encoder *encoder, int width, int height)
{
    int error = 0;
    for (int i = 0; i < clip->frames && !error; i++) {
        uint8_t *plane[3];
        struct sl_picture picture = {
            .width = width, .height = height, .captured = i * SL_SEC / clip->fps};
        sl_scene_planes(scene, sl_scene_frame(scene, (uint32_t)i), plane, picture.stride);
        for (int p = 0; p < 3; p++)
            picture.plane[p] = plane[p];
        struct sl_encoded encoded;
        error = sl_video_encoder_encode(encoder, &picture, i == 0, &encoded);
        if (!error)
            error = append(clip, i, &encoded);
    }
    return error;
}

static int film(struct sl_clip *clip, int width, int height, int64_t bitrate_bps,
                const char *preset, uint64_t seed)
{
    const struct sl_video_encoder_config config = {
        .preset = preset,
        .width = width,
        .height = height,
        .fps_num = clip->fps,
        .fps_den = 1,
        .bitrate_bps = bitrate_bps,
        .gop = (clip->frames + 1) * SL_SEC / clip->fps + SL_SEC, /* no key frame but the first */
    };
    struct sl_video_encoder *encoder = NULL;
    struct sl_scene *scene = NULL;
    char why[160];
    int error = sl_video_encoder_create(&encoder, &config, why, sizeof(why));
    if (!error)
        error = sl_scene_create(&scene, width, height, clip->frames, seed);
    if (!error) {
        snprintf(clip->profile, sizeof(clip->profile), "%s", sl_video_encoder_profile(encoder));
        error = encode_all(clip, scene, encoder, width, height);
    }
    sl_scene_destroy(scene);
    sl_video_encoder_destroy(encoder);
    return error;
}

int sl_clip_create(struct sl_clip **ret, int width, int height, int fps, int64_t bitrate_bps,
                   const char *preset, int frames, uint64_t seed)
{
    if (fps < 1 || frames < 1)
        return -EINVAL;
    struct sl_clip *clip = calloc(1, sizeof(*clip) + (size_t)frames * sizeof(clip->units[0]));
    if (!clip)
        return -ENOMEM;
    clip->frames = frames;
    clip->fps = fps;
    const int error = film(clip, width, height, bitrate_bps, preset, seed);
    if (error) {
        sl_clip_destroy(clip);
        return error;
    }
    *ret = clip;
    return 0;
}

void sl_clip_destroy(struct sl_clip *clip)
{
    if (!clip)
        return;
    free(clip->data);
    free(clip);
}

struct sl_clip_unit sl_clip_unit(const struct sl_clip *clip, uint32_t index)
{
    const struct unit *unit = &clip->units[index % (uint32_t)clip->frames];
    return (struct sl_clip_unit){
        .data = clip->data + unit->from, .len = unit->len, .key = unit->key};
}

int sl_clip_frames(const struct sl_clip *clip)
{
    return clip->frames;
}

int sl_clip_fps(const struct sl_clip *clip)
{
    return clip->fps;
}

size_t sl_clip_bytes(const struct sl_clip *clip)
{
    return clip->bytes;
}

const char *sl_clip_profile(const struct sl_clip *clip)
{
    return clip->profile;
}
