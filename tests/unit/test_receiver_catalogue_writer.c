/* SPDX-License-Identifier: MIT */
/* The thread beside a catalogue that only remembers, and fails when it is asked to. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/catalogue_writer.h"

static struct {
    int puts, removes, inserts, updates, connected, disconnected, commits, rollbacks;
    int64_t last_frames, last_start, last_end;
    int failing;                                /* this many transactions more */
    int refused_frames, refused_with, refusals; /* of segments of so many frames */
    bool event_gone;                            /* the first update finds none */
} seen;

int sl_catalogue_begin(struct sl_catalogue *catalogue)
{
    (void)catalogue;
    return 0;
}

int sl_catalogue_commit(struct sl_catalogue *catalogue)
{
    (void)catalogue;
    if (seen.failing > 0) {
        seen.failing--;
        return -EBUSY;
    }
    seen.commits++;
    return 0;
}

void sl_catalogue_rollback(struct sl_catalogue *catalogue)
{
    (void)catalogue;
    seen.rollbacks++;
}

const char *sl_catalogue_why(const struct sl_catalogue *catalogue)
{
    (void)catalogue;
    return "it is locked";
}

int sl_catalogue_put(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    (void)catalogue;
    if (seen.refused_with && row->info.frames == seen.refused_frames) {
        seen.refusals++;
        return seen.refused_with;
    }
    seen.puts++;
    seen.last_frames = row->info.frames;
    return 0;
}

int sl_catalogue_remove(struct sl_catalogue *catalogue, const char *uuid)
{
    (void)catalogue, (void)uuid;
    seen.removes++;
    return -ENOENT;
}

int sl_catalogue_event_put(struct sl_catalogue *catalogue, struct sl_catalogue_event *event)
{
    (void)catalogue;
    if (event->id != 0 && seen.event_gone) {
        seen.event_gone = false;
        return -ENOENT;
    }
    if (event->id == 0) {
        event->id = ++seen.inserts + 100;
    } else {
        assert_int_equal(event->id, seen.inserts + 100);
        seen.updates++;
    }
    seen.last_start = event->start_us;
    seen.last_end = event->end_us;
    return 0;
}

int sl_catalogue_connected(struct sl_catalogue *catalogue, const char *camera, const char *location,
                           const char *address, int64_t at_us)
{
    (void)catalogue, (void)at_us;
    assert_string_equal(camera, "yard");
    assert_string_equal(location, "behind");
    assert_string_equal(address, "[::1]:5");
    seen.connected++;
    return 0;
}

int sl_catalogue_disconnected(struct sl_catalogue *catalogue, const char *camera, const char *why,
                              int64_t at_us)
{
    (void)catalogue, (void)at_us;
    assert_string_equal(camera, "yard");
    assert_string_equal(why, "gone");
    seen.disconnected++;
    return 0;
}

static struct sl_catalogue_writer *begin(void)
{
    const struct sl_catalogue_writer_config config = {.catalogue = NULL};
    struct sl_catalogue_writer *writer;
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(sl_catalogue_writer_create(&writer, &config), 0);
    return writer;
}

/* Everything told before is written when it is over. */
static void end(struct sl_catalogue_writer *writer)
{
    struct sl_catalogue_writer_stats stats;
    assert_int_equal(sl_catalogue_writer_start(writer), 0);
    sl_catalogue_writer_stop(writer);
    sl_catalogue_writer_stats(writer, &stats);
    assert_int_equal(stats.told, stats.written + stats.refused + stats.left_out);
    sl_catalogue_writer_destroy(writer);
}

static void all_that_is_told_is_written_at_once(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_segment_row row = {.open = true};
    assert_true(sl_catalogue_writer_connected(writer, "yard", "behind", "[::1]:5", 1));
    assert_true(sl_catalogue_writer_segment(writer, &row));
    row.open = false;
    row.info.frames = 30;
    assert_true(sl_catalogue_writer_segment(writer, &row));
    row.info.frames = 0; /* one that was nothing */
    assert_true(sl_catalogue_writer_segment(writer, &row));
    assert_true(sl_catalogue_writer_disconnected(writer, "yard", "gone", 2));
    end(writer);
    assert_int_equal(seen.puts, 2);
    assert_int_equal(seen.last_frames, 30);
    assert_int_equal(seen.removes, 1);
    assert_int_equal(seen.connected, 1);
    assert_int_equal(seen.disconnected, 1);
    assert_int_equal(seen.commits, 1);
}

static void an_event_that_goes_on_is_one_row(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_catalogue_event event = {.camera = "yard", .type = "motion", .start_us = 5};
    assert_true(sl_catalogue_writer_event(writer, &event));
    event.end_us = 9;
    event.start_us = 6;
    assert_true(sl_catalogue_writer_event(writer, &event));
    end(writer);
    assert_int_equal(seen.inserts, 1);
    assert_int_equal(seen.updates, 1);
    assert_int_equal(seen.last_start, 5);
    assert_int_equal(seen.last_end, 9);
    writer = begin();
    event.start_us = 20;
    event.end_us = 21;
    assert_true(sl_catalogue_writer_event(writer, &event)); /* another one, over at once */
    end(writer);
    assert_int_equal(seen.inserts, 1);
    assert_int_equal(seen.updates, 0);
}

static void growth_gives_way_to_what_is_told_once(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_segment_row row = {.open = true, .info = {.frames = 1}};
    int grown = 0, closed = 0;
    while (sl_catalogue_writer_segment(writer, &row))
        grown++;
    row.open = false;
    while (sl_catalogue_writer_segment(writer, &row))
        closed++;
    assert_int_equal(grown, 3072);
    assert_int_equal(closed, 1024);
    end(writer);
    assert_int_equal(seen.puts, 4096);
}

static void what_fails_is_tried_again(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_segment_row row = {.open = true};
    seen.failing = 1;
    assert_true(sl_catalogue_writer_segment(writer, &row));
    end(writer); /* the first try is the loop's or that of the end; the second is the other's */
    assert_int_equal(seen.rollbacks, 1);
    assert_int_equal(seen.puts, 2);
    assert_int_equal(seen.commits, 1);
}

static void tell_frames(struct sl_catalogue_writer *writer, int64_t frames)
{
    const struct sl_segment_row row = {.info = {.frames = frames}};
    assert_true(sl_catalogue_writer_segment(writer, &row));
}

static void left_out(struct sl_catalogue_writer *writer, uint64_t wanted)
{
    struct sl_catalogue_writer_stats stats;
    assert_int_equal(sl_catalogue_writer_start(writer), 0);
    sl_catalogue_writer_stop(writer);
    sl_catalogue_writer_stats(writer, &stats);
    assert_int_equal(stats.left_out, wanted);
    assert_int_equal(stats.told, stats.written + stats.left_out);
    sl_catalogue_writer_destroy(writer);
}

static void what_is_refused_for_good_is_left_out_of_the_rest(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    seen.refused_frames = 2;
    seen.refused_with = -EINVAL;
    seen.failing = 1; /* it is not asked again */
    for (int frames = 1; frames <= 3; frames++)
        tell_frames(writer, frames);
    left_out(writer, 1);
    assert_int_equal(seen.refusals, 1);
    assert_int_equal(seen.commits, 1);
    assert_int_equal(seen.puts, 4);
    assert_int_equal(seen.last_frames, 3);
}

static void what_fails_for_no_passing_reason_is_left_out_in_the_end(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_catalogue_writer_stats stats = {0};
    seen.refused_frames = 2;
    seen.refused_with = -EPROTO;
    tell_frames(writer, 1);
    tell_frames(writer, 2);
    assert_int_equal(sl_catalogue_writer_start(writer), 0);
    while (stats.failures == 0) {
        sched_yield();
        sl_catalogue_writer_stats(writer, &stats);
    }
    sl_catalogue_writer_stop(writer);
    sl_catalogue_writer_stats(writer, &stats);
    assert_int_equal(stats.left_out, 1);
    assert_int_equal(stats.written, 1);
    assert_int_equal(seen.refusals, SL_CATALOGUE_WRITER_TRIES);
    sl_catalogue_writer_destroy(writer);
}

static void a_full_disk_leaves_nothing_out(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_catalogue_writer_stats stats;
    seen.refused_frames = 2;
    seen.refused_with = -ENOSPC;
    tell_frames(writer, 2);
    assert_int_equal(sl_catalogue_writer_start(writer), 0);
    sl_catalogue_writer_stop(writer);
    sl_catalogue_writer_stats(writer, &stats);
    assert_int_equal(stats.left_out, 0);
    assert_int_equal(stats.written, 0); /* it is held to the end */
    assert_true(seen.refusals >= 3);
    sl_catalogue_writer_destroy(writer);
}

static void what_goes_on_is_over_when_the_camera_leaves(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_catalogue_event event = {.camera = "yard", .type = "motion", .start_us = 5};
    assert_true(sl_catalogue_writer_event(writer, &event));
    assert_true(sl_catalogue_writer_disconnected(writer, "yard", "gone", 70));
    end(writer);
    assert_int_equal(seen.inserts, 1);
    assert_int_equal(seen.updates, 1);
    assert_int_equal(seen.last_end, 70);
    writer = begin(); /* no word of its leaving was heard */
    assert_true(sl_catalogue_writer_event(writer, &event));
    assert_true(sl_catalogue_writer_connected(writer, "yard", "behind", "[::1]:5", 3));
    end(writer);
    assert_int_equal(seen.last_end, 5);
}

static void an_event_that_was_taken_out_is_put_anew(void **state)
{
    (void)state;
    struct sl_catalogue_writer *writer = begin();
    struct sl_catalogue_event event = {.camera = "yard", .type = "motion", .start_us = 5};
    seen.event_gone = true;
    assert_true(sl_catalogue_writer_event(writer, &event));
    event.end_us = 9;
    assert_true(sl_catalogue_writer_event(writer, &event));
    end(writer);
    assert_int_equal(seen.inserts, 2);
    assert_int_equal(seen.last_start, 5);
    assert_int_equal(seen.last_end, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_told_is_written_at_once),
        cmocka_unit_test(an_event_that_goes_on_is_one_row),
        cmocka_unit_test(growth_gives_way_to_what_is_told_once),
        cmocka_unit_test(what_fails_is_tried_again),
        cmocka_unit_test(what_is_refused_for_good_is_left_out_of_the_rest),
        cmocka_unit_test(what_fails_for_no_passing_reason_is_left_out_in_the_end),
        cmocka_unit_test(a_full_disk_leaves_nothing_out),
        cmocka_unit_test(what_goes_on_is_over_when_the_camera_leaves),
        cmocka_unit_test(an_event_that_was_taken_out_is_put_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
