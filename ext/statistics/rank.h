/* rank.h: the rank of a label: the number of classes that beat it. A class beats the label if its logit is
 * larger, or equal and the class comes first. */
#pragma once

#include "statistics/row_group.h"

enum { STRETCH = 16 * LANES }; /* logits that are compared between two checks of rank_limit */

/* The number of logits > `logit`, where NaN does not count; with counts_equals, of those not < `logit`. */
LANES_INLINE ptrdiff_t count_above(const stored *x, ptrdiff_t count, real logit, const int counts_equals) {
    lanes limit = splat(logit), one = splat(1), zero = splat(0), beats = zero, numbers = lane_numbers();
    for (ptrdiff_t k = 0; k < count; k += LANES) {
        lanes v = load_up_to(x + k, count - k);
        lanes beat = counts_equals ? where_less(v, limit, zero, one) : where_less(limit, v, one, zero);
        if (count - k < LANES) beat = where_less(numbers, splat((real)(count - k)), beat, zero);
        beats = add(beats, beat);
    }
    return (ptrdiff_t)wide_sum(widen(beats));
}
LANES_INLINE ptrdiff_t count_above_in_stretches(const stored *x, ptrdiff_t count, real logit,
    const int counts_equals, ptrdiff_t rank, ptrdiff_t rank_limit) {
    for (ptrdiff_t k = 0; k < count && rank < rank_limit; k += STRETCH)
        rank += count_above(x + k, count - k < STRETCH ? count - k : STRETCH, logit, counts_equals);
    return rank;
}
/* `rank` plus the number of logits of a tile that beat the label. `label`: its class, counted from the first
 * class of the tile; it may lie outside. From rank_limit on, the result need not be exact. */
LANES_FUNCTION ptrdiff_t rank_of(
    const stored *x, ptrdiff_t count, ptrdiff_t label, real logit, ptrdiff_t rank, ptrdiff_t rank_limit) {
    ptrdiff_t before = label < 0 ? 0 : label, after = label < 0 ? 0 : label + 1;
    if (label >= count) before = after = count;
    rank = count_above_in_stretches(x, before, logit, 1, rank, rank_limit);
    return count_above_in_stretches(x + after, count - after, logit, 0, rank, rank_limit);
}

/* The first of `count` logits that equals `logit`, or NO_CLASS. Without branches, which would be hard to
 * predict, so that the CPU goes on to the sums. */
LANES_FUNCTION ptrdiff_t first_equal(const stored *x, ptrdiff_t count, real logit) {
    const lanes wanted = splat(logit), none = splat((real)count), numbers = lane_numbers();
    lanes first = none, odd = none;
    ptrdiff_t k = 0;
    for (; k + 2 * LANES <= count; k += 2 * LANES) {
        lanes number = add(numbers, splat((real)k));
        first = minimum(first, where_equal(load_logits(x + k), wanted, number, none));
        odd = minimum(odd, where_equal(load_logits(x + k + LANES), wanted, add(number, splat(LANES)), none));
    }
    for (; k < count; k += LANES)
        first = minimum(
            first, where_equal(load_up_to(x + k, count - k), wanted, add(numbers, splat((real)k)), none));
    const ptrdiff_t found = (ptrdiff_t)-largest(sub(splat(0), minimum(first, odd)));
    return found < count ? found : NO_CLASS;
}

/* rank_of for few classes, one row a lane. A second loop resolves ties, if there are any; has_own: the columns
 * hold the labels' own logits. */
LANES_INLINE lanes ranks_of_columns(
    const real *columns, ptrdiff_t num_classes, lanes labels, lanes logits, const int has_own) {
    lanes number = splat(0), one = splat(1), beats = number, equals = has_own ? splat(-1) : number;
    for (ptrdiff_t k = 0; k < num_classes; k++) {
        lanes x = load(columns + k * LANES);
        beats = where_less(logits, x, add(beats, one), beats);
        equals = where_equal(logits, x, add(equals, one), equals);
    }
    if (all_less(equals, one)) return beats;
    for (ptrdiff_t k = 0; k < num_classes; k++, number = add(number, one)) {
        lanes equal = where_equal(logits, load(columns + k * LANES), one, splat(0));
        beats = add(beats, where_less(number, labels, equal, splat(0)));
    }
    return beats;
}
LANES_FUNCTION void rank_columns(
    RowGroup *g, const real *columns, ptrdiff_t num_classes, lanes labels, lanes logits, int has_own) {
    wide_store(g->rank, widen(ranks_of_columns(columns, num_classes, labels, logits, has_own)));
}
