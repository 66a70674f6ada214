/* SPDX-License-Identifier: MIT */
/* Endpoints against a receiver in the same loop: real sockets, real time, no sleeps. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "tests/support/fake_receiver.h"
#include "whip/endpoint.h"

struct fixture {
    struct sl_loop *loop;
    struct sl_http *http;
    struct sl_dtls_identity *identity;
    struct sl_random random;
    struct fake_receiver receiver;
    struct sl_endpoint *endpoint;
    struct sl_timer watchdog, sender;

    enum sl_endpoint_state state, wanted;
    char reason[200];
    bool waiting, destroy_when_stopped, stop_inside;
    int changes, reconnects;
    uint64_t packets, packets_wanted;
    int64_t sent;
    bool (*until)(struct fixture *f);
};

static void check_wanted(struct fixture *f)
{
    if (f->waiting && (f->until ? f->until(f) : f->state == f->wanted))
        sl_loop_stop(f->loop);
}

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct fixture *f = ctx;
    assert_true(state != f->state || strcmp(reason, f->reason) != 0);
    f->changes++;
    f->reconnects += state == SL_ENDPOINT_RECONNECTING && f->state == SL_ENDPOINT_LIVE;
    f->state = state;
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
    assert_null(strstr(reason, FAKE_TOKEN));
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(f->endpoint, &stats);
    assert_int_equal(stats.posts, stats.lives + stats.failed + stats.not_live + stats.pending);
    if (state == SL_ENDPOINT_STOPPED && f->destroy_when_stopped) {
        sl_endpoint_destroy(f->endpoint);
        f->endpoint = NULL;
    }
    check_wanted(f);
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    struct fixture *f = ctx;
    (void)repaired, (void)now;
    assert_int_equal(kind, SL_VIDEO);
    assert_int_equal(packet->payload_len, 4);
    f->packets++;
    if (f->stop_inside)
        sl_endpoint_stop(f->endpoint);
    check_wanted(f);
}

static const struct sl_endpoint_handler handler = {.state = on_state, .packet = on_packet};

static void watchdog_fired(void *ctx, sl_ns now)
{
    struct fixture *f = ctx;
    (void)now;
    fprintf(stderr, "in state %d, \"%s\", posts %d\n", f->state, f->reason, f->receiver.posts);
    f->waiting = false;
    sl_loop_stop(f->loop);
}

static void run(struct fixture *f)
{
    f->waiting = true;
    sl_timer_set(&f->watchdog, sl_loop_refresh(f->loop) + 20 * SL_SEC);
    assert_int_equal(sl_loop_run(f->loop), 0);
    assert_true(f->waiting); /* else it was the watchdog */
    f->waiting = false;
    f->until = NULL;
}

static void run_to(struct fixture *f, enum sl_endpoint_state state)
{
    f->wanted = state;
    run(f);
    assert_int_equal(f->state, state);
}

static void run_until(struct fixture *f, bool (*until)(struct fixture *f))
{
    f->until = until;
    run(f);
}

/* Sends a packet each 20 ms once live. */
static void sender_fired(void *ctx, sl_ns now)
{
    struct fixture *f = ctx;
    static const uint8_t payload[] = {0x65, 1, 2, 3};
    const struct sl_rtp_packet packet = {
        .seq = f->sent, .marker = true, .payload = payload, .payload_len = sizeof(payload)};
    const int error = sl_endpoint_send(f->endpoint, SL_VIDEO, &packet, now);
    assert_int_equal(error, f->state == SL_ENDPOINT_LIVE ? 0 : -ENOTCONN);
    f->sent += error == 0;
    check_wanted(f);
    sl_timer_set(&f->sender, now + 20 * SL_MS);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(sl_srtp_library_init(), 0);
    assert_int_equal(sl_loop_create(&f->loop), 0);
    assert_int_equal(sl_http_create(&f->http, f->loop), 0);
    assert_int_equal(sl_dtls_identity_generate(&f->identity, "client"), 0);
    sl_random_init_seed(&f->random, 7);
    fake_receiver_start(&f->receiver, f->loop);
    sl_timer_init(&f->watchdog, f->loop, watchdog_fired, f);
    sl_timer_init(&f->sender, f->loop, sender_fired, f);
    f->reason[0] = '?';
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_endpoint_destroy(f->endpoint);
    sl_http_destroy(f->http);
    fake_receiver_stop(&f->receiver);
    sl_dtls_identity_destroy(f->identity);
    sl_timer_clear(&f->watchdog);
    sl_timer_clear(&f->sender);
    sl_loop_destroy(f->loop);
    sl_srtp_library_fini();
    free(f);
    return 0;
}

static struct sl_endpoint_config config_of(struct fixture *f, bool publish)
{
    struct sl_endpoint_config config = {
        .loop = f->loop,
        .http = f->http,
        .identity = f->identity,
        .random = &f->random,
        .epoch = sl_time_epoch(),
        .link = {.token = FAKE_TOKEN, .host = "127.0.0.1", .camera = "yard"},
        .publish = publish,
        .video = true,
        .audio = true,
        .h264_profile = "42e01f",
        .retries = -1,
        .handler = &handler,
        .ctx = f,
    };
    config.link.port = f->receiver.https_port;
    snprintf(config.link.pin, sizeof(config.link.pin), "%s",
             sl_dtls_identity_pin(f->receiver.identity));
    return config;
}

static void start(struct fixture *f, const struct sl_endpoint_config *config)
{
    assert_int_equal(sl_endpoint_create(&f->endpoint, config), 0);
    assert_int_equal(sl_endpoint_state(f->endpoint), SL_ENDPOINT_CONNECTING);
    sl_endpoint_start(f->endpoint);
    assert_int_equal(f->changes, 0); /* not from in here */
    if (config->publish)
        sl_timer_set(&f->sender, sl_loop_refresh(f->loop));
}

static bool ten_packets_came(struct fixture *f)
{
    return f->packets >= 10;
}

static bool ten_packets_went(struct fixture *f)
{
    return fake_receiver_packets(&f->receiver) >= 10;
}

static void a_viewer_gets_packets_and_leaves(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_to(f, SL_ENDPOINT_LIVE);
    assert_string_equal(f->receiver.last_path, "/whep/yard");
    assert_true(f->receiver.token_right);
    assert_int_equal(f->changes, 1);
    run_until(f, ten_packets_came);
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(f->endpoint, &stats);
    assert_int_equal(stats.lives, 1);
    assert_true(stats.last_post_to_connected > 0 && stats.last_post_to_connected < SL_SEC);
    assert_true(stats.session.media[SL_VIDEO].received >= 10);
    sl_endpoint_stop(f->endpoint);
    assert_int_equal(f->state, SL_ENDPOINT_LIVE); /* not from in here */
    run_to(f, SL_ENDPOINT_STOPPED);
    assert_int_equal(f->receiver.deletes, 1);
    assert_string_equal(f->receiver.last_deleted, "/s/1");
    assert_true(f->receiver.token_right);
}

static void a_publisher_sends_packets(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, true);
    start(f, &config);
    run_to(f, SL_ENDPOINT_LIVE);
    assert_string_equal(f->receiver.last_path, "/whip/yard");
    run_until(f, ten_packets_went);
    sl_endpoint_stop(f->endpoint);
    f->destroy_when_stopped = true;
    sl_timer_clear(&f->sender);
    run_to(f, SL_ENDPOINT_STOPPED);
    assert_null(f->endpoint);
}

static void what_will_not_get_better_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    static const int statuses[] = {400, 401, 403, 404, 406};
    for (size_t i = 0; i < SL_COUNT(statuses); i++) {
        for (int publish = 0; publish < 2; publish++) {
            f->receiver.statuses[0] = statuses[i];
            f->receiver.posts = f->changes = 0;
            f->state = SL_ENDPOINT_CONNECTING;
            f->reason[0] = '?';
            const struct sl_endpoint_config config = config_of(f, publish);
            start(f, &config);
            run_to(f, SL_ENDPOINT_REFUSED);
            assert_int_equal(f->receiver.posts, 1);
            assert_int_equal(f->changes, 1);
            sl_timer_clear(&f->sender);
            sl_endpoint_destroy(f->endpoint);
            f->endpoint = NULL;
        }
    }
}

static void a_wrong_pin_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    struct sl_endpoint_config config = config_of(f, false);
    snprintf(config.link.pin, sizeof(config.link.pin), "%s", sl_dtls_identity_pin(f->identity));
    start(f, &config);
    run_to(f, SL_ENDPOINT_REFUSED);
    assert_non_null(strstr(f->reason, "pin"));
    assert_int_equal(f->receiver.posts, 0);
    sl_endpoint_stop(f->endpoint);
    run_to(f, SL_ENDPOINT_STOPPED);
    assert_int_equal(f->receiver.deletes, 0);
}

static void retries_are_counted(void **state)
{
    struct fixture *f = *state;
    for (int retries = 0; retries < 4; retries++) {
        struct sl_endpoint_config config = config_of(f, true);
        config.retries = retries;
        f->receiver.posts = f->changes = 0;
        f->state = SL_ENDPOINT_CONNECTING;
        f->reason[0] = '?';
        for (int i = 0; i < 5; i++)
            f->receiver.statuses[i] = i == 2 ? 409 : 503;
        start(f, &config);
        run_to(f, SL_ENDPOINT_REFUSED);
        assert_int_equal(f->receiver.posts, retries < 1 ? 1 : retries);
        struct sl_endpoint_stats stats;
        sl_endpoint_stats(f->endpoint, &stats);
        assert_int_equal(stats.failed, stats.posts);
        sl_timer_clear(&f->sender);
        sl_endpoint_destroy(f->endpoint);
        f->endpoint = NULL;
    }
}

static bool connection_was_refused(struct fixture *f)
{
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(f->endpoint, &stats);
    return stats.failed == 1;
}

static void a_receiver_that_starts_later_is_found(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, true);
    fake_receiver_kill(&f->receiver);
    start(f, &config);
    run_until(f, connection_was_refused);
    assert_int_equal(f->state, SL_ENDPOINT_CONNECTING);
    assert_non_null(strstr(f->reason, "connection refused"));
    fake_receiver_restart(&f->receiver);
    run_to(f, SL_ENDPOINT_LIVE);
}

static void a_camera_that_is_not_live_is_no_failure(void **state)
{
    struct fixture *f = *state;
    struct sl_endpoint_config config = config_of(f, false);
    config.retries = 1;
    for (int i = 0; i < 3; i++)
        f->receiver.statuses[i] = 409;
    start(f, &config);
    run_to(f, SL_ENDPOINT_LIVE);
    assert_int_equal(f->receiver.posts, 4);
    assert_int_equal(f->changes, 2); /* "not live" is said once */
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(f->endpoint, &stats);
    assert_int_equal(stats.not_live, 3);
    assert_int_equal(stats.failed, 0);
}

static bool is_waiting(struct fixture *f)
{
    return strstr(f->reason, "not live") != NULL;
}

static void a_nudge_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    f->receiver.statuses[0] = 409;
    start(f, &config);
    run_until(f, is_waiting);
    const sl_ns before = sl_loop_refresh(f->loop);
    sl_endpoint_nudge(f->endpoint);
    run_to(f, SL_ENDPOINT_LIVE);
    const sl_ns took = sl_loop_now(f->loop) - before;
    if (took > 200 * SL_MS) /* without it at least 250 ms; a busy machine may take longer */
        print_message("live %lld ms after the nudge\n", (long long)(took / SL_MS));
    sl_endpoint_nudge(f->endpoint); /* nothing to hurry */
    assert_int_equal(f->receiver.posts, 2);
}

static bool one_was_deleted(struct fixture *f)
{
    return f->receiver.deletes > 0;
}

static void silence_makes_a_new_session(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_until(f, ten_packets_came);
    /* A session that lived for less than a second counts as a failed try; let this one. */
    f->packets = 0;
    f->receiver.mute_to = 1; /* for good, or it might be heard again before the next is made */
    const sl_ns mute = sl_loop_refresh(f->loop);
    run_to(f, SL_ENDPOINT_RECONNECTING);
    const sl_ns noticed = sl_loop_now(f->loop) - mute;
    assert_true(noticed >= 900 * SL_MS);
    assert_non_null(strstr(f->reason, "nothing heard"));
    run_until(f, ten_packets_came);
    assert_int_equal(f->state, SL_ENDPOINT_LIVE);
    run_until(f, one_was_deleted);
    assert_string_equal(f->receiver.last_deleted, "/s/1");
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(f->endpoint, &stats);
    assert_int_equal(stats.losses, 1);
    assert_int_equal(stats.lives, 2);
}

static void poll_until(void *ctx, sl_ns now)
{
    struct fixture *f = ctx;
    check_wanted(f);
    sl_timer_set(&f->sender, now + 5 * SL_MS);
}

static bool asked_twice(struct fixture *f)
{
    return f->receiver.posts >= 2;
}

/* Neither UDP nor HTTPS gets through for a while, then the checks do: nothing new is needed. */
static void a_silent_session_comes_back(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_until(f, ten_packets_came);
    f->receiver.mute = f->receiver.hang = true;
    run_to(f, SL_ENDPOINT_RECONNECTING);
    sl_timer_init(&f->sender, f->loop, poll_until, f);
    sl_timer_set(&f->sender, sl_loop_refresh(f->loop));
    run_until(f, asked_twice);
    f->receiver.mute = false;
    f->packets = 0;
    run_to(f, SL_ENDPOINT_LIVE);
    run_until(f, ten_packets_came);
    assert_int_equal(f->receiver.made, 1);
    assert_int_equal(f->receiver.deletes, 0);
    struct sl_endpoint_stats stats;
    sl_endpoint_stats(f->endpoint, &stats);
    assert_int_equal(stats.losses, 1);
    assert_int_equal(stats.lives, 1);
    /* What was missed is not asked for, but for what may precede a first packet, 4 numbers 5 times,
     * of which there were two. */
    assert_true(stats.session.media[SL_VIDEO].nacks <= 40);
}

static void a_killed_receiver_is_found_again(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, true);
    start(f, &config);
    run_until(f, ten_packets_went);
    fake_receiver_kill(&f->receiver);
    fake_receiver_restart(&f->receiver);
    f->wanted = SL_ENDPOINT_RECONNECTING;
    run_to(f, SL_ENDPOINT_RECONNECTING);
    run_to(f, SL_ENDPOINT_LIVE);
    run_until(f, ten_packets_went);
}

static void a_session_ended_by_the_receiver_is_replaced(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_until(f, ten_packets_came);
    fake_receiver_hang_up(&f->receiver);
    run_to(f, SL_ENDPOINT_RECONNECTING);
    run_to(f, SL_ENDPOINT_LIVE);
    assert_int_equal(f->reconnects, 1);
}

static void a_removed_camera_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_until(f, ten_packets_came);
    f->receiver.statuses[0] = 500; /* that may pass */
    f->receiver.statuses[1] = 406; /* so may that, once it was live */
    f->receiver.statuses[2] = 404;
    fake_receiver_hang_up(&f->receiver);
    run_to(f, SL_ENDPOINT_REFUSED);
    assert_int_equal(f->receiver.posts, 4);
    assert_non_null(strstr(f->reason, "no camera yard"));
}

/* Behind NAT, or bound to an address that says nothing: where the answer came from is tried. */
static void candidates_that_lead_nowhere(void **state)
{
    struct fixture *f = *state;
    f->receiver.candidate_host = "192.0.2.1";
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_to(f, SL_ENDPOINT_LIVE);
}

static void via_replaces_the_candidates(void **state)
{
    struct fixture *f = *state;
    f->receiver.candidate_port = 9;
    struct sl_endpoint_config config = config_of(f, false);
    char text[32];
    snprintf(text, sizeof(text), "127.0.0.1:%d", f->receiver.media_port);
    assert_int_equal(sl_addr_parse(&config.via, text), 0);
    start(f, &config);
    run_to(f, SL_ENDPOINT_LIVE);
}

static bool a_session_failed(struct fixture *f)
{
    return strstr(f->reason, "media port") != NULL;
}

static void a_blocked_media_port_is_said(void **state)
{
    struct fixture *f = *state;
    f->receiver.mute = true;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_until(f, a_session_failed);
    assert_int_equal(f->state, SL_ENDPOINT_CONNECTING);
    f->receiver.mute = false;
    run_to(f, SL_ENDPOINT_LIVE);
    assert_true(f->receiver.deletes >= 1); /* of the one that came to nothing */
}

static bool one_post_came(struct fixture *f)
{
    return f->receiver.posts == 1;
}

static void stopping_does_not_wait_for_an_answer(void **state)
{
    struct fixture *f = *state;
    f->receiver.hang = true;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    sl_timer_init(&f->sender, f->loop, poll_until, f);
    sl_timer_set(&f->sender, sl_loop_refresh(f->loop));
    run_until(f, one_post_came);
    sl_endpoint_stop(f->endpoint);
    sl_endpoint_stop(f->endpoint);
    run_to(f, SL_ENDPOINT_STOPPED);
}

static void stopping_waits_a_second_at_most(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    start(f, &config);
    run_to(f, SL_ENDPOINT_LIVE);
    f->receiver.hang = true;
    const sl_ns before = sl_loop_refresh(f->loop);
    sl_endpoint_stop(f->endpoint);
    run_to(f, SL_ENDPOINT_STOPPED);
    assert_true(sl_loop_now(f->loop) - before >= 900 * SL_MS);
}

static void stopping_from_inside_a_packet(void **state)
{
    struct fixture *f = *state;
    const struct sl_endpoint_config config = config_of(f, false);
    f->stop_inside = true;
    f->destroy_when_stopped = true;
    start(f, &config);
    run_to(f, SL_ENDPOINT_STOPPED);
    assert_int_equal(f->receiver.deletes, 1);
}

int main(void)
{
#define ENDPOINT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        ENDPOINT_TEST(a_viewer_gets_packets_and_leaves),
        ENDPOINT_TEST(a_publisher_sends_packets),
        ENDPOINT_TEST(what_will_not_get_better_is_refused_at_once),
        ENDPOINT_TEST(a_wrong_pin_is_refused_at_once),
        ENDPOINT_TEST(retries_are_counted),
        ENDPOINT_TEST(a_receiver_that_starts_later_is_found),
        ENDPOINT_TEST(a_camera_that_is_not_live_is_no_failure),
        ENDPOINT_TEST(a_nudge_ends_the_wait),
        ENDPOINT_TEST(silence_makes_a_new_session),
        ENDPOINT_TEST(a_silent_session_comes_back),
        ENDPOINT_TEST(a_killed_receiver_is_found_again),
        ENDPOINT_TEST(a_session_ended_by_the_receiver_is_replaced),
        ENDPOINT_TEST(a_removed_camera_is_refused),
        ENDPOINT_TEST(candidates_that_lead_nowhere),
        ENDPOINT_TEST(via_replaces_the_candidates),
        ENDPOINT_TEST(a_blocked_media_port_is_said),
        ENDPOINT_TEST(stopping_does_not_wait_for_an_answer),
        ENDPOINT_TEST(stopping_waits_a_second_at_most),
        ENDPOINT_TEST(stopping_from_inside_a_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
