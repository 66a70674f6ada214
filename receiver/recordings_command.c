/* SPDX-License-Identifier: MIT */
#include "receiver/recordings_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "receiver/camera_known.h"
#include "receiver/wall_clock.h"
#include "receiver/when.h"

int sl_recordings_fail(const struct sl_recordings *recordings, const char *what)
{
    fprintf(recordings->err, "sightline-receiver: %s\n", what);
    return 1;
}

int sl_recordings_end(const struct sl_recordings *recordings, void *rows, int failed, int count)
{
    free(rows);
    if (!rows)
        return sl_recordings_fail(recordings, "out of memory");
    if (failed)
        return sl_recordings_fail(recordings, "stdout cannot be written");
    return count < 0 ? sl_recordings_fail(recordings, sl_catalogue_why(recordings->catalogue)) : 0;
}

static bool writes(enum sl_command command)
{
    return command == SL_COMMAND_RECORDINGS_LOCK || command == SL_COMMAND_RECORDINGS_UNLOCK ||
           command == SL_COMMAND_RECORDINGS_MARK || command == SL_COMMAND_RECORDINGS_UNMARK;
}

bool sl_recordings_command_is(enum sl_command command)
{
    return command == SL_COMMAND_RECORDINGS_LIST || command == SL_COMMAND_RECORDINGS_USAGE ||
           writes(command) || command == SL_COMMAND_RECORDINGS_MARKS ||
           command == SL_COMMAND_RETENTION;
}

/* ---- Rules ---- */

struct sl_retention_config sl_retention_config_of(const struct sl_receiver_options *options,
                                                  const char *data, const char *recordings)
{
    const struct sl_keep *keep = &options->keep;
    struct sl_retention_config config = {
        .data = data,
        .recordings = recordings,
        .limits = {.keep_us = SL_KEEP_DEFAULT_US},
        .min_free = SL_MIN_FREE_DEFAULT,
    };
    if (keep->us_given && keep->us != SL_STORE_AS_ALL)
        config.limits.keep_us = keep->us;
    if (keep->bytes_given && keep->bytes != SL_STORE_AS_ALL)
        config.limits.keep_bytes = keep->bytes;
    if (keep->min_free_given && keep->min_free != SL_STORE_AS_ALL) {
        config.min_free = keep->min_free;
        config.min_free_given = true;
    }
    return config;
}

/* What the last run went by, unless it was given here. */
static void number_of_run(struct sl_recordings *recordings, const char *key, bool given,
                          int64_t *ret)
{
    char text[24];
    if (given || sl_catalogue_meta_get(recordings->catalogue, key, text, sizeof(text)) != 0)
        return;
    *ret = strtoll(text, NULL, 10);
}

static void find_rules(struct sl_recordings *recordings)
{
    const struct sl_receiver_options *options = recordings->options;
    int64_t min_free_given = 0;
    if (options->recordings)
        snprintf(recordings->path, sizeof(recordings->path), "%s", options->recordings);
    else if (sl_catalogue_meta_get(recordings->catalogue, "recordings", recordings->path,
                                   sizeof(recordings->path)) != 0)
        snprintf(recordings->path, sizeof(recordings->path), "%.4000s/recordings", options->data);
    recordings->config = sl_retention_config_of(options, options->data, recordings->path);
    struct sl_retention_config *config = &recordings->config;
    number_of_run(recordings, "keep_us", options->keep.us_given, &config->limits.keep_us);
    number_of_run(recordings, "keep_bytes", options->keep.bytes_given, &config->limits.keep_bytes);
    number_of_run(recordings, "min_free", options->keep.min_free_given, &config->min_free);
    min_free_given = config->min_free_given;
    number_of_run(recordings, "min_free_given", options->keep.min_free_given, &min_free_given);
    config->min_free_given = min_free_given != 0;
}

/* ---- The range ---- */

static bool read_time(const struct sl_recordings *recordings, const char *flag, const char *text,
                      int64_t *ret)
{
    if (!text || sl_when_parse(text, recordings->now_us, ret) == 0)
        return true;
    fprintf(recordings->err, "sightline-receiver: --%s: got '%s', wanted " SL_WHEN_WANTED "\n",
            flag, text);
    return false;
}

static bool read_range(struct sl_recordings *recordings)
{
    const struct sl_receiver_options *options = recordings->options;
    if (!read_time(recordings, "from", options->from, &recordings->from_us) ||
        !read_time(recordings, "to", options->to, &recordings->to_us) ||
        !read_time(recordings, "at", options->at, &recordings->at_us))
        return false;
    if (!options->from || !options->to || recordings->from_us < recordings->to_us)
        return true;
    fprintf(recordings->err,
            "sightline-receiver: --from '%s' is not before --to '%s', wanted a range\n",
            options->from, options->to);
    return false;
}

/* ---- Locks ---- */

static int lock(const struct sl_recordings *recordings, bool locked)
{
    const char *camera = recordings->options->camera;
    const struct sl_segment_filter range = {
        .camera = camera, .from_us = recordings->from_us, .to_us = recordings->to_us};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row row;
    char what[160];
    const int any = sl_catalogue_page(recordings->catalogue, &range, &cursor, &row, 1);
    if (any == 0) {
        snprintf(what, sizeof(what), "nothing of %s was recorded in that range", camera);
        return sl_recordings_fail(recordings, what);
    }
    const int count = any < 0 ? any
                              : sl_catalogue_lock(recordings->catalogue, camera,
                                                  recordings->from_us, recordings->to_us, locked);
    if (count < 0)
        return sl_recordings_fail(recordings, sl_catalogue_why(recordings->catalogue));
    fprintf(recordings->out, "%d recordings %s\n", count, locked ? "locked" : "unlocked");
    return 0;
}

static int run(const struct sl_recordings *recordings)
{
    switch (recordings->options->command) {
    case SL_COMMAND_RECORDINGS_LIST:
        return sl_recordings_list(recordings);
    case SL_COMMAND_RECORDINGS_USAGE:
        return sl_recordings_usage(recordings);
    case SL_COMMAND_RECORDINGS_LOCK:
        return lock(recordings, true);
    case SL_COMMAND_RECORDINGS_UNLOCK:
        return lock(recordings, false);
    case SL_COMMAND_RECORDINGS_MARK:
        return sl_recordings_mark(recordings);
    case SL_COMMAND_RECORDINGS_MARKS:
        return sl_recordings_marks(recordings);
    case SL_COMMAND_RECORDINGS_UNMARK:
        return sl_recordings_unmark(recordings);
    default:
        return sl_recordings_dry_run(recordings);
    }
}

int sl_recordings_command(const struct sl_receiver_options *options, FILE *out, FILE *err)
{
    struct sl_recordings recordings = {
        .options = options, .out = out, .err = err, .now_us = sl_wall_clock_us()};
    recordings.at_us = recordings.now_us;
    char why[SL_STORE_WHY], store[SL_SEGMENT_UUID_BYTES];
    if (!read_range(&recordings))
        return 2;
    /* Read first, so that a wrong --data is not made a catalogue of. */
    if (sl_catalogue_open(&recordings.catalogue, options->data, false, why) != 0)
        return sl_recordings_fail(&recordings, why);
    int status = 0;
    if (writes(options->command)) {
        sl_catalogue_close(recordings.catalogue);
        recordings.catalogue = NULL;
        if (sl_catalogue_open(&recordings.catalogue, options->data, true, why) != 0)
            return sl_recordings_fail(&recordings, why);
    }
    if (sl_catalogue_meta_get(recordings.catalogue, "store", store, sizeof(store)) == -ENOENT)
        status = sl_recordings_fail(&recordings, "nothing was recorded here yet");
    if (status == 0 && options->camera)
        status = sl_camera_known(recordings.catalogue, options->data, options->camera, err);
    if (status == 0) {
        find_rules(&recordings);
        status = run(&recordings);
    }
    if (status == 0 && fflush(out) != 0) {
        fprintf(err, "sightline-receiver: stdout: %s\n", strerror(errno));
        status = 1;
    }
    sl_catalogue_close(recordings.catalogue);
    return status;
}
