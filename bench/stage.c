/* SPDX-License-Identifier: MIT */
#include "bench/stage.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/child.h"
#include "bench/scene.h"
#include "bench/screen.h"
#include "bench/stamp.h"

#define WIDTH 1920
#define HEIGHT 1080
#define SCENE_FRAMES 60 /* then again from the first: two seconds, as a rule */
#define SCENES_MAX 8    /* as many sizes; they are large */

struct scene {
    struct sl_scene *scene;
    int width, height;
};

struct sl_stage {
    const atomic_bool *stop;
    uint64_t seed;
    struct sl_child xvfb;
    char display[64], description[96];
    struct scene scenes[SCENES_MAX];
    size_t scene_count;
};

int sl_stage_open(struct sl_stage **ret, uint64_t seed, const atomic_bool *stop, char *why,
                  size_t why_len)
{
    const char *display = getenv("DISPLAY");
    struct sl_stage *stage = calloc(1, sizeof(*stage));
    if (!stage) {
        snprintf(why, why_len, "out of memory");
        return -ENOMEM;
    }
    stage->stop = stop;
    stage->seed = seed;
    stage->xvfb = (struct sl_child){.pid = 0, .in = -1, .out = -1};
    if (display && display[0]) {
        snprintf(stage->display, sizeof(stage->display), "%s", display);
        snprintf(stage->description, sizeof(stage->description), "display %s", stage->display);
        *ret = stage;
        return 0;
    }
    const int err = sl_screen_start_xvfb(&stage->xvfb, WIDTH, HEIGHT, stage->display);
    if (err != 0) {
        if (err == -ENOENT)
            snprintf(why, why_len, "no display, and no Xvfb (package xvfb) to make one");
        else
            snprintf(why, why_len, "Xvfb: %s", strerror(-err));
        sl_stage_close(stage);
        return err;
    }
    snprintf(stage->description, sizeof(stage->description), "Xvfb %dx%d", WIDTH, HEIGHT);
    *ret = stage;
    return 0;
}

void sl_stage_close(struct sl_stage *stage)
{
    if (!stage)
        return;
    sl_child_stop(&stage->xvfb, 3 * SL_SEC);
    for (size_t i = 0; i < stage->scene_count; i++)
        sl_scene_destroy(stage->scenes[i].scene);
    free(stage);
}

const char *sl_stage_display(const struct sl_stage *stage)
{
    return stage->description;
}

const char *sl_stage_display_name(const struct sl_stage *stage)
{
    return stage->display;
}

bool sl_stage_stopped(const struct sl_stage *stage)
{
    return atomic_load_explicit(stage->stop, memory_order_relaxed);
}

static int make_scene(struct sl_scene **ret, int width, int height, uint64_t seed)
{
    struct sl_stamp_place place;
    int err = sl_stamp_place(&place, width, height);
    if (err == 0)
        err = sl_scene_create(ret, width, height, SCENE_FRAMES, seed);
    for (uint32_t i = 0; i < SCENE_FRAMES && err == 0; i++) {
        uint8_t *plane[3];
        int stride[3];
        sl_scene_planes(*ret, sl_scene_frame(*ret, i), plane, stride);
        sl_stamp_write_colour(&place, plane, stride);
    }
    return err;
}

int sl_stage_scene(struct sl_stage *stage, const struct sl_scene **ret, int width, int height)
{
    for (size_t i = 0; i < stage->scene_count; i++)
        if (stage->scenes[i].width == width && stage->scenes[i].height == height) {
            *ret = stage->scenes[i].scene;
            return 0;
        }
    struct scene made = {.width = width, .height = height};
    const int err = make_scene(&made.scene, width, height, stage->seed);
    if (err != 0)
        return err;
    if (stage->scene_count == SCENES_MAX) { /* the oldest gives way */
        sl_scene_destroy(stage->scenes[0].scene);
        memmove(&stage->scenes[0], &stage->scenes[1],
                --stage->scene_count * sizeof(stage->scenes[0]));
    }
    stage->scenes[stage->scene_count++] = made;
    *ret = made.scene;
    return 0;
}
