/* SPDX-License-Identifier: MIT */
#include "session/ice_client.h"

#include <stdio.h>
#include <string.h>

#include "stun/stun.h"

#define PACE (20 * SL_MS)
#define RETRY_FIRST (100 * SL_MS)
#define RETRY_CAP                                                                                  \
    (400 * SL_MS) /* our clients give a connection 1 s: doubling on would waste it                 \
                   */
#define CONSENT (5 * SL_SEC)
#define SILENCE (500 * SL_MS)
#define SILENCE_CHECK (100 * SL_MS)
/* Host candidate, highest local preference, component 1 (RFC 8445 section 5.1.2.1). */
#define PRIORITY ((126u << 24) | (65535u << 8) | 255u)

void sl_ice_client_init(struct sl_ice_client *client, const struct sl_ice_credentials *credentials,
                        const struct sl_addr *candidates, int count, struct sl_random *random)
{
    *client = (struct sl_ice_client){.credentials = *credentials, .random = random, .selected = -1};
    client->tie_breaker = sl_random_u64(random);
    snprintf(client->username, sizeof(client->username), "%s:%s", credentials->remote_ufrag,
             credentials->local_ufrag);
    for (int i = 0; i < count && client->count < SL_ICE_PAIRS; i++)
        client->pairs[client->count++] =
            (struct sl_ice_pair){.path.remote = candidates[i], .next = SL_NEVER};
}

void sl_ice_client_start(struct sl_ice_client *client, sl_ns now)
{
    for (int i = 0; i < client->count; i++) {
        client->pairs[i].next = now + i * PACE;
        client->pairs[i].interval = RETRY_FIRST;
    }
}

/* When to check `pair`: as planned, or sooner when the peer has fallen silent. */
static sl_ns pair_due(const struct sl_ice_client *client, const struct sl_ice_pair *pair,
                      sl_ns heard)
{
    if (client->selected < 0 || !client->nominated)
        return pair->next;
    const struct sl_ice_transaction *last =
        &pair->outstanding[(pair->sent - 1) % SL_ICE_OUTSTANDING];
    const sl_ns silence = heard + SILENCE;
    const sl_ns again = last->sent + SILENCE_CHECK;
    const sl_ns fast = silence > again ? silence : again;
    return fast < pair->next ? fast : pair->next;
}

/* Once a pair is selected the others rest. */
static bool is_checked(const struct sl_ice_client *client, int i)
{
    return client->selected < 0 || client->selected == i;
}

sl_ns sl_ice_client_due(const struct sl_ice_client *client, sl_ns heard)
{
    sl_ns due = SL_NEVER;
    for (int i = 0; i < client->count; i++) {
        if (!is_checked(client, i))
            continue;
        const sl_ns at = pair_due(client, &client->pairs[i], heard);
        due = at < due ? at : due;
    }
    return due;
}

static sl_ns consent_interval(struct sl_random *random)
{
    return CONSENT * (sl_ns)sl_random_range(random, 800, 1200) / 1000;
}

static size_t write_check(struct sl_ice_client *client, struct sl_ice_pair *pair,
                          bool use_candidate, sl_ns now, uint8_t *out, size_t size)
{
    struct sl_ice_transaction *transaction = &pair->outstanding[pair->sent++ % SL_ICE_OUTSTANDING];
    sl_random_fill(client->random, transaction->id, sizeof(transaction->id));
    transaction->sent = now;
    transaction->awaited = true;
    transaction->use_candidate = use_candidate;
    const struct sl_stun_request request = {.transaction = transaction->id,
                                            .username = client->username,
                                            .password = client->credentials.remote_pwd,
                                            .use_candidate = use_candidate,
                                            .priority = PRIORITY,
                                            .controlling = true,
                                            .tie_breaker = client->tie_breaker};
    const int n = sl_stun_write_request(&request, out, size);
    return n < 0 ? 0 : (size_t)n;
}

size_t sl_ice_client_next(struct sl_ice_client *client, sl_ns now, sl_ns heard, uint8_t *out,
                          size_t size, const struct sl_path **path)
{
    for (int i = 0; i < client->count; i++) {
        struct sl_ice_pair *pair = &client->pairs[i];
        if (!is_checked(client, i) || pair_due(client, pair, heard) > now)
            continue;
        if (client->nominated) {
            pair->next = now + consent_interval(client->random);
        } else {
            pair->next = now + pair->interval;
            pair->interval = pair->interval * 2 > RETRY_CAP ? RETRY_CAP : pair->interval * 2;
        }
        *path = &pair->path;
        return write_check(client, pair, client->selected == i, now, out, size);
    }
    return 0;
}

static struct sl_ice_pair *find_pair(struct sl_ice_client *client, const struct sl_addr *remote)
{
    for (int i = 0; i < client->count; i++)
        if (sl_addr_equal(&client->pairs[i].path.remote, remote))
            return &client->pairs[i];
    return NULL;
}

/* The pair's local address stays open: should it go, the route chooses another, and the next check
 * tells the peer of it. */
static void succeed(struct sl_ice_client *client, struct sl_ice_pair *pair,
                    const struct sl_ice_transaction *transaction, sl_ns now)
{
    const int index = (int)(pair - client->pairs);
    pair->valid = true;
    if (client->selected < 0) {
        client->selected = index;
        pair->next = now; /* nominate at once */
        pair->interval = RETRY_FIRST;
    }
    if (client->selected != index)
        return;
    client->answered = now;
    if (transaction->use_candidate && !client->nominated) {
        client->nominated = true;
        pair->next = now + consent_interval(client->random);
    }
}

static enum sl_ice_answer receive_success(struct sl_ice_client *client, sl_ns now,
                                          const struct sl_path *path,
                                          const struct sl_stun_message *message, sl_ns *rtt)
{
    /* The answer must come from where the check went (RFC 8445 section 7.2.5.2.1). */
    struct sl_ice_pair *pair = find_pair(client, &path->remote);
    for (size_t i = 0; pair && i < SL_ICE_OUTSTANDING; i++) {
        struct sl_ice_transaction *transaction = &pair->outstanding[i];
        if (!transaction->awaited ||
            memcmp(transaction->id, message->transaction, sizeof(transaction->id)) != 0)
            continue;
        *rtt = now - transaction->sent;
        succeed(client, pair, transaction, now);
        transaction->awaited = false; /* a copy of the answer counts for nothing */
        return SL_ICE_ANSWER_SUCCESS;
    }
    return SL_ICE_ANSWER_REFUSED;
}

/* A full peer checks us as well; where it checks from is worth a check of ours (a triggered check,
 * RFC 8445 section 7.3.1.4). */
static enum sl_ice_answer receive_request(struct sl_ice_client *client, sl_ns now,
                                          const struct sl_path *path,
                                          const struct sl_stun_message *message, uint8_t *reply,
                                          size_t reply_size, size_t *reply_len)
{
    const int n = sl_stun_write_success(message->transaction, &path->remote,
                                        client->credentials.local_pwd, reply, reply_size);
    if (n < 0)
        return SL_ICE_ANSWER_REFUSED;
    *reply_len = (size_t)n;
    if (client->selected < 0 && !find_pair(client, &path->remote) && client->count < SL_ICE_PAIRS)
        client->pairs[client->count++] =
            (struct sl_ice_pair){.path.remote = path->remote, .next = now, .interval = RETRY_FIRST};
    return SL_ICE_ANSWER_REPLY;
}

enum sl_ice_answer sl_ice_client_receive(struct sl_ice_client *client, sl_ns now,
                                         const struct sl_path *path, const uint8_t *data,
                                         size_t len, uint8_t *reply, size_t reply_size,
                                         size_t *reply_len, sl_ns *rtt)
{
    struct sl_stun_message message;
    if (sl_stun_read(&message, data, len) < 0 || message.method != 1)
        return SL_ICE_ANSWER_REFUSED;
    if (message.class == SL_STUN_SUCCESS &&
        sl_stun_verify(&message, data, len, client->credentials.remote_pwd))
        return receive_success(client, now, path, &message, rtt);
    if (message.class == SL_STUN_REQUEST && !message.unknown_required &&
        sl_ice_authentic(&client->credentials, &message, data, len))
        return receive_request(client, now, path, &message, reply, reply_size, reply_len);
    return SL_ICE_ANSWER_REFUSED;
}

bool sl_ice_client_is_valid(const struct sl_ice_client *client, const struct sl_path *path)
{
    if (client->selected >= 0 &&
        sl_addr_equal(&client->pairs[client->selected].path.remote, &path->remote))
        return true;
    for (int i = 0; i < client->count; i++)
        if (client->pairs[i].valid && sl_addr_equal(&client->pairs[i].path.remote, &path->remote))
            return true;
    return false;
}

const struct sl_path *sl_ice_client_path(const struct sl_ice_client *client)
{
    return client->selected < 0 ? NULL : &client->pairs[client->selected].path;
}
