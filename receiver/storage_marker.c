/* SPDX-License-Identifier: MIT */
#include "receiver/storage_marker.h"

#include <string.h>

#include <cjson/cJSON.h>

static bool uuid_valid(const char *text)
{
    for (int i = 0; i < SL_SEGMENT_UUID_BYTES - 1; i++) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !text[i] || !strchr("0123456789abcdef", text[i]))
            return false;
    }
    return text[SL_SEGMENT_UUID_BYTES - 1] == '\0';
}

bool sl_storage_marker_parse(const char *text, size_t len, char uuid[SL_SEGMENT_UUID_BYTES])
{
    cJSON *json = cJSON_ParseWithLength(text, len);
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "uuid"));
    const bool valid = value && uuid_valid(value);
    if (valid)
        memcpy(uuid, value, SL_SEGMENT_UUID_BYTES);
    cJSON_Delete(json);
    return valid;
}
