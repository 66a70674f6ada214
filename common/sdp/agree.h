/* SPDX-License-Identifier: MIT */
/*
 * What both directions of reading an SDP share: is a section for us, and the transport and
 * features it names. Internal to sdp/. Pure.
 */
#pragma once

#include <stdbool.h>

#include "sdp/parse.h"
#include "sdp/sdp.h"

/* "video", "audio" */
const char *sl_sdp_kind_name(enum sl_media_kind kind);

/* UDP/TLS/RTP/SAVPF or SAVP. */
bool sl_sdp_is_secure(const struct sl_sdp_section *section);

/* True if the other side's direction answers ours. */
bool sl_sdp_direction_fits(const struct sl_sdp_section *section, bool we_send);

bool sl_sdp_is_h264(const struct sl_sdp_payload *payload);
bool sl_sdp_is_opus(const struct sl_sdp_payload *payload);

/* The RTX payload type of `pt`, 0 if there is none. */
uint8_t sl_sdp_rtx_of(const struct sl_sdp_section *section, uint8_t pt);

/* "x-rs-fec", "flexfec-03" */
const char *sl_sdp_fec_name(enum sl_sdp_fec fec);

/* The repair payload type of the kind and clock rate, 0 if there is none. */
uint8_t sl_sdp_fec_of(const struct sl_sdp_section *section, enum sl_sdp_fec fec);

/* Fills pt, rtx_pt, clock, feedback, mid, ids and the other side's SSRCs. */
void sl_sdp_fill_media(struct sl_sdp_media *media, const struct sl_sdp_document *document,
                       const struct sl_sdp_section *section, enum sl_media_kind kind, uint8_t pt);

/* Takes FEC of the best kind that the section has, and its SSRC if that is of `media`. */
void sl_sdp_fill_fec(struct sl_sdp_media *media, const struct sl_sdp_section *section);

/* ufrag, pwd, fingerprint, setup, candidates of the section. 0 or -EBADMSG. */
SL_MUST_CHECK int sl_sdp_fill_transport(struct sl_sdp_transport *ret,
                                        const struct sl_sdp_document *document,
                                        const struct sl_sdp_section *section, const char **why);
