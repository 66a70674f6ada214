/* SPDX-License-Identifier: MIT */
#include "receiver/sqlite_error.h"

#include <errno.h>

int sl_sqlite_error(sqlite3 *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_CANTOPEN: {
        const int err = db ? sqlite3_system_errno(db) : 0;
        return err ? -err : -EACCES;
    }
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return -EINVAL; /* it will be refused again */
    case SQLITE_IOERR:
        return -EIO;
    default:
        return -EPROTO;
    }
}
