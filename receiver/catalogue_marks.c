/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "receiver/catalogue_db.h"
#include "receiver/catalogue_rows.h"

/* ---- Texts ---- */

/* One character of UTF-8 (RFC 3629): how many bytes, 0 if it is none. */
static int character(const unsigned char *text, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const int bytes = text[0] < 0x80             ? 1
                      : (text[0] & 0xe0) == 0xc0 ? 2
                      : (text[0] & 0xf0) == 0xe0 ? 3
                      : (text[0] & 0xf8) == 0xf0 ? 4
                                                 : 0;
    uint32_t value = bytes == 1 ? text[0] : text[0] & (0x7fu >> bytes);
    for (int i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80) /* the NUL too */
            return 0;
        value = value << 6 | (text[i] & 0x3f);
    }
    if (bytes == 0 || value < least[bytes] || value > 0x10ffff ||
        (value >= 0xd800 && value < 0xe000))
        return 0;
    *ret = value;
    return bytes;
}

/* C0, DEL and C1; the ends of lines and paragraphs; and what turns the direction of what follows.
 */
static bool is_control(uint32_t value)
{
    return value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0x2028 || value == 0x2029 ||
           (value >= 0x202a && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

const char *sl_mark_text_wrong(const char *text)
{
    uint32_t value = 0;
    bool blank = true;
    int bytes;
    if (strlen(text) >= SL_MARK_TEXT_BYTES)
        return "at most 512 bytes";
    for (; *text; text += bytes) {
        bytes = character((const unsigned char *)text, &value);
        if (bytes == 0)
            return "UTF-8";
        if (is_control(value))
            return "text without control characters";
        blank &= value == ' ';
    }
    return blank ? "some words" : NULL;
}

/* ---- Rows ---- */

void sl_catalogue_read_mark(struct sl_catalogue_mark *ret, sqlite3_stmt *statement)
{
    ret->id = sqlite3_column_int64(statement, 0);
    sl_db_copy(ret->camera, sizeof(ret->camera), statement, 1);
    ret->at_us = sqlite3_column_int64(statement, 2);
    sl_db_copy(ret->text, sizeof(ret->text), statement, 3);
}

static int add(struct sl_catalogue *catalogue, const struct sl_catalogue_mark *mark, int64_t *id)
{
    int64_t count = 0;
    const int err = sl_db_run(catalogue, &count, "SELECT COUNT(*) FROM marks", NULL, 0);
    if (err != 0)
        return err;
    if (count >= SL_CATALOGUE_MARKS_MAX) {
        snprintf(catalogue->why, sizeof(catalogue->why), "there are %d marks, no more fit",
                 SL_CATALOGUE_MARKS_MAX);
        return -ENOSPC;
    }
    return SL_DB_RUN(catalogue, id,
                     "INSERT INTO marks(camera, at, text) VALUES(?1, ?2, ?3) RETURNING id",
                     SL_DB_TEXT(mark->camera), SL_DB_NUMBER(mark->at_us), SL_DB_TEXT(mark->text));
}

int sl_catalogue_mark_add(struct sl_catalogue *catalogue, struct sl_catalogue_mark *mark)
{
    const char *wrong = sl_mark_text_wrong(mark->text);
    int64_t id = 0;
    if (wrong) {
        snprintf(catalogue->why, sizeof(catalogue->why), "the text of a mark: wanted %s", wrong);
        return -EINVAL;
    }
    int err = sl_db_enter(catalogue);
    if (err == 0)
        err = sl_db_leave(catalogue, add(catalogue, mark, &id));
    if (err == 0)
        mark->id = id;
    return err;
}

int sl_catalogue_mark_remove(struct sl_catalogue *catalogue, int64_t id,
                             struct sl_catalogue_mark *ret)
{
    sqlite3_stmt *statement;
    int err = sl_db_statement(catalogue, &statement,
                              "DELETE FROM marks WHERE id = ?1 RETURNING id, camera, at, text",
                              SL_DB_VALUES(SL_DB_NUMBER(id)));
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        sl_catalogue_read_mark(ret, statement);
    else if (code == SQLITE_DONE)
        err = -ENOENT;
    const int reset = sqlite3_reset(statement); /* which ends the change */
    return err != 0 ? err : reset == SQLITE_OK ? 0 : sl_db_failed(catalogue, reset);
}
