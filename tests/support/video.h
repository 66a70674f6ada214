/* SPDX-License-Identifier: MIT */
/*
 * A source of H.264 packets for tests: not pictures, but NAL units of the right types whose
 * payload says which frame they are of, packed by media/h264_pack.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/packet.h"

#define SL_TEST_VIDEO_PACKETS 64

struct sl_test_video {
    int64_t seq;        /* of the next packet */
    uint32_t timestamp; /* of the next frame */
    uint32_t step;      /* clock ticks a frame */
    uint32_t number;    /* of the next frame */
    size_t count;       /* packets of the last frame */
    struct sl_rtp_packet packets[SL_TEST_VIDEO_PACKETS];
    uint8_t bytes[SL_TEST_VIDEO_PACKETS][SL_RTP_PLAIN_MAX];
};

void sl_test_video_init(struct sl_test_video *video, int64_t seq, uint32_t timestamp);

struct sl_test_frame {
    bool key;
    bool unreferenced;
    bool no_sets; /* a key frame without parameter sets */
    int slices;   /* 0: 1 */
    size_t bytes; /* of all slices together; 0: 3000 */
};

/* Makes video->packets[0 .. count). The capture time is the frame's number in seconds. */
void sl_test_video_frame(struct sl_test_video *video, const struct sl_test_frame *frame);

/* The number of the frame that an access unit (Annex B) was made of; fails the test if it is not
 * exactly what was packed. */
uint32_t sl_test_video_check(const uint8_t *annexb, size_t len);
