/* SPDX-License-Identifier: MIT */
/* tuning */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/support/simpath.h"
static void one(const char *name, double loss, bool burst, sl_ns latency, int secs, uint64_t seed)
{
    struct sim_path path;
    struct sim_path_config c = {.seed = seed,
        .up = {.delay = 20 * SL_MS, .reorder = 1, .reorder_by = 5 * SL_MS, .loss = loss},
        .up_back = {.delay = 20 * SL_MS},
        .down = SIM_PATH_CLEAN_LAN, .down_back = SIM_PATH_CLEAN_LAN,
        .camera = {.frames = 30 * 3000},
        .fec_percent = SL_FEC_AUTO, .latency = latency};
    if (burst) { c.up.loss = 0; c.up.burst_leave = 1 / 3.0; c.up.burst_enter = loss / (1-loss) / 3; c.up.burst_loss = 1; }
    sim_path_open(&path, &c);
    sl_ns t0 = sim_now(path.sim);
    sim_run_for(path.sim, secs * SL_SEC + 3*SL_SEC/2);
    struct sim_path_figures f = sim_path_judge(&path, t0 + 3*SL_SEC/2, t0 + 3*SL_SEC/2 + secs * SL_SEC - SL_SEC/2);
    sim_path_print(name, &path, &f);
    sim_path_close(&path);
}
int main(int argc, char **argv)
{
    int secs = argc > 1 ? atoi(argv[1]) : 300;
    sl_ns lat = argc > 2 && strcmp(argv[2], "auto") ? atoi(argv[2]) * SL_MS : SL_JITTER_AUTO;
    int seeds = argc > 3 ? atoi(argv[3]) : 1;
    for (int s = 1; s <= seeds; s++) {
    one("clean", 0, false, lat, secs, s);
    one("5 %", .05, false, lat, secs, s);
    one("10 %", .10, false, lat, secs, s);
    one("5 % bursts", .05, true, lat, secs, s);
    one("20 %", .20, false, lat, secs, s);
    }
    return 0;
}
