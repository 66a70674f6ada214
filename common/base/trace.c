/* SPDX-License-Identifier: MIT */
#include "base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x0001454341525453u /* "STRACE", version 1; as this machine writes it */
#define RECORDS_MAX (1u << 26)

struct head {
    uint64_t magic;
    uint64_t room;
    _Atomic uint64_t noted; /* asked for; beyond `room` they were dropped */
    uint64_t unused;
};

struct sl_trace {
    struct head *head;
    struct sl_trace_record *records;
    size_t bytes;
};

_Static_assert(sizeof(struct head) == 32, "a file's layout");
_Static_assert(sizeof(struct sl_trace_record) == 24, "a file's layout");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "several processes map it");

static int map(struct sl_trace *trace, int fd)
{
    if (ftruncate(fd, (off_t)trace->bytes) != 0)
        return -errno;
    /* All pages at once: the first store to one later would cost its frame a page fault. */
    void *at = mmap(NULL, trace->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    trace->head = at;
    trace->records = (struct sl_trace_record *)(trace->head + 1);
    return 0;
}

int sl_trace_open(struct sl_trace **ret, const char *path, size_t records)
{
    if (!records || records > RECORDS_MAX)
        return -EINVAL;
    struct sl_trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return -ENOMEM;
    trace->bytes = sizeof(struct head) + records * sizeof(struct sl_trace_record);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const int err = fd < 0 ? -errno : map(trace, fd);
    if (fd >= 0)
        close(fd);
    if (err != 0) {
        free(trace);
        return err;
    }
    trace->head->room = records;
    trace->head->magic = MAGIC;
    *ret = trace;
    return 0;
}

void sl_trace_close(struct sl_trace *trace)
{
    if (!trace)
        return;
    munmap(trace->head, trace->bytes);
    free(trace);
}

void sl_trace_note(struct sl_trace *trace, enum sl_trace_stage stage, uint64_t frame,
                   uint32_t value, sl_ns at)
{
    if (!trace)
        return;
    const uint64_t index = atomic_fetch_add_explicit(&trace->head->noted, 1, memory_order_relaxed);
    if (index >= trace->head->room)
        return;
    struct sl_trace_record *record = &trace->records[index];
    record->frame = frame;
    record->at = at;
    record->value = value;
    /* Last: whoever reads the stage finds the rest. */
    atomic_store_explicit((_Atomic uint32_t *)&record->stage, (uint32_t)stage,
                          memory_order_release);
}

/* ---- Reading ---- */

static bool plausible(const struct head *head, uint64_t bytes)
{
    return head->magic == MAGIC && head->room >= 1 && head->room <= RECORDS_MAX &&
           bytes == sizeof(*head) + head->room * sizeof(struct sl_trace_record);
}

/* Up to `size` bytes from `offset`: fewer at the file's end. */
static ssize_t read_at(int fd, void *data, size_t size, off_t offset)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(fd, (uint8_t *)data + done, size - done, offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static bool known(const struct sl_trace_record *record)
{
    return record->stage >= SL_TRACE_CAPTURED && record->stage <= SL_TRACE_PRESENTED;
}

/* Leaves out what was not whole at the `first` reading, and stages that nobody knows. */
static size_t squeeze(struct sl_trace_record *records, const struct sl_trace_record *first,
                      size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (known(&first[i]) && known(&records[i]))
            records[kept++] = records[i];
    return kept;
}

/* Twice: a record whose stage was there at the first reading is whole at the second, whatever is
 * written meanwhile. */
static int read_records(int fd, struct sl_trace_record *records, struct sl_trace_record *first,
                        size_t held, size_t *count)
{
    const size_t bytes = held * sizeof(*records);
    ssize_t got = read_at(fd, first, bytes, sizeof(struct head));
    if (got == (ssize_t)bytes)
        got = read_at(fd, records, bytes, sizeof(struct head));
    if (got != (ssize_t)bytes)
        return got < 0 ? (int)got : -EINVAL; /* it has become shorter */
    *count = squeeze(records, first, held);
    return 0;
}

static int read_all(int fd, struct sl_trace_record **ret, size_t *count, uint64_t *dropped)
{
    struct stat st;
    struct head head;
    if (fstat(fd, &st) != 0)
        return -errno;
    const ssize_t got = read_at(fd, &head, sizeof(head), 0);
    if (got < 0)
        return (int)got;
    if (got < (ssize_t)sizeof(head) || !S_ISREG(st.st_mode) ||
        !plausible(&head, (uint64_t)st.st_size))
        return -EINVAL;
    const uint64_t noted = atomic_load(&head.noted);
    const size_t held = noted < head.room ? noted : head.room;
    const size_t room = held ? held : 1;
    struct sl_trace_record *records = malloc(room * sizeof(*records));
    struct sl_trace_record *first = malloc(room * sizeof(*first));
    const int err = records && first ? read_records(fd, records, first, held, count) : -ENOMEM;
    free(first);
    if (err != 0) {
        free(records);
        return err;
    }
    *ret = records;
    *dropped = noted - held;
    return 0;
}

int sl_trace_read(const char *path, struct sl_trace_record **ret, size_t *count, uint64_t *dropped)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int err = read_all(fd, ret, count, dropped);
    close(fd);
    return err;
}
