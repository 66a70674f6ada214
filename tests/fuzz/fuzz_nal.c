/* SPDX-License-Identifier: MIT */
/* Annex B bytes: every NAL lies inside, in order; an SPS that can be read can be rewritten, says
 * the same size after it, and stays as it is when rewritten again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "media/nal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void rewrite(const struct sl_nal *nal)
{
    static uint8_t once[4096], twice[4096];
    struct sl_sps before, after;
    const int err = sl_sps_read(&before, nal->data, nal->len);
    const int len = sl_sps_no_reorder(nal->data, nal->len, once, sizeof(once));
    require((err < 0) == (len < 0));
    if (len < 0)
        return;
    require(before.width > 0 && before.height > 0);
    if (sl_sps_read(&after, once, (size_t)len) < 0) {
        require((size_t)len > 1000); /* it may have outgrown the limit of what is read */
        return;
    }
    require(after.width == before.width && after.height == before.height);
    require(after.bitstream_restriction && after.num_reorder_frames == 0);
    require(after.max_dec_frame_buffering == before.num_ref_frames);
    const int same = sl_sps_no_reorder(once, (size_t)len, twice, sizeof(twice));
    require(same == len && !memcmp(once, twice, (size_t)len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    const uint8_t *end = data + size;
    const uint8_t *last = data;
    struct sl_nal nal;
    while (sl_nal_next(&at, end, &nal)) {
        require(nal.len > 0 && nal.data >= last && nal.data + nal.len <= end);
        last = nal.data + nal.len;
        rewrite(&nal);
        (void)sl_sei_recovers_here(nal.data, nal.len);
        (void)sl_slice_is_b(nal.data, nal.len);
    }
    return 0;
}
