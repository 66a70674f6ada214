/* SPDX-License-Identifier: MIT */
#include "session/sources.h"

#include <stddef.h>

const struct sl_source *sl_sources_find(struct sl_sources *sources, uint32_t ssrc)
{
    if (sources->last < sources->count && sources->list[sources->last].ssrc == ssrc)
        return &sources->list[sources->last];
    for (int i = 0; i < sources->count; i++) {
        if (sources->list[i].ssrc == ssrc) {
            sources->last = i;
            return &sources->list[i];
        }
    }
    return NULL;
}

const struct sl_source *sl_sources_add(struct sl_sources *sources, uint32_t ssrc,
                                       enum sl_media_kind kind, enum sl_source_role role)
{
    if (sources->count == SL_SOURCES_MAX)
        return NULL;
    for (int i = 0; i < sources->count; i++)
        if (sources->list[i].kind == kind && sources->list[i].role == role)
            sources->list[i].role = SL_SOURCE_RETIRED;
    struct sl_source *source = &sources->list[sources->count++];
    *source = (struct sl_source){.ssrc = ssrc, .kind = kind, .role = role};
    return source;
}
