/* SPDX-License-Identifier: MIT */
/*
 * Display: the process behind an X display of this machine, whose share of the work is its own.
 */
#pragma once

#include <sys/types.h>

/* Its pid, or -1: there is no such display, or it is on another machine. */
pid_t sl_display_server(const char *display);
