/* SPDX-License-Identifier: MIT */
#include "viewer/sound.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/encoder.h"

#define FRAME SL_AUDIO_FRAME_SAMPLES
#define PACKET (20 * SL_MS)
#define ASK 480 /* samples: 10 ms */

struct fixture {
    struct sl_sound *sound;
    struct sl_audio_encoder *encoder;
    double phase;
    sl_ns captured;
    sl_ns now;
    int16_t out[2 * ASK];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char why[128];
    assert_int_equal(sl_sound_create(&f->sound), 0);
    assert_int_equal(sl_audio_encoder_create(&f->encoder, 64000, why, sizeof(why)), 0);
    f->now = SL_SEC;
    f->captured = SL_SEC;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sl_sound_destroy(f->sound);
    sl_audio_encoder_destroy(f->encoder);
    free(f);
    return 0;
}

static struct sl_sound_stats balanced(struct fixture *f)
{
    struct sl_sound_stats s;
    sl_sound_stats(f->sound, &s);
    assert_int_equal(s.offered, s.played + s.full + s.switched + s.held);
    return s;
}

/* 20 ms of a tone; `lost`: the packet itself does not come, but perhaps the one after it. */
static bool offer(struct fixture *f, bool lost)
{
    int16_t pcm[2 * FRAME];
    for (int i = 0; i < FRAME; i++, f->phase += 2 * 3.14159265358979 * 300 / 48000)
        pcm[2 * i] = pcm[2 * i + 1] = (int16_t)(8000 * sin(f->phase));
    struct sl_encoded encoded;
    assert_int_equal(sl_audio_encoder_encode(f->encoder, pcm, &encoded), 0);
    const struct sl_sound_packet packet = {.data = lost ? NULL : encoded.data,
                                           .len = lost ? 0 : encoded.len,
                                           .lost = lost,
                                           .samples = FRAME,
                                           .has_capture = true,
                                           .captured = f->captured};
    f->captured += PACKET;
    const bool kept = sl_sound_offer(f->sound, &packet);
    balanced(f);
    return kept;
}

static void offer_lost(struct fixture *f)
{
    const struct sl_sound_packet packet = {.lost = true, .samples = FRAME};
    assert_true(sl_sound_offer(f->sound, &packet));
}

/* The microphone goes on, and nothing comes. */
static void go_on(struct fixture *f)
{
    f->captured += PACKET;
}

/* Mean level of the next 10 ms. */
static double ask(struct fixture *f)
{
    sl_sound_fill(f->sound, f->now, 0, f->out, ASK);
    balanced(f);
    f->now += 10 * SL_MS;
    double sum = 0;
    for (int i = 0; i < 2 * ASK; i++)
        sum += abs(f->out[i]);
    return sum / (2 * ASK);
}

static void test_plays_what_it_gets(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f) == 0);
    assert_int_equal(balanced(f).dry, 1);
    for (int i = 0; i < 50; i++) {
        assert_true(offer(f, false));
        const double level = ask(f) + ask(f);
        if (i > 3)
            assert_true(level / 2 > 4000 && level / 2 < 6000); /* 8000 * 2 / pi */
    }
    const struct sl_sound_stats s = balanced(f);
    assert_int_equal(s.played, 50);
    assert_int_equal(s.dry, 1);
    assert_int_equal(s.concealed, 0);
}

static void test_a_lost_packet_is_concealed(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        assert_true(offer(f, i == 15));
        const double level = (ask(f) + ask(f)) / 2;
        if (i == 15)
            assert_true(level > 1500); /* not a hole */
    }
    assert_int_equal(balanced(f).concealed, 1);
    assert_int_equal(balanced(f).played, 20);
}

/* 20 packets and a picture as old as their sound. */
static void play_in_step(struct fixture *f)
{
    sl_sound_picture_age(f->sound, 4 * SL_MS);
    for (int i = 0; i < 20; i++) {
        assert_true(offer(f, false));
        ask(f);
        ask(f);
    }
    assert_int_equal(balanced(f).dry, 0);
    assert_true(balanced(f).late > -SL_MS && balanced(f).late < SL_MS);
}

/* What follows a lost packet says that it is lost when its time has passed: the hole is filled by
 * then, and sound is no later for it. */
static void test_a_loss_that_is_told_late_shifts_nothing(void **state)
{
    struct fixture *f = *state;
    play_in_step(f);
    go_on(f);
    assert_true(ask(f) + ask(f) > 3000); /* not a hole */
    assert_true(balanced(f).dry > 0);
    offer_lost(f);
    for (int i = 0; i < 5; i++) {
        assert_true(offer(f, false));
        assert_true(ask(f) + ask(f) > 3000);
        assert_true(balanced(f).late > -3 * SL_MS && balanced(f).late < 3 * SL_MS);
    }
    assert_int_equal(balanced(f).concealed, 1);
}

static void test_a_late_packet_is_played_all_the_same(void **state)
{
    struct fixture *f = *state;
    play_in_step(f);
    f->now += PACKET;
    sl_sound_fill(f->sound, f->now - PACKET, 0, f->out, ASK);
    sl_sound_fill(f->sound, f->now - PACKET / 2, 0, f->out, ASK);
    for (int i = 0; i < 5; i++) {
        assert_true(offer(f, false));
        assert_true(ask(f) + ask(f) > 3000);
        assert_true(balanced(f).late > 15 * SL_MS && balanced(f).late < 25 * SL_MS);
    }
    assert_int_equal(balanced(f).concealed, 0);
    assert_int_equal(balanced(f).played, 25);
}

static void test_what_stops_fades_and_ends(void **state)
{
    struct fixture *f = *state;
    play_in_step(f);
    double level = 0;
    for (int i = 0; i < 25; i++)
        level = ask(f);
    assert_true(level == 0);
}

static void test_garbage_is_concealed_too(void **state)
{
    struct fixture *f = *state;
    const uint8_t bytes[] = {0x03, 0xff};
    const struct sl_sound_packet packet = {.data = bytes, .len = 2, .samples = 100000};
    assert_true(sl_sound_offer(f->sound, &packet));
    const struct sl_sound_packet odd = {.data = NULL, .lost = true, .samples = 7};
    assert_true(sl_sound_offer(f->sound, &odd));
    for (int i = 0; i < 30; i++)
        ask(f);
    assert_int_equal(balanced(f).concealed, 2);
}

static void test_a_full_ring_drops_and_counts(void **state)
{
    struct fixture *f = *state;
    int kept = 0;
    for (int i = 0; i < 100; i++)
        kept += offer(f, false);
    assert_int_equal(kept, 64);
    assert_int_equal(balanced(f).full, 36);
}

static void test_a_switch_plays_nothing_of_the_old_stream(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        assert_true(offer(f, false));
    ask(f);
    sl_sound_switch(f->sound);
    ask(f); /* what is decoded already may still be heard: 14 ms */
    ask(f);
    assert_true(ask(f) == 0);
    assert_int_equal(balanced(f).switched, 4);
    assert_true(offer(f, false));
    ask(f);
    assert_int_equal(balanced(f).held, 0);
}

/* The picture is 200 ms old, the sound arrives 30 ms after capture: it is made to wait. */
static void test_waits_for_its_picture(void **state)
{
    struct fixture *f = *state;
    sl_sound_picture_age(f->sound, 200 * SL_MS);
    for (int i = 0; i < 500; i++) {
        f->now = f->captured + 30 * SL_MS;
        assert_true(offer(f, false));
        ask(f);
        ask(f);
        if (i > 20) {
            const sl_ns late = balanced(f).late;
            assert_true(late > -40 * SL_MS && late < 40 * SL_MS);
        }
    }
    sl_sound_picture_age(f->sound, SL_NEVER);
    assert_true(offer(f, false));
    while (balanced(f).held)
        ask(f);
    assert_true(balanced(f).late == SL_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plays_what_it_gets),
        TEST(test_a_lost_packet_is_concealed),
        TEST(test_a_loss_that_is_told_late_shifts_nothing),
        TEST(test_a_late_packet_is_played_all_the_same),
        TEST(test_what_stops_fades_and_ends),
        TEST(test_garbage_is_concealed_too),
        TEST(test_a_full_ring_drops_and_counts),
        TEST(test_a_switch_plays_nothing_of_the_old_stream),
        TEST(test_waits_for_its_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
