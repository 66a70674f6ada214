/* SPDX-License-Identifier: MIT */
/* An SDP as an offer to us, both ways, and as the answer to an offer of ours. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sdp/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sl_sdp_local local_of(bool sends)
{
    return (struct sl_sdp_local){
        .transport = {.ufrag = "ufrag", .pwd = "passwordpasswordpassword"},
        .sends = sends,
        .video = true,
        .audio = true,
        .sub = true,
        .h264_profiles = {"640020", "42e01f"},
        .cname = "yard",
        .ssrc = {1, 3, 5},
        .rtx_ssrc = {2, 4, 6},
    };
}

static void check(const struct sl_sdp_agreed *agreed)
{
    if (agreed->media_count < 1 || agreed->media_count > SL_MEDIA_KINDS ||
        agreed->remote.candidate_count > SL_SDP_CANDIDATES || strlen(agreed->remote.ufrag) < 4 ||
        strlen(agreed->remote.pwd) < 22)
        abort();
    for (int i = 0; i < agreed->media_count; i++) {
        const struct sl_sdp_media *media = &agreed->media[i];
        if (media->pt > 127 || media->rtx_pt > 127 || strlen(media->mid) > 15 ||
            (media->rtx_ssrc && !media->rtx_pt) || media->clock_hz == 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int sends = 0; sends < 2; sends++) {
        const struct sl_sdp_local local = local_of(sends);
        struct sl_sdp_agreed agreed;
        const char *why = NULL;
        char answer[8192];
        const int len =
            sl_sdp_answer((const char *)data, size, &local, &agreed, answer, sizeof(answer), &why);
        if (len >= 0) {
            check(&agreed);
            /* What we write, we can read: an answer is as good an SDP as an offer. */
            struct sl_sdp_agreed mirrored;
            struct sl_sdp_local other = local_of(!sends);
            char second[8192];
            if (strlen(answer) != (size_t)len ||
                sl_sdp_answer(answer, (size_t)len, &other, &mirrored, second, sizeof(second),
                              &why) == -EBADMSG)
                abort();
        } else if (!why) {
            abort();
        }
        why = NULL;
        if (sl_sdp_accept((const char *)data, size, &local, &agreed, &why) == 0)
            check(&agreed);
        else if (!why)
            abort();
    }
    return 0;
}
