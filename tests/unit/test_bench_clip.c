/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libavutil/log.h>

#include "bench/clip.h"
#include "codec/decoder.h"

#define FRAMES 12

static struct sl_clip *film(uint64_t seed)
{
    struct sl_clip *clip;
    assert_int_equal(sl_clip_create(&clip, 320, 192, 30, 1000000, "ultrafast", FRAMES, seed), 0);
    return clip;
}

static void begins_with_its_only_key(void **state)
{
    (void)state;
    struct sl_clip *clip = film(1);
    size_t bytes = 0;
    assert_int_equal(sl_clip_frames(clip), FRAMES);
    assert_int_equal(sl_clip_fps(clip), 30);
    assert_int_equal(strlen(sl_clip_profile(clip)), 6);
    for (uint32_t i = 0; i < FRAMES; i++) {
        const struct sl_clip_unit unit = sl_clip_unit(clip, i);
        assert_int_equal(unit.key, i == 0);
        assert_true(unit.len > 4);
        bytes += unit.len;
    }
    assert_int_equal(sl_clip_bytes(clip), bytes);
    sl_clip_destroy(clip);
}

/* Three times round through one decoder: a picture for each unit, and none of them damaged. */
static void repeats_cleanly(void **state)
{
    (void)state;
    struct sl_clip *clip = film(2);
    struct sl_video_decoder *decoder;
    assert_int_equal(sl_video_decoder_create(&decoder, 1), 0);
    uint8_t padded[65536];
    for (uint32_t i = 0; i < 3 * FRAMES; i++) {
        const struct sl_clip_unit unit = sl_clip_unit(clip, i);
        struct sl_picture picture;
        assert_true(unit.len + 64 <= sizeof(padded));
        memset(padded, 0, sizeof(padded));
        memcpy(padded, unit.data, unit.len);
        assert_int_equal(sl_video_decoder_decode(decoder, padded, unit.len, &picture), 1);
        assert_int_equal(picture.width, 320);
    }
    sl_video_decoder_destroy(decoder);
    sl_clip_destroy(clip);
}

static void refuses_nonsense(void **state)
{
    (void)state;
    struct sl_clip *clip = NULL;
    assert_int_equal(sl_clip_create(&clip, 320, 192, 0, 1000000, "ultrafast", FRAMES, 1), -EINVAL);
    assert_int_equal(sl_clip_create(&clip, 320, 192, 30, 1000000, "ultrafast", 0, 1), -EINVAL);
    assert_int_equal(sl_clip_create(&clip, 321, 192, 30, 1000000, "ultrafast", 2, 1), -EINVAL);
    assert_null(clip);
    sl_clip_destroy(NULL);
}

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_its_only_key),
        cmocka_unit_test(repeats_cleanly),
        cmocka_unit_test(refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
