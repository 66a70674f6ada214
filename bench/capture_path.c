/* SPDX-License-Identifier: MIT */
#include "bench/capture_path.h"

int sl_capture_path_next(struct sl_capture_path *path, uint8_t *pixels)
{
    return path->kind->next(path, pixels);
}

void sl_capture_path_close(struct sl_capture_path *path)
{
    if (path)
        path->kind->close(path);
}

bool sl_capture_path_encoded(const struct sl_capture_path *path)
{
    return path->encoded;
}

double sl_capture_path_bytes(const struct sl_capture_path *path)
{
    return path->bytes;
}
