/* SPDX-License-Identifier: MIT */
#include "tests/support/simhop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/time.h"
#include "tests/support/alloc_count.h"

#define HISTORY 2048

static void die(const char *why)
{
    fprintf(stderr, "simhop: %s\n", why);
    abort();
}

/* ---- an end ---- */

/* Around each call into the session, and around each call back out of it. */
static uint64_t enter(struct sim_end *end)
{
    end->apart = 0;
    return sl_alloc_count();
}

static void leave(struct sim_end *end, uint64_t entered)
{
    end->allocations += sl_alloc_count() - entered - end->apart;
}

static void back_in(struct sim_end *end, uint64_t left)
{
    end->apart += sl_alloc_count() - left;
}

static void serve(void *ctx)
{
    struct sim_end *end = ctx;
    if (end->served_at != sim_now(end->sim))
        end->served = 0;
    end->served_at = sim_now(end->sim);
    if (++end->served > 100)
        die("a session is due again and again at one moment");
    const uint64_t entered = enter(end);
    sl_session_tick(end->session, sim_clock_now(&end->clock));
    leave(end, entered);
    sim_end_settle(end);
}

void sim_end_settle(struct sim_end *end)
{
    sim_timer_set(&end->timer, sim_clock_when(&end->clock, sl_session_due(end->session)));
}

static void on_arrival(void *ctx, uint8_t *data, size_t len)
{
    struct sim_end *end = ctx;
    const uint64_t entered = enter(end);
    const sl_ns now = sim_clock_now(&end->clock);
    sl_session_receive(end->session, now, now, &end->from, data, len);
    leave(end, entered);
    sim_end_settle(end);
}

static void on_send(void *ctx, const struct sl_path *path, const uint8_t *data, size_t len)
{
    struct sim_end *end = ctx;
    (void)path;
    if (len > 1232)
        die("a datagram over the size that every path carries");
    const uint64_t left = sl_alloc_count();
    sim_link_send(end->out, data, len);
    back_in(end, left);
}

static void on_state(void *ctx, enum sl_session_state state, const char *reason)
{
    struct sim_end *end = ctx;
    end->states++;
    end->state = state;
    snprintf(end->reason, sizeof(end->reason), "%s", reason);
    if (state == SL_SESSION_CONNECTED)
        end->connected_at = sim_now(end->sim);
}

static void on_packet(void *ctx, enum sl_media_kind kind, const struct sl_rtp_packet *packet,
                      bool repaired, sl_ns now)
{
    struct sim_end *end = ctx;
    const uint64_t left = sl_alloc_count();
    if (end->flow[kind])
        sim_flow_take(end->flow[kind], packet, repaired, &end->clock);
    if (end->handler && end->handler->packet)
        end->handler->packet(end->ctx, end, kind, packet, repaired, now);
    back_in(end, left);
}

static void on_keyframe_wanted(void *ctx, enum sl_media_kind kind, sl_ns now)
{
    struct sim_end *end = ctx;
    const uint64_t left = sl_alloc_count();
    end->keyframes_wanted += kind == SL_VIDEO;
    end->sub_keyframes_wanted += kind == SL_VIDEO_SUB;
    if (end->handler && end->handler->keyframe_wanted)
        end->handler->keyframe_wanted(end->ctx, end, kind, now);
    back_in(end, left);
}

static void on_validated(void *ctx, const struct sl_path *path)
{
    struct sim_end *end = ctx;
    (void)path;
    end->validated++;
}

static const struct sl_rtp_packet *on_resend(void *ctx, enum sl_media_kind kind, int64_t seq)
{
    struct sim_end *end = ctx;
    if (end->handler && end->handler->resend)
        return end->handler->resend(end->ctx, end, kind, seq);
    return sl_history_get(end->history[kind], seq, NULL);
}

static void on_event(void *ctx, const struct sl_motion_event *event, sl_ns now)
{
    struct sim_end *end = ctx;
    const uint64_t left = sl_alloc_count();
    if (end->handler && end->handler->event)
        end->handler->event(end->ctx, end, event, now);
    back_in(end, left);
}

static void on_device(void *ctx, uint32_t flags, sl_ns now)
{
    struct sim_end *end = ctx;
    const uint64_t left = sl_alloc_count();
    if (end->handler && end->handler->device)
        end->handler->device(end->ctx, end, flags, now);
    back_in(end, left);
}

static const struct sl_session_handler session_handler = {
    .send = on_send,
    .state = on_state,
    .packet = on_packet,
    .keyframe_wanted = on_keyframe_wanted,
    .validated = on_validated,
    .resend = on_resend,
    .event = on_event,
    .device = on_device,
};

void sim_end_start(struct sim_end *end)
{
    sl_session_start(end->session, sim_clock_now(&end->clock));
    sim_end_settle(end);
}

int sim_end_send(struct sim_end *end, enum sl_media_kind kind, const struct sl_rtp_packet *packet)
{
    const sl_ns now = sim_clock_now(&end->clock);
    sl_history_put(end->history[kind], packet, now);
    const uint64_t entered = enter(end);
    const int r = sl_session_send(end->session, kind, packet, now);
    leave(end, entered);
    sim_end_settle(end);
    return r;
}

int sim_end_send_event(struct sim_end *end, const struct sl_motion_event *event)
{
    const uint64_t entered = enter(end);
    const int r = sl_session_send_event(end->session, event);
    leave(end, entered);
    sim_end_settle(end);
    return r;
}

int sim_end_set_device(struct sim_end *end, uint32_t flags)
{
    const uint64_t entered = enter(end);
    const int r = sl_session_set_device(end->session, flags, sim_clock_now(&end->clock));
    leave(end, entered);
    sim_end_settle(end);
    return r;
}

void sim_end_request_keyframe(struct sim_end *end)
{
    sl_session_request_keyframe(end->session, SL_VIDEO, sim_clock_now(&end->clock));
    sim_end_settle(end);
}

void sim_end_close(struct sim_end *end)
{
    sl_session_close(end->session, sim_clock_now(&end->clock));
    sim_end_settle(end);
}

struct sl_session_stats sim_end_stats(const struct sim_end *end)
{
    struct sl_session_stats stats;
    sl_session_stats(end->session, &stats);
    return stats;
}

/* ---- a hop ---- */

static void init_transport(struct sl_sdp_transport *transport, struct sim_end *end, bool lite)
{
    sl_random_text(&end->random, transport->ufrag, lite ? 8 : 4);
    sl_random_text(&end->random, transport->pwd, 24);
    memcpy(transport->fingerprint, sl_dtls_identity_fingerprint(end->identity),
           sizeof(transport->fingerprint));
    transport->setup = lite ? SL_SDP_PASSIVE : SL_SDP_ACTIVE;
    transport->ice_lite = lite;
}

static struct sl_sdp_media make_media(const struct sim_hop_config *config, enum sl_media_kind kind,
                                      struct sl_random *random)
{
    struct sl_sdp_media media = {.kind = kind,
                                 .pt = (uint8_t)(kind == SL_AUDIO   ? 111
                                                 : kind == SL_VIDEO ? 108
                                                                    : 102),
                                 .clock_hz = kind == SL_AUDIO ? 48000 : 90000,
                                 .ids = {.mid = 4, .abs_capture_time = 5, .playout_delay = 6},
                                 .nack = true,
                                 .pli = kind != SL_AUDIO,
                                 .rrtr = !config->no_rrtr};
    snprintf(media.mid, sizeof(media.mid), "%d", kind);
    snprintf(media.cname, sizeof(media.cname), "sim");
    media.rtx_pt = config->no_rtx ? 0 : (uint8_t)(media.pt + 1);
    if (!config->no_ssrcs) {
        media.ssrc = sl_random_u32(random) | 1;
        media.rtx_ssrc = config->no_rtx ? 0 : sl_random_u32(random) | 1;
    }
    media.ccfb = config->ccfb;
    if (kind == SL_VIDEO && config->fec != SL_SDP_FEC_NONE) {
        media.fec = config->fec;
        media.fec_pt = 49;
        media.fec_ssrc = config->no_ssrcs ? 0 : sl_random_u32(random) | 1;
    }
    return media;
}

static void agree(struct sim_hop *hop, const struct sim_hop_config *config)
{
    struct sl_sdp_agreed *client = &hop->client_agreed, *lite = &hop->lite_agreed;
    memset(client, 0, sizeof(*client));
    init_transport(&client->local, &hop->client, false);
    init_transport(&client->remote, &hop->lite, true);
    client->remote.candidates[0] = hop->client.from.remote;
    client->remote.candidate_count = 1;
    client->local_sends = config->client_sends;
    client->dtls_client = true;
    client->sightline = !config->foreign;
    client->media[client->media_count++] = make_media(config, SL_VIDEO, &hop->client.random);
    if (!config->no_audio)
        client->media[client->media_count++] = make_media(config, SL_AUDIO, &hop->client.random);
    if (config->sub)
        client->media[client->media_count++] =
            make_media(config, SL_VIDEO_SUB, &hop->client.random);
    *lite = *client;
    lite->local = client->remote;
    lite->remote = client->local;
    lite->local_sends = !client->local_sends;
    lite->dtls_client = false;
    if (config->wrong_fingerprint)
        client->remote.fingerprint[7] ^= 1;
}

static void init_end(struct sim_end *end, struct sim *sim, const struct sim_clock *clock)
{
    end->sim = sim;
    end->clock = clock ? *clock : sim_clock(sim, 0, 0);
    sl_random_init_seed(&end->random, sl_random_u64(sim_random(sim)));
    sim_timer_init(&end->timer, sim, serve, end);
    if (sl_dtls_identity_generate(&end->identity, "sim") < 0)
        die("no identity");
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        if (sl_history_create(&end->history[kind], HISTORY) < 0)
            die("no history");
}

static void make_session(struct sim_end *end, const struct sl_sdp_agreed *agreed,
                         const struct sim_hop_config *config)
{
    const struct sl_session_config session = {.agreed = *agreed,
                                              .identity = end->identity,
                                              .handler = &session_handler,
                                              .ctx = end,
                                              .random = &end->random,
                                              .epoch = end->clock.epoch,
                                              .setup_timeout = config->setup_timeout,
                                              .consent_timeout = config->consent_timeout,
                                              .repair_patience = config->repair_patience,
                                              .fec_percent = config->fec_percent,
                                              .ceiling_bps = config->ceiling_bps,
                                              .floor_bps = config->floor_bps,
                                              .audio_bps = config->audio_bps,
                                              .frame_interval = config->frame_interval};
    if (sl_session_create(&end->session, &session, sim_clock_now(&end->clock)) < 0)
        die("no session");
}

void sim_hop_open(struct sim_hop *hop, struct sim *sim, const struct sim_hop_config *config)
{
    static bool srtp_is_up;
    if (!srtp_is_up && sl_srtp_library_init() < 0)
        die("no SRTP");
    srtp_is_up = true;
    memset(hop, 0, sizeof(*hop));
    init_end(&hop->client, sim, config->client_clock);
    init_end(&hop->lite, sim, config->lite_clock);
    hop->client.handler = config->client_handler;
    hop->client.ctx = config->client_ctx;
    hop->lite.handler = config->lite_handler;
    hop->lite.ctx = config->lite_ctx;
    sim_link_init(&hop->up, sim, &config->up, on_arrival, &hop->lite);
    sim_link_init(&hop->down, sim, &config->down, on_arrival, &hop->client);
    hop->client.out = &hop->up;
    hop->lite.out = &hop->down;
    if (sl_addr_parse(&hop->client.from.remote, "192.0.2.1:4000") < 0 ||
        sl_addr_parse(&hop->lite.from.remote, "198.51.100.7:50000") < 0)
        die("addresses");
    hop->lite.from.local = hop->client.from.remote;
    hop->client.from.local = hop->lite.from.remote;
    agree(hop, config);
    make_session(&hop->client, &hop->client_agreed, config);
    make_session(&hop->lite, &hop->lite_agreed, config);
}

static bool both_connected(void *ctx)
{
    const struct sim_hop *hop = ctx;
    return hop->client.connected_at && hop->lite.connected_at;
}

sl_ns sim_hop_connect(struct sim_hop *hop, sl_ns limit)
{
    const sl_ns start = sim_now(hop->client.sim);
    sim_end_start(&hop->lite);
    sim_end_start(&hop->client);
    if (!sim_run_while_not(hop->client.sim, both_connected, hop, limit))
        return -1;
    return sim_now(hop->client.sim) - start;
}

static void close_end(struct sim_end *end)
{
    sl_session_destroy(end->session);
    sl_dtls_identity_destroy(end->identity);
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        sl_history_destroy(end->history[kind]);
}

void sim_hop_close(struct sim_hop *hop)
{
    close_end(&hop->client);
    close_end(&hop->lite);
}

struct sim_end *sim_hop_sender(struct sim_hop *hop)
{
    return hop->client_agreed.local_sends ? &hop->client : &hop->lite;
}

struct sim_end *sim_hop_receiver(struct sim_hop *hop)
{
    return hop->client_agreed.local_sends ? &hop->lite : &hop->client;
}

/* ---- a flow ---- */

void sim_flow_init(struct sim_flow *flow, const struct sim_flow_config *config,
                   struct sim_end *from, struct sim_end *to)
{
    const bool video = config->kind != SL_AUDIO;
    memset(flow, 0, sizeof(*flow));
    flow->config = *config;
    flow->from = from;
    if (flow->config.interval == 0)
        flow->config.interval = video ? SL_SEC / 30 : 20 * SL_MS;
    if (flow->config.frame_packets == 0)
        flow->config.frame_packets = video ? 8 : 1;
    if (flow->config.payload_bytes == 0)
        flow->config.payload_bytes = video ? 1100 : 160;
    flow->packets = calloc(config->packets, sizeof(*flow->packets));
    if (!flow->packets)
        die("no memory for a flow");
    if (to)
        to->flow[config->kind] = flow;
}

void sim_flow_fini(struct sim_flow *flow)
{
    free(flow->packets);
    flow->packets = NULL;
}

static void fill(uint8_t *payload, size_t len, uint64_t index)
{
    sl_put64(payload, index);
    for (size_t i = 8; i < len; i++)
        payload[i] = (uint8_t)(index * 31 + i);
}

static void send_one(struct sim_flow *flow, uint32_t timestamp, uint64_t capture, bool marker)
{
    uint8_t payload[SL_RTP_PLAIN_MAX];
    const uint64_t index = flow->sent++;
    fill(payload, flow->config.payload_bytes, index);
    const struct sl_rtp_packet packet = {.seq = flow->config.first_seq + (int64_t)index,
                                         .timestamp = timestamp,
                                         .marker = marker,
                                         .has_capture = true,
                                         .capture_ntp = capture,
                                         .payload = payload,
                                         .payload_len = flow->config.payload_bytes};
    flow->packets[index].sent = sim_now(flow->from->sim);
    if (sim_end_send(flow->from, flow->config.kind, &packet) < 0)
        die("a packet could not be sent");
}

static void send_frame(void *ctx)
{
    struct sim_flow *flow = ctx;
    if (flow->stopped)
        return;
    const uint32_t hz = flow->config.kind == SL_AUDIO ? 48000 : 90000;
    const int per_frame = flow->config.frame_packets;
    const uint64_t frame = flow->sent / (uint64_t)per_frame;
    const uint32_t timestamp = (uint32_t)((__int128)frame * flow->config.interval * hz / SL_SEC);
    const uint64_t capture = sim_clock_ntp(&flow->from->clock);
    for (int i = 0; i < per_frame && flow->sent < flow->config.packets; i++)
        send_one(flow, timestamp, capture, i == per_frame - 1);
    if (flow->sent < flow->config.packets)
        sim_at(flow->from->sim, sim_now(flow->from->sim) + flow->config.interval, send_frame, flow);
}

void sim_flow_start(struct sim_flow *flow)
{
    sim_at(flow->from->sim, sim_now(flow->from->sim), send_frame, flow);
}

static bool is_whole(const struct sim_flow *flow, const struct sl_rtp_packet *packet)
{
    uint8_t want[SL_RTP_PLAIN_MAX];
    if (packet->payload_len != flow->config.payload_bytes)
        return false;
    const uint64_t index = sl_get64(packet->payload);
    if (index >= flow->sent)
        return false;
    fill(want, flow->config.payload_bytes, index);
    return memcmp(want, packet->payload, packet->payload_len) == 0;
}

/* How wrong the capture time is, by the clock of the one who reads it. */
static sl_ns capture_error(const struct sim_flow *flow, const struct sl_rtp_packet *packet,
                           sl_ns sent, const struct sim_clock *clock)
{
    const sl_ns told =
        sl_ntp_to_ns(packet->capture_ntp - (uint64_t)packet->capture_offset, clock->epoch);
    const sl_ns then = sim_clock_now(clock) - (sim_now(flow->from->sim) - sent);
    return told > then ? told - then : then - told;
}

void sim_flow_take(struct sim_flow *flow, const struct sl_rtp_packet *packet, bool repaired,
                   const struct sim_clock *clock)
{
    if (!is_whole(flow, packet)) {
        flow->damaged++;
        return;
    }
    struct sim_flow_packet *entry = &flow->packets[sl_get64(packet->payload)];
    if (entry->times++ > 0) {
        flow->twice++;
        return;
    }
    entry->arrived = sim_now(flow->from->sim);
    entry->repaired = repaired;
    flow->arrived++;
    flow->repaired += repaired;
    const sl_ns error = capture_error(flow, packet, entry->sent, clock);
    if (flow->judge_capture && error > flow->capture_error)
        flow->capture_error = error;
}

size_t sim_flow_missing(const struct sim_flow *flow)
{
    return flow->sent - flow->arrived;
}

static int compare_ns(const void *a, const void *b)
{
    const sl_ns x = *(const sl_ns *)a, y = *(const sl_ns *)b;
    return (x > y) - (x < y);
}

sl_ns sim_flow_latency(const struct sim_flow *flow, bool repaired_only, double quantile)
{
    sl_ns *all = calloc(flow->sent + 1, sizeof(*all));
    size_t count = 0;
    if (!all)
        die("no memory");
    for (size_t i = 0; i < flow->sent; i++)
        if (flow->packets[i].times > 0 && (flow->packets[i].repaired || !repaired_only))
            all[count++] = flow->packets[i].arrived - flow->packets[i].sent;
    qsort(all, count, sizeof(*all), compare_ns);
    size_t at = (size_t)(quantile * (double)count);
    const sl_ns value = count ? all[at < count ? at : count - 1] : 0;
    free(all);
    return value;
}
