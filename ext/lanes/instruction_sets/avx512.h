/* avx512.h: AVX-512, registers of 64 bytes. See registers.h, quads.h and halves.h. */
#pragma once

#include "lanes/instruction_sets/x86.h"

typedef __m512 reg_f32;
typedef __m512d reg_f64;
enum { WIDTH_F32 = 16, WIDTH_F64 = 8 };
#define OP_F32(name) _mm512_##name##_ps
#define OP_F64(name) _mm512_##name##_pd
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) {
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(u), 52));
}
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    __m512i bits = _mm512_castpd_si512(x), above = _mm512_sub_epi64(bits, _mm512_set1_epi64(ROOT_HALF_BITS));
    *k = _mm512_cvtepi64_pd(_mm512_srai_epi64(above, 52));
    return _mm512_castsi512_pd(
        _mm512_sub_epi64(bits, _mm512_and_si512(above, _mm512_set1_epi64(EXPONENT_MASK))));
}
LANES_INLINE reg_f32 split_f32(reg_f32 x, reg_f32 *k) {
    __m512i bits = _mm512_castps_si512(x),
            above = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(ROOT_HALF_BITS_F32)), 23);
    *k = _mm512_cvtepi32_ps(above);
    return _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(above, 23)));
}
LANES_INLINE reg_f32 step_powers_f32(reg_f32 u) {
    __m512i n = _mm512_castps_si512(u);
    return _mm512_castsi512_ps(_mm512_add_epi32(
        _mm512_permutexvar_epi32(n, _mm512_load_si512(STEP_POWERS)), _mm512_slli_epi32(n, 20)));
}
LANES_INLINE reg_f32 step_errors_f32(reg_f32 u) {
    return _mm512_permutexvar_ps(_mm512_castps_si512(u), _mm512_load_ps(STEP_ERRORS));
}
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) {
    return _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castps_pd(_mm512_castps256_ps512(_mm512_cvtpd_ps(low))),
        _mm256_castps_pd(_mm512_cvtpd_ps(high)), 1));
}
LANES_INLINE double first_f64(reg_f64 x) { return _mm512_cvtsd_f64(x); }
typedef __m512i reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return _mm512_set1_epi64(x); }
LANES_INLINE reg_i64 load_i64(const void *x) { return _mm512_loadu_si512(x); }
LANES_INLINE reg_i64 widen_i64(const void *x) {
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)x));
}
LANES_INLINE void store_i64(void *x, reg_i64 a) { _mm512_storeu_si512(x, a); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) {
    return _mm512_mask_blend_epi64(_mm512_cmplt_epu64_mask(a, b), y, a);
}
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) {
    return _mm512_mask_blend_epi64(_mm512_cmpeq_epi64_mask(a, b), y, x);
}
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) { return _mm512_cmpeq_epi64_mask(a, b) != 0; }
LANES_INLINE reg_f64 f64_from_i64(reg_i64 a) { return _mm512_cvtepi64_pd(a); }
LANES_INLINE reg_f32 f32_from_i64(const int64_t *x) {
    return narrow_f64(f64_from_i64(load_i64(x)), f64_from_i64(load_i64(x + 8)));
}
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) {
    return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(c, _mm512_setzero_pd(), _CMP_NEQ_UQ), x);
}
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), y, x);
}
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) {
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ), y, x);
}
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) {
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x);
}
LANES_INLINE reg_f32 unzip_f32(reg_f32 a, reg_f32 b, reg_f32 *odd) {
    __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(even, _mm512_set1_epi32(1)), b);
    return _mm512_permutex2var_ps(a, even, b);
}
LANES_INLINE reg_f64 unzip_f64(reg_f64 a, reg_f64 b, reg_f64 *odd) {
    __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    *odd = _mm512_permutex2var_pd(a, _mm512_add_epi64(even, _mm512_set1_epi64(1)), b);
    return _mm512_permutex2var_pd(a, even, b);
}
LANES_INLINE reg_f32 zip_f32(reg_f32 a, reg_f32 b, reg_f32 *high) {
    __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *high = _mm512_permutex2var_ps(a, _mm512_add_epi32(low, _mm512_set1_epi32(8)), b);
    return _mm512_permutex2var_ps(a, low, b);
}
/* element l of x[l % 3] */
LANES_INLINE reg_f32 in_turns(reg_f32 x0, reg_f32 x1, reg_f32 x2) {
    return _mm512_mask_blend_ps(0x4924, _mm512_mask_blend_ps(0x2492, x0, x1), x2);
}
LANES_INLINE reg_f32 permuted(reg_f32 x, const int32_t *indices) {
    return _mm512_permutexvar_ps(_mm512_load_si512(indices), x);
}
LANES_INLINE void unzip_three_f32(reg_f32 *x) {
    reg_f32 a = in_turns(x[0], x[2], x[1]), b = in_turns(x[1], x[0], x[2]), c = in_turns(x[2], x[1], x[0]);
    x[0] = permuted(a, UNZIP_THREE[0]);
    x[1] = permuted(b, UNZIP_THREE[1]);
    x[2] = permuted(c, UNZIP_THREE[2]);
}
LANES_INLINE void zip_three_f32(reg_f32 *x) {
    reg_f32 a = permuted(x[0], ZIP_THREE[0]), b = permuted(x[1], ZIP_THREE[1]),
            c = permuted(x[2], ZIP_THREE[2]);
    x[0] = in_turns(a, b, c);
    x[1] = in_turns(b, c, a);
    x[2] = in_turns(c, a, b);
}
LANES_INLINE int all_less_f32(reg_f32 a, reg_f32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) == 0xffff; }
LANES_INLINE int all_less_f64(reg_f64 a, reg_f64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ) == 0xff; }
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x);
}
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) {
    return _mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), x);
}
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) {
    _mm512_mask_storeu_ps(x, (__mmask16)((1u << count) - 1), a);
}
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) {
    _mm512_mask_storeu_pd(x, (__mmask8)((1u << count) - 1), a);
}
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) {
    return _mm512_cvtps_pd(_mm256_castpd_ps(
        half ? _mm512_extractf64x4_pd(_mm512_castps_pd(x), 1) : _mm512_castpd512_pd256(_mm512_castps_pd(x))));
}
LANES_INLINE float largest_f32(reg_f32 a) {
    return largest_ymm(_mm256_max_ps(
        _mm512_castps512_ps256(a), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1))));
}
LANES_INLINE double largest_f64(reg_f64 a) {
    return largest_wide_ymm(_mm256_max_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1)));
}
LANES_INLINE double sum_f64(reg_f64 a) {
    return sum_ymm(_mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1)));
}

/* ---- quads --------------------------------------------------------------------------------------- */

LANES_INLINE reg_f32 join_quads_f32(const quad_f32 *b) {
    return _mm512_insertf32x4(
        _mm512_insertf32x4(_mm512_insertf32x4(_mm512_castps128_ps512(b[0]), b[1], 1), b[2], 2), b[3], 3);
}
LANES_INLINE reg_f64 join_quads_f64(const quad_f64 *b) {
    return _mm512_insertf64x2(
        _mm512_insertf64x2(_mm512_insertf64x2(_mm512_castpd128_pd512(b[0]), b[1], 1), b[2], 2), b[3], 3);
}
LANES_INLINE void split_quads_f32(reg_f32 a, quad_f32 *b) {
    b[0] = _mm512_castps512_ps128(a);
    b[1] = _mm512_extractf32x4_ps(a, 1);
    b[2] = _mm512_extractf32x4_ps(a, 2);
    b[3] = _mm512_extractf32x4_ps(a, 3);
}
LANES_INLINE void split_quads_f64(reg_f64 a, quad_f64 *b) {
    b[0] = _mm512_castpd512_pd128(a);
    b[1] = _mm512_extractf64x2_pd(a, 1);
    b[2] = _mm512_extractf64x2_pd(a, 2);
    b[3] = _mm512_extractf64x2_pd(a, 3);
}
#define CAST_PD(a) _mm512_castps_pd(a)
#define CAST_PS(a) _mm512_castpd_ps(a)

/* ---- half types ---------------------------------------------------------------------------------- */

#ifdef STORED_IS_HALF
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    _mm_storeu_si128((__m128i *)x, narrow_register_8(_mm512_castps512_ps256(a)));
    _mm_storeu_si128((__m128i *)(x + 8),
        narrow_register_8(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1))));
}
#endif
#if defined(SMOOTHXENT_BFLOAT16)
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16));
}
#elif defined(SMOOTHXENT_FLOAT16)
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)x));
}
#endif
