/* SPDX-License-Identifier: MIT */
/*
 * Letters: UTF-8 text taken apart into what the font can draw: an ASCII glyph, or one of few more,
 * and a mark over, under or through it. Latin-1 and Latin Extended-A are whole but for a few
 * letters; quotes, dashes and the like become their ASCII cousins, combining marks are left out,
 * and all else, broken UTF-8 included, is '?'. Never reads behind the NUL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Glyphs behind those of ASCII. */
enum {
    SL_LETTER_SHARP_S = 0x7f,
    SL_LETTER_AE,
    SL_LETTER_SMALL_AE,
    SL_LETTER_OE,
    SL_LETTER_SMALL_OE,
    SL_LETTER_DEGREE,
    SL_LETTER_EURO,
    SL_LETTER_END,
};

struct sl_letter {
    unsigned char glyph; /* 0x20 to SL_LETTER_END - 1 */
    char mark;           /* ` ' ^ ~ : o v - u . " over, , ; under, / = through it; ' ': none */
};

/* The next letter; moves *text behind it. False at the end. */
bool sl_letter_next(const char **text, struct sl_letter *ret);

/* How many letters `text` has, and how many bytes its first `count` take. */
int sl_letter_count(const char *text);
size_t sl_letter_bytes(const char *text, int count);
