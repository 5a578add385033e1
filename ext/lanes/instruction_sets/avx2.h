/* avx2.h: AVX2, registers of 32 bytes. See registers.h, quads.h and halves.h. */
#pragma once

#include "lanes/instruction_sets/x86.h"

typedef __m256 reg_f32;
typedef __m256d reg_f64;
enum { WIDTH_F32 = 8, WIDTH_F64 = 4 };
#define OP_F32(name) _mm256_##name##_ps
#define OP_F64(name) _mm256_##name##_pd
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) {
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(u), 52));
}
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    __m256i bits = _mm256_castpd_si256(x), above = _mm256_sub_epi64(bits, _mm256_set1_epi64x(ROOT_HALF_BITS));
    __m256i biased = _mm256_srli_epi64(_mm256_add_epi64(above, _mm256_castpd_si256(_mm256_set1_pd(1.0))), 52);
    *k = _mm256_sub_pd(
        _mm256_or_pd(_mm256_castsi256_pd(biased), _mm256_set1_pd(0x1p+52)), _mm256_set1_pd(0x1p+52 + 1023.0));
    return _mm256_castsi256_pd(
        _mm256_sub_epi64(bits, _mm256_and_si256(above, _mm256_set1_epi64x(EXPONENT_MASK))));
}
LANES_INLINE reg_f32 split_f32(reg_f32 x, reg_f32 *k) {
    __m256i bits = _mm256_castps_si256(x),
            above = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(ROOT_HALF_BITS_F32)), 23);
    *k = _mm256_cvtepi32_ps(above);
    return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(above, 23)));
}
LANES_INLINE reg_f32 step_powers_f32(reg_f32 u) {
    __m256i n = _mm256_castps_si256(u), table = _mm256_load_si256((const __m256i *)STEP_POWERS);
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_permutevar8x32_epi32(table, n), _mm256_slli_epi32(n, 20)));
}
LANES_INLINE reg_f32 step_errors_f32(reg_f32 u) {
    return _mm256_permutevar8x32_ps(_mm256_load_ps(STEP_ERRORS), _mm256_castps_si256(u));
}
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1);
}
LANES_INLINE double first_f64(reg_f64 x) { return _mm256_cvtsd_f64(x); }
typedef __m256i reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return _mm256_set1_epi64x(x); }
LANES_INLINE reg_i64 load_i64(const void *x) { return _mm256_loadu_si256((const __m256i *)x); }
LANES_INLINE reg_i64 widen_i64(const void *x) {
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)x));
}
LANES_INLINE void store_i64(void *x, reg_i64 a) { _mm256_storeu_si256((__m256i *)x, a); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) {
    reg_i64 sign = set1_i64(INT64_MIN);
    return _mm256_blendv_epi8(y, a, _mm256_cmpgt_epi64(_mm256_xor_si256(b, sign), _mm256_xor_si256(a, sign)));
}
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) {
    return _mm256_blendv_epi8(y, x, _mm256_cmpeq_epi64(a, b));
}
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) {
    return _mm256_movemask_epi8(_mm256_cmpeq_epi64(a, b)) != 0;
}
LANES_INLINE __m128i low_halves(reg_i64 a) {
    return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(a, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6)));
}
LANES_INLINE reg_f64 f64_from_i64(reg_i64 a) { return _mm256_cvtepi32_pd(low_halves(a)); }
LANES_INLINE reg_f32 f32_from_i64(const int64_t *x) {
    return _mm256_cvtepi32_ps(_mm256_inserti128_si256(
        _mm256_castsi128_si256(low_halves(load_i64(x))), low_halves(load_i64(x + 4)), 1));
}
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) {
    return _mm256_and_pd(_mm256_cmp_pd(c, _mm256_setzero_pd(), _CMP_NEQ_UQ), x);
}
/* a == b, not _mm256_cmp_ps: where x is 0, GCC 12 then needs one operation less. */
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) {
    return _mm256_blendv_ps(y, x, (__m256)(a == b));
}
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) {
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_EQ_OQ));
}
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) {
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
LANES_INLINE __m256i first_of_8(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
LANES_INLINE __m256i first_of_wide_4(int count) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
LANES_INLINE reg_f64 in_order(reg_f64 a) {
    return _mm256_permute4x64_pd(a, 0xd8);
} /* from quarters 0 2 1 3 */
LANES_INLINE reg_f32 unzip_f32(reg_f32 a, reg_f32 b, reg_f32 *odd) {
    *odd = _mm256_castpd_ps(in_order(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd))));
    return _mm256_castpd_ps(in_order(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88))));
}
LANES_INLINE reg_f64 unzip_f64(reg_f64 a, reg_f64 b, reg_f64 *odd) {
    *odd = in_order(_mm256_unpackhi_pd(a, b));
    return in_order(_mm256_unpacklo_pd(a, b));
}
LANES_INLINE reg_f32 zip_f32(reg_f32 a, reg_f32 b, reg_f32 *high) {
    reg_f32 first = _mm256_unpacklo_ps(a, b), second = _mm256_unpackhi_ps(a, b);
    *high = _mm256_permute2f128_ps(first, second, 0x31);
    return _mm256_permute2f128_ps(first, second, 0x20);
}
/* element l of x[l % 3] */
LANES_INLINE reg_f32 in_turns(reg_f32 x0, reg_f32 x1, reg_f32 x2) {
    return _mm256_blend_ps(_mm256_blend_ps(x0, x1, 0x92), x2, 0x24);
}
LANES_INLINE reg_f32 permuted(reg_f32 x, const int32_t *indices) {
    return _mm256_permutevar8x32_ps(x, _mm256_load_si256((const __m256i *)indices));
}
LANES_INLINE void unzip_three_f32(reg_f32 *x) {
    reg_f32 a = in_turns(x[0], x[1], x[2]), b = in_turns(x[2], x[0], x[1]), c = in_turns(x[1], x[2], x[0]);
    x[0] = permuted(a, UNZIP_THREE[0]);
    x[1] = permuted(b, UNZIP_THREE[1]);
    x[2] = permuted(c, UNZIP_THREE[2]);
}
LANES_INLINE void zip_three_f32(reg_f32 *x) {
    reg_f32 a = permuted(x[0], ZIP_THREE[0]), b = permuted(x[1], ZIP_THREE[1]),
            c = permuted(x[2], ZIP_THREE[2]);
    x[0] = in_turns(a, b, c);
    x[1] = in_turns(c, a, b);
    x[2] = in_turns(b, c, a);
}
LANES_INLINE int all_less_f32(reg_f32 a, reg_f32 b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) == 0xff;
}
LANES_INLINE int all_less_f64(reg_f64 a, reg_f64 b) {
    return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)) == 0xf;
}
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) {
    return _mm256_maskload_ps(x, first_of_8(count));
}
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) {
    return _mm256_maskload_pd(x, first_of_wide_4(count));
}
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) {
    _mm256_maskstore_ps(x, first_of_8(count), a);
}
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) {
    _mm256_maskstore_pd(x, first_of_wide_4(count), a);
}
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) {
    return _mm256_cvtps_pd(half ? _mm256_extractf128_ps(x, 1) : _mm256_castps256_ps128(x));
}
#define largest_f32 largest_ymm
#define largest_f64 largest_wide_ymm
#define sum_f64 sum_ymm

/* ---- quads --------------------------------------------------------------------------------------- */

LANES_INLINE reg_f32 join_quads_f32(const quad_f32 *b) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(b[0]), b[1], 1);
}
LANES_INLINE reg_f64 join_quads_f64(const quad_f64 *b) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(b[0]), b[1], 1);
}
LANES_INLINE void split_quads_f32(reg_f32 a, quad_f32 *b) {
    b[0] = _mm256_castps256_ps128(a);
    b[1] = _mm256_extractf128_ps(a, 1);
}
LANES_INLINE void split_quads_f64(reg_f64 a, quad_f64 *b) {
    b[0] = _mm256_castpd256_pd128(a);
    b[1] = _mm256_extractf128_pd(a, 1);
}
#define CAST_PD(a) _mm256_castps_pd(a)
#define CAST_PS(a) _mm256_castpd_ps(a)

/* ---- half types ---------------------------------------------------------------------------------- */

#ifdef STORED_IS_HALF
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    _mm_storeu_si128((__m128i *)x, narrow_register_8(a));
}
#endif
#if defined(SMOOTHXENT_BFLOAT16)
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)), 16));
}
#elif defined(SMOOTHXENT_FLOAT16)
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)x));
}
#endif
