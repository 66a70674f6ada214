/* SPDX-License-Identifier: MIT */
/* Which mode of a camera is taken: cameras as they are sold, and what is asked of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/videodev2.h>

#include "sender/capture_v4l2_choose.h"

#define YUYV V4L2_PIX_FMT_YUYV
#define NV12 V4L2_PIX_FMT_NV12
#define MJPG V4L2_PIX_FMT_MJPEG
#define GREY V4L2_PIX_FMT_GREY
#define H264 V4L2_PIX_FMT_H264
#define MODE(code, w, h, fps)                                                                      \
    {                                                                                              \
        .fourcc = code, .width = w, .height = h, .fps_num = fps, .fps_den = 1                      \
    }
#define MADE(code, w, h, fps)                                                                      \
    {                                                                                              \
        .fourcc = code, .emulated = true, .width = w, .height = h, .fps_num = fps, .fps_den = 1    \
    }

/* A webcam at USB 2: pixels are slow where they are many. */
static const struct sl_v4l2_mode webcam[] = {
    MODE(YUYV, 640, 480, 30),  MODE(YUYV, 640, 480, 15),   MODE(YUYV, 640, 360, 30),
    MODE(YUYV, 1280, 720, 10), MODE(YUYV, 1920, 1080, 5),  MODE(MJPG, 640, 480, 60),
    MODE(MJPG, 640, 480, 30),  MODE(MJPG, 1280, 720, 60),  MODE(MJPG, 1280, 720, 30),
    MODE(MJPG, 1280, 960, 30), MODE(MJPG, 1920, 1080, 30), MODE(H264, 1920, 1080, 30),
};

struct expectation {
    int width, height, fps;   /* wished for */
    const char *format;       /* NULL: any */
    struct sl_v4l2_mode mode; /* taken; fourcc 0: none */
};

static void expect(const struct sl_v4l2_mode *modes, size_t count, const struct expectation *each,
                   size_t expected)
{
    for (size_t i = 0; i < expected; i++) {
        const struct sl_v4l2_wish wish = {
            .size = {each[i].width, each[i].height},
            .fps = each[i].fps,
            .format = each[i].format ? sl_v4l2_format_named(each[i].format) : NULL,
        };
        const struct sl_v4l2_mode none = {0}, *mode = &each[i].mode;
        const struct sl_v4l2_mode *got = sl_v4l2_choose(modes, count, &wish);
        got = got ? got : &none;
        char text[SL_V4L2_FOURCC_TEXT];
        if (got->fourcc != mode->fourcc || got->width != mode->width ||
            got->height != mode->height || got->fps_num != mode->fps_num)
            fail_msg("%zu: %dx%d at %d: got %s %dx%d at %d", i, each[i].width, each[i].height,
                     each[i].fps, sl_v4l2_fourcc_text(got->fourcc, text), got->width, got->height,
                     got->fps_num);
    }
}

static void a_webcam(void **state)
{
    (void)state;
    static const struct expectation each[] = {
        {0, 0, 0, NULL, MODE(MJPG, 1280, 720, 30)},         /* near 720p30, and not at 10/s */
        {640, 480, 0, NULL, MODE(YUYV, 640, 480, 30)},      /* pixels before JPEG */
        {640, 480, 30, NULL, MODE(YUYV, 640, 480, 30)},     /* and no faster than asked for */
        {640, 480, 15, NULL, MODE(YUYV, 640, 480, 15)},     /* the lowest that reaches it */
        {640, 480, 10, NULL, MODE(YUYV, 640, 480, 15)},     /* 15 is nearer above than 30 */
        {640, 480, 60, NULL, MODE(MJPG, 640, 480, 60)},     /* JPEG is faster */
        {1280, 720, 0, NULL, MODE(MJPG, 1280, 720, 30)},    /* the same */
        {1280, 720, 10, NULL, MODE(YUYV, 1280, 720, 10)},   /* the rates are the same */
        {1280, 720, 120, NULL, MODE(MJPG, 1280, 720, 60)},  /* the highest there is */
        {1920, 1080, 5, NULL, MODE(YUYV, 1920, 1080, 5)},   /* not the camera's H.264 */
        {0, 0, 60, NULL, MODE(MJPG, 1280, 720, 60)},        /* size was not asked for */
        {0, 0, 5, NULL, MODE(YUYV, 1280, 720, 10)},         /* 720p rather than 5/s exactly */
        {320, 180, 0, NULL, MODE(YUYV, 640, 360, 30)},      /* the next larger of that shape */
        {854, 480, 0, NULL, MODE(MJPG, 1280, 720, 30)},     /* which is the shape of 16:9 */
        {800, 600, 0, NULL, MODE(MJPG, 1280, 960, 30)},     /* not 1280x720, which is wider */
        {2560, 1440, 0, NULL, MODE(MJPG, 1920, 1080, 30)},  /* the largest of that shape */
        {1000, 1000, 0, NULL, MODE(MJPG, 1920, 1080, 30)},  /* no such shape: larger both ways */
        {1280, 720, 30, "yuyv", MODE(YUYV, 1280, 720, 10)}, /* forced */
        {640, 480, 15, "mjpeg", MODE(MJPG, 640, 480, 30)},  /* forced */
        {640, 480, 30, "nv12", {0}},                        /* not there */
        {0, 0, 0, "h264", MODE(H264, 1920, 1080, 30)},      /* only so */
        {3840, 2160, 0, NULL, MODE(MJPG, 1920, 1080, 30)},  /* twice as large is the most */
        {3844, 2160, 0, NULL, {0}},                         /* and more is not */
        {3840, 2164, 0, NULL, {0}},
        {3840, 2160, 0, "yuyv", MODE(YUYV, 1920, 1080, 5)},
    };
    expect(webcam, SL_COUNT(webcam), each, SL_COUNT(each));
}

static void expect_encoded(const struct sl_v4l2_mode *modes, size_t count, int width, int height,
                           int fps, enum sl_v4l2_encoded encoded, uint32_t fourcc)
{
    const struct sl_v4l2_wish wish = {.size = {width, height}, .fps = fps, .encoded = encoded};
    const struct sl_v4l2_mode *got = sl_v4l2_choose(modes, count, &wish);
    assert_int_equal(got ? got->fourcc : 0, fourcc);
}

/* What a camera encodes itself: where pictures would keep to the wish as well, they are taken. */
static void its_own_h264(void **state)
{
    (void)state;
    static const struct sl_v4l2_mode bare[] = {
        MODE(YUYV, 640, 480, 30), MODE(YUYV, 1920, 1080, 5), MODE(YUYV, 2560, 1440, 30),
        MODE(H264, 1280, 720, 30), MODE(H264, 1920, 1080, 30)};
    const size_t webcams = SL_COUNT(webcam), bares = SL_COUNT(bare), two = 2;
    const enum sl_v4l2_encoded better = SL_V4L2_ENCODED_BETTER;
    expect_encoded(webcam, webcams, 1920, 1080, 0, better, V4L2_PIX_FMT_MJPEG);
    expect_encoded(webcam, webcams, 1920, 1080, 60, better, V4L2_PIX_FMT_MJPEG);
    expect_encoded(webcam, webcams, 1280, 720, 0, better, V4L2_PIX_FMT_MJPEG);
    expect_encoded(webcam, webcams, 0, 0, 0, better, V4L2_PIX_FMT_MJPEG);
    expect_encoded(bare, bares, 1920, 1080, 0, better, V4L2_PIX_FMT_H264);
    expect_encoded(bare, bares, 1920, 1080, 5, better, V4L2_PIX_FMT_YUYV);
    expect_encoded(bare, bares, 1920, 1080, 60, better, V4L2_PIX_FMT_YUYV); /* nor does H.264 */
    expect_encoded(bare, bares, 1280, 720, 0, better, V4L2_PIX_FMT_H264);   /* 1080p at 5/s */
    expect_encoded(bare + 2, 2, 1280, 720, 0, better, V4L2_PIX_FMT_YUYV);   /* of 1440p */
    expect_encoded(bare, two, 1280, 720, 0, better, V4L2_PIX_FMT_YUYV);     /* none is there */
    expect_encoded(bare, bares, 0, 0, 0, better, V4L2_PIX_FMT_YUYV);
    expect_encoded(bare, bares, 1920, 1080, 0, SL_V4L2_ENCODED_LAST, V4L2_PIX_FMT_YUYV);
    expect_encoded(bare, bares, 1920, 1080, 0, SL_V4L2_ENCODED_NEVER, V4L2_PIX_FMT_YUYV);
    expect_encoded(bare + 3, 1, 1280, 720, 0, better, 0); /* the device asks for it by name then */
}

/* The order in which a driver lists its modes does not matter. */
static void order_does_not_matter(void **state)
{
    (void)state;
    struct sl_v4l2_mode turned[SL_COUNT(webcam)];
    static const struct expectation each[] = {
        {0, 0, 0, NULL, MODE(MJPG, 1280, 720, 30)},
        {640, 480, 15, NULL, MODE(YUYV, 640, 480, 15)},
        {800, 600, 0, NULL, MODE(MJPG, 1280, 960, 30)},
    };
    for (size_t by = 0; by < SL_COUNT(webcam); by++) {
        for (size_t i = 0; i < SL_COUNT(webcam); i++)
            turned[i] = webcam[(i + by) % SL_COUNT(webcam)];
        expect(turned, SL_COUNT(turned), each, SL_COUNT(each));
    }
}

static void colour_and_what_is_made(void **state)
{
    (void)state;
    static const struct sl_v4l2_mode modes[] = {
        MODE(GREY, 1280, 720, 60), MADE(NV12, 1280, 720, 60), MODE(YUYV, 640, 360, 5),
        MODE(YUYV, 1280, 720, 30), MODE(NV12, 1280, 720, 30),
    };
    static const struct expectation each[] = {
        {1280, 720, 60, NULL, MODE(NV12, 1280, 720, 30)}, /* the cheaper of two equals */
        {640, 360, 60, NULL, MODE(YUYV, 640, 360, 5)},
        {1280, 720, 60, "grey", MODE(GREY, 1280, 720, 60)},
    };
    expect(modes, SL_COUNT(modes), each, SL_COUNT(each));
    static const struct expectation grey = {0, 0, 0, NULL, MODE(GREY, 1280, 720, 60)};
    expect(modes, 1, &grey, 1); /* better than nothing */
    static const struct sl_v4l2_mode made[] = {
        MODE(V4L2_PIX_FMT_SBGGR8, 1280, 720, 30),
        MADE(V4L2_PIX_FMT_YUV420, 1280, 720, 30),
        MADE(V4L2_PIX_FMT_RGB24, 1280, 720, 30),
    };
    static const struct expectation last = {0, 0, 0, NULL,
                                            MODE(V4L2_PIX_FMT_YUV420, 1280, 720, 30)};
    expect(made, SL_COUNT(made), &last, 1);
    expect(made, 1, &(struct expectation){0}, 1);
    expect(NULL, 0, &(struct expectation){0}, 1);
}

/* 29.97/s is 30; a rate that is not told is worse than one that is. */
static void rates_nearly_met_and_not_told(void **state)
{
    (void)state;
    static const struct sl_v4l2_mode modes[] = {
        {.fourcc = MJPG, .width = 640, .height = 480, .fps_num = 30, .fps_den = 1},
        {.fourcc = YUYV, .width = 640, .height = 480, .fps_num = 30000, .fps_den = 1001},
        {.fourcc = NV12, .width = 640, .height = 480, .fps_num = 0, .fps_den = 1},
    };
    const struct sl_v4l2_wish wish = {.size = {640, 480}, .fps = 30};
    assert_ptr_equal(sl_v4l2_choose(modes, 3, &wish), &modes[1]);
    assert_true(sl_v4l2_reaches_rate(&modes[1], &wish));
    assert_false(sl_v4l2_reaches_rate(&modes[2], &wish));
    assert_ptr_equal(sl_v4l2_choose(&modes[2], 1, &wish), &modes[2]);
}

static void intervals(void **state)
{
    (void)state;
    const struct {
        uint32_t numerator, denominator;
        int num, den; /* 0: refused */
    } cases[] = {
        {1, 30, 30, 1},
        {1001, 30000, 30000, 1001},
        {333333, 10000000, 1000000, 33333}, /* about 30; terms stay small */
        {100, 1, 1, 100},
        {101, 1, 0, 0},
        {0, 30, 0, 0},
        {1, 0, 0, 0},
        {1, UINT32_MAX, 0, 0},
        {UINT32_MAX, 1, 0, 0},
        {UINT32_MAX, UINT32_MAX, 1, 1},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_v4l2_mode mode = {.fps_num = 7, .fps_den = 3};
        const bool set = sl_v4l2_set_interval(&mode, cases[i].numerator, cases[i].denominator);
        assert_int_equal(set, cases[i].num != 0);
        const double rate = (double)mode.fps_num / mode.fps_den;
        const double expected = set ? (double)cases[i].num / cases[i].den : 7.0 / 3;
        assert_true(rate / expected > 0.9999 && rate / expected < 1.0001);
        assert_true(mode.fps_num <= 1000000 && mode.fps_den <= 1000000);
    }
}

static void nearest(void **state)
{
    (void)state;
    const struct {
        int wanted, least, most, step, is;
    } cases[] = {
        {640, 48, 3840, 2, 640}, {641, 48, 3840, 2, 640}, {643, 48, 3840, 8, 640},
        {646, 48, 3840, 8, 648}, {10, 48, 3840, 2, 48},   {9999, 48, 3840, 2, 3840},
        {100, 50, 99, 20, 90},   {99, 50, 99, 20, 90},    {64, 64, 64, 0, 64},
        {70, 64, 32, 1, 64},     {70, 64, 128, 0, 70},    {8192, 1, 8192, 8192, 1},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++)
        if (sl_v4l2_nearest(cases[i].wanted, cases[i].least, cases[i].most, cases[i].step) !=
            cases[i].is)
            fail_msg("%d of %d to %d by %d", cases[i].wanted, cases[i].least, cases[i].most,
                     cases[i].step);
}

static void in_words(void **state)
{
    (void)state;
    char text[200];
    sl_v4l2_describe(webcam, SL_COUNT(webcam), text, sizeof(text));
    assert_string_equal(text,
                        "YUYV 640x360 to 1920x1080, MJPG 640x480 to 1920x1080, H264 1920x1080");
    sl_v4l2_describe(webcam + SL_COUNT(webcam) - 1, 1, text, sizeof(text));
    assert_string_equal(text, "H264 1920x1080");
    sl_v4l2_describe(webcam, SL_COUNT(webcam), text, 40);
    assert_string_equal(text, "YUYV 640x360 to 1920x1080, ...");
    sl_v4l2_describe(webcam, 0, text, sizeof(text));
    assert_string_equal(text, "nothing");
    const struct sl_v4l2_mode range = {.fourcc = V4L2_PIX_FMT_Y16,
                                       .width = 640,
                                       .height = 480,
                                       .least = {16, 16},
                                       .most = {1920, 1080},
                                       .fps_den = 1};
    sl_v4l2_describe(&range, 1, text, sizeof(text));
    assert_string_equal(text, "Y16 16x16 to 1920x1080");
    for (size_t len = 1; len < sizeof(text); len++) { /* no room is no reason to write beyond it */
        memset(text, 'x', sizeof(text));
        sl_v4l2_describe(webcam, SL_COUNT(webcam), text, len);
        assert_true(memchr(text, 0, len) && text[len] == 'x');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_webcam),
        cmocka_unit_test(its_own_h264),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(colour_and_what_is_made),
        cmocka_unit_test(rates_nearly_met_and_not_told),
        cmocka_unit_test(intervals),
        cmocka_unit_test(nearest),
        cmocka_unit_test(in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
