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

/* The number that follows `name` in `line`, or NAN. */
static double number_after(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    double value;
    return at && sscanf(at + strlen(name), "%lf", &value) == 1 ? value : NAN;
}

static void take_sender(struct sl_rig *rig, int index, const char *line)
{
    const double bytes = number_after(line, " bytes=");
    const double resent = number_after(line, " resent=");
    if (isnan(bytes) || isnan(resent))
        return;
    rig->media_bytes[index] = bytes;
    rig->resent = resent;
}

static void take_viewer(struct sl_rig *rig, const char *line)
{
    const double decoded = number_after(line, " decoded ");
    if (isnan(decoded))
        return;
    rig->decoded += decoded * STATS_SECONDS;
    rig->decoded_seconds += STATS_SECONDS;
}

static void take_impair(struct sl_rig *rig, const char *line)
{
    if (strncmp(line, "up ", 3) != 0)
        return;
    rig->link.sent_packets = number_after(line, " received ");
    rig->link.sent_bytes = number_after(line, " received-bytes ");
    rig->link.lost_packets = number_after(line, " lost ");
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
    rig->link =
        (struct sl_rig_counters){.sent_bytes = NAN, .sent_packets = NAN, .lost_packets = NAN};
    if (!child->pid || child->in < 0 || write(child->in, "\n", 1) != 1)
        return;
    const sl_ns until = sl_time_now() + ANSWER_PATIENCE;
    while (isnan(rig->link.sent_packets) && sl_time_now() < until)
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

void sl_rig_counters(struct sl_rig *rig, struct sl_rig_counters *ret)
{
    char file[PATH_MAX + 32];
    struct stat st;
    sl_rig_listen(rig);
    await_sender(rig);
    ask_impair(rig);
    *ret = rig->link;
    ret->decoded = rig->decoded_seconds > 0 ? rig->decoded : NAN;
    ret->decoded_seconds = rig->decoded_seconds;
    ret->resent = rig->resent;
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
