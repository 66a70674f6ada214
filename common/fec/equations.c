/* SPDX-License-Identifier: MIT */
#include "fec/equations.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fec/gf256.h"

struct sl_equations {
    size_t max, columns, held;
    struct sl_equation *list; /* max + 1: all from `held` on are zero */
    uint8_t *bytes;
};

int sl_equations_create(struct sl_equations **ret, size_t max, size_t columns)
{
    if (max == 0 || columns == 0)
        return -EINVAL;
    struct sl_equations *set = calloc(1, sizeof(*set));
    if (!set)
        return -ENOMEM;
    const size_t each = columns + SL_FEC_SYMBOL_MAX;
    set->list = calloc(max + 1, sizeof(*set->list));
    set->bytes = calloc(max + 1, each);
    if (!set->list || !set->bytes) {
        sl_equations_destroy(set);
        return -ENOMEM;
    }
    set->max = max;
    set->columns = columns;
    for (size_t i = 0; i <= max; i++) {
        set->list[i].factors = set->bytes + i * each;
        set->list[i].symbol = set->list[i].factors + columns;
    }
    *ret = set;
    return 0;
}

void sl_equations_destroy(struct sl_equations *set)
{
    if (!set)
        return;
    free(set->list);
    free(set->bytes);
    free(set);
}

size_t sl_equations_held(const struct sl_equations *set)
{
    return set->held;
}

bool sl_equations_full(const struct sl_equations *set)
{
    return set->held == set->max;
}

struct sl_equation *sl_equations_blank(struct sl_equations *set)
{
    return &set->list[set->held];
}

static void wipe(const struct sl_equations *set, struct sl_equation *equation)
{
    memset(equation->factors, 0, set->columns);
    memset(equation->symbol, 0, equation->len);
    equation->len = equation->unknowns = equation->pivot = 0;
}

static void drop(struct sl_equations *set, struct sl_equation *equation)
{
    struct sl_equation *last = &set->list[--set->held];
    const struct sl_equation gone = *equation;
    *equation = *last;
    *last = gone;
    wipe(set, last);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

static size_t count_unknowns(const struct sl_equations *set, const struct sl_equation *equation)
{
    size_t count = 0;
    for (size_t i = 0; i < set->columns; i++)
        count += equation->factors[i] != 0;
    return count;
}

static void add_symbol(struct sl_equation *sum, const uint8_t *symbol, size_t len, uint8_t factor)
{
    sl_gf256_add(sum->symbol, symbol, factor, len);
    if (len > sum->len)
        sum->len = len;
}

/* Takes `column` out of `target` by means of `source`, which has it. */
static void eliminate(const struct sl_equations *set, struct sl_equation *target,
                      const struct sl_equation *source, size_t column)
{
    if (!target->factors[column])
        return;
    const uint8_t factor =
        sl_gf256_multiply(target->factors[column], sl_gf256_inverse(source->factors[column]));
    sl_gf256_add(target->factors, source->factors, factor, set->columns);
    add_symbol(target, source->symbol, source->len, factor);
    target->unknowns = count_unknowns(set, target);
}

/* Makes `column` the pivot of `equation`, which has it: no other has it from now on. */
static void pivot_on(struct sl_equations *set, struct sl_equation *equation, size_t column)
{
    equation->pivot = column;
    for (size_t i = 0; i < set->held; i++)
        if (&set->list[i] != equation)
            eliminate(set, &set->list[i], equation, column);
}

static size_t first_unknown(const struct sl_equation *equation)
{
    size_t column = 0;
    while (!equation->factors[column])
        column++;
    return column;
}

enum sl_equation_fate sl_equations_add(struct sl_equations *set)
{
    struct sl_equation *fresh = sl_equations_blank(set);
    for (size_t i = 0; i < set->held; i++)
        eliminate(set, fresh, &set->list[i], set->list[i].pivot);
    if (fresh->unknowns == 0) {
        const bool fits = is_zero(fresh->symbol, fresh->len);
        wipe(set, fresh);
        return fits ? SL_EQUATION_SPENT : SL_EQUATION_FALSE;
    }
    set->held++;
    pivot_on(set, fresh, first_unknown(fresh));
    return SL_EQUATION_HELD;
}

enum sl_equation_fate sl_equations_known(struct sl_equations *set, size_t column,
                                         const uint8_t *symbol, size_t len)
{
    struct sl_equation *bereft = NULL; /* of its pivot */
    for (size_t i = 0; i < set->held; i++) {
        struct sl_equation *equation = &set->list[i];
        const uint8_t factor = equation->factors[column];
        if (!factor)
            continue;
        add_symbol(equation, symbol, len, factor);
        equation->factors[column] = 0;
        equation->unknowns--;
        if (equation->pivot == column)
            bereft = equation;
    }
    if (!bereft)
        return SL_EQUATION_HELD;
    if (bereft->unknowns) {
        pivot_on(set, bereft, first_unknown(bereft));
        return SL_EQUATION_HELD;
    }
    const bool fits = is_zero(bereft->symbol, bereft->len);
    drop(set, bereft);
    return fits ? SL_EQUATION_SPENT : SL_EQUATION_FALSE;
}

bool sl_equations_take(struct sl_equations *set, size_t *column, uint8_t symbol[SL_FEC_SYMBOL_MAX],
                       size_t *len)
{
    for (size_t i = 0; i < set->held; i++) {
        struct sl_equation *equation = &set->list[i];
        if (equation->unknowns != 1)
            continue;
        *column = equation->pivot;
        *len = equation->len;
        sl_gf256_add(symbol, equation->symbol, sl_gf256_inverse(equation->factors[equation->pivot]),
                     equation->len);
        drop(set, equation);
        return true;
    }
    return false;
}

bool sl_equations_forget(struct sl_equations *set, size_t column)
{
    for (size_t i = 0; i < set->held; i++) {
        if (!set->list[i].factors[column])
            continue;
        pivot_on(set, &set->list[i], column);
        drop(set, &set->list[i]);
        return true;
    }
    return false;
}

size_t sl_equations_clear(struct sl_equations *set)
{
    const size_t count = set->held;
    while (set->held)
        drop(set, &set->list[set->held - 1]);
    return count;
}
