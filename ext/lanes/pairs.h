/* pairs.h: exp and log of pairs in lanes of `real`, which a row of few classes needs once. A pair is the
 * number high + low, where |low| is at most a few ulps of high. */
#pragma once

#include "lanes/exp.h"

typedef struct {
    lanes high, low;
} pair_of_lanes;

/* a + b with its rounding error: Knuth's two-sum. */
LANES_INLINE pair_of_lanes pair_sum(lanes a, lanes b) {
    lanes sum = add(a, b), back = sub(sum, a);
    return (pair_of_lanes){sum, add(sub(a, sub(sum, back)), sub(b, back))};
}
/* The same if |a| >= |b|, or if both are so small that an error of the error does not matter. */
LANES_INLINE pair_of_lanes fast_pair_sum(lanes a, lanes b) {
    lanes sum = add(a, b);
    return (pair_of_lanes){sum, sub(b, sub(sum, a))};
}
LANES_INLINE wide widen_pair(pair_of_lanes a) { return wide_add(widen(a.high), widen(a.low)); }

/* exp(x) = power * (1 + less_one) with an exact power; x < -LEAST_EXPONENT is taken as -LEAST_EXPONENT.
 *     n        := round(x STEPS log2(e))
 *     r        := x - n STEP / STEPS         low := x.low, and the error of STEP times n
 *     less_one := exp(r) (1 + low) - 1       plus the error of the power; its own error: 1.7e-10,
 *                                            float64: 3.8e-18
 * NaN passes in less_one. */
#ifdef SMOOTHXENT_FLOAT64
static const double LEAST_EXPONENT = 700;
#define EXP_SQUARE (EXP_RATIO + 1)
enum { SQUARE_DEGREE = EXP_DEGREE - 1 };
#else
static const float LEAST_EXPONENT = 86;
static const float EXP_SQUARE[] = {0x1p-1f, 0x1.555c70p-3f, 0x1.5557d6p-5f}; /* (exp(r) - 1 - r) / r**2 */
enum { SQUARE_DEGREE = sizeof EXP_SQUARE / sizeof EXP_SQUARE[0] - 1 };
#endif
typedef struct {
    lanes less_one, power;
} exp_of_pair;
LANES_INLINE exp_of_pair exp_of_pairs(pair_of_lanes x) {
    const lanes bias = splat((real)(MAGIC + STEPS * EXPONENT_BIAS));
    lanes c = maximum(splat(-LEAST_EXPONENT), x.high), u = fused(c, splat((real)(STEPS * LOG2_E)), bias),
          n = sub(u, bias);
    lanes r = negative_fused(n, splat((real)(STEP / STEPS)), c), square = splat(EXP_SQUARE[SQUARE_DEGREE]);
    lanes low = negative_fused(n, splat((real)((STEP_LOW - STEP_ERROR) / STEPS)), x.low);
    UNROLLED for (int i = SQUARE_DEGREE - 1; i >= 0; i--) square = fused(square, r, splat(EXP_SQUARE[i]));
    square = mul(mul(r, r), square);
    lanes exp_r = add(add(r, square), splat(1));
    return (exp_of_pair){add(r, fused(low, exp_r, add(square, step_errors(u)))), step_powers(u)};
}

/* log(a + b + low) for a, b >= 0 and a + b normal, accurate to the last digit even if a = 1 and b is
 * tiny, and the inverse of the sum, within an ulp.
 *     a + b = w + lost;  w = 2**k m, m in [sqrt(1/2), sqrt(2));  f = m - 1 exact;  s = f / (1 + m);  z = s**2
 *     log(1 + f) = f - f**2/2 + s (f**2/2 + z R(z)): the leading terms are free of the error of s
 *     log(1 + lost / w) = (lost - lost**2 / 2) / w; the square matters only where w = 1
 * Relative error of R: 8.2e-10 (float64: 2.2e-17). NaN passes through `lost`. */
#ifdef SMOOTHXENT_FLOAT64
#define LOG_ROW_SERIES LOG_SERIES
#else
static const float LOG_ROW_SERIES[] = {0x1.55557ap-1f, 0x1.995ee0p-2f, 0x1.31df0ap-2f};
#endif
enum { LOG_DEGREE = sizeof LOG_ROW_SERIES / sizeof LOG_ROW_SERIES[0] - 1 };
LANES_INLINE pair_of_lanes log_of_sum(lanes a, lanes b, lanes low, lanes *inverse) {
    pair_of_lanes w = pair_sum(a, b);
    lanes k, m = split(w.high, &k), f = sub(m, splat(1)), s = divide(f, add(m, splat(1))), z = mul(s, s);
    lanes half_square = mul(mul(f, splat(0.5)), f), series = splat(LOG_ROW_SERIES[LOG_DEGREE]);
    UNROLLED for (int i = LOG_DEGREE - 1; i >= 0; i--) series = fused(series, z, splat(LOG_ROW_SERIES[i]));
    lanes lost = add(w.low, fused(mul(w.low, splat(-0.5)), w.low, low));
    lanes first = divide(splat(1), w.high), correction = mul(lost, first);
    *inverse = negative_fused(first, correction, first);
    lanes rest = fused(k, splat((real)(STEP_LOW - STEP_ERROR)), correction);
    rest = sub(fused(s, fused(z, series, half_square), rest), half_square);
    lanes sum = add(f, rest), log = fused(k, splat((real)STEP), sum);
    return (pair_of_lanes){
        log, add(add(fused(k, splat((real)STEP), sub(splat(0), log)), sum), sub(rest, sub(sum, f)))};
}
