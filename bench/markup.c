/* SPDX-License-Identifier: MIT */
#include "bench/markup.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct sl_markup *markup, const char *text, size_t len)
{
    if (markup->failed)
        return;
    if (markup->len + len + 1 > markup->room) {
        const size_t room = 2 * (markup->len + len + 1) + 4096;
        char *more = room <= SL_MARKUP_MAX ? realloc(markup->text, room) : NULL;
        if (!more) {
            markup->failed = true;
            return;
        }
        markup->text = more;
        markup->room = room;
    }
    memcpy(markup->text + markup->len, text, len);
    markup->len += len;
    markup->text[markup->len] = '\0';
}

void sl_markup_raw(struct sl_markup *markup, const char *text)
{
    append(markup, text, strlen(text));
}

void sl_markup_format(struct sl_markup *markup, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(text))
        markup->failed = true; /* half a tag is none */
    else
        append(markup, text, (size_t)len);
}

/* The length of the character at `text` in UTF-8; 0: it is none. Surrogates and overlong forms are
 * none either. */
static size_t character(const unsigned char *text)
{
    static const struct {
        uint8_t mask, lead, len;
        uint32_t least;
    } forms[] = {
        {0x80, 0, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
    for (size_t i = 0; i < SL_COUNT(forms); i++) {
        if ((text[0] & forms[i].mask) != forms[i].lead)
            continue;
        uint32_t code = text[0] & (uint8_t)~forms[i].mask;
        for (size_t k = 1; k < forms[i].len; k++) {
            if ((text[k] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (text[k] & 0x3f);
        }
        const bool good = code >= forms[i].least && code <= 0x10ffff && code >> 11 != 0x1b;
        return good ? forms[i].len : 0;
    }
    return 0;
}

static void escape_one(struct sl_markup *markup, const char *text, size_t len)
{
    switch (len ? *text : '\0') {
    case '\0': /* broken UTF-8 */
        sl_markup_raw(markup, "\xef\xbf\xbd");
        return;
    case '&':
        sl_markup_raw(markup, "&amp;");
        return;
    case '<':
        sl_markup_raw(markup, "&lt;");
        return;
    case '>':
        sl_markup_raw(markup, "&gt;");
        return;
    case '"':
        sl_markup_raw(markup, "&quot;");
        return;
    case '\'':
        sl_markup_raw(markup, "&#39;");
        return;
    default:
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            append(markup, " ", 1);
        else
            append(markup, text, len);
    }
}

void sl_markup_short(struct sl_markup *markup, const char *text, size_t max)
{
    size_t cut = 0, seen = 0; /* where the last but one character ends */
    for (const char *at = text; *at; seen++) {
        if (seen + 1 == max)
            cut = (size_t)(at - text);
        const size_t len = character((const unsigned char *)at);
        at += len ? len : 1;
    }
    const char *end = text + (seen > max ? cut : strlen(text));
    while (text < end) {
        const size_t len = character((const unsigned char *)text);
        escape_one(markup, text, len);
        text += len ? len : 1;
    }
    if (seen > max)
        sl_markup_raw(markup, "\xe2\x80\xa6");
}

void sl_markup_escaped(struct sl_markup *markup, const char *text)
{
    sl_markup_short(markup, text, SIZE_MAX);
}

char *sl_markup_take(struct sl_markup *markup)
{
    char *text = markup->failed ? NULL : markup->text;
    if (!text)
        free(markup->text);
    *markup = (struct sl_markup){.text = NULL};
    return text;
}
