/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/option.h"
#include "bench/impair.h"

struct options {
    int unused;
};

static const struct sl_option options[] = {
    {.name = NULL},
};

static const struct sl_option_table table = {
    .program = "sightline-bench",
    .synopsis = "sightline-bench impair LISTEN_PORT TARGET_PORT [NAME=VALUE]...",
    .summary = "Measures Sightline, and makes bad networks to measure it in.",
    .options = options,
    .positional_max = 16,
};

int main(int argc, char **argv)
{
    struct options o = {.unused = 0};
    const struct sl_option_result args = sl_option_parse(&table, &o, argc, argv, stdout, stderr);
    if (args.status >= 0)
        return args.status;
    const char *command = args.positional_count ? args.positional[0] : "";
    if (strcmp(command, "impair") == 0)
        return sl_impair_main(args.positional + 1, args.positional_count - 1);
    fprintf(stderr, "sightline-bench: got '%s', wanted impair\n", command);
    return 2;
}
