/* functions.h: float64 functions of what a row needs once: powers of two, exp, log.
 *
 * Free of branches and loops, so that loops over the rows of a group vectorise.
 */
#ifndef SMOOTHXENT_FUNCTIONS_H
#define SMOOTHXENT_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "registers.h"

static const double LOG2_E = 0x1.71547652b82fep+0, LN2 = 0x1.62e42fefa39efp-1, LN2_LOW = 0x1.abc9e3b39803fp-56;

LANES_INLINE double rounded(double x) { return (x + 0x1.8p+52) - 0x1.8p+52; } /* to the nearest integer, |x| < 2**51 */

LANES_INLINE double power_of_two(double n) { /* 2**n, n an integer in [-1022, 1023] */
    double u = n + (0x1.8p+52 + 1023.0);
    uint64_t bits;
    memcpy(&bits, &u, sizeof bits);
    bits <<= 52;
    memcpy(&u, &bits, sizeof u);
    return u;
}

/* Polynomials of ext/coefficients.py, lowest degree first. Where logits are float32 or half of it, 2**-34 is enough. */
#ifdef SMOOTHXENT_FLOAT64
enum { LOW_PARTS = 1 }; /* whether what a float64 number lacks matters */
static const double EXP_RATIO_WIDE[] = {
    0x1p+0, 0x1.000000000000ap-1, 0x1.5555555555509p-3, 0x1.555555555072cp-5, 0x1.1111111124a1ep-7, 0x1.6c16c184588c8p-10,
    0x1.a01a0138fbad2p-13, 0x1.a01999b4fdebbp-16, 0x1.71df07dad5a92p-19, 0x1.28adadeb58d78p-22, 0x1.adaa6c60e885ap-26};
static const double LOG_SERIES[] = {
    0x1.5555555555592p-1, 0x1.999999997ffd9p-2, 0x1.24924941d2795p-2, 0x1.c71c5221ea87bp-3, 0x1.746639fff75e2p-3,
    0x1.39a235a524da7p-3, 0x1.2f00b231cd669p-3};
#else
enum { LOW_PARTS = 0 };
static const double EXP_RATIO_WIDE[] = {
    0x1.00000000de1d1p+0, 0x1.0000004226a25p-1, 0x1.55555361cea0ep-3, 0x1.555481f2e7297p-5, 0x1.1112f8e82c20ep-7,
    0x1.6d9529f8d289fp-10, 0x1.9ea42d1dc9576p-13};
static const double LOG_SERIES[] = {0x1.555554fde9c99p-1, 0x1.999a79eb37c65p-2, 0x1.2439000aa991ap-2, 0x1.e2f07e8146647p-3};
#endif
#define LAST(array) ((int)(sizeof array / sizeof array[0]) - 1)
#define HORNER(value, x, array)                                                                         \
    double value = array[LAST(array)];                                                                  \
    UNROLLED for (int i = LAST(array) - 1; i >= 0; i--) value = fma(value, x, array[i]);

/* a * exp(x + x_low) with one rounding at the end, subnormal results included; x <= 709, or -inf, or NaN. The
 * power is applied in two steps, of which only the second can leave the normal range (a in [2**-200, 2**200]). */
LANES_INLINE double times_exp(double a, double x, double x_low) {
    double clamped = x < -800.0 ? -800.0 : x; /* a * exp(-800) is 0 for every such a; NaN passes */
    double low = x < -800.0 ? 0.0 : x_low; /* of a huge x, anything up to half an ulp of it */
    double n = rounded(clamped * LOG2_E), half = rounded(0.5 * n);
    double r = fma(-n, LN2_LOW, fma(-n, LN2, clamped)) + low;
    HORNER(ratio, r, EXP_RATIO_WIDE)
    return fma(a * r, ratio, a) * power_of_two(half) * power_of_two(n - half);
}

/* log(a + b) for a, b >= 0 and a + b normal, right to the last digit where a = 1 and b is tiny.
 *     a + b = w + w_low;  w = 2**k m, m in [sqrt(1/2), sqrt(2));  f = m - 1 exact;  s = f / (2 + f);  z = s**2
 *     log(1 + f) = f - f**2/2 + s (f**2/2 + z R(z)): the leading terms are free of the error of s
 * w_low counts where log(w) is tiny, so w near 1, and for the last digit of float64. log(0) is -inf; inf and NaN pass. */
LANES_INLINE double log_of_sum(double a, double b) {
    const uint64_t root = 0x3fe6a09e667f3bcdULL; /* the bits of sqrt(1/2) */
    double w = a + b, back = w - a, w_low = (a - (w - back)) + (b - back), k, m;
    uint64_t bits, exponent;
    memcpy(&bits, &w, sizeof bits);
    bits += 0x3ff0000000000000ULL - root;
    exponent = (bits >> 52) | 0x4330000000000000ULL; /* 2**52 + k + 1023 */
    memcpy(&k, &exponent, sizeof k);
    k -= 0x1p+52 + 1023.0;
    bits = (bits & 0x000fffffffffffffULL) + root;
    memcpy(&m, &bits, sizeof m);
    double f = m - 1.0, s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f;
    double low = LOW_PARTS ? fma(k, LN2_LOW, w_low / w) : k == 0.0 ? w_low : 0.0;
    HORNER(series, z, LOG_SERIES)
    double rest = fma(s, fma(z, series, half_square), low) - half_square;
    double result = fma(k, LN2, f + rest), special = w == 0.0 ? -(double)INFINITY : w;
    return w > 0.0 && w < (double)INFINITY ? result : special;
}

#endif
