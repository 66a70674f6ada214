/* SPDX-License-Identifier: MIT */
#include "bench/impair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/option.h"
#include "base/time.h"
#include "net/loop.h"

#define DATAGRAM_MAX 2048
#define WAITING_MAX 16384
#define BATCH 64 /* datagrams read from a socket before others have their turn */
#define SOCKET_BYTES (4 << 20)

_Static_assert(SL_IMPAIRMENT_SPANS == 16, "as wanted_of() says");

struct client {
    struct sl_impair *impair;
    struct sl_watch watch; /* of its socket towards the target */
    struct sockaddr_in addr;
    uint32_t generation; /* counts the users of this place */
    bool used;
    sl_ns last;
};

struct waiting {
    sl_ns due;
    uint64_t serial; /* equal times leave in the order of arrival */
    uint32_t generation;
    uint16_t client;
    uint16_t len;
    uint8_t direction;
    uint8_t data[DATAGRAM_MAX];
};

struct sl_impair {
    struct sl_loop *loop;
    struct sl_watch watch; /* of the listening socket */
    struct sl_timer timer;
    int fd;
    uint16_t port;
    struct sockaddr_in target;
    struct sl_impairment link[SL_IMPAIR_DIRECTIONS];
    struct sl_impair_stats stats[SL_IMPAIR_DIRECTIONS];
    uint64_t evicted;
    uint64_t serial;
    struct client clients[SL_IMPAIR_CLIENTS_MAX];
    struct waiting **heap; /* from 1; above `waiting_count` are the free ones */
    struct waiting *pool;
    uint32_t waiting_count;
};

/* ---- What waits for its time ---- */

static bool before(const struct waiting *a, const struct waiting *b)
{
    return a->due < b->due || (a->due == b->due && a->serial < b->serial);
}

static void swap(struct waiting **a, struct waiting **b)
{
    struct waiting *kept = *a;
    *a = *b;
    *b = kept;
}

static void heap_up(struct waiting **heap, uint32_t index)
{
    for (; index > 1 && before(heap[index], heap[index / 2]); index /= 2)
        swap(&heap[index], &heap[index / 2]);
}

static void heap_down(struct waiting **heap, uint32_t count)
{
    for (uint32_t index = 1;;) {
        uint32_t least = index;
        for (uint32_t child = index * 2; child <= index * 2 + 1 && child <= count; child++)
            if (before(heap[child], heap[least]))
                least = child;
        if (least == index)
            return;
        swap(&heap[index], &heap[least]);
        index = least;
    }
}

static void deliver(struct sl_impair *impair, const struct waiting *packet)
{
    struct sl_impair_stats *stats = &impair->stats[packet->direction];
    const struct client *client = &impair->clients[packet->client];
    ssize_t sent = -1;
    if (client->used && client->generation == packet->generation) {
        if (packet->direction == SL_IMPAIR_UP)
            sent = send(client->watch.fd, packet->data, packet->len, MSG_DONTWAIT);
        else
            sent = sendto(impair->fd, packet->data, packet->len, MSG_DONTWAIT,
                          (const struct sockaddr *)&client->addr, sizeof(client->addr));
    }
    if (sent < 0) {
        stats->undelivered++;
        return;
    }
    stats->forwarded++;
    stats->forwarded_bytes += packet->len;
}

static void deliver_due(struct sl_impair *impair, sl_ns now)
{
    struct waiting **heap = impair->heap;
    while (impair->waiting_count && heap[1]->due <= now) {
        struct waiting *packet = heap[1];
        deliver(impair, packet);
        impair->stats[packet->direction].waiting--;
        swap(&heap[1], &heap[impair->waiting_count--]);
        heap_down(heap, impair->waiting_count);
    }
    sl_timer_set(&impair->timer, impair->waiting_count ? heap[1]->due : SL_NEVER);
}

static void timer_fired(void *ctx, sl_ns now)
{
    (void)now;
    struct sl_impair *impair = ctx;
    deliver_due(impair, sl_loop_refresh(impair->loop));
}

static void hold(struct sl_impair *impair, enum sl_impair_direction direction,
                 const struct client *client, const uint8_t *data, size_t len, sl_ns due)
{
    struct sl_impair_stats *stats = &impair->stats[direction];
    if (impair->waiting_count == WAITING_MAX || len > DATAGRAM_MAX) {
        stats->undelivered++;
        return;
    }
    struct waiting *packet = impair->heap[++impair->waiting_count];
    packet->due = due;
    packet->serial = impair->serial++;
    packet->client = (uint16_t)(client - impair->clients);
    packet->generation = client->generation;
    packet->direction = (uint8_t)direction;
    packet->len = (uint16_t)len;
    memcpy(packet->data, data, len);
    heap_up(impair->heap, impair->waiting_count);
    stats->waiting++;
}

/* `len` may be more than there is room for: then only that much of `data` is there. */
static void take(struct sl_impair *impair, enum sl_impair_direction direction,
                 struct client *client, const uint8_t *data, size_t len)
{
    const sl_ns now = sl_loop_now(impair->loop);
    client->last = now;
    impair->stats[direction].received_bytes += len;
    const struct sl_impairment_verdict verdict =
        sl_impairment_decide(&impair->link[direction], now, len);
    for (int i = 0; i < verdict.copies; i++)
        hold(impair, direction, client, data, len, verdict.due[i]);
}

/* ---- Clients ---- */

/* Datagrams for which the socket had no room. */
static uint64_t overflow_of(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof(info);
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

static void client_close(struct client *client)
{
    if (!client->used)
        return;
    client->impair->stats[SL_IMPAIR_DOWN].overflowed += overflow_of(client->watch.fd);
    sl_loop_unwatch(&client->watch);
    close(client->watch.fd);
    client->used = false;
    client->generation++;
}

static void read_target(void *ctx, uint32_t events)
{
    (void)events;
    struct client *client = ctx;
    uint8_t data[DATAGRAM_MAX];
    for (int i = 0; i < BATCH; i++) {
        /* ECONNREFUSED: the target is not there yet, or gone. The error is taken by reading it. */
        const ssize_t len = recv(client->watch.fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC);
        if (len >= 0)
            take(client->impair, SL_IMPAIR_DOWN, client, data, (size_t)len);
        else if (errno != ECONNREFUSED)
            break;
    }
    deliver_due(client->impair, sl_loop_now(client->impair->loop));
}

static int udp_socket(const struct sockaddr_in *bind_to, const struct sockaddr_in *connect_to)
{
    const int bytes = SOCKET_BYTES;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if ((bind_to && bind(fd, (const struct sockaddr *)bind_to, sizeof(*bind_to)) != 0) ||
        (connect_to &&
         connect(fd, (const struct sockaddr *)connect_to, sizeof(*connect_to)) != 0)) {
        const int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

static struct client *free_place(struct sl_impair *impair)
{
    struct client *oldest = &impair->clients[0];
    for (int i = 0; i < SL_IMPAIR_CLIENTS_MAX; i++) {
        struct client *client = &impair->clients[i];
        if (!client->used)
            return client;
        if (client->last < oldest->last)
            oldest = client;
    }
    client_close(oldest);
    impair->evicted++;
    return oldest;
}

static struct client *find_client(struct sl_impair *impair, const struct sockaddr_in *addr)
{
    for (int i = 0; i < SL_IMPAIR_CLIENTS_MAX; i++) {
        struct client *client = &impair->clients[i];
        if (client->used && client->addr.sin_port == addr->sin_port &&
            client->addr.sin_addr.s_addr == addr->sin_addr.s_addr)
            return client;
    }
    const int fd = udp_socket(NULL, &impair->target);
    if (fd < 0)
        return NULL;
    struct client *client = free_place(impair);
    if (sl_loop_watch(impair->loop, &client->watch, fd, EPOLLIN, read_target, client) != 0) {
        close(fd);
        return NULL;
    }
    client->impair = impair;
    client->addr = *addr;
    client->used = true;
    return client;
}

static void read_clients(void *ctx, uint32_t events)
{
    (void)events;
    struct sl_impair *impair = ctx;
    uint8_t data[DATAGRAM_MAX];
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        const ssize_t len = recvfrom(impair->fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC,
                                     (struct sockaddr *)&from, &from_len);
        if (len < 0)
            break;
        struct client *client = find_client(impair, &from);
        if (client)
            take(impair, SL_IMPAIR_UP, client, data, (size_t)len);
    }
    deliver_due(impair, sl_loop_now(impair->loop));
}

/* ---- Life ---- */

static int open_listener(struct sl_impair *impair, uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in bound;
    socklen_t len = sizeof(bound);
    impair->fd = udp_socket(&at, NULL);
    if (impair->fd < 0)
        return impair->fd;
    if (getsockname(impair->fd, (struct sockaddr *)&bound, &len) != 0)
        return -errno;
    impair->port = ntohs(bound.sin_port);
    return sl_loop_watch(impair->loop, &impair->watch, impair->fd, EPOLLIN, read_clients, impair);
}

int sl_impair_create(struct sl_impair **ret, struct sl_loop *loop,
                     const struct sl_impair_config *config)
{
    struct sl_impair *impair = calloc(1, sizeof(*impair));
    if (!impair)
        return -ENOMEM;
    impair->fd = -1;
    impair->loop = loop;
    impair->target = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons(config->target_port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    impair->pool = calloc(WAITING_MAX, sizeof(*impair->pool));
    impair->heap = calloc(WAITING_MAX + 1, sizeof(struct waiting *));
    int err = impair->pool && impair->heap ? open_listener(impair, config->listen_port) : -ENOMEM;
    if (err != 0) {
        sl_impair_destroy(impair);
        return err;
    }
    for (uint32_t i = 0; i < WAITING_MAX; i++)
        impair->heap[i + 1] = &impair->pool[i];
    for (int i = 0; i < SL_IMPAIR_DIRECTIONS; i++)
        sl_impairment_init(&impair->link[i], &config->direction[i], sl_time_now());
    sl_timer_init(&impair->timer, loop, timer_fired, impair);
    *ret = impair;
    return 0;
}

void sl_impair_destroy(struct sl_impair *impair)
{
    if (!impair)
        return;
    sl_timer_clear(&impair->timer);
    for (int i = 0; i < SL_IMPAIR_CLIENTS_MAX; i++)
        client_close(&impair->clients[i]);
    sl_loop_unwatch(&impair->watch);
    if (impair->fd >= 0)
        close(impair->fd);
    free(impair->heap);
    free(impair->pool);
    free(impair);
}

uint16_t sl_impair_port(const struct sl_impair *impair)
{
    return impair->port;
}

void sl_impair_stats(const struct sl_impair *impair, enum sl_impair_direction direction,
                     struct sl_impair_stats *ret)
{
    *ret = impair->stats[direction];
    ret->link = impair->link[direction].stats;
    if (direction == SL_IMPAIR_UP)
        ret->overflowed = overflow_of(impair->fd);
    else
        for (int i = 0; i < SL_IMPAIR_CLIENTS_MAX; i++)
            if (impair->clients[i].used)
                ret->overflowed += overflow_of(impair->clients[i].watch.fd);
}

uint64_t sl_impair_evicted(const struct sl_impair *impair)
{
    return impair->evicted;
}

/* ---- Command ---- */

static int parse_port(const char *text, int64_t min, uint16_t *ret)
{
    int64_t value;
    if (sl_parse_int(text, min, 65535, &value) != 0)
        return -EINVAL;
    *ret = (uint16_t)value;
    return 0;
}

/* What a word is about: "up.loss=5" one direction, "loss=5" those of `dir`. */
static int word_direction(const char *word, const char **rest)
{
    *rest = word;
    if (strncmp(word, "up.", 3) == 0) {
        *rest = word + 3;
        return SL_IMPAIR_UP;
    }
    if (strncmp(word, "down.", 5) == 0) {
        *rest = word + 5;
        return SL_IMPAIR_DOWN;
    }
    return -1;
}

static int parse_dir(const char *value, bool applies[SL_IMPAIR_DIRECTIONS])
{
    const bool up = strcmp(value, "up") == 0, down = strcmp(value, "down") == 0;
    if (!up && !down && strcmp(value, "both") != 0)
        return -EINVAL;
    applies[SL_IMPAIR_UP] = !down;
    applies[SL_IMPAIR_DOWN] = !up;
    return 0;
}

static int refuse(FILE *err, const char *word, const char *wanted)
{
    fprintf(err, "sightline-bench impair: got '%s', wanted %s\n", word, wanted);
    return -EINVAL;
}

static const char *wanted_of(const char *word, int bad)
{
    if (bad == -E2BIG)
        return "at most 16 outages and squeezes of a direction";
    if (bad != -EINVAL)
        return "loss= burst= delay= jitter= dup= rate= queue= outage= squeeze= seed= dir=, or one "
               "of these after up. or down.";
    if (strncmp(word, "outage=", 7) == 0)
        return "START,LEN: two numbers of seconds";
    if (strncmp(word, "squeeze=", 8) == 0)
        return "START,LEN,KBIT: two numbers of seconds, and kbit/s from 1 on";
    return "a number in range";
}

/* The words about one direction; what the other's are is looked at in its turn. */
static int parse_direction(struct sl_impair_config *config, int direction, bool applies,
                           const char *const *words, int count, FILE *err)
{
    struct sl_impairment_config *link = &config->direction[direction];
    *link = sl_impairment_config_default();
    for (int own = 0; own < 2; own++) { /* those of its own over those of both */
        for (int i = 0; i < count; i++) {
            const char *word;
            const int about = word_direction(words[i], &word);
            if (own ? about != direction : about >= 0)
                continue;
            if (about < 0 && strncmp(word, "dir=", 4) == 0)
                continue;
            struct sl_impairment_config scratch = *link; /* checked, if not wanted */
            const bool seed = strncmp(word, "seed=", 5) == 0;
            const int bad =
                sl_impairment_config_set(own || applies || seed ? link : &scratch, word);
            if (bad != 0)
                return refuse(err, words[i], wanted_of(word, bad));
        }
    }
    if (sl_impairment_config_check(link) != 0) {
        fprintf(err, "sightline-bench impair: %g %% loss comes in bursts of %g or more\n",
                link->loss * 100, link->loss / (1 - link->loss));
        return -EINVAL;
    }
    return 0;
}

int sl_impair_parse(struct sl_impair_config *ret, const char *const *words, int count, FILE *err)
{
    struct sl_impair_config config = {.listen_port = 0};
    bool applies[SL_IMPAIR_DIRECTIONS] = {true, true};
    if (count < 2 || parse_port(words[0], 0, &config.listen_port) != 0 ||
        parse_port(words[1], 1, &config.target_port) != 0) {
        fprintf(err, "sightline-bench impair: wanted LISTEN_PORT TARGET_PORT [NAME=VALUE]...\n");
        return -EINVAL;
    }
    words += 2;
    count -= 2;
    for (int i = 0; i < count; i++)
        if (strncmp(words[i], "dir=", 4) == 0 && parse_dir(words[i] + 4, applies) != 0)
            return refuse(err, words[i], "dir=both, up or down");
    for (int i = 0; i < SL_IMPAIR_DIRECTIONS; i++) {
        const int bad = parse_direction(&config, i, applies[i], words, count, err);
        if (bad != 0)
            return bad;
    }
    /* Or both directions would lose the same packets of the same count. */
    config.direction[SL_IMPAIR_DOWN].seed = ~config.direction[SL_IMPAIR_DOWN].seed;
    *ret = config;
    return 0;
}

static void print_tally(const struct sl_impair *impair, FILE *out)
{
    static const char *const names[] = {"up", "down"};
    for (int i = 0; i < SL_IMPAIR_DIRECTIONS; i++) {
        struct sl_impair_stats s;
        sl_impair_stats(impair, (enum sl_impair_direction)i, &s);
        fprintf(out,
                "%s received %" PRIu64 " forwarded %" PRIu64 " lost %" PRIu64 " duplicated %" PRIu64
                " queue-dropped %" PRIu64 " outage-dropped %" PRIu64 " undelivered %" PRIu64
                " waiting %" PRIu64 " received-bytes %" PRIu64 " forwarded-bytes %" PRIu64
                " overflowed %" PRIu64 "\n",
                names[i], s.link.received, s.forwarded, s.link.lost, s.link.duplicated,
                s.link.queue_dropped, s.link.outage_dropped, s.undelivered, s.waiting,
                s.received_bytes, s.forwarded_bytes, s.overflowed);
    }
    if (impair->evicted)
        fprintf(out, "clients evicted %" PRIu64 "\n", impair->evicted);
    fflush(out);
}

struct asked {
    struct sl_watch watch; /* of stdin */
    const struct sl_impair *impair;
};

/* Each line asks for the tally, whatever it says. */
static void read_asked(void *ctx, uint32_t events)
{
    (void)events;
    struct asked *asked = ctx;
    char text[256];
    const ssize_t len = read(asked->watch.fd, text, sizeof(text));
    if (len <= 0)
        sl_loop_unwatch(&asked->watch);
    for (ssize_t i = 0; i < len; i++)
        if (text[i] == '\n')
            print_tally(asked->impair, stdout);
}

static int run(struct sl_loop *loop, const struct sl_impair *impair)
{
    struct asked asked = {.impair = impair};
    /* A file or /dev/null cannot be watched; reading a terminal may stop a process in the
     * background. Then nobody asks. */
    const int watched = isatty(STDIN_FILENO) ? -ENOTSUP
                                             : sl_loop_watch(loop, &asked.watch, STDIN_FILENO,
                                                             EPOLLIN, read_asked, &asked);
    printf("ready %u\n", sl_impair_port(impair));
    fflush(stdout);
    const int err = sl_loop_run(loop);
    if (watched == 0)
        sl_loop_unwatch(&asked.watch);
    print_tally(impair, stdout);
    return err;
}

int sl_impair_main(const char *const *words, int count)
{
    struct sl_impair_config config;
    if (sl_impair_parse(&config, words, count, stderr) != 0)
        return 2;
    struct sl_loop *loop = NULL;
    struct sl_impair *impair = NULL;
    prctl(PR_SET_TIMERSLACK, 1); /* 50 us are much of a delay of 1 ms */
    int err = sl_loop_create(&loop);
    if (err == 0)
        err = sl_loop_stop_on_signals(loop);
    if (err == 0)
        err = sl_impair_create(&impair, loop, &config);
    if (err == 0)
        err = run(loop, impair);
    if (err != 0)
        fprintf(stderr, "sightline-bench impair: port %u: %s\n", config.listen_port,
                strerror(-err));
    sl_impair_destroy(impair);
    sl_loop_destroy(loop);
    return err ? 1 : 0;
}
