/* SPDX-License-Identifier: MIT */
/*
 * STUN Binding messages (RFC 8489) as ICE uses them (RFC 8445 section 7).
 *
 * Reading is check, authenticate, commit: sl_stun_read() only looks,
 * sl_stun_verify() checks MESSAGE-INTEGRITY in constant time and FINGERPRINT.
 * Pure; HMAC-SHA1 by libcrypto.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/types.h"

#define SL_ICE_UFRAG_MAX 256
#define SL_ICE_PWD_MAX 256
#define SL_STUN_MESSAGE_MAX 548

enum sl_stun_class { SL_STUN_REQUEST, SL_STUN_INDICATION, SL_STUN_SUCCESS, SL_STUN_ERROR };

struct sl_stun_message {
    enum sl_stun_class class;
    uint16_t method; /* 1: Binding */
    uint8_t transaction[12];
    const char *username; /* not terminated; NULL if absent */
    size_t username_len;
    bool use_candidate;
    bool has_priority, has_controlling, has_controlled;
    uint32_t priority;
    uint64_t tie_breaker;
    int error_code; /* 0: none */
    bool has_mapped;
    struct sl_addr mapped;   /* XOR-MAPPED-ADDRESS */
    size_t integrity_offset; /* of the attribute; 0: absent */
    size_t fingerprint_offset;
    bool unknown_required; /* an unknown comprehension-required attribute */
};

/* RFC 7983: first byte 0..3 and the magic cookie. */
bool sl_stun_is(const uint8_t *data, size_t len);

/* 0 or -EBADMSG. Points into `data`. */
SL_MUST_CHECK int sl_stun_read(struct sl_stun_message *ret, const uint8_t *data, size_t len);

/* True if MESSAGE-INTEGRITY under `password` is there and right, and FINGERPRINT, if present, is
 * right and last. */
bool sl_stun_verify(const struct sl_stun_message *message, const uint8_t *data, size_t len,
                    const char *password);

/* The part of USERNAME before ':' (the ufrag of the receiver of the request) as a key to
 * find a session by. Length, or -EBADMSG. Points into `data`. */
SL_MUST_CHECK int sl_stun_peek_ufrag(const uint8_t *data, size_t len, const char **ufrag);

struct sl_stun_request {
    const uint8_t *transaction; /* 12 bytes */
    const char *username;       /* "remote:local" */
    const char *password;       /* the remote's */
    bool use_candidate;
    uint32_t priority;
    bool controlling;
    uint64_t tie_breaker;
};

/* Length or -EMSGSIZE. */
SL_MUST_CHECK int sl_stun_write_request(const struct sl_stun_request *request, uint8_t *out,
                                        size_t size);
SL_MUST_CHECK int sl_stun_write_success(const uint8_t transaction[12], const struct sl_addr *mapped,
                                        const char *password, uint8_t *out, size_t size);
SL_MUST_CHECK int sl_stun_write_error(const uint8_t transaction[12], int code, const char *password,
                                      uint8_t *out, size_t size);
