/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "stun/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_stun_message message;
    if (sl_stun_read(&message, data, size) < 0)
        return 0;
    (void)!sl_stun_verify(&message, data, size, "password");
    uint32_t sum = 0; /* touch what is pointed at, so that ASan sees it */
    for (size_t i = 0; i < message.username_len; i++)
        sum += (uint8_t)message.username[i];
    const char *ufrag;
    const int len = sl_stun_peek_ufrag(data, size, &ufrag);
    for (int i = 0; i < len; i++)
        sum += (uint8_t)ufrag[i];
    if (message.integrity_offset >= size || message.fingerprint_offset >= size)
        abort();
    return sum == UINT32_MAX;
}
