/* SPDX-License-Identifier: MIT */
/* Opening footage: the one way to it, for media, links to media, and pictures. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "receiver/api_call.h"
#include "receiver/snapshot_files.h"
#include "whip/link.h"

#define BATCH 64
#define STRETCH_US (3600 * INT64_C(1000000)) /* of which the index is in memory */
#define LATE_US (10 * INT64_C(1000000))      /* what is older will not come any more */
#define AGED (1 * SL_SEC)                    /* of media that still grows, asked for anew */
#define PICTURE_MAX (8 << 20)
#define PICTURE_PATIENCE (1 * SL_SEC)
#define LINK_DEFAULT_S 900

/* ---- On a lane: out of segments' files ---- */

static bool path_is_inside(const char *path)
{
    return path[0] != '/' && path[0] != '\0' && strncmp(path, "../", 3) != 0 &&
           !strstr(path, "/../");
}

static bool is_cancelled(struct sl_api_call *call)
{
    return atomic_load(&call->cancelled);
}

/* The part of the file that [from, to) takes, a stretch at a time. */
static int add_file(struct sl_api_call *call, const char *path, int fd, int64_t from_us,
                    int64_t to_us, char *why)
{
    struct sl_segment_index index;
    int64_t end_us;
    do {
        const int64_t until_us = to_us - from_us > STRETCH_US ? from_us + STRETCH_US : to_us;
        int err = sl_segment_index_stretch(fd, from_us, until_us, &index, why);
        if (err != 0)
            return err;
        end_us = index.info.meta.start_us + index.info.duration_us;
        err = sl_media_range_add(call->range, path, fd, &index);
        sl_segment_index_free(&index);
        if (err != 0)
            return err;
        from_us = until_us;
    } while (from_us < to_us && from_us < end_us && !is_cancelled(call));
    return is_cancelled(call) ? -ECANCELED : 0;
}

/* A file that is gone (retention) or damaged is a gap. */
static int add_row(struct sl_api_call *call, int store, const struct sl_segment_row *row)
{
    char why[SL_STORE_WHY] = "";
    int64_t from_us = call->target.from_us, to_us = call->target.to_us;
    if (!path_is_inside(row->path))
        return 0;
    const int fd = openat(store, row->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP ? 0 : -errno;
    int err = 0;
    if (call->target.kind == SL_MEDIA_OF_SEGMENT) {
        from_us = row->info.meta.start_us;
        to_us = from_us + SL_MEDIA_RANGE_MAX_US;
        err = sl_media_range_begin(&call->range, from_us, to_us);
    }
    if (err == 0)
        err = add_file(call, row->path, fd, from_us, to_us, why);
    if (err == -EBADMSG)
        sl_warn("%s: left out of what was asked for: %s", row->path, why);
    close(fd);
    return err == -ENODATA || err == -EBADMSG ? 0 : err;
}

static int add_rows(struct sl_api_call *call, struct sl_api_desk *desk, int store, bool *open)
{
    const struct sl_segment_filter filter = {.camera = call->target.name,
                                             .from_us =
                                                 sl_catalogue_footage_from(call->target.from_us),
                                             .to_us = call->target.to_us};
    struct sl_catalogue_cursor cursor = {.id = 0};
    struct sl_segment_row *rows = calloc(BATCH, sizeof(*rows));
    int err = rows ? 0 : -ENOMEM;
    int count = BATCH;
    while (err == 0 && count == BATCH) {
        count = sl_catalogue_page(desk->catalogue, &filter, &cursor, rows, BATCH);
        err = count < 0 ? count : 0;
        for (int i = 0; i < count && err == 0; i++) {
            if (sl_segment_row_ended(&rows[i], call->target.from_us))
                continue;
            *open |= rows[i].open;
            err = is_cancelled(call) ? -ECANCELED : add_row(call, store, &rows[i]);
        }
    }
    free(rows);
    return err;
}

static int add_segment(struct sl_api_call *call, struct sl_api_desk *desk, int store, bool *open)
{
    struct sl_segment_row row;
    int err = sl_catalogue_get(desk->catalogue, call->target.name, &row);
    if (err == 0)
        err = add_row(call, store, &row);
    *open = err == 0 && row.open;
    return err == 0 && !call->range ? -ENOENT : err;
}

static int build(struct sl_api_call *call, struct sl_api_desk *desk, int store)
{
    bool open = false;
    int err = 0;
    if (call->target.kind == SL_MEDIA_OF_SEGMENT) {
        err = add_segment(call, desk, store, &open);
    } else {
        err = sl_media_range_begin(&call->range, call->target.from_us, call->target.to_us);
        if (err == 0)
            err = add_rows(call, desk, store, &open);
    }
    if (err != 0)
        return err;
    err = sl_media_range_end(call->range);
    if (call->target.kind == SL_MEDIA_OF_SEGMENT)
        call->settled = !open;
    else
        call->settled = (!open && call->target.to_us < call->now_us - LATE_US) ||
                        (err == 0 && sl_media_range_known_us(call->range) >= call->target.to_us);
    return err;
}

static void work_open(struct sl_api_job *job, struct sl_api_desk *desk)
{
    struct sl_api_call *call = job->owner;
    call->err = sl_api_desk_catalogue(desk, call->why);
    if (call->err != 0)
        return;
    const int store = open(desk->recordings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    call->err = store < 0 ? -errno : build(call, desk, store);
    if (store >= 0)
        close(store);
    if (call->err != 0) {
        sl_media_range_destroy(call->range);
        call->range = NULL;
    }
}

/* ---- A link instead of the media ---- */

static void say_link(struct sl_api_call *call, int64_t to_us)
{
    struct sl_request *request = call->request;
    struct sl_media_target target = call->target;
    struct sl_ticket ticket = {.expires_us = call->now_us + call->link_s * INT64_C(1000000)};
    char text[SL_TICKET_TEXT], url[256], expires[SL_API_TIME_TEXT], end[SL_API_TIME_TEXT];
    memcpy(ticket.token_hash, request->ask.token.hash, sizeof(ticket.token_hash));
    target.to_us = to_us;
    sl_ticket_make(request->server->api->key, &target, &ticket, text);
    if (target.kind == SL_MEDIA_OF_CAMERA)
        snprintf(url, sizeof(url), "/api/v1/cameras/%s/media?from=%lld&to=%lld&ticket=%s",
                 target.name, (long long)target.from_us, (long long)to_us, text);
    else
        snprintf(url, sizeof(url), "/api/v1/segments/%s/media?ticket=%s", target.name, text);
    sl_api_time_text(ticket.expires_us, expires);
    const int64_t end_us = sl_media_range_end_us(call->media->range);
    sl_api_time_text(end_us < to_us || target.kind != SL_MEDIA_OF_CAMERA ? end_us : to_us, end);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "url", url);
    cJSON_AddStringToObject(object, "expires", expires);
    cJSON_AddStringToObject(object, "end", end);
    char *json = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (!json || text[0] == '\0') {
        sl_reply_problem(request, 503, "out of memory");
    } else {
        sl_reply_text(request, 201, "application/json", json);
        sl_reply_header(request, "Location", url);
    }
    cJSON_free(json);
}

/* ---- The HTTP thread ---- */

static void say_error(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    const bool segment = call->target.kind == SL_MEDIA_OF_SEGMENT;
    switch (call->err) {
    case -ENOENT:
    case -ENODATA:
        sl_reply_problem(request, 404, "%s%s",
                         segment ? "there is no such segment" : "nothing was recorded then by ",
                         segment ? "" : call->target.name);
        break;
    case -E2BIG:
        sl_reply_problem(request, 400,
                         "from, to: wanted a shorter range, of at most %d pictures "
                         "and sounds in %d segments",
                         SL_MEDIA_RANGE_SAMPLES_MAX, SL_MEDIA_RANGE_SEGMENTS_MAX);
        break;
    case -ENOMEM:
        sl_reply_problem(request, 503, "out of memory");
        break;
    default:
        sl_reply_problem(request, 503, "the recordings cannot be read: %s",
                         call->why[0] ? call->why : strerror(-call->err));
        break;
    }
}

/* call->media is there. Of what still grows, the link says how far it goes now, so that a player
 * finds the same file each time. */
static void use_media(struct sl_api_call *call)
{
    const int64_t known_us = sl_media_range_known_us(call->media->range);
    if (call->link_s)
        say_link(call, call->media->settled ? call->target.to_us : known_us);
    else
        sl_api_stream(call);
}

static void finish_open(struct sl_api_call *call)
{
    struct sl_server *server = call->request->server;
    if (call->err != 0) {
        say_error(call);
    } else {
        call->media = sl_api_cache_put(server->api->cache, &call->target, call->range,
                                       call->settled, sl_loop_refresh(server->loop));
        call->range = NULL;
        if (call->media) {
            use_media(call);
        } else {
            sl_reply_problem(call->request, 503, "too much media is open at a time");
            sl_reply_retry_after(call->request, 5);
        }
    }
    sl_reply_resume(call->request);
}

/* A part of what the caller knows is looked for in what it was; who begins anew gets what is new.
 */
static bool find_open(struct sl_api_call *call)
{
    struct sl_server *server = call->request->server;
    const sl_ns now = sl_loop_refresh(server->loop);
    call->media = sl_api_cache_find(server->api->cache, &call->target, now);
    if (!call->media)
        return false;
    const bool part =
        MHD_lookup_connection_value(call->request->connection, MHD_HEADER_KIND, "Range") != NULL;
    if (call->media->settled || (part && !call->link_s) || now - call->media->built < AGED)
        return true;
    sl_api_cache_release(server->api->cache, call->media, now);
    call->media = NULL;
    return false;
}

/* ---- The newest picture ---- */

static int open_picture(const struct sl_api_call *call, const struct sl_api_desk *desk)
{
    if (desk->pictures)
        return sl_snapshot_latest(desk->pictures, call->target.name, PICTURE_PATIENCE);
    const int dir = open(desk->snapshots, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    const int fd = sl_snapshot_open(dir, call->target.name);
    close(dir);
    return fd;
}

static void work_picture(struct sl_api_job *job, struct sl_api_desk *desk)
{
    struct sl_api_call *call = job->owner;
    struct stat status;
    const int fd = open_picture(call, desk);
    if (fd < 0) {
        call->err = fd;
        return;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > PICTURE_MAX)
        call->err = -EBADMSG;
    else if (!(call->picture = malloc((size_t)status.st_size + 1)))
        call->err = -ENOMEM;
    else if (read(fd, call->picture, (size_t)status.st_size) != (ssize_t)status.st_size)
        call->err = -EIO;
    else
        call->picture_len = (size_t)status.st_size;
    call->picture_s = (int64_t)status.st_mtim.tv_sec;
    close(fd);
}

/* RFC 9110 section 5.6.7. */
static void say_modified(struct sl_request *request, int64_t seconds)
{
    char text[40];
    const time_t when = (time_t)seconds;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    sl_reply_header(request, "Last-Modified", text);
}

static void finish_picture(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    if (call->err == -ENOENT || call->err == -ENOTDIR)
        sl_reply_problem(request, 404, "there is no picture of %s", call->target.name);
    else if (call->err != 0)
        sl_reply_problem(request, 503, "the picture cannot be read: %s", strerror(-call->err));
    else
        sl_reply_bytes(request, 200, "image/jpeg", call->picture, call->picture_len);
    if (call->err == 0)
        say_modified(request, call->picture_s);
    sl_reply_resume(request);
}

/* ---- Entry ---- */

void sl_api_open(struct sl_api_call *call)
{
    if (!sl_api_admit(call->request))
        return;
    if (call->target.kind == SL_MEDIA_SNAPSHOT)
        sl_api_ask(call, SL_API_PICTURES, work_picture, finish_picture);
    else if (find_open(call))
        use_media(call);
    else
        sl_api_ask(call, SL_API_OPENS, work_open, finish_open);
}

/* "from": a time, or a number of microseconds; 0 if it is neither. */
static int64_t read_time(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    int64_t us = 0;
    if (cJSON_IsString(item) && sl_api_time(item->valuestring, &us) == 0)
        return us;
    if (cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 9e15)
        return (int64_t)item->valuedouble;
    return 0;
}

/* False with what was wanted in call->why. */
static bool read_link(struct sl_api_call *call, const cJSON *body)
{
    const cJSON *camera = cJSON_GetObjectItemCaseSensitive(body, "camera");
    const cJSON *segment = cJSON_GetObjectItemCaseSensitive(body, "segment");
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(body, "seconds");
    struct sl_media_target *target = &call->target;
    call->link_s = LINK_DEFAULT_S;
    if (seconds) {
        if (!cJSON_IsNumber(seconds) || seconds->valuedouble < 1 ||
            seconds->valuedouble > SL_API_TICKET_MAX_S) {
            snprintf(call->why, sizeof(call->why), "seconds: wanted 1..%d", SL_API_TICKET_MAX_S);
            return false;
        }
        call->link_s = (int)seconds->valuedouble;
    }
    if (cJSON_IsString(segment) && !camera && strlen(segment->valuestring) == 36 &&
        strspn(segment->valuestring, "0123456789abcdef-") == 36) {
        target->kind = SL_MEDIA_OF_SEGMENT;
        memcpy(target->name, segment->valuestring, 37);
        return true;
    }
    if (!cJSON_IsString(camera) || !sl_name_valid(camera->valuestring) || segment) {
        snprintf(
            call->why, sizeof(call->why),
            "wanted {\"camera\", \"from\", \"to\"} or {\"segment\"}, and \"seconds\" if need be");
        return false;
    }
    target->kind = SL_MEDIA_OF_CAMERA;
    snprintf(target->name, sizeof(target->name), "%s", camera->valuestring);
    target->from_us = read_time(body, "from");
    target->to_us = read_time(body, "to");
    return sl_api_range_valid(target->from_us, target->to_us, call->why);
}

void sl_api_make_link(struct sl_api_call *call)
{
    struct sl_request *request = call->request;
    if (!sl_api_read_query(call, 0))
        return;
    cJSON *body = cJSON_ParseWithLength(request->body ? request->body : "", request->body_len);
    snprintf(call->why, sizeof(call->why), "wanted a JSON object");
    const bool ok = cJSON_IsObject(body) && read_link(call, body);
    cJSON_Delete(body);
    if (!ok)
        sl_reply_problem(request, 400, "%s", call->why);
    else
        sl_api_open(call);
}
