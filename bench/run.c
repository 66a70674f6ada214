/* SPDX-License-Identifier: MIT */
#include "bench/run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "bench/conditions.h"
#include "bench/document.h"
#include "bench/report.h"
#include "bench/result.h"
#include "bench/round.h"
#include "bench/store.h"

struct run {
    const struct sl_run_config *config;
    cJSON *document; /* owns the next two */
    cJSON *conditions;
    cJSON *benches;
    char json[PATH_MAX]; /* where results are kept; empty: nowhere */
    bool failed;
};

static double seconds_since(sl_ns start)
{
    return (double)((sl_time_now() - start) / (SL_SEC / 10)) / 10;
}

/* ---- Where to ---- */

static int check_file(const char *flag, const char *path)
{
    const int err = path ? sl_store_check(path) : 0;
    if (err != 0)
        fprintf(stderr, "sightline-bench: --%s: got '%s', wanted a file that can be written: %s\n",
                flag, path, strerror(-err));
    return err;
}

/* A name among the state files; without one, there is a warning and nothing is kept. */
static void choose_name(struct run *run)
{
    char folder[PATH_MAX];
    int err = sl_store_folder(folder);
    if (err == 0)
        err = sl_store_name(folder, run->config->name, time(NULL), run->json);
    if (err == 0)
        err = sl_store_check(run->json);
    if (err == 0)
        return;
    fprintf(stderr, "sightline-bench: the results will not be kept (--json does): %s\n",
            strerror(-err));
    run->json[0] = '\0';
}

/* On a full disk the state folder may still have room, or be another disk. */
static void rescue(struct run *run, const char *text)
{
    choose_name(run);
    if (run->json[0] && sl_store_write(run->json, text, strlen(text)) == 0)
        fprintf(stderr, "sightline-bench: the results are in %s instead\n", run->json);
}

static void keep(struct run *run)
{
    char *text = run->json[0] ? cJSON_PrintUnformatted(run->document) : NULL;
    const int err = text ? sl_store_write(run->json, text, strlen(text)) : -ENOMEM;
    if (run->json[0] && err != 0) {
        const bool asked = run->config->options->json != NULL;
        fprintf(stderr, "sightline-bench: %s: not written: %s\n", run->json, strerror(-err));
        run->failed |= asked;
        if (asked && text && strcmp(run->json, run->config->options->json) == 0)
            rescue(run, text);
    }
    cJSON_free(text);
}

static void write_report(struct run *run)
{
    const char *path = run->config->options->report;
    char *page;
    int err = sl_report_create(&page, run->document);
    if (err == 0) {
        err = sl_store_write(path, page, strlen(page));
        free(page);
    }
    if (err == 0) {
        printf("Report: %s\n", path);
        return;
    }
    fprintf(stderr, "sightline-bench: %s: not written: %s\n", path, strerror(-err));
    if (run->json[0])
        fprintf(stderr,
                "sightline-bench: it can still be made: sightline-bench report %s PAGE.html\n",
                run->json);
    run->failed = true;
}

/* ---- Measuring ---- */

/* A bench that found nothing has its place in the document, too: with the reason. */
static cJSON *nothing(const char *name, const char *why)
{
    cJSON *result = sl_result_create(name, name);
    sl_result_note(result, "Nothing was measured: %s.", why);
    return result;
}

static int run_one(struct run *run, struct sl_bench *bench, const struct sl_bench_command *command)
{
    char why[512] = "";
    cJSON *result = NULL;
    const sl_ns start = sl_time_now();
    const int err = command->run(&result, bench, why, sizeof(why));
    if (err != 0 && !why[0])
        snprintf(why, sizeof(why), "%s", err == -EINTR ? "interrupted" : strerror(-err));
    if (err != 0 && err != -EINTR) {
        fprintf(stderr, "sightline-bench: %s: %s\n", command->name, why);
        run->failed = true;
    }
    if (!result)
        result = nothing(command->name, why);
    else if (err == -EINTR)
        sl_result_note(result, "Interrupted: this is what was measured until then.");
    else if (err != 0)
        sl_result_note(result, "Ended early: %s.", why);
    sl_result_condition_number(result, "took_seconds", seconds_since(start));
    if (!result || !cJSON_AddItemToArray(run->benches, result)) {
        fputs("sightline-bench: out of memory\n", stderr);
        cJSON_Delete(result);
        return -ENOMEM;
    }
    sl_result_print(result);
    return err == -EINTR ? err : 0;
}

static void measure(struct run *run)
{
    const struct sl_run_config *config = run->config;
    struct sl_bench bench = {
        .options = config->options,
        .stop = config->stop,
        .brief = config->count > 1,
    };
    for (int i = 0; i < config->count; i++) {
        if (config->count > 1)
            sl_bench_progress("%s (%d of %d)", config->commands[i]->name, i + 1, config->count);
        if (run_one(run, &bench, config->commands[i]) != 0)
            break;
        if (i + 1 < config->count)
            keep(run); /* what is had is had */
    }
    sl_stage_close(bench.stage);
}

/* ---- Whole ---- */

static void print_end(const struct run *run, double took)
{
    char warning[256];
    const cJSON *result;
    if (cJSON_GetArraySize(run->benches) > 1) {
        puts("\nTime taken, seconds");
        cJSON_ArrayForEach(result, run->benches)
        {
            const cJSON *name = cJSON_GetObjectItemCaseSensitive(result, "name");
            const cJSON *of = cJSON_GetObjectItemCaseSensitive(result, "conditions");
            of = cJSON_GetObjectItemCaseSensitive(of, "took_seconds");
            printf("%-10s %6.1f\n", cJSON_IsString(name) ? name->valuestring : "?",
                   cJSON_IsNumber(of) ? of->valuedouble : 0);
        }
        printf("%-10s %6.1f\n", "all", took);
    }
    sl_conditions_print(run->conditions, stdout);
    if (sl_conditions_warning(run->conditions, warning, sizeof(warning)))
        printf("\nNote: %s.\n", warning);
    fflush(stdout);
}

static void finish(struct run *run, double took)
{
    sl_conditions_finish(run->conditions, took);
    print_end(run, took);
    keep(run);
    putchar('\n');
    if (run->json[0])
        printf("Results: %s\n", run->json);
    if (run->config->options->report)
        write_report(run);
    char folder[PATH_MAX];
    if (!run->config->options->json && sl_store_folder(folder) == 0)
        sl_store_trim(folder);
}

static int prepare(struct run *run)
{
    const struct sl_run_config *config = run->config;
    run->document = cJSON_CreateObject();
    cJSON_AddNumberToObject(run->document, "sightline_bench", SL_DOCUMENT_VERSION);
    cJSON_AddStringToObject(run->document, "command", config->name);
    run->conditions = sl_conditions_create(config->options, config->words, config->word);
    if (!run->conditions || !cJSON_AddItemToObject(run->document, "conditions", run->conditions)) {
        cJSON_Delete(run->conditions);
        return -ENOMEM;
    }
    run->benches = cJSON_AddArrayToObject(run->document, "benches");
    return run->benches ? 0 : -ENOMEM;
}

int sl_run(const struct sl_run_config *config)
{
    const struct sl_bench_options *o = config->options;
    struct run run = {.config = config};
    if (check_file("json", o->json) != 0 || check_file("report", o->report) != 0)
        return 2;
    if (o->json)
        snprintf(run.json, sizeof(run.json), "%s", o->json);
    else
        choose_name(&run);
    const sl_ns start = sl_time_now();
    if (prepare(&run) == 0) {
        measure(&run);
        finish(&run, seconds_since(start));
    } else {
        fputs("sightline-bench: out of memory\n", stderr);
        run.failed = true;
    }
    cJSON_Delete(run.document);
    return run.failed ? 1 : 0;
}
