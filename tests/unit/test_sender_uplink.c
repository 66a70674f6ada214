/* SPDX-License-Identifier: MIT */
/* The uplink between a real pipeline and an endpoint of the test's own, which takes the place of
 * whip/endpoint at link time and writes down what it is given. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "base/time.h"
#include "media/h264_unpack.h"
#include "sender/uplink.h"
#include "tests/support/alloc_count.h"

#define SIDE 128
#define FPS 100
#define EPOCH (1000000 * SL_SEC)
#define PATIENCE (10 * SL_SEC)
#define PACKETS_MAX 20000

struct note {
    enum sl_media_kind kind;
    struct sl_rtp_packet packet;
    size_t len;
    uint32_t sum; /* of the payload */
    bool starts_key;
};

struct sl_endpoint {
    struct sl_endpoint_config config;
    bool started, stopped;
    int refuse;                   /* what send answers */
    enum sl_rate_verdict verdict; /* and next_frame */
    size_t frames;                /* that it was told of */
    sl_ns gate;
    bool outage;
    struct note notes[PACKETS_MAX];
    size_t count;
    size_t events;
    struct sl_motion_event event; /* the last one */
    uint32_t device;
    int device_changes;
};

static struct sl_endpoint *made; /* the last one created: the uplink's */

static uint32_t sum_of(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + data[i];
    return sum;
}

int sl_endpoint_create(struct sl_endpoint **ret, const struct sl_endpoint_config *config)
{
    *ret = made = calloc(1, sizeof(**ret));
    (*ret)->config = *config;
    return 0;
}

void sl_endpoint_start(struct sl_endpoint *endpoint)
{
    endpoint->started = true;
}

void sl_endpoint_stop(struct sl_endpoint *endpoint)
{
    endpoint->stopped = true;
}

void sl_endpoint_destroy(struct sl_endpoint *endpoint)
{
    free(endpoint);
}

int sl_endpoint_send(struct sl_endpoint *endpoint, enum sl_media_kind kind,
                     const struct sl_rtp_packet *packet, sl_ns now)
{
    (void)now;
    assert_true(endpoint->count < PACKETS_MAX);
    struct note *note = &endpoint->notes[endpoint->count++];
    *note = (struct note){
        .kind = kind,
        .packet = *packet,
        .len = packet->payload_len,
        .sum = sum_of(packet->payload, packet->payload_len),
        .starts_key =
            kind == SL_VIDEO && sl_h264_peek(packet->payload, packet->payload_len).starts_key,
    };
    return endpoint->refuse;
}

int sl_endpoint_send_event(struct sl_endpoint *endpoint, const struct sl_motion_event *event)
{
    endpoint->events++;
    endpoint->event = *event;
    return endpoint->refuse;
}

int sl_endpoint_set_device(struct sl_endpoint *endpoint, uint32_t flags, sl_ns now)
{
    (void)now;
    endpoint->device_changes += endpoint->device != flags;
    endpoint->device = flags;
    return 0;
}

enum sl_rate_verdict sl_endpoint_next_frame(struct sl_endpoint *endpoint, sl_ns now)
{
    (void)now;
    endpoint->frames++;
    return endpoint->verdict;
}

sl_ns sl_endpoint_gate(const struct sl_endpoint *endpoint, sl_ns now)
{
    (void)now;
    return endpoint->gate;
}

int64_t sl_endpoint_bitrate(const struct sl_endpoint *endpoint)
{
    (void)endpoint;
    return 0;
}

void sl_endpoint_stats(const struct sl_endpoint *endpoint, struct sl_endpoint_stats *ret)
{
    *ret = (struct sl_endpoint_stats){.lives = endpoint->count,
                                      .session.rate.outage = endpoint->outage};
}

/* ---- All that an uplink stands on ---- */

struct bench {
    struct sl_loop *loop;
    struct sl_halt halt;
    struct sl_random random;
    struct sl_capture *capture;
    struct sl_audio *audio;
    struct sl_video_encoder *video;
    struct sl_audio_encoder *audio_encoder;
    struct sl_overlay overlay;
    struct sl_motion *motion;
    struct sl_pipeline *pipeline;
    struct sl_uplink *uplink;
    struct sl_endpoint *endpoint;
    struct sl_timer look, give_up;
    bool (*reached)(struct bench *bench);
    size_t wanted;
    enum sl_endpoint_state last_state;
    int states, ends, end_error;
};

static void on_state(void *ctx, enum sl_endpoint_state state, const char *reason)
{
    struct bench *bench = ctx;
    assert_string_equal(reason, "because");
    bench->last_state = state;
    bench->states++;
}

static void on_ended(void *ctx, int error)
{
    struct bench *bench = ctx;
    bench->ends++;
    bench->end_error = error;
}

static const struct sl_uplink_handler handler = {.state = on_state, .ended = on_ended};

static void make(struct bench *bench, const char *source)
{
    *bench = (struct bench){.last_state = SL_ENDPOINT_STOPPED};
    char why[256] = "";
    assert_int_equal(sl_loop_create(&bench->loop), 0);
    assert_int_equal(sl_halt_init(&bench->halt), 0);
    sl_random_init_seed(&bench->random, 7);
    const struct sl_capture_config capture = {
        .size = {SIDE, SIDE}, .fps = FPS, .name = "yard", .halt = &bench->halt};
    if (sl_capture_open(&bench->capture, source, &capture, why, sizeof(why)))
        fail_msg("%s", why);
    /* So many bits that every frame takes several packets. */
    const struct sl_video_encoder_config video = {.preset = "ultrafast",
                                                  .width = SIDE,
                                                  .height = SIDE,
                                                  .fps_num = FPS,
                                                  .fps_den = 1,
                                                  .bitrate_bps = 4000000,
                                                  .gop = 60 * SL_SEC};
    assert_int_equal(sl_video_encoder_create(&bench->video, &video, why, sizeof(why)), 0);
    assert_int_equal(sl_audio_encoder_create(&bench->audio_encoder, 64000, why, sizeof(why)), 0);
    const struct sl_audio_config audio = {.halt = &bench->halt, .epoch = EPOCH};
    assert_int_equal(sl_audio_open(&bench->audio, "test", &audio, why, sizeof(why)), 0);
    const struct sl_motion_config motion = {.width = bench->capture->width,
                                            .height = bench->capture->height,
                                            .sensitivity = 50,
                                            .min_area = 0.002,
                                            .first_id = 3,
                                            .epoch = EPOCH};
    assert_int_equal(sl_motion_create(&bench->motion, &motion), 0);
    const struct sl_pipeline_config pipeline = {
        .capture = bench->capture,
        .video = bench->video,
        .audio = bench->audio,
        .audio_encoder = bench->audio_encoder,
        .overlay = &bench->overlay,
        .motion = bench->motion,
        .halt = &bench->halt,
    };
    assert_int_equal(sl_pipeline_create(&bench->pipeline, &pipeline), 0);
    const struct sl_uplink_config uplink = {
        .endpoint = {.loop = bench->loop,
                     .random = &bench->random,
                     .epoch = EPOCH,
                     .video = true,
                     .audio = true},
        .pipeline = bench->pipeline,
        .handler = &handler,
        .ctx = bench,
    };
    assert_int_equal(sl_uplink_create(&bench->uplink, &uplink), 0);
    bench->endpoint = made;
    sl_uplink_start(bench->uplink);
}

static void unmake(struct bench *bench)
{
    sl_timer_clear(&bench->look);
    sl_timer_clear(&bench->give_up);
    sl_uplink_destroy(bench->uplink);
    sl_pipeline_destroy(bench->pipeline);
    sl_motion_destroy(bench->motion);
    sl_audio_encoder_destroy(bench->audio_encoder);
    sl_video_encoder_destroy(bench->video);
    sl_audio_close(bench->audio);
    sl_capture_close(bench->capture);
    sl_halt_fini(&bench->halt);
    sl_loop_destroy(bench->loop);
}

static void look(void *ctx, sl_ns now)
{
    struct bench *bench = ctx;
    if (bench->reached(bench))
        sl_loop_stop(bench->loop);
    else
        sl_timer_set(&bench->look, now + SL_MS);
}

static void give_up(void *ctx, sl_ns now)
{
    (void)ctx;
    (void)now;
    fail_msg("waited in vain");
}

/* Runs the loop until `reached`. */
static void run_until(struct bench *bench, bool (*reached)(struct bench *bench), size_t wanted)
{
    bench->reached = reached;
    bench->wanted = wanted;
    sl_timer_init(&bench->look, bench->loop, look, bench);
    sl_timer_init(&bench->give_up, bench->loop, give_up, bench);
    sl_timer_set(&bench->look, sl_loop_refresh(bench->loop));
    sl_timer_set(&bench->give_up, sl_loop_now(bench->loop) + PATIENCE);
    assert_int_equal(sl_loop_run(bench->loop), 0);
    sl_timer_clear(&bench->give_up);
}

static struct sl_uplink_stats balance(struct bench *bench)
{
    struct sl_uplink_stats stats;
    sl_uplink_stats(bench->uplink, &stats);
    assert_int_equal(stats.units, stats.sent + stats.dropped);
    return stats;
}

static bool sent_reached(struct bench *bench)
{
    return balance(bench).sent >= bench->wanted;
}

static bool keys_reached(struct bench *bench)
{
    return balance(bench).keys >= bench->wanted;
}

static bool events_reached(struct bench *bench)
{
    return balance(bench).events >= bench->wanted;
}

static bool captured_reached(struct bench *bench)
{
    struct sl_pipeline_stats stats;
    sl_pipeline_stats(bench->pipeline, &stats);
    return stats.captured >= bench->wanted;
}

static bool end_reached(struct bench *bench)
{
    return bench->ends > 0;
}

static void say(struct bench *bench, enum sl_endpoint_state state)
{
    const struct sl_endpoint_config *config = &bench->endpoint->config;
    config->handler->state(config->ctx, state, "because");
    assert_int_equal(bench->last_state, state);
}

/* ---- Tests ---- */

/* What RFC 6184 and the wire profile say of a stream of ours, for all that was sent. */
static void check_stream(const struct sl_endpoint *endpoint, enum sl_media_kind kind,
                         size_t *frames)
{
    const struct sl_rtp_packet *last = NULL;
    *frames = 0;
    for (size_t i = 0; i < endpoint->count; i++) {
        const struct sl_rtp_packet *packet = &endpoint->notes[i].packet;
        if (endpoint->notes[i].kind != kind)
            continue;
        assert_in_range(endpoint->notes[i].len, 1, SL_RTP_PLAIN_MAX - SL_RTP_HEADER_BYTES - 28);
        assert_true(packet->has_capture);
        if (last) {
            const bool new_frame = last->marker || kind == SL_AUDIO;
            assert_true(packet->seq == last->seq + 1);
            assert_int_equal(packet->timestamp != last->timestamp, new_frame);
            assert_int_equal(packet->capture_ntp != last->capture_ntp, new_frame);
            const sl_ns span =
                sl_ntp_span_to_ns((int64_t)(packet->capture_ntp - last->capture_ntp));
            const int64_t ticks = (int32_t)(packet->timestamp - last->timestamp);
            const int hz = kind == SL_VIDEO ? 90000 : SL_AUDIO_RATE_HZ;
            assert_true(llabs(ticks - span * hz / SL_SEC) <= 1);
        }
        *frames += packet->marker || kind == SL_AUDIO;
        last = packet;
    }
}

static void streams_are_well_formed(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    assert_true(bench.endpoint->started && bench.endpoint->config.publish);
    run_until(&bench, captured_reached, 5);
    assert_int_equal(bench.endpoint->count, 0); /* nobody is there */
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, 30);
    const uint64_t allocations = sl_alloc_count();
    run_until(&bench, sent_reached, 60);
    assert_int_equal(sl_alloc_count(), allocations);
    const struct sl_endpoint *endpoint = bench.endpoint;
    size_t video = 0, audio = 0, i = 0;
    check_stream(endpoint, SL_VIDEO, &video);
    check_stream(endpoint, SL_AUDIO, &audio);
    while (endpoint->notes[i].kind != SL_VIDEO)
        i++;
    assert_true(endpoint->notes[i].starts_key);
    const struct sl_uplink_stats stats = balance(&bench);
    assert_int_equal(stats.sent, video);
    assert_int_equal(stats.audio_packets, audio);
    assert_true(audio >= 5);
    assert_int_equal(stats.packets + stats.audio_packets, endpoint->count);
    assert_true(stats.packets > stats.sent); /* frames of several packets were among them */
    assert_int_equal(stats.refused, 0);
    unmake(&bench);
}

static bool away_told(struct bench *bench)
{
    return bench->endpoint->device == SL_DEVICE_AWAY;
}

static bool back_told(struct bench *bench)
{
    return bench->endpoint->device == 0;
}

static void a_device_that_is_away_is_told(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    atomic_store(&bench.capture->away, true);
    run_until(&bench, captured_reached, 5);
    assert_int_equal(bench.endpoint->device_changes, 0); /* nobody is there */
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, away_told, 0);
    run_until(&bench, sent_reached, 5);
    assert_int_equal(bench.endpoint->device_changes, 1);
    atomic_store(&bench.capture->away, false);
    run_until(&bench, back_told, 0);
    assert_int_equal(bench.endpoint->device_changes, 2);
    unmake(&bench);
}

static void copies_are_kept_for_resends(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, 20);
    const struct sl_endpoint *endpoint = bench.endpoint;
    const struct sl_endpoint_config *config = &endpoint->config;
    size_t audio = 0;
    for (size_t i = 0; i < endpoint->count; i++) {
        const struct note *note = &endpoint->notes[i];
        if (note->kind == SL_AUDIO && ++audio > 40)
            continue;
        const struct sl_rtp_packet *copy =
            config->handler->resend(config->ctx, note->kind, note->packet.seq);
        assert_non_null(copy);
        assert_true(copy->seq == note->packet.seq);
        assert_int_equal(copy->timestamp, note->packet.timestamp);
        assert_int_equal(copy->marker, note->packet.marker);
        assert_int_equal(copy->payload_len, note->len);
        assert_int_equal(sum_of(copy->payload, copy->payload_len), note->sum);
    }
    assert_null(config->handler->resend(config->ctx, SL_VIDEO, -1));
    assert_null(config->handler->resend(config->ctx, SL_VIDEO, 1 << 20));
    unmake(&bench);
}

static void after_an_outage_a_key_frame_comes_first(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    say(&bench, SL_ENDPOINT_CONNECTING);
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, 5);
    say(&bench, SL_ENDPOINT_RECONNECTING);
    const size_t before = bench.endpoint->count;
    struct sl_pipeline_stats stats;
    sl_pipeline_stats(bench.pipeline, &stats);
    run_until(&bench, captured_reached, stats.captured + 10);
    assert_int_equal(bench.endpoint->count, before);
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, balance(&bench).sent + 5);
    const struct sl_endpoint *endpoint = bench.endpoint;
    size_t i = before, frames;
    while (endpoint->notes[i].kind != SL_VIDEO)
        i++;
    assert_true(endpoint->notes[i].starts_key);
    check_stream(endpoint, SL_VIDEO, &frames); /* the numbers went on */
    assert_int_equal(bench.states, 4);
    unmake(&bench);
}

/* Units made before the outage, taken after it: the new session never saw what they refer to. */
static void nothing_old_leaves_after_an_outage(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, 5);
    struct sl_pipeline_stats stats;
    do /* the loop does not run: units gather in the ring */
        sl_pipeline_stats(bench.pipeline, &stats);
    while (stats.encoded < stats.taken + 2);
    const size_t before = bench.endpoint->count;
    say(&bench, SL_ENDPOINT_RECONNECTING);
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, balance(&bench).sent + 1);
    size_t i = before;
    while (bench.endpoint->notes[i].kind != SL_VIDEO)
        i++;
    assert_true(bench.endpoint->notes[i].starts_key);
    assert_true(balance(&bench).dropped >= 2);
    unmake(&bench);
}

static bool skipped_reached(struct bench *bench)
{
    struct sl_pipeline_stats stats;
    sl_pipeline_stats(bench->pipeline, &stats);
    return stats.skipped_rate >= bench->wanted;
}

static void the_gate_reaches_the_encoder(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, 5);
    assert_int_equal(bench.endpoint->frames, balance(&bench).sent); /* each was told of, once */
    bench.endpoint->gate = SL_NEVER;
    run_until(&bench, skipped_reached, 5);
    const uint64_t sent = balance(&bench).sent;
    assert_in_range(sent, 5, 7); /* one in the encoder, one in the ring */
    bench.endpoint->gate = 0;
    run_until(&bench, sent_reached, sent + 5);
    unmake(&bench);
}

/* While pictures only probe a link that is gone, what they refer to did not arrive either. */
static void a_link_that_is_back_gets_a_key_frame(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, sent_reached, 5);
    bench.endpoint->verdict = SL_RATE_PROBE;
    bench.endpoint->outage = true;
    run_until(&bench, sent_reached, balance(&bench).sent + 20);
    assert_int_equal(balance(&bench).keys, 1);
    bench.endpoint->verdict = SL_RATE_SEND;
    bench.endpoint->outage = false;
    run_until(&bench, keys_reached, 2);
    run_until(&bench, sent_reached, balance(&bench).sent + 20);
    assert_int_equal(balance(&bench).keys, 2);
    assert_int_equal(balance(&bench).key_requests, 0);
    unmake(&bench);
}

static void a_key_frame_on_request(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, keys_reached, 1);
    const struct sl_endpoint_config *config = &bench.endpoint->config;
    config->handler->keyframe_wanted(config->ctx, SL_VIDEO, sl_loop_now(bench.loop));
    run_until(&bench, keys_reached, 2);
    assert_int_equal(balance(&bench).key_requests, 1);
    bench.endpoint->refuse = -ENOTCONN;
    run_until(&bench, sent_reached, balance(&bench).sent + 1);
    assert_true(balance(&bench).refused > 0);
    sl_uplink_stop(bench.uplink);
    assert_true(bench.endpoint->stopped);
    unmake(&bench);
}

/* The test picture moves. */
static void motion_is_told_while_somebody_hears(void **state)
{
    (void)state;
    struct bench bench;
    make(&bench, "test");
    run_until(&bench, captured_reached, 2 * FPS);
    assert_int_equal(bench.endpoint->events, 0);
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, events_reached, 2);
    assert_int_equal(bench.endpoint->events, balance(&bench).events); /* 2, or more by now */
    assert_int_equal(bench.endpoint->event.id, 3);
    assert_int_equal(bench.endpoint->event.state, SL_MOTION_GOES_ON);
    unmake(&bench);
}

static void the_end_is_told_once_and_last(void **state)
{
    (void)state;
    char path[] = "/tmp/sightline-test-XXXXXX", source[64];
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("YUV4MPEG2 W16 H16 F100:1\n", file);
    for (int i = 0; i < 3; i++)
        fprintf(file, "FRAME\n%*d", 384, i);
    fclose(file);
    snprintf(source, sizeof(source), "y4m:%s", path);
    struct bench bench;
    make(&bench, source);
    unlink(path);
    say(&bench, SL_ENDPOINT_LIVE);
    run_until(&bench, end_reached, 0);
    assert_int_equal(bench.end_error, 0);
    const struct sl_uplink_stats stats = balance(&bench);
    struct sl_pipeline_stats pipeline;
    sl_pipeline_stats(bench.pipeline, &pipeline);
    assert_int_equal(pipeline.captured, 3);
    assert_int_equal(stats.sent, pipeline.encoded);
    assert_in_range(stats.sent, 1, 3);
    run_until(&bench, captured_reached, 3);
    assert_int_equal(bench.ends, 1);
    unmake(&bench);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_well_formed),
        cmocka_unit_test(a_device_that_is_away_is_told),
        cmocka_unit_test(copies_are_kept_for_resends),
        cmocka_unit_test(after_an_outage_a_key_frame_comes_first),
        cmocka_unit_test(nothing_old_leaves_after_an_outage),
        cmocka_unit_test(the_gate_reaches_the_encoder),
        cmocka_unit_test(a_link_that_is_back_gets_a_key_frame),
        cmocka_unit_test(a_key_frame_on_request),
        cmocka_unit_test(motion_is_told_while_somebody_hears),
        cmocka_unit_test(the_end_is_told_once_and_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
