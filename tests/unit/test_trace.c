/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/trace.h"

static char path[64];

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/sl-trace-XXXXXX");
    const int fd = mkstemp(path);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void nothing_is_noted_without_one(void **state)
{
    (void)state;
    sl_trace_note(NULL, SL_TRACE_SENT, 1, 2, 3);
    sl_trace_close(NULL);
}

static void notes_survive(void **state)
{
    (void)state;
    struct sl_trace *trace;
    struct sl_trace_record *records;
    size_t count;
    uint64_t dropped;
    assert_int_equal(sl_trace_open(&trace, path, 100), 0);
    assert_int_equal(sl_trace_read(path, &records, &count, &dropped), 0);
    assert_int_equal(count, 0);
    free(records);
    sl_trace_note(trace, SL_TRACE_CAPTURED, UINT64_MAX, 0, INT64_MAX);
    sl_trace_note(trace, SL_TRACE_SENT, 7, UINT32_MAX, 8);
    sl_trace_note(trace, SL_TRACE_PRESENTED, 9, 0, 10);
    for (int closed = 0; closed < 2; closed++) {
        assert_int_equal(sl_trace_read(path, &records, &count, &dropped), 0);
        assert_int_equal(count, 3);
        assert_int_equal(dropped, 0);
        assert_int_equal(records[0].stage, SL_TRACE_CAPTURED);
        assert_true(records[0].frame == UINT64_MAX && records[0].at == INT64_MAX);
        assert_int_equal(records[1].stage, SL_TRACE_SENT);
        assert_int_equal(records[1].value, UINT32_MAX);
        assert_int_equal(records[1].frame, 7);
        assert_int_equal(records[2].at, 10);
        free(records);
        if (!closed)
            sl_trace_close(trace);
    }
    assert_int_equal(sl_trace_open(&trace, path, 0), -EINVAL);
    assert_int_equal(sl_trace_open(&trace, path, SIZE_MAX / 8), -EINVAL);
    assert_int_equal(sl_trace_open(&trace, "/nowhere/at/all", 5), -ENOENT);
    assert_int_equal(sl_trace_read("/nowhere/at/all", &records, &count, &dropped), -ENOENT);
    assert_int_equal(sl_trace_read("/tmp", &records, &count, &dropped) == 0, 0);
}

static void a_full_one_counts(void **state)
{
    (void)state;
    struct sl_trace *trace;
    struct sl_trace_record *records;
    size_t count;
    uint64_t dropped;
    struct stat before, after;
    assert_int_equal(sl_trace_open(&trace, path, 10), 0);
    assert_int_equal(stat(path, &before), 0);
    for (uint64_t i = 0; i < 25; i++)
        sl_trace_note(trace, SL_TRACE_ENCODED, i, 0, (sl_ns)i);
    assert_int_equal(sl_trace_read(path, &records, &count, &dropped), 0);
    assert_int_equal(count, 10);
    assert_int_equal(dropped, 15);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(records[i].frame, i);
    free(records);
    sl_trace_close(trace);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
}

#define THREADS 8
#define NOTES 20000

struct noter {
    struct sl_trace *trace;
    int number;
};

static void *note_many(void *ctx)
{
    const struct noter *noter = ctx;
    for (uint64_t i = 0; i < NOTES; i++)
        sl_trace_note(noter->trace, SL_TRACE_DECODED, i, (uint32_t)noter->number,
                      (sl_ns)(i * 3 + (uint64_t)noter->number));
    return NULL;
}

/* Whole records only, in each thread's order. */
static size_t check_records(const struct sl_trace_record *records, size_t count)
{
    uint64_t next[THREADS] = {0};
    for (size_t i = 0; i < count; i++) {
        const struct sl_trace_record *r = &records[i];
        assert_int_equal(r->stage, SL_TRACE_DECODED);
        assert_in_range(r->value, 0, THREADS - 1);
        assert_int_equal(r->at, (sl_ns)(r->frame * 3 + r->value));
        assert_true(r->frame >= next[r->value]);
        next[r->value] = r->frame + 1;
    }
    return count;
}

static void many_threads_and_a_reader(void **state)
{
    (void)state;
    struct sl_trace *trace;
    struct sl_trace_record *records;
    pthread_t threads[THREADS];
    struct noter noters[THREADS];
    size_t count = 0;
    uint64_t dropped;
    assert_int_equal(sl_trace_open(&trace, path, THREADS * NOTES), 0);
    for (int i = 0; i < THREADS; i++) {
        noters[i] = (struct noter){.trace = trace, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, &noters[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sl_trace_read(path, &records, &count, &dropped), 0);
        check_records(records, count);
        assert_int_equal(dropped, 0);
        free(records);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sl_trace_read(path, &records, &count, &dropped), 0);
    assert_int_equal(check_records(records, count), THREADS * NOTES);
    free(records);
    sl_trace_close(trace);
}

/* ---- Files that are none ---- */

static void overwrite(long offset, const void *data, size_t size)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int read_count(size_t *count, uint64_t *dropped)
{
    struct sl_trace_record *records;
    const int err = sl_trace_read(path, &records, count, dropped);
    if (err == 0)
        free(records);
    return err;
}

static void make_five(void)
{
    struct sl_trace *trace;
    assert_int_equal(sl_trace_open(&trace, path, 10), 0);
    for (uint64_t i = 0; i < 5; i++)
        sl_trace_note(trace, SL_TRACE_ENCODED, i, 0, 1);
    sl_trace_close(trace);
}

static void damaged_files(void **state)
{
    (void)state;
    size_t count;
    uint64_t dropped;
    const uint64_t huge = UINT64_MAX, one = 1, zero = 0;
    make_five();
    assert_int_equal(read_count(&count, &dropped), 0);
    assert_int_equal(count, 5);
    overwrite(0, &one, 8); /* magic */
    assert_int_equal(read_count(&count, &dropped), -EINVAL);
    make_five();
    overwrite(8, &huge, 8); /* room that the file does not have, sizes that overflow */
    assert_int_equal(read_count(&count, &dropped), -EINVAL);
    overwrite(8, &zero, 8);
    assert_int_equal(read_count(&count, &dropped), -EINVAL);
    overwrite(8, &one, 8);
    assert_int_equal(read_count(&count, &dropped), -EINVAL);
    make_five();
    overwrite(16, &huge, 8); /* more noted than there is room */
    assert_int_equal(read_count(&count, &dropped), 0);
    assert_int_equal(count, 5);
    assert_true(dropped == UINT64_MAX - 10);
    make_five();
    overwrite(32 + 24 + 16, &huge, 4); /* a stage that there is not */
    assert_int_equal(read_count(&count, &dropped), 0);
    assert_int_equal(count, 4);
    for (off_t size = 0; size < 32 + 240; size += 7) {
        make_five();
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(read_count(&count, &dropped), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_noted_without_one),
        cmocka_unit_test_setup_teardown(notes_survive, make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_full_one_counts, make_path, remove_path),
        cmocka_unit_test_setup_teardown(many_threads_and_a_reader, make_path, remove_path),
        cmocka_unit_test_setup_teardown(damaged_files, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
