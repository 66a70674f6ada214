/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "tests/support/https_server.h"
#include "whip/http.h"

struct fixture {
    struct sl_loop *loop;
    struct sl_http *http;
    struct sl_dtls_identity *identity;
    struct https_server *server;
    char seen[1024]; /* head of the last request */
    char seen_body[256];
    size_t body_bytes; /* of replies */
    struct sl_timer watchdog;
};

struct result {
    int called, status, error, retry_after_s;
    char message[128], body[512], location[128], etag[64];
    size_t body_len;
    struct sl_addr peer;
    sl_ns connect;
    struct sl_loop *loop;
    int *left; /* the loop stops when this many are done */
};

static void handle(void *ctx, const struct https_request *request, struct https_reply *reply)
{
    struct fixture *f = ctx;
    snprintf(f->seen, sizeof(f->seen), "%s %s\n%s", request->method, request->path, request->head);
    snprintf(f->seen_body, sizeof(f->seen_body), "%s", request->body);
    if (strcmp(request->path, "/hang") == 0) {
        reply->hang = true;
    } else if (strcmp(request->path, "/big") == 0) {
        reply->body_len = f->body_bytes;
        reply->body = malloc(reply->body_len);
        memset(reply->body, 'b', reply->body_len);
    } else {
        reply->status = 201;
        snprintf(reply->headers, sizeof(reply->headers),
                 "Location: /s/abc\r\netag: \"7\"\r\nRETRY-AFTER:  3 \r\nX-Location: /no\r\n");
        reply->body = strdup("hello");
        reply->body_len = 5;
    }
}

static void done(void *ctx, const struct sl_http_response *response)
{
    struct result *r = ctx;
    r->called++;
    r->status = response->status;
    r->error = response->error;
    r->retry_after_s = response->retry_after_s;
    r->body_len = response->body_len;
    r->peer = response->peer;
    r->connect = response->connect;
    snprintf(r->message, sizeof(r->message), "%s", response->message ? response->message : "");
    snprintf(r->body, sizeof(r->body), "%s", response->body);
    snprintf(r->location, sizeof(r->location), "%s", response->location ? response->location : "-");
    snprintf(r->etag, sizeof(r->etag), "%s", response->etag ? response->etag : "-");
    if (--*r->left == 0)
        sl_loop_stop(r->loop);
}

static void watchdog_fired(void *ctx, sl_ns now)
{
    (void)now;
    sl_loop_stop(ctx);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(sl_loop_create(&f->loop), 0);
    assert_int_equal(sl_http_create(&f->http, f->loop), 0);
    assert_int_equal(sl_dtls_identity_generate(&f->identity, "test"), 0);
    f->server = https_server_start(f->loop, f->identity, 0, handle, f);
    sl_timer_init(&f->watchdog, f->loop, watchdog_fired, f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_http_destroy(f->http);
    https_server_stop(f->server);
    sl_dtls_identity_destroy(f->identity);
    sl_timer_clear(&f->watchdog);
    sl_loop_destroy(f->loop);
    free(f);
    return 0;
}

static struct sl_http_call call_of(struct fixture *f, const char *method, const char *path,
                                   struct result *result)
{
    return (struct sl_http_call){
        .method = method,
        .host = "127.0.0.1",
        .port = https_server_port(f->server),
        .path = path,
        .pin = sl_dtls_identity_pin(f->identity),
        .reach = 4 * SL_SEC, /* the machine may be starved */
        .timeout = 10 * SL_SEC,
        .done = done,
        .ctx = result,
    };
}

static void run(struct fixture *f, struct result *results, int count)
{
    for (int i = 0; i < count; i++) {
        results[i].loop = f->loop;
        results[i].left = &count;
    }
    sl_timer_set(&f->watchdog, sl_loop_refresh(f->loop) + 20 * SL_SEC);
    assert_int_equal(sl_loop_run(f->loop), 0);
    assert_int_equal(count, 0); /* else it was the watchdog */
}

static struct result run_one(struct fixture *f, const struct sl_http_call *call)
{
    static struct result result; /* where call->ctx points */
    struct sl_http_call copy = *call;
    memset(&result, 0, sizeof(result));
    copy.ctx = &result;
    assert_int_equal(sl_http_start(f->http, &copy, NULL), 0);
    assert_int_equal(result.called, 0);
    run(f, &result, 1);
    assert_int_equal(result.called, 1);
    return result;
}

static void a_post_and_its_answer(void **state)
{
    struct fixture *f = *state;
    struct sl_http_call call = call_of(f, "POST", "/whip/yard", NULL);
    call.bearer = "the-token";
    call.content_type = "application/sdp";
    call.body = "v=0";
    const struct result result = run_one(f, &call);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.status, 201);
    assert_string_equal(result.body, "hello");
    assert_int_equal(result.body_len, 5);
    assert_string_equal(result.location, "/s/abc");
    assert_string_equal(result.etag, "\"7\"");
    assert_int_equal(result.retry_after_s, 3);
    char peer[SL_ADDR_TEXT], wanted[SL_ADDR_TEXT];
    snprintf(wanted, sizeof(wanted), "127.0.0.1:%d", call.port);
    assert_string_equal(sl_addr_text(&result.peer, peer), wanted);
    assert_string_equal(f->seen_body, "v=0");
    assert_non_null(strstr(f->seen, "POST /whip/yard\n"));
    assert_non_null(strstr(f->seen, "Authorization: Bearer the-token\r\n"));
    assert_non_null(strstr(f->seen, "Content-Type: application/sdp\r\n"));
    assert_null(strstr(f->seen, "Expect"));
}

static void other_methods(void **state)
{
    struct fixture *f = *state;
    static const char *const methods[] = {"GET", "PATCH", "DELETE"};
    for (size_t i = 0; i < SL_COUNT(methods); i++) {
        struct sl_http_call call = call_of(f, methods[i], "/s/1?wait=30", NULL);
        call.if_none_match = "\"7\"";
        call.body = i == 1 ? "a=b" : NULL;
        const struct result result = run_one(f, &call);
        assert_int_equal(result.status, 201);
        char line[64];
        snprintf(line, sizeof(line), "%s /s/1?wait=30\n", methods[i]);
        assert_memory_equal(f->seen, line, strlen(line));
        assert_non_null(strstr(f->seen, "If-None-Match: \"7\"\r\n"));
        assert_null(strstr(f->seen, "Authorization"));
        assert_string_equal(f->seen_body, i == 1 ? "a=b" : "");
    }
}

static void the_pin_is_enforced(void **state)
{
    struct fixture *f = *state;
    struct sl_dtls_identity *other;
    assert_int_equal(sl_dtls_identity_generate(&other, "other"), 0);
    struct sl_http_call call = call_of(f, "GET", "/", NULL);
    call.pin = sl_dtls_identity_pin(other);
    call.bearer = "the-token";
    const struct result result = run_one(f, &call);
    assert_int_equal(result.error, -EKEYREJECTED);
    assert_int_equal(result.status, 0);
    assert_non_null(strstr(result.message, "pin"));
    assert_string_equal(f->seen, ""); /* the token was not sent */
    sl_dtls_identity_destroy(other);
    static const char *const none[] = {NULL, ""};
    for (size_t i = 0; i < SL_COUNT(none); i++) {
        call.pin = none[i];
        assert_int_equal(sl_http_start(f->http, &call, NULL), -EINVAL);
    }
}

/* A connection that was made under the right pin does not serve a request with another. */
static void a_kept_connection_does_not_pass_the_pin(void **state)
{
    struct fixture *f = *state;
    struct sl_dtls_identity *other;
    assert_int_equal(sl_dtls_identity_generate(&other, "other"), 0);
    struct sl_http_call call = call_of(f, "GET", "/", NULL);
    assert_int_equal(run_one(f, &call).status, 201);
    call.pin = sl_dtls_identity_pin(other);
    assert_int_equal(run_one(f, &call).error, -EKEYREJECTED);
    sl_dtls_identity_destroy(other);
}

static void a_port_without_a_server(void **state)
{
    struct fixture *f = *state;
    const struct sl_http_call call = call_of(f, "GET", "/", NULL);
    https_server_stop(f->server);
    f->server = NULL;
    const struct result result = run_one(f, &call);
    assert_int_equal(result.error, -ECONNREFUSED);
    assert_int_equal(result.status, 0);
    assert_string_equal(result.message, "connection refused");
    assert_false(sl_addr_is_set(&result.peer));
}

static void a_server_that_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct sl_http_call call = call_of(f, "GET", "/hang", NULL);
    call.timeout = 200 * SL_MS;
    const sl_ns before = sl_time_now();
    const struct result result = run_one(f, &call);
    assert_int_equal(result.error, -ETIMEDOUT);
    assert_true(sl_time_now() - before >= 200 * SL_MS);
}

/* A socket whose queue is full drops SYNs, as a network that is away does. */
static int full_port(int fds[3])
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(addr);
    for (int i = 0; i < 3; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&addr, &len), 0);
    for (int i = 1; i < 3; i++)
        (void)!connect(fds[i], (struct sockaddr *)&addr, len);
    return ntohs(addr.sin_port);
}

static void who_cannot_be_reached_is_given_up_early(void **state)
{
    struct fixture *f = *state;
    int fds[3];
    struct result results[1] = {0}, patient = {0};
    struct sl_http_request *request;
    struct sl_http_call call = call_of(f, "GET", "/", &patient);
    call.port = full_port(fds);
    assert_int_equal(sl_http_start(f->http, &call, &request), 0);
    call.reach = 100 * SL_MS;
    call.ctx = &results[0];
    assert_int_equal(sl_http_start(f->http, &call, NULL), 0);
    run(f, results, 1); /* in which the other would call back to nowhere */
    assert_int_equal(results[0].error, -ETIMEDOUT);
    assert_int_equal(patient.called, 0);
    sl_http_cancel(request);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* Who is reached has all the time, on a new connection and on one that was there. A machine that is
 * starved may need longer to reach it. */
static void who_is_reached_may_think(void **state)
{
    struct fixture *f = *state;
    for (int kept = 0; kept < 2; kept++) {
        sl_ns reach = 150 * SL_MS / 2, took;
        struct sl_http_call call = call_of(f, "GET", "/", NULL);
        do {
            reach *= 2;
            assert_true(reach < 5 * SL_SEC);
            call.path = "/";
            call.fresh = false;
            call.reach = 4 * SL_SEC;
            call.timeout = 10 * SL_SEC;
            assert_int_equal(run_one(f, &call).status, 201);
            call.path = "/hang";
            call.fresh = !kept;
            call.reach = reach;
            call.timeout = 3 * reach;
            const sl_ns before = sl_time_now();
            assert_int_equal(run_one(f, &call).error, -ETIMEDOUT);
            took = sl_time_now() - before;
        } while (took < call.timeout);
    }
}

static void bodies_are_bounded(void **state)
{
    struct fixture *f = *state;
    const struct sl_http_call call = call_of(f, "GET", "/big", NULL);
    f->body_bytes = 256 * 1024;
    struct result result = run_one(f, &call);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.body_len, 256 * 1024);
    f->body_bytes++;
    result = run_one(f, &call);
    assert_int_equal(result.error, -EMSGSIZE);
    assert_int_equal(result.body_len, 0);
    assert_int_equal(result.status, 0);
}

static void connections_are_kept_and_shared(void **state)
{
    struct fixture *f = *state;
    struct sl_http_call call = call_of(f, "GET", "/", NULL);
    assert_true(run_one(f, &call).connect > 0);
    for (int i = 1; i < 5; i++) {
        const struct result result = run_one(f, &call);
        assert_int_equal(result.status, 201);
        assert_int_equal(result.connect, 0); /* there was nothing to connect */
    }
    assert_int_equal(https_server_connections(f->server), 1);
    call.fresh = true;
    assert_int_equal(run_one(f, &call).status, 201);
    assert_int_equal(https_server_connections(f->server), 2);
}

static void many_at_once_use_few_connections(void **state)
{
    struct fixture *f = *state;
    struct result results[32] = {0};
    for (size_t i = 0; i < SL_COUNT(results); i++) {
        const struct sl_http_call call = call_of(f, "GET", "/", &results[i]);
        assert_int_equal(sl_http_start(f->http, &call, NULL), 0);
    }
    run(f, results, SL_COUNT(results));
    for (size_t i = 0; i < SL_COUNT(results); i++)
        assert_int_equal(results[i].status, 201);
    assert_true(https_server_connections(f->server) <= 8);
}

static void a_server_that_restarted_is_found_again(void **state)
{
    struct fixture *f = *state;
    const struct sl_http_call call = call_of(f, "POST", "/", NULL);
    assert_int_equal(run_one(f, &call).status, 201);
    https_server_stop(f->server);
    f->server = https_server_start(f->loop, f->identity, call.port, handle, f);
    assert_int_equal(run_one(f, &call).status, 201);
}

static void cancelled_ones_do_not_call_back(void **state)
{
    struct fixture *f = *state;
    struct result cancelled = {0}, other[1] = {0};
    struct sl_http_request *request;
    struct sl_http_call call = call_of(f, "GET", "/hang", &cancelled);
    assert_int_equal(sl_http_start(f->http, &call, &request), 0);
    call = call_of(f, "GET", "/", &other[0]);
    assert_int_equal(sl_http_start(f->http, &call, NULL), 0);
    run(f, other, 1);
    sl_http_cancel(request);
    sl_http_cancel(NULL);
    call = call_of(f, "GET", "/hang", &cancelled); /* left to sl_http_destroy() */
    assert_int_equal(sl_http_start(f->http, &call, NULL), 0);
    assert_int_equal(cancelled.called, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_post_and_its_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(other_methods, setup, teardown),
        cmocka_unit_test_setup_teardown(the_pin_is_enforced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kept_connection_does_not_pass_the_pin, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_without_a_server, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_says_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(who_cannot_be_reached_is_given_up_early, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_reached_may_think, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_are_kept_and_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(many_at_once_use_few_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_restarted_is_found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_ones_do_not_call_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
