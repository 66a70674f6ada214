/* SPDX-License-Identifier: MIT */
/* ICE and DTLS of a session: from nothing to keys, and whether the peer still wants us. */
#include <errno.h>

#include "session/internal.h"
#include "stun/stun.h"

int sl_connect_init(struct sl_session *session)
{
    const struct sl_sdp_agreed *agreed = &session->config.agreed;
    const struct sl_ice_credentials credentials = {.local_ufrag = agreed->local.ufrag,
                                                   .local_pwd = agreed->local.pwd,
                                                   .remote_ufrag = agreed->remote.ufrag,
                                                   .remote_pwd = agreed->remote.pwd};
    if (agreed->local.ice_lite) {
        sl_ice_lite_init(&session->ice.lite, &credentials);
        return 0;
    }
    if (sl_addr_is_set(&session->config.via))
        sl_ice_client_init(&session->ice.client, &credentials, &session->config.via, 1,
                           session->config.random);
    else
        sl_ice_client_init(&session->ice.client, &credentials, agreed->remote.candidates,
                           agreed->remote.candidate_count, session->config.random);
    return session->ice.client.count > 0 || !agreed->remote.ice_lite ? 0 : -EINVAL;
}

bool sl_connect_is_validated(struct sl_session *session, const struct sl_path *path)
{
    return session->lite ? sl_ice_lite_is_validated(&session->ice.lite, path)
                         : sl_ice_client_is_valid(&session->ice.client, path);
}

const struct sl_path *sl_connect_path(const struct sl_session *session)
{
    return session->lite ? sl_ice_lite_path(&session->ice.lite)
                         : sl_ice_client_path(&session->ice.client);
}

/* ------------------------------------------------------------------ DTLS */

static void send_dtls(void *ctx, const uint8_t *data, size_t len)
{
    struct sl_session *session = ctx;
    const struct sl_path *path = sl_connect_path(session);
    if (path)
        sl_session_output(session, path, data, len);
}

/* Only ever called for an address that passed an authenticated check. */
static bool make_dtls(struct sl_session *session)
{
    if (session->dtls)
        return true;
    struct sl_dtls_config config = {.identity = session->config.identity,
                                    .client = session->config.agreed.dtls_client,
                                    .send = send_dtls,
                                    .ctx = session};
    memcpy(config.remote_fingerprint, session->config.agreed.remote.fingerprint,
           sizeof(config.remote_fingerprint));
    if (sl_dtls_create(&session->dtls, &config) == 0)
        return true;
    sl_session_enter(session, SL_SESSION_FAILED, "no memory for DTLS");
    return false;
}

static void take_keys(struct sl_session *session, sl_ns now)
{
    enum sl_srtp_profile profile;
    uint8_t send_key[SL_SRTP_KEY_MAX], receive_key[SL_SRTP_KEY_MAX];
    const bool made = sl_dtls_keys(session->dtls, &profile, send_key, receive_key) == 0 &&
                      sl_srtp_create(&session->srtp, profile, send_key, receive_key) == 0;
    explicit_bzero(send_key, sizeof(send_key));
    explicit_bzero(receive_key, sizeof(receive_key));
    if (!made) {
        sl_session_enter(session, SL_SESSION_FAILED, "no SRTP from the DTLS keys");
        return;
    }
    session->stats.profile = profile;
    sl_session_enter(session, SL_SESSION_CONNECTED, "keys agreed");
    sl_reports_start(session, now);
}

static void follow_dtls(struct sl_session *session, sl_ns now, enum sl_dtls_state state)
{
    if (state == SL_DTLS_CONNECTED && !session->srtp)
        take_keys(session, now);
    else if (state == SL_DTLS_CLOSED)
        sl_session_enter(session, SL_SESSION_CLOSED, "the peer closed the connection");
    else if (state == SL_DTLS_FAILED)
        sl_session_enter(session, SL_SESSION_FAILED, sl_dtls_reason(session->dtls));
}

void sl_connect_dtls(struct sl_session *session, sl_ns now, const struct sl_path *path,
                     const uint8_t *data, size_t len)
{
    if (!sl_connect_is_validated(session, path)) {
        session->stats.dtls_refused++;
        return;
    }
    session->stats.dtls_accepted++;
    if (!make_dtls(session))
        return;
    follow_dtls(session, now, sl_dtls_receive(session->dtls, now, data, len));
}

static void start_dtls(struct sl_session *session, sl_ns now)
{
    if (!session->dtls && session->config.agreed.dtls_client && make_dtls(session))
        follow_dtls(session, now, sl_dtls_start(session->dtls, now));
}

/* ------------------------------------------------------------------- ICE */

static void send_checks(struct sl_session *session, sl_ns now)
{
    uint8_t out[SL_STUN_MESSAGE_MAX];
    const struct sl_path *path = NULL;
    for (int i = 0; i < SL_ICE_PAIRS; i++) {
        const size_t n =
            sl_ice_client_next(&session->ice.client, now, session->heard, out, sizeof(out), &path);
        if (n == 0)
            return;
        sl_session_output(session, path, out, n);
    }
}

void sl_connect_start(struct sl_session *session, sl_ns now)
{
    if (session->lite)
        return;
    sl_ice_client_start(&session->ice.client, now);
    send_checks(session, now);
}

static void stun_lite(struct sl_session *session, sl_ns now, const struct sl_path *path,
                      const uint8_t *data, size_t len)
{
    uint8_t reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    const enum sl_ice_check check = sl_ice_lite_receive(&session->ice.lite, now, path, data, len,
                                                        reply, sizeof(reply), &reply_len);
    if (check == SL_ICE_REFUSED) {
        session->stats.stun_refused++;
        return;
    }
    session->stats.stun_accepted++;
    session->heard = now;
    sl_session_output(session, path, reply, reply_len);
    if (check != SL_ICE_VALIDATED)
        return;
    if (session->config.handler->validated)
        session->config.handler->validated(session->config.ctx, path);
    start_dtls(session, now);
}

static void stun_client(struct sl_session *session, sl_ns now, const struct sl_path *path,
                        const uint8_t *data, size_t len)
{
    uint8_t reply[SL_STUN_MESSAGE_MAX];
    size_t reply_len = 0;
    sl_ns rtt = 0;
    switch (sl_ice_client_receive(&session->ice.client, now, path, data, len, reply, sizeof(reply),
                                  &reply_len, &rtt)) {
    case SL_ICE_ANSWER_REFUSED:
        session->stats.stun_refused++;
        return;
    case SL_ICE_ANSWER_REPLY:
        sl_session_output(session, path, reply, reply_len);
        break;
    case SL_ICE_ANSWER_SUCCESS:
        sl_peer_clock_rtt(&session->clock, rtt);
        break;
    }
    session->stats.stun_accepted++;
    session->heard = now;
    send_checks(session, now); /* the nomination goes first */
    if (sl_connect_path(session))
        start_dtls(session, now);
}

void sl_connect_stun(struct sl_session *session, sl_ns now, const struct sl_path *path,
                     const uint8_t *data, size_t len)
{
    if (session->lite)
        stun_lite(session, now, path, data, len);
    else
        stun_client(session, now, path, data, len);
}

/* ---------------------------------------------------------------- timers */

/* When the session has failed if nothing comes: set-up time, then consent. */
static sl_ns deadline(const struct sl_session *session)
{
    if (session->state == SL_SESSION_CONNECTING)
        return session->created + session->config.setup_timeout;
    /* A lite agent asks for no consent; any authenticated packet gives it. */
    return (session->lite ? session->heard : session->ice.client.answered) +
           session->config.consent_timeout;
}

sl_ns sl_connect_due(const struct sl_session *session)
{
    sl_ns due = deadline(session);
    if (!session->lite)
        due = sl_min_ns(due, sl_ice_client_due(&session->ice.client, session->heard));
    if (session->dtls)
        due = sl_min_ns(due, sl_dtls_due(session->dtls));
    return due;
}

void sl_connect_tick(struct sl_session *session, sl_ns now)
{
    if (deadline(session) <= now) {
        sl_session_enter(session, SL_SESSION_FAILED,
                         session->state == SL_SESSION_CONNECTING ? "no connection in time"
                                                                 : "the peer has fallen silent");
        return;
    }
    if (!session->lite && sl_ice_client_due(&session->ice.client, session->heard) <= now)
        send_checks(session, now);
    if (session->dtls && sl_dtls_due(session->dtls) <= now)
        follow_dtls(session, now, sl_dtls_tick(session->dtls, now));
}
