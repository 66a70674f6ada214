/* SPDX-License-Identifier: MIT */
/* A trace file is whatever somebody left there. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[40];
    struct sl_trace_record *records;
    size_t count;
    uint64_t dropped;
    const int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (sl_trace_read(path, &records, &count, &dropped) == 0) {
        for (size_t i = 0; i < count; i++)
            if (records[i].stage < SL_TRACE_CAPTURED || records[i].stage > SL_TRACE_PRESENTED)
                abort();
        if (count * sizeof(*records) > size)
            abort();
        free(records);
    }
    close(fd);
    return 0;
}
