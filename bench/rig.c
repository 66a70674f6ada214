/* SPDX-License-Identifier: MIT */
#include "bench/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/rig_child.h"

#define LINE_MAX_BYTES 1024
#define LOG_END_BYTES 8192 /* what programs say when they end has room in it */

/* ---- Sightline ---- */

#define WALL_WIDTH 1280 /* of several cameras */
#define WALL_HEIGHT 720

/* What the making of a path hands on from step to step. The senders come first among the children,
 * then these. */
struct sightline {
    struct sl_rig *rig;
    const struct sl_rig_config *config;
    int cameras, receiver_place, viewer_place;
    char receiver[PATH_MAX];
    int media_port;
    char via[32]; /* empty: as told */
    char *why;
    size_t why_len;
};

struct trace_words {
    char path[PATH_MAX + 32];
};

static void add_trace(const struct sightline *s, int place, struct sl_words *words,
                      struct trace_words *store)
{
    if (!s->config->trace)
        return;
    sl_rig_trace(s->rig, place, store->path);
    sl_words_add(words, "--trace");
    sl_words_add(words, store->path);
}

/* What an admin command prints, one line. */
static int ask_receiver(struct sightline *s, const char *kind, const char *name,
                        char line[LINE_MAX_BYTES])
{
    const char *const argv[] = {s->receiver, kind, "add", name, "--data", s->rig->folder, NULL};
    struct sl_child child;
    int err = sl_child_start(&child, argv, SL_CHILD_OUT, s->rig->log_fd);
    if (err == 0) {
        err = sl_child_read_line(&child, line, LINE_MAX_BYTES, 10 * SL_SEC);
        sl_child_stop(&child, 2 * SL_SEC);
    }
    if (err != 0)
        snprintf(s->why, s->why_len, "%s add: %s", kind, strerror(-err));
    return err;
}

/* "ready https://... media udp HOST:PORT pin ..." */
static int start_receiver(struct sightline *s)
{
    const char *const fixed[] = {s->receiver,   "run",         "--data",  s->rig->folder,
                                 "--listen",    "127.0.0.1:0", "--media", "127.0.0.1:0",
                                 "--no-record", NULL};
    struct sl_words words = sl_words_of(fixed);
    struct trace_words trace;
    add_trace(s, s->receiver_place, &words, &trace);
    sl_words_add_list(&words, s->config->receiver_words);
    char line[LINE_MAX_BYTES];
    int err = sl_rig_child(s->rig, s->receiver_place, "sightline-receiver", &words, SL_CHILD_OUT,
                           s->why, s->why_len);
    if (err != 0)
        return err;
    err = sl_child_read_line(&s->rig->children[s->receiver_place], line, sizeof(line), 10 * SL_SEC);
    if (err == 0 && sscanf(line, "ready %*s media udp %*[^:]:%d", &s->media_port) != 1)
        err = -EPROTO;
    if (err != 0)
        snprintf(s->why, s->why_len, "sightline-receiver does not get ready: %s", strerror(-err));
    return err;
}

static int start_viewer(struct sightline *s)
{
    char program[PATH_MAX], link[LINE_MAX_BYTES], size[32];
    const bool wall = s->cameras > 1;
    sl_rig_own_program("sightline-viewer", program);
    snprintf(size, sizeof(size), "%dx%d", wall ? WALL_WIDTH : s->config->width,
             wall ? WALL_HEIGHT : s->config->height);
    const int err = ask_receiver(s, "viewer", "bench", link);
    if (err != 0)
        return err;
    const char *const fixed[] = {program, "--from", link, "--hud", "off", "--size", size, NULL};
    struct sl_words words = sl_words_of(fixed);
    struct trace_words trace;
    add_trace(s, s->viewer_place, &words, &trace);
    if (s->config->count) {
        sl_words_add(&words, "--stats");
        sl_words_add(&words, "1s");
    }
    sl_words_add_list(&words, s->config->viewer_words);
    return sl_rig_child(s->rig, s->viewer_place, "sightline-viewer", &words,
                        s->config->count ? SL_CHILD_OUT : SL_CHILD_NO_PIPES, s->why, s->why_len);
}

static int start_sender(struct sightline *s, int index, const char *link)
{
    const struct sl_rig_config *config = s->config;
    char program[PATH_MAX], rate[24];
    sl_rig_own_program("sightline-sender", program);
    snprintf(rate, sizeof(rate), "%lldk", (long long)(config->bitrate_bps / 1000));
    const char *const fixed[] = {program,        "--to",      link,   "--video",
                                 "y4m:-",        "--audio",   "none", "--preset",
                                 config->preset, "--bitrate", rate,   NULL};
    struct sl_words words = sl_words_of(fixed);
    struct trace_words trace;
    add_trace(s, index, &words, &trace);
    if (s->via[0]) {
        sl_words_add(&words, "--via");
        sl_words_add(&words, s->via);
    }
    if (config->count) {
        sl_words_add(&words, "--stats");
        sl_words_add(&words, "200ms");
    }
    sl_words_add_list(&words, config->sender_words);
    return sl_rig_child(s->rig, index, "sightline-sender", &words,
                        config->count ? SL_CHILD_IN | SL_CHILD_OUT : SL_CHILD_IN, s->why,
                        s->why_len);
}

static int start_senders(struct sightline *s)
{
    char link[SL_RIG_CAMERAS_MAX][LINE_MAX_BYTES], name[24];
    int err = 0;
    for (int i = 0; i < s->cameras && err == 0; i++) {
        snprintf(name, sizeof(name), "bench%d", i);
        err = ask_receiver(s, "camera", name, link[i]);
    }
    if (err == 0)
        err = start_viewer(s); /* knows them all when it comes */
    for (int i = 0; i < s->cameras && err == 0; i++)
        err = start_sender(s, i, link[i]);
    return err;
}

static int start_sightline(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                           size_t why_len)
{
    const int cameras = config->cameras ? config->cameras : 1;
    struct sightline s = {
        .rig = rig,
        .config = config,
        .cameras = cameras,
        .receiver_place = cameras,
        .viewer_place = cameras + 1,
        .why = why,
        .why_len = why_len,
    };
    if (cameras > SL_RIG_CAMERAS_MAX) {
        snprintf(why, why_len, "%d cameras: wanted at most %d", cameras, SL_RIG_CAMERAS_MAX);
        return -EINVAL;
    }
    sl_rig_own_program("sightline-receiver", s.receiver);
    int port = 0;
    int err = start_receiver(&s);
    if (err == 0 && config->impair)
        err = sl_rig_impair(rig, config->impair, s.media_port, &port, why, why_len);
    if (err == 0 && config->impair)
        snprintf(s.via, sizeof(s.via), "127.0.0.1:%d", port);
    return err ? err : start_senders(&s);
}

const struct sl_rig_path sl_rig_sightline = {"sightline", start_sightline};

int sl_rig_start(struct sl_rig *rig, const struct sl_rig_path *path,
                 const struct sl_rig_config *config, char *why, size_t why_len)
{
    char log[PATH_MAX + 8];
    *rig = (struct sl_rig){.log_fd = -1, .counted = sl_counters_unknown()};
    rig->counted.repair_bytes = rig->counted.decoded = rig->counted.decoded_seconds = 0;
    rig->repairs = sl_told_repairs("");
    for (int i = 0; i < SL_RIG_CHILDREN; i++) {
        rig->children[i] = (struct sl_child){.pid = 0, .in = -1, .out = -1};
        rig->media_bytes[i] = NAN;
    }
    const char *temporary = getenv("TMPDIR");
    if (!temporary || !temporary[0])
        temporary = "/tmp";
    snprintf(rig->folder, sizeof(rig->folder), "%s/sightline-bench-XXXXXX", temporary);
    if (!mkdtemp(rig->folder)) {
        rig->folder[0] = '\0';
        snprintf(why, why_len, "%s: %s", temporary, strerror(errno));
        return -EIO;
    }
    snprintf(log, sizeof(log), "%s/log", rig->folder);
    rig->log_fd = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    setenv("DISPLAY", config->display, 1);
    return path->start(rig, config, why, why_len);
}

const char *sl_rig_dead(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        if (rig->children[i].pid && !sl_child_running(&rig->children[i]))
            return rig->names[i];
    return NULL;
}

/* The last `size` - 1 bytes of what the programs wrote to stderr. */
static void read_log(const struct sl_rig *rig, char *text, size_t size)
{
    const off_t all = rig->log_fd >= 0 ? lseek(rig->log_fd, 0, SEEK_END) : 0;
    const off_t room = (off_t)size - 1;
    const off_t from = all > room ? all - room : 0;
    const ssize_t len = rig->log_fd >= 0 ? pread(rig->log_fd, text, size - 1, from) : 0;
    text[len > 0 ? len : 0] = '\0';
}

void sl_rig_print_log(const struct sl_rig *rig)
{
    char text[2001];
    read_log(rig, text, sizeof(text));
    fputs(text, stderr);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void sl_rig_trace(const struct sl_rig *rig, int index, char path[PATH_MAX + 32])
{
    snprintf(path, PATH_MAX + 32, "%s/trace-%d", rig->folder, index);
}

void sl_rig_stop(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        sl_child_stop(&rig->children[i], 3 * SL_SEC);
    rig->count = 0;
    char log[LOG_END_BYTES];
    read_log(rig, log, sizeof(log));
    rig->repairs = sl_told_repairs(log);
    for (int i = 0; i < SL_RIG_TOLD; i++)
        sl_series_free(&rig->told[i]);
    if (rig->log_fd >= 0)
        close(rig->log_fd);
    rig->log_fd = -1;
    if (rig->folder[0])
        nftw(rig->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    rig->folder[0] = '\0';
}
