/* SPDX-License-Identifier: MIT */
#include "sender/motion_model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How fast what is seen becomes what is usual, in seconds: a static place follows slow light; what
 * has changed stays changed for a while, and its unrest is taken for noise only in the long run. */
#define USUAL_S 4.0
#define CHANGED_USUAL_S 15.0
#define NOISE_S 5.0
#define CHANGED_NOISE_S 120.0
/* At first, and after the light was switched: a lamp, and exposure, take a while to settle. */
#define LEARNING SL_SEC
#define LEARNING_SHARE 0.3f /* of each picture, at least */

#define NOISE_FIRST 4.0f /* variance before anything is known, grey levels squared */
#define THRESHOLD_MAX 60.0f

/* The light of all: ratios of brightness in steps of 1/1024 from 1/2 to 3/2, of cells that are
 * bright enough to have one. */
#define RATIO_STEPS 1024
#define RATIO_LOW 0.5f
#define RATIO_BRIGHT 12.0f
#define LIGHT_MIN 0.75f /* beyond these it was switched */
#define LIGHT_MAX 1.35f
#define SWITCHED_SHARE 0.5

struct sl_motion_model {
    int block, columns, rows, width;
    size_t count, looked_at; /* cells, and those not masked */
    float least, sigmas;     /* threshold: grey levels, and in units of the noise */
    sl_ns seen;              /* so long, since it began anew */
    int pictures;
    uint16_t *sums; /* of columns of pixels */
    float *now, *usual, *variance;
    uint8_t *wanted, *changed;
};

/* So that a cell is of a size with what moves: 96 to 200 in a row, for usual pictures. */
static int block_of(int width)
{
    return width <= 320 ? 2 : width <= 640 ? 4 : width <= 1600 ? 8 : 16;
}

static size_t apply_mask(struct sl_motion_model *model, int width, int height,
                         const struct sl_motion_mask *mask)
{
    size_t wanted = 0;
    for (size_t i = 0; i < model->count; i++) {
        const int x = (int)(i % (size_t)model->columns) * model->block + model->block / 2;
        const int y = (int)(i / (size_t)model->columns) * model->block + model->block / 2;
        model->wanted[i] = !mask || sl_motion_mask_at(mask, x, width, y, height);
        wanted += model->wanted[i];
    }
    return wanted;
}

int sl_motion_model_create(struct sl_motion_model **ret, int width, int height, int sensitivity,
                           const struct sl_motion_mask *mask)
{
    struct sl_motion_model *model = calloc(1, sizeof(*model));
    if (!model)
        return -ENOMEM;
    model->block = block_of(width);
    model->width = width;
    model->columns = width / model->block;
    model->rows = height / model->block;
    model->count = (size_t)model->columns * (size_t)model->rows;
    model->least = 6.0f * exp2f((float)(50 - sensitivity) / 30.0f);
    model->sigmas = 5.0f * exp2f((float)(50 - sensitivity) / 50.0f);
    model->sums = calloc((size_t)width, sizeof(*model->sums));
    model->now = calloc(model->count, sizeof(float));
    model->usual = calloc(model->count, sizeof(float));
    model->variance = calloc(model->count, sizeof(float));
    model->wanted = calloc(model->count, 1);
    model->changed = calloc(model->count, 1);
    if (!model->sums || !model->now || !model->usual || !model->variance || !model->wanted ||
        !model->changed) {
        sl_motion_model_destroy(model);
        return -ENOMEM;
    }
    model->looked_at = apply_mask(model, width, height, mask);
    for (size_t i = 0; i < model->count; i++)
        model->variance[i] = NOISE_FIRST;
    *ret = model;
    return 0;
}

void sl_motion_model_destroy(struct sl_motion_model *model)
{
    if (!model)
        return;
    free(model->sums);
    free(model->now);
    free(model->usual);
    free(model->variance);
    free(model->wanted);
    free(model->changed);
    free(model);
}

/* Columns of a row of cells first: that is done many pixels at a time. 16 x 255 fits. */
static void reduce(struct sl_motion_model *model, const uint8_t *luma, int stride)
{
    const int block = model->block, used = model->columns * block;
    const float scale = 1.0f / (float)(block * block);
    uint16_t *restrict sums = model->sums;
    float *now = model->now;
    for (int row = 0; row < model->rows; row++) {
        memset(sums, 0, (size_t)used * sizeof(*sums));
        for (int y = 0; y < block; y++, luma += stride)
            for (int x = 0; x < used; x++)
                sums[x] = (uint16_t)(sums[x] + luma[x]);
        for (int column = 0; column < model->columns; column++) {
            unsigned sum = 0;
            for (int x = 0; x < block; x++)
                sum += sums[column * block + x];
            *now++ = (float)sum * scale;
        }
    }
}

/* By how much everything has become brighter: the median, so that what moves has no say. */
static float light_of(const struct sl_motion_model *model)
{
    uint32_t histogram[RATIO_STEPS] = {0};
    uint32_t counted = 0, below = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (!model->wanted[i] || model->usual[i] < RATIO_BRIGHT)
            continue;
        const float step = (model->now[i] / model->usual[i] - RATIO_LOW) * RATIO_STEPS;
        histogram[step <= 0 ? 0 : step >= RATIO_STEPS - 1 ? RATIO_STEPS - 1 : (int)step]++;
        counted++;
    }
    if (counted < model->looked_at / 4 || counted == 0)
        return 1.0f;
    int step = 0;
    while (below + histogram[step] <= counted / 2)
        below += histogram[step++];
    const float within = (float)(counted / 2 - below) / (float)histogram[step];
    return RATIO_LOW + ((float)step + within) / RATIO_STEPS;
}

static size_t compare(struct sl_motion_model *model, float light)
{
    size_t changed = 0;
    for (size_t i = 0; i < model->count; i++) {
        const float usual = model->usual[i] * light;
        float threshold = model->sigmas * sqrtf(model->variance[i]);
        threshold = threshold < model->least ? model->least : threshold;
        threshold = threshold > THRESHOLD_MAX ? THRESHOLD_MAX : threshold;
        model->usual[i] = usual;
        model->changed[i] = model->wanted[i] && fabsf(model->now[i] - usual) > threshold;
        changed += model->changed[i];
    }
    return changed;
}

static float share_of(double seconds, double of)
{
    return (float)(1.0 - exp(-seconds / of));
}

static void learn(struct sl_motion_model *model, sl_ns since)
{
    const double seconds = (double)since / (double)SL_SEC;
    const float first = 1.0f / (float)(model->pictures + 1);
    const float quick = first > LEARNING_SHARE ? first : LEARNING_SHARE;
    float usual[2] = {share_of(seconds, USUAL_S), share_of(seconds, CHANGED_USUAL_S)};
    const float noise[2] = {share_of(seconds, NOISE_S), share_of(seconds, CHANGED_NOISE_S)};
    if (model->seen < LEARNING)
        for (int i = 0; i < 2; i++)
            usual[i] = usual[i] > quick ? usual[i] : quick;
    for (size_t i = 0; i < model->count; i++) {
        const int changed = model->changed[i];
        const float off = model->now[i] - model->usual[i];
        const float most = 4.0f * model->sigmas * model->sigmas * model->variance[i];
        const float square = off * off < most ? off * off : most;
        model->usual[i] += usual[changed] * off;
        model->variance[i] += noise[changed] * (square - model->variance[i]);
    }
}

static void begin_anew(struct sl_motion_model *model)
{
    memcpy(model->usual, model->now, model->count * sizeof(float));
    memset(model->changed, 0, model->count);
    model->seen = 0;
}

enum sl_motion_sight sl_motion_model_see(struct sl_motion_model *model, const uint8_t *luma,
                                         int stride, sl_ns since)
{
    reduce(model, luma, stride);
    if (model->pictures++ == 0) {
        begin_anew(model);
        return SL_MOTION_LEARNING;
    }
    const float light = light_of(model);
    const bool beyond = light < LIGHT_MIN || light > LIGHT_MAX;
    const size_t changed = compare(model, beyond ? 1.0f : light);
    if (beyond || (double)changed > SWITCHED_SHARE * (double)model->looked_at) {
        begin_anew(model);
        return SL_MOTION_LIGHT;
    }
    learn(model, since);
    model->seen += since;
    return model->seen < LEARNING ? SL_MOTION_LEARNING : SL_MOTION_SEEN;
}

struct sl_motion_cells sl_motion_model_cells(struct sl_motion_model *model)
{
    return (struct sl_motion_cells){model->columns, model->rows, model->changed};
}
