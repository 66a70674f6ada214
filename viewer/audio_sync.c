/* SPDX-License-Identifier: MIT */
#include "viewer/audio_sync.h"

#include <string.h>

#define SMOOTHING 0.05               /* of each packet: about 20 packets, 0.4 s */
#define CORRECT_WITHIN (4. * SL_SEC) /* an error is worked off in about this time */
#define DEAD_BAND (2. * SL_MS)       /* not worth a change of speed */

void sl_audio_sync_init(struct sl_audio_sync *sync)
{
    memset(sync, 0, sizeof(*sync));
    sync->slack[0] = sync->slack[1] = SL_NEVER;
}

static void note_slack(struct sl_audio_sync *sync, sl_ns slack)
{
    if (sync->in_window++ >= SL_AUDIO_SLACK_PACKETS) {
        sync->in_window = 1;
        sync->slack[0] = sync->slack[1];
        sync->slack[1] = SL_NEVER;
    }
    if (slack < sync->slack[1])
        sync->slack[1] = slack;
}

/* What can be taken away without running dry. */
static sl_ns spare(const struct sl_audio_sync *sync)
{
    const sl_ns least = sync->slack[0] < sync->slack[1] ? sync->slack[0] : sync->slack[1];
    return least > SL_AUDIO_RESERVE ? least - SL_AUDIO_RESERVE : 0;
}

static struct sl_audio_step jump(struct sl_audio_sync *sync, sl_ns by)
{
    sync->error = 0;
    sync->started = false;
    sync->slack[0] = sync->slack[1] = SL_NEVER;
    sync->in_window = 0;
    return (struct sl_audio_step){.skip = by};
}

static bool is_beyond(double error, sl_ns limit)
{
    return error < (double)-limit || error > (double)limit;
}

struct sl_audio_step sl_audio_sync_step(struct sl_audio_sync *sync, sl_ns late, sl_ns slack)
{
    note_slack(sync, slack);
    const sl_ns room = spare(sync);
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
