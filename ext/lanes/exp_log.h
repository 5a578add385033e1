/* exp_log.h: exp and log in float64, which a row needs once.
 *
 * The functions take one register of rows at a time, not all rows of a group: they have many steps, so a
 * group would not stay in registers.
 */
#pragma once

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lanes/registers.h"

static const double LOG2_E = 0x1.71547652b82fep+0, LN2 = 0x1.62e42fefa39efp-1,
                    LN2_LOW = 0x1.abc9e3b39803fp-56;

/* Short names of operations on registers of float64. */
#define SPLAT(x) OP_F64(set1)(x)
#define FUSED(a, b, c) OP_F64(fmadd)(a, b, c)
#define NEGATIVE_FUSED(a, b, c) OP_F64(fnmadd)(a, b, c)

static const double ROUND = 0x1.8p+52; /* x + ROUND - ROUND rounds |x| < 2**51 to an integer */
LANES_INLINE double rounded(double x) { return (x + ROUND) - ROUND; }

/* 2**n for integers n in [-1022, 1023]. */
LANES_INLINE reg_f64 powers_of_two(reg_f64 n) { return exponent_f64(n + SPLAT(ROUND + 1023.0)); }

/* Polynomials from tools/coefficients.py, lowest degree first. For logits of float32 or half types an error of
 * 2**-34 is small enough. */
#ifdef SMOOTHXENT_FLOAT64
enum { LOW_PARTS = 1 }; /* whether rounding errors of float64 matter to the result */
static const double EXP_RATIO_WIDE[] = {0x1p+0, 0x1.000000000000ap-1, 0x1.5555555555509p-3,
    0x1.555555555072cp-5, 0x1.1111111124a1ep-7, 0x1.6c16c184588c8p-10, 0x1.a01a0138fbad2p-13,
    0x1.a01999b4fdebbp-16, 0x1.71df07dad5a92p-19, 0x1.28adadeb58d78p-22, 0x1.adaa6c60e885ap-26};
static const double LOG_SERIES[] = {0x1.5555555555592p-1, 0x1.999999997ffd9p-2, 0x1.24924941d2795p-2,
    0x1.c71c5221ea87bp-3, 0x1.746639fff75e2p-3, 0x1.39a235a524da7p-3, 0x1.2f00b231cd669p-3};
#else
enum { LOW_PARTS = 0 };
static const double EXP_RATIO_WIDE[] = {0x1.00000000de1d1p+0, 0x1.0000004226a25p-1, 0x1.55555361cea0ep-3,
    0x1.555481f2e7297p-5, 0x1.1112f8e82c20ep-7, 0x1.6d9529f8d289fp-10, 0x1.9ea42d1dc9576p-13};
static const double LOG_SERIES[] = {
    0x1.555554fde9c99p-1, 0x1.999a79eb37c65p-2, 0x1.2439000aa991ap-2, 0x1.e2f07e8146647p-3};
#endif
#define LAST(array) ((int)(sizeof array / sizeof array[0]) - 1)
#define HORNER(value, x, array)                \
    reg_f64 value = SPLAT(array[LAST(array)]); \
    UNROLLED for (int i = LAST(array) - 1; i >= 0; i--) value = FUSED(value, x, SPLAT(array[i]));

/* a * exp(x + x_low), rounded once at the end, for x <= 709, -inf or NaN and a in [2**-200, 2**200]. In
 * float64 kernels the result may be subnormal: the power of two is multiplied in two steps, of which only the
 * second can leave the normal range. In other kernels x_low is ignored, and results below 2**-1022 a are 0.
 */
LANES_INLINE reg_f64 times_exps(reg_f64 a, reg_f64 x, reg_f64 x_low) {
    x = OP_F64(max)(SPLAT(LOW_PARTS ? -800.0 : -1023.0 * 0.6931), x); /* NaN passes */
    reg_f64 n = FUSED(x, SPLAT(LOG2_E), SPLAT(ROUND)) - SPLAT(ROUND), r = NEGATIVE_FUSED(n, SPLAT(LN2), x);
    if (!LOW_PARTS) { /* two halves of the polynomial, which the CPU overlaps */
        const double *c = EXP_RATIO_WIDE;
        reg_f64 square = r * r,
                low = FUSED(FUSED(r, SPLAT(c[3]), SPLAT(c[2])), square, FUSED(r, SPLAT(c[1]), SPLAT(c[0])));
        reg_f64 high = FUSED(square, SPLAT(c[6]), FUSED(r, SPLAT(c[5]), SPLAT(c[4])));
        return FUSED(a * r, FUSED(high, square * square, low), a) * powers_of_two(n);
    }
    reg_f64 half = FUSED(n, SPLAT(0.5), SPLAT(ROUND)) - SPLAT(ROUND);
    r = NEGATIVE_FUSED(n, SPLAT(LN2_LOW), r) + x_low;
    HORNER(ratio, r, EXP_RATIO_WIDE)
    return FUSED(a * r, ratio, a) * powers_of_two(half) * powers_of_two(n - half);
}
LANES_INLINE double times_exp(double a, double x, double x_low) {
    return first_f64(times_exps(SPLAT(a), SPLAT(x), SPLAT(x_low)));
}

/* log(a + b) for a, b >= 0 and a + b normal, accurate to the last digit even if a = 1 and b is tiny.
 *     a + b = w + w_low;  w = 2**k m, m in [sqrt(1/2), sqrt(2))
 *     f = m - 1 exact;  s = f / (1 + m);  z = s**2
 *     log(1 + f) = f - f**2/2 + s (f**2/2 + z R(z)): the leading terms are free of the error of s
 * The correction w_low / w matters where w is near 1, as log(w) is tiny there, and to the last digit of
 * float64. NaN passes through w - w. */
LANES_INLINE reg_f64 logs_of_sums(reg_f64 a, reg_f64 b) {
    reg_f64 w_low, w = two_sum(a, b, &w_low);
    reg_f64 k, m = split_f64(w, &k), f = m - SPLAT(1.0), s = f / (m + SPLAT(1.0)), z = s * s;
    reg_f64 half_square = f * SPLAT(0.5) * f;
    reg_f64 low =
        LOW_PARTS ? FUSED(k, SPLAT(LN2_LOW), w_low / w) : where_equal_f64(k, SPLAT(0.0), w_low, SPLAT(0.0));
    low += w - w;
    HORNER(series, z, LOG_SERIES)
    reg_f64 rest = FUSED(s, FUSED(z, series, half_square), low) - half_square;
    return FUSED(k, SPLAT(LN2), f + rest);
}

/* value * weight, but inf * 0 = 0; NaN passes. */
LANES_INLINE reg_f64 weighted_terms(reg_f64 weight, reg_f64 value) {
    return weight * where_equal_f64(weight, SPLAT(0.0), OP_F64(min)(SPLAT(DBL_MAX), value), value);
}
LANES_INLINE double weighted_term(double weight, double value) {
    return first_f64(weighted_terms(SPLAT(weight), SPLAT(value)));
}

LANES_INLINE reg_f64 where_finite(reg_f64 x) { return where_equal_f64(x - x, SPLAT(0.0), x, SPLAT(0.0)); }
