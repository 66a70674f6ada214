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

#include "receiver/storage_walk.h"

static char store[] = "/tmp/sl_storage_walk_XXXXXX";
static int dir;

struct found {
    char paths[16][SL_SEGMENT_PATH_BYTES];
    int count, troubles, stop_at;
};

static int take(void *ctx, const char *path)
{
    struct found *found = ctx;
    assert_true(found->count < 16);
    snprintf(found->paths[found->count++], SL_SEGMENT_PATH_BYTES, "%s", path);
    return found->count == found->stop_at ? -ECANCELED : 0;
}

static void trouble(void *ctx, const char *what)
{
    struct found *found = ctx;
    assert_non_null(strstr(what, ": "));
    found->troubles++;
}

static bool has(const struct found *found, const char *path)
{
    for (int i = 0; i < found->count; i++)
        if (strcmp(found->paths[i], path) == 0)
            return true;
    return false;
}

static void touch(const char *path)
{
    char part[256];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        assert_true(mkdirat(dir, part, 0700) == 0 || errno == EEXIST);
    }
    const int fd = openat(dir, path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static int set_up(void **state)
{
    (void)state;
    dir = mkdtemp(store) ? open(store, O_RDONLY | O_DIRECTORY) : -1;
    return dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", store);
    close(dir);
    return system(command);
}

static void recordings_are_found_wherever_they_were_moved(void **state)
{
    (void)state;
    struct found found = {0};
    touch(".sightline-store");
    touch("yard/2026-11-20/14-30-00Z.mp4");
    touch("yard/2026-11-20/note.txt");
    touch("burglary.mp4");
    touch("a/b/c/d/kept.mp4");
    touch(".hidden/14-30-00Z.mp4");
    touch(".half.mp4");
    assert_int_equal(symlinkat("burglary.mp4", dir, "link.mp4"), 0);
    assert_int_equal(symlinkat("yard", dir, "other"), 0);
    assert_int_equal(mkdirat(dir, "directory.mp4", 0700), 0);
    assert_int_equal(sl_storage_walk(dir, take, trouble, &found), 0);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.troubles, 0);
    assert_true(has(&found, "yard/2026-11-20/14-30-00Z.mp4"));
    assert_true(has(&found, "burglary.mp4"));
    assert_true(has(&found, "a/b/c/d/kept.mp4"));
    /* A walk leaves the descriptor as it was, and ends when it is told to. */
    found = (struct found){.stop_at = 2};
    assert_int_equal(sl_storage_walk(dir, take, trouble, &found), -ECANCELED);
    assert_int_equal(found.count, 2);
}

static void what_cannot_be_kept_is_said(void **state)
{
    (void)state;
    struct found found = {0};
    touch("1/2/3/4/5/6/7/8/at-the-limit.mp4");
    touch("1/2/3/4/5/6/7/8/9/beyond.mp4");
    touch(
        "a-name-that-is-longer-than-anything-that-we-would-ever-give-to-a-file-of-a-recording-and-"
        "so-cannot-be-kept-in-a-row.mp4");
    assert_int_equal(sl_storage_walk(dir, take, trouble, &found), 0);
    assert_true(has(&found, "1/2/3/4/5/6/7/8/at-the-limit.mp4"));
    assert_false(has(&found, "1/2/3/4/5/6/7/8/9/beyond.mp4"));
    assert_int_equal(found.troubles, 2);
}

static void a_path_of_ours_is_told_from_another(void **state)
{
    (void)state;
    char path[SL_SEGMENT_PATH_BYTES];
    assert_int_equal(sl_segment_path(path, "yard", 1795185000123456, 1), 1);
    assert_true(sl_storage_path_ours(path));
    assert_int_equal(sl_segment_path(path, "yard", 1795185000123456, 12), 1);
    assert_true(sl_storage_path_ours(path));
    static const char *const others[] = {"14-30-00Z.mp4",
                                         "yard/14-30-00Z.mp4",
                                         "Yard/2026-11-20/14-30-00Z.mp4",
                                         "yard/2026-11-20/14-30-00.mp4",
                                         "yard/2026-11-20/14-30-00Z.mp4.mp4",
                                         "yard/2026-11-20/14-30-00Z-x.mp4",
                                         "x/yard/2026-11-20/14-30-00Z.mp4",
                                         ""};
    for (size_t i = 0; i < SL_COUNT(others); i++)
        assert_false(sl_storage_path_ours(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recordings_are_found_wherever_they_were_moved),
        cmocka_unit_test(what_cannot_be_kept_is_said),
        cmocka_unit_test(a_path_of_ours_is_told_from_another),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
