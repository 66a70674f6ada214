/* SPDX-License-Identifier: MIT */
#include "sender/rtsp_url.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/option.h"

#define PORT 554
#define TLS_PORT 322 /* RFC 7826 section 18.2 */

static int hex_digit(char c)
{
    return !isxdigit((unsigned char)c) ? -1
           : isdigit((unsigned char)c) ? c - '0'
                                       : tolower((unsigned char)c) - 'a' + 10;
}

/* `len` bytes of `text` with %XX taken for what they are. */
static int decode(char *out, size_t size, const char *text, size_t len)
{
    size_t made = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (made + 1 >= size || (unsigned char)c < ' ')
            return -EINVAL;
        out[made++] = c;
    }
    out[made] = 0;
    return 0;
}

static int read_user(struct sl_rtsp_url *url, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    const size_t user = colon ? (size_t)(colon - text) : len;
    if (decode(url->user, sizeof(url->user), text, user))
        return -EINVAL;
    return colon ? decode(url->password, sizeof(url->password), colon + 1, len - user - 1) : 0;
}

/* "HOST", "HOST:PORT", "[V6]:PORT". */
static int read_host(struct sl_rtsp_url *url, const char *text, size_t len)
{
    const bool v6 = len && text[0] == '[';
    const char *end = v6 ? memchr(text, ']', len) : memchr(text, ':', len);
    if (v6 && !end)
        return -EINVAL;
    const size_t host = end ? (size_t)(end - text) - v6 : len;
    const char *rest = end ? end + v6 : text + len;
    char port[8] = "";
    int64_t number = url->tls ? TLS_PORT : PORT;
    const size_t left = (size_t)(text + len - rest);
    if (host == 0 || host >= sizeof(url->host) || left >= sizeof(port) + 1)
        return -EINVAL;
    memcpy(url->host, text + v6, host);
    url->host[host] = 0;
    if (left) {
        memcpy(port, rest + 1, left - 1);
        if (rest[0] != ':' || sl_parse_int(port, 1, 65535, &number))
            return -EINVAL;
    }
    url->port = (uint16_t)number;
    return 0;
}

/* Where what follows "://" begins, or NULL. */
static const char *behind_scheme(const char *text)
{
    const char *found = strstr(text, "://");
    return found ? found + 3 : NULL;
}

/* What goes into a request line ends it nowhere. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    return true;
}

static int parse(struct sl_rtsp_url *url, const char *text)
{
    const char *authority = behind_scheme(text);
    url->tls = strncasecmp(text, "rtsps://", 8) == 0;
    if (!is_plain(text) || (!url->tls && strncasecmp(text, "rtsp://", 7) != 0))
        return -EINVAL;
    const size_t len = strcspn(authority, "/?");
    const char *at = memrchr(authority, '@', len);
    const char *host = at ? at + 1 : authority;
    if (at && read_user(url, authority, (size_t)(at - authority)))
        return -EINVAL;
    if (read_host(url, host, (size_t)(authority + len - host)))
        return -EINVAL;
    const int written = snprintf(url->request, sizeof(url->request), "rtsp%s://%s%s",
                                 url->tls ? "s" : "", host, authority[len] ? "" : "/");
    return written < (int)sizeof(url->request) ? 0 : -EINVAL;
}

int sl_rtsp_url_parse(struct sl_rtsp_url *ret, const char *text, char *why, size_t why_len)
{
    struct sl_rtsp_url url = {0};
    if (parse(&url, text)) {
        snprintf(why, why_len,
                 "not a URL; wanted rtsp://USER:PASSWORD@HOST:PORT/PATH, with "
                 "%%40 for @ and %%2F for / in a password");
        return -EINVAL;
    }
    *ret = url;
    return 0;
}

/* ---- Hiding ---- */

/* Where the value begins of a parameter that is named as a secret; NULL: none begins at `at`. */
static const char *secret_value(const char *at)
{
    static const char *const names[] = {"password=", "passwd=", "pass=", "pwd=", "token="};
    for (size_t i = 0; i < SL_COUNT(names); i++)
        if (strncasecmp(at, names[i], strlen(names[i])) == 0)
            return at + strlen(names[i]);
    return NULL;
}

struct text {
    char *at, *end;
};

static void say(struct text *out, const char *from, size_t len)
{
    const size_t room = (size_t)(out->end - out->at);
    const size_t part = len < room ? len : room;
    memcpy(out->at, from, part);
    out->at += part;
}

/* Up to the last '@': whoever did not escape his password is not betrayed. */
static const char *say_user(struct text *out, const char *text)
{
    const char *user = behind_scheme(text);
    const char *at = user ? strrchr(user, '@') : NULL;
    const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
    if (!colon)
        return text;
    say(out, text, (size_t)(colon + 1 - text));
    say(out, "***", 3);
    return at;
}

const char *sl_rtsp_url_redact(const char *text, char *out, size_t size)
{
    struct text to = {.at = out, .end = out + size - 1};
    const char *at = say_user(&to, text);
    while (*at) {
        const char *value = secret_value(at);
        if (!value) {
            say(&to, at++, 1);
            continue;
        }
        say(&to, at, (size_t)(value - at));
        say(&to, "***", 3);
        at = value + strcspn(value, "&;/?");
    }
    *to.at = 0;
    return out;
}

bool sl_rtsp_url_has_secret(const char *text)
{
    if (behind_scheme(text)) {
        const char *at = strrchr(behind_scheme(text), '@');
        if (at && memchr(behind_scheme(text), ':', (size_t)(at - behind_scheme(text))))
            return true;
    }
    for (; *text; text++)
        if (secret_value(text))
            return true;
    return false;
}
