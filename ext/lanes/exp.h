/* exp.h: exp of lanes, the function that is computed once for each logit. */
#pragma once

#include "lanes/exp_log.h"
#include "lanes/lanes.h"

/* exp(x - m) = power + rest * ratio, where exp is computed in steps of ln(2) / STEPS, and the reference
 * m = -steps * STEP / STEPS is a whole number of them.
 *
 *     c      := max(x, least)               least = m - EXPONENT_BIAS * STEP, where the power is 0
 *     u      := c * STEPS * log2(e) + bias  bias = MAGIC + STEPS * EXPONENT_BIAS + steps
 *     n      := u - bias                    exact: round(c STEPS log2(e)); MAGIC, 1.5 * 2**23, leaves
 *                                           n + steps + STEPS * EXPONENT_BIAS in the low bits of u
 *     r      := c - n * STEP / STEPS        one rounding; |r| <= ln(2) / (2 STEPS)
 *     power  := 2**((n + steps) / STEPS)    float32: from a rounded table, see registers.h
 *     rest   := power * r
 *     ratio  := (exp(r) - 1) / r            polynomial; error of 1 + r * ratio: 2.6e-8 (float64: 3.8e-18)
 *
 * The difference x - m is never taken: its rounding would be the same for many equal terms, and their errors
 * would add up. Powers and rest * ratio are summed separately, which halves the remaining error: powers of
 * similar size add exactly, and rests are small.
 *
 * float32 uses steps of ln(2) / 8, so three coefficients suffice instead of six. float64 uses steps of ln(2),
 * as AVX2 cannot permute eight numbers of 64 bits. The caller ensures |x| <= LARGE_LOGIT, up to which u is
 * exact, and a finite power. LOG2_E may be rounded: next to a tie n may be off by 1, which makes |r| slightly
 * larger.
 *
 * STEP is ln(2) rounded to `real` (float64: STEP + STEP_LOW), too large by STEP_ERROR. So the result
 * has an additional factor exp(-(n + steps) * STEP_ERROR / STEPS), which is 1 in all terms that matter. Below
 * least + ln(2) the power is subnormal and has few digits; it is below 2**-126 there. NaN: r is NaN, and so
 * is rest * ratio.
 *
 * tools/coefficients.py computes the polynomials.
 */
#ifdef SMOOTHXENT_FLOAT64
enum { STEPS = 1 };
static const double MAGIC = 0x1.8p+52, EXPONENT_BIAS = 1023.0, STEP_ERROR = 0.0,
                    STEP_LOW = 0x1.abc9e3b39803fp-56;
#define EXP_RATIO EXP_RATIO_WIDE
LANES_INLINE lanes step_powers(lanes u) {
    EACH_REGISTER u.r[i] = exponent_f64(u.r[i]);
    return u;
}
LANES_INLINE lanes step_errors(lanes u) {
    (void)u;
    return splat(0);
}
#else
enum { STEPS = 8 };
static const double MAGIC = 0x1.8p+23, EXPONENT_BIAS = 127.0, STEP_ERROR = 0x1.05c610ca86c39p-29,
                    STEP_LOW = 0.0;
static const float EXP_RATIO[] = {0x1p+0f, 0x1.000874p-1f, 0x1.5557dep-3f};
LANES_INLINE lanes step_powers(lanes u) {
    EACH_REGISTER u.r[i] = step_powers_f32(u.r[i]);
    return u;
}
LANES_INLINE lanes step_errors(lanes u) {
    EACH_REGISTER u.r[i] = step_errors_f32(u.r[i]);
    return u;
}
#endif
enum { EXP_DEGREE = sizeof EXP_RATIO / sizeof EXP_RATIO[0] - 1 };
static const double STEP = (double)(real)0x1.62e42fefa39efp-1;
static const double LARGE_LOGIT = 0x1p+17;

typedef struct {
    lanes bias, least;
} exp_reference;
typedef struct {
    lanes power, rest, ratio;
} exp_term;
LANES_INLINE exp_reference exp_reference_of(lanes steps) {
    exp_reference m = {add(steps, splat((real)(MAGIC + STEPS * EXPONENT_BIAS))),
        mul(add(steps, splat((real)(STEPS * EXPONENT_BIAS))), splat((real)(-STEP / STEPS)))};
    return m;
}
LANES_INLINE exp_term exp_term_of(lanes x, exp_reference m) {
    lanes c = maximum(m.least, x), u = fused(c, splat((real)(STEPS * LOG2_E)), m.bias),
          n = sub(u, m.bias); /* maximum in this order lets NaN pass */
    lanes r = negative_fused(n, splat((real)(STEP / STEPS)), c), ratio = splat(EXP_RATIO[EXP_DEGREE]),
          power = step_powers(u);
#ifdef SMOOTHXENT_FLOAT64
    r = negative_fused(n, splat(STEP_LOW / STEPS), r);
#endif
    UNROLLED for (int i = EXP_DEGREE - 1; i >= 0; i--) ratio = fused(ratio, r, splat(EXP_RATIO[i]));
    exp_term e = {power, mul(power, r), ratio};
    return e;
}
LANES_INLINE lanes exp_of(exp_term e) { return fused(e.rest, e.ratio, e.power); }
