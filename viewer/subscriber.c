/* SPDX-License-Identifier: MIT */
#include "viewer/subscriber.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/random.h"
#include "base/ring.h"
#include "base/time.h"
#include "base/wake.h"
#include "net/loop.h"
#include "viewer/cameras.h"
#include "viewer/feed.h"
#include "viewer/sound.h"
#include "whip/http.h"

#define EVENTS 256
#define MEASURE_EVERY (250 * SL_MS)
#define LIST_WAIT_S 30 /* how long the receiver may keep us waiting for a change */
#define LIST_TIMEOUT ((LIST_WAIT_S + 10) * SL_SEC)
#define LIST_APART (100 * SL_MS) /* two requests, even if the receiver answers at once */
#define LIST_RETRY (500 * SL_MS) /* after a failure */
#define STOP_WAIT (1200 * SL_MS) /* the endpoints take 1 s at most */

/* One camera, and what main has still to be told about it. */
struct entry {
    struct sl_subscriber *subscriber;
    struct sl_feed *feed; /* NULL: free */
    struct sl_camera_info info;
    struct sl_feed_gauges gauges;
    bool refused;  /* its endpoint has given up */
    bool leaving;  /* off the list */
    bool stopped;  /* its endpoint has ended */
    bool released; /* main has let go */
    bool tell_added, tell_link, tell_broken, tell_device, tell_removed;
    bool away; /* its device is */
    enum sl_tile_link link;
    char reason[SL_EVENT_TEXT];
};

struct sl_subscriber {
    struct sl_subscriber_config config;
    pthread_t thread;
    bool running;
    struct sl_loop *loop;
    struct sl_http *http;
    struct sl_random random;
    sl_ns epoch;

    struct sl_wake wake; /* from main and the workers */
    struct sl_watch watch;
    struct sl_ring *events;   /* to main */
    struct sl_ring *releases; /* from main: feeds */
    atomic_bool stop;
    atomic_int listen; /* the feed main wants to hear; -1: none */
    int listening;     /* the one that is heard */
    bool stopping;

    struct sl_timer list_timer, measure_timer, stop_timer;
    struct sl_http_request *request;
    char etag[128];
    bool listed;                 /* a list has come, ever */
    char trouble[SL_EVENT_TEXT]; /* why there is no list now */
    char failure[SL_EVENT_TEXT]; /* why there never will be */
    bool tell_trouble, tell_failure;

    struct entry entries[SL_FEEDS_MAX];
};

/* ---- telling main ---- */

static bool send_event(struct sl_subscriber *s, enum sl_event_kind kind, const struct entry *entry,
                       const char *text)
{
    struct sl_event event = {.kind = kind};
    if (entry) {
        event.feed = (int)(entry - s->entries);
        event.order = entry->info.order;
        event.link = entry->link;
        event.away = entry->away;
        event.lane = sl_feed_lane(entry->feed);
        event.gauges = &entry->gauges;
        memcpy(event.name, entry->info.name, sizeof(event.name));
    }
    snprintf(event.text, sizeof(event.text), "%s", text);
    return sl_ring_push(s->events, &event);
}

/* Sends what is to be told as far as there is room; the rest goes at the next measurement. */
static void tell_entry(struct sl_subscriber *s, struct entry *entry)
{
    if (entry->tell_added)
        entry->tell_added = !send_event(s, SL_EVENT_ADDED, entry, entry->info.location);
    if (entry->tell_added)
        return;
    if (entry->tell_link)
        entry->tell_link = !send_event(s, SL_EVENT_LINK, entry, entry->reason);
    if (entry->tell_broken)
        entry->tell_broken = !send_event(s, SL_EVENT_BROKEN, entry, "");
    if (entry->tell_device)
        entry->tell_device = !send_event(s, SL_EVENT_DEVICE, entry, "");
    if (entry->tell_removed)
        entry->tell_removed = !send_event(s, SL_EVENT_REMOVED, entry, "");
}

static void tell_all(struct sl_subscriber *s)
{
    if (s->tell_trouble)
        s->tell_trouble = !send_event(s, SL_EVENT_RECEIVER, NULL, s->trouble);
    if (s->tell_failure)
        s->tell_failure = !send_event(s, SL_EVENT_FAILED, NULL, s->failure);
    for (int i = 0; i < SL_FEEDS_MAX; i++)
        if (s->entries[i].feed)
            tell_entry(s, &s->entries[i]);
    sl_wake_signal(s->config.main);
}

/* ---- feeds ---- */

static void on_link(void *ctx, enum sl_tile_link link, const char *reason)
{
    static const char *const words[] = {"connecting", "live", "reconnecting"};
    struct entry *entry = ctx;
    sl_info("camera %s: %s%s%s", entry->info.name, words[link], *reason ? ": " : "", reason);
    entry->link = link;
    snprintf(entry->reason, sizeof(entry->reason), "%s", reason);
    entry->tell_link = true;
    tell_all(entry->subscriber);
}

static void on_broken(void *ctx)
{
    struct entry *entry = ctx;
    entry->tell_broken = true;
    tell_all(entry->subscriber);
}

static void on_device(void *ctx, bool away)
{
    struct entry *entry = ctx;
    sl_info("camera %s: its device is %s", entry->info.name, away ? "away" : "there");
    entry->away = away;
    entry->tell_device = true;
    tell_all(entry->subscriber);
}

static void on_refused(void *ctx, const char *reason)
{
    struct entry *entry = ctx;
    entry->refused = true;
    on_link(entry, SL_TILE_LINK_LOST, reason);
}

static void reap(struct sl_subscriber *s, struct entry *entry)
{
    if (!entry->feed || !entry->leaving || !entry->stopped || !entry->released)
        return;
    if (!sl_feed_destroy(entry->feed))
        return;
    if (s->listening == (int)(entry - s->entries))
        s->listening = -1;
    *entry = (struct entry){.subscriber = s};
}

static bool all_stopped(const struct sl_subscriber *s)
{
    for (int i = 0; i < SL_FEEDS_MAX; i++)
        if (s->entries[i].feed && !s->entries[i].stopped)
            return false;
    return true;
}

static void on_stopped(void *ctx)
{
    struct entry *entry = ctx;
    struct sl_subscriber *s = entry->subscriber;
    entry->stopped = true;
    if (s->stopping && all_stopped(s))
        sl_loop_stop(s->loop);
}

static const struct sl_feed_handler feed_handler = {
    .link = on_link,
    .broken = on_broken,
    .device = on_device,
    .refused = on_refused,
    .stopped = on_stopped,
};

static struct entry *free_entry(struct sl_subscriber *s)
{
    for (int i = 0; i < SL_FEEDS_MAX; i++)
        if (!s->entries[i].feed)
            return &s->entries[i];
    return NULL;
}

static void add_feed(struct sl_subscriber *s, const struct sl_camera_info *info)
{
    struct entry *entry = free_entry(s);
    if (!entry)
        return; /* some are still leaving: the next list brings it */
    struct sl_feed_config config = {
        .loop = s->loop,
        .http = s->http,
        .identity = s->config.identity,
        .random = &s->random,
        .epoch = s->epoch,
        .link = s->config.link,
        .via = s->config.via,
        .layer = s->config.layer,
        .latency = s->config.latency,
        .decode = s->config.decode,
        .shown = s->config.main,
        .wanted = &s->wake,
        .gauges = &entry->gauges,
        .sound = s->config.sound,
        .trace = s->config.trace,
        .handler = &feed_handler,
        .ctx = entry,
    };
    memcpy(config.link.camera, info->name, sizeof(config.link.camera));
    entry->info = *info;
    const int error = sl_feed_create(&entry->feed, &config);
    if (error) {
        sl_error("camera %s: no feed: %s", info->name, strerror(-error));
        return;
    }
    entry->tell_added = true;
    tell_all(s);
    sl_feed_start(entry->feed);
}

static void remove_feed(struct entry *entry)
{
    sl_info("camera %s: removed", entry->info.name);
    entry->leaving = true;
    entry->tell_removed = true;
    sl_feed_stop(entry->feed);
}

static struct entry *find_entry(struct sl_subscriber *s, const char *name)
{
    for (int i = 0; i < SL_FEEDS_MAX; i++) {
        struct entry *entry = &s->entries[i];
        if (entry->feed && !entry->leaving && !strcmp(entry->info.name, name))
            return entry;
    }
    return NULL;
}

static const struct sl_camera_info *find_info(const struct sl_camera_list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

/* The receiver says whether the camera is there; its link to us may be up all the same. */
static void follow_state(struct entry *entry, bool live)
{
    entry->info.live = live;
    if (live)
        sl_feed_nudge(entry->feed);
    if (entry->link == SL_TILE_LINK_UP) {
        snprintf(entry->reason, sizeof(entry->reason), "%s", live ? "" : "camera is not live");
        entry->tell_link = true;
    }
}

/* Makes the feeds those of the list. One that was refused gets another chance: its camera may be a
 * new one of the same name. */
static void follow_list(struct sl_subscriber *s, const struct sl_camera_list *list)
{
    for (int i = 0; i < SL_FEEDS_MAX; i++) {
        struct entry *entry = &s->entries[i];
        if (!entry->feed || entry->leaving)
            continue;
        const struct sl_camera_info *info = find_info(list, entry->info.name);
        if (!info || entry->refused || strcmp(info->location, entry->info.location) != 0)
            remove_feed(entry);
    }
    for (int i = 0; i < list->count; i++) {
        const struct sl_camera_info *info = &list->items[i];
        struct entry *entry = find_entry(s, info->name);
        if (!entry)
            add_feed(s, info);
        else if (info->live != entry->info.live)
            follow_state(entry, info->live);
    }
    tell_all(s);
}

/* ---- the list ---- */

static void fail(struct sl_subscriber *s, const char *text)
{
    snprintf(s->failure, sizeof(s->failure), "%s", text);
    s->tell_failure = true;
    tell_all(s);
}

static void set_trouble(struct sl_subscriber *s, const char *text)
{
    if (!strcmp(s->trouble, text) && s->listed)
        return;
    if (*text && strcmp(s->trouble, text) != 0)
        sl_warn(s->listed ? "receiver lost: %s" : "receiver: %s", text);
    else if (!*text && *s->trouble)
        sl_info("receiver is there");
    snprintf(s->trouble, sizeof(s->trouble), "%s", text);
    s->tell_trouble = true;
    tell_all(s);
}

static void take_list(struct sl_subscriber *s, const struct sl_http_response *response)
{
    struct sl_camera_list list;
    char missing[33], text[SL_EVENT_TEXT];
    if (sl_cameras_parse(&list, response->body)) {
        set_trouble(s, "its list of cameras cannot be read");
        (void)sl_timer_set(&s->list_timer, sl_loop_now(s->loop) + LIST_RETRY);
        return;
    }
    if (list.left_out)
        sl_warn("%d cameras are left out: at most %d on a wall", list.left_out, SL_FEEDS_MAX);
    if (sl_cameras_select(&list, s->config.cameras, missing) && !s->listed) {
        snprintf(text, sizeof(text), "camera %s: the receiver has none of that name", missing);
        fail(s, text);
        return;
    }
    set_trouble(s, "");
    s->listed = true;
    snprintf(s->etag, sizeof(s->etag), "%s", response->etag ? response->etag : "");
    follow_list(s, &list);
    (void)sl_timer_set(&s->list_timer, sl_loop_now(s->loop) + LIST_APART);
}

static void on_list(void *ctx, const struct sl_http_response *response)
{
    struct sl_subscriber *s = ctx;
    char text[SL_EVENT_TEXT];
    s->request = NULL;
    if (response->error == -EKEYREJECTED) {
        fail(s, "the receiver's key is not the one the link pins");
    } else if (response->status == 401 || response->status == 403) {
        fail(s, "the receiver refuses the link: its token is not (or no longer) a viewer's");
    } else if (response->status == 200) {
        take_list(s, response);
    } else if (response->status == 304) {
        set_trouble(s, "");
        (void)sl_timer_set(&s->list_timer, sl_loop_now(s->loop) + LIST_APART);
    } else {
        if (response->error)
            snprintf(text, sizeof(text), "%s", response->message);
        else
            snprintf(text, sizeof(text), "it answers with status %d", response->status);
        s->etag[0] = '\0';
        set_trouble(s, text);
        (void)sl_timer_set(&s->list_timer, sl_loop_now(s->loop) + LIST_RETRY);
    }
}

static void ask_for_list(void *ctx, sl_ns now)
{
    struct sl_subscriber *s = ctx;
    char waiting[64];
    snprintf(waiting, sizeof(waiting), "/api/v1/cameras?wait=%d", LIST_WAIT_S);
    const struct sl_http_call call = {
        .method = "GET",
        .host = s->config.link.host,
        .port = s->config.link.port,
        .path = *s->etag ? waiting : "/api/v1/cameras",
        .pin = s->config.link.pin,
        .bearer = s->config.link.token,
        .if_none_match = *s->etag ? s->etag : NULL,
        .timeout = *s->etag ? LIST_TIMEOUT : 5 * SL_SEC,
        .done = on_list,
        .ctx = s,
    };
    if (s->stopping || s->request)
        return;
    const int error = sl_http_start(s->http, &call, &s->request);
    if (error) {
        set_trouble(s, strerror(-error));
        (void)sl_timer_set(&s->list_timer, now + LIST_RETRY);
    }
}

/* ---- the thread ---- */

static void begin_stop(struct sl_subscriber *s)
{
    s->stopping = true;
    sl_timer_clear(&s->list_timer);
    if (s->request)
        sl_http_cancel(s->request);
    s->request = NULL;
    for (int i = 0; i < SL_FEEDS_MAX; i++)
        if (s->entries[i].feed && !s->entries[i].leaving)
            sl_feed_stop(s->entries[i].feed);
    if (all_stopped(s))
        sl_loop_stop(s->loop);
    (void)sl_timer_set(&s->stop_timer, sl_loop_now(s->loop) + STOP_WAIT);
}

static void on_stop_timer(void *ctx, sl_ns now)
{
    (void)now;
    sl_loop_stop(((struct sl_subscriber *)ctx)->loop);
}

static void follow_sound(struct sl_subscriber *s)
{
    const int feed = atomic_load(&s->listen);
    if (feed == s->listening)
        return;
    if (s->listening >= 0 && s->entries[s->listening].feed)
        sl_feed_listen(s->entries[s->listening].feed, false);
    sl_sound_switch(s->config.sound);
    if (feed >= 0 && s->entries[feed].feed)
        sl_feed_listen(s->entries[feed].feed, true);
    s->listening = feed;
}

static void on_wake(void *ctx, uint32_t events)
{
    struct sl_subscriber *s = ctx;
    (void)events;
    sl_wake_clear(&s->wake);
    int feed;
    while (sl_ring_pop(s->releases, &feed))
        s->entries[feed].released = true;
    follow_sound(s);
    const sl_ns now = sl_loop_now(s->loop);
    for (int i = 0; i < SL_FEEDS_MAX; i++) {
        if (s->entries[i].feed && !s->entries[i].leaving)
            sl_feed_attend(s->entries[i].feed, now);
        reap(s, &s->entries[i]);
    }
    if (atomic_load(&s->stop) && !s->stopping)
        begin_stop(s);
}

static void on_measure(void *ctx, sl_ns now)
{
    struct sl_subscriber *s = ctx;
    bool left_to_tell = s->tell_trouble || s->tell_failure;
    for (int i = 0; i < SL_FEEDS_MAX; i++) {
        struct entry *entry = &s->entries[i];
        if (!entry->feed)
            continue;
        sl_feed_measure(entry->feed);
        left_to_tell |= entry->tell_added || entry->tell_link || entry->tell_broken ||
                        entry->tell_device || entry->tell_removed;
        reap(s, entry);
    }
    if (left_to_tell)
        tell_all(s);
    (void)sl_timer_set(&s->measure_timer, now + MEASURE_EVERY);
}

static void *run(void *ctx)
{
    struct sl_subscriber *s = ctx;
    ask_for_list(s, sl_loop_refresh(s->loop));
    on_measure(s, sl_loop_now(s->loop));
    const int error = sl_loop_run(s->loop);
    if (error) {
        sl_error("net: %s", strerror(-error));
        fail(s, "the network thread has ended");
    }
    return NULL;
}

/* ---- main's calls ---- */

static int create_parts(struct sl_subscriber *s)
{
    int error = sl_wake_init(&s->wake);
    if (error) {
        s->wake.fd = -1;
        return error;
    }
    error = sl_loop_create(&s->loop);
    if (!error)
        error = sl_http_create(&s->http, s->loop);
    if (!error)
        error = sl_ring_create(&s->events, EVENTS, sizeof(struct sl_event));
    if (!error)
        error = sl_ring_create(&s->releases, SL_FEEDS_MAX, sizeof(int));
    if (!error)
        error = sl_loop_watch(s->loop, &s->watch, s->wake.fd, EPOLLIN, on_wake, s);
    return error;
}

int sl_subscriber_create(struct sl_subscriber **ret, const struct sl_subscriber_config *config)
{
    struct sl_subscriber *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->config = *config;
    s->epoch = sl_time_epoch();
    atomic_init(&s->listen, -1);
    s->listening = -1;
    sl_random_init_system(&s->random);
    for (int i = 0; i < SL_FEEDS_MAX; i++)
        s->entries[i].subscriber = s;
    const int error = create_parts(s);
    if (error) {
        sl_subscriber_destroy(s);
        return error;
    }
    sl_timer_init(&s->list_timer, s->loop, ask_for_list, s);
    sl_timer_init(&s->measure_timer, s->loop, on_measure, s);
    sl_timer_init(&s->stop_timer, s->loop, on_stop_timer, s);
    *ret = s;
    return 0;
}

int sl_subscriber_start(struct sl_subscriber *s)
{
    const int error = pthread_create(&s->thread, NULL, run, s);
    if (error)
        return -error;
    pthread_setname_np(s->thread, "net");
    s->running = true;
    return 0;
}

bool sl_subscriber_event(struct sl_subscriber *s, struct sl_event *ret)
{
    return sl_ring_pop(s->events, ret);
}

void sl_subscriber_release(struct sl_subscriber *s, int feed)
{
    if (sl_ring_push(s->releases, &feed)) /* there is room for all feeds */
        sl_wake_signal(&s->wake);
}

void sl_subscriber_listen(struct sl_subscriber *s, int feed)
{
    atomic_store(&s->listen, feed);
    sl_wake_signal(&s->wake);
}

void sl_subscriber_stop(struct sl_subscriber *s)
{
    if (!s || !s->running)
        return;
    atomic_store(&s->stop, true);
    sl_wake_signal(&s->wake);
    pthread_join(s->thread, NULL);
    s->running = false;
}

void sl_subscriber_destroy(struct sl_subscriber *s)
{
    if (!s)
        return;
    for (int i = 0; i < SL_FEEDS_MAX; i++)
        while (!sl_feed_destroy(s->entries[i].feed))
            sched_yield(); /* a worker finishes its last unit */
    if (s->loop)
        sl_loop_unwatch(&s->watch);
    sl_http_destroy(s->http);
    sl_loop_destroy(s->loop);
    sl_ring_destroy(s->events);
    sl_ring_destroy(s->releases);
    sl_wake_fini(&s->wake);
    free(s);
}
