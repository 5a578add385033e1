/* exact_sum.h: the type ExactSum, and how the rows of a group add terms to it, a register of rows at a time.
 * exact_sum.pxi describes the method. */
#pragma once

#include <float.h>

#include "statistics/row_group.h"

enum {
    PLACES = 1074,  /* binary places of limb 0, whose unit is the smallest float64, 2**-1074 */
    LIMBS = 68,     /* 2**-1074 .. 2**1024 is 2098 bits: 66 limbs, one for 2**31 terms, one for the sign */
    CUTS = 3,       /* pieces that a term is cut into */
    MOST_CUT = 4096 /* terms that a lane adds to its pieces before they go into the limbs */
};
_Static_assert(LIMBS % 2 == 0, "as_int takes pairs of limbs");
_Static_assert(
    32 * (LIMBS - 1) >= PLACES + 1024 + 31, "the limbs below the sign hold 2**31 terms of any size");
_Static_assert(MOST_CUT <= 1 << (53 - 11 - 30),
    "MOST_CUT pieces below 2**11, multiples of 2**-30, add without rounding");
_Static_assert(LANES < 31, "add_to_bins returns one bit of an int for each lane");
static const double SMALL = 0x1p+72;
typedef struct {
    LINE_ALIGNED double pieces[CUTS * LANES]; /* sums of pieces: piece j of lane i at j * LANES + i */
    double small[CUTS * LANES];               /* the same for small terms, which are multiplied by SMALL */
    ptrdiff_t terms_in_pieces;                /* terms of a lane since the pieces were last empty */
    int64_t limbs[LIMBS];                     /* digits to the base 2**32, lowest first, before carries */
    uint32_t terms_in_limbs;                  /* terms since the last carry; each adds < 2**32 to a limb */
    double special;                           /* the sum of all terms that are inf or nan */
} ExactSum;

/* A row's term: its value times its weight (1 if weights is NULL). It is 0 for a row that is not kept, and
 * for a row of weight 0 unless its value is nan. */
LANES_INLINE reg_f64 terms_of_rows(const RowGroup *g, int i, const double *weights, const double *values) {
    reg_f64 value = OP_F64(loadu)(values + i);
    if (weights) value = weighted_terms(OP_F64(loadu)(weights + i), value);
    return where_nonzero_f64(ROWS(kept), value);
}

/* Terms in [2**-61, 2**11) fit: adding and subtracting a large number, which is exact, cuts them at the bits
 * 2**-30 and 2**-72; their last bit is 2**-114 or higher. So MOST_CUT pieces of a lane add without rounding.
 * Returns the term, or 0 where it does not fit. */
LANES_INLINE reg_f64 cut(reg_f64 term, reg_f64 *pieces) {
    const reg_f64 zero = SPLAT(0.0), first = SPLAT(0x1.8p+22), second = SPLAT(0x1.8p-20);
    reg_f64 fits =
        where_less_f64(term, SPLAT(0x1p+11), where_less_f64(term, SPLAT(0x1p-61), zero, term), zero);
    reg_f64 high = (fits + first) - first, rest = fits - high, middle = (rest + second) - second;
    pieces[0] = high;
    pieces[1] = middle;
    pieces[2] = rest - middle;
    return fits;
}
LANES_INLINE reg_f64 add_cut(double *pieces, reg_f64 term) {
    reg_f64 own[CUTS], fits = cut(term, own);
    for (int j = 0; j < CUTS; j++)
        OP_F64(storeu)(pieces + j * LANES, OP_F64(loadu)(pieces + j * LANES) + own[j]);
    return fits;
}
/* Adds the terms that fit, in themselves or multiplied by SMALL. Returns whether all do; if not, `left` has
 * the terms that do not fit, and 0 elsewhere. */
LANES_INLINE int add_in_pieces(
    ExactSum *total, const RowGroup *g, const double *weights, const double *values, double *left) {
    int all = 1;
    EACH_ROW_REGISTER {
        reg_f64 term = terms_of_rows(g, i, weights, values), fits = add_cut(total->pieces + i, term);
        OP_F64(storeu)(left + i, term - fits);
        all &= all_equal_f64(term, fits);
    }
    if (all) return 1;
    all = 1;
    EACH_ROW_REGISTER {
        reg_f64 rest = OP_F64(loadu)(left + i), term = rest * SPLAT(SMALL),
                fits = add_cut(total->small + i, term);
        OP_F64(storeu)(left + i, where_equal_f64(term, fits, SPLAT(0.0), rest));
        all &= all_equal_f64(term, fits);
    }
    return all;
}
/* Cuts the terms into pieces. Returns the number of pieces without the last ones that are 0 for all terms, at
 * least 1; or 0 if some term does not fit. */
LANES_INLINE int cut_in_pieces(
    double *pieces, const RowGroup *g, const double *weights, const double *values, double *terms) {
    int all = 1, middle = 0, last = 0;
    EACH_ROW_REGISTER {
        reg_f64 own[CUTS], term = terms_of_rows(g, i, weights, values);
        all &= all_equal_f64(term, cut(term, own));
        middle |= !all_equal_f64(own[1], SPLAT(0.0));
        last |= !all_equal_f64(own[2], SPLAT(0.0));
        for (int j = 0; j < CUTS; j++) OP_F64(storeu)(pieces + j * LANES + i, own[j]);
        OP_F64(storeu)(terms + i, term);
    }
    return !all ? 0 : last ? CUTS : 1 + middle;
}
