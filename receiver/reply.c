/* SPDX-License-Identifier: MIT */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "receiver/request.h"

static void say(struct sl_request *request, unsigned status, struct MHD_Response *response)
{
    if (request->response)
        MHD_destroy_response(request->response);
    request->status = status;
    request->response = response;
    if (response)
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
}

void sl_reply_header(struct sl_request *request, const char *name, const char *value)
{
    if (request->response)
        (void)MHD_add_response_header(request->response, name, value);
}

void sl_reply_empty(struct sl_request *request, unsigned status)
{
    say(request, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

static void say_type(struct sl_request *request, const char *type)
{
    sl_reply_header(request, "Content-Type", type);
    sl_reply_header(request, "X-Content-Type-Options", "nosniff");
}

void sl_reply_bytes(struct sl_request *request, unsigned status, const char *type, const void *data,
                    size_t len)
{
    say(request, status,
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY));
    say_type(request, type);
}

void sl_reply_text(struct sl_request *request, unsigned status, const char *type, const char *text)
{
    sl_reply_bytes(request, status, type, text, strlen(text));
}

void sl_reply_stream(struct sl_request *request, unsigned status, const char *type, uint64_t length,
                     size_t block, MHD_ContentReaderCallback reader, void *ctx)
{
    say(request, status, MHD_create_response_from_callback(length, block, reader, ctx, NULL));
    say_type(request, type);
}

static const char *title_of(unsigned status)
{
    const char *title = MHD_get_reason_phrase_for(status);
    return title ? title : "Error";
}

void sl_reply_problem(struct sl_request *request, unsigned status, const char *format, ...)
{
    char *detail = request->detail;
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(request->detail), format, args);
    va_end(args);
    cJSON *object = cJSON_CreateObject();
    char *text = NULL;
    if (object && cJSON_AddStringToObject(object, "type", "about:blank") &&
        cJSON_AddStringToObject(object, "title", title_of(status)) &&
        cJSON_AddNumberToObject(object, "status", status) &&
        cJSON_AddStringToObject(object, "detail", detail))
        text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    sl_reply_text(request, status, "application/problem+json", text ? text : "{}");
    cJSON_free(text);
}

void sl_reply_retry_after(struct sl_request *request, int seconds)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", seconds);
    sl_reply_header(request, "Retry-After", text);
}

void sl_reply_resume(struct sl_request *request)
{
    request->state = SL_REQUEST_READY;
    MHD_resume_connection(request->connection);
}

void sl_reply_cameras(struct sl_request *request)
{
    struct sl_directory *directory = request->server->directory;
    sl_server_look_at_snapshots(request->server);
    const char *json = sl_directory_json(directory);
    if (!json) {
        sl_reply_problem(request, 503, "out of memory");
        return;
    }
    sl_reply_text(request, 200, "application/json", json);
    sl_reply_header(request, "ETag", sl_directory_etag(directory));
}

void sl_reply_not_modified(struct sl_request *request)
{
    sl_reply_empty(request, 304);
    sl_reply_header(request, "ETag", sl_directory_etag(request->server->directory));
}
