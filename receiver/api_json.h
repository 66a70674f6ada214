/* SPDX-License-Identifier: MIT */
/* Rows of the catalogue as /api/v1/ tells them (docs/openapi.yaml). Pure. */
#pragma once

#include "receiver/api_query.h"

/* A page and, if there may be more, the cursor of the next. cJSON_free() it; NULL: no memory. */
char *sl_api_segments_json(const struct sl_api_query *query, const struct sl_segment_row *rows,
                           int count, const struct sl_catalogue_cursor *next);
char *sl_api_events_json(const struct sl_api_query *query, const struct sl_catalogue_event *rows,
                         int count, const struct sl_catalogue_cursor *next);
char *sl_api_marks_json(const struct sl_api_query *query, const struct sl_catalogue_mark *rows,
                        int count, const struct sl_catalogue_cursor *next);
