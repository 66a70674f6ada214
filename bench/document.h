/* SPDX-License-Identifier: MIT */
/*
 * Document: the file of a run's results (run.h), read. What is in it may be anything; only that it
 * says that it is such a document is sure.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/types.h"

#define SL_DOCUMENT_VERSION 1
#define SL_DOCUMENT_BYTES ((size_t)256 << 20)

bool sl_document_is_one(const cJSON *document);

/* 0, or -EINVAL (not such a document) or -errno after one line on stderr. cJSON_Delete(). */
SL_MUST_CHECK int sl_document_load(cJSON **ret, const char *path);
