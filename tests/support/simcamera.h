/* SPDX-License-Identifier: MIT */
/*
 * A synthetic camera: H.264 access units whose every byte follows from their number, packed as the
 * sender packs them, so that whoever gets a frame can say which it is and whether it is whole.
 *
 *     each 33 ms ─▶ SPS PPS IDR | P slice ─▶ sl_h264_pack ─▶ packets ─▶ sim_end_send
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/simhop.h"

struct sim_camera_config {
    sl_ns interval;                  /* 0: 33,333,333 ns */
    uint32_t gop;                    /* frames; 0: 60 */
    size_t key_bytes, picture_bytes; /* 0: 20,000 and 4,000 (about 1.1 Mb/s) */
    size_t payload_max;              /* 0: 1100 */
    size_t frames;                   /* in all */
    uint32_t first_frame;            /* its number and, times 3000, its timestamp */
    int64_t first_seq;
    bool timed;           /* timestamps say when; else number x 3000, whatever was skipped */
    uint64_t nominal_bps; /* of these sizes; frames follow the session's target from it; 0: not */
};

struct sim_camera_frame {
    sl_ns sent; /* of the sim */
    bool key;
    int packets;
};

struct sim_camera {
    struct sim_camera_config config;
    struct sim_end *to;
    struct sim_camera_frame *frames; /* config.frames of them */
    size_t count;
    int64_t seq;
    uint32_t since_key;
    bool key_wanted; /* the next frame will be one */
    bool stopped;
    size_t skipped; /* pictures that the session did not want */
    size_t refused; /* packets that the session did not take */
};

void sim_camera_init(struct sim_camera *camera, const struct sim_camera_config *config,
                     struct sim_end *to);
void sim_camera_start(struct sim_camera *camera);
void sim_camera_fini(struct sim_camera *camera);

/* The number of a whole frame in Annex B form; -1 if it is not one that a camera made. */
int64_t sim_camera_frame_number(const uint8_t *annexb, size_t len);
