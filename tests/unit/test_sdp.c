/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "sdp/h264_profile.h"
#include "sdp/sdp.h"

static struct sl_sdp_local side(const char *name, bool sends, bool receiver)
{
    struct sl_sdp_local local = {
        .transport = {.pwd = "passwordpasswordpassword", .ice_lite = receiver},
        .sends = sends,
        .video = true,
        .audio = true,
        .h264_profiles = {"42e01f"},
        .ssrc = {0xfffffff0u, 30, 60},
        .rtx_ssrc = {20, 40, 70},
        .session_id = 1,
        .start_bitrate_kbps = receiver && !sends ? 2500 : 0,
    };
    snprintf(local.transport.ufrag, sizeof(local.transport.ufrag), "%s-ufrag", name);
    snprintf(local.cname, sizeof(local.cname), "%s", name);
    memset(local.transport.fingerprint, name[0], SL_FINGERPRINT_BYTES);
    if (receiver) {
        local.transport.candidate_count = 1;
        local.transport.candidates[0].in.sin_family = AF_INET;
        local.transport.candidates[0].in.sin_port = htons(8443);
        local.transport.candidates[0].in.sin_addr.s_addr = htonl(0x7f000001);
    }
    return local;
}

static char offer[SL_SDP_MAX_BYTES * 20], answer[SL_SDP_MAX_BYTES];
static const char *why;

static int answer_to(const struct sl_sdp_local *local, struct sl_sdp_agreed *agreed)
{
    return sl_sdp_answer(offer, strlen(offer), local, agreed, answer, sizeof(answer), &why);
}

static void write_offer(const struct sl_sdp_local *local)
{
    const int len = sl_sdp_write_offer(local, offer, sizeof(offer));
    assert_int_equal(len, strlen(offer));
}

/* Replaces the first `from` in the offer, which must be there. */
static void edit(const char *from, const char *to)
{
    char *at = strstr(offer, from);
    if (!at)
        fail_msg("\"%s\" is not in the offer", from);
    memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    memcpy(at, to, strlen(to));
}

static void both_ends_agree(const struct sl_sdp_agreed *ours, const struct sl_sdp_agreed *theirs)
{
    assert_int_equal(ours->media_count, theirs->media_count);
    assert_true(ours->local_sends != theirs->local_sends);
    assert_true(ours->dtls_client != theirs->dtls_client);
    assert_string_equal(ours->local.ufrag, theirs->remote.ufrag);
    assert_string_equal(ours->remote.ufrag, theirs->local.ufrag);
    assert_string_equal(ours->local.pwd, theirs->remote.pwd);
    assert_memory_equal(ours->local.fingerprint, theirs->remote.fingerprint, SL_FINGERPRINT_BYTES);
    assert_memory_equal(ours->remote.fingerprint, theirs->local.fingerprint, SL_FINGERPRINT_BYTES);
    assert_int_equal(ours->local.ice_lite, theirs->remote.ice_lite);
    for (int i = 0; i < ours->media_count; i++) {
        const struct sl_sdp_media *a = &ours->media[i], *b = &theirs->media[i];
        assert_int_equal(a->kind, b->kind);
        assert_string_equal(a->mid, b->mid);
        assert_int_equal(a->pt, b->pt);
        assert_int_equal(a->rtx_pt, b->rtx_pt);
        assert_true(a->rtx_pt != 0);
        assert_int_equal(a->clock_hz, b->clock_hz);
        assert_string_equal(a->h264_profile, b->h264_profile);
        assert_memory_equal(&a->ids, &b->ids, sizeof(a->ids));
        assert_int_equal(a->nack, b->nack);
        assert_int_equal(a->pli, b->pli);
        assert_int_equal(a->fir, b->fir);
        assert_int_equal(a->remb, b->remb);
        assert_true(a->rrtr && b->rrtr);
        assert_int_equal(a->ssrc, b->ssrc);
        assert_int_equal(a->rtx_ssrc, b->rtx_ssrc);
        assert_int_equal(a->fec, b->fec);
        assert_int_equal(a->fec_pt, b->fec_pt);
        assert_int_equal(a->fec_ssrc, b->fec_ssrc);
        assert_int_equal(a->ccfb, b->ccfb);
        assert_int_equal(a->ccfb, !ours->local.ice_lite == ours->local_sends); /* upstream */
        assert_string_equal(a->cname, b->cname);
    }
}

static void our_programs_agree(void **state)
{
    (void)state;
    for (int publish = 0; publish < 2; publish++) {
        const struct sl_sdp_local client = side("client", publish, false);
        const struct sl_sdp_local server = side("server", !publish, true);
        write_offer(&client);
        struct sl_sdp_agreed at_server, at_client;
        const int len = answer_to(&server, &at_server);
        assert_int_equal(len, strlen(answer));
        assert_null(strstr(answer, "x-google")); /* that is for browsers */
        assert_int_equal(sl_sdp_accept(answer, (size_t)len, &client, &at_client, &why), 0);
        assert_int_equal(at_client.media_count, 2);
        assert_true(at_client.sightline && at_server.sightline);
        assert_true(at_client.dtls_client); /* the receiver is passive */
        assert_int_equal(at_client.remote.candidate_count, 1);
        assert_int_equal(ntohs(at_client.remote.candidates[0].in.sin_port), 8443);
        assert_int_equal(at_client.media[0].ssrc, 0xfffffff0u);
        assert_string_equal(at_client.media[0].cname, publish ? "client" : "server");
        both_ends_agree(&at_client, &at_server);
    }
}

/* x-rs-fec where both have it, flexfec-03 where only that was offered, none where one side wants
 * none; on the video only. */
static void the_best_fec_is_agreed_on(void **state)
{
    (void)state;
    for (int publish = 0; publish < 2; publish++) {
        for (int round = 0; round < 4; round++) {
            struct sl_sdp_local client = side("client", publish, false);
            struct sl_sdp_local server = side("server", !publish, true);
            client.fec = round != 2;
            server.fec = round != 3;
            client.fec_ssrc = server.fec_ssrc = 50;
            write_offer(&client);
            if (round == 1)
                edit("x-rs-fec", "x-no-fec");
            struct sl_sdp_agreed at_server, at_client;
            const int len = answer_to(&server, &at_server);
            assert_int_equal(sl_sdp_accept(answer, (size_t)len, &client, &at_client, &why), 0);
            both_ends_agree(&at_client, &at_server);
            static const enum sl_sdp_fec wanted[] = {SL_SDP_FEC_RS, SL_SDP_FEC_FLEXFEC,
                                                     SL_SDP_FEC_NONE, SL_SDP_FEC_NONE};
            const struct sl_sdp_media *video = &at_client.media[0];
            assert_int_equal(video->fec, wanted[round]);
            assert_int_equal(video->fec_pt != 0, round < 2);
            assert_int_equal(video->fec_ssrc, round < 2 ? 50 : 0);
            assert_int_equal(at_client.media[1].fec, SL_SDP_FEC_NONE);
            assert_int_equal(at_client.media[1].fec_pt, 0);
            /* A group that names another stream is not ours to repair with. */
            assert_int_equal(strstr(publish ? offer : answer, "FEC-FR 4294967280 50") != NULL,
                             round < 2 || (round == 3 && publish));
        }
    }
}

/* An answer may take only what was offered, and a repair stream belongs to the video it names. */
static void foreign_fec_is_not_taken(void **state)
{
    (void)state;
    struct sl_sdp_local client = side("client", true, false), server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    client.fec = server.fec = true;
    client.fec_ssrc = 50;
    write_offer(&client);
    edit("FEC-FR 4294967280 50", "FEC-FR 4294967281 50");
    assert_true(answer_to(&server, &agreed) > 0);
    assert_int_equal(agreed.media[0].fec, SL_SDP_FEC_RS);
    assert_int_equal(agreed.media[0].fec_ssrc, 0); /* told by its payload type */
    memcpy(offer, answer, sizeof(answer));
    edit("a=rtpmap:106 x-rs-fec", "a=rtpmap:97 x-rs-fec");
    assert_int_equal(sl_sdp_accept(offer, strlen(offer), &client, &agreed, &why), 0);
    assert_int_equal(agreed.media[0].fec, SL_SDP_FEC_NONE);
    assert_int_equal(agreed.media[0].fec_pt, 0);
}

static void silence_is_agreed_on(void **state)
{
    (void)state;
    struct sl_sdp_local client = side("client", false, false), server = side("server", true, true);
    struct sl_sdp_agreed at_server, at_client;
    write_offer(&client);
    server.audio = false;
    int len = answer_to(&server, &at_server);
    assert_true(len > 0);
    assert_int_equal(sl_sdp_accept(answer, (size_t)len, &client, &at_client, &why), 0);
    assert_int_equal(at_client.media_count, 1);
    assert_int_equal(at_client.media[0].kind, SL_VIDEO);
    both_ends_agree(&at_client, &at_server);

    client.video = false; /* sound alone: its mid is then 0 */
    server.audio = true;
    write_offer(&client);
    len = answer_to(&server, &at_server);
    assert_true(len > 0);
    assert_int_equal(sl_sdp_accept(answer, (size_t)len, &client, &at_client, &why), 0);
    assert_int_equal(at_client.media_count, 1);
    assert_int_equal(at_client.media[0].kind, SL_AUDIO);
    assert_string_equal(at_client.media[0].mid, "0");
    both_ends_agree(&at_client, &at_server);
}

/* Offer and answer of a sender with a second video, by ends as they are now. */
static int agree_on_sub(const struct sl_sdp_local *client, const struct sl_sdp_local *server,
                        const char *from, const char *to, struct sl_sdp_agreed *at_client)
{
    struct sl_sdp_agreed at_server;
    write_offer(client);
    if (from)
        edit(from, to);
    const int len = answer_to(server, &at_server);
    assert_true(len > 0);
    assert_int_equal(sl_sdp_accept(answer, (size_t)len, client, at_client, &why), 0);
    assert_int_equal(at_client->media_count, at_server.media_count);
    return at_client->media_count;
}

static void a_second_video_is_agreed_on(void **state)
{
    (void)state;
    struct sl_sdp_local client = side("client", true, false), server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    client.sub = server.sub = true;
    client.fec = server.fec = true;
    assert_int_equal(agree_on_sub(&client, &server, NULL, NULL, &agreed), 3);
    const struct sl_sdp_media *sub = &agreed.media[2];
    assert_int_equal(sub->kind, SL_VIDEO_SUB);
    assert_string_equal(sub->mid, "2");
    assert_int_equal(sub->ssrc, 60);
    assert_int_equal(sub->rtx_ssrc, 70);
    assert_true(sub->pli && sub->nack && sub->ccfb);
    assert_int_equal(sub->fec_pt, 0);
    assert_int_equal(agreed.media[0].kind, SL_VIDEO);
    assert_true(sub->pt != agreed.media[0].pt && sub->rtx_pt != agreed.media[0].rtx_pt);
    assert_non_null(strstr(answer, "a=group:BUNDLE 0 1 2\r\n"));

    client.audio = false;
    assert_int_equal(agree_on_sub(&client, &server, NULL, NULL, &agreed), 2);
    assert_int_equal(agreed.media[1].kind, SL_VIDEO_SUB);
    assert_string_equal(agreed.media[1].mid, "1");
}

/* Of a foreign peer, by a receiver that has no use for it, or of a profile that viewers of the
 * first did not agree to: rejected in place, and the rest is taken. */
static void a_second_video_may_be_left_out(void **state)
{
    (void)state;
    struct sl_sdp_local client = side("client", true, false), server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    client.sub = server.sub = true;
    assert_int_equal(agree_on_sub(&client, &server, "a=tool:sightline", "a=tool:foreign", &agreed),
                     2);
    assert_non_null(strstr(answer, "m=video 0 UDP/TLS/RTP/SAVPF 102\r\n"));
    assert_non_null(strstr(answer, "a=group:BUNDLE 0 1\r\n"));
    assert_int_equal(agreed.media[0].kind, SL_VIDEO);
    assert_int_equal(agreed.media[1].kind, SL_AUDIO);

    strcpy(server.h264_profiles[1], "640034");
    assert_int_equal(agree_on_sub(&client, &server,
                                  "fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;"
                                  "profile-level-id=42e01f",
                                  "fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;"
                                  "profile-level-id=64001f",
                                  &agreed),
                     2);
    assert_non_null(strstr(answer, "m=video 0 UDP/TLS/RTP/SAVPF 102\r\n"));

    server.sub = false;
    assert_int_equal(agree_on_sub(&client, &server, NULL, NULL, &agreed), 2);
    assert_non_null(strstr(answer, "m=video 0 UDP/TLS/RTP/SAVPF 102\r\n"));
    server.sub = true;
    client.sub = false;
    assert_int_equal(agree_on_sub(&client, &server, NULL, NULL, &agreed), 2);
}

/* What cannot be taken as the first video is not taken as the second either. */
static void a_second_video_needs_a_first(void **state)
{
    (void)state;
    struct sl_sdp_local client = side("client", true, false), server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    client.sub = server.sub = true;
    client.audio = false;
    write_offer(&client);
    edit("H264/90000", "H265/90000");
    assert_true(answer_to(&server, &agreed) > 0);
    assert_int_equal(agreed.media_count, 1);
    assert_int_equal(agreed.media[0].kind, SL_VIDEO);
    assert_string_equal(agreed.media[0].mid, "1");
}

static void the_senders_own_profile_is_taken(void **state)
{
    (void)state;
    struct sl_sdp_local client = side("client", true, false), server = side("server", false, true);
    strcpy(client.h264_profiles[0], "640020");
    strcpy(client.h264_profiles[1], "42e01f");
    strcpy(server.h264_profiles[0], "42e01f");
    strcpy(server.h264_profiles[1], "640034");
    struct sl_sdp_agreed at_server, at_client;
    write_offer(&client);
    const int len = answer_to(&server, &at_server);
    assert_true(len > 0);
    assert_string_equal(at_server.media[0].h264_profile, "640020");
    assert_int_equal(sl_sdp_accept(answer, (size_t)len, &client, &at_client, &why), 0);
    both_ends_agree(&at_client, &at_server);

    edit("a=tool:sightline\r\n", ""); /* another program sends what the receiver likes best */
    assert_true(answer_to(&server, &at_server) > 0);
    assert_string_equal(at_server.media[0].h264_profile, "42e01f");
    assert_non_null(strstr(answer, "profile-level-id=42e01f;x-google-start-bitrate=2500"));
}

static void a_viewer_gets_only_what_it_can_show(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", false, false);
    struct sl_sdp_local server = side("server", true, true);
    struct sl_sdp_agreed agreed;
    static const struct {
        const char *camera, *offered;
        int wanted;
    } cases[] = {
        {"42e01f", "42e01f", 1}, {"42c01f", "42e01f", 1}, {"42e01f", "42c01f", 1},
        {"42e01f", "4d001f", 1}, {"42e01f", "64001f", 1}, {"42e01f", "58c01f", 1},
        {"64001f", "42e01f", 0}, {"4d001f", "42e01f", 0}, {"4d401f", "64001f", 1},
        {"64001f", "640c1f", 0}, {"640c1f", "64001f", 1}, {"64001f", "f4001f", 1},
        {"640028", "64001f", 1}, /* level-asymmetry-allowed: the level is ignored */
        {"42e01f", "zzzzzz", 0}, {"42e01f", "990000", 0}, {"42e01f", "42e01", 0},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        strcpy(server.h264_profiles[0], cases[i].camera);
        write_offer(&client);
        char line[64];
        snprintf(line, sizeof(line), "profile-level-id=%s", cases[i].offered);
        edit("profile-level-id=42e01f", line);
        const int len = answer_to(&server, &agreed);
        if (cases[i].wanted != (len > 0))
            fail_msg("camera %s, viewer %s: %d", cases[i].camera, cases[i].offered, len);
        if (len < 0)
            assert_int_equal(len, -ENOTSUP);
    }
    strcpy(server.h264_profiles[0], "42e028");
    write_offer(&client);
    edit("level-asymmetry-allowed=1;", "");
    assert_int_equal(answer_to(&server, &agreed), -ENOTSUP); /* 3.1 does not hold 4.0 */
    edit("profile-level-id=42e01f", "profile-level-id=42E028");
    assert_true(answer_to(&server, &agreed) > 0);
}

static void h264_without_fu_a_is_refused(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", false, false);
    const struct sl_sdp_local server = side("server", true, true);
    struct sl_sdp_agreed agreed;
    write_offer(&client);
    edit("packetization-mode=1", "packetization-mode=0");
    assert_int_equal(answer_to(&server, &agreed), -ENOTSUP);
    assert_non_null(strstr(why, "no H.264 in the offer"));
}

static void the_setup_rules(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", true, false);
    const struct sl_sdp_local server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    static const struct {
        const char *offered, *answered;
        bool dtls_client;
    } cases[] = {
        {"actpass", "passive", false}, {"active", "passive", false}, {"passive", "active", true}};
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        write_offer(&client);
        for (int m = 0; m < 2; m++) {
            char line[64];
            snprintf(line, sizeof(line), "a=SETUP:%s", cases[i].offered);
            edit("a=setup:actpass", line);
        }
        for (int m = 0; m < 2; m++)
            edit("a=SETUP", "a=setup");
        assert_true(answer_to(&server, &agreed) > 0);
        assert_int_equal(agreed.dtls_client, cases[i].dtls_client);
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "a=setup:%s\r\n", cases[i].answered);
        assert_non_null(strstr(answer, wanted));
    }
    /* An answer must choose. */
    const int len = answer_to(&server, &agreed);
    assert_true(len > 0);
    struct sl_sdp_agreed at_client;
    memcpy(strstr(answer, "a=setup:"), "a=sETup:", 8);
    assert_int_equal(sl_sdp_accept(answer, (size_t)len, &client, &at_client, &why), -EPROTO);
}

static void other_sections_are_rejected_in_place(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", false, false);
    const struct sl_sdp_local server = side("server", true, true);
    write_offer(&client);
    edit("BUNDLE 0 1", "BUNDLE data 0 1 again");
    edit("m=video 9",
         "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\nm=video 9");
    const char *video = strstr(offer, "m=video");
    const char *audio = strstr(offer, "m=audio");
    char second[4096];
    snprintf(second, sizeof(second), "%.*s", (int)(audio - video), video);
    strcat(offer, second);
    char *last_mid = NULL;
    for (char *at = offer; (at = strstr(at, "a=mid:0")); at++)
        last_mid = at;
    memcpy(last_mid, "a=mid:9", 7);
    struct sl_sdp_agreed agreed;
    assert_true(answer_to(&server, &agreed) > 0);
    assert_int_equal(agreed.media_count, 2);
    assert_non_null(strstr(answer, "a=group:BUNDLE 0 1\r\n"));
    const char *order[] = {"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n",
                           "a=mid:data\r\n",
                           "m=video 9 ",
                           "a=mid:0\r\n",
                           "m=audio 9 ",
                           "a=mid:1\r\n",
                           "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n",
                           "a=mid:9\r\n"};
    const char *at = answer;
    for (size_t i = 0; i < SL_COUNT(order); i++) {
        at = strstr(at, order[i]);
        if (!at)
            fail_msg("\"%s\" is missing or out of order", order[i]);
    }
    /* The transport of the first section that was taken, not of the data channel. */
    assert_string_equal(agreed.remote.ufrag, "client-ufrag");
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", true, false);
    const struct sl_sdp_local server = side("server", false, true);
    static const struct {
        const char *from, *to;
        int error;
        const char *why;
    } cases[] = {
        {"v=0", "v=1", -EBADMSG, "v=0"},
        {"a=group:BUNDLE 0 1", "a=group:BUNDLE 0", -EBADMSG, "BUNDLE"},
        {"a=ice-ufrag:client-ufrag", "a=ice-ufrag:cli", -EBADMSG, "ice-ufrag"},
        {"a=ice-ufrag:client-ufrag", "a=ice-ufrag:cli:ent", -EBADMSG, "ice-ufrag"},
        {"a=ice-pwd:password", "a=ice-pwd:", -EBADMSG, "ice-pwd"},
        {"a=fingerprint:sha-256 63:", "a=fingerprint:sha-256 6G:", -EBADMSG, "fingerprint"},
        {"a=fingerprint:sha-256", "a=fingerprint:sha-1", -EBADMSG, "fingerprint"},
        {"a=sendonly", "a=recvonly", 1, ""}, /* the sound alone is left */
        {"s=-", "s=-\nX", -EBADMSG, "letter"},
        {"m=video 9", "m=video x", -EBADMSG, "media line"},
        {"a=mid:0", "a=mid:0123456789abcdef", -EBADMSG, "a=mid"},
        {"a=mid:0", "a=mid:a b", -EBADMSG, "a=mid"},
        {"s=-", "a=ice-lite\r\ns=-", -EPROTO, "ice-lite"},
        {"H264/90000", "VP8/90000", -ENOTSUP, "H.264"},
    };
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        write_offer(&client);
        edit(cases[i].from, cases[i].to);
        struct sl_sdp_agreed agreed;
        const int len = answer_to(&server, &agreed);
        if (cases[i].error > 0 ? len < 0 : len != cases[i].error)
            fail_msg("%s: %d, wanted %d", cases[i].to, len, cases[i].error);
        if (len < 0 && !strstr(why, cases[i].why))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].to, why, cases[i].why);
    }
    write_offer(&client);
    struct sl_sdp_agreed agreed;
    const struct sl_sdp_local whep = side("server", true, true);
    assert_int_equal(answer_to(&whep, &agreed), -EPROTO); /* a WHIP offer to WHEP */
    assert_non_null(strstr(why, "direction"));
    for (int m = 0; m < 2; m++)
        edit("a=rtcp-mux\r\n", "");
    assert_int_equal(answer_to(&server, &agreed), -EBADMSG);
    assert_non_null(strstr(why, "rtcp-mux"));
}

static void repeat(const char *line, int times)
{
    size_t len = strlen(offer);
    for (int i = 0; i < times; i++) {
        memcpy(offer + len, line, strlen(line) + 1);
        len += strlen(line);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", true, false);
    const struct sl_sdp_local server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    write_offer(&client);
    int lines = 0;
    for (const char *at = offer; (at = strchr(at, '\n')); at++)
        lines++;
    repeat("a=x\r\n", SL_SDP_MAX_LINES - lines);
    assert_true(answer_to(&server, &agreed) > 0);
    repeat("a=x\r\n", 1);
    assert_int_equal(answer_to(&server, &agreed), -EBADMSG);
    assert_non_null(strstr(why, "too many lines"));
    repeat("a=x\r\n", 8000);
    assert_int_equal(answer_to(&server, &agreed), -EBADMSG);

    write_offer(&client);
    size_t len = strlen(offer);
    memset(offer + len, 'x', SL_SDP_MAX_BYTES - len);
    memcpy(offer + len, "a=", 2);
    offer[SL_SDP_MAX_BYTES] = '\0';
    assert_true(answer_to(&server, &agreed) > 0);
    strcpy(offer + SL_SDP_MAX_BYTES, "x");
    assert_int_equal(answer_to(&server, &agreed), -EBADMSG);
    assert_non_null(strstr(why, "too long"));
    memset(offer + len + 2, 'x', (1 << 20) - len - 2);
    offer[1 << 20] = '\0';
    assert_int_equal(answer_to(&server, &agreed), -EBADMSG);

    write_offer(&client);
    repeat("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", SL_SDP_SECTIONS - 2);
    assert_true(answer_to(&server, &agreed) > 0);
    repeat("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", 1);
    assert_int_equal(answer_to(&server, &agreed), -EBADMSG);

    write_offer(&client);
    repeat("a=candidate:1 1 udp 1 192.0.2.1 9000 typ host\r\n", 3 * SL_SDP_CANDIDATES);
    assert_true(answer_to(&server, &agreed) > 0);
    char small[64];
    assert_int_equal(
        sl_sdp_answer(offer, strlen(offer), &server, &agreed, small, sizeof(small), &why),
        -EMSGSIZE);
    assert_int_equal(sl_sdp_write_offer(&client, small, sizeof(small)), -EMSGSIZE);
}

static void an_answer_must_be_for_the_offer(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", true, false);
    const struct sl_sdp_local server = side("server", false, true);
    static const struct {
        const char *from, *to;
        int error;
    } cases[] = {
        {"m=video 9 ", "m=audio 9 ", -EBADMSG},
        {"m=video 9 ", "m=video 0 ", -ENOTSUP},
        {"a=recvonly", "a=sendonly", -EPROTO},
        {" 96 97\r", " 98 97\r", -ENOTSUP},
        {"H264", "H265", -ENOTSUP},
        {"a=mid:0", "a=mid:7", -EBADMSG},
        {"a=rtcp-mux\r", "a=rtcp-mix\r", -EBADMSG},
        {"a=fingerprint", "a=fingerpaint", -EBADMSG},
        {"a=setup:passive", "a=setup:actpass", -EPROTO},
    };
    write_offer(&client);
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        struct sl_sdp_agreed agreed, before;
        assert_true(answer_to(&server, &agreed) > 0);
        strcpy(offer, answer); /* edit() works there */
        edit(cases[i].from, cases[i].to);
        memset(&agreed, 0x5a, sizeof(agreed));
        memcpy(&before, &agreed, sizeof(agreed));
        const int error = sl_sdp_accept(offer, strlen(offer), &client, &agreed, &why);
        if (error != cases[i].error)
            fail_msg("%s: %d, wanted %d", cases[i].to, error, cases[i].error);
        assert_memory_equal(&agreed, &before, sizeof(agreed)); /* outputs on success only */
        write_offer(&client);
    }
}

static void extension_ids_are_echoed_if_both_can_write_them(void **state)
{
    (void)state;
    const struct sl_sdp_local client = side("client", true, false);
    const struct sl_sdp_local server = side("server", false, true);
    struct sl_sdp_agreed agreed;
    write_offer(&client);
    edit("a=extmap:2 ", "a=extmap:14/sendonly ");
    edit("a=extmap:3 ", "a=extmap:200 ");
    assert_true(answer_to(&server, &agreed) > 0);
    assert_int_equal(agreed.media[0].ids.abs_capture_time, 14);
    assert_int_equal(agreed.media[0].ids.playout_delay, 200);
    edit("a=extmap-allow-mixed\r\n", "");
    assert_true(answer_to(&server, &agreed) > 0);
    assert_int_equal(agreed.media[0].ids.playout_delay, 0);
    assert_null(strstr(answer, "extmap-allow-mixed"));
    assert_null(strstr(answer, "playout-delay"));
    edit("a=extmap:14/sendonly ", "a=extmap:15 ");
    assert_true(answer_to(&server, &agreed) > 0);
    assert_int_equal(agreed.media[0].ids.abs_capture_time, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_programs_agree),
        cmocka_unit_test(the_best_fec_is_agreed_on),
        cmocka_unit_test(foreign_fec_is_not_taken),
        cmocka_unit_test(silence_is_agreed_on),
        cmocka_unit_test(a_second_video_is_agreed_on),
        cmocka_unit_test(a_second_video_may_be_left_out),
        cmocka_unit_test(a_second_video_needs_a_first),
        cmocka_unit_test(the_senders_own_profile_is_taken),
        cmocka_unit_test(a_viewer_gets_only_what_it_can_show),
        cmocka_unit_test(h264_without_fu_a_is_refused),
        cmocka_unit_test(the_setup_rules),
        cmocka_unit_test(other_sections_are_rejected_in_place),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(an_answer_must_be_for_the_offer),
        cmocka_unit_test(extension_ids_are_echoed_if_both_can_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
