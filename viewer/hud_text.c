/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static SL_PRINTF(2, 0) void append_args(char out[SL_HUD_TEXT], const char *format, va_list args)
{
    const size_t len = strlen(out);
    vsnprintf(out + len, SL_HUD_TEXT - len, format, args);
}

static SL_PRINTF(2, 3) void append(char out[SL_HUD_TEXT], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append_args(out, format, args);
    va_end(args);
}

/* Appends a part, after a dot if it is not the first. */
static SL_PRINTF(2, 3) void add(char out[SL_HUD_TEXT], const char *format, ...)
{
    va_list args;
    if (*out)
        append(out, " \u00b7 ");
    va_start(args, format);
    append_args(out, format, args);
    va_end(args);
}

static void add_count(char out[SL_HUD_TEXT], const char *what, uint64_t count)
{
    if (count)
        add(out, "%s %llu", what, (unsigned long long)count);
}

static void add_loss(char out[SL_HUD_TEXT], double percent)
{
    if (percent < 0.1)
        add(out, "loss < 0.1 %%");
    else
        add(out, "loss %.1f %%", percent);
}

static void add_rtt(char out[SL_HUD_TEXT], sl_ns rtt)
{
    if (rtt > 0 && rtt < SL_MS)
        add(out, "rtt < 1 ms");
    else if (rtt > 0)
        add(out, "rtt %lld ms", (long long)((rtt + SL_MS / 2) / SL_MS));
}

const char *sl_hud_net_text(const struct sl_hud_net *net, bool brief, char out[SL_HUD_TEXT])
{
    const bool lossy = net->loss_percent > 0;
    out[0] = '\0';
    if (!lossy && net->rtt < SL_HUD_RTT_NOTABLE)
        return out;
    if (lossy) {
        add_loss(out, net->loss_percent);
        if (brief)
            return out;
        add_count(out, "fec", net->by_fec);
        add_count(out, "resent", net->by_resend);
        add_count(out, "late", net->late);
        add_count(out, "given up", net->given_up);
    }
    if (!brief && net->kbps >= 1000)
        add(out, "%.1f Mb/s", net->kbps / 1000);
    else if (!brief)
        add(out, "%.0f kb/s", net->kbps);
    if (!brief && net->overhead_percent >= 0.5)
        append(out, " +%.0f %%", fmin(net->overhead_percent, 999));
    add_rtt(out, net->rtt);
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
    case SL_TILE_NO_SIGNAL:
        snprintf(out, SL_HUD_TEXT, view->has_picture ? "NO SIGNAL %s" : "NO SIGNAL", since);
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
