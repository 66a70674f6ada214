/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "receiver/api_lanes.h"

#define CAPACITY 4

struct errand {
    struct sl_api_job job;
    struct sl_wake *gate; /* waits for it; NULL: for nothing */
    pthread_t thread;
    bool done;
};

struct office {
    struct sl_wake done, gate;
    struct sl_api_lanes *lanes;
};

static void work(struct sl_api_job *job, struct sl_api_desk *desk)
{
    (void)desk;
    struct errand *errand = job->owner;
    if (errand->gate)
        (void)sl_wake_wait(errand->gate, SL_NEVER);
    errand->thread = pthread_self();
    errand->done = true;
}

static int set_up(void **state)
{
    static struct office office;
    assert_int_equal(sl_wake_init(&office.done), 0);
    assert_int_equal(sl_wake_init(&office.gate), 0);
    const struct sl_api_lanes_config config = {.done = &office.done, .capacity = CAPACITY};
    assert_int_equal(sl_api_lanes_create(&office.lanes, &config), 0);
    *state = &office;
    return 0;
}

static int tear_down(void **state)
{
    struct office *office = *state;
    sl_api_lanes_destroy(office->lanes);
    sl_wake_fini(&office->done);
    sl_wake_fini(&office->gate);
    return 0;
}

static struct errand *take(struct office *office)
{
    struct sl_api_job *job;
    while ((job = sl_api_lanes_take(office->lanes)) == NULL)
        assert_true(sl_wake_wait(&office->done, 20 * SL_SEC));
    return job->owner;
}

static void init(struct errand *errand, struct sl_wake *gate)
{
    *errand = (struct errand){.gate = gate};
    errand->job = (struct sl_api_job){.work = work, .owner = errand};
}

static void test_jobs_come_back_done_by_others(void **state)
{
    struct office *office = *state;
    struct errand errands[SL_API_LANES];
    for (int i = 0; i < SL_API_LANES; i++) {
        init(&errands[i], NULL);
        assert_true(sl_api_lanes_give(office->lanes, i, &errands[i].job));
    }
    for (int i = 0; i < SL_API_LANES; i++) {
        const struct errand *errand = take(office);
        assert_true(errand->done);
        assert_false(pthread_equal(errand->thread, pthread_self()));
    }
    assert_null(sl_api_lanes_take(office->lanes));
}

static void test_a_lane_that_waits_holds_up_no_other_and_refuses_when_full(void **state)
{
    struct office *office = *state;
    struct errand stuck[CAPACITY], more, other;
    for (int i = 0; i < CAPACITY; i++) {
        init(&stuck[i], i == 0 ? &office->gate : NULL);
        assert_true(sl_api_lanes_give(office->lanes, SL_API_PAGES, &stuck[i].job));
    }
    init(&more, NULL);
    assert_false(sl_api_lanes_give(office->lanes, SL_API_PAGES, &more.job));
    init(&other, NULL);
    assert_true(sl_api_lanes_give(office->lanes, SL_API_READS, &other.job));
    assert_ptr_equal(take(office), &other);
    sl_wake_signal(&office->gate);
    for (int i = 0; i < CAPACITY; i++)
        assert_ptr_equal(take(office), &stuck[i]);
    assert_true(sl_api_lanes_give(office->lanes, SL_API_PAGES, &more.job));
    assert_ptr_equal(take(office), &more);
}

static void test_stopping_leaves_what_was_not_begun(void **state)
{
    struct office *office = *state;
    struct errand first, second;
    init(&first, &office->gate);
    init(&second, &office->gate);
    assert_true(sl_api_lanes_give(office->lanes, SL_API_PAGES, &first.job));
    assert_true(sl_api_lanes_give(office->lanes, SL_API_PAGES, &second.job));
    sl_wake_signal(&office->gate);
    assert_ptr_equal(take(office), &first);
    sl_wake_signal(&office->gate); /* the second one's, if it was begun already */
    sl_api_lanes_stop(office->lanes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_jobs_come_back_done_by_others),
        TEST(test_a_lane_that_waits_holds_up_no_other_and_refuses_when_full),
        TEST(test_stopping_leaves_what_was_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
