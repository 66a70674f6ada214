/* SPDX-License-Identifier: MIT */
#include "viewer/audio_sync.h"

#include <string.h>

#define SMOOTHING 0.05               /* of each packet: about 20 packets, 0.4 s */
#define CORRECT_WITHIN (4. * SL_SEC) /* an error is worked off in about this time */
#define DEAD_BAND (2. * SL_MS)       /* not worth a change of speed */
#define EXTRA_PACKETS 10000          /* 200 s, until a third of the extra reserve is left */
#define NOT_BEYOND (SL_AUDIO_JUMP_BEYOND - 8 * SL_MS) /* sound is made late by extra reserve */

static void forget_left(struct sl_audio_sync *sync)
{
    sync->left[0] = sync->left[1] = SL_NEVER;
    sync->in_window = 0;
}

void sl_audio_sync_init(struct sl_audio_sync *sync)
{
    memset(sync, 0, sizeof(*sync));
    forget_left(sync);
}

static sl_ns smaller(sl_ns a, sl_ns b)
{
    return a < b ? a : b;
}

void sl_audio_sync_left(struct sl_audio_sync *sync, sl_ns left)
{
    sync->left[1] = smaller(sync->left[1], left);
}

void sl_audio_sync_missed(struct sl_audio_sync *sync, sl_ns missing)
{
    sync->extra = smaller(sync->extra + missing, SL_AUDIO_RESERVE_MAX - SL_AUDIO_RESERVE);
}

static void turn_window(struct sl_audio_sync *sync)
{
    if (++sync->in_window < SL_AUDIO_LEFT_PACKETS)
        return;
    sync->in_window = 0;
    sync->left[0] = sync->left[1];
    sync->left[1] = SL_NEVER;
}

/* By how much sound may be hurried without running dry; negative: it is short by that. */
static sl_ns spare(struct sl_audio_sync *sync, sl_ns late)
{
    const sl_ns least = smaller(sync->left[0], sync->left[1]);
    if (least == SL_NEVER)
        return 0;
    sync->extra -= sync->extra / EXTRA_PACKETS;
    const sl_ns room = least - SL_AUDIO_RESERVE;
    sl_ns extra = sync->extra;
    if (late != SL_NEVER) /* what sound would be late by without any extra, leaves so much for it */
        extra = smaller(extra, NOT_BEYOND - (late - room));
    return room - (extra > 0 ? extra : 0);
}

static struct sl_audio_step jump(struct sl_audio_sync *sync, sl_ns by)
{
    sync->error = 0;
    sync->started = false;
    forget_left(sync);
    return (struct sl_audio_step){.skip = by};
}

static bool is_beyond(double error, sl_ns limit)
{
    return error < (double)-limit || error > (double)limit;
}

struct sl_audio_step sl_audio_sync_step(struct sl_audio_sync *sync, sl_ns late)
{
    const sl_ns room = spare(sync, late);
    turn_window(sync);
    const sl_ns limit = late == SL_NEVER ? SL_AUDIO_CUT_BEYOND : SL_AUDIO_JUMP_BEYOND;
    if (late == SL_NEVER || late > room)
        late = room; /* as early as can be, and no more */
    sync->error =
        sync->started ? sync->error + SMOOTHING * ((double)late - sync->error) : (double)late;
    sync->started = true;
    if (is_beyond(sync->error, limit) && is_beyond((double)late, limit))
        return jump(sync, late);
    if (sync->error > -DEAD_BAND && sync->error < DEAD_BAND)
        return (struct sl_audio_step){0};
    double ppm = sync->error / CORRECT_WITHIN * 1e6;
    if (ppm > SL_AUDIO_SPEED_MAX_PPM)
        ppm = SL_AUDIO_SPEED_MAX_PPM;
    if (ppm < -SL_AUDIO_SPEED_MAX_PPM)
        ppm = -SL_AUDIO_SPEED_MAX_PPM;
    return (struct sl_audio_step){.ppm = (int)ppm};
}

static int16_t between(int16_t a, int16_t b, double part)
{
    return (int16_t)(a + (b - a) * part);
}

int sl_audio_stretch(struct sl_audio_sync *sync, const int16_t *in, int count, int ppm,
                     int16_t *out)
{
    const double step = 1 + ppm * 1e-6;
    int made = 0;
    /* Position 0 is the last sample of the block before, 1 the first of this one. */
    double at = sync->phase;
    for (; at < count; at += step, made++) {
        const int whole = (int)at;
        const double part = at - whole;
        for (int channel = 0; channel < 2; channel++) {
            const int16_t before = whole ? in[2 * (whole - 1) + channel] : sync->last[channel];
            out[2 * made + channel] = between(before, in[2 * whole + channel], part);
        }
    }
    sync->phase = at - count;
    if (count)
        memcpy(sync->last, in + 2 * (count - 1), sizeof(sync->last));
    return made;
}
