/* SPDX-License-Identifier: MIT */
/*
 * Pages: an index for each filter, walked in the order of the page. Of durations there are two
 * ways: a few (FEW of a million cost some 20 ms to sort) come from the index by duration, more than
 * that are near enough to each other on the walk by time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "receiver/catalogue_db.h"
#include "receiver/catalogue_rows.h"

#define FEW 150000
#define TEXT_BYTES 1024
#define VALUES_MAX 16

struct query {
    char text[TEXT_BYTES];
    size_t len;
    struct sl_db_value values[VALUES_MAX];
    int count;
};

static void add(struct query *query, const char *text)
{
    const int len = snprintf(query->text + query->len, TEXT_BYTES - query->len, "%s", text);
    query->len += (size_t)len; /* all texts are ours: the longest takes 600 bytes */
}

/* `text` has one "?", which `value` is for. */
static void add_text(struct query *query, const char *text, const char *value)
{
    add(query, text);
    query->values[query->count++].text = value;
}

static void add_number(struct query *query, const char *text, int64_t value)
{
    add(query, text);
    query->values[query->count++].number = value;
}

static int prepare(struct sl_catalogue *catalogue, const struct query *query, sqlite3_stmt **ret)
{
    const int code = sqlite3_prepare_v2(catalogue->db, query->text, (int)query->len, ret, NULL);
    if (code != SQLITE_OK)
        return sl_db_failed(catalogue, code);
    const int err = sl_db_bind(catalogue, *ret, query->values, query->count);
    if (err != 0)
        sqlite3_finalize(*ret);
    return err;
}

static int ask_number(struct sl_catalogue *catalogue, const struct query *query, int64_t *ret)
{
    sqlite3_stmt *statement;
    int err = prepare(catalogue, query, &statement);
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    else
        err = sl_db_failed(catalogue, code);
    sqlite3_finalize(statement);
    return err;
}

static int64_t minus(int64_t a, int64_t b)
{
    return a < INT64_MIN + b ? INT64_MIN : a - b;
}

/* What a page walks along: its columns of time and identity. */
struct walk {
    const char *start, *id;
    int64_t longest; /* of its rows: how far before from_us to begin */
};

static void add_bound(struct query *query, const struct walk *walk, const char *sign, int64_t at)
{
    char text[48];
    snprintf(text, sizeof(text), " AND %s %s ?", walk->start, sign);
    add_number(query, text, at);
}

static void add_cursor(struct query *query, const struct walk *walk, bool newest_first,
                       const struct sl_catalogue_cursor *cursor)
{
    char text[64];
    snprintf(text, sizeof(text), " AND (%s, %s) %s (?", walk->start, walk->id,
             newest_first ? "<" : ">");
    add_number(query, text, cursor->start_us);
    add_number(query, ", ?)", cursor->id);
}

/* At each end the narrower bound of cursor and filter alone: SQLite takes one, maybe the wrong. */
static void add_walk(struct query *query, const struct walk *walk,
                     const struct sl_segment_filter *filter,
                     const struct sl_catalogue_cursor *cursor)
{
    const int64_t low = minus(filter->from_us, walk->longest > 1 ? walk->longest : 1);
    const bool down = filter->newest_first, going_on = cursor->id != 0;
    const bool below = going_on && down && (!filter->to_us || cursor->start_us < filter->to_us);
    const bool above = going_on && !down && (!filter->from_us || cursor->start_us > low);
    if (below || above)
        add_cursor(query, walk, down, cursor);
    if (filter->from_us && !above)
        add_bound(query, walk, ">", low);
    if (filter->to_us && !below)
        add_bound(query, walk, "<", filter->to_us);
}

static void add_order(struct query *query, const struct walk *walk, bool newest_first, int max)
{
    char text[96];
    snprintf(text, sizeof(text), newest_first ? " ORDER BY %s DESC, %s DESC" : " ORDER BY %s, %s",
             walk->start, walk->id);
    add(query, text);
    add_number(query, " LIMIT ?", max);
}

/* ---- Segments ---- */

static const struct walk by_segments = {.start = "s.start", .id = "s.id"};
static const struct walk by_tags = {.start = "t.start", .id = "t.segment"};

static bool of_durations(const struct sl_segment_filter *filter)
{
    return filter->longer_us || filter->shorter_us;
}

static void add_durations(struct query *query, const struct sl_segment_filter *filter)
{
    if (filter->longer_us)
        add_number(query, " AND s.duration >= ?", filter->longer_us);
    if (filter->shorter_us)
        add_number(query, " AND s.duration <= ?", filter->shorter_us);
}

/* The equalities that an index begins with. */
static void add_who(struct query *query, const struct sl_segment_filter *filter)
{
    if (filter->camera)
        add_text(query, " AND s.camera = ?", filter->camera);
    if (filter->location)
        add_text(query, " AND s.location = ?", filter->location);
}

static const char *index_of(const struct sl_segment_filter *filter, bool by_duration)
{
    if (filter->camera && filter->location && !by_duration)
        return "segments_camera_location";
    if (filter->camera)
        return by_duration ? "segments_camera_duration" : "segments_camera";
    if (filter->location)
        return by_duration ? "segments_location_duration" : "segments_location";
    return by_duration ? "segments_duration" : "segments_start";
}

static void add_from(struct query *query, const struct sl_segment_filter *filter, bool by_duration)
{
    add(query, " FROM segments s INDEXED BY ");
    add(query, index_of(filter, by_duration));
    add(query, " WHERE 1");
}

static int longest_of(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                      int64_t *ret)
{
    struct query query = {.len = 0};
    struct sl_segment_filter who = *filter;
    if (!filter->from_us)
        return 0;
    if (who.camera)
        who.location = NULL; /* an index of both there is not */
    add(&query, "SELECT MAX(s.duration)");
    add_from(&query, &who, true);
    add_who(&query, &who);
    return ask_number(catalogue, &query, ret);
}

static int few_of_durations(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                            bool *ret)
{
    struct query query = {.len = 0};
    int64_t count = 0;
    add(&query, "SELECT COUNT(*) FROM (SELECT 1");
    add_from(&query, filter, true);
    add_who(&query, filter);
    add_durations(&query, filter);
    add_number(&query, " LIMIT ?)", FEW);
    const int err = ask_number(catalogue, &query, &count);
    *ret = count < FEW;
    return err;
}

static void add_filters(struct query *query, const struct sl_segment_filter *filter)
{
    add_durations(query, filter);
    if (filter->from_us)
        add_number(query, " AND s.start + MAX(s.duration, 1) > ?", filter->from_us);
}

/* The ids first, from an index alone; only of those on the page the rows. */
static int segments_query(struct sl_catalogue *catalogue, struct query *query,
                          const struct sl_segment_filter *filter,
                          const struct sl_catalogue_cursor *cursor, int max)
{
    struct walk walk = by_segments;
    bool by_duration = false;
    int err = longest_of(catalogue, filter, &walk.longest);
    if (err == 0 && of_durations(filter))
        err = few_of_durations(catalogue, filter, &by_duration);
    add(query, "SELECT " SL_SEGMENT_COLUMNS " FROM (SELECT s.id AS k");
    add_from(query, filter, by_duration);
    add_who(query, filter);
    add_walk(query, &walk, filter, cursor);
    add_filters(query, filter);
    add_order(query, &walk, filter->newest_first, max);
    add(query, ") CROSS JOIN segments s ON s.id = k");
    add_order(query, &by_segments, filter->newest_first, max);
    return err;
}

static int tags_query(struct sl_catalogue *catalogue, struct query *query,
                      const struct sl_segment_filter *filter,
                      const struct sl_catalogue_cursor *cursor, int max)
{
    struct walk walk = by_tags;
    const int err = longest_of(catalogue, filter, &walk.longest);
    add(query,
        "SELECT " SL_SEGMENT_COLUMNS " FROM tags t CROSS JOIN segments s ON s.id = t.segment");
    add_text(query, " WHERE t.type = ?", filter->event);
    if (filter->camera)
        add_text(query, " AND t.camera = ?", filter->camera);
    add_walk(query, &walk, filter, cursor);
    add_filters(query, filter);
    if (filter->location)
        add_text(query, " AND s.location = ?", filter->location);
    add_order(query, &walk, filter->newest_first, max);
    return err;
}

/* After the last step, which gave `code`: so many rows, or -errno. */
static int end_rows(struct sl_catalogue *catalogue, sqlite3_stmt *statement, int code, int count)
{
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        count = sl_db_failed(catalogue, code);
    sqlite3_finalize(statement);
    return count;
}

static int read_segments(struct sl_catalogue *catalogue, const struct query *query,
                         struct sl_catalogue_cursor *cursor, struct sl_segment_row *rows, int max)
{
    sqlite3_stmt *statement;
    const int err = prepare(catalogue, query, &statement);
    if (err != 0)
        return err;
    int count = 0, code = SQLITE_DONE;
    while (count < max && (code = sqlite3_step(statement)) == SQLITE_ROW)
        sl_catalogue_read_segment(&rows[count++], statement);
    count = end_rows(catalogue, statement, code, count);
    if (count > 0)
        *cursor = (struct sl_catalogue_cursor){.start_us = rows[count - 1].info.meta.start_us,
                                               .id = rows[count - 1].id};
    return count;
}

int sl_catalogue_page(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                      struct sl_catalogue_cursor *cursor, struct sl_segment_row *rows, int max)
{
    struct query query = {.len = 0};
    const int err = filter->event ? tags_query(catalogue, &query, filter, cursor, max)
                                  : segments_query(catalogue, &query, filter, cursor, max);
    return err != 0 ? err : read_segments(catalogue, &query, cursor, rows, max);
}

int sl_catalogue_oldest(struct sl_catalogue *catalogue, const char *camera,
                        struct sl_catalogue_cursor *cursor, struct sl_segment_row *rows, int max)
{
    struct query query = {.len = 0};
    const struct sl_segment_filter all = {.camera = camera};
    add(&query, "SELECT " SL_SEGMENT_COLUMNS " FROM segments s INDEXED BY ");
    add(&query, camera ? "segments_camera_oldest" : "segments_oldest");
    add(&query, " WHERE s.open = 0 AND s.locked = 0");
    add_who(&query, &all);
    add_walk(&query, &by_segments, &all, cursor);
    add_order(&query, &by_segments, false, max);
    return read_segments(catalogue, &query, cursor, rows, max);
}

/* ---- Events ---- */

/* How far before from_us an event may have begun that is not over by then. */
static int longest_event(struct sl_catalogue *catalogue, int64_t from_us, int64_t *ret)
{
    int64_t longest = 0, going_on = from_us;
    if (!from_us)
        return 0;
    int err = sl_db_run(catalogue, &longest, "SELECT MAX(duration) FROM events", NULL, 0);
    if (err == 0)
        err = SL_DB_RUN(catalogue, &going_on,
                        "SELECT COALESCE(MIN(start), ?1) FROM events"
                        " WHERE until = 9223372036854775807",
                        SL_DB_NUMBER(from_us));
    const int64_t since = from_us - going_on + 1;
    *ret = since > longest ? since : longest;
    return err;
}

/* "+" keeps the walk on the index in the page's order. */
static int events_query(struct sl_catalogue *catalogue, struct query *query,
                        const struct sl_segment_filter *filter,
                        const struct sl_catalogue_cursor *cursor, int max)
{
    struct walk walk = by_segments; /* the columns have the same names */
    const int err = longest_event(catalogue, filter->from_us, &walk.longest);
    add(query, "SELECT " SL_EVENT_COLUMNS " FROM events s WHERE 1");
    if (filter->camera)
        add_text(query, " AND s.camera = ?", filter->camera);
    if (filter->event)
        add_text(query, filter->camera ? " AND +s.type = ?" : " AND s.type = ?", filter->event);
    if (filter->location)
        add_text(query, " AND +s.camera IN (SELECT name FROM cameras WHERE location = ?)",
                 filter->location);
    add_walk(query, &walk, filter, cursor);
    if (filter->from_us)
        add_number(query, " AND +s.until > ?", filter->from_us);
    if (of_durations(filter))
        add(query, " AND s.\"end\" != 0");
    add_durations(query, filter);
    add_order(query, &walk, filter->newest_first, max);
    return err;
}

int sl_catalogue_events(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                        struct sl_catalogue_cursor *cursor, struct sl_catalogue_event *rows,
                        int max)
{
    struct query query = {.len = 0};
    sqlite3_stmt *statement;
    int err = events_query(catalogue, &query, filter, cursor, max);
    if (err == 0)
        err = prepare(catalogue, &query, &statement);
    if (err != 0)
        return err;
    int count = 0, code = SQLITE_DONE;
    while (count < max && (code = sqlite3_step(statement)) == SQLITE_ROW)
        sl_catalogue_read_event(&rows[count++], statement);
    count = end_rows(catalogue, statement, code, count);
    if (count > 0)
        *cursor = (struct sl_catalogue_cursor){.start_us = rows[count - 1].start_us,
                                               .id = rows[count - 1].id};
    return count;
}

/* ---- Marks ---- */

int sl_catalogue_marks(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
                       struct sl_catalogue_cursor *cursor, struct sl_catalogue_mark *rows, int max)
{
    const struct walk walk = {.start = "s.at", .id = "s.id", .longest = 1}; /* instants */
    struct query query = {.len = 0};
    sqlite3_stmt *statement;
    add(&query, "SELECT " SL_MARK_COLUMNS " FROM marks s WHERE 1");
    if (filter->camera)
        add_text(&query, " AND s.camera = ?", filter->camera);
    add_walk(&query, &walk, filter, cursor);
    add_order(&query, &walk, filter->newest_first, max);
    const int err = prepare(catalogue, &query, &statement);
    if (err != 0)
        return err;
    int count = 0, code = SQLITE_DONE;
    while (count < max && (code = sqlite3_step(statement)) == SQLITE_ROW)
        sl_catalogue_read_mark(&rows[count++], statement);
    count = end_rows(catalogue, statement, code, count);
    if (count > 0)
        *cursor = (struct sl_catalogue_cursor){.start_us = rows[count - 1].at_us,
                                               .id = rows[count - 1].id};
    return count;
}

#define TOLD_LATE_US (600 * INT64_C(1000000)) /* each 4 s, unless a disk stalls */

int64_t sl_catalogue_footage_from(int64_t from_us)
{
    return from_us > TOLD_LATE_US ? from_us - TOLD_LATE_US : from_us;
}

bool sl_segment_row_ended(const struct sl_segment_row *row, int64_t from_us)
{
    return !row->open && row->info.meta.start_us + row->info.duration_us <= from_us;
}
