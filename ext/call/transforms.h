/* transforms.h: the options that change the logits themselves: a soft cap c, then a temperature T.
 *
 *     x  ->  c tanh(x / c) / T        with the slope (1 - tanh(x / c)**2) / T
 *
 * All in `real`; without a soft cap the quotient is rounded once. A tile is transformed when it is read, a
 * group of rows of few classes when it is loaded into columns, so the loops that sum see transformed logits
 * only.
 */
#pragma once

#include "lanes/pairs.h"

typedef struct {
    real softcap, temperature;
} Transform; /* softcap 0: none; temperature 1: none */

/* With e = exp(2 |x|) - 1, tanh(|x|) = e / (e + 2). No digits are lost where |x| is small, as e.power is 1
 * there. Where 2 |x| > FLAT, tanh rounds to 1. NaN passes. */
#ifdef SMOOTHXENT_FLOAT64
static const double FLAT = 40.0;
#else
static const double FLAT = 20.0;
#endif
LANES_INLINE lanes tanh_of(lanes x) {
    const lanes zero = splat(0);
    lanes twice = add(x, x), size = minimum(splat((real)FLAT), maximum(twice, sub(zero, twice)));
    exp_of_pair e = exp_of_pairs((pair_of_lanes){size, zero});
    lanes less_one = fused(e.power, e.less_one, sub(e.power, splat(1)));
    lanes t = divide(less_one, add(less_one, splat(2)));
    return where_less(x, zero, sub(zero, t), t);
}

LANES_INLINE lanes transformed(lanes x, Transform transform) {
    if (transform.softcap != 0)
        x = mul(splat(transform.softcap), tanh_of(mul(x, splat(1 / transform.softcap))));
    return transform.temperature == 1 ? x : divide(x, splat(transform.temperature));
}

/* One logit. */
LANES_FUNCTION real transform_logit(real x, Transform transform) {
    real values[LANES];
    store(values, transformed(splat(x), transform));
    return values[0];
}

/* `count` logits; `to` may be `x`. */
LANES_FUNCTION void transform_logits(stored *to, const stored *x, ptrdiff_t count, Transform transform) {
    ptrdiff_t k = 0;
    for (; k + LANES <= count; k += LANES) store_logits(to + k, transformed(load_logits(x + k), transform));
    if (k < count)
        store_logits_part(
            to + k, transformed(load_logits_part(x + k, (int)(count - k)), transform), (int)(count - k));
}

/* The slopes at logits whose transformed values are x. */
LANES_INLINE lanes slopes(lanes x, Transform transform) {
    lanes one = splat(1), slope = one;
    if (transform.softcap != 0) {
        lanes t = mul(mul(x, splat(transform.temperature)), splat(1 / transform.softcap));
        slope = mul(sub(one, t), add(one, t));
    }
    return mul(slope, splat(1 / transform.temperature));
}
LANES_FUNCTION real slope_at(real x, Transform transform) {
    real values[LANES];
    store(values, slopes(splat(x), transform));
    return values[0];
}
/* Multiplies `values` by the slopes at the transformed logits x. */
LANES_FUNCTION void times_slopes(real *values, const stored *x, ptrdiff_t count, Transform transform) {
    ptrdiff_t k = 0;
    for (; k + LANES <= count; k += LANES)
        store(values + k, mul(load(values + k), slopes(load_logits(x + k), transform)));
    for (; k < count; k++) values[k] *= slope_at(real_of(x[k]), transform);
}
