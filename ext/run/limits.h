/* limits.h: the least that a loss takes. */
#ifndef SMOOTHXENT_LIMITS_H
#define SMOOTHXENT_LIMITS_H

#include "lanes/vectors.h"

/* The least that a loss takes: maximum, exp and one sum, of logits that need no reading. */
LANES_FUNCTION double bare_exp_sum(const real *x, ptrdiff_t blocks) {
    lanes highest = splat(-(real)INFINITY), bias = splat((real)(MAGIC + EXPONENT_BIAS)), sums[VECTORS];
    exp_parts e[IN_FLIGHT];
    EACH_VECTOR sums[j] = splat(0);
    for (ptrdiff_t n = 0; n < blocks; n++) {
        block b = load_columns_block(x + n * VECTORS * LANES);
        highest = highest_of(b, highest);
        UNROLLED for (int first = 0; first < VECTORS; first += IN_FLIGHT) {
            const int count = IN_FLIGHT;
            exp_lanes(b.v + first, count, bias, e);
            EACH_IN_FLIGHT sums[first + j] = add(sums[first + j], fused(e[j].rest, e[j].ratio, e[j].power));
        }
    }
    return wide_sum(widen(add(add(sums[0], sums[1]), add(sums[2], sums[3])))) + largest(highest);
}

#endif
