/* SPDX-License-Identifier: MIT */
/* How sessions are found, and whose an address is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receiver/peers.h"

#define COUNT 200

static struct sl_random rng;
static struct sl_dtls_identity *identity;

static void ignore_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)path;
    (void)data;
    (void)len;
}

static void ignore_state(void *ctx, enum sl_session_state state, const char *reason)
{
    (void)ctx;
    (void)state;
    (void)reason;
}

static const struct sl_session_handler handler = {.send = ignore_send, .state = ignore_state};

/* A peer whose session has been sent to nowhere yet. */
static struct sl_peer *make(struct sl_peers *peers, int number)
{
    struct sl_peer *peer = calloc(1, sizeof(*peer));
    struct sl_session_config config = {
        .identity = identity, .handler = &handler, .ctx = peer, .random = &rng};
    struct sl_sdp_agreed *agreed = &config.agreed;
    snprintf(peer->ufrag, sizeof(peer->ufrag), "ufrag%d", number);
    snprintf(peer->id, sizeof(peer->id), "id%d", number);
    strcpy(agreed->local.ufrag, peer->ufrag);
    strcpy(agreed->local.pwd, "0123456789012345678901");
    strcpy(agreed->remote.ufrag, "abcd");
    strcpy(agreed->remote.pwd, "0123456789012345678901");
    agreed->local.ice_lite = true;
    agreed->media_count = 1;
    agreed->media[0] = (struct sl_sdp_media){.kind = SL_VIDEO, .pt = 96, .clock_hz = 90000};
    assert_int_equal(sl_session_create(&peer->session, &config, 0), 0);
    sl_peers_add(peers, peer);
    return peer;
}

static void drop(struct sl_peers *peers, struct sl_peer *peer)
{
    sl_peers_remove(peers, peer);
    sl_session_destroy(peer->session);
    free(peer);
}

static struct sl_addr addr_of(int number)
{
    struct sl_addr addr = {.in = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(0x0a000000u + (unsigned)number / 4),
                                  .sin_port = htons((uint16_t)(5000 + number % 4))}};
    return addr;
}

static void test_each_is_found_by_what_is_its_own(void **state)
{
    (void)state;
    struct sl_peers peers;
    struct sl_peer *all[COUNT];
    assert_int_equal(sl_peers_init(&peers, 16), 0); /* chains grow: more than expected */
    for (int i = 0; i < COUNT; i++) {
        const struct sl_addr addr = addr_of(i);
        all[i] = make(&peers, i);
        sl_peers_claim(&peers, all[i], &addr);
    }
    for (int i = 0; i < COUNT; i += 3) {
        drop(&peers, all[i]);
        all[i] = NULL;
    }
    int listed = 0;
    for (const struct sl_peer *peer = peers.first; peer; peer = peer->next)
        listed++;
    assert_int_equal(listed, peers.count);
    for (int i = 0; i < COUNT; i++) {
        char ufrag[16], id[16];
        const struct sl_addr addr = addr_of(i);
        const int len = snprintf(ufrag, sizeof(ufrag), "ufrag%d", i);
        snprintf(id, sizeof(id), "id%d", i);
        assert_ptr_equal(sl_peers_by_ufrag(&peers, ufrag, (size_t)len), all[i]);
        assert_ptr_equal(sl_peers_by_id(&peers, id), all[i]);
        assert_ptr_equal(sl_peers_by_address(&peers, &addr), all[i]);
    }
    assert_null(sl_peers_by_ufrag(&peers, "ufrag", 5));
    assert_null(sl_peers_by_id(&peers, ""));
    for (int i = 0; i < COUNT; i++)
        if (all[i])
            drop(&peers, all[i]);
    assert_int_equal(peers.count, 0);
    assert_int_equal(peers.addresses.count + peers.ids.count + peers.ufrags.count, 0);
    sl_peers_fini(&peers);
}

static void test_an_address_leads_to_one_peer(void **state)
{
    (void)state;
    struct sl_peers peers;
    assert_int_equal(sl_peers_init(&peers, 16), 0);
    struct sl_peer *a = make(&peers, 1), *b = make(&peers, 2);
    const struct sl_addr addr = addr_of(1);
    sl_peers_claim(&peers, a, &addr);
    sl_peers_claim(&peers, a, &addr);
    assert_int_equal(peers.addresses.count, 1);
    sl_peers_claim(&peers, b, &addr);
    assert_ptr_equal(sl_peers_by_address(&peers, &addr), b);
    assert_int_equal(peers.addresses.count, 1);
    sl_peers_hide(&peers, b);
    assert_null(sl_peers_by_address(&peers, &addr));
    assert_null(sl_peers_by_id(&peers, "id2"));
    assert_int_equal(peers.count, 2);
    drop(&peers, b);
    drop(&peers, a);
    sl_peers_fini(&peers);
}

static void test_a_peer_has_eight_addresses_and_the_oldest_gives_way(void **state)
{
    (void)state;
    struct sl_peers peers;
    assert_int_equal(sl_peers_init(&peers, 16), 0);
    struct sl_peer *peer = make(&peers, 1);
    for (int i = 0; i < SL_PEER_ADDRESSES + 1; i++) {
        const struct sl_addr addr = addr_of(i);
        sl_peers_claim(&peers, peer, &addr);
    }
    assert_int_equal(peers.addresses.count, SL_PEER_ADDRESSES);
    for (int i = 0; i < SL_PEER_ADDRESSES + 1; i++) {
        const struct sl_addr addr = addr_of(i);
        assert_ptr_equal(sl_peers_by_address(&peers, &addr), i == 0 ? NULL : peer);
    }
    drop(&peers, peer);
    sl_peers_fini(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_found_by_what_is_its_own),
        cmocka_unit_test(test_an_address_leads_to_one_peer),
        cmocka_unit_test(test_a_peer_has_eight_addresses_and_the_oldest_gives_way),
    };
    sl_random_init_seed(&rng, 1);
    if (sl_dtls_identity_generate(&identity, "test") != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_dtls_identity_destroy(identity);
    return failed;
}
