/* SPDX-License-Identifier: MIT */
/*
 * What callers of /api/v1/ ask for: parameters of a query, one by one, each with what was wanted if
 * it is wrong. Pure.
 *
 *     times      RFC 3339 (2026-11-20T14:30:00Z, +01:00), or UTC microseconds
 *     durations  250ms 5s 15m 2h
 *     cursor     what the page before gave; of the very same query
 */
#pragma once

#include "receiver/catalogue.h"

#define SL_API_PAGE_MAX 1000
#define SL_API_PAGE_DEFAULT 100
#define SL_API_CURSOR_TEXT 40

struct sl_api_query {
    char camera[SL_NAME_BYTES], location[SL_LOCATION_BYTES], event[16];
    char ticket[128];
    int64_t from_us, to_us; /* 0: not given */
    int64_t longer_us, shorter_us;
    int limit;
    bool newest_first;
    struct sl_catalogue_cursor cursor;
    uint32_t cursor_of; /* the query that it belongs to */
    bool has_cursor;
};

/* Parameters that a route takes. */
enum {
    SL_API_TAKES_FILTER = 1, /* camera location from to longer shorter event limit cursor order */
    SL_API_TAKES_RANGE = 2,  /* from to */
    SL_API_TAKES_TICKET = 4,
    SL_API_TAKES_MARKS = 8, /* camera from to limit order cursor */
};

void sl_api_query_init(struct sl_api_query *query);
/* One parameter. False with what was given and wanted in `why`. */
SL_MUST_CHECK bool sl_api_query_set(struct sl_api_query *query, int takes, const char *key,
                                    const char *value, char why[SL_STORE_WHY]);
/* All were set: do they fit together? */
SL_MUST_CHECK bool sl_api_query_end(const struct sl_api_query *query, char why[SL_STORE_WHY]);

/* A range that is given whole, and not longer than media may be. */
SL_MUST_CHECK bool sl_api_range_valid(int64_t from_us, int64_t to_us, char why[SL_STORE_WHY]);

/* It points into the query. */
struct sl_segment_filter sl_api_query_filter(const struct sl_api_query *query);

/* The cursor of the next page of this query. */
void sl_api_cursor_text(const struct sl_api_query *query, const struct sl_catalogue_cursor *cursor,
                        char out[SL_API_CURSOR_TEXT]);

/* RFC 3339 or microseconds. 0 or -EINVAL. */
SL_MUST_CHECK int sl_api_time(const char *text, int64_t *ret_us);
/* 2026-11-20T14:30:00.000000Z */
#define SL_API_TIME_TEXT 40
void sl_api_time_text(int64_t us, char out[SL_API_TIME_TEXT]);
