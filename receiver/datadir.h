/* SPDX-License-Identifier: MIT */
/*
 * The data directory: makes it, keeps a second receiver out of it, and holds the receiver's
 * identity (key.pem and cert.pem, P-256, mode 0600), which the pin in every link is of.
 *
 * Files appear whole or not at all: written beside, synced, renamed, under a lock of the
 * directory. All errors come with one sentence in `why`.
 */
#pragma once

#include <stdbool.h>

#include "base/types.h"
#include "dtls/dtls.h"
#include "receiver/store.h"

struct sl_datadir {
    char path[4096];
    int dir;  /* descriptor of the directory */
    int lock; /* of receiver.lock while this process runs on it; -1 */
};

/* Makes the directory (not its parents) if it is absent. -errno. */
SL_MUST_CHECK int sl_datadir_open(struct sl_datadir *ret, const char *path, char why[SL_STORE_WHY]);
/* NULL, or zeroed by the caller and never opened, is fine. */
void sl_datadir_close(struct sl_datadir *datadir);

/* One running receiver on a directory: -EBUSY if there is another. */
SL_MUST_CHECK int sl_datadir_lock(struct sl_datadir *datadir, char why[SL_STORE_WHY]);

/* Loads the identity, making it the first time. A key that is gone while its certificate is there
 * is an error: a new key would void every link. */
SL_MUST_CHECK int sl_datadir_identity(struct sl_datadir *datadir, struct sl_dtls_identity **ret,
                                      char why[SL_STORE_WHY]);
