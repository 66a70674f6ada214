/* SPDX-License-Identifier: MIT */
#include "sender/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/resolve.h"
#include "rate/redundancy.h"
#include "sender/audio.h"
#include "sender/capture.h"
#include "sender/capture_v4l2_format.h"

#define RETRIES_MAX 1000000
#define MIN_BITRATE_BPS 300000
#define BITRATE "2M"
#define GOP "2s"

static int parse_retries(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    int64_t value = -1;
    if (strcmp(text, "forever") != 0 && sl_parse_int(text, 0, RETRIES_MAX, &value) != 0) {
        snprintf(wanted, wanted_len, "forever, or a whole number from 0 to %d", RETRIES_MAX);
        return -EINVAL;
    }
    sender->retries = (int)value;
    return 0;
}

static int parse_fec(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    int64_t percent = 0;
    if (strcmp(text, "auto") == 0) {
        percent = SL_FEC_AUTO;
    } else if (strcmp(text, "off") != 0 && sl_parse_int(text, 0, 100, &percent) != 0) {
        snprintf(wanted, wanted_len, "auto, off, or a whole number from 0 to 100");
        return -EINVAL;
    }
    sender->fec_percent = (int)percent;
    return 0;
}

/* WxH@FPS,RATE */
static int parse_sub(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    char size[16], fps[8], rate[16], rest;
    int64_t width, height, per_second, bps;
    snprintf(
        wanted, wanted_len,
        "WxH@FPS,RATE like 640x360@15,400k: 64x64 to 1920x1080, both even, 1 to 60, 50k to 8M");
    if (sscanf(text, "%15[0-9x]@%7[0-9],%15[0-9kM]%c", size, fps, rate, &rest) != 3)
        return -EINVAL;
    char *x = strchr(size, 'x');
    if (!x)
        return -EINVAL;
    *x = '\0';
    if (sl_parse_int(size, 64, 1920, &width) || sl_parse_int(x + 1, 64, 1080, &height) ||
        width % 2 || height % 2 || sl_parse_int(fps, 1, 60, &per_second) ||
        sl_parse_rate(rate, &bps) || bps < 50000 || bps > 8000000)
        return -EINVAL;
    sender->sub.size = (struct sl_frame_size){.width = (int)width, .height = (int)height};
    sender->sub.fps = (int)per_second;
    sender->sub.bitrate_bps = bps;
    return 0;
}

static int parse_burn(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    snprintf(wanted, wanted_len, "some of time,name,location,fps");
    return sl_overlay_parse(&sender->overlay, text);
}

static int parse_motion(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    snprintf(wanted, wanted_len, "off or on");
    sender->motion = strcmp(text, "on") == 0;
    return sender->motion || strcmp(text, "off") == 0 ? 0 : -EINVAL;
}

static int parse_min_area(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    char *end;
    const double percent = strtod(text, &end);
    snprintf(wanted, wanted_len, "percent of the picture, from 0.01 to 100");
    if (end == text || *end || !(percent >= 0.01 && percent <= 100))
        return -EINVAL;
    sender->motion_min_area = percent / 100;
    return 0;
}

static int parse_video(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    const char *rest;
    sender->video = text;
    /* What may hold a password is not for the line that is said here: see read_video(). */
    if (text[0] == '@' || sl_rtsp_url_has_secret(text) || sl_capture_find(text, &rest))
        return 0;
    snprintf(wanted, wanted_len, SL_CAPTURE_KINDS);
    return -EINVAL;
}

static int parse_transport(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    static const char *const names[] = {"tcp", "udp", "auto"};
    for (size_t i = 0; i < SL_COUNT(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            sender->rtsp_transport = (enum sl_rtsp_transport)i;
            return 0;
        }
    }
    snprintf(wanted, wanted_len, "tcp, udp or auto");
    return -EINVAL;
}

static int parse_format(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    sender->format = text;
    if (strcmp(text, "auto") == 0 || sl_v4l2_format_named(text))
        return 0;
    int used = snprintf(wanted, wanted_len, "auto");
    for (const struct sl_v4l2_format *format = sl_v4l2_format_after(NULL);
         format && used >= 0 && (size_t)used < wanted_len; format = sl_v4l2_format_after(format))
        used += snprintf(wanted + used, wanted_len - (size_t)used, ", %s", format->name);
    return -EINVAL;
}

static int parse_audio(void *options, const char *text, char *wanted, size_t wanted_len)
{
    struct sl_sender_options *sender = options;
    const char *rest;
    const bool found = sl_audio_find(text, &rest) != NULL;
    sender->audio = found ? text : NULL;
    sender->source_audio = false;
    if (found || strcmp(text, "none") == 0)
        return 0;
    snprintf(wanted, wanted_len, "test, alsa:DEVICE or none");
    return -EINVAL;
}

#define FIELD(name) offsetof(struct sl_sender_options, name)

static const struct sl_option options[] = {
    {.name = "to",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(to),
     .value = "LINK|@FILE",
     .help = "the camera's enrolment link, or the file that holds it"},
    {.name = "video",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_video,
     .value = "SOURCE|@FILE",
     .help = "test, v4l2:DEVICE, v4l2:auto, y4m:PATH, y4m:- (standard input), file:PATH, "
             "rtsp://..., or a file that holds it"},
    {.name = "rtsp-transport",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_transport,
     .value = "tcp|udp|auto",
     .initial = "tcp",
     .help = "how an RTSP camera sends; auto: tcp, or udp where it refuses that"},
    {.name = "audio",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_audio,
     .value = "SOURCE",
     .help = "test, alsa:DEVICE (alsa:auto: the first microphone) or none; without it the video "
             "source's own sound"},
    {.name = "loop",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(loop),
     .help = "play a file again and again"},
    {.name = "size",
     .type = SL_OPTION_FRAME,
     .offset = FIELD(size),
     .value = "WxH",
     .help = "picture size; without it the source's own, for test 1280x720"},
    {.name = "fps",
     .type = SL_OPTION_INT,
     .offset = FIELD(fps),
     .value = "N",
     .help = "frames per second at most; without it the source's own, for test 30",
     .min = 1,
     .max = 240},
    {.name = "format",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_format,
     .value = "NAME",
     .initial = "auto",
     .help = "what a V4L2 camera is to give: auto, yuyv, nv12, mjpeg, ..."},
    {.name = "list-devices",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(list_devices),
     .help = "print cameras and microphones, what they offer, whether they are in use; exit"},
    {.name = "json",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(json),
     .help = "with --list-devices: as JSON"},
    {.name = "encoder",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(encoder),
     .value = "NAME",
     .initial = "auto",
     .help = "video encoder: auto or libx264"},
    {.name = "preset",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(preset),
     .value = "NAME",
     .initial = "auto",
     .help = "of the encoder: auto, ultrafast, superfast, ..."},
    {.name = "bitrate",
     .type = SL_OPTION_RATE,
     .offset = FIELD(bitrate_bps),
     .value = "RATE",
     .initial = BITRATE,
     .help = "of the video, bits/s: the most, on a link that takes it",
     .min = 50000,
     .max = 200000000},
    {.name = "min-bitrate",
     .type = SL_OPTION_RATE,
     .offset = FIELD(min_bitrate_bps),
     .value = "RATE",
     .help = "of the video, the least; without it 300k, or --bitrate if that is less",
     .min = 50000,
     .max = 200000000},
    {.name = "sub",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_sub,
     .value = "WxH@FPS,RATE",
     .help = "send a second, small picture for the tiles of a wall, e.g. 640x360@15,400k"},
    {.name = "fec",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_fec,
     .value = "auto|off|PERCENT",
     .initial = "auto",
     .help = "parity sent along for 100 packets; auto: as the link loses"},
    {.name = "gop",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(gop),
     .value = "DURATION",
     .initial = GOP,
     .help = "time from key frame to key frame",
     .min = 100 * SL_MS,
     .max = 60 * SL_SEC},
    {.name = "name",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(name),
     .value = "TEXT",
     .help = "shown in the picture by --burn name and by test; without it the camera's"},
    {.name = "location",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(location),
     .value = "TEXT",
     .help = "shown in the picture by --burn location"},
    {.name = "burn",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_burn,
     .value = "LIST",
     .help = "write some of time,name,location,fps into the picture"},
    {.name = "preview",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(preview),
     .help = "show the picture in a small window here"},
    {.name = "motion",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_motion,
     .value = "off|on",
     .initial = "off",
     .help = "look for motion and tell the receiver of it"},
    {.name = "motion-sensitivity",
     .type = SL_OPTION_INT,
     .offset = FIELD(motion_sensitivity),
     .value = "N",
     .initial = "50",
     .help = "from 1, for what stands out only, to 100",
     .min = 1,
     .max = 100},
    {.name = "motion-min-area",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_min_area,
     .value = "PERCENT",
     .initial = "0.2",
     .help = "of the picture that has to move, in one place"},
    {.name = "motion-mask",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(motion_mask),
     .value = "FILE",
     .help = "a PGM picture of any size: what is black in it is not looked at"},
    {.name = "retries",
     .type = SL_OPTION_CUSTOM,
     .parse = parse_retries,
     .value = "N|forever",
     .initial = "forever",
     .help = "tries in a row to (re)connect before giving up"},
    {.name = "via",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(via_text),
     .value = "HOST:PORT",
     .help = "send media there in place of the addresses told"},
    {.name = "stats",
     .type = SL_OPTION_DURATION,
     .offset = FIELD(stats),
     .value = "DURATION",
     .help = "print a line of figures each DURATION",
     .min = 100 * SL_MS,
     .max = 3600 * SL_SEC},
    {.name = "trace",
     .type = SL_OPTION_TEXT,
     .offset = FIELD(trace),
     .value = "FILE",
     .help = "write there when each frame passed through, for sightline-bench"},
    {.name = "verbose",
     .type = SL_OPTION_FLAG,
     .offset = FIELD(verbose),
     .help = "say more on stderr"},
    {.name = NULL},
};

const struct sl_option_table sl_sender_option_table = {
    .program = "sightline-sender",
    .synopsis = "sightline-sender --to LINK|@FILE --video SOURCE [--audio SOURCE] [OPTIONS]",
    .summary = "Publishes a camera to a Sightline receiver.",
    .options = options,
};

static SL_PRINTF(2, 3) int wrong(FILE *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(err, "%s: ", sl_sender_option_table.program);
    vfprintf(err, format, args);
    fputc('\n', err);
    va_end(args);
    return 2;
}

/* The first line of the file that --video names. -1, or the exit status. */
static int read_video_file(struct sl_sender_options *sender, FILE *err)
{
    char *line = sender->video_text;
    const char *path = sender->video + 1;
    FILE *file = fopen(path, "re");
    const bool read = file && fgets(line, sizeof(sender->video_text), file);
    const int error = errno;
    if (file)
        fclose(file);
    line[strcspn(line, "\r\n")] = 0;
    if (!file)
        wrong(err, "--video: cannot read '%s': %s", path, strerror(error));
    else if (!read || !line[0])
        wrong(err, "--video: '%s' holds no source in its first line", path);
    sender->video = line;
    return line[0] ? -1 : 1;
}

/* In the argument of which `video` is the end. */
static void overwrite(char **argv, int argc, const char *video, const char *shown)
{
    for (int i = 1; i < argc; i++) {
        const size_t len = strlen(argv[i]);
        const size_t video_len = strlen(video);
        char *place = argv[i] + len - (len < video_len ? len : video_len);
        if (place != video)
            continue;
        for (size_t at = 0; at < video_len; at++)
            place[at] = *shown ? *shown++ : 0;
    }
}

/* Nothing that is printed from here on has the password. */
static int read_video(struct sl_sender_options *sender, int argc, char **argv, FILE *err)
{
    const int status = sender->video[0] == '@' ? read_video_file(sender, err) : -1;
    const char *rest;
    if (status >= 0)
        return status;
    sl_rtsp_url_redact(sender->video, sender->video_shown, sizeof(sender->video_shown));
    if (!sl_capture_find(sender->video, &rest))
        return wrong(err, "--video: got '%s', wanted %s", sender->video_shown, SL_CAPTURE_KINDS);
    const char *given = sender->video;
    if (given == sender->video_text || !sl_rtsp_url_has_secret(given))
        return -1;
    const int len = snprintf(sender->video_text, sizeof(sender->video_text), "%s", given);
    sender->video = sender->video_text;
    overwrite(argv, argc, given, sender->video_shown);
    return len < (int)sizeof(sender->video_text) ? -1 : wrong(err, "--video: the URL is too long");
}

bool sl_sender_options_want_pictures(const struct sl_sender_options *sender)
{
    return sender->motion || sender->sub.fps || sender->preview ||
           sl_overlay_wanted(&sender->overlay) || strcmp(sender->encoder, "auto") != 0 ||
           strcmp(sender->preset, "auto") != 0;
}

const char *sl_sender_options_unused(const struct sl_sender_options *sender,
                                     const struct sl_capture_heeds *heeds, char *out, size_t size)
{
    int64_t bitrate_bps = 0;
    sl_ns gop = 0;
    const bool known = !sl_parse_rate(BITRATE, &bitrate_bps) && !sl_parse_duration(GOP, &gop);
    const struct {
        bool given;
        const char *name;
    } all[] = {
        {!heeds->mode && sender->size.width, "--size"},
        {!heeds->mode && sender->fps, "--fps"},
        {strcmp(sender->encoder, "auto") != 0, "--encoder"},
        {strcmp(sender->preset, "auto") != 0, "--preset"},
        {!heeds->bitrate && known && sender->bitrate_bps != bitrate_bps, "--bitrate"},
        {!heeds->gop && known && sender->gop != gop, "--gop"},
        {sl_overlay_wanted(&sender->overlay), "--burn"},
        {sender->sub.fps, "--sub"},
        {sender->motion, "--motion"},
    };
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < SL_COUNT(all); i++)
        if (all[i].given && len < size)
            len += (size_t)snprintf(out + len, size - len, "%s%s", len ? ", " : "", all[i].name);
    return out;
}

/* A link that is wrong is a wrong command line; a file that cannot be read is a failure. */
static int read_link(struct sl_sender_options *sender, FILE *err)
{
    char why[256];
    const int error = sl_link_parse(&sender->link, sender->to, why, sizeof(why));
    if (error) {
        wrong(err, "--to: %s", why);
        return sender->to[0] == '@' && error != -EINVAL ? 1 : 2;
    }
    if (!sender->link.camera[0])
        return wrong(err, "--to: got a viewer's link, wanted a camera's");
    if (!sender->name)
        sender->name = sender->link.camera;
    return -1;
}

static int read_via(struct sl_sender_options *sender, FILE *err)
{
    if (!sender->via_text)
        return -1;
    const int error = sl_resolve_text(&sender->via, sender->via_text, 0);
    if (error == -EINVAL)
        return wrong(err, "--via: got '%s', wanted HOST:PORT", sender->via_text);
    if (error) {
        wrong(err, "--via: no address found for '%s'", sender->via_text);
        return 1;
    }
    return -1;
}

/* The least is not more than the most, also where only the most was given. */
static int order_bitrates(struct sl_sender_options *sender, FILE *err)
{
    const int64_t most = sender->bitrate_bps;
    if (!sender->min_bitrate_bps)
        sender->min_bitrate_bps = most < MIN_BITRATE_BPS ? most : MIN_BITRATE_BPS;
    if (sender->min_bitrate_bps <= most)
        return -1;
    return wrong(err, "--min-bitrate: got %lld, wanted at most --bitrate, which is %lld",
                 (long long)sender->min_bitrate_bps, (long long)most);
}

static bool is_device(const char *video)
{
    const char *rest;
    return sl_capture_find(video, &rest) == &sl_capture_v4l2;
}

int sl_sender_options_parse(struct sl_sender_options *ret, int argc, char **argv, FILE *out,
                            FILE *err)
{
    struct sl_sender_options *sender = ret;
    *sender = (struct sl_sender_options){.source_audio = true};
    const struct sl_option_result result =
        sl_option_parse(&sl_sender_option_table, sender, argc, argv, out, err);
    if (result.status >= 0)
        return result.status;
    if (sender->list_devices)
        return -1;
    if (sender->json)
        return wrong(err, "--json: got it alone, wanted --list-devices with it");
    if (!sender->to)
        return wrong(err, "--to is missing, wanted the camera's enrolment link or @FILE");
    if (!sender->video)
        return wrong(err, "--video is missing, wanted " SL_CAPTURE_KINDS);
    int status = read_video(sender, argc, argv, err);
    if (status >= 0)
        return status;
    if (sender->loop && strncmp(sender->video, "file:", 5) != 0 &&
        (strncmp(sender->video, "y4m:", 4) != 0 || strcmp(sender->video, "y4m:-") == 0))
        return wrong(err, "--loop: got --video %s, wanted y4m:PATH or file:PATH",
                     sender->video_shown);
    if (strcmp(sender->format, "auto") != 0 && !is_device(sender->video))
        return wrong(err, "--format: got --video %s, wanted v4l2:DEVICE", sender->video_shown);
    status = order_bitrates(sender, err);
    status = status >= 0 ? status : read_link(sender, err);
    status = status >= 0 ? status : read_via(sender, err);
    sender->overlay.name_text = sender->name;
    sender->overlay.location_text = sender->location;
    return status;
}
