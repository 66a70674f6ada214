/* SPDX-License-Identifier: MIT */
/*
 * Which of a device's modes is taken for what was asked for. Pure.
 *
 *     modes (format, size, rate) × wish ──▶ the best mode, or none that would do
 *
 * What counts, most important first:
 *   1. the device's own formats before those that libv4l2 makes of them, colour before grey;
 *   2. a size that was asked for, else the rate;
 *   3. the other of the two;
 *   4. formats in the order of their table: pixels before what must be decoded.
 * A size that was not asked for is one near 1280x720, a rate one near 30/s.
 *
 * Of sizes: the one wanted; one of its shape, the smallest that is larger, else the largest that
 * is smaller; else a larger one; else the largest. Nothing is made more than twice as large in
 * either direction. H.264 that the camera encodes is no picture: it is taken where it was asked for
 * by name, and where the wish allows it if nothing else keeps to both size and rate; the device
 * looks for it last of all (docs/architecture.md tells why). Of rates: the lowest that reaches what
 * is wanted, else the highest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "sender/capture_v4l2_format.h"

struct sl_v4l2_mode {
    uint32_t fourcc;
    bool emulated; /* libv4l2 makes it of another */
    int width, height;
    struct sl_frame_size least, most; /* of the range that the size is out of; 0x0: not of one */
    int fps_num, fps_den;             /* 0/1: the driver does not tell */
};

/* Whether a camera's own H.264 is taken where no format was asked for by name. */
enum sl_v4l2_encoded {
    SL_V4L2_ENCODED_NEVER,
    SL_V4L2_ENCODED_LAST,   /* if there is nothing else */
    SL_V4L2_ENCODED_BETTER, /* also if only it has the size asked for and the rate */
};

struct sl_v4l2_wish {
    struct sl_frame_size size;           /* 0x0: any */
    int fps;                             /* 0: any */
    const struct sl_v4l2_format *format; /* NULL: any */
    enum sl_v4l2_encoded encoded;
    int64_t bitrate_bps; /* of a camera that encodes; 0: its own */
    sl_ns gop;           /* the same */
};

#define SL_V4L2_WIDTH 1280
#define SL_V4L2_HEIGHT 720
#define SL_V4L2_FPS 30

/* NULL if none will do. */
const struct sl_v4l2_mode *sl_v4l2_choose(const struct sl_v4l2_mode *modes, size_t count,
                                          const struct sl_v4l2_wish *wish);

/* Whether the mode's rate is the one wished for, or more. */
bool sl_v4l2_reaches_rate(const struct sl_v4l2_mode *mode, const struct sl_v4l2_wish *wish);

/* Whether it is of a format that is taken at all. */
bool sl_v4l2_mode_usable(const struct sl_v4l2_mode *mode);

/* The rate of pictures that are numerator/denominator seconds apart; false, and nothing is changed,
 * if that is no rate of a camera's. */
bool sl_v4l2_set_interval(struct sl_v4l2_mode *mode, uint32_t numerator, uint32_t denominator);

/* The value of a driver's range that is nearest to what is wanted. */
int sl_v4l2_nearest(int wanted, int least, int most, int step);

/* "YUYV 160x120 to 1280x720, MJPG 640x480": each format once, as many as there is room for; those
 * that can be used, or all if there is none. */
void sl_v4l2_describe(const struct sl_v4l2_mode *modes, size_t count, char *text, size_t len);
