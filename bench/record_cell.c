/* SPDX-License-Identifier: MIT */
#include "bench/record_cell.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/bench.h"
#include "bench/drops.h"
#include "bench/site.h"
#include "bench/tally.h"
#include "bench/told.h"
#include "bench/usage.h"

#define SETTLE SL_SEC             /* the first pictures of all are a burst of their own */
#define REPAIR (300 * SL_MS)      /* what is missing at the end is sent again meanwhile */
#define LEAVE_WITHIN (20 * SL_SEC) /* files closed, descriptors and memory given back */
#define STEADY (2 * SL_SEC)        /* as long as memory takes to be the same */
#define LOOK (50 * SL_MS)
#define LOG_MAX (4 << 20)

static const char *const names[] = {"hub", "record", "sync", "store", "others"};

const char *sl_record_group_name(enum sl_record_group group)
{
    return names[group];
}

enum sl_record_group sl_record_group_of(const char *thread, bool first)
{
    if (first)
        return SL_RECORD_HUB;
    for (int i = SL_RECORD_RECORD; i < SL_RECORD_OTHER; i++)
        if (strcmp(thread, names[i]) == 0)
            return (enum sl_record_group)i;
    return SL_RECORD_OTHER;
}

bool sl_record_cell_clean(const struct sl_record_cell *cell)
{
    return cell->published && !cell->lost && !cell->broken &&
           (!cell->recording ||
            (!cell->short_of && cell->left_out == 0 && cell->recorded.files > 0 &&
             !cell->recorded.bad && cell->recorded.closed == cell->recorded.files));
}

/* ---- The window ---- */

struct reading {
    sl_ns at;
    uint64_t receiver_drops, load_drops;
    int64_t files;
    struct sl_process process;
    struct sl_load_figures load;
};

static void path_in(const struct sl_site *site, const char *name, char path[PATH_MAX + 64])
{
    snprintf(path, PATH_MAX + 64, "%s/%s", site->folder, name);
}

static int read_all(struct reading *ret, struct sl_load *load, const struct sl_site *site)
{
    char store[PATH_MAX + 64];
    path_in(site, "recordings", store);
    ret->files = sl_recorded_bytes(store);
    const int error = sl_process_look(site->receiver.pid, &ret->process);
    ret->receiver_drops = sl_drops_of_port(site->media_port);
    ret->load_drops = sl_drops_own();
    sl_load_figures(load, &ret->load);
    ret->at = sl_time_now();
    return error;
}

static void subtract(struct sl_record_cell *cell, const struct reading *a, const struct reading *b)
{
    const double seconds = (double)(b->at - a->at) / (double)SL_SEC;
    const struct sl_load_figures *x = &a->load, *y = &b->load;
    const bool told = a->process.written >= 0 && b->process.written >= 0;
    cell->seconds = seconds;
    cell->published = y->published - x->published;
    cell->in_bps = (double)(y->published_bytes - x->published_bytes) * 8 / seconds;
    cell->lost = y->lost - x->lost;
    cell->repaired = y->repaired - x->repaired;
    cell->broken = y->broken - x->broken;
    cell->late_ticks = y->late_ticks - x->late_ticks;
    cell->receiver_drops = b->receiver_drops - a->receiver_drops;
    cell->load_drops = b->load_drops - a->load_drops;
    cell->written_bps =
        told ? (double)(b->process.written - a->process.written) / seconds : (double)NAN;
    cell->files_bps = (double)(b->files - a->files) / seconds;
    cell->load_cores = (double)(y->camera_cpu - x->camera_cpu + y->viewer_cpu - x->viewer_cpu) /
                       (double)SL_SEC / seconds;
    cell->busy = b->process;
}

static void share_out(struct sl_record_cell *cell, const struct sl_usage *usage)
{
    cell->all_cores = sl_usage_cores(usage);
    for (int i = 0; i < usage->threads; i++) {
        const struct sl_usage_thread *thread = &usage->thread[i];
        const enum sl_record_group group =
            sl_record_group_of(thread->name, thread->tid == (int)usage->pid);
        cell->cores[group] += (double)thread->cpu / (double)usage->at;
    }
}

static int watch(struct sl_record_cell *cell, const struct sl_record_cell_config *config,
                 const struct sl_site *site, struct sl_load *load)
{
    struct reading first, last;
    struct sl_usage usage;
    int error = sl_bench_nap(SETTLE, config->stop);
    if (!error)
        error = sl_load_delays(load, &cell->delays); /* and forgets them */
    if (!error)
        error = read_all(&first, load, site);
    if (!error)
        error = sl_usage_begin(&usage, "sightline-receiver", site->receiver.pid);
    if (!error)
        error = sl_bench_nap(config->seconds, config->stop);
    if (!error)
        error = sl_usage_end(&usage);
    if (!error)
        error = read_all(&last, load, site);
    if (error)
        return error;
    subtract(cell, &first, &last);
    share_out(cell, &usage);
    return sl_load_delays(load, &cell->delays);
}

/* ---- Afterwards ---- */

/* Until what the cameras held has been given back; what stays is for the reader to judge. */
static int await_leaving(struct sl_record_cell *cell, const struct sl_site *site,
                         const atomic_bool *stop)
{
    const sl_ns until = sl_time_now() + LEAVE_WITHIN;
    struct sl_process *after = &cell->after, last;
    sl_ns changed = sl_time_now();
    int error;
    do {
        last = *after;
        error = sl_bench_nap(LOOK, stop);
        if (!error)
            error = sl_process_look(site->receiver.pid, after);
        if (after->descriptors > cell->before.descriptors || after->rss != last.rss)
            changed = sl_time_now();
    } while (!error && sl_time_now() < changed + STEADY && sl_time_now() < until);
    return error;
}

static int read_log(struct sl_record_cell *cell, const struct sl_site *site)
{
    struct stat st;
    if (fstat(site->log_fd, &st) != 0)
        return -errno;
    const size_t size = st.st_size < LOG_MAX ? (size_t)st.st_size : LOG_MAX;
    char *text = malloc(size + 1);
    if (!text)
        return -ENOMEM;
    const ssize_t len = pread(site->log_fd, text, size, st.st_size - (off_t)size);
    text[len > 0 ? len : 0] = '\0';
    cell->left_out = sl_told_left_out(text);
    free(text);
    return 0;
}

/* `sent` is the camera's, of frames. */
static void read_camera(struct sl_record_cell *cell, const struct sl_site *site, int camera,
                        uint64_t sent)
{
    char name[64], folder[PATH_MAX + 64];
    const int64_t before = cell->recorded.frames;
    snprintf(name, sizeof(name), "recordings/" SL_SITE_CAMERA, camera + 1);
    path_in(site, name, folder);
    cell->frames += sent;
    if (!cell->recording)
        return;
    const int error = sl_recorded_read(&cell->recorded, folder);
    if (error || (uint64_t)(cell->recorded.frames - before) != sent)
        cell->short_of++;
}

/* ---- Running ---- */

/* With a load of which nothing is left; `sent`: each camera's frames. */
static int play(struct sl_record_cell *cell, const struct sl_record_cell_config *config,
                const struct sl_site *site, uint64_t *sent, char *why, size_t why_len)
{
    const struct sl_load_config wanted = {
        .publish = (const char *const *)site->publish,
        .cameras = config->cameras,
        .watch = site->watch,
        .viewers = 1,
        .clip = config->clip,
        .speed = 1,
        .processor = -1,
        .stop = config->stop,
    };
    struct sl_load *load;
    int error = sl_load_start(&load, &wanted, why, why_len);
    if (error)
        return error;
    error = watch(cell, config, site, load);
    sl_load_rest(load);
    for (int i = 0; i < config->cameras; i++)
        sent[i] = sl_load_frames(load, i);
    if (!error)
        error = sl_bench_nap(REPAIR, config->stop);
    sl_load_stop(load);
    return error;
}

static int run_at(struct sl_record_cell *cell, const struct sl_record_cell_config *config,
                  const struct sl_site *site, char *why, size_t why_len)
{
    uint64_t *sent = calloc((size_t)config->cameras, sizeof(*sent));
    int error = sent ? sl_process_look(site->receiver.pid, &cell->before) : -ENOMEM;
    if (!error)
        error = play(cell, config, site, sent, why, why_len);
    if (!error)
        error = await_leaving(cell, site, config->stop);
    if (!error)
        error = read_log(cell, site);
    for (int i = 0; i < config->cameras && !error; i++)
        read_camera(cell, site, i, sent[i]);
    free(sent);
    return error;
}

int sl_record_cell_run(struct sl_record_cell *ret, const struct sl_record_cell_config *config,
                       char *why, size_t why_len)
{
    struct sl_site site;
    struct sl_record_cell cell = {.recording = config->recording, .cameras = config->cameras};
    int error = sl_site_start(&site, config->cameras, config->recording, config->receiver_words,
                              why, why_len);
    if (error)
        return error;
    why[0] = '\0';
    error = run_at(&cell, config, &site, why, why_len);
    if (error && !why[0])
        snprintf(why, why_len, "%s",
                 error == -ESRCH ? "sightline-receiver has ended" : strerror(-error));
    if (error && error != -EINTR)
        sl_site_print_log(&site);
    sl_site_stop(&site);
    if (!error)
        *ret = cell;
    return error;
}
