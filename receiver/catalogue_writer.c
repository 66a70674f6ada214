/* SPDX-License-Identifier: MIT */
#include "receiver/catalogue_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/ring.h"
#include "base/time.h"
#include "base/wake.h"

#define CAPACITY 4096
#define BATCH 512 /* of one transaction */
#define FOR_GROWTH (CAPACITY / 4 * 3)
#define EVERY (1 * SL_SEC)
#define TRIES_AT_END 3 /* each of them waits for a lock as long as the catalogue does */
#define GOING_ON 512   /* events that go on at one time: one of each type and camera */

enum type { SEGMENT, EVENT, CONNECTED, DISCONNECTED };

struct message {
    enum type type;
    union {
        struct sl_segment_row segment;
        struct sl_catalogue_event event;
        struct {
            char camera[SL_NAME_BYTES];
            char location[SL_LOCATION_BYTES];
            char text[128]; /* address, or why */
            int64_t at_us;
        } session;
    };
};

struct sl_catalogue_writer {
    struct sl_catalogue_writer_config config;
    struct sl_ring *ring;
    struct sl_wake wake;
    pthread_t thread;
    bool started, failing;
    atomic_bool stop;
    struct message batch[BATCH];
    bool hopeless[BATCH]; /* of those: not tried again */
    int batched;
    int failed_at, failures_there; /* of the batch, in a row */
    bool said_hopeless;
    struct sl_catalogue_event going_on[GOING_ON]; /* type "" is a free place */
    struct sl_catalogue_event before[GOING_ON];   /* the transaction under way */
    uint64_t told, refused;                       /* of whoever tells */
    _Atomic uint64_t written, left_out, transactions, failures;
};

/* ---- The thread ---- */

static struct sl_catalogue_event *going_on(struct sl_catalogue_writer *writer,
                                           const struct sl_catalogue_event *event)
{
    for (int i = 0; i < GOING_ON; i++) {
        struct sl_catalogue_event *known = &writer->going_on[i];
        if (known->type[0] && strcmp(known->type, event->type) == 0 &&
            strcmp(known->camera, event->camera) == 0)
            return known;
    }
    return NULL;
}

static void remember(struct sl_catalogue_writer *writer, const struct sl_catalogue_event *event)
{
    for (int i = 0; i < GOING_ON; i++) {
        if (!writer->going_on[i].type[0]) {
            writer->going_on[i] = *event;
            return;
        }
    }
}

static int apply_event(struct sl_catalogue_writer *writer, const struct sl_catalogue_event *event)
{
    struct sl_catalogue_event row = *event;
    struct sl_catalogue_event *known = going_on(writer, event);
    if (known) {
        row.id = known->id;
        row.start_us = known->start_us;
    }
    int err = sl_catalogue_event_put(writer->config.catalogue, &row);
    if (err == -ENOENT) { /* somebody took it out */
        row.id = 0;
        err = sl_catalogue_event_put(writer->config.catalogue, &row);
    }
    if (err != 0)
        return err;
    if (known && row.end_us)
        *known = (struct sl_catalogue_event){0};
    else if (known)
        *known = row;
    else if (!row.end_us)
        remember(writer, &row);
    return 0;
}

/* What went on with the camera is over, whatever was told of it. */
static int end_going_on(struct sl_catalogue_writer *writer, const char *camera, int64_t at_us)
{
    int err = 0;
    for (int i = 0; i < GOING_ON && err == 0; i++) {
        struct sl_catalogue_event event = writer->going_on[i];
        if (!event.type[0] || strcmp(event.camera, camera) != 0)
            continue;
        event.end_us = at_us > event.start_us ? at_us : event.start_us;
        err = apply_event(writer, &event);
        if (err == -EINVAL) {
            writer->going_on[i] = (struct sl_catalogue_event){0};
            err = 0;
        }
    }
    return err;
}

static int apply_segment(struct sl_catalogue *catalogue, const struct sl_segment_row *row)
{
    if (row->open || row->info.frames > 0)
        return sl_catalogue_put(catalogue, row);
    const int err = sl_catalogue_remove(catalogue, row->info.meta.uuid);
    return err == -ENOENT ? 0 : err;
}

static int apply(struct sl_catalogue_writer *writer, const struct message *message)
{
    struct sl_catalogue *catalogue = writer->config.catalogue;
    int err;
    switch (message->type) {
    case SEGMENT:
        return apply_segment(catalogue, &message->segment);
    case EVENT:
        return apply_event(writer, &message->event);
    case CONNECTED:
        err = end_going_on(writer, message->session.camera, message->session.at_us);
        if (err != 0)
            return err;
        return sl_catalogue_connected(catalogue, message->session.camera, message->session.location,
                                      message->session.text, message->session.at_us);
    case DISCONNECTED:
        break;
    }
    err = end_going_on(writer, message->session.camera, message->session.at_us);
    return err != 0 ? err
                    : sl_catalogue_disconnected(catalogue, message->session.camera,
                                                message->session.text, message->session.at_us);
}

static bool is_passing(int err)
{
    return err == -EBUSY || err == -ENOSPC || err == -EROFS || err == -EACCES || err == -ENOMEM ||
           err == -EIO;
}

/* That row will never be written; the catalogue is as if it had not been tried. */
static void give_up(struct sl_catalogue_writer *writer, int at)
{
    const struct message *message = &writer->batch[at];
    const char *what = message->type == SEGMENT ? message->segment.path
                       : message->type == EVENT ? message->event.type
                                                : message->session.camera;
    writer->hopeless[at] = true;
    if (!writer->said_hopeless)
        sl_error("%s: left out, as others like it will be without a word: %s", what,
                 sl_catalogue_why(writer->config.catalogue));
    writer->said_hopeless = true;
}

/* 0: on with the next. Whatever fails was rolled back by itself. */
static int take_failure(struct sl_catalogue_writer *writer, int at, int err)
{
    if (err == -EINVAL) {
        give_up(writer, at);
        return 0;
    }
    if (is_passing(err))
        return err;
    writer->failures_there = at == writer->failed_at ? writer->failures_there + 1 : 1;
    writer->failed_at = at;
    if (writer->failures_there >= SL_CATALOGUE_WRITER_TRIES)
        give_up(writer, at); /* from the next try on: this transaction may be spoilt */
    return err;
}

static int write_batch(struct sl_catalogue_writer *writer)
{
    int err = sl_catalogue_begin(writer->config.catalogue);
    if (err != 0)
        return err;
    for (int i = 0; i < writer->batched && err == 0; i++) {
        err = writer->hopeless[i] ? 0 : apply(writer, &writer->batch[i]);
        if (err != 0)
            err = take_failure(writer, i, err);
    }
    if (err == 0)
        err = sl_catalogue_commit(writer->config.catalogue);
    if (err != 0)
        sl_catalogue_rollback(writer->config.catalogue);
    return err;
}

/* Says so once, and once that it is over. */
static void tell_trouble(struct sl_catalogue_writer *writer, int err)
{
    if (err != 0 && !writer->failing)
        sl_error("the catalogue cannot be written: %s", sl_catalogue_why(writer->config.catalogue));
    if (err == 0 && writer->failing)
        sl_info("the catalogue is written again");
    writer->failing = err != 0;
}

static void clear_batch(struct sl_catalogue_writer *writer)
{
    memset(writer->hopeless, 0, sizeof(writer->hopeless));
    writer->batched = 0;
    writer->failed_at = -1;
}

/* One transaction with what is there. False: nothing more can be done now. */
static bool write_some(struct sl_catalogue_writer *writer)
{
    while (writer->batched < BATCH && sl_ring_pop(writer->ring, &writer->batch[writer->batched]))
        writer->batched++;
    if (writer->batched == 0)
        return false;
    memcpy(writer->before, writer->going_on, sizeof(writer->before));
    const int err = write_batch(writer);
    tell_trouble(writer, err);
    if (err != 0) { /* the ids that were given are not in the database */
        memcpy(writer->going_on, writer->before, sizeof(writer->before));
        writer->failures++;
        return false;
    }
    const bool more = writer->batched == BATCH;
    int left_out = 0;
    for (int i = 0; i < writer->batched; i++)
        left_out += writer->hopeless[i];
    writer->written += (uint64_t)(writer->batched - left_out);
    writer->left_out += (uint64_t)left_out;
    writer->transactions++;
    clear_batch(writer);
    return more;
}

static void *run(void *arg)
{
    struct sl_catalogue_writer *writer = arg;
    pthread_setname_np(pthread_self(), "store");
    while (!atomic_load(&writer->stop)) {
        while (write_some(writer))
            ;
        if (writer->config.turn)
            writer->config.turn(writer->config.ctx, sl_time_now());
        (void)sl_wake_wait(&writer->wake, EVERY); /* only stop() signals */
    }
    for (int tries = 0; tries < TRIES_AT_END && (writer->batched || sl_ring_held(writer->ring));)
        tries += !write_some(writer) && writer->batched;
    return NULL;
}

/* ---- Life ---- */

int sl_catalogue_writer_create(struct sl_catalogue_writer **ret,
                               const struct sl_catalogue_writer_config *config)
{
    struct sl_catalogue_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return -ENOMEM;
    writer->config = *config;
    writer->wake.fd = -1;
    writer->failed_at = -1;
    int err = sl_ring_create(&writer->ring, CAPACITY, sizeof(struct message));
    if (err == 0)
        err = sl_wake_init(&writer->wake);
    if (err != 0) {
        sl_catalogue_writer_destroy(writer);
        return err;
    }
    *ret = writer;
    return 0;
}

int sl_catalogue_writer_start(struct sl_catalogue_writer *writer)
{
    const int err = pthread_create(&writer->thread, NULL, run, writer);
    writer->started = err == 0;
    return -err;
}

void sl_catalogue_writer_stop(struct sl_catalogue_writer *writer)
{
    if (!writer || !writer->started)
        return;
    atomic_store(&writer->stop, true);
    sl_wake_signal(&writer->wake);
    pthread_join(writer->thread, NULL);
    writer->started = false;
}

void sl_catalogue_writer_destroy(struct sl_catalogue_writer *writer)
{
    if (!writer)
        return;
    sl_catalogue_writer_stop(writer);
    if (writer->wake.fd >= 0)
        sl_wake_fini(&writer->wake);
    sl_ring_destroy(writer->ring);
    free(writer);
}

/* ---- Whoever tells ---- */

static bool tell(struct sl_catalogue_writer *writer, const struct message *message, bool may_wait)
{
    writer->told++;
    const bool room = !may_wait || sl_ring_held(writer->ring) < FOR_GROWTH;
    if (room && sl_ring_push(writer->ring, message))
        return true;
    writer->refused++;
    return false;
}

bool sl_catalogue_writer_segment(struct sl_catalogue_writer *writer,
                                 const struct sl_segment_row *row)
{
    const struct message message = {.type = SEGMENT, .segment = *row};
    return tell(writer, &message, row->open && row->info.frames > 0);
}

bool sl_catalogue_writer_event(struct sl_catalogue_writer *writer,
                               const struct sl_catalogue_event *event)
{
    const struct message message = {.type = EVENT, .event = *event};
    return tell(writer, &message, false);
}

static bool tell_session(struct sl_catalogue_writer *writer, enum type type, const char *camera,
                         const char *location, const char *text, int64_t at_us)
{
    struct message message = {.type = type, .session = {.at_us = at_us}};
    snprintf(message.session.camera, sizeof(message.session.camera), "%s", camera);
    snprintf(message.session.location, sizeof(message.session.location), "%s", location);
    snprintf(message.session.text, sizeof(message.session.text), "%s", text);
    return tell(writer, &message, false);
}

bool sl_catalogue_writer_connected(struct sl_catalogue_writer *writer, const char *camera,
                                   const char *location, const char *address, int64_t at_us)
{
    return tell_session(writer, CONNECTED, camera, location, address, at_us);
}

bool sl_catalogue_writer_disconnected(struct sl_catalogue_writer *writer, const char *camera,
                                      const char *why, int64_t at_us)
{
    return tell_session(writer, DISCONNECTED, camera, "", why, at_us);
}

void sl_catalogue_writer_stats(const struct sl_catalogue_writer *writer,
                               struct sl_catalogue_writer_stats *ret)
{
    *ret = (struct sl_catalogue_writer_stats){.told = writer->told,
                                              .refused = writer->refused,
                                              .written = atomic_load(&writer->written),
                                              .left_out = atomic_load(&writer->left_out),
                                              .transactions = atomic_load(&writer->transactions),
                                              .failures = atomic_load(&writer->failures)};
}
