/* SPDX-License-Identifier: MIT */
/*
 * Report: one page of HTML, with nothing outside of it, made of a run's document (run.h) and
 * nothing else. The document may come from anywhere: every text in it is escaped.
 */
#pragma once

#include <cjson/cJSON.h>

#include "base/types.h"

/* free(). 0, -EINVAL: not such a document, or -ENOMEM. */
SL_MUST_CHECK int sl_report_create(char **ret, const cJSON *document);

/* `sightline-bench report RESULTS.json PAGE.html`. The process's exit status. */
int sl_report_main(const char *const *words, int count);

extern const char sl_report_style[];
