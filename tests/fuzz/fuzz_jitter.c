/* SPDX-License-Identifier: MIT */
/*
 * A script of packets and moments for the jitter buffers of video and of sound. Whatever comes,
 * the counters balance, frames come out in order, and after due() has passed there is news.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "jitter/audio.h"
#include "jitter/jitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    struct sl_jitter *video;
    struct sl_audio_jitter *audio;
    sl_ns now;
    int64_t seq, video_out, audio_out;
    uint32_t timestamp;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_balance(const struct script *s)
{
    struct sl_jitter_stats v;
    sl_jitter_stats(s->video, &v);
    require(v.offered == v.released + v.held + v.duplicate + v.late + v.ahead + v.dropped);
    require(v.frames_begun == v.delivered + v.frames_dropped + v.frames_held);
    struct sl_audio_jitter_stats a;
    sl_audio_jitter_stats(s->audio, &a);
    require(a.offered == a.released + a.held + a.duplicate + a.late + a.refused + a.dropped);
}

static void pop(struct script *s)
{
    struct sl_jitter_frame frame;
    for (enum sl_jitter_pop got;
         (got = sl_jitter_pop(s->video, s->now, &frame)) != SL_JITTER_WAIT;) {
        if (got == SL_JITTER_BROKEN)
            continue;
        require(frame.first_seq > s->video_out && frame.last_seq >= frame.first_seq);
        require(frame.len > 4 && frame.data[frame.len + 63] == 0);
        s->video_out = frame.last_seq;
    }
    check_balance(s);
    require(sl_jitter_due(s->video) > s->now);
    struct sl_audio_packet packet;
    while (sl_audio_jitter_pop(s->audio, s->now, &packet) != SL_AUDIO_WAIT) {
        require(packet.seq > s->audio_out);
        s->audio_out = packet.seq;
    }
    check_balance(s);
}

static void put(struct script *s, struct sl_reader *r)
{
    const uint8_t flags = sl_read8(r);
    s->seq += (int8_t)sl_read8(r);
    s->timestamp += (uint32_t)((int8_t)sl_read8(r) * 960);
    const size_t wanted = sl_read8(r);
    const size_t left = sl_reader_left(r);
    const struct sl_rtp_packet packet = {
        .seq = s->seq,
        .timestamp = s->timestamp,
        .marker = flags & 1,
        .has_capture = flags & 2,
        .capture_ntp = flags,
        .payload = r->at,
        .payload_len = wanted < left ? wanted : left,
    };
    (void)sl_read_bytes(r, packet.payload_len);
    (void)sl_jitter_put(s->video, &packet, s->now);
    (void)sl_audio_jitter_put(s->audio, &packet, s->now);
    check_balance(s);
}

static void step(struct script *s, struct sl_reader *r)
{
    const uint8_t what = sl_read8(r);
    if (what < 200) {
        put(s, r);
        if (what & 1)
            pop(s);
    } else if (what < 240) {
        s->now += (what - 199) * SL_MS;
        pop(s);
    } else if (what < 250) {
        const sl_ns due = sl_jitter_due(s->video);
        if (due != SL_NEVER && due > s->now)
            s->now = due;
        pop(s);
    } else if (what < 252) {
        s->seq += sl_read16(r);
    } else if (what < 254) {
        const uint8_t delay = sl_read8(r);
        sl_jitter_set_delay(s->video, delay == 255 ? SL_JITTER_AUTO : delay * SL_MS);
        sl_audio_jitter_set_delay(s->audio, sl_read8(r) * SL_MS);
    } else {
        sl_jitter_reset(s->video);
        sl_audio_jitter_reset(s->audio);
        s->video_out = s->audio_out = INT64_MIN;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sl_jitter_config video = {
        .clock_hz = 90000, .capacity = 64, .frame_bytes_max = 4096};
    const struct sl_audio_jitter_config audio = {.capacity = 16, .delay = 40 * SL_MS};
    struct script s = {.now = SL_SEC, .seq = 5, .video_out = INT64_MIN, .audio_out = INT64_MIN};
    require(sl_jitter_create(&s.video, &video) == 0);
    require(sl_audio_jitter_create(&s.audio, &audio) == 0);
    struct sl_reader r = sl_reader(data, size);
    while (sl_reader_left(&r) && !r.failed) {
        step(&s, &r);
        check_balance(&s);
    }
    sl_jitter_destroy(s.video);
    sl_audio_jitter_destroy(s.audio);
    return 0;
}
