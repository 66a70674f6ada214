/* SPDX-License-Identifier: MIT */
#include "net/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define BUFFER_DEFAULT (4 << 20)
#define RECEIVE_BATCH 16
#define RECEIVE_BYTES 65536 /* a coalesced run is at most 64 KiB */
#define SEND_BATCH 256      /* datagrams */
#define RUN_MAX 64          /* UDP_MAX_SEGMENTS of kernels before 6.9 */
#define RUN_BYTES 65000     /* below 65535 minus IP and UDP headers */
#define TABLE_SIZE 512      /* of runs by path; a power of two above SEND_BATCH */
#define CONTROL_BYTES 256
#define STAMP_NEW                                                                                  \
    SL_MS                /* after it was read: the clocks are not compared more exactly than that  \
                          */
#define STAMP_OLD SL_SEC /* before the socket was empty: nothing that is read now is that old */
#define NONE UINT16_MAX

/* A datagram that waits, in a chain with the rest of its run. */
struct slot {
    uint16_t len;
    uint16_t next;
};

/* Datagrams of one size to one path (the last may be shorter): one GSO message. */
struct run {
    struct sl_path path;
    uint32_t bytes;
    uint16_t segment;
    uint16_t count;
    uint16_t first, last;
    bool closed;
};

struct sl_udp {
    int fd;
    struct sl_addr local;
    bool gso;
    uint32_t drops_seen;
    struct sl_udp_stats stats;

    sl_ns read_at, epoch; /* of this read: monotonic, and what the wall clock is ahead of that */
    sl_ns empty_at;       /* when the socket was, of late */
    sl_ns arrival;        /* of the message before */

    struct mmsghdr in[RECEIVE_BATCH];
    struct iovec in_iov[RECEIVE_BATCH];
    struct sockaddr_in6 in_name[RECEIVE_BATCH];
    _Alignas(8) uint8_t in_control[RECEIVE_BATCH][CONTROL_BYTES];
    uint8_t *in_data; /* RECEIVE_BATCH x RECEIVE_BYTES */

    uint16_t slot_count, run_count;
    struct slot slots[SEND_BATCH];
    struct run runs[SEND_BATCH];
    uint16_t table[TABLE_SIZE]; /* the newest run of a path, or NONE */
    struct mmsghdr out[SEND_BATCH];
    uint16_t out_run[SEND_BATCH];
    struct iovec out_iov[SEND_BATCH];
    struct sockaddr_in6 out_name[SEND_BATCH];
    _Alignas(8) uint8_t out_control[SEND_BATCH][CONTROL_BYTES];
    uint8_t (*out_data)[SL_UDP_DATAGRAM_MAX]; /* SEND_BATCH of them */
};

/* ---- Opening ---- */

static void set_int(int fd, int level, int name, int value)
{
    /* Optional each: an old kernel merely lacks the gain. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_buffer(int fd, int force, int plain, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) != 0)
        set_int(fd, SOL_SOCKET, plain, bytes);
}

static int set_options(int fd, int family, const struct sl_udp_config *config)
{
    const int on = 1;
    if (family == AF_INET6) {
        const int off = 0;
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0 ||
            setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) != 0)
            return -errno;
        set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    } else if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0) {
        return -errno;
    }
    /* Sets DF, and unlike PMTUDISC_DO does not believe an ICMP message that anyone may forge. */
    set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    set_int(fd, IPPROTO_UDP, UDP_GRO, 1);
    set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF,
               config->receive_bytes ? config->receive_bytes : BUFFER_DEFAULT);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF,
               config->send_bytes ? config->send_bytes : BUFFER_DEFAULT);
    return 0;
}

static int open_socket(struct sl_udp *udp, const struct sl_udp_config *config)
{
    const int family = config->bind.sa.sa_family;
    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    udp->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0)
        return -errno;
    const int err = set_options(udp->fd, family, config);
    if (err != 0)
        return err;
    if (bind(udp->fd, &config->bind.sa, sl_addr_len(&config->bind)) != 0)
        return -errno;
    socklen_t len = sizeof(udp->local);
    if (getsockname(udp->fd, &udp->local.sa, &len) != 0)
        return -errno;
    const int zero = 0; /* as a socket option it is the default; asks only whether it exists */
    udp->gso = setsockopt(udp->fd, IPPROTO_UDP, UDP_SEGMENT, &zero, sizeof(zero)) == 0;
    return 0;
}

static void prepare_receive(struct sl_udp *udp)
{
    for (int i = 0; i < RECEIVE_BATCH; i++) {
        udp->in_iov[i] = (struct iovec){.iov_base = udp->in_data + (size_t)i * RECEIVE_BYTES,
                                        .iov_len = RECEIVE_BYTES};
        udp->in[i].msg_hdr = (struct msghdr){.msg_name = &udp->in_name[i],
                                             .msg_iov = &udp->in_iov[i],
                                             .msg_iovlen = 1,
                                             .msg_control = udp->in_control[i]};
    }
}

int sl_udp_open(struct sl_udp **ret, const struct sl_udp_config *config)
{
    struct sl_udp *udp = calloc(1, sizeof(*udp));
    if (!udp)
        return -ENOMEM;
    udp->fd = -1;
    udp->in_data = malloc((size_t)RECEIVE_BATCH * RECEIVE_BYTES);
    udp->out_data = malloc(SEND_BATCH * sizeof(*udp->out_data));
    const int err = udp->in_data && udp->out_data ? open_socket(udp, config) : -ENOMEM;
    if (err != 0) {
        sl_udp_close(udp);
        return err;
    }
    prepare_receive(udp);
    udp->empty_at = sl_time_now();
    memset(udp->table, 0xff, sizeof(udp->table));
    *ret = udp;
    return 0;
}

void sl_udp_close(struct sl_udp *udp)
{
    if (!udp)
        return;
    if (udp->fd >= 0)
        close(udp->fd);
    free(udp->in_data);
    free(udp->out_data);
    free(udp);
}

int sl_udp_fd(const struct sl_udp *udp)
{
    return udp->fd;
}

struct sl_addr sl_udp_local(const struct sl_udp *udp)
{
    return udp->local;
}

/* ---- Receiving ---- */

static void read_local(struct sl_addr *local, struct cmsghdr *cmsg)
{
    if (cmsg->cmsg_level == IPPROTO_IP) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
        local->in.sin_family = AF_INET;
        local->in.sin_addr = info.ipi_spec_dst;
        return;
    }
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
    const struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6,
        .sin6_addr = info.ipi6_addr,
        .sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0,
    };
    (void)!sl_addr_from_sockaddr(local, (const struct sockaddr *)&in6, sizeof(in6));
}

/* What the kernel says besides. */
struct control {
    struct sl_addr local;
    size_t segment; /* of what it has put together; 0: one datagram */
    sl_ns stamp;    /* wall clock; 0: none */
};

static void read_control(struct sl_udp *udp, struct msghdr *msg, struct control *ret)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)) {
            read_local(&ret->local, c);
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int value;
            memcpy(&value, CMSG_DATA(c), sizeof(value));
            ret->segment = value > 0 ? (size_t)value : 0;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec ts;
            memcpy(&ts, CMSG_DATA(c), sizeof(ts));
            ret->stamp = (sl_ns)ts.tv_sec * SL_SEC + ts.tv_nsec;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t total;
            memcpy(&total, CMSG_DATA(c), sizeof(total));
            udp->stats.kernel_drops +=
                total - udp->drops_seen; /* a counter of 32 bits that wraps */
            udp->drops_seen = total;
        }
    }
}

static sl_ns arrival_of(struct sl_udp *udp, sl_ns stamp)
{
    sl_ns arrival = stamp - udp->epoch;
    if (!stamp || arrival > udp->read_at + STAMP_NEW || arrival < udp->empty_at - STAMP_OLD) {
        udp->stats.unstamped++;
        arrival = udp->read_at;
    }
    arrival = arrival < udp->read_at ? arrival : udp->read_at;
    udp->arrival = arrival > udp->arrival ? arrival : udp->arrival;
    return udp->arrival;
}

/* Splits one message into its datagrams. Returns how many were given. */
static int give_message(struct sl_udp *udp, int index, sl_udp_receive_fn *receive, void *ctx)
{
    struct msghdr *msg = &udp->in[index].msg_hdr;
    struct control control = {.local.sa.sa_family = AF_UNSPEC};
    read_control(udp, msg, &control);
    if (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        udp->stats.truncated++;
        return 0;
    }
    struct sl_path path = {.local = control.local};
    if (sl_addr_from_sockaddr(&path.remote, msg->msg_name, msg->msg_namelen) != 0)
        return 0;
    const sl_ns arrival = arrival_of(udp, control.stamp);
    uint8_t *at = udp->in_iov[index].iov_base;
    size_t left = udp->in[index].msg_len;
    int given = 0;
    do { /* an empty datagram is one, too */
        const size_t len = control.segment && control.segment < left ? control.segment : left;
        if (len > SL_UDP_DATAGRAM_MAX) {
            udp->stats.oversized++;
        } else {
            udp->stats.received++;
            udp->stats.received_bytes += len;
            given++;
            receive(ctx, &path, arrival, at, len);
        }
        at += len;
        left -= len;
    } while (left);
    return given;
}

/* What an ICMP message about some earlier datagram may leave on a socket: not about this call. */
static bool is_echo_of_icmp(int err)
{
    return err == ECONNREFUSED || err == EHOSTUNREACH || err == ENETUNREACH || err == EPROTO ||
           err == ENOPROTOOPT || err == EHOSTDOWN;
}

static void note_read(struct sl_udp *udp)
{
    udp->epoch = sl_time_epoch();
    udp->read_at = sl_time_now();
}

int sl_udp_receive(struct sl_udp *udp, int max, sl_udp_receive_fn *receive, void *ctx)
{
    int given = 0;
    int tries = RECEIVE_BATCH; /* bounds the errors we step over */
    while (given < max) {
        const unsigned want = (unsigned)(max - given < RECEIVE_BATCH ? max - given : RECEIVE_BATCH);
        for (unsigned i = 0; i < want; i++) {
            udp->in[i].msg_hdr.msg_namelen = sizeof(udp->in_name[i]);
            udp->in[i].msg_hdr.msg_controllen = CONTROL_BYTES;
        }
        const int got = recvmmsg(udp->fd, udp->in, want, MSG_DONTWAIT, NULL);
        udp->stats.received_calls++;
        if (got < 0) {
            if ((errno == EINTR || is_echo_of_icmp(errno)) && tries-- > 0)
                continue;
            return errno == EAGAIN || is_echo_of_icmp(errno) ? given : -errno;
        }
        note_read(udp);
        for (int i = 0; i < got; i++)
            given += give_message(udp, i, receive, ctx);
        if ((unsigned)got < want) {
            udp->empty_at = udp->read_at;
            break;
        }
    }
    return given;
}

/* ---- Sending ---- */

static uint32_t table_start(const struct sl_path *path)
{
    uint32_t hash = sl_addr_hash(&path->remote);
    if (sl_addr_is_set(&path->local))
        hash ^= sl_addr_hash(&path->local) * 31;
    return hash & (TABLE_SIZE - 1);
}

static bool same_path(const struct sl_path *a, const struct sl_path *b)
{
    return sl_addr_equal(&a->remote, &b->remote) && sl_addr_same_host(&a->local, &b->local);
}

/* Where the newest run of `path` is noted, or ought to be. */
static uint16_t *table_find(struct sl_udp *udp, const struct sl_path *path)
{
    uint32_t at = table_start(path);
    while (udp->table[at] != NONE && !same_path(&udp->runs[udp->table[at]].path, path))
        at = (at + 1) & (TABLE_SIZE - 1);
    return &udp->table[at];
}

static bool fits(const struct run *run, size_t len)
{
    return !run->closed && run->count < RUN_MAX && len <= run->segment && len > 0 &&
           run->bytes + len <= RUN_BYTES;
}

static void append(struct sl_udp *udp, const struct sl_path *path, uint16_t slot, uint16_t len)
{
    uint16_t *noted = table_find(udp, path);
    struct run *run = *noted != NONE ? &udp->runs[*noted] : NULL;
    if (run && fits(run, len)) {
        udp->slots[run->last].next = slot;
    } else {
        *noted = udp->run_count++;
        run = &udp->runs[*noted];
        *run = (struct run){.path = *path, .segment = len, .first = slot};
    }
    run->last = slot;
    run->count++;
    run->bytes += len;
    run->closed = len < run->segment || len == 0;
}

int sl_udp_send(struct sl_udp *udp, const struct sl_path *path, const void *data, size_t len)
{
    if (len > SL_UDP_DATAGRAM_MAX)
        return -EMSGSIZE;
    const int family = path->remote.sa.sa_family;
    if (family != AF_INET && (family != AF_INET6 || udp->local.sa.sa_family != AF_INET6))
        return -EAFNOSUPPORT;
    if (udp->slot_count == SEND_BATCH)
        sl_udp_flush(udp);
    const uint16_t slot = udp->slot_count++;
    if (len)
        memcpy(udp->out_data[slot], data, len);
    udp->slots[slot] = (struct slot){.len = (uint16_t)len, .next = NONE};
    append(udp, path, slot, (uint16_t)len);
    udp->stats.queued++;
    return 0;
}

/* The address in the form of our socket's family. */
static socklen_t write_name(const struct sl_udp *udp, struct sockaddr_in6 *name,
                            const struct sl_addr *addr)
{
    if (udp->local.sa.sa_family == AF_INET || addr->sa.sa_family == AF_INET6) {
        memcpy(name, addr, sl_addr_len(addr));
        return sl_addr_len(addr);
    }
    *name = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = addr->in.sin_port};
    name->sin6_addr.s6_addr[10] = name->sin6_addr.s6_addr[11] = 0xff;
    memcpy(name->sin6_addr.s6_addr + 12, &addr->in.sin_addr, 4);
    return sizeof(*name);
}

static size_t put_control(uint8_t *control, size_t at, int level, int type, const void *data,
                          size_t len)
{
    struct cmsghdr *cmsg = (struct cmsghdr *)(void *)(control + at);
    memset(cmsg, 0, CMSG_SPACE(len));
    cmsg->cmsg_level = level;
    cmsg->cmsg_type = type;
    cmsg->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(cmsg), data, len);
    return at + CMSG_SPACE(len);
}

static size_t write_control(const struct sl_udp *udp, uint8_t *control, const struct sl_addr *local,
                            uint16_t segment)
{
    size_t at = 0;
    if (sl_addr_is_set(local) && udp->local.sa.sa_family == AF_INET) {
        const struct in_pktinfo info = {.ipi_spec_dst = local->in.sin_addr};
        at = put_control(control, at, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else if (sl_addr_is_set(local)) {
        struct sockaddr_in6 name;
        write_name(udp, &name, local);
        const struct in6_pktinfo info = {.ipi6_addr = name.sin6_addr,
                                         .ipi6_ifindex = name.sin6_scope_id};
        at = put_control(control, at, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    if (segment)
        at = put_control(control, at, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    return at;
}

/* One message of `count` datagrams from `slot` on. Returns the slot after them. */
static uint16_t add_message(struct sl_udp *udp, int index, int *iov_at, uint16_t run_index,
                            uint16_t slot, uint16_t count)
{
    const struct run *run = &udp->runs[run_index];
    struct msghdr *msg = &udp->out[index].msg_hdr;
    *msg = (struct msghdr){
        .msg_name = &udp->out_name[index], .msg_iov = &udp->out_iov[*iov_at], .msg_iovlen = count};
    msg->msg_namelen = write_name(udp, &udp->out_name[index], &run->path.remote);
    msg->msg_controllen =
        write_control(udp, udp->out_control[index], &run->path.local, count > 1 ? run->segment : 0);
    msg->msg_control = msg->msg_controllen ? udp->out_control[index] : NULL;
    udp->out_run[index] = run_index;
    for (uint16_t i = 0; i < count; i++) {
        udp->out_iov[(*iov_at)++] =
            (struct iovec){.iov_base = udp->out_data[slot], .iov_len = udp->slots[slot].len};
        slot = udp->slots[slot].next;
    }
    return slot;
}

static int build_messages(struct sl_udp *udp, int run_from)
{
    int count = 0, iov_at = 0;
    for (int i = run_from; i < udp->run_count; i++) {
        const struct run *run = &udp->runs[i];
        uint16_t slot = run->first;
        const uint16_t step = udp->gso ? run->count : 1;
        for (uint16_t done = 0; done < run->count; done = (uint16_t)(done + step))
            slot = add_message(udp, count++, &iov_at, (uint16_t)i, slot, step);
    }
    return count;
}

static void count_sent(struct sl_udp *udp, int from, int to)
{
    for (int i = from; i < to; i++) {
        udp->stats.sent += udp->out[i].msg_hdr.msg_iovlen;
        udp->stats.sent_bytes += udp->out[i].msg_len;
    }
}

static void count_failed(struct sl_udp *udp, int from, int to)
{
    for (int i = from; i < to; i++)
        udp->stats.send_failed += udp->out[i].msg_hdr.msg_iovlen;
}

/* Sends all messages, or up to one whose segmentation the kernel refuses: returns its run, or -1.
 */
static int send_messages(struct sl_udp *udp, int count)
{
    bool again = true;
    for (int at = 0; at < count;) {
        const int got = sendmmsg(udp->fd, udp->out + at, (unsigned)(count - at), 0);
        udp->stats.send_calls++;
        if (got > 0) {
            count_sent(udp, at, at + got);
            at += got;
            again = true;
        } else if (errno == EINTR) {
            continue;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            /* Full: what waits only grows older, and repair will ask for what matters. */
            count_failed(udp, at, count);
            return -1;
        } else if ((errno == EIO || errno == EINVAL) && udp->out[at].msg_hdr.msg_iovlen > 1) {
            udp->gso = false;
            return udp->out_run[at];
        } else if (errno == ECONNREFUSED && again) {
            again = false;
        } else { /* nobody there, no route, no permission: the others must not suffer */
            count_failed(udp, at, at + 1);
            at++;
            again = true;
        }
    }
    return -1;
}

void sl_udp_flush(struct sl_udp *udp)
{
    if (!udp->run_count)
        return;
    int from = send_messages(udp, build_messages(udp, 0));
    if (from >= 0)
        send_messages(udp, build_messages(udp, from));
    memset(udp->table, 0xff, sizeof(udp->table));
    udp->run_count = 0;
    udp->slot_count = 0;
}

void sl_udp_stats(const struct sl_udp *udp, struct sl_udp_stats *ret)
{
    *ret = udp->stats;
    ret->waiting = udp->slot_count;
    ret->gso = udp->gso;
}
