/* SPDX-License-Identifier: MIT */
/* Input: an enrolment link as pasted. One that is taken is written, and read again the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "whip/link.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[1024], why[128], written[SL_LINK_TEXT];
    struct sl_link link, again;
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (strchr(text, '@') == text + strspn(text, " \t\r\n"))
        return 0; /* names a file */
    if (sl_link_parse(&link, text, why, sizeof(why)) < 0) {
        check(strlen(why) < sizeof(why));
        return 0;
    }
    check(link.port > 0 && link.port < 65536);
    check(link.camera[0] == '\0' || sl_name_valid(link.camera));
    check(sl_link_text(&link, written, sizeof(written)) > 0);
    check(sl_link_parse(&again, written, why, sizeof(why)) == 0);
    check(strcmp(link.token, again.token) == 0 && strcmp(link.host, again.host) == 0);
    check(link.port == again.port && strcmp(link.camera, again.camera) == 0);
    check(strcmp(link.pin, again.pin) == 0);
    return 0;
}
