/* SPDX-License-Identifier: MIT */
/*
 * Asks: what the hub does and answers when HTTP asks (receiver/exchange.h): who may publish or
 * subscribe within the limits, whose a session is, and what is over by a snapshot.
 */
#pragma once

#include "net/loop.h"
#include "receiver/cameras.h"
#include "receiver/exchange.h"
#include "receiver/hub_limits.h"
#include "receiver/sessions.h"

/* Filled in by the hub; `refused` counts. */
struct sl_asks {
    struct sl_loop *loop;
    struct sl_exchange *exchange;
    struct sl_cameras *cameras;
    struct sl_sessions *sessions;
    struct sl_hub_limits limits;
    uint64_t refused; /* asks to publish or to subscribe */
};

/* All there are. Not from inside a session. */
void sl_asks_answer(struct sl_asks *asks);
