/* SPDX-License-Identifier: MIT */
#include "viewer/cameras.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "whip/link.h"

/* Control characters become blanks; a character is not cut in half. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);
    if (text[len])
        while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    out[len] = '\0';
}

static const struct sl_camera_info *find(const struct sl_camera_list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

static void add(struct sl_camera_list *list, const cJSON *item)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
    const char *location = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "location"));
    const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "state"));
    if (!name || !sl_name_valid(name) || find(list, name))
        return;
    if (list->count == SL_FEEDS_MAX) {
        list->left_out++;
        return;
    }
    struct sl_camera_info *info = &list->items[list->count++];
    *info = (struct sl_camera_info){.live = state && !strcmp(state, "live")};
    copy_text(info->name, sizeof(info->name), name);
    copy_text(info->location, sizeof(info->location), location ? location : "");
}

int sl_cameras_parse(struct sl_camera_list *ret, const char *json)
{
    cJSON *root = cJSON_Parse(json);
    const cJSON *cameras = cJSON_GetObjectItemCaseSensitive(root, "cameras");
    if (!cJSON_IsArray(cameras)) {
        cJSON_Delete(root);
        return -EBADMSG;
    }
    memset(ret, 0, sizeof(*ret));
    const cJSON *item;
    cJSON_ArrayForEach(item, cameras) add(ret, item);
    cJSON_Delete(root);
    return 0;
}

/* Takes the next name of "a,b,c" off *at. False at the end; a name that is none comes out "". */
static bool next_name(const char **at, char name[33])
{
    if (!**at)
        return false;
    const size_t len = strcspn(*at, ",");
    snprintf(name, 33, "%.*s", len < 33 ? (int)len : 0, *at);
    *at += len;
    *at += **at == ',';
    return true;
}

int sl_cameras_select(struct sl_camera_list *list, const char *wanted, char missing[33])
{
    if (!wanted)
        return 0;
    struct sl_camera_list kept = {0};
    char name[33];
    int error = 0;
    while (next_name(&wanted, name)) {
        const struct sl_camera_info *info = find(list, name);
        if (!info && !error) {
            memcpy(missing, name, sizeof(name));
            error = -ENOENT;
        }
        if (!info || find(&kept, name) || kept.count == SL_FEEDS_MAX)
            continue;
        kept.items[kept.count] = *info;
        kept.items[kept.count].order = kept.count;
        kept.count++;
    }
    *list = kept;
    return error;
}

int sl_cameras_check(const char *wanted)
{
    char name[33];
    int count = 0;
    for (; next_name(&wanted, name); count++)
        if (!sl_name_valid(name))
            return -EINVAL;
    return count ? 0 : -EINVAL;
}
