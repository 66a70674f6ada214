/* SPDX-License-Identifier: MIT */
#include "receiver/http_range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t");
}

/* `etag` is in the list, or it is "*". `weak`: W/"x" is "x". Section 8.8.3. */
static bool list_has(const char *list, const char *etag, bool weak)
{
    const size_t len = strlen(etag);
    if (strcmp(skip_space(list), "*") == 0)
        return true;
    for (const char *at = list; *at;) {
        at += strspn(at, " \t,");
        const bool is_weak = strncmp(at, "W/", 2) == 0;
        at += is_weak ? 2 : 0;
        if (*at != '"')
            return false;
        const char *end = strchr(at + 1, '"');
        if (!end)
            return false;
        if ((weak || !is_weak) && (size_t)(end + 1 - at) == len && strncmp(at, etag, len) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* Digits; false if there are none, or more than fit (such a place is behind every end). */
static bool read_number(const char **text, uint64_t *ret)
{
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++)
        value = value > (UINT64_MAX - 9) / 10 ? UINT64_MAX : value * 10 + (uint64_t)(*at - '0');
    if (at == *text)
        return false;
    *text = at;
    *ret = value;
    return true;
}

/* "bytes=" 1-3, 1- or -3; anything else is passed over. */
static enum sl_http_part read_range(const char *text, uint64_t length, uint64_t *first,
                                    uint64_t *count)
{
    uint64_t from = 0, to = UINT64_MAX, suffix = 0;
    if (strncasecmp(text, "bytes=", 6) != 0)
        return SL_HTTP_ALL;
    text = skip_space(text + 6);
    const bool has_from = read_number(&text, &from);
    if (*text++ != '-')
        return SL_HTTP_ALL;
    const bool has_to = read_number(&text, has_from ? &to : &suffix);
    if (*skip_space(text) != '\0' || (!has_from && !has_to) || (has_from && has_to && to < from))
        return SL_HTTP_ALL;
    if (has_from ? from >= length : suffix == 0 || length == 0)
        return SL_HTTP_NO_PART;
    if (!has_from)
        from = suffix < length ? length - suffix : 0;
    if (to >= length)
        to = length - 1;
    *first = from;
    *count = to - from + 1;
    return SL_HTTP_PART;
}

enum sl_http_part sl_http_part(const struct sl_http_conditions *conditions, const char *etag,
                               uint64_t length, uint64_t *first, uint64_t *count)
{
    *first = 0;
    *count = length;
    if (conditions->if_match && !list_has(conditions->if_match, etag, false))
        return SL_HTTP_OTHER_VERSION;
    if (conditions->if_none_match && list_has(conditions->if_none_match, etag, true))
        return SL_HTTP_NOT_MODIFIED;
    if (!conditions->range || !conditions->get)
        return SL_HTTP_ALL;
    /* A date never is what we said: a strong comparison (section 13.1.5). */
    if (conditions->if_range && strcmp(skip_space(conditions->if_range), etag) != 0)
        return SL_HTTP_ALL;
    return read_range(conditions->range, length, first, count);
}
