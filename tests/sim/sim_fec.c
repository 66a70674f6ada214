/* SPDX-License-Identifier: MIT */
/*
 * What parity alone leaves: frames over a link that loses packets at random, with encoder and
 * decoder as they are, and no feedback. The bounds are what the code must do by arithmetic: of 8
 * packets and 2 rows any 8 make the frame whole, so what is left is the binomial tail, 1.1 % at
 * 5 % loss and 6.9 % at 10 %.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"
#include "fec/decoder.h"
#include "fec/encoder.h"
#include "tests/support/span.h"

#define SSRC 77
#define BYTES 64   /* what is in the packets is not at issue here */
#define SETTLED 64 /* frames after which what came late counts no more */
#define FRAMES SIM_SPAN(100000, 10000)
#define CHANCE SIM_SPAN(0, 0.5) /* percent: what so few frames may be off by */

struct scene {
    const struct sl_fec_scheme *scheme;
    size_t size;  /* packets of a frame */
    size_t rows;  /* for each frame that has any */
    size_t every; /* frames from one that has rows to the next */
    size_t reach;
    double loss;
    double burst; /* mean length; 1 is random */
};

struct run {
    struct sl_random random;
    struct sl_fec_encoder *encoder;
    struct sl_fec_decoder *decoder;
    int64_t frame;
    size_t size;
    size_t missing[2 * SETTLED]; /* packets of frame mod that */
    uint64_t lost_frames, sent_packets, sent_rows;
    bool in_burst;
};

static void restored(void *user, int64_t seq, const uint8_t *packet, size_t len)
{
    struct run *run = user;
    const int64_t frame = seq / (int64_t)run->size;
    assert_int_equal(len, BYTES);
    assert_int_equal(sl_get64(packet + 12), seq);
    assert_true(run->frame - frame < SETTLED);
    run->missing[frame % (2 * SETTLED)]--;
}

/* Gilbert's model: enters a loss, and leaves it, so that `loss` are lost in runs of `burst`. */
static bool is_lost(struct run *run, const struct scene *scene)
{
    const double leave = 1 / scene->burst;
    const double enter = scene->loss * leave / (1 - scene->loss);
    if (scene->burst <= 1)
        return sl_random_unit(&run->random) < scene->loss;
    run->in_burst = sl_random_unit(&run->random) < (run->in_burst ? 1 - leave : enter);
    return run->in_burst;
}

static void send_packet(struct run *run, const struct scene *scene, int64_t seq)
{
    uint8_t packet[BYTES] = {0x80, 96};
    sl_put16(packet + 2, (uint16_t)seq);
    sl_put32(packet + 8, SSRC);
    sl_put64(packet + 12, (uint64_t)seq);
    sl_fec_encoder_put(run->encoder, seq, packet, sizeof(packet));
    run->sent_packets++;
    if (seq > 0 && is_lost(run, scene)) /* the stream has to begin */
        run->missing[run->frame % (2 * SETTLED)]++;
    else
        sl_fec_decoder_packet(run->decoder, seq, packet, sizeof(packet));
}

static void send_rows(struct run *run, const struct scene *scene, int64_t first, int64_t last)
{
    static uint8_t payloads[SL_FEC_ROWS_MAX][SL_FEC_REPAIR_MAX];
    struct sl_fec_repair repairs[SL_FEC_ROWS_MAX];
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS];
    for (size_t i = 0; i < scene->rows; i++)
        repairs[i].payload = payloads[i];
    assert_int_equal(sl_fec_encoder_frame(run->encoder, first, last, scene->reach, runs), 1);
    if (run->frame % (int64_t)scene->every)
        return;
    const int made = sl_fec_encoder_mint(run->encoder, &runs[0], scene->rows, repairs);
    assert_int_equal(made, scene->rows);
    run->sent_rows += scene->rows;
    for (int i = 0; i < made; i++)
        if (!is_lost(run, scene))
            sl_fec_decoder_repair(run->decoder, repairs[i].payload, repairs[i].len);
}

static void settle(struct run *run)
{
    size_t *missing = &run->missing[(run->frame + SETTLED) % (2 * SETTLED)];
    run->lost_frames += *missing > 0;
    *missing = 0;
}

/* Percent of frames that stay incomplete. */
static double play(const struct scene *scene, int64_t frames)
{
    static struct run run;
    memset(&run, 0, sizeof(run));
    sl_random_init_seed(&run.random, 4);
    run.size = scene->size;
    const struct sl_fec_encoder_config encoder = {
        .scheme = scene->scheme, .ssrc = SSRC, .packets = 512};
    const struct sl_fec_decoder_config decoder = {.scheme = scene->scheme,
                                                  .ssrc = SSRC,
                                                  .packets = 512,
                                                  .rows = 64,
                                                  .restored = restored,
                                                  .user = &run};
    assert_int_equal(sl_fec_encoder_create(&run.encoder, &encoder), 0);
    assert_int_equal(sl_fec_decoder_create(&run.decoder, &decoder), 0);
    for (run.frame = 0; run.frame < frames; run.frame++) {
        const int64_t first = run.frame * (int64_t)scene->size;
        const int64_t last = first + (int64_t)scene->size - 1;
        settle(&run);
        for (int64_t seq = first; seq <= last; seq++)
            send_packet(&run, scene, seq);
        send_rows(&run, scene, first, last);
    }
    struct sl_fec_decoder_stats s;
    sl_fec_decoder_stats(run.decoder, &s);
    assert_int_equal(s.repairs, s.restored + s.bad + s.unneeded + s.forgotten + s.refused + s.held);
    assert_int_equal(s.bad + s.refused, 0);
    sl_fec_encoder_destroy(run.encoder);
    sl_fec_decoder_destroy(run.decoder);
    const double percent = 100.0 * (double)run.lost_frames / (double)frames;
    printf("%-10s %2zu packets a frame, %4.1f %% parity, %2.0f %% loss, bursts of %.0f: "
           "%.3f %% of frames lost\n",
           scene->scheme->name, scene->size,
           100.0 * (double)run.sent_rows / (double)run.sent_packets, 100 * scene->loss,
           scene->burst, percent);
    return percent;
}

static void check(const struct scene *scene, double low, double high)
{
    const double percent = play(scene, FRAMES);
    assert_true(percent >= low - CHANCE);
    assert_true(percent <= high + CHANCE);
}

static void a_quarter_of_parity_leaves_the_binomial_tail(void **state)
{
    (void)state;
    struct scene scene = {
        .scheme = &sl_fec_rs, .size = 8, .rows = 2, .every = 1, .loss = 0.05, .burst = 1};
    check(&scene, 1.05, 1.25); /* 1.15 less the frames of which only rows were lost */
    scene.loss = 0.10;
    check(&scene, 6.6, 7.1);
}

/* Single packets of which every fourth brings a row over four: a lost one is mended late. */
static void short_frames_are_protected_by_reaching_back(void **state)
{
    (void)state;
    struct scene scene = {.scheme = &sl_fec_rs,
                          .size = 1,
                          .rows = 1,
                          .every = 4,
                          .reach = 4,
                          .loss = 0.05,
                          .burst = 1};
    const double quarter = play(&scene, FRAMES);
    scene.reach = 8; /* each packet in two runs */
    const double twice = play(&scene, FRAMES);
    assert_true(quarter < 1.2); /* of 5: lost with another of its 4, or with the row */
    assert_true(twice < quarter);
}

static void interleaving_mends_bursts(void **state)
{
    (void)state;
    struct scene scene = {
        .scheme = &sl_fec_flexfec, .size = 12, .rows = 3, .every = 1, .loss = 0.05, .burst = 1};
    const double parity = play(&scene, FRAMES / 2);
    scene.scheme = &sl_fec_rs;
    const double solomon = play(&scene, FRAMES / 2);
    assert_true(solomon < 0.7 + CHANCE); /* 4 or more of 15: 0.55 % */
    assert_true(parity > 6.1 - CHANCE &&
                parity < 7.0 + CHANCE); /* 2 or more of 5, three times: 6.6 % */
    scene.burst = 3;
    const double bursts = play(&scene, FRAMES / 2);
    scene.scheme = &sl_fec_flexfec;
    const double interleaved = play(&scene, FRAMES / 2);
    assert_true(bursts < interleaved && interleaved < 2 * bursts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quarter_of_parity_leaves_the_binomial_tail),
        cmocka_unit_test(short_frames_are_protected_by_reaching_back),
        cmocka_unit_test(interleaving_mends_bursts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
