/* SPDX-License-Identifier: MIT */
#include "receiver/api_query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/option.h"
#include "receiver/table.h"
#include "receiver/token.h"
#include "receiver/when.h"
#include "whip/link.h"

#define LONGEST_US (24 * 3600 * INT64_C(1000000))
#define TIME_MAX_US INT64_C(253402300799999999) /* the last of the year 9999 */

/* ---- Times ---- */

/* With its offset: what an hour is where the receiver stands is nothing to go by. */
int sl_api_time(const char *text, int64_t *ret_us)
{
    char copy[64];
    const size_t len = strlen(text);
    if (len > 0 && strspn(text, "0123456789") == len)
        return sl_parse_int(text, 0, TIME_MAX_US, ret_us);
    if (len < 20 || len >= sizeof(copy) || text[10] != 'T')
        return -EINVAL;
    memcpy(copy, text, len + 1);
    char *space = strchr(copy, ' '); /* what a '+' becomes in a query if nobody escapes it */
    if (space)
        *space = '+';
    if (!strpbrk(copy + 19, "Z+-"))
        return -EINVAL;
    int64_t us;
    if (sl_when_parse(copy, 0, &us) != 0 || us < 0 || us > TIME_MAX_US)
        return -EINVAL;
    *ret_us = us;
    return 0;
}

void sl_api_time_text(int64_t us, char out[SL_API_TIME_TEXT])
{
    const time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    const size_t len = strftime(out, SL_API_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, SL_API_TIME_TEXT - len, ".%06dZ", (int)(us % 1000000));
}

/* ---- Cursors ---- */

/* Of what rows there are and in which order; of the same query from page to page. */
static uint32_t query_hash(const struct sl_api_query *query)
{
    uint8_t data[sizeof(*query)];
    struct sl_writer w = sl_writer(data, sizeof(data));
    sl_write_bytes(&w, query->camera, strlen(query->camera) + 1);
    sl_write_bytes(&w, query->location, strlen(query->location) + 1);
    sl_write_bytes(&w, query->event, strlen(query->event) + 1);
    sl_write64(&w, (uint64_t)query->from_us);
    sl_write64(&w, (uint64_t)query->to_us);
    sl_write64(&w, (uint64_t)query->longer_us);
    sl_write64(&w, (uint64_t)query->shorter_us);
    sl_write8(&w, query->newest_first);
    return sl_table_hash(data, sl_writer_len(&w));
}

void sl_api_cursor_text(const struct sl_api_query *query, const struct sl_catalogue_cursor *cursor,
                        char out[SL_API_CURSOR_TEXT])
{
    uint8_t data[20];
    sl_put64(data, (uint64_t)cursor->start_us);
    sl_put64(data + 8, (uint64_t)cursor->id);
    sl_put32(data + 16, query_hash(query));
    sl_token_base64url(data, sizeof(data), out, SL_API_CURSOR_TEXT);
}

static bool read_cursor(struct sl_api_query *query, const char *text)
{
    uint8_t data[20];
    if (sl_token_from_base64url(text, data, sizeof(data)) != sizeof(data))
        return false;
    query->cursor.start_us = (int64_t)sl_get64(data);
    query->cursor.id = (int64_t)sl_get64(data + 8);
    query->cursor_of = sl_get32(data + 16);
    query->has_cursor = true;
    return true;
}

/* ---- Parameters ---- */

static bool set_text(char *out, size_t size, const char *value)
{
    const int len = snprintf(out, size, "%s", value);
    return len > 0 && (size_t)len < size;
}

static bool set_camera(struct sl_api_query *query, const char *value)
{
    return sl_name_valid(value) && set_text(query->camera, sizeof(query->camera), value);
}

static bool set_location(struct sl_api_query *query, const char *value)
{
    return set_text(query->location, sizeof(query->location), value);
}

static bool set_event(struct sl_api_query *query, const char *value)
{
    return set_text(query->event, sizeof(query->event), value);
}

static bool set_from(struct sl_api_query *query, const char *value)
{
    return sl_api_time(value, &query->from_us) == 0;
}

static bool set_to(struct sl_api_query *query, const char *value)
{
    return sl_api_time(value, &query->to_us) == 0;
}

static bool set_duration(const char *value, int64_t *ret_us)
{
    sl_ns duration;
    if (sl_parse_duration(value, &duration) != 0)
        return false;
    *ret_us = duration / SL_US;
    return true;
}

static bool set_longer(struct sl_api_query *query, const char *value)
{
    return set_duration(value, &query->longer_us);
}

static bool set_shorter(struct sl_api_query *query, const char *value)
{
    return set_duration(value, &query->shorter_us) && query->shorter_us > 0;
}

static bool set_limit(struct sl_api_query *query, const char *value)
{
    int64_t limit;
    if (sl_parse_int(value, 1, SL_API_PAGE_MAX, &limit) != 0)
        return false;
    query->limit = (int)limit;
    return true;
}

static bool set_order(struct sl_api_query *query, const char *value)
{
    query->newest_first = strcmp(value, "newest") == 0;
    return query->newest_first || strcmp(value, "oldest") == 0;
}

static bool set_ticket(struct sl_api_query *query, const char *value)
{
    return set_text(query->ticket, sizeof(query->ticket), value);
}

#define PAGES (SL_API_TAKES_FILTER | SL_API_TAKES_MARKS)

static const struct {
    const char *key;
    int takes;
    bool (*set)(struct sl_api_query *query, const char *value);
    const char *wanted;
} parameters[] = {
    {"camera", PAGES, set_camera, "a camera's name"},
    {"location", SL_API_TAKES_FILTER, set_location, "a location of at most 128 bytes"},
    {"from", PAGES | SL_API_TAKES_RANGE, set_from,
     "a time such as 2026-11-20T14:30:00Z, or UTC microseconds"},
    {"to", PAGES | SL_API_TAKES_RANGE, set_to,
     "a time such as 2026-11-20T14:30:00Z, or UTC microseconds"},
    {"longer", SL_API_TAKES_FILTER, set_longer, "a duration such as 90s or 5m"},
    {"shorter", SL_API_TAKES_FILTER, set_shorter, "a duration such as 90s or 5m"},
    {"event", SL_API_TAKES_FILTER, set_event, "a type of event such as motion"},
    {"limit", PAGES, set_limit, "1..1000"},
    {"order", PAGES, set_order, "oldest or newest"},
    {"cursor", PAGES, read_cursor, "what the page before gave as next"},
    {"ticket", SL_API_TAKES_TICKET, set_ticket, "what POST /api/v1/media-links gave"},
};

void sl_api_query_init(struct sl_api_query *query)
{
    *query = (struct sl_api_query){.limit = SL_API_PAGE_DEFAULT};
}

static bool say_unknown(int takes, const char *key, char why[SL_STORE_WHY])
{
    int len = snprintf(why, SL_STORE_WHY, "there is no parameter '%.20s' here, only", key);
    bool any = false;
    for (size_t i = 0; i < SL_COUNT(parameters); i++) {
        if (!(parameters[i].takes & takes))
            continue;
        len += snprintf(why + len, SL_STORE_WHY - (size_t)len, " %s", parameters[i].key);
        any = true;
    }
    if (!any)
        snprintf(why, SL_STORE_WHY, "got '%.20s', there are no parameters here", key);
    return false;
}

bool sl_api_query_set(struct sl_api_query *query, int takes, const char *key, const char *value,
                      char why[SL_STORE_WHY])
{
    for (size_t i = 0; i < SL_COUNT(parameters); i++) {
        if (!(parameters[i].takes & takes) || strcmp(parameters[i].key, key) != 0)
            continue;
        if (value && parameters[i].set(query, value))
            return true;
        snprintf(why, SL_STORE_WHY, "%s: got '%.60s', wanted %s", key, value ? value : "",
                 parameters[i].wanted);
        return false;
    }
    return say_unknown(takes, key, why);
}

bool sl_api_query_end(const struct sl_api_query *query, char why[SL_STORE_WHY])
{
    if (query->from_us && query->to_us && query->from_us >= query->to_us)
        snprintf(why, SL_STORE_WHY, "from: wanted a time before to");
    else if (query->shorter_us && query->longer_us > query->shorter_us)
        snprintf(why, SL_STORE_WHY, "longer: wanted no more than shorter");
    else if (query->has_cursor && query->cursor_of != query_hash(query))
        snprintf(why, SL_STORE_WHY, "cursor: wanted one of this very query, but for its limit");
    else
        return true;
    return false;
}

bool sl_api_range_valid(int64_t from_us, int64_t to_us, char why[SL_STORE_WHY])
{
    if (from_us <= 0 || to_us <= 0)
        snprintf(why, SL_STORE_WHY, "wanted from= and to=, times such as 2026-11-20T14:30:00Z");
    else if (from_us >= to_us)
        snprintf(why, SL_STORE_WHY, "from: wanted a time before to");
    else if (to_us - from_us > LONGEST_US)
        snprintf(why, SL_STORE_WHY, "from, to: got %lld s, wanted at most 24 hours",
                 (long long)((to_us - from_us + 999999) / 1000000));
    else
        return true;
    return false;
}

struct sl_segment_filter sl_api_query_filter(const struct sl_api_query *query)
{
    return (struct sl_segment_filter){
        .camera = query->camera[0] ? query->camera : NULL,
        .location = query->location[0] ? query->location : NULL,
        .from_us = query->from_us,
        .to_us = query->to_us,
        .longer_us = query->longer_us,
        .shorter_us = query->shorter_us,
        .event = query->event[0] ? query->event : NULL,
        .newest_first = query->newest_first,
    };
}
