/* SPDX-License-Identifier: MIT */
/*
 * The whole path of a camera in virtual time: camera, uplink, relay, viewer's leg, jitter buffer,
 * and a wall that shows the newest picture.
 *
 *     camera ══ up ══▶ relay ══ down ══▶ jitter buffer ─▶ decoded ─▶ due ─▶ shown
 *
 * Everything but the pictures is the real thing: sessions with their rate control, parity and
 * resends on both legs, the relay, the adaptive delay. What a frame takes in encoder, decoder and
 * screen is left out, so ages are those of the network and of what repairs it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jitter/jitter.h"
#include "receiver/relay.h"
#include "tests/support/simcamera.h"

#define SIM_PATH_CLEAN_LAN                                                                         \
    (struct sim_link_config)                                                                       \
    {                                                                                              \
        .delay = 300 * SL_US, .jitter = 500 * SL_US                                                \
    }

struct sim_path_config {
    uint64_t seed;
    struct sim_link_config up, up_back; /* from the camera, to it */
    struct sim_link_config down, down_back;
    struct sim_camera_config camera; /* 0: 720p30 at 2 Mb/s */
    uint64_t ceiling_bps, floor_bps; /* 0: 2 Mb/s and 300 kb/s */
    int fec_percent;                 /* SL_FEC_AUTO ... of the camera */
    bool no_fec;                     /* not even agreed, on both legs */
    sl_ns latency;                   /* of the viewer; SL_JITTER_AUTO */
    double camera_ppm, viewer_ppm;   /* clocks that run too fast */
    /* Told of what the relay is, by its clock; or NULL. */
    void (*tap)(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet, sl_ns now);
    void *tap_ctx;
};

struct sim_path_frame {
    sl_ns decoded; /* when it came out of the buffer; 0: never */
    sl_ns shown;   /* when it was the newest one due; 0: never */
};

struct sim_path {
    struct sim_path_config config;
    struct sim *sim;
    struct sim_clock camera_clock, relay_clock, viewer_clock;
    struct sim_hop in, out;
    struct sim_camera camera;
    struct sl_relay *relay;
    struct sim_timer relay_timer, jitter_timer;
    struct sl_feed feed;
    struct sl_jitter *jitter;
    struct sim_path_frame *frames;
    int64_t decoded, waiting; /* the last one out; the one that waits to be shown; -1: none */
    sl_ns waiting_due;
    size_t breaks;
};

/* Connected and sending. Aborts on failure, as all of sim does. */
void sim_path_open(struct sim_path *path, const struct sim_path_config *config);
/* Asserts that every counter balances, and that no frame came out without its reference. */
void sim_path_close(struct sim_path *path);

/* Of the frames captured in [from, until) of the sim. */
struct sim_path_figures {
    size_t frames;             /* captured */
    double captured, decoded;  /* 1/s */
    double shown;              /* 1/s */
    double lost;               /* share that never came out of the buffer */
    sl_ns p50, p98, p99, most; /* age of what was shown */
    sl_ns freeze;              /* the longest time without a new picture */
    double calm_minutes;       /* share of whole minutes without a freeze over 130 ms */
};

struct sim_path_figures sim_path_judge(const struct sim_path *path, sl_ns from, sl_ns until);
/* Parity and resends per byte of media, of the uplink, from the beginning. */
double sim_path_overhead(const struct sim_path *path);
/* One line to stdout. */
void sim_path_print(const char *name, const struct sim_path *path,
                    const struct sim_path_figures *figures);
