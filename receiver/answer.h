/* SPDX-License-Identifier: MIT */
/* The receiver's SDP answers: to a WHIP offer (we receive) and to a WHEP offer (we send). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/random.h"
#include "dtls/dtls.h"
#include "receiver/reach.h"
#include "sdp/sdp.h"

struct sl_answer_config {
    struct sl_reach reach;
    const struct sl_dtls_identity *identity;
};

/* `profile`: of the camera (WHEP); "" or NULL: not known. As sl_sdp_answer(). */
SL_MUST_CHECK int sl_answer_make(const struct sl_answer_config *config, struct sl_random *random,
                                 bool publish, const char *profile, const char *offer,
                                 size_t offer_len, struct sl_sdp_agreed *ret, char *answer,
                                 size_t size, const char **why);
