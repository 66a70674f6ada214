/* SPDX-License-Identifier: MIT */
/* Sound beside its picture, held back or not, over a path whose delay in force changes: the two
 * jitter buffers, what feed and sound do between them, and the arithmetic of audio_sync. */
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
#include "tests/support/span.h"
#include "viewer/audio_sync.h"

#define LONG SIM_SPAN(24 * 3600 * SL_SEC, 1800 * SL_SEC)

#define PACKET (20 * SL_MS)
#define ENCODE (8 * SL_MS)        /* picture captured to sent */
#define SCREEN (5 * SL_MS)        /* picture due to visible */
#define SOUND_AFTER (30 * SL_MS)  /* as in viewer/feed.c */
#define CONCEAL_MAX (200 * SL_MS) /* as in viewer/sound.c */
#define FLYING 256
#define LINE 256
#define BINS 400 /* of 1 ms */

/* A sound card: how much it asks for at a time, and how long after that it is heard. */
struct card {
    sl_ns asks, delay;
};

/* What viewer/audio_out.c asks SDL for. */
static const struct card our_card = {.asks = SL_SEC * 256 / 48000, .delay = SL_SEC * 512 / 48000};
/* The worst there is: packets are a multiple of it, so a clock that drifts brings them for seconds
 * just before it asks, and then just after. */
static const struct card even_card = {.asks = 10 * SL_MS, .delay = 10 * SL_MS};

struct flight {
    int64_t seq;
    sl_ns at; /* 0: landed */
};

struct waiting {
    sl_ns captured;
    bool lost;
};

struct rig {
    struct card card;
    struct sim_stream *video;
    struct sl_audio_jitter *sound;
    struct sl_audio_sync sync;
    struct sl_random random;
    sl_ns start, now;
    double ppm;
    int64_t made;
    struct flight flying[FLYING];
    struct waiting line[LINE]; /* for the card */
    int64_t line_in, line_out;
    sl_ns queued, filler;
    sl_ns picture_age; /* SL_NEVER: none yet */
    /* results since the last clear */
    int64_t counted, apart[BINS]; /* |sound behind picture| */
    int64_t jumps, dry;
    int64_t missed; /* of those: for a packet that came after all */
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
    rig->counted = rig->jumps = rig->dry = rig->missed = 0;
    rig->delay_least = SL_NEVER;
    rig->delay_most = 0;
}

static void open_rig(struct rig *rig, const struct card *card, double ppm,
                     const struct sim_path *path)
{
    const struct sim_camera camera = {.fps = 30,
                                      .ppm = ppm,
                                      .packets = 4,
                                      .key_packets = 16,
                                      .key_every = 60,
                                      .packet_bytes = 100};
    const struct sl_audio_jitter_config config = {0};
    memset(rig, 0, sizeof(*rig));
    rig->card = *card;
    rig->video = sim_stream_create(21, &camera, path, SL_JITTER_AUTO);
    sim_stream_watch(rig->video, see, rig);
    assert_int_equal(sl_audio_jitter_create(&rig->sound, &config), 0);
    sl_audio_sync_init(&rig->sync);
    sl_random_init_seed(&rig->random, 22);
    rig->ppm = ppm;
    rig->start = rig->now = sim_stream_now(rig->video);
    rig->picture_age = SL_NEVER;
    rig->filler = CONCEAL_MAX;
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
        if (flight->at < path->held_until)
            flight->at = path->held_until;
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
    sl_audio_jitter_set_delay(rig->sound, delay > 0 ? delay : 0);
    struct sl_audio_packet packet;
    enum sl_audio_pop got;
    while ((got = sl_audio_jitter_pop(rig->sound, rig->now, &packet)) != SL_AUDIO_WAIT) {
        assert_true(rig->line_in - rig->line_out < LINE);
        rig->line[rig->line_in++ % LINE] =
            (struct waiting){.captured = captured(rig, packet.seq), .lost = got == SL_AUDIO_LOST};
    }
}

static void note(struct rig *rig, sl_ns late)
{
    const sl_ns apart = (late < 0 ? -late : late) / SL_MS;
    rig->apart[apart < BINS ? apart : BINS - 1]++;
    rig->counted++;
}

/* How much of a packet is left out, for it was missed. */
static sl_ns settle_filler(struct rig *rig, bool lost)
{
    const sl_ns filler = rig->filler;
    if (lost) {
        const sl_ns played = filler < PACKET ? filler : PACKET;
        rig->filler -= played;
        return played;
    }
    rig->filler = 0;
    if (filler >= CONCEAL_MAX) {
        rig->queued += SL_AUDIO_RESERVE;
    } else if (filler) {
        sl_audio_sync_missed(&rig->sync, filler);
        rig->missed++;
    }
    return 0;
}

static void take(struct rig *rig, const struct waiting *waiting)
{
    const sl_ns out = settle_filler(rig, waiting->lost);
    const sl_ns age = rig->now + rig->card.delay + rig->queued - out - waiting->captured;
    sl_ns late = SL_NEVER;
    if (rig->picture_age != SL_NEVER) {
        late = age - rig->picture_age;
        note(rig, late);
    }
    const struct sl_audio_step step =
        sl_audio_sync_step(&rig->sync, waiting->lost ? SL_NEVER : late);
    rig->jumps += step.skip != 0;
    if (step.skip >= PACKET)
        return;
    rig->queued += (sl_ns)((double)(PACKET - out) / (1 + step.ppm * 1e-6));
    rig->queued -= step.skip < 0 ? step.skip : 0;
}

/* The card asks; as in sound.c. */
static void fill(struct rig *rig)
{
    const sl_ns asks = rig->card.asks;
    while (rig->queued < asks && rig->line_out < rig->line_in)
        take(rig, &rig->line[rig->line_out++ % LINE]);
    if (rig->queued < asks) {
        rig->dry++;
        sl_audio_sync_left(&rig->sync, 0);
        rig->filler += asks - rig->queued;
        rig->queued = asks;
    }
    rig->queued -= asks;
    sl_audio_sync_left(&rig->sync, rig->queued + (rig->line_in - rig->line_out) * PACKET);
}

static void run(struct rig *rig, sl_ns span)
{
    for (const sl_ns until = rig->now + span; rig->now < until;) {
        sim_stream_run(rig->video, rig->card.asks);
        rig->now += rig->card.asks;
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
    printf("%-28s delay %3.0f to %3.0f ms: |A-V| p50 %d p99 %d p99.9 %d ms, jumps %lld, dry %lld, "
           "late packets %lld\n",
           what, (double)rig->delay_least / 1e6, (double)rig->delay_most / 1e6, apart_ms(rig, .5),
           apart_ms(rig, .99), apart_ms(rig, .999), (long long)rig->jumps, (long long)rig->dry,
           (long long)rig->missed);
}

static struct rig rig;

/* Promise 7: a day over a link that loses and delays, the sender's clock fast or slow. */
static void a_day_of_drift_stays_in_step(void **state)
{
    (void)state;
    for (int ppm = -200; ppm <= 200; ppm += 400) {
        const struct sim_path path = {
            .delay = 20 * SL_MS, .jitter = 20 * SL_MS, .loss = .02, .resent = 40 * SL_MS};
        open_rig(&rig, &even_card, ppm, &path);
        run(&rig, 60 * SL_SEC);
        clear(&rig);
        run(&rig, LONG - 3600 * SL_SEC / 8);
        print(&rig, "the day");
        assert_true(apart_ms(&rig, .999) <= 40);
        assert_true(rig.missed <= LONG / (120 * SL_SEC));
        assert_int_equal(rig.jumps, 0); /* all of it was resampled */
        clear(&rig);
        run(&rig, 3600 * SL_SEC / 8);
        print(&rig, "its end");
        assert_true(apart_ms(&rig, .999) <= 40);
        assert_true(rig.delay_most > 20 * SL_MS);
        close_rig(&rig);
    }
}

/* Beside a picture that is not held back, sound is later by a packet's length, the card's buffer
 * and the packets' jitter; not by more, and never so little that it runs dry. */
static void sound_is_close_to_a_picture_not_held_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct sim_path path;
    } links[] = {
        {"clean LAN", {.delay = 300 * SL_US, .jitter = 800 * SL_US}},
        {"20 ms, 0 to 5 ms", {.delay = 20 * SL_MS, .jitter = 5 * SL_MS}},
        {"20 ms, 0 to 10 ms", {.delay = 20 * SL_MS, .jitter = 10 * SL_MS}},
        {"20 ms, 0 to 5 ms, 0.1 % lost",
         {.delay = 20 * SL_MS, .jitter = 5 * SL_MS, .loss = .001, .resent = 40 * SL_MS}},
    };
    for (size_t i = 0; i < SL_COUNT(links); i++) {
        for (int ppm = -200; ppm <= 200; ppm += 200) {
            open_rig(&rig, &our_card, ppm, &links[i].path);
            run(&rig, 30 * SL_SEC);
            clear(&rig);
            run(&rig, SIM_SPAN(1200, 200) * SL_SEC);
            print(&rig, links[i].name);
            assert_true(rig.delay_most <= (links[i].path.loss > 0 ? 20 * SL_MS : 0));
            assert_true(apart_ms(&rig, .999) <= 40);
            assert_int_equal(rig.missed, 0);
            assert_true(links[i].path.loss > 0 || rig.dry == 0);
            close_rig(&rig);
        }
    }
}

/* Every 20 s nothing arrives for up to 30 ms: what was too little once is not again, as far as
 * sound stays near its picture. */
static void what_ran_dry_keeps_more_in_reserve(void **state)
{
    (void)state;
    const int stalls = SIM_SPAN(180, 60);
    const struct sim_path path = {.delay = 300 * SL_US, .jitter = 800 * SL_US};
    open_rig(&rig, &our_card, 200, &path);
    run(&rig, 30 * SL_SEC);
    clear(&rig);
    for (int i = 0; i < stalls; i++) {
        sim_stream_path(rig.video)->held_until = rig.now + i * 7 % 30 * SL_MS;
        run(&rig, 20 * SL_SEC);
    }
    print(&rig, "LAN that stalls");
    assert_true(apart_ms(&rig, .99) <= 45);
    assert_true(rig.missed > 0 && rig.missed < stalls / 3);
    close_rig(&rig);
}

/* The link gets bad and good again, and sound goes with the picture both ways. */
static void sound_follows_a_delay_that_changes(void **state)
{
    (void)state;
    const struct sim_path path = {.delay = 20 * SL_MS, .jitter = 5 * SL_MS, .resent = 40 * SL_MS};
    open_rig(&rig, &our_card, 200, &path);
    run(&rig, 10 * SL_SEC);
    for (int i = 0; i < SIM_SPAN(10, 3); i++) {
        sim_stream_path(rig.video)->loss = .05;
        run(&rig, 2 * SL_SEC);
        clear(&rig);
        run(&rig, 40 * SL_SEC);
        print(&rig, "bad");
        assert_true(apart_ms(&rig, .999) <= 40);
        assert_int_equal(rig.jumps, 0);
        assert_true(rig.delay_most >= 25 * SL_MS);
        sim_stream_path(rig.video)->loss = 0;
        clear(&rig);
        run(&rig, 6 * SL_SEC);
        print(&rig, "good: falling");
        assert_true(apart_ms(&rig, .999) <= 40);
        run(&rig, 34 * SL_SEC);
        assert_int_equal(rig.delay_least, 0);
        assert_int_equal(rig.jumps, 0);
        clear(&rig);
        run(&rig, 10 * SL_SEC);
        print(&rig, "good");
        assert_true(apart_ms(&rig, .999) <= 40);
    }
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_drift_stays_in_step),
        cmocka_unit_test(sound_is_close_to_a_picture_not_held_back),
        cmocka_unit_test(what_ran_dry_keeps_more_in_reserve),
        cmocka_unit_test(sound_follows_a_delay_that_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
