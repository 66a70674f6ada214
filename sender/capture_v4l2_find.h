/* SPDX-License-Identifier: MIT */
/*
 * Which nodes there are, and which of them is the camera that was there before.
 *
 * A node's number says nothing: it is whatever was free. A camera is known by a link that leads to
 * it, where it was opened by one or udev made one of its serial number (/dev/v4l/by-id); else by
 * its name and the place where it is plugged in. Nothing but the folder and the ops is looked at.
 */
#pragma once

#include <stddef.h>

#include "base/types.h"
#include "sender/capture_v4l2_ops.h"

#define SL_V4L2_PATH 256
#define SL_V4L2_NODES_MAX 64

/* What a node says it is, without disturbing who uses it: 0 or -errno, -ENOTTY if it is not a
 * camera that streams. The names are cut and made printable. */
struct sl_v4l2_card {
    char driver[16], card[32], bus_info[32];
};
SL_MUST_CHECK int sl_v4l2_card_read(struct sl_v4l2_card *ret, const struct sl_v4l2_ops *ops,
                                    int fd);

struct sl_v4l2_identity {
    char link[SL_V4L2_PATH]; /* "": none */
    char card[32], bus_info[32];
};

/* The paths of the nodes (DEV/videoN) by their numbers; how many. */
size_t sl_v4l2_nodes(const struct sl_v4l2_ops *ops, char nodes[SL_V4L2_NODES_MAX][SL_V4L2_PATH]);

/* The link in DEV/v4l/by-id that leads to `node`, or "". */
void sl_v4l2_by_id(const struct sl_v4l2_ops *ops, const char *node, char ret[SL_V4L2_PATH]);

/* `path` as it was opened, `card` and `bus_info` as it told them. */
void sl_v4l2_identify(struct sl_v4l2_identity *ret, const struct sl_v4l2_ops *ops, const char *path,
                      const char *card, const char *bus_info);

/* The path by which it can be opened now: 0 or -ENODEV. */
SL_MUST_CHECK int sl_v4l2_find(const struct sl_v4l2_identity *identity,
                               const struct sl_v4l2_ops *ops, char ret[SL_V4L2_PATH]);
