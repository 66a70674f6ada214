/* SPDX-License-Identifier: MIT */
/*
 * figures_catalogue DIR [ROWS]: how long pages of a large catalogue take, by kind of page. Judges
 * nothing. The catalogue is made in DIR the first time: 64 cameras at 16 places, segments of 15
 * minutes (a hundredth shorter), motion in every fifth, a rare event in every ten thousandth.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "receiver/catalogue_db.h"

#define CAMERAS 64
#define PLACES 16
#define PAGE 200
#define ROUNDS 200
#define BATCH 20000
#define MINUTES_15 (900LL * 1000000)
#define START 1700000000000000LL

static struct sl_random rng;
static int64_t rows = 1000000;

static void must(struct sl_catalogue *catalogue, int err)
{
    if (err >= 0)
        return;
    fprintf(stderr, "%s\n", sl_catalogue_why(catalogue));
    exit(1);
}

static struct sl_segment_row row_of(int64_t i)
{
    struct sl_segment_row row = {.info = {.bytes = 225000000, .frames = 27000, .width = 1920}};
    struct sl_segment_meta *meta = &row.info.meta;
    sl_segment_uuid(meta->uuid, &rng);
    snprintf(meta->camera, sizeof(meta->camera), "camera-%02d", (int)(i % CAMERAS));
    snprintf(meta->location, sizeof(meta->location), "Building %02d", (int)(i % CAMERAS % PLACES));
    meta->start_us = START + i / CAMERAS * MINUTES_15 + i % CAMERAS * 1000;
    const bool cut = sl_random_range(&rng, 0, 99) == 0;
    row.info.duration_us = cut ? sl_random_range(&rng, 1000, 899000) * 1000LL : MINUTES_15;
    snprintf(row.path, sizeof(row.path), "%s/2026-11-20/%lld.mp4", meta->camera, (long long)i);
    return row;
}

static void put_event(struct sl_catalogue *catalogue, const struct sl_segment_row *row,
                      const char *type)
{
    struct sl_catalogue_event event = {.start_us = row->info.meta.start_us + 5, .score = 1};
    event.end_us = event.start_us + 1000000;
    snprintf(event.camera, sizeof(event.camera), "%s", row->info.meta.camera);
    snprintf(event.type, sizeof(event.type), "%s", type);
    must(catalogue, sl_catalogue_event_put(catalogue, &event));
}

static void fill(struct sl_catalogue *catalogue)
{
    must(catalogue,
         sl_db_execute(catalogue, "PRAGMA synchronous = OFF; PRAGMA cache_size = -400000"));
    for (int64_t i = 0; i < rows; i++) {
        if (i % BATCH == 0)
            must(catalogue, sl_catalogue_begin(catalogue));
        const struct sl_segment_row row = row_of(i);
        must(catalogue, sl_catalogue_put(catalogue, &row));
        if (i % 5 == 0)
            put_event(catalogue, &row, "motion");
        if (i % 9973 == 0)
            put_event(catalogue, &row, "rare");
        if (i % BATCH == BATCH - 1 || i == rows - 1)
            must(catalogue, sl_catalogue_commit(catalogue));
    }
}

static int compare(const void *a, const void *b)
{
    const sl_ns one = *(const sl_ns *)a, two = *(const sl_ns *)b;
    return (one > two) - (one < two);
}

/* From anywhere in time, both ways. */
static void measure(struct sl_catalogue *catalogue, const char *name,
                    const struct sl_segment_filter *kind, int64_t range_us)
{
    static struct sl_segment_row page[PAGE];
    sl_ns took[ROUNDS];
    int64_t got = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct sl_segment_filter filter = *kind;
        struct sl_catalogue_cursor cursor = {0};
        const int64_t at =
            START + (int64_t)(sl_random_unit(&rng) * (double)(rows / CAMERAS)) * MINUTES_15;
        filter.newest_first = i & 1;
        if (range_us) {
            filter.from_us = at;
            filter.to_us = at + range_us;
        } else if (i >= 2) {
            cursor = (struct sl_catalogue_cursor){.start_us = at, .id = 1};
        }
        const sl_ns before = sl_time_now();
        const int count = sl_catalogue_page(catalogue, &filter, &cursor, page, PAGE);
        took[i] = sl_time_now() - before;
        must(catalogue, count);
        got += count;
    }
    qsort(took, ROUNDS, sizeof(took[0]), compare);
    printf("%-34s p50 %7.2f ms  p99 %7.2f ms  max %7.2f ms  (%.0f rows)\n", name,
           (double)took[ROUNDS / 2] / 1e6, (double)took[ROUNDS * 99 / 100] / 1e6,
           (double)took[ROUNDS - 1] / 1e6, (double)got / ROUNDS);
}

static void measure_all(struct sl_catalogue *catalogue)
{
    static const struct {
        const char *name;
        struct sl_segment_filter filter;
        int64_t range_us;
    } kinds[] = {
        {"all", {0}, 0},
        {"a day", {0}, 96 * MINUTES_15},
        {"camera", {.camera = "camera-07"}, 0},
        {"camera, a day", {.camera = "camera-07"}, 96 * MINUTES_15},
        {"location", {.location = "Building 03"}, 0},
        {"location, a day", {.location = "Building 03"}, 96 * MINUTES_15},
        {"camera and location", {.camera = "camera-07", .location = "Building 07"}, 0},
        {"camera, never at that location", {.camera = "camera-07", .location = "Roof"}, 0},
        {"shorter than 10 s (few)", {.shorter_us = 10000000}, 0},
        {"shorter than 15 min (one percent)", {.shorter_us = MINUTES_15 - 1}, 0},
        {"longer than 10 min (nearly all)", {.longer_us = 600 * 1000000LL}, 0},
        {"longer than 15 min (none)", {.longer_us = MINUTES_15 + 1}, 0},
        {"camera, shorter than 15 min", {.camera = "camera-07", .shorter_us = MINUTES_15 - 1}, 0},
        {"location, longer than 10 min",
         {.location = "Building 03", .longer_us = 600 * 1000000LL},
         0},
        {"event, of every fifth", {.event = "motion"}, 0},
        {"event, a hundred in all", {.event = "rare"}, 0},
        {"event, none", {.event = "never"}, 0},
        {"event and camera", {.event = "motion", .camera = "camera-05"}, 0},
        {"event and location", {.event = "motion", .location = "Building 03"}, 0},
        {"event, camera, a day", {.event = "motion", .camera = "camera-05"}, 96 * MINUTES_15},
    };
    for (size_t i = 0; i < SL_COUNT(kinds); i++)
        measure(catalogue, kinds[i].name, &kinds[i].filter, kinds[i].range_us);
}

int main(int argc, char **argv)
{
    char why[SL_STORE_WHY];
    struct sl_catalogue *catalogue;
    struct sl_segment_row row;
    const struct sl_segment_filter all = {0};
    struct sl_catalogue_cursor cursor = {0};
    if (argc < 2 || sl_catalogue_open(&catalogue, argv[1], true, why) != 0) {
        fprintf(stderr, "%s\n", argc < 2 ? "usage: figures_catalogue DIR [ROWS]" : why);
        return 1;
    }
    if (argc > 2)
        rows = atoll(argv[2]);
    sl_random_init_seed(&rng, 1);
    if (sl_catalogue_page(catalogue, &all, &cursor, &row, 1) == 0) {
        const sl_ns before = sl_time_now();
        fill(catalogue);
        printf("made in %.1f s\n", (double)(sl_time_now() - before) / 1e9);
        sl_catalogue_close(catalogue);
        if (sl_catalogue_open(&catalogue, argv[1], true, why) != 0)
            return 1;
    }
    measure_all(catalogue);
    sl_catalogue_close(catalogue);
    return 0;
}
