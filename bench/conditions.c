/* SPDX-License-Identifier: MIT */
#include "bench/conditions.h"

#include <dlfcn.h>
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>
#include <link.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "bench/child.h"
#include "bench/usage.h"

#define LOOK (SL_SEC / 2)
#define BUSY_PERCENT 10

/* ---- Small texts of the system ---- */

static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const size_t len = fread(text, 1, size - 1, file);
    fclose(file);
    text[len] = '\0';
    return len > 0;
}

static void cut_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n\"'", text[len - 1]))
        text[--len] = '\0';
}

bool sl_conditions_find(const char *text, const char *key, char *ret, size_t size)
{
    const size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) != 0)
            continue;
        const char *at = line + len + strspn(line + len, " \t");
        if (*at != ':' && *at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t\"'");
        snprintf(ret, size, "%.*s", (int)strcspn(at, "\n"), at);
        cut_end(ret);
        return ret[0] != '\0';
    }
    return false;
}

static void add_text(cJSON *conditions, const char *key, const char *text)
{
    if (text && text[0])
        cJSON_AddStringToObject(conditions, key, text);
}

/* The value of `key` in the file at `path`; without a key, all of the file. */
static void add_from(cJSON *conditions, const char *name, const char *path, const char *key)
{
    char text[8192], value[256];
    if (!read_text(path, text, sizeof(text)))
        return;
    if (key) {
        if (sl_conditions_find(text, key, value, sizeof(value)))
            add_text(conditions, name, value);
        return;
    }
    cut_end(text);
    add_text(conditions, name, text);
}

/* ---- The machine ---- */

static void add_machine(cJSON *conditions)
{
    char text[8192], value[4096];
    struct utsname name;
    add_from(conditions, "processor", "/proc/cpuinfo", "model name");
    cJSON_AddNumberToObject(conditions, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
    add_from(conditions, "mhz", "/proc/cpuinfo", "cpu MHz");
    add_from(conditions, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL);
    if (read_text("/proc/cpuinfo", text, sizeof(text)) &&
        sl_conditions_find(text, "flags", value, sizeof(value)))
        cJSON_AddBoolToObject(conditions, "virtual", strstr(value, "hypervisor") != NULL);
    add_from(conditions, "hardware", "/sys/class/dmi/id/product_name", NULL);
    const double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    cJSON_AddNumberToObject(conditions, "memory_mb", (double)(long)(bytes / 1e6));
    add_from(conditions, "system", "/etc/os-release", "PRETTY_NAME");
    if (uname(&name) == 0) {
        snprintf(text, sizeof(text), "%s %s %s", name.sysname, name.release, name.machine);
        add_text(conditions, "kernel", text);
    }
}

/* ---- Libraries and peers ---- */

/* libx264's build is the number in its file's name: the library that is loaded, not a header's. */
static int note_x264(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    const char *found = info->dlpi_name ? strstr(info->dlpi_name, "libx264.so.") : NULL;
    if (found)
        snprintf(user, 32, "build %s", found + strlen("libx264.so."));
    return found != NULL;
}

/* The viewer's; the bench itself draws nothing. */
static void add_sdl(cJSON *libraries)
{
    struct {
        uint8_t major, minor, patch;
    } version = {0};
    void *sdl = dlopen("libSDL2-2.0.so.0", RTLD_LAZY | RTLD_LOCAL);
    void (*get)(void *) = NULL;
    if (sdl)
        *(void **)&get = dlsym(sdl, "SDL_GetVersion");
    if (get) {
        char text[32];
        get(&version);
        snprintf(text, sizeof(text), "%d.%d.%d", version.major, version.minor, version.patch);
        add_text(libraries, "SDL", text);
    }
    if (sdl)
        dlclose(sdl);
}

/* The first line of what the peer's own tool says. */
static void add_peer(cJSON *libraries, const char *peer)
{
    const bool gstreamer = strcmp(peer, "gstreamer") == 0;
    const char *const argv[] = {gstreamer ? "gst-launch-1.0" : peer,
                                gstreamer ? "--version" : "-version", NULL};
    struct sl_child child;
    char line[256];
    if (sl_child_start(&child, argv, SL_CHILD_OUT, -1) != 0) {
        add_text(libraries, peer, "not found");
        return;
    }
    if (sl_child_read_line(&child, line, sizeof(line), 5 * SL_SEC) == 0)
        add_text(libraries, peer, line);
    sl_child_stop(&child, SL_SEC);
}

static void add_libraries(cJSON *conditions, const char *peer)
{
    char text[128], x264[32] = "";
    const unsigned codec = avcodec_version();
    cJSON *libraries = cJSON_AddObjectToObject(conditions, "libraries");
    dl_iterate_phdr(note_x264, x264);
    add_text(libraries, "x264", x264);
    snprintf(text, sizeof(text), "%u.%u.%u (FFmpeg %s)", codec >> 16, codec >> 8 & 0xff,
             codec & 0xff, av_version_info());
    add_text(libraries, "libavcodec", text);
    add_text(libraries, "libsrtp", srtp_get_version_string());
    add_text(libraries, "OpenSSL", OpenSSL_version(OPENSSL_VERSION));
    add_sdl(libraries);
    if (peer)
        add_peer(libraries, peer);
}

/* ---- What is going on ---- */

static void add_load(cJSON *conditions, const char *key)
{
    double load[3];
    if (getloadavg(load, 3) != 3)
        return;
    cJSON *array = cJSON_AddArrayToObject(conditions, key);
    for (int i = 0; i < 3; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber((double)(long)(load[i] * 100 + 0.5) / 100));
}

static void add_busy(cJSON *conditions)
{
    const struct timespec look = {.tv_nsec = LOOK};
    sl_ns busy[2], all[2];
    sl_usage_machine(&busy[0], &all[0]);
    nanosleep(&look, NULL);
    sl_usage_machine(&busy[1], &all[1]);
    if (all[1] > all[0])
        cJSON_AddNumberToObject(conditions, "busy_before_percent",
                                (double)(100 * (busy[1] - busy[0]) / (all[1] - all[0])));
}

bool sl_conditions_warning(const cJSON *conditions, char *text, size_t size)
{
    const cJSON *busy = cJSON_GetObjectItemCaseSensitive(conditions, "busy_before_percent");
    if (!cJSON_IsNumber(busy) || !(busy->valuedouble > BUSY_PERCENT))
        return false;
    snprintf(text, size,
             "%.0f %% of the cores were in use before the start: these are figures of a busy "
             "machine",
             busy->valuedouble);
    return true;
}

/* ---- Whole ---- */

static void add_asked(cJSON *conditions, const struct sl_bench_options *options, int count,
                      char *const *words)
{
    char line[2048] = "";
    size_t len = 0;
    for (int i = 0; i < count && len < sizeof(line); i++) {
        const bool quote = !words[i][0] || strpbrk(words[i], " \t\"$*?;|&<>()\\'") != NULL;
        len += (size_t)snprintf(line + len, sizeof(line) - len, quote ? "%s'%s'" : "%s%s",
                                i ? " " : "", words[i]);
    }
    add_text(conditions, "command", line);
    cJSON_AddNumberToObject(conditions, "seconds", (double)options->seconds / SL_SEC);
    cJSON_AddNumberToObject(conditions, "rounds", options->rounds);
    cJSON_AddNumberToObject(conditions, "seed", (double)options->seed);
    add_text(conditions, "peer", options->peer);
}

static void add_date(cJSON *conditions)
{
    char text[32];
    const time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    add_text(conditions, "date", text);
}

cJSON *sl_conditions_create(const struct sl_bench_options *options, int count, char *const *words)
{
    cJSON *conditions = cJSON_CreateObject();
    if (!conditions)
        return NULL;
    add_text(conditions, "sightline", SL_VERSION);
    add_date(conditions);
    add_asked(conditions, options, count, words);
    add_machine(conditions);
    add_libraries(conditions, options->peer);
    add_load(conditions, "load_before");
    add_busy(conditions);
    return conditions;
}

void sl_conditions_finish(cJSON *conditions, double seconds)
{
    add_load(conditions, "load_after");
    cJSON_AddNumberToObject(conditions, "took_seconds", seconds);
}
