/* SPDX-License-Identifier: MIT */
#include "receiver/answer.h"

#include <stdio.h>
#include <string.h>

#define ICE_UFRAG_CHARS 16 /* a key of ours, so random enough to be unique */
#define ICE_PWD_CHARS 32

/* 1..0x7fffffff: browsers read SSRCs into signed numbers here and there, and 0 means none. */
static uint32_t make_ssrc(struct sl_random *random)
{
    return sl_random_range(random, 1, 0x7fffffff);
}

static void fill_transport(const struct sl_answer_config *config, struct sl_random *random,
                           struct sl_sdp_transport *ret)
{
    sl_random_text(random, ret->ufrag, ICE_UFRAG_CHARS);
    sl_random_text(random, ret->pwd, ICE_PWD_CHARS);
    memcpy(ret->fingerprint, sl_dtls_identity_fingerprint(config->identity), SL_FINGERPRINT_BYTES);
    ret->setup = SL_SDP_PASSIVE;
    ret->ice_lite = true;
    sl_reach_candidates(&config->reach, ret);
}

int sl_answer_make(const struct sl_answer_config *config, struct sl_random *random, bool publish,
                   const char *profile, const char *offer, size_t offer_len,
                   struct sl_sdp_agreed *ret, char *answer, size_t size, const char **why)
{
    struct sl_sdp_local local = {
        .sends = !publish,
        .video = true,
        .audio = true,
        .sub = publish,
        .fec = true,
        .session_id = sl_random_u64(random) >> 2,
        .start_bitrate_kbps = publish ? 2500 : 0, /* 720p in 2 s instead of 14 (protocol.md) */
    };
    fill_transport(config, random, &local.transport);
    if (publish) {
        /* A browser sends what we name first: the one that every other browser shows. */
        strcpy(local.h264_profiles[0], "42e034");
        strcpy(local.h264_profiles[1], "640034");
        strcpy(local.h264_profiles[2], "4d0034");
    } else {
        snprintf(local.h264_profiles[0], sizeof(local.h264_profiles[0]), "%s",
                 profile && profile[0] ? profile : "42e01f");
        sl_random_text(random, local.cname, 16);
        for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
            local.ssrc[kind] = make_ssrc(random);
            local.rtx_ssrc[kind] = make_ssrc(random);
        }
        local.fec_ssrc = make_ssrc(random);
    }
    return sl_sdp_answer(offer, offer_len, &local, ret, answer, size, why);
}
