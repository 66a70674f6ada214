/* SPDX-License-Identifier: MIT */
#include "bench/capture_row.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "sender/motion.h"

#define WARM_UP 5      /* pictures: memory is touched and tables are made for the first time */
#define SENSITIVITY 50 /* as --motion-sensitivity and --motion-min-area are by default */
#define MIN_AREA 0.002

static double thread_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

int sl_capture_row_init(struct sl_capture_row *row, struct sl_capture_path *path,
                        const struct sl_capture_path_config *config)
{
    const struct sl_motion_config motion = {
        .width = config->width,
        .height = config->height,
        .sensitivity = SENSITIVITY,
        .min_area = MIN_AREA,
        .epoch = sl_time_epoch(),
    };
    row->path = path;
    row->width = config->width;
    row->height = config->height;
    row->fps = config->fps;
    row->warm_up = WARM_UP;
    row->epoch = motion.epoch;
    row->begun = sl_time_now();
    row->overlay = (struct sl_overlay){.name_text = "front-door",
                                       .location_text = "Building 7, north entrance"};
    if (sl_overlay_parse(&row->overlay, "time,name,location,fps") != 0)
        return -EINVAL;
    if (sl_capture_path_encoded(path))
        return 0;
    row->pixels = malloc((size_t)config->width * (size_t)config->height * 3 / 2);
    return row->pixels ? sl_motion_create(&row->motion, &motion) : -ENOMEM;
}

void sl_capture_row_fini(struct sl_capture_row *row)
{
    sl_capture_path_close(row->path);
    sl_motion_destroy(row->motion);
    free(row->pixels);
    sl_series_free(&row->capture);
    sl_series_free(&row->motion_cost);
    sl_series_free(&row->burn);
    sl_series_free(&row->burned);
}

static int note(struct sl_capture_row *row, sl_ns captured, const double at[4])
{
    int error = sl_series_add(&row->capture, captured, at[1] - at[0]);
    if (error || !row->pixels)
        return error;
    error = sl_series_add(&row->motion_cost, captured, at[2] - at[1]);
    if (!error)
        error = sl_series_add(&row->burn, captured, at[3] - at[2]);
    return error ? error : sl_series_add(&row->burned, captured, at[1] - at[0] + at[3] - at[2]);
}

static int measure(struct sl_capture_row *row)
{
    double at[4] = {0};
    const sl_ns captured = row->begun + row->number++ * SL_SEC / row->fps;
    at[0] = thread_us();
    const int error = sl_capture_path_next(row->path, row->pixels);
    at[1] = thread_us();
    if (error)
        return error;
    if (row->pixels) {
        struct sl_motion_event event;
        (void)sl_motion_look(row->motion, row->pixels, row->width, captured, &event);
        at[2] = thread_us();
        const struct sl_canvas canvas = sl_canvas(row->pixels, row->width, row->height);
        sl_overlay_draw(&row->overlay, &canvas, captured, captured + row->epoch);
        at[3] = thread_us();
    }
    if (row->warm_up > 0) {
        row->warm_up--;
        return 0;
    }
    return note(row, captured, at);
}

void sl_capture_row_measure(struct sl_capture_row *row)
{
    const int error = row->path ? measure(row) : 0;
    if (!error)
        return;
    snprintf(row->why, sizeof(row->why), "it ended: %s", strerror(-error));
    sl_capture_path_close(row->path);
    row->path = NULL;
}
