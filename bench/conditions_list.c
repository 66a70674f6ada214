/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/types.h"
#include "bench/conditions.h"
#include "bench/view.h"

#define SHOWN_MAX 64

struct list {
    struct sl_condition *items;
    size_t count, max;
};

/* Others are shown by their key, blanks for underscores. */
static const struct {
    const char *key, *title, *unit;
} known[] = {
    {"sightline", "Sightline", NULL},
    {"date", "date", NULL},
    {"mhz", "clock", "MHz"},
    {"memory_mb", "memory", "MB"},
    {"virtual", "virtual machine", NULL},
    {"seconds", "each figure measured for", "s"},
    {"took_seconds", "time taken", "s"},
    {"busy_before_percent", "cores in use before", "%"},
    {"load_before", "load average before", NULL},
    {"load_after", "load average after", NULL},
};

static void write_value(const cJSON *item, char *text, size_t size)
{
    const double value = sl_view_value(item);
    if (isfinite(value))
        snprintf(text, size, "%.10g", value);
    else if (cJSON_IsString(item))
        sl_view_clean(item->valuestring, text, size);
    else
        snprintf(text, size, "%s", cJSON_IsBool(item) ? cJSON_IsTrue(item) ? "yes" : "no" : "-");
}

static void write_array(const cJSON *array, char *text, size_t size)
{
    size_t len = 0;
    const cJSON *item;
    text[0] = '\0';
    cJSON_ArrayForEach(item, array)
    {
        char one[64];
        write_value(item, one, sizeof(one));
        if (len + strlen(one) + 2 > size)
            return;
        len += (size_t)snprintf(text + len, size - len, len ? " %s" : "%s", one);
    }
}

static void add(struct list *list, const cJSON *item)
{
    if (list->count == list->max || !item->string)
        return;
    struct sl_condition *to = &list->items[list->count++];
    sl_view_clean(item->string, to->key, sizeof(to->key));
    memcpy(to->title, to->key, sizeof(to->title));
    for (char *at = to->title; *at; at++)
        *at = *at == '_' ? ' ' : *at;
    if (cJSON_IsArray(item))
        write_array(item, to->text, sizeof(to->text));
    else
        write_value(item, to->text, sizeof(to->text));
    for (size_t i = 0; i < SL_COUNT(known); i++) {
        if (strcmp(to->key, known[i].key) != 0)
            continue;
        snprintf(to->title, sizeof(to->title), "%s", known[i].title);
        const size_t len = strlen(to->text);
        if (known[i].unit)
            snprintf(to->text + len, sizeof(to->text) - len, " %s", known[i].unit);
    }
}

size_t sl_conditions_list(const cJSON *conditions, struct sl_condition *items, size_t max)
{
    struct list list = {.items = items, .max = max};
    const cJSON *item, *inner;
    if (!cJSON_IsObject(conditions))
        return 0;
    cJSON_ArrayForEach(item, conditions)
    {
        if (!cJSON_IsObject(item)) {
            add(&list, item);
            continue;
        }
        cJSON_ArrayForEach(inner, item)
        {
            if (!cJSON_IsObject(inner))
                add(&list, inner);
        }
    }
    return list.count;
}

void sl_conditions_print(const cJSON *conditions, FILE *out)
{
    struct sl_condition list[SHOWN_MAX];
    const size_t count = sl_conditions_list(conditions, list, SHOWN_MAX);
    size_t width = 0;
    for (size_t i = 0; i < count; i++)
        width = strlen(list[i].title) > width ? strlen(list[i].title) : width;
    fputs(count ? "\nConditions\n" : "", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%-*s  %s\n", (int)width, list[i].title, list[i].text);
}
