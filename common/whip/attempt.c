/* SPDX-License-Identifier: MIT */
#include "whip/attempt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint32_t new_ssrc(struct sl_random *random)
{
    uint32_t ssrc;
    do
        ssrc = sl_random_u32(random);
    while (ssrc == 0);
    return ssrc;
}

void sl_attempt_describe(struct sl_sdp_local *ret, bool publish, bool video, bool audio, bool fec,
                         const char *h264_profile, const uint8_t *fingerprint,
                         struct sl_random *random)
{
    *ret = (struct sl_sdp_local){
        .sends = publish,
        .video = video,
        .audio = audio,
        .fec = video && fec,
        .session_id = sl_random_u64(random),
    };
    sl_random_text(random, ret->transport.ufrag, 8);
    sl_random_text(random, ret->transport.pwd, 24);
    memcpy(ret->transport.fingerprint, fingerprint, SL_FINGERPRINT_BYTES);
    snprintf(ret->cname, sizeof(ret->cname), "%016" PRIx64, sl_random_u64(random));
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        ret->ssrc[kind] = new_ssrc(random);
        ret->rtx_ssrc[kind] = new_ssrc(random);
    }
    ret->fec_ssrc = new_ssrc(random);
    if (publish) {
        snprintf(ret->h264_profiles[0], sizeof(ret->h264_profiles[0]), "%s", h264_profile);
    } else { /* libavcodec shows all of them */
        strcpy(ret->h264_profiles[0], "640034");
        strcpy(ret->h264_profiles[1], "42e034");
    }
}

static void add_candidate(struct sl_sdp_transport *remote, const struct sl_addr *addr)
{
    for (int i = 0; i < remote->candidate_count; i++) {
        if (sl_addr_equal(&remote->candidates[i], addr))
            return;
    }
    if (remote->candidate_count < SL_SDP_CANDIDATES)
        remote->candidates[remote->candidate_count++] = *addr;
}

void sl_attempt_remotes(struct sl_sdp_transport *remote, const struct sl_addr *peer)
{
    const struct sl_sdp_transport told = *remote;
    remote->candidate_count = 0;
    for (int i = 0; i < told.candidate_count && sl_addr_is_set(peer); i++) {
        struct sl_addr addr = *peer;
        sl_addr_set_port(&addr, sl_addr_port(&told.candidates[i]));
        add_candidate(remote, &addr);
    }
    for (int i = 0; i < told.candidate_count; i++) {
        const struct sl_addr *first =
            remote->candidate_count ? &remote->candidates[0] : &told.candidates[i];
        if (told.candidates[i].sa.sa_family == first->sa.sa_family)
            add_candidate(remote, &told.candidates[i]);
    }
}

static void describe(int status, bool publish, const char *camera, char *out, size_t size)
{
    switch (status) {
    case 401:
        snprintf(out, size, "the receiver does not accept the link's token");
        break;
    case 403:
        snprintf(out, size, "the link's token is not for camera %s", camera);
        break;
    case 404:
        snprintf(out, size, "the receiver has no camera %s", camera);
        break;
    case 406:
        snprintf(out, size, "no codec in common with the receiver");
        break;
    case 409:
        if (publish)
            snprintf(out, size, "another sender is live on camera %s", camera);
        else
            snprintf(out, size, "camera is not live");
        break;
    default:
        snprintf(out, size, "the receiver answered %d", status);
    }
}

enum sl_attempt_verdict sl_attempt_judge(int status, bool publish, bool was_live,
                                         const char *camera, char *reason, size_t size)
{
    describe(status, publish, camera, reason, size);
    if (status == 201)
        return SL_ATTEMPT_ANSWERED;
    if (status == 409)
        return publish ? SL_ATTEMPT_AGAIN : SL_ATTEMPT_NOT_LIVE;
    if (status == 401 || status == 403 || status == 404)
        return SL_ATTEMPT_FINAL;
    if (was_live || status == 408 || status == 425 || status == 429)
        return SL_ATTEMPT_AGAIN;
    return status >= 400 && status < 500 ? SL_ATTEMPT_FINAL : SL_ATTEMPT_AGAIN;
}
