/* SPDX-License-Identifier: MIT */
/*
 * A clip for tests: real H.264 units (64x48 or another size, Annex B, parameter sets with each key
 * frame) of pictures that differ, and real packets of Opus, 20 ms each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_TEST_CLIP_MAX 64

struct sl_test_unit {
    uint8_t *data;
    size_t len;
    bool key;
};

struct sl_test_clip {
    struct sl_test_unit video[SL_TEST_CLIP_MAX];
    int frames;
    struct sl_test_unit sound[SL_TEST_CLIP_MAX];
    int sounds;
};

/* A key frame first and then each `gop` frames. Fails the test if it cannot. */
void sl_test_clip_make(struct sl_test_clip *clip, int width, int height, int frames, int gop);
void sl_test_clip_free(struct sl_test_clip *clip);
