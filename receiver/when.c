/* SPDX-License-Identifier: MIT */
#include "receiver/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/option.h"

#define YEAR_MIN 1970
#define YEAR_MAX 9999

/* Exactly `digits` of them, within [min, max]; then `*at` is behind them. */
static bool take_number(const char **at, int digits, int min, int max, int *ret)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *ret = value;
    return value >= min && value <= max;
}

static bool take_char(const char **at, const char *any)
{
    if (!**at || !strchr(any, **at))
        return false;
    (*at)++;
    return true;
}

static bool take_day(const char **at, struct tm *tm)
{
    if (!take_number(at, 4, YEAR_MIN, YEAR_MAX, &tm->tm_year) || !take_char(at, "-") ||
        !take_number(at, 2, 1, 12, &tm->tm_mon) || !take_char(at, "-") ||
        !take_number(at, 2, 1, 31, &tm->tm_mday))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon--;
    return true;
}

/* HH:MM[:SS[.ffffff]]; more digits than six are left out. */
static bool take_time(const char **at, struct tm *tm, int *fraction_us)
{
    if (!take_number(at, 2, 0, 23, &tm->tm_hour) || !take_char(at, ":") ||
        !take_number(at, 2, 0, 59, &tm->tm_min))
        return false;
    if (!take_char(at, ":"))
        return true;
    if (!take_number(at, 2, 0, 59, &tm->tm_sec))
        return false;
    if (!take_char(at, "."))
        return true;
    int digits = 0;
    for (; isdigit((unsigned char)**at); (*at)++)
        if (digits++ < 6)
            *fraction_us = *fraction_us * 10 + (**at - '0');
    const bool any = digits > 0;
    for (; digits < 6; digits++)
        *fraction_us *= 10;
    return any;
}

/* Z, +HH:MM or +HHMM; none: local. False: rubbish. */
static bool take_zone(const char **at, bool *local, int *offset_s)
{
    int hours = 0, minutes = 0;
    *local = !**at;
    if (*local || take_char(at, "Zz"))
        return true;
    const int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, "+-") || !take_number(at, 2, 0, 14, &hours))
        return false;
    (void)take_char(at, ":");
    if (!take_number(at, 2, 0, 59, &minutes))
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static int parse_moment(const char *text, int64_t *ret)
{
    struct tm tm = {.tm_isdst = -1};
    int fraction_us = 0, offset_s = 0;
    bool local = false;
    if (!take_day(&text, &tm))
        return -EINVAL;
    if (*text && (!take_char(&text, "Tt ") || !take_time(&text, &tm, &fraction_us)))
        return -EINVAL;
    if (!take_zone(&text, &local, &offset_s) || *text)
        return -EINVAL;
    const int day = tm.tm_mday;
    const time_t seconds = local ? mktime(&tm) : timegm(&tm);
    if (tm.tm_mday != day) /* the 31st of November */
        return -EINVAL;
    const int64_t us = ((int64_t)seconds - offset_s) * 1000000 + fraction_us;
    if (us < 0)
        return -EINVAL;
    *ret = us;
    return 0;
}

int sl_when_parse(const char *text, int64_t now_us, int64_t *ret)
{
    sl_ns ago;
    if (strcmp(text, "now") == 0) {
        *ret = now_us;
        return 0;
    }
    if (*text != '-')
        return parse_moment(text, ret);
    if (sl_parse_duration(text + 1, &ago) != 0 || ago / SL_US > now_us)
        return -EINVAL;
    *ret = now_us - ago / SL_US;
    return 0;
}

const char *sl_when_text(int64_t us, char out[SL_WHEN_TEXT])
{
    const time_t seconds = (time_t)(us / 1000000);
    struct tm utc;
    char text[SL_WHEN_TEXT] = "?";
    if (us >= 0 && gmtime_r(&seconds, &utc))
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, SL_WHEN_TEXT, "%.19s.%03dZ", text, (int)(us % 1000000 / 1000));
    return out;
}
