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

/* ---- Sightline ---- */

/* What an admin command prints, one line. */
static int ask_receiver(struct sl_rig *rig, const char *program, const char *kind,
                        char line[LINE_MAX_BYTES], char *why, size_t why_len)
{
    const char *const argv[] = {program, kind, "add", "bench", "--data", rig->folder, NULL};
    struct sl_child child;
    int err = sl_child_start(&child, argv, SL_CHILD_OUT, rig->log_fd);
    if (err == 0) {
        err = sl_child_read_line(&child, line, LINE_MAX_BYTES, 10 * SL_SEC);
        sl_child_stop(&child, 2 * SL_SEC);
    }
    if (err != 0)
        snprintf(why, why_len, "%s add: %s", kind, strerror(-err));
    return err;
}

/* "ready https://... media udp HOST:PORT pin ..." */
static int start_receiver(struct sl_rig *rig, const struct sl_rig_config *config,
                          const char *program, int *media_port, char *why, size_t why_len)
{
    const char *const fixed[] = {program,       "run",     "--data",      rig->folder, "--listen",
                                 "127.0.0.1:0", "--media", "127.0.0.1:0", NULL};
    struct sl_words words = sl_words_of(fixed);
    sl_words_add_list(&words, config->receiver_words);
    char line[LINE_MAX_BYTES];
    int err = sl_rig_child(rig, 1, "sightline-receiver", &words, SL_CHILD_OUT, why, why_len);
    if (err != 0)
        return err;
    err = sl_child_read_line(&rig->children[1], line, sizeof(line), 10 * SL_SEC);
    if (err == 0 && sscanf(line, "ready %*s media udp %*[^:]:%d", media_port) != 1)
        err = -EPROTO;
    if (err != 0)
        snprintf(why, why_len, "sightline-receiver does not get ready: %s", strerror(-err));
    return err;
}

static int start_sightline(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                           size_t why_len)
{
    char receiver[PATH_MAX], sender[PATH_MAX], viewer[PATH_MAX];
    char publish[LINE_MAX_BYTES], watch[LINE_MAX_BYTES], size[32], rate[24], via[32];
    int media_port, via_port;
    sl_rig_own_program("sightline-receiver", receiver);
    sl_rig_own_program("sightline-sender", sender);
    sl_rig_own_program("sightline-viewer", viewer);
    snprintf(size, sizeof(size), "%dx%d", config->width, config->height);
    snprintf(rate, sizeof(rate), "%lldk", (long long)(config->bitrate_bps / 1000));
    int err = start_receiver(rig, config, receiver, &media_port, why, why_len);
    if (err == 0)
        err = ask_receiver(rig, receiver, "camera", publish, why, why_len);
    if (err == 0)
        err = ask_receiver(rig, receiver, "viewer", watch, why, why_len);
    if (err == 0) {
        const char *const fixed[] = {viewer, "--from", watch, "--hud", "off", "--size", size, NULL};
        struct sl_words words = sl_words_of(fixed);
        if (config->count) {
            sl_words_add(&words, "--stats");
            sl_words_add(&words, "1s");
        }
        sl_words_add_list(&words, config->viewer_words);
        err = sl_rig_child(rig, 2, "sightline-viewer", &words,
                           config->count ? SL_CHILD_OUT : SL_CHILD_NO_PIPES, why, why_len);
    }
    if (err == 0 && config->impair)
        err = sl_rig_impair(rig, config->impair, media_port, &via_port, why, why_len);
    if (err == 0) {
        const char *const fixed[] = {sender,         "--to",      publish, "--video",
                                     "y4m:-",        "--audio",   "none",  "--preset",
                                     config->preset, "--bitrate", rate,    NULL};
        struct sl_words words = sl_words_of(fixed);
        if (config->impair) {
            snprintf(via, sizeof(via), "127.0.0.1:%d", via_port);
            sl_words_add(&words, "--via");
            sl_words_add(&words, via);
        }
        if (config->count) {
            sl_words_add(&words, "--stats");
            sl_words_add(&words, "200ms");
        }
        sl_words_add_list(&words, config->sender_words);
        err = sl_rig_child(rig, 0, "sightline-sender", &words,
                           config->count ? SL_CHILD_IN | SL_CHILD_OUT : SL_CHILD_IN, why, why_len);
    }
    return err;
}

/* ---- All ---- */

const struct sl_rig_path sl_rig_sightline = {"sightline", start_sightline};

int sl_rig_start(struct sl_rig *rig, const struct sl_rig_path *path,
                 const struct sl_rig_config *config, char *why, size_t why_len)
{
    char log[PATH_MAX + 8];
    *rig = (struct sl_rig){.log_fd = -1};
    rig->repaired = NAN;
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

void sl_rig_print_log(const struct sl_rig *rig)
{
    char text[2001];
    const off_t size = rig->log_fd >= 0 ? lseek(rig->log_fd, 0, SEEK_END) : 0;
    const off_t from = size > 2000 ? size - 2000 : 0;
    const ssize_t len = rig->log_fd >= 0 ? pread(rig->log_fd, text, sizeof(text) - 1, from) : 0;
    if (len > 0)
        fprintf(stderr, "%.*s", (int)len, text);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void sl_rig_stop(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        sl_child_stop(&rig->children[i], 3 * SL_SEC);
    rig->count = 0;
    if (rig->log_fd >= 0)
        close(rig->log_fd);
    rig->log_fd = -1;
    if (rig->folder[0])
        nftw(rig->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    rig->folder[0] = '\0';
}
