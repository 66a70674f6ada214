/* SPDX-License-Identifier: MIT */
#include "whip/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BODY_MAX (256 * 1024)
#define HEADER_MAX 512 /* of a value that is kept */
#define REACH SL_SEC /* unless the call says another */
#define CONNECTIONS_MAX 8L
/* A connection dies silently with its network, and TCP alone would notice after minutes. */
#define KEPT_S 1L           /* an idle one is used again within this */
#define PROBE_AFTER_S 2L    /* of silence while an answer is awaited; then each second ... */
#define DEAD_AFTER_MS 4000u /* ... until nothing was acknowledged for this long */

struct http_socket {
    struct sl_watch watch;
    struct sl_http *http;
    struct http_socket *next;
};

struct sl_http_request {
    struct sl_http *http;
    struct sl_http_request *next;
    CURL *easy;
    struct curl_slist *headers;
    /* Of the whole request. Ours: libcurl 7.88 forgets a timeout that is less than 1 ms after
     * another one of its own when that fires, and the request then never ends. */
    struct sl_timer deadline;
    struct sl_timer reach_timer;
    sl_ns begun, reach;
    sl_http_done_fn *done;
    void *ctx;
    char *body;
    size_t body_len;
    bool too_long;
    char location[HEADER_MAX], etag[HEADER_MAX];
    int retry_after_s;
};

struct sl_http {
    struct sl_loop *loop;
    CURLM *multi;
    struct sl_timer timer;
    struct http_socket *sockets;
    struct sl_http_request *requests;
};

/* ---- Answers ---- */

static const struct {
    CURLcode code;
    int error;
    const char *message;
} failures[] = {
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, -EKEYREJECTED, "its key is not the one pinned in the link"},
    {CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, "no such host"},
    {CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT, "no answer in time"},
    {CURLE_SSL_CONNECT_ERROR, -EPROTO, "it does not speak TLS"},
    {CURLE_GOT_NOTHING, -ECONNRESET, "connection closed without an answer"},
    {CURLE_RECV_ERROR, -ECONNRESET, "connection reset"},
    {CURLE_SEND_ERROR, -ECONNRESET, "connection reset"},
    {CURLE_OUT_OF_MEMORY, -ENOMEM, "out of memory"},
};

static void connect_failure(struct sl_http_response *response, CURL *easy)
{
    long os_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    response->error = os_error > 0 ? -(int)os_error : -ECONNREFUSED;
    switch (-response->error) {
    case EHOSTUNREACH:
    case ENETUNREACH:
        response->message = "no route to it";
        break;
    case ETIMEDOUT:
        response->message = "no answer in time";
        break;
    default:
        response->message = "connection refused";
    }
}

static void describe_failure(struct sl_http_response *response, CURL *easy, CURLcode code)
{
    if (code == CURLE_COULDNT_CONNECT) {
        connect_failure(response, easy);
        return;
    }
    response->error = -EIO;
    response->message = curl_easy_strerror(code);
    for (size_t i = 0; i < SL_COUNT(failures); i++) {
        if (failures[i].code == code) {
            response->error = failures[i].error;
            response->message = failures[i].message;
        }
    }
}

static sl_ns connect_of(CURL *easy)
{
    curl_off_t named = 0, connected = 0; /* microseconds */
    curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
    return connected > named ? (connected - named) * SL_US : 0;
}

static struct sl_addr peer_of(CURL *easy)
{
    const char *host = NULL;
    long port = 0;
    struct sl_addr addr = {0};
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &host);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    char text[SL_ADDR_TEXT];
    if (host && host[0] && strlen(host) + 16 < sizeof(text)) {
        snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%ld" : "%s:%ld", host, port);
        if (sl_addr_parse(&addr, text) < 0)
            addr = (struct sl_addr){0};
    }
    return addr;
}

static void unlink_request(struct sl_http_request *request)
{
    struct sl_http_request **at = &request->http->requests;
    while (*at && *at != request)
        at = &(*at)->next;
    if (*at)
        *at = request->next;
}

static void free_request(struct sl_http_request *request)
{
    sl_timer_clear(&request->deadline);
    sl_timer_clear(&request->reach_timer);
    if (request->easy)
        curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    free(request->body);
    free(request);
}

static void complete(struct sl_http_request *request, CURLcode code)
{
    struct sl_http_response response = {
        .body = request->body ? request->body : "",
        .body_len = request->body_len,
        .location = request->location[0] ? request->location : NULL,
        .etag = request->etag[0] ? request->etag : NULL,
        .retry_after_s = request->retry_after_s,
    };
    if (code != CURLE_OK)
        describe_failure(&response, request->easy, code);
    if (request->too_long) {
        response.error = -EMSGSIZE;
        response.message = "its answer is longer than 256 KiB";
    }
    if (response.error == 0) {
        long status = 0;
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        response.status = (int)status;
        response.peer = peer_of(request->easy);
        response.connect = connect_of(request->easy);
    } else {
        response.body = "";
        response.body_len = 0;
        response.location = response.etag = NULL;
    }
    curl_multi_remove_handle(request->http->multi, request->easy);
    unlink_request(request);
    request->done(request->ctx, &response);
    free_request(request);
}

static void deadline_passed(void *ctx, sl_ns now)
{
    (void)now;
    complete(ctx, CURLE_OPERATION_TIMEDOUT);
}

/* Counted from when the name is known, so that neither a name server nor the queue for one of the
 * connections is taken for a receiver that is not there. */
static void reach_passed(void *ctx, sl_ns now)
{
    struct sl_http_request *request = ctx;
    curl_off_t named = 0, connected = 0, sent = 0; /* microseconds; 0: not yet */
    curl_easy_getinfo(request->easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    curl_easy_getinfo(request->easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    if (connected || sent)
        return;
    const sl_ns due = (named ? request->begun + named * SL_US : now) + request->reach;
    if (due > now)
        sl_timer_set(&request->reach_timer, due);
    else
        complete(request, CURLE_OPERATION_TIMEDOUT);
}

static void complete_all(struct sl_http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct sl_http_request *request = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        complete(request, message->data.result);
    }
}

/* ---- libcurl on the loop ---- */

static void timer_fired(void *ctx, sl_ns now)
{
    (void)now;
    struct sl_http *http = ctx;
    int running;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    complete_all(http);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    (void)multi;
    struct sl_http *http = ctx;
    /* A millisecond more: libcurl counts in whole ones, and early is too early for it. */
    const sl_ns due = timeout_ms < 0
                          ? SL_NEVER
                          : sl_loop_refresh(http->loop) + (timeout_ms + (timeout_ms > 0)) * SL_MS;
    return sl_timer_set(&http->timer, due) == 0 ? 0 : -1;
}

static void socket_ready(void *ctx, uint32_t events)
{
    struct http_socket *socket = ctx;
    struct sl_http *http = socket->http; /* `socket` may be gone after the next call */
    const int what = ((events & (EPOLLIN | EPOLLHUP)) ? CURL_CSELECT_IN : 0) |
                     ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
                     ((events & EPOLLERR) ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(http->multi, socket->watch.fd, what, &running);
    complete_all(http);
}

static void drop_socket(struct http_socket *socket)
{
    struct http_socket **at = &socket->http->sockets;
    while (*at && *at != socket)
        at = &(*at)->next;
    if (*at)
        *at = socket->next;
    sl_loop_unwatch(&socket->watch);
    free(socket);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    (void)easy;
    struct sl_http *http = ctx;
    struct http_socket *socket = socket_ctx;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            drop_socket(socket);
        curl_multi_assign(http->multi, fd, NULL);
        return 0;
    }
    const uint32_t events = ((what & CURL_POLL_IN) ? (uint32_t)EPOLLIN : 0) |
                            ((what & CURL_POLL_OUT) ? (uint32_t)EPOLLOUT : 0);
    if (socket)
        return sl_loop_rewatch(&socket->watch, events) == 0 ? 0 : -1;
    socket = calloc(1, sizeof(*socket));
    if (!socket)
        return -1;
    socket->http = http;
    if (sl_loop_watch(http->loop, &socket->watch, fd, events, socket_ready, socket) < 0) {
        free(socket);
        return -1;
    }
    socket->next = http->sockets;
    http->sockets = socket;
    curl_multi_assign(http->multi, fd, socket);
    return 0;
}

/* ---- Requests ---- */

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct sl_http_request *request = ctx;
    const size_t len = size * count;
    if (len > BODY_MAX - request->body_len) {
        request->too_long = true;
        return 0; /* ends the transfer */
    }
    char *body = realloc(request->body, request->body_len + len + 1);
    if (!body)
        return 0;
    memcpy(body + request->body_len, data, len);
    request->body = body;
    request->body_len += len;
    body[request->body_len] = '\0';
    return len;
}

/* Copies the value of "Name: value\r\n" if the name fits; too long a value counts as absent. */
static void take_value(char *out, const char *line, size_t len, const char *name)
{
    const size_t name_len = strlen(name);
    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return;
    line += name_len + 1;
    len -= name_len + 1;
    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len && strchr(" \t\r\n", line[len - 1]))
        len--;
    if (len >= HEADER_MAX)
        return;
    memcpy(out, line, len);
    out[len] = '\0';
}

static size_t take_header(char *line, size_t size, size_t count, void *ctx)
{
    struct sl_http_request *request = ctx;
    const size_t len = size * count;
    char retry_after[HEADER_MAX] = "";
    take_value(request->location, line, len, "Location");
    take_value(request->etag, line, len, "ETag");
    take_value(retry_after, line, len, "Retry-After");
    if (retry_after[0] && strspn(retry_after, "0123456789") == strlen(retry_after) &&
        strlen(retry_after) < 7)
        request->retry_after_s = atoi(retry_after); /* the form with a date is not for us */
    return len;
}

static bool add_header(struct sl_http_request *request, const char *name, const char *value)
{
    char line[1024];
    if (!value)
        return true;
    const int len = snprintf(line, sizeof(line), "%s%s", name, value);
    if (len < 0 || (size_t)len >= sizeof(line))
        return false;
    struct curl_slist *list = curl_slist_append(request->headers, line);
    if (!list)
        return false;
    request->headers = list;
    return true;
}

static bool set_headers(struct sl_http_request *request, const struct sl_http_call *call)
{
    return add_header(request, "Authorization: Bearer ", call->bearer) &&
           add_header(request, "Content-Type: ", call->content_type) &&
           add_header(request, "If-None-Match: ", call->if_none_match) &&
           add_header(request, "Expect:", "") &&
           curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers) == CURLE_OK;
}

static bool set_url(struct sl_http_request *request, const struct sl_http_call *call)
{
    char url[2048];
    const bool six = strchr(call->host, ':') != NULL;
    const int len = snprintf(url, sizeof(url), "https://%s%s%s:%d%s", six ? "[" : "", call->host,
                             six ? "]" : "", call->port, call->path);
    return len > 0 && (size_t)len < sizeof(url) &&
           curl_easy_setopt(request->easy, CURLOPT_URL, url) == CURLE_OK;
}

/* Only https, only to the key pinned, never by a proxy or to where a redirection points. */
static bool set_security(CURL *easy, const struct sl_http_call *call)
{
    return curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, call->pin) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
}

static int limit_silence(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    (void)ctx;
    (void)purpose;
    const unsigned dead_after = DEAD_AFTER_MS;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after, sizeof(dead_after));
    return CURL_SOCKOPT_OK;
}

static bool set_connection(CURL *easy, const struct sl_http_call *call)
{
    const long connected_ms = (long)(2 * (call->reach ? call->reach : REACH) / SL_MS); /* + TLS */
    /* Quick: libcurl asks for names in a thread, which a name server that is out of reach holds for
     * many seconds; to give up must not wait for it. */
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connected_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEPT_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, PROBE_AFTER_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, limit_silence) == CURLE_OK;
}

static bool set_request(CURL *easy, const struct sl_http_call *call)
{
    const char *body = call->body ? call->body : strcmp(call->method, "POST") == 0 ? "" : NULL;
    if (body && (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) != CURLE_OK ||
                 curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK))
        return false;
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "sightline/" SL_VERSION) == CURLE_OK;
}

static bool set_callbacks(struct sl_http_request *request)
{
    CURL *easy = request->easy;
    return curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK;
}

int sl_http_start(struct sl_http *http, const struct sl_http_call *call,
                  struct sl_http_request **ret)
{
    if (!call->pin || !call->pin[0] || !call->done)
        return -EINVAL;
    struct sl_http_request *request = calloc(1, sizeof(*request));
    if (!request)
        return -ENOMEM;
    request->http = http;
    request->done = call->done;
    request->ctx = call->ctx;
    request->retry_after_s = -1;
    sl_timer_init(&request->deadline, http->loop, deadline_passed, request);
    sl_timer_init(&request->reach_timer, http->loop, reach_passed, request);
    request->easy = curl_easy_init();
    if (!request->easy || !set_url(request, call) || !set_security(request->easy, call) ||
        !set_connection(request->easy, call) || !set_request(request->easy, call) ||
        !set_callbacks(request) || !set_headers(request, call) ||
        curl_multi_add_handle(http->multi, request->easy) != CURLM_OK) {
        free_request(request);
        return -ENOMEM;
    }
    request->next = http->requests;
    http->requests = request;
    request->begun = sl_loop_refresh(http->loop);
    request->reach = call->reach ? call->reach : REACH;
    if (call->timeout > 0)
        sl_timer_set(&request->deadline, request->begun + call->timeout);
    sl_timer_set(&request->reach_timer, request->begun + request->reach);
    if (ret)
        *ret = request;
    return 0;
}

void sl_http_cancel(struct sl_http_request *request)
{
    if (!request)
        return;
    curl_multi_remove_handle(request->http->multi, request->easy);
    unlink_request(request);
    free_request(request);
}

/* ---- All of it ---- */

static bool set_multi(struct sl_http *http)
{
    CURLM *multi = http->multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX) == CURLM_OK;
}

int sl_http_create(struct sl_http **ret, struct sl_loop *loop)
{
    struct sl_http *http = calloc(1, sizeof(*http));
    if (!http)
        return -ENOMEM;
    http->loop = loop;
    sl_timer_init(&http->timer, loop, timer_fired, http);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return -ENOMEM;
    }
    http->multi = curl_multi_init();
    if (!http->multi || !set_multi(http)) {
        sl_http_destroy(http);
        return -ENOMEM;
    }
    *ret = http;
    return 0;
}

void sl_http_destroy(struct sl_http *http)
{
    if (!http)
        return;
    while (http->requests)
        sl_http_cancel(http->requests);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    while (http->sockets)
        drop_socket(http->sockets);
    sl_timer_clear(&http->timer);
    curl_global_cleanup();
    free(http);
}
