/* SPDX-License-Identifier: MIT */
/*
 * View: reading results (result.h) that may come from anywhere. A file is outside bytes: a member
 * may be missing or of another type, and then there is an empty text, no number, an empty list.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* NULL unless `object` is one and has it as an array or an object. */
const cJSON *sl_view_array(const cJSON *object, const char *key);
const cJSON *sl_view_object(const cJSON *object, const char *key);
/* "" if it is missing or no text. */
const char *sl_view_text(const cJSON *object, const char *key);
/* NAN if it is missing, no number, or not finite. */
double sl_view_number(const cJSON *object, const char *key);
bool sl_view_true(const cJSON *object, const char *key);
/* The value itself. */
double sl_view_value(const cJSON *item);

/* How a column's figures are shown, 0 to 9. */
int sl_view_decimals(const cJSON *column);

/*
 * A row's cell as it is shown: a number by the column's decimals, a text without control
 * characters, "-" for null. Returns whether it is a number.
 */
bool sl_view_cell(const cJSON *column, const cJSON *row, char *text, size_t size);
/* Whether there is anything to show: a column for remarks, in which no row has one, is left out. */
bool sl_view_column_wanted(const cJSON *column, const cJSON *rows);
/* A number without "-0", with as many decimals as given. */
void sl_view_format(double value, int decimals, char *text, size_t size);
/* Copies text, control characters blanked, cut between characters (UTF-8). */
void sl_view_clean(const char *from, char *text, size_t size);
/* Columns on a terminal: characters (UTF-8), not bytes. */
size_t sl_view_width(const char *text);
