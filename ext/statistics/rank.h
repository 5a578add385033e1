/* rank.h: how many logits beat the label's; of equals the first. */
#ifndef SMOOTHXENT_RANK_H
#define SMOOTHXENT_RANK_H

#include "statistics/row_group.h"

enum { STRETCH = 16 * LANES }; /* logits between two looks at whether that is enough */

/* How many of `count` logits are above `logit` or, where equals beat it, not below. NaN is passed over by the
 * first. */
LANES_INLINE ptrdiff_t beaten_by(const stored *x, ptrdiff_t count, real logit, const int equals_beat) {
    lanes limit = splat(logit), one = splat(1), zero = splat(0), beats = zero, numbers = lane_numbers();
    for (ptrdiff_t k = 0; k < count; k += LANES) {
        lanes v = load_up_to(x + k, count - k);
        lanes beat = equals_beat ? where_less(v, limit, zero, one) : where_less(limit, v, one, zero);
        if (count - k < LANES) beat = where_less(numbers, splat((real)(count - k)), beat, zero);
        beats = add(beats, beat);
    }
    return (ptrdiff_t)wide_sum(widen(beats));
}
LANES_INLINE ptrdiff_t beaten_in_stretches(
    const stored *x, ptrdiff_t count, real logit, const int equals_beat, ptrdiff_t rank, ptrdiff_t enough) {
    for (ptrdiff_t k = 0; k < count && rank < enough; k += STRETCH)
        rank += beaten_by(x + k, count - k < STRETCH ? count - k : STRETCH, logit, equals_beat);
    return rank;
}
/* `rank`, and how many of at most a tile of logits beat the one of class `label`, counted from the first of
 * them; beyond `enough` any number will do. */
LANES_FUNCTION ptrdiff_t rank_of(
    const stored *x, ptrdiff_t count, ptrdiff_t label, real logit, ptrdiff_t rank, ptrdiff_t enough) {
    ptrdiff_t before = label < 0 ? 0 : label, after = label < 0 ? 0 : label + 1;
    if (label >= count) before = after = count;
    rank = beaten_in_stretches(x, before, logit, 1, rank, enough);
    return beaten_in_stretches(x + after, count - after, logit, 0, rank, enough);
}

/* The same for few classes, one row a lane. Which of equals comes first is looked at where there are any. */
LANES_FUNCTION void rank_columns(
    RowGroup *g, const real *columns, ptrdiff_t num_classes, lanes labels, lanes logits) {
    lanes number = splat(0), one = splat(1), beats = number, equals = number;
    for (ptrdiff_t k = 0; k < num_classes; k++) {
        lanes x = load(columns + k * LANES);
        beats = where_less(logits, x, add(beats, one), beats);
        equals = where_equal(logits, x, add(equals, one), equals);
    }
    for (ptrdiff_t k = 0; k < num_classes && largest(equals) > 0; k++, number = add(number, one)) {
        lanes equal = where_equal(logits, load(columns + k * LANES), one, splat(0));
        beats = add(beats, where_less(number, labels, equal, splat(0)));
    }
    wide_store(g->rank, widen(beats));
}

#endif
