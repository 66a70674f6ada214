/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/log.h>

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "base/trace.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/service.h"
#include "net/udp.h"
#include "receiver/admin.h"
#include "receiver/catalogue.h"
#include "receiver/catalogue_writer.h"
#include "receiver/datadir.h"
#include "receiver/exchange.h"
#include "receiver/export_command.h"
#include "receiver/hub.h"
#include "receiver/options.h"
#include "receiver/reach.h"
#include "receiver/rebuild.h"
#include "receiver/record.h"
#include "receiver/recordings_command.h"
#include "receiver/recover.h"
#include "receiver/server.h"
#include "receiver/snapshot.h"
#include "receiver/storage.h"
#include "receiver/store.h"
#include "receiver/wall_clock.h"
#include "srtp/srtp.h"

/* Requests that HTTP can have open, snapshots and news of every camera. */
#define EXCHANGE_CAPACITY 4096
#define MAPPED_BYTES (256 << 10) /* blocks from this size on are mappings of their own */
#define TRACE_RECORDS (1 << 19)  /* nine minutes of 16 cameras at 30/s */

struct receiver {
    struct sl_receiver_options options;
    struct sl_trace *trace; /* NULL: not wanted */
    struct sl_datadir datadir;
    char recordings[4200], snapshots_dir[4200]; /* directories */
    struct sl_dtls_identity *identity;
    struct sl_store *store;      /* the one that writes */
    struct sl_store *http_store; /* the HTTP thread's */
    struct sl_loop *loop;
    struct sl_service service;
    struct sl_udp *udp;
    struct sl_exchange exchange;
    struct sl_random hub_random, http_random;
    struct sl_catalogue *catalogue; /* the one that writes */
    struct sl_storage storage;
    struct sl_recover_thread *recover;
    struct sl_catalogue_writer *catalogue_writer;
    struct sl_retention_thread *retention;
    struct sl_record *record; /* NULL: nothing is recorded */
    struct sl_snapshots *snapshots;
    struct sl_hub *hub;
    struct sl_server *server;
    struct sl_addr listen, media; /* as bound */
    sl_ns epoch;
};

static int fail(const char *what)
{
    fprintf(stderr, "sightline-receiver: %s\n", what);
    return 1;
}

static int fail_addr(const char *flag, const struct sl_addr *addr, int err)
{
    char text[SL_ADDR_TEXT], what[160];
    snprintf(what, sizeof(what), "--%s %s: %s", flag, sl_addr_text(addr, text), strerror(-err));
    return fail(what);
}

static int open_trace(struct receiver *r)
{
    char what[300];
    const char *path = r->options.trace;
    const int err = path ? sl_trace_open(&r->trace, path, TRACE_RECORDS) : 0;
    if (err == 0)
        return 0;
    snprintf(what, sizeof(what), "--trace %.200s: %s", path, strerror(-err));
    return fail(what);
}

static int open_data(struct receiver *r)
{
    char why[SL_STORE_WHY];
    if (sl_datadir_open(&r->datadir, r->options.data, why) != 0 ||
        sl_datadir_lock(&r->datadir, why) != 0 ||
        sl_datadir_identity(&r->datadir, &r->identity, why) != 0 ||
        sl_store_open(&r->store, r->datadir.path, true, why) != 0 ||
        sl_store_open(&r->http_store, r->datadir.path, false, why) != 0)
        return fail(why);
    if (r->options.recordings)
        snprintf(r->recordings, sizeof(r->recordings), "%s", r->options.recordings);
    else
        snprintf(r->recordings, sizeof(r->recordings), "%s/recordings", r->datadir.path);
    snprintf(r->snapshots_dir, sizeof(r->snapshots_dir), "%s/snapshots", r->datadir.path);
    return 0;
}

/* A store that was there before and is not now: live goes on, and recording when it is back. */
static int open_storage(struct receiver *r, const char *path)
{
    char why[SL_STORE_WHY];
    if (sl_storage_open(&r->storage, path, r->catalogue, why) == 0)
        return 0;
    r->storage.dir = -1;
    if (sl_catalogue_meta_get(r->catalogue, "store", r->storage.uuid, sizeof(r->storage.uuid)) !=
            0 ||
        snprintf(r->storage.path, sizeof(r->storage.path), "%s", path) >=
            (int)sizeof(r->storage.path))
        return fail(why);
    return 0;
}

/* What was going on when a run ended without a word. */
static int end_past(struct receiver *r)
{
    return sl_catalogue_end_past(r->catalogue, sl_wall_clock_us()) >= 0
               ? 0
               : fail(sl_catalogue_why(r->catalogue));
}

/* Nothing is made where nothing was recorded, and no trouble with it (it may be why nothing is to
 * be recorded) keeps live from going on. */
static void recover_past(struct receiver *r)
{
    char why[SL_STORE_WHY], store[SL_SEGMENT_UUID_BYTES];
    if (sl_catalogue_open(&r->catalogue, r->datadir.path, false, why) == -ENOENT)
        return;
    sl_catalogue_close(r->catalogue);
    r->catalogue = NULL;
    if (sl_catalogue_open(&r->catalogue, r->datadir.path, true, why) != 0) {
        sl_warn("what was recorded before is not looked after: %s", why);
    } else if (sl_catalogue_meta_get(r->catalogue, "store", store, sizeof(store)) == 0 &&
               open_storage(r, r->recordings) == 0) {
        (void)end_past(r);
    }
    sl_catalogue_close(r->catalogue);
    r->catalogue = NULL;
}

static int open_recordings(struct receiver *r)
{
    char why[SL_STORE_WHY];
    if (r->options.no_record) {
        recover_past(r);
        return 0;
    }
    if (sl_catalogue_open(&r->catalogue, r->datadir.path, true, why) != 0)
        return fail(why);
    return open_storage(r, r->recordings) || end_past(r);
}

static int open_snapshots(struct receiver *r)
{
    char why[SL_STORE_WHY];
    const struct sl_snapshot_config config = {.path = r->snapshots_dir,
                                              .every = r->options.snapshot_every};
    if (r->options.no_record)
        return 0;
    return sl_snapshots_create(&r->snapshots, &config, why) == 0 ? 0 : fail(why);
}

static int start_retention(struct receiver *r)
{
    char why[SL_STORE_WHY];
    struct sl_retention_config config =
        sl_retention_config_of(&r->options, r->datadir.path, r->storage.path);
    config.snapshots = r->snapshots_dir;
    config.snapshot_keep_us = r->options.snapshot_keep / SL_US;
    if (r->options.no_record)
        return 0;
    return sl_retention_start(&r->retention, &config, why) == 0 ? 0 : fail(why);
}

/* The store of an earlier run that did record, while live goes on; what it lacks is said. */
static void recover_store(struct receiver *r)
{
    char why[SL_STORE_WHY];
    if (r->storage.dir < 0)
        return;
    int err = sl_recover_create(&r->recover, r->datadir.path, why);
    if (err == 0) {
        err = sl_recover_begin(r->recover, r->storage.dir);
        snprintf(why, sizeof(why), "%s", strerror(-err));
    }
    if (err != 0)
        sl_warn("what was recorded before is not looked after: %s", why);
}

static int start_recording(struct receiver *r)
{
    char why[SL_STORE_WHY];
    const struct sl_catalogue_writer_config writer = {.catalogue = r->catalogue};
    struct sl_record_config record = {.storage = &r->storage,
                                      .snapshots = r->snapshots,
                                      .segment = r->options.segment,
                                      .epoch = r->epoch};
    if (r->options.no_record) {
        recover_store(r);
        return 0;
    }
    if (sl_recover_create(&r->recover, r->datadir.path, why) != 0)
        return fail(why);
    int err = sl_catalogue_writer_create(&r->catalogue_writer, &writer);
    record.recover = r->recover;
    record.writer = r->catalogue_writer;
    if (err == 0)
        err = sl_record_create(&r->record, &record);
    if (err == 0)
        err = sl_catalogue_writer_start(r->catalogue_writer);
    if (err == 0)
        err = sl_snapshots_start(r->snapshots);
    if (err == 0)
        err = sl_record_start(r->record);
    return err == 0 ? 0 : fail(strerror(-err));
}

/* --media, else the address of --listen; with --listen port 0 its number, if that is free. */
static int open_media(struct receiver *r)
{
    const bool given = sl_addr_is_set(&r->options.media);
    struct sl_udp_config config = {.bind = given ? r->options.media : r->listen};
    int err = sl_udp_open(&r->udp, &config);
    if (err == -EADDRINUSE && !given && sl_addr_port(&r->options.listen) == 0) {
        sl_addr_set_port(&config.bind, 0);
        err = sl_udp_open(&r->udp, &config);
    }
    if (err != 0)
        return fail_addr("media", &config.bind, err);
    r->media = sl_udp_local(r->udp);
    return 0;
}

/* The HTTPS socket's descriptor passes on to the server. */
static int open_sockets(struct receiver *r, int *listen_fd)
{
    const int err = sl_server_listen(&r->options.listen, listen_fd, &r->listen);
    if (err != 0)
        return fail_addr("listen", &r->options.listen, err);
    return open_media(r);
}

/* A name that cannot be resolved now is left out rather than keeping the receiver down. */
static void resolve_advertised(const struct receiver *r, struct sl_reach *reach)
{
    reach->media = r->media;
    for (int i = 0; i < r->options.advertise.count; i++) {
        const char *text = r->options.advertise.items[i];
        char host[256];
        int port = 0;
        (void)!sl_host_port_parse(text, host, &port);
        if (reach->advertised_count == (int)SL_COUNT(reach->advertised)) {
            sl_warn("--advertise %s: left out, at most %d", text, SL_SDP_CANDIDATES);
            continue;
        }
        const int err = sl_resolve(&reach->advertised[reach->advertised_count], host,
                                   port ? (uint16_t)port : sl_addr_port(&r->media));
        if (err == 0)
            reach->advertised_count++;
        else
            sl_warn("--advertise %s: left out, %s", text, strerror(-err));
    }
}

static int start_parts(struct receiver *r, int listen_fd)
{
    const struct sl_hub_config hub = {.loop = r->loop,
                                      .udp = r->udp,
                                      .exchange = &r->exchange,
                                      .identity = r->identity,
                                      .random = &r->hub_random,
                                      .epoch = r->epoch,
                                      .limits = sl_hub_limits_default(),
                                      .trace = r->trace,
                                      .record = r->record};
    struct sl_server_config server = {.listen_fd = listen_fd,
                                      .answer = {.identity = r->identity},
                                      .store = r->http_store,
                                      .api = {.data = r->datadir.path,
                                              .recordings = r->recordings,
                                              .snapshots = r->snapshots_dir,
                                              .pictures = r->snapshots},
                                      .exchange = &r->exchange,
                                      .random = &r->http_random,
                                      .epoch = r->epoch,
                                      .limits = sl_server_limits_default()};
    resolve_advertised(r, &server.answer.reach);
    int err = sl_server_create(&r->server, &server);
    if (err == 0)
        err = sl_hub_create(&r->hub, &hub);
    if (err == 0)
        err = sl_server_start(r->server);
    return err == 0 ? 0 : fail(strerror(-err));
}

/* Where the links of later `camera add` lead. */
static int remember_listen(struct receiver *r)
{
    char text[SL_ADDR_TEXT];
    if (sl_store_meta_set(r->store, "listen", sl_addr_text(&r->listen, text)) != 0)
        return fail(sl_store_why(r->store));
    return 0;
}

static int say_ready(const struct receiver *r)
{
    const struct sl_addr listen = sl_reach_addr(&r->listen);
    const struct sl_addr media = sl_reach_addr(&r->media);
    char listen_text[SL_ADDR_TEXT], media_text[SL_ADDR_TEXT];
    printf("ready https://%s media udp %s pin %s\n", sl_addr_text(&listen, listen_text),
           sl_addr_text(&media, media_text), sl_dtls_identity_pin(r->identity));
    return fflush(stdout) == 0 ? 0 : fail("stdout cannot be written");
}

static void tell_service(struct receiver *r)
{
    char text[SL_ADDR_TEXT + 16], listen[SL_ADDR_TEXT];
    snprintf(text, sizeof(text), "listening on %s", sl_addr_text(&r->listen, listen));
    sl_service_ready(&r->service, r->loop);
    sl_service_status(&r->service, text);
}

static int init_parts(struct receiver *r)
{
    r->epoch = sl_time_epoch();
    sl_random_init_system(&r->hub_random);
    sl_random_init_system(&r->http_random);
    int err = sl_service_open(&r->service);
    if (err != 0)
        sl_warn("NOTIFY_SOCKET, WATCHDOG_USEC: %s", strerror(-err));
    err = sl_srtp_library_init();
    if (err == 0)
        err = sl_loop_create(&r->loop);
    if (err == 0)
        err = sl_loop_stop_on_signals(r->loop);
    if (err == 0)
        err = sl_exchange_init(&r->exchange, EXCHANGE_CAPACITY);
    return err == 0 ? 0 : fail(strerror(-err));
}

/*
 * What a peer or a camera has for itself is a few large blocks. Left alone, the C library stops to
 * map them for themselves when the first has been freed, and little of the memory of those who
 * leave goes back.
 */
static void give_memory_back(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
}

static int run(struct receiver *r)
{
    int listen_fd = -1;
    if (open_trace(r) || open_data(r) || open_recordings(r) || open_snapshots(r) ||
        open_sockets(r, &listen_fd) || init_parts(r) || start_recording(r) || start_retention(r) ||
        start_parts(r, listen_fd) || remember_listen(r) || say_ready(r))
        return 1;
    tell_service(r);
    const int err = sl_loop_run(r->loop);
    sl_service_stopping(&r->service);
    sl_server_stop(r->server);
    sl_hub_stop(r->hub);
    sl_record_stop(r->record);
    sl_snapshots_stop(r->snapshots);
    sl_retention_stop(r->retention);
    r->retention = NULL;
    sl_catalogue_writer_stop(r->catalogue_writer);
    return err == 0 ? 0 : fail(strerror(-err));
}

static void destroy(struct receiver *r)
{
    sl_server_destroy(r->server);
    sl_hub_destroy(r->hub);
    sl_retention_stop(r->retention);
    sl_record_destroy(r->record);
    sl_recover_destroy(r->recover);
    sl_snapshots_destroy(r->snapshots);
    sl_catalogue_writer_destroy(r->catalogue_writer);
    sl_storage_close(&r->storage);
    sl_catalogue_close(r->catalogue);
    sl_exchange_fini(&r->exchange);
    sl_udp_close(r->udp);
    sl_service_close(&r->service);
    sl_loop_destroy(r->loop);
    sl_store_close(r->http_store);
    sl_store_close(r->store);
    sl_dtls_identity_destroy(r->identity);
    sl_datadir_close(&r->datadir);
    sl_srtp_library_fini();
    sl_trace_close(r->trace);
}

int main(int argc, char **argv)
{
    struct receiver receiver = {.datadir = {.dir = -1, .lock = -1}, .storage = {.dir = -1}};
    sl_log_init("sightline-receiver", SL_LOG_INFO);
    int status = sl_receiver_options_parse(&receiver.options, argc, argv, stdout, stderr);
    if (status >= 0)
        return status;
    if (receiver.options.verbose)
        sl_log_init("sightline-receiver", SL_LOG_DEBUG);
    av_log_set_level(AV_LOG_QUIET); /* what peers send is not to fill the log */
    if (receiver.options.command == SL_COMMAND_EXPORT)
        return sl_export_command(&receiver.options, stdout, stderr);
    if (sl_recordings_command_is(receiver.options.command))
        return sl_recordings_command(&receiver.options, stdout, stderr);
    if (receiver.options.command == SL_COMMAND_CHECK)
        return (receiver.options.deep ? sl_check_deep_run : sl_check_run)(
            receiver.options.data, receiver.options.recordings, stdout, stderr);
    if (receiver.options.command == SL_COMMAND_REBUILD)
        return sl_rebuild_run(receiver.options.data, receiver.options.recordings, stdout, stderr);
    if (receiver.options.command != SL_COMMAND_RUN)
        return sl_admin_run(&receiver.options, stdout, stderr);
    give_memory_back();
    status = run(&receiver);
    destroy(&receiver);
    return status;
}
