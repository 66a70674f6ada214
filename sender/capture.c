/* SPDX-License-Identifier: MIT */
#include "sender/capture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct sl_capture_kind *const kinds[] = {&sl_capture_test,
                                                      &sl_capture_y4m,
                                                      &sl_capture_file,
                                                      &sl_capture_v4l2,
                                                      &sl_capture_rtsp,
                                                      &sl_capture_rtsps,
                                                      NULL};

const struct sl_capture_kind *sl_capture_find(const char *source, const char **rest)
{
    for (int i = 0; kinds[i]; i++) {
        const size_t len = strlen(kinds[i]->prefix);
        if (strncmp(source, kinds[i]->prefix, len) != 0)
            continue;
        if (kinds[i]->prefix[len - 1] == ':' ? !source[len] : source[len] != 0)
            continue;
        *rest = source + len;
        return kinds[i];
    }
    return NULL;
}

int sl_capture_open(struct sl_capture **ret, const char *source,
                    const struct sl_capture_config *config, char *why, size_t why_len)
{
    const char *rest;
    const struct sl_capture_kind *kind = sl_capture_find(source, &rest);
    if (!kind) {
        snprintf(why, why_len, "no such kind of source; wanted " SL_CAPTURE_KINDS);
        return -ENOTSUP;
    }
    return kind->open(ret, rest, config, why, why_len);
}

int sl_capture_next(struct sl_capture *capture, uint8_t *pixels, sl_ns *captured)
{
    return capture->kind->next(capture, pixels, captured);
}

int sl_capture_next_unit(struct sl_capture *capture, struct sl_capture_unit *ret)
{
    return capture->kind->next_unit(capture, ret);
}

bool sl_capture_request_key(struct sl_capture *capture)
{
    return capture->kind->request_key && capture->kind->request_key(capture);
}

void sl_capture_set_bitrate(struct sl_capture *capture, int64_t bps)
{
    if (capture->kind->set_bitrate)
        capture->kind->set_bitrate(capture, bps);
}

void sl_capture_close(struct sl_capture *capture)
{
    if (capture)
        capture->kind->close(capture);
}

size_t sl_capture_bytes(const struct sl_capture *capture)
{
    return (size_t)capture->width * (size_t)capture->height * 3 / 2;
}
