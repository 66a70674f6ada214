/* SPDX-License-Identifier: MIT */
#include "sender/motion.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "sender/motion_model.h"

#define LOOK_EVERY (80 * SL_MS) /* at 25/s and 30/s each second or third picture */
#define BEGINS_AFTER (200 * SL_MS)
#define ENDS_AFTER (2 * SL_SEC)
#define TELL_EVERY (200 * SL_MS)
#define END_TOLD 5
#define REGION_CELLS_MIN 3 /* one or two are noise, however small the area asked for */

enum { CHANGED = 1, VISITED = 2 }; /* of a cell */

struct sl_motion {
    struct sl_motion_config config;
    struct sl_motion_model *model;
    int *stack;    /* of cells whose neighbours are still to be visited */
    int least;     /* cells of a region */
    bool any;      /* a picture has been looked at */
    sl_ns looked;  /* the last one */
    sl_ns since;   /* regions in every picture since; SL_NEVER: none in the last */
    sl_ns last;    /* a region was there */
    bool going_on; /* the event */
    int ends_left; /* times that its end is still to be told */
    sl_ns tell_at; /* next */
    double score;  /* the largest of the event, or of what may become one */
    struct sl_motion_event event;
    struct sl_motion_stats stats;
};

int sl_motion_create(struct sl_motion **ret, const struct sl_motion_config *config)
{
    struct sl_motion *motion = calloc(1, sizeof(*motion));
    if (!motion)
        return -ENOMEM;
    motion->config = *config;
    motion->config.mask = NULL;
    motion->since = SL_NEVER;
    motion->event.id = config->first_id - 1;
    if (sl_motion_model_create(&motion->model, config->width, config->height, config->sensitivity,
                               config->mask) == 0) {
        const struct sl_motion_cells cells = sl_motion_model_cells(motion->model);
        const int count = cells.columns * cells.rows;
        const int least = (int)ceil(config->min_area * count);
        motion->least = least > REGION_CELLS_MIN ? least : REGION_CELLS_MIN;
        motion->stack = calloc((size_t)count, sizeof(int));
    }
    if (!motion->stack) {
        sl_motion_destroy(motion);
        return -ENOMEM;
    }
    *ret = motion;
    return 0;
}

void sl_motion_destroy(struct sl_motion *motion)
{
    if (!motion)
        return;
    sl_motion_model_destroy(motion->model);
    free(motion->stack);
    free(motion);
}

/* ---- Regions ---- */

/* Marks what hangs together with `start` as visited. How many cells that is; they are left in the
 * stack, in the order in which they were found. */
static int gather(struct sl_motion *motion, const struct sl_motion_cells *cells, int start)
{
    int found = 1;
    motion->stack[0] = start;
    cells->changed[start] = VISITED;
    for (int done = 0; done < found; done++) {
        const int column = motion->stack[done] % cells->columns;
        const int row = motion->stack[done] / cells->columns;
        for (int y = row - 1; y <= row + 1; y++) {
            for (int x = column - 1; x <= column + 1; x++) {
                const int at = y * cells->columns + x;
                if (x < 0 || y < 0 || x >= cells->columns || y >= cells->rows ||
                    cells->changed[at] != CHANGED)
                    continue;
                cells->changed[at] = VISITED;
                motion->stack[found++] = at;
            }
        }
    }
    return found;
}

static void keep(struct sl_motion *motion, const struct sl_motion_cells *cells, int found)
{
    for (int i = 0; i < found; i++) {
        const int column = motion->stack[i] % cells->columns;
        const int row = motion->stack[i] / cells->columns;
        sl_motion_map_set(&motion->event.map, column * SL_MOTION_COLUMNS / cells->columns,
                          row * SL_MOTION_ROWS / cells->rows);
    }
}

/* The share of the picture that regions of the size asked for take; the map is made of them. */
static double find_regions(struct sl_motion *motion)
{
    const struct sl_motion_cells cells = sl_motion_model_cells(motion->model);
    const int count = cells.columns * cells.rows;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const int found = cells.changed[i] == CHANGED ? gather(motion, &cells, i) : 0;
        if (found < motion->least)
            continue;
        keep(motion, &cells, found);
        kept += found;
    }
    return (double)kept / count;
}

/* ---- Events ---- */

static void begin(struct sl_motion *motion, sl_ns captured)
{
    motion->going_on = true;
    motion->stats.events++;
    motion->event.id++;
    motion->event.start_ntp = sl_ntp_from_ns(motion->since, motion->config.epoch);
    motion->event.state = SL_MOTION_GOES_ON;
    motion->tell_at = captured;
}

static void end(struct sl_motion *motion, sl_ns captured)
{
    motion->going_on = false;
    motion->event.state = SL_MOTION_ENDED;
    motion->ends_left = END_TOLD;
    motion->tell_at = captured;
}

static void follow(struct sl_motion *motion, double share, sl_ns captured)
{
    if (share > 0) {
        if (motion->since == SL_NEVER) {
            motion->since = captured;
            motion->score = motion->going_on ? motion->score : 0;
        }
        motion->last = captured;
        motion->stats.moving++;
        motion->score = share > motion->score ? share : motion->score;
    } else {
        motion->since = SL_NEVER;
    }
    if (!motion->going_on && share > 0 && captured - motion->since >= BEGINS_AFTER)
        begin(motion, captured);
    else if (motion->going_on && captured - motion->last >= ENDS_AFTER)
        end(motion, captured);
}

static bool tell(struct sl_motion *motion, sl_ns captured, struct sl_motion_event *ret)
{
    if ((!motion->going_on && motion->ends_left == 0) || captured < motion->tell_at)
        return false;
    motion->tell_at = captured + TELL_EVERY;
    if (motion->going_on) {
        motion->event.last_ntp = sl_ntp_from_ns(motion->last, motion->config.epoch);
        motion->event.score = (uint16_t)lround(motion->score * UINT16_MAX);
    } else {
        motion->ends_left--;
    }
    *ret = motion->event;
    return true;
}

static double see(struct sl_motion *motion, const uint8_t *luma, int stride, sl_ns captured)
{
    const sl_ns since = motion->any ? captured - motion->looked : 0;
    motion->any = true;
    motion->looked = captured;
    motion->stats.looked++;
    motion->event.map = (struct sl_motion_map){0};
    switch (sl_motion_model_see(motion->model, luma, stride, since)) {
    case SL_MOTION_LIGHT:
        motion->stats.switched++;
        return 0;
    case SL_MOTION_LEARNING:
        return 0;
    case SL_MOTION_SEEN:
        break;
    }
    return find_regions(motion);
}

bool sl_motion_look(struct sl_motion *motion, const uint8_t *luma, int stride, sl_ns captured,
                    struct sl_motion_event *ret)
{
    motion->stats.pictures++;
    if (motion->any && captured - motion->looked < LOOK_EVERY) {
        motion->stats.left_out++;
        return false;
    }
    follow(motion, see(motion, luma, stride, captured), captured);
    return tell(motion, captured, ret);
}

const struct sl_motion_map *sl_motion_where(const struct sl_motion *motion)
{
    return &motion->event.map;
}

void sl_motion_stats(const struct sl_motion *motion, struct sl_motion_stats *ret)
{
    *ret = motion->stats;
}
