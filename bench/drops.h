/* SPDX-License-Identifier: MIT */
/*
 * Drops: datagrams that the kernel dropped because a socket was full.
 */
#pragma once

#include <stdint.h>

/* Of the UDP sockets of this port, whosever they are. */
uint64_t sl_drops_of_port(int port);
/* Of all sockets of this process. */
uint64_t sl_drops_own(void);
