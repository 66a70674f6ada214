/* SPDX-License-Identifier: MIT */
/*
 * Equations over what is missing: the heart of a decoder.
 *
 * An equation says that a sum of factor x symbol over missing packets is a symbol that we have.
 * The set is kept reduced (each equation has a pivot, a missing packet that no other equation
 * has), so a packet can be had from all that came if and only if one equation has it alone: no
 * search, no inversion, and one that comes costs at most one operation for each that is held.
 *
 *     blank, filled ──▶ add ──▶ [ at most `max` equations ] ──▶ take (a missing packet's symbol)
 *                     known ──▶           │
 *                    forget ──▶           └──▶ those that say nothing any more
 *
 * Missing packets are named by columns: seq mod `columns`, the caller's to keep apart. Memory is
 * taken by create. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "fec/symbols.h"

struct sl_equations;

struct sl_equation {
    uint8_t *factors; /* one a column, 0 for what it has not */
    uint8_t *symbol;  /* SL_FEC_SYMBOL_MAX bytes, zero from len on */
    size_t len;
    size_t unknowns; /* factors that are not 0 */
    size_t pivot;    /* a column; the set's */
};

/* 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_equations_create(struct sl_equations **ret, size_t max, size_t columns);
void sl_equations_destroy(struct sl_equations *set);

size_t sl_equations_held(const struct sl_equations *set);
bool sl_equations_full(const struct sl_equations *set);

/* All zero: to be filled (with `unknowns`, at least 1) for add. */
struct sl_equation *sl_equations_blank(struct sl_equations *set);

/* What became of an equation. */
enum sl_equation_fate {
    SL_EQUATION_HELD,
    SL_EQUATION_SPENT, /* says nothing that is not known: dropped */
    SL_EQUATION_FALSE, /* contradicts what is known: dropped; somebody lied */
};

/* Takes in the blank that was filled. The set must not be full. */
enum sl_equation_fate sl_equations_add(struct sl_equations *set);

/* `column` is missing no more. At most one equation goes by that: this says how. */
enum sl_equation_fate sl_equations_known(struct sl_equations *set, size_t column,
                                         const uint8_t *symbol, size_t len);

/*
 * If an equation has a single unknown, drops it and gives the unknown's column and symbol.
 * `symbol` is all zero before.
 */
bool sl_equations_take(struct sl_equations *set, size_t *column, uint8_t symbol[SL_FEC_SYMBOL_MAX],
                       size_t *len);

/* `column` will never be known. True if that cost an equation (it costs one at most). */
bool sl_equations_forget(struct sl_equations *set, size_t column);

/* Drops all. Returns how many. */
size_t sl_equations_clear(struct sl_equations *set);
