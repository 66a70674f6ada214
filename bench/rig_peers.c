/* SPDX-License-Identifier: MIT */
#include "bench/rig_peers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/rig_child.h"

#define SRTP_KEY "012345678901234567890123456789012345678901234567890123456789"
#define RECEIVE_BUFFER "1000000" /* the usual size has no room for a key frame of 720p */
#define TEXT_MAX 2048
#define PORT_PATIENCE (10 * SL_SEC)

/* ---- What the paths share ---- */

/* Whether a UDP socket of this machine has the port. */
static bool udp_port_taken(int port)
{
    char line[256];
    unsigned number;
    bool found = false;
    FILE *table = fopen("/proc/net/udp", "re");
    while (table && !found && fgets(line, sizeof(line), table))
        found = sscanf(line, " %*d: %*x:%x", &number) == 1 && (int)number == port;
    if (table)
        fclose(table);
    return found;
}

/* What is sent before the receiver listens is lost, the first key frame with it. */
static int await_port(struct sl_rig *rig, int place, int port, char *why, size_t why_len)
{
    const sl_ns until = sl_time_now() + PORT_PATIENCE;
    while (!udp_port_taken(port)) {
        if (!sl_child_running(&rig->children[place]) || sl_time_now() > until) {
            snprintf(why, why_len, "%s does not listen", rig->names[place]);
            return -ETIMEDOUT;
        }
        poll(NULL, 0, 5);
    }
    return 0;
}

static int free_port(int *port, char *why, size_t why_len)
{
    *port = sl_rig_free_udp_port();
    if (*port >= 0)
        return 0;
    snprintf(why, why_len, "no free UDP port");
    return -EADDRNOTAVAIL;
}

/* The receiver, listening; what is bad in between; `port` becomes the one to send to. */
static int start_receiving(struct sl_rig *rig, const struct sl_rig_config *config, const char *name,
                           const struct sl_words *words, int *port, char *why, size_t why_len)
{
    int err = sl_rig_child(rig, 1, name, words, SL_CHILD_NO_PIPES, why, why_len);
    if (err == 0)
        err = await_port(rig, 1, *port, why, why_len);
    if (err == 0 && config->impair)
        err = sl_rig_impair(rig, config->impair, *port, port, why, why_len);
    return err;
}

/* ---- GStreamer ---- */

enum transport { SRTP, ULPFEC, SRT };

/*
 * A jitter buffer alone only waits for packets that are missing; it is a sink that obeys time
 * stamps that holds back the others for as long, and so evens out their jitter. Where parity or SRT
 * repair, what is shown and how smoothly is better without: measured.
 */
struct gst {
    enum transport transport;
    int latency;    /* ms, of the jitter buffer or of SRT */
    int percentage; /* of parity */
    bool clocked;   /* the sink obeys time stamps */
};

/* Splits a pipeline at blanks; values have none. */
static struct sl_words pipeline_words(char *text)
{
    static const char *const launch[] = {"gst-launch-1.0", "-q", NULL};
    struct sl_words words = sl_words_of(launch);
    sl_words_split(&words, text);
    return words;
}

/* From the network to H.264. */
static void receiving(char text[TEXT_MAX], const struct gst *gst, int port)
{
    static const char rtp[] = "media=(string)video,clock-rate=(int)90000,"
                              "encoding-name=(string)H264";
    switch (gst->transport) {
    case SRTP:
        snprintf(text, TEXT_MAX,
                 "udpsrc address=127.0.0.1 buffer-size=" RECEIVE_BUFFER
                 " port=%d caps=application/x-srtp,%s,payload=(int)96,ssrc=(uint)1111,"
                 "srtp-key=(buffer)" SRTP_KEY ",srtp-cipher=(string)aes-128-icm,"
                 "srtp-auth=(string)hmac-sha1-80,srtcp-cipher=(string)aes-128-icm,"
                 "srtcp-auth=(string)hmac-sha1-80 ! srtpdec ! rtpjitterbuffer latency=%d ! "
                 "rtph264depay",
                 port, rtp, gst->latency);
        return;
    case ULPFEC: /* caps that name a payload type make the jitter buffer drop the parity, and wait
                  */
        snprintf(text, TEXT_MAX,
                 "udpsrc address=127.0.0.1 buffer-size=" RECEIVE_BUFFER
                 " port=%d caps=application/x-rtp,%s ! "
                 "rtpstorage size-time=220000000 ! rtpssrcdemux ! application/x-rtp,%s ! "
                 "rtpjitterbuffer do-lost=1 latency=%d ! rtpulpfecdec pt=122 ! "
                 "rtpptdemux ignored-payload-types=<122> ! rtph264depay",
                 port, rtp, rtp, gst->latency);
        return;
    case SRT:
        snprintf(text, TEXT_MAX,
                 "srtsrc uri=srt://127.0.0.1:%d?mode=listener&latency=%d ! tsdemux latency=0", port,
                 gst->latency);
        return;
    }
}

/* From H.264 to the network. */
static void sending(char text[TEXT_MAX], const struct gst *gst, int port)
{
    static const char pay[] =
        "rtph264pay mtu=1200 aggregate-mode=zero-latency config-interval=-1 ssrc=1111 pt=96";
    switch (gst->transport) {
    case SRTP:
        snprintf(text, TEXT_MAX,
                 "%s ! srtpenc key=" SRTP_KEY
                 " ! udpsink host=127.0.0.1 port=%d sync=false async=false",
                 pay, port);
        return;
    case ULPFEC:
        snprintf(text, TEXT_MAX,
                 "%s ! rtpulpfecenc percentage=%d pt=122 ! udpsink host=127.0.0.1 port=%d "
                 "sync=false async=false",
                 pay, gst->percentage, port);
        return;
    case SRT:
        snprintf(text, TEXT_MAX,
                 "h264parse config-interval=-1 ! mpegtsmux alignment=7 ! "
                 "srtsink uri=srt://127.0.0.1:%d?mode=caller&latency=%d sync=false async=false",
                 port, gst->latency);
        return;
    }
}

static int start_gst(struct sl_rig *rig, const struct sl_rig_config *config, const struct gst *gst,
                     char *why, size_t why_len)
{
    char network[TEXT_MAX], text[TEXT_MAX + 256], file[PATH_MAX + 32], location[PATH_MAX + 48];
    char tap[] = "! tee name=tap tap. ! filesink buffer-mode=2 async=false";
    int port;
    int err = free_port(&port, why, why_len);
    if (err != 0)
        return err;
    receiving(network, gst, port);
    snprintf(text, sizeof(text),
             "%s ! h264parse ! avdec_h264 ! videoconvert ! ximagesink sync=%d "
             "qos=0 max-lateness=-1",
             network, gst->clocked);
    struct sl_words words = pipeline_words(text);
    err = start_receiving(rig, config, "receiving gst-launch", &words, &port, why, why_len);
    if (err != 0)
        return err;
    snprintf(text, sizeof(text),
             "fdsrc fd=0 ! y4mdec ! videoconvert ! x264enc tune=zerolatency speed-preset=%s "
             "bitrate=%d key-int-max=60 ! video/x-h264,profile=constrained-baseline",
             config->preset, (int)(config->bitrate_bps / 1000));
    words = pipeline_words(text);
    if (config->count) {
        sl_rig_media_file(rig, file);
        snprintf(location, sizeof(location), "location=%s", file);
        sl_words_split(&words, tap);
        sl_words_add(&words, location);
        sl_words_add(&words, "tap.");
    }
    sl_words_add(&words, "!");
    sending(network, gst, port);
    sl_words_split(&words, network);
    return sl_rig_child(rig, 0, "sending gst-launch", &words, SL_CHILD_IN, why, why_len);
}

#define GST_PATH(name, ...)                                                                        \
    static int name(struct sl_rig *rig, const struct sl_rig_config *config, char *why,             \
                    size_t why_len)                                                                \
    {                                                                                              \
        const struct gst gst = {__VA_ARGS__};                                                      \
        return start_gst(rig, config, &gst, why, why_len);                                         \
    }
GST_PATH(start_srtp_0, SRTP, 0, 0, false)
GST_PATH(start_srtp_50, SRTP, 50, 0, true)
GST_PATH(start_srtp_200, SRTP, 200, 0, true)
GST_PATH(start_ulpfec_25, ULPFEC, 50, 25, false)
GST_PATH(start_ulpfec_50, ULPFEC, 50, 50, false)
GST_PATH(start_srt, SRT, 120, 0, false)

static int start_floor(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                       size_t why_len)
{
    (void)config;
    char text[] = "fdsrc fd=0 ! y4mdec ! videoconvert ! ximagesink sync=false";
    const struct sl_words words = pipeline_words(text);
    return sl_rig_child(rig, 0, "gst-launch", &words, SL_CHILD_IN, why, why_len);
}

/* ---- ffmpeg and ffplay ---- */

static int start_ffplay(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                        size_t why_len)
{
    char url[80], rate[24];
    int port;
    int err = free_port(&port, why, why_len);
    if (err != 0)
        return err;
    snprintf(url, sizeof(url), "udp://127.0.0.1:%d?buffer_size=" RECEIVE_BUFFER, port);
    /* Without the two limits it looks at the stream for 5 s before it shows anything. */
    const char *const playing[] = {
        "ffplay", "-loglevel", "error",      "-fflags", "nobuffer",
        "-flags", "low_delay", "-probesize", "100000",  "-analyzeduration",
        "500000", "-noborder", "-left",      "0",       "-top",
        "0",      "-i",        url,          NULL};
    struct sl_words words = sl_words_of(playing);
    err = start_receiving(rig, config, "ffplay", &words, &port, why, why_len);
    if (err != 0)
        return err;
    snprintf(url, sizeof(url), "udp://127.0.0.1:%d?pkt_size=1316", port);
    snprintf(rate, sizeof(rate), "%lldk", (long long)(config->bitrate_bps / 1000));
    const char *const coding[] = {
        "ffmpeg", "-loglevel", "error",   "-f",           "yuv4mpegpipe", "-i",          "-",
        "-c:v",   "libx264",   "-preset", config->preset, "-tune",        "zerolatency", "-b:v",
        rate,     "-g",        "60",      "-f",           "mpegts",       url,           NULL};
    words = sl_words_of(coding);
    return sl_rig_child(rig, 0, "ffmpeg", &words, SL_CHILD_IN, why, why_len);
}

/* ---- All ---- */

const struct sl_rig_path sl_rig_floor = {"floor", start_floor};

static const struct sl_rig_path gstreamer_clean[] = {
    {"gstreamer-0", start_srtp_0},
    {"gstreamer-50", start_srtp_50},
    {"gstreamer-200", start_srtp_200},
};
static const struct sl_rig_path gstreamer_lossy[] = {
    {"gstreamer-fec50", start_ulpfec_50},
    {"gstreamer-srt", start_srt},
    {"gstreamer-fec25", start_ulpfec_25},
};
static const struct sl_rig_path ffplay_clean[] = {{"ffplay", start_ffplay}};

/* A program, or an element of GStreamer, and the Debian package that has it. */
struct part {
    const char *name, *package;
};

static const struct part gstreamer_programs[] = {
    {"gst-launch-1.0", "gstreamer1.0-tools"}, {"gst-inspect-1.0", "gstreamer1.0-tools"}, {NULL}};
static const struct part gstreamer_elements[] = {
    {"videoconvert", "gstreamer1.0-plugins-base"},
    {"udpsink", "gstreamer1.0-plugins-good"},
    {"rtph264pay", "gstreamer1.0-plugins-good"},
    {"rtpjitterbuffer", "gstreamer1.0-plugins-good"},
    {"rtpulpfecenc", "gstreamer1.0-plugins-good"},
    {"y4mdec", "gstreamer1.0-plugins-bad"},
    {"h264parse", "gstreamer1.0-plugins-bad"},
    {"rtpptdemux", "gstreamer1.0-plugins-good"},
    {"srtpenc", "gstreamer1.0-plugins-bad"},
    {"srtsink", "gstreamer1.0-plugins-bad"},
    {"mpegtsmux", "gstreamer1.0-plugins-bad"},
    {"tsdemux", "gstreamer1.0-plugins-bad"},
    {"x264enc", "gstreamer1.0-plugins-ugly"},
    {"avdec_h264", "gstreamer1.0-libav"},
    {"ximagesink", "gstreamer1.0-x"},
    {NULL},
};
static const struct part ffplay_programs[] = {{"ffmpeg", "ffmpeg"}, {"ffplay", "ffmpeg"}, {NULL}};
static const struct part no_elements[] = {{NULL}};

static const struct peer {
    const char *name;
    const struct sl_rig_path *paths[2];
    int count[2];
    const struct part *programs, *elements;
} peers[] = {
    {"gstreamer",
     {gstreamer_clean, gstreamer_lossy},
     {SL_COUNT(gstreamer_clean), SL_COUNT(gstreamer_lossy)},
     gstreamer_programs,
     gstreamer_elements},
    {"ffplay",
     {ffplay_clean, ffplay_clean},
     {SL_COUNT(ffplay_clean), 0},
     ffplay_programs,
     no_elements},
};

static const struct peer *peer_find(const char *name, char *why, size_t why_len)
{
    for (size_t i = 0; i < SL_COUNT(peers); i++)
        if (strcmp(peers[i].name, name) == 0)
            return &peers[i];
    snprintf(why, why_len, "--peer: got '%s', wanted gstreamer or ffplay", name);
    return NULL;
}

const struct sl_rig_path *sl_peer_paths(const char *name, enum sl_peer_link link, int *count,
                                        char *why, size_t why_len)
{
    const struct peer *peer = peer_find(name, why, why_len);
    if (!peer)
        return NULL;
    *count = peer->count[link];
    return peer->paths[link];
}

/* ---- What is missing ---- */

static bool in_path(const char *program)
{
    const char *path = getenv("PATH");
    char file[PATH_MAX];
    struct stat st;
    while (path && *path) {
        const size_t len = strcspn(path, ":");
        snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, program);
        if (len && stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static bool element_exists(const char *name)
{
    const char *const argv[] = {"gst-inspect-1.0", "--exists", name, NULL};
    struct sl_child child;
    char line[256];
    if (sl_child_start(&child, argv, SL_CHILD_OUT, -1) != 0)
        return false;
    int err; /* it ends by itself, at once or after it has built its list of all elements */
    do
        err = sl_child_read_line(&child, line, sizeof(line), 60 * SL_SEC);
    while (err == 0 || err == -ENOBUFS || err == -EINTR);
    return sl_child_stop(&child, 5 * SL_SEC) == 0;
}

static int missing(const struct part *part, const char *peer, const char *kind, char *why,
                   size_t why_len)
{
    snprintf(why, why_len, "--peer %s: %s%s is missing: install the Debian package %s", peer, kind,
             part->name, part->package);
    return -ENOENT;
}

int sl_peer_check(const char *name, char *why, size_t why_len)
{
    const struct peer *peer = peer_find(name, why, why_len);
    if (!peer)
        return -EINVAL;
    for (const struct part *part = peer->programs; part->name; part++)
        if (!in_path(part->name))
            return missing(part, name, "", why, why_len);
    for (const struct part *part = peer->elements; part->name; part++)
        if (!element_exists(part->name))
            return missing(part, name, "GStreamer's element ", why, why_len);
    return 0;
}
