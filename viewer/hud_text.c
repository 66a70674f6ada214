/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "viewer/hud.h"

const char *sl_hud_age_text(sl_ns age, char out[SL_HUD_TEXT])
{
    out[0] = '\0';
    if (age == SL_NEVER)
        return out;
    const sl_ns ms = (age + SL_MS / 2) / SL_MS;
    if (ms < 1000)
        snprintf(out, SL_HUD_TEXT, "%lld ms", (long long)ms);
    else if (ms < 100 * 1000)
        snprintf(out, SL_HUD_TEXT, "%.1f s", (double)age / (double)SL_SEC);
    else
        snprintf(out, SL_HUD_TEXT, "%lld min", (long long)(ms / 60000));
    return out;
}

const char *sl_hud_delay_text(sl_ns delay, char out[SL_HUD_TEXT])
{
    out[0] = '\0';
    if (delay < SL_MS / 2)
        return out;
    snprintf(out, SL_HUD_TEXT, "delay %lld ms", (long long)((delay + SL_MS / 2) / SL_MS));
    return out;
}

/* "07:05", "1:07:05". */
static void clock_text(int seconds, char *out, size_t len)
{
    if (seconds < 3600)
        snprintf(out, len, "%02d:%02d", seconds / 60, seconds % 60);
    else
        snprintf(out, len, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

const char *sl_hud_state_text(const struct sl_tile_view *view, char out[SL_HUD_TEXT])
{
    char since[24] = "";
    clock_text(view->stale_s, since, sizeof(since));
    switch (view->state) {
    case SL_TILE_CONNECTING:
        snprintf(out, SL_HUD_TEXT, "CONNECTING");
        break;
    case SL_TILE_STALE:
        snprintf(out, SL_HUD_TEXT, "STALE %s", since);
        break;
    case SL_TILE_RECONNECTING:
        snprintf(out, SL_HUD_TEXT, view->has_picture ? "RECONNECTING %s" : "RECONNECTING", since);
        break;
    case SL_TILE_LIVE:
        out[0] = '\0';
        break;
    }
    return out;
}
