/* SPDX-License-Identifier: MIT */
/* A document of results may be any JSON: it is printed, drawn and compared, and no tag of its own
 * gets into the page. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/document.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static FILE *nowhere(void)
{
    static FILE *file;
    if (!file)
        file = fopen("/dev/null", "w");
    must(file != NULL);
    return file;
}

/* What is no document becomes the whole content of one, so that its inside is reached. */
static cJSON *as_document(cJSON *json)
{
    if (sl_document_is_one(json))
        return json;
    cJSON *document = cJSON_CreateObject();
    cJSON_AddNumberToObject(document, "sightline_bench", SL_DOCUMENT_VERSION);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(document, "benches"), json);
    return document;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *json = cJSON_ParseWithLength((const char *)data, size);
    if (!json)
        return 0;
    json = as_document(json);
    char *page;
    const cJSON *result;
    must(sl_report_create(&page, json) == 0);
    must(strcasestr(page, "<script") == NULL && strcasestr(page, "<img") == NULL);
    free(page);
    cJSON_ArrayForEach(result, sl_view_array(json, "benches"))
    {
        sl_result_write(result, nowhere());
    }
    const struct sl_compare_tally tally = sl_compare_write(json, json, nowhere());
    must(tally.figures >= 0 && tally.better + tally.worse <= tally.figures);
    cJSON_Delete(json);
    return 0;
}
