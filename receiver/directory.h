/* SPDX-License-Identifier: MIT */
/*
 * The cameras as HTTP tells them: names, locations and rules from the store, states from the hub,
 * and a version that goes up with every change. GET /api/v1/cameras is its text. Pure; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "receiver/store.h"

struct sl_directory;

struct sl_directory_camera {
    struct sl_camera_entry entry;
    bool live;
    bool sub; /* it has a small picture as well */
    int64_t since_us;
    bool moving;
    int64_t moving_since_us; /* 0: it never changed */
    bool away;               /* its device is, while live */
    int64_t snapshot_us;     /* when its newest picture was captured; 0: there is none */
    char h264_profile[7];    /* while live */
};

/* `tag` tells this run's versions from another's (ETag). 0 or -ENOMEM. */
SL_MUST_CHECK int sl_directory_create(struct sl_directory **ret, const char *tag);
void sl_directory_destroy(struct sl_directory *directory);

/* What is in the store now; new ones are offline since `now_us`. True if anything changed. */
bool sl_directory_apply(struct sl_directory *directory, const struct sl_snapshot *snapshot,
                        int64_t now_us);
/* A camera's state. True if anything changed. */
bool sl_directory_state(struct sl_directory *directory, const char *name, bool live, bool sub,
                        int64_t since_us, const char *h264_profile);

/* Whether something moves before it. True if anything changed. */
bool sl_directory_motion(struct sl_directory *directory, const char *name, bool moving,
                         int64_t since_us);

/* Whether its device is away. True if anything changed. */
bool sl_directory_device(struct sl_directory *directory, const char *name, bool away);

/* Its newest picture. That is no news, or each second would have some: the version stays. */
void sl_directory_snapshot(struct sl_directory *directory, const char *name, int64_t at_us);

/* The `i`th of the list; NULL: there are no more. */
const struct sl_directory_camera *sl_directory_at(const struct sl_directory *directory, int i);
const struct sl_directory_camera *sl_directory_find(const struct sl_directory *directory,
                                                    const char *name);

/* {"version":N,"cameras":[{"name","location","state","since","signal","motion","motion_since",
 * "record","snapshot"}]}, docs/openapi.yaml has the rest. Valid until the next change. NULL if out
 * of memory. */
const char *sl_directory_json(struct sl_directory *directory);
/* As it is sent. A weak one: the times of snapshots go on without it. */
const char *sl_directory_etag(const struct sl_directory *directory);
