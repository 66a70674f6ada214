/* SPDX-License-Identifier: MIT */
#include "viewer/hush.h"

#include <fcntl.h>
#include <unistd.h>

int sl_hush_begin(void)
{
    const int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept >= 0 && null >= 0)
        (void)dup2(null, STDERR_FILENO);
    if (null >= 0)
        (void)close(null);
    return kept;
}

void sl_hush_end(int kept)
{
    if (kept < 0)
        return;
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
}
