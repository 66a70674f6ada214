/* SPDX-License-Identifier: MIT */
#include "bench/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const cJSON *sl_view_array(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsArray(item) ? item : NULL;
}

const cJSON *sl_view_object(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsObject(item) ? item : NULL;
}

const char *sl_view_text(const cJSON *object, const char *key)
{
    const cJSON *item = member(object, key);
    return cJSON_IsString(item) && item->valuestring ? item->valuestring : "";
}

double sl_view_value(const cJSON *item)
{
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : NAN;
}

double sl_view_number(const cJSON *object, const char *key)
{
    return sl_view_value(member(object, key));
}

bool sl_view_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(member(object, key));
}

int sl_view_decimals(const cJSON *column)
{
    const double decimals = sl_view_number(column, "decimals");
    return decimals >= 0 && decimals <= 9 ? (int)decimals : 0;
}

void sl_view_format(double value, int decimals, char *text, size_t size)
{
    /* Beyond that all digits are noise, and %f would have 300 of them. */
    if (fabs(value) >= 1e15)
        snprintf(text, size, "%.3g", value);
    else
        snprintf(text, size, "%.*f", decimals, value);
    if (text[0] == '-' && strspn(text + 1, "0.") == strlen(text + 1))
        memmove(text, text + 1, strlen(text));
}

void sl_view_clean(const char *from, char *text, size_t size)
{
    size_t len = strlen(from);
    if (len >= size)
        for (len = size - 1; len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80; len--)
            ;
    for (size_t i = 0; i < len; i++)
        text[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? ' ' : from[i];
    text[len] = '\0';
}

size_t sl_view_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

bool sl_view_cell(const cJSON *column, const cJSON *row, char *text, size_t size)
{
    const cJSON *item = member(row, sl_view_text(column, "key"));
    const double value = sl_view_value(item);
    if (isfinite(value))
        sl_view_format(value, sl_view_decimals(column), text, size);
    else if (cJSON_IsString(item))
        sl_view_clean(item->valuestring, text, size);
    else
        snprintf(text, size, "%s", cJSON_IsBool(item) ? cJSON_IsTrue(item) ? "yes" : "no" : "-");
    return isfinite(value);
}

bool sl_view_column_wanted(const cJSON *column, const cJSON *rows)
{
    const char *better = sl_view_text(column, "better");
    const cJSON *row;
    if (sl_view_true(column, "id") || sl_view_text(column, "unit")[0] ||
        strcmp(better, "lower") == 0 || strcmp(better, "higher") == 0)
        return true;
    cJSON_ArrayForEach(row, rows)
    {
        const cJSON *item = member(row, sl_view_text(column, "key"));
        if (item && !cJSON_IsNull(item))
            return true;
    }
    return false;
}
