/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/types.h"
#include "whip/attempt.h"

static void each_try_is_a_new_session(void **state)
{
    (void)state;
    struct sl_random random;
    sl_random_init_seed(&random, 3);
    const uint8_t fingerprint[SL_FINGERPRINT_BYTES] = {7};
    struct sl_sdp_local first, second;
    sl_attempt_describe(&first, true, true, false, false, "640028", fingerprint, &random);
    sl_attempt_describe(&second, false, true, true, true, "", fingerprint, &random);
    assert_true(first.sends && !second.sends);
    assert_false(first.audio);
    assert_true(second.fec && !first.fec);
    assert_true(second.fec_ssrc != 0 && second.fec_ssrc != first.fec_ssrc);
    assert_string_equal(first.h264_profiles[0], "640028");
    assert_string_equal(first.h264_profiles[1], ""); /* it can send nothing else */
    assert_string_equal(second.h264_profiles[1], "42e034");
    assert_int_equal(first.transport.fingerprint[0], 7);
    assert_int_equal(strlen(first.transport.ufrag), 8);
    assert_int_equal(strlen(first.transport.pwd), 24);
    assert_string_not_equal(first.transport.ufrag, second.transport.ufrag);
    assert_string_not_equal(first.transport.pwd, second.transport.pwd);
    assert_string_not_equal(first.cname, second.cname);
    const uint32_t ssrcs[] = {first.ssrc[0],      first.ssrc[1],     first.rtx_ssrc[0],
                              first.rtx_ssrc[1],  second.ssrc[0],    second.ssrc[1],
                              second.rtx_ssrc[0], second.rtx_ssrc[1]};
    for (size_t i = 0; i < SL_COUNT(ssrcs); i++) {
        assert_int_not_equal(ssrcs[i], 0);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(ssrcs[i], ssrcs[j]);
    }
}

static struct sl_addr addr(const char *text)
{
    struct sl_addr ret;
    assert_int_equal(sl_addr_parse(&ret, text), 0);
    return ret;
}

static void remotes(const char *peer, const char *const *told, const char *const *wanted)
{
    struct sl_sdp_transport transport = {.candidate_count = 0};
    while (told[transport.candidate_count]) {
        transport.candidates[transport.candidate_count] = addr(told[transport.candidate_count]);
        transport.candidate_count++;
    }
    const struct sl_addr from = peer ? addr(peer) : (struct sl_addr){.sa = {0}};
    sl_attempt_remotes(&transport, &from);
    int count = 0;
    for (; wanted[count]; count++) {
        char text[SL_ADDR_TEXT];
        assert_true(count < transport.candidate_count);
        assert_string_equal(sl_addr_text(&transport.candidates[count], text), wanted[count]);
    }
    assert_int_equal(transport.candidate_count, count);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void whom_to_try(void **state)
{
    (void)state;
    /* Behind NAT: where the answer came from, with the media port, goes first. */
    remotes("203.0.113.9:443", LIST("10.0.0.2:8443"), LIST("203.0.113.9:8443", "10.0.0.2:8443"));
    /* The same address is not tried twice; each port told is. */
    remotes("127.0.0.1:8443", LIST("127.0.0.1:8443", "198.51.100.1:9000"),
            LIST("127.0.0.1:8443", "127.0.0.1:9000", "198.51.100.1:9000"));
    /* One socket, one family. */
    remotes("[::1]:8443", LIST("192.0.2.1:8443", "[2001:db8::1]:8443"),
            LIST("[::1]:8443", "[2001:db8::1]:8443"));
    remotes(NULL, LIST("192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.2:1"),
            LIST("192.0.2.1:1", "192.0.2.2:1"));
    remotes("192.0.2.1:1", (const char *const[]){NULL}, (const char *const[]){NULL});
}

static void more_than_fit(void **state)
{
    (void)state;
    struct sl_sdp_transport transport = {.candidate_count = SL_SDP_CANDIDATES};
    for (int i = 0; i < SL_SDP_CANDIDATES; i++) {
        transport.candidates[i] = addr("192.0.2.1:1000");
        sl_addr_set_port(&transport.candidates[i], (uint16_t)(1000 + i));
    }
    const struct sl_addr peer = addr("192.0.2.7:443");
    sl_attempt_remotes(&transport, &peer);
    assert_int_equal(transport.candidate_count, SL_SDP_CANDIDATES);
    assert_true(sl_addr_same_host(&transport.candidates[SL_SDP_CANDIDATES - 1], &peer));
}

static void what_a_status_means(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum sl_attempt_verdict viewer, sender, after_live; /* after_live: a viewer's */
    } cases[] = {
        {201, SL_ATTEMPT_ANSWERED, SL_ATTEMPT_ANSWERED, SL_ATTEMPT_ANSWERED},
        {200, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN},
        {302, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN},
        {400, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL, SL_ATTEMPT_AGAIN},
        {401, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL},
        {403, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL},
        {404, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL},
        {406, SL_ATTEMPT_FINAL, SL_ATTEMPT_FINAL, SL_ATTEMPT_AGAIN},
        {409, SL_ATTEMPT_NOT_LIVE, SL_ATTEMPT_AGAIN, SL_ATTEMPT_NOT_LIVE},
        {429, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN},
        {503, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN, SL_ATTEMPT_AGAIN},
    };
    char reason[128];
    for (size_t i = 0; i < SL_COUNT(cases); i++) {
        const int status = cases[i].status;
        assert_int_equal(sl_attempt_judge(status, false, false, "yard", reason, sizeof(reason)),
                         cases[i].viewer);
        assert_int_equal(sl_attempt_judge(status, true, false, "yard", reason, sizeof(reason)),
                         cases[i].sender);
        assert_int_equal(sl_attempt_judge(status, false, true, "yard", reason, sizeof(reason)),
                         cases[i].after_live);
    }
    sl_attempt_judge(409, true, false, "yard", reason, sizeof(reason));
    assert_string_equal(reason, "another sender is live on camera yard");
    sl_attempt_judge(409, false, false, "yard", reason, sizeof(reason));
    assert_string_equal(reason, "camera is not live");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_try_is_a_new_session),
        cmocka_unit_test(whom_to_try),
        cmocka_unit_test(more_than_fit),
        cmocka_unit_test(what_a_status_means),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
