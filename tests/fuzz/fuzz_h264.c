/* SPDX-License-Identifier: MIT */
/*
 * Input: bytes taken as an SPS, as an Opus packet, as an Annex B access unit, which is packed and
 * unpacked again, and as payloads of an access unit ([length 8][bytes], 255: the rest).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "media/h264_pack.h"
#include "media/h264_unpack.h"
#include "media/nal.h"
#include "media/opus.h"

#define ROOM 8192

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void try_sps(const uint8_t *data, size_t size)
{
    struct sl_sps sps, again;
    uint8_t out[1024];
    if (sl_sps_read(&sps, data, size) < 0)
        return;
    check(sps.width >= 0 && sps.height >= 0);
    const int n = sl_sps_no_reorder(data, size, out, sizeof(out));
    if (n < 0)
        return;
    check(sl_sps_read(&again, out, (size_t)n) == 0);
    check(again.bitstream_restriction && again.num_reorder_frames == 0);
    check(again.width == sps.width && again.height == sps.height);
    check(again.profile_idc == sps.profile_idc && again.level_idc == sps.level_idc);
}

struct unpacking {
    struct sl_h264_unpack unpack;
    int failed, payloads;
};

static void on_payload(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    struct unpacking *u = ctx;
    (void)last;
    check(len > 0 && len <= 64);
    (void)sl_h264_peek(payload, len);
    u->payloads++;
    u->failed |= sl_h264_unpack_add(&u->unpack, payload, len) < 0;
}

static void try_access_unit(const uint8_t *data, size_t size)
{
    static uint8_t out[4 * ROOM];
    struct unpacking u = {0};
    sl_h264_unpack_begin(&u.unpack, out, sizeof(out));
    const int n = sl_h264_pack(data, size, 64, on_payload, &u);
    if (n < 0)
        return;
    check(n == u.payloads);
    check(u.unpack.len <= sizeof(out));
    (void)!sl_h264_unpack_end(&u.unpack);
}

static void try_payloads(const uint8_t *data, size_t size)
{
    static uint8_t out[ROOM];
    struct sl_h264_unpack unpack = {0};
    const size_t room = size > 0 ? 64u + data[0] * 16u : 64;
    sl_h264_unpack_begin(&unpack, out, room);
    for (size_t at = 0; at < size;) {
        size_t len = data[at++];
        if (len == 255 || len > size - at)
            len = size - at;
        (void)sl_h264_peek(data + at, len);
        if (sl_h264_unpack_add(&unpack, data + at, len) < 0)
            return;
        check(unpack.len <= room);
        at += len;
    }
    const int n = sl_h264_unpack_end(&unpack);
    check(n < 0 || (size_t)n <= room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > ROOM)
        return 0;
    try_sps(data, size);
    const int samples = sl_opus_samples(data, size);
    check(samples < 0 || (samples >= 120 && samples <= 5760));
    try_access_unit(data, size);
    try_payloads(data, size);
    return 0;
}
