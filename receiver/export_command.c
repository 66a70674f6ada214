/* SPDX-License-Identifier: MIT */
#include "receiver/export_command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "receiver/camera_known.h"
#include "receiver/export.h"
#include "receiver/export_find.h"
#include "receiver/when.h"

#define PROGRAM "sightline-receiver: export: "
#define DRAW_EVERY (200 * SL_MS)

struct command {
    const struct sl_receiver_options *options;
    FILE *out, *err;
    int64_t from_us, to_us;
    int signals; /* descriptor */
    bool draws, drawn;
    sl_ns draw_at;
};

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- While it works ---- */

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    const int err = pthread_sigmask(SIG_BLOCK, &set, NULL);
    const int fd = err == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
    return err != 0 ? -err : fd >= 0 ? fd : -errno;
}

static void draw(struct command *command, int64_t done_us, int64_t total_us)
{
    const sl_ns now = sl_time_now();
    if (!command->draws || now < command->draw_at)
        return;
    if (done_us < 0)
        done_us = 0;
    fprintf(command->err, "\r%s: %3d %% of %d s ", command->options->output,
            (int)(done_us * 100 / total_us), (int)(total_us / 1000000));
    fflush(command->err);
    command->draw_at = now + DRAW_EVERY;
    command->drawn = true;
}

/* The line is gone before anything else is said. */
static void draw_end(struct command *command)
{
    if (command->drawn)
        fprintf(command->err, "\r\033[K");
    command->drawn = false;
}

static bool go_on(void *ctx, int64_t done_us, int64_t total_us)
{
    struct command *command = ctx;
    struct pollfd poll_signals = {.fd = command->signals, .events = POLLIN};
    draw(command, done_us, total_us);
    return poll(&poll_signals, 1, 0) == 0;
}

/* ---- What is said of it ---- */

static void tell_part(const struct command *command, const struct sl_export_part *part)
{
    char from[SL_WHEN_TEXT], to[SL_WHEN_TEXT];
    fprintf(command->out,
            "%s camera=%s from=%s to=%s duration_s=%.3f gaps=%d gaps_s=%.3f frames=%" PRId64
            " remade=%" PRId64 " bytes=%" PRId64 "\n",
            part->path, command->options->camera, sl_when_text(part->from_us, from),
            sl_when_text(part->to_us, to), (double)part->duration_us / 1e6, part->gaps,
            (double)part->gaps_us / 1e6, part->frames, part->remade, part->bytes);
}

static void tell(const struct command *command, const struct sl_export_result *result)
{
    for (int i = 0; i < result->count; i++)
        tell_part(command, &result->parts[i]);
    if (result->count > 1)
        fprintf(command->err,
                PROGRAM
                "the camera's picture changed on the way, so these are %d files; a .webm or "
                ".avi would be one\n",
                result->count);
    if (result->damaged > 0)
        fprintf(command->err, PROGRAM "%" PRId64 " pictures are damaged and were left out\n",
                result->damaged);
    if (result->skipped > 0)
        fprintf(command->err, PROGRAM "%d segments cannot be read and were left out: %s\n",
                result->skipped, result->skipped_why);
}

static int tell_nearest(const struct command *command, struct sl_catalogue *catalogue)
{
    const char *camera = command->options->camera;
    char from[SL_WHEN_TEXT], to[SL_WHEN_TEXT], before[SL_WHEN_TEXT], after[SL_WHEN_TEXT];
    struct sl_export_nearest nearest;
    if (sl_export_find_nearest(catalogue, camera, command->from_us, command->to_us, &nearest) !=
        0) {
        fprintf(command->err, PROGRAM "%s\n", sl_catalogue_why(catalogue));
        return 1;
    }
    fprintf(command->err, PROGRAM "there is no picture of %s from %s to %s", camera,
            sl_when_text(command->from_us, from), sl_when_text(command->to_us, to));
    if (nearest.before_us == INT64_MAX)
        fprintf(command->err, ", which is a gap within a recording");
    else if (nearest.before_us > 0)
        fprintf(command->err, "; the last one before ends at %s",
                sl_when_text(nearest.before_us, before));
    if (nearest.after_us > 0)
        fprintf(command->err, "; the next one begins at %s", sl_when_text(nearest.after_us, after));
    if (nearest.before_us == 0 && nearest.after_us == 0)
        fprintf(command->err, "; there is none of it at all");
    fputc('\n', command->err);
    return 1;
}

/* ---- The command ---- */

static int run_export(struct command *command, struct sl_catalogue *catalogue, int store,
                      const struct sl_segment_row *rows, int count)
{
    const struct sl_receiver_options *options = command->options;
    struct sl_export_result result;
    char why[SL_STORE_WHY];
    const struct sl_export_config config = {.store = store,
                                            .rows = rows,
                                            .count = count,
                                            .from_us = command->from_us,
                                            .to_us = command->to_us,
                                            .path = options->output,
                                            .fast = options->fast,
                                            .close_gaps = options->close_gaps,
                                            .replace = options->force,
                                            .go_on = go_on,
                                            .ctx = command};
    const int err = sl_export_run(&config, &result, why);
    draw_end(command);
    if (err == -ENODATA)
        return tell_nearest(command, catalogue);
    if (err != 0) {
        fprintf(command->err, PROGRAM "%s%s\n", why, err == -EEXIST ? "; --force replaces it" : "");
        return 1;
    }
    tell(command, &result);
    return 0;
}

static int open_store(const struct command *command)
{
    const struct sl_receiver_options *options = command->options;
    char path[4096];
    int len;
    if (options->recordings)
        len = snprintf(path, sizeof(path), "%s", options->recordings);
    else
        len = snprintf(path, sizeof(path), "%s/recordings", options->data);
    const int fd = len < (int)sizeof(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        fprintf(command->err, PROGRAM "%s: %s\n", path, strerror(errno));
    return fd;
}

static int find_and_run(struct command *command, struct sl_catalogue *catalogue)
{
    struct sl_segment_row *rows;
    int count;
    const int err = sl_export_find(catalogue, command->options->camera, command->from_us,
                                   command->to_us, &rows, &count);
    if (err != 0) {
        fprintf(command->err, PROGRAM "%s\n",
                err == -E2BIG    ? "more than 100000 segments; ask for a shorter range"
                : err == -ENOMEM ? strerror(ENOMEM)
                                 : sl_catalogue_why(catalogue));
        return 1;
    }
    if (count == 0) {
        free(rows);
        return tell_nearest(command, catalogue);
    }
    const int store = open_store(command);
    const int status = store >= 0 ? run_export(command, catalogue, store, rows, count) : 1;
    if (store >= 0)
        close(store);
    free(rows);
    return status;
}

/* Exit status, 0: go on. The words were looked at; the clock was not. */
static int read_range(struct command *command)
{
    const struct sl_receiver_options *options = command->options;
    const int64_t now = now_us();
    char from[SL_WHEN_TEXT], to[SL_WHEN_TEXT];
    if (sl_when_parse(options->from, now, &command->from_us) != 0) {
        fprintf(command->err, PROGRAM "--from: got '%s', wanted " SL_WHEN_WANTED "\n",
                options->from);
        return 2;
    }
    if (sl_when_parse(options->to, now, &command->to_us) != 0) {
        fprintf(command->err, PROGRAM "--to: got '%s', wanted " SL_WHEN_WANTED "\n", options->to);
        return 2;
    }
    if (command->from_us >= command->to_us) {
        fprintf(command->err, PROGRAM "--from %s is not before --to %s\n",
                sl_when_text(command->from_us, from), sl_when_text(command->to_us, to));
        return 2;
    }
    return 0;
}

int sl_export_command(const struct sl_receiver_options *options, FILE *out, FILE *err)
{
    struct command command = {
        .options = options, .out = out, .err = err, .draws = isatty(fileno(err)) == 1};
    struct sl_catalogue *catalogue;
    char why[SL_STORE_WHY];
    int status = read_range(&command);
    if (status != 0)
        return status;
    command.signals = catch_signals();
    if (command.signals < 0) {
        fprintf(err, PROGRAM "%s\n", strerror(-command.signals));
        return 1;
    }
    status = 1;
    if (sl_catalogue_open(&catalogue, options->data, false, why) != 0) {
        fprintf(err, PROGRAM "%s\n", why);
    } else {
        status = sl_camera_known(catalogue, options->data, options->camera, err);
        if (status == 0)
            status = find_and_run(&command, catalogue);
        sl_catalogue_close(catalogue);
    }
    if (status == 0 && fflush(out) != 0) {
        fprintf(err, PROGRAM "stdout: %s\n", strerror(errno));
        status = 1;
    }
    close(command.signals);
    return status;
}
