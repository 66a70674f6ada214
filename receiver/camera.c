/* SPDX-License-Identifier: MIT */
#include "receiver/camera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "receiver/motion_log.h"
#include "receiver/record_tap.h"

#define SILENT_AFTER (2 * SL_SEC) /* a publisher that was not heard: the camera is offline */
#define TELL_AGAIN (20 * SL_MS)

struct sl_camera {
    struct sl_camera_config config;
    char name[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    struct sl_forward_place forward; /* and its relay */
    struct sl_peer *publisher;       /* the one that may send; connected or not */
    bool live;
    bool told; /* HTTP knows the state */
    bool removed;
    int64_t since_us;
    struct sl_motion_log motion;
    bool moving; /* as told */
    int64_t moving_since_us;
    struct sl_record_tap tap;
    struct sl_device_watch device;
    bool away; /* its device is, as told */
    int peers; /* that point here */
    struct sl_timer timer, tell_timer;
};

/* ---- Told to HTTP ---- */

static void tell(struct sl_camera *camera)
{
    struct sl_event event = {
        .type = SL_EVENT_CAMERA,
        .live = camera->live,
        .since_us = camera->since_us,
        .moving = camera->moving,
        .moving_since_us = camera->moving_since_us,
        .away = camera->away,
    };
    snprintf(event.camera, sizeof(event.camera), "%s", camera->name);
    if (camera->live) {
        memcpy(event.h264_profile, camera->publisher->h264_profile, sizeof(event.h264_profile));
        event.sub = camera->publisher->sub;
    }
    camera->told = sl_exchange_tell(camera->config.exchange, &event);
    if (!camera->told)
        (void)sl_timer_set(&camera->tell_timer, sl_loop_now(camera->config.loop) + TELL_AGAIN);
}

static void tell_again(void *ctx, sl_ns now)
{
    (void)now;
    struct sl_camera *camera = ctx;
    if (!camera->told)
        tell(camera);
}

static int64_t unix_us(const struct sl_camera *camera, sl_ns now)
{
    return (now + camera->config.epoch) / SL_US;
}

static void set_live(struct sl_camera *camera, bool live, sl_ns now)
{
    if (camera->live == live)
        return;
    camera->live = live;
    camera->since_us = unix_us(camera, now);
    tell(camera);
}

/* ---- Motion ---- */

/* After each change of its log. */
static void set_motion(struct sl_camera *camera, const struct sl_motion_lines *lines, sl_ns now)
{
    for (int i = 0; i < lines->count; i++)
        sl_info("%s", lines->text[i]);
    sl_record_tap_motion(&camera->tap, &camera->motion, camera->config.epoch, now);
    if (camera->moving == camera->motion.moving)
        return;
    camera->moving = camera->motion.moving;
    camera->moving_since_us = unix_us(camera, now);
    tell(camera);
}

static void stop_motion(struct sl_camera *camera, sl_ns now)
{
    struct sl_motion_lines lines;
    sl_motion_log_stop(&camera->motion, camera->name, &lines);
    set_motion(camera, &lines, now);
}

/* ---- The device behind it ---- */

/* The next of its viewers from `peer` on. */
static struct sl_peer *viewer_from(const struct sl_camera *camera, struct sl_peer *peer)
{
    while (peer && (peer->camera != camera || peer->publisher || peer->doomed))
        peer = peer->next;
    return peer;
}

/* A browser's is not supported. */
static void tell_viewer(const struct sl_camera *camera, struct sl_peer *peer, sl_ns now)
{
    (void)sl_session_set_device(peer->session, camera->device.flags, now);
}

/* After a change of the flags of its device; `gone` says how it is away no more. */
static void device_changed(struct sl_camera *camera, const char *gone, sl_ns now)
{
    const bool away = camera->device.flags & SL_DEVICE_AWAY;
    if (away != camera->away) {
        sl_log(away ? SL_LOG_WARN : SL_LOG_INFO, "camera %s: %s", camera->name,
               away ? "no signal from its device" : gone);
        camera->away = away;
        tell(camera);
    }
    for (struct sl_peer *peer = viewer_from(camera, camera->config.peers->first); peer;
         peer = viewer_from(camera, peer->next))
        tell_viewer(camera, peer, now);
}

/* With its publisher. */
static void forget_device(struct sl_camera *camera, sl_ns now)
{
    if (sl_device_watch_hear(&camera->device, 0, now))
        device_changed(camera, "its device was away when its sender left", now);
}

/* ---- Its timer ---- */

/* When it ought to fire. */
static sl_ns camera_due(const struct sl_camera *camera)
{
    const sl_ns relay = sl_relay_due(camera->forward.relay);
    const sl_ns motion = sl_motion_log_due(&camera->motion);
    sl_ns due = relay < motion ? relay : motion;
    const sl_ns device = sl_device_watch_due(&camera->device);
    if (device < due)
        due = device;
    if (camera->live) {
        const sl_ns silent = sl_session_heard(camera->publisher->session) + SILENT_AFTER;
        if (silent < due)
            due = silent;
    }
    return due;
}

/* A timer set too early only fires and is set again, so a later due time needs no heap work. */
static void arm(struct sl_camera *camera)
{
    const sl_ns due = camera_due(camera);
    if (due < camera->timer.due && sl_timer_set(&camera->timer, due) != 0)
        sl_error("out of memory for timers");
}

static void timer_fired(void *ctx, sl_ns now)
{
    struct sl_camera *camera = ctx;
    if (camera->live && now - sl_session_heard(camera->publisher->session) >= SILENT_AFTER) {
        sl_warn("camera %s: offline, nothing heard for %d s", camera->name,
                (int)(SILENT_AFTER / SL_SEC));
        set_live(camera, false, now);
    }
    struct sl_motion_lines lines;
    sl_motion_log_tick(&camera->motion, camera->name, now, &lines);
    set_motion(camera, &lines, now);
    if (sl_device_watch_tick(&camera->device, now))
        device_changed(camera, "its device is not heard of any more", now);
    sl_relay_tick(camera->forward.relay, now);
    arm(camera);
}

/* ---- Its own life ---- */

int sl_camera_create(struct sl_camera **ret, const struct sl_camera_config *config,
                     const char *name)
{
    struct sl_camera *camera = calloc(1, sizeof(*camera));
    if (!camera || sl_relay_create(&camera->forward.relay, &sl_relay_real_sessions) != 0) {
        free(camera);
        return -ENOMEM;
    }
    snprintf(camera->name, sizeof(camera->name), "%s", name);
    camera->config = *config;
    sl_record_tap_init(&camera->tap, config->record);
    camera->told = true; /* offline is what HTTP takes for granted */
    sl_timer_init(&camera->timer, config->loop, timer_fired, camera);
    sl_timer_init(&camera->tell_timer, config->loop, tell_again, camera);
    *ret = camera;
    return 0;
}

void sl_camera_destroy(struct sl_camera *camera)
{
    if (!camera)
        return;
    sl_timer_clear(&camera->timer);
    sl_timer_clear(&camera->tell_timer);
    sl_record_tap_fini(&camera->tap);
    sl_relay_destroy(camera->forward.relay);
    free(camera);
}

void sl_camera_rest(struct sl_camera *camera)
{
    if (sl_camera_is_empty(camera))
        sl_relay_forget(camera->forward.relay);
}

void sl_camera_update(struct sl_camera *camera, const struct sl_camera_entry *entry)
{
    memcpy(camera->location, entry->location, sizeof(camera->location));
    sl_record_tap_rule(&camera->tap, &entry->record, camera->location,
                       sl_loop_now(camera->config.loop));
}

void sl_camera_remove(struct sl_camera *camera)
{
    sl_info("camera %s: removed", camera->name);
    camera->removed = true;
}

bool sl_camera_is_removed(const struct sl_camera *camera)
{
    return camera->removed;
}

const char *sl_camera_name(const struct sl_camera *camera)
{
    return camera->name;
}

bool sl_camera_is_live(const struct sl_camera *camera)
{
    return camera->live;
}

struct sl_peer *sl_camera_publisher(const struct sl_camera *camera)
{
    return camera->publisher;
}

bool sl_camera_has_sub(const struct sl_camera *camera)
{
    return camera->publisher && camera->publisher->sub;
}

int sl_camera_viewers(const struct sl_camera *camera)
{
    return sl_relay_feeds(camera->forward.relay);
}

bool sl_camera_is_empty(const struct sl_camera *camera)
{
    return camera->peers == 0;
}

/* ---- The life of its sessions ---- */

int sl_camera_enter(struct sl_camera *camera, struct sl_peer *peer, enum sl_media_kind layer,
                    sl_ns now)
{
    if (peer->publisher) {
        camera->publisher = peer;
    } else {
        const int err = sl_relay_join(camera->forward.relay, &peer->feed, peer->session);
        if (err != 0)
            return err;
        sl_relay_choose(camera->forward.relay, &peer->feed, layer, now);
    }
    camera->peers++;
    return 0;
}

void sl_camera_connected(struct sl_camera *camera, struct sl_peer *peer, sl_ns now)
{
    if (peer->publisher) {
        sl_relay_publish(camera->forward.relay, peer->session, now);
        sl_record_tap_connect(&camera->tap, camera->name, camera->location, &peer->from,
                              peer->sound, now);
        set_live(camera, true, now);
    } else {
        sl_relay_connected(camera->forward.relay, &peer->feed, now);
        tell_viewer(camera, peer, now);
    }
    arm(camera);
}

static void publisher_over(struct sl_camera *camera, const char *why, sl_ns now)
{
    char from[SL_ADDR_TEXT];
    sl_addr_text(&camera->publisher->from, from);
    stop_motion(camera, now);
    forget_device(camera, now);
    camera->publisher = NULL;
    sl_record_tap_disconnect(&camera->tap, why, now);
    sl_relay_publish(camera->forward.relay, NULL, now);
    if (camera->live)
        sl_info("camera %s: offline, %s left: %s", camera->name, from, why);
    set_live(camera, false, now);
}

void sl_camera_over(struct sl_camera *camera, struct sl_peer *peer, const char *why, sl_ns now)
{
    peer->feed.live = false;
    if (camera->publisher == peer)
        publisher_over(camera, why, now);
}

void sl_camera_leave(struct sl_camera *camera, struct sl_peer *peer)
{
    if (!peer->publisher)
        sl_relay_leave(camera->forward.relay, &peer->feed);
    camera->peers--;
}

/* ---- From its publisher ---- */

void sl_camera_heard(struct sl_camera *camera, struct sl_peer *peer, sl_ns now)
{
    if (camera->live || camera->publisher != peer || !peer->connected ||
        now - sl_session_heard(peer->session) >= SILENT_AFTER)
        return;
    sl_info("camera %s: live again", camera->name);
    set_live(camera, true, now);
    arm(camera);
}

void sl_camera_packet(struct sl_camera *camera, struct sl_peer *peer, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, bool repaired, sl_ns arrival)
{
    const sl_ns now = sl_loop_now(camera->config.loop);
    if (camera->publisher != peer)
        return;
    if (sl_record_tap_packet(&camera->tap, kind, packet, arrival))
        sl_session_request_keyframe(peer->session, SL_VIDEO, now);
    sl_forward_packet(camera->config.forward, &camera->forward, kind, packet, repaired, now);
}

/* To every viewer of ours, each time it is told: so its repetitions are theirs. */
void sl_camera_motion(struct sl_camera *camera, struct sl_peer *peer,
                      const struct sl_motion_event *event, sl_ns now)
{
    struct sl_motion_lines lines;
    if (camera->publisher != peer)
        return;
    sl_motion_log_hear(&camera->motion, camera->name, event, now, &lines);
    set_motion(camera, &lines, now);
    arm(camera);
    for (struct sl_peer *to = viewer_from(camera, camera->config.peers->first); to;
         to = viewer_from(camera, to->next))
        (void)sl_session_send_event(to->session, event); /* a browser's is not supported */
}

/* Each viewer's session repeats it by itself. */
void sl_camera_device(struct sl_camera *camera, struct sl_peer *peer, uint32_t flags, sl_ns now)
{
    if (camera->publisher != peer)
        return;
    if (sl_device_watch_hear(&camera->device, flags, now))
        device_changed(camera, "its device is back", now);
    arm(camera);
}

/* ---- From a viewer ---- */

void sl_camera_choose(struct sl_camera *camera, struct sl_peer *peer, enum sl_media_kind layer,
                      sl_ns now)
{
    sl_relay_choose(camera->forward.relay, &peer->feed, layer, now);
    arm(camera);
}

void sl_camera_keyframe_wanted(struct sl_camera *camera, struct sl_peer *peer, sl_ns now)
{
    sl_relay_keyframe_wanted(camera->forward.relay, &peer->feed, now);
    arm(camera);
}

const struct sl_rtp_packet *sl_camera_resend(struct sl_camera *camera, const struct sl_peer *peer,
                                             enum sl_media_kind kind, int64_t seq)
{
    return sl_relay_resend(camera->forward.relay, &peer->feed, kind, seq);
}
