/* SPDX-License-Identifier: MIT */
/*
 * The sockets of one RTSP session: a TCP connection, with TLS for rtsps, and pairs of UDP ports.
 *
 * Nothing is read ahead of the caller, and nothing blocks but open, write and wait, each up to its
 * deadline or the halt. The certificate of a camera is not checked: they sign their own. One
 * thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sdp/sdp.h"
#include "sender/halt.h"
#include "sender/rtsp_url.h"

struct sl_rtsp_socket;

/* Connects. 0, -ECANCELED, or -errno with one sentence in `why`. */
SL_MUST_CHECK int sl_rtsp_socket_open(struct sl_rtsp_socket **ret, const struct sl_rtsp_url *url,
                                      const struct sl_halt *halt, sl_ns deadline, char *why,
                                      size_t why_len);
/* NULL is fine. */
void sl_rtsp_socket_close(struct sl_rtsp_socket *socket);

/* Of the connection: how many bytes; 0: none now; -ECONNRESET at the end, or -errno. */
SL_MUST_CHECK int sl_rtsp_socket_read(struct sl_rtsp_socket *socket, uint8_t *out, size_t size);
/* All of it: 0, -ETIMEDOUT, -ECANCELED or -errno. */
SL_MUST_CHECK int sl_rtsp_socket_write(struct sl_rtsp_socket *socket, const char *text, size_t len,
                                       sl_ns deadline);

/* A pair of UDP ports for `kind`, the first even; again: the same. 0 or -errno. */
SL_MUST_CHECK int sl_rtsp_socket_open_ports(struct sl_rtsp_socket *socket, enum sl_media_kind kind,
                                            uint16_t *first);
/* One datagram of the camera's at the first port, or the second (RTCP); 0: none now. */
size_t sl_rtsp_socket_datagram(struct sl_rtsp_socket *socket, enum sl_media_kind kind, bool second,
                               uint8_t *out, size_t size);

/* Until something can be read: 1; 0: `deadline` has passed; -ECANCELED. */
SL_MUST_CHECK int sl_rtsp_socket_wait(struct sl_rtsp_socket *socket, sl_ns deadline);
