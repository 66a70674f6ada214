/* SPDX-License-Identifier: MIT */
#include "sender/capture_v4l2_find.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/videodev2.h>

#include "base/option.h"

#define NODE "video"
#define NUMBER_MAX 100000

static void copy_name(char *to, size_t size, const uint8_t *from, size_t len)
{
    size_t used = 0;
    for (; used < size - 1 && used < len && from[used]; used++)
        to[used] = from[used] < 0x20 || from[used] == 0x7f ? '?' : (char)from[used];
    to[used] = 0;
}

int sl_v4l2_card_read(struct sl_v4l2_card *ret, const struct sl_v4l2_ops *ops, int fd)
{
    struct v4l2_capability is = {0};
    const int error = sl_v4l2_ioctl(ops, fd, VIDIOC_QUERYCAP, &is);
    if (error)
        return error;
    const uint32_t can = is.capabilities & V4L2_CAP_DEVICE_CAPS ? is.device_caps : is.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
        return -ENOTTY;
    copy_name(ret->driver, sizeof(ret->driver), is.driver, sizeof(is.driver));
    copy_name(ret->card, sizeof(ret->card), is.card, sizeof(is.card));
    copy_name(ret->bus_info, sizeof(ret->bus_info), is.bus_info, sizeof(is.bus_info));
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

size_t sl_v4l2_nodes(const struct sl_v4l2_ops *ops, char nodes[SL_V4L2_NODES_MAX][SL_V4L2_PATH])
{
    int64_t numbers[SL_V4L2_NODES_MAX];
    size_t count = 0;
    DIR *folder = opendir(ops->dev);
    const struct dirent *entry;
    while (folder && count < SL_V4L2_NODES_MAX && (entry = readdir(folder)))
        if (strncmp(entry->d_name, NODE, strlen(NODE)) == 0 &&
            sl_parse_int(entry->d_name + strlen(NODE), 0, NUMBER_MAX, &numbers[count]) == 0)
            count++;
    if (folder)
        closedir(folder);
    qsort(numbers, count, sizeof(numbers[0]), compare_numbers);
    for (size_t i = 0; i < count; i++)
        snprintf(nodes[i], SL_V4L2_PATH, "%s/" NODE "%d", ops->dev, (int)numbers[i]);
    return count;
}

void sl_v4l2_by_id(const struct sl_v4l2_ops *ops, const char *node, char ret[SL_V4L2_PATH])
{
    char path[SL_V4L2_PATH], real[PATH_MAX], target[PATH_MAX];
    ret[0] = 0;
    snprintf(path, sizeof(path), "%s/v4l/by-id", ops->dev);
    DIR *folder = realpath(node, real) ? opendir(path) : NULL;
    const struct dirent *entry;
    while (folder && !ret[0] && (entry = readdir(folder))) {
        const int len = snprintf(path, sizeof(path), "%s/v4l/by-id/%s", ops->dev, entry->d_name);
        if (len < (int)sizeof(path) && realpath(path, target) && strcmp(target, real) == 0)
            memcpy(ret, path, (size_t)len + 1);
    }
    if (folder)
        closedir(folder);
}

void sl_v4l2_identify(struct sl_v4l2_identity *ret, const struct sl_v4l2_ops *ops, const char *path,
                      const char *card, const char *bus_info)
{
    struct stat st;
    snprintf(ret->card, sizeof(ret->card), "%s", card);
    snprintf(ret->bus_info, sizeof(ret->bus_info), "%s", bus_info);
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        snprintf(ret->link, sizeof(ret->link), "%s", path);
    else
        sl_v4l2_by_id(ops, path, ret->link);
}

static bool is_it(const struct sl_v4l2_identity *identity, const struct sl_v4l2_ops *ops,
                  const char *node)
{
    struct sl_v4l2_card card;
    const int fd = ops->open(node, false);
    if (fd < 0)
        return false;
    const int error = sl_v4l2_card_read(&card, ops, fd);
    ops->close(fd);
    return !error && strcmp(card.card, identity->card) == 0 &&
           strcmp(card.bus_info, identity->bus_info) == 0;
}

int sl_v4l2_find(const struct sl_v4l2_identity *identity, const struct sl_v4l2_ops *ops,
                 char ret[SL_V4L2_PATH])
{
    char nodes[SL_V4L2_NODES_MAX][SL_V4L2_PATH];
    if (identity->link[0]) { /* opening it says whether it is there */
        memcpy(ret, identity->link, SL_V4L2_PATH);
        return 0;
    }
    const size_t count = sl_v4l2_nodes(ops, nodes);
    for (size_t i = 0; i < count; i++) {
        if (!is_it(identity, ops, nodes[i]))
            continue;
        memcpy(ret, nodes[i], SL_V4L2_PATH);
        return 0;
    }
    return -ENODEV;
}
