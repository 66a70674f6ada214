/* SPDX-License-Identifier: MIT */
/*
 * Markup: a growing text of HTML. What is out of memory, or beyond the limit, is remembered and
 * told once, at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

#define SL_MARKUP_MAX ((size_t)256 << 20)

struct sl_markup {
    char *text;
    size_t len, room;
    bool failed;
};

/* As it is: for what the program itself says. */
void sl_markup_raw(struct sl_markup *markup, const char *text);
void sl_markup_format(struct sl_markup *markup, const char *format, ...) SL_PRINTF(2, 3);
/* For everything that comes from elsewhere: between tags and within "attributes". Control
 * characters and broken UTF-8 do not come through. */
void sl_markup_escaped(struct sl_markup *markup, const char *text);
/* Escaped, at most `max` characters, the last an ellipsis if it was longer. */
void sl_markup_short(struct sl_markup *markup, const char *text, size_t max);

/* The text, now the caller's, and `markup` is empty; NULL if anything failed. */
char *sl_markup_take(struct sl_markup *markup);
