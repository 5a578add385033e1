/* exp.h: exp of lanes. */
#ifndef SMOOTHXENT_EXP_H
#define SMOOTHXENT_EXP_H

#include "lanes/exp_log.h"
#include "lanes/lanes.h"

/* ---- exp ---------------------------------------------------------------------------------------
 *
 * exp(x) * 2**scale = power + rest * ratio, with scale an integer held in `bias`:
 *
 *     u         := x * log2(e) + bias    bias = MAGIC + EXPONENT_BIAS + scale. Adding MAGIC (1.5 * 2**23) leaves
 *                                        n + EXPONENT_BIAS in the low bits of u, n = round(x log2(e)) + scale
 *     whole     := u - bias              exact: n - scale = round(x log2(e)), an integer
 *     remainder := x - whole * STEP      one rounding, at most ln(2)/2, so it is right to 2**-26 whatever x is
 *     power     := 2**n                  the low bits of u, at least LEAST_POWER, moved to the exponent
 *     rest      := power * remainder     exact
 *     ratio     := (exp(r) - 1) / r      polynomial, relative error of 1 + r * ratio: 3.2e-9 (float64: 3.8e-18)
 *
 * Keeping power and rest * ratio apart halves the error twice: sums of powers of two of like size are exact, and
 * the rounding of the rest is scaled by |r| <= 0.35. Sums of `whole` and `remainder` give sums of x to 2**-26, in
 * float32 adds: integers add exactly, remainders are small.
 * x is clamped at LOWEST (-inf becomes that), n at LEAST_POWER, where a term is below any last digit (2**-100) and
 * `rest` not yet subnormal, which would be slow. Needs |x| <= -LOWEST and 2**n finite: the caller sees to that.
 * Log2(e) needs no precision: a wrong n at a tie gives an |r| a hair above ln(2)/2. STEP is ln(2) as `real` has it
 * (float64: with STEP_LOW), too large by STEP_ERROR. So this is exp(x + scale * STEP) * exp(-n * STEP_ERROR): exact but
 * for n, which is small where a term counts, if -scale * STEP is what the rest of the kernel takes for the reference.
 * NaN: remainder and ratio and with them rest * ratio are NaN; `power` is any number.
 * Coefficients: coefficients.py.
 */
#ifdef SMOOTHXENT_FLOAT64
static const double MAGIC = 0x1.8p+52, EXPONENT_BIAS = 1023.0, STEP_ERROR = 0.0, STEP_LOW = 0x1.abc9e3b39803fp-56;
static const double EXP_RATIO[] = {
    0x1p+0, 0x1.000000000000ap-1, 0x1.5555555555509p-3, 0x1.555555555072cp-5, 0x1.1111111124a1ep-7, 0x1.6c16c184588c8p-10,
    0x1.a01a0138fbad2p-13, 0x1.a01999b4fdebbp-16, 0x1.71df07dad5a92p-19, 0x1.28adadeb58d78p-22, 0x1.adaa6c60e885ap-26};
#else
static const double MAGIC = 0x1.8p+23, EXPONENT_BIAS = 127.0, STEP_ERROR = 0x1.05c610ca86c39p-29, STEP_LOW = 0.0;
static const float EXP_RATIO[] = {0x1p+0f, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aep-5f, 0x1.123972p-7f, 0x1.6a4f1cp-10f};
#endif
enum { EXP_DEGREE = sizeof EXP_RATIO / sizeof EXP_RATIO[0] - 1 };
static const double STEP = (double)(real)0x1.62e42fefa39efp-1, LEAST_POWER = 27.0;
/* LOWEST is a power of two times STEP, so that its `whole` and `remainder` are these in every lane. */
static const double LOWEST = -0x1p+19 * (double)(real)0x1.62e42fefa39efp-1, LOWEST_WHOLE = -0x1p+19; /* times STEP */

typedef struct { lanes power, rest, ratio, whole, remainder; } exp_parts;

/* Of `count` vectors, IN_FLIGHT at most, each step for all of them before the next: a step waits for the one before it,
 * and this keeps the units busy meanwhile. IN_FLIGHT is as many as the registers hold; `count` is a constant. */
#define EACH_IN_FLIGHT UNROLLED for (int j = 0; j < count; j++)
LANES_INLINE void exp_lanes(const lanes *x, const int count, lanes bias, exp_parts *e) {
    lanes u[IN_FLIGHT], r[IN_FLIGHT], ratio[IN_FLIGHT];
    EACH_IN_FLIGHT r[j] = maximum(splat((real)LOWEST), x[j]); /* this order lets NaN pass */
    EACH_IN_FLIGHT u[j] = fused(r[j], splat((real)LOG2_E), bias);
    EACH_IN_FLIGHT e[j].whole = sub(u[j], bias);
    EACH_IN_FLIGHT r[j] = negative_fused(e[j].whole, splat((real)STEP), r[j]);
#ifdef SMOOTHXENT_FLOAT64
    EACH_IN_FLIGHT r[j] = negative_fused(e[j].whole, splat(STEP_LOW), r[j]);
#endif
    EACH_IN_FLIGHT ratio[j] = splat(EXP_RATIO[EXP_DEGREE]);
    UNROLLED for (int i = EXP_DEGREE - 1; i >= 0; i--)
        EACH_IN_FLIGHT ratio[j] = fused(ratio[j], r[j], splat(EXP_RATIO[i]));
    EACH_IN_FLIGHT e[j].power = exponent(maximum(splat((real)(MAGIC + LEAST_POWER)), u[j]));
    EACH_IN_FLIGHT e[j].rest = mul(e[j].power, r[j]);
    EACH_IN_FLIGHT e[j].remainder = r[j];
    EACH_IN_FLIGHT e[j].ratio = ratio[j];
}

/* ---- exp by steps --------------------------------------------------------------------------------
 *
 * exp(x - m) = power + rest * ratio, m = -scale * STEP / STEPS with an integer scale, x <= m + STEP / (2 STEPS):
 *
 *     c         := max(x, least)                least = m - EXPONENT_BIAS * STEP: exp is 0 there and below, and of -inf
 *     u         := c * STEPS * log2(e) + bias   bias = MAGIC + STEPS * EXPONENT_BIAS + scale; the low bits of u are n +
 *                                               STEPS * EXPONENT_BIAS, n = round(c STEPS log2(e)) + scale <= 0
 *     r         := c - (u - bias) * STEP / STEPS    one rounding; |r| <= ln(2) / (2 STEPS)
 *     power     := 2**(n / STEPS)               at most 1; float32: rounded, see registers.h
 *     rest      := power * r
 *     ratio     := (exp(r) - 1) / r             polynomial: relative error of 1 + r * ratio 2.6e-8 (float64: 3.8e-18)
 *
 * float32 takes eighths of ln(2): three coefficients in place of six. float64 has no permutation of eight numbers on AVX2.
 * Below least + ln(2) a power is subnormal and of few digits: 2**-126 at most. NaN: r is NaN, and so is rest * ratio.
 */
#ifdef SMOOTHXENT_FLOAT64
enum { STEPS = 1 };
#define STEP_RATIO EXP_RATIO
LANES_INLINE lanes step_powers(lanes u) { return exponent(u); }
LANES_INLINE lanes step_errors(lanes u) { (void)u; return splat(0); }
#else
enum { STEPS = 8 };
static const float STEP_RATIO[] = {0x1p+0f, 0x1.000874p-1f, 0x1.5557dep-3f};
LANES_INLINE lanes step_powers(lanes u) { EACH_REGISTER u.r[i] = step_powers_f32(u.r[i]); return u; }
LANES_INLINE lanes step_errors(lanes u) { EACH_REGISTER u.r[i] = step_errors_f32(u.r[i]); return u; }
#endif
enum { STEP_DEGREE = sizeof STEP_RATIO / sizeof STEP_RATIO[0] - 1 };

typedef struct { lanes bias, least; } exp_reference;
typedef struct { lanes power, rest, ratio; } exp_term;
LANES_INLINE exp_reference exp_reference_of(lanes scale) {
    exp_reference m = {add(scale, splat((real)(MAGIC + STEPS * EXPONENT_BIAS))), mul(add(scale, splat((real)(STEPS * EXPONENT_BIAS))), splat((real)(-STEP / STEPS)))};
    return m;
}
LANES_INLINE exp_term exp_term_of(lanes x, exp_reference m) {
    lanes c = maximum(m.least, x), u = fused(c, splat((real)(STEPS * LOG2_E)), m.bias), n = sub(u, m.bias); /* this order lets NaN pass */
    lanes r = negative_fused(n, splat((real)(STEP / STEPS)), c), ratio = splat(STEP_RATIO[STEP_DEGREE]), power = step_powers(u);
#ifdef SMOOTHXENT_FLOAT64
    r = negative_fused(n, splat(STEP_LOW / STEPS), r);
#endif
    UNROLLED for (int i = STEP_DEGREE - 1; i >= 0; i--) ratio = fused(ratio, r, splat(STEP_RATIO[i]));
    exp_term e = {power, mul(power, r), ratio};
    return e;
}
LANES_INLINE lanes exp_of(exp_term e) { return fused(e.rest, e.ratio, e.power); }

#endif
