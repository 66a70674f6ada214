/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rate/redundancy.h"
#include "sender/options.h"

#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PIN "?pin=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define CAMERA "sightline://" TOKEN "@127.0.0.1:8443/yard" PIN
#define VIEWER "sightline://" TOKEN "@127.0.0.1:8443/" PIN

/* Exit status (-1: go on); what was written to stderr is in `said`. */
static int parse(struct sl_sender_options *options, char said[1024], const char *const *args)
{
    char *argv[48] = {(char *)(uintptr_t) "sightline-sender"};
    int argc = 1;
    while (args[argc - 1]) {
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
        argc++;
    }
    char *text = NULL;
    size_t len = 0;
    FILE *err = open_memstream(&text, &len), *out = fopen("/dev/null", "w");
    const int status = sl_sender_options_parse(options, argc, argv, out, err);
    fclose(err);
    fclose(out);
    snprintf(said, 1024, "%s", text);
    free(text);
    return status;
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void defaults(void **state)
{
    (void)state;
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(parse(&options, said, ARGS("--to", CAMERA, "--video", "test")), -1);
    assert_string_equal(said, "");
    assert_string_equal(options.link.camera, "yard");
    assert_string_equal(options.name, "yard");
    assert_string_equal(options.encoder, "auto");
    assert_string_equal(options.preset, "auto");
    assert_int_equal(options.bitrate_bps, 2000000);
    assert_int_equal(options.min_bitrate_bps, 300000);
    assert_int_equal(options.fec_percent, SL_FEC_AUTO);
    assert_true(options.gop == 2 * SL_SEC);
    assert_int_equal(options.retries, -1);
    assert_int_equal(options.fps, 0);
    assert_int_equal(options.size.width, 0);
    assert_true(options.source_audio);
    assert_null(options.audio);
    assert_false(sl_addr_is_set(&options.via));
    assert_false(sl_overlay_wanted(&options.overlay));
    assert_false(options.motion);
    assert_int_equal(options.motion_sensitivity, 50);
    assert_true(options.motion_min_area == 0.002);
    assert_null(options.motion_mask);
}

static void all_of_them(void **state)
{
    (void)state;
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(
        parse(&options, said,
              ARGS("--to", CAMERA, "--video", "file:a.mp4", "--loop", "--audio", "none", "--size",
                   "640x360", "--fps", "15", "--encoder", "libx264", "--preset", "superfast",
                   "--bitrate", "700k", "--gop", "4s", "--name", "Gate", "--location", "North",
                   "--burn", "time,fps", "--retries", "5", "--via", "127.0.0.1:99", "--stats=1s",
                   "--min-bitrate", "700k", "--fec", "20", "--sub", "320x180@15,400k", "--motion",
                   "on", "--motion-sensitivity", "70", "--motion-min-area", "1.5", "--motion-mask",
                   "a.pgm")),
        -1);
    assert_true(options.loop);
    assert_null(options.audio);
    assert_false(options.source_audio);
    assert_int_equal(options.size.width, 640);
    assert_int_equal(options.size.height, 360);
    assert_int_equal(options.fps, 15);
    assert_int_equal(options.bitrate_bps, 700000);
    assert_int_equal(options.min_bitrate_bps, 700000);
    assert_int_equal(options.fec_percent, 20);
    assert_int_equal(options.sub.size.width, 320);
    assert_int_equal(options.sub.size.height, 180);
    assert_int_equal(options.sub.fps, 15);
    assert_int_equal(options.sub.bitrate_bps, 400000);
    assert_int_equal(options.retries, 5);
    assert_int_equal(sl_addr_port(&options.via), 99);
    assert_true(options.stats == SL_SEC);
    assert_true(options.overlay.time && options.overlay.fps);
    assert_false(options.overlay.name || options.overlay.location);
    assert_string_equal(options.overlay.location_text, "North");
    assert_true(options.motion);
    assert_int_equal(options.motion_sensitivity, 70);
    assert_true(options.motion_min_area == 0.015);
    assert_string_equal(options.motion_mask, "a.pgm");
}

static void kinds_of_sound(void **state)
{
    (void)state;
    const char *const sources[] = {"test", "alsa:auto", "alsa:hw:1,0"};
    for (size_t i = 0; i < SL_COUNT(sources); i++) {
        struct sl_sender_options options;
        char said[1024];
        assert_int_equal(
            parse(&options, said,
                  ARGS("--to", CAMERA, "--video", "file:a.mp4", "--audio", sources[i])),
            -1);
        assert_string_equal(options.audio, sources[i]);
        assert_false(options.source_audio);
    }
}

static void devices(void **state)
{
    (void)state;
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(parse(&options, said, ARGS("--list-devices", "--json")), -1);
    assert_true(options.list_devices && options.json);
    assert_int_equal(parse(&options, said, ARGS("--to", CAMERA, "--video", "v4l2:/dev/video3")),
                     -1);
    assert_false(options.list_devices || options.json);
    assert_string_equal(options.video, "v4l2:/dev/video3");
    assert_string_equal(options.format, "auto");
    assert_int_equal(
        parse(&options, said, ARGS("--to", CAMERA, "--video", "v4l2:auto", "--format", "mjpeg")),
        -1);
    assert_string_equal(options.format, "mjpeg");
}

static void a_low_bitrate_lowers_the_least(void **state)
{
    (void)state;
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(
        parse(&options, said,
              ARGS("--to", CAMERA, "--video", "test", "--bitrate", "100k", "--fec", "off")),
        -1);
    assert_int_equal(options.min_bitrate_bps, 100000);
    assert_int_equal(options.fec_percent, 0);
}

static void wrong_command_lines(void **state)
{
    (void)state;
    const struct {
        const char *args[8];
        int status;
        const char *said;
    } cases[] = {
        {{"--video", "test"}, 2, "--to is missing"},
        {{"--to", CAMERA}, 2, "--video is missing"},
        {{"--json"}, 2, "--json: "},
        {{"--to", CAMERA, "--video", "v4l2:auto", "--format", "gif"}, 2, "auto, yu12, "},
        {{"--to", CAMERA, "--video", "test", "--format", "yuyv"}, 2, "--format: "},
        {{"--to", CAMERA, "--video", "v4l2:auto", "--loop"}, 2, "--loop: "},
        {{"--to", CAMERA, "--video", "v4l2:"}, 2, "--video: "},
        {{"--to", "http://x", "--video", "test"}, 2, "--to: "},
        {{"--to", VIEWER, "--video", "test"}, 2, "--to: "},
        {{"--to", "@/no/such/file", "--video", "test"}, 1, "/no/such/file"},
        {{"--to", CAMERA, "--video", "testing"}, 2, "got 'testing', wanted test"},
        {{"--to", CAMERA, "--video", "file:"}, 2, "got 'file:', wanted test"},
        {{"--to", CAMERA, "--video", "test", "--audio", "alsa:"}, 2, "wanted test, alsa:DEVICE"},
        {{"--to", CAMERA, "--video", "test", "--audio", "jack"}, 2, "got 'jack', wanted test, "},
        {{"--to", CAMERA, "--video", "rtps://u:pw@cam"}, 2, "got 'rtps://u:***@cam', wanted test"},
        {{"--to", CAMERA, "--video", "@/no/such/file"}, 1, "cannot read '/no/such/file': No such"},
        {{"--to", CAMERA, "--video", "@/dev/null"}, 1, "'/dev/null' holds no source"},
        {{"--to", CAMERA, "--video", "test", "--rtsp-transport", "x"},
         2,
         "wanted tcp, udp or auto"},
        {{"--to", CAMERA, "--video", "rtsp://cam/", "--loop"},
         2,
         "--loop: got --video rtsp://cam/"},
        {{"--to", CAMERA, "--video", "test", "--fps", "0"}, 2, "--fps: got '0'"},
        {{"--to", CAMERA, "--video", "test", "--fps", "241"}, 2, "--fps: got '241'"},
        {{"--to", CAMERA, "--video", "test", "--bitrate", "1k"}, 2, "--bitrate: got '1k'"},
        {{"--to", CAMERA, "--video", "test", "--gop", "0"}, 2, "--gop: got '0'"},
        {{"--to", CAMERA, "--video", "test", "--size", "7x7"}, 2, "--size: got '7x7'"},
        {{"--to", CAMERA, "--video", "test", "--burn", "time,mood"}, 2, "--burn: got 'time,mood'"},
        {{"--to", CAMERA, "--video", "test", "--burn", "time,"}, 2, "--burn: got 'time,'"},
        {{"--to", CAMERA, "--video", "test", "--retries", "-1"}, 2, "wanted forever, or"},
        {{"--to", CAMERA, "--video", "test", "--retries", "often"}, 2, "wanted forever, or"},
        {{"--to", CAMERA, "--video", "test", "--via", "nowhere"}, 2, "wanted HOST:PORT"},
        {{"--to", CAMERA, "--video", "test", "--loop"}, 2, "--loop: got --video test"},
        {{"--to", CAMERA, "--video", "test", "extra"}, 2, "unexpected argument 'extra'"},
        {{"--to", CAMERA, "--video", "test", "--sub", "640x360"},
         2,
         "--sub: got '640x360', wanted"},
        {{"--to", CAMERA, "--video", "test", "--sub", "641x360@15,400k"}, 2, "both even"},
        {{"--to", CAMERA, "--video", "test", "--sub", "640@15,400k"}, 2, "both even"},
        {{"--to", CAMERA, "--video", "test", "--sub", "640x360@0,400k"}, 2, "1 to 60"},
        {{"--to", CAMERA, "--video", "test", "--sub", "640x360@15,9k"}, 2, "50k to 8M"},
        {{"--to", CAMERA, "--video", "test", "--sub", "640x360@15,400kx"}, 2, "50k to 8M"},
        {{"--to", CAMERA, "--video", "test", "--fec", "much"}, 2, "--fec: got 'much', wanted auto"},
        {{"--to", CAMERA, "--video", "test", "--fec", "101"}, 2, "from 0 to 100"},
        {{"--to", CAMERA, "--video", "test", "--fec", "-1"}, 2, "from 0 to 100"},
        {{"--to", CAMERA, "--video", "test", "--motion", "yes"}, 2, "got 'yes', wanted off or on"},
        {{"--to", CAMERA, "--video", "test", "--motion-sensitivity", "0"}, 2, "got '0', wanted"},
        {{"--to", CAMERA, "--video", "test", "--motion-min-area", "0"}, 2, "wanted percent of"},
        {{"--to", CAMERA, "--video", "test", "--motion-min-area", "5%"}, 2, "wanted percent of"},
        {{"--to", CAMERA, "--video", "test", "--motion-min-area", "nan"}, 2, "wanted percent of"},
        {{"--to", CAMERA, "--video", "test", "--min-bitrate", "9k"}, 2, "--min-bitrate: got '9k'"},
        {{"--to", CAMERA, "--video", "test", "--min-bitrate", "3M"},
         2,
         "--min-bitrate: got 3000000, wanted at most --bitrate, which is 2000000"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_sender_options options;
        char said[1024];
        const int status = parse(&options, said, cases[i].args);
        const char *newline = strchr(said, '\n');
        if (status != cases[i].status || !strstr(said, cases[i].said))
            fail_msg("case %zu: status %d, said '%s', wanted %d and '%s'", i, status, said,
                     cases[i].status, cases[i].said);
        assert_true(newline && !newline[1]); /* one line */
        assert_null(strstr(said, TOKEN));
    }
}

static void link_from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", arg[64];
    const int fd = mkstemp(path);
    assert_int_equal(write(fd, CAMERA "\n", strlen(CAMERA) + 1), (ssize_t)strlen(CAMERA) + 1);
    close(fd);
    snprintf(arg, sizeof(arg), "@%s", path);
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(parse(&options, said, ARGS("--to", arg, "--video", "test", "--name", "Gate")),
                     -1);
    unlink(path);
    assert_string_equal(options.link.camera, "yard");
    assert_string_equal(options.overlay.name_text, "Gate");
}

/* Of --video NAME and --video=NAME: the list of processes shows what this process left there. */
static void a_password_is_overwritten(void **state)
{
    (void)state;
    char apart[] = "rtsp://eve:hunter2@cam/x", joined[] = "--video=rtsp://eve:p@cam/x";
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(parse(&options, said, ARGS("--to", CAMERA, "--video", apart)), -1);
    assert_string_equal(options.video, "rtsp://eve:hunter2@cam/x");
    assert_string_equal(options.video_shown, "rtsp://eve:***@cam/x");
    assert_string_equal(apart, "rtsp://eve:***@cam/x");
    assert_null(memmem(apart, sizeof(apart), "hunter2", 7));
    assert_int_equal(parse(&options, said, ARGS("--to", CAMERA, joined)), -1);
    assert_string_equal(options.video, "rtsp://eve:p@cam/x");
    assert_string_equal(joined, "--video=rtsp://eve:***@cam"); /* no longer than it was */
}

static void video_from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", arg[64];
    static const char text[] = "rtsps://eve:hunter2@cam/x\r\nwhat follows\n";
    const int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(arg, sizeof(arg), "@%s", path);
    struct sl_sender_options options;
    char said[1024];
    const int status =
        parse(&options, said, ARGS("--to", CAMERA, "--video", arg, "--rtsp-transport", "auto"));
    unlink(path);
    assert_int_equal(status, -1);
    assert_string_equal(options.video, "rtsps://eve:hunter2@cam/x");
    assert_string_equal(options.video_shown, "rtsps://eve:***@cam/x");
    assert_int_equal(options.rtsp_transport, SL_RTSP_AUTO);
}

static void what_an_encoded_source_does_not_heed(void **state)
{
    (void)state;
    const struct sl_capture_heeds none = {0};
    struct sl_sender_options options;
    char said[1024], list[128];
    assert_int_equal(parse(&options, said, ARGS("--to", CAMERA, "--video", "rtsp://cam/")), -1);
    assert_int_equal(options.rtsp_transport, SL_RTSP_TCP);
    assert_string_equal(sl_sender_options_unused(&options, &none, list, sizeof(list)), "");
    assert_int_equal(parse(&options, said,
                           ARGS("--to", CAMERA, "--video", "rtsp://cam/", "--burn", "time",
                                "--encoder", "libx264", "--preset", "fast", "--bitrate", "1M",
                                "--gop", "1s", "--fps", "5", "--size", "64x64")),
                     -1);
    assert_string_equal(sl_sender_options_unused(&options, &none, list, sizeof(list)),
                        "--size, --fps, --encoder, --preset, --bitrate, --gop, --burn");
    const struct sl_capture_heeds some = {.mode = true, .gop = true};
    const struct sl_capture_heeds all = {.mode = true, .bitrate = true, .gop = true};
    assert_string_equal(sl_sender_options_unused(&options, &some, list, sizeof(list)),
                        "--encoder, --preset, --bitrate, --burn");
    assert_string_equal(sl_sender_options_unused(&options, &all, list, sizeof(list)),
                        "--encoder, --preset, --burn");
    sl_sender_options_unused(&options, &none, list, 10);
    assert_true(strlen(list) < 10);
}

static void what_h264_of_a_camera_cannot_do(void **state)
{
    (void)state;
    static const char *const each[][2] = {
        {"--burn", "time"},       {"--motion", "on"},   {"--sub", "320x180@5,100k"},
        {"--encoder", "libx264"}, {"--preset", "fast"},
    };
    struct sl_sender_options options;
    char said[1024];
    assert_int_equal(parse(&options, said, ARGS("--to", CAMERA, "--video", "v4l2:auto")), -1);
    assert_false(sl_sender_options_want_pictures(&options));
    for (size_t i = 0; i < SL_COUNT(each); i++) {
        assert_int_equal(
            parse(&options, said,
                  ARGS("--to", CAMERA, "--video", "v4l2:auto", each[i][0], each[i][1])),
            -1);
        assert_true(sl_sender_options_want_pictures(&options));
    }
    assert_int_equal(
        parse(&options, said, ARGS("--to", CAMERA, "--video", "v4l2:auto", "--preview")), -1);
    assert_true(sl_sender_options_want_pictures(&options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_h264_of_a_camera_cannot_do),
        cmocka_unit_test(defaults),
        cmocka_unit_test(all_of_them),
        cmocka_unit_test(kinds_of_sound),
        cmocka_unit_test(devices),
        cmocka_unit_test(a_low_bitrate_lowers_the_least),
        cmocka_unit_test(wrong_command_lines),
        cmocka_unit_test(link_from_a_file),
        cmocka_unit_test(a_password_is_overwritten),
        cmocka_unit_test(video_from_a_file),
        cmocka_unit_test(what_an_encoded_source_does_not_heed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
