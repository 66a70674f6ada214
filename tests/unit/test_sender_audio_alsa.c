/* SPDX-License-Identifier: MIT */
/*
 * ALSA microphones: a fake one in virtual time, which drifts, is overrun, suspended and unplugged;
 * then libasound itself with its plugins that need no hardware.
 */
#include "sender/audio_alsa.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/time.h"
#include "sender/audio_devices.h"

#define PERIOD 240
#define BUFFER 9600
#define NEVER SL_NEVER

static struct sl_halt halt;

/* ---- The fake ---- */

/* It ticks at each full second: for 2 ms it is loud. */
struct sl_alsa_pcm {
    struct sl_alsa_info info;
    double ppm;
    sl_ns overrun_at, suspend_at, gone_at, back_at, silent_at, halt_at;
    sl_ns overrun_for, suspend_for;

    sl_ns now;
    sl_ns since;    /* when its count was 0 */
    int64_t read;   /* of its count */
    int error;      /* what reading would say */
    int open_count; /* open() and close() balance */
    int opened;
};

static struct sl_alsa_pcm mic;

static int64_t counted(sl_ns at)
{
    return (int64_t)((double)(at - mic.since) * 1e-9 * mic.info.rate_hz * (1 + mic.ppm * 1e-6));
}

static sl_ns heard(int64_t frame)
{
    return mic.since + (sl_ns)((double)frame / mic.info.rate_hz / (1 + mic.ppm * 1e-6) * 1e9);
}

static bool is_gone(void)
{
    return mic.now >= mic.gone_at && mic.now < mic.back_at;
}

static int fake_open(struct sl_alsa_pcm **ret, const char *device, struct sl_alsa_info *info,
                     char *why, size_t why_len)
{
    if (is_gone()) {
        snprintf(why, why_len, "no such device");
        return -ENODEV;
    }
    snprintf(mic.info.device, sizeof(mic.info.device), "%s", device);
    *info = mic.info;
    *ret = &mic;
    mic.since = mic.now;
    mic.read = 0;
    mic.error = 0;
    mic.open_count++;
    mic.opened++;
    return 0;
}

static void fake_close(struct sl_alsa_pcm *pcm)
{
    assert_ptr_equal(pcm, &mic);
    mic.open_count--;
}

/* What happens, happens while somebody waits. */
static void happen(void)
{
    if (mic.now >= mic.overrun_at) {
        mic.now += mic.overrun_for;
        mic.overrun_at = NEVER;
        mic.error = -EPIPE;
    }
    if (mic.now >= mic.suspend_at) {
        mic.suspend_at = NEVER;
        mic.error = -ESTRPIPE;
    }
    if (is_gone())
        mic.error = -ENODEV;
}

static int fake_wait(struct sl_alsa_pcm *pcm, const struct sl_halt *unused, sl_ns timeout)
{
    (void)unused;
    if (mic.now >= mic.halt_at)
        return -ECANCELED;
    if (mic.now >= mic.silent_at) {
        mic.now += timeout;
        mic.silent_at = NEVER;
        return 0;
    }
    const sl_ns due = heard(pcm->read + PERIOD) + 50 * SL_US;
    mic.now = due > mic.now ? due : mic.now;
    happen();
    return mic.error ? mic.error : 1;
}

static int fake_look(struct sl_alsa_pcm *pcm, int64_t *waiting, sl_ns *at)
{
    if (mic.error)
        return mic.error;
    *waiting = counted(mic.now) - pcm->read;
    *at = mic.now;
    return 0;
}

static int fake_read(struct sl_alsa_pcm *pcm, void *frames, int count)
{
    int16_t *samples = frames;
    assert_true(count > 0 && pcm->read + count <= counted(mic.now));
    for (int i = 0; i < count; i++)
        samples[i] = heard(pcm->read + i) % SL_SEC < 2 * SL_MS ? 20000 : 0;
    pcm->read += count;
    return count;
}

static int fake_recover(struct sl_alsa_pcm *pcm, int error)
{
    if (error == -ESTRPIPE && mic.suspend_for > 0)
        return -EAGAIN;
    pcm->since = mic.now;
    pcm->read = 0;
    mic.error = 0;
    return 0;
}

static bool fake_sleep(const struct sl_halt *unused, sl_ns time)
{
    (void)unused;
    mic.now += time;
    mic.suspend_for -= time;
    return mic.now >= mic.halt_at;
}

static const struct sl_alsa_face fake = {
    .open = fake_open,
    .close = fake_close,
    .wait = fake_wait,
    .look = fake_look,
    .read = fake_read,
    .recover = fake_recover,
    .sleep = fake_sleep,
};

static struct sl_audio *open_fake(struct sl_alsa_pcm script)
{
    mic = script;
    mic.info = (struct sl_alsa_info){.name = "Fake",
                                     .rate_hz = 48000,
                                     .channels = 1,
                                     .format = SL_SAMPLE_S16,
                                     .period = PERIOD,
                                     .buffer = BUFFER};
    mic.now = 1000 * SL_SEC;
    sl_ns *const moments[] = {&mic.overrun_at, &mic.suspend_at, &mic.gone_at,
                              &mic.back_at,    &mic.silent_at,  &mic.halt_at};
    for (size_t i = 0; i < SL_COUNT(moments); i++)
        *moments[i] = *moments[i] ? mic.now + *moments[i] : NEVER;
    const struct sl_audio_config config = {.halt = &halt};
    struct sl_audio *audio = NULL;
    char why[256];
    assert_int_equal(sl_audio_alsa_open(&audio, "hw:1,0", &config, &fake, why, sizeof(why)), 0);
    return audio;
}

struct heard {
    int blocks, gaps, ticks;
    sl_ns next, gap, gap_end; /* the longest gap, and when it ended */
    sl_ns off_max;            /* of ticks from the full second */
    sl_ns age_max;            /* of a block's end when it is given out */
    int16_t before;
};

static void find_tick(struct heard *result, const struct sl_audio_block *block)
{
    for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++) {
        const int16_t value = block->samples[2 * i];
        if (result->before < 10000 && value >= 10000) {
            const sl_ns off =
                (block->captured + i * SL_SEC / SL_AUDIO_RATE_HZ + SL_SEC / 2) % SL_SEC -
                SL_SEC / 2;
            result->ticks++;
            result->off_max = llabs(off) > result->off_max ? llabs(off) : result->off_max;
        }
        result->before = value;
    }
}

/* Until the fake's clock is `end` after its start. */
static void hear(struct heard *result, struct sl_audio *audio, sl_ns end)
{
    static struct sl_audio_block block;
    while (mic.now < 1000 * SL_SEC + end) {
        assert_int_equal(sl_audio_next(audio, &block), 1);
        const sl_ns gap = result->next ? block.captured - result->next : 0;
        assert_true(gap >= 0);
        if (gap > result->gap) {
            result->gap = gap;
            result->gap_end = block.captured - 1000 * SL_SEC;
        }
        result->gaps += gap > 0;
        result->next = block.captured + SL_AUDIO_BLOCK;
        const sl_ns age = mic.now - result->next;
        assert_true(age >= -2 * SL_MS); /* no sound of the future, but for what it has to learn */
        result->age_max = age > result->age_max ? age : result->age_max;
        result->blocks++;
        find_tick(result, &block);
    }
}

static struct sl_audio_stats stats_of(const struct sl_audio *audio)
{
    struct sl_audio_stats stats;
    sl_audio_stats(audio, &stats);
    return stats;
}

static void a_card_that_drifts(void **state)
{
    (void)state;
    const double ppms[] = {-500, 500};
    for (size_t i = 0; i < SL_COUNT(ppms); i++) {
        struct sl_audio *audio = open_fake((struct sl_alsa_pcm){.ppm = ppms[i]});
        struct heard result = {0};
        hear(&result, audio, 60 * SL_SEC);
        assert_int_equal(result.gaps, 0);
        assert_in_range(result.ticks, 59, 60);
        assert_true(result.off_max < 2 * SL_MS);
        assert_true(result.age_max < 10 * SL_MS); /* a block is given out as soon as it is whole */
        const struct sl_audio_stats stats = stats_of(audio);
        assert_int_equal(stats.blocks, result.blocks);
        assert_in_range(stats.drift_ppm + 1000, ppms[i] + 995, ppms[i] + 1005);
        assert_int_equal(stats.overruns + stats.reopened, 0);
        sl_audio_close(audio);
        assert_int_equal(mic.open_count, 0);
    }
}

static void overrun_is_a_gap_and_no_more(void **state)
{
    (void)state;
    struct sl_audio *audio = open_fake(
        (struct sl_alsa_pcm){.ppm = 300, .overrun_at = 30 * SL_SEC, .overrun_for = 300 * SL_MS});
    struct heard result = {0};
    hear(&result, audio, 32 * SL_SEC);
    assert_int_equal(result.gaps, 1);
    assert_true(result.gap >= 300 * SL_MS && result.gap < 500 * SL_MS);
    assert_true(result.off_max < 2 * SL_MS);
    assert_int_equal(stats_of(audio).overruns, 1);
    assert_int_equal(mic.opened, 1);
    sl_audio_close(audio);
}

static void suspended_until_it_is_resumed(void **state)
{
    (void)state;
    struct sl_audio *audio =
        open_fake((struct sl_alsa_pcm){.suspend_at = 5 * SL_SEC, .suspend_for = 700 * SL_MS});
    struct heard result = {0};
    hear(&result, audio, 8 * SL_SEC);
    assert_int_equal(result.gaps, 1);
    assert_true(result.gap >= 700 * SL_MS && result.gap < SL_SEC);
    assert_true(result.off_max < 2 * SL_MS);
    assert_int_equal(stats_of(audio).overruns, 0);
    assert_int_equal(mic.opened, 1);
    sl_audio_close(audio);
}

static void unplugged_and_plugged_in_again(void **state)
{
    (void)state;
    struct sl_audio *audio = open_fake(
        (struct sl_alsa_pcm){.ppm = -200, .gone_at = 5 * SL_SEC, .back_at = 15100 * SL_MS});
    struct heard result = {0};
    hear(&result, audio, 20 * SL_SEC);
    assert_int_equal(result.gaps, 1);
    assert_true(result.gap_end >= 15100 * SL_MS && result.gap_end < 16 * SL_SEC);
    assert_true(result.off_max < 2 * SL_MS);
    assert_int_equal(stats_of(audio).reopened, 1);
    assert_int_equal(mic.open_count, 1);
    sl_audio_close(audio);
    assert_int_equal(mic.open_count, 0);
}

static void fallen_silent_is_opened_anew(void **state)
{
    (void)state;
    struct sl_audio *audio = open_fake((struct sl_alsa_pcm){.silent_at = 5 * SL_SEC});
    struct heard result = {0};
    hear(&result, audio, 10 * SL_SEC);
    assert_int_equal(mic.opened, 2);
    assert_int_equal(stats_of(audio).reopened, 1);
    assert_true(result.gap < 3 * SL_SEC);
    sl_audio_close(audio);
}

static void halted_while_it_reads_and_while_it_searches(void **state)
{
    (void)state;
    struct sl_audio_block block;
    int got;
    struct sl_audio *audio = open_fake((struct sl_alsa_pcm){.halt_at = 2 * SL_SEC});
    while ((got = sl_audio_next(audio, &block)) == 1)
        ;
    assert_int_equal(got, -ECANCELED);
    sl_audio_close(audio);
    audio = open_fake((struct sl_alsa_pcm){.gone_at = SL_SEC, .halt_at = 20 * SL_SEC});
    while ((got = sl_audio_next(audio, &block)) == 1)
        ;
    assert_int_equal(got, -ECANCELED);
    assert_int_equal(mic.open_count, 0);
    sl_audio_close(audio);
    assert_int_equal(mic.open_count, 0);
}

/* ---- libasound ---- */

/* A folder with a configuration that has these devices beside the usual ones. */
#define DEVICES                                                                                    \
    "pcm.recorded { type file slave.pcm null file /dev/null infile \"%s/tone.raw\" "               \
    "format raw }\n"                                                                               \
    "pcm_type.sightline_mic { lib \"" ALSA_MICROPHONE "\" }\n"                                     \
    "pcm.mic { type sightline_mic rate 44100 ppm 400 plugged \"%s/plugged\" }\n"

static char folder[] = "/tmp/sightline-test-XXXXXX";
static char plugged[64], config_path[64], tone[64];

static void plug_in(void)
{
    FILE *file = fopen(plugged, "w");
    assert_non_null(file);
    fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(plugged, sizeof(plugged), "%s/plugged", folder);
    snprintf(config_path, sizeof(config_path), "%s/asound.conf", folder);
    snprintf(tone, sizeof(tone), "%s/tone.raw", folder);
    FILE *file = fopen(config_path, "w");
    fprintf(file, "</usr/share/alsa/alsa.conf>\n" DEVICES, folder, folder);
    fclose(file);
    setenv("ALSA_CONFIG_PATH", config_path, 1);
    file = fopen(tone, "w");
    for (int i = 0; i < 48000; i++) {
        const int16_t frame[] = {(int16_t)i, (int16_t)-i};
        fwrite(frame, sizeof(frame), 1, file);
    }
    fclose(file);
    plug_in();
    return sl_halt_init(&halt);
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(plugged);
    unlink(config_path);
    unlink(tone);
    sl_halt_fini(&halt);
    return rmdir(folder);
}

/* The plugins keep no time: all that is looked at is what is read, and that it does not block. */
static void libasound_gives_what_a_file_holds(void **state)
{
    (void)state;
    struct sl_alsa_pcm *pcm = NULL;
    struct sl_alsa_info info;
    char why[256] = "";
    if (sl_alsa_face.open(&pcm, "recorded", &info, why, sizeof(why)))
        fail_msg("%s", why);
    assert_string_equal(info.device, "recorded");
    assert_int_equal(info.rate_hz, 48000);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.format, SL_SAMPLE_S16);
    assert_in_range(info.period, 240, 480);
    assert_true(info.buffer >= 4800);
    int16_t frames[2 * 100];
    for (int16_t at = 0; at < 1000; at = (int16_t)(at + 100)) {
        int64_t waiting = 0;
        sl_ns when = 0;
        assert_int_equal(sl_alsa_face.wait(pcm, &halt, SL_SEC), 1);
        assert_int_equal(sl_alsa_face.look(pcm, &waiting, &when), 0);
        assert_true(waiting >= 100);
        assert_true(llabs(sl_time_now() - when) < 2 * SL_SEC);
        assert_int_equal(sl_alsa_face.read(pcm, frames, 100), 100);
        assert_int_equal(frames[0], at);
        assert_int_equal(frames[2 * 99 + 1], -(at + 99));
    }
    sl_alsa_face.close(pcm);
}

static void *put_back(void *ctx)
{
    (void)ctx;
    assert_false(sl_halt_sleep(&halt, sl_time_now() + 700 * SL_MS));
    plug_in();
    return NULL;
}

/*
 * A microphone that keeps time by its own clock, through libasound. It judges order, completeness
 * and moments that the microphone itself dictates, not the speed of this machine: where that is
 * too slow to read in time there are overruns, which are counted.
 */
static void a_microphone_in_real_time(void **state)
{
    (void)state;
    const struct sl_audio_config config = {.halt = &halt};
    struct sl_audio *audio = NULL;
    char why[256] = "";
    if (sl_audio_open(&audio, "alsa:mic", &config, why, sizeof(why)))
        fail_msg("%s", why);
    struct sl_audio_block block;
    struct heard result = {0};
    const sl_ns end = sl_time_now() + 2200 * SL_MS;
    do {
        assert_int_equal(sl_audio_next(audio, &block), 1);
        assert_true(!result.next || block.captured >= result.next);
        result.gaps += result.next && block.captured != result.next;
        result.next = block.captured + SL_AUDIO_BLOCK;
        assert_true(result.next <= sl_time_now() + 20 * SL_MS);
        find_tick(&result, &block);
    } while (block.captured < end);
    if (!stats_of(audio).overruns) {
        assert_int_equal(result.gaps, 0);
        assert_in_range(result.ticks, 2, 3);
        assert_true(result.off_max < 5 * SL_MS);
    }
    /* Nobody reads for longer than its buffer. */
    const uint64_t overruns = stats_of(audio).overruns;
    const sl_ns gap_from = result.next;
    assert_false(sl_halt_sleep(&halt, sl_time_now() + 400 * SL_MS));
    while (stats_of(audio).overruns == overruns)
        assert_int_equal(sl_audio_next(audio, &block), 1);
    assert_int_equal(sl_audio_next(audio, &block), 1);
    assert_true(block.captured >= gap_from + 200 * SL_MS);
    /* Pulled out and put back. */
    unlink(plugged);
    pthread_t hand;
    assert_int_equal(pthread_create(&hand, NULL, put_back, NULL), 0);
    while (stats_of(audio).reopened == 0)
        assert_int_equal(sl_audio_next(audio, &block), 1);
    pthread_join(hand, NULL);
    assert_int_equal(stats_of(audio).reopened, 1);
    sl_audio_close(audio);
}

static void libasound_halts_at_once(void **state)
{
    (void)state;
    struct sl_alsa_pcm *pcm = NULL;
    struct sl_alsa_info info;
    char why[256];
    struct sl_halt set;
    assert_int_equal(sl_halt_init(&set), 0);
    assert_int_equal(sl_alsa_face.open(&pcm, "null", &info, why, sizeof(why)), 0);
    sl_halt_set(&set);
    assert_int_equal(sl_alsa_face.wait(pcm, &set, 3600 * SL_SEC), -ECANCELED);
    assert_true(sl_alsa_face.sleep(&set, 3600 * SL_SEC));
    sl_alsa_face.close(pcm);
    sl_halt_fini(&set);
}

static void what_cannot_be_opened(void **state)
{
    (void)state;
    static const char *const sources[] = {"alsa:hw:31,0", "alsa:nowhere",
                                          "alsa:hw:CARD=None,DEV=0"};
    const struct sl_audio_config config = {.halt = &halt};
    for (size_t i = 0; i < SL_COUNT(sources); i++) {
        struct sl_audio *audio = NULL;
        char why[256] = "";
        const int error = sl_audio_open(&audio, sources[i], &config, why, sizeof(why));
        assert_true(error == -ENOENT || error == -ENODEV);
        assert_null(audio);
        assert_non_null(strstr(why, "no such device; wanted a device that captures; there is"));
        assert_null(strchr(why, '\n'));
    }
    struct sl_audio *audio = NULL;
    char why[256] = "";
    assert_int_equal(sl_audio_open(&audio, "jack:x", &config, why, sizeof(why)), -ENOTSUP);
    assert_non_null(strstr(why, "wanted test or alsa:DEVICE"));
}

/* ---- The list of devices ---- */

static void devices_as_text(void **state)
{
    (void)state;
    struct sl_audio_device device = {.name = "hw:CARD=Webcam,DEV=0",
                                     .description = "HD Webcam, USB Audio",
                                     .rate_min_hz = 8000,
                                     .rate_max_hz = 48000,
                                     .channels_min = 1,
                                     .channels_max = 2,
                                     .formats = "S16_LE S32_LE"};
    char text[256];
    sl_audio_device_offers(&device, text, sizeof(text));
    assert_string_equal(text, "8000-48000 Hz 1-2 channels S16_LE S32_LE");
    device.channels_max = 1;
    device.rate_min_hz = 48000;
    sl_audio_device_offers(&device, text, sizeof(text));
    assert_string_equal(text, "48000 Hz 1 channel S16_LE S32_LE");
    sl_audio_device_offers(&device, text, 10); /* cut, not beyond */
    assert_string_equal(text, "48000 Hz ");
    sl_audio_device_offers(&device, text, 4);
    assert_string_equal(text, "480");
    device.error = -EBUSY;
    sl_audio_device_offers(&device, text, sizeof(text));
    assert_string_equal(text, "in use");
    device.error = -EACCES;
    sl_audio_device_offers(&device, text, sizeof(text));
    assert_string_equal(text, "Permission denied");
    struct sl_audio_device list[4];
    assert_true(sl_audio_devices(list, SL_COUNT(list)) <= SL_COUNT(list));
    assert_int_equal(sl_audio_devices(list, 0), 0);
}

int main(void)
{
    sl_log_init("test", SL_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_that_drifts),
        cmocka_unit_test(overrun_is_a_gap_and_no_more),
        cmocka_unit_test(suspended_until_it_is_resumed),
        cmocka_unit_test(unplugged_and_plugged_in_again),
        cmocka_unit_test(fallen_silent_is_opened_anew),
        cmocka_unit_test(halted_while_it_reads_and_while_it_searches),
        cmocka_unit_test(libasound_gives_what_a_file_holds),
        cmocka_unit_test(a_microphone_in_real_time),
        cmocka_unit_test(libasound_halts_at_once),
        cmocka_unit_test(what_cannot_be_opened),
        cmocka_unit_test(devices_as_text),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
