/* SPDX-License-Identifier: MIT */
/*
 * Repair over the links that promises are made for: a camera of 720p30 at 2 Mb/s, two sessions, and
 * what of its frames is whole in time. All by seed, in virtual time.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "session/repairs.h"
#include "tests/support/simcamera.h"
#include "tests/support/span.h"

#define FRAMES_MAX 20000
#define FRAMES SIM_SPAN(9000, 1500) /* of a scene */
#define FEW SIM_SPAN(1800, 600)
#define BITRATE 2000000
#define PICTURE 7900 /* with a key frame of 35 kB in 60: 2 Mb/s */
#define KEY 35000
#define DEADLINE (500 * SL_MS) /* of a frame, to count as whole */
#define WARM 60                /* frames before anything is judged */

struct seen {
    int came;
    sl_ns whole; /* of the sim; 0: not */
};

struct stage {
    struct sim *sim;
    struct sim_hop hop;
    struct sim_camera camera;
    struct seen *seen;
    size_t twice;
};

struct scene {
    const char *name;
    uint64_t seed;
    enum sl_sdp_fec fec;
    bool relayed; /* a relay's leg to a viewer: no feedback, no pacing */
    bool foreign;
    int percent;
    struct sim_link_config link;
    size_t frames;
    unsigned times; /* the bitrate; 0: once */
};

struct result {
    double residual; /* share of frames not whole within DEADLINE */
    double decoded;  /* frames/s with all references */
    double overhead; /* parity and resends per byte of media */
    sl_ns p50, p98;  /* age of whole frames */
    sl_ns key_age;   /* the oldest of the key frames */
    uint64_t overflowed;
    double asked; /* NACKed numbers per packet */
    struct sl_session_stats from, to;
};

static void on_packet(void *ctx, struct sim_end *end, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, bool repaired, sl_ns now)
{
    struct stage *stage = ctx;
    (void)repaired;
    (void)now;
    const uint32_t number = packet->timestamp / 3000;
    assert_int_equal(kind, SL_VIDEO);
    assert_true(number < stage->camera.count);
    struct seen *seen = &stage->seen[number];
    if (++seen->came == stage->camera.frames[number].packets)
        seen->whole = sim_now(end->sim);
}

/* Its packets may be counted only after the last has been sent. */
static bool is_whole(const struct stage *stage, size_t number)
{
    const struct seen *seen = &stage->seen[number];
    assert_true(seen->came <= stage->camera.frames[number].packets);
    return seen->whole && seen->whole - stage->camera.frames[number].sent <= DEADLINE;
}

static void on_keyframe_wanted(void *ctx, struct sim_end *end, enum sl_media_kind kind, sl_ns now)
{
    (void)kind;
    struct stage *stage = ctx;
    (void)end;
    (void)now;
    stage->camera.key_wanted = true;
}

static int compare_ns(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return (x > y) - (x < y);
}

static void judge(const struct stage *stage, struct result *ret)
{
    static sl_ns ages[FRAMES_MAX];
    const size_t until = stage->camera.count - 30;
    size_t whole = 0, decoded = 0;
    bool chain = false;
    for (size_t i = WARM; i < until; i++) {
        const bool ok = is_whole(stage, i);
        chain = ok && (chain || stage->camera.frames[i].key || i == WARM);
        decoded += chain;
        const sl_ns age = stage->seen[i].whole - stage->camera.frames[i].sent;
        if (ok && stage->camera.frames[i].key && age > ret->key_age)
            ret->key_age = age;
        if (ok)
            ages[whole++] = stage->seen[i].whole - stage->camera.frames[i].sent;
    }
    const double frames = (double)(until - WARM);
    const double span =
        (double)(stage->camera.frames[until].sent - stage->camera.frames[WARM].sent) / 1e9;
    qsort(ages, whole, sizeof(ages[0]), compare_ns);
    ret->residual = 1 - (double)whole / frames;
    ret->decoded = (double)decoded / span;
    ret->p50 = whole ? ages[whole / 2] : 0;
    ret->p98 = whole ? ages[whole * 98 / 100] : 0;
}

static void assert_balanced(const struct sl_session_stats *s)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        const struct sl_session_media_stats *m = &s->media[kind];
        assert_int_equal(m->expected, m->received + m->repaired + m->missing + m->given_up);
        assert_int_equal(m->repaired, m->repaired_fec + m->repaired_resend);
        assert_true(m->late <= m->repaired);
    }
}

static struct result play(const struct scene *scene)
{
    static struct stage stage;
    static struct seen seen[FRAMES_MAX];
    static const struct sim_end_handler to = {.packet = on_packet};
    static const struct sim_end_handler from = {.keyframe_wanted = on_keyframe_wanted};
    memset(&stage, 0, sizeof(stage));
    memset(seen, 0, sizeof(seen));
    stage.seen = seen;
    stage.sim = sim_create(scene->seed);
    const bool up = !scene->relayed;
    const unsigned times = scene->times ? scene->times : 1;
    struct sim_hop_config config = {.client_sends = up,
                                    .no_audio = true,
                                    .foreign = scene->foreign,
                                    .fec = scene->fec,
                                    .ccfb = up && !scene->foreign,
                                    .fec_percent = scene->percent,
                                    .ceiling_bps = up ? times * BITRATE : 0,
                                    .floor_bps = up ? 200000 : 0,
                                    .client_handler = up ? &from : &to,
                                    .lite_handler = up ? &to : &from,
                                    .client_ctx = &stage,
                                    .lite_ctx = &stage};
    struct sim_link_config back = {.delay = scene->link.delay, .jitter = scene->link.jitter};
    config.up = up ? scene->link : back;
    config.down = up ? back : scene->link;
    sim_hop_open(&stage.hop, stage.sim, &config);
    assert_true(sim_hop_connect(&stage.hop, 10 * SL_SEC) > 0);
    const struct sim_camera_config camera = {.key_bytes = times * KEY,
                                             .picture_bytes = times * PICTURE,
                                             .frames = scene->frames,
                                             .nominal_bps = times * BITRATE};
    sim_camera_init(&stage.camera, &camera, sim_hop_sender(&stage.hop));
    sim_camera_start(&stage.camera);
    while (stage.camera.count < scene->frames)
        sim_run_for(stage.sim, SL_SEC);
    sim_run_for(stage.sim, 2 * SL_SEC);
    struct result result = {.from = sim_end_stats(sim_hop_sender(&stage.hop)),
                            .to = sim_end_stats(sim_hop_receiver(&stage.hop))};
    judge(&stage, &result);
    const struct sl_session_media_stats *sent = &result.from.media[SL_VIDEO];
    const struct sl_session_media_stats *got = &result.to.media[SL_VIDEO];
    result.overhead = result.from.rate.overhead;
    result.asked = (double)got->nacks / (double)sent->packets;
    result.overflowed = (up ? stage.hop.up : stage.hop.down).stats.overflowed;
    assert_balanced(&result.to);
    printf(
        "%s: %.3f %% of %zu frames lost, %.2f/s decoded, overhead %.1f %%, age p50 %.1f p98 %.1f "
        "ms\n    %llu packets, %llu rows, %llu resent; by FEC %llu, by resend %llu, late %llu, "
        "given up %llu; asked for %.2f %%; skipped %zu, reckoned loss %.3f burst %.2f\n",
        scene->name, 100 * result.residual, stage.camera.count, result.decoded,
        100 * result.overhead, (double)result.p50 / 1e6, (double)result.p98 / 1e6,
        (unsigned long long)sent->packets, (unsigned long long)sent->fec_rows,
        (unsigned long long)sent->resent, (unsigned long long)got->repaired_fec,
        (unsigned long long)got->repaired_resend, (unsigned long long)got->late,
        (unsigned long long)got->given_up, 100 * result.asked, stage.camera.skipped,
        result.from.rate.remote_loss, result.from.rate.remote_burst);
    sim_camera_fini(&stage.camera);
    sim_hop_close(&stage.hop);
    sim_destroy(stage.sim);
    return result;
}

static struct scene scene_of(const char *name, double loss)
{
    return (struct scene){.name = name,
                          .seed = 41,
                          .fec = SL_SDP_FEC_RS,
                          .percent = SL_FEC_AUTO,
                          .link = {.delay = 20 * SL_MS, .jitter = 5 * SL_MS, .loss = loss},
                          .frames = FRAMES};
}

static void clean(void **state)
{
    (void)state;
    const struct scene scene = scene_of("clean", 0);
    const struct result result = play(&scene);
    assert_true(result.residual == 0);
    assert_true(result.overhead <= 0.05);
    assert_true(result.decoded >= 29.9);
}

/* Both ends count the same repairs: what came is what was sent without the loss, and the last
 * report lags behind what was lost by little. */
static void assert_both_know(const struct result *result, double loss)
{
    const struct sl_session_media_stats *sent = &result->from.media[SL_VIDEO];
    const struct sl_repairs came = sl_repairs_of(&result->to.media[SL_VIDEO]);
    const double bytes = (double)(sent->sent_bytes + sent->fec_bytes + sent->resent_bytes);
    const double share = (double)(came.media_bytes + came.repair_bytes) / bytes;
    const double told = (double)result->from.remote.packets_lost / (double)sl_repairs_lost(&came);
    assert_true(share > 1 - 1.1 * loss && share < 1 - 0.9 * loss);
    assert_true(told > 0.99 && told <= 1);
    assert_true(fabs(sl_repairs_loss_percent(&came) / 100 - loss) < 0.1 * loss);
}

static void five_percent(void **state)
{
    (void)state;
    const struct scene scene = scene_of("5 %", 0.05);
    const struct result result = play(&scene);
    assert_both_know(&result, 0.05);
    assert_true(result.residual <= 0.001);
    assert_true(result.overhead <= 0.30);
    assert_true(result.decoded >= 29.9);
}

static void ten_percent(void **state)
{
    (void)state;
    const struct scene scene = scene_of("10 %", 0.10);
    const struct result result = play(&scene);
    assert_true(result.residual <= 0.003);
    assert_true(result.overhead <= 0.45);
}

static struct scene bursts(const char *name)
{
    struct scene scene = scene_of(name, 0);
    scene.link.burst_leave = 1 / 3.0;
    scene.link.burst_enter = 0.05 / 0.95 / 3;
    scene.link.burst_loss = 1;
    return scene;
}

static void five_percent_in_bursts(void **state)
{
    (void)state;
    const struct scene scene = bursts("5 % in bursts");
    const struct result result = play(&scene);
    assert_true(result.residual <= 0.005);
}

static void twenty_percent(void **state)
{
    (void)state;
    const struct scene scene = scene_of("20 %", 0.20);
    const struct result result = play(&scene);
    assert_true(result.decoded >= 28);
    assert_true(result.overhead <= 0.65);
}

/* 35 kB x 4 in one piece would not fit the queue of a switch. */
static void key_frames_are_paced(void **state)
{
    (void)state;
    struct scene scene = scene_of("8 Mb/s, 64 kB queue", 0);
    scene.link = (struct sim_link_config){
        .delay = SL_MS / 2, .rate_bps = 100000000, .queue_bytes = 64 * 1024};
    scene.times = 4;
    scene.frames = FEW;
    const struct result result = play(&scene);
    printf("    key frames at most %.1f ms old, pacing %.1f ms\n", (double)result.key_age / 1e6,
           (double)result.from.rate.pacing_delay / 1e6);
    assert_int_equal(result.overflowed, 0);
    assert_true(result.residual == 0);
    assert_true(result.from.rate.paced > 0);
    assert_in_range(result.from.rate.pacing_delay, 6 * SL_MS, 8 * SL_MS);
    assert_true(result.key_age <= 13 * SL_MS); /* 140 kB at 100 Mb/s take 11 */
    assert_true(result.p50 <= 4 * SL_MS);      /* 32 kB: 2.7; not paced */
}

/* --fec PERCENT: so many rows for 100 packets, of large frames and small ones, lost or not. */
static void a_fixed_share_is_sent(void **state)
{
    (void)state;
    for (int leg = 0; leg < 2; leg++) {
        struct scene scene = scene_of(leg ? "--fec 30, viewer's leg" : "--fec 30", 0);
        scene.relayed = leg;
        scene.percent = 30;
        scene.times = 4; /* key frames of 130 packets */
        scene.frames = FEW;
        const struct result result = play(&scene);
        const struct sl_session_media_stats *sent = &result.from.media[SL_VIDEO];
        const double share = (double)sent->fec_rows / (double)sent->packets;
        assert_true(share > 0.29 && share <= 0.30);
        assert_true(result.overhead > 0.29 && result.overhead < 0.33); /* rows are longer */
    }
}

/* 24 Mb/s: key frames of 380 packets, more than a relay's leg remembers. */
static void all_of_a_large_frame_is_protected(void **state)
{
    (void)state;
    for (int leg = 0; leg < 2; leg++) {
        struct scene scene = scene_of(leg ? "large frames, viewer's leg" : "large frames", 0.05);
        scene.relayed = leg;
        scene.times = 12;
        scene.frames = FEW;
        const struct result result = play(&scene);
        printf("    key frames at most %.1f ms old\n", (double)result.key_age / 1e6);
        assert_true(result.residual == 0);
        assert_true(result.key_age <= 100 * SL_MS); /* the first packets by resend: 139 */
        assert_true(result.to.media[SL_VIDEO].repaired_fec >
                    20 * result.to.media[SL_VIDEO].repaired_resend);
    }
}

/* FEC that was agreed costs a clean link nothing. */
static void a_clean_link_is_as_young_as_without(void **state)
{
    (void)state;
    struct scene with = scene_of("clean, FEC", 0), without = scene_of("clean, no FEC", 0);
    with.frames = without.frames = FEW;
    without.fec = SL_SDP_FEC_NONE;
    const sl_ns a = play(&with).p50, b = play(&without).p50;
    assert_true(a - b <= SL_MS / 2 && b - a <= SL_MS / 2);
}

static void a_viewers_leg(void **state)
{
    (void)state;
    const double losses[] = {0, 0.05, 0.10};
    const double residual[] = {0, 0.001, 0.003}, overhead[] = {0.05, 0.30, 0.45};
    for (size_t i = 0; i < SL_COUNT(losses); i++) {
        struct scene scene = scene_of("viewer's leg", losses[i]);
        scene.relayed = true;
        const struct result result = play(&scene);
        assert_true(result.residual <= residual[i]);
        assert_true(result.overhead <= overhead[i]);
    }
}

static void a_viewer_by_flexfec(void **state)
{
    (void)state;
    struct scene scene = scene_of("flexfec leg, 5 %", 0.05);
    scene.relayed = scene.foreign = true;
    scene.fec = SL_SDP_FEC_FLEXFEC;
    const struct result result = play(&scene);
    assert_true(result.residual <= 0.003);
    assert_true(result.overhead <= 0.35);
    assert_true(result.to.media[SL_VIDEO].repaired_fec >
                3 * result.to.media[SL_VIDEO].repaired_resend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),
        cmocka_unit_test(five_percent),
        cmocka_unit_test(ten_percent),
        cmocka_unit_test(five_percent_in_bursts),
        cmocka_unit_test(twenty_percent),
        cmocka_unit_test(a_viewers_leg),
        cmocka_unit_test(a_viewer_by_flexfec),
        cmocka_unit_test(key_frames_are_paced),
        cmocka_unit_test(a_fixed_share_is_sent),
        cmocka_unit_test(all_of_a_large_frame_is_protected),
        cmocka_unit_test(a_clean_link_is_as_young_as_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
