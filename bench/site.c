/* SPDX-License-Identifier: MIT */
#include "bench/site.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/rig_child.h"

#define LINE_BYTES 1024
#define READY_WITHIN (10 * SL_SEC)

static int make_folder(struct sl_site *site, char *why, size_t why_len)
{
    char log[PATH_MAX + 8];
    const char *temporary = getenv("TMPDIR");
    if (!temporary || !temporary[0])
        temporary = "/tmp";
    snprintf(site->folder, sizeof(site->folder), "%s/sightline-bench-XXXXXX", temporary);
    if (!mkdtemp(site->folder)) {
        const int error = -errno;
        site->folder[0] = '\0';
        snprintf(why, why_len, "%s: %s", temporary, strerror(-error));
        return error;
    }
    snprintf(log, sizeof(log), "%s/log", site->folder);
    snprintf(site->trace, sizeof(site->trace), "%s/trace", site->folder);
    site->log_fd = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return 0;
}

static int start_receiver(struct sl_site *site, const char *program, bool recording,
                          const struct sl_option_list *more, char *why, size_t why_len)
{
    const char *const fixed[] = {program,    "run",         "--data",  site->folder,
                                 "--listen", "127.0.0.1:0", "--media", "127.0.0.1:0",
                                 "--trace",  site->trace,   NULL};
    struct sl_words words = sl_words_of(fixed);
    char line[LINE_BYTES];
    if (!recording)
        sl_words_add(&words, "--no-record");
    sl_words_add_list(&words, more);
    int error = sl_child_start(&site->receiver, words.argv, SL_CHILD_OUT, site->log_fd);
    if (!error)
        error = sl_child_read_line(&site->receiver, line, sizeof(line), READY_WITHIN);
    if (!error && sscanf(line, "ready %*s media udp 127.0.0.1:%d", &site->media_port) != 1)
        error = -EPROTO;
    if (error)
        snprintf(why, why_len, "sightline-receiver does not get ready: %s", strerror(-error));
    return error;
}

/* The link that an admin command prints. */
static int add(struct sl_site *site, const char *program, const char *kind, const char *name,
               char **ret, char *why, size_t why_len)
{
    const char *const argv[] = {program, kind, "add", name, "--data", site->folder, NULL};
    struct sl_child child;
    char line[LINE_BYTES];
    int error = sl_child_start(&child, argv, SL_CHILD_OUT, site->log_fd);
    if (!error) {
        error = sl_child_read_line(&child, line, sizeof(line), READY_WITHIN);
        sl_child_stop(&child, 2 * SL_SEC);
    }
    if (!error)
        *ret = strdup(line);
    if (!error && !*ret)
        error = -ENOMEM;
    if (error)
        snprintf(why, why_len, "%s add: %s", kind, strerror(-error));
    return error;
}

static int enrol(struct sl_site *site, const char *program, char *why, size_t why_len)
{
    site->publish = calloc((size_t)site->cameras, sizeof(*site->publish));
    int error = site->publish ? 0 : -ENOMEM;
    for (int i = 0; i < site->cameras && !error; i++) {
        char name[24];
        snprintf(name, sizeof(name), SL_SITE_CAMERA, i + 1);
        error = add(site, program, "camera", name, &site->publish[i], why, why_len);
    }
    return error ? error : add(site, program, "viewer", "bench", &site->watch, why, why_len);
}

int sl_site_start(struct sl_site *ret, int cameras, bool recording,
                  const struct sl_option_list *receiver_words, char *why, size_t why_len)
{
    struct sl_site site = {.receiver = {.in = -1, .out = -1}, .cameras = cameras, .log_fd = -1};
    char program[PATH_MAX];
    sl_rig_own_program("sightline-receiver", program);
    int error = make_folder(&site, why, why_len);
    if (!error)
        error = start_receiver(&site, program, recording, receiver_words, why, why_len);
    if (!error)
        error = enrol(&site, program, why, why_len);
    if (error) {
        sl_site_print_log(&site);
        sl_site_stop(&site);
        return error;
    }
    *ret = site;
    return 0;
}

int sl_site_pin(const struct sl_site *site, int processor)
{
    char path[64];
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)processor, &set);
    snprintf(path, sizeof(path), "/proc/%d/task", (int)site->receiver.pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return -errno;
    int error = 0;
    for (const struct dirent *entry; (entry = readdir(tasks)) != NULL && !error;)
        if (entry->d_name[0] != '.' &&
            sched_setaffinity((pid_t)atoi(entry->d_name), sizeof(set), &set) != 0)
            error = -errno;
    closedir(tasks);
    return error;
}

void sl_site_print_log(const struct sl_site *site)
{
    char text[2001];
    const off_t size = site->log_fd >= 0 ? lseek(site->log_fd, 0, SEEK_END) : 0;
    const off_t from = size > 2000 ? size - 2000 : 0;
    const ssize_t len = site->log_fd >= 0 ? pread(site->log_fd, text, sizeof(text) - 1, from) : 0;
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

void sl_site_stop(struct sl_site *site)
{
    sl_child_stop(&site->receiver, 3 * SL_SEC);
    if (site->log_fd >= 0)
        close(site->log_fd);
    site->log_fd = -1;
    if (site->folder[0])
        nftw(site->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    site->folder[0] = '\0';
    for (int i = 0; site->publish && i < site->cameras; i++)
        free(site->publish[i]);
    free(site->publish);
    free(site->watch);
    site->publish = NULL;
    site->watch = NULL;
}
