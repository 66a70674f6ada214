/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/told.h"

static void figures_of_a_line(void **state)
{
    (void)state;
    static const char sender[] = "stats fps=30.0 kbps=1987 rtt_ms=40.5 bytes=123456 "
                                 "frames_lost=2 lost=7 target_kbps=2000";
    assert_true(sl_told_number(sender, "kbps") == 1987); /* not target_kbps */
    assert_true(sl_told_number(sender, "rtt_ms") == 40.5);
    assert_true(sl_told_number(sender, "lost") == 7);
    assert_true(sl_told_number(sender, "frames_lost") == 2);
    assert_true(sl_told_number(sender, "target_kbps") == 2000);
    assert_true(isnan(sl_told_number(sender, "est_kbps")));
    assert_true(isnan(sl_told_number(sender, "stats")));
    assert_true(isnan(sl_told_number("", "kbps")));
    assert_true(isnan(sl_told_number("kbps=5", "kbps"))); /* a line begins with its kind */
    assert_true(isnan(sl_told_number("stats kbps=", "kbps")));

    static const char viewer[] = "stats yard live shown 30.0/s decoded 29.5/s age - max - late 3 "
                                 "delay 12 ms delay_ms=16 late=5";
    assert_true(sl_told_number(viewer, "decoded") == 29.5);
    assert_true(sl_told_number(viewer, "delay_ms") == 16);
    assert_true(sl_told_number(viewer, "late") == 5); /* of two, the one with a sign */
    assert_true(isnan(sl_told_number(viewer, "age")));

    static const char impair[] = "up received 1200 forwarded 1140 lost 60 received-bytes 90000";
    assert_true(sl_told_number(impair, "received") == 1200);
    assert_true(sl_told_number(impair, "received-bytes") == 90000);
}

static void repairs_of_a_session(void **state)
{
    (void)state;
    static const char log[] =
        "receiver info: repairs yard lost=5 by_fec=5 by_resend=0 late=0 given_up=0 rtt_ms=1\n"
        "receiver info: repairs yard lost=9 by_fec=5 by_resend=3 late=1 given_up=1 rtt_ms=40.2 "
        "loss_pct=5.00 overhead_pct=20.0 over_s=12 ended\n"
        "receiver debug: repairs yard to wall sent=9 lost=77 frames_by_fec=1 ended\n"
        "receiver info: repairs yard lost=6 by_fec=6 by_resend=0 late=0 given_up=0 rtt_ms=1\n"
        "receiver info: camera yard: offline, ended";
    const struct sl_told_repairs told = sl_told_repairs(log);
    assert_true(told.lost == 9 && told.by_fec == 5 && told.by_resend == 3 && told.late == 1 &&
                told.given_up == 1);
    const struct sl_told_repairs none = sl_told_repairs("camera yard: live\nrepairs: none\n\n");
    assert_true(isnan(none.lost) && isnan(none.by_fec) && isnan(none.by_resend) &&
                isnan(none.late) && isnan(none.given_up));
    /* The last one, though its line is not whole. */
    assert_true(sl_told_repairs("repairs a lost=1 ended\nrepairs a lost=2 ended").lost == 2);
    assert_true(isnan(sl_told_repairs("repairs a lost=2 ended").given_up));
}

static void what_the_recorder_left_out(void **state)
{
    (void)state;
    assert_true(sl_told_left_out("receiver info: camera yard: live\n") == 0);
    assert_true(sl_told_left_out("w: the recorder does not keep up: 7 packets left out so far\n"
                                 "w: the recorder does not keep up: 12 packets left out so far\n"
                                 "i: camera yard: offline, ended\n") == 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_a_line),
        cmocka_unit_test(repairs_of_a_session),
        cmocka_unit_test(what_the_recorder_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
