/* fma.h: a * b + c rounded once, in plain C; included by portable.h only. The C library's fma is not correct
 * everywhere: musl's loses the sign of a zero, mingw's rounds twice. */
#pragma once

/* float32: the product is exact in float64; its sum with c is rounded to odd (Boldo and Melquiond 2008,
 * "Emulation of FMA and correctly rounded sums"), so that the second rounding, to float32, rounds the exact
 * value. With NaN or inf the error term is NaN, and nothing is changed. */
LANES_INLINE float fma_f32(float a, float b, float c) {
    double product = (double)a * (double)b, addend = c, sum = product + addend;
    double back = sum - product, error = (product - (sum - back)) + (addend - back);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((error > 0 || error < 0) && !(bits & 1)) bits += ((error > 0) == (sum > 0)) ? 1 : (uint64_t)-1;
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}

#if defined(__FP_FAST_FMA) || !defined(__SIZEOF_INT128__)
LANES_INLINE double fma_f64(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else

/* float64: the product has 106 bits, so integers of 128 bits hold it. A term is digits * 2**power, with its
 * highest bit at FIRST, which leaves room for a carry. Bits that are shifted out at the low end set the last
 * bit (a sticky bit). That happens only to an operand that is 2**20 times smaller than the other, so the
 * highest bit of the sum is FIRST - 1 or above, and rounding only needs to know whether any lower bit is set.
 */
typedef unsigned __int128 digits_128;
typedef struct {
    digits_128 digits;
    int power;
} fma_term;
enum { FIRST = 125, FRACTION = 52, BIAS = 1023, SPECIAL = 0x7ff };

LANES_INLINE uint64_t bits_of_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
LANES_INLINE int field_of(uint64_t bits) { return (int)(bits >> FRACTION & SPECIAL); }
LANES_INLINE digits_128 fraction_of(uint64_t bits) {
    return (bits << 12 >> 12) | (uint64_t)(field_of(bits) > 0) << FRACTION;
}
LANES_INLINE int power_of(uint64_t bits) {
    return (field_of(bits) > 0 ? field_of(bits) : 1) - BIAS - FRACTION;
}
LANES_INLINE digits_128 shifted_out(digits_128 x, int places) {
    if (places > 127) return x != 0;
    return x >> places | ((x & (((digits_128)1 << places) - 1)) != 0);
}
LANES_INLINE fma_term with_first_at_top(fma_term x) {
    uint64_t high = (uint64_t)(x.digits >> 64), low = (uint64_t)x.digits;
    int places = (high ? __builtin_clzll(high) : 64 + __builtin_clzll(low)) - (127 - FIRST);
    return (fma_term){places < 0 ? shifted_out(x.digits, -places) : x.digits << places, x.power - places};
}

/* Rounds to nearest, ties to even. Below 2**-1022 fewer bits are kept. A carry into the exponent gives the
 * right result. */
LANES_INLINE double rounded_term(fma_term x, uint64_t sign) {
    const int dropped = FIRST - FRACTION;
    x = with_first_at_top(x);
    int field = x.power + FIRST + BIAS;
    uint64_t bits = (uint64_t)SPECIAL << FRACTION;
    if (field < SPECIAL) {
        digits_128 kept = field > 0 ? x.digits : shifted_out(x.digits, 1 - field),
                   half = (digits_128)1 << (dropped - 1);
        digits_128 rest = kept & (2 * half - 1);
        bits = (uint64_t)(kept >> dropped) + (field > 1 ? (uint64_t)(field - 1) << FRACTION : 0);
        bits += rest > half || (rest == half && (bits & 1));
    }
    double value;
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

LANES_FUNCTION double fma_f64(double a, double b, double c) {
    const uint64_t i = bits_of_f64(a), j = bits_of_f64(b), k = bits_of_f64(c), sign = (uint64_t)1 << 63;
    if (a == 0 || b == 0 || field_of(i) == SPECIAL || field_of(j) == SPECIAL)
        return a * b + c; /* an exact product */
    if (field_of(k) == SPECIAL) return c + c;
    fma_term product =
        with_first_at_top((fma_term){fraction_of(i) * fraction_of(j), power_of(i) + power_of(j)});
    if (c == 0) return rounded_term(product, (i ^ j) & sign);
    fma_term large = with_first_at_top((fma_term){fraction_of(k), power_of(k)}), small = product;
    uint64_t sign_of_large = k & sign, differ = (i ^ j ^ k) & sign;
    if (product.power > large.power || (product.power == large.power && product.digits > large.digits)) {
        small = large;
        large = product;
        sign_of_large ^= differ;
    }
    small.digits = shifted_out(small.digits, large.power - small.power);
    large.digits += differ ? -small.digits : small.digits;
    return large.digits ? rounded_term(large, sign_of_large) : 0.0;
}
#endif
