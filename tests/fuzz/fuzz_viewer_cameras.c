/* SPDX-License-Identifier: MIT */
/* The receiver's list of cameras: what is taken from it is always within bounds and well formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/cameras.h"
#include "whip/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sl_camera_list list;
    char *json = malloc(size + 1);
    if (!json)
        return 0;
    memcpy(json, data, size);
    json[size] = '\0';
    if (sl_cameras_parse(&list, json) == 0) {
        must(list.count >= 0 && list.count <= SL_FEEDS_MAX);
        for (int i = 0; i < list.count; i++) {
            must(sl_name_valid(list.items[i].name));
            must(strnlen(list.items[i].location, SL_EVENT_TEXT) < SL_EVENT_TEXT);
            for (const char *c = list.items[i].location; *c; c++)
                must((unsigned char)*c >= ' ');
        }
        char missing[33];
        (void)sl_cameras_select(&list, "a,yard,yard", missing);
        must(list.count <= 2);
    }
    free(json);
    return 0;
}
