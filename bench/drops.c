/* SPDX-License-Identifier: MIT */
#include "bench/drops.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

uint64_t sl_drops_of_port(int port)
{
    FILE *file = fopen("/proc/net/udp", "re");
    char line[256];
    uint64_t drops = 0;
    while (file && fgets(line, sizeof(line), file)) {
        unsigned local;
        uint64_t dropped;
        if (sscanf(line, "%*s %*8[0-9A-F]:%4X %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
                   &local, &dropped) == 2 &&
            (int)local == port)
            drops += dropped;
    }
    if (file)
        fclose(file);
    return drops;
}

uint64_t sl_drops_own(void)
{
    DIR *files = opendir("/proc/self/fd");
    uint64_t drops = 0;
    if (!files)
        return 0;
    for (const struct dirent *entry; (entry = readdir(files)) != NULL;) {
        uint32_t info[SK_MEMINFO_VARS] = {0};
        socklen_t len = sizeof(info);
        if (entry->d_name[0] != '.' &&
            getsockopt(atoi(entry->d_name), SOL_SOCKET, SO_MEMINFO, info, &len) == 0)
            drops += info[SK_MEMINFO_DROPS];
    }
    closedir(files);
    return drops;
}
