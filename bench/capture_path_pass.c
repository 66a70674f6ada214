/* SPDX-License-Identifier: MIT */
/* The capture path of H.264 that others encoded: made fit to be sent on, and copied as the sender's
 * pipeline does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/capture_path.h"
#include "bench/clip.h"
#include "sender/h264_pass.h"

#define BITRATE 4000000 /* of 1280x720 at 30/s */
#define UNIT_MAX (2 << 20)
#define FRAMES 30

struct pass {
    struct sl_capture_path base;
    struct sl_clip *clip;
    struct sl_h264_pass *pass;
    uint8_t *copy;
    uint32_t number;
};

static int pass_next(struct sl_capture_path *path, uint8_t *pixels)
{
    struct pass *pass = (struct pass *)path;
    const struct sl_clip_unit unit = sl_clip_unit(pass->clip, pass->number++);
    struct sl_h264_passed passed;
    (void)pixels;
    const int error = sl_h264_pass_unit(pass->pass, unit.data, unit.len, &passed);
    if (error)
        return error;
    if (passed.len > UNIT_MAX)
        return -EMSGSIZE;
    memcpy(pass->copy, passed.data, passed.len);
    return 0;
}

static void pass_close(struct sl_capture_path *path)
{
    struct pass *pass = (struct pass *)path;
    sl_clip_destroy(pass->clip);
    sl_h264_pass_destroy(pass->pass);
    free(pass->copy);
    free(pass);
}

static const struct sl_capture_path_kind kind = {.next = pass_next, .close = pass_close};

int sl_capture_path_pass(struct sl_capture_path **ret, const struct sl_capture_path_config *config,
                         char *why, size_t why_len)
{
    const double pixels = (double)config->width * config->height / (1280. * 720);
    struct pass *pass = calloc(1, sizeof(*pass));
    int error = pass ? 0 : -ENOMEM;
    if (!error) {
        pass->base.kind = &kind;
        pass->base.encoded = true;
        pass->copy = malloc(UNIT_MAX);
        error = pass->copy ? 0 : -ENOMEM;
    }
    if (!error)
        error = sl_h264_pass_create(&pass->pass, UNIT_MAX);
    if (!error)
        error = sl_clip_create(&pass->clip, config->width, config->height, config->fps,
                               (int64_t)(BITRATE * pixels) + 1, "ultrafast", FRAMES, config->seed);
    if (error) {
        snprintf(why, why_len, "a clip of H.264: %s", strerror(-error));
        if (pass)
            pass_close(&pass->base);
        return error;
    }
    pass->base.bytes = (double)sl_clip_bytes(pass->clip) / FRAMES;
    *ret = &pass->base;
    return 0;
}
