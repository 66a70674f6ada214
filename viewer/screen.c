/* SPDX-License-Identifier: MIT */
#include "viewer/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/trace.h"
#include "viewer/convert.h"
#include "viewer/figures.h"
#include "viewer/lane.h"
#include "viewer/motion_view.h"
#include "viewer/png.h"
#include "viewer/wall.h"

#define DARK 0x14171au /* a tile without a picture */
#define SLICES_MAX 4   /* of a picture: more gain nothing */
#define STALE_KEEP 128 /* of 256: what is left of an old picture's brightness */
#define RECONNECTING_KEEP 72

/* Between two presentings of a wall there is this much for each tile beyond the first few: what
 * comes meanwhile is shown at once. Each costs a request to the display and a wait for its answer,
 * so 64 tiles at 30/s are to take 250 of them and not 1900. */
#define REST_FREE_TILES 4
#define REST_A_TILE (SL_MS / 16)

struct place {
    int feed;
    int order;
    char name[33], location[SL_EVENT_TEXT], reason[SL_EVENT_TEXT];
    struct sl_lane *lane;
    const struct sl_feed_gauges *gauges;
    struct sl_tile tile;
    struct sl_hud_label *label;
    struct sl_painter *painter;
    struct sl_scaler *scaler; /* for a picture of another size than the tile's now */
    uint8_t *scaled;
    const struct sl_shown *shown;
    struct sl_rect cell; /* width 0: not on the page */
    bool redraw;         /* all of the cell */
    sl_ns look_again;    /* what is to be seen without a new picture cannot change before */
    bool fresh;          /* a picture that has not been presented yet */
    sl_ns asked;         /* when the session was asked for whose first picture has been seen */
    struct sl_figures figures;
    struct sl_lane_stats reported;
    struct sl_reading reported_net;              /* as of the last line of figures */
    double loss_percent, overhead_percent, kbps; /* of the period before that */
    struct sl_recent recent;
    sl_ns net_at; /* when the words about the network were chosen */
    char net[SL_HUD_TEXT], net_brief[SL_HUD_TEXT];
    bool net_harm;
};

struct sl_screen {
    struct sl_screen_config config;
    void *render;
    struct sl_hud *hud;
    struct sl_wall wall;
    struct place *places[SL_FEEDS_MAX]; /* in the order of the wall */
    bool mute, motion_view;
    int listening; /* feed, -1: none */
    bool laid_out;
    int visible;    /* tiles */
    sl_ns rest_end; /* no presenting before */
    sl_ns reported_at;
    struct sl_hud_label *notice;
    char receiver_reason[SL_EVENT_TEXT];
    bool receiver_known; /* it has answered, ever */
};

static double ms(sl_ns span)
{
    return (double)span / (double)SL_MS;
}

/* ---- places ---- */

static void free_place(struct place *place)
{
    if (!place)
        return;
    sl_hud_label_destroy(place->label);
    sl_painter_destroy(place->painter);
    sl_scaler_destroy(place->scaler);
    free(place->scaled);
    free(place);
}

static struct place *make_place(const struct sl_event *event)
{
    struct place *place = calloc(1, sizeof(*place));
    if (!place)
        return NULL;
    if (sl_hud_label_create(&place->label) || sl_painter_create(&place->painter) ||
        sl_scaler_create(&place->scaler)) {
        free_place(place);
        return NULL;
    }
    place->feed = event->feed;
    place->order = event->order;
    place->lane = event->lane;
    place->gauges = event->gauges;
    memcpy(place->name, event->name, sizeof(place->name));
    memcpy(place->location, event->text, sizeof(place->location));
    sl_tile_init(&place->tile);
    sl_figures_clear(&place->figures);
    return place;
}

static int find_feed(const struct sl_screen *screen, int feed)
{
    for (int i = 0; i < screen->wall.tiles; i++)
        if (screen->places[i]->feed == feed)
            return i;
    return -1;
}

static bool comes_before(const struct place *a, const struct place *b)
{
    return a->order != b->order ? a->order < b->order : strcmp(a->name, b->name) < 0;
}

static void add_place(struct sl_screen *screen, const struct sl_event *event, sl_ns now)
{
    struct place *place = screen->wall.tiles < SL_FEEDS_MAX ? make_place(event) : NULL;
    if (!place) {
        sl_error("camera %s: no memory for its tile", event->name);
        screen->config.release(screen->config.ctx, event->feed);
        return;
    }
    place->reported_net.at = now;
    int at = screen->wall.tiles++;
    for (; at > 0 && comes_before(place, screen->places[at - 1]); at--)
        screen->places[at] = screen->places[at - 1];
    screen->places[at] = place;
    if (screen->wall.tiles > 1 && at <= screen->wall.selected)
        screen->wall.selected++;
    screen->laid_out = false;
}

static void remove_place(struct sl_screen *screen, int at)
{
    struct place *place = screen->places[at];
    const int feed = place->feed;
    free_place(place);
    screen->wall.tiles--;
    for (int i = at; i < screen->wall.tiles; i++)
        screen->places[i] = screen->places[i + 1];
    if (screen->wall.selected == at)
        screen->wall.enlarged = false;
    if (screen->wall.selected > at || screen->wall.selected == screen->wall.tiles)
        screen->wall.selected -= screen->wall.selected > 0;
    screen->laid_out = false;
    if (screen->listening == feed) {
        screen->listening = -1;
        screen->config.listen(screen->config.ctx, -1);
    }
    screen->config.release(screen->config.ctx, feed);
}

void sl_screen_event(struct sl_screen *screen, const struct sl_event *event, sl_ns now)
{
    if (event->kind == SL_EVENT_ADDED) {
        add_place(screen, event, now);
        return;
    }
    if (event->kind == SL_EVENT_RECEIVER) {
        memcpy(screen->receiver_reason, event->text, sizeof(screen->receiver_reason));
        screen->receiver_known |= !*event->text;
        for (int i = 0; i < screen->wall.tiles; i++)
            screen->places[i]->look_again = 0;
        screen->laid_out &= screen->wall.tiles > 0;
        return;
    }
    const int at = find_feed(screen, event->feed);
    if (at < 0)
        return;
    struct place *place = screen->places[at];
    place->look_again = 0;
    if (event->kind == SL_EVENT_REMOVED) {
        remove_place(screen, at);
    } else if (event->kind == SL_EVENT_BROKEN) {
        sl_tile_broken(&place->tile, now);
    } else if (event->kind == SL_EVENT_DEVICE) {
        sl_tile_device(&place->tile, event->away);
    } else if (event->kind == SL_EVENT_LINK) {
        sl_tile_link(&place->tile, event->link);
        memcpy(place->reason, event->text, sizeof(place->reason));
    }
}

/* ---- drawing ---- */

static void listen_to_selected(struct sl_screen *screen)
{
    const int feed =
        screen->wall.tiles > 0 && !screen->mute ? screen->places[screen->wall.selected]->feed : -1;
    if (feed == screen->listening)
        return;
    screen->listening = feed;
    screen->config.listen(screen->config.ctx, feed);
}

/* A picture alone on the wall may have all cores, as far as encoders make slices. */
static void share_cores(struct sl_screen *screen)
{
    const int cores = screen->config.cores < SLICES_MAX ? screen->config.cores : SLICES_MAX;
    const int threads = screen->visible > 1 || cores < 1 ? 1 : cores;
    for (int i = 0; i < screen->wall.tiles; i++)
        sl_lane_share(screen->places[i]->lane, threads);
}

static void lay_out(struct sl_screen *screen, const struct sl_canvas *canvas)
{
    screen->wall.width = canvas->width;
    screen->wall.height = canvas->height;
    screen->laid_out = true;
    screen->visible = 0;
    for (int i = 0; i < screen->wall.tiles; i++) {
        struct place *place = screen->places[i];
        if (!sl_wall_cell(&screen->wall, i, &place->cell))
            place->cell = (struct sl_rect){0};
        place->redraw = true;
        screen->visible += place->cell.width > 0;
        sl_lane_want(place->lane, place->cell.width, place->cell.height);
    }
    share_cores(screen);
    sl_canvas_fill(canvas, (struct sl_rect){0, 0, canvas->width, canvas->height}, 0);
    listen_to_selected(screen);
}

static uint64_t get(const _Atomic uint64_t *gauge)
{
    return atomic_load_explicit(gauge, memory_order_relaxed);
}

static struct sl_reading read_gauges(const struct sl_feed_gauges *gauges)
{
    return (struct sl_reading){
        .at = atomic_load_explicit(&gauges->measured, memory_order_relaxed),
        .repairs = {.expected = get(&gauges->expected),
                    .by_fec = get(&gauges->by_fec),
                    .by_resend = get(&gauges->by_resend),
                    .late = get(&gauges->late),
                    .given_up = get(&gauges->given_up),
                    .bytes = get(&gauges->bytes),
                    .media_bytes = get(&gauges->media_bytes),
                    .repair_bytes = get(&gauges->repair_bytes)},
    };
}

/* What is to be said of the network, chosen anew once a second: so long it is rendered once. */
static void look_at_net(struct place *place, sl_ns now)
{
    if (now - place->net_at < SL_SEC)
        return;
    place->net_at = now;
    const struct sl_reading reading = read_gauges(place->gauges);
    const bool comparable = sl_recent_add(&place->recent, &reading);
    const struct sl_reading *then = &place->recent.reading[0];
    const struct sl_repairs of = sl_repairs_since(&reading.repairs, &then->repairs);
    const struct sl_hud_net net = {
        .loss_percent = sl_repairs_loss_percent(&of),
        .by_fec = of.by_fec,
        .by_resend = of.by_resend,
        .late = of.late,
        .given_up = of.given_up,
        .kbps = sl_reading_kbps(&reading, then),
        .overhead_percent = sl_repairs_overhead_percent(&of),
        .rtt = atomic_load_explicit(&place->gauges->rtt, memory_order_relaxed),
    };
    place->net[0] = place->net_brief[0] = '\0';
    place->net_harm = of.late + of.given_up > 0;
    if (!comparable)
        return;
    (void)sl_hud_net_text(&net, false, place->net);
    (void)sl_hud_net_text(&net, true, place->net_brief);
}

static struct sl_hud_content content_of(const struct sl_screen *screen, int at, sl_ns now)
{
    struct place *place = screen->places[at];
    look_at_net(place, now);
    return (struct sl_hud_content){
        .name = place->name,
        .location = place->location,
        .reason = *screen->receiver_reason ? "receiver lost" : place->reason,
        .view = sl_tile_view(&place->tile, now),
        .selected = at == screen->wall.selected && screen->wall.tiles > 1 && !screen->wall.enlarged,
        .sound = place->feed == screen->listening,
        .delay = atomic_load_explicit(&place->gauges->delay, memory_order_relaxed),
        .net = place->net,
        .net_brief = place->net_brief,
        .net_harm = place->net_harm,
        .motion = now < atomic_load_explicit(&place->gauges->motion_until, memory_order_relaxed),
    };
}

/* The picture at the size of the tile: as it is, or scaled here if the tile has changed since. */
static bool fitted(struct place *place, const struct sl_rect *fit, struct sl_picture *ret)
{
    *ret = place->shown->picture;
    if (ret->width == fit->width && ret->height == fit->height)
        return true;
    const int luma = (fit->width + 63) & ~63, chroma = (fit->width / 2 + 63) & ~63;
    const size_t luma_bytes = (size_t)luma * (size_t)fit->height;
    const size_t chroma_bytes = (size_t)chroma * (size_t)(fit->height / 2);
    uint8_t *memory = realloc(place->scaled, luma_bytes + 2 * chroma_bytes + 64);
    if (!memory)
        return false;
    place->scaled = memory;
    uint8_t *const planes[3] = {memory, memory + luma_bytes, memory + luma_bytes + chroma_bytes};
    *ret = (struct sl_picture){.width = fit->width,
                               .height = fit->height,
                               .plane = {planes[0], planes[1], planes[2]},
                               .stride = {luma, chroma, chroma}};
    return sl_scaler_scale(place->scaler, &place->shown->picture, ret, planes) == 0;
}

/* What of the cell the picture leaves free: labels may lie there. */
static void fill_around(const struct sl_canvas *canvas, struct sl_rect cell, struct sl_rect fit)
{
    const int right = fit.x + fit.width, below = fit.y + fit.height;
    const struct sl_rect bars[] = {
        {cell.x, cell.y, cell.width, fit.y - cell.y},
        {cell.x, below, cell.width, cell.y + cell.height - below},
        {cell.x, fit.y, fit.x - cell.x, fit.height},
        {right, fit.y, cell.x + cell.width - right, fit.height},
    };
    for (size_t i = 0; i < SL_COUNT(bars); i++)
        sl_canvas_fill(canvas, bars[i], 0);
}

static void draw_motion(const struct place *place, const struct sl_canvas *canvas,
                        struct sl_rect fit)
{
    struct sl_motion_map map;
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        map.rows[row] =
            atomic_load_explicit(&place->gauges->motion_rows[row], memory_order_relaxed);
    sl_motion_view_draw(canvas, fit, &map);
}

static void draw_picture(struct place *place, const struct sl_canvas *canvas,
                         const struct sl_tile_view *view, bool motion)
{
    const struct sl_rect fit =
        sl_wall_fit(&place->cell, place->shown->source_width, place->shown->source_height);
    struct sl_picture picture;
    fill_around(canvas, place->cell, fit);
    if (!fitted(place, &fit, &picture) ||
        sl_painter_paint(place->painter, canvas, fit.x, fit.y, &picture)) {
        sl_canvas_fill(canvas, place->cell, DARK);
        return;
    }
    if (view->grey)
        sl_canvas_grey(canvas, fit,
                       view->state == SL_TILE_RECONNECTING ? RECONNECTING_KEEP : STALE_KEEP);
    else if (motion)
        draw_motion(place, canvas, fit);
}

static void draw_place(struct sl_screen *screen, int at, const struct sl_canvas *canvas,
                       const struct sl_hud_content *content)
{
    struct place *place = screen->places[at];
    if (place->shown)
        draw_picture(place, canvas, &content->view, screen->motion_view && content->motion);
    else
        sl_canvas_fill(canvas, place->cell, DARK);
    sl_hud_draw(screen->hud, place->label, canvas, place->cell, content);
    place->redraw = false;
}

static void trace(const struct sl_screen *screen, const struct place *place,
                  enum sl_trace_stage stage)
{
    if (screen->config.trace && place->fresh)
        sl_trace_note(screen->config.trace, stage, place->shown->timestamp, 0,
                      screen->config.clock());
}

/* Takes the newest picture. True if the tile is to be drawn. */
static bool look_at(struct sl_screen *screen, int at, sl_ns now, struct sl_hud_content *content)
{
    struct place *place = screen->places[at];
    const struct sl_shown *shown = sl_lane_take(place->lane, now);
    if (shown)
        place->shown = shown;
    if (!place->cell.width)
        return false;
    if (shown) {
        place->fresh = true;
        trace(screen, place, SL_TRACE_PAINT_BEGUN);
        sl_tile_presented(&place->tile, now);
    }
    if (!shown && !place->redraw && now < place->look_again)
        return false;
    *content = content_of(screen, at, now);
    place->look_again = content->view.changes;
    return shown || place->redraw || sl_hud_changed(screen->hud, place->label, content);
}

/* How long a joiner waited, from the POST to the picture on the window. */
static void note_first(struct place *place, sl_ns now)
{
    const sl_ns asked = atomic_load_explicit(&place->gauges->asked, memory_order_relaxed);
    if (asked == place->asked)
        return;
    place->asked = asked;
    sl_info("camera %s: first picture %.0f ms after asking for it", place->name, ms(now - asked));
}

static void note_presented(struct sl_screen *screen, struct place *place, sl_ns now)
{
    if (!place->fresh)
        return;
    sl_trace_note(screen->config.trace, SL_TRACE_PRESENTED, place->shown->timestamp, 0, now);
    place->fresh = false;
    note_first(place, now);
    const sl_ns age = place->shown->has_capture ? now - place->shown->picture.captured : SL_NEVER;
    const sl_ns said = place->tile.age;
    sl_tile_aged(&place->tile, now, age);
    if (place->tile.age != said)
        place->look_again = 0;
    sl_figures_add(&place->figures, age);
    if (place->feed == screen->listening)
        screen->config.age(screen->config.ctx, age);
}

static void draw_notice(struct sl_screen *screen, const struct sl_canvas *canvas)
{
    const struct sl_rect all = {0, 0, canvas->width, canvas->height};
    const bool lost = *screen->receiver_reason;
    const bool known = screen->receiver_known;
    const struct sl_hud_content content = {
        .name = lost || !known ? screen->config.receiver : "no cameras yet",
        .location = "",
        .reason = lost && known ? "receiver lost" : screen->receiver_reason,
        .view = {.state = lost && known    ? SL_TILE_RECONNECTING
                          : lost || !known ? SL_TILE_CONNECTING
                                           : SL_TILE_LIVE,
                 .age = SL_NEVER},
    };
    sl_canvas_fill(canvas, all, DARK);
    sl_hud_draw(screen->hud, screen->notice, canvas, all, &content);
    screen->config.kind->present(screen->render, &all, 1);
}

void sl_screen_draw(struct sl_screen *screen)
{
    struct sl_canvas canvas;
    if (!screen->config.kind->canvas(screen->render, &canvas))
        return;
    const bool anew = !screen->laid_out || canvas.width != screen->wall.width ||
                      canvas.height != screen->wall.height;
    if (anew)
        lay_out(screen, &canvas);
    if (anew && !screen->wall.tiles)
        draw_notice(screen, &canvas);
    struct sl_rect rects[SL_FEEDS_MAX];
    int count = 0;
    const sl_ns now = screen->config.clock();
    for (int i = 0; i < screen->wall.tiles; i++) {
        struct sl_hud_content content;
        if (!look_at(screen, i, now, &content))
            continue;
        draw_place(screen, i, &canvas, &content);
        trace(screen, screen->places[i], SL_TRACE_PAINTED);
        rects[count++] = screen->places[i]->cell;
    }
    if (!count)
        return;
    if (anew) { /* also what lies between the tiles */
        rects[0] = (struct sl_rect){0, 0, canvas.width, canvas.height};
        count = 1;
    }
    screen->config.kind->present(screen->render, rects, count);
    const sl_ns visible = screen->config.clock();
    for (int i = 0; i < screen->wall.tiles; i++)
        note_presented(screen, screen->places[i], visible);
    screen->rest_end =
        screen->visible > REST_FREE_TILES ? visible + screen->visible * REST_A_TILE : visible;
}

sl_ns sl_screen_rest(const struct sl_screen *screen)
{
    return screen->rest_end;
}

static sl_ns sooner(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

sl_ns sl_screen_due(const struct sl_screen *screen, sl_ns now)
{
    sl_ns due = screen->laid_out ? SL_NEVER : now;
    for (int i = 0; i < screen->wall.tiles; i++) {
        const struct place *place = screen->places[i];
        due = sooner(due, sl_lane_due(place->lane));
        if (place->cell.width)
            due = sooner(due, sl_tile_view(&place->tile, now).changes);
    }
    return due;
}

/* ---- input ---- */

static void take_snapshot(struct sl_screen *screen)
{
    if (!screen->config.snapshot_dir || !screen->wall.tiles)
        return;
    struct place *place = screen->places[screen->wall.selected];
    if (!place->shown)
        return;
    const struct sl_picture *picture = &place->shown->picture;
    struct sl_canvas canvas = {.width = picture->width, .height = picture->height};
    canvas.stride = canvas.width * 4;
    canvas.pixels = malloc((size_t)canvas.stride * (size_t)canvas.height);
    char stamp[32], path[4096];
    const time_t seconds = time(NULL);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    snprintf(path, sizeof(path), "%s/%s-%s.png", screen->config.snapshot_dir, place->name, stamp);
    int error = canvas.pixels ? sl_painter_paint(place->painter, &canvas, 0, 0, picture) : -ENOMEM;
    if (!error)
        error = sl_png_write(path, &canvas);
    if (error)
        sl_error("snapshot %s: %s", path, strerror(-error));
    else
        sl_info("snapshot %s", path);
    free(canvas.pixels);
}

static void step(struct sl_screen *screen, enum sl_wall_step way)
{
    screen->wall.selected = sl_wall_step(&screen->wall, way);
}

static void select_at(struct sl_screen *screen, const struct sl_input *input)
{
    const int tile = sl_wall_at(&screen->wall, input->x, input->y);
    if (tile >= 0)
        screen->wall.selected = tile;
    if (tile >= 0 && input->action == SL_ACTION_ENLARGE_AT)
        screen->wall.enlarged = !screen->wall.enlarged;
}

/* False: leave. */
static bool act(struct sl_screen *screen, const struct sl_input *input)
{
    switch (input->action) {
    case SL_ACTION_LEAVE:
        return false;
    case SL_ACTION_BACK:
        if (!screen->wall.enlarged)
            return false;
        screen->wall.enlarged = false;
        break;
    case SL_ACTION_ENLARGE:
        screen->wall.enlarged = !screen->wall.enlarged && screen->wall.tiles > 0;
        break;
    case SL_ACTION_LEFT:
        step(screen, SL_WALL_LEFT);
        break;
    case SL_ACTION_RIGHT:
        step(screen, SL_WALL_RIGHT);
        break;
    case SL_ACTION_UP:
        step(screen, SL_WALL_UP);
        break;
    case SL_ACTION_DOWN:
        step(screen, SL_WALL_DOWN);
        break;
    case SL_ACTION_NEXT:
        step(screen, SL_WALL_NEXT);
        break;
    case SL_ACTION_SELECT_AT:
    case SL_ACTION_ENLARGE_AT:
        select_at(screen, input);
        break;
    case SL_ACTION_FULLSCREEN:
        screen->config.kind->toggle_fullscreen(screen->render);
        break;
    case SL_ACTION_MUTE:
        screen->mute = !screen->mute;
        break;
    case SL_ACTION_MOTION:
        screen->motion_view = !screen->motion_view;
        break;
    case SL_ACTION_SNAPSHOT:
        take_snapshot(screen);
        return true;
    case SL_ACTION_REDRAW:
    case SL_ACTION_NONE:
        break;
    }
    screen->laid_out = false;
    return true;
}

bool sl_screen_input(struct sl_screen *screen)
{
    struct sl_input input;
    while (screen->config.kind->input(screen->render, &input))
        if (!act(screen, &input))
            return false;
    return true;
}

int sl_screen_input_fd(const struct sl_screen *screen)
{
    return screen->config.kind->input_fd(screen->render);
}

/* ---- reports ---- */

/* Counts since the start; shares and rates of the time since the last line, as far as the net
 * thread has measured anew since. */
static void report_net(struct place *place, FILE *out)
{
    const struct sl_reading reading = read_gauges(place->gauges);
    const struct sl_repairs *all = &reading.repairs;
    if (reading.at > place->reported_net.at) {
        const struct sl_repairs of = sl_repairs_since(all, &place->reported_net.repairs);
        place->loss_percent = sl_repairs_loss_percent(&of);
        place->overhead_percent = sl_repairs_overhead_percent(&of);
        place->kbps = sl_reading_kbps(&reading, &place->reported_net);
        place->reported_net = reading;
    }
    fprintf(out,
            " delay_ms=%.0f loss_pct=%.2f lost=%llu by_fec=%llu by_resend=%llu late=%llu "
            "given_up=%llu kbps=%.0f rtt_ms=%.1f overhead_pct=%.1f picture=%dx%d\n",
            ms(atomic_load(&place->gauges->delay)), place->loss_percent,
            (unsigned long long)sl_repairs_lost(all), (unsigned long long)all->by_fec,
            (unsigned long long)all->by_resend, (unsigned long long)all->late,
            (unsigned long long)all->given_up, place->kbps, ms(atomic_load(&place->gauges->rtt)),
            place->overhead_percent, place->shown ? place->shown->source_width : 0,
            place->shown ? place->shown->source_height : 0);
}

static void report_place(const struct sl_screen *screen, struct place *place, FILE *out, sl_ns now)
{
    static const char *const states[] = {"connecting", "live", "stale", "no-signal",
                                         "reconnecting"};
    struct sl_lane_stats stats;
    sl_lane_stats(place->lane, &stats);
    const double seconds = (double)(now - screen->reported_at) / (double)SL_SEC;
    const sl_ns median = sl_figures_median(&place->figures);
    const struct sl_feed_gauges *gauges = place->gauges;
    fprintf(out, "stats %s %s shown %.1f/s decoded %.1f/s", place->name,
            place->cell.width ? states[sl_tile_view(&place->tile, now).state] : "hidden",
            (double)place->figures.shown / seconds,
            (double)(stats.decoded - place->reported.decoded) / seconds);
    if (median == SL_NEVER)
        fprintf(out, " age - max -");
    else
        fprintf(out, " age %.1f ms max %.1f ms", ms(median), ms(place->figures.largest));
    fprintf(out,
            " lost %llu repaired %llu rtt %.1f ms late %llu dropped %llu eased %llu delay %.0f ms",
            (unsigned long long)atomic_load(&gauges->given_up),
            (unsigned long long)(atomic_load(&gauges->by_fec) + atomic_load(&gauges->by_resend)),
            ms(atomic_load(&gauges->rtt)), (unsigned long long)stats.late,
            (unsigned long long)(stats.full + stats.overload + stats.damaged),
            (unsigned long long)stats.eased, ms(atomic_load(&gauges->delay)));
    report_net(place, out);
    place->reported = stats;
    sl_figures_clear(&place->figures);
}

void sl_screen_report(struct sl_screen *screen, FILE *out, sl_ns now)
{
    if (now > screen->reported_at)
        for (int i = 0; i < screen->wall.tiles; i++)
            report_place(screen, screen->places[i], out, now);
    screen->reported_at = now;
    fflush(out);
}

int sl_screen_save(struct sl_screen *screen, const char *path)
{
    struct sl_canvas canvas;
    if (!screen->config.kind->canvas(screen->render, &canvas))
        return -ENODEV;
    return sl_png_write(path, &canvas);
}

/* ---- whole ---- */

int sl_screen_create(struct sl_screen **ret, const struct sl_screen_config *config, char *why,
                     size_t why_len)
{
    struct sl_screen *screen = calloc(1, sizeof(*screen));
    if (!screen)
        return -ENOMEM;
    screen->config = *config;
    screen->mute = config->mute;
    screen->listening = -1;
    screen->reported_at = config->clock();
    screen->wall.rows = config->rows;
    screen->wall.columns = config->columns;
    int error = config->kind->open(&screen->render, &config->window, why, why_len);
    if (!error)
        error = sl_hud_create(&screen->hud, config->hud, why, why_len);
    if (!error)
        error = sl_hud_label_create(&screen->notice);
    if (error) {
        sl_screen_destroy(screen);
        return error;
    }
    *ret = screen;
    return 0;
}

void sl_screen_destroy(struct sl_screen *screen)
{
    if (!screen)
        return;
    for (int i = 0; i < screen->wall.tiles; i++)
        free_place(screen->places[i]);
    sl_hud_label_destroy(screen->notice);
    sl_hud_destroy(screen->hud);
    screen->config.kind->close(screen->render);
    free(screen);
}
