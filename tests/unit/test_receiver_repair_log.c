/* SPDX-License-Identifier: MIT */
#include "receiver/repair_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sl_session_stats stats_of(uint64_t expected, uint64_t fec, uint64_t resend,
                                        uint64_t given_up)
{
    struct sl_session_stats stats = {.rtt = 41200 * SL_US};
    stats.media[SL_VIDEO] = (struct sl_session_media_stats){.expected = expected,
                                                            .repaired_fec = fec,
                                                            .repaired_resend = resend,
                                                            .given_up = given_up,
                                                            .bytes = 1000 * expected,
                                                            .sent_bytes = 1000 * expected,
                                                            .fec_bytes = 200 * expected};
    return stats;
}

static void test_a_line_only_when_something_was_lost(void **state)
{
    (void)state;
    struct sl_repair_log log = {.began = 100 * SL_SEC, .looked = 100 * SL_SEC};
    struct sl_repair_line line;
    struct sl_session_stats stats = stats_of(1000, 0, 0, 0);
    assert_false(sl_repair_log_look(&log, "yard", &stats, 110 * SL_SEC, &line));
    stats = stats_of(2000, 40, 10, 0);
    assert_true(sl_repair_log_look(&log, "yard", &stats, 120 * SL_SEC, &line));
    assert_string_equal(line.text,
                        "repairs yard lost=50 by_fec=40 by_resend=10 late=0 given_up=0 "
                        "rtt_ms=41.2 loss_pct=5.00 kbps=800 overhead_pct=20.0 over_s=10");
    assert_int_equal(line.level, SL_LOG_INFO);
    stats = stats_of(3000, 40, 10, 0); /* nothing since */
    assert_false(sl_repair_log_look(&log, "yard", &stats, 130 * SL_SEC, &line));
}

/* A quiet hour does not make the 10 s after it look harmless. */
static void test_each_line_is_of_its_own_span(void **state)
{
    (void)state;
    struct sl_repair_log log = {.began = 0, .looked = 0};
    struct sl_repair_line line;
    for (int i = 1; i <= 360; i++) {
        const struct sl_session_stats quiet = stats_of((uint64_t)i * 1000, 0, 0, 0);
        assert_false(sl_repair_log_look(&log, "yard", &quiet, i * 10 * SL_SEC, &line));
    }
    const struct sl_session_stats stats = stats_of(361000, 20, 0, 0);
    assert_true(sl_repair_log_look(&log, "yard", &stats, 3610 * SL_SEC, &line));
    assert_int_equal(line.level, SL_LOG_INFO);
    assert_non_null(strstr(line.text, " loss_pct=2.00 "));
}

static void test_how_loud(void **state)
{
    (void)state;
    const struct {
        uint64_t fec, given_up;
        enum sl_log_level level;
    } expected[] = {
        {1, 0, SL_LOG_DEBUG}, {9, 0, SL_LOG_DEBUG}, {10, 0, SL_LOG_INFO},
        {1, 1, SL_LOG_WARN},  {50, 3, SL_LOG_WARN},
    };
    for (size_t i = 0; i < SL_COUNT(expected); i++) {
        struct sl_repair_log log = {.began = 0};
        struct sl_repair_line line;
        const struct sl_session_stats stats =
            stats_of(1000, expected[i].fec, 0, expected[i].given_up);
        assert_true(sl_repair_log_look(&log, "yard", &stats, 10 * SL_SEC, &line));
        assert_int_equal(line.level, expected[i].level);
        sl_repair_log_end(&log, "yard", &stats, 10 * SL_SEC, &line);
        assert_int_equal(line.level, expected[i].level);
    }
}

static void test_the_end_tells_all(void **state)
{
    (void)state;
    struct sl_repair_log log = {.began = 5 * SL_SEC, .looked = 5 * SL_SEC};
    struct sl_repair_line line;
    struct sl_session_stats stats = stats_of(1000, 30, 0, 0);
    assert_true(sl_repair_log_look(&log, "yard", &stats, 15 * SL_SEC, &line));
    stats = stats_of(4000, 30, 1, 0);
    sl_repair_log_end(&log, "yard", &stats, 47 * SL_SEC, &line);
    assert_string_equal(line.text, "repairs yard lost=31 by_fec=30 by_resend=1 late=0 given_up=0 "
                                   "rtt_ms=41.2 loss_pct=0.78 kbps=762 overhead_pct=20.0 over_s=42 "
                                   "ended");
    assert_int_equal(line.level, SL_LOG_DEBUG);
    stats = stats_of(0, 0, 0, 0); /* nothing came at all */
    sl_repair_log_end(&log, "yard", &stats, 47 * SL_SEC, &line);
    assert_non_null(strstr(line.text, " lost=0 "));
    assert_int_equal(line.level, SL_LOG_DEBUG);
}

static void test_a_viewers_leg(void **state)
{
    (void)state;
    const struct sl_repair_log log = {.began = SL_SEC};
    struct sl_repair_line line;
    struct sl_session_stats stats = {.rtt = 20 * SL_MS, .rate.overhead = .25};
    stats.media[SL_VIDEO] = (struct sl_session_media_stats){
        .packets = 5000, .fec_rows = 400, .resent = 30, .remote_fraction_lost = 128};
    stats.remote = (struct sl_repair_report){
        .packets_lost = 260, .by_fec = 200, .by_resend = 11, .late = 2, .lost = 1};
    sl_repair_log_viewer_end(&log, "yard", "wall", &stats, 61 * SL_SEC, &line);
    assert_string_equal(line.text,
                        "repairs yard to wall sent=5000 fec_rows=400 resent=30 lost=260 "
                        "frames_by_fec=200 frames_by_resend=11 frames_late=2 frames_lost=1 "
                        "rtt_ms=20.0 last_loss_pct=50.0 overhead_pct=25.0 over_s=60 ended");
    assert_int_equal(line.level, SL_LOG_DEBUG);
}

/* Whatever a peer counts, a line is whole. */
static void test_the_longest_lines_fit(void **state)
{
    (void)state;
    const struct sl_repair_log log = {.began = 0};
    struct sl_repair_line line;
    struct sl_session_stats stats =
        stats_of(UINT64_MAX / 1000, UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4);
    const char name[] = "abcdefghijabcdefghijabcdefghij12";
    stats.media[SL_VIDEO].packets = stats.media[SL_VIDEO].fec_rows = UINT64_MAX;
    stats.media[SL_VIDEO].resent = stats.media[SL_VIDEO].late = UINT64_MAX;
    stats.remote = (struct sl_repair_report){.packets_lost = UINT32_MAX,
                                             .by_fec = UINT32_MAX,
                                             .by_resend = UINT32_MAX,
                                             .late = UINT32_MAX,
                                             .lost = UINT32_MAX};
    stats.rtt = 60 * SL_SEC;
    sl_repair_log_end(&log, name, &stats, 100000000 * SL_SEC, &line);
    assert_non_null(strstr(line.text, " ended"));
    sl_repair_log_viewer_end(&log, name, name, &stats, 100000000 * SL_SEC, &line);
    assert_non_null(strstr(line.text, " ended"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_only_when_something_was_lost),
        cmocka_unit_test(test_each_line_is_of_its_own_span),
        cmocka_unit_test(test_how_loud),
        cmocka_unit_test(test_the_end_tells_all),
        cmocka_unit_test(test_a_viewers_leg),
        cmocka_unit_test(test_the_longest_lines_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
