/* SPDX-License-Identifier: MIT */
/* The addresses of this machine, for ICE candidates (RFC 8445 section 5.1.1.1). */
#pragma once

#include <stdbool.h>

#include "base/address.h"
#include "base/types.h"

/*
 * Up to `max` addresses of interfaces that are up, IPv4 first, port 0. IPv6 link-local ones are
 * left out: a candidate cannot carry their scope. Returns how many, or -errno.
 */
SL_MUST_CHECK int sl_interfaces_list(struct sl_addr *out, int max, bool include_loopback);
