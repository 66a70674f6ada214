/* SPDX-License-Identifier: MIT */
#include "whip/retry.h"

#define SOON_TRIES 10

void sl_retry_lived(struct sl_retry *retry)
{
    retry->was_live = true;
    retry->not_live_yet = 0;
}

void sl_retry_anew(struct sl_retry *retry)
{
    retry->failures = 0;
}

bool sl_retry_failed(struct sl_retry *retry)
{
    retry->failures++;
    return retry->limit >= 0 && retry->failures >= retry->limit;
}

/* Somewhere in the upper half of it. */
static sl_ns jitter(sl_ns most, struct sl_random *random)
{
    return most / 2 + (sl_ns)((double)(most / 2) * sl_random_unit(random));
}

/* 100 ms at first, doubling to 1 s, or half of it where pictures are missed. */
sl_ns sl_retry_delay(const struct sl_retry *retry, struct sl_random *random)
{
    const sl_ns limit = retry->was_live ? SL_RETRY_MAX / 2 : SL_RETRY_MAX;
    sl_ns most = 2 * SL_RETRY_MIN;
    for (int i = 1; i < retry->failures && most < SL_RETRY_MAX; i++)
        most *= 2;
    return jitter(most < limit ? most : limit, random);
}

/* Retry-After counts in whole seconds, and a picture may not be that late: half a second is the
 * most that is waited, and a caller who knows better nudges. A receiver that has just been reached
 * again may wait for its camera, which looks for it as we did: that takes little. */
sl_ns sl_retry_not_live(struct sl_retry *retry, int retry_after_s, struct sl_random *random)
{
    const bool soon = retry->was_live && retry->not_live_yet++ < SOON_TRIES;
    const sl_ns most = retry_after_s == 0 ? SL_RETRY_MIN
                       : soon             ? 2 * SL_RETRY_MIN
                                          : SL_RETRY_MAX / 2;
    retry->failures = 0;
    return jitter(most, random);
}

void sl_retry_connected(struct sl_retry *retry, sl_ns took)
{
    if (took > 0)
        retry->connect = took;
}

/* Whether the link is back is found out by trying, and TCP sends again what it sent too early only
 * after a second (RFC 6298): so a try that reaches nobody is short. But by satellite nobody is
 * reached that soon, and libcurl tries the addresses of a name one after another: what the last
 * connection took says so, and as it may have changed, one of 16 tries has more time. */
bool sl_retry_is_quick(const struct sl_retry *retry)
{
    return retry->was_live && retry->connect < SL_RETRY_REACH / 2 && retry->failures % 16 != 15;
}
