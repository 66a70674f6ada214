/* SPDX-License-Identifier: MIT */
/*
 * SDP text put together: the lines that offers and answers share. Text goes into a buffer that
 * cannot overflow; `failed` says that it was too small. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"
#include "sdp/sdp.h"

struct sl_sdp_text {
    char *start;
    size_t len, size;
    bool failed;
};

void sl_sdp_say(struct sl_sdp_text *text, const char *format, ...) SL_PRINTF(2, 3);

/* v= o= s= t= and who we are. */
void sl_sdp_say_session(struct sl_sdp_text *text, const struct sl_sdp_local *local);
/* ICE, DTLS; candidates only if `candidates` (they stand in one section of a BUNDLE). */
void sl_sdp_say_transport(struct sl_sdp_text *text, const struct sl_sdp_transport *transport,
                          bool candidates);
void sl_sdp_say_extensions(struct sl_sdp_text *text, const struct sl_rtp_extension_ids *ids);
/* rtpmap, fmtp and rtcp-fb of media->pt, and its RTX. `extra` is appended to the fmtp. */
void sl_sdp_say_codec(struct sl_sdp_text *text, const struct sl_sdp_media *media,
                      const char *extra);
/* rtpmap and fmtp of a repair stream; nothing for none. */
void sl_sdp_say_fec(struct sl_sdp_text *text, enum sl_sdp_fec fec, uint8_t pt);
/* msid and SSRCs of what we send. */
void sl_sdp_say_sources(struct sl_sdp_text *text, const struct sl_sdp_media *media);
