/* SPDX-License-Identifier: MIT */
/* Cameras: the receiver's list (GET /api/v1/cameras), and which of them the wall shows. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"
#include "viewer/event.h"

struct sl_camera_info {
    char name[33];
    char location[SL_EVENT_TEXT]; /* cut to fit, at a whole character */
    bool live;
    int order; /* of --cameras; 0 without it */
};

struct sl_camera_list {
    struct sl_camera_info items[SL_FEEDS_MAX];
    int count;
    int left_out; /* more than the wall has room for */
};

/* {"cameras":[{"name":...,"location":...,"state":"live"|...},...]}; names that are none are left
 * out, other fields are not looked at. 0 or -EBADMSG. */
SL_MUST_CHECK int sl_cameras_parse(struct sl_camera_list *ret, const char *json);

/* Keeps those that `wanted` ("a,b,c") names, and numbers them in its order; NULL keeps all. 0, or
 * -ENOENT with the first name that is not in the list in `missing`; the others are kept. */
int sl_cameras_select(struct sl_camera_list *list, const char *wanted, char missing[33]);

/* Is `wanted` a list of names? -EINVAL otherwise. */
SL_MUST_CHECK int sl_cameras_check(const char *wanted);
