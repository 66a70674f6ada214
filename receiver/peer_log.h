/* SPDX-License-Identifier: MIT */
/*
 * Peer log: the lines about a session of the hub, from connected to over, and what was lost on its
 * way meanwhile (receiver/repair_log.h).
 */
#pragma once

#include "receiver/peers.h"

/* Now. */
void sl_peer_log_connected(struct sl_peer *peer, sl_ns now);
/* Each SL_REPAIR_LOG_EVERY. */
void sl_peer_log_repairs(struct sl_peer *peer, sl_ns now);
/* That a publisher's session which was connected is over says its camera. */
void sl_peer_log_over(const struct sl_peer *peer, const char *why, sl_ns now);
