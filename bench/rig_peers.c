/* SPDX-License-Identifier: MIT */
#include "bench/rig_peers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/rig_child.h"

#define SRTP_KEY "012345678901234567890123456789012345678901234567890123456789"

/* Splits a pipeline at blanks; values have none. */
static struct sl_words pipeline_words(char *text)
{
    static const char *const launch[] = {"gst-launch-1.0", "-q", NULL};
    struct sl_words words = sl_words_of(launch);
    sl_words_split(&words, text);
    return words;
}

static int start_gstreamer(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                           size_t why_len)
{
    char text[2048];
    const int port = sl_rig_free_udp_port();
    if (port < 0) {
        snprintf(why, why_len, "no free UDP port");
        return -EADDRNOTAVAIL;
    }
    snprintf(text, sizeof(text),
             "udpsrc address=127.0.0.1 port=%d caps=application/x-srtp,media=(string)video,"
             "clock-rate=(int)90000,encoding-name=(string)H264,payload=(int)96,ssrc=(uint)1111,"
             "srtp-key=(buffer)" SRTP_KEY ",srtp-cipher=(string)aes-128-icm,"
             "srtp-auth=(string)hmac-sha1-80,srtcp-cipher=(string)aes-128-icm,"
             "srtcp-auth=(string)hmac-sha1-80 ! srtpdec ! rtpjitterbuffer latency=0 ! "
             "rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! ximagesink sync=false",
             port);
    struct sl_words words = pipeline_words(text);
    int err = sl_rig_child(rig, 1, "receiving gst-launch", &words, SL_CHILD_NO_PIPES, why, why_len);
    if (err != 0)
        return err;
    snprintf(text, sizeof(text),
             "fdsrc fd=0 ! y4mdec ! videoconvert ! x264enc tune=zerolatency speed-preset=%s "
             "bitrate=%d key-int-max=60 ! video/x-h264,profile=constrained-baseline ! "
             "rtph264pay mtu=1200 aggregate-mode=zero-latency config-interval=-1 ssrc=1111 pt=96 ! "
             "srtpenc key=" SRTP_KEY " ! udpsink host=127.0.0.1 port=%d sync=false",
             config->preset, (int)(config->bitrate_bps / 1000), port);
    words = pipeline_words(text);
    return sl_rig_child(rig, 0, "sending gst-launch", &words, SL_CHILD_IN, why, why_len);
}

static int start_floor(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                       size_t why_len)
{
    (void)config;
    char text[] = "fdsrc fd=0 ! y4mdec ! videoconvert ! ximagesink sync=false";
    const struct sl_words words = pipeline_words(text);
    return sl_rig_child(rig, 0, "gst-launch", &words, SL_CHILD_IN, why, why_len);
}

const struct sl_rig_path sl_rig_floor = {"floor", start_floor};

const struct sl_rig_path *sl_peer_paths(const char *name, enum sl_peer_link link, int *count,
                                        char *why, size_t why_len)
{
    (void)link;
    static const struct sl_rig_path gstreamer[] = {{"gstreamer", start_gstreamer}};
    if (strcmp(name, "gstreamer") == 0) {
        *count = SL_COUNT(gstreamer);
        return gstreamer;
    }
    snprintf(why, why_len, "--peer: got '%s', wanted gstreamer", name);
    return NULL;
}
