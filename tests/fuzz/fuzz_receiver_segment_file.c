/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "receiver/segment_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) /* in a release build too */
{
    if (!holds)
        abort();
}

static void check_samples(const struct sl_segment_samples *samples, int64_t end)
{
    for (size_t i = 0; i < samples->count; i++) {
        const struct sl_segment_sample *sample = &samples->items[i];
        must(sample->size > 0 && sample->offset > 0 && sample->offset + sample->size <= end);
        must(sample->at >= (i ? sample[-1].at : 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_segment_info info;
    struct sl_segment_index index;
    char why[SL_STORE_WHY];
    const int fd = memfd_create("segment", MFD_CLOEXEC);
    must(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    const int err = sl_segment_scan(fd, &info, why);
    must((err == 0) == !why[0]);
    if (err == 0) {
        must(info.bytes <= (int64_t)size && info.frames > 0 && info.duration_us >= 0);
        must(sl_segment_tail_torn(fd, info.bytes) >= 0);
    }
    if (sl_segment_index(fd, &index, why) == 0) { /* which looks at all, whatever a summary says */
        must(index.tracks[SL_SEGMENT_VIDEO].count == (size_t)index.info.frames);
        must(index.tracks[SL_SEGMENT_AUDIO].count == (size_t)index.info.sounds);
        must(index.tracks[SL_SEGMENT_VIDEO].items[0].key);
        for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
            check_samples(&index.tracks[i], index.info.bytes);
        const int64_t middle_us = index.info.meta.start_us + index.info.duration_us / 2;
        sl_segment_index_free(&index);
        if (sl_segment_index_stretch(fd, middle_us, middle_us + 1, &index, why) == 0) {
            must(index.tracks[SL_SEGMENT_VIDEO].items[0].key);
            for (int i = 0; i < SL_SEGMENT_TRACKS; i++)
                check_samples(&index.tracks[i], (int64_t)size);
            sl_segment_index_free(&index);
        }
    }
    close(fd);
    return 0;
}
