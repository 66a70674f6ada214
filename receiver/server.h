/* SPDX-License-Identifier: MIT */
/*
 * The HTTPS origin: WHIP, WHEP, their sessions, the list of cameras, and what was recorded (api.h).
 * A thread of its own, with a loop that drives libmicrohttpd, looks at the store each 100 ms for
 * what admin commands changed, and passes asks to the hub. A request that waits (for the hub, or
 * for news) is suspended.
 *
 * Order of checks: route, method, token, then everything the caller sent. Errors are RFC 9457
 * problem JSON. Limits: connections in all and per address, body sizes, waiting requests.
 */
#pragma once

#include "base/random.h"
#include "base/types.h"
#include "receiver/answer.h"
#include "receiver/api.h"
#include "receiver/exchange.h"
#include "receiver/store.h"

struct sl_server;

struct sl_server_limits {
    unsigned connections, connections_per_address;
    int waiting; /* long polls */
};

struct sl_server_limits sl_server_limits_default(void);

struct sl_server_config {
    int listen_fd; /* listening; the server closes it, also if create fails */
    struct sl_answer_config answer;
    struct sl_store *store; /* read-only, for this thread alone */
    struct sl_api_config api;
    struct sl_exchange *exchange;
    struct sl_random *random; /* for this thread alone */
    sl_ns epoch;
    struct sl_server_limits limits;
};

/* A listening TCP socket on `addr` (port 0: any), and where it listens. -errno. */
SL_MUST_CHECK int sl_server_listen(const struct sl_addr *addr, int *fd, struct sl_addr *bound);

/* 0 or -errno. What `config` points to must outlive the server. */
SL_MUST_CHECK int sl_server_create(struct sl_server **ret, const struct sl_server_config *config);
SL_MUST_CHECK int sl_server_start(struct sl_server *server);
/* Ends the thread, and those of the API; waiting requests are answered 503. Does nothing if it was
 * not started. */
void sl_server_stop(struct sl_server *server);
void sl_server_destroy(struct sl_server *server);
