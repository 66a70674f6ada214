/* SPDX-License-Identifier: MIT */
#include "receiver/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "receiver/datadir.h"
#include "receiver/reach.h"
#include "receiver/store.h"
#include "receiver/token.h"
#include "whip/link.h"

struct admin {
    const struct sl_receiver_options *options;
    FILE *out, *err;
    struct sl_datadir datadir;
    struct sl_dtls_identity *identity;
    struct sl_store *store;
    struct sl_random random;
};

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --host, else what the last run listened on, else what the next one would by default. */
static void find_host(const struct admin *admin, struct sl_link *link)
{
    struct sl_addr bound = admin->options->listen;
    char text[SL_ADDR_TEXT];
    if (admin->options->host &&
        sl_host_port_parse(admin->options->host, link->host, &link->port) == 0)
        return;
    if (sl_store_meta_get(admin->store, "listen", text, sizeof(text)) == 0)
        (void)!sl_addr_parse(&bound, text);
    const struct sl_addr reached = sl_reach_addr(&bound);
    snprintf(link->host, sizeof(link->host), "%s", sl_addr_host(&reached, text));
    link->port = sl_addr_port(&reached);
}

static int print_link(const struct admin *admin, const char *token, const char *camera)
{
    struct sl_link link = {.port = 0};
    char text[SL_LINK_TEXT];
    snprintf(link.token, sizeof(link.token), "%s", token);
    snprintf(link.camera, sizeof(link.camera), "%s", camera);
    snprintf(link.pin, sizeof(link.pin), "%s", sl_dtls_identity_pin(admin->identity));
    find_host(admin, &link);
    const int len = sl_link_text(&link, text, sizeof(text));
    if (len < 0)
        return len;
    fprintf(admin->out, "%s\n", text);
    return 0;
}

/* What the store answered, as one line and an exit status. */
static int report(const struct admin *admin, int err, const char *what)
{
    const char *name = admin->options->name ? admin->options->name : "";
    if (err == 0)
        return 0;
    if (err == -EEXIST)
        fprintf(admin->err, "sightline-receiver: there is already a %s %s\n", what, name);
    else if (err == -ENOENT)
        fprintf(admin->err, "sightline-receiver: there is no %s %s\n", what, name);
    else if (err == -ENOSPC)
        fprintf(admin->err, "sightline-receiver: no room for another %s (at most %d)\n", what,
                strcmp(what, "camera") == 0 ? SL_STORE_CAMERAS_MAX : SL_STORE_VIEWERS_MAX);
    else
        fprintf(admin->err, "sightline-receiver: %s\n", sl_store_why(admin->store));
    return 1;
}

static int list_cameras(const struct admin *admin)
{
    struct sl_snapshot *snapshot;
    const int err = sl_store_snapshot(admin->store, &snapshot);
    if (err != 0)
        return report(admin, err, "camera");
    for (int i = 0; i < snapshot->camera_count; i++)
        fprintf(admin->out, "%s\t%s\n", snapshot->cameras[i].name, snapshot->cameras[i].location);
    free(snapshot);
    return 0;
}

static int compare_subjects(const void *a, const void *b)
{
    return strcmp(((const struct sl_token *)a)->subject, ((const struct sl_token *)b)->subject);
}

static int list_viewers(const struct admin *admin)
{
    struct sl_snapshot *snapshot;
    const int err = sl_store_snapshot(admin->store, &snapshot);
    if (err != 0)
        return report(admin, err, "viewer");
    qsort(snapshot->tokens, (size_t)snapshot->token_count, sizeof(struct sl_token),
          compare_subjects);
    for (int i = 0; i < snapshot->token_count; i++)
        if (snapshot->tokens[i].role == SL_ROLE_VIEWER)
            fprintf(admin->out, "%s\n", snapshot->tokens[i].subject);
    free(snapshot);
    return 0;
}

/* What was not given stays as it is. */
static int set_camera(const struct admin *admin)
{
    const struct sl_receiver_options *options = admin->options;
    struct sl_record_rule rule;
    int err = sl_store_camera_record_get(admin->store, options->name, &rule);
    if (err != 0)
        return report(admin, err, "camera");
    if (options->record_given)
        rule.mode = options->record.mode;
    if (options->pre_given)
        rule.pre = options->record.pre;
    if (options->post_given)
        rule.post = options->record.post;
    err = sl_store_camera_record(admin->store, options->name, &rule);
    if (err == 0)
        err = sl_store_camera_keep(admin->store, options->name,
                                   options->keep.us_given ? &options->keep.us : NULL,
                                   options->keep.bytes_given ? &options->keep.bytes : NULL);
    return report(admin, err, "camera");
}

static int run_command(struct admin *admin)
{
    const struct sl_receiver_options *options = admin->options;
    const char *name = options->name;
    char token[SL_TOKEN_TEXT];
    uint8_t hash[SL_TOKEN_HASH_BYTES];
    int status = 1;
    sl_token_make(&admin->random, token);
    sl_token_hash(token, strlen(token), hash);
    switch (options->command) {
    case SL_COMMAND_CAMERA_ADD:
        status =
            report(admin,
                   sl_store_camera_add(admin->store, name,
                                       options->location ? options->location : "", hash, now_us()),
                   "camera");
        return status ? status : -print_link(admin, token, name);
    case SL_COMMAND_CAMERA_LINK:
        status = report(admin, sl_store_camera_link(admin->store, name, hash, now_us()), "camera");
        return status ? status : -print_link(admin, token, name);
    case SL_COMMAND_VIEWER_ADD:
        status = report(admin, sl_store_viewer_add(admin->store, name, hash, now_us()), "viewer");
        return status ? status : -print_link(admin, token, "");
    case SL_COMMAND_CAMERA_REMOVE:
        return report(admin, sl_store_camera_remove(admin->store, name), "camera");
    case SL_COMMAND_CAMERA_SET:
        return set_camera(admin);
    case SL_COMMAND_VIEWER_REMOVE:
        return report(admin, sl_store_viewer_remove(admin->store, name), "viewer");
    case SL_COMMAND_CAMERA_LIST:
        return list_cameras(admin);
    case SL_COMMAND_VIEWER_LIST:
        return list_viewers(admin);
    case SL_COMMAND_EXPORT:          /* export_command.h */
    case SL_COMMAND_RECORDINGS_LIST: /* recordings_command.h */
    case SL_COMMAND_RECORDINGS_USAGE:
    case SL_COMMAND_RECORDINGS_LOCK:
    case SL_COMMAND_RECORDINGS_UNLOCK:
    case SL_COMMAND_RECORDINGS_MARK:
    case SL_COMMAND_RECORDINGS_MARKS:
    case SL_COMMAND_RECORDINGS_UNMARK:
    case SL_COMMAND_RETENTION:
    case SL_COMMAND_CHECK: /* rebuild.h */
    case SL_COMMAND_REBUILD:
    case SL_COMMAND_RUN:
        break;
    }
    return status;
}

int sl_admin_run(const struct sl_receiver_options *options, FILE *out, FILE *err)
{
    struct admin admin = {.options = options, .out = out, .err = err};
    char why[SL_STORE_WHY];
    int status = 1;
    sl_random_init_system(&admin.random);
    if (sl_datadir_open(&admin.datadir, options->data, why) != 0 ||
        sl_datadir_identity(&admin.datadir, &admin.identity, why) != 0 ||
        sl_store_open(&admin.store, admin.datadir.path, true, why) != 0)
        fprintf(err, "sightline-receiver: %s\n", why);
    else
        status = run_command(&admin) ? 1 : 0;
    if (status == 0 && fflush(out) != 0) {
        fprintf(err, "sightline-receiver: stdout: %s\n", strerror(errno));
        status = 1;
    }
    sl_store_close(admin.store);
    sl_dtls_identity_destroy(admin.identity);
    sl_datadir_close(&admin.datadir);
    return status;
}
