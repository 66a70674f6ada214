/* SPDX-License-Identifier: MIT */
/*
 * Export file: the file that an export makes, by libavformat. Written beside its place under a
 * hidden name and put there when it is whole; what is not put there is removed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libavcodec/avcodec.h>

#include "base/types.h"
#include "receiver/segment_file.h"

#define SL_EXPORT_PATH_BYTES 1024

enum sl_export_kind {
    SL_EXPORT_MP4,
    SL_EXPORT_MKV,
    SL_EXPORT_MOV,
    SL_EXPORT_WEBM,
    SL_EXPORT_AVI,
};

/* By the ending of `path`, in either case. -EINVAL. */
SL_MUST_CHECK int sl_export_kind_of(const char *path, enum sl_export_kind *ret);

struct sl_export_file;

struct sl_export_file_config {
    const char *path;
    enum sl_export_kind kind;
    const AVCodecParameters *video, *sound; /* sound NULL: without */
    AVRational rate;                        /* pictures a second; for an AVI, all of its clock */
    int64_t start_us;                       /* UTC */
    const char *title, *comment;
};

/* -errno, and a sentence. */
SL_MUST_CHECK int sl_export_file_open(struct sl_export_file **ret,
                                      const struct sl_export_file_config *config,
                                      char why[SL_STORE_WHY]);
/* Times in `base`. Takes the packet's data away, also on error. */
SL_MUST_CHECK int sl_export_file_write(struct sl_export_file *file, enum sl_segment_track track,
                                       AVPacket *packet, AVRational base);
/* Ends and syncs it, still beside its place; how long it is. Nothing may be written then. */
SL_MUST_CHECK int sl_export_file_finish(struct sl_export_file *file, int64_t *bytes);
/* Puts it in its place. -EEXIST, unless `replace`. */
SL_MUST_CHECK int sl_export_file_place(struct sl_export_file *file, bool replace);
const char *sl_export_file_path(const struct sl_export_file *file);
void sl_export_file_close(struct sl_export_file *file);
