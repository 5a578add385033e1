/* neon.h: NEON of aarch64, registers of 16 bytes. See registers.h, quads.h and halves.h. */
#pragma once

#include <arm_neon.h>

#include "lanes/halves.h"

LANES_INLINE void finish_streams(void) {}
#define READ_ONCE(a) __asm__ volatile("" : "+w"(a))

typedef float32x4_t reg_f32;
typedef float64x2_t reg_f64;
enum { WIDTH_F32 = 4, WIDTH_F64 = 2 };
#define OP_F32(name) neon_##name##_f32
#define OP_F64(name) neon_##name##_f64
LANES_INLINE reg_f32 neon_loadu_f32(const float *x) { return vld1q_f32(x); }
LANES_INLINE reg_f64 neon_loadu_f64(const double *x) { return vld1q_f64(x); }
LANES_INLINE void neon_storeu_f32(float *x, reg_f32 a) { vst1q_f32(x, a); }
LANES_INLINE void neon_storeu_f64(double *x, reg_f64 a) { vst1q_f64(x, a); }
LANES_INLINE void neon_stream_f32(float *x, reg_f32 a) { vst1q_f32(x, a); }
LANES_INLINE void neon_stream_f64(double *x, reg_f64 a) { vst1q_f64(x, a); }
LANES_INLINE reg_f32 neon_set1_f32(float x) { return vdupq_n_f32(x); }
LANES_INLINE reg_f64 neon_set1_f64(double x) { return vdupq_n_f64(x); }
LANES_INLINE reg_f32 neon_max_f32(reg_f32 a, reg_f32 b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
LANES_INLINE reg_f64 neon_max_f64(reg_f64 a, reg_f64 b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
LANES_INLINE reg_f32 neon_min_f32(reg_f32 a, reg_f32 b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
LANES_INLINE reg_f64 neon_min_f64(reg_f64 a, reg_f64 b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
LANES_INLINE reg_f32 neon_fmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return vfmaq_f32(c, a, b); }
LANES_INLINE reg_f64 neon_fmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return vfmaq_f64(c, a, b); }
LANES_INLINE reg_f32 neon_fnmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return vfmsq_f32(c, a, b); }
LANES_INLINE reg_f64 neon_fnmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return vfmsq_f64(c, a, b); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) {
    return vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(u), 52));
}
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    int64x2_t bits = vreinterpretq_s64_f64(x), above = vsubq_s64(bits, vdupq_n_s64(ROOT_HALF_BITS));
    *k = vcvtq_f64_s64(vshrq_n_s64(above, 52));
    return vreinterpretq_f64_s64(vsubq_s64(bits, vandq_s64(above, vdupq_n_s64(EXPONENT_MASK))));
}
LANES_INLINE reg_f32 split_f32(reg_f32 x, reg_f32 *k) {
    int32x4_t bits = vreinterpretq_s32_f32(x),
              above = vshrq_n_s32(vsubq_s32(bits, vdupq_n_s32(ROOT_HALF_BITS_F32)), 23);
    *k = vcvtq_f32_s32(above);
    return vreinterpretq_f32_s32(vsubq_s32(bits, vshlq_n_s32(above, 23)));
}
/* Looks up a table of eight 4-byte numbers: the low 3 bits of each element of u are the index j, which
 * selects the bytes 4 j to 4 j + 3. */
LANES_INLINE uint32x4_t step_table(const void *numbers, reg_f32 u) {
    uint8x16x2_t table = vld1q_u8_x2((const uint8_t *)numbers);
    uint32x4_t j = vandq_u32(vreinterpretq_u32_f32(u), vdupq_n_u32(7)),
               bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100), j, 0x04040404);
    return vreinterpretq_u32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(bytes)));
}
LANES_INLINE reg_f32 step_powers_f32(reg_f32 u) {
    return vreinterpretq_f32_u32(
        vaddq_u32(step_table(STEP_POWERS, u), vshlq_n_u32(vreinterpretq_u32_f32(u), 20)));
}
LANES_INLINE reg_f32 step_errors_f32(reg_f32 u) { return vreinterpretq_f32_u32(step_table(STEP_ERRORS, u)); }
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) {
    return vcombine_f32(vcvt_f32_f64(low), vcvt_f32_f64(high));
}
LANES_INLINE double first_f64(reg_f64 x) { return vgetq_lane_f64(x, 0); }
typedef int64x2_t reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return vdupq_n_s64(x); }
LANES_INLINE reg_i64 load_i64(const void *x) {
    int64_t a[2];
    memcpy(a, x, sizeof a);
    return vld1q_s64(a);
}
LANES_INLINE reg_i64 widen_i64(const void *x) {
    int32_t a[2];
    memcpy(a, x, sizeof a);
    return vmovl_s32(vld1_s32(a));
}
LANES_INLINE void store_i64(void *x, reg_i64 a) {
    int64_t b[2];
    vst1q_s64(b, a);
    memcpy(x, b, sizeof b);
}
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) {
    return vbslq_s64(vcltq_u64(vreinterpretq_u64_s64(a), vreinterpretq_u64_s64(b)), a, y);
}
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) {
    return vbslq_s64(vceqq_s64(a, b), x, y);
}
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) {
    uint64x2_t equal = vceqq_s64(a, b);
    return (vgetq_lane_u64(equal, 0) | vgetq_lane_u64(equal, 1)) != 0;
}
LANES_INLINE reg_f64 f64_from_i64(reg_i64 a) { return vcvtq_f64_s64(a); }
LANES_INLINE reg_f32 f32_from_i64(const int64_t *x) {
    return narrow_f64(f64_from_i64(load_i64(x)), f64_from_i64(load_i64(x + 2)));
}
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) {
    return vbslq_f64(vceqzq_f64(c), vdupq_n_f64(0.0), x);
}
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) {
    return vbslq_f32(vceqq_f32(a, b), x, y);
}
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) {
    return vbslq_f64(vceqq_f64(a, b), x, y);
}
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) {
    return vbslq_f32(vcltq_f32(a, b), x, y);
}
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) {
    return vbslq_f64(vcltq_f64(a, b), x, y);
}
LANES_INLINE reg_f32 unzip_f32(reg_f32 a, reg_f32 b, reg_f32 *odd) {
    *odd = vuzp2q_f32(a, b);
    return vuzp1q_f32(a, b);
}
LANES_INLINE reg_f64 unzip_f64(reg_f64 a, reg_f64 b, reg_f64 *odd) {
    *odd = vuzp2q_f64(a, b);
    return vuzp1q_f64(a, b);
}
LANES_INLINE reg_f32 zip_f32(reg_f32 a, reg_f32 b, reg_f32 *high) {
    *high = vzip2q_f32(a, b);
    return vzip1q_f32(a, b);
}
LANES_INLINE void unzip_three_f32(reg_f32 *x) {
    float triples[12];
    for (int k = 0; k < 3; k++) vst1q_f32(triples + 4 * k, x[k]);
    const float32x4x3_t columns = vld3q_f32(triples);
    for (int k = 0; k < 3; k++) x[k] = columns.val[k];
}
LANES_INLINE void zip_three_f32(reg_f32 *x) {
    float triples[12];
    vst3q_f32(triples, (float32x4x3_t){{x[0], x[1], x[2]}});
    for (int k = 0; k < 3; k++) x[k] = vld1q_f32(triples + 4 * k);
}
LANES_INLINE int all_less_f32(reg_f32 a, reg_f32 b) { return vminvq_u32(vcltq_f32(a, b)) != 0; }
LANES_INLINE int all_less_f64(reg_f64 a, reg_f64 b) {
    uint64x2_t less = vcltq_f64(a, b);
    return (vgetq_lane_u64(less, 0) & vgetq_lane_u64(less, 1)) != 0;
}
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) {
    float b[4] = {0};
    memcpy(b, x, count * sizeof *x);
    return vld1q_f32(b);
}
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) {
    double b[2] = {0};
    memcpy(b, x, count * sizeof *x);
    return vld1q_f64(b);
}
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) {
    float b[4];
    vst1q_f32(b, a);
    memcpy(x, b, count * sizeof *x);
}
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) {
    double b[2];
    vst1q_f64(b, a);
    memcpy(x, b, count * sizeof *x);
}
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) {
    return vcvt_f64_f32(half ? vget_high_f32(x) : vget_low_f32(x));
}
LANES_INLINE float largest_f32(reg_f32 a) { return vmaxvq_f32(a); }
LANES_INLINE double largest_f64(reg_f64 a) { return vmaxvq_f64(a); }
LANES_INLINE double sum_f64(reg_f64 a) { return vgetq_lane_f64(a, 0) + vgetq_lane_f64(a, 1); }

/* ---- quads --------------------------------------------------------------------------------------- */

typedef float32x4_t quad_f32;
typedef float64x2_t quad_f64;
#define load_quad_f32 vld1q_f32
#define load_quad_f64 vld1q_f64
#define store_quad_f32 vst1q_f32
#define store_quad_f64 vst1q_f64
#define store_quad_part_f32 store_part_f32
#define store_quad_part_f64 store_part_f64
LANES_INLINE reg_f32 join_quads_f32(const quad_f32 *b) { return b[0]; }
LANES_INLINE reg_f64 join_quads_f64(const quad_f64 *b) { return b[0]; }
LANES_INLINE void split_quads_f32(reg_f32 a, quad_f32 *b) { b[0] = a; }
LANES_INLINE void split_quads_f64(reg_f64 a, quad_f64 *b) { b[0] = a; }
LANES_INLINE reg_f32 neon_unpacklo_f32(reg_f32 a, reg_f32 b) { return vzip1q_f32(a, b); }
LANES_INLINE reg_f32 neon_unpackhi_f32(reg_f32 a, reg_f32 b) { return vzip2q_f32(a, b); }
LANES_INLINE reg_f64 neon_unpacklo_f64(reg_f64 a, reg_f64 b) { return vzip1q_f64(a, b); }
LANES_INLINE reg_f64 neon_unpackhi_f64(reg_f64 a, reg_f64 b) { return vzip2q_f64(a, b); }
#define CAST_PD(a) vreinterpretq_f64_f32(a)
#define CAST_PS(a) vreinterpretq_f32_f64(a)

/* ---- half types ---------------------------------------------------------------------------------- */

#if defined(SMOOTHXENT_BFLOAT16)
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x), 16));
}
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    uint32x4_t bits = vreinterpretq_u32_f32(a), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t nearest = vshrq_n_u32(vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd), 16);
    uint32x4_t quiet = vorrq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(0x40));
    vst1_u16(x, vmovn_u32(vbslq_u32(vceqq_f32(a, a), nearest, quiet)));
}
#elif defined(SMOOTHXENT_FLOAT16)
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x)));
}
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    vst1_u16(x, vreinterpret_u16_f16(vcvt_f16_f32(a)));
}
#endif
#ifdef STORED_IS_HALF
LANES_INLINE quad_f32 load_half_quad(const uint16_t *x) { return load_half_type(x); }
LANES_INLINE void store_half_quad(uint16_t *x, quad_f32 a) { store_half_type(x, a); }
#endif
