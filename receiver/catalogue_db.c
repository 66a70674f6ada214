/* SPDX-License-Identifier: MIT */
#include "receiver/catalogue_db.h"

#include <errno.h>
#include <stdio.h>

#include "receiver/sqlite_error.h"

int sl_db_failed(struct sl_catalogue *catalogue, int code)
{
    const int err = sl_sqlite_error(catalogue->db, code);
    snprintf(catalogue->why, sizeof(catalogue->why), "the catalogue: %s",
             err == -EBUSY ? "another program has kept it locked for too long"
                           : sqlite3_errmsg(catalogue->db));
    return err;
}

int sl_db_execute(struct sl_catalogue *catalogue, const char *text)
{
    const int code = sqlite3_exec(catalogue->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : sl_db_failed(catalogue, code);
}

int sl_db_bind(struct sl_catalogue *catalogue, sqlite3_stmt *statement,
               const struct sl_db_value *values, int count)
{
    int code = SQLITE_OK;
    for (int i = 0; i < count && code == SQLITE_OK; i++)
        code = values[i].text
                   ? sqlite3_bind_text(statement, i + 1, values[i].text, -1, SQLITE_TRANSIENT)
                   : sqlite3_bind_int64(statement, i + 1, values[i].number);
    return code == SQLITE_OK ? 0 : sl_db_failed(catalogue, code);
}

/* NULL: `*err` says why. */
static sqlite3_stmt *kept(struct sl_catalogue *catalogue, const char *text, int *err)
{
    for (int i = 0; i < catalogue->kept_count; i++)
        if (catalogue->kept[i].text == text)
            return catalogue->kept[i].statement;
    if (catalogue->kept_count == SL_CATALOGUE_STATEMENTS) {
        *err = -ENOBUFS;
        snprintf(catalogue->why, sizeof(catalogue->why), "the catalogue: too many statements");
        return NULL;
    }
    sqlite3_stmt *statement;
    const int code =
        sqlite3_prepare_v3(catalogue->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        *err = sl_db_failed(catalogue, code);
        return NULL;
    }
    catalogue->kept[catalogue->kept_count].text = text;
    catalogue->kept[catalogue->kept_count++].statement = statement;
    return statement;
}

int sl_db_statement(struct sl_catalogue *catalogue, sqlite3_stmt **ret, const char *text,
                    const struct sl_db_value *values, int count)
{
    int err = 0;
    sqlite3_stmt *statement = kept(catalogue, text, &err);
    if (!statement)
        return err;
    sqlite3_reset(statement);
    err = sl_db_bind(catalogue, statement, values, count);
    if (err == 0)
        *ret = statement;
    return err;
}

int sl_db_run(struct sl_catalogue *catalogue, int64_t *ret, const char *text,
              const struct sl_db_value *values, int count)
{
    sqlite3_stmt *statement;
    int err = sl_db_statement(catalogue, &statement, text, values, count);
    if (err != 0)
        return err;
    const int code = sqlite3_step(statement);
    const int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    err = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sl_db_failed(catalogue, code);
    sqlite3_reset(statement);
    if (err == 0 && ret)
        *ret = number;
    return err;
}

void sl_db_copy(char *out, size_t size, sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? (const char *)text : "");
}

/* ---- Several as one ---- */

/* A transaction that first reads and then writes may find that another has written: IMMEDIATE. */
int sl_db_enter(struct sl_catalogue *catalogue)
{
    return sl_db_execute(catalogue, sqlite3_get_autocommit(catalogue->db) ? "BEGIN IMMEDIATE"
                                                                          : "SAVEPOINT several");
}

static bool in_savepoint(struct sl_catalogue *catalogue)
{
    /* RELEASE of an unknown savepoint is an error that changes nothing. */
    return sqlite3_exec(catalogue->db, "RELEASE several", NULL, NULL, NULL) == SQLITE_OK;
}

int sl_db_leave(struct sl_catalogue *catalogue, int err)
{
    if (err == 0)
        return in_savepoint(catalogue) ? 0 : sl_catalogue_commit(catalogue);
    if (sqlite3_exec(catalogue->db, "ROLLBACK TO several", NULL, NULL, NULL) == SQLITE_OK)
        (void)in_savepoint(catalogue);
    else
        sl_catalogue_rollback(catalogue);
    return err;
}
