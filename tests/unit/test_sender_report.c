/* SPDX-License-Identifier: MIT */
#include "sender/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The figure behind ` KEY=`. */
static double figure(const char *line, const char *key)
{
    char word[64];
    snprintf(word, sizeof(word), " %s=", key);
    const char *at = strstr(line, word);
    if (!at)
        fail_msg("no %s in: %s", key, line);
    return at ? atof(at + strlen(word)) : 0;
}

static const char *say(struct sl_report *report, const struct sl_uplink_stats *uplink, sl_ns now)
{
    static char line[2048];
    const struct sl_pipeline_stats pipeline = {.skipped_rate = 9};
    memset(line, 0, sizeof(line));
    report->out = fmemopen(line, sizeof(line), "w");
    assert_non_null(report->out);
    sl_report_figures(report, uplink, &pipeline, now);
    fclose(report->out);
    return line;
}

static void test_every_repair_is_told(void **state)
{
    (void)state;
    struct sl_report report = {.stats_at = 0};
    struct sl_uplink_stats uplink = {.sent = 30, .bytes = 250000};
    struct sl_session_stats *session = &uplink.endpoint.session;
    session->rtt = 41500 * SL_US;
    session->media[SL_VIDEO] = (struct sl_session_media_stats){.packets = 200,
                                                               .sent_bytes = 260000,
                                                               .nacks = 12,
                                                               .resent = 7,
                                                               .resent_bytes = 8000,
                                                               .fec_rows = 40,
                                                               .fec_bytes = 44000,
                                                               .remote_fraction_lost = 64};
    session->remote = (struct sl_repair_report){
        .packets_lost = 11, .by_fec = 8, .by_resend = 2, .late = 1, .lost = 3};
    const char *line = say(&report, &uplink, SL_SEC);
    const struct {
        const char *key;
        double value;
    } expected[] = {
        {"fps", 30},
        {"kbps", 2000},
        {"nacked", 12},
        {"resent", 7},
        {"loss", 25},
        {"rtt_ms", 41.5},
        {"fec_pct", 20},
        {"overhead_pct", 20},
        {"skipped", 9},
        {"media_bytes", 260000},
        {"fec_bytes", 44000},
        {"resent_bytes", 8000},
        {"lost", 11},
        {"frames_by_fec", 8},
        {"frames_by_resend", 2},
        {"frames_late", 1},
        {"frames_lost", 3},
    };
    for (size_t i = 0; i < SL_COUNT(expected); i++)
        assert_float_equal(figure(line, expected[i].key), expected[i].value, 1e-6);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

/* Shares are of the time since the last line, and a new connection counts from 0. */
static void test_shares_over_a_reconnection(void **state)
{
    (void)state;
    struct sl_report report = {.stats_at = 0};
    struct sl_uplink_stats uplink = {.sent = 30};
    struct sl_session_media_stats *video = &uplink.endpoint.session.media[SL_VIDEO];
    *video = (struct sl_session_media_stats){.packets = 1000, .sent_bytes = 1000000};
    say(&report, &uplink, SL_SEC);
    *video = (struct sl_session_media_stats){
        .packets = 100, .sent_bytes = 100000, .fec_rows = 10, .fec_bytes = 30000};
    const char *line = say(&report, &uplink, 2 * SL_SEC);
    assert_float_equal(figure(line, "fec_pct"), 10, 1e-6);
    assert_float_equal(figure(line, "overhead_pct"), 30, 1e-6);
    assert_float_equal(figure(line, "media_bytes"), 100000, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_repair_is_told),
        cmocka_unit_test(test_shares_over_a_reconnection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
