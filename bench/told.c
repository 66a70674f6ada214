/* SPDX-License-Identifier: MIT */
#include "bench/told.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 512

static bool number_behind(const char *line, const char *name, char mark, double *ret)
{
    const size_t len = strlen(name);
    for (const char *at = line; (at = strstr(at, name)); at += len)
        if (at > line && at[-1] == ' ' && at[len] == mark && sscanf(at + len + 1, "%lf", ret) == 1)
            return true;
    return false;
}

double sl_told_number(const char *line, const char *name)
{
    double value;
    if (number_behind(line, name, '=', &value) || number_behind(line, name, ' ', &value))
        return value;
    return NAN;
}

/* Those of a session with a viewer say whom it was with. */
static bool is_of_camera(const char *line)
{
    const char *repairs = strstr(line, "repairs ");
    const char *ended = strstr(line, " ended");
    return repairs && ended && !ended[strlen(" ended")] && !strstr(repairs, " to ");
}

struct sl_told_repairs sl_told_repairs(const char *log)
{
    struct sl_told_repairs told = {NAN, NAN, NAN, NAN, NAN};
    while (*log) {
        char line[LINE_MAX_BYTES];
        const size_t len = strcspn(log, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line)), log);
        if (is_of_camera(line))
            told = (struct sl_told_repairs){
                .lost = sl_told_number(line, "lost"),
                .by_fec = sl_told_number(line, "by_fec"),
                .by_resend = sl_told_number(line, "by_resend"),
                .late = sl_told_number(line, "late"),
                .given_up = sl_told_number(line, "given_up"),
            };
        log += len + (log[len] == '\n');
    }
    return told;
}

double sl_told_left_out(const char *log)
{
    static const char words[] = " does not keep up: ";
    double count = 0;
    for (const char *at = log; (at = strstr(at, words)) != NULL;) {
        at += strlen(words);
        (void)!sscanf(at, "%lf packets left out", &count);
    }
    return count;
}
