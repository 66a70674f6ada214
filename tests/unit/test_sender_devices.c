/* SPDX-License-Identifier: MIT */
/* What --list-devices prints of a machine with cameras of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "sender/devices.h"
#include "tests/support/fake_v4l2.h"

static const struct fake_v4l2_camera webcam = {
    .card = "Webcam\n2",
    .bus_info = "usb-1",
    .by_id = "usb-Webcam-1",
    .formats =
        {
            {.fourcc = V4L2_PIX_FMT_YUYV,
             .sizes = {{.width = 640, .height = 480, .intervals = {{1, 30}, {1001, 15000}}},
                       {.width = 1280, .height = 720, .intervals = {{1, 10}}}}},
            {.fourcc = V4L2_PIX_FMT_H264, .sizes = {{.width = 1920, .height = 1080}}},
            {.fourcc = V4L2_PIX_FMT_RGB24,
             .emulated = true,
             .sizes = {{.width = 640, .height = 480, .intervals = {{1, 30}}}}},
        },
    .number = -1,
};

static const struct sl_device_microphone microphones[] = {
    {.source = "alsa:hw:1", .name = "Mic", .offers = "48000 Hz", .in_use = true},
};

static void set_up_machine(void)
{
    fake_v4l2_begin();
    fake_v4l2.cameras[0] = fake_v4l2.cameras[1] = fake_v4l2.cameras[2] = webcam;
    fake_v4l2.cameras[3] = webcam;
    fake_v4l2.cameras[1].caps = V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING; /* is no camera */
    fake_v4l2.cameras[1].by_id = "usb-Webcam-1-meta";
    fake_v4l2.cameras[2].by_id = NULL;
    fake_v4l2.cameras[2].busy = true;
    fake_v4l2.cameras[2].formats[0] = (struct fake_v4l2_format){
        .fourcc = V4L2_PIX_FMT_NV12,
        .sizes = {{.width = 16, .height = 16, .most_width = 1920, .most_height = 1080, .step = 2}},
    };
    fake_v4l2.cameras[2].formats[1].fourcc = 0;
    fake_v4l2.cameras[3].by_id = NULL;
    fake_v4l2.cameras[3].forbidden = true;
    fake_v4l2_plug(3, 12);
    fake_v4l2_plug(2, 4);
    fake_v4l2_plug(1, 1);
    fake_v4l2_plug(0, 0);
}

static void print(char text[4096], bool json, size_t heard)
{
    char *all = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&all, &len);
    assert_int_equal(sl_devices_print(out, json, &fake_v4l2_ops, microphones, heard), 0);
    fclose(out);
    snprintf(text, 4096, "%s", all);
    free(all);
}

static void as_text(void **state)
{
    (void)state;
    char text[4096], expected[4096];
    set_up_machine();
    const char *dev = fake_v4l2_ops.dev;
    snprintf(expected, sizeof(expected),
             "cameras: \n"
             "%s/video0 'Webcam?2' (fake, usb-1), free\n"
             "    %s/v4l/by-id/usb-Webcam-1\n"
             "    YUYV 640x480@30,14.99 1280x720@10\n"
             "    H264 (sent as it is) 1920x1080\n"
             "    RGB3 (by libv4l2) 640x480@30\n"
             "%s/video4 'Webcam?2' (fake, usb-1), in use\n"
             "    NV12 16x16 to 1920x1080\n"
             "%s/video12: Permission denied\n"
             "microphones: \n"
             "alsa:hw:1 'Mic', in use\n"
             "    48000 Hz\n",
             dev, dev, dev, dev);
    print(text, false, 1);
    assert_string_equal(text, expected);
    fake_v4l2_end();
}

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_non_null(found);
    return found;
}

static void as_json(void **state)
{
    (void)state;
    char text[4096];
    set_up_machine();
    print(text, true, 1);
    cJSON *all = cJSON_Parse(text);
    const cJSON *cameras = member(all, "cameras");
    assert_int_equal(cJSON_GetArraySize(cameras), 3);
    const cJSON *first = cJSON_GetArrayItem(cameras, 0), *second = cJSON_GetArrayItem(cameras, 1);
    assert_true(cJSON_IsFalse(member(first, "in_use")));
    assert_true(cJSON_IsTrue(member(second, "in_use")));
    assert_non_null(strstr(member(first, "id")->valuestring, "/v4l/by-id/usb-Webcam-1"));
    assert_true(cJSON_IsNull(member(second, "id")));
    assert_string_equal(member(first, "name")->valuestring, "Webcam?2");
    const cJSON *formats = member(first, "formats");
    assert_int_equal(cJSON_GetArraySize(formats), 3);
    const cJSON *yuyv = cJSON_GetArrayItem(formats, 0), *sizes = member(yuyv, "sizes");
    assert_string_equal(member(yuyv, "fourcc")->valuestring, "YUYV");
    assert_string_equal(member(yuyv, "format")->valuestring, "yuyv");
    assert_true(cJSON_IsFalse(member(yuyv, "emulated")));
    assert_int_equal(cJSON_GetArraySize(sizes), 2);
    assert_int_equal(member(cJSON_GetArrayItem(sizes, 1), "width")->valueint, 1280);
    const cJSON *rates = member(cJSON_GetArrayItem(sizes, 0), "rates");
    assert_int_equal(cJSON_GetArraySize(rates), 2);
    assert_true(cJSON_GetArrayItem(rates, 0)->valuedouble == 30);
    assert_string_equal(member(cJSON_GetArrayItem(formats, 1), "format")->valuestring, "h264");
    assert_true(cJSON_IsTrue(member(cJSON_GetArrayItem(formats, 2), "emulated")));
    const cJSON *range = member(cJSON_GetArrayItem(member(second, "formats"), 0), "sizes");
    assert_int_equal(member(member(cJSON_GetArrayItem(range, 0), "most"), "height")->valueint,
                     1080);
    assert_string_equal(member(cJSON_GetArrayItem(cameras, 2), "error")->valuestring,
                        "Permission denied");
    assert_int_equal(cJSON_GetArraySize(member(all, "microphones")), 1);
    cJSON_Delete(all);
    fake_v4l2_end();
}

static void of_nothing(void **state)
{
    (void)state;
    char text[4096];
    fake_v4l2_begin();
    print(text, false, 0);
    assert_string_equal(text, "cameras: none\nmicrophones: none\n");
    print(text, true, 0);
    cJSON *all = cJSON_Parse(text);
    assert_int_equal(cJSON_GetArraySize(member(all, "cameras")), 0);
    cJSON_Delete(all);
    fake_v4l2_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_text),
        cmocka_unit_test(as_json),
        cmocka_unit_test(of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
