/* limits.h: the arithmetic that every loss needs, for limits.pxi. */
#ifndef SMOOTHXENT_LIMITS_H
#define SMOOTHXENT_LIMITS_H

#include "lanes/exp.h"

/* Maximum, exp and sum of `count` logits in L1, a multiple of 4 vectors. */
LANES_FUNCTION double bare_exp_sum(const real *x, ptrdiff_t count) {
    enum { CHAINS = 4 };
    const exp_reference m = exp_reference_of(splat(0));
    lanes highest = splat(-(real)INFINITY), sums[CHAINS] = {splat(0), splat(0), splat(0), splat(0)};
    for (ptrdiff_t k = 0; k < count; k += CHAINS * LANES) UNROLLED for (int j = 0; j < CHAINS; j++) {
            lanes v = load(x + k + j * LANES);
            highest = maximum(v, highest);
            sums[j] = add(sums[j], exp_of(exp_term_of(v, m)));
        }
    return wide_sum(widen(add(add(sums[0], sums[1]), add(sums[2], sums[3])))) + largest(highest);
}

#endif
