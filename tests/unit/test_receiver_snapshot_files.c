/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "receiver/snapshot_files.h"

#define AT INT64_C(1795185005250000) /* 2026-11-20T14:30:05.25Z */
#define HOUR INT64_C(3600000000)

static char store[] = "/tmp/sl_snapshot_files_XXXXXX";
static int dir;

static int set_up(void **state)
{
    (void)state;
    dir = mkdtemp(store) ? open(store, O_RDONLY | O_DIRECTORY) : -1;
    return dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    close(dir);
    snprintf(command, sizeof(command), "rm -rf %s", store);
    return system(command);
}

static void put(const char *camera, int64_t at_us, bool dated, const char *text)
{
    assert_int_equal(
        sl_snapshot_put(dir, camera, at_us, dated, (const uint8_t *)text, strlen(text)), 0);
}

static bool there(const char *path)
{
    struct stat status;
    return fstatat(dir, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* On the disk. */
static int64_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(fstatat(dir, path, &status, AT_SYMLINK_NOFOLLOW), 0);
    return (int64_t)status.st_blocks * 512;
}

static void check_latest(const char *camera, const char *text, int64_t at_us)
{
    char read_text[32] = "";
    struct stat status;
    const int fd = sl_snapshot_open(dir, camera);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, read_text, sizeof(read_text) - 1), strlen(text));
    assert_string_equal(read_text, text);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mtim.tv_sec * INT64_C(1000000) + status.st_mtim.tv_nsec / 1000,
                     at_us);
    close(fd);
}

static void has_a_name_by_its_time(void **state)
{
    (void)state;
    char name[SL_SNAPSHOT_PATH_BYTES];
    assert_int_equal(sl_snapshot_name(name, AT), 0);
    assert_string_equal(name, "2026-11-20/14_30_05.jpg");
    assert_int_equal(sl_snapshot_name(name, -1), -EINVAL);
}

static void the_newest_is_always_there(void **state)
{
    (void)state;
    assert_int_equal(sl_snapshot_open(dir, "yard"), -ENOENT);
    put("yard", AT, true, "one");
    check_latest("yard", "one", AT);
    int64_t at_us = 0;
    assert_int_equal(sl_snapshot_taken(store, "yard", &at_us), 0);
    assert_int_equal(at_us, AT);
    assert_int_equal(sl_snapshot_taken(store, "gate", &at_us), -ENOENT);
    assert_int_equal(sl_snapshot_taken(store, "../yard", &at_us), -EINVAL);
    put("yard", AT + 5000000, true, "two");
    check_latest("yard", "two", AT + 5000000);
    assert_true(there("yard/2026-11-20/14_30_05.jpg"));
    assert_true(there("yard/2026-11-20/14_30_10.jpg"));
    put("yard", AT + 7000000, false, "three");
    check_latest("yard", "three", AT + 7000000);
    assert_false(there("yard/2026-11-20/14_30_12.jpg"));
    put("yard", AT + 5000000, true, "again"); /* the same second */
    check_latest("yard", "again", AT + 5000000);
    assert_false(there("yard/.new") || there("yard/.new-latest"));
}

static void old_ones_go_and_others_stay(void **state)
{
    (void)state;
    int64_t bytes = 0, oldest_us = 0, wanted = 0;
    put("gate", AT - 48 * HOUR, true, "a");
    put("gate", AT - HOUR, true, "b");
    put("gate", AT, true, "c");
    put("yard", AT - 48 * HOUR, true, "d"); /* its latest one now, though another day is there */
    assert_int_equal(mkdirat(dir, "gate/2026-11-01", 0750), 0);
    assert_int_equal(close(openat(dir, "gate/2026-11-01/notes.txt", O_CREAT | O_WRONLY, 0640)), 0);
    assert_int_equal(mkdirat(dir, "Holiday", 0750), 0);
    assert_int_equal(mkdirat(dir, "Holiday/2026-11-01", 0750), 0);
    assert_int_equal(
        close(openat(dir, "Holiday/2026-11-01/10_00_00.jpg", O_CREAT | O_WRONLY, 0640)), 0);
    wanted = size_of("gate/2026-11-18/14_30_05.jpg") + size_of("gate/2026-11-20/13_30_05.jpg");
    assert_int_equal(sl_snapshot_oldest(dir, &oldest_us), 0);
    assert_int_equal(oldest_us, (AT - 48 * HOUR) / 1000000 * 1000000);
    assert_int_equal(sl_snapshot_prune(dir, AT - HOUR + 1000000, &bytes), 3);
    assert_int_equal(bytes, wanted); /* the third is a latest.jpg too */
    assert_false(there("gate/2026-11-18"));
    assert_false(there("gate/2026-11-20/13_30_05.jpg"));
    assert_true(there("gate/2026-11-20/14_30_05.jpg"));
    assert_true(there("gate/2026-11-01/notes.txt"));
    assert_true(there("Holiday/2026-11-01/10_00_00.jpg"));
    check_latest("yard", "d", AT - 48 * HOUR);
    assert_int_equal(sl_snapshot_prune(dir, AT - HOUR, &bytes), 0);
    assert_int_equal(sl_snapshot_prune(dir, -1, &bytes), 0);
}

static void follows_no_link(void **state)
{
    (void)state;
    int64_t bytes = 0;
    put("gate", AT, true, "c");
    assert_int_equal(symlinkat("gate", dir, "shed"), 0);
    assert_true(sl_snapshot_open(dir, "shed") < 0);
    assert_true(sl_snapshot_put(dir, "shed", AT, true, (const uint8_t *)"x", 1) < 0);
    assert_true(sl_snapshot_prune(dir, AT + HOUR, &bytes) >= 1); /* once, by its own name */
    check_latest("gate", "c", AT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_name_by_its_time),
        cmocka_unit_test(the_newest_is_always_there),
        cmocka_unit_test(old_ones_go_and_others_stay),
        cmocka_unit_test(follows_no_link),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
