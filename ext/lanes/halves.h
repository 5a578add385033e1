/* halves.h: conversion of float16 and bfloat16, the 2-byte types of logits in memory. Single numbers are
 * converted here; the files of the instruction sets convert whole registers.
 *
 * Both are read and written as uint16_t. Widening to float32 is exact. Narrowing rounds to nearest, ties to
 * even; a NaN stays a quiet NaN with the upper bits of its payload. Same bits from every instruction set.
 *
 *     float16     1 sign, 5 exponent, 10 fraction bits: up to 65504, subnormal below 2**-14, smallest 2**-24
 *     bfloat16    the upper half of a float32
 *
 *     widen_half_type, narrow_half_type      one number
 *     load_half_type, store_half_type        a register of numbers
 *     load_half_quad, store_half_quad        QUAD_F32 numbers
 */
#pragma once

LANES_INLINE float float_of_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
LANES_INLINE uint32_t bits_of_float(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

#if defined(SMOOTHXENT_FLOAT16) || defined(SMOOTHXENT_BFLOAT16)
#define STORED_IS_HALF

#ifdef SMOOTHXENT_BFLOAT16

LANES_INLINE float widen_half_type(uint16_t half) { return float_of_bits((uint32_t)half << 16); }
LANES_INLINE uint16_t narrow_half_type(float x) {
    uint32_t bits = bits_of_float(x);
    if (x != x) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#else /* float16 */

LANES_INLINE float widen_half_type(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    /* Moves the bias from 15 to 127. Subnormals come from a subtraction of normal numbers, as the CPU may be
     * set to treat subnormal operands as 0. */
    float magnitude =
        rest < 0x00800000 ? float_of_bits(rest + 0x38800000) - 0x1p-14f : float_of_bits(rest + 0x38000000);
    if (rest >= 0x0f800000) magnitude = float_of_bits(rest | 0x7f800000 | (rest & 0x007fe000 ? 0x400000 : 0));
    return float_of_bits(bits_of_float(magnitude) | sign);
}
LANES_INLINE uint16_t narrow_half_type(float x) {
    uint32_t bits = bits_of_float(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and above, halfway to 65536 */
    if (rest < 0x38800000) /* below 2**-14: adding 1/2 leaves the multiple of 2**-24 in the low bits */
        return (uint16_t)(sign | (bits_of_float(float_of_bits(rest) + 0.5f) - 0x3f000000));
    rest -= 112u << 23;
    return (uint16_t)(sign | (rest + 0xfff + (rest >> 13 & 1)) >> 13);
}

#endif

#endif
