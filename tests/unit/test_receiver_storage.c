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

#include "receiver/storage.h"

/* DIR/data/catalogue.db, DIR/disk: the store */
struct place {
    char dir[64], data[80], disk[80], marker[120];
    struct sl_catalogue *catalogue;
};

static int set_up(void **state)
{
    static struct place place;
    char why[SL_STORE_WHY];
    snprintf(place.dir, sizeof(place.dir), "/tmp/sightline-storage-XXXXXX");
    assert_non_null(mkdtemp(place.dir));
    snprintf(place.data, sizeof(place.data), "%s/data", place.dir);
    snprintf(place.disk, sizeof(place.disk), "%s/disk", place.dir);
    snprintf(place.marker, sizeof(place.marker), "%s/.sightline-store", place.disk);
    assert_int_equal(mkdir(place.data, 0700), 0);
    assert_int_equal(sl_catalogue_open(&place.catalogue, place.data, true, why), 0);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];
    sl_catalogue_close(place->catalogue);
    snprintf(command, sizeof(command), "rm -rf %s", place->dir);
    return system(command);
}

static void open_it(const struct place *place, struct sl_storage *storage)
{
    char why[SL_STORE_WHY] = "";
    if (sl_storage_open(storage, place->disk, place->catalogue, why) != 0)
        fail_msg("%s", why);
}

static void refused(const struct place *place, int err, const char *sentence)
{
    struct sl_storage storage;
    char why[SL_STORE_WHY] = "";
    assert_int_equal(sl_storage_open(&storage, place->disk, place->catalogue, why), err);
    if (!strstr(why, sentence) || !strstr(why, place->disk))
        fail_msg("%s", why);
}

static void write_marker(const struct place *place, const char *text)
{
    FILE *file = fopen(place->marker, "w");
    fputs(text, file);
    fclose(file);
}

static void test_the_first_start_makes_a_store_and_others_find_it(void **state)
{
    struct place *place = *state;
    struct sl_storage first, second;
    open_it(place, &first);
    assert_int_equal(access(place->marker, R_OK), 0);
    open_it(place, &second);
    assert_string_equal(first.uuid, second.uuid);
    int64_t free_bytes = 0, total = 0;
    assert_int_equal(sl_storage_free(&first, &free_bytes, &total), 0);
    assert_true(total > 0 && free_bytes >= 0 && free_bytes <= total);
    sl_storage_close(&first);
    sl_storage_close(&second);
    assert_int_equal(sl_storage_free(&first, &free_bytes, &total), -ENOENT);
}

static void test_a_disk_that_is_not_there_gets_nothing_written(void **state)
{
    struct place *place = *state;
    struct sl_storage storage;
    open_it(place, &storage);
    sl_storage_close(&storage);
    assert_int_equal(unlink(place->marker), 0); /* an empty mount point */
    refused(place, -ENOENT, "no marker file .sightline-store there, is the disk mounted?");
    assert_int_equal(access(place->marker, F_OK), -1);
    assert_int_equal(rmdir(place->disk), 0);
    refused(place, -ENOENT, "No such file");
    assert_int_equal(access(place->disk, F_OK), -1);
}

static void test_another_store_and_damage_are_refused(void **state)
{
    struct place *place = *state;
    struct sl_storage storage;
    open_it(place, &storage);
    sl_storage_close(&storage);
    write_marker(place, "{\"uuid\": \"01234567-89ab-4def-8123-456789abcdef\"}\n");
    refused(place, -ESTALE, "another store, 01234567-89ab-4def-8123-456789abcdef, wanted ");
    static const char *const bad[] = {"", "{", "{\"uuid\": 5}", "{\"uuid\": \"../../etc\"}",
                                      "{\"uuid\": \"01234567-89AB-4def-8123-456789abcdef\"}"};
    for (size_t i = 0; i < SL_COUNT(bad); i++) {
        write_marker(place, bad[i]);
        refused(place, -EBADMSG, "damaged");
    }
}

static void test_a_new_catalogue_takes_the_store_it_finds(void **state)
{
    struct place *place = *state;
    struct sl_storage storage;
    char known[SL_SEGMENT_UUID_BYTES];
    assert_int_equal(mkdir(place->disk, 0700), 0);
    write_marker(place, "{\"uuid\": \"01234567-89ab-4def-8123-456789abcdef\"}\n");
    open_it(place, &storage);
    assert_string_equal(storage.uuid, "01234567-89ab-4def-8123-456789abcdef");
    assert_int_equal(sl_catalogue_meta_get(place->catalogue, "store", known, sizeof(known)), 0);
    assert_string_equal(known, storage.uuid);
    sl_storage_close(&storage);
}

static void test_a_store_that_goes_and_comes_back(void **state)
{
    struct place *place = *state;
    struct sl_storage storage;
    char why[SL_STORE_WHY] = "", away[120];
    snprintf(away, sizeof(away), "%s-away", place->disk);
    open_it(place, &storage);
    assert_int_equal(sl_storage_look(&storage, why), SL_STORAGE_FINE);
    assert_int_equal(rename(place->disk, away), 0);
    assert_int_equal(sl_storage_look(&storage, why), SL_STORAGE_GONE);
    assert_int_equal(storage.dir, -1);
    assert_int_equal(mkdir(place->disk, 0700), 0);
    assert_int_equal(sl_storage_look(&storage, why), SL_STORAGE_GONE);
    assert_non_null(strstr(why, "is the disk mounted?"));
    assert_int_equal(rmdir(place->disk), 0);
    assert_int_equal(rename(away, place->disk), 0);
    assert_int_equal(sl_storage_look(&storage, why), SL_STORAGE_FINE);
    assert_true(storage.dir >= 0);
    assert_int_equal(faccessat(storage.dir, ".sightline-store", R_OK, 0), 0);
    sl_storage_close(&storage);
}

/* The same store mounted elsewhere and here again: the descriptor is of what is there now. */
static void test_a_copy_in_its_place_is_opened_anew(void **state)
{
    struct place *place = *state;
    struct sl_storage storage;
    char why[SL_STORE_WHY] = "", away[120], text[64];
    snprintf(away, sizeof(away), "%s-away", place->disk);
    open_it(place, &storage);
    assert_int_equal(rename(place->disk, away), 0);
    assert_int_equal(mkdir(place->disk, 0700), 0);
    snprintf(text, sizeof(text), "{\"uuid\": \"%s\"}", storage.uuid);
    write_marker(place, text);
    assert_int_equal(sl_storage_look(&storage, why), SL_STORAGE_FINE);
    struct stat here, there;
    assert_int_equal(fstat(storage.dir, &here), 0);
    assert_int_equal(stat(place->disk, &there), 0);
    assert_int_equal(here.st_ino, there.st_ino);
    sl_storage_close(&storage);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_the_first_start_makes_a_store_and_others_find_it),
        WITH(test_a_disk_that_is_not_there_gets_nothing_written),
        WITH(test_another_store_and_damage_are_refused),
        WITH(test_a_new_catalogue_takes_the_store_it_finds),
        WITH(test_a_store_that_goes_and_comes_back),
        WITH(test_a_copy_in_its_place_is_opened_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
