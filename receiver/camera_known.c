/* SPDX-License-Identifier: MIT */
#include "receiver/camera_known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FEW 8
#define CAMERAS_MAX (8 * SL_STORE_CAMERAS_MAX) /* with those that were removed */

struct names {
    char (*items)[SL_NAME_BYTES];
    int count;
};

static bool has(const struct names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static void add(struct names *names, const char *name)
{
    if (names->count < CAMERAS_MAX && !has(names, name))
        snprintf(names->items[names->count++], SL_NAME_BYTES, "%s", name);
}

/* Without accounts the catalogue alone has to do. */
static int add_enrolled(struct names *names, const char *data)
{
    struct sl_store *store;
    struct sl_snapshot *snapshot;
    char why[SL_STORE_WHY];
    if (sl_store_open(&store, data, false, why) != 0)
        return 0;
    const int err = sl_store_snapshot(store, &snapshot);
    for (int i = 0; err == 0 && i < snapshot->camera_count; i++)
        add(names, snapshot->cameras[i].name);
    if (err == 0)
        free(snapshot);
    sl_store_close(store);
    return err == -ENOMEM ? err : 0;
}

static int add_recorded(struct names *names, struct sl_catalogue *catalogue)
{
    struct sl_catalogue_camera *rows = calloc(CAMERAS_MAX, sizeof(*rows));
    const int count = rows ? sl_catalogue_cameras(catalogue, rows, CAMERAS_MAX) : -ENOMEM;
    for (int i = 0; i < count; i++)
        add(names, rows[i].name);
    free(rows);
    return count < 0 ? count : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void say_none(const struct names *names, const char *name, FILE *err)
{
    fprintf(err, "sightline-receiver: --camera: there is no camera '%s', ", name);
    if (names->count == 0) {
        fprintf(err, "nor any other\n");
        return;
    }
    if (names->count > FEW) {
        fprintf(err, "wanted one of the %d that recordings usage and camera list name\n",
                names->count);
        return;
    }
    qsort(names->items, (size_t)names->count, sizeof(*names->items), by_name);
    fprintf(err, "wanted ");
    for (int i = 0; i < names->count; i++)
        fprintf(err, "%s%s", i == 0 ? "" : i == names->count - 1 ? " or " : ", ", names->items[i]);
    fputc('\n', err);
}

int sl_camera_known(struct sl_catalogue *catalogue, const char *data, const char *name, FILE *err)
{
    struct names names = {.items = calloc(CAMERAS_MAX, sizeof(*names.items))};
    int failed = names.items ? add_recorded(&names, catalogue) : -ENOMEM, status = 0;
    if (failed == 0 && !has(&names, name))
        failed = add_enrolled(&names, data);
    if (failed != 0) {
        fprintf(err, "sightline-receiver: %s\n",
                failed == -ENOMEM ? "out of memory" : sl_catalogue_why(catalogue));
        status = 1;
    } else if (!has(&names, name)) {
        say_none(&names, name, err);
        status = 2;
    }
    free(names.items);
    return status;
}
