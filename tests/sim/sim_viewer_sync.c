/* SPDX-License-Identifier: MIT */
/* Sound beside its picture, over a path whose delay in force changes: the two jitter buffers, what
 * the feed does between them, and the arithmetic of audio_sync. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jitter/audio.h"
#include "tests/support/simstream.h"
#include "viewer/audio_sync.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define LONG (1800 * SL_SEC)
#else
#define LONG (24 * 3600 * SL_SEC)
#endif

#define PACKET (20 * SL_MS)
#define CALLBACK (10 * SL_MS)
#define CARD (10 * SL_MS)       /* from the card's question to the speaker */
#define ENCODE (8 * SL_MS)      /* picture captured to sent */
#define SCREEN (5 * SL_MS)      /* picture due to visible */
#define SOUND_DELAY (5 * SL_MS) /* as in viewer/feed.c */
#define SOUND_AFTER (25 * SL_MS)
#define FLYING 256
#define LINE 256
#define BINS 400 /* of 1 ms */

struct flight {
    int64_t seq;
    sl_ns at; /* 0: landed */
};

struct rig {
    struct sim_stream *video;
    struct sl_audio_jitter *sound;
    struct sl_audio_sync sync;
    struct sl_random random;
    sl_ns start, now;
    double ppm;
    int64_t made;
    struct flight flying[FLYING];
    sl_ns line[LINE]; /* captured; waits for the card */
    int64_t line_in, line_out;
    sl_ns queued;
    sl_ns picture_age; /* SL_NEVER: none yet */
    /* results since the last clear */
    int64_t counted, apart[BINS]; /* |sound behind picture| */
    int64_t jumps, dry;
    sl_ns delay_least, delay_most;
};

static void see(void *ctx, const struct sim_seen *seen)
{
    struct rig *rig = ctx;
    if (seen->shown != SL_NEVER)
        rig->picture_age = seen->shown - seen->sent + ENCODE + SCREEN;
    rig->delay_least = seen->delay < rig->delay_least ? seen->delay : rig->delay_least;
    rig->delay_most = seen->delay > rig->delay_most ? seen->delay : rig->delay_most;
}

static void clear(struct rig *rig)
{
    memset(rig->apart, 0, sizeof(rig->apart));
    rig->counted = rig->jumps = rig->dry = 0;
    rig->delay_least = SL_NEVER;
    rig->delay_most = 0;
}

static void open_rig(struct rig *rig, double ppm, const struct sim_path *path)
{
    const struct sim_camera camera = {.fps = 30,
                                      .ppm = ppm,
                                      .packets = 4,
                                      .key_packets = 16,
                                      .key_every = 60,
                                      .packet_bytes = 100};
    const struct sl_audio_jitter_config config = {.delay = SOUND_DELAY};
    memset(rig, 0, sizeof(*rig));
    rig->video = sim_stream_create(21, &camera, path, SL_JITTER_AUTO);
    sim_stream_watch(rig->video, see, rig);
    assert_int_equal(sl_audio_jitter_create(&rig->sound, &config), 0);
    sl_audio_sync_init(&rig->sync);
    sl_random_init_seed(&rig->random, 22);
    rig->ppm = ppm;
    rig->start = rig->now = sim_stream_now(rig->video);
    rig->picture_age = SL_NEVER;
    clear(rig);
}

static void close_rig(struct rig *rig)
{
    sim_stream_destroy(rig->video);
    sl_audio_jitter_destroy(rig->sound);
}

static sl_ns captured(const struct rig *rig, int64_t seq)
{
    return rig->start + (sl_ns)((double)(seq * PACKET) / (1 + rig->ppm * 1e-6));
}

/* Sends what has been captured, over the picture's path; sound has no resends. */
static void send(struct rig *rig)
{
    const struct sim_path *path = sim_stream_path(rig->video);
    for (; captured(rig, rig->made + 1) <= rig->now; rig->made++) {
        if (sl_random_unit(&rig->random) < path->loss)
            continue;
        struct flight *flight = &rig->flying[rig->made % FLYING];
        assert_true(flight->at == 0);
        flight->seq = rig->made;
        flight->at = captured(rig, rig->made + 1) + path->delay +
                     (sl_ns)(sl_random_unit(&rig->random) * (double)path->jitter);
    }
}

static void land(struct rig *rig)
{
    static const uint8_t payload[] = {0xfc, 1, 2, 3}; /* 20 ms, stereo */
    for (int64_t seq = rig->made < 64 ? 0 : rig->made - 64; seq < rig->made; seq++) {
        struct flight *flight = &rig->flying[seq % FLYING];
        if (!flight->at || flight->at > rig->now)
            continue;
        const struct sl_rtp_packet packet = {.seq = flight->seq,
                                             .timestamp = (uint32_t)(flight->seq * 960),
                                             .payload = payload,
                                             .payload_len = sizeof(payload)};
        (void)sl_audio_jitter_put(rig->sound, &packet, flight->at);
        flight->at = 0;
    }
}

/* As the feed does. */
static void pass_on(struct rig *rig)
{
    const sl_ns delay = sl_jitter_delay(sim_stream_jitter(rig->video)) - SOUND_AFTER;
    sl_audio_jitter_set_delay(rig->sound, delay > SOUND_DELAY ? delay : SOUND_DELAY);
    struct sl_audio_packet packet;
    while (sl_audio_jitter_pop(rig->sound, rig->now, &packet) != SL_AUDIO_WAIT) {
        assert_true(rig->line_in - rig->line_out < LINE);
        rig->line[rig->line_in++ % LINE] = captured(rig, packet.seq);
    }
}

static void note(struct rig *rig, sl_ns late)
{
    const sl_ns apart = (late < 0 ? -late : late) / SL_MS;
    rig->apart[apart < BINS ? apart : BINS - 1]++;
    rig->counted++;
}

/* The card asks; as in sound.c. */
static void fill(struct rig *rig)
{
    while (rig->queued < CALLBACK && rig->line_out < rig->line_in) {
        const sl_ns slack = rig->queued + (rig->line_in - rig->line_out - 1) * PACKET;
        const sl_ns age = rig->now + CARD + rig->queued - rig->line[rig->line_out++ % LINE];
        sl_ns late = SL_NEVER;
        if (rig->picture_age != SL_NEVER) {
            late = age - rig->picture_age;
            note(rig, late);
        }
        const struct sl_audio_step step = sl_audio_sync_step(&rig->sync, late, slack);
        rig->jumps += step.skip != 0;
        if (step.skip > 0 && step.skip >= PACKET)
            continue;
        rig->queued += (sl_ns)((double)PACKET / (1 + step.ppm * 1e-6));
        rig->queued -= step.skip < 0 ? step.skip : 0;
    }
    rig->dry += rig->queued < CALLBACK;
    rig->queued = rig->queued > CALLBACK ? rig->queued - CALLBACK : 0;
}

static void run(struct rig *rig, sl_ns span)
{
    for (const sl_ns until = rig->now + span; rig->now < until;) {
        sim_stream_run(rig->video, CALLBACK);
        rig->now += CALLBACK;
        send(rig);
        land(rig);
        pass_on(rig);
        fill(rig);
    }
}

static int apart_ms(const struct rig *rig, double q)
{
    int64_t left = (int64_t)(q * (double)rig->counted);
    int bin = 0;
    for (; bin < BINS - 1 && left >= rig->apart[bin]; bin++)
        left -= rig->apart[bin];
    return bin;
}

static void print(const struct rig *rig, const char *what)
{
    printf("%-28s delay %3.0f to %3.0f ms: |A-V| p50 %d p99 %d p99.9 %d ms, jumps %lld, dry %lld\n",
           what, (double)rig->delay_least / 1e6, (double)rig->delay_most / 1e6, apart_ms(rig, .5),
           apart_ms(rig, .99), apart_ms(rig, .999), (long long)rig->jumps, (long long)rig->dry);
}

static struct rig rig;

/* Promise 7: a day over a link that loses and delays, the sender's clock fast or slow. */
static void a_day_of_drift_stays_in_step(void **state)
{
    (void)state;
    for (int ppm = -200; ppm <= 200; ppm += 400) {
        const struct sim_path path = {
            .delay = 20 * SL_MS, .jitter = 20 * SL_MS, .loss = .02, .resent = 40 * SL_MS};
        open_rig(&rig, ppm, &path);
        run(&rig, 60 * SL_SEC);
        clear(&rig);
        run(&rig, LONG - 3600 * SL_SEC / 8);
        print(&rig, "the day");
        assert_true(apart_ms(&rig, .99) <= 40);
        clear(&rig);
        run(&rig, 3600 * SL_SEC / 8);
        print(&rig, "its end");
        assert_true(apart_ms(&rig, .99) <= 40);
        assert_true(rig.delay_most > 20 * SL_MS);
        close_rig(&rig);
    }
}

/* The link gets bad and good again, and sound goes with the picture both ways. Beside a picture
 * that is not held back at all, sound is what a packet's length and the card make it. */
static void sound_follows_a_delay_that_changes(void **state)
{
    (void)state;
    const struct sim_path path = {.delay = 20 * SL_MS, .jitter = 5 * SL_MS, .resent = 40 * SL_MS};
    open_rig(&rig, 200, &path);
    run(&rig, 10 * SL_SEC);
    for (int i = 0; i < 10; i++) {
        sim_stream_path(rig.video)->loss = .05;
        run(&rig, 2 * SL_SEC);
        clear(&rig);
        run(&rig, 40 * SL_SEC);
        print(&rig, "bad");
        assert_true(apart_ms(&rig, .99) <= 40);
        assert_true(rig.delay_most >= 40 * SL_MS);
        sim_stream_path(rig.video)->loss = 0;
        clear(&rig);
        run(&rig, 6 * SL_SEC);
        print(&rig, "good: falling");
        assert_true(apart_ms(&rig, .99) <= 40);
        run(&rig, 34 * SL_SEC);
        assert_int_equal(rig.delay_least, 0);
        clear(&rig);
        run(&rig, 10 * SL_SEC);
        print(&rig, "good");
        assert_true(apart_ms(&rig, .99) <= 50);
    }
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_drift_stays_in_step),
        cmocka_unit_test(sound_follows_a_delay_that_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
