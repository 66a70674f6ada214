/* SPDX-License-Identifier: MIT */
/*
 * Path set: texts that were seen, as 64 bits each, so that a million take 16 MB and not 100. For
 * texts of our own making: of a million, two are taken for one in a run of ten million.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

struct sl_path_set {
    uint64_t *slots; /* 0: free */
    size_t size, count;
};

/* Zeroed is empty. */
void sl_path_set_fini(struct sl_path_set *set);
/* 1: it is new; 0: it was there; -ENOMEM. */
SL_MUST_CHECK int sl_path_set_add(struct sl_path_set *set, const char *text);
bool sl_path_set_has(const struct sl_path_set *set, const char *text);
