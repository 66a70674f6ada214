/* SPDX-License-Identifier: MIT */
/*
 * Offers captured from browsers and other programs, answered; the answers compared line by line
 * with the files beside them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdp/sdp.h"

static char *load(const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/golden/sdp/%s", SL_TEST_DIR, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    char *text = calloc(1, SL_SDP_MAX_BYTES);
    assert_non_null(text);
    *len = fread(text, 1, SL_SDP_MAX_BYTES - 1, file);
    fclose(file);
    assert_true(*len > 0);
    return text;
}

static struct sl_sdp_local receiver(bool sends)
{
    struct sl_sdp_local local = {
        .transport = {.ufrag = "ourufrag",
                      .pwd = "ourpasswordourpassword00",
                      .ice_lite = true,
                      .candidate_count = 2},
        .sends = sends,
        .video = true,
        .audio = true,
        .h264_profiles = {"42e01f"},
        .cname = "yard",
        .ssrc = {1111, 3333},
        .rtx_ssrc = {2222, 4444},
        .session_id = 77,
        .start_bitrate_kbps = sends ? 0 : 2500,
        .fec = true,
        .fec_ssrc = 5555,
    };
    for (int i = 0; i < SL_FINGERPRINT_BYTES; i++)
        local.transport.fingerprint[i] = (uint8_t)(0xa0 + i);
    struct sl_addr *candidates = local.transport.candidates;
    candidates[0].in.sin_family = AF_INET;
    candidates[0].in.sin_port = htons(8443);
    assert_int_equal(inet_pton(AF_INET, "198.51.100.7", &candidates[0].in.sin_addr), 1);
    candidates[1].in6.sin6_family = AF_INET6;
    candidates[1].in6.sin6_port = htons(8443);
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::7", &candidates[1].in6.sin6_addr), 1);
    return local;
}

static void compare(const char *answer, const char *name)
{
    size_t len;
    char *wanted_text = load(name, &len);
    char *copy = strdup(answer);
    assert_non_null(copy);
    char *save_got = NULL, *save_wanted = NULL;
    char *got = strtok_r(copy, "\r\n", &save_got);
    char *wanted = strtok_r(wanted_text, "\r\n", &save_wanted);
    for (int line = 1; got || wanted; line++) {
        if (!got || !wanted || strcmp(got, wanted) != 0) {
            fprintf(stderr, "the whole answer for %s:\n%s", name, answer);
            fail_msg("%s, line %d: \"%s\", wanted \"%s\"", name, line, got ? got : "(end)",
                     wanted ? wanted : "(end)");
        }
        got = strtok_r(NULL, "\r\n", &save_got);
        wanted = strtok_r(NULL, "\r\n", &save_wanted);
    }
    free(copy);
    free(wanted_text);
}

static struct sl_sdp_agreed answered(const char *offer_name, const char *answer_name,
                                     const struct sl_sdp_local *local)
{
    size_t len;
    char *offer = load(offer_name, &len);
    char answer[16384];
    const char *why = "";
    struct sl_sdp_agreed agreed;
    const int answer_len = sl_sdp_answer(offer, len, local, &agreed, answer, sizeof(answer), &why);
    if (answer_len < 0)
        fail_msg("%s: %d, %s", offer_name, answer_len, why);
    assert_int_equal(answer_len, strlen(answer));
    compare(answer, answer_name);
    free(offer);
    return agreed;
}

static void chromium_subscribes(void **state)
{
    (void)state;
    const struct sl_sdp_local local = receiver(true);
    const struct sl_sdp_agreed agreed =
        answered("chromium-156-whep.sdp", "chromium-156-whep.answer", &local);
    assert_false(agreed.sightline);
    assert_true(agreed.local_sends);
    assert_false(agreed.dtls_client);
    assert_string_equal(agreed.remote.ufrag, "pQyD");
    assert_string_equal(agreed.remote.pwd, "4SmlnWP1L2MHuSbLcBUo/jG7");
    assert_int_equal(agreed.remote.fingerprint[0], 0x76);
    assert_int_equal(agreed.remote.fingerprint[31], 0x71);
    assert_int_equal(agreed.remote.candidate_count, 2); /* the TCP ones are not for us */
    assert_int_equal(agreed.media_count, 2);
    const struct sl_sdp_media *video = &agreed.media[0], *audio = &agreed.media[1];
    assert_int_equal(video->kind, SL_VIDEO);
    assert_int_equal(video->pt, 108);
    assert_int_equal(video->rtx_pt, 109);
    assert_int_equal(video->clock_hz, 90000);
    assert_string_equal(video->h264_profile, "42e01f");
    assert_int_equal(video->ids.mid, 9);
    assert_int_equal(video->ids.playout_delay, 5);
    assert_int_equal(video->ids.abs_capture_time, 0);
    assert_true(video->nack && video->pli && video->fir && video->rrtr);
    assert_false(video->remb); /* we send: nothing to cap */
    assert_int_equal(video->ssrc, 1111);
    assert_int_equal(video->rtx_ssrc, 2222);
    assert_int_equal(audio->kind, SL_AUDIO);
    assert_int_equal(audio->pt, 111);
    assert_int_equal(audio->rtx_pt, 0);
    assert_int_equal(audio->rtx_ssrc, 0);
    assert_false(audio->nack);
    assert_int_equal(audio->ssrc, 3333);
    assert_string_equal(audio->mid, "1");
}

static void chromium_publishes(void **state)
{
    (void)state;
    const struct sl_sdp_local local = receiver(false);
    const struct sl_sdp_agreed agreed =
        answered("chromium-156-whip.sdp", "chromium-156-whip.answer", &local);
    assert_false(agreed.local_sends);
    const struct sl_sdp_media *video = &agreed.media[0], *audio = &agreed.media[1];
    assert_int_equal(video->pt, 108);
    assert_int_equal(video->ssrc, 252972190u);
    assert_int_equal(video->rtx_ssrc, 3539537247u);
    assert_string_equal(video->cname, "xcR3k2ueM6LPOy2z");
    assert_true(video->remb);
    assert_int_equal(audio->ssrc, 2281423270u);
    assert_int_equal(audio->rtx_ssrc, 0);
}

/* The camera has High: Chromium names 4:4:4 Predictive as the only profile that holds it. */
static void chromium_subscribes_to_high(void **state)
{
    (void)state;
    struct sl_sdp_local local = receiver(true);
    strcpy(local.h264_profiles[0], "640028");
    const struct sl_sdp_agreed agreed =
        answered("chromium-156-whep.sdp", "chromium-156-whep-high.answer", &local);
    assert_int_equal(agreed.media[0].pt, 41);
    assert_int_equal(agreed.media[0].rtx_pt, 42);
}

static void a_camera_without_sound(void **state)
{
    (void)state;
    struct sl_sdp_local local = receiver(true);
    local.audio = false;
    const struct sl_sdp_agreed agreed =
        answered("chromium-156-whep.sdp", "chromium-156-whep-silent.answer", &local);
    assert_int_equal(agreed.media_count, 1);
}

static void aiortc_subscribes_and_publishes(void **state)
{
    (void)state;
    struct sl_sdp_local local = receiver(true);
    struct sl_sdp_agreed agreed = answered("aiortc-whep.sdp", "aiortc-whep.answer", &local);
    assert_int_equal(agreed.media[0].pt, 101);
    assert_int_equal(agreed.media[0].rtx_pt, 102);
    assert_false(agreed.media[0].fir); /* not offered */
    assert_false(agreed.media[0].rrtr);
    local = receiver(false);
    agreed = answered("aiortc-whip.sdp", "aiortc-whip.answer", &local);
    assert_int_equal(agreed.media[0].pt, 101);
    assert_true(agreed.media[0].ssrc != 0 && agreed.media[0].rtx_ssrc != 0);
}

static void gstreamer_subscribes(void **state)
{
    (void)state;
    const struct sl_sdp_local local = receiver(true);
    const struct sl_sdp_agreed agreed =
        answered("gstreamer-1.22-whep.sdp", "gstreamer-1.22-whep.answer", &local);
    assert_int_equal(agreed.media[0].pt, 96);
    assert_int_equal(agreed.media[1].pt, 97);
}

static void a_fresh_firefox_is_told_why(void **state)
{
    (void)state;
    const struct sl_sdp_local local = receiver(true);
    size_t len;
    char *offer = load("firefox-153-no-h264-whep.sdp", &len);
    char answer[16384] = "untouched";
    struct sl_sdp_agreed agreed;
    const char *why = "";
    assert_int_equal(sl_sdp_answer(offer, len, &local, &agreed, answer, sizeof(answer), &why),
                     -ENOTSUP);
    assert_non_null(strstr(why, "no H.264 in the offer"));
    assert_non_null(strstr(why, "OpenH264"));
    assert_string_equal(answer, "untouched");
    free(offer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chromium_subscribes),
        cmocka_unit_test(chromium_publishes),
        cmocka_unit_test(chromium_subscribes_to_high),
        cmocka_unit_test(a_camera_without_sound),
        cmocka_unit_test(aiortc_subscribes_and_publishes),
        cmocka_unit_test(gstreamer_subscribes),
        cmocka_unit_test(a_fresh_firefox_is_told_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
