/* SPDX-License-Identifier: MIT */
#include "sender/letters.h"

#include "base/types.h"

/* U+00A0 to U+017F: the glyph, and the mark on it. Octal is enum above. */
static const char glyphs[] =
    " !cL\205Y|S\"ca<--r-\204+23'uP..1o>????"
    "AAAAAA\200CEEEEIIIIDNOOOOOxOUUUUYP\177"
    "aaaaaa\201ceeeeiiiidnooooo/ouuuuypy"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlL"
    "lLlNnNnNnnNnOoOoOo\202\203RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
static const char marks[] = "                                "
                            "`'^~:o ,`'^:`'^:=~`'^~: /`'^:'  "
                            "`'^~:o ,`'^:`'^:=~`'^~: /`'^:' :"
                            "--uu;;''^^..vvvv==--uu..;;vv^^uu..,'^^==~~--uu;;.i  ^^,, '',,vv "
                            " =='',,vv   --uu\"\"  '',,vv''^^,,vv,,vv==~~--uuoo\"\";;^^^^:''..vv ";
_Static_assert(sizeof(glyphs) == 0x180 - 0xa0 + 1, "a glyph for each");
_Static_assert(sizeof(marks) == sizeof(glyphs), "a mark for each");
_Static_assert(SL_LETTER_OE == 0202 && SL_LETTER_EURO == 0205, "as in the table");

/* One code point; U+FFFD, a byte on, for what is not UTF-8. */
static unsigned next_code(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    const unsigned first = *at++;
    *text += 1;
    if (first < 0x80)
        return first;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    unsigned code = first & (0x3fu >> more);
    if (first < 0xc2 || first > 0xf4)
        return 0xfffd;
    for (int i = 0; i < more; i++, at++) {
        if ((*at & 0xc0) != 0x80)
            return 0xfffd;
        code = code << 6 | (*at & 0x3f);
    }
    *text += more;
    return code;
}

static bool combines(unsigned code)
{
    return (code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) || code == 0xad;
}

/* General punctuation that people's keyboards and word processors put into names. */
static unsigned char punctuation(unsigned code)
{
    static const struct {
        unsigned first, last;
        unsigned char glyph;
    } kinds[] = {
        {0x2010, 0x2015, '-'}, {0x2018, 0x201b, '\''}, {0x201c, 0x201f, '"'},
        {0x2022, 0x2022, '*'}, {0x2026, 0x2026, '.'},  {0x20ac, 0x20ac, SL_LETTER_EURO},
        {0x2212, 0x2212, '-'}, {0x2000, 0x200a, ' '},  {0x202f, 0x202f, ' '},
    };
    for (size_t i = 0; i < SL_COUNT(kinds); i++)
        if (code >= kinds[i].first && code <= kinds[i].last)
            return kinds[i].glyph;
    return '?';
}

bool sl_letter_next(const char **text, struct sl_letter *ret)
{
    unsigned code;
    do {
        if (!**text)
            return false;
        code = next_code(text);
    } while (combines(code));
    *ret = (struct sl_letter){.glyph = '?', .mark = ' '};
    if (code >= 0x20 && code < 0x7f) {
        ret->glyph = (unsigned char)code;
    } else if (code >= 0xa0 && code < 0x180) {
        ret->glyph = (unsigned char)glyphs[code - 0xa0];
        ret->mark = marks[code - 0xa0];
    } else {
        ret->glyph = punctuation(code);
    }
    return true;
}

int sl_letter_count(const char *text)
{
    struct sl_letter letter;
    int count = 0;
    while (sl_letter_next(&text, &letter))
        count++;
    return count;
}

size_t sl_letter_bytes(const char *text, int count)
{
    const char *at = text;
    struct sl_letter letter;
    while (count > 0 && sl_letter_next(&at, &letter))
        count--;
    return (size_t)(at - text);
}
