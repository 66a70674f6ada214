/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "receiver/recordings_command.h"
#include "receiver/when.h"

#define PAGE_ROWS 500

static int print_text(FILE *out, const struct sl_catalogue_mark *mark)
{
    char at[SL_WHEN_TEXT];
    return fprintf(out, "%" PRId64 "\t%s\t%s\t%s\n", mark->id, mark->camera,
                   sl_when_text(mark->at_us, at), mark->text) < 0;
}

/* One object a line, as recordings list has it. */
static int print_json(FILE *out, const struct sl_catalogue_mark *mark)
{
    char at[SL_WHEN_TEXT];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "id", (double)mark->id);
    cJSON_AddStringToObject(json, "camera", mark->camera);
    cJSON_AddStringToObject(json, "at", sl_when_text(mark->at_us, at));
    cJSON_AddStringToObject(json, "text", mark->text);
    char *text = cJSON_PrintUnformatted(json);
    const int err = text ? fprintf(out, "%s\n", text) < 0 : 1;
    cJSON_free(text);
    cJSON_Delete(json);
    return err;
}

static int print(const struct sl_recordings *recordings, const struct sl_catalogue_mark *mark)
{
    return recordings->options->json ? print_json(recordings->out, mark)
                                     : print_text(recordings->out, mark);
}

int sl_recordings_marks(const struct sl_recordings *recordings)
{
    const struct sl_segment_filter filter = {.camera = recordings->options->camera,
                                             .from_us = recordings->from_us,
                                             .to_us = recordings->to_us};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_catalogue_mark *rows = calloc(PAGE_ROWS, sizeof(*rows));
    int count = rows ? PAGE_ROWS : -1, failed = 0;
    while (count == PAGE_ROWS && !failed) {
        count = sl_catalogue_marks(recordings->catalogue, &filter, &cursor, rows, PAGE_ROWS);
        for (int i = 0; i < count && !failed; i++)
            failed = print(recordings, &rows[i]);
    }
    return sl_recordings_end(recordings, rows, failed, count);
}

int sl_recordings_mark(const struct sl_recordings *recordings)
{
    const struct sl_receiver_options *options = recordings->options;
    struct sl_catalogue_mark mark = {.at_us = recordings->at_us};
    snprintf(mark.camera, sizeof(mark.camera), "%s", options->camera);
    snprintf(mark.text, sizeof(mark.text), "%s", options->text);
    if (sl_catalogue_mark_add(recordings->catalogue, &mark) != 0)
        return sl_recordings_fail(recordings, sl_catalogue_why(recordings->catalogue));
    return print(recordings, &mark) ? sl_recordings_fail(recordings, "stdout cannot be written")
                                    : 0;
}

int sl_recordings_unmark(const struct sl_recordings *recordings)
{
    struct sl_catalogue_mark mark;
    char what[64];
    const int err =
        sl_catalogue_mark_remove(recordings->catalogue, recordings->options->mark, &mark);
    if (err == -ENOENT) {
        snprintf(what, sizeof(what), "there is no mark %" PRId64, recordings->options->mark);
        return sl_recordings_fail(recordings, what);
    }
    if (err != 0)
        return sl_recordings_fail(recordings, sl_catalogue_why(recordings->catalogue));
    return print(recordings, &mark) ? sl_recordings_fail(recordings, "stdout cannot be written")
                                    : 0;
}
