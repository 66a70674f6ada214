/* SPDX-License-Identifier: MIT */
#include "sender/rtsp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/time.h"
#include "rtp/rtcp.h"
#include "sender/rtp_order.h"
#include "sender/rtsp_message.h"
#include "sender/rtsp_socket.h"

#define OPEN_TIMEOUT (5 * SL_SEC)
#define SESSION_TIMEOUT_S 60 /* RFC 2326 section 12.37 */
#define KEEP_ALIVE_MIN (5 * SL_SEC)
#define KEEP_ALIVE_MAX (25 * SL_SEC)
#define GOODBYE (50 * SL_MS) /* for a request to leave; nobody waits for the answer */
#define REQUEST_MAX 4096
#define REDIRECTS 4
#define FRAME_HEAD 4 /* of interleaved data: '$', channel, length (RFC 2326 section 10.12) */
#define IN_BYTES (FRAME_HEAD + 65535 + SL_RTSP_HEAD_MAX + SL_RTSP_BODY_MAX)

struct stream {
    bool plays, udp;
    const struct sl_rtsp_media *media;
    uint8_t rtp_channel, rtcp_channel; /* TCP */
    struct sl_rtp_order *order;        /* UDP */
    bool any;
    uint16_t last_seq;
};

struct sl_rtsp {
    struct sl_rtsp_config config;
    struct sl_rtsp_url url; /* a redirection may have changed it */
    struct sl_random random;
    struct sl_rtsp_socket *socket;
    struct sl_rtsp_offer offer;
    struct stream streams[SL_MEDIA_KINDS];

    struct sl_rtsp_auth auth;
    char session[256];
    uint32_t cseq, play_cseq; /* play_cseq: of a PLAY that is not answered; 0: none */
    bool by_options;          /* GET_PARAMETER is not known: OPTIONS keeps it alive */
    uint32_t alive_cseq;      /* of the last GET_PARAMETER */
    sl_ns alive_gap, alive_due;

    uint8_t *in; /* what came by TCP and is not used: [begin, end) */
    size_t begin, end;
    sl_ns arrival; /* of its end */
    uint8_t datagram[SL_RTP_ORDER_BYTES];
};

const struct sl_rtsp_offer *sl_rtsp_offer(const struct sl_rtsp *rtsp)
{
    return &rtsp->offer;
}

static SL_PRINTF(3, 4) void say(char *why, size_t why_len, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, why_len, format, args);
    va_end(args);
}

/* ---- What comes by TCP ---- */

/* Interleaved data or a message, in the buffer until the next receive(). */
struct item {
    enum { NOTHING, DATA, MESSAGE } what;
    uint8_t channel;
    const uint8_t *data;
    size_t len; /* DATA */
    struct sl_rtsp_reply reply;
    size_t bytes; /* in the buffer */
};

/* -EBADMSG if this is neither. */
static int peek(const struct sl_rtsp *rtsp, struct item *ret)
{
    const uint8_t *data = rtsp->in + rtsp->begin;
    const size_t len = rtsp->end - rtsp->begin;
    *ret = (struct item){.what = NOTHING};
    if (len && data[0] == '$') {
        const size_t frame = len < FRAME_HEAD ? 0 : (size_t)(data[2] << 8 | data[3]);
        if (len < FRAME_HEAD + frame || len < FRAME_HEAD)
            return 0;
        ret->what = DATA;
        ret->channel = data[1];
        ret->data = data + FRAME_HEAD;
        ret->len = frame;
        ret->bytes = FRAME_HEAD + frame;
        return 0;
    }
    const int got = len ? sl_rtsp_reply_read(&ret->reply, (const char *)data, len) : 0;
    if (got < 0)
        return got;
    ret->what = got ? MESSAGE : NOTHING;
    ret->bytes = (size_t)got;
    return 0;
}

static void consume(struct sl_rtsp *rtsp, const struct item *item)
{
    rtsp->begin += item->bytes;
    while (rtsp->begin < rtsp->end &&
           (rtsp->in[rtsp->begin] == '\r' || rtsp->in[rtsp->begin] == '\n'))
        rtsp->begin++; /* empty lines between messages */
}

/* More by TCP, as far as it is there: 1, 0 if nothing is, or -errno. */
static int receive(struct sl_rtsp *rtsp)
{
    if (rtsp->begin == rtsp->end) {
        rtsp->begin = rtsp->end = 0;
    } else if (rtsp->end == IN_BYTES) {
        memmove(rtsp->in, rtsp->in + rtsp->begin, rtsp->end - rtsp->begin);
        rtsp->end -= rtsp->begin;
        rtsp->begin = 0;
    }
    const int got = sl_rtsp_socket_read(rtsp->socket, rtsp->in + rtsp->end, IN_BYTES - rtsp->end);
    if (got <= 0)
        return got;
    rtsp->end += (size_t)got;
    rtsp->arrival = sl_time_now();
    return 1;
}

/* ---- Requests ---- */

static int authorize(struct sl_rtsp *rtsp, const char *method, const char *uri, char *out,
                     size_t size)
{
    char cnonce[17];
    snprintf(cnonce, sizeof(cnonce), "%08x%08x", sl_random_u32(&rtsp->random),
             sl_random_u32(&rtsp->random));
    return sl_rtsp_auth_write(&rtsp->auth, &rtsp->url, method, uri, cnonce, out, size);
}

/* `headers`: further lines, each with its end. 0 or -errno. */
static int send_request(struct sl_rtsp *rtsp, const char *method, const char *uri,
                        const char *headers, sl_ns deadline)
{
    char text[REQUEST_MAX], authorization[2048];
    int error = authorize(rtsp, method, uri, authorization, sizeof(authorization));
    if (error)
        return error;
    const int len = snprintf(
        text, sizeof(text),
        "%s %s RTSP/1.0\r\nCSeq: %u\r\nUser-Agent: sightline/" SL_VERSION "\r\n%s%s%s%s%s\r\n",
        method, uri, ++rtsp->cseq, authorization, rtsp->session[0] ? "Session: " : "",
        rtsp->session, rtsp->session[0] ? "\r\n" : "", headers);
    if (len >= (int)sizeof(text))
        return -EMSGSIZE;
    return sl_rtsp_socket_write(rtsp->socket, text, (size_t)len, deadline);
}

/* Waits for the answer to the last request. Data that comes before it is of no use yet. 0 or
 * -errno; the reply is good until the next receive(). */
static int wait_reply(struct sl_rtsp *rtsp, struct sl_rtsp_reply *ret, sl_ns deadline)
{
    for (;;) {
        struct item item;
        int got = peek(rtsp, &item);
        if (got < 0)
            return got;
        if (item.what != NOTHING) {
            consume(rtsp, &item);
            if (item.what == MESSAGE && item.reply.status && item.reply.cseq == rtsp->cseq) {
                *ret = item.reply;
                return 0;
            }
            continue;
        }
        got = receive(rtsp);
        got = got ? got : sl_rtsp_socket_wait(rtsp->socket, deadline);
        if (got < 0)
            return got;
        if (got == 0)
            return -ETIMEDOUT;
    }
}

/* A request and its answer; asked who we are, it is sent once more with that. */
static int ask(struct sl_rtsp *rtsp, const char *method, const char *uri, const char *headers,
               struct sl_rtsp_reply *ret, sl_ns deadline)
{
    for (int tries = 0;; tries++) {
        int error = send_request(rtsp, method, uri, headers, deadline);
        error = error ? error : wait_reply(rtsp, ret, deadline);
        if (error)
            return error;
        if (ret->status != 401 || tries || !rtsp->url.user[0] ||
            sl_rtsp_auth_read(&rtsp->auth, ret))
            return 0;
    }
}

/* What a status means to a person. Always -errno. */
static int explain(const struct sl_rtsp *rtsp, const char *method,
                   const struct sl_rtsp_reply *reply, char *why, size_t why_len)
{
    switch (reply->status) {
    case 401:
        if (!rtsp->url.user[0])
            say(why, why_len, "the camera asks for a user and a password (401)");
        else if (rtsp->auth.kind == SL_RTSP_NO_AUTH)
            say(why, why_len, "the camera asks who we are in a way that is not known here (401)");
        else
            say(why, why_len, "the camera refuses the user or the password (401)");
        return -EACCES;
    case 403:
        say(why, why_len, "the camera does not permit it (403)");
        return -EACCES;
    case 404:
        say(why, why_len, "the camera knows no such path (404)");
        return -ENOENT;
    case 453:
    case 503:
        say(why, why_len, "the camera has no more to give (%d): too many watch it", reply->status);
        return -EBUSY;
    case 461:
        say(why, why_len, "the camera refuses the transport (461); see --rtsp-transport");
        return -EPROTONOSUPPORT;
    default:
        say(why, why_len, "the camera answers %s with %d %.*s", method, reply->status,
            (int)(reply->reason.len < 60 ? reply->reason.len : 60),
            reply->reason.len ? reply->reason.at : "");
        return -EPROTO;
    }
}

/* ---- Opening ---- */

static int connect_to(struct sl_rtsp *rtsp, sl_ns deadline, char *why, size_t why_len)
{
    sl_rtsp_socket_close(rtsp->socket);
    rtsp->socket = NULL;
    rtsp->begin = rtsp->end = 0;
    return sl_rtsp_socket_open(&rtsp->socket, &rtsp->url, rtsp->config.halt, deadline, why,
                               why_len);
}

/* "Location: rtsp://elsewhere/", with the same user and password only on the same host. */
static int follow(struct sl_rtsp *rtsp, const struct sl_rtsp_reply *reply, sl_ns deadline,
                  char *why, size_t why_len)
{
    char text[SL_RTSP_URL_MAX];
    struct sl_rtsp_url url;
    snprintf(text, sizeof(text), "%.*s", (int)reply->location.len,
             reply->location.len ? reply->location.at : "");
    if (sl_rtsp_url_parse(&url, text, why, why_len)) {
        say(why, why_len, "the camera sends us elsewhere (%d), but not to a URL", reply->status);
        return -EPROTO;
    }
    if (strcmp(url.host, rtsp->url.host) == 0 && (url.tls || !rtsp->url.tls)) {
        memcpy(url.user, rtsp->url.user, sizeof(url.user));
        memcpy(url.password, rtsp->url.password, sizeof(url.password));
    }
    rtsp->url = url;
    rtsp->auth = (struct sl_rtsp_auth){0};
    return connect_to(rtsp, deadline, why, why_len);
}

static int describe(struct sl_rtsp *rtsp, sl_ns deadline, char *why, size_t why_len)
{
    struct sl_rtsp_reply reply;
    for (int redirects = 0;; redirects++) {
        int error = ask(rtsp, "DESCRIBE", rtsp->url.request, "Accept: application/sdp\r\n", &reply,
                        deadline);
        if (error)
            return error;
        if (reply.status < 300 || reply.status > 399 || redirects == REDIRECTS)
            break;
        error = follow(rtsp, &reply, deadline, why, why_len);
        if (error)
            return error;
    }
    if (reply.status != 200)
        return explain(rtsp, "DESCRIBE", &reply, why, why_len);
    char base[SL_RTSP_URL_MAX];
    const struct sl_sdp_slice told = reply.base.len ? reply.base : reply.location;
    if (told.len && told.len < sizeof(base))
        snprintf(base, sizeof(base), "%.*s", (int)told.len, told.at);
    else
        snprintf(base, sizeof(base), "%s", rtsp->url.request);
    return sl_rtsp_offer_read(&rtsp->offer, reply.body.at, reply.body.len, base, why, why_len);
}

/* "12345678;timeout=60" */
static void take_session(struct sl_rtsp *rtsp, struct sl_sdp_slice text)
{
    uint32_t seconds;
    const struct sl_sdp_slice timeout = sl_rtsp_parameter(text, "timeout", ';');
    const struct sl_sdp_slice id = sl_sdp_slice_take(&text, ';');
    if (id.len && id.len < sizeof(rtsp->session))
        snprintf(rtsp->session, sizeof(rtsp->session), "%.*s", (int)id.len, id.at);
    if (!sl_sdp_slice_number(timeout, 86400, &seconds))
        seconds = SESSION_TIMEOUT_S;
    rtsp->alive_gap = seconds * SL_SEC / 3;
    if (rtsp->alive_gap < KEEP_ALIVE_MIN)
        rtsp->alive_gap = KEEP_ALIVE_MIN;
    if (rtsp->alive_gap > KEEP_ALIVE_MAX)
        rtsp->alive_gap = KEEP_ALIVE_MAX;
}

/* "interleaved=0-1" where the camera chose others than it was asked for. */
static void take_channels(struct stream *stream, struct sl_sdp_slice transport)
{
    struct sl_sdp_slice pair = sl_rtsp_parameter(transport, "interleaved", ';');
    uint32_t rtp, rtcp;
    if (!sl_sdp_slice_number(sl_sdp_slice_take(&pair, '-'), 255, &rtp))
        return;
    stream->rtp_channel = (uint8_t)rtp;
    stream->rtcp_channel =
        (uint8_t)(sl_sdp_slice_number(pair, 255, &rtcp) ? rtcp : (rtp + 1) % 256);
}

static int set_up_stream(struct sl_rtsp *rtsp, enum sl_media_kind kind, bool udp, sl_ns deadline,
                         struct sl_rtsp_reply *reply)
{
    struct stream *stream = &rtsp->streams[kind];
    char transport[128];
    uint16_t port = 0;
    int error = 0;
    stream->udp = udp;
    stream->rtp_channel = (uint8_t)(2 * kind);
    stream->rtcp_channel = (uint8_t)(2 * kind + 1);
    if (udp && !stream->order)
        error = sl_rtp_order_create(&stream->order);
    if (udp && !error)
        error = sl_rtsp_socket_open_ports(rtsp->socket, kind, &port);
    if (error)
        return error;
    if (udp)
        snprintf(transport, sizeof(transport), "Transport: RTP/AVP;unicast;client_port=%u-%u\r\n",
                 port, port + 1);
    else
        snprintf(transport, sizeof(transport),
                 "Transport: RTP/AVP/TCP;unicast;interleaved=%u-%u\r\n", stream->rtp_channel,
                 stream->rtcp_channel);
    error = ask(rtsp, "SETUP", stream->media->control, transport, reply, deadline);
    if (error || reply->status != 200)
        return error;
    take_session(rtsp, reply->session);
    if (!udp)
        take_channels(stream, reply->transport);
    stream->plays = true;
    return 0;
}

/* By the transport that is wanted, or the other one if that is left to us. */
static int set_up(struct sl_rtsp *rtsp, enum sl_media_kind kind, sl_ns deadline, char *why,
                  size_t why_len)
{
    struct sl_rtsp_reply reply;
    const enum sl_rtsp_transport wanted = rtsp->config.transport;
    const bool udp = wanted == SL_RTSP_UDP || (kind == SL_AUDIO && rtsp->streams[SL_VIDEO].plays &&
                                               rtsp->streams[SL_VIDEO].udp);
    int error = set_up_stream(rtsp, kind, udp, deadline, &reply);
    if (!error && reply.status != 200 && reply.status != 401 && wanted == SL_RTSP_AUTO && !udp)
        error = set_up_stream(rtsp, kind, true, deadline, &reply);
    if (error || reply.status == 200)
        return error;
    return explain(rtsp, "SETUP", &reply, why, why_len);
}

static int set_up_all(struct sl_rtsp *rtsp, sl_ns deadline, char *why, size_t why_len)
{
    if (!rtsp->config.sound)
        rtsp->offer.sound.codec = SL_RTSP_NONE;
    rtsp->streams[SL_VIDEO].media = &rtsp->offer.video;
    rtsp->streams[SL_AUDIO].media = &rtsp->offer.sound;
    int error = set_up(rtsp, SL_VIDEO, deadline, why, why_len);
    if (!error && rtsp->offer.sound.codec != SL_RTSP_NONE)
        error = set_up(rtsp, SL_AUDIO, deadline, why, why_len);
    return error;
}

/* The answer may come behind the first data, which must not be lost: a key frame is in it. */
static int play(struct sl_rtsp *rtsp, sl_ns deadline, char *why, size_t why_len)
{
    int got = send_request(rtsp, "PLAY", rtsp->offer.control, "Range: npt=0.000-\r\n", deadline);
    rtsp->play_cseq = rtsp->cseq;
    while (got == 0) {
        struct item item;
        got = peek(rtsp, &item);
        if (got < 0 || item.what == DATA)
            return got;
        if (item.what == MESSAGE) {
            consume(rtsp, &item);
            if (item.reply.cseq != rtsp->play_cseq || !item.reply.status)
                continue;
            rtsp->play_cseq = 0;
            return item.reply.status == 200 ? 0 : explain(rtsp, "PLAY", &item.reply, why, why_len);
        }
        got = receive(rtsp);
        got = got ? got : sl_rtsp_socket_wait(rtsp->socket, deadline);
        got = got > 0 ? 0 : got ? got : -ETIMEDOUT;
    }
    return got;
}

static int open_session(struct sl_rtsp *rtsp, char *why, size_t why_len)
{
    const sl_ns deadline = sl_time_now() + OPEN_TIMEOUT;
    why[0] = 0;
    int error = connect_to(rtsp, deadline, why, why_len);
    error = error ? error : describe(rtsp, deadline, why, why_len);
    error = error ? error : set_up_all(rtsp, deadline, why, why_len);
    error = error ? error : play(rtsp, deadline, why, why_len);
    if (error == -ETIMEDOUT && !why[0])
        say(why, why_len, "no answer within 5 s");
    else if (error == -EBADMSG && !why[0])
        say(why, why_len, "what answers there does not speak RTSP");
    else if (error && !why[0])
        say(why, why_len, "%s", strerror(-error));
    rtsp->alive_due = sl_time_now() + rtsp->alive_gap;
    return error;
}

int sl_rtsp_open(struct sl_rtsp **ret, const struct sl_rtsp_config *config, char *why,
                 size_t why_len)
{
    struct sl_rtsp *rtsp = calloc(1, sizeof(*rtsp));
    say(why, why_len, "out of memory");
    if (!rtsp)
        return -ENOMEM;
    rtsp->config = *config;
    rtsp->url = *config->url;
    sl_random_init_system(&rtsp->random);
    rtsp->in = malloc(IN_BYTES);
    const int error = rtsp->in ? open_session(rtsp, why, why_len) : -ENOMEM;
    if (error) {
        sl_rtsp_close(rtsp);
        return error;
    }
    *ret = rtsp;
    return 0;
}

void sl_rtsp_close(struct sl_rtsp *rtsp)
{
    if (!rtsp)
        return;
    if (rtsp->socket && rtsp->session[0])
        (void)!send_request(rtsp, "TEARDOWN", rtsp->offer.control, "", sl_time_now() + GOODBYE);
    sl_rtsp_socket_close(rtsp->socket);
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++)
        sl_rtp_order_destroy(rtsp->streams[kind].order);
    free(rtsp->in);
    free(rtsp);
}

/* ---- Playing ---- */

struct rtcp_found {
    bool report, bye;
    uint64_t ntp;
    uint32_t timestamp;
};

static void on_rtcp(void *ctx, const struct sl_rtcp_item *item)
{
    struct rtcp_found *found = ctx;
    found->bye |= item->type == SL_RTCP_BYE;
    if (item->type != SL_RTCP_SR || !item->ntp)
        return;
    found->report = true;
    found->ntp = item->ntp;
    found->timestamp = item->rtp_timestamp;
}

/* 1: a report is in *ret; 0: nothing of use; -ENODATA: goodbye. */
static int take_rtcp(enum sl_media_kind kind, const uint8_t *data, size_t len, sl_ns arrival,
                     struct sl_rtsp_packet *ret)
{
    struct rtcp_found found = {0};
    (void)sl_rtcp_read(data, len, on_rtcp, &found);
    if (found.bye)
        return -ENODATA;
    if (!found.report)
        return 0;
    *ret = (struct sl_rtsp_packet){.kind = kind,
                                   .rtp = {.timestamp = found.timestamp},
                                   .report = true,
                                   .report_ntp = found.ntp,
                                   .arrival = arrival};
    return 1;
}

/* Whether it is an RTP packet of this stream; 1 or 0. */
static int take_rtp(struct sl_rtsp *rtsp, enum sl_media_kind kind, const uint8_t *data, size_t len,
                    sl_ns arrival, struct sl_rtsp_packet *ret)
{
    struct stream *stream = &rtsp->streams[kind];
    struct sl_rtp_packet rtp;
    if (sl_rtp_read(&rtp, data, len, NULL) || rtp.pt != stream->media->pt)
        return 0;
    const uint16_t seq = (uint16_t)rtp.seq;
    *ret = (struct sl_rtsp_packet){
        .kind = kind,
        .gap = stream->any && seq != (uint16_t)(stream->last_seq + 1),
        .rtp = rtp,
        .arrival = arrival,
    };
    stream->any = true;
    stream->last_seq = seq;
    return 1;
}

static int take_data(struct sl_rtsp *rtsp, const struct item *item, struct sl_rtsp_packet *ret)
{
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        const struct stream *stream = &rtsp->streams[kind];
        if (!stream->plays || stream->udp)
            continue;
        if (item->channel == stream->rtp_channel)
            return take_rtp(rtsp, kind, item->data, item->len, rtsp->arrival, ret);
        if (item->channel == stream->rtcp_channel)
            return take_rtcp(kind, item->data, item->len, rtsp->arrival, ret);
    }
    return 0;
}

/* An answer to PLAY or to what keeps the session alive. 0 or -errno. */
static int take_message(struct sl_rtsp *rtsp, const struct sl_rtsp_reply *reply, char *why,
                        size_t why_len)
{
    if (!reply->status)
        return 0; /* a request of the camera's: none that we could fulfil */
    if (reply->cseq == rtsp->play_cseq) {
        rtsp->play_cseq = 0;
        return reply->status == 200 ? 0 : explain(rtsp, "PLAY", reply, why, why_len);
    }
    if (reply->status == 454) { /* Session Not Found */
        say(why, why_len, "the camera has ended the session");
        return -ECONNRESET;
    }
    if (reply->status == 401 && rtsp->url.user[0])
        (void)!sl_rtsp_auth_read(&rtsp->auth, reply); /* a new nonce, for the next one */
    else if (reply->status >= 400 && reply->cseq == rtsp->alive_cseq)
        rtsp->by_options = true;
    return 0;
}

/* What the buffer of TCP has: 1, 0 if nothing, or -errno. */
static int take_tcp(struct sl_rtsp *rtsp, struct sl_rtsp_packet *ret, char *why, size_t why_len)
{
    for (;;) {
        struct item item;
        int got = peek(rtsp, &item);
        if (got < 0 || item.what == NOTHING)
            return got;
        consume(rtsp, &item);
        got = item.what == DATA ? take_data(rtsp, &item, ret)
                                : take_message(rtsp, &item.reply, why, why_len);
        if (got)
            return got;
    }
}

/* What came by UDP, in order: 1, 0 or -ENODATA. */
static int take_udp(struct sl_rtsp *rtsp, struct sl_rtsp_packet *ret)
{
    const sl_ns now = sl_time_now();
    struct sl_rtp_ordered ordered;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct stream *stream = &rtsp->streams[kind];
        while (stream->udp && sl_rtp_order_take(stream->order, now, &ordered))
            if (take_rtp(rtsp, kind, ordered.data, ordered.len, ordered.arrival, ret))
                return 1;
    }
    return 0;
}

/* Reads one datagram of each port. 1: there is something to take, or a report is in *ret with
 * `*reported`; 0: nothing; -ENODATA. */
static int receive_udp(struct sl_rtsp *rtsp, struct sl_rtsp_packet *ret, bool *reported)
{
    bool any = false;
    *reported = false;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        struct stream *stream = &rtsp->streams[kind];
        if (!stream->udp)
            continue;
        size_t len = sl_rtsp_socket_datagram(rtsp->socket, kind, false, rtsp->datagram,
                                             sizeof(rtsp->datagram));
        if (len >= SL_RTP_HEADER_BYTES)
            any |= sl_rtp_order_put(stream->order,
                                    (uint16_t)(rtsp->datagram[2] << 8 | rtsp->datagram[3]),
                                    rtsp->datagram, len, sl_time_now());
        if (any)
            continue;
        len = sl_rtsp_socket_datagram(rtsp->socket, kind, true, rtsp->datagram,
                                      sizeof(rtsp->datagram));
        const int got = len ? take_rtcp(kind, rtsp->datagram, len, sl_time_now(), ret) : 0;
        *reported = got == 1;
        if (got)
            return got;
    }
    return any;
}

static int keep_alive(struct sl_rtsp *rtsp)
{
    const sl_ns now = sl_time_now();
    if (now < rtsp->alive_due)
        return 0;
    rtsp->alive_due = now + rtsp->alive_gap;
    const int error = send_request(rtsp, rtsp->by_options ? "OPTIONS" : "GET_PARAMETER",
                                   rtsp->offer.control, "", now + SL_SEC);
    rtsp->alive_cseq = rtsp->by_options ? 0 : rtsp->cseq;
    return error;
}

/* Until something comes, something is due, or `deadline`: 1, or 0 for the last; -errno. */
static int wait(struct sl_rtsp *rtsp, sl_ns deadline)
{
    sl_ns due = deadline < rtsp->alive_due ? deadline : rtsp->alive_due;
    for (int kind = 0; kind < SL_MEDIA_KINDS; kind++) {
        const struct sl_rtp_order *order = rtsp->streams[kind].order;
        const sl_ns given_up = order ? sl_rtp_order_due(order) : SL_NEVER;
        due = given_up < due ? given_up : due;
    }
    const int got = sl_rtsp_socket_wait(rtsp->socket, due);
    return got ? got : sl_time_now() < deadline;
}

static int read_one(struct sl_rtsp *rtsp, sl_ns deadline, struct sl_rtsp_packet *ret, char *why,
                    size_t why_len)
{
    for (;;) {
        bool reported;
        int got = take_tcp(rtsp, ret, why, why_len);
        got = got ? got : take_udp(rtsp, ret);
        if (got)
            return got;
        got = receive(rtsp);
        if (got == 0) {
            got = receive_udp(rtsp, ret, &reported);
            if (reported)
                return 1;
        }
        if (got == 0)
            got = keep_alive(rtsp);
        if (got == 0) {
            got = wait(rtsp, deadline);
            if (got == 0)
                return 0;
        }
        if (got < 0)
            return got;
    }
}

int sl_rtsp_read(struct sl_rtsp *rtsp, sl_ns deadline, struct sl_rtsp_packet *ret, char *why,
                 size_t why_len)
{
    why[0] = 0;
    const int got = read_one(rtsp, deadline, ret, why, why_len);
    if (got >= 0 || why[0])
        return got;
    if (got == -ENODATA || got == -ECONNRESET)
        say(why, why_len, "the camera has ended the session");
    else if (got == -EBADMSG)
        say(why, why_len, "the camera sends what is not RTSP");
    else
        say(why, why_len, "%s", strerror(-got));
    return got;
}
