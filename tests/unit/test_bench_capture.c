/* SPDX-License-Identifier: MIT */
/* What `capture` measures is the sender's way to a picture: each path gives the scene that was
 * filmed, and each has its figures. What they are is not judged. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <libavutil/log.h>

#include "bench/bench.h"
#include "bench/capture_path.h"
#include "bench/capture_pictures.h"
#include "bench/capture_row.h"
#include "bench/scene.h"
#include "sender/capture_v4l2_format.h"
#include "sender/halt.h"

#define WIDTH 128
#define HEIGHT 64
#define BYTES (WIDTH * HEIGHT * 3 / 2)
#define LUMA (WIDTH * HEIGHT)
#define PICTURES 3

static struct sl_scene *scene;
static struct sl_halt halt;
static struct sl_capture_path_config config = {
    .width = WIDTH, .height = HEIGHT, .fps = 240, .pictures = PICTURES, .halt = &halt};

static int set_up(void **state)
{
    (void)state;
    if (sl_halt_init(&halt) != 0 || sl_scene_create(&scene, WIDTH, HEIGHT, PICTURES, 1) != 0)
        return -1;
    config.scene = scene;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_scene_destroy(scene);
    sl_halt_fini(&halt);
    return 0;
}

/* Mean difference of samples from `index` of the scene. `full`: the picture is of full range. */
static double difference(const uint8_t *pixels, uint32_t index, size_t from, size_t to, bool full)
{
    const uint8_t *filmed = sl_scene_frame(scene, index);
    double sum = 0;
    for (size_t i = from; i < to; i++) {
        const double middle = i < LUMA ? 16 : 128, zero = i < LUMA ? 0 : 128;
        const double stretch = i < LUMA ? 255. / 219 : 255. / 224;
        sum += fabs(pixels[i] - (full ? zero + (filmed[i] - middle) * stretch : filmed[i]));
    }
    return sum / (double)(to - from);
}

static void gives_the_scene(struct sl_capture_path *path, bool full, bool grey, double most)
{
    static uint8_t pixels[BYTES];
    for (uint32_t i = 0; i < 2 * PICTURES; i++) {
        memset(pixels, 0, sizeof(pixels));
        assert_int_equal(sl_capture_path_next(path, pixels), 0);
        const double luma = difference(pixels, i, 0, LUMA, full);
        const double chroma = grey ? 0 : difference(pixels, i, LUMA, BYTES, full);
        if (luma > most || chroma > most)
            print_error("picture %u: off by %.2f, %.2f\n", i, luma, chroma);
        assert_true(luma <= most && chroma <= most);
    }
    sl_capture_path_close(path);
}

static void every_format_gives_the_scene(void **state)
{
    (void)state;
    int count = 0;
    for (const struct sl_v4l2_format *f = NULL; (f = sl_v4l2_format_after(f));) {
        struct sl_capture_path *path;
        char why[160];
        if (f->encoded)
            continue;
        const bool jpeg = f->pixels == AV_PIX_FMT_NONE;
        for (int sub = 0; sub <= jpeg; sub++, count++) {
            const enum AVPixelFormat chroma = sub ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_YUVJ422P;
            print_message("%s\n", f->name);
            assert_int_equal(sl_capture_path_format(&path, f, chroma, &config, why, sizeof(why)),
                             0);
            assert_false(sl_capture_path_encoded(path));
            if (!jpeg && f->pixels != AV_PIX_FMT_GRAY8)
                assert_true(sl_capture_path_bytes(path) >= BYTES);
            gives_the_scene(path, jpeg, f->grey, jpeg ? 5 : 3);
        }
    }
    assert_true(count >= 12);
}

static void y4m_gives_the_scene(void **state)
{
    (void)state;
    struct sl_capture_path *path;
    char why[160];
    assert_int_equal(sl_capture_path_y4m(&path, &config, why, sizeof(why)), 0);
    assert_int_equal(sl_capture_path_bytes(path), BYTES);
    gives_the_scene(path, false, false, 0);
}

static void an_encoded_format_has_no_pictures(void **state)
{
    (void)state;
    struct sl_capture_pictures *pictures;
    assert_int_equal(sl_capture_pictures_create(&pictures, sl_v4l2_format_named("h264"),
                                                AV_PIX_FMT_NONE, scene, WIDTH, HEIGHT, PICTURES),
                     -ENOTSUP);
    sl_capture_pictures_destroy(NULL);
}

/* A path that fails leaves its row with the reason, and what was measured until then. */
static int fails_later(struct sl_capture_path *path, uint8_t *pixels)
{
    path->bytes -= 1;
    if (path->bytes <= 0)
        return -EIO;
    memset(pixels, 99, BYTES);
    return 0;
}

static void closes(struct sl_capture_path *path)
{
    path->bytes = -1000;
}

static void a_row_is_what_a_picture_costs(void **state)
{
    (void)state;
    static const struct sl_capture_path_kind kind = {.next = fails_later, .close = closes};
    struct sl_capture_path path = {.kind = &kind, .bytes = 12};
    struct sl_capture_row row = {.name = "fails"};
    assert_int_equal(sl_capture_row_init(&row, &path, &config), 0);
    for (int i = 0; i < 20; i++)
        sl_capture_row_measure(&row);
    assert_null(row.path);
    assert_non_null(strstr(row.why, "Input/output error"));
    assert_int_equal(path.bytes, -1000); /* closed, once */
    assert_int_equal(row.capture.count, 11 - 5);
    assert_int_equal(row.burn.count, row.capture.count);
    assert_int_equal(row.motion_cost.count, row.capture.count);
    for (size_t i = 0; i < row.burned.count; i++) {
        assert_true(row.burn.value[i] > 0);
        assert_true(fabs(row.burned.value[i] - row.capture.value[i] - row.burn.value[i]) < 0.01);
    }
    assert_int_not_equal(row.pixels[3 * WIDTH + 3], 99); /* words stand there */
    assert_int_equal(row.pixels[LUMA - 1], 99);
    sl_capture_row_fini(&row);
}

static const cJSON *find(const cJSON *rows, const char *name)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(row, "path")), name) == 0)
            return row;
    }
    return NULL;
}

static double number(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(row, key);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

static void a_run_has_every_path(void **state)
{
    (void)state;
    static const char *const pictures[] = {"test", "y4m",  "yu12",        "nv12",
                                           "yuyv", "uyvy", "mjpeg 4:2:2", "mjpeg 4:2:0"};
    atomic_bool stop = false;
    const struct sl_bench_options options = {
        .seconds = SL_SEC / 10, .size = {WIDTH, HEIGHT}, .fps = 240, .device = "v4l2:/dev/null"};
    struct sl_bench bench = {.options = &options, .stop = &stop};
    cJSON *result = NULL;
    char why[160];
    assert_int_equal(sl_capture_run(&result, &bench, why, sizeof(why)), 0);
    const cJSON *table = cJSON_GetArrayItem(cJSON_GetObjectItem(result, "tables"), 0);
    const cJSON *rows = cJSON_GetObjectItem(table, "rows");
    for (size_t i = 0; i < SL_COUNT(pictures); i++) {
        const cJSON *row = find(rows, pictures[i]);
        assert_non_null(row);
        assert_true(number(row, "p50") > 0 && number(row, "burn") > 0);
        assert_true(number(row, "burned") > number(row, "mean"));
        assert_true(fabs(number(row, "core") - number(row, "mean") * 240 / 1e4) < 1e-6);
        assert_true(number(row, "all_core") > number(row, "burned_core"));
        assert_false(cJSON_IsString(cJSON_GetObjectItem(row, "why")));
    }
    const cJSON *passed = find(rows, "h264, passed on");
    assert_true(number(passed, "p50") > 0 && isnan(number(passed, "burn")));
    const cJSON *device = find(rows, "v4l2:/dev/null");
    assert_true(cJSON_IsString(cJSON_GetObjectItem(device, "why")));
    assert_true(isnan(number(device, "p50")));
    cJSON_Delete(result);
    atomic_store(&stop, true);
    assert_int_equal(sl_capture_run(&result, &bench, why, sizeof(why)), -EINTR);
    cJSON_Delete(result);
}

static void an_odd_size_is_refused(void **state)
{
    (void)state;
    atomic_bool stop = false;
    const struct sl_bench_options options = {.seconds = SL_SEC / 10, .size = {130, 64}};
    struct sl_bench bench = {.options = &options, .stop = &stop};
    cJSON *result = NULL;
    char why[160];
    assert_int_equal(sl_capture_run(&result, &bench, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "got 130x64"));
    assert_null(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_gives_the_scene),
        cmocka_unit_test(y4m_gives_the_scene),
        cmocka_unit_test(an_encoded_format_has_no_pictures),
        cmocka_unit_test(a_row_is_what_a_picture_costs),
        cmocka_unit_test(a_run_has_every_path),
        cmocka_unit_test(an_odd_size_is_refused),
    };
    av_log_set_level(AV_LOG_QUIET);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
