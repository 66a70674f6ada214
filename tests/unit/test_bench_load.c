/* SPDX-License-Identifier: MIT */
/* The load against a receiver of this process, which has a thread of its own. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/time.h"
#include "bench/load.h"
#include "srtp/srtp.h"
#include "tests/support/fake_receiver.h"

#define CAMERAS 2
#define PATIENCE (20 * SL_SEC)

struct fixture {
    struct sl_loop *loop;
    struct fake_receiver receiver;
    pthread_t thread;
    bool running;
    struct sl_clip *clip;
    char links[CAMERAS + 1][512];
    const char *publish[CAMERAS];
    struct sl_load_config config;
};

static void *run(void *ctx)
{
    struct fixture *f = ctx;
    assert_int_equal(sl_loop_run(f->loop), 0);
    return NULL;
}

static void start_receiver(struct fixture *f)
{
    f->running = true;
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

/* From here on its counters may be read. */
static void end_receiver(struct fixture *f)
{
    if (!f->running)
        return;
    f->running = false;
    sl_loop_stop(f->loop);
    pthread_join(f->thread, NULL);
}

static void write_link(struct fixture *f, int index, const char *camera)
{
    snprintf(f->links[index], sizeof(f->links[index]), "sightline://%s@127.0.0.1:%d%s%s?pin=%s",
             FAKE_TOKEN, f->receiver.https_port, camera[0] ? "/" : "", camera,
             sl_dtls_identity_pin(f->receiver.identity));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(sl_srtp_library_init(), 0);
    assert_int_equal(sl_loop_create(&f->loop), 0);
    fake_receiver_start(&f->receiver, f->loop);
    assert_int_equal(sl_clip_create(&f->clip, 320, 192, 30, 1000000, "ultrafast", 6, 1), 0);
    for (int i = 0; i < CAMERAS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "cam%d", i);
        write_link(f, i, name);
        f->publish[i] = f->links[i];
    }
    write_link(f, CAMERAS, "");
    f->config = (struct sl_load_config){.publish = f->publish,
                                        .cameras = CAMERAS,
                                        .watch = f->links[CAMERAS],
                                        .viewers = 1,
                                        .clip = f->clip,
                                        .speed = 2,
                                        .processor = -1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    end_receiver(f);
    fake_receiver_stop(&f->receiver);
    sl_loop_destroy(f->loop);
    sl_clip_destroy(f->clip);
    free(f);
    sl_srtp_library_fini();
    return 0;
}

static void both_ways(void **state)
{
    struct fixture *f = *state;
    struct sl_load *load;
    char why[256] = "";
    start_receiver(f);
    assert_int_equal(sl_load_start(&load, &f->config, why, sizeof(why)), 0);
    struct sl_load_figures first, figures;
    sl_load_figures(load, &first);
    assert_true(first.received >= CAMERAS); /* every viewer has had a packet */
    const sl_ns deadline = sl_time_now() + PATIENCE;
    do
        sl_load_figures(load, &figures);
    while ((figures.received < first.received + 20 || figures.published < first.published + 20) &&
           sl_time_now() < deadline);
    assert_true(figures.received >= first.received + 20);
    assert_true(figures.published >= first.published + 20);
    assert_true(figures.published_bytes > figures.published);
    assert_int_equal(figures.received_bytes, 4 * figures.received);
    assert_true(figures.camera_cpu > 0 && figures.viewer_cpu > 0);
    assert_int_equal(figures.broken, 0);
    end_receiver(f);
    const uint64_t taken = fake_receiver_packets(&f->receiver);
    sl_load_figures(load, &figures);
    assert_true(taken > 0 && taken <= figures.published);
    assert_true(figures.received + figures.lost <= CAMERAS * (uint64_t)f->receiver.fed);
    struct sl_load_delays delays;
    assert_int_equal(sl_load_delays(load, &delays), 0);
    assert_int_equal(delays.count, 0); /* this receiver's packets do not say when they left */
    sl_load_stop(load);
}

static void cameras_alone(void **state)
{
    struct fixture *f = *state;
    struct sl_load *load;
    char why[256] = "";
    f->config.viewers = 0;
    start_receiver(f);
    assert_int_equal(sl_load_start(&load, &f->config, why, sizeof(why)), 0);
    struct sl_load_figures figures;
    const sl_ns deadline = sl_time_now() + PATIENCE;
    do
        sl_load_figures(load, &figures);
    while (figures.published < 300 && sl_time_now() < deadline); /* not one's key frame alone */
    assert_true(figures.published >= 300);
    assert_int_equal(figures.received, 0);
    sl_load_rest(load);
    struct sl_load_figures rest;
    sl_load_figures(load, &rest);
    uint64_t frames = 0;
    for (int i = 0; i < CAMERAS; i++) {
        assert_true(sl_load_frames(load, i) > 0);
        frames += sl_load_frames(load, i);
    }
    assert_true(frames <= rest.published);
    assert_true(frames * 20 >= rest.published);      /* a frame of 320x192 is a few packets */
    const sl_ns until = sl_time_now() + 100 * SL_MS; /* frames come every 17 ms */
    do
        sl_load_figures(load, &figures);
    while (sl_time_now() < until);
    assert_int_equal(figures.published, rest.published);
    sl_load_stop(load);
}

static void says_who_was_refused(void **state)
{
    struct fixture *f = *state;
    struct sl_load *load = NULL;
    char why[256] = "";
    f->receiver.statuses[0] = f->receiver.statuses[1] = 401;
    start_receiver(f);
    assert_int_equal(sl_load_start(&load, &f->config, why, sizeof(why)), -ECONNREFUSED);
    assert_null(load);
    assert_non_null(strstr(why, "cameras: "));
    assert_null(strstr(why, FAKE_TOKEN));
}

static void stops_when_told(void **state)
{
    struct fixture *f = *state;
    struct sl_load *load = NULL;
    char why[256] = "";
    atomic_bool stop = true;
    f->config.stop = &stop;
    f->receiver.hang = true;
    start_receiver(f);
    assert_int_equal(sl_load_start(&load, &f->config, why, sizeof(why)), -EINTR);
    assert_null(load);
}

static void wants_something_to_do(void **state)
{
    struct fixture *f = *state;
    struct sl_load *load = NULL;
    char why[256] = "";
    f->config.cameras = 0;
    assert_int_equal(sl_load_start(&load, &f->config, why, sizeof(why)), -EINVAL);
    assert_true(why[0]);
    sl_load_stop(NULL);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(cameras_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(says_who_was_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_when_told, setup, teardown),
        cmocka_unit_test_setup_teardown(wants_something_to_do, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
