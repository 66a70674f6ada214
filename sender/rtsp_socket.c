/* SPDX-License-Identifier: MIT */
#include "sender/rtsp_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/address.h"
#include "base/time.h"
#include "net/resolve.h"

#define PORT_TRIES 32
#define DATAGRAM_BUFFER (2 << 20) /* key frames come in one burst */

struct sl_rtsp_socket {
    const struct sl_halt *halt;
    int fd;
    SSL_CTX *context; /* NULL: plain */
    SSL *ssl;
    short blocked_by; /* what TLS waits for */
    struct sl_addr peer, own;
    int ports[SL_MEDIA_KINDS][2]; /* -1: none */
    uint16_t first[SL_MEDIA_KINDS];
};

/* Until one of `entries` but the first, which is the halt's, is ready: 1, 0 or -ECANCELED. */
static int wait_any(struct pollfd *entries, nfds_t count, sl_ns deadline)
{
    for (;;) {
        const sl_ns left = deadline == SL_NEVER ? SL_SEC : deadline - sl_time_now();
        const sl_ns span = left > 0 ? left : 0;
        const struct timespec ts = {.tv_sec = span / SL_SEC, .tv_nsec = span % SL_SEC};
        const int got = ppoll(entries, count, &ts, NULL);
        if (got > 0)
            return entries[0].revents ? -ECANCELED : 1;
        if (deadline != SL_NEVER && sl_time_now() >= deadline)
            return 0;
    }
}

static int wait_connection(const struct sl_rtsp_socket *socket, short events, sl_ns deadline)
{
    struct pollfd entries[] = {{.fd = socket->halt->fd, .events = POLLIN},
                               {.fd = socket->fd, .events = events}};
    const int got = wait_any(entries, 2, deadline);
    return got ? got : -ETIMEDOUT;
}

/* ---- Opening ---- */

static int connect_tcp(struct sl_rtsp_socket *socket_, sl_ns deadline)
{
    const int one = 1;
    socket_->fd = socket(socket_->peer.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_->fd < 0)
        return -errno;
    (void)setsockopt(socket_->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(socket_->fd, &socket_->peer.sa, sl_addr_len(&socket_->peer)) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    const int got = wait_connection(socket_, POLLOUT, deadline);
    int error = 0;
    socklen_t len = sizeof(error);
    if (got < 0)
        return got;
    return getsockopt(socket_->fd, SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
}

/* What a call of TLS came to: 0 if it has to be made again once the socket is ready. */
static int tls_error(struct sl_rtsp_socket *socket, int result)
{
    const int error = SSL_get_error(socket->ssl, result);
    ERR_clear_error();
    socket->blocked_by = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    return error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL ? -ECONNRESET : -EPROTO;
}

static int begin_tls(struct sl_rtsp_socket *socket, const char *host, sl_ns deadline)
{
    socket->context = SSL_CTX_new(TLS_client_method());
    socket->ssl = socket->context ? SSL_new(socket->context) : NULL;
    if (!socket->ssl || !SSL_set_fd(socket->ssl, socket->fd))
        return -ENOMEM;
    (void)SSL_set_tlsext_host_name(socket->ssl, host);
    for (;;) {
        const int result = SSL_connect(socket->ssl);
        if (result == 1)
            return 0;
        int error = tls_error(socket, result);
        error = error ? error : wait_connection(socket, socket->blocked_by, deadline);
        if (error < 0)
            return error;
    }
}

static int connect_all(struct sl_rtsp_socket *socket, const struct sl_rtsp_url *url, sl_ns deadline,
                       char *why, size_t why_len)
{
    int error = sl_resolve(&socket->peer, url->host, url->port);
    if (error) {
        snprintf(why, why_len, "no address found for '%s'", url->host);
        return error;
    }
    error = connect_tcp(socket, deadline);
    struct sockaddr_storage own;
    socklen_t len = sizeof(own);
    if (!error && getsockname(socket->fd, (struct sockaddr *)&own, &len))
        error = -errno;
    if (!error)
        error = sl_addr_from_sockaddr(&socket->own, (struct sockaddr *)&own, len);
    if (!error && url->tls) {
        error = begin_tls(socket, url->host, deadline);
        if (error == -EPROTO)
            snprintf(why, why_len, "what answers at port %u does not speak TLS", url->port);
    }
    return error;
}

int sl_rtsp_socket_open(struct sl_rtsp_socket **ret, const struct sl_rtsp_url *url,
                        const struct sl_halt *halt, sl_ns deadline, char *why, size_t why_len)
{
    struct sl_rtsp_socket *socket = calloc(1, sizeof(*socket));
    if (!socket)
        return -ENOMEM;
    socket->halt = halt;
    socket->fd = -1;
    socket->blocked_by = POLLIN;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        socket->ports[kind][0] = socket->ports[kind][1] = -1;
    const int error = connect_all(socket, url, deadline, why, why_len);
    if (error) {
        sl_rtsp_socket_close(socket);
        return error;
    }
    *ret = socket;
    return 0;
}

static void close_ports(int ports[2])
{
    for (int i = 0; i < 2; i++) {
        if (ports[i] >= 0)
            close(ports[i]);
        ports[i] = -1;
    }
}

void sl_rtsp_socket_close(struct sl_rtsp_socket *socket)
{
    if (!socket)
        return;
    SSL_free(socket->ssl);
    SSL_CTX_free(socket->context);
    if (socket->fd >= 0)
        close(socket->fd);
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        close_ports(socket->ports[kind]);
    free(socket);
}

/* ---- The connection ---- */

int sl_rtsp_socket_read(struct sl_rtsp_socket *socket, uint8_t *out, size_t size)
{
    if (socket->ssl) {
        const int got = SSL_read(socket->ssl, out, (int)size);
        return got > 0 ? got : tls_error(socket, got);
    }
    const ssize_t got = recv(socket->fd, out, size, 0);
    if (got > 0)
        return (int)got;
    if (got == 0)
        return -ECONNRESET;
    return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* As much as goes now; 0: none. */
static int write_some(struct sl_rtsp_socket *socket, const char *text, size_t len)
{
    if (socket->ssl) {
        const int put = SSL_write(socket->ssl, text, (int)len);
        return put > 0 ? put : tls_error(socket, put);
    }
    socket->blocked_by = POLLOUT;
    const ssize_t put = send(socket->fd, text, len, MSG_NOSIGNAL);
    return put >= 0 ? (int)put : errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int sl_rtsp_socket_write(struct sl_rtsp_socket *socket, const char *text, size_t len,
                         sl_ns deadline)
{
    while (len) {
        const int put = write_some(socket, text, len);
        if (put < 0)
            return put;
        text += put;
        len -= (size_t)put;
        const int error = put ? 0 : wait_connection(socket, socket->blocked_by, deadline);
        if (error < 0)
            return error;
    }
    return 0;
}

/* ---- UDP ---- */

static int bind_port(const struct sl_addr *own, uint16_t port, uint16_t *ret)
{
    const int fd = socket(own->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sl_addr addr = *own;
    const int bytes = DATAGRAM_BUFFER;
    struct sockaddr_storage got;
    socklen_t len = sizeof(got);
    if (fd < 0)
        return -errno;
    sl_addr_set_port(&addr, port);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (bind(fd, &addr.sa, sl_addr_len(&addr)) || getsockname(fd, (struct sockaddr *)&got, &len) ||
        sl_addr_from_sockaddr(&addr, (struct sockaddr *)&got, len)) {
        const int error = errno ? -errno : -EADDRINUSE;
        close(fd);
        return error;
    }
    *ret = sl_addr_port(&addr);
    return fd;
}

int sl_rtsp_socket_open_ports(struct sl_rtsp_socket *socket, enum sl_media_kind kind,
                              uint16_t *first)
{
    int *ports = socket->ports[kind];
    uint16_t port, second;
    for (int tries = 0; ports[1] < 0; tries++) {
        close_ports(ports);
        ports[0] = bind_port(&socket->own, 0, &port);
        if (ports[0] < 0 || tries == PORT_TRIES)
            return ports[0] < 0 ? ports[0] : -EADDRINUSE;
        if (port % 2 == 0)
            ports[1] = bind_port(&socket->own, (uint16_t)(port + 1), &second);
        socket->first[kind] = port;
    }
    *first = socket->first[kind];
    return 0;
}

size_t sl_rtsp_socket_datagram(struct sl_rtsp_socket *socket, enum sl_media_kind kind, bool second,
                               uint8_t *out, size_t size)
{
    struct sockaddr_storage from;
    struct sl_addr addr;
    for (;;) {
        socklen_t len = sizeof(from);
        const ssize_t got =
            recvfrom(socket->ports[kind][second], out, size, 0, (struct sockaddr *)&from, &len);
        if (got < 0)
            return 0;
        if (got > 0 && sl_addr_from_sockaddr(&addr, (struct sockaddr *)&from, len) == 0 &&
            sl_addr_same_host(&addr, &socket->peer))
            return (size_t)got;
    }
}

int sl_rtsp_socket_wait(struct sl_rtsp_socket *socket, sl_ns deadline)
{
    struct pollfd entries[2 + 2 * SL_MEDIA_KINDS] = {
        {.fd = socket->halt->fd, .events = POLLIN},
        {.fd = socket->fd, .events = socket->ssl ? socket->blocked_by : POLLIN}};
    nfds_t count = 2;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        for (int i = 0; i < 2; i++)
            if (socket->ports[kind][i] >= 0)
                entries[count++] = (struct pollfd){.fd = socket->ports[kind][i], .events = POLLIN};
    return wait_any(entries, count, deadline);
}
