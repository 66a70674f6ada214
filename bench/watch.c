/* SPDX-License-Identifier: MIT */
#include "bench/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "bench/screen.h"
#include "bench/stamp.h"
#include "bench/tally.h"

#define LOOK_EVERY (500 * SL_US)    /* whether a frame has been handed over, at the most often */
#define GRAB_EVERY (200 * SL_US)    /* of one line */
#define GRAB_EVERY_OF_MANY SL_MS    /* of each, where tiles lie on several */
#define SEARCH_EVERY (100 * SL_MS)  /* at first: nothing is measured yet */
#define SEARCH_AGAIN_EVERY (SL_SEC) /* for a stamp that is lost */
#define LOST_AFTER SL_SEC
#define QUIET 0.75

struct camera {
    struct sl_tally *tally;
    bool found;
    struct sl_stamp_found place;
    uint32_t newest;  /* seen, plus one */
    sl_ns recent[16]; /* ages; 0 at first: no quiet time */
    sl_ns read_at;    /* when its stamp could last be read, or was found */
};

/* Tiles beside each other are read from one line of pixels. */
struct line {
    int x, y, width;
    uint32_t cameras; /* bits */
    sl_ns grabbed;
};

struct sl_watcher {
    struct sl_screen *screen;
    struct camera cameras[SL_STAMP_CAMERAS];
    int camera_count;
    struct line lines[SL_STAMP_CAMERAS];
    int line_count;
    bool complete; /* all were found once */
    sl_ns search_at;
};

int sl_watcher_open(struct sl_watcher **ret, const char *display, struct sl_tally *const *tallies,
                    int cameras, char *why, size_t why_len)
{
    struct sl_watcher *watcher = calloc(1, sizeof(*watcher));
    if (!watcher || cameras > SL_STAMP_CAMERAS) {
        free(watcher);
        snprintf(why, why_len, watcher ? "too many cameras" : "out of memory");
        return watcher ? -EINVAL : -ENOMEM;
    }
    const int err = sl_screen_open(&watcher->screen, display);
    if (err != 0) {
        snprintf(why, why_len, "display %s: cannot be read (MIT-SHM, 32 bits)", display);
        free(watcher);
        return err;
    }
    watcher->camera_count = cameras;
    for (int i = 0; i < cameras; i++)
        watcher->cameras[i].tally = tallies[i];
    *ret = watcher;
    return 0;
}

void sl_watcher_close(struct sl_watcher *watcher)
{
    if (!watcher)
        return;
    sl_screen_close(watcher->screen);
    free(watcher);
}

int sl_watcher_seen(const struct sl_watcher *watcher)
{
    int seen = 0;
    for (int i = 0; i < watcher->camera_count; i++)
        seen += watcher->cameras[i].newest > 0;
    return seen;
}

static void nap(sl_ns span)
{
    const struct timespec ts = {.tv_sec = span / SL_SEC, .tv_nsec = span % SL_SEC};
    nanosleep(&ts, NULL);
}

/* ---- Where the stamps are ---- */

static int left_of(const struct camera *camera)
{
    return camera->place.x > 0 ? (int)camera->place.x : 0;
}

/* One past the last pixel of its stamp. */
static int right_of(const struct sl_watcher *watcher, const struct camera *camera)
{
    const int right = (int)(camera->place.x + SL_STAMP_BLOCKS * camera->place.block) + 1;
    const int width = sl_screen_width(watcher->screen);
    return right < width ? right : width;
}

static int middle_of(const struct camera *camera)
{
    return (camera->place.top + camera->place.bottom) / 2;
}

/* Whether row `y` runs through the camera's blocks, well off their edges. */
static bool runs_through(const struct camera *camera, int y)
{
    const int quarter = (camera->place.bottom - camera->place.top) / 4;
    return y >= camera->place.top + quarter && y < camera->place.bottom - quarter;
}

static void add_to_lines(struct sl_watcher *watcher, int index)
{
    const struct camera *camera = &watcher->cameras[index];
    const int left = left_of(camera), right = right_of(watcher, camera);
    for (int i = 0; i < watcher->line_count; i++) {
        struct line *line = &watcher->lines[i];
        if (!runs_through(camera, line->y))
            continue;
        const int end = line->x + line->width > right ? line->x + line->width : right;
        line->x = left < line->x ? left : line->x;
        line->width = end - line->x;
        line->cameras |= 1u << index;
        return;
    }
    watcher->lines[watcher->line_count++] = (struct line){
        .x = left, .y = middle_of(camera), .width = right - left, .cameras = 1u << index};
}

static void make_lines(struct sl_watcher *watcher)
{
    watcher->line_count = 0;
    for (int i = 0; i < watcher->camera_count; i++)
        if (watcher->cameras[i].found)
            add_to_lines(watcher, i);
}

static int search(struct sl_watcher *watcher, sl_ns now)
{
    struct sl_stamp_found found[SL_STAMP_CAMERAS];
    const int width = sl_screen_width(watcher->screen), height = sl_screen_height(watcher->screen);
    const uint8_t *pixels = sl_screen_grab(watcher->screen, 0, 0, width, height);
    if (!pixels)
        return -EIO;
    const int count = sl_stamp_find(pixels, width, height, found, SL_STAMP_CAMERAS);
    for (int i = 0; i < count; i++) {
        if (found[i].stamp.camera >= watcher->camera_count)
            continue;
        struct camera *camera = &watcher->cameras[found[i].stamp.camera];
        camera->found = true;
        camera->place = found[i];
        camera->read_at = now;
    }
    make_lines(watcher);
    return 0;
}

/* When to search next: SL_NEVER while all stamps can be read. */
static sl_ns search_due(struct sl_watcher *watcher, sl_ns now)
{
    bool all = true;
    for (int i = 0; i < watcher->camera_count; i++) {
        struct camera *camera = &watcher->cameras[i];
        all &= camera->found && now - camera->read_at < LOST_AFTER;
    }
    watcher->complete |= all;
    return all ? SL_NEVER : watcher->search_at;
}

/* ---- Looking ---- */

/* Until QUIET of the lowest age of late. A path that gets faster is met a little later each time,
 * and the bound falls with it. */
static sl_ns quiet_time(const struct camera *camera)
{
    sl_ns lowest = camera->recent[0];
    for (size_t i = 1; i < SL_COUNT(camera->recent); i++)
        lowest = camera->recent[i] < lowest ? camera->recent[i] : lowest;
    return (sl_ns)((double)lowest * QUIET);
}

static bool is_due(const struct camera *camera)
{
    return camera->newest != sl_tally_handed_count(camera->tally);
}

/* When the line is worth a grab for this camera's sake. If none of its frames is on its way: the
 * soonest at which one can be there that is handed over now. */
static sl_ns camera_due(const struct camera *camera, const struct line *line, sl_ns every,
                        sl_ns now)
{
    const sl_ns quiet = quiet_time(camera);
    if (!is_due(camera))
        return now + (quiet > LOOK_EVERY ? quiet : LOOK_EVERY);
    const sl_ns soonest = sl_tally_handed_at(camera->tally, camera->newest) + quiet;
    const sl_ns again = line->grabbed + every;
    return soonest > again ? soonest : again;
}

static sl_ns line_due(const struct sl_watcher *watcher, const struct line *line, sl_ns now)
{
    const sl_ns every = watcher->line_count > 1 ? GRAB_EVERY_OF_MANY : GRAB_EVERY;
    sl_ns due = SL_NEVER;
    for (int i = 0; i < watcher->camera_count; i++) {
        if (!(line->cameras >> i & 1))
            continue;
        const sl_ns at = camera_due(&watcher->cameras[i], line, every, now);
        due = at < due ? at : due;
    }
    return due;
}

/* On a line that was grabbed at `now`. */
static void read_camera(struct camera *camera, int index, const struct line *line,
                        const uint8_t *pixels, sl_ns now)
{
    struct sl_stamp stamp;
    if (sl_stamp_read(pixels, camera->place.x - line->x, camera->place.block, &stamp) < 0 ||
        stamp.camera != index)
        return;
    camera->read_at = now;
    if (!sl_tally_seen(camera->tally, stamp.number, now))
        return;
    camera->recent[camera->newest % SL_COUNT(camera->recent)] =
        now - sl_tally_handed_at(camera->tally, stamp.number);
    camera->newest = stamp.number + 1;
}

static int read_line(struct sl_watcher *watcher, struct line *line)
{
    const uint8_t *pixels = sl_screen_grab(watcher->screen, line->x, line->y, line->width, 1);
    if (!pixels)
        return -EIO;
    line->grabbed = sl_time_now();
    for (int i = 0; i < watcher->camera_count; i++)
        if (line->cameras >> i & 1)
            read_camera(&watcher->cameras[i], i, line, pixels, line->grabbed);
    return 0;
}

int sl_watcher_look(struct sl_watcher *watcher, sl_ns until)
{
    const sl_ns now = sl_time_now();
    sl_ns wake = search_due(watcher, now);
    if (wake <= now) {
        const int err = search(watcher, now);
        /* From its end: on a machine that is overloaded, something else is to be done, too. */
        watcher->search_at =
            sl_time_now() + (watcher->complete ? SEARCH_AGAIN_EVERY : SEARCH_EVERY);
        return err;
    }
    wake = wake < until ? wake : until;
    bool looked = false;
    for (int i = 0; i < watcher->line_count; i++) {
        const sl_ns due = line_due(watcher, &watcher->lines[i], now);
        wake = due < wake ? due : wake;
        if (due > now)
            continue;
        looked = true;
        if (read_line(watcher, &watcher->lines[i]) != 0)
            return -EIO;
    }
    if (!looked && wake > now)
        nap(wake - now);
    return 0;
}
