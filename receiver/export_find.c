/* SPDX-License-Identifier: MIT */
#include "receiver/export_find.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE 256

int sl_export_find(struct sl_catalogue *catalogue, const char *camera, int64_t from_us,
                   int64_t to_us, struct sl_segment_row **rows, int *count)
{
    const struct sl_segment_filter filter = {
        .camera = camera, .from_us = sl_catalogue_footage_from(from_us), .to_us = to_us};
    struct sl_catalogue_cursor cursor = {0};
    struct sl_segment_row *all = NULL;
    int have = 0, n = PAGE, err = 0;
    while (err == 0 && n == PAGE) {
        struct sl_segment_row *more = realloc(all, (size_t)(have + PAGE) * sizeof(*all));
        if (!more) {
            err = -ENOMEM;
            break;
        }
        all = more;
        n = sl_catalogue_page(catalogue, &filter, &cursor, all + have, PAGE);
        err = n < 0 ? n : 0;
        for (int i = have, end = have + n; i < end; i++)
            if (!sl_segment_row_ended(&all[i], from_us))
                all[have++] = all[i];
        if (have > SL_EXPORT_ROWS_MAX)
            err = -E2BIG;
    }
    if (err != 0) {
        free(all);
        return err;
    }
    *rows = all;
    *count = have;
    return 0;
}

static int one(struct sl_catalogue *catalogue, const struct sl_segment_filter *filter,
               struct sl_segment_row *row)
{
    struct sl_catalogue_cursor cursor = {0};
    return sl_catalogue_page(catalogue, filter, &cursor, row, 1);
}

int sl_export_find_nearest(struct sl_catalogue *catalogue, const char *camera, int64_t from_us,
                           int64_t to_us, struct sl_export_nearest *ret)
{
    const struct sl_segment_filter before = {
        .camera = camera, .to_us = from_us, .newest_first = true};
    const struct sl_segment_filter after = {.camera = camera, .from_us = to_us};
    struct sl_export_nearest nearest = {0};
    struct sl_segment_row row;
    int n = one(catalogue, &before, &row);
    if (n < 0)
        return n;
    if (n > 0)
        nearest.before_us = row.info.meta.start_us + row.info.duration_us;
    n = one(catalogue, &after, &row);
    if (n < 0)
        return n;
    if (n > 0)
        nearest.after_us = row.info.meta.start_us;
    if (nearest.before_us > from_us) /* it is within a gap of that one, which is found twice */
        nearest.before_us = INT64_MAX;
    if (nearest.after_us < to_us)
        nearest.after_us = 0;
    *ret = nearest;
    return 0;
}
