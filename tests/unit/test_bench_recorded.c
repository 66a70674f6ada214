/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include <libavformat/avformat.h>

#include "bench/clip.h"
#include "bench/recorded.h"

#define FRAMES 6
#define FRAGMENT 2 /* frames */

struct fixture {
    char folder[64], deep[96], file[PATH_MAX];
};

/* The clip from frame `first` on, in fragments, without an index at its end. */
static void write_file(const char *path, uint32_t first)
{
    struct sl_clip *clip;
    AVFormatContext *mux;
    AVDictionary *options = NULL;
    assert_int_equal(sl_clip_create(&clip, 320, 192, 30, 500000, "ultrafast", FRAMES, 1), 0);
    assert_int_equal(avformat_alloc_output_context2(&mux, NULL, "mp4", path), 0);
    AVStream *stream = avformat_new_stream(mux, NULL);
    AVPacket *packet = av_packet_alloc();
    assert_true(stream && packet);
    const struct sl_clip_unit key = sl_clip_unit(clip, 0);
    stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    stream->codecpar->codec_id = AV_CODEC_ID_H264;
    stream->codecpar->width = 320;
    stream->codecpar->height = 192;
    stream->codecpar->extradata = av_mallocz(key.len + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(stream->codecpar->extradata, key.data, key.len);
    stream->codecpar->extradata_size = (int)key.len;
    stream->time_base = (AVRational){1, 90000};
    av_dict_set(&options, "movflags", "frag_custom+empty_moov+default_base_moof+skip_trailer", 0);
    assert_int_equal(avio_open(&mux->pb, path, AVIO_FLAG_WRITE), 0);
    assert_true(avformat_write_header(mux, &options) >= 0);
    for (uint32_t i = 0; i < FRAMES; i++) {
        const struct sl_clip_unit unit = sl_clip_unit(clip, first + i);
        assert_int_equal(av_new_packet(packet, (int)unit.len), 0);
        memcpy(packet->data, unit.data, unit.len);
        packet->pts = packet->dts = (int64_t)i * 3000;
        packet->duration = 3000;
        packet->flags = unit.key ? AV_PKT_FLAG_KEY : 0;
        assert_true(av_write_frame(mux, packet) >= 0);
        av_packet_unref(packet);
        if (i % FRAGMENT == FRAGMENT - 1)
            assert_true(av_write_frame(mux, NULL) >= 0);
    }
    assert_int_equal(av_write_trailer(mux), 0);
    av_dict_free(&options);
    av_packet_free(&packet);
    avio_closep(&mux->pb);
    avformat_free_context(mux);
    sl_clip_destroy(clip);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->folder, "/tmp/test_bench_recorded-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->deep, sizeof(f->deep), "%s/2026-11-20", f->folder);
    assert_int_equal(mkdir(f->deep, 0700), 0);
    snprintf(f->file, sizeof(f->file), "%s/14-30-00Z.mp4", f->deep);
    av_log_set_level(AV_LOG_QUIET);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->file);
    (void)rmdir(f->deep);
    (void)rmdir(f->folder);
    free(f);
    return 0;
}

static struct sl_recorded look(const struct fixture *f)
{
    struct sl_recorded ret = {0};
    assert_int_equal(sl_recorded_read(&ret, f->folder), 0);
    assert_int_equal(sl_recorded_bytes(f->folder), ret.bytes);
    return ret;
}

static void append(const char *path, const void *data, size_t len)
{
    const int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static void counts_what_is_in_the_files(void **state)
{
    struct fixture *f = *state;
    static const uint8_t summary[24] = {0, 0, 0, 24, 'u', 'u', 'i', 'd'};
    assert_int_equal(look(f).files, 0);
    write_file(f->file, 0);
    struct sl_recorded found = look(f);
    assert_int_equal(found.files, 1);
    assert_int_equal(found.frames, FRAMES);
    assert_int_equal(found.fragments, FRAMES / FRAGMENT);
    assert_int_equal(found.bad, 0);
    assert_int_equal(found.closed, 0); /* nothing sums it up */
    append(f->file, summary, sizeof(summary));
    found = look(f);
    assert_int_equal(found.closed, 1);
    assert_int_equal(found.frames, FRAMES);
    assert_int_equal(sl_recorded_read(&found, f->folder), 0); /* added */
    assert_int_equal(found.frames, 2 * FRAMES);
    append(f->file, summary, 3); /* torn */
    assert_int_equal(look(f).closed, 0);
}

static void tells_what_cannot_be_played(void **state)
{
    struct fixture *f = *state;
    write_file(f->file, 1); /* from the middle of a GOP */
    assert_int_equal(look(f).bad, 1);
    assert_int_equal(truncate(f->file, 20), 0);
    assert_int_equal(look(f).bad, 1);
    assert_int_equal(look(f).closed, 0);
    assert_int_equal(truncate(f->file, 0), 0);
    assert_int_equal(look(f).bad, 1);
    struct sl_recorded none = {0};
    assert_int_equal(sl_recorded_read(&none, "/nowhere/at/all"), -ENOENT);
    assert_int_equal(sl_recorded_bytes("/nowhere/at/all"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_what_is_in_the_files, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_what_cannot_be_played, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
