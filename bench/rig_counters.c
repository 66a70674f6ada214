/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/rig.h"

#define ANSWER_PATIENCE (500 * SL_MS)
#define SENDER_PATIENCE_MS 300
#define STATS_SECONDS 1.0 /* Sightline's programs print a line so often */

/* Without memory there is one figure less. */
static void keep(struct sl_rig *rig, enum sl_rig_told what, double value)
{
    const int err = isnan(value) ? 0 : sl_series_add(&rig->told[what], sl_time_now(), value);
    (void)err;
}

static void take_sender(struct sl_rig *rig, int index, const char *line)
{
    struct sl_counters *counted = &rig->counted;
    const double bytes = sl_told_number(line, "bytes");
    const double before = isnan(rig->media_bytes[index]) ? 0 : rig->media_bytes[index];
    const double target = sl_told_number(line, "target_kbps");
    if (isnan(bytes))
        return;
    rig->media_bytes[index] = bytes;
    counted->repair_bytes += sl_told_number(line, "overhead_pct") / 100 * (bytes - before);
    counted->resent = sl_told_number(line, "resent");
    counted->frames_by_fec = sl_told_number(line, "frames_by_fec");
    counted->frames_by_resend = sl_told_number(line, "frames_by_resend");
    counted->frames_late = sl_told_number(line, "frames_late");
    counted->frames_lost = sl_told_number(line, "frames_lost");
    keep(rig, SL_RIG_TARGET_KBPS, target > 0 ? target : NAN);
    keep(rig, SL_RIG_KBPS, sl_told_number(line, "kbps"));
    keep(rig, SL_RIG_RTT_MS, sl_told_number(line, "rtt_ms"));
}

static void take_viewer(struct sl_rig *rig, const char *line)
{
    const double decoded = sl_told_number(line, "decoded");
    if (isnan(decoded))
        return;
    rig->counted.decoded += decoded * STATS_SECONDS;
    rig->counted.decoded_seconds += STATS_SECONDS;
    keep(rig, SL_RIG_DELAY_MS, sl_told_number(line, "delay_ms"));
}

static void take_impair(struct sl_rig *rig, const char *line)
{
    if (strncmp(line, "up ", 3) != 0)
        return;
    rig->counted.sent_packets = sl_told_number(line, "received");
    rig->counted.sent_bytes = sl_told_number(line, "received-bytes");
    rig->counted.lost_packets = sl_told_number(line, "lost") +
                                sl_told_number(line, "queue-dropped") +
                                sl_told_number(line, "outage-dropped");
}

static void take_line(struct sl_rig *rig, int index, const char *line)
{
    const char *name = rig->names[index];
    if (strcmp(name, "impair") == 0)
        take_impair(rig, line);
    else if (strcmp(name, "sightline-sender") == 0)
        take_sender(rig, index, line);
    else if (strcmp(name, "sightline-viewer") == 0)
        take_viewer(rig, line);
}

/* Lines that are longer than any of ours are cut in two. */
static void take_text(struct sl_rig *rig, int index)
{
    struct sl_rig_heard *heard = &rig->heard[index];
    heard->text[heard->len] = '\0';
    for (char *end; (end = strchr(heard->text, '\n'));) {
        *end = '\0';
        take_line(rig, index, heard->text);
        heard->len -= (size_t)(end + 1 - heard->text);
        memmove(heard->text, end + 1, heard->len + 1);
    }
    if (heard->len == sizeof(heard->text) - 1)
        heard->len = 0;
}

/* True: there was something. */
static bool hear(struct sl_rig *rig, int index, int timeout_ms)
{
    struct sl_rig_heard *heard = &rig->heard[index];
    struct pollfd entry = {.fd = rig->children[index].out, .events = POLLIN};
    if (entry.fd < 0 || poll(&entry, 1, timeout_ms) != 1 || !(entry.revents & POLLIN))
        return false;
    const ssize_t got =
        read(entry.fd, heard->text + heard->len, sizeof(heard->text) - 1 - heard->len);
    if (got <= 0)
        return false;
    heard->len += (size_t)got;
    take_text(rig, index);
    return true;
}

void sl_rig_listen(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        while (hear(rig, i, 0))
            ;
}

/* A line on its stdin, and it prints its tally. */
static void ask_impair(struct sl_rig *rig)
{
    const struct sl_child *child = &rig->children[SL_RIG_IMPAIR];
    rig->counted.sent_bytes = rig->counted.sent_packets = rig->counted.lost_packets = NAN;
    if (!child->pid || child->in < 0 || write(child->in, "\n", 1) != 1)
        return;
    const sl_ns until = sl_time_now() + ANSWER_PATIENCE;
    while (isnan(rig->counted.sent_packets) && sl_time_now() < until)
        hear(rig, SL_RIG_IMPAIR, 50);
}

static void await_sender(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        if (rig->names[i] && strcmp(rig->names[i], "sightline-sender") == 0) {
            hear(rig, i, SENDER_PATIENCE_MS);
            return;
        }
}

void sl_rig_counters(struct sl_rig *rig, struct sl_counters *ret)
{
    char file[PATH_MAX + 32];
    struct stat st;
    sl_rig_listen(rig);
    await_sender(rig);
    ask_impair(rig);
    *ret = rig->counted;
    ret->seconds = (double)sl_time_now() / SL_SEC;
    if (!rig->counted.decoded_seconds)
        ret->decoded = NAN;
    if (isnan(rig->media_bytes[0])) /* no sender of ours */
        ret->repair_bytes = NAN;
    ret->media_bytes = NAN;
    for (int i = 0; i < rig->count; i++)
        if (!isnan(rig->media_bytes[i]))
            ret->media_bytes =
                (isnan(ret->media_bytes) ? 0 : ret->media_bytes) + rig->media_bytes[i];
    sl_rig_media_file(rig, file);
    if (stat(file, &st) == 0)
        ret->media_bytes = (double)st.st_size;
}

void sl_rig_media_file(const struct sl_rig *rig, char path[PATH_MAX + 32])
{
    snprintf(path, PATH_MAX + 32, "%s/media", rig->folder);
}
