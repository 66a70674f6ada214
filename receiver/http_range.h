/* SPDX-License-Identifier: MIT */
/*
 * Conditions and ranges of a request for something with a strong ETag and a known length (RFC 9110
 * sections 13 and 14). Pure.
 *
 * One range is answered by 206. Several, another unit, or what is no range at all: the field is
 * passed over, as section 14.2 permits, and everything is sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum sl_http_part {
    SL_HTTP_ALL,           /* 200 */
    SL_HTTP_PART,          /* 206: `first` and `count` */
    SL_HTTP_NO_PART,       /* 416 */
    SL_HTTP_NOT_MODIFIED,  /* 304 */
    SL_HTTP_OTHER_VERSION, /* 412 */
};

/* The fields' values, NULL for what was not sent. */
struct sl_http_conditions {
    const char *range, *if_range, *if_match, *if_none_match;
    bool get; /* only GET has ranges */
};

enum sl_http_part sl_http_part(const struct sl_http_conditions *conditions, const char *etag,
                               uint64_t length, uint64_t *first, uint64_t *count);
