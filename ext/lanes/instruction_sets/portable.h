/* portable.h: plain C with registers of one element, the readable version of the other files; it has no
 * quads. See registers.h and halves.h. */
#pragma once

#define REGISTERS_ARE_SCALAR

#include "lanes/instruction_sets/fma.h"
#include "lanes/halves.h"

LANES_INLINE void finish_streams(void) {}
#define READ_ONCE(a) __asm__ volatile("" : "+r"(a))

typedef float reg_f32;
typedef double reg_f64;
enum { WIDTH_F32 = 1, WIDTH_F64 = 1 };
#define OP_F32(name) plain_##name##_f32
#define OP_F64(name) plain_##name##_f64
LANES_INLINE reg_f32 plain_loadu_f32(const float *x) {
    float a;
    memcpy(&a, x, sizeof a);
    return a;
}
LANES_INLINE reg_f64 plain_loadu_f64(const double *x) {
    double a;
    memcpy(&a, x, sizeof a);
    return a;
}
LANES_INLINE void plain_storeu_f32(float *x, reg_f32 a) { memcpy(x, &a, sizeof a); }
LANES_INLINE void plain_storeu_f64(double *x, reg_f64 a) { memcpy(x, &a, sizeof a); }
#define plain_stream_f32 plain_storeu_f32
#define plain_stream_f64 plain_storeu_f64
LANES_INLINE reg_f32 plain_set1_f32(float x) { return x; }
LANES_INLINE reg_f64 plain_set1_f64(double x) { return x; }
LANES_INLINE reg_f32 plain_max_f32(reg_f32 a, reg_f32 b) { return a > b ? a : b; }
LANES_INLINE reg_f64 plain_max_f64(reg_f64 a, reg_f64 b) { return a > b ? a : b; }
LANES_INLINE reg_f32 plain_min_f32(reg_f32 a, reg_f32 b) { return a < b ? a : b; }
LANES_INLINE reg_f64 plain_min_f64(reg_f64 a, reg_f64 b) { return a < b ? a : b; }
LANES_INLINE reg_f32 plain_fmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return fma_f32(a, b, c); }
LANES_INLINE reg_f64 plain_fmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return fma_f64(a, b, c); }
LANES_INLINE reg_f32 plain_fnmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return fma_f32(-a, b, c); }
LANES_INLINE reg_f64 plain_fnmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return fma_f64(-a, b, c); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) {
    uint64_t bits;
    memcpy(&bits, &u, 8);
    bits <<= 52;
    memcpy(&u, &bits, 8);
    return u;
}
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    int64_t bits, above;
    memcpy(&bits, &x, sizeof bits);
    above = bits - ROOT_HALF_BITS;
    *k = (double)((above - (above & 0xfffffffffffff)) / 0x10000000000000);
    bits -= above & EXPONENT_MASK;
    memcpy(&x, &bits, sizeof x);
    return x;
}
LANES_INLINE reg_f32 split_f32(reg_f32 x, reg_f32 *k) {
    int32_t bits, above, powers;
    memcpy(&bits, &x, sizeof bits);
    above = bits - ROOT_HALF_BITS_F32;
    powers = (above - (above & 0x7fffff)) / 0x800000;
    *k = (float)powers;
    bits -= powers * 0x800000;
    memcpy(&x, &bits, sizeof x);
    return x;
}
LANES_INLINE reg_f32 step_powers_f32(reg_f32 u) {
    uint32_t n = bits_of_float(u);
    return float_of_bits((uint32_t)STEP_POWERS[n & 7] + (n << 20));
}
LANES_INLINE reg_f32 step_errors_f32(reg_f32 u) { return STEP_ERRORS[bits_of_float(u) & 7]; }
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) {
    (void)high;
    return (float)low;
}
LANES_INLINE double first_f64(reg_f64 x) { return x; }
typedef int64_t reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return x; }
LANES_INLINE reg_i64 load_i64(const void *x) {
    int64_t a;
    memcpy(&a, x, sizeof a);
    return a;
}
LANES_INLINE reg_i64 widen_i64(const void *x) {
    int32_t a;
    memcpy(&a, x, sizeof a);
    return a;
}
LANES_INLINE void store_i64(void *x, reg_i64 a) { memcpy(x, &a, sizeof a); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) { return (uint64_t)a < (uint64_t)b ? a : y; }
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) { return a == b ? x : y; }
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) { return a == b; }
LANES_INLINE reg_f64 f64_from_i64(reg_i64 a) { return (double)a; }
LANES_INLINE reg_f32 f32_from_i64(const int64_t *x) { return (float)*x; }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return c != 0.0 ? x : 0.0; }
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return a == b ? x : y; }
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return a == b ? x : y; }
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return a < b ? x : y; }
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return a < b ? x : y; }
LANES_INLINE reg_f32 unzip_f32(reg_f32 a, reg_f32 b, reg_f32 *odd) {
    *odd = b;
    return a;
}
LANES_INLINE reg_f64 unzip_f64(reg_f64 a, reg_f64 b, reg_f64 *odd) {
    *odd = b;
    return a;
}
LANES_INLINE reg_f32 zip_f32(reg_f32 a, reg_f32 b, reg_f32 *high) {
    *high = b;
    return a;
}
LANES_INLINE void unzip_three_f32(reg_f32 *x) { (void)x; }
LANES_INLINE void zip_three_f32(reg_f32 *x) { (void)x; }
LANES_INLINE int all_less_f32(reg_f32 a, reg_f32 b) { return a < b; }
LANES_INLINE int all_less_f64(reg_f64 a, reg_f64 b) { return a < b; }
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) {
    (void)count;
    return plain_loadu_f32(x);
}
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) {
    (void)count;
    return plain_loadu_f64(x);
}
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) {
    (void)count;
    plain_storeu_f32(x, a);
}
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) {
    (void)count;
    plain_storeu_f64(x, a);
}
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) {
    (void)half;
    return x;
}
LANES_INLINE float largest_f32(reg_f32 a) { return a; }
LANES_INLINE double largest_f64(reg_f64 a) { return a; }
LANES_INLINE double sum_f64(reg_f64 a) { return a; }

/* ---- half types ---------------------------------------------------------------------------------- */

#ifdef STORED_IS_HALF
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    uint16_t half;
    memcpy(&half, x, sizeof half);
    return widen_half_type(half);
}
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    uint16_t half = narrow_half_type(a);
    memcpy(x, &half, sizeof half);
}
#endif
