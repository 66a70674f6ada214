/* SPDX-License-Identifier: MIT */
/* The text of RTSP: URLs, replies, credentials, descriptions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sender/rtsp_message.h"
#include "sender/rtsp_offer.h"
#include "sender/rtsp_url.h"

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *user, *password, *request;
    } good[] = {
        {"rtsp://cam/a/b?c=1", "cam", 554, "", "", "rtsp://cam/a/b?c=1"},
        {"rtsp://10.0.0.1", "10.0.0.1", 554, "", "", "rtsp://10.0.0.1/"},
        {"RTSP://u@cam:8554/", "cam", 8554, "u", "", "rtsp://cam:8554/"},
        {"rtsp://u:p%40%2fq:r@cam/x@y", "cam", 554, "u", "p@/q:r", "rtsp://cam/x@y"},
        {"rtsp://u:p@q@cam/x", "cam", 554, "u", "p@q", "rtsp://cam/x"},
        {"rtsps://[fe80::1]/x", "fe80::1", 322, "", "", "rtsps://[fe80::1]/x"},
        {"rtsps://[::1]:9/x", "::1", 9, "", "", "rtsps://[::1]:9/x"},
        {"rtsp://cam?x", "cam", 554, "", "", "rtsp://cam?x"},
    };
    for (size_t i = 0; i < SL_COUNT(good); i++) {
        struct sl_rtsp_url url;
        char why[256];
        if (sl_rtsp_url_parse(&url, good[i].text, why, sizeof(why)))
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_string_equal(url.user, good[i].user);
        assert_string_equal(url.password, good[i].password);
        assert_string_equal(url.request, good[i].request);
        assert_int_equal(url.tls, good[i].request[4] == 's');
    }
    static const char *const bad[] = {
        "",
        "rtsp:",
        "rtsp:/cam",
        "rtsp://",
        "rtsp://u:p@",
        "http://cam/",
        "rtsp://cam:0/",
        "rtsp://cam:65536/",
        "rtsp://cam:x/",
        "rtsp://cam:/",
        "rtsp://cam:123456789/",
        "rtsp://[::1/",
        "rtsp://[::1]x/",
        "rtsp://u:p%4@cam/",
        "rtsp://u:p%@cam/",
        "rtsp://u:p%zz@cam/",
        "rtsp://u:p%0a@cam/",
        "rtsp://cam/a b",
        "rtsp://cam/a\r\nX: y",
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++) {
        struct sl_rtsp_url url;
        char why[256] = "";
        if (sl_rtsp_url_parse(&url, bad[i], why, sizeof(why)) != -EINVAL || !why[0])
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void passwords_are_hidden(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"rtsp://u:p@cam/x", "rtsp://u:***@cam/x"},
        {"rtsp://u:@cam/x", "rtsp://u:***@cam/x"},
        {"rtsp://u:p/q@r@cam/x", "rtsp://u:***@cam/x"},
        {"rtsp://cam:554/user=a&password=secret&channel=1",
         "rtsp://cam:554/user=a&password=***&channel=1"},
        {"rtsp://cam/x?PWD=secret", "rtsp://cam/x?PWD=***"},
        {"rtps://u:p@cam", "rtps://u:***@cam"},
        {"rtsp://u@cam/x", "rtsp://u@cam/x"},
        {"rtsp://cam:554/x", "rtsp://cam:554/x"},
        {"file:a@b", "file:a@b"},
        {"test", "test"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        char shown[128], cut[5];
        assert_string_equal(sl_rtsp_url_redact(cases[i].text, shown, sizeof(shown)),
                            cases[i].shown);
        assert_int_equal(sl_rtsp_url_has_secret(cases[i].text),
                         strcmp(cases[i].text, cases[i].shown) != 0);
        assert_true(strlen(sl_rtsp_url_redact(cases[i].text, cut, sizeof(cut))) <= 4);
    }
}

/* ---- Replies ---- */

static int read_reply(struct sl_rtsp_reply *reply, const char *text)
{
    return sl_rtsp_reply_read(reply, text, strlen(text));
}

static void expect_slice(struct sl_sdp_slice slice, const char *wanted)
{
    if (!sl_sdp_slice_is(slice, wanted))
        fail_msg("got '%.*s', wanted '%s'", (int)slice.len, slice.at, wanted);
}

static void replies(void **state)
{
    (void)state;
    static const char text[] = "RTSP/1.0 200 OK\r\nCSeq: 7\r\nsession:  12;timeout=30 \r\n"
                               "Content-Base: rtsp://cam/x/\r\nContent-Length: 4\r\n"
                               "X: y\r\n\r\nv=0\n$";
    struct sl_rtsp_reply reply;
    for (size_t len = 0; len < strlen(text) - 1; len++)
        assert_int_equal(sl_rtsp_reply_read(&reply, text, len), 0);
    assert_int_equal(read_reply(&reply, text), strlen(text) - 1);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.cseq, 7);
    expect_slice(reply.reason, "OK");
    expect_slice(reply.session, "12;timeout=30");
    expect_slice(reply.base, "rtsp://cam/x/");
    expect_slice(reply.body, "v=0\n");
    expect_slice(sl_rtsp_parameter(reply.session, "timeout", ';'), "30");
    assert_null(sl_rtsp_parameter(reply.session, "time", ';').at);
    assert_true(read_reply(&reply, "RTSP/1.0 404 Not Found\n\n") > 0);
    assert_int_equal(reply.status, 404);
    assert_true(read_reply(&reply, "OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 3\r\n\r\n") > 0);
    assert_int_equal(reply.status, 0);
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\r\n\r\n",
        "RTSP/1.0 abc\r\n\r\n",
        "RTSP/1.0 20\r\n\r\n",
        "RTSP/1.0\r\n\r\n",
        "RTSP/1.0 200 OK\r\nContent-Length: 999999\r\n\r\n",
        "RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        "\x16\x03\x01\n\n",
        "220 mail ESMTP\r\n\r\n",
    };
    for (size_t i = 0; i < SL_COUNT(bad); i++)
        if (read_reply(&reply, bad[i]) != -EBADMSG)
            fail_msg("'%s' was taken", bad[i]);
    static char endless[SL_RTSP_HEAD_MAX + 1];
    memset(endless, 'A', sizeof(endless) - 1);
    assert_int_equal(read_reply(&reply, endless), -EBADMSG);
}

/* ---- Who we are ---- */

static struct sl_rtsp_auth challenged(const char *headers)
{
    char text[1024];
    struct sl_rtsp_reply reply;
    struct sl_rtsp_auth auth = {0};
    snprintf(text, sizeof(text), "RTSP/1.0 401 Unauthorized\r\n%s\r\n", headers);
    assert_true(read_reply(&reply, text) > 0);
    if (sl_rtsp_auth_read(&auth, &reply))
        assert_int_equal(auth.kind, SL_RTSP_NO_AUTH);
    return auth;
}

static void expect_header(const char *challenge, const char *user, const char *password,
                          const char *method, const char *uri, const char *cnonce,
                          const char *wanted)
{
    struct sl_rtsp_auth auth = challenged(challenge);
    struct sl_rtsp_url url = {0};
    char text[1024];
    snprintf(url.user, sizeof(url.user), "%s", user);
    snprintf(url.password, sizeof(url.password), "%s", password);
    assert_int_equal(sl_rtsp_auth_write(&auth, &url, method, uri, cnonce, text, sizeof(text)), 0);
    assert_string_equal(text, wanted);
    assert_int_equal(sl_rtsp_auth_write(&auth, &url, method, uri, cnonce, text, 20),
                     wanted[0] ? -EMSGSIZE : 0);
}

/* RFC 7617 section 2, RFC 7616 section 3.9.1; RFC 2069 section 2.4, by its errata. */
static void credentials(void **state)
{
    (void)state;
    expect_header("WWW-Authenticate: Basic realm=\"foo\"\r\n", "Aladdin", "open sesame", "GET", "/",
                  "", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n");
    expect_header(
        "WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
        "algorithm=MD5, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
        "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\n",
        "Mufasa", "Circle of Life", "GET", "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "Authorization: Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "
        "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", "
        "response=\"8ca523f5e9506fed4657c9700eebdbec\", qop=auth, nc=00000001, "
        "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", "
        "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"\r\n");
    expect_header(
        "WWW-Authenticate: Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
        "algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"\r\n",
        "Mufasa", "Circle of Life", "GET", "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "Authorization: Digest username=\"Mufasa\", realm=\"http-auth@example.org\", "
        "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", "
        "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", "
        "algorithm=SHA-256, qop=auth, nc=00000001, "
        "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\"\r\n");
    expect_header("WWW-Authenticate: Digest realm=\"testrealm@host.com\", "
                  "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"\r\n",
                  "Mufasa", "CircleOfLife", "GET", "/dir/index.html", "",
                  "Authorization: Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
                  "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
                  "response=\"1949323746fe6a43ef61f9606e7febea\"\r\n");
    expect_header("", "u", "p", "GET", "/", "", "");
}

static void the_best_challenge_is_taken(void **state)
{
    (void)state;
    assert_int_equal(challenged("").kind, SL_RTSP_NO_AUTH);
    assert_int_equal(challenged("WWW-Authenticate: Negotiate\r\n").kind, SL_RTSP_NO_AUTH);
    assert_int_equal(challenged("WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", "
                                "algorithm=SHA-512-256\r\n")
                         .kind,
                     SL_RTSP_NO_AUTH);
    assert_int_equal(challenged("WWW-Authenticate: Basic realm=\"a\"\r\n"
                                "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n")
                         .kind,
                     SL_RTSP_DIGEST);
    assert_true(
        challenged("WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256\r\n"
                   "WWW-Authenticate: Digest realm=\"a\", nonce=\"c\"\r\n")
            .sha256);
    char large[600];
    memset(large, 'n', sizeof(large));
    memcpy(large, "WWW-Authenticate: Digest realm=\"a\", nonce=\"", 43);
    strcpy(large + 500, "\"\r\n");
    assert_int_equal(challenged(large).kind, SL_RTSP_NO_AUTH);
}

/* ---- Descriptions ---- */

static int offer_of(struct sl_rtsp_offer *offer, const char *sdp)
{
    char why[256] = "";
    const int error =
        sl_rtsp_offer_read(offer, sdp, strlen(sdp), "rtsp://cam/base", why, sizeof(why));
    assert_true(error == 0 || why[0]);
    return error;
}

#define SDP "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\n"

static void offers(void **state)
{
    (void)state;
    struct sl_rtsp_offer offer;
    char text[64];
    uint8_t bytes[64];
    assert_int_equal(
        offer_of(&offer,
                 SDP "a=control:*\r\nm=video 0 RTP/AVP 26\r\na=control:jpeg\r\n"
                     "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                     "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0IACg==,aM4=\r\n"
                     "a=control:rtsp://other/track1\r\n"
                     "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\n"
                     "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 mpeg4-generic/16000/2\r\n"
                     "a=fmtp:98 mode=AAC-hbr;config=1410;sizelength=13\r\n"
                     "a=control:/track2\r\nm=application 0 RTP/AVP 107\r\n"),
        0);
    assert_int_equal(offer.video.codec, SL_RTSP_H264);
    assert_int_equal(offer.video.pt, 96);
    assert_int_equal(offer.video.clock_hz, 90000);
    assert_string_equal(offer.video.control, "rtsp://other/track1");
    assert_int_equal(offer.sound.codec, SL_RTSP_AAC);
    assert_int_equal(offer.sound.clock_hz, 16000);
    assert_int_equal(offer.sound.channels, 2);
    assert_string_equal(offer.sound.control, "rtsp://cam/base//track2");
    assert_string_equal(offer.control, "rtsp://cam/base");
    assert_string_equal(offer.other_sound, "G726-32");
    assert_int_equal(sl_rtsp_fmtp_number(&offer.sound, "sizelength", 1), 13);
    assert_int_equal(sl_rtsp_fmtp_number(&offer.sound, "indexlength", 3), 3);
    assert_int_equal(
        sl_rtsp_hex(sl_rtsp_fmtp(&offer.sound, "config", text, sizeof(text)), bytes, 64), 2);
    assert_memory_equal(bytes, "\x14\x10", 2);
    const char *at = sl_rtsp_fmtp(&offer.video, "sprop-parameter-sets", text, sizeof(text));
    assert_int_equal(sl_rtsp_base64(&at, bytes, sizeof(bytes)), 4);
    assert_memory_equal(bytes, "\x67\x42\x00\x0a", 4);
    assert_int_equal(sl_rtsp_base64(&at, bytes, sizeof(bytes)), 2);
    assert_memory_equal(bytes, "\x68\xce", 2);
    assert_string_equal(at, "");
    at = "Z0IACg==,aM4=";
    assert_int_equal(sl_rtsp_base64(&at, bytes, 3), 0);
    at = "Z0!A,aM4=";
    assert_int_equal(sl_rtsp_base64(&at, bytes, 64), 0);
    assert_string_equal(at, "aM4=");
    assert_int_equal(sl_rtsp_hex("1x", bytes, 64), 0);
    assert_string_equal(sl_rtsp_fmtp(&offer.video, "sprop-parameter-sets", text, 5), "");

    assert_int_equal(offer_of(&offer, SDP "m=video 0 RTP/AVP 26\r\nm=audio 0 RTP/AVP 8\r\n"), 0);
    assert_int_equal(offer.video.codec, SL_RTSP_JPEG);
    assert_int_equal(offer.video.clock_hz, 90000);
    assert_int_equal(offer.sound.codec, SL_RTSP_PCMA);
    assert_int_equal(offer.sound.clock_hz, 8000);
    assert_string_equal(offer.video.control, "rtsp://cam/base");
    assert_int_equal(offer_of(&offer, SDP "m=audio 0 RTP/AVP 0\r\n"), -ENOTSUP);
    assert_int_equal(offer_of(&offer, SDP "m=video 0 RTP/AVP 96\r\na=rtpmap:96 AV1/90000\r\n"),
                     -ENOTSUP);
    assert_int_equal(offer_of(&offer, SDP "m=video 0 RTP/AVP 26\r\na=control:x y\r\n"), -ENOTSUP);
    assert_int_equal(offer_of(&offer, "<html>"), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(passwords_are_hidden),
        cmocka_unit_test(replies),
        cmocka_unit_test(credentials),
        cmocka_unit_test(the_best_challenge_is_taken),
        cmocka_unit_test(offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
