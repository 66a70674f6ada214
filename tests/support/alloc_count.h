/* SPDX-License-Identifier: MIT */
/*
 * Counts the allocations of our own code, to prove that the packet path makes none.
 *
 * Test programs are linked with --wrap for the functions below, so calls from our objects are
 * counted and calls inside shared libraries (libsrtp2's backend, say) are not. Works under
 * sanitizers. Counted per thread.
 */
#pragma once

#include <stdint.h>

/* malloc, calloc, realloc, aligned_alloc, posix_memalign, strdup, strndup so far. */
uint64_t sl_alloc_count(void);
