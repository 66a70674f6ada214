/* SPDX-License-Identifier: MIT */
/*
 * Camera: one camera of the hub. What its publisher's session sends and says goes to its viewers,
 * to the recorder, to HTTP and into the log.
 *
 *     publisher ── packets ──▶ relay ─▶ viewers ── key frame wanted ─▶ publisher
 *         │           └──────▶ recorder (record_tap)
 *         ├─ motion ─▶ motion_log ─▶ log lines, recorder, viewers ┐
 *         ├─ device ─▶ device watch ─▶ log lines, viewers         ├─▶ HTTP (an event per change)
 *         └─ heard or not ─▶ live or not ─▶ log lines             ┘
 *
 * It is live while its publisher is connected and was heard within 2 s. Its viewers stay when it is
 * not. One thread: that of the loop.
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"
#include "net/loop.h"
#include "receiver/exchange.h"
#include "receiver/forward.h"
#include "receiver/peers.h"
#include "receiver/record.h"

struct sl_camera;

/* What all cameras have in common; it outlives them. */
struct sl_camera_config {
    struct sl_loop *loop;
    struct sl_exchange *exchange; /* is told when the state changed; offline is taken for granted */
    struct sl_forward *forward;
    struct sl_record *record; /* or NULL; it is told of every publisher */
    const struct sl_peers *peers;
    sl_ns epoch;
};

/* 0 or -ENOMEM. */
SL_MUST_CHECK int sl_camera_create(struct sl_camera **ret, const struct sl_camera_config *config,
                                   const char *name);
/* Its sessions have left. */
void sl_camera_destroy(struct sl_camera *camera);
/* If nobody is there any more, its packets' memory goes back. */
void sl_camera_rest(struct sl_camera *camera);

/* Where it is and when it is recorded. */
void sl_camera_update(struct sl_camera *camera, const struct sl_camera_entry *entry);
/* It is to go, once its sessions have left. */
void sl_camera_remove(struct sl_camera *camera);
bool sl_camera_is_removed(const struct sl_camera *camera);

const char *sl_camera_name(const struct sl_camera *camera);
bool sl_camera_is_live(const struct sl_camera *camera);
/* The one that may send, connected or not; NULL: none. */
struct sl_peer *sl_camera_publisher(const struct sl_camera *camera);
/* Its publisher has a small picture as well. */
bool sl_camera_has_sub(const struct sl_camera *camera);
int sl_camera_viewers(const struct sl_camera *camera);
/* No session points here. */
bool sl_camera_is_empty(const struct sl_camera *camera);

/* The life of a session here: enter, connected at most once, over, leave. `peer` has its session
 * and says whether it is a publisher's, of which the one before must be over. `layer` is what a
 * viewer wants. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_camera_enter(struct sl_camera *camera, struct sl_peer *peer,
                                  enum sl_media_kind layer, sl_ns now);
void sl_camera_connected(struct sl_camera *camera, struct sl_peer *peer, sl_ns now);
void sl_camera_over(struct sl_camera *camera, struct sl_peer *peer, const char *why, sl_ns now);
/* Not from inside a call into the relay. */
void sl_camera_leave(struct sl_camera *camera, struct sl_peer *peer);

/* What a session of a publisher receives. Of any other peer than the one that may send it is
 * ignored. */
void sl_camera_heard(struct sl_camera *camera, struct sl_peer *peer, sl_ns now);
void sl_camera_packet(struct sl_camera *camera, struct sl_peer *peer, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, bool repaired, sl_ns arrival);
void sl_camera_motion(struct sl_camera *camera, struct sl_peer *peer,
                      const struct sl_motion_event *event, sl_ns now);
void sl_camera_device(struct sl_camera *camera, struct sl_peer *peer, uint32_t flags, sl_ns now);

/* What a viewer asks for; as in receiver/relay.h. */
void sl_camera_choose(struct sl_camera *camera, struct sl_peer *peer, enum sl_media_kind layer,
                      sl_ns now);
void sl_camera_keyframe_wanted(struct sl_camera *camera, struct sl_peer *peer, sl_ns now);
const struct sl_rtp_packet *sl_camera_resend(struct sl_camera *camera, const struct sl_peer *peer,
                                             enum sl_media_kind kind, int64_t seq);
