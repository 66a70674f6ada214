/* SPDX-License-Identifier: MIT */
/*
 * UDP socket with batches both ways.
 *
 *     recvmmsg + UDP_GRO ──▶ receive() ──▶ one callback per datagram
 *     send(), send(), ... ──▶ flush() ──▶ sendmmsg + UDP_SEGMENT
 *
 * Learns the local address of each datagram (IP_PKTINFO) and sends from the one
 * asked for. Tells when the kernel had each datagram (SO_TIMESTAMPNS), which is
 * earlier than now by as much as this thread is late; those that the kernel put
 * together (GRO) have one arrival. Runs of equal-size datagrams to one path leave as one GSO
 * message; where the kernel refuses GSO (EIO, EINVAL) the socket falls back for good. Never makes
 * an IP fragment (DF set). Owned by one thread; no allocation after open. What cannot be sent is
 * dropped and counted.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/types.h"

#define SL_UDP_DATAGRAM_MAX 1500 /* larger ones are dropped on receive, refused on send */

struct sl_udp;

struct sl_udp_config {
    struct sl_addr bind; /* family chooses the socket's; port 0: the kernel picks */
    int receive_bytes;   /* SO_RCVBUF (FORCE tried first); 0: 4 MiB */
    int send_bytes;      /* SO_SNDBUF; 0: 4 MiB */
};

/* 0 or -errno (-EADDRINUSE, -EADDRNOTAVAIL ...). */
SL_MUST_CHECK int sl_udp_open(struct sl_udp **ret, const struct sl_udp_config *config);
void sl_udp_close(struct sl_udp *udp);

int sl_udp_fd(const struct sl_udp *udp);
/* The bound address with the port the kernel picked. */
struct sl_addr sl_udp_local(const struct sl_udp *udp);

/*
 * `data` may be changed in place during the call (SRTP) and not used after it. `arrival`, in time
 * of sl_time_now(), never goes back and is at most the moment of reading. Where the kernel tells
 * none, or one that a step of the wall clock made absurd (later than that, or a second before the
 * socket was last empty), it is the moment of reading.
 */
typedef void sl_udp_receive_fn(void *ctx, const struct sl_path *path, sl_ns arrival, uint8_t *data,
                               size_t len);

/* Reads until the socket is empty or `max` datagrams were given (and the rest of what the kernel
 * had put together with the last of them). Returns how many, or -errno. */
int sl_udp_receive(struct sl_udp *udp, int max, sl_udp_receive_fn *receive, void *ctx);

/* Queues a copy; flushes by itself when the batch is full. 0, -EMSGSIZE, or -EAFNOSUPPORT (an
 * address that this socket cannot reach: IPv6 from an IPv4 socket, or none). */
int sl_udp_send(struct sl_udp *udp, const struct sl_path *path, const void *data, size_t len);

/* Hands everything queued to the kernel. */
void sl_udp_flush(struct sl_udp *udp);

struct sl_udp_stats {
    uint64_t received, received_bytes, received_calls, oversized, truncated;
    uint64_t queued, sent, sent_bytes, send_calls,
        send_failed; /* queued == sent + send_failed + waiting */
    uint64_t waiting;
    uint64_t kernel_drops; /* SO_RXQ_OVFL */
    uint64_t unstamped;    /* messages whose arrival is the moment of reading */
    int gso;               /* 1 while segmentation offload is in use */
};

void sl_udp_stats(const struct sl_udp *udp, struct sl_udp_stats *ret);
