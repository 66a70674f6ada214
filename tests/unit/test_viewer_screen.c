/* SPDX-License-Identifier: MIT */
/* The main thread's part, with a window that is an array, lanes that are run by hand, and a clock
 * that stands still until it is moved. */
#include "viewer/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/wake.h"
#include "viewer/lane.h"

#define WIDTH 640
#define HEIGHT 360
#define LANES 6

static sl_ns now;

static sl_ns read_clock(void)
{
    return now;
}

/* ---- the window ---- */

static struct {
    uint8_t pixels[WIDTH * HEIGHT * 4];
    struct sl_input inputs[8];
    int input_count, presents, rects;
    struct sl_rect last;
    bool open, fullscreen;
} window;

static int window_open(void **ret, const struct sl_render_config *config, char *why, size_t why_len)
{
    (void)why;
    (void)why_len;
    assert_int_equal(config->width, WIDTH);
    memset(&window, 0, sizeof(window));
    window.open = true;
    *ret = &window;
    return 0;
}

static void window_close(void *render)
{
    (void)render;
    window.open = false;
}

static bool window_canvas(void *render, struct sl_canvas *ret)
{
    (void)render;
    *ret = (struct sl_canvas){window.pixels, WIDTH, HEIGHT, WIDTH * 4};
    return true;
}

static int window_present(void *render, const struct sl_rect *rects, int count)
{
    (void)render;
    window.presents++;
    window.rects += count;
    window.last = rects[count - 1];
    now += 2 * SL_MS; /* until it is visible */
    return 0;
}

static int window_fd(void *render)
{
    (void)render;
    return -1;
}

static bool window_input(void *render, struct sl_input *ret)
{
    (void)render;
    if (!window.input_count)
        return false;
    *ret = window.inputs[0];
    memmove(window.inputs, window.inputs + 1, sizeof(window.inputs) - sizeof(window.inputs[0]));
    window.input_count--;
    return true;
}

static void window_fullscreen(void *render)
{
    (void)render;
    window.fullscreen = !window.fullscreen;
}

static const struct sl_render_kind window_kind = {
    "array",        window_open, window_close, window_canvas,
    window_present, window_fd,   window_input, window_fullscreen,
};

/* ---- the rest of the program ---- */

struct fixture {
    uint8_t bytes[65536];
    const uint8_t *at[21];
    struct sl_wake shown, wanted;
    struct sl_lane *lanes[LANES];
    struct sl_feed_gauges gauges[LANES];
    struct sl_screen *screen;
    int listening, released;
    sl_ns age;
};

static void on_listen(void *ctx, int feed)
{
    ((struct fixture *)ctx)->listening = feed;
}

static void on_age(void *ctx, sl_ns age)
{
    ((struct fixture *)ctx)->age = age;
}

static void on_release(void *ctx, int feed)
{
    ((struct fixture *)ctx)->released = feed;
}

static void load_sample(struct fixture *f)
{
    FILE *file = fopen(SL_TEST_DIR "/media/moving-160x120.h264", "rb");
    assert_non_null(file);
    const size_t total = fread(f->bytes, 1, sizeof(f->bytes), file);
    fclose(file);
    int units = 0;
    for (size_t i = 0; i + 5 < total; i++)
        if (!memcmp(f->bytes + i, "\0\0\0\1\11", 5))
            f->at[units++] = f->bytes + i;
    assert_int_equal(units, 20);
    f->at[20] = f->bytes + total;
}

static int setup_with(void **state, enum sl_hud_level hud)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char why[128];
    load_sample(f);
    assert_int_equal(sl_wake_init(&f->shown), 0);
    assert_int_equal(sl_wake_init(&f->wanted), 0);
    for (int i = 0; i < LANES; i++)
        assert_int_equal(sl_lane_create(&f->lanes[i], SL_LANE_UNITS, &f->shown, &f->wanted), 0);
    f->listening = f->released = -2;
    now = 1000 * SL_SEC;
    const struct sl_screen_config config = {
        .kind = &window_kind,
        .window = {.width = WIDTH, .height = HEIGHT},
        .hud = hud,
        .receiver = "host:1",
        .clock = read_clock,
        .listen = on_listen,
        .age = on_age,
        .release = on_release,
        .ctx = f,
    };
    assert_int_equal(sl_screen_create(&f->screen, &config, why, sizeof(why)), 0);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, SL_HUD_FULL);
}

static int setup_plain(void **state)
{
    return setup_with(state, SL_HUD_OFF);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_screen_destroy(f->screen);
    assert_false(window.open);
    for (int i = 0; i < LANES; i++)
        sl_lane_destroy(f->lanes[i]);
    sl_wake_fini(&f->shown);
    sl_wake_fini(&f->wanted);
    free(f);
    return 0;
}

static void add_camera(struct fixture *f, int feed, const char *name)
{
    struct sl_event event = {
        .kind = SL_EVENT_ADDED, .feed = feed, .lane = f->lanes[feed], .gauges = &f->gauges[feed]};
    snprintf(event.name, sizeof(event.name), "%s", name);
    sl_screen_event(f->screen, &event, now);
}

static void link_camera(struct fixture *f, int feed, enum sl_tile_link link, const char *reason)
{
    struct sl_event event = {.kind = SL_EVENT_LINK, .feed = feed, .link = link};
    snprintf(event.text, sizeof(event.text), "%s", reason);
    sl_screen_event(f->screen, &event, now);
}

static bool send_frame(struct fixture *f, int feed, int i)
{
    const struct sl_unit unit = {.data = f->at[i],
                                 .len = (size_t)(f->at[i + 1] - f->at[i]),
                                 .key = i % 10 == 0,
                                 .has_capture = true,
                                 .captured = now - 7 * SL_MS,
                                 .offered = now};
    const bool taken = sl_lane_offer(f->lanes[feed], &unit);
    while (sl_lane_run(f->lanes[feed], now))
        ;
    return taken;
}

static void give(struct fixture *f, enum sl_action action, int x, int y)
{
    window.inputs[window.input_count++] = (struct sl_input){action, x, y};
    assert_true(sl_screen_input(f->screen));
    sl_screen_draw(f->screen);
}

static struct sl_lane_stats stats_of(struct fixture *f, int feed)
{
    struct sl_lane_stats stats;
    sl_lane_stats(f->lanes[feed], &stats);
    return stats;
}

/* Pixels of a rectangle that are a colour, not a grey. */
static int coloured(int x, int y, int width, int height)
{
    int count = 0;
    for (int j = y; j < y + height; j++)
        for (int i = x; i < x + width; i++) {
            const uint8_t *p = window.pixels + (j * WIDTH + i) * 4;
            count += abs(p[0] - p[1]) > 24 || abs(p[1] - p[2]) > 24;
        }
    return count;
}

static char *report(struct fixture *f)
{
    static char text[2048];
    memset(text, 0, sizeof(text));
    FILE *out = fmemopen(text, sizeof(text), "w");
    sl_screen_report(f->screen, out, now);
    fclose(out);
    return text;
}

/* ---- tests ---- */

static void test_a_picture_is_presented_once_and_aged(void **state)
{
    struct fixture *f = *state;
    add_camera(f, 0, "yard");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    assert_int_equal(f->listening, 0);
    const int before = window.presents;
    report(f);
    assert_true(send_frame(f, 0, 0));
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, before + 1);
    assert_true(f->age == 9 * SL_MS); /* 7 until decoded, 2 until visible */
    assert_true(coloured(80, 0, 480, 360) > 1000);
    sl_screen_draw(f->screen); /* its age is written once it is known */
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, before + 2);
    now += 500 * SL_MS;
    assert_non_null(strstr(report(f), "stats yard live shown "));
    now += 100 * SL_MS; /* nothing new since */
    assert_non_null(strstr(report(f), " shown 0.0/s decoded 0.0/s age - max - "));
    now += 100 * SL_MS;
    assert_non_null(strstr(report(f), " delay 0 ms delay_ms=0 "));
    atomic_store(&f->gauges[0].delay, 45 * SL_MS);
    now += 100 * SL_MS;
    assert_non_null(strstr(report(f), " delay 45 ms delay_ms=45 "));
}

/* Told between two pictures, it is drawn without one. */
static void test_a_device_that_is_away_is_told(void **state)
{
    struct fixture *f = *state;
    struct sl_event event = {.kind = SL_EVENT_DEVICE, .feed = 0, .away = true};
    add_camera(f, 0, "yard");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    int before = window.presents;
    sl_screen_event(f->screen, &event, now);
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, before + 1);
    now += 100 * SL_MS;
    assert_non_null(strstr(report(f), "stats yard no-signal shown 0.0/s "));
    assert_true(send_frame(f, 0, 0));
    sl_screen_draw(f->screen);
    now += 100 * SL_MS;
    assert_non_null(strstr(report(f), "stats yard live "));
    assert_true(coloured(80, 0, 480, 100) > 100);
    now += SL_SEC;
    sl_screen_draw(f->screen);
    assert_non_null(strstr(report(f), "stats yard no-signal "));
    assert_int_equal(coloured(80, 0, 480, 100), 0); /* grey */
    event.away = false;
    before = window.presents;
    sl_screen_event(f->screen, &event, now);
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, before + 1);
    now += 100 * SL_MS;
    assert_non_null(strstr(report(f), "stats yard stale "));
}

static void measure(struct fixture *f, uint64_t expected, uint64_t by_fec, uint64_t given_up,
                    uint64_t bytes)
{
    struct sl_feed_gauges *gauges = &f->gauges[0];
    atomic_store(&gauges->expected, expected);
    atomic_store(&gauges->by_fec, by_fec);
    atomic_store(&gauges->given_up, given_up);
    atomic_store(&gauges->bytes, bytes);
    atomic_store(&gauges->media_bytes, bytes);
    atomic_store(&gauges->repair_bytes, bytes / 5);
    atomic_store(&gauges->measured, now);
}

static void test_repairs_are_reported(void **state)
{
    struct fixture *f = *state;
    add_camera(f, 0, "yard");
    atomic_store(&f->gauges[0].rtt, 41500 * SL_US);
    atomic_store(&f->gauges[0].by_resend, 3);
    atomic_store(&f->gauges[0].late, 2);
    now += SL_SEC;
    measure(f, 100, 6, 1, 125000);
    assert_non_null(strstr(report(f), " lost 1 repaired 9 rtt 41.5 ms late 0 "));
    now += SL_SEC;
    measure(f, 300, 10, 1, 375000);
    const char *figures = " delay_ms=0 loss_pct=2.00 lost=14 by_fec=10 by_resend=3 late=2 "
                          "given_up=1 kbps=2000 rtt_ms=41.5 overhead_pct=20.0";
    assert_non_null(strstr(report(f), figures));
    now += 50 * SL_MS; /* the net thread has not measured anew: the figures stand */
    assert_non_null(strstr(report(f), figures));
    now += 950 * SL_MS;
    measure(f, 500, 10, 1, 375000);
    assert_non_null(strstr(report(f), " loss_pct=0.00 lost=14 "));
    assert_non_null(strstr((now += SL_SEC, report(f)), " kbps=0 "));
}

/* What the network does is drawn with pictures only, and its words change once a second. */
static void test_figures_of_the_network_cost_no_drawing(void **state)
{
    struct fixture *f = *state;
    measure(f, 100, 0, 0, 0);
    add_camera(f, 0, "yard");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    const struct {
        int x, y, width, height;
    } line = {5, HEIGHT - 5 - 45, 75, 20}; /* beside the picture, above the name */
    for (int i = 0; i < 4; i++) {          /* pictures 400 ms apart: 0, 400, 800, 1200 ms */
        measure(f, 100 + 100 * (uint64_t)i, 10 * (uint64_t)i, 0, 50000 * (uint64_t)i);
        assert_true(send_frame(f, 0, i));
        sl_screen_draw(f->screen);
        sl_screen_draw(f->screen); /* the age */
        uint8_t lit = 0;
        for (int y = line.y; y < line.y + line.height; y++)
            for (int x = line.x; x < line.x + line.width; x++)
                lit |= window.pixels[(y * WIDTH + x) * 4];
        assert_true((lit != 0) == (i == 3));
        const int presents = window.presents;
        measure(f, 100 + 100 * (uint64_t)i, 10 * (uint64_t)i, 90, 50000 * (uint64_t)i);
        for (int j = 0; j < 10; j++)
            sl_screen_draw(f->screen);
        assert_int_equal(window.presents, presents);
        now += 400 * SL_MS - 4 * SL_MS;
    }
}

static void test_a_wall_of_many_rests_between_two_presentings(void **state)
{
    struct fixture *f = *state;
    static const char *const names[LANES] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < LANES; i++) {
        add_camera(f, i, names[i]);
        link_camera(f, i, SL_TILE_LINK_UP, "");
        sl_screen_draw(f->screen);
        assert_true(send_frame(f, i, 0));
        sl_screen_draw(f->screen);
        /* Few tiles never wait; of many, 1/16 ms for each. */
        assert_true(sl_screen_rest(f->screen) == now + (i < 4 ? 0 : (i + 1) * SL_MS / 16));
    }
    const sl_ns rest = sl_screen_rest(f->screen);
    sl_screen_draw(f->screen); /* the ages of the pictures */
    sl_screen_draw(f->screen);
    const int presents = window.presents;
    now += SL_MS;
    sl_screen_draw(f->screen); /* nothing to present: nothing to rest from */
    assert_int_equal(window.presents, presents);
    assert_true(sl_screen_rest(f->screen) >= rest && sl_screen_rest(f->screen) < now);
    window.inputs[window.input_count++] = (struct sl_input){SL_ACTION_ENLARGE, 0, 0};
    assert_true(sl_screen_input(f->screen));
    sl_screen_draw(f->screen);
    assert_true(sl_screen_rest(f->screen) == now); /* the window is one tile's */
}

static void test_plain_single_camera_fills_the_window(void **state)
{
    struct fixture *f = *state;
    add_camera(f, 0, "yard");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    assert_true(send_frame(f, 0, 0));
    sl_screen_draw(f->screen);
    const int presents = window.presents;
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, presents); /* no age to write */
    /* 160x120 in 640x360: 480x360 in the middle, all of it picture. */
    for (int y = 0; y < HEIGHT; y += 7) {
        assert_int_equal(window.pixels[(y * WIDTH + 79) * 4 + 1], 0);
        assert_int_equal(window.pixels[(y * WIDTH + 560) * 4 + 1], 0);
    }
    assert_true(coloured(80, 0, 8, 360) + coloured(552, 0, 8, 360) > 100);
}

static void test_stale_is_grey_and_redrawn_each_second(void **state)
{
    struct fixture *f = *state;
    add_camera(f, 0, "yard");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    assert_true(send_frame(f, 0, 0));
    sl_screen_draw(f->screen);
    sl_screen_draw(f->screen);
    for (int s = 1; s < 5; s++) {
        const sl_ns due = sl_screen_due(f->screen, now);
        assert_true(due > now && due <= now + SL_SEC);
        now = due - 1;
        const int presents = window.presents;
        sl_screen_draw(f->screen);
        assert_int_equal(window.presents, presents);
        now = due;
        sl_screen_draw(f->screen);
        assert_int_equal(window.presents, presents + 1);
        /* Grey all over but for the words in the middle, which are orange. */
        assert_int_equal(coloured(0, 0, WIDTH, 120), 0);
        assert_true(coloured(0, 120, WIDTH, 120) > 100);
    }
    assert_non_null(strstr((report(f), now += SL_MS, report(f)), "stats yard stale shown 0.0/s"));
    assert_true(send_frame(f, 0, 1));
    sl_screen_draw(f->screen);
    assert_true(coloured(80, 0, 480, 120) > 300);
    assert_non_null(strstr(report(f), "stats yard live"));
}

static void test_reconnecting_at_once(void **state)
{
    struct fixture *f = *state;
    add_camera(f, 0, "yard");
    sl_screen_draw(f->screen);
    assert_non_null(strstr((report(f), now += SL_MS, report(f)), "stats yard connecting"));
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    assert_true(send_frame(f, 0, 0));
    sl_screen_draw(f->screen);
    link_camera(f, 0, SL_TILE_LINK_LOST, "connection refused");
    sl_screen_draw(f->screen);
    assert_int_equal(coloured(80, 0, 480, 100), 0);
    assert_non_null(strstr(report(f), "stats yard reconnecting"));
}

static void test_enlarged_hides_the_others(void **state)
{
    struct fixture *f = *state;
    const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        add_camera(f, i, names[i]);
        link_camera(f, i, SL_TILE_LINK_UP, "");
    }
    sl_screen_draw(f->screen);
    assert_int_equal(f->listening, 0);
    for (int i = 0; i < 4; i++)
        assert_true(send_frame(f, i, 0));
    sl_screen_draw(f->screen);
    give(f, SL_ACTION_ENLARGE_AT, 500, 300); /* the last one */
    assert_int_equal(f->listening, 3);
    for (int i = 0; i < 4; i++)
        assert_true(send_frame(f, i, 1) == (i == 3));
    assert_int_equal(stats_of(f, 0).hidden, 1);
    sl_screen_draw(f->screen);
    assert_true(coloured(80, 0, 480, 360) > 1000);
    give(f, SL_ACTION_BACK, 0, 0);
    assert_true(sl_lane_key_wanted(f->lanes[0]));
    assert_false(send_frame(f, 0, 2));
    assert_true(send_frame(f, 0, 10));
    give(f, SL_ACTION_LEFT, 0, 0);
    assert_int_equal(f->listening, 2);
    give(f, SL_ACTION_MUTE, 0, 0);
    assert_int_equal(f->listening, -1);
    give(f, SL_ACTION_FULLSCREEN, 0, 0);
    assert_true(window.fullscreen);
    window.inputs[window.input_count++] = (struct sl_input){SL_ACTION_BACK, 0, 0};
    assert_false(sl_screen_input(f->screen)); /* from the wall out */
}

static void test_cameras_come_in_order_and_go(void **state)
{
    struct fixture *f = *state;
    sl_screen_draw(f->screen);
    add_camera(f, 2, "c");
    sl_screen_draw(f->screen);
    add_camera(f, 0, "a");
    sl_screen_draw(f->screen);
    assert_int_equal(f->listening, 2); /* the selection stays with its camera */
    add_camera(f, 1, "b");
    sl_screen_draw(f->screen);
    now += SL_SEC;
    report(f);
    now += SL_SEC;
    const char *lines = report(f);
    const char *a = strstr(lines, "stats a "), *b = strstr(lines, "stats b "),
               *c = strstr(lines, "stats c ");
    assert_true(a && b && c && a < b && b < c);
    const struct sl_event removed = {.kind = SL_EVENT_REMOVED, .feed = 2};
    sl_screen_event(f->screen, &removed, now);
    assert_int_equal(f->released, 2);
    sl_screen_draw(f->screen);
    assert_int_equal(f->listening, 1);
    assert_null(strstr((now += SL_SEC, report(f)), "stats c "));
    sl_screen_event(f->screen, &removed, now); /* once more: nobody there */
    const int feeds[] = {0, 1};
    for (int i = 0; i < 2; i++) {
        const struct sl_event event = {.kind = SL_EVENT_REMOVED, .feed = feeds[i]};
        sl_screen_event(f->screen, &event, now);
        sl_screen_draw(f->screen);
    }
    assert_int_equal(f->listening, -1);
    add_camera(f, 1, "b"); /* the same feed again, with sound again */
    sl_screen_draw(f->screen);
    assert_int_equal(f->listening, 1);
}

static void test_nothing_to_do_means_no_drawing(void **state)
{
    struct fixture *f = *state;
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, 1); /* the notice */
    assert_true(sl_screen_due(f->screen, now) == SL_NEVER);
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, 1);
    struct sl_event event = {.kind = SL_EVENT_RECEIVER, .text = "connection refused"};
    sl_screen_event(f->screen, &event, now);
    assert_true(sl_screen_due(f->screen, now) == now);
    sl_screen_draw(f->screen);
    assert_int_equal(window.presents, 2);
}

static void test_a_picture_of_another_size_is_fitted(void **state)
{
    struct fixture *f = *state;
    add_camera(f, 0, "a");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    assert_true(send_frame(f, 0, 0));
    sl_screen_draw(f->screen);
    add_camera(f, 1, "b"); /* the tile is a quarter now, and no new picture comes */
    sl_screen_draw(f->screen);
    assert_true(coloured(0, 0, 320, 180) + coloured(0, 180, 640, 180) > 500);
    char path[] = "/tmp/sl-screen-XXXXXX";
    const int fd = mkstemp(path);
    assert_int_equal(sl_screen_save(f->screen, path), 0);
    assert_true(lseek(fd, 0, SEEK_END) == 0); /* replaced, not written into */
    close(fd);
    assert_int_equal(access(path, R_OK), 0);
    unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Pixels of the colour that the motion view draws with, in a rectangle of the window. */
static int count_marks(int left, int top, int right, int bottom)
{
    int marks = 0;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            marks += !memcmp(window.pixels + (y * WIDTH + x) * 4, "\x60\xe0\x30", 3);
    return marks;
}

static void test_a_key_shows_where_something_moves(void **state)
{
    struct fixture *f = *state;
    struct sl_feed_gauges *gauges = &f->gauges[0];
    add_camera(f, 0, "yard");
    link_camera(f, 0, SL_TILE_LINK_UP, "");
    sl_screen_draw(f->screen);
    send_frame(f, 0, 0);
    /* The upper left quarter, for a second; 160x120 is 480x360 on the window, at 80. */
    for (int row = 0; row < 9; row++)
        gauges->motion_rows[row] = 0xffff0000;
    gauges->motion_until = now + SL_SEC;
    sl_screen_draw(f->screen);
    assert_int_equal(count_marks(0, 0, WIDTH, HEIGHT), 0);
    give(f, SL_ACTION_MOTION, 0, 0);
    assert_int_equal(count_marks(80, 0, 320, 180), 2 * 240 + 2 * 178);
    assert_int_equal(count_marks(0, 0, WIDTH, HEIGHT), count_marks(80, 0, 320, 180));
    give(f, SL_ACTION_MOTION, 0, 0);
    assert_int_equal(count_marks(0, 0, WIDTH, HEIGHT), 0);
    /* Over with the event; the next picture is plain. */
    give(f, SL_ACTION_MOTION, 0, 0);
    assert_true(count_marks(0, 0, WIDTH, HEIGHT) > 0);
    now += SL_SEC;
    send_frame(f, 0, 1);
    sl_screen_draw(f->screen);
    assert_int_equal(count_marks(0, 0, WIDTH, HEIGHT), 0);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        TEST(test_a_picture_is_presented_once_and_aged),
        TEST(test_a_device_that_is_away_is_told),
        TEST(test_repairs_are_reported),
        TEST(test_figures_of_the_network_cost_no_drawing),
        TEST(test_a_wall_of_many_rests_between_two_presentings),
        cmocka_unit_test_setup_teardown(test_a_key_shows_where_something_moves, setup_plain,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_plain_single_camera_fills_the_window, setup_plain,
                                        teardown),
        TEST(test_stale_is_grey_and_redrawn_each_second),
        TEST(test_reconnecting_at_once),
        TEST(test_enlarged_hides_the_others),
        TEST(test_cameras_come_in_order_and_go),
        TEST(test_nothing_to_do_means_no_drawing),
        TEST(test_a_picture_of_another_size_is_fitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
