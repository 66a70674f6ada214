/* SPDX-License-Identifier: MIT */
#include "receiver/peers.h"

#include <errno.h>
#include <string.h>

int sl_peers_init(struct sl_peers *peers, int expected)
{
    *peers = (struct sl_peers){.count = 0};
    if (sl_table_init(&peers->ufrags, (size_t)expected) != 0 ||
        sl_table_init(&peers->ids, (size_t)expected) != 0 ||
        sl_table_init(&peers->addresses, (size_t)expected * 2) != 0) {
        sl_peers_fini(peers);
        return -ENOMEM;
    }
    return 0;
}

void sl_peers_fini(struct sl_peers *peers)
{
    sl_table_fini(&peers->ufrags);
    sl_table_fini(&peers->ids);
    sl_table_fini(&peers->addresses);
}

void sl_peers_add(struct sl_peers *peers, struct sl_peer *peer)
{
    sl_table_put(&peers->ufrags, &peer->by_ufrag, sl_table_hash(peer->ufrag, strlen(peer->ufrag)),
                 peer);
    sl_table_put(&peers->ids, &peer->by_id, sl_table_hash(peer->id, strlen(peer->id)), peer);
    peer->next = peers->first;
    peer->previous = NULL;
    if (peer->next)
        peer->next->previous = peer;
    peers->first = peer;
    peers->count++;
}

void sl_peers_hide(struct sl_peers *peers, struct sl_peer *peer)
{
    sl_table_take(&peers->ufrags, &peer->by_ufrag);
    sl_table_take(&peers->ids, &peer->by_id);
    for (int i = 0; i < SL_PEER_ADDRESSES; i++)
        sl_table_take(&peers->addresses, &peer->addresses[i].link);
}

void sl_peers_remove(struct sl_peers *peers, struct sl_peer *peer)
{
    sl_peers_hide(peers, peer);
    if (peer->next)
        peer->next->previous = peer->previous;
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        peers->first = peer->next;
    peers->count--;
}

struct sl_peer *sl_peers_by_ufrag(const struct sl_peers *peers, const char *ufrag, size_t len)
{
    struct sl_table_link *at = sl_table_first(&peers->ufrags, sl_table_hash(ufrag, len));
    for (; at; at = sl_table_next(at)) {
        struct sl_peer *peer = at->owner;
        if (strlen(peer->ufrag) == len && memcmp(peer->ufrag, ufrag, len) == 0)
            return peer;
    }
    return NULL;
}

struct sl_peer *sl_peers_by_id(const struct sl_peers *peers, const char *id)
{
    struct sl_table_link *at = sl_table_first(&peers->ids, sl_table_hash(id, strlen(id)));
    for (; at; at = sl_table_next(at)) {
        struct sl_peer *peer = at->owner;
        if (strcmp(peer->id, id) == 0)
            return peer;
    }
    return NULL;
}

static struct sl_table_link *find_address(const struct sl_peers *peers, const struct sl_addr *addr)
{
    struct sl_table_link *at = sl_table_first(&peers->addresses, sl_addr_hash(addr));
    for (; at; at = sl_table_next(at)) {
        const struct sl_peer *peer = at->owner;
        for (int i = 0; i < SL_PEER_ADDRESSES; i++)
            if (at == &peer->addresses[i].link && sl_addr_equal(&peer->addresses[i].addr, addr))
                return at;
    }
    return NULL;
}

struct sl_peer *sl_peers_by_address(const struct sl_peers *peers, const struct sl_addr *addr)
{
    const struct sl_table_link *link = find_address(peers, addr);
    return link ? link->owner : NULL;
}

/* A free place, else that of the address claimed longest ago that the session does not send to:
 * sessions give up silent addresses for new ones, too. */
static struct sl_peer_address *find_place(struct sl_peer *peer)
{
    struct sl_session_stats stats;
    struct sl_peer_address *oldest = NULL;
    for (int i = 0; i < SL_PEER_ADDRESSES; i++)
        if (!peer->addresses[i].link.before)
            return &peer->addresses[i];
    sl_session_stats(peer->session, &stats);
    for (int i = 0; i < SL_PEER_ADDRESSES; i++) {
        struct sl_peer_address *place = &peer->addresses[i];
        if (!sl_addr_equal(&place->addr, &stats.path.remote) &&
            (!oldest || place->claimed < oldest->claimed))
            oldest = place;
    }
    return oldest;
}

void sl_peers_claim(struct sl_peers *peers, struct sl_peer *peer, const struct sl_addr *addr)
{
    struct sl_table_link *held = find_address(peers, addr);
    if (held && held->owner == peer)
        return;
    struct sl_peer_address *place = find_place(peer);
    if (held)
        sl_table_take(&peers->addresses, held);
    sl_table_take(&peers->addresses, &place->link);
    place->addr = *addr;
    place->claimed = ++peers->claims;
    sl_table_put(&peers->addresses, &place->link, sl_addr_hash(addr), peer);
}
