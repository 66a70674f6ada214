/* SPDX-License-Identifier: MIT */
#include "sender/motion_mask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "P2" with 16 bits and a blank a pixel, and comments; more is not read. */
#define FILE_BYTES_MAX ((size_t)1 << 29)
#define HEADER_VALUE_MAX 65535

struct text {
    const uint8_t *at, *end;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct text *text)
{
    while (text->at < text->end && (is_blank(*text->at) || *text->at == '#')) {
        if (*text->at == '#')
            while (text->at < text->end && *text->at != '\n')
                text->at++;
        else
            text->at++;
    }
}

/* The next whole number, 0..65535; -1: there is none. */
static int number(struct text *text)
{
    int value = -1;
    skip_blanks(text);
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        value = (value < 0 ? 0 : value) * 10 + (*text->at - '0');
        if (value > HEADER_VALUE_MAX)
            return -1;
    }
    return value;
}

static bool read_plain(struct text *text, struct sl_motion_mask *mask, int most)
{
    const size_t pixels = (size_t)mask->width * (size_t)mask->height;
    for (size_t i = 0; i < pixels; i++) {
        const int value = number(text);
        if (value < 0 || value > most)
            return false;
        mask->looked_at[i] = 2 * value > most;
    }
    return true;
}

static bool read_raw(struct text *text, struct sl_motion_mask *mask, int most)
{
    const size_t pixels = (size_t)mask->width * (size_t)mask->height, wide = most > 255 ? 2 : 1;
    if (text->at == text->end || !is_blank(*text->at++) ||
        (size_t)(text->end - text->at) < pixels * wide)
        return false;
    for (size_t i = 0; i < pixels; i++, text->at += wide) {
        const int value = wide == 2 ? text->at[0] << 8 | text->at[1] : text->at[0];
        mask->looked_at[i] = 2 * value > most;
    }
    return true;
}

static int fail(char *why, size_t why_len, const char *what, int error)
{
    snprintf(why, why_len, "%s", what);
    return error;
}

int sl_motion_mask_parse(struct sl_motion_mask *ret, const uint8_t *data, size_t len, char *why,
                         size_t why_len)
{
    struct text text = {data, data + len};
    if (len < 2 || data[0] != 'P' || (data[1] != '2' && data[1] != '5'))
        return fail(why, why_len, "not a PGM picture (P2 or P5)", -EBADMSG);
    text.at += 2;
    struct sl_motion_mask mask = {.width = number(&text)};
    mask.height = number(&text);
    const int most = number(&text);
    if (mask.width < 1 || mask.height < 1 || most < 1)
        return fail(why, why_len, "its header is damaged", -EBADMSG);
    if (mask.width > SL_MOTION_MASK_SIDE_MAX || mask.height > SL_MOTION_MASK_SIDE_MAX)
        return fail(why, why_len, "larger than 8192x8192", -EFBIG);
    /* No pixel takes less than a byte: what a few bytes claim to be takes no memory. */
    if ((size_t)(text.end - text.at) < (size_t)mask.width * (size_t)mask.height)
        return fail(why, why_len, "it ends too early", -EBADMSG);
    mask.looked_at = malloc((size_t)mask.width * (size_t)mask.height);
    if (!mask.looked_at)
        return fail(why, why_len, "out of memory", -ENOMEM);
    if (!(data[1] == '2' ? read_plain : read_raw)(&text, &mask, most)) {
        sl_motion_mask_fini(&mask);
        return fail(why, why_len, "it ends too early, or has a value beyond its white", -EBADMSG);
    }
    *ret = mask;
    return 0;
}

/* The whole file; the caller frees it. */
static int read_file(FILE *file, uint8_t **ret, size_t *ret_len)
{
    uint8_t *data = NULL;
    size_t len = 0, room = 0;
    for (;;) {
        if (len == room) {
            room = room ? 2 * room : 65536;
            uint8_t *more = room <= FILE_BYTES_MAX ? realloc(data, room) : NULL;
            if (!more) {
                free(data);
                return room <= FILE_BYTES_MAX ? -ENOMEM : -EFBIG;
            }
            data = more;
        }
        const size_t got = fread(data + len, 1, room - len, file);
        len += got;
        if (got == 0)
            break;
    }
    if (ferror(file)) {
        free(data);
        return -EIO;
    }
    *ret = data;
    *ret_len = len;
    return 0;
}

int sl_motion_mask_read(struct sl_motion_mask *ret, const char *path, char *why, size_t why_len)
{
    uint8_t *data = NULL;
    size_t len = 0;
    FILE *file = fopen(path, "re");
    int error = file ? read_file(file, &data, &len) : -errno;
    if (file)
        fclose(file);
    if (error)
        return fail(why, why_len, strerror(-error), error);
    error = sl_motion_mask_parse(ret, data, len, why, why_len);
    free(data);
    return error;
}

void sl_motion_mask_fini(struct sl_motion_mask *mask)
{
    free(mask->looked_at);
    *mask = (struct sl_motion_mask){0};
}

bool sl_motion_mask_at(const struct sl_motion_mask *mask, int x, int width, int y, int height)
{
    const int column = (int)((int64_t)x * mask->width / width);
    const int row = (int)((int64_t)y * mask->height / height);
    return mask->looked_at[(size_t)row * (size_t)mask->width + (size_t)column];
}
