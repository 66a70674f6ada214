/* SPDX-License-Identifier: MIT */
#include "session/ice_lite.h"

#include <string.h>

#include "stun/stun.h"

#define ADDRESS_IDLE (30 * SL_SEC) /* the consent time of RFC 7675 */
#define BAD_ATTRIBUTE 420
#define ROLE_CONFLICT 487

void sl_ice_lite_init(struct sl_ice_lite *lite, const struct sl_ice_credentials *credentials)
{
    *lite = (struct sl_ice_lite){.credentials = *credentials, .nominated = -1};
}

static bool username_fits(const struct sl_ice_credentials *credentials,
                          const struct sl_stun_message *message)
{
    const size_t ours = strlen(credentials->local_ufrag);
    const size_t theirs = strlen(credentials->remote_ufrag);
    return message->username && message->username_len == ours + 1 + theirs &&
           memcmp(message->username, credentials->local_ufrag, ours) == 0 &&
           message->username[ours] == ':' &&
           memcmp(message->username + ours + 1, credentials->remote_ufrag, theirs) == 0;
}

bool sl_ice_authentic(const struct sl_ice_credentials *credentials,
                      const struct sl_stun_message *message, const uint8_t *data, size_t len)
{
    return username_fits(credentials, message) &&
           sl_stun_verify(message, data, len, credentials->local_pwd);
}

static int find(const struct sl_ice_lite *lite, const struct sl_path *path)
{
    if (lite->last < lite->count &&
        sl_addr_equal(&lite->validated[lite->last].path.remote, &path->remote))
        return lite->last;
    for (int i = 0; i < lite->count; i++)
        if (sl_addr_equal(&lite->validated[i].path.remote, &path->remote))
            return i;
    return -1;
}

/* A place for one more address: a free one, or that of an address long silent. -1: none. */
static int find_room(struct sl_ice_lite *lite, sl_ns now)
{
    if (lite->count < SL_ICE_LITE_ADDRESSES)
        return lite->count++;
    for (int i = 0; i < lite->count; i++)
        if (i != lite->nominated && now - lite->validated[i].heard > ADDRESS_IDLE)
            return i;
    return -1;
}

/* No reply is longer than the request, lest someone have us send more than they do. */
static size_t room_for_reply(size_t request_len, size_t reply_size)
{
    return request_len < reply_size ? request_len : reply_size;
}

static enum sl_ice_check reply_error(const struct sl_ice_lite *lite,
                                     const struct sl_stun_message *message, int code,
                                     uint8_t *reply, size_t room, size_t *reply_len)
{
    const int n =
        sl_stun_write_error(message->transaction, code, lite->credentials.local_pwd, reply, room);
    if (n < 0)
        return SL_ICE_REFUSED;
    *reply_len = (size_t)n;
    return SL_ICE_REJECTED;
}

enum sl_ice_check sl_ice_lite_receive(struct sl_ice_lite *lite, sl_ns now,
                                      const struct sl_path *path, const uint8_t *data, size_t len,
                                      uint8_t *reply, size_t reply_size, size_t *reply_len)
{
    struct sl_stun_message message;
    if (sl_stun_read(&message, data, len) < 0 || message.class != SL_STUN_REQUEST ||
        message.method != 1 || !sl_ice_authentic(&lite->credentials, &message, data, len))
        return SL_ICE_REFUSED;
    const size_t room = room_for_reply(len, reply_size);
    if (message.unknown_required)
        return reply_error(lite, &message, BAD_ATTRIBUTE, reply, room, reply_len);
    if (message.has_controlled) /* a lite agent never controls (RFC 8445 section 6.1.1) */
        return reply_error(lite, &message, ROLE_CONFLICT, reply, room, reply_len);

    const int n = sl_stun_write_success(message.transaction, &path->remote,
                                        lite->credentials.local_pwd, reply, room);
    if (n < 0)
        return SL_ICE_REFUSED;
    int at = find(lite, path);
    const bool known = at >= 0;
    if (!known)
        at = find_room(lite, now);
    if (at < 0)
        return SL_ICE_REFUSED;
    lite->validated[at] = (struct sl_ice_validated){.path = *path, .heard = now};
    if (message.use_candidate)
        lite->nominated = at;
    *reply_len = (size_t)n;
    return known ? SL_ICE_KNOWN : SL_ICE_VALIDATED;
}

bool sl_ice_lite_is_validated(struct sl_ice_lite *lite, const struct sl_path *path)
{
    const int at = find(lite, path);
    if (at < 0)
        return false;
    lite->last = at;
    return true;
}

const struct sl_path *sl_ice_lite_path(const struct sl_ice_lite *lite)
{
    if (lite->nominated >= 0)
        return &lite->validated[lite->nominated].path;
    return lite->count > 0 ? &lite->validated[0].path : NULL;
}
