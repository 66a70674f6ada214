/* SPDX-License-Identifier: MIT */
/*
 * Rig, what the makers of paths share: command lines, and programs started with them.
 */
#pragma once

#include <stddef.h>

#include "bench/rig.h"

#define SL_WORDS_MAX 96

/* A command line; the words stay the caller's. Words beyond the last place are left out. */
struct sl_words {
    const char *argv[SL_WORDS_MAX + 1]; /* ends with NULL */
    int count;
};

void sl_words_add(struct sl_words *words, const char *word);
void sl_words_add_list(struct sl_words *words, const struct sl_option_list *list);
/* From a list that ends with NULL. */
struct sl_words sl_words_of(const char *const *fixed);
/* Splits `text`, in place, at blanks, and adds the parts. */
void sl_words_split(struct sl_words *words, char *text);

/* Child number `place`, of this name to the reader. 0 or -errno with `why`. */
SL_MUST_CHECK int sl_rig_child(struct sl_rig *rig, int place, const char *name,
                               const struct sl_words *words, enum sl_child_pipes pipes, char *why,
                               size_t why_len);

/* -1: none. */
int sl_rig_free_udp_port(void);

/* A program of this build, which lies beside us. */
void sl_rig_own_program(const char *name, char out[PATH_MAX]);

/*
 * An `impair` towards `target_port` of 127.0.0.1 with these words, blanks between; of the uplink
 * unless they say otherwise. Its place is the rig's last. 0 with the port to send to, or -errno
 * with `why`.
 */
SL_MUST_CHECK int sl_rig_impair(struct sl_rig *rig, const char *words, int target_port,
                                int *listen_port, char *why, size_t why_len);
