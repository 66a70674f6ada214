/* SPDX-License-Identifier: MIT */
#include "receiver/peer_log.h"

#include "base/log.h"
#include "receiver/camera.h"

void sl_peer_log_connected(struct sl_peer *peer, sl_ns now)
{
    const char *camera = sl_camera_name(peer->camera);
    const int ms = (int)((now - peer->created) / SL_MS);
    char from[SL_ADDR_TEXT];
    sl_addr_text(&peer->from, from);
    peer->repairs = (struct sl_repair_log){.began = now, .looked = now};
    if (peer->publisher)
        sl_info("camera %s: live from %s (H.264 %s%s%s, set up in %d ms)", camera, from,
                peer->h264_profile, peer->sub ? ", a small picture" : "",
                peer->sound ? " and sound" : "", ms);
    else
        sl_info("camera %s: viewer %s joined from %s (set up in %d ms)", camera,
                peer->token.subject, from, ms);
}

static void say(const struct sl_repair_line *line)
{
    sl_log(line->level, "%s", line->text);
}

void sl_peer_log_repairs(struct sl_peer *peer, sl_ns now)
{
    struct sl_session_stats stats;
    struct sl_repair_line line;
    if (!peer->publisher || !peer->connected || peer->doomed)
        return;
    sl_session_stats(peer->session, &stats);
    if (sl_repair_log_look(&peer->repairs, sl_camera_name(peer->camera), &stats, now, &line))
        say(&line);
}

static void say_repairs_at_end(const struct sl_peer *peer, sl_ns now)
{
    const char *camera = sl_camera_name(peer->camera);
    struct sl_session_stats stats;
    struct sl_repair_line line;
    sl_session_stats(peer->session, &stats);
    if (peer->publisher)
        sl_repair_log_end(&peer->repairs, camera, &stats, now, &line);
    else
        sl_repair_log_viewer_end(&peer->repairs, camera, peer->token.subject, &stats, now, &line);
    say(&line);
}

void sl_peer_log_over(const struct sl_peer *peer, const char *why, sl_ns now)
{
    const char *camera = sl_camera_name(peer->camera);
    char from[SL_ADDR_TEXT];
    sl_addr_text(&peer->from, from);
    if (!peer->connected)
        sl_info("camera %s: %s %s at %s was not set up: %s", camera,
                peer->publisher ? "sender" : "viewer", peer->token.subject, from, why);
    else if (!peer->publisher)
        sl_info("camera %s: viewer %s at %s left: %s", camera, peer->token.subject, from, why);
    if (peer->connected)
        say_repairs_at_end(peer, now);
}
