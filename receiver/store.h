/* SPDX-License-Identifier: MIT */
/*
 * The store: who may do what, in SQLite (WAL) at DATA/sightline.db. Shared by processes: a running
 * receiver reads, admin commands write beside it, and sl_store_changed() tells the reader.
 *
 *     cameras(name, location, created, record, pre, post, keep, keep_bytes)
 *     tokens(hash, role, subject, created)   meta(key, value)
 *
 * Tokens are kept as SHA-256 only. A camera has one token, a viewer one. Times are UTC in
 * microseconds. One thread per open store; two opens are two connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "receiver/record_rule.h"

#define SL_NAME_BYTES 33 /* 32 and NUL */
#define SL_LOCATION_BYTES 129
#define SL_TOKEN_HASH_BYTES 32
#define SL_STORE_CAMERAS_MAX 256
#define SL_STORE_VIEWERS_MAX 1024
#define SL_STORE_WHY 256
#define SL_STORE_AS_ALL (-1)

struct sl_store;

enum sl_role { SL_ROLE_NONE, SL_ROLE_CAMERA, SL_ROLE_VIEWER };

struct sl_token {
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    enum sl_role role;
    char subject[SL_NAME_BYTES]; /* the camera's or the viewer's name */
    int64_t created_us;
};

struct sl_camera_entry {
    char name[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    int64_t created_us;
    struct sl_record_rule record;
    int64_t keep_us, keep_bytes; /* of its recordings; SL_STORE_AS_ALL: as the receiver's */
};

/*
 * Opens the store in directory `dir`; with `write`, makes it if it is absent. -errno with one
 * sentence in `why` (which names the file): -EACCES, -EROFS, -ENOSPC, -EBUSY, -EBADMSG (not a
 * database, or of a newer version) ...
 */
SL_MUST_CHECK int sl_store_open(struct sl_store **ret, const char *dir, bool write,
                                char why[SL_STORE_WHY]);
void sl_store_close(struct sl_store *store);

/* What went wrong in the last call that returned another error than those it names. */
const char *sl_store_why(const struct sl_store *store);

/* -EEXIST, or -ENOSPC beyond SL_STORE_CAMERAS_MAX. */
SL_MUST_CHECK int sl_store_camera_add(struct sl_store *store, const char *name,
                                      const char *location, const uint8_t hash[SL_TOKEN_HASH_BYTES],
                                      int64_t now_us);
/* A new token; the old one is gone. -ENOENT. */
SL_MUST_CHECK int sl_store_camera_link(struct sl_store *store, const char *name,
                                       const uint8_t hash[SL_TOKEN_HASH_BYTES], int64_t now_us);
/* When it is recorded; a new camera always is. -ENOENT. */
SL_MUST_CHECK int sl_store_camera_record(struct sl_store *store, const char *name,
                                         const struct sl_record_rule *rule);
SL_MUST_CHECK int sl_store_camera_record_get(struct sl_store *store, const char *name,
                                             struct sl_record_rule *ret);
/* How long its recordings are kept, and how much; NULL: as it was. -ENOENT. */
SL_MUST_CHECK int sl_store_camera_keep(struct sl_store *store, const char *name,
                                       const int64_t *keep_us, const int64_t *keep_bytes);
/* With its token. -ENOENT. */
SL_MUST_CHECK int sl_store_camera_remove(struct sl_store *store, const char *name);

/* -EEXIST, or -ENOSPC beyond SL_STORE_VIEWERS_MAX. */
SL_MUST_CHECK int sl_store_viewer_add(struct sl_store *store, const char *name,
                                      const uint8_t hash[SL_TOKEN_HASH_BYTES], int64_t now_us);
SL_MUST_CHECK int sl_store_viewer_remove(struct sl_store *store, const char *name);

/* -ENOENT if there is no such token. */
SL_MUST_CHECK int sl_store_token_find(struct sl_store *store,
                                      const uint8_t hash[SL_TOKEN_HASH_BYTES],
                                      struct sl_token *ret);

SL_MUST_CHECK int sl_store_meta_set(struct sl_store *store, const char *key, const char *value);
/* -ENOENT, -EMSGSIZE. */
SL_MUST_CHECK int sl_store_meta_get(struct sl_store *store, const char *key, char *out,
                                    size_t size);

/* 1 if another connection wrote since the last call (or on the first), 0 if not, or -errno. */
int sl_store_changed(struct sl_store *store);

/* All there is at one moment: cameras by name, tokens by hash. One block; free() it. */
struct sl_snapshot {
    struct sl_camera_entry *cameras;
    struct sl_token *tokens;
    int camera_count, token_count;
};
SL_MUST_CHECK int sl_store_snapshot(struct sl_store *store, struct sl_snapshot **ret);

/* NULL if it is not in there. */
const struct sl_token *sl_snapshot_token(const struct sl_snapshot *snapshot,
                                         const uint8_t hash[SL_TOKEN_HASH_BYTES]);
const struct sl_camera_entry *sl_snapshot_camera(const struct sl_snapshot *snapshot,
                                                 const char *name);
