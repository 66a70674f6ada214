/* SPDX-License-Identifier: MIT */
/* GET /api/v1/segments, /api/v1/events and /api/v1/marks: one page out of the catalogue. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "receiver/api_call.h"
#include "receiver/api_json.h"

/* Without a catalogue nothing was recorded yet: an empty page. */
static int open_catalogue(struct sl_api_call *call, struct sl_api_desk *desk)
{
    const int err = sl_api_desk_catalogue(desk, call->why);
    call->empty = err == -ENOENT;
    return call->empty ? 0 : err;
}

static int say_why(struct sl_api_call *call, struct sl_api_desk *desk, int err)
{
    snprintf(call->why, sizeof(call->why), "%s", sl_catalogue_why(desk->catalogue));
    return err;
}

/* Of a camera that there is not, nothing would say the same as of one that recorded nothing. */
static int check_camera(struct sl_api_call *call, struct sl_api_desk *desk)
{
    if (!call->query.camera[0] || call->enrolled)
        return 0;
    const int err =
        call->empty ? -ENOENT : sl_catalogue_has_camera(desk->catalogue, call->query.camera);
    return err == 0 || err == -ENOENT ? err : say_why(call, desk, err);
}

/* Whether there is anything to be read. */
static bool begin_page(struct sl_api_call *call, struct sl_api_desk *desk, const void *rows)
{
    call->err = rows ? open_catalogue(call, desk) : -ENOMEM;
    return call->err == 0 && !call->empty;
}

/* Whether the page, of `count` rows, is to be told; `count` may be an error. */
static bool end_page(struct sl_api_call *call, struct sl_api_desk *desk, int count)
{
    if (count < 0)
        call->err = say_why(call, desk, count);
    if (call->err == 0 && count == 0)
        call->err = check_camera(call, desk);
    return call->err == 0;
}

static void work_segments(struct sl_api_job *job, struct sl_api_desk *desk)
{
    struct sl_api_call *call = job->owner;
    const struct sl_segment_filter filter = sl_api_query_filter(&call->query);
    struct sl_segment_row *rows = calloc((size_t)call->query.limit, sizeof(*rows));
    int count = 0;
    if (begin_page(call, desk, rows))
        count = sl_catalogue_page(desk->catalogue, &filter, &call->query.cursor, rows,
                                  call->query.limit);
    if (end_page(call, desk, count))
        call->json = sl_api_segments_json(&call->query, rows, count, &call->query.cursor);
    free(rows);
}

static void work_events(struct sl_api_job *job, struct sl_api_desk *desk)
{
    struct sl_api_call *call = job->owner;
    const struct sl_segment_filter filter = sl_api_query_filter(&call->query);
    struct sl_catalogue_event *rows = calloc((size_t)call->query.limit, sizeof(*rows));
    int count = 0;
    if (begin_page(call, desk, rows))
        count = sl_catalogue_events(desk->catalogue, &filter, &call->query.cursor, rows,
                                    call->query.limit);
    if (end_page(call, desk, count))
        call->json = sl_api_events_json(&call->query, rows, count, &call->query.cursor);
    free(rows);
}

static void work_marks(struct sl_api_job *job, struct sl_api_desk *desk)
{
    struct sl_api_call *call = job->owner;
    const struct sl_segment_filter filter = sl_api_query_filter(&call->query);
    struct sl_catalogue_mark *rows = calloc((size_t)call->query.limit, sizeof(*rows));
    int count = 0;
    if (begin_page(call, desk, rows))
        count = sl_catalogue_marks(desk->catalogue, &filter, &call->query.cursor, rows,
                                   call->query.limit);
    if (end_page(call, desk, count))
        call->json = sl_api_marks_json(&call->query, rows, count, &call->query.cursor);
    free(rows);
}

static void finish_page(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    if (call->err == -ENOENT)
        sl_reply_problem(request, 404, "there is no camera %s", call->query.camera);
    else if (call->err != 0)
        sl_reply_problem(request, 503, "the catalogue cannot be read%s%s", call->why[0] ? ": " : "",
                         call->why);
    else if (!call->json)
        sl_reply_problem(request, 503, "out of memory");
    else
        sl_reply_text(request, 200, "application/json", call->json);
    sl_reply_resume(request);
}

static void ask_page(struct sl_api_call *call, int takes,
                     void (*work)(struct sl_api_job *job, struct sl_api_desk *desk))
{
    if (!sl_api_read_query(call, takes))
        return;
    call->enrolled = sl_directory_find(call->request->server->directory, call->query.camera);
    sl_api_ask(call, SL_API_PAGES, work, finish_page);
}

void sl_api_segments(struct sl_api_call *call)
{
    ask_page(call, SL_API_TAKES_FILTER, work_segments);
}

void sl_api_events(struct sl_api_call *call)
{
    ask_page(call, SL_API_TAKES_FILTER, work_events);
}

void sl_api_marks(struct sl_api_call *call)
{
    ask_page(call, SL_API_TAKES_MARKS, work_marks);
}
