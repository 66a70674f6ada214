/* SPDX-License-Identifier: MIT */
/* The file that marks a store: whatever is on a disk, a UUID of it is one, or there is none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "receiver/storage_marker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) /* in a release build too */
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char uuid[SL_SEGMENT_UUID_BYTES + 1];
    const size_t len = size < SL_STORAGE_MARKER_BYTES ? size : SL_STORAGE_MARKER_BYTES;
    char *text = malloc(len ? len : 1); /* without a NUL behind it */
    must(text != NULL);
    memcpy(text, data, len);
    memset(uuid, 'x', sizeof(uuid));
    if (sl_storage_marker_parse(text, len, uuid)) {
        must(strlen(uuid) == SL_SEGMENT_UUID_BYTES - 1);
        must(strspn(uuid, "0123456789abcdef-") == SL_SEGMENT_UUID_BYTES - 1);
        must(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-');
    } else {
        must(uuid[0] == 'x'); /* nothing was written */
    }
    must(uuid[SL_SEGMENT_UUID_BYTES] == 'x');
    free(text);
    return 0;
}
