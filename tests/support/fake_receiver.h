/* SPDX-License-Identifier: MIT */
/*
 * A receiver of one process for tests of its clients: HTTPS, one UDP port and ICE-lite sessions on
 * the loop under test. It answers as it is told to, keeps whatever comes in apart by session, and
 * feeds a picture packet each 20 ms to those who subscribe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/udp.h"
#include "session/session.h"
#include "tests/support/https_server.h"

#define FAKE_SESSIONS 8

struct fake_receiver;

struct fake_session {
    struct fake_receiver *receiver;
    struct sl_session *session; /* NULL: free */
    struct sl_addr remote;      /* of the last authenticated check */
    char ufrag[16], path[16];
    int number; /* 1: the first */
    bool sends;
    uint64_t packets; /* of the publisher */
};

struct fake_receiver {
    struct sl_loop *loop;
    struct sl_dtls_identity *identity;
    struct sl_random random;
    struct https_server *https;
    struct sl_udp *udp;
    struct sl_watch watch;
    struct sl_timer timer, feeder;
    int https_port, media_port; /* kept over a restart */
    struct fake_session sessions[FAKE_SESSIONS];
    int64_t fed;

    /* What it is told. */
    int statuses[8]; /* answers to the next POSTs, before it does its work; 0 ends the list */
    bool hang;       /* answers nothing at all */
    bool mute;       /* drops all datagrams, both ways */
    int mute_to;     /* drops those of the first so many sessions */
    const char *candidate_host; /* lies about where it is */
    int candidate_port;         /* 0: the truth */

    /* What it saw. */
    int posts, deletes, made;
    char last_path[64], last_deleted[64];
    bool token_right;
};

#define FAKE_TOKEN "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

void fake_receiver_start(struct fake_receiver *fake, struct sl_loop *loop);
/* As kill -9: nobody is told. */
void fake_receiver_kill(struct fake_receiver *fake);
/* On the same ports, with nothing remembered. */
void fake_receiver_restart(struct fake_receiver *fake);
void fake_receiver_stop(struct fake_receiver *fake);
/* Ends all sessions by BYE. */
void fake_receiver_hang_up(struct fake_receiver *fake);
uint64_t fake_receiver_packets(const struct fake_receiver *fake);
