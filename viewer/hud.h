/* SPDX-License-Identifier: MIT */
/*
 * HUD: what is written on the tiles, by SDL2_ttf in DejaVu Sans.
 *
 * Each text is rendered once into a bitmap of coverage and kept until another one takes its place;
 * drawing is a blend of a few thousand pixels (10 us). Whatever the level, a tile that is not live
 * says so: OFF leaves out only what is written on live pictures. Main thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "viewer/canvas.h"
#include "viewer/tile.h"

enum sl_hud_level { SL_HUD_OFF, SL_HUD_NAMES, SL_HUD_FULL };

struct sl_hud;

/* 0, or -ENOENT if the font is not there (one sentence in `why`). */
SL_MUST_CHECK int sl_hud_create(struct sl_hud **ret, enum sl_hud_level level, char *why,
                                size_t why_len);
void sl_hud_destroy(struct sl_hud *hud);

/* The texts of one tile, as they were rendered last. */
struct sl_hud_label;
SL_MUST_CHECK int sl_hud_label_create(struct sl_hud_label **ret);
void sl_hud_label_destroy(struct sl_hud_label *label);

#define SL_HUD_TEXT 128

struct sl_hud_content {
    const char *name, *location; /* location "" if none */
    const char *reason;          /* why it is not live; "" if there is nothing to say */
    struct sl_tile_view view;
    bool selected; /* draw the frame of the selection */
    bool sound;    /* its sound is on */
    bool motion;   /* something moves before it */
    sl_ns delay;   /* for which its pictures are held back */
    /* What its network does, whole and for a tile that has no room for that; "" or NULL: nothing
     * worth telling. A tile too small for either goes without. */
    const char *net, *net_brief;
    bool net_harm; /* it did harm that was not repaired in time */
};

/* True if drawing `content` would differ from what was drawn last. Words about the network do not
 * count: they wait for the next picture, which draws all of the tile anyway. */
bool sl_hud_changed(const struct sl_hud *hud, const struct sl_hud_label *label,
                    const struct sl_hud_content *content);
/* Draws over `cell`, which lies within the canvas, and nowhere else. */
void sl_hud_draw(struct sl_hud *hud, struct sl_hud_label *label, const struct sl_canvas *canvas,
                 struct sl_rect cell, const struct sl_hud_content *content);

/* "12 ms", "1.2 s", "3 min"; "" if unknown. Pure. */
const char *sl_hud_age_text(sl_ns age, char out[SL_HUD_TEXT]);
/* "delay 45 ms"; "" if nothing is held back, or for less than half a millisecond. Pure. */
const char *sl_hud_delay_text(sl_ns delay, char out[SL_HUD_TEXT]);

/* What became of the packets of the last seconds. */
struct sl_hud_net {
    double loss_percent; /* before repair */
    uint64_t by_fec, by_resend, late, given_up;
    double kbps;
    double overhead_percent; /* of repair, beside the media */
    sl_ns rtt;               /* 0: unknown */
};
/* From here on a round trip is worth telling though nothing is lost. */
#define SL_HUD_RTT_NOTABLE (100 * SL_MS)
/* "loss 4.8 % · fec 47 · resent 3 · 2.0 Mb/s +26 % · rtt 41 ms", without what is 0, or brief just
 * "loss 4.8 %"; "" on a network that there is nothing to tell of. Pure. */
const char *sl_hud_net_text(const struct sl_hud_net *net, bool brief, char out[SL_HUD_TEXT]);
/* "STALE 00:07", "NO SIGNAL 00:07", "CONNECTING", "RECONNECTING 01:02", "" when live. Pure. */
const char *sl_hud_state_text(const struct sl_tile_view *view, char out[SL_HUD_TEXT]);
