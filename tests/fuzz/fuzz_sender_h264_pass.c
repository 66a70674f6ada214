/* SPDX-License-Identifier: MIT */
/* Access units as a camera may send them: every slice comes out as it went in, in order. */
#include <stdlib.h>
#include <string.h>

#include "sender/h264_pass.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool next_slice(const uint8_t **at, const uint8_t *end, struct sl_nal *ret)
{
    while (sl_nal_next(at, end, ret))
        if ((ret->data[0] & 0x1f) >= 1 && (ret->data[0] & 0x1f) <= 5)
            return true;
    return false;
}

static void same_slices(const uint8_t *data, size_t size, const struct sl_h264_passed *passed)
{
    const uint8_t *in = data, *out = passed->data;
    struct sl_nal a, b;
    while (next_slice(&in, data + size, &a)) {
        require(next_slice(&out, passed->data + passed->len, &b));
        require(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    }
    require(!next_slice(&out, passed->data + passed->len, &b));
}

/* Twice: what was remembered of the first is in front of the second. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_h264_pass *pass;
    struct sl_h264_passed passed;
    char profile[7];
    if (sl_h264_pass_create(&pass, size))
        return 0;
    for (int i = 0; i < 2; i++)
        if (sl_h264_pass_unit(pass, data, size, &passed) == 0)
            same_slices(data, size, &passed);
    const struct sl_sps *sps = sl_h264_pass_sps(pass);
    if (sps && sl_h264_pass_profile(sps, profile) == 0)
        require(strlen(profile) == 6);
    sl_h264_pass_destroy(pass);
    return 0;
}
