/* SPDX-License-Identifier: MIT */
/* Who may see footage. */
#include <errno.h>

#include "receiver/api_call.h"

bool sl_api_has_ticket(struct sl_request *request)
{
    return request->server->api && request->route->access == SL_ACCESS_MEDIA &&
           !MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Authorization") &&
           MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "ticket");
}

/* By the ticket: the viewer who asked for it, as long as that link stands. */
static enum sl_auth_outcome by_ticket(struct sl_request *request, bool *over)
{
    struct sl_server *server = request->server;
    const struct sl_api_call *call = request->call;
    const sl_ns now = sl_loop_refresh(server->loop);
    struct sl_ticket ticket;
    struct sl_token token;
    int err = sl_ticket_check(server->api->key, &call->target, call->query.ticket,
                              (now + server->config.epoch) / SL_US, &ticket);
    *over = err == -ESTALE;
    if (err == 0) {
        err = sl_store_token_find(server->config.store, ticket.token_hash, &token);
        if (err != 0 && err != -ENOENT)
            return SL_AUTH_BROKEN;
    }
    if (err == 0 && token.role == SL_ROLE_VIEWER) {
        request->ask.token = token;
        return SL_AUTH_OK;
    }
    return sl_limiter_take(server->failures, &request->from, now) ? SL_AUTH_WRONG
                                                                  : SL_AUTH_TOO_MANY;
}

/* A page showing a video does not know what a 401 is about unless it is said. */
static void say_refused(struct sl_request *request, enum sl_auth_outcome outcome, bool over)
{
    if (outcome == SL_AUTH_WRONG) {
        sl_reply_problem(request, 401,
                         over ? "the ticket's time is over: ask for another one"
                              : "the ticket is not valid here");
        sl_reply_header(request, "WWW-Authenticate", "Bearer realm=\"sightline\"");
    } else {
        sl_reply_unauthorized(request, outcome);
    }
}

bool sl_api_admit(struct sl_request *request)
{
    bool over = false;
    if (!sl_api_has_ticket(request)) {
        /* The token was found by the server; a viewer's opens everything. */
        if (request->ask.token.role == SL_ROLE_VIEWER)
            return true;
        sl_reply_problem(request, 403, "this link is for a camera");
        return false;
    }
    struct sl_api_call *call = sl_api_call(request);
    if (!call || !sl_api_read_target(call))
        return false;
    const enum sl_auth_outcome outcome = by_ticket(request, &over);
    if (outcome == SL_AUTH_OK)
        return true;
    say_refused(request, outcome, over);
    return false;
}
