/* SPDX-License-Identifier: MIT */
/* What becomes of results: kept, also when a bench fails or a file cannot be written. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/conditions.h"
#include "bench/document.h"
#include "bench/result.h"
#include "bench/run.h"
#include "bench/store.h"
#include "bench/view.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/sl_run_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    setenv("XDG_STATE_HOME", folder, 1);
    return 0;
}

static int clear(const char *path)
{
    DIR *dir = opendir(path);
    char inner[PATH_MAX];
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            clear(inner);
        else
            unlink(inner);
    }
    if (dir)
        closedir(dir);
    return rmdir(path);
}

static int tear_down(void **state)
{
    (void)state;
    return clear(folder);
}

static const char *path_of(const char *name)
{
    static char path[2][PATH_MAX];
    static int turn;
    turn = !turn;
    snprintf(path[turn], PATH_MAX, "%s/%s", folder, name);
    return path[turn];
}

static int files_in(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

/* ---- Benches ---- */

static int measures(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    (void)why;
    (void)why_len;
    *ret = sl_result_create("good", "Good");
    sl_result_condition_number(*ret, "brief", bench->brief);
    return *ret ? 0 : -ENOMEM;
}

static int fails(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    (void)ret;
    (void)bench;
    snprintf(why, why_len, "no <camera>");
    return -EIO;
}

static int is_stopped(cJSON **ret, struct sl_bench *bench, char *why, size_t why_len)
{
    (void)measures(ret, bench, why, why_len);
    return -EINTR;
}

static const struct sl_bench_command good = {"good", measures, 1}, bad = {"bad", fails, 1},
                                     stopped = {"stopped", is_stopped, 1};
static char word[] = "sightline-bench";
static char *const words[] = {word};

static int run(const struct sl_bench_command *const *commands, int count, const char *json,
               const char *report)
{
    static atomic_bool stop;
    const struct sl_bench_options options = {.seconds = SL_SEC, .json = json, .report = report};
    const struct sl_run_config config = {
        .commands = commands,
        .count = count,
        .name = count > 1 ? "all" : commands[0]->name,
        .options = &options,
        .stop = &stop,
        .words = 1,
        .word = words,
    };
    return sl_run(&config);
}

static cJSON *load(const char *path)
{
    cJSON *document;
    assert_int_equal(sl_document_load(&document, path), 0);
    return document;
}

static const char *note_of(const cJSON *document, int bench)
{
    const cJSON *result = cJSON_GetArrayItem(sl_view_array(document, "benches"), bench);
    const cJSON *note = cJSON_GetArrayItem(sl_view_array(result, "notes"), 0);
    return note ? note->valuestring : "";
}

static void test_all_are_kept(void **state)
{
    (void)state;
    const struct sl_bench_command *const list[] = {&good, &bad, &good};
    assert_int_equal(run(list, 3, path_of("out.json"), path_of("out.html")), 1); /* one failed */
    cJSON *document = load(path_of("out.json"));
    const cJSON *benches = sl_view_array(document, "benches");
    assert_int_equal(cJSON_GetArraySize(benches), 3);
    assert_string_equal(note_of(document, 1), "Nothing was measured: no <camera>.");
    assert_float_equal(sl_view_number(sl_view_object(benches->child, "conditions"), "brief"), 1, 0);
    const cJSON *conditions = sl_view_object(document, "conditions");
    assert_string_equal(sl_view_text(conditions, "sightline"), SL_VERSION);
    assert_float_equal(sl_view_number(conditions, "seconds"), 1, 0);
    assert_true(sl_view_number(conditions, "cores") >= 1);
    assert_true(sl_view_text(sl_view_object(conditions, "libraries"), "OpenSSL")[0]);
    assert_int_equal(cJSON_GetArraySize(sl_view_array(conditions, "load_after")), 3);
    cJSON_Delete(document);
    char *page;
    assert_int_equal(sl_store_read(path_of("out.html"), 1 << 20, &page), 0);
    assert_non_null(strstr(page, "no &lt;camera&gt;"));
    free(page);
    assert_int_equal(files_in(folder), 2); /* nothing beside them, no state folder */
}

/* What was measured before Ctrl-C is there, what comes after is not begun, and that is no failure.
 */
static void test_stopped(void **state)
{
    (void)state;
    const struct sl_bench_command *const list[] = {&good, &stopped, &bad};
    assert_int_equal(run(list, 3, path_of("out.json"), NULL), 0);
    cJSON *document = load(path_of("out.json"));
    assert_int_equal(cJSON_GetArraySize(sl_view_array(document, "benches")), 2);
    assert_non_null(strstr(note_of(document, 1), "until then"));
    cJSON_Delete(document);
}

static void test_files_are_checked_first(void **state)
{
    (void)state;
    const struct sl_bench_command *const list[] = {&good};
    assert_int_equal(run(list, 1, path_of("none/out.json"), NULL), 2);
    assert_int_equal(run(list, 1, folder, NULL), 2);
    assert_int_equal(run(list, 1, NULL, path_of("none/out.html")), 2);
    assert_int_equal(files_in(folder), 0);
}

/* Without --json, in the state folder: each run has its own file. */
static void test_state_folder(void **state)
{
    (void)state;
    const struct sl_bench_command *const list[] = {&good};
    assert_int_equal(run(list, 1, NULL, NULL), 0);
    assert_int_equal(run(list, 1, NULL, NULL), 0);
    assert_int_equal(files_in(path_of("sightline/bench")), 2);
    /* Nowhere to keep them is no failure. */
    setenv("XDG_STATE_HOME", "/proc/nowhere", 1);
    assert_int_equal(run(list, 1, NULL, NULL), 0);
}

/* A pipe that nobody reads cannot be written, which shows late: the results are in the state folder
 * then, and it is said. */
static void test_not_written(void **state)
{
    (void)state;
    const struct sl_bench_command *const list[] = {&good};
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(run(list, 1, path_of("pipe"), NULL), 1);
    assert_int_equal(files_in(path_of("sightline/bench")), 1);
}

/* ---- Files ---- */

static void write_text(const char *path, const char *text)
{
    assert_int_equal(sl_store_write(path, text, strlen(text)), 0);
}

static void holds(const char *path, const char *wanted)
{
    char *text;
    assert_int_equal(sl_store_read(path, 100, &text), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_write(void **state)
{
    (void)state;
    struct stat status;
    write_text(path_of("a"), "one");
    assert_int_equal(chmod(path_of("a"), 0640), 0);
    write_text(path_of("a"), "two");
    holds(path_of("a"), "two");
    assert_int_equal(stat(path_of("a"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640); /* as it was */
    assert_int_equal(symlink("a", path_of("link")), 0);
    write_text(path_of("link"), "three");
    holds(path_of("a"), "three");
    assert_int_equal(lstat(path_of("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(symlink("none", path_of("broken")), 0);
    assert_int_equal(sl_store_check(path_of("broken")), -ENOENT);
    assert_int_equal(files_in(folder), 3); /* no temporary ones */
}

/* What is no plain file is not replaced by one. In the test's own folder: a mistake here must not
 * cost a developer's /dev/null. */
static void test_write_to_a_pipe(void **state)
{
    (void)state;
    struct stat status;
    char text[8] = "";
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(sl_store_write(path_of("pipe"), "x", 1), -ENXIO); /* nobody reads */
    const int reader = open(path_of("pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(sl_store_write(path_of("pipe"), "one", 3), 0);
    assert_int_equal(read(reader, text, sizeof(text)), 3);
    assert_string_equal(text, "one");
    close(reader);
    assert_int_equal(lstat(path_of("pipe"), &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
}

/* No room: what was there stays, and nothing is left beside it. */
static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit usual, limit;
    write_text(path_of("a"), "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    limit = (struct rlimit){.rlim_cur = 5, .rlim_max = usual.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const int err = sl_store_write(path_of("a"), "longer than that", 16);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    assert_int_equal(err, -EFBIG);
    holds(path_of("a"), "old");
    assert_int_equal(files_in(folder), 1);
}

static void test_read(void **state)
{
    (void)state;
    char *text = NULL;
    write_text(path_of("a"), "12345");
    assert_int_equal(sl_store_read(path_of("a"), 4, &text), -EFBIG);
    assert_int_equal(sl_store_read("/dev/zero", 1 << 20, &text), -EFBIG); /* it ends */
    assert_int_equal(sl_store_read(path_of("b"), 4, &text), -ENOENT);
    assert_int_equal(sl_store_read(folder, 4, &text), -EIO);
    assert_null(text);
    write_text(path_of("a"), "");
    holds(path_of("a"), "");
}

static void test_trim_keeps_the_newest(void **state)
{
    (void)state;
    char path[PATH_MAX];
    for (int i = 0; i < SL_STORE_KEPT + 3; i++) {
        assert_int_equal(sl_store_name(folder, "all", 1700000000 + i, path), 0);
        write_text(path, "x");
    }
    write_text(path_of("1-mine.json"), "x");
    assert_int_equal(sl_store_name(folder, "all", 1700000000, path), 0);
    assert_string_equal(path, path_of("2023-11-14T22-13-20Z-all-2.json")); /* the first is there */
    sl_store_trim(folder);
    assert_int_equal(files_in(folder), SL_STORE_KEPT + 1);
    assert_int_equal(access(path_of("2023-11-14T22-13-22Z-all.json"), F_OK), -1);
    assert_int_equal(access(path_of("2023-11-14T22-13-23Z-all.json"), F_OK), 0);
    holds(path_of("1-mine.json"), "x");
}

/* ---- Conditions ---- */

static void found(const char *text, const char *key, const char *wanted)
{
    char value[16];
    assert_int_equal(sl_conditions_find(text, key, value, sizeof(value)), wanted != NULL);
    if (wanted)
        assert_string_equal(value, wanted);
}

static void test_find(void **state)
{
    (void)state;
    found("vendor_id\t: X\nmodel name\t: Fast 9000\n", "model name", "Fast 9000");
    found("NAME=\"a\"\nPRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME", "Debian 12");
    found("PRETTY_NAME=\"Debian 12\"", "NAME", NULL);
    found("model names: x\nmodel name: 0123456789012345678\n", "model name", "012345678901234");
    found("model name:\n", "model name", NULL);
    found("", "a", NULL);
}

static void test_warning(void **state)
{
    (void)state;
    char text[200];
    cJSON *conditions = cJSON_Parse("{\"busy_before_percent\":10}");
    assert_false(sl_conditions_warning(conditions, text, sizeof(text)));
    cJSON_SetNumberValue(conditions->child, 11);
    assert_true(sl_conditions_warning(conditions, text, sizeof(text)));
    assert_non_null(strstr(text, "11 %"));
    cJSON_Delete(conditions);
    assert_false(sl_conditions_warning(NULL, text, sizeof(text)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_are_kept),
        TEST(test_stopped),
        TEST(test_files_are_checked_first),
        TEST(test_state_folder),
        TEST(test_not_written),
        TEST(test_full_disk),
        TEST(test_write_to_a_pipe),
        TEST(test_write),
        TEST(test_read),
        TEST(test_trim_keeps_the_newest),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
