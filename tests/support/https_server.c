/* SPDX-License-Identifier: MIT */
#include "tests/support/https_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REQUEST_MAX 65536

struct connection {
    struct sl_watch watch;
    struct https_server *server;
    struct connection *next;
    SSL *ssl;
    int fd;
    bool accepted, hangs;
    char in[REQUEST_MAX];
    size_t in_len;
    char *out;
    size_t out_len, out_at;
};

struct https_server {
    struct sl_loop *loop;
    struct sl_watch watch;
    SSL_CTX *tls;
    int fd, port, connection_count;
    https_handler_fn *handler;
    void *ctx;
    struct connection *connections;
};

static SSL_CTX *make_tls(const struct sl_dtls_identity *identity)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    BIO *certificate_text = BIO_new_mem_buf(sl_dtls_identity_certificate_pem(identity), -1);
    BIO *key_text = BIO_new_mem_buf(sl_dtls_identity_key_pem(identity), -1);
    X509 *certificate = PEM_read_bio_X509(certificate_text, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    assert_non_null(tls);
    assert_int_equal(SSL_CTX_use_certificate(tls, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(certificate_text);
    BIO_free(key_text);
    return tls;
}

static void drop(struct connection *connection)
{
    struct connection **at = &connection->server->connections;
    while (*at != connection)
        at = &(*at)->next;
    *at = connection->next;
    sl_loop_unwatch(&connection->watch);
    SSL_free(connection->ssl);
    close(connection->fd);
    free(connection->out);
    free(connection);
}

static void answer(struct connection *connection, char *head, const char *body, size_t body_len)
{
    char method[16] = "", path[512] = "";
    assert_int_equal(sscanf(head, "%15s %511s", method, path), 2);
    const struct https_request request = {method, path, head, body, body_len};
    struct https_reply reply = {.status = 200};
    connection->server->handler(connection->server->ctx, &request, &reply);
    connection->hangs = reply.hang;
    connection->out = malloc(reply.body_len + 1024);
    assert_non_null(connection->out);
    const int len =
        snprintf(connection->out, 1024, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n",
                 reply.status, reply.body_len, reply.headers);
    if (reply.body_len)
        memcpy(connection->out + len, reply.body, reply.body_len);
    connection->out_len = (size_t)len + reply.body_len;
    connection->out_at = 0;
    free(reply.body);
}

/* Answers the request in `in` if all of it is there. */
static void look_for_request(struct connection *connection)
{
    connection->in[connection->in_len] = '\0';
    char *end = strstr(connection->in, "\r\n\r\n");
    if (!end || connection->out || connection->hangs)
        return;
    const size_t head_len = (size_t)(end + 4 - connection->in);
    const char *length = strcasestr(connection->in, "\ncontent-length:");
    const size_t body_len = length && length < end ? (size_t)atoi(length + 16) : 0;
    if (connection->in_len < head_len + body_len)
        return;
    end[2] = '\0';
    char body[REQUEST_MAX];
    memcpy(body, connection->in + head_len, body_len);
    body[body_len] = '\0';
    answer(connection, connection->in, body, body_len);
    connection->in_len -= head_len + body_len;
    memmove(connection->in, connection->in + head_len + body_len, connection->in_len);
}

/* One step; false when it would block or the connection is gone. */
static bool step(struct connection *connection, int *result)
{
    if (!connection->accepted) {
        *result = SSL_accept(connection->ssl);
        connection->accepted = *result == 1;
        return *result == 1;
    }
    if (connection->out && !connection->hangs) {
        *result = SSL_write(connection->ssl, connection->out + connection->out_at,
                            (int)(connection->out_len - connection->out_at));
        if (*result <= 0)
            return false;
        connection->out_at += (size_t)*result;
        if (connection->out_at == connection->out_len) {
            free(connection->out);
            connection->out = NULL;
            look_for_request(connection);
        }
        return true;
    }
    *result = SSL_read(connection->ssl, connection->in + connection->in_len,
                       (int)(REQUEST_MAX - 1 - connection->in_len));
    if (*result <= 0)
        return false;
    connection->in_len += (size_t)*result;
    look_for_request(connection);
    return true;
}

static void connection_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct connection *connection = ctx;
    int result = 0;
    while (step(connection, &result))
        ;
    const int error = SSL_get_error(connection->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        assert_int_equal(sl_loop_rewatch(&connection->watch, EPOLLIN), 0);
    else if (error == SSL_ERROR_WANT_WRITE)
        assert_int_equal(sl_loop_rewatch(&connection->watch, EPOLLOUT), 0);
    else
        drop(connection);
}

static void listener_ready(void *ctx, uint32_t events)
{
    (void)events;
    struct https_server *server = ctx;
    const int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *connection = calloc(1, sizeof(*connection));
    assert_non_null(connection);
    connection->server = server;
    connection->fd = fd;
    connection->ssl = SSL_new(server->tls);
    assert_int_equal(SSL_set_fd(connection->ssl, fd), 1);
    connection->next = server->connections;
    server->connections = connection;
    server->connection_count++;
    assert_int_equal(
        sl_loop_watch(server->loop, &connection->watch, fd, EPOLLIN, connection_ready, connection),
        0);
}

struct https_server *https_server_start(struct sl_loop *loop,
                                        const struct sl_dtls_identity *identity, int port,
                                        https_handler_fn *handler, void *ctx)
{
    struct https_server *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->loop = loop;
    server->handler = handler;
    server->ctx = ctx;
    server->tls = make_tls(identity);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(server->fd >= 0);
    const int on = 1;
    assert_int_equal(setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&addr, &len), 0);
    server->port = ntohs(addr.sin_port);
    assert_int_equal(
        sl_loop_watch(loop, &server->watch, server->fd, EPOLLIN, listener_ready, server), 0);
    return server;
}

int https_server_port(const struct https_server *server)
{
    return server->port;
}

int https_server_connections(const struct https_server *server)
{
    return server->connection_count;
}

void https_server_stop(struct https_server *server)
{
    if (!server)
        return;
    while (server->connections)
        drop(server->connections);
    sl_loop_unwatch(&server->watch);
    close(server->fd);
    SSL_CTX_free(server->tls);
    free(server);
}
