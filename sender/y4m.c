/* SPDX-License-Identifier: MIT */
#include "sender/y4m.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "YUV4MPEG2"
#define SIDE_MAX 8192
#define RATE_MAX 1000000000

/* One parameter: its letter, and the text behind it up to the next space. */
struct parameter {
    char letter;
    const char *text;
    int len;
};

static bool next_parameter(const char **at, const char *end, struct parameter *ret)
{
    while (*at < end && **at == ' ')
        ++*at;
    if (*at == end)
        return false;
    const char *start = *at;
    while (*at < end && **at != ' ')
        ++*at;
    *ret = (struct parameter){*start, start + 1, (int)(*at - start - 1)};
    return true;
}

/* Decimal digits from `text` to `end` or `stop`; -1 if there are none or the value is above max. */
static long read_number(const char **text, const char *end, char stop, long max)
{
    long value = 0;
    const char *start = *text;
    for (; *text < end && **text != stop; ++*text) {
        if (**text < '0' || **text > '9' || (value = value * 10 + (**text - '0')) > max)
            return -1;
    }
    return *text == start ? -1 : value;
}

static bool read_side(const struct parameter *parameter, int *ret)
{
    const char *at = parameter->text;
    const long value = read_number(&at, at + parameter->len, ' ', SIDE_MAX);
    *ret = (int)value;
    return value >= 2;
}

static bool read_rate(const struct parameter *parameter, struct sl_y4m_header *ret)
{
    const char *at = parameter->text, *end = at + parameter->len;
    const long num = read_number(&at, end, ':', RATE_MAX);
    if (num <= 0 || at == end)
        return false;
    at++;
    const long den = read_number(&at, end, ' ', RATE_MAX);
    ret->fps_num = (int)num;
    ret->fps_den = (int)den;
    return den > 0 && num / den <= 1000 && den / num <= 60;
}

static bool is_text(const struct parameter *parameter, const char *text)
{
    return (size_t)parameter->len == strlen(text) &&
           memcmp(parameter->text, text, strlen(text)) == 0;
}

/* 4:2:0 with 8 bits, whatever the siting: half a pixel of chroma is beneath what we could show. */
static bool color_known(const struct parameter *parameter)
{
    return is_text(parameter, "420") || is_text(parameter, "420jpeg") ||
           is_text(parameter, "420mpeg2") || is_text(parameter, "420paldv");
}

static const char *take(struct sl_y4m_header *header, const struct parameter *parameter)
{
    switch (parameter->letter) {
    case 'W':
        return read_side(parameter, &header->width) ? NULL : "W must be 2 to 8192";
    case 'H':
        return read_side(parameter, &header->height) ? NULL : "H must be 2 to 8192";
    case 'F':
        return read_rate(parameter, header) ? NULL : "F must be a frame rate such as 30:1";
    case 'I':
        return is_text(parameter, "p") || is_text(parameter, "?")
                   ? NULL
                   : "it is interlaced, wanted progressive (Ip)";
    case 'C':
        return color_known(parameter) ? NULL : "its colour format is not 8-bit 4:2:0 (C420...)";
    case 'X':
        if (is_text(parameter, "COLORRANGE=FULL"))
            header->full_range = true;
        return NULL;
    default:
        return NULL; /* A: aspect; the rest is for others */
    }
}

int sl_y4m_read_header(struct sl_y4m_header *ret, const char *line, size_t len, char *why,
                       size_t why_len)
{
    struct sl_y4m_header header = {0};
    const char *end = line + len, *at = line + strlen(MAGIC);
    if (len && end[-1] == '\n')
        end--;
    if (len < strlen(MAGIC) || memcmp(line, MAGIC, strlen(MAGIC)) != 0 ||
        (at < end && *at != ' ')) {
        snprintf(why, why_len, "not YUV4MPEG2");
        return -EBADMSG;
    }
    const char *wrong = NULL;
    for (struct parameter parameter; !wrong && next_parameter(&at, end, &parameter);)
        wrong = take(&header, &parameter);
    if (!wrong && (!header.width || !header.height))
        wrong = "W or H is missing";
    if (!wrong && !header.fps_num)
        wrong = "F is missing";
    if (wrong) {
        snprintf(why, why_len, "bad YUV4MPEG2 header: %s", wrong);
        return -EBADMSG;
    }
    *ret = header;
    return 0;
}

size_t sl_y4m_frame_bytes(const struct sl_y4m_header *header)
{
    const size_t width = (size_t)header->width, height = (size_t)header->height;
    return width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2);
}
