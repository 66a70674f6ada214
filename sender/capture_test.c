/* SPDX-License-Identifier: MIT */
/* The synthetic camera: the picture of sender/landscape at a steady rate. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "sender/capture.h"
#include "sender/landscape.h"

#define WIDTH 1280
#define HEIGHT 720
#define FPS 30

struct test {
    struct sl_capture base;
    const struct sl_halt *halt;
    struct sl_landscape *landscape;
    sl_ns epoch;
    sl_ns start; /* when picture 0 was due; 0: not started */
    uint64_t number;
};

static void test_close(struct sl_capture *capture)
{
    struct test *test = (struct test *)capture;
    sl_landscape_destroy(test->landscape);
    free(test);
}

static int test_open(struct sl_capture **ret, const char *rest,
                     const struct sl_capture_config *config, char *why, size_t why_len)
{
    (void)rest;
    struct test *test = calloc(1, sizeof(*test));
    snprintf(why, why_len, "out of memory");
    if (!test)
        return -ENOMEM;
    test->base.kind = &sl_capture_test;
    test->base.width = config->size.width ? config->size.width : WIDTH;
    test->base.height = config->size.height ? config->size.height : HEIGHT;
    test->base.fps_num = config->fps ? config->fps : FPS;
    test->base.fps_den = 1;
    test->halt = config->halt;
    test->epoch = config->epoch;
    const int error = sl_landscape_create(&test->landscape, test->base.width, test->base.height,
                                          config->name ? config->name : "");
    if (error) {
        test_close(&test->base);
        return error;
    }
    *ret = &test->base;
    return 0;
}

/* A picture is drawn when it is due, and that is the moment it shows: late drawing is latency. */
static int test_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    struct test *test = (struct test *)capture;
    if (!test->start)
        test->start = sl_time_now();
    sl_ns due = test->start + (sl_ns)test->number * SL_SEC / test->base.fps_num;
    if (sl_halt_sleep(test->halt, due))
        return -ECANCELED;
    const sl_ns now = sl_time_now();
    if (now - due > SL_SEC) { /* stopped or suspended: do not run after what is past */
        test->number += (uint64_t)((now - due) * test->base.fps_num / SL_SEC);
        due = test->start + (sl_ns)test->number * SL_SEC / test->base.fps_num;
    }
    sl_landscape_draw(test->landscape, pixels, due + test->epoch, test->number);
    test->number++;
    *captured = due;
    return 1;
}

const struct sl_capture_kind sl_capture_test = {
    .prefix = "test",
    .open = test_open,
    .next = test_next,
    .close = test_close,
};
