/* SPDX-License-Identifier: MIT */
#include "bench/process.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Entries of a folder of /proc/PID; -1: there is none, or not for us. */
static int count(pid_t pid, const char *name)
{
    char path[64];
    int found = 0;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    DIR *folder = opendir(path);
    if (!folder)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        found += entry->d_name[0] != '.';
    closedir(folder);
    return found;
}

/* The figure of the line that begins with `key`; -1: none. */
static int64_t figure(pid_t pid, const char *name, const char *key)
{
    char path[64], line[256];
    int64_t value = -1;
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    while (file && value < 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, key, strlen(key)) == 0)
            (void)!sscanf(line + strlen(key), "%" SCNd64, &value);
    if (file)
        fclose(file);
    return value;
}

int sl_process_look(pid_t pid, struct sl_process *ret)
{
    const int64_t kib = figure(pid, "status", "VmRSS:"); /* none: a zombie */
    if (kib < 0)
        return -ESRCH;
    *ret = (struct sl_process){.rss = kib * 1024,
                               .written = figure(pid, "io", "write_bytes:"),
                               .descriptors = count(pid, "fd"),
                               .threads = count(pid, "task")};
    return 0;
}
