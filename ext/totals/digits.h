/* digits.h: adds a float64 exactly to a fixed-point number. The digits of such a number, to the base 2**32,
 * are int64, lowest first, with room for 2**31 terms between carries. For exact_sum.pxi and group_sums.pyx. */
#pragma once

#include <stdint.h>
#include <string.h>

enum { DIGIT = 32 }; /* bits */

/* The number sign * mantissa * 2**exponent; the mantissa has at most 53 bits. */
typedef struct {
    uint64_t mantissa;
    int exponent;
    int64_t sign;
} Dyadic;

/* value is finite. */
static inline Dyadic dyadic_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int field = (int)(bits >> 52 & 0x7FF), is_normal = field > 0; /* normal: with the hidden bit */
    const uint64_t mantissa = (bits << 12 >> 12) | (uint64_t)is_normal << 52;
    return (Dyadic){mantissa, field - is_normal - 1074, bits >> 63 ? -1 : 1};
}

/* Adds term.sign * term.mantissa * 2**shift, in units of digit 0. */
static inline void add_to_digits(int64_t *digits, Dyadic term, unsigned shift) {
    const uint64_t low = (uint64_t)(uint32_t)term.mantissa << (shift % DIGIT);
    const uint64_t high = (term.mantissa >> DIGIT) << (shift % DIGIT);
    int64_t *digit = digits + shift / DIGIT;
    digit[0] += term.sign * (int64_t)(uint32_t)low;
    digit[1] += term.sign * (int64_t)((low >> DIGIT) + (uint32_t)high);
    digit[2] += term.sign * (int64_t)(high >> DIGIT);
}
