/* SPDX-License-Identifier: MIT */
/*
 * A machine with V4L2 cameras, in virtual time: the other side of struct sl_v4l2_ops.
 *
 *     test ──plug, unplug, behave──▶ cameras ◀──open, ioctl, mmap, poll── the code under test
 *
 * There is one machine, since the ops have no context; begin() makes it anew. Its /dev is a folder
 * of its own with a file for each node and real links in v4l/by-id. Time passes only in poll().
 * The memory of a buffer is there from mmap to munmap and not a byte longer. What a program must
 * not do (queue a buffer twice, close a descriptor that is none, run in circles) fails the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "base/types.h"
#include "sender/capture_v4l2_ops.h"

#define FAKE_V4L2_CAMERAS 4
#define FAKE_V4L2_FORMATS 16
#define FAKE_V4L2_SIZES 6
#define FAKE_V4L2_RATES 4
#define FAKE_V4L2_BUFFERS 8
#define FAKE_V4L2_CONTROLS 12

struct fake_v4l2_size {
    int width, height;                            /* 0x0 ends a list; of a range, the least */
    int most_width, most_height, step;            /* 0: no range */
    struct v4l2_fract intervals[FAKE_V4L2_RATES]; /* 0/0 ends a list; none: not listed */
    bool interval_range;                          /* the first two are its ends */
};

struct fake_v4l2_format {
    uint32_t fourcc; /* 0 ends a list */
    bool emulated;   /* only where the library is to convert */
    bool unlisted;   /* sizes are not enumerated, only tried */
    struct fake_v4l2_size sizes[FAKE_V4L2_SIZES];
};

struct fake_v4l2_control {
    uint32_t id; /* 0 ends a list */
    int least, most, step;
    uint32_t menu; /* bit i: there is item i; 0: no menu */
    bool still;    /* cannot be set while it streams */
    int value;
    unsigned sets; /* how often it was set */
};

struct fake_v4l2_camera {
    const char *card, *bus_info;
    const char *by_id; /* name of its link; NULL: none */
    uint32_t caps;     /* 0: a camera's */
    struct fake_v4l2_format formats[FAKE_V4L2_FORMATS];
    struct fake_v4l2_control controls[FAKE_V4L2_CONTROLS];
    int padding; /* bytes at the end of each row */
    uint32_t colorspace, quantization;

    /* Behaviour, to be changed at any time. */
    bool busy;        /* another program streams */
    bool forbidden;   /* open says EACCES */
    bool wedged;      /* streams, but no picture comes */
    bool hung;        /* nor does poll tell that it is gone */
    bool wall_clock;  /* moments are of no clock that is known */
    bool in_future;   /* moments are wrong */
    unsigned damaged; /* so many of the next pictures */
    unsigned skipped; /* numbers to leave out before the next picture */
    /* Bytes used, of `len`; NULL: every byte is the picture's number. */
    size_t (*fill)(uint8_t *data, size_t len, uint32_t sequence, const struct v4l2_pix_format *pix);

    int number; /* of its node while it is plugged in, else -1 */
};

struct fake_v4l2 {
    sl_ns now;
    struct fake_v4l2_camera cameras[FAKE_V4L2_CAMERAS];
    /* A thing to happen, once. 0: nothing. */
    sl_ns event_at;
    void (*event)(void);
    int open, mapped; /* descriptors and buffers that the program holds */
    unsigned polls;   /* ever */
};

extern struct fake_v4l2 fake_v4l2;
extern struct sl_v4l2_ops fake_v4l2_ops;

/* No cameras; the time is 1000 s. */
void fake_v4l2_begin(void);
/* Fails the test if anything is held still. */
void fake_v4l2_end(void);

/* The camera becomes DEV/video<number>; by-id links follow it. */
void fake_v4l2_plug(int camera, int number);
void fake_v4l2_unplug(int camera);

/* NULL if the camera has none. */
struct fake_v4l2_control *fake_v4l2_control(int camera, uint32_t id);

/* Bytes of a row and of a picture by the V4L2 documentation. */
int fake_v4l2_row(uint32_t fourcc, int width);
size_t fake_v4l2_bytes(uint32_t fourcc, int stride, int height);
