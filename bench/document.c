/* SPDX-License-Identifier: MIT */
#include "bench/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/store.h"
#include "bench/view.h"

bool sl_document_is_one(const cJSON *document)
{
    return sl_view_number(document, "sightline_bench") == SL_DOCUMENT_VERSION &&
           sl_view_array(document, "benches") != NULL;
}

int sl_document_load(cJSON **ret, const char *path)
{
    char *text;
    const int err = sl_store_read(path, SL_DOCUMENT_BYTES, &text);
    if (err != 0) {
        fprintf(stderr, "sightline-bench: %s: %s\n", path, strerror(-err));
        return err == -EINVAL ? -EIO : err;
    }
    cJSON *document = cJSON_Parse(text);
    free(text);
    if (!sl_document_is_one(document)) {
        fprintf(
            stderr,
            "sightline-bench: got '%s', wanted results of sightline-bench (\"sightline_bench\": "
            "%d)\n",
            path, SL_DOCUMENT_VERSION);
        cJSON_Delete(document);
        return -EINVAL;
    }
    *ret = document;
    return 0;
}
