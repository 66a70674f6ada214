/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "receiver/export_avc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An avcC whose first byte is how much of the rest is parameter sets to add to it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_export_avc avc;
    uint8_t out[2048];
    if (size < 1)
        return 0;
    const size_t sets_len = data[0] < size - 1 ? data[0] : size - 1;
    const uint8_t *sets = data + 1, *avcc = sets + sets_len;
    const size_t len = size - 1 - sets_len;
    if (sl_export_avc_read(&avc, avcc, len) == 0 && (avc.free_id < 1 || avc.free_id > 31))
        abort();
    const int merged = sl_export_avc_merge(out, sizeof(out), avcc, len, sets, sets_len);
    if (merged > (int)sizeof(out) || (merged > 0 && (size_t)merged < len))
        abort();
    (void)sl_export_avc_idr(data, size);
    return 0;
}
