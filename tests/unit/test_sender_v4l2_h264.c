/* SPDX-License-Identifier: MIT */
/* A camera's own H.264, made by libx264 behind the face of a driver, in virtual time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <libavutil/log.h>

#include "base/log.h"
#include "codec/encoder.h"
#include "media/nal.h"
#include "sender/capture_v4l2.h"
#include "sender/capture_v4l2_h264.h"
#include "tests/support/fake_v4l2.h"

#define WIDTH 128
#define HEIGHT 96
#define MADE 1024 /* units that are remembered */
#define NEVER_KEY 1000000

enum { KEY, BITRATE, GOP, PERIOD, B_FRAMES, REPEAT, PROFILE, MODE };

static const struct fake_v4l2_camera camera = {
    .card = "Encoding camera",
    .bus_info = "usb-1",
    .formats = {{.fourcc = V4L2_PIX_FMT_H264,
                 .sizes = {{.width = WIDTH, .height = HEIGHT, .intervals = {{1, 30}}}}}},
    .number = -1,
};

static const struct fake_v4l2_control controls[] = {
    [KEY] = {.id = V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, .most = 1},
    [BITRATE] = {.id = V4L2_CID_MPEG_VIDEO_BITRATE,
                 .least = 100000,
                 .most = 8000000,
                 .step = 25000},
    [GOP] = {.id = V4L2_CID_MPEG_VIDEO_GOP_SIZE, .least = 1, .most = 50},
    [PERIOD] = {.id = V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, .most = 1000},
    [B_FRAMES] = {.id = V4L2_CID_MPEG_VIDEO_B_FRAMES, .most = 2, .value = 2, .still = true},
    [REPEAT] = {.id = V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, .most = 1, .still = true},
    [PROFILE] = {.id = V4L2_CID_MPEG_VIDEO_H264_PROFILE,
                 .most = V4L2_MPEG_VIDEO_H264_PROFILE_HIGH_444_PREDICTIVE,
                 .menu = 1 << V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE |
                         1 << V4L2_MPEG_VIDEO_H264_PROFILE_MAIN,
                 .still = true},
    [MODE] = {.id = V4L2_CID_MPEG_VIDEO_BITRATE_MODE,
              .most = 1,
              .menu = 3, /* VBR, CBR */
              .still = true},
};

struct made {
    uint8_t *data;
    size_t len;
    bool key;
};

static struct sl_halt halt;
static struct {
    struct sl_video_encoder *encoder;
    struct made made[MADE];
    int count, compared; /* units; the next that can come out */
    int gop;             /* pictures from key frame to key frame */
    int first_key;       /* the stream begins so many pictures before one */
    bool sets_once;      /* SPS and PPS come with the first key frame only */
    bool sets_apart;     /* and in a buffer of their own */
    unsigned forced;
    int sets_given;
} lens;

/* ---- The camera's encoder ---- */

static void make_encoder(void)
{
    const struct sl_video_encoder_config config = {
        .encoder = "libx264",
        .preset = "ultrafast",
        .width = WIDTH,
        .height = HEIGHT,
        .fps_num = 30,
        .fps_den = 1,
        .bitrate_bps = 400000,
        .gop = 60 * SL_SEC,
        .threads = 2, /* so many slices */
    };
    char why[256];
    if (sl_video_encoder_create(&lens.encoder, &config, why, sizeof(why)))
        fail_msg("%s", why);
}

static struct sl_encoded encode_picture(bool key)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            pixels[y * WIDTH + x] = (uint8_t)(x * 2 + y + 5 * lens.count);
    memset(pixels + WIDTH * HEIGHT, 128, WIDTH * HEIGHT / 2);
    const struct sl_picture picture = {
        .width = WIDTH,
        .height = HEIGHT,
        .plane = {pixels, pixels + WIDTH * HEIGHT, pixels + WIDTH * HEIGHT * 5 / 4},
        .stride = {WIDTH, WIDTH / 2, WIDTH / 2},
        .captured = (lens.count + 1) * SL_SEC / 30,
    };
    struct sl_encoded encoded;
    assert_int_equal(sl_video_encoder_encode(lens.encoder, &picture, key, &encoded), 0);
    return encoded;
}

static bool is_set(const struct sl_nal *nal)
{
    const int type = nal->data[0] & 0x1f;
    return type == SL_NAL_SPS || type == SL_NAL_PPS;
}

/* Its sets only, or all but them, with start codes of 4 bytes. */
static size_t copy_nals(uint8_t *out, const uint8_t *data, size_t len, bool sets)
{
    struct sl_nal nal;
    size_t used = 0;
    for (const uint8_t *at = data; sl_nal_next(&at, data + len, &nal);) {
        if (is_set(&nal) != sets)
            continue;
        memcpy(out + used, "\0\0\0\1", 4);
        memcpy(out + used + 4, nal.data, nal.len);
        used += 4 + nal.len;
    }
    return used;
}

static bool key_due(uint32_t sequence)
{
    const struct fake_v4l2_control *force =
        fake_v4l2_control(0, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME);
    const bool forced = force && force->sets != lens.forced;
    lens.forced = force ? force->sets : 0;
    return forced || (int)sequence % lens.gop == lens.first_key;
}

/* Of fake_v4l2: what is in the camera's next buffer. */
static size_t give_unit(uint8_t *data, size_t len, uint32_t sequence,
                        const struct v4l2_pix_format *pix)
{
    (void)pix;
    const bool key = key_due(sequence);
    const struct sl_encoded encoded = encode_picture(key);
    assert_true(encoded.len + 64 < len && lens.count < MADE);
    struct made *made = &lens.made[lens.count++];
    *made = (struct made){.data = malloc(encoded.len), .key = encoded.key};
    if (key && lens.sets_apart && !lens.sets_given++) {
        made->len = 0; /* the picture itself is lost to the sets */
        lens.first_key = (int)sequence + 1;
        return copy_nals(data, encoded.data, encoded.len, true);
    }
    if (key && (lens.sets_apart || (lens.sets_once && lens.sets_given++)))
        made->len = copy_nals(made->data, encoded.data, encoded.len, false);
    else
        memcpy(made->data, encoded.data, made->len = encoded.len);
    memcpy(data, made->data, made->len);
    return made->len;
}

static void put_control(int which)
{
    for (int i = 0; i < FAKE_V4L2_CONTROLS; i++)
        if (!fake_v4l2.cameras[0].controls[i].id) {
            fake_v4l2.cameras[0].controls[i] = controls[which];
            return;
        }
}

static int set_up(void **state)
{
    (void)state;
    sl_log_init("test", SL_LOG_ERROR);
    av_log_set_level(AV_LOG_QUIET);
    fake_v4l2_begin();
    fake_v4l2.cameras[0] = camera;
    fake_v4l2.cameras[0].fill = give_unit;
    memset(&lens, 0, sizeof(lens));
    lens.gop = 30;
    make_encoder();
    return sl_halt_init(&halt);
}

static int tear_down(void **state)
{
    (void)state;
    fake_v4l2_end();
    for (int i = 0; i < lens.count; i++)
        free(lens.made[i].data);
    sl_video_encoder_destroy(lens.encoder);
    sl_halt_fini(&halt);
    return 0;
}

/* ---- The sender's side ---- */

static const char *node(int number)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/video%d", fake_v4l2_ops.dev, number);
    return path;
}

static struct sl_capture_config wishes(void)
{
    return (struct sl_capture_config){
        .halt = &halt, .retries = -1, .format = "h264", .bitrate_bps = 1234567, .gop = 2 * SL_SEC};
}

static int try_to_open(struct sl_capture **ret, struct sl_capture_config config, char why[256])
{
    return sl_v4l2_capture_open(ret, &fake_v4l2_ops, node(0), &config, why, 256);
}

static struct sl_capture *open_camera(struct sl_capture_config config)
{
    struct sl_capture *capture = NULL;
    char why[256] = "";
    if (fake_v4l2.cameras[0].number < 0)
        fake_v4l2_plug(0, 0);
    if (try_to_open(&capture, config, why))
        fail_msg("%s", why);
    return capture;
}

static struct sl_v4l2_capture_stats stats_of(const struct sl_capture *capture)
{
    struct sl_v4l2_capture_stats stats;
    sl_v4l2_capture_stats(capture, &stats);
    assert_int_equal(stats.device.dequeued,
                     stats.device.taken + stats.device.replaced + stats.device.damaged);
    assert_int_equal(stats.device.replaced, 0);
    assert_int_equal(stats.device.taken,
                     stats.given + stats.undecodable + stats.keyless + stats.lost);
    return stats;
}

static bool same_but_sets(const struct sl_capture_unit *unit, const struct made *made)
{
    uint8_t *a = malloc(unit->len + 1024), *b = malloc(made->len + 1024);
    const size_t ours = copy_nals(a, unit->data, unit->len, false);
    const size_t theirs = copy_nals(b, made->data, made->len, false);
    const bool same = ours == theirs && memcmp(a, b, ours) == 0;
    free(a);
    free(b);
    return same;
}

/* SPS and PPS are in front of it. */
static bool has_sets(const struct sl_capture_unit *unit)
{
    struct sl_nal nal;
    const uint8_t *at = unit->data;
    bool sps = sl_nal_next(&at, unit->data + unit->len, &nal) && nal.data[0] == 0x67;
    return sps && sl_nal_next(&at, unit->data + unit->len, &nal) && (nal.data[0] & 0x1f) == 8;
}

/* The unit that came is one the camera made, to the bit: the number of it. */
static int next_unit(struct sl_capture *capture, struct sl_capture_unit *unit)
{
    assert_int_equal(sl_capture_next_unit(capture, unit), 1);
    stats_of(capture);
    for (; lens.compared < lens.count; lens.compared++) {
        const struct made *made = &lens.made[lens.compared];
        if (unit->key ? !made->key || !made->len || !same_but_sets(unit, made)
                      : made->len != unit->len || memcmp(made->data, unit->data, unit->len) != 0)
            continue;
        assert_int_equal(unit->key, made->key);
        assert_true(!unit->key || has_sets(unit));
        return lens.compared++;
    }
    fail_msg("a unit that the camera has not made, or an older one");
    return -1;
}

/* ---- Tests ---- */

static void units_go_on_as_they_are(void **state)
{
    (void)state;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    assert_true(capture->encoded);
    assert_int_equal(capture->width, WIDTH);
    assert_int_equal(capture->height, HEIGHT);
    assert_int_equal(capture->fps_num, 30 * capture->fps_den);
    assert_string_equal(capture->h264_profile, "42c01f");  /* of its SPS */
    assert_in_range(capture->bitrate_bps, 1000, 10000000); /* seen, since it cannot be set */
    assert_true(capture->heeds.mode && !capture->heeds.bitrate && !capture->heeds.gop);
    int last = next_unit(capture, &unit);
    sl_ns before = unit.captured;
    assert_true(unit.key);
    assert_true(last <= 30); /* the first key frame after what was looked at */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(next_unit(capture, &unit), ++last);
        assert_true(llabs(unit.captured - before - SL_SEC / 30) <= SL_US);
        assert_true(fake_v4l2.now - unit.captured < SL_US);
        before = unit.captured;
    }
    assert_int_equal(stats_of(capture).given, 101);
    assert_int_equal(stats_of(capture).keys_asked, 0);
    sl_capture_set_bitrate(capture, 100000); /* no such control: nothing happens */
    assert_false(sl_capture_request_key(capture));
    sl_capture_close(capture);
}

/* What goes on is a stream that a decoder shows, each picture at once. */
static void it_can_be_decoded_without_delay(void **state)
{
    (void)state;
    lens.sets_once = true;
    struct sl_capture *capture = open_camera(wishes());
    AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    decoder->thread_count = 1;
    decoder->err_recognition = AV_EF_EXPLODE;
    assert_int_equal(avcodec_open2(decoder, NULL, NULL), 0);
    for (int i = 0; i < 70; i++) {
        struct sl_capture_unit unit;
        const int number = next_unit(capture, &unit);
        assert_int_equal(av_new_packet(packet, (int)unit.len), 0);
        memcpy(packet->data, unit.data, unit.len);
        assert_int_equal(avcodec_send_packet(decoder, packet), 0);
        assert_int_equal(avcodec_receive_frame(decoder, frame), 0);
        assert_in_range(abs(frame->data[0][40] - (uint8_t)(80 + 5 * number)), 0, 24);
        av_packet_unref(packet);
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&decoder);
    sl_capture_close(capture);
}

/* Each refers to those before: however late the reader, the oldest comes first. */
static void none_is_left_out(void **state)
{
    (void)state;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    int last = next_unit(capture, &unit);
    fake_v4l2.now += 6 * SL_SEC / 30;
    for (int i = 0; i < 12; i++)
        assert_int_equal(next_unit(capture, &unit), ++last);
    assert_int_equal(stats_of(capture).device.missed, 0);
    sl_capture_close(capture);
}

/* Later than the driver has buffers: what is lost takes all with it up to the next key frame. */
static void a_gap_is_followed_by_a_key_frame(void **state)
{
    (void)state;
    for (int can = 0; can < 2; can++) {
        if (can)
            put_control(KEY);
        lens.compared = lens.count;
        struct sl_capture *capture = open_camera(wishes());
        struct sl_capture_unit unit;
        do
            next_unit(capture, &unit);
        while (!unit.key);
        for (int i = 0; i < 5; i++)
            next_unit(capture, &unit);
        const int asked = (int)stats_of(capture).keys_asked;
        fake_v4l2.cameras[0].skipped = 2;
        const int next = next_unit(capture, &unit);
        assert_true(unit.key);
        assert_int_equal(stats_of(capture).keys_asked, asked + can);
        /* Asked, it comes with the picture after that; else when it is due. */
        assert_true(can ? stats_of(capture).keyless < 40 : next % 10 != 1);
        assert_int_equal(stats_of(capture).device.missed, 2);
        assert_int_equal(stats_of(capture).outages, 0);
        sl_capture_close(capture);
    }
}

static void a_damaged_unit_is_followed_by_a_key_frame(void **state)
{
    (void)state;
    put_control(KEY);
    lens.gop = NEVER_KEY;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    int last = next_unit(capture, &unit);
    for (int i = 0; i < 10; i++)
        last = next_unit(capture, &unit);
    const uint64_t keyless = stats_of(capture).keyless, asked = stats_of(capture).keys_asked;
    fake_v4l2.cameras[0].damaged = 1;
    const int key = next_unit(capture, &unit);
    assert_true(unit.key);
    assert_int_equal(key, last + 3); /* the damaged one, the one that shows it, the one asked for */
    assert_int_equal(stats_of(capture).device.damaged, 1);
    assert_int_equal(stats_of(capture).keyless, keyless + 1);
    assert_int_equal(stats_of(capture).keys_asked, asked + 1);
    assert_int_equal(next_unit(capture, &unit), key + 1);
    sl_capture_close(capture);
}

/* A driver that numbers what it has not encoded is not taken for one that loses each. */
static void numbers_that_are_always_left_out(void **state)
{
    (void)state;
    struct sl_v4l2_h264 *h264;
    struct sl_h264_passed passed;
    assert_int_equal(sl_v4l2_h264_create(&h264), 0);
    sl_v4l2_h264_begin(h264, SL_SEC);
    for (int i = 0; i < 20; i++) {
        const struct sl_encoded encoded = encode_picture(i == 0);
        lens.count++;
        const struct sl_v4l2_h264_buffer buffer = {.data = encoded.data,
                                                   .len = encoded.len,
                                                   .missed = i == 15 ? 3
                                                             : i     ? 1
                                                                     : 0};
        const enum sl_v4l2_h264_found found = sl_v4l2_h264_take(h264, &buffer, SL_SEC, &passed);
        assert_int_equal(found, i < 15 ? SL_V4L2_H264_UNIT : SL_V4L2_H264_KEYLESS);
    }
    lens.count = 0;
    sl_v4l2_h264_destroy(h264);
}

static void it_begins_with_a_key_frame(void **state)
{
    (void)state;
    lens.first_key = 20;
    (void)encode_picture(true);                         /* nobody sees it */
    struct sl_capture *capture = open_camera(wishes()); /* mid-GOP: its sets come with the 21st */
    struct sl_capture_unit unit;
    assert_int_equal(next_unit(capture, &unit), 50);
    assert_true(unit.key);
    sl_capture_close(capture);
    fake_v4l2_unplug(0);
    put_control(KEY);
    lens.compared = lens.count;
    const int begun = lens.count;
    capture = open_camera(wishes());
    assert_true(next_unit(capture, &unit) - begun < 15); /* the first was asked for */
    assert_true(unit.key);
    sl_capture_close(capture);
}

static void sets_that_come_once(void **state)
{
    (void)state;
    for (int apart = 0; apart < 2; apart++) {
        lens.sets_once = !apart;
        lens.sets_apart = apart;
        lens.sets_given = 0;
        lens.first_key = 0;
        struct sl_capture *capture = open_camera(wishes());
        struct sl_capture_unit unit;
        int keys = 0;
        for (int i = 0; i < 100; i++) {
            next_unit(capture, &unit); /* which looks for them in front of key frames */
            keys += unit.key;
        }
        assert_int_equal(keys, 4);
        assert_int_equal(stats_of(capture).undecodable, apart);
        sl_capture_close(capture);
        fake_v4l2_unplug(0);
    }
}

static int value_of(int which)
{
    return fake_v4l2_control(0, controls[which].id)->value;
}

static void controls_that_are_there_are_set(void **state)
{
    (void)state;
    for (int i = KEY; i <= MODE; i++)
        put_control(i);
    struct sl_capture *capture = open_camera(wishes());
    assert_int_equal(value_of(BITRATE), 1225000); /* its steps */
    assert_int_equal(value_of(GOP), 50);          /* its most; 60 are wanted */
    assert_int_equal(value_of(PERIOD), 60);
    assert_int_equal(value_of(B_FRAMES), 0);
    assert_int_equal(value_of(REPEAT), 1);
    assert_int_equal(value_of(PROFILE), V4L2_MPEG_VIDEO_H264_PROFILE_MAIN); /* it has no High */
    assert_int_equal(value_of(MODE), V4L2_MPEG_VIDEO_BITRATE_MODE_CBR);
    assert_int_equal(capture->bitrate_bps, 1225000);
    assert_true(capture->heeds.mode && capture->heeds.bitrate && capture->heeds.gop);
    sl_capture_close(capture);
}

static void the_bit_rate_follows(void **state)
{
    (void)state;
    put_control(BITRATE);
    struct sl_capture *capture = open_camera(wishes());
    const unsigned *sets = &fake_v4l2_control(0, controls[BITRATE].id)->sets;
    assert_int_equal(*sets, 1);
    sl_capture_set_bitrate(capture, 800000);
    assert_int_equal(value_of(BITRATE), 800000);
    sl_capture_set_bitrate(capture, 600000); /* too soon */
    assert_int_equal(value_of(BITRATE), 800000);
    fake_v4l2.now += 250 * SL_MS;
    sl_capture_set_bitrate(capture, 810000); /* hardly different */
    assert_int_equal(*sets, 2);
    sl_capture_set_bitrate(capture, 600000);
    assert_int_equal(value_of(BITRATE), 600000);
    fake_v4l2.now += SL_SEC;
    sl_capture_set_bitrate(capture, 5000); /* less than it can */
    assert_int_equal(value_of(BITRATE), 100000);
    fake_v4l2.now += SL_SEC;
    sl_capture_set_bitrate(capture, INT64_C(99999999999));
    assert_int_equal(value_of(BITRATE), 8000000);
    assert_int_equal(*sets, 5);
    sl_capture_close(capture);
}

/* Not for each that asks: within 100 ms of a key frame, and again after 500 ms. */
static void key_frames_are_asked_for(void **state)
{
    (void)state;
    put_control(KEY);
    lens.gop = NEVER_KEY;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    do
        next_unit(capture, &unit);
    while (!unit.key);
    const uint64_t asked = stats_of(capture).keys_asked;
    assert_true(sl_capture_request_key(capture));
    assert_true(sl_capture_request_key(capture));
    for (int i = 1; i <= 5; i++) { /* the third comes within 100 ms, the fifth is made then */
        assert_int_equal(stats_of(capture).keys_asked, asked);
        next_unit(capture, &unit);
        assert_int_equal(unit.key, i == 5);
    }
    assert_int_equal(stats_of(capture).keys_asked, asked + 1);
    sl_capture_close(capture);
}

/* Nor does the stream wait for ever: it begins anew, which brings one. */
static void a_camera_that_gives_no_key_frame(void **state)
{
    (void)state;
    lens.gop = NEVER_KEY;
    struct sl_capture *capture = NULL;
    struct sl_capture_unit unit;
    char why[256];
    capture = open_camera(wishes()); /* its one key frame is looked at */
    const sl_ns begun = fake_v4l2.now;
    next_unit(capture, &unit);
    assert_true(unit.key);
    assert_in_range(fake_v4l2.now - begun, 9 * SL_SEC, 11 * SL_SEC);
    assert_int_equal(stats_of(capture).outages, 1);
    for (int i = 0; i < 400; i++) /* nobody needs another */
        next_unit(capture, &unit);
    assert_int_equal(stats_of(capture).outages, 1);
    sl_capture_close(capture);
    lens.first_key = NEVER_KEY - 1;
    sl_video_encoder_destroy(lens.encoder);
    make_encoder();
    (void)encode_picture(true); /* whose sets nobody sees */
    assert_int_equal(try_to_open(&capture, wishes(), why), -ETIMEDOUT);
    assert_string_equal(why, "it gives no H.264 that can be read");
}

static void replug(void)
{
    fake_v4l2_plug(0, 5);
}

static void unplug_for_a_while(void)
{
    fake_v4l2_unplug(0);
    fake_v4l2.event = replug;
    fake_v4l2.event_at = fake_v4l2.now + 3 * SL_SEC;
}

static void away_and_back(void **state)
{
    (void)state;
    put_control(BITRATE);
    fake_v4l2.cameras[0].by_id = "usb-Encoding_camera";
    lens.sets_once = true; /* and it has told them */
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    next_unit(capture, &unit);
    sl_capture_set_bitrate(capture, 500000);
    for (int round = 0; round < 5; round++) {
        fake_v4l2.event = unplug_for_a_while;
        fake_v4l2.event_at = fake_v4l2.now + 10 * SL_MS;
        const sl_ns begun = fake_v4l2.now;
        sl_ns last = unit.captured;
        do {
            next_unit(capture, &unit);
            assert_true(unit.captured > last);
            last = unit.captured;
        } while (fake_v4l2.now < begun + 3 * SL_SEC);
        assert_true(unit.key);
        assert_true(fake_v4l2.now < begun + 3 * SL_SEC + 300 * SL_MS);
        assert_int_equal(stats_of(capture).outages, round + 1);
        assert_int_equal(value_of(BITRATE), 500000); /* what the link took last */
        assert_int_equal(fake_v4l2.open, 1);
        next_unit(capture, &unit);
    }
    sl_capture_close(capture);
}

static void unwedge(void)
{
    fake_v4l2.cameras[0].wedged = false;
}

static void a_wedged_camera_is_opened_anew(void **state)
{
    (void)state;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    next_unit(capture, &unit);
    fake_v4l2.cameras[0].wedged = true;
    fake_v4l2.event = unwedge;
    fake_v4l2.event_at = fake_v4l2.now + 5 * SL_SEC;
    next_unit(capture, &unit);
    assert_true(unit.key);
    assert_in_range(stats_of(capture).outages, 1, 3); /* each after two seconds */
    sl_capture_close(capture);
}

static size_t give_garbage(uint8_t *data, size_t len, uint32_t sequence,
                           const struct v4l2_pix_format *pix)
{
    (void)pix;
    (void)sequence;
    memset(data, 0x55, len);
    return len;
}

static void give_units_again(void)
{
    fake_v4l2.cameras[0].fill = give_unit;
}

/* It is there, and gives something, but never a slice. */
static void garbage_is_no_picture(void **state)
{
    (void)state;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    next_unit(capture, &unit);
    fake_v4l2.cameras[0].fill = give_garbage;
    fake_v4l2.event = give_units_again;
    fake_v4l2.event_at = fake_v4l2.now + 3 * SL_SEC;
    next_unit(capture, &unit);
    assert_true(unit.key);
    assert_true(stats_of(capture).undecodable > 60);
    assert_int_equal(stats_of(capture).outages, 1);
    sl_capture_close(capture);
}

/* What waits in next_unit() ends at once. */
static void halted(void **state)
{
    (void)state;
    struct sl_capture *capture = open_camera(wishes());
    struct sl_capture_unit unit;
    next_unit(capture, &unit);
    sl_halt_set(&halt);
    assert_int_equal(sl_capture_next_unit(capture, &unit), -ECANCELED);
    sl_capture_close(capture);
    assert_int_equal(try_to_open(&capture, wishes(), (char[256]){0}), -ECANCELED);
}

/* ---- B slices ---- */

static const uint8_t with_b[] = {
    0,    0,    0,    1,    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0,
    0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58, 0,
    0,    0,    1,    0x68, 0xee, 0x3c, 0x80, 0,    0,    0,    1,    0x65, 0x88, 0x84, 0x11};
static uint32_t b_from;

static size_t give_b(uint8_t *data, size_t len, uint32_t sequence,
                     const struct v4l2_pix_format *pix)
{
    (void)pix;
    (void)len;
    if (sequence % 30 == 0) {
        memcpy(data, with_b, sizeof(with_b));
        return sizeof(with_b);
    }
    memcpy(data, sequence > b_from ? "\0\0\0\1\x01\x9e\x44\x55" : "\0\0\0\1\x41\x9a\x22\x33", 8);
    return 8;
}

static void b_slices_are_refused(void **state)
{
    (void)state;
    struct sl_capture *capture = NULL;
    struct sl_capture_unit unit;
    char why[256];
    fake_v4l2.cameras[0].fill = give_b;
    fake_v4l2_plug(0, 0);
    b_from = 3;
    assert_int_equal(try_to_open(&capture, wishes(), why), -ENOTSUP);
    assert_string_equal(why, "its H.264 has B slices; wanted another --format");
    assert_int_equal(fake_v4l2.open, 0);
    b_from = 50;
    capture = open_camera(wishes());
    for (int i = 30; i <= 50; i++)
        assert_int_equal(sl_capture_next_unit(capture, &unit), 1);
    assert_int_equal(sl_capture_next_unit(capture, &unit), -ENOTSUP);
    assert_string_equal(capture->why, "it has begun to send B slices, which are not sent on");
    sl_capture_close(capture);
}

/* ---- auto ---- */

static size_t by_format(uint8_t *data, size_t len, uint32_t sequence,
                        const struct v4l2_pix_format *pix)
{
    if (pix->pixelformat == V4L2_PIX_FMT_H264)
        return b_from ? give_b(data, len, sequence, pix) : give_unit(data, len, sequence, pix);
    memset(data, 16, len);
    return len;
}

static bool auto_takes_h264(int yuyv_fps, bool pictures)
{
    struct sl_capture_config config = wishes();
    config.format = "auto";
    config.pictures = pictures;
    config.size = (struct sl_frame_size){WIDTH, HEIGHT};
    fake_v4l2.cameras[0].fill = by_format;
    fake_v4l2.cameras[0].formats[0].fourcc = V4L2_PIX_FMT_H264;
    fake_v4l2.cameras[0].formats[1] = (struct fake_v4l2_format){0};
    if (yuyv_fps)
        fake_v4l2.cameras[0].formats[1] = (struct fake_v4l2_format){
            .fourcc = V4L2_PIX_FMT_YUYV,
            .sizes = {{.width = WIDTH, .height = HEIGHT, .intervals = {{1, (unsigned)yuyv_fps}}}}};
    struct sl_capture *capture = open_camera(config);
    const bool encoded = capture->encoded;
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    struct sl_capture_unit unit;
    sl_ns captured;
    assert_int_equal(encoded ? sl_capture_next_unit(capture, &unit)
                             : sl_capture_next(capture, pixels, &captured),
                     1);
    sl_capture_close(capture);
    return encoded;
}

static void what_auto_takes(void **state)
{
    (void)state;
    b_from = 0;
    assert_false(auto_takes_h264(30, false)); /* pictures are as good: ours is younger */
    assert_true(auto_takes_h264(5, false));
    assert_false(auto_takes_h264(5, true)); /* motion, say */
    assert_true(auto_takes_h264(0, false));
    assert_true(auto_takes_h264(0, true)); /* there is nothing else */
    b_from = 3;
    assert_false(auto_takes_h264(5, false)); /* of no use: as if it were not there */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(units_go_on_as_they_are),
        TEST(it_can_be_decoded_without_delay),
        TEST(none_is_left_out),
        TEST(a_gap_is_followed_by_a_key_frame),
        TEST(a_damaged_unit_is_followed_by_a_key_frame),
        TEST(numbers_that_are_always_left_out),
        TEST(it_begins_with_a_key_frame),
        TEST(sets_that_come_once),
        TEST(controls_that_are_there_are_set),
        TEST(the_bit_rate_follows),
        TEST(key_frames_are_asked_for),
        TEST(a_camera_that_gives_no_key_frame),
        TEST(away_and_back),
        TEST(a_wedged_camera_is_opened_anew),
        TEST(garbage_is_no_picture),
        TEST(halted),
        TEST(b_slices_are_refused),
        TEST(what_auto_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
