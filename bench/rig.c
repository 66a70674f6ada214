/* SPDX-License-Identifier: MIT */
#include "bench/rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX 64
#define LINE_MAX_BYTES 1024

/* ---- Helpers ---- */

struct words {
    const char *argv[WORDS_MAX + 1];
    int count;
};

static void add(struct words *words, const char *word)
{
    if (words->count < WORDS_MAX)
        words->argv[words->count++] = word;
    words->argv[words->count] = NULL;
}

static void add_list(struct words *words, const struct sl_option_list *list)
{
    for (int i = 0; list && i < list->count; i++)
        add(words, list->items[i]);
}

static struct words words_of(const char *const *fixed)
{
    struct words words = {.count = 0};
    for (; *fixed; fixed++)
        add(&words, *fixed);
    return words;
}

/* A program of this build, which lies beside us. */
static void own_program(const char *name, char out[PATH_MAX])
{
    char self[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    snprintf(out, PATH_MAX, "%.3000s/%s", self, name);
}

static int start_child(struct sl_rig *rig, int place, const char *name, const struct words *words,
                       enum sl_child_pipes pipes, char *why, size_t why_len)
{
    const int err = sl_child_start(&rig->children[place], words->argv, pipes, rig->log_fd);
    if (err != 0)
        snprintf(why, why_len, "%s: %s", words->argv[0], strerror(-err));
    else
        rig->names[place] = name;
    if (err == 0 && place >= rig->count)
        rig->count = place + 1;
    return err;
}

/* ---- GStreamer ---- */

static int free_udp_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int port = -1;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        port = ntohs(at.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

/* Splits a pipeline at blanks; values have none. */
static struct words pipeline_words(char *text)
{
    static const char *const launch[] = {"gst-launch-1.0", "-q", NULL};
    struct words words = words_of(launch);
    for (char *save, *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        add(&words, word);
    return words;
}

#define SRTP_KEY "012345678901234567890123456789012345678901234567890123456789"

static int start_gstreamer(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                           size_t why_len)
{
    char text[2048];
    const int port = free_udp_port();
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
    struct words words = pipeline_words(text);
    int err = start_child(rig, 1, "receiving gst-launch", &words, SL_CHILD_NO_PIPES, why, why_len);
    if (err != 0)
        return err;
    snprintf(text, sizeof(text),
             "fdsrc fd=0 ! y4mdec ! videoconvert ! x264enc tune=zerolatency speed-preset=%s "
             "bitrate=%d key-int-max=60 ! video/x-h264,profile=constrained-baseline ! "
             "rtph264pay mtu=1200 aggregate-mode=zero-latency config-interval=-1 ssrc=1111 pt=96 ! "
             "srtpenc key=" SRTP_KEY " ! udpsink host=127.0.0.1 port=%d sync=false",
             config->preset, (int)(config->bitrate_bps / 1000), port);
    words = pipeline_words(text);
    return start_child(rig, 0, "sending gst-launch", &words, SL_CHILD_IN, why, why_len);
}

static int start_floor(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                       size_t why_len)
{
    (void)config;
    char text[] = "fdsrc fd=0 ! y4mdec ! videoconvert ! ximagesink sync=false";
    const struct words words = pipeline_words(text);
    return start_child(rig, 0, "gst-launch", &words, SL_CHILD_IN, why, why_len);
}

/* ---- Sightline ---- */

/* What an admin command prints, one line. */
static int ask_receiver(struct sl_rig *rig, const char *program, const char *kind,
                        char line[LINE_MAX_BYTES], char *why, size_t why_len)
{
    const char *const argv[] = {program, kind, "add", "bench", "--data", rig->folder, NULL};
    struct sl_child child;
    int err = sl_child_start(&child, argv, SL_CHILD_OUT, rig->log_fd);
    if (err == 0) {
        err = sl_child_read_line(&child, line, LINE_MAX_BYTES, 10 * SL_SEC);
        sl_child_stop(&child, 2 * SL_SEC);
    }
    if (err != 0)
        snprintf(why, why_len, "%s add: %s", kind, strerror(-err));
    return err;
}

static int start_receiver(struct sl_rig *rig, const struct sl_rig_config *config,
                          const char *program, char *why, size_t why_len)
{
    const char *const fixed[] = {program,       "run",     "--data",      rig->folder, "--listen",
                                 "127.0.0.1:0", "--media", "127.0.0.1:0", NULL};
    struct words words = words_of(fixed);
    add_list(&words, config->receiver_words);
    char line[LINE_MAX_BYTES];
    int err = start_child(rig, 1, "sightline-receiver", &words, SL_CHILD_OUT, why, why_len);
    if (err != 0)
        return err;
    err = sl_child_read_line(&rig->children[1], line, sizeof(line), 10 * SL_SEC);
    if (err == 0 && strncmp(line, "ready ", 6) != 0)
        err = -EPROTO;
    if (err != 0)
        snprintf(why, why_len, "sightline-receiver does not get ready: %s", strerror(-err));
    return err;
}

static int start_sightline(struct sl_rig *rig, const struct sl_rig_config *config, char *why,
                           size_t why_len)
{
    char receiver[PATH_MAX], sender[PATH_MAX], viewer[PATH_MAX];
    char publish[LINE_MAX_BYTES], watch[LINE_MAX_BYTES], size[32], rate[24];
    own_program("sightline-receiver", receiver);
    own_program("sightline-sender", sender);
    own_program("sightline-viewer", viewer);
    snprintf(size, sizeof(size), "%dx%d", config->width, config->height);
    snprintf(rate, sizeof(rate), "%lldk", (long long)(config->bitrate_bps / 1000));
    int err = start_receiver(rig, config, receiver, why, why_len);
    if (err == 0)
        err = ask_receiver(rig, receiver, "camera", publish, why, why_len);
    if (err == 0)
        err = ask_receiver(rig, receiver, "viewer", watch, why, why_len);
    if (err == 0) {
        const char *const fixed[] = {viewer, "--from", watch, "--hud", "off", "--size", size, NULL};
        struct words words = words_of(fixed);
        add_list(&words, config->viewer_words);
        err = start_child(rig, 2, "sightline-viewer", &words, SL_CHILD_NO_PIPES, why, why_len);
    }
    if (err == 0) {
        const char *const fixed[] = {sender,         "--to",      publish, "--video",
                                     "y4m:-",        "--audio",   "none",  "--preset",
                                     config->preset, "--bitrate", rate,    NULL};
        struct words words = words_of(fixed);
        add_list(&words, config->sender_words);
        err = start_child(rig, 0, "sightline-sender", &words, SL_CHILD_IN, why, why_len);
    }
    return err;
}

/* ---- All ---- */

const struct sl_rig_path *sl_rig_path(const char *name)
{
    static const struct sl_rig_path paths[] = {
        {"sightline", start_sightline},
        {"gstreamer", start_gstreamer},
        {"floor", start_floor},
    };
    for (size_t i = 0; i < SL_COUNT(paths); i++)
        if (strcmp(paths[i].name, name) == 0)
            return &paths[i];
    return NULL;
}

int sl_rig_start(struct sl_rig *rig, const struct sl_rig_path *path,
                 const struct sl_rig_config *config, char *why, size_t why_len)
{
    char log[PATH_MAX + 8];
    *rig = (struct sl_rig){.log_fd = -1};
    for (int i = 0; i < SL_RIG_CHILDREN; i++)
        rig->children[i] = (struct sl_child){.pid = 0, .in = -1, .out = -1};
    const char *temporary = getenv("TMPDIR");
    if (!temporary || !temporary[0])
        temporary = "/tmp";
    snprintf(rig->folder, sizeof(rig->folder), "%s/sightline-bench-XXXXXX", temporary);
    if (!mkdtemp(rig->folder)) {
        rig->folder[0] = '\0';
        snprintf(why, why_len, "%s: %s", temporary, strerror(errno));
        return -EIO;
    }
    snprintf(log, sizeof(log), "%s/log", rig->folder);
    rig->log_fd = open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    setenv("DISPLAY", config->display, 1);
    return path->start(rig, config, why, why_len);
}

const char *sl_rig_dead(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        if (rig->children[i].pid && !sl_child_running(&rig->children[i]))
            return rig->names[i];
    return NULL;
}

void sl_rig_print_log(const struct sl_rig *rig)
{
    char text[2001];
    const off_t size = rig->log_fd >= 0 ? lseek(rig->log_fd, 0, SEEK_END) : 0;
    const off_t from = size > 2000 ? size - 2000 : 0;
    const ssize_t len = rig->log_fd >= 0 ? pread(rig->log_fd, text, sizeof(text) - 1, from) : 0;
    if (len > 0)
        fprintf(stderr, "%.*s", (int)len, text);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void sl_rig_stop(struct sl_rig *rig)
{
    for (int i = 0; i < rig->count; i++)
        sl_child_stop(&rig->children[i], 3 * SL_SEC);
    rig->count = 0;
    if (rig->log_fd >= 0)
        close(rig->log_fd);
    rig->log_fd = -1;
    if (rig->folder[0])
        nftw(rig->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    rig->folder[0] = '\0';
}
