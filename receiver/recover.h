/* SPDX-License-Identifier: MIT */
/*
 * Recover: brings the catalogue and the files together again after whatever happened.
 *
 *     catalogue ─▶ open rows ──────┐
 *                                  ├─▶ read ─▶ tail cut ─▶ row put, no longer open
 *     store ─▶ files it knows not ─┘
 *
 * Before recording begins: what a crash left open, and files that no row names, if they are few.
 * If they are many (a new catalogue over an old store), a thread of its own takes them in while
 * recording goes on; it has a connection of its own and writes one row at a time. It works on the
 * names found before recording began, so never on a file that is being recorded.
 *
 * Footage is never deleted: a tail is cut only if it is one fragment that was not written to its
 * end, a file is removed only if it is ours and nothing was recorded into it. Everything else that
 * cannot be listed is left alone and named in the log, one line each.
 */
#pragma once

#include "receiver/catalogue.h"
#include "receiver/path_set.h"

#define SL_RECOVER_NOW_MAX 200         /* files that no row names, looked into at once */
#define SL_RECOVER_FILES_MAX (4 << 20) /* beyond that they wait for the next start */

struct sl_recover_counts {
    int64_t files; /* looked into == listed + copies + removed + unplayable */
    int64_t listed;
    int64_t cut, cut_bytes; /* of the listed ones: torn tails */
    int64_t damaged;        /* of the listed ones: not whole, and left so */
    int64_t moved;          /* of the listed ones: known by another path */
    int64_t copies;         /* of one that is listed; left alone */
    int64_t removed;        /* ours, without any media */
    int64_t unplayable;     /* left alone */
    int64_t unreadable;     /* of those: it could not be told */
};

struct sl_recover {
    struct sl_catalogue *catalogue;
    int dir;                    /* descriptor of the store */
    struct sl_path_set *listed; /* UUIDs of all that were listed go there, unless NULL */
    struct sl_recover_counts counts;
};

/* One file, by its path below the store. 0, also if it is left alone; or what the catalogue said.
 */
SL_MUST_CHECK int sl_recover_file(struct sl_recover *recover, const char *path);

struct sl_recover_names {
    char **items;
    size_t count, room;
};

/*
 * What has to be done before recording begins. `rest`: the files that were too many. 0; -ENOMEM;
 * or what the catalogue said (sl_catalogue_why()).
 */
SL_MUST_CHECK int sl_recover_now(struct sl_recover *recover, struct sl_recover_names *rest);
SL_MUST_CHECK int sl_recover_names_add(struct sl_recover_names *names, const char *name);
void sl_recover_names_free(struct sl_recover_names *names);

/* The thread for the rest: takes the names, with a catalogue at `data` of its own. */
struct sl_recover_thread;
SL_MUST_CHECK int sl_recover_start(struct sl_recover_thread **ret, const char *data, int dir,
                                   struct sl_recover_names *rest);
/* Ends it, with work left for the next start if need be. NULL is fine. */
void sl_recover_stop(struct sl_recover_thread *thread);
/* Whether it is through. */
bool sl_recover_done(const struct sl_recover_thread *thread);
