/* SPDX-License-Identifier: MIT */
#include "bench/scene.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define MOVERS 5
#define NOISE 2 /* steps of brightness either way */

struct sl_scene {
    int width, height, frames;
    size_t frame_bytes;
    uint8_t *data;
};

/* ---- Texture: a few octaves of smoothed noise ---- */

struct lattice {
    int columns, rows;
    float *value;
};

static float smooth(float t)
{
    return t * t * (3 - 2 * t);
}

static float lattice_at(const struct lattice *l, float x, float y)
{
    const int column = (int)x, row = (int)y;
    const float fx = smooth(x - (float)column), fy = smooth(y - (float)row);
    const float *top = l->value + (size_t)row * (size_t)l->columns + column;
    const float *bottom = top + l->columns;
    return (top[0] * (1 - fx) + top[1] * fx) * (1 - fy) +
           (bottom[0] * (1 - fx) + bottom[1] * fx) * fy;
}

static int add_octave(float *out, int width, int height, int cell, float strength,
                      struct sl_random *random)
{
    struct lattice l = {.columns = width / cell + 2, .rows = height / cell + 2};
    l.value = malloc((size_t)l.columns * (size_t)l.rows * sizeof(float));
    if (!l.value)
        return -ENOMEM;
    for (int i = 0; i < l.columns * l.rows; i++)
        l.value[i] = (float)sl_random_unit(random) - 0.5f;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            out[y * width + x] +=
                strength * lattice_at(&l, (float)x / (float)cell, (float)y / (float)cell);
    free(l.value);
    return 0;
}

static uint8_t clamp_luma(float v)
{
    return (uint8_t)(v < 16 ? 16 : v > 235 ? 235 : v);
}

/* A plane of texture around `middle`. */
static int make_texture(uint8_t *out, int width, int height, float middle, float strength,
                        struct sl_random *random)
{
    float *sum = calloc((size_t)width * (size_t)height, sizeof(float));
    if (!sum)
        return -ENOMEM;
    int err = 0;
    for (int cell = 128; cell >= 4 && err == 0; cell /= 2, strength *= 0.6f)
        err = add_octave(sum, width, height, cell, strength, random);
    for (int i = 0; i < width * height && err == 0; i++)
        out[i] = clamp_luma(middle + sum[i]);
    free(sum);
    return err;
}

/* ---- Pictures ---- */

/* Where mover `index` stands at `phase` of the loop: whole turns, so that the end meets the start.
 */
static void mover_at(const struct sl_scene *scene, int index, double phase, int *x, int *y,
                     int *radius)
{
    const double turn = 2 * M_PI * (phase * (1 + index % 2) + index * 0.37);
    *radius = scene->height / (8 + 2 * index);
    *x = (int)(scene->width * (0.5 + 0.38 * cos(turn)));
    *y = (int)(scene->height * (0.58 + 0.25 * sin(turn * (1 + index % 3))));
}

/* Copies a disc of `texture` to (x, y): its pattern moves with it. */
static void draw_disc(uint8_t *plane, int width, int height, const uint8_t *texture, int x, int y,
                      int radius, int shift)
{
    for (int dy = -radius; dy < radius; dy++) {
        const int row = y + dy;
        if (row < 0 || row >= height)
            continue;
        for (int dx = -radius; dx < radius; dx++) {
            const int column = x + dx;
            if (column < 0 || column >= width || dx * dx + dy * dy >= radius * radius)
                continue;
            const int from = (dy + radius) % height * width + (dx + radius) % width;
            plane[row * width + column] = (uint8_t)((texture[from] + shift) & 0xff);
        }
    }
}

static void add_noise(uint8_t *plane, size_t count, struct sl_random *random)
{
    uint8_t bytes[4096];
    for (size_t at = 0; at < count;) {
        const size_t part = count - at < sizeof(bytes) ? count - at : sizeof(bytes);
        sl_random_fill(random, bytes, part);
        for (size_t i = 0; i < part; i++, at++)
            plane[at] = (uint8_t)(plane[at] + bytes[i] % (2 * NOISE + 1) - NOISE);
    }
}

static void draw_frame(struct sl_scene *scene, const uint8_t *room, const uint8_t *cloth, int index,
                       struct sl_random *random)
{
    uint8_t *frame = sl_scene_frame(scene, (uint32_t)index);
    uint8_t *plane[3];
    int stride[3];
    sl_scene_planes(scene, frame, plane, stride);
    const int width = scene->width, height = scene->height;
    memcpy(frame, room, scene->frame_bytes);
    for (int i = 0; i < MOVERS; i++) {
        int x, y, radius;
        mover_at(scene, i, (double)index / scene->frames, &x, &y, &radius);
        draw_disc(plane[0], width, height, cloth, x, y, radius, -20 * i);
        for (int c = 1; c < 3; c++)
            draw_disc(plane[c], width / 2, height / 2, room + width * height, x / 2, y / 2,
                      radius / 2, (i - 2) * (c == 1 ? 12 : -9));
    }
    add_noise(plane[0], (size_t)width * (size_t)height, random);
}

static int draw_all(struct sl_scene *scene, uint8_t *room, uint8_t *cloth, uint64_t seed)
{
    struct sl_random random;
    sl_random_init_seed(&random, seed);
    const int width = scene->width, height = scene->height;
    const size_t luma = (size_t)width * (size_t)height;
    int err = make_texture(room, width, height, 120, 110, &random);
    if (err == 0)
        err = make_texture(room + luma, width / 2, height / 2, 128, 30, &random);
    if (err == 0)
        err = make_texture(room + luma + luma / 4, width / 2, height / 2, 128, 30, &random);
    if (err == 0)
        err = make_texture(cloth, width, height, 150, 140, &random);
    for (int i = 0; i < scene->frames && err == 0; i++)
        draw_frame(scene, room, cloth, i, &random);
    return err;
}

int sl_scene_create(struct sl_scene **ret, int width, int height, int frames, uint64_t seed)
{
    if (width < 64 || height < 64 || width % 4 || height % 2 || frames < 1)
        return -EINVAL;
    struct sl_scene *scene = calloc(1, sizeof(*scene));
    if (!scene)
        return -ENOMEM;
    scene->width = width;
    scene->height = height;
    scene->frames = frames;
    scene->frame_bytes = (size_t)width * (size_t)height * 3 / 2;
    scene->data = malloc(scene->frame_bytes * (size_t)frames);
    uint8_t *room = malloc(scene->frame_bytes);
    uint8_t *cloth = malloc((size_t)width * (size_t)height);
    const int err = scene->data && room && cloth ? draw_all(scene, room, cloth, seed) : -ENOMEM;
    free(room);
    free(cloth);
    if (err != 0) {
        sl_scene_destroy(scene);
        return err;
    }
    *ret = scene;
    return 0;
}

void sl_scene_destroy(struct sl_scene *scene)
{
    if (!scene)
        return;
    free(scene->data);
    free(scene);
}

size_t sl_scene_frame_bytes(const struct sl_scene *scene)
{
    return scene->frame_bytes;
}

uint8_t *sl_scene_frame(const struct sl_scene *scene, uint32_t index)
{
    return scene->data + (size_t)(index % (uint32_t)scene->frames) * scene->frame_bytes;
}

void sl_scene_planes(const struct sl_scene *scene, uint8_t *frame, uint8_t *plane[3], int stride[3])
{
    const size_t luma = (size_t)scene->width * (size_t)scene->height;
    plane[0] = frame;
    plane[1] = frame + luma;
    plane[2] = frame + luma + luma / 4;
    stride[0] = scene->width;
    stride[1] = stride[2] = scene->width / 2;
}
