/* SPDX-License-Identifier: MIT */
/*
 * RTP that a session sends: media, parity after each frame, and what NACKs are answered with.
 *
 *     send() ──────────────────────────┬─▶ emit ─▶ encoder ─▶ SRTP
 *     send() ─▶ pacer ─ due ─▶ history ┘     └─ frame over ─▶ rows ─▶ (pacer) ─▶ SRTP
 *     NACK ─▶ due again? budget? ─▶ rows of the frame's run, or a copy ─▶ (pacer) ─▶ SRTP
 *
 * Towards a peer whose feedback there is a controller for, all goes through the pacer; a relay's
 * legs send at once, as what comes in was paced already.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/time.h"
#include "session/internal.h"

#define FRAME_INTERVAL (33 * SL_MS)
#define HEAR_GAP (100 * SL_MS) /* loss is told at most so often */
#define COPY_LOSS                                                                                  \
    0.02 /* below, one missing packet is answered by a copy: it will hardly be lost                \
          */
#define QUICK (15 * SL_MS)
#define ROW_BYTES 1200 /* nearly: what a row costs */

/* ------------------------------------------------------------------ life */

static int init_pace(struct sl_session *session, const struct sl_sdp_media *media, sl_ns now)
{
    const struct sl_session_config *config = &session->config;
    if (!media->ccfb || config->ceiling_bps == 0 || !config->handler->resend)
        return 0;
    const struct sl_rate_config rate = {
        .ceiling_bps = config->ceiling_bps,
        .floor_bps = config->floor_bps ? config->floor_bps : config->ceiling_bps / 10 + 1,
        .audio_bps = config->audio_bps,
        .frame_interval = config->frame_interval,
        .fec_percent = media->fec_pt ? config->fec_percent : 0};
    return sl_pace_create(&session->pace, &rate, now);
}

static int init_video(struct sl_session *session, const struct sl_sdp_media *media, sl_ns now)
{
    const int percent = session->config.fec_percent;
    if (percent < SL_FEC_AUTO || percent > 100)
        return -EINVAL;
    if (session->config.frame_interval <= 0)
        session->config.frame_interval = FRAME_INTERVAL;
    const struct sl_redundancy_config redundancy = {
        .percent = percent, .frame_interval = session->config.frame_interval};
    sl_redundancy_init(&session->redundancy, &redundancy);
    const int r = init_pace(session, media, now);
    if (r < 0 || media->fec_pt == 0 || percent == 0)
        return r;
    session->parity = malloc(sizeof(*session->parity));
    if (!session->parity)
        return -ENOMEM;
    const bool lazy = !session->pace && percent == SL_FEC_AUTO;
    return sl_parity_init(session->parity, media, session->send[SL_VIDEO]->ssrc, lazy,
                          session->config.random);
}

int sl_sending_init(struct sl_session *session, const struct sl_sdp_media *media, sl_ns now)
{
    struct sl_media_send *send = calloc(1, sizeof(*send));
    if (!send)
        return -ENOMEM;
    session->send[media->kind] = send;
    sl_media_send_init(send, media, session->config.random);
    session->loss.highest = INT64_MIN;
    return media->kind == SL_VIDEO ? init_video(session, media, now) : 0;
}

void sl_sending_fini(struct sl_session *session)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        free(session->send[kind]);
    if (session->parity)
        sl_parity_fini(session->parity);
    free(session->parity);
    sl_pace_destroy(session->pace);
}

/* ----------------------------------------------------------------- wire */

/* Length of the datagram, or -errno. */
static int seal_and_send(struct sl_session *session, uint8_t *data, size_t len)
{
    const int sealed = sl_srtp_protect(session->srtp, data, len, SL_SESSION_DATAGRAM);
    if (sealed > 0)
        sl_session_output(session, sl_connect_path(session), data, (size_t)sealed);
    return sealed;
}

/* Tells the controller, if there is one. `data` is sealed, which leaves the header as it was. */
static void tell_sent(struct sl_session *session, enum sl_pacer_kind kind, const uint8_t *data,
                      size_t bytes, int64_t frame, sl_ns now)
{
    if (session->pace)
        sl_rate_sent(session->pace->rate, kind, sl_get32(data + 8), sl_get16(data + 2), bytes,
                     frame, now);
    else if (kind == SL_PACER_RESEND)
        sl_redundancy_resent(&session->redundancy, 1);
}

/* --------------------------------------------------------------- parity */

/* Returns how many rows of `run` left. */
static size_t send_rows(struct sl_session *session, const struct sl_fec_run *run, size_t rows,
                        bool asked, int64_t frame, sl_ns now)
{
    uint8_t out[SL_PARITY_BATCH][SL_PARITY_DATAGRAM];
    size_t lens[SL_PARITY_BATCH], sent = 0;
    const size_t batch = rows < SL_PARITY_BATCH ? rows : SL_PARITY_BATCH;
    const size_t made = sl_parity_rows(session->parity, run, batch, out, lens);
    for (size_t i = 0; i < made; i++) {
        const int n = seal_and_send(session, out[i], lens[i]);
        if (n < 0)
            continue;
        sent++;
        tell_sent(session, asked ? SL_PACER_RESEND : SL_PACER_PARITY, out[i], (size_t)n, frame,
                  now);
        if (asked) {
            session->counts[SL_VIDEO].resent++;
            session->counts[SL_VIDEO].resent_bytes += (size_t)n;
            sl_media_send_spend(session->send[SL_VIDEO], (size_t)n);
        } else {
            session->counts[SL_VIDEO].fec_rows++;
            session->counts[SL_VIDEO].fec_bytes += (size_t)n;
        }
    }
    return sent;
}

/* All of them at once, in batches if the scheme has more than one for a run. */
static void send_all_rows(struct sl_session *session, const struct sl_fec_run *run, size_t rows,
                          bool asked, int64_t frame, sl_ns now)
{
    size_t sent = 0, more;
    do {
        more = send_rows(session, run, rows - sent, asked, frame, now);
        sent += more;
    } while (sent < rows && more > 0 && session->parity->scheme->fresh);
}

/* `how`: whether they were asked for or are early, and of which frame. */
static void push_rows(struct sl_session *session, const struct sl_fec_run *run, size_t rows,
                      struct sl_job how)
{
    how.what = SL_JOB_ROW;
    how.kind = SL_VIDEO;
    how.seq = run->base;
    how.count = run->count;
    while (rows > 0 && sl_pace_push(session->pace, &how, ROW_BYTES))
        rows--;
}

static unsigned rows_for(struct sl_session *session, size_t fresh, size_t run)
{
    return session->pace ? sl_rate_rows(session->pace->rate, fresh, run)
                         : sl_redundancy_rows(&session->redundancy, fresh, run);
}

/* Rows for each frame, or part of a long one, that is over. */
static void protect(struct sl_session *session, int64_t frame, sl_ns now)
{
    struct sl_parity *parity = session->parity;
    struct sl_fec_run runs[SL_FEC_FRAME_RUNS];
    size_t count;
    while (parity && (count = sl_parity_next(parity, now, runs)) > 0) {
        for (size_t i = 0; i < count; i++) {
            const size_t own = (size_t)parity->over.count;
            const unsigned rows =
                rows_for(session, own < runs[i].count ? own : runs[i].count, runs[i].count);
            if (rows == 0)
                continue;
            const struct sl_fec_run over = sl_parity_over(parity, &runs[i]);
            if (session->pace && parity->scheme->fresh)
                push_rows(
                    session, &over, rows,
                    (struct sl_job){.early = sl_parity_more(parity), .frame = frame, .at = now});
            else
                send_all_rows(session, &over, rows, false, frame, now);
        }
    }
}

/* ---------------------------------------------------------------- media */

static int emit(struct sl_session *session, enum sl_media_kind kind,
                const struct sl_rtp_packet *packet, int64_t frame, sl_ns now)
{
    struct sl_media_send *send = session->send[kind];
    const bool first = !send->sent.started;
    uint8_t out[SL_SESSION_DATAGRAM];
    const uint64_t ntp = packet->has_capture ? 0 : sl_ntp_from_ns(now, session->config.epoch);
    const int n = sl_media_send_write(send, packet, ntp, out, SL_SESSION_PLAIN_MAX);
    if (n < 0)
        return n;
    if (kind == SL_VIDEO && session->parity)
        sl_parity_packet(session->parity, packet->seq + send->offset, packet->timestamp,
                         packet->marker, out, (size_t)n, now);
    const int sealed = seal_and_send(session, out, (size_t)n);
    if (sealed < 0)
        return sealed;
    if (first)
        session->report_due = now; /* the peer learns our clock with the first packets */
    session->counts[kind].packets++;
    session->counts[kind].bytes += packet->payload_len;
    session->counts[kind].sent_bytes += (size_t)sealed;
    tell_sent(session, kind == SL_VIDEO ? SL_PACER_MEDIA : SL_PACER_AUDIO, out, (size_t)sealed,
              kind == SL_VIDEO ? frame : -1, now);
    if (kind == SL_VIDEO)
        protect(session, frame, now);
    return 0;
}

static void send_copy(struct sl_session *session, enum sl_media_kind kind,
                      const struct sl_rtp_packet *packet, sl_ns now)
{
    uint8_t out[SL_SESSION_DATAGRAM];
    const int n = sl_media_send_resend(session->send[kind], packet, now, out, SL_SESSION_PLAIN_MAX);
    const int sealed = n < 0 ? n : seal_and_send(session, out, (size_t)n);
    if (sealed < 0)
        return;
    session->counts[kind].resent++;
    session->counts[kind].resent_bytes += (size_t)sealed;
    tell_sent(session, SL_PACER_RESEND, out, (size_t)sealed, -1, now);
}

static const struct sl_rtp_packet *fetch(struct sl_session *session, enum sl_media_kind kind,
                                         int64_t seq)
{
    return session->config.handler->resend
               ? session->config.handler->resend(session->config.ctx, kind, seq)
               : NULL;
}

static void do_job(struct sl_session *session, const struct sl_job *job, sl_ns now)
{
    if (job->what == SL_JOB_ROW) {
        const struct sl_fec_run run = {.base = job->seq, .count = job->count};
        send_rows(session, &run, 1, job->asked, job->asked ? -1 : job->frame, now);
        return;
    }
    const struct sl_rtp_packet *packet = fetch(session, job->kind, job->seq);
    if (!packet)
        return; /* a hole, which the peer asks for in vain */
    if (job->what == SL_JOB_COPY)
        send_copy(session, job->kind, packet, now);
    else
        (void)emit(session, job->kind, packet, job->frame, now);
}

/* All that may leave now. */
static void pump(struct sl_session *session, sl_ns now)
{
    struct sl_job job;
    while (session->pace && sl_pace_pop(session->pace, now, &job))
        do_job(session, &job, now);
}

int sl_session_send(struct sl_session *session, enum sl_media_kind kind,
                    const struct sl_rtp_packet *packet, sl_ns now)
{
    if (session->state != SL_SESSION_CONNECTED)
        return -ENOTCONN;
    if (!session->send[kind])
        return -ENOENT;
    if (!session->pace || kind != SL_VIDEO)
        return emit(session, kind, packet, -1, now);
    if (packet->payload_len > SL_RTP_FOREIGN_MAX)
        return -EMSGSIZE;
    sl_pace_collect(session->pace, packet, now);
    pump(session, now);
    return 0;
}

enum sl_rate_verdict sl_session_next_frame(struct sl_session *session, sl_ns now)
{
    if (!session->pace || session->state != SL_SESSION_CONNECTED)
        return SL_RATE_SEND;
    pump(session, now); /* what is due does not count as held */
    return sl_rate_next_frame(session->pace->rate, now);
}

sl_ns sl_session_gate(const struct sl_session *session, sl_ns now)
{
    if (!session->pace || session->state != SL_SESSION_CONNECTED)
        return 0;
    return sl_rate_gate(session->pace->rate, now);
}

int64_t sl_session_bitrate(const struct sl_session *session)
{
    return session->pace ? (int64_t)sl_rate_bitrate(session->pace->rate) : 0;
}

/* ---------------------------------------------------------------- NACKs */

static struct sl_loss_counts recent_loss(const struct sl_session *session, sl_ns now)
{
    return sl_loss_sum(&session->redundancy.window, SL_SEC, now);
}

/* Rows mend whatever is lost of the run, and survive losses themselves; a copy is a third of it. */
static bool wants_rows(const struct sl_session *session, bool again, sl_ns now)
{
    const struct sl_loss_counts loss = recent_loss(session, now);
    return again || (session->clock.rtt >= QUICK && loss.lost > COPY_LOSS * loss.known);
}

/* True if `seq` (of the wire) is one of a run that rows will answer for. */
static bool add_answer(struct sl_session *session, int64_t seq)
{
    struct sl_fec_run run;
    if (!session->parity || !sl_parity_run_of(session->parity, seq, &run))
        return false;
    size_t i = 0;
    while (i < session->answer_count && session->answers[i].run.base != run.base)
        i++;
    if (i == SL_SESSION_ANSWERS)
        return false;
    if (i == session->answer_count) {
        session->answers[i].run = run;
        session->answers[i].missing = 0;
        session->answer_count++;
    }
    session->answers[i].missing++;
    return true;
}

static bool may_spend(struct sl_session *session, enum sl_media_kind kind, size_t bytes, sl_ns now)
{
    return session->pace ? sl_rate_may_resend(session->pace->rate, bytes, now)
                         : session->send[kind]->tokens > 0;
}

static void answer_by_copy(struct sl_session *session, enum sl_media_kind kind, int64_t seq,
                           sl_ns now)
{
    const struct sl_rtp_packet *packet = fetch(session, kind, seq);
    if (!packet || !may_spend(session, kind, packet->payload_len, now))
        return;
    const struct sl_job job = {.what = SL_JOB_COPY, .kind = kind, .seq = seq, .at = now};
    if (session->pace && sl_pace_push(session->pace, &job, packet->payload_len))
        sl_media_send_note(session->send[kind], seq, now);
    else
        send_copy(session, kind, packet, now);
}

/* Numbers asked for the first time, as the losses that they are. */
static void count_asked(struct sl_session *session, int64_t seq)
{
    struct sl_heard_loss *loss = &session->loss;
    if (seq <= loss->highest)
        return;
    loss->asked.lost++;
    loss->told++;
    loss->asked.runs += seq != loss->highest + 1;
    loss->highest = seq;
}

/* True if another packet that the same row of XOR sums was asked for: it mends only one of them. */
static bool has_lost_sibling(const struct sl_session *session, int64_t seq, unsigned rows)
{
    const struct sl_media_send *send = session->send[SL_VIDEO];
    struct sl_fec_run run;
    if (!sl_fec_encoder_own_run(session->parity->encoder, seq, &run))
        return false;
    for (int64_t other = run.base + (seq - run.base) % rows; other < run.base + (int64_t)run.count;
         other += rows)
        if (other != seq && sl_media_send_was_asked(send, other - send->offset))
            return true;
    return false;
}

/*
 * A browser asks at once for what parity is about to mend. So what a row can mend is not answered
 * the first time: if the row was lost as well it asks again.
 */
static bool is_left_to_rows(const struct sl_session *session, int64_t seq, bool again)
{
    if (again || session->config.agreed.sightline || !session->parity)
        return false;
    const unsigned rows = sl_parity_rows_sent(session->parity, seq);
    return rows > 0 && !has_lost_sibling(session, seq, rows);
}

static void answer(struct sl_session *session, enum sl_media_kind kind, uint16_t wire, sl_ns now)
{
    struct sl_media_send *send = session->send[kind];
    int64_t seq;
    session->counts[kind].nacks++;
    if (!sl_media_send_unmap(send, wire, &seq))
        return;
    const bool again = sl_media_send_was_asked(send, seq);
    if (kind == SL_VIDEO) {
        count_asked(session, seq + send->offset);
        if (session->parity)
            sl_parity_lost(session->parity, now);
    }
    if (!sl_media_send_is_due(send, seq, session->clock.rtt, now))
        return;
    if (kind == SL_VIDEO && is_left_to_rows(session, seq + send->offset, again))
        sl_media_send_note(send, seq, now);
    else if (kind == SL_VIDEO && wants_rows(session, again, now) &&
             add_answer(session, seq + send->offset))
        sl_media_send_note(send, seq, now);
    else
        answer_by_copy(session, kind, seq, now);
}

void sl_sending_nack(struct sl_session *session, sl_ns now, uint32_t ssrc, uint16_t pid,
                     uint16_t blp)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        if (!session->send[kind] || session->send[kind]->ssrc != ssrc)
            continue;
        answer(session, kind, pid, now);
        for (unsigned i = 0; i < 16; i++)
            if (blp >> i & 1)
                answer(session, kind, (uint16_t)(pid + 1 + i), now);
    }
}

/*
 * How many rows the run still lacks, most likely: what was sent along has come but for the usual
 * loss, and did not suffice.
 */
static size_t lacking(const struct sl_session *session, const struct sl_fec_run *run,
                      size_t missing, sl_ns now)
{
    const struct sl_loss_counts loss = recent_loss(session, now);
    const double come = loss.known > 0 ? 1 - (double)loss.lost / loss.known : 1;
    const size_t rows =
        (size_t)(come * sl_parity_rows_sent(session->parity, run->base + (int64_t)run->count - 1));
    return missing > rows ? missing - rows : 1;
}

void sl_sending_answer(struct sl_session *session, sl_ns now)
{
    for (size_t i = 0; i < session->answer_count; i++) {
        const struct sl_fec_run *run = &session->answers[i].run;
        const size_t rows =
            sl_fec_rows_for_nack(lacking(session, run, session->answers[i].missing, now));
        if (!may_spend(session, SL_VIDEO, rows * ROW_BYTES, now))
            continue;
        if (session->pace)
            push_rows(session, run, rows, (struct sl_job){.asked = true, .frame = -1, .at = now});
        else
            send_all_rows(session, run, rows, true, -1, now);
    }
    session->answer_count = 0;
    pump(session, now);
}

/* ------------------------------------------------ what the peer tells of */

void sl_sending_feedback(struct sl_session *session, const uint8_t *body, size_t len, sl_ns now)
{
    if (session->pace)
        (void)!sl_rate_feedback(session->pace->rate, body, len, now); /* none if it lies */
    pump(session, now); /* the pace may have changed */
}

static void learn_loss(struct sl_session *session, struct sl_loss_counts counts, sl_ns now)
{
    sl_redundancy_loss(&session->redundancy, counts, session->clock.rtt, now);
    if (counts.lost > 0 && session->parity)
        sl_parity_lost(session->parity, now);
}

/* What a counter grew by; a peer that lies or starts anew tells nothing. */
static int32_t growth(uint32_t now, uint32_t before)
{
    const int32_t grown = (int32_t)(now - before);
    return grown < 0 || grown > 1000000 ? 0 : grown;
}

void sl_sending_repair_report(struct sl_session *session, const struct sl_repair_report *report,
                              sl_ns now)
{
    struct sl_heard_loss *loss = &session->loss;
    if (!session->send[SL_VIDEO] || report->ssrc != session->send[SL_VIDEO]->ssrc)
        return;
    if (session->pace)
        sl_rate_report(session->pace->rate, report, now);
    sl_redundancy_report(&session->redundancy, report, now);
    if (loss->has_report) {
        const struct sl_loss_counts counts = {
            .known = growth(report->packets, loss->report.packets),
            .lost = growth(report->packets_lost, loss->report.packets_lost),
            .runs = growth(report->runs, loss->report.runs)};
        learn_loss(session, counts, now);
    }
    loss->report = *report;
    loss->has_report = true;
}

void sl_sending_lost(struct sl_session *session, int32_t cumulative)
{
    struct sl_heard_loss *loss = &session->loss;
    const int32_t more = cumulative - loss->cumulative - loss->told;
    if (more > 0 && more < 1000000) {
        loss->asked.lost += more;
        loss->asked.runs += more;
    }
    loss->cumulative = cumulative;
    loss->told = 0;
}

void sl_sending_heard(struct sl_session *session, sl_ns now)
{
    struct sl_heard_loss *loss = &session->loss;
    if (!session->send[SL_VIDEO] || session->config.agreed.sightline || now - loss->at < HEAR_GAP)
        return;
    const uint64_t packets = session->counts[SL_VIDEO].packets;
    loss->asked.known = (int32_t)(packets - loss->packets);
    learn_loss(session, loss->asked, now);
    loss->asked = (struct sl_loss_counts){0};
    loss->packets = packets;
    loss->at = now;
}

/* --------------------------------------------------------------- timers */

sl_ns sl_sending_due(const struct sl_session *session)
{
    sl_ns due = session->parity ? sl_parity_due(session->parity) : SL_NEVER;
    if (session->pace)
        due = sl_min_ns(due, sl_pace_due(session->pace));
    return due;
}

void sl_sending_tick(struct sl_session *session, sl_ns now)
{
    if (session->pace)
        sl_pace_tick(session->pace, now);
    pump(session, now);
    protect(session, session->pace ? session->pace->frames : -1, now);
    pump(session, now);
}
