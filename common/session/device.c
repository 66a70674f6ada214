/* SPDX-License-Identifier: MIT */
/* What one of our own programs tells another of the device behind the media (SLST). */
#include <errno.h>

#include "session/internal.h"

#define ENDS_TOLD 3       /* that it is back: pictures tell it as well, and it lapses */
#define STATES_A_SECOND 5 /* that are heard: our own programs tell one, and each change */

/* On its own (RFC 5506), as it is for our own programs only. */
static void tell(struct sl_session *session, sl_ns now)
{
    uint8_t out[SL_SESSION_DATAGRAM];
    struct sl_writer w = sl_writer(out, SL_SESSION_PLAIN_MAX);
    session->device.tells -= session->device.tells > 0;
    session->device.due =
        session->device.flags || session->device.tells ? now + SL_DEVICE_STATE_EVERY : SL_NEVER;
    sl_device_state_write(session->device.flags, session->send[SL_VIDEO]->ssrc, &w);
    sl_reports_send(session, &w);
}

int sl_session_set_device(struct sl_session *session, uint32_t flags, sl_ns now)
{
    if (session->state != SL_SESSION_CONNECTED)
        return -ENOTCONN;
    if (!session->config.agreed.sightline || !session->send[SL_VIDEO])
        return -ENOTSUP;
    if (flags == session->device.flags)
        return 0;
    session->device.flags = flags;
    session->device.tells = flags ? 0 : ENDS_TOLD;
    tell(session, now);
    return 0;
}

sl_ns sl_device_due(const struct sl_session *session)
{
    return session->device.due;
}

void sl_device_tick(struct sl_session *session, sl_ns now)
{
    if (session->device.due <= now)
        tell(session, now);
}

static bool one_more(struct sl_session *session, sl_ns now)
{
    if (session->device.heard == 0 || now - session->device.since >= SL_SEC) {
        session->device.since = now;
        session->device.heard = 0;
    }
    return session->device.heard < STATES_A_SECOND && ++session->device.heard;
}

void sl_device_read(struct sl_session *session, const uint8_t *data, size_t len, sl_ns now)
{
    uint32_t flags;
    if (!session->config.agreed.sightline || !session->receive[SL_VIDEO] ||
        sl_device_state_read(data, len, &flags))
        return;
    if (!one_more(session, now)) {
        session->stats.states_refused++;
        return;
    }
    session->stats.states++;
    if (session->config.handler->device)
        session->config.handler->device(session->config.ctx, flags, now);
}
