/* SPDX-License-Identifier: MIT */
#include "receiver/record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "base/wake.h"
#include "receiver/record_queue.h"
#include "receiver/record_sync.h"
#include "receiver/record_track.h"
#include "receiver/wall_clock.h"

#define BLOCKS 320        /* 20 MB: more than a second of 64 cameras of 2 Mb/s */
#define RESERVED 32       /* of them for what is not a packet */
#define TURN (40 * SL_MS) /* with a fragment: half a second */
#define LOOK (1 * SL_SEC)
#define AT_A_TIME 512 /* messages before files are looked at */
#define SAID (10 * SL_SEC)

enum type { CONNECT, DISCONNECT, PACKET, MOTION, RULE };

/* What all begin with. */
struct message {
    enum type type;
    int slot;
    sl_ns at;
};

struct session_message {
    struct message head;
    char camera[SL_NAME_BYTES];
    char location[SL_LOCATION_BYTES];
    char text[128]; /* address, or why */
    bool sound;
};

struct packet_message {
    struct message head;
    enum sl_media_kind kind;
    bool marker, has_capture, after_overrun;
    uint32_t timestamp, ssrc;
    int64_t seq;
    uint64_t capture_ntp; /* by our clock */
    size_t len;
    uint8_t payload[];
};

struct motion_message {
    struct message head;
    struct sl_record_motion motion;
};

struct rule_message {
    struct message head;
    struct sl_record_rule rule;
    char location[SL_LOCATION_BYTES];
};

struct lane {
    struct sl_record *record;
    int slot;
    char camera[SL_NAME_BYTES];
    struct sl_record_track *track; /* NULL: no publisher */
    struct sl_snapshot_slot *snapshot;
    struct sl_record_rule rule;
};

struct sl_record {
    struct sl_record_config config;
    struct sl_record_queue *queue;
    struct sl_wake wake;
    pthread_t thread;
    bool started;
    atomic_bool stop;

    /* The hub's. */
    bool taken[SL_RECORD_SLOTS];
    bool overrun[SL_RECORD_SLOTS];
    uint64_t offered, refused;
    sl_ns overrun_said;

    atomic_bool key_wanted[SL_RECORD_SLOTS];

    /* The thread's. */
    struct lane lanes[SL_RECORD_SLOTS];
    int tracks;
    struct sl_record_sync *sync;
    int sync_error; /* as said */
    struct sl_random random;
    char boot_id[SL_SEGMENT_UUID_BYTES];
    sl_ns wall_offset, looked;
    enum sl_clock_state clock;
    enum sl_storage_state storage;
    bool recovering; /* was begun for the store that is there */
};

/* ---- What tracks say ---- */

static void wrote(void *ctx, int fd, bool created)
{
    sl_record_sync_ask(ctx, fd, created);
}

static int open_file(void *ctx, struct sl_segment_writer **ret,
                     const struct sl_segment_write_config *config)
{
    const struct lane *lane = ctx;
    struct sl_segment_write_config here = *config;
    here.dir = lane->record->config.storage->dir;
    here.wrote = wrote;
    here.ctx = lane->record->sync;
    if (here.dir < 0)
        return -ENOENT;
    struct sl_recover_thread *recover = lane->record->config.recover;
    if (!recover)
        return sl_segment_write_open(ret, &here);
    sl_recover_hold(recover);
    const int err = sl_segment_write_open(ret, &here);
    sl_recover_release(recover, err == 0 ? sl_segment_write_path(*ret) : NULL);
    return err;
}

static const struct sl_record_files files = {
    .open = open_file,
    .video = sl_segment_write_video,
    .sound = sl_segment_write_sound,
    .flush = sl_segment_write_flush,
    .due = sl_segment_write_due,
    .close = sl_segment_write_close,
    .info = sl_segment_write_info,
    .path = sl_segment_write_path,
};

static void news_segment(void *ctx, const struct sl_segment_row *row)
{
    const struct lane *lane = ctx;
    if (!sl_catalogue_writer_segment(lane->record->config.writer, row) && !row->open)
        sl_warn("camera %s: %s is not in the catalogue: too much waits for it", lane->camera,
                row->path);
}

static void news_event(void *ctx, const struct sl_catalogue_event *event)
{
    const struct lane *lane = ctx;
    (void)sl_catalogue_writer_event(lane->record->config.writer, event); /* it counts */
}

static void news_say(void *ctx, enum sl_log_level level, const char *text)
{
    (void)ctx;
    sl_log(level, "%s", text);
}

static void news_key_wanted(void *ctx)
{
    const struct lane *lane = ctx;
    atomic_store(&lane->record->key_wanted[lane->slot], true);
}

static void news_key(void *ctx, int64_t at_us, const uint8_t *unit, size_t len)
{
    const struct lane *lane = ctx;
    if (lane->record->config.snapshots)
        sl_snapshot_offer(lane->record->config.snapshots, lane->snapshot, at_us, unit, len);
}

static const struct sl_record_news news = {
    .segment = news_segment,
    .event = news_event,
    .say = news_say,
    .key_wanted = news_key_wanted,
    .key = news_key,
};

/* ---- Messages ---- */

static int64_t wall_us(const struct sl_record *record, sl_ns at)
{
    return (at + record->wall_offset) / SL_US;
}

static void connect_lane(struct sl_record *record, struct lane *lane,
                         const struct session_message *message)
{
    const sl_ns at = message->head.at;
    struct sl_record_track_config config = {.segment = record->config.segment,
                                            .files = &files,
                                            .news = &news,
                                            .ctx = lane,
                                            .random = &record->random,
                                            .epoch = record->config.epoch};
    memcpy(config.camera, message->camera, sizeof(config.camera));
    memcpy(config.location, message->location, sizeof(config.location));
    memcpy(config.boot_id, record->boot_id, sizeof(config.boot_id));
    memcpy(lane->camera, config.camera, sizeof(lane->camera));
    (void)sl_catalogue_writer_connected(record->config.writer, config.camera, config.location,
                                        message->text, wall_us(record, at));
    if (record->config.snapshots)
        lane->snapshot = sl_snapshot_slot(record->config.snapshots, config.camera);
    const int err = sl_record_track_create(&lane->track, &config);
    if (err != 0) {
        sl_error("camera %s: is not recorded: %s", config.camera, strerror(-err));
        return;
    }
    record->tracks++;
    sl_record_track_wall(lane->track, record->wall_offset, record->clock);
    sl_record_track_rule(lane->track, &lane->rule, at);
    sl_record_track_connect(lane->track, message->sound);
    sl_record_track_storage(lane->track, record->storage == SL_STORAGE_FINE, at);
}

static void take_rule(struct lane *lane, const struct rule_message *message)
{
    lane->rule = message->rule;
    if (!lane->track)
        return;
    sl_record_track_location(lane->track, message->location);
    sl_record_track_rule(lane->track, &lane->rule, message->head.at);
}

static void take_motion(struct sl_record *record, struct lane *lane,
                        const struct sl_record_motion *motion, sl_ns at)
{
    struct sl_catalogue_event event = {.type = "motion",
                                       .start_us = wall_us(record, motion->start),
                                       .end_us = motion->over ? wall_us(record, motion->end) : 0,
                                       .score = motion->percent};
    memcpy(event.camera, lane->camera, sizeof(event.camera));
    (void)sl_catalogue_writer_event(record->config.writer, &event);
    if (lane->track)
        sl_record_track_motion(lane->track, !motion->over, motion->end, at);
}

static void disconnect_lane(struct sl_record *record, struct lane *lane, const char *why, sl_ns at)
{
    if (lane->track) {
        sl_record_track_disconnect(lane->track, at);
        sl_record_track_destroy(lane->track);
        lane->track = NULL;
        record->tracks--;
    }
    (void)sl_catalogue_writer_disconnected(record->config.writer, lane->camera, why,
                                           wall_us(record, at));
}

static void take_packet(struct lane *lane, const struct packet_message *message)
{
    const struct sl_rtp_packet packet = {
        .seq = message->seq,
        .timestamp = message->timestamp,
        .ssrc = message->ssrc,
        .marker = message->marker,
        .has_capture = message->has_capture,
        .capture_ntp = message->capture_ntp,
        .payload = message->payload,
        .payload_len = message->len,
    };
    if (!lane->track)
        return;
    if (message->after_overrun)
        sl_record_track_overrun(lane->track);
    sl_record_track_packet(lane->track, message->kind, &packet, message->head.at);
}

static void take_message(struct sl_record *record, const struct message *message)
{
    struct lane *lane = &record->lanes[message->slot];
    const void *whole = message;
    switch (message->type) {
    case CONNECT:
        connect_lane(record, lane, whole);
        break;
    case DISCONNECT:
        disconnect_lane(record, lane, ((const struct session_message *)whole)->text, message->at);
        break;
    case PACKET:
        take_packet(lane, whole);
        break;
    case MOTION:
        take_motion(record, lane, &((const struct motion_message *)whole)->motion, message->at);
        break;
    case RULE:
        take_rule(lane, whole);
        break;
    }
}

/* ---- The thread ---- */

static void each_track(struct sl_record *record, sl_ns now,
                       void (*act)(struct sl_record *, struct sl_record_track *, sl_ns))
{
    int left = record->tracks;
    for (int i = 0; i < SL_RECORD_SLOTS && left > 0; i++) {
        if (!record->lanes[i].track)
            continue;
        left--;
        act(record, record->lanes[i].track, now);
    }
}

static void tick(struct sl_record *record, struct sl_record_track *track, sl_ns now)
{
    (void)record;
    sl_record_track_tick(track, now);
}

static void tell_surroundings(struct sl_record *record, struct sl_record_track *track, sl_ns now)
{
    sl_record_track_wall(track, record->wall_offset, record->clock);
    sl_record_track_storage(track, record->storage == SL_STORAGE_FINE, now);
}

static void look_at_sync(struct sl_record *record)
{
    struct sl_record_sync_stats stats;
    sl_record_sync_stats(record->sync, &stats);
    if (stats.error != 0 && stats.error != record->sync_error)
        sl_error("what was recorded lately may not be on the disk: %s", strerror(-stats.error));
    record->sync_error = stats.error;
}

/* A store that is there (again) may have what a crash left, and no file of it is open yet. */
static void recover_storage(struct sl_record *record, bool there)
{
    if (there && !record->recovering && record->config.recover) {
        const int err = sl_recover_begin(record->config.recover, record->config.storage->dir);
        if (err != 0)
            sl_error("recordings: what a crash left waits for the next start: %s", strerror(-err));
    }
    record->recovering = there;
}

static void look_around(struct sl_record *record, sl_ns now)
{
    char why[SL_STORE_WHY] = "";
    const enum sl_storage_state storage = sl_storage_look(record->config.storage, why);
    if (storage != SL_STORAGE_FINE && storage != record->storage)
        sl_error("recording stopped: %s", why);
    if (storage == SL_STORAGE_FINE && record->storage != SL_STORAGE_FINE)
        sl_info("recording goes on: the store is back");
    record->storage = storage;
    recover_storage(record, storage != SL_STORAGE_GONE);
    look_at_sync(record);
    record->clock = sl_wall_clock_state();
    record->wall_offset = sl_time_epoch();
    record->looked = now;
    each_track(record, now, tell_surroundings);
}

static void read_boot_id(char boot_id[SL_SEGMENT_UUID_BYTES])
{
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, boot_id, SL_SEGMENT_UUID_BYTES - 1) != SL_SEGMENT_UUID_BYTES - 1)
        boot_id[0] = '\0';
    close(fd);
}

/* What waits in the queue. */
static void drain(struct sl_record *record)
{
    const struct message *message;
    do {
        for (int i = 0; i < AT_A_TIME && (message = sl_record_queue_peek(record->queue)); i++) {
            take_message(record, message);
            sl_record_queue_pop(record->queue);
        }
        const sl_ns now = sl_time_now();
        each_track(record, now, tick);
        if (now - record->looked >= LOOK)
            look_around(record, now);
    } while (message);
}

static void *run(void *arg)
{
    struct sl_record *record = arg;
    pthread_setname_np(pthread_self(), "record");
    while (!atomic_load(&record->stop)) {
        drain(record);
        (void)sl_wake_wait(&record->wake, record->tracks > 0 ? TURN : LOOK);
    }
    drain(record);
    for (int i = 0; i < SL_RECORD_SLOTS; i++)
        if (record->lanes[i].track)
            disconnect_lane(record, &record->lanes[i], "the receiver stops", sl_time_now());
    return NULL;
}

/* ---- Life ---- */

int sl_record_create(struct sl_record **ret, const struct sl_record_config *config)
{
    struct sl_record *record = calloc(1, sizeof(*record));
    if (!record)
        return -ENOMEM;
    record->config = *config;
    record->wake.fd = -1;
    record->storage = SL_STORAGE_FINE; /* what it is not is said at the first look */
    for (int i = 0; i < SL_RECORD_SLOTS; i++) {
        record->lanes[i].record = record;
        record->lanes[i].slot = i;
        record->lanes[i].rule = sl_record_rule_default();
    }
    sl_random_init_system(&record->random);
    read_boot_id(record->boot_id);
    int err = sl_record_queue_create(&record->queue, BLOCKS);
    if (err == 0)
        err = sl_record_sync_create(&record->sync);
    if (err == 0)
        err = sl_wake_init(&record->wake);
    if (err != 0) {
        sl_record_destroy(record);
        return err;
    }
    *ret = record;
    return 0;
}

int sl_record_start(struct sl_record *record)
{
    recover_storage(record, record->config.storage->dir >= 0);
    int err = sl_record_sync_start(record->sync);
    if (err != 0)
        return err;
    look_around(record, sl_time_now());
    err = pthread_create(&record->thread, NULL, run, record);
    record->started = err == 0;
    return -err;
}

void sl_record_stop(struct sl_record *record)
{
    if (!record || !record->started)
        return;
    atomic_store(&record->stop, true);
    sl_wake_signal(&record->wake);
    pthread_join(record->thread, NULL);
    record->started = false;
    sl_record_sync_stop(record->sync);
}

void sl_record_destroy(struct sl_record *record)
{
    if (!record)
        return;
    sl_record_stop(record);
    if (record->wake.fd >= 0)
        sl_wake_fini(&record->wake);
    sl_record_sync_destroy(record->sync);
    sl_record_queue_destroy(record->queue);
    free(record);
}

/* ---- The hub's thread ---- */

int sl_record_slot_take(struct sl_record *record)
{
    for (int i = 0; i < SL_RECORD_SLOTS; i++) {
        if (record->taken[i])
            continue;
        record->taken[i] = true;
        return i;
    }
    return -1;
}

void sl_record_slot_give(struct sl_record *record, int slot)
{
    record->taken[slot] = false;
}

static void push(struct sl_record *record, const void *message, size_t len)
{
    void *room = sl_record_queue_room(record->queue, len, 0);
    if (room) {
        memcpy(room, message, len);
        sl_record_queue_push(record->queue);
    } else {
        sl_error("the recorder stands still: news of a camera is lost");
    }
    sl_wake_signal(&record->wake);
}

void sl_record_connect(struct sl_record *record, int slot, const char *camera, const char *location,
                       const char *address, bool sound, sl_ns now)
{
    struct session_message message = {.head = {.type = CONNECT, .slot = slot, .at = now},
                                      .sound = sound};
    snprintf(message.camera, sizeof(message.camera), "%s", camera);
    snprintf(message.location, sizeof(message.location), "%s", location);
    snprintf(message.text, sizeof(message.text), "%s", address);
    record->overrun[slot] = false;
    push(record, &message, sizeof(message));
}

void sl_record_rule(struct sl_record *record, int slot, const struct sl_record_rule *rule,
                    const char *location, sl_ns now)
{
    struct rule_message message = {.head = {.type = RULE, .slot = slot, .at = now}, .rule = *rule};
    snprintf(message.location, sizeof(message.location), "%s", location);
    push(record, &message, sizeof(message));
}

void sl_record_disconnect(struct sl_record *record, int slot, const char *why, sl_ns now)
{
    struct session_message message = {.head = {.type = DISCONNECT, .slot = slot, .at = now}};
    snprintf(message.text, sizeof(message.text), "%s", why);
    push(record, &message, sizeof(message));
}

/* Once in a while, however many they are. */
static void say_overrun(struct sl_record *record, sl_ns now)
{
    if (record->overrun_said && now - record->overrun_said < SAID)
        return;
    record->overrun_said = now;
    sl_warn("the recorder does not keep up: %llu packets left out so far",
            (unsigned long long)record->refused);
}

/* False: there was no room for it. */
static bool put_packet(struct sl_record *record, int slot, enum sl_media_kind kind,
                       const struct sl_rtp_packet *packet, sl_ns arrival)
{
    struct packet_message *message =
        sl_record_queue_room(record->queue, sizeof(*message) + packet->payload_len, RESERVED);
    if (!message)
        return false;
    const uint64_t offset = packet->has_capture_offset ? (uint64_t)packet->capture_offset : 0;
    *message = (struct packet_message){.head = {.type = PACKET, .slot = slot, .at = arrival},
                                       .kind = kind,
                                       .marker = packet->marker,
                                       .has_capture = packet->has_capture,
                                       .after_overrun = record->overrun[slot],
                                       .timestamp = packet->timestamp,
                                       .ssrc = packet->ssrc,
                                       .seq = packet->seq,
                                       .capture_ntp = packet->capture_ntp - offset,
                                       .len = packet->payload_len};
    if (packet->payload_len)
        memcpy(message->payload, packet->payload, packet->payload_len);
    sl_record_queue_push(record->queue);
    return true;
}

void sl_record_packet(struct sl_record *record, int slot, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, sl_ns arrival)
{
    if (kind == SL_VIDEO_SUB || packet->payload_len > SL_RTP_FOREIGN_MAX)
        return;
    record->offered++;
    record->overrun[slot] = !put_packet(record, slot, kind, packet, arrival);
    if (record->overrun[slot]) {
        record->refused++;
        say_overrun(record, arrival);
    }
}

void sl_record_motion(struct sl_record *record, int slot, const struct sl_record_motion *motion,
                      sl_ns now)
{
    const struct motion_message message = {.head = {.type = MOTION, .slot = slot, .at = now},
                                           .motion = *motion};
    push(record, &message, sizeof(message));
}

bool sl_record_key_wanted(struct sl_record *record, int slot)
{
    atomic_bool *wanted = &record->key_wanted[slot];
    return atomic_load_explicit(wanted, memory_order_relaxed) && atomic_exchange(wanted, false);
}

void sl_record_stats(const struct sl_record *record, struct sl_record_stats *ret)
{
    *ret = (struct sl_record_stats){.offered = record->offered,
                                    .refused = record->refused,
                                    .taken = record->offered - record->refused};
}
