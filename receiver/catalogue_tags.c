/* SPDX-License-Identifier: MIT */
/*
 * An event overlaps a segment if it starts before its end and goes on until after its start. A page
 * of segments by type of event is a walk along tags(type, start, segment), which these keep true
 * whichever of the two changes. The longest segment or event bounds how far back to look.
 */
#include "receiver/catalogue_db.h"

/* CROSS JOIN keeps SQLite from beginning at the events. */
#define OF_SEGMENT(index)                                                                          \
    "INSERT OR IGNORE INTO tags(type, start, segment, camera)"                                     \
    " SELECT e.type, s.start, s.id, s.camera FROM segments s CROSS JOIN events e"                  \
    " INDEXED BY " index " ON e.camera = s.camera WHERE s.id = ?1"

#define OVERLAPPING                                                                                \
    "FROM segments s WHERE s.camera = ?1 AND s.start < ?4 AND s.start > ?3 - MAX(?5, 1)"           \
    " AND s.start + s.duration > ?3"

/* What overlapped it up to `from_us` is tagged already: the others begin later. */
int sl_tags_grown(struct sl_catalogue *catalogue, int64_t id, int64_t from_us)
{
    return SL_DB_RUN(
        catalogue, NULL,
        OF_SEGMENT("events_camera") " AND e.start >= ?2 AND e.start < s.start + s.duration",
        SL_DB_NUMBER(id), SL_DB_NUMBER(from_us));
}

/* Events that begin in it, those under way when it begins, and those that are not over yet. */
int sl_tags_segment(struct sl_catalogue *catalogue, int64_t id)
{
    int64_t longest = 0, start = 0;
    int err = SL_DB_RUN(catalogue, NULL, "DELETE FROM tags WHERE segment = ?1", SL_DB_NUMBER(id));
    if (err == 0)
        err = SL_DB_RUN(catalogue, &start, "SELECT start FROM segments WHERE id = ?1",
                        SL_DB_NUMBER(id));
    if (err == 0)
        err = sl_db_run(catalogue, &longest, "SELECT MAX(duration) FROM events", NULL, 0);
    if (err == 0)
        err = sl_tags_grown(catalogue, id, start);
    if (err == 0)
        err = SL_DB_RUN(catalogue, NULL,
                        OF_SEGMENT("events_until") " AND e.start < s.start AND e.until > ?2"
                                                   " AND e.until <= ?2 + MAX(?3, 1)",
                        SL_DB_NUMBER(id), SL_DB_NUMBER(start), SL_DB_NUMBER(longest));
    if (err == 0)
        err = SL_DB_RUN(catalogue, NULL,
                        OF_SEGMENT("events_going_on") " AND e.until = 9223372036854775807"
                                                      " AND e.start < s.start + s.duration",
                        SL_DB_NUMBER(id));
    return err;
}

static int longest_segment(struct sl_catalogue *catalogue, const char *camera, int64_t *ret)
{
    return SL_DB_RUN(catalogue, ret, "SELECT MAX(duration) FROM segments WHERE camera = ?1",
                     SL_DB_TEXT(camera));
}

int sl_tags_event(struct sl_catalogue *catalogue, const struct sl_tags_event *event)
{
    int64_t longest = 0;
    const int err = longest_segment(catalogue, event->camera, &longest);
    if (err != 0)
        return err;
    return SL_DB_RUN(catalogue, NULL,
                     "INSERT OR IGNORE INTO tags(type, start, segment, camera)"
                     " SELECT ?2, s.start, s.id, s.camera " OVERLAPPING,
                     SL_DB_TEXT(event->camera), SL_DB_TEXT(event->type),
                     SL_DB_NUMBER(event->start_us), SL_DB_NUMBER(event->until_us),
                     SL_DB_NUMBER(longest));
}

int sl_tags_event_was(struct sl_catalogue *catalogue, const struct sl_tags_event *event)
{
    int64_t longest = 0;
    const int err = longest_segment(catalogue, event->camera, &longest);
    if (err != 0)
        return err;
    return SL_DB_RUN(catalogue, NULL,
                     "DELETE FROM tags WHERE type = ?2 AND segment IN (SELECT s.id " OVERLAPPING
                     " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.camera = s.camera"
                     " AND e.until > s.start AND e.type = ?2"
                     " AND e.start < s.start + s.duration))",
                     SL_DB_TEXT(event->camera), SL_DB_TEXT(event->type),
                     SL_DB_NUMBER(event->start_us), SL_DB_NUMBER(event->until_us),
                     SL_DB_NUMBER(longest));
}
