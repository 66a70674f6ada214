/* SPDX-License-Identifier: MIT */
#include "sender/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <linux/videodev2.h>

#include "sender/capture_v4l2_find.h"
#include "sender/capture_v4l2_modes.h"

struct camera {
    const char *path;
    char id[SL_V4L2_PATH]; /* "": none */
    struct sl_v4l2_card card;
    bool in_use;
    int error; /* it cannot be opened: nothing but the path is known */
    struct sl_v4l2_modes modes, emulated;
};

/* ---- Asking ---- */

static bool is_in_use(const struct sl_v4l2_ops *ops, int fd)
{
    struct v4l2_requestbuffers none = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
        .memory = V4L2_MEMORY_MMAP,
    };
    return sl_v4l2_ioctl(ops, fd, VIDIOC_REQBUFS, &none) == -EBUSY;
}

static int read_modes(struct sl_v4l2_modes *ret, const struct sl_v4l2_ops *ops, const char *path,
                      bool emulate, struct camera *camera)
{
    const struct sl_v4l2_wish wish = {0};
    const int fd = ops->open(path, emulate);
    if (fd < 0)
        return -errno;
    int error = sl_v4l2_card_read(&camera->card, ops, fd);
    if (!error && !emulate)
        camera->in_use = is_in_use(ops, fd);
    error = error ? error : sl_v4l2_modes_read(ret, ops, fd, &wish);
    ops->close(fd);
    return error;
}

/* Whether the node is worth a line: what is no camera is none. */
static bool read_camera(struct camera *camera, const struct sl_v4l2_ops *ops, const char *path)
{
    camera->path = path;
    camera->error = read_modes(&camera->modes, ops, path, false, camera);
    if (camera->error)
        return camera->error == -EACCES || camera->error == -EPERM || camera->error == -EBUSY;
    sl_v4l2_by_id(ops, path, camera->id);
    if (read_modes(&camera->emulated, ops, path, true, camera))
        camera->emulated = (struct sl_v4l2_modes){0}; /* the library does not know it: none */
    return true;
}

static bool same_size(const struct sl_v4l2_mode *a, const struct sl_v4l2_mode *b)
{
    return a->fourcc == b->fourcc && a->width == b->width && a->height == b->height;
}

static double rate(const struct sl_v4l2_mode *mode)
{
    return (double)mode->fps_num / mode->fps_den;
}

/* ---- As text ---- */

static void print_size(FILE *out, const struct sl_v4l2_mode *mode)
{
    if (mode->most.width)
        fprintf(out, " %dx%d to %dx%d", mode->least.width, mode->least.height, mode->most.width,
                mode->most.height);
    else
        fprintf(out, " %dx%d", mode->width, mode->height);
}

static const char *remark(const struct sl_v4l2_mode *mode)
{
    if (!sl_v4l2_mode_usable(mode))
        return " (not taken)";
    return sl_v4l2_format_find(mode->fourcc)->encoded ? " (sent as it is)" : "";
}

/* One line for each format: its sizes, each with its rates. */
static void print_modes(FILE *out, const struct sl_v4l2_modes *modes, bool emulated)
{
    const struct sl_v4l2_mode *last = NULL;
    for (size_t i = 0; i < modes->count; i++) {
        const struct sl_v4l2_mode *mode = &modes->list[i];
        char fourcc[SL_V4L2_FOURCC_TEXT];
        if (mode->emulated != emulated)
            continue;
        if (!last || last->fourcc != mode->fourcc)
            fprintf(out, "%s    %-4s%s%s", last ? "\n" : "",
                    sl_v4l2_fourcc_text(mode->fourcc, fourcc), emulated ? " (by libv4l2)" : "",
                    remark(mode));
        if (!last || !same_size(last, mode))
            print_size(out, mode);
        if (mode->fps_num)
            fprintf(out, "%s%.4g", last && same_size(last, mode) ? "," : "@", rate(mode));
        last = mode;
    }
    if (last)
        fputc('\n', out);
}

static void print_camera(FILE *out, const struct camera *camera)
{
    if (camera->error) {
        fprintf(out, "%s: %s\n", camera->path, strerror(-camera->error));
        return;
    }
    fprintf(out, "%s '%s' (%s, %s), %s\n", camera->path, camera->card.card, camera->card.driver,
            camera->card.bus_info, camera->in_use ? "in use" : "free");
    if (camera->id[0])
        fprintf(out, "    %s\n", camera->id);
    print_modes(out, &camera->modes, false);
    print_modes(out, &camera->emulated, true);
}

static void print_microphone(FILE *out, const struct sl_device_microphone *microphone)
{
    fprintf(out, "%s '%s', %s\n", microphone->source, microphone->name,
            microphone->in_use ? "in use" : "free");
    if (microphone->offers)
        fprintf(out, "    %s\n", microphone->offers);
}

static void print_text(FILE *out, const struct camera *cameras, size_t count,
                       const struct sl_device_microphone *microphones, size_t heard)
{
    fprintf(out, "cameras: %s\n", count ? "" : "none");
    for (size_t i = 0; i < count; i++)
        print_camera(out, &cameras[i]);
    fprintf(out, "microphones: %s\n", heard ? "" : "none");
    for (size_t i = 0; i < heard; i++)
        print_microphone(out, &microphones[i]);
}

/* ---- As JSON. What there is no memory for is missing; the caller sees no text then. ---- */

static cJSON *add_child(cJSON *array)
{
    cJSON *child = cJSON_CreateObject();
    cJSON_AddItemToArray(array, child);
    return child;
}

static void add_extent(cJSON *object, const char *name, struct sl_frame_size size)
{
    cJSON *extent = cJSON_AddObjectToObject(object, name);
    cJSON_AddNumberToObject(extent, "width", size.width);
    cJSON_AddNumberToObject(extent, "height", size.height);
}

static cJSON *add_size(cJSON *sizes, const struct sl_v4l2_mode *mode)
{
    cJSON *size = add_child(sizes);
    if (mode->most.width) {
        add_extent(size, "least", mode->least);
        add_extent(size, "most", mode->most);
    } else {
        cJSON_AddNumberToObject(size, "width", mode->width);
        cJSON_AddNumberToObject(size, "height", mode->height);
    }
    return cJSON_AddArrayToObject(size, "rates");
}

static cJSON *add_format(cJSON *formats, const struct sl_v4l2_mode *mode)
{
    char fourcc[SL_V4L2_FOURCC_TEXT];
    const struct sl_v4l2_format *format = sl_v4l2_format_find(mode->fourcc);
    cJSON *object = add_child(formats);
    cJSON_AddStringToObject(object, "fourcc", sl_v4l2_fourcc_text(mode->fourcc, fourcc));
    if (format)
        cJSON_AddStringToObject(object, "format", format->name);
    else
        cJSON_AddNullToObject(object, "format");
    cJSON_AddBoolToObject(object, "emulated", mode->emulated);
    return cJSON_AddArrayToObject(object, "sizes");
}

static void add_modes(cJSON *formats, const struct sl_v4l2_modes *modes, bool emulated)
{
    const struct sl_v4l2_mode *last = NULL;
    cJSON *sizes = NULL, *rates = NULL;
    for (size_t i = 0; i < modes->count; i++) {
        const struct sl_v4l2_mode *mode = &modes->list[i];
        if (mode->emulated != emulated)
            continue;
        if (!last || last->fourcc != mode->fourcc)
            sizes = add_format(formats, mode);
        if (!last || !same_size(last, mode))
            rates = add_size(sizes, mode);
        if (mode->fps_num)
            cJSON_AddItemToArray(rates, cJSON_CreateNumber(rate(mode)));
        last = mode;
    }
}

static void add_camera(cJSON *cameras, const struct camera *camera)
{
    cJSON *object = add_child(cameras);
    cJSON_AddStringToObject(object, "path", camera->path);
    if (camera->error) {
        cJSON_AddStringToObject(object, "error", strerror(-camera->error));
        return;
    }
    if (camera->id[0])
        cJSON_AddStringToObject(object, "id", camera->id);
    else
        cJSON_AddNullToObject(object, "id");
    cJSON_AddStringToObject(object, "name", camera->card.card);
    cJSON_AddStringToObject(object, "driver", camera->card.driver);
    cJSON_AddStringToObject(object, "bus", camera->card.bus_info);
    cJSON_AddBoolToObject(object, "in_use", camera->in_use);
    cJSON *formats = cJSON_AddArrayToObject(object, "formats");
    add_modes(formats, &camera->modes, false);
    add_modes(formats, &camera->emulated, true);
}

static void add_microphone(cJSON *microphones, const struct sl_device_microphone *microphone)
{
    cJSON *object = add_child(microphones);
    cJSON_AddStringToObject(object, "source", microphone->source);
    cJSON_AddStringToObject(object, "name", microphone->name);
    if (microphone->offers)
        cJSON_AddStringToObject(object, "offers", microphone->offers);
    cJSON_AddBoolToObject(object, "in_use", microphone->in_use);
}

static int print_json(FILE *out, const struct camera *cameras, size_t count,
                      const struct sl_device_microphone *microphones, size_t heard)
{
    cJSON *all = cJSON_CreateObject();
    cJSON *seen = cJSON_AddArrayToObject(all, "cameras");
    for (size_t i = 0; i < count; i++)
        add_camera(seen, &cameras[i]);
    cJSON *listeners = cJSON_AddArrayToObject(all, "microphones");
    for (size_t i = 0; i < heard; i++)
        add_microphone(listeners, &microphones[i]);
    char *text = cJSON_Print(all);
    if (text)
        fprintf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(all);
    return text ? 0 : -ENOMEM;
}

int sl_devices_print(FILE *out, bool json, const struct sl_v4l2_ops *ops,
                     const struct sl_device_microphone *microphones, size_t heard)
{
    char nodes[SL_V4L2_NODES_MAX][SL_V4L2_PATH];
    struct camera *cameras = calloc(SL_V4L2_NODES_MAX, sizeof(*cameras));
    if (!cameras)
        return -ENOMEM;
    const size_t found = sl_v4l2_nodes(ops, nodes);
    size_t count = 0;
    for (size_t i = 0; i < found; i++) {
        cameras[count] = (struct camera){0};
        if (read_camera(&cameras[count], ops, nodes[i]))
            count++;
    }
    int error = 0;
    if (json)
        error = print_json(out, cameras, count, microphones, heard);
    else
        print_text(out, cameras, count, microphones, heard);
    for (size_t i = 0; i < count; i++) {
        sl_v4l2_modes_free(&cameras[i].modes);
        sl_v4l2_modes_free(&cameras[i].emulated);
    }
    free(cameras);
    return error;
}
