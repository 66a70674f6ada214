/* SPDX-License-Identifier: MIT */
/*
 * Recover: brings the catalogue and the files together again after whatever happened.
 *
 *     catalogue ─▶ open rows ──────┐
 *                                  ├─▶ read ─▶ tail cut ─▶ row put, no longer open
 *     store ─▶ files it knows not ─┘
 *
 * What a crash left open first, then the files that no row names, the newest first: those are the
 * ones that a crash tore. A thread does it beside recording, which waits for none of it: at the
 * start, and when a store that was away is there. It has a connection of its own, writes one row at
 * a time, and leaves alone what is being recorded.
 *
 * Footage is never deleted: a tail is cut only if it is one fragment that was not written to its
 * end, a file is removed only if it is ours and nothing was recorded into it. Everything else that
 * cannot be listed is left alone and named in the log, one line each.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "receiver/catalogue.h"
#include "receiver/path_set.h"

#define SL_RECOVER_FILES_MAX (4 << 20) /* beyond that they wait for the next time */

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

/* What is begun while the thread works is not its business. */
struct sl_recover_gate {
    pthread_mutex_t mutex;   /* held while a file is made, so that nobody meets one unannounced */
    struct sl_path_set ours; /* paths of what was made since the work began */
    bool all;                /* it could not be kept: everything may be */
};

struct sl_recover {
    struct sl_catalogue *catalogue;
    int dir;                      /* descriptor of the store */
    struct sl_path_set *listed;   /* UUIDs of all that were listed go there, unless NULL */
    struct sl_recover_gate *gate; /* NULL: nothing is being recorded */
    const atomic_bool *stop;      /* looked at before each file; NULL: never */
    struct sl_recover_counts counts;
};

/* One file, by its path below the store. 0, also if it is left alone; or what the catalogue said.
 */
SL_MUST_CHECK int sl_recover_file(struct sl_recover *recover, const char *path);

struct sl_recover_names {
    char **items;
    size_t count, room;
};

/* All of it. 0; -ECANCELED; -ENOMEM; or what the catalogue said (sl_catalogue_why()). */
SL_MUST_CHECK int sl_recover_all(struct sl_recover *recover);
SL_MUST_CHECK int sl_recover_names_add(struct sl_recover_names *names, const char *name);
void sl_recover_names_free(struct sl_recover_names *names);

/* ---- The thread ---- */

struct sl_recover_thread;
/* With a catalogue at `data` of its own. -errno. */
SL_MUST_CHECK int sl_recover_create(struct sl_recover_thread **ret, const char *data,
                                    char why[SL_STORE_WHY]);
/* Ends it, with work left for the next start if need be. NULL is fine. */
void sl_recover_destroy(struct sl_recover_thread *thread);

/* A store is there, and nobody has a file of it open for writing. Waits for nothing. -errno. */
SL_MUST_CHECK int sl_recover_begin(struct sl_recover_thread *thread, int dir);
/* Around the making of each file from then on, by one thread; `path`: NULL: none was made. */
void sl_recover_hold(struct sl_recover_thread *thread);
void sl_recover_release(struct sl_recover_thread *thread, const char *path);
/* Whether there is something left to do. */
bool sl_recover_busy(struct sl_recover_thread *thread);
