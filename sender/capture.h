/* SPDX-License-Identifier: MIT */
/*
 * Capture: where pictures come from, behind one face.
 *
 *     SOURCE ──▶ open ──▶ next, next, ... (blocks until there is a picture) ──▶ close
 *                    └──▶ next_unit, next_unit, ... where it comes encoded
 *
 * A source is asked for one size and gives tightly packed I420 of exactly that, each picture with
 * the moment it was captured. It keeps real time whether or not anybody watches. One thread calls
 * next(); what next() waits for ends at once when the halt of the config is set.
 *
 * A source that is `encoded` gives H.264 access units instead, which are sent as they are. Which of
 * both it does is settled by open() and stays so; so is its profile. It owes what an encoder owes:
 * units in the order of decoding, which is that of display (no B slices); SPS and PPS in front of
 * each key frame, the SPS saying that nothing is reordered (sender/h264_pass.h does both); `key`
 * for pictures that decoding can begin with; after one that it lost, nothing before the next key
 * frame. Size, rate and frames per second of the config are wishes that it need not know: it
 * tells what it heeds of them.
 *
 * Kinds are const structs in a NULL-terminated list, found by the prefix of SOURCE.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/types.h"
#include "sender/halt.h"
#include "sender/rtsp.h"

struct sl_audio;

struct sl_capture_config {
    struct sl_frame_size size; /* 0x0: the source's own */
    int fps;                   /* 0: the source's own; the test source's default is 30 */
    bool loop;
    const char *format;  /* of a device, as --format names it; NULL: the best */
    bool pictures;       /* more is made of them than H.264: encoded only if nothing else */
    int64_t bitrate_bps; /* of a device that encodes; 0: its own */
    sl_ns gop;           /* the same */
    int retries;         /* tries in a row to find a device that went away; -1: forever */
    enum sl_rtsp_transport rtsp_transport;
    bool sound;                 /* give the source's own sound, where it has one */
    const char *name;           /* shown by the test source */
    sl_ns epoch;                /* of sl_time_epoch() */
    const struct sl_halt *halt; /* outlives the capture */
};

/* What an encoded source did of the wishes of its config. */
struct sl_capture_heeds {
    bool mode; /* size and rate, as far as it offers them */
    bool bitrate, gop;
};

struct sl_capture {
    const struct sl_capture_kind *kind;
    int width, height; /* of what next() gives: even */
    int fps_num, fps_den;
    bool full_range;
    bool stored; /* plays from its beginning: worth starting only once somebody watches */
    struct sl_audio *sound; /* its own sound, closed with it; NULL if it has none */
    atomic_bool away;       /* the device is gone, and looked for: no pictures until it is back */
    const char *why; /* set before next() or next_unit() fails, where errno does not say it */

    bool encoded;                  /* next_unit() is called, not next() */
    struct sl_capture_heeds heeds; /* encoded */
    int64_t bitrate_bps;           /* encoded: what it seems to send; 0: not known */
    char h264_profile[7];          /* encoded: profile-level-id (RFC 6184 section 8.1), "42e01f" */
};

/* One access unit, Annex B; `data` is the source's, until its next call. */
struct sl_capture_unit {
    const uint8_t *data;
    size_t len;
    bool key;
    sl_ns captured;
};

struct sl_capture_kind {
    const char *prefix; /* "y4m:"; without the colon the whole SOURCE */
    /* `rest` is SOURCE behind the prefix. 0 or -errno; `why` gets one sentence without SOURCE. */
    int (*open)(struct sl_capture **ret, const char *rest, const struct sl_capture_config *config,
                char *why, size_t why_len);
    int (*next)(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured);
    /* Of kinds that may be `encoded`. */
    int (*next_unit)(struct sl_capture *capture, struct sl_capture_unit *ret);
    /* On the thread of next_unit(). NULL: it cannot be asked. */
    bool (*request_key)(struct sl_capture *capture);
    void (*set_bitrate)(struct sl_capture *capture, int64_t bps);
    void (*close)(struct sl_capture *capture);
};

extern const struct sl_capture_kind sl_capture_test, sl_capture_y4m, sl_capture_file,
    sl_capture_v4l2, sl_capture_rtsp, sl_capture_rtsps;

/* What a SOURCE may be, for people. */
#define SL_CAPTURE_KINDS "test, v4l2:DEVICE, y4m:PATH, y4m:-, file:PATH or rtsp://..."

/* The kind for `source` and what follows its prefix, or NULL. */
const struct sl_capture_kind *sl_capture_find(const char *source, const char **rest);

/* 0 or -errno with one sentence in `why`; -ENOTSUP for a SOURCE of no known kind. */
SL_MUST_CHECK int sl_capture_open(struct sl_capture **ret, const char *source,
                                  const struct sl_capture_config *config, char *why,
                                  size_t why_len);

/* 1: a picture is in `pixels` (width * height * 3 / 2 bytes). 0: the source has ended.
 * -ECANCELED: halted. Other -errno: it failed for good. */
SL_MUST_CHECK int sl_capture_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured);

/* The same of an encoded source: 1, and an access unit is in *ret. */
SL_MUST_CHECK int sl_capture_next_unit(struct sl_capture *capture, struct sl_capture_unit *ret);
/* A key frame is wanted soon. False if it cannot be asked: the next one comes when it comes. */
bool sl_capture_request_key(struct sl_capture *capture);
/* From now on, as near as it can; nothing where it heeds no bit rate. */
void sl_capture_set_bitrate(struct sl_capture *capture, int64_t bps);

/* NULL is fine. */
void sl_capture_close(struct sl_capture *capture);

/* Bytes of one picture. */
size_t sl_capture_bytes(const struct sl_capture *capture);
