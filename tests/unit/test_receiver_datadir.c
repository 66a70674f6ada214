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

#include "receiver/datadir.h"

struct bench {
    char base[64], path[80];
    struct sl_datadir datadir;
    char why[SL_STORE_WHY];
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    strcpy(bench->base, "/tmp/sightline-data-XXXXXX");
    assert_non_null(mkdtemp(bench->base));
    snprintf(bench->path, sizeof(bench->path), "%s/data", bench->base);
    assert_int_equal(sl_datadir_open(&bench->datadir, bench->path, bench->why), 0);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char command[128];
    sl_datadir_close(&bench->datadir);
    snprintf(command, sizeof(command), "rm -rf %s", bench->base);
    free(bench);
    return system(command);
}

static mode_t mode_of(const struct bench *bench, const char *name)
{
    struct stat st;
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", bench->path, name);
    return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

static void test_identity_is_made_once_and_kept(void **state)
{
    struct bench *bench = *state;
    struct sl_dtls_identity *first, *second;
    const mode_t mask = umask(0); /* even if nobody hides anything */
    assert_int_equal(sl_datadir_identity(&bench->datadir, &first, bench->why), 0);
    umask(mask);
    assert_int_equal(mode_of(bench, "key.pem"), 0600);
    assert_int_equal(mode_of(bench, "cert.pem"), 0600);
    assert_int_equal(mode_of(bench, ""), 0700);
    assert_int_equal(mode_of(bench, "key.pem.new"), 0);
    assert_int_equal(sl_datadir_identity(&bench->datadir, &second, bench->why), 0);
    assert_string_equal(sl_dtls_identity_pin(first), sl_dtls_identity_pin(second));
    assert_memory_equal(sl_dtls_identity_fingerprint(first), sl_dtls_identity_fingerprint(second),
                        32);
    sl_dtls_identity_destroy(first);
    sl_dtls_identity_destroy(second);
}

static void test_a_lost_key_is_not_replaced(void **state)
{
    struct bench *bench = *state;
    struct sl_dtls_identity *identity;
    assert_int_equal(sl_datadir_identity(&bench->datadir, &identity, bench->why), 0);
    sl_dtls_identity_destroy(identity);
    assert_int_equal(unlinkat(bench->datadir.dir, "key.pem", 0), 0);
    assert_int_equal(sl_datadir_identity(&bench->datadir, &identity, bench->why), -ENOENT);
    assert_non_null(strstr(bench->why, "key.pem"));
    assert_int_equal(mode_of(bench, "key.pem"), 0);
}

static void test_making_that_was_cut_short_is_done_again(void **state)
{
    struct bench *bench = *state;
    struct sl_dtls_identity *identity;
    assert_int_equal(sl_datadir_identity(&bench->datadir, &identity, bench->why), 0);
    sl_dtls_identity_destroy(identity);
    assert_int_equal(unlinkat(bench->datadir.dir, "cert.pem", 0), 0); /* the key came first */
    assert_int_equal(sl_datadir_identity(&bench->datadir, &identity, bench->why), 0);
    sl_dtls_identity_destroy(identity);
}

static void test_nonsense_in_the_files_is_refused(void **state)
{
    struct bench *bench = *state;
    struct sl_dtls_identity *identity;
    assert_int_equal(sl_datadir_identity(&bench->datadir, &identity, bench->why), 0);
    sl_dtls_identity_destroy(identity);
    const int fd = openat(bench->datadir.dir, "cert.pem", O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "nonsense", 8), 8);
    close(fd);
    assert_int_equal(sl_datadir_identity(&bench->datadir, &identity, bench->why), -EBADMSG);
}

static void test_one_receiver_at_a_time(void **state)
{
    struct bench *bench = *state;
    struct sl_datadir other;
    assert_int_equal(sl_datadir_lock(&bench->datadir, bench->why), 0);
    assert_int_equal(sl_datadir_open(&other, bench->path, bench->why), 0);
    assert_int_equal(sl_datadir_lock(&other, bench->why), -EBUSY);
    assert_non_null(strstr(bench->why, "another receiver"));
    sl_datadir_close(&bench->datadir);
    assert_int_equal(sl_datadir_lock(&other, bench->why), 0);
    sl_datadir_close(&other);
}

static void test_what_cannot_be_a_directory(void **state)
{
    struct bench *bench = *state;
    struct sl_datadir other = {.dir = -1};
    char path[128];
    snprintf(path, sizeof(path), "%s/receiver.lock", bench->path);
    assert_int_equal(sl_datadir_lock(&bench->datadir, bench->why), 0);
    assert_int_equal(sl_datadir_open(&other, path, bench->why), -ENOTDIR);
    assert_non_null(strstr(bench->why, path));
    snprintf(path, sizeof(path), "%s/no/such/parent", bench->path);
    assert_int_equal(sl_datadir_open(&other, path, bench->why), -ENOENT);
    sl_datadir_close(&other);
    sl_datadir_close(NULL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_identity_is_made_once_and_kept),
        CASE(test_a_lost_key_is_not_replaced),
        CASE(test_making_that_was_cut_short_is_done_again),
        CASE(test_nonsense_in_the_files_is_refused),
        CASE(test_one_receiver_at_a_time),
        CASE(test_what_cannot_be_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
