/* SPDX-License-Identifier: MIT */
#include "whip/link.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "sightline://"
#define TOKEN_CHARS 43 /* 256 bits in base64url */
#define PIN_PREFIX "sha256//"
#define PIN_CHARS (sizeof(PIN_PREFIX) - 1 + 44) /* 32 bytes in base64 */
#define WANTED "wanted sightline://TOKEN@HOST:PORT/CAMERA?pin=sha256//..."

struct slice {
    const char *at;
    size_t len;
};

/* The sentences are fixed: not one character of a link, which may be token, gets into them. */
static int complain(char *why, size_t why_len, const char *what)
{
    snprintf(why, why_len, "%s; " WANTED, what);
    return -EINVAL;
}

bool sl_name_valid(const char *name)
{
    const size_t len = strlen(name);
    if (len < 1 || len > 32 || name[0] == '_' || name[0] == '-')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

static struct slice trim(const char *text, size_t len)
{
    while (len && isspace((unsigned char)text[0])) {
        text++;
        len--;
    }
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    return (struct slice){text, len};
}

/* What comes before the first of `ends`, which is taken off too; all of `rest` if there is none. */
static struct slice take(struct slice *rest, const char *ends, bool *found)
{
    size_t len = 0;
    while (len < rest->len && !strchr(ends, rest->at[len]))
        len++;
    const struct slice token = {rest->at, len};
    *found = len < rest->len;
    rest->at += len + *found;
    rest->len -= len + *found;
    return token;
}

static bool starts(struct slice *rest, const char *prefix)
{
    const size_t len = strlen(prefix);
    if (rest->len < len || memcmp(rest->at, prefix, len) != 0)
        return false;
    rest->at += len;
    rest->len -= len;
    return true;
}

static bool all_of(struct slice slice, const char *others)
{
    for (size_t i = 0; i < slice.len; i++) {
        const unsigned char c = (unsigned char)slice.at[i];
        if (c > 127 || !c || (!isalnum(c) && !strchr(others, c)))
            return false;
    }
    return true;
}

static void copy(char *out, struct slice slice)
{
    memcpy(out, slice.at, slice.len);
    out[slice.len] = '\0';
}

/* "host:port", "[v6]:port" */
static int parse_host(struct sl_link *link, struct slice text, char *why, size_t why_len)
{
    bool found;
    struct slice host;
    const bool bracketed = starts(&text, "[");
    if (bracketed) {
        host = take(&text, "]", &found);
        if (!found || !starts(&text, ":") || !all_of(host, ":.%"))
            return complain(why, why_len, "the IPv6 address in the link must be in [brackets]");
    } else {
        host = take(&text, ":", &found);
        if (!found)
            return complain(why, why_len, "the link has no port");
        if (!all_of(host, ".-_"))
            return complain(why, why_len, "the host in the link has characters that no host has");
    }
    if (host.len == 0 || host.len >= sizeof(link->host))
        return complain(why, why_len, "the host in the link is empty or too long");
    char digits[6] = "";
    if (text.len < 1 || text.len > 5)
        return complain(why, why_len, "the port in the link must be 1 to 65535");
    copy(digits, text);
    if (strspn(digits, "0123456789") != text.len)
        return complain(why, why_len, "the port in the link must be 1 to 65535");
    const int port = atoi(digits);
    if (port < 1 || port > 65535)
        return complain(why, why_len, "the port in the link must be 1 to 65535");
    copy(link->host, host);
    link->port = port;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const int lower = tolower((unsigned char)c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Undoes %2B and the like; '+' stays '+', as base64 means it. */
static bool unescape(struct slice text, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            const int high = i + 2 < text.len ? hex_digit(text.at[i + 1]) : -1;
            const int low = i + 2 < text.len ? hex_digit(text.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (len + 1 >= size)
            return false;
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

static int parse_query(struct sl_link *link, struct slice query, char *why, size_t why_len)
{
    bool found = true;
    while (found) {
        struct slice item = take(&query, "&", &found);
        if (!starts(&item, "pin="))
            continue; /* for versions to come */
        struct slice pin;
        if (unescape(item, link->pin, sizeof(link->pin))) {
            pin = (struct slice){link->pin, strlen(link->pin)};
            if (pin.len == PIN_CHARS && link->pin[pin.len - 1] == '=' && starts(&pin, PIN_PREFIX) &&
                all_of((struct slice){pin.at, pin.len - 1}, "+/"))
                return 0;
        }
        return complain(why, why_len, "the pin in the link is not sha256// and 44 characters");
    }
    return complain(why, why_len, "the link has no pin");
}

static int parse_text(struct sl_link *ret, struct slice text, char *why, size_t why_len)
{
    struct sl_link link = {0};
    bool found;
    if (!starts(&text, SCHEME))
        return complain(why, why_len, "the link does not begin with " SCHEME);
    const struct slice token = take(&text, "@", &found);
    if (!found || token.len != TOKEN_CHARS || !all_of(token, "-_"))
        return complain(why, why_len, "the link's token is not 43 characters of A-Z a-z 0-9 - _");
    copy(link.token, token);
    struct slice query = text;
    struct slice place = take(&query, "?", &found);
    if (!found)
        return complain(why, why_len, "the link has no pin");
    const struct slice host = take(&place, "/", &found);
    int error = parse_host(&link, host, why, why_len);
    if (error < 0)
        return error;
    if (place.len >= sizeof(link.camera))
        return complain(why, why_len, "the camera's name in the link is too long");
    copy(link.camera, place);
    if (link.camera[0] && !sl_name_valid(link.camera))
        return complain(why, why_len, "the camera's name in the link is not one");
    error = parse_query(&link, query, why, why_len);
    if (error < 0)
        return error;
    *ret = link;
    return 0;
}

static int parse_file(struct sl_link *ret, const char *path, char *why, size_t why_len)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        const int error = -errno;
        snprintf(why, why_len, "the link's file %s: %s", path, strerror(-error));
        return error;
    }
    char line[SL_LINK_TEXT + 128];
    const char *got = fgets(line, sizeof(line), file);
    const int error = ferror(file) ? -EIO : 0;
    fclose(file);
    if (error < 0) {
        snprintf(why, why_len, "the link's file %s cannot be read", path);
        return error;
    }
    return parse_text(ret, trim(line, got ? strlen(line) : 0), why, why_len);
}

int sl_link_parse(struct sl_link *ret, const char *text, char *why, size_t why_len)
{
    const struct slice trimmed = trim(text, strlen(text));
    if (trimmed.len && trimmed.at[0] == '@')
        return parse_file(ret, trimmed.at + 1, why, why_len);
    return parse_text(ret, trimmed, why, why_len);
}

int sl_link_text(const struct sl_link *link, char *out, size_t size)
{
    const bool six = strchr(link->host, ':') != NULL;
    const int len = snprintf(out, size, SCHEME "%s@%s%s%s:%d%s%s?pin=%s", link->token,
                             six ? "[" : "", link->host, six ? "]" : "", link->port,
                             link->camera[0] ? "/" : "", link->camera, link->pin);
    return len < 0 || (size_t)len >= size ? -EMSGSIZE : len;
}
