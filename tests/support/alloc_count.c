/* SPDX-License-Identifier: MIT */
#include "tests/support/alloc_count.h"

#include <stddef.h>

static _Thread_local uint64_t count;

uint64_t sl_alloc_count(void)
{
    return count;
}

#define WRAP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        count++;                                                                                   \
        return __real_##name arguments;                                                            \
    }

WRAP(void *, malloc, (size_t size), (size))
WRAP(void *, calloc, (size_t items, size_t size), (items, size))
WRAP(void *, realloc, (void *block, size_t size), (block, size))
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAP(int, posix_memalign, (void **block, size_t alignment, size_t size), (block, alignment, size))
WRAP(char *, strdup, (const char *text), (text))
WRAP(char *, strndup, (const char *text, size_t size), (text, size))
