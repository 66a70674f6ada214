/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/frame.h>

#include "base/random.h"
#include "base/time.h"
#include "sender/media_file.h"
#include "sender/motion.h"

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define LONG (60 * SL_SEC)
#else
#define LONG (600 * SL_SEC)
#endif

#define WIDTH 320
#define HEIGHT 180
#define PICTURE (SL_SEC / 10)
#define NOISE 16384 /* samples of a normal distribution */

/* A scene in virtual time: texture, light, noise, and blocks drawn into it. */
struct scene {
    struct sl_motion *motion;
    struct sl_random random;
    sl_ns now, step;
    double light; /* what the texture's brightness is multiplied by */
    double sigma;
    int8_t noise[NOISE];
    uint8_t luma[WIDTH * HEIGHT];
    /* What was told. */
    int told, begun, ended;
    bool going_on;
    sl_ns first_told;
    struct sl_motion_event last;
};

static const struct sl_motion_config usual = {
    .width = WIDTH, .height = HEIGHT, .sensitivity = 50, .min_area = 0.002, .first_id = 7};

static double normal(struct sl_random *random)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += sl_random_u32(random) / 4294967296.0;
    return sum;
}

static struct scene *open_scene(const struct sl_motion_config *config, double sigma)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    sl_random_init_seed(&scene->random, 1);
    assert_int_equal(sl_motion_create(&scene->motion, config), 0);
    scene->now = 1000 * SL_SEC;
    scene->step = PICTURE;
    scene->light = 1;
    scene->sigma = sigma;
    for (int i = 0; i < NOISE; i++)
        scene->noise[i] = (int8_t)lround(sigma * normal(&scene->random));
    return scene;
}

static void close_scene(struct scene *scene)
{
    sl_motion_destroy(scene->motion);
    free(scene);
}

/* Walls, a window, a pattern: 24 to 165 of brightness. */
static int texture(int x, int y)
{
    return 24 + (x / 40 * 17 + y / 30 * 29) % 120 + (x * 7 + y * 3) % 21;
}

static uint8_t clip(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static void draw(struct scene *scene)
{
    uint32_t at = sl_random_u32(&scene->random);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            at = at * 1664525u + 1013904223u;
            scene->luma[y * WIDTH + x] =
                clip(texture(x, y) * scene->light + scene->noise[at >> 18]);
        }
    }
}

static void draw_block(struct scene *scene, int left, int top, int width, int height, int luma)
{
    for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++)
            if (x >= 0 && y >= 0 && x < WIDTH && y < HEIGHT)
                scene->luma[y * WIDTH + x] = (uint8_t)luma;
}

static void look(struct scene *scene)
{
    struct sl_motion_event event;
    scene->now += scene->step;
    if (!sl_motion_look(scene->motion, scene->luma, WIDTH, scene->now, &event))
        return;
    if (!scene->told++)
        scene->first_told = scene->now;
    if (event.state == SL_MOTION_GOES_ON && !scene->going_on)
        scene->begun++;
    if (event.state == SL_MOTION_ENDED && scene->going_on)
        scene->ended++;
    scene->going_on = event.state == SL_MOTION_GOES_ON;
    scene->last = event;
}

static void watch(struct scene *scene, sl_ns span)
{
    for (sl_ns end = scene->now + span; scene->now < end;) {
        draw(scene);
        look(scene);
    }
}

/* A block of 36x32, 2 % of the picture, on its way to the right by 40 pixels a second. */
static void watch_block(struct scene *scene, sl_ns span, int luma)
{
    const sl_ns begun = scene->now;
    for (sl_ns end = scene->now + span; scene->now < end;) {
        draw(scene);
        draw_block(scene, (int)(40 * (scene->now - begun) / SL_SEC), 70, 36, 32, luma);
        look(scene);
    }
}

static void noise_is_no_motion(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 5);
    watch(scene, LONG);
    struct sl_motion_stats stats;
    sl_motion_stats(scene->motion, &stats);
    assert_int_equal(scene->told, 0);
    assert_int_equal(stats.looked, LONG / (100 * SL_MS));
    assert_int_equal(stats.moving, 0);
    assert_int_equal(stats.switched, 0);
    close_scene(scene);
}

static void slow_light_is_no_motion(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 5);
    scene->light = 0.66; /* a mean of 60 */
    watch(scene, 5 * SL_SEC);
    for (int i = 0; i < 1200; i++) {
        scene->light = 0.66 * (1 + 2.0 * i / 1200);
        watch(scene, PICTURE);
    }
    watch(scene, 5 * SL_SEC);
    assert_int_equal(scene->told, 0);
    close_scene(scene);
}

/* A corner of the scene goes dark within 2 minutes, as a shadow comes over it. */
static void slow_shade_is_no_motion(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 3);
    watch(scene, 5 * SL_SEC);
    for (int i = 0; i < 1200; i++) {
        draw(scene);
        for (int y = 0; y < HEIGHT / 2; y++)
            for (int x = 0; x < WIDTH / 2; x++)
                scene->luma[y * WIDTH + x] = clip(scene->luma[y * WIDTH + x] * (1 - i / 2400.0));
        look(scene);
    }
    assert_int_equal(scene->told, 0);
    close_scene(scene);
}

/* None at all, neither on nor off, nor while exposure settles for a second. */
static void a_lamp_that_is_switched_is_no_motion(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 4);
    struct sl_motion_stats stats;
    watch(scene, 5 * SL_SEC);
    scene->light = 0.4;
    watch(scene, 10 * SL_SEC);
    scene->light = 1.5;
    watch(scene, 2 * PICTURE);
    for (int i = 0; i < 10; i++) {
        scene->light *= 0.97;
        watch(scene, PICTURE);
    }
    watch(scene, 10 * SL_SEC);
    assert_int_equal(scene->told, 0);
    sl_motion_stats(scene->motion, &stats);
    assert_in_range(stats.switched, 2, 4);
    /* And it sees again. */
    watch_block(scene, SL_SEC / 2, 220);
    assert_int_equal(scene->begun, 1);
    close_scene(scene);
}

/* Bright on its side and dim on the other: no one factor tells it. It takes a second to warm up. */
static void a_lamp_at_one_side_is_no_motion(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 4);
    struct sl_motion_stats stats;
    watch(scene, 5 * SL_SEC);
    for (int i = 0; i < 100; i++) {
        const double warm = i < 10 ? 1 - exp(-(i + 1) / 2.0) : 1;
        draw(scene);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                scene->luma[y * WIDTH + x] =
                    clip(scene->luma[y * WIDTH + x] + warm * 100 * (1 - (double)x / WIDTH));
        look(scene);
    }
    sl_motion_stats(scene->motion, &stats);
    assert_int_equal(scene->told, 0);
    assert_in_range(stats.switched, 1, 6);
    close_scene(scene);
}

static void a_block_is_found_at_once_and_where_it_is(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 5);
    watch(scene, 20 * SL_SEC);
    const sl_ns entered = scene->now;
    watch_block(scene, 3 * SL_SEC, 220);
    assert_int_equal(scene->begun, 1);
    assert_true(scene->first_told - entered <= SL_SEC / 2);
    assert_int_equal(scene->last.id, 7);
    assert_int_equal(scene->last.state, SL_MOTION_GOES_ON);
    const sl_ns start = sl_ntp_to_ns(scene->last.start_ntp, 0);
    assert_true(start > entered && start <= entered + 2 * PICTURE);
    /* It is at 116..152 x 70..102: 2 %, and what is left of its trace. */
    assert_in_range(sl_motion_percent(scene->last.score) * 100, 150, 500);
    assert_true(sl_motion_map_get(&scene->last.map, 130 / 10, 85 / 10));
    assert_true(sl_motion_map_get(sl_motion_where(scene->motion), 130 / 10, 85 / 10));
    for (int row = 0; row < SL_MOTION_ROWS; row++)
        for (int column = 0; column < SL_MOTION_COLUMNS; column++)
            if (column > 15 || row < 6 || row > 10)
                assert_false(sl_motion_map_get(&scene->last.map, column, row));
    close_scene(scene);
}

static void an_event_ends_and_its_end_is_told_five_times(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 3);
    watch(scene, 5 * SL_SEC);
    watch_block(scene, SL_SEC, 220);
    const int told = scene->told;
    const sl_ns left = scene->now;
    assert_in_range(told, 4, 6); /* at once, then each 200 ms */
    while (scene->ended == 0 && scene->now < left + 10 * SL_SEC)
        watch(scene, PICTURE);
    assert_int_equal(scene->ended, 1);
    const sl_ns end = sl_ntp_to_ns(scene->last.last_ntp, 0);
    assert_true(llabs((scene->now - end) - 2 * SL_SEC) <= PICTURE);
    const int at_end = scene->told;
    watch(scene, 10 * SL_SEC);
    assert_int_equal(scene->told - at_end, 4);
    assert_int_equal(scene->begun, 1);
    /* The next is another one. */
    watch_block(scene, SL_SEC, 220);
    assert_int_equal(scene->begun, 2);
    assert_int_equal(scene->last.id, 8);
    close_scene(scene);
}

/* Each picture has a block in it that the next one lacks. */
static void what_flashes_is_no_event(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 3);
    watch(scene, 5 * SL_SEC);
    for (int i = 0; i < 20; i++) {
        draw(scene);
        draw_block(scene, 100, 70, 36, 32, 220);
        look(scene);
        watch(scene, 2 * PICTURE);
    }
    assert_int_equal(scene->told, 0);
    close_scene(scene);
}

static void what_stays_becomes_usual(void **state)
{
    (void)state;
    struct scene *scene = open_scene(&usual, 3);
    watch(scene, 5 * SL_SEC);
    for (int i = 0; i < 600; i++) {
        draw(scene);
        draw_block(scene, 100, 70, 36, 32, 140);
        look(scene);
    }
    assert_int_equal(scene->begun, 1);
    assert_int_equal(scene->ended, 1);
    close_scene(scene);
}

static int share_moving(int sensitivity, double min_area, const struct sl_motion_mask *mask,
                        int luma_above)
{
    struct sl_motion_config config = usual;
    config.sensitivity = sensitivity;
    config.min_area = min_area;
    config.mask = mask;
    struct scene *scene = open_scene(&config, 3);
    watch(scene, 5 * SL_SEC);
    for (int i = 0; i < 50; i++) {
        draw(scene);
        for (int y = 70; y < 102; y++)
            for (int x = 4 * i; x < 4 * i + 36; x++)
                scene->luma[y * WIDTH + x] = clip(scene->luma[y * WIDTH + x] + luma_above);
        look(scene);
    }
    struct sl_motion_stats stats;
    sl_motion_stats(scene->motion, &stats);
    close_scene(scene);
    return (int)stats.moving;
}

static void a_mask_hides(void **state)
{
    (void)state;
    uint8_t upper[2] = {0, 1}, left[2] = {1, 0};
    const struct sl_motion_mask band = {.width = 1, .height = 2, .looked_at = upper};
    const struct sl_motion_mask half = {.width = 2, .height = 1, .looked_at = left};
    const int bare = share_moving(50, 0.002, NULL, 60);
    assert_in_range(bare, 45, 50);
    /* The lower half of the block is below the middle of the picture. */
    assert_in_range(share_moving(50, 0.002, &band, 60), 40, 50);
    assert_in_range(share_moving(50, 0.015, &band, 60), 0, 1);
    /* It leaves the left half on its way. */
    assert_in_range(share_moving(50, 0.002, &half, 60), 35, 44);
    uint8_t none = 0;
    const struct sl_motion_mask all = {.width = 1, .height = 1, .looked_at = &none};
    assert_int_equal(share_moving(100, 0.0, &all, 60), 0);
}

static void a_larger_least_area_finds_less(void **state)
{
    (void)state;
    assert_in_range(share_moving(50, 0.015, NULL, 60), 40, 50);
    assert_in_range(share_moving(50, 0.08, NULL, 60), 0, 2);
}

static void a_higher_sensitivity_finds_more(void **state)
{
    (void)state;
    static const int sensitivities[] = {1, 25, 50, 75, 100};
    int before = 0;
    for (size_t i = 0; i < SL_COUNT(sensitivities); i++) {
        int found = 0;
        for (int contrast = 4; contrast <= 40; contrast += 4)
            found += share_moving(sensitivities[i], 0.002, NULL, contrast);
        assert_true(found > before);
        before = found;
    }
}

static void any_rate_will_do(void **state)
{
    (void)state;
    static const int rates[] = {2, 5, 15, 25, 30, 60, 120};
    for (size_t i = 0; i < SL_COUNT(rates); i++) {
        struct scene *scene = open_scene(&usual, 4);
        struct sl_motion_stats stats;
        scene->step = SL_SEC / rates[i];
        watch(scene, 30 * SL_SEC);
        assert_int_equal(scene->told, 0);
        watch_block(scene, 2 * SL_SEC, 220);
        assert_int_equal(scene->begun, 1);
        sl_motion_stats(scene->motion, &stats);
        assert_int_equal(stats.pictures, stats.looked + stats.left_out);
        assert_true(stats.looked <= 32 * 13);
        close_scene(scene);
    }
}

/* ---- Real pictures ---- */

/* True if the film is there. */
static bool play(const char *path, sl_ns most, int *moving, int *pictures, sl_ns *first,
                 struct sl_motion_stats *stats)
{
    struct sl_media_file *file;
    struct sl_media_info info;
    struct sl_motion *motion;
    struct sl_halt halt;
    char why[256];
    if (access(path, R_OK))
        return false;
    assert_int_equal(sl_halt_init(&halt), 0);
    assert_int_equal(sl_media_file_open(&file, path, false, false, &halt, why, sizeof(why)), 0);
    sl_media_file_info(file, &info);
    struct sl_motion_config config = usual;
    config.width = info.width;
    config.height = info.height;
    assert_int_equal(sl_motion_create(&motion, &config), 0);
    const AVFrame *frame;
    sl_ns at;
    bool going_on = false;
    *moving = *pictures = 0;
    *first = SL_NEVER;
    while (sl_media_file_picture(file, &frame, &at) == 1 && at < most) {
        struct sl_motion_event event;
        if (sl_motion_look(motion, frame->data[0], frame->linesize[0], at, &event)) {
            going_on = event.state == SL_MOTION_GOES_ON;
            *first = *first == SL_NEVER ? at : *first;
        }
        *moving += going_on;
        (*pictures)++;
    }
    sl_motion_stats(motion, stats);
    sl_motion_destroy(motion);
    sl_media_file_close(file);
    sl_halt_fini(&halt);
    return true;
}

static void people_are_found(const char *path, sl_ns most)
{
    int moving = 0, pictures = 0;
    sl_ns first = 0;
    struct sl_motion_stats stats;
    if (!play(path, most, &moving, &pictures, &first, &stats))
        skip();
    printf("%s: %d of %d pictures in an event, the first at %.1f s; a region in %llu of %llu\n",
           path, moving, pictures, (double)first / SL_SEC, (unsigned long long)stats.moving,
           (unsigned long long)stats.looked);
    assert_true(first <= 2 * SL_SEC);
    assert_true(moving >= pictures * 85 / 100); /* of all: also of the first second */
    assert_true(stats.moving >= stats.looked * 85 / 100);
    assert_int_equal(stats.switched, 0);
}

static void people_of_the_excerpt_are_found(void **state)
{
    (void)state;
    people_are_found(SL_TEST_DIR "/media/people.mp4", SL_NEVER);
}

static void people_of_the_film_are_found(void **state)
{
    (void)state;
    people_are_found(SL_TEST_DIR "/../../shared/media/vtest.avi", SL_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_no_motion),
        cmocka_unit_test(slow_light_is_no_motion),
        cmocka_unit_test(slow_shade_is_no_motion),
        cmocka_unit_test(a_lamp_that_is_switched_is_no_motion),
        cmocka_unit_test(a_lamp_at_one_side_is_no_motion),
        cmocka_unit_test(a_block_is_found_at_once_and_where_it_is),
        cmocka_unit_test(an_event_ends_and_its_end_is_told_five_times),
        cmocka_unit_test(what_flashes_is_no_event),
        cmocka_unit_test(what_stays_becomes_usual),
        cmocka_unit_test(a_mask_hides),
        cmocka_unit_test(a_larger_least_area_finds_less),
        cmocka_unit_test(a_higher_sensitivity_finds_more),
        cmocka_unit_test(any_rate_will_do),
        cmocka_unit_test(people_of_the_excerpt_are_found),
        cmocka_unit_test(people_of_the_film_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
