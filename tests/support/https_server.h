/* SPDX-License-Identifier: MIT */
/*
 * A tiny HTTPS/1.1 server for tests, on the loop under test: 127.0.0.1, a port of the kernel's,
 * connections kept alive. A reply may hang: then nothing is ever answered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dtls/dtls.h"
#include "net/loop.h"

struct https_server;

struct https_request {
    const char *method, *path;
    const char *head; /* all header lines */
    const char *body;
    size_t body_len;
};

struct https_reply {
    int status;
    char headers[512]; /* further ones, each with its CRLF */
    char *body;        /* from malloc; freed by the server; NULL: none */
    size_t body_len;
    bool hang;
};

typedef void https_handler_fn(void *ctx, const struct https_request *request,
                              struct https_reply *reply);

/* Fails the test on any error. `port` 0: the kernel picks. */
struct https_server *https_server_start(struct sl_loop *loop,
                                        const struct sl_dtls_identity *identity, int port,
                                        https_handler_fn *handler, void *ctx);
int https_server_port(const struct https_server *server);
/* Connections accepted since the start. */
int https_server_connections(const struct https_server *server);
/* Closes everything, as kill -9 would. */
void https_server_stop(struct https_server *server);
