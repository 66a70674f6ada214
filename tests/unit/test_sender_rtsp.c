/* SPDX-License-Identifier: MIT */
/*
 * An RTSP camera as a source, against a server that answers by a script, so that it can do what
 * real ones do rarely. With an URL as its argument it is the end-to-end test's eye: prints what a
 * camera gives, a line for each unit.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavutil/log.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/time.h"
#include "media/nal.h"
#include "sender/audio.h"
#include "sender/capture.h"

#define SDP                                                                                        \
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"                    \
    "a=rtpmap:96 H264/90000\r\na=control:v\r\n"
#define SETS                                                                                       \
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets="                                         \
    "Z0LAH9oBQBbsBEAAAAMAQAAADyPGDKg=,aO48gA==\r\n"
#define SOUND "m=audio 0 RTP/AVP 0\r\na=control:a\r\n"

static struct sl_halt halt;

/* ---- The server ---- */

/* What is sent by the connection: messages and packets one after the other. */
struct blob {
    uint8_t data[16384];
    size_t len;
};

struct script {
    const char *describe; /* status line and headers of the answer; NULL: 200 */
    const char *sdp;
    struct blob early, late; /* before and after the answer to PLAY */
    bool ends;               /* closes behind that; else when the client does */
    bool silent;             /* never says anything */
};

static struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    struct script scripts[3]; /* one for each connection; the last of `count` for those after */
    int count;
    _Atomic int connections, client; /* client: a descriptor, 0 for none */
    char requests[8192];             /* all, for the test to look at */
} server;

static void send_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len) {
        const ssize_t put = send(fd, at, len, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        at += put;
        len -= (size_t)put;
    }
}

static void answer(int fd, const char *request, const struct script *script)
{
    char text[4096], head[256] = "RTSP/1.0 200 OK\r\n";
    const char *body = "";
    const char *cseq = strstr(request, "CSeq: ");
    if (strncmp(request, "DESCRIBE", 8) == 0) {
        body = script->sdp ? script->sdp : "";
        if (script->describe)
            snprintf(head, sizeof(head), "%s", script->describe);
    } else if (strncmp(request, "SETUP", 5) == 0) {
        snprintf(head, sizeof(head), "RTSP/1.0 200 OK\r\nSession: 4711;timeout=60\r\n");
    } else if (strncmp(request, "PLAY", 4) == 0) {
        send_all(fd, script->early.data, script->early.len);
    }
    const int len =
        snprintf(text, sizeof(text), "%s%.*s\r\nContent-Length: %zu\r\n\r\n%s", head,
                 cseq ? (int)strcspn(cseq, "\r") : 0, cseq ? cseq : "", strlen(body), body);
    send_all(fd, text, (size_t)len);
    if (strncmp(request, "PLAY", 4) == 0)
        send_all(fd, script->late.data, script->late.len);
}

static void serve(int fd, const struct script *script)
{
    char in[4096];
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, in + len, sizeof(in) - 1 - len, 0)) > 0) {
        len += (size_t)got;
        in[len] = 0;
        char *end = strstr(in, "\r\n\r\n");
        if (!end || script->silent)
            continue;
        const bool play = strncmp(in, "PLAY", 4) == 0;
        end[2] = 0;
        strncat(server.requests, in, sizeof(server.requests) - strlen(server.requests) - 1);
        answer(fd, in, script);
        len -= (size_t)(end + 4 - in);
        memmove(in, end + 4, len);
        if (play && script->ends)
            break;
    }
    atomic_store(&server.client, 0);
    close(fd);
}

static void *serve_all(void *ctx)
{
    (void)ctx;
    int fd;
    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        const int number = atomic_fetch_add(&server.connections, 1);
        atomic_store(&server.client, fd);
        serve(fd, &server.scripts[number < server.count ? number : server.count - 1]);
    }
    return NULL;
}

static void start_server(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server.fd >= 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(server.fd, 4), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&addr, &len), 0);
    server.port = ntohs(addr.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, serve_all, NULL), 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&server, 0, sizeof(server));
    server.count = 1;
    server.scripts[0].sdp = SDP SETS;
    return sl_halt_init(&halt);
}

static int tear_down(void **state)
{
    (void)state;
    shutdown(server.fd, SHUT_RDWR);
    if (atomic_load(&server.client)) /* a test that failed has not closed its side */
        shutdown(atomic_load(&server.client), SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.fd);
    sl_halt_fini(&halt);
    return 0;
}

/* ---- What it sends ---- */

static struct stream {
    uint16_t seq;
    uint32_t timestamp;
} video, sound;

/* One interleaved packet. */
static void put(struct blob *blob, uint8_t channel, struct stream *stream, uint8_t pt, bool marker,
                const void *payload, size_t len)
{
    struct sl_writer w = sl_writer(blob->data + blob->len, sizeof(blob->data) - blob->len);
    sl_write8(&w, '$');
    sl_write8(&w, channel);
    sl_write16(&w, (uint16_t)(12 + len));
    sl_write8(&w, 0x80);
    sl_write8(&w, (uint8_t)(marker << 7 | pt));
    sl_write16(&w, stream->seq++);
    sl_write32(&w, stream->timestamp);
    sl_write32(&w, 0x5eed);
    sl_write_bytes(&w, payload, len);
    assert_false(w.failed);
    blob->len += sl_writer_len(&w);
}

enum { IDR, P, B };

/* A picture of one slice, numbered. */
static void put_picture(struct blob *blob, int type, uint8_t number, bool marker)
{
    static const uint8_t heads[][2] = {
        [IDR] = {0x65, 0x88}, [P] = {0x41, 0x9a}, [B] = {0x01, 0x9e}};
    const uint8_t nal[] = {heads[type][0], heads[type][1], 0x77, number};
    put(blob, 0, &video, 96, marker, nal, sizeof(nal));
    video.timestamp += 3600;
}

/* What is looked at while a camera is opened. */
static void put_first(struct blob *blob)
{
    for (int i = 0; i < 8; i++)
        put_picture(blob, i ? P : IDR, 200, true);
}

/* ---- The source ---- */

static int open_camera(struct sl_capture **capture, bool with_sound, char why[256])
{
    char source[128];
    const struct sl_capture_config config = {.halt = &halt, .sound = with_sound};
    snprintf(source, sizeof(source), "rtsp://eve:secret@127.0.0.1:%u/x?y", server.port);
    *capture = NULL;
    why[0] = 0;
    return sl_capture_open(capture, source, &config, why, 256);
}

static struct sl_capture *open_good(bool with_sound)
{
    char why[256];
    struct sl_capture *capture;
    start_server();
    if (open_camera(&capture, with_sound, why))
        fail_msg("%s", why);
    assert_true(capture->encoded);
    return capture;
}

static struct sl_capture_unit next(struct sl_capture *capture)
{
    struct sl_capture_unit unit;
    assert_int_equal(sl_capture_next_unit(capture, &unit), 1);
    return unit;
}

/* The next unit's slice is this one; key frames have their sets in front. */
static sl_ns expect(struct sl_capture *capture, int type, uint8_t number)
{
    const struct sl_capture_unit unit = next(capture);
    const uint8_t *at = unit.data;
    struct sl_nal nal;
    char heads[32] = "";
    while (sl_nal_next(&at, unit.data + unit.len, &nal))
        snprintf(heads + strlen(heads), sizeof(heads) - strlen(heads), "%02x ", nal.data[0]);
    assert_string_equal(heads, type == IDR ? "67 68 65 " : "41 ");
    assert_int_equal(nal.data[3], number);
    assert_int_equal(unit.key, type == IDR);
    assert_true(unit.captured < sl_time_now() + SL_MS);
    return unit.captured;
}

static void units_come_as_they_were_sent(void **state)
{
    (void)state;
    struct script *script = &server.scripts[0];
    put_first(&script->early);
    put_picture(&script->early, P, 3, true);
    put_picture(&script->late, P, 4, false); /* no marker: the next one ends it */
    put_picture(&script->late, IDR, 5, true);
    put(&script->late, 0, &video, 96, true, "\x67\x42\xc0\x1f\xda\x01\x40\x16\xec", 9);
    video.timestamp += 3600; /* parameter sets alone are no picture, and no loss */
    put(&script->late, 7, &video, 96, true, "x", 1); /* of a channel that nobody asked for */
    video.seq--;
    put_picture(&script->late, P, 6, true);
    struct sl_capture *capture = open_good(false);
    assert_int_equal(capture->width, 1280);
    assert_int_equal(capture->height, 720);
    assert_int_equal(capture->fps_num / capture->fps_den, 25);
    assert_string_equal(capture->h264_profile, "42c01f");
    assert_true(capture->bitrate_bps > 8 * 25 * 8 && capture->bitrate_bps < 8 * 25 * 16);
    assert_null(capture->sound);
    sl_ns last = 0;
    static const int types[] = {P, P, IDR, P};
    for (uint8_t i = 0; i < 4; i++) {
        const sl_ns captured = expect(capture, types[i], 3 + i);
        assert_true(captured > last);
        last = captured;
    }
    assert_non_null(strstr(server.requests, "DESCRIBE rtsp://127.0.0.1:"));
    assert_non_null(strstr(server.requests, "/x?y RTSP/1.0\r\n")); /* no user, no password */
    assert_null(strstr(server.requests, "secret"));
    assert_non_null(strstr(server.requests, "/x?y/v RTSP/1.0\r\n"));
    assert_non_null(strstr(server.requests, "interleaved=0-1"));
    assert_non_null(strstr(server.requests, "Session: 4711\r\n"));
    sl_capture_close(capture);
}

static void nothing_refers_to_what_is_lost(void **state)
{
    (void)state;
    struct script *script = &server.scripts[0];
    put_first(&script->late);
    put_picture(&script->late, P, 3, true);
    video.seq++;
    put_picture(&script->late, P, 4, true); /* not what it should be */
    put_picture(&script->late, P, 5, true); /* refers to it */
    put_picture(&script->late, IDR, 6, true);
    put_picture(&script->late, P, 7, false);
    video.seq += 2; /* the end of 7, the beginning of 8 */
    put_picture(&script->late, IDR, 8, true);
    put_picture(&script->late, IDR, 9, true);
    struct sl_capture *capture = open_good(false);
    expect(capture, P, 3);
    expect(capture, IDR, 6);
    expect(capture, IDR, 9);
    sl_capture_close(capture);
}

static void it_comes_back(void **state)
{
    (void)state;
    server.count = 3;
    put_first(&server.scripts[0].late);
    put_picture(&server.scripts[0].late, P, 3, true);
    server.scripts[0].ends = true;
    server.scripts[1].describe = "RTSP/1.0 503 Later\r\n";
    server.scripts[2].sdp = SDP SETS;
    video.timestamp += 77777777;
    put_picture(&server.scripts[2].late, P, 4, true); /* refers to what we never had */
    put_picture(&server.scripts[2].late, IDR, 5, true);
    struct sl_capture *capture = open_good(false);
    const sl_ns before = expect(capture, P, 3);
    assert_true(expect(capture, IDR, 5) > before);
    assert_int_equal(server.connections, 3);
    sl_capture_close(capture);
}

static void silence_is_an_outage(void **state)
{
    (void)state;
    server.count = 2;
    put_first(&server.scripts[0].late);
    server.scripts[1].sdp = SDP SETS;
    put_picture(&server.scripts[1].late, IDR, 3, true);
    struct sl_capture *capture = open_good(false);
    const sl_ns begun = sl_time_now();
    expect(capture, IDR, 3);
    assert_true(sl_time_now() - begun >= SL_SEC); /* 2 s after the last packet */
    sl_capture_close(capture);
}

static void sound_comes_along(void **state)
{
    (void)state;
    struct script *script = &server.scripts[0];
    script->sdp = SDP SETS SOUND;
    put_first(&script->late);
    uint8_t loud[1600]; /* 200 ms at 8 kHz, from end to end of its range */
    for (size_t i = 0; i < sizeof(loud); i++)
        loud[i] = (uint8_t)(i / 80 % 2 << 7);
    put(&script->late, 2, &sound, 0, false, loud, sizeof(loud));
    put_picture(&script->late, P, 3, true);
    struct sl_capture *capture = open_good(true);
    assert_non_null(capture->sound);
    expect(capture, P, 3);
    struct sl_audio_block block;
    sl_ns last = 0;
    int peak = 0;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(sl_audio_next(capture->sound, &block), 1);
        assert_true(!last || block.captured - last == 20 * SL_MS);
        last = block.captured;
        for (int s = 0; s < SL_AUDIO_BLOCK_SAMPLES; s++)
            peak = abs(block.samples[s]) > peak ? abs(block.samples[s]) : peak;
    }
    assert_in_range(peak, 20000, 32768); /* one channel made two is 3 dB less */
    sl_capture_close(capture);
}

static void b_slices_end_it(void **state)
{
    (void)state;
    struct script *script = &server.scripts[0];
    /* High, and no word on reordering: eight pictures are looked at. */
    script->sdp = SDP "a=fmtp:96 sprop-parameter-sets="
                      "Z2QAKKzZQHgCJ+XARAAAAwAEAAADAPA8YMZY,aO48gA==\r\n";
    put_first(&script->late);
    put_picture(&script->late, P, 9, true);
    put_picture(&script->late, B, 10, true);
    struct sl_capture *capture = open_good(false);
    struct sl_capture_unit unit;
    expect(capture, P, 9);
    assert_int_equal(sl_capture_next_unit(capture, &unit), -ENOTSUP);
    assert_non_null(strstr(capture->why, "B slices"));
    sl_capture_close(capture);
}

static void what_goes_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *describe, *sdp, *said;
        int error;
    } cases[] = {
        {"RTSP/1.0 404 Not Found\r\n", NULL, "knows no such path (404)", -ENOENT},
        {"RTSP/1.0 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", NULL,
         "refuses the user or the password (401)", -EACCES},
        {"RTSP/1.0 401 No\r\n", NULL, "in a way that is not known here (401)", -EACCES},
        {"RTSP/1.0 403 No\r\n", NULL, "does not permit it (403)", -EACCES},
        {"RTSP/1.0 503 Busy\r\n", NULL, "too many watch it", -EBUSY},
        {"RTSP/1.0 500 Oh dear\r\n", NULL, "answers DESCRIBE with 500 Oh dear", -EPROTO},
        {"HTTP/1.1 400 Bad Request\r\n", NULL, "does not speak RTSP", -EBADMSG},
        {NULL, "<html>", "cannot be read", -EBADMSG},
        {NULL, "v=0\r\nm=audio 0 RTP/AVP 0\r\n", "no video that can be taken", -ENOTSUP},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        char why[256];
        struct sl_capture *capture;
        server.scripts[0].describe = cases[i].describe;
        server.scripts[0].sdp = cases[i].sdp;
        if (i == 0)
            start_server();
        const int error = open_camera(&capture, false, why);
        if (error != cases[i].error || !strstr(why, cases[i].said))
            fail_msg("case %zu: %d, '%s'", i, error, why);
        assert_null(strstr(why, "secret"));
    }
    const struct sl_capture_config config = {.halt = &halt};
    struct sl_capture *capture;
    char why[256];
    assert_int_equal(sl_capture_open(&capture, "rtsp:x", &config, why, sizeof(why)), -EINVAL);
    static char endless[2000];
    memset(endless, 'x', sizeof(endless) - 1);
    memcpy(endless, "rtsp://", 7);
    assert_true(sl_capture_open(&capture, endless, &config, why, sizeof(why)) < 0);
}

static void *set_halt(void *ctx)
{
    (void)ctx;
    usleep(20000);
    sl_halt_set(&halt);
    return NULL;
}

static void a_halt_ends_what_waits(void **state)
{
    (void)state;
    char why[256];
    struct sl_capture *capture;
    pthread_t thread;
    server.scripts[0].silent = true;
    start_server();
    assert_int_equal(pthread_create(&thread, NULL, set_halt, NULL), 0);
    assert_int_equal(open_camera(&capture, false, why), -ECANCELED);
    pthread_join(thread, NULL);
}

/* ---- The eye ---- */

static void print_unit(const struct sl_capture_unit *unit)
{
    const uint8_t *at = unit->data;
    struct sl_nal nal;
    printf("%d %lld %lld", unit->key, (long long)unit->captured, (long long)sl_time_now());
    while (sl_nal_next(&at, unit->data + unit->len, &nal)) {
        const unsigned type = nal.data[0] & 0x1f;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (type != SL_NAL_SLICE && type != SL_NAL_IDR)
            continue;
        EVP_Digest(nal.data, nal.len, digest, &len, EVP_sha1(), NULL);
        printf(" ");
        for (unsigned i = 0; i < len; i++)
            printf("%02x", digest[i]);
    }
    printf("\n");
}

static int watch(const char *source, int count, enum sl_rtsp_transport transport)
{
    char why[256] = "";
    struct sl_capture *capture = NULL;
    const struct sl_capture_config config = {.halt = &halt, .rtsp_transport = transport};
    if (sl_halt_init(&halt) || sl_capture_open(&capture, source, &config, why, sizeof(why))) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    uint8_t *pixels = malloc(sl_capture_bytes(capture));
    printf("%s %dx%d %d/%d %s\n", capture->encoded ? "encoded" : "pictures", capture->width,
           capture->height, capture->fps_num, capture->fps_den, capture->h264_profile);
    for (int i = 0; i < count; i++) {
        struct sl_capture_unit unit = {0};
        if ((capture->encoded ? sl_capture_next_unit(capture, &unit)
                              : sl_capture_next(capture, pixels, &unit.captured)) != 1)
            return 1;
        print_unit(&unit);
    }
    free(pixels);
    sl_capture_close(capture);
    sl_halt_fini(&halt);
    return 0;
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(units_come_as_they_were_sent),
        TEST(nothing_refers_to_what_is_lost),
        TEST(it_comes_back),
        TEST(silence_is_an_outage),
        TEST(sound_comes_along),
        TEST(b_slices_end_it),
        TEST(what_goes_wrong_is_said),
        TEST(a_halt_ends_what_waits),
    };
    sl_log_init(argv[0], SL_LOG_WARN);
    av_log_set_level(AV_LOG_QUIET);
    if (argc == 4)
        return watch(argv[1], atoi(argv[2]), strcmp(argv[3], "udp") ? SL_RTSP_TCP : SL_RTSP_UDP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
