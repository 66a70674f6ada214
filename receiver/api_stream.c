/* SPDX-License-Identifier: MIT */
/*
 * Media on its way: libmicrohttpd asks for bytes, and has the connection suspended until a lane has
 * read them. So a disk that sleeps holds up nobody but who asked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>

#include "base/log.h"
#include "receiver/api_call.h"
#include "receiver/http_range.h"

#define CHUNK (256 * 1024)
#define BLOCK (64 * 1024) /* libmicrohttpd's buffer */

static void work_read(struct sl_api_job *job, struct sl_api_desk *desk)
{
    struct sl_api_call *call = job->owner;
    const uint64_t left = call->end - call->chunk_at;
    const int store = open(desk->recordings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store < 0) {
        call->err = -errno;
        return;
    }
    const ssize_t got =
        sl_media_range_read(call->media->range, &call->reader, store, call->chunk_at, call->chunk,
                            left < CHUNK ? (size_t)left : CHUNK);
    close(store);
    call->err = got < 0 ? (int)got : 0;
    call->chunk_len = got < 0 ? 0 : (size_t)got;
}

static void finish_read(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    if (call->err != 0) {
        call->broken = true;
        sl_api_cache_spoil(request->server->api->cache, call->media);
        sl_warn("media of %s ends early: %s", call->target.name, strerror(-call->err));
    }
    MHD_resume_connection(request->connection);
}

static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t max)
{
    struct sl_api_call *call = cls;
    const uint64_t at = call->first + position;
    if (call->broken || call->request->server->stopping)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (call->chunk_len && at >= call->chunk_at && at < call->chunk_at + call->chunk_len) {
        const size_t from = (size_t)(at - call->chunk_at);
        const size_t len = call->chunk_len - from < max ? call->chunk_len - from : max;
        memcpy(out, call->chunk + from, len);
        return (ssize_t)len;
    }
    call->chunk_at = at;
    call->chunk_len = 0;
    if (!sl_api_give(call, SL_API_READS, work_read, finish_read))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return 0;
}

/* Counts it in; false after saying that there are too many. */
static bool begin(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    struct sl_api *api = request->server->api;
    int own = 0;
    for (const struct sl_request *at = request->server->requests; at; at = at->next) {
        if (at->call && at->call->streaming &&
            memcmp(at->ask.token.hash, request->ask.token.hash, SL_TOKEN_HASH_BYTES) == 0)
            own++;
    }
    if (api->streams >= SL_API_STREAMS_MAX || own >= SL_API_STREAMS_OF_VIEWER) {
        sl_reply_problem(request, own >= SL_API_STREAMS_OF_VIEWER ? 429 : 503,
                         "media is sent to %d at a time, %d of one link", SL_API_STREAMS_MAX,
                         SL_API_STREAMS_OF_VIEWER);
        sl_reply_retry_after(request, 1);
        return false;
    }
    call->chunk = malloc(CHUNK);
    if (!call->chunk) {
        sl_reply_problem(request, 503, "out of memory");
        return false;
    }
    call->streaming = true;
    api->streams++;
    return true;
}

static void name_file(const struct sl_api_call *call, char out[128])
{
    char time[SL_API_TIME_TEXT];
    sl_api_time_text(call->target.from_us, time);
    time[19] = '\0'; /* seconds will do */
    for (char *at = time; *at; at++)
        *at = *at == ':' ? '-' : *at;
    if (call->target.kind == SL_MEDIA_OF_CAMERA)
        snprintf(out, 128, "inline; filename=\"%s-%sZ.mp4\"", call->target.name, time);
    else
        snprintf(out, 128, "inline; filename=\"%s.mp4\"", call->target.name);
}

static void send_part(struct sl_api_call *call, unsigned status, uint64_t first, uint64_t count)
{
    struct sl_request *request = call->request;
    const uint64_t length = sl_media_range_length(call->media->range);
    char text[128];
    if (strcmp(request->route->method, "GET") == 0 && !begin(call))
        return;
    call->first = first;
    call->end = first + count;
    sl_reply_stream(request, status, "video/mp4", count, BLOCK, read_stream, call);
    sl_reply_header(request, "ETag", sl_media_range_etag(call->media->range));
    sl_reply_header(request, "Accept-Ranges", "bytes");
    name_file(call, text);
    sl_reply_header(request, "Content-Disposition", text);
    if (status == 206) {
        snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)first,
                 (unsigned long long)(first + count - 1), (unsigned long long)length);
        sl_reply_header(request, "Content-Range", text);
    }
}

static const char *header(const struct sl_api_call *call, const char *name)
{
    return MHD_lookup_connection_value(call->request->connection, MHD_HEADER_KIND, name);
}

void sl_api_stream(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    const struct sl_http_conditions conditions = {
        .range = header(call, "Range"),
        .if_range = header(call, "If-Range"),
        .if_match = header(call, "If-Match"),
        .if_none_match = header(call, "If-None-Match"),
        .get = strcmp(request->route->method, "GET") == 0,
    };
    const uint64_t length = sl_media_range_length(call->media->range);
    const char *etag = sl_media_range_etag(call->media->range);
    uint64_t first, count;
    char text[48];
    switch (sl_http_part(&conditions, etag, length, &first, &count)) {
    case SL_HTTP_ALL:
        send_part(call, 200, first, count);
        break;
    case SL_HTTP_PART:
        send_part(call, 206, first, count);
        break;
    case SL_HTTP_NO_PART:
        sl_reply_problem(request, 416, "Range: got '%.60s', wanted bytes within 0-%llu",
                         conditions.range, (unsigned long long)(length - 1));
        snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)length);
        sl_reply_header(request, "Content-Range", text);
        break;
    case SL_HTTP_NOT_MODIFIED:
        sl_reply_empty(request, 304);
        sl_reply_header(request, "ETag", etag);
        break;
    case SL_HTTP_OTHER_VERSION:
        sl_reply_problem(request, 412, "If-Match: wanted %s", etag);
        break;
    }
}
