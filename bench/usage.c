/* SPDX-License-Identifier: MIT */
#include "bench/usage.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

/* The first line of a small file, without its newline. 0 or -ESRCH. */
static int read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -ESRCH;
    const bool got = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (!got)
        return -ESRCH;
    line[strcspn(line, "\n")] = '\0';
    return 0;
}

/* Processor time of all its threads, those that have ended included. */
static int process_cpu(pid_t pid, sl_ns *ret)
{
    clockid_t clock;
    struct timespec ts;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
        return -ESRCH;
    *ret = ts.tv_sec * SL_SEC + ts.tv_nsec;
    return 0;
}

static int read_thread(pid_t pid, const char *tid, struct sl_usage_thread *ret)
{
    char path[64], line[128];
    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", (int)pid, tid);
    if (read_line(path, line, sizeof(line)) != 0 || sscanf(line, "%" SCNd64, &ret->cpu) != 1)
        return -ESRCH;
    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", (int)pid, tid);
    if (read_line(path, line, sizeof(line)) != 0)
        return -ESRCH;
    snprintf(ret->name, sizeof(ret->name), "%.15s", line);
    ret->tid = atoi(tid);
    return 0;
}

static int read_threads(struct sl_usage *usage)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task", (int)usage->pid);
    DIR *folder = opendir(path);
    if (!folder)
        return -ESRCH;
    usage->threads = 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && usage->threads < SL_USAGE_THREADS &&
            read_thread(usage->pid, entry->d_name, &usage->thread[usage->threads]) == 0)
            usage->threads++;
    closedir(folder);
    return usage->threads ? 0 : -ESRCH;
}

int sl_usage_begin(struct sl_usage *ret, const char *program, pid_t pid)
{
    struct sl_usage usage = {.pid = pid};
    snprintf(usage.program, sizeof(usage.program), "%s", program);
    int err = read_threads(&usage);
    if (err == 0)
        err = process_cpu(pid, &usage.cpu);
    usage.at = sl_time_now();
    if (err == 0)
        *ret = usage;
    return err;
}

/* A thread that was not there at first has all its time from then on. */
static sl_ns thread_cpu_before(const struct sl_usage *begun, int tid)
{
    for (int i = 0; i < begun->threads; i++)
        if (begun->thread[i].tid == tid)
            return begun->thread[i].cpu;
    return 0;
}

int sl_usage_end(struct sl_usage *usage)
{
    struct sl_usage now;
    char path[64], line[128];
    int64_t total, resident;
    int err = sl_usage_begin(&now, usage->program, usage->pid);
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)usage->pid);
    if (err == 0)
        err = read_line(path, line, sizeof(line));
    if (err == 0 && sscanf(line, "%" SCNd64 " %" SCNd64, &total, &resident) != 2)
        err = -ESRCH;
    if (err != 0)
        return err;
    now.rss = resident * sysconf(_SC_PAGESIZE);
    for (int i = 0; i < now.threads; i++)
        now.thread[i].cpu -= thread_cpu_before(usage, now.thread[i].tid);
    now.at -= usage->at;
    now.cpu -= usage->cpu;
    *usage = now;
    return 0;
}

double sl_usage_cores(const struct sl_usage *usage)
{
    return usage->at > 0 ? (double)usage->cpu / (double)usage->at : 0;
}

double sl_usage_busiest(const struct sl_usage *usage, const char **name)
{
    const struct sl_usage_thread *best = &usage->thread[0];
    for (int i = 1; i < usage->threads; i++)
        if (usage->thread[i].cpu > best->cpu)
            best = &usage->thread[i];
    *name = usage->threads ? best->name : "";
    return usage->threads && usage->at > 0 ? (double)best->cpu / (double)usage->at : 0;
}

void sl_usage_machine(sl_ns *busy, sl_ns *all)
{
    char line[256];
    int64_t user, nice, system, idle, wait, irq, softirq, steal;
    *busy = *all = 0;
    if (read_line("/proc/stat", line, sizeof(line)) != 0 ||
        sscanf(line,
               "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
               " %" SCNd64 " %" SCNd64,
               &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal) != 8)
        return;
    const sl_ns tick = SL_SEC / sysconf(_SC_CLK_TCK);
    *busy = (user + nice + system + irq + softirq + steal) * tick;
    *all = *busy + (idle + wait) * tick;
}
