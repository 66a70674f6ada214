/* SPDX-License-Identifier: MIT */
/*
 * Which SSRC carries what: announced in the SDP, or learned from the payload type of an
 * authenticated packet. A new SSRC under a payload type takes over (the source restarted); the
 * one before is retired and never comes back. At most 16 in the life of a session.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

#define SL_SOURCES_MAX 16

enum sl_source_role { SL_SOURCE_MEDIA, SL_SOURCE_RTX, SL_SOURCE_FEC, SL_SOURCE_RETIRED };

struct sl_source {
    uint32_t ssrc;
    enum sl_media_kind kind;
    enum sl_source_role role;
};

/* Zero-initialised is ready. */
struct sl_sources {
    struct sl_source list[SL_SOURCES_MAX];
    int count;
    int last; /* where the last lookup ended */
};

/* NULL if unknown. */
const struct sl_source *sl_sources_find(struct sl_sources *sources, uint32_t ssrc);
/* Adds, retiring what had this kind and role before. NULL if there is no room. */
const struct sl_source *sl_sources_add(struct sl_sources *sources, uint32_t ssrc,
                                       enum sl_media_kind kind, enum sl_source_role role);
