/* SPDX-License-Identifier: MIT */
/* What an RTSP server says: replies, with what they ask and describe. */
#include <stdlib.h>
#include <string.h>

#include "sender/rtsp_message.h"
#include "sender/rtsp_offer.h"
#include "sender/rtsp_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What we send ends its line where we end it. */
static void authorize(const struct sl_rtsp_reply *reply)
{
    const struct sl_rtsp_url url = {.user = "eve", .password = "secret"};
    struct sl_rtsp_auth auth;
    char out[2048];
    if (sl_rtsp_auth_read(&auth, reply) == 0 &&
        sl_rtsp_auth_write(&auth, &url, "SETUP", "rtsp://cam/x", "c0", out, sizeof(out)) == 0)
        require(strcspn(out, "\r\n") == strlen(out) - 2);
}

static void read_media(const struct sl_rtsp_media *media)
{
    char text[256];
    uint8_t bytes[64];
    const char *at = sl_rtsp_fmtp(media, "sprop-parameter-sets", text, sizeof(text));
    while (*at)
        require(sl_rtsp_base64(&at, bytes, sizeof(bytes)) <= sizeof(bytes));
    require(sl_rtsp_hex(sl_rtsp_fmtp(media, "config", text, sizeof(text)), bytes, sizeof(bytes)) <=
            sizeof(bytes));
    require(strcspn(media->control, " \r\n") == strlen(media->control));
}

static void describe(const char *text, size_t len)
{
    struct sl_rtsp_offer offer;
    char why[128];
    if (sl_rtsp_offer_read(&offer, text, len, "rtsp://cam/x", why, sizeof(why)))
        return;
    require(offer.video.codec != SL_RTSP_NONE && offer.video.clock_hz > 0);
    require(offer.sound.codec == SL_RTSP_NONE || offer.sound.clock_hz > 0);
    read_media(&offer.video);
    read_media(&offer.sound);
}

static void locate(const char *text, size_t len)
{
    char copy[512], shown[512], why[256];
    struct sl_rtsp_url url;
    if (len == 0 || len >= sizeof(copy))
        return;
    memcpy(copy, text, len);
    copy[len] = 0;
    require(strlen(sl_rtsp_url_redact(copy, shown, sizeof(shown))) < sizeof(shown));
    if (sl_rtsp_url_parse(&url, copy, why, sizeof(why)) == 0)
        require(url.port && url.host[0] && strcspn(url.request, " \r\n") == strlen(url.request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct sl_rtsp_reply reply;
    const int len = sl_rtsp_reply_read(&reply, text, size);
    require(len <= (int)size);
    if (len > 0) {
        authorize(&reply);
        describe(reply.body.at, reply.body.len);
        (void)sl_rtsp_parameter(reply.session, "timeout", ';');
        locate(reply.location.at, reply.location.len);
    }
    describe(text, size);
    locate(text, size);
    return 0;
}
