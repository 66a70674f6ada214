/* SPDX-License-Identifier: MIT */
#include "receiver/export.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "receiver/export_part.h"
#include "receiver/export_source.h"

#define UNITS_A_LOOK 16 /* between two calls of go_on */

struct job {
    const struct sl_export_config *config;
    struct sl_export_source *source;
    struct sl_export_part_writer *parts[SL_EXPORT_PARTS_MAX];
    int count;
    int segment; /* of the last unit */
    enum sl_export_kind kind;
    bool sound;
    struct sl_export_result *result;
    char *why;
};

static bool has_sound(const struct sl_export_config *config)
{
    for (int i = 0; i < config->count; i++)
        if (config->rows[i].info.sound)
            return true;
    return false;
}

/* NAME-2.mp4 and so on. */
static int part_path(const char *path, int number, char out[SL_EXPORT_PATH_BYTES])
{
    const char *dot = strrchr(path, '.');
    int len = snprintf(out, SL_EXPORT_PATH_BYTES, "%s", path);
    if (number > 1)
        len =
            snprintf(out, SL_EXPORT_PATH_BYTES, "%.*s-%d%s", (int)(dot - path), path, number, dot);
    return len < SL_EXPORT_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

static int refuse(const struct job *job, int err, const char *path, const char *what)
{
    snprintf(job->why, SL_STORE_WHY, "%.160s: %s", path, what);
    return err;
}

static int begin_part(struct job *job, const struct sl_export_unit *unit)
{
    char path[SL_EXPORT_PATH_BYTES];
    if (job->count == SL_EXPORT_PARTS_MAX)
        return refuse(
            job, -E2BIG, job->config->path,
            "parameters change more than 15 times; take a shorter range, or .webm or .avi");
    if (part_path(job->config->path, job->count + 1, path) != 0)
        return refuse(job, -ENAMETOOLONG, job->config->path, strerror(ENAMETOOLONG));
    if (!job->config->replace && access(path, F_OK) == 0)
        return refuse(job, -EEXIST, path, "is there already");
    const struct sl_export_part_config config = {
        .path = path,
        .kind = job->kind,
        .source = job->source,
        .sound =
            job->sound || sl_export_source_index(job->source)->tracks[SL_SEGMENT_AUDIO].present,
        .replace = job->config->replace};
    const int err = sl_export_part_begin(&job->parts[job->count], &config, unit, job->why);
    if (err == 0)
        job->count++;
    return err;
}

static int take(struct job *job, const struct sl_export_unit *unit)
{
    struct sl_export_part_writer *part = job->count > 0 ? job->parts[job->count - 1] : NULL;
    if (unit->segment != job->segment) {
        const int same = part ? sl_export_part_continue(part, job->why) : 0;
        if (same < 0)
            return same;
        int err = part && !same ? sl_export_part_end(part, job->why) : 0;
        if (err == 0 && !same)
            err = begin_part(job, unit);
        if (err != 0)
            return err;
        job->segment = unit->segment;
        part = job->parts[job->count - 1];
    }
    return sl_export_part_write(part, unit, job->why);
}

static bool go_on(const struct job *job, const struct sl_export_unit *unit)
{
    const struct sl_export_config *config = job->config;
    return !config->go_on || config->go_on(config->ctx, unit->at_us - config->from_us,
                                           config->to_us - config->from_us);
}

static int no_picture(const struct job *job)
{
    const struct sl_export_source_stats *stats = sl_export_source_stats(job->source);
    if (stats->skipped == 0)
        return refuse(job, -ENODATA, job->config->path, "no picture in that range");
    snprintf(job->why, SL_STORE_WHY, "nothing in that range can be read: %.200s", stats->why);
    return -EIO;
}

static int make_parts(struct job *job)
{
    struct sl_export_unit unit;
    int more, err = 0;
    for (int64_t i = 0; (more = sl_export_source_next(job->source, &unit)) > 0; i++) {
        if (i % UNITS_A_LOOK == 0 && !go_on(job, &unit))
            return refuse(job, -ECANCELED, job->config->path, "interrupted, nothing is left of it");
        err = take(job, &unit);
        if (err != 0)
            return err;
    }
    if (more < 0)
        return refuse(job, more, job->config->path, strerror(-more));
    if (job->count == 0)
        return no_picture(job);
    return sl_export_part_end(job->parts[job->count - 1], job->why);
}

static int place_parts(struct job *job)
{
    int err = 0;
    for (int i = 0; i < job->count && err == 0; i++) {
        err = sl_export_part_place(job->parts[i], &job->result->parts[i], job->why);
        job->result->damaged += sl_export_part_damaged(job->parts[i]);
        if (err == 0)
            job->result->count++;
    }
    for (int i = 0; i < job->result->count && err != 0; i++)
        unlink(job->result->parts[i].path); /* all or none */
    return err;
}

int sl_export_run(const struct sl_export_config *config, struct sl_export_result *ret,
                  char why[SL_STORE_WHY])
{
    struct job job = {.config = config, .result = ret, .why = why, .sound = has_sound(config)};
    *ret = (struct sl_export_result){0};
    *why = '\0';
    if (sl_export_kind_of(config->path, &job.kind) != 0)
        return refuse(&job, -EINVAL, config->path,
                      "wanted an ending of mp4, mkv, mov, webm or avi");
    if (!config->replace && access(config->path, F_OK) == 0)
        return refuse(&job, -EEXIST, config->path, "is there already");
    const struct sl_export_source_config source = {.store = config->store,
                                                   .rows = config->rows,
                                                   .count = config->count,
                                                   .from_us = config->from_us,
                                                   .to_us = config->to_us,
                                                   .fast = config->fast,
                                                   .close_gaps = config->close_gaps};
    int err = sl_export_source_open(&job.source, &source);
    if (err != 0)
        return refuse(&job, err, config->path, strerror(-err));
    err = make_parts(&job);
    if (err == 0)
        err = place_parts(&job);
    const struct sl_export_source_stats *stats = sl_export_source_stats(job.source);
    ret->skipped = stats->skipped;
    snprintf(ret->skipped_why, sizeof(ret->skipped_why), "%s", stats->why);
    for (int i = 0; i < job.count; i++)
        sl_export_part_destroy(job.parts[i]);
    sl_export_source_close(job.source);
    return err;
}
