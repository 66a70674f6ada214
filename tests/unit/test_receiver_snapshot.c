/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavcodec/avcodec.h>

#include "receiver/jpeg.h"
#include "receiver/snapshot.h"
#include "tests/support/clip.h"

#define AT INT64_C(1795185005000000) /* 2026-11-20T14:30:05Z */
#define SECOND INT64_C(1000000)
#define PATIENCE (20 * SL_SEC) /* on a machine that does a hundred things besides */

static struct sl_test_clip clip;
static char store[] = "/tmp/sl_snapshot_XXXXXX";

static int set_up(void **state)
{
    (void)state;
    sl_test_clip_make(&clip, 64, 48, 40, 1);
    return mkdtemp(store) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    sl_test_clip_free(&clip);
    snprintf(command, sizeof(command), "rm -rf %s", store);
    return system(command);
}

static struct sl_snapshots *begin(sl_ns every)
{
    const struct sl_snapshot_config config = {.path = store, .every = every};
    struct sl_snapshots *snapshots;
    char why[SL_STORE_WHY];
    assert_int_equal(sl_snapshots_create(&snapshots, &config, why), 0);
    return snapshots;
}

static void end(struct sl_snapshots *snapshots)
{
    struct sl_snapshot_stats stats;
    sl_snapshots_stop(snapshots);
    sl_snapshot_stats(snapshots, &stats);
    assert_int_equal(stats.offered, stats.written + stats.failed + stats.replaced + stats.refused);
    sl_snapshots_destroy(snapshots);
}

static void offer(struct sl_snapshots *snapshots, const char *camera, int64_t at_us, int frame)
{
    const struct sl_test_unit *unit = &clip.video[frame];
    sl_snapshot_offer(snapshots, sl_snapshot_slot(snapshots, camera), at_us, unit->data, unit->len);
}

/* ---- Reading a JPEG back ---- */

static AVFrame *decode(const uint8_t *data, size_t len)
{
    AVCodecContext *context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    assert_int_equal(avcodec_open2(context, NULL, NULL), 0);
    assert_int_equal(av_new_packet(packet, (int)len), 0);
    memcpy(packet->data, data, len);
    assert_int_equal(avcodec_send_packet(context, packet), 0);
    assert_int_equal(avcodec_receive_frame(context, frame), 0);
    av_packet_free(&packet);
    avcodec_free_context(&context);
    return frame;
}

/* Of a picture whose every sample is 30 + 3 * frame in video range. */
static int full_range(int frame)
{
    return ((30 + 3 * frame - 16) * 255 + 109) / 219;
}

static void check_jpeg(int fd, int frame, int64_t at_us)
{
    static uint8_t data[1 << 16];
    struct stat status;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mtim.tv_sec * SECOND + status.st_mtim.tv_nsec / 1000, at_us);
    const ssize_t len = read(fd, data, sizeof(data));
    close(fd);
    assert_int_equal(len, status.st_size);
    AVFrame *picture = decode(data, (size_t)len);
    assert_int_equal(picture->width, 64);
    assert_int_equal(picture->height, 48);
    assert_true(abs(picture->data[0][20] - full_range(frame)) <= 2);
    av_frame_free(&picture);
}

static int open_path(const char *path)
{
    char full[128];
    snprintf(full, sizeof(full), "%s/%s", store, path);
    return open(full, O_RDONLY);
}

/* ---- Tests ---- */

static void a_jpeg_has_its_own_range(void **state)
{
    (void)state;
    static uint8_t luma[32 * 16], chroma[16 * 8];
    uint8_t *data;
    size_t len;
    memset(luma, 235, sizeof(luma));
    memset(chroma, 128, sizeof(chroma));
    struct sl_picture picture = {
        .width = 32, .height = 16, .plane = {luma, chroma, chroma}, .stride = {32, 16, 16}};
    for (int full = 0; full < 2; full++) {
        picture.full_range = full;
        assert_int_equal(sl_jpeg_encode(&picture, &data, &len), 0);
        assert_memory_equal(data, "\xff\xd8\xff", 3);
        AVFrame *frame = decode(data, len);
        assert_true(abs(frame->data[0][5] - (full ? 235 : 255)) <= 1);
        assert_true(abs(frame->data[1][5] - 128) <= 1);
        av_frame_free(&frame);
        free(data);
    }
}

/* Green is (173, 42, 26) by BT.709 and, in full range, (150, 44, 21) by BT.601. */
static void a_jpeg_has_its_own_matrix(void **state)
{
    (void)state;
    static uint8_t luma[32 * 16], planes[2][16 * 8];
    uint8_t *data;
    size_t len;
    memset(luma, 173, sizeof(luma));
    memset(planes[0], 42, sizeof(planes[0]));
    memset(planes[1], 26, sizeof(planes[1]));
    const struct sl_picture picture = {.width = 32,
                                       .height = 16,
                                       .plane = {luma, planes[0], planes[1]},
                                       .stride = {32, 16, 16},
                                       .bt709 = true};
    assert_int_equal(sl_jpeg_encode(&picture, &data, &len), 0);
    AVFrame *frame = decode(data, len);
    assert_true(abs(frame->data[0][5] - 150) <= 3);
    assert_true(abs(frame->data[1][5] - 44) <= 3);
    assert_true(abs(frame->data[2][5] - 21) <= 3);
    av_frame_free(&frame);
    free(data);
}

static void one_in_each_period(void **state)
{
    (void)state;
    struct sl_snapshots *snapshots = begin(5 * SL_SEC);
    assert_int_equal(sl_snapshots_start(snapshots), 0);
    for (int i = 0; i < 6; i++) { /* key frames 2 s apart, at 5 7 9 11 13 15 */
        offer(snapshots, "yard", AT + 2 * i * SECOND, i);
        const int fd = sl_snapshot_latest(snapshots, "yard", PATIENCE);
        check_jpeg(fd, i, AT + 2 * i * SECOND);
    }
    end(snapshots);
    check_jpeg(open_path("yard/2026-11-20/14_30_05.jpg"), 0, AT);
    check_jpeg(open_path("yard/2026-11-20/14_30_11.jpg"), 3, AT + 6 * SECOND);
    check_jpeg(open_path("yard/2026-11-20/14_30_15.jpg"), 5, AT + 10 * SECOND);
    assert_int_equal(open_path("yard/2026-11-20/14_30_07.jpg"), -1);
    assert_int_equal(open_path("yard/2026-11-20/14_30_13.jpg"), -1);
}

/* Nothing is decoded before somebody asks, or the end. */
static void on_demand_only(void **state)
{
    (void)state;
    struct sl_snapshots *snapshots = begin(0);
    struct sl_snapshot_stats stats;
    assert_int_equal(sl_snapshots_start(snapshots), 0);
    assert_int_equal(sl_snapshot_latest(snapshots, "gate", PATIENCE), -ENOENT);
    assert_int_equal(sl_snapshot_latest(snapshots, "../etc", PATIENCE), -ENOENT);
    for (int i = 0; i < 10; i++)
        offer(snapshots, "gate", AT + i * SECOND, i);
    sl_snapshot_stats(snapshots, &stats);
    assert_int_equal(stats.written, 0);
    assert_int_equal(stats.replaced, 9);
    check_jpeg(sl_snapshot_latest(snapshots, "gate", PATIENCE), 9, AT + 9 * SECOND);
    check_jpeg(sl_snapshot_latest(snapshots, "gate", PATIENCE), 9, AT + 9 * SECOND);
    offer(snapshots, "gate", AT + 10 * SECOND, 10);
    end(snapshots);
    check_jpeg(open_path("gate/latest.jpg"), 10, AT + 10 * SECOND);
    assert_int_equal(open_path("gate/2026-11-20"), -1);
}

/* What is no picture, or too large, or of one camera too many, harms nobody. */
static void bad_ones_are_counted(void **state)
{
    (void)state;
    struct sl_snapshots *snapshots = begin(SL_SEC);
    struct sl_snapshot_stats stats;
    char name[SL_NAME_BYTES];
    assert_int_equal(sl_snapshots_start(snapshots), 0);
    sl_snapshot_offer(snapshots, sl_snapshot_slot(snapshots, "shed"), AT,
                      (const uint8_t *)"\0\0\1\x65rubbish", 12);
    assert_int_equal(sl_snapshot_latest(snapshots, "shed", PATIENCE), -ENOENT);
    offer(snapshots, "shed", AT + SECOND, 3);
    check_jpeg(sl_snapshot_latest(snapshots, "shed", PATIENCE), 3, AT + SECOND);
    sl_snapshot_offer(snapshots, sl_snapshot_slot(snapshots, "shed"), AT + 2 * SECOND,
                      clip.video[0].data, SL_SNAPSHOT_UNIT_BYTES + 1);
    for (int i = 0; i < SL_SNAPSHOT_CAMERAS - 1; i++) {
        snprintf(name, sizeof(name), "camera-%d", i);
        assert_non_null(sl_snapshot_slot(snapshots, name));
    }
    assert_null(sl_snapshot_slot(snapshots, "one-more"));
    assert_non_null(sl_snapshot_slot(snapshots, "shed"));
    offer(snapshots, "one-more", AT, 0);
    sl_snapshot_stats(snapshots, &stats);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.refused, 2);
    end(snapshots);
}

static void a_place_that_cannot_be(void **state)
{
    (void)state;
    const struct sl_snapshot_config config = {.path = "/nowhere/at/all"};
    struct sl_snapshots *snapshots;
    char why[SL_STORE_WHY];
    assert_int_equal(sl_snapshots_create(&snapshots, &config, why), -ENOENT);
    assert_string_equal(why, "/nowhere/at/all: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jpeg_has_its_own_range), cmocka_unit_test(a_jpeg_has_its_own_matrix),
        cmocka_unit_test(one_in_each_period),       cmocka_unit_test(on_demand_only),
        cmocka_unit_test(bad_ones_are_counted),     cmocka_unit_test(a_place_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
