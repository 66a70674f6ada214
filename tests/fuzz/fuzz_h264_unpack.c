/* SPDX-License-Identifier: MIT */
/* Payloads, each after its length (16 bits); the first byte is the size of the buffer / 16. What
 * was put together and packed again comes apart the same. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "media/h264_pack.h"
#include "media/h264_unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_bytes(void *ctx, const uint8_t *payload, size_t len, bool last)
{
    size_t *bytes = ctx;
    if (len == 0 || len > 64 || payload[0] == 0)
        abort();
    *bytes += len;
    (void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_reader r = sl_reader(data, size);
    const size_t room = sl_read8(&r) * (size_t)16;
    uint8_t *out = malloc(room ? room : 1); /* its own, so that ASan sees one byte too far */
    if (!out)
        abort();
    struct sl_h264_unpack unpack = {0};
    int err = 0;
    for (int unit = 0; unit < 2; unit++) { /* the second meets remembered sets */
        struct sl_reader payloads = r;
        sl_h264_unpack_begin(&unpack, out, room);
        while (sl_reader_left(&payloads)) {
            const size_t len = sl_read16(&payloads);
            const uint8_t *payload = sl_read_bytes(&payloads, len);
            if (!payload)
                break;
            (void)sl_h264_peek(payload, len);
            err = sl_h264_unpack_add(&unpack, payload, len);
            if (unpack.len > room)
                abort();
        }
    }
    const int len = sl_h264_unpack_end(&unpack);
    size_t bytes = 0;
    if (err == 0 && len > 0 && sl_h264_pack(out, (size_t)len, 64, count_bytes, &bytes) == -EINVAL)
        abort();
    free(out);
    return 0;
}
