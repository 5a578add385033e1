/* registers.h: what one register of each instruction set can do; included by lanes.h alone.
 *
 * One block per instruction set, chosen by the compiler's flags. Names end in the type of an element, f32 or f64.
 *
 *     max(a, b), min(a, b)      a > b ? a : b and a < b ? a : b: b when either is NaN
 *     fmadd, fnmadd             a * b + c and c - a * b, rounded once
 *     exponent(u)               the low bits of u moved into the exponent field
 *     split(x, &k)              m of x = 2**k m, sqrt(1/2) <= m < sqrt(2), for normal x > 0
 *     where_nonzero(c, x)       c != 0 ? x : 0, which keeps 0 * inf out of a sum
 *     where_equal, where_less   (a, b, x, y): a == b ? x : y and a < b ? x : y
 *     all_equal(a, b)           whether all elements are equal; NaN equals nothing
 *     widen_half(x, half)       the lower or upper half of x in float64
 *     load_part, store_part     of the first `count` elements, touching no other; a loaded register is 0 beyond
 *     stream                    a store past the caches; the address is aligned to the register
 *     largest                   of all elements, none of them NaN
 *     sum                       of all elements: halves are added to halves, the same tree for any width
 *     narrow(low, high)         float64 rounded to float32
 *     first                     the first element
 *
 * Registers of 64-bit integers, as wide as those of float64, take labels:
 *
 *     load_i64, widen_i64(x)    from integers of 64 or 32 bits in memory, of any alignment
 *     store_i64                 to memory, which may be that of float64
 *     below_i64(a, b, y)        a < b ? a : y, both without sign
 *     where_equal_i64           as above
 *     any_equal_i64(a, b)       whether any elements are equal
 *     of_i64(a), of_i64s(x)     to float64; from memory to float32; |a| < 2**31
 */
#ifndef SMOOTHXENT_REGISTERS_H
#define SMOOTHXENT_REGISTERS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__) && !defined(__clang__)
#error "smoothxent needs GCC or Clang"
#endif
#define LANES_INLINE static inline __attribute__((always_inline, unused))
#define LANES_FUNCTION static __attribute__((unused))

/* For arrays: a register that crosses the end of a cache line costs two accesses. */
#define LINE_ALIGNED __attribute__((aligned(64)))

#define ROOT_HALF_BITS 0x3fe6a09e667f3bcd /* of sqrt(1/2) */
#define EXPONENT_MASK (-0x10000000000000)

/* SMOOTHXENT_PORTABLE: the readable twin, whatever the compiler was told about the machine. */
#if defined(__AVX2__) && defined(__FMA__) && !defined(SMOOTHXENT_PORTABLE)
#define REGISTERS_ARE_X86

#include <immintrin.h>
/* ---- the same for AVX2 and AVX-512 --------------------------------------------------------------- */
LANES_INLINE float largest_quad(__m128 a) {
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
LANES_INLINE float largest_ymm(__m256 a) { return largest_quad(_mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1))); }
LANES_INLINE double largest_wide_ymm(__m256d a) {
    __m128d b = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_max_sd(b, _mm_unpackhi_pd(b, b)));
}
LANES_INLINE double sum_ymm(__m256d a) {
    __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(REGISTERS_ARE_X86)
#define REGISTERS_ARE_512

typedef __m512 reg_f32;
typedef __m512d reg_f64;
enum { WIDTH_F32 = 16, WIDTH_F64 = 8, IN_FLIGHT_F32 = 4, IN_FLIGHT_F64 = 2 };
#define OP_F32(name) _mm512_##name##_ps
#define OP_F64(name) _mm512_##name##_pd
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(u), 23)); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(u), 52)); }
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    __m512i bits = _mm512_castpd_si512(x), above = _mm512_sub_epi64(bits, _mm512_set1_epi64(ROOT_HALF_BITS));
    *k = _mm512_cvtepi64_pd(_mm512_srai_epi64(above, 52));
    return _mm512_castsi512_pd(_mm512_sub_epi64(bits, _mm512_and_si512(above, _mm512_set1_epi64(EXPONENT_MASK))));
}
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) { return _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castps_pd(_mm512_castps256_ps512(_mm512_cvtpd_ps(low))), _mm256_castps_pd(_mm512_cvtpd_ps(high)), 1)); }
LANES_INLINE double first_f64(reg_f64 x) { return _mm512_cvtsd_f64(x); }
typedef __m512i reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return _mm512_set1_epi64(x); }
LANES_INLINE reg_i64 load_i64(const void *x) { return _mm512_loadu_si512(x); }
LANES_INLINE reg_i64 widen_i64(const void *x) { return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)x)); }
LANES_INLINE void store_i64(void *x, reg_i64 a) { _mm512_storeu_si512(x, a); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) { return _mm512_mask_blend_epi64(_mm512_cmplt_epu64_mask(a, b), y, a); }
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) { return _mm512_mask_blend_epi64(_mm512_cmpeq_epi64_mask(a, b), y, x); }
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) { return _mm512_cmpeq_epi64_mask(a, b) != 0; }
LANES_INLINE reg_f64 of_i64(reg_i64 a) { return _mm512_cvtepi64_pd(a); }
LANES_INLINE reg_f32 of_i64s(const int64_t *x) { return narrow_f64(of_i64(load_i64(x)), of_i64(load_i64(x + 8))); }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(c, _mm512_setzero_pd(), _CMP_NEQ_UQ), x); }
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), y, x); }
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ), y, x); }
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x); }
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x); }
LANES_INLINE int all_equal_f64(reg_f64 a, reg_f64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ) == 0xff; }
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) { return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x); }
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) { return _mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), x); }
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) { _mm512_mask_storeu_ps(x, (__mmask16)((1u << count) - 1), a); }
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) { _mm512_mask_storeu_pd(x, (__mmask8)((1u << count) - 1), a); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { return _mm512_cvtps_pd(_mm256_castpd_ps(half ? _mm512_extractf64x4_pd(_mm512_castps_pd(x), 1) : _mm512_castpd512_pd256(_mm512_castps_pd(x)))); }
LANES_INLINE float largest_f32(reg_f32 a) { return largest_ymm(_mm256_max_ps(_mm512_castps512_ps256(a), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1)))); }
LANES_INLINE double largest_f64(reg_f64 a) { return largest_wide_ymm(_mm256_max_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1))); }
LANES_INLINE double sum_f64(reg_f64 a) { return sum_ymm(_mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1))); }

#elif defined(REGISTERS_ARE_X86)

typedef __m256 reg_f32;
typedef __m256d reg_f64;
enum { WIDTH_F32 = 8, WIDTH_F64 = 4, IN_FLIGHT_F32 = 2, IN_FLIGHT_F64 = 1 };
#define OP_F32(name) _mm256_##name##_ps
#define OP_F64(name) _mm256_##name##_pd
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(u), 23)); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(u), 52)); }
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    __m256i bits = _mm256_castpd_si256(x), above = _mm256_sub_epi64(bits, _mm256_set1_epi64x(ROOT_HALF_BITS));
    __m256i biased = _mm256_srli_epi64(_mm256_add_epi64(above, _mm256_castpd_si256(_mm256_set1_pd(1.0))), 52);
    *k = _mm256_sub_pd(_mm256_or_pd(_mm256_castsi256_pd(biased), _mm256_set1_pd(0x1p+52)), _mm256_set1_pd(0x1p+52 + 1023.0));
    return _mm256_castsi256_pd(_mm256_sub_epi64(bits, _mm256_and_si256(above, _mm256_set1_epi64x(EXPONENT_MASK))));
}
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) { return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low)), _mm256_cvtpd_ps(high), 1); }
LANES_INLINE double first_f64(reg_f64 x) { return _mm256_cvtsd_f64(x); }
typedef __m256i reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return _mm256_set1_epi64x(x); }
LANES_INLINE reg_i64 load_i64(const void *x) { return _mm256_loadu_si256((const __m256i *)x); }
LANES_INLINE reg_i64 widen_i64(const void *x) { return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)x)); }
LANES_INLINE void store_i64(void *x, reg_i64 a) { _mm256_storeu_si256((__m256i *)x, a); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) {
    reg_i64 sign = set1_i64(INT64_MIN);
    return _mm256_blendv_epi8(y, a, _mm256_cmpgt_epi64(_mm256_xor_si256(b, sign), _mm256_xor_si256(a, sign)));
}
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) { return _mm256_blendv_epi8(y, x, _mm256_cmpeq_epi64(a, b)); }
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) { return _mm256_movemask_epi8(_mm256_cmpeq_epi64(a, b)) != 0; }
LANES_INLINE __m128i low_halves(reg_i64 a) { return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(a, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6))); }
LANES_INLINE reg_f64 of_i64(reg_i64 a) { return _mm256_cvtepi32_pd(low_halves(a)); }
LANES_INLINE reg_f32 of_i64s(const int64_t *x) { return _mm256_cvtepi32_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(low_halves(load_i64(x))), low_halves(load_i64(x + 4)), 1)); }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return _mm256_and_pd(_mm256_cmp_pd(c, _mm256_setzero_pd(), _CMP_NEQ_UQ), x); }
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_EQ_OQ)); }
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_EQ_OQ)); }
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ)); }
LANES_INLINE int all_equal_f64(reg_f64 a, reg_f64 b) { return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_EQ_OQ)) == 0xf; }
LANES_INLINE __m256i first_of_8(int count) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }
LANES_INLINE __m256i first_of_wide_4(int count) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3)); }
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) { return _mm256_maskload_ps(x, first_of_8(count)); }
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) { return _mm256_maskload_pd(x, first_of_wide_4(count)); }
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) { _mm256_maskstore_ps(x, first_of_8(count), a); }
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) { _mm256_maskstore_pd(x, first_of_wide_4(count), a); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { return _mm256_cvtps_pd(half ? _mm256_extractf128_ps(x, 1) : _mm256_castps256_ps128(x)); }
#define largest_f32 largest_ymm
#define largest_f64 largest_wide_ymm
#define sum_f64 sum_ymm

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(SMOOTHXENT_PORTABLE)
#define REGISTERS_ARE_NEON

#include <arm_neon.h>
typedef float32x4_t reg_f32;
typedef float64x2_t reg_f64;
enum { WIDTH_F32 = 4, WIDTH_F64 = 2, IN_FLIGHT_F32 = 2, IN_FLIGHT_F64 = 2 };
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
LANES_INLINE reg_f32 neon_add_f32(reg_f32 a, reg_f32 b) { return vaddq_f32(a, b); }
LANES_INLINE reg_f64 neon_add_f64(reg_f64 a, reg_f64 b) { return vaddq_f64(a, b); }
LANES_INLINE reg_f32 neon_sub_f32(reg_f32 a, reg_f32 b) { return vsubq_f32(a, b); }
LANES_INLINE reg_f64 neon_sub_f64(reg_f64 a, reg_f64 b) { return vsubq_f64(a, b); }
LANES_INLINE reg_f32 neon_mul_f32(reg_f32 a, reg_f32 b) { return vmulq_f32(a, b); }
LANES_INLINE reg_f64 neon_mul_f64(reg_f64 a, reg_f64 b) { return vmulq_f64(a, b); }
LANES_INLINE reg_f32 neon_max_f32(reg_f32 a, reg_f32 b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
LANES_INLINE reg_f64 neon_max_f64(reg_f64 a, reg_f64 b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
LANES_INLINE reg_f32 neon_min_f32(reg_f32 a, reg_f32 b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
LANES_INLINE reg_f64 neon_min_f64(reg_f64 a, reg_f64 b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
LANES_INLINE reg_f32 neon_fmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return vfmaq_f32(c, a, b); }
LANES_INLINE reg_f64 neon_fmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return vfmaq_f64(c, a, b); }
LANES_INLINE reg_f32 neon_fnmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return vfmsq_f32(c, a, b); }
LANES_INLINE reg_f64 neon_fnmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return vfmsq_f64(c, a, b); }
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(u), 23)); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { return vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(u), 52)); }
LANES_INLINE reg_f32 neon_div_f32(reg_f32 a, reg_f32 b) { return vdivq_f32(a, b); }
LANES_INLINE reg_f64 neon_div_f64(reg_f64 a, reg_f64 b) { return vdivq_f64(a, b); }
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    int64x2_t bits = vreinterpretq_s64_f64(x), above = vsubq_s64(bits, vdupq_n_s64(ROOT_HALF_BITS));
    *k = vcvtq_f64_s64(vshrq_n_s64(above, 52));
    return vreinterpretq_f64_s64(vsubq_s64(bits, vandq_s64(above, vdupq_n_s64(EXPONENT_MASK))));
}
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) { return vcombine_f32(vcvt_f32_f64(low), vcvt_f32_f64(high)); }
LANES_INLINE double first_f64(reg_f64 x) { return vgetq_lane_f64(x, 0); }
typedef int64x2_t reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return vdupq_n_s64(x); }
LANES_INLINE reg_i64 load_i64(const void *x) { int64_t a[2]; memcpy(a, x, sizeof a); return vld1q_s64(a); }
LANES_INLINE reg_i64 widen_i64(const void *x) { int32_t a[2]; memcpy(a, x, sizeof a); return vmovl_s32(vld1_s32(a)); }
LANES_INLINE void store_i64(void *x, reg_i64 a) { int64_t b[2]; vst1q_s64(b, a); memcpy(x, b, sizeof b); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) { return vbslq_s64(vcltq_u64(vreinterpretq_u64_s64(a), vreinterpretq_u64_s64(b)), a, y); }
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) { return vbslq_s64(vceqq_s64(a, b), x, y); }
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) { uint64x2_t equal = vceqq_s64(a, b); return (vgetq_lane_u64(equal, 0) | vgetq_lane_u64(equal, 1)) != 0; }
LANES_INLINE reg_f64 of_i64(reg_i64 a) { return vcvtq_f64_s64(a); }
LANES_INLINE reg_f32 of_i64s(const int64_t *x) { return narrow_f64(of_i64(load_i64(x)), of_i64(load_i64(x + 2))); }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return vbslq_f64(vceqzq_f64(c), vdupq_n_f64(0.0), x); }
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return vbslq_f32(vceqq_f32(a, b), x, y); }
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return vbslq_f64(vceqq_f64(a, b), x, y); }
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return vbslq_f64(vcltq_f64(a, b), x, y); }
LANES_INLINE int all_equal_f64(reg_f64 a, reg_f64 b) { uint64x2_t equal = vceqq_f64(a, b); return (vgetq_lane_u64(equal, 0) & vgetq_lane_u64(equal, 1)) != 0; }
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) { float b[4] = {0}; memcpy(b, x, count * sizeof *x); return vld1q_f32(b); }
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) { double b[2] = {0}; memcpy(b, x, count * sizeof *x); return vld1q_f64(b); }
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) { float b[4]; vst1q_f32(b, a); memcpy(x, b, count * sizeof *x); }
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) { double b[2]; vst1q_f64(b, a); memcpy(x, b, count * sizeof *x); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { return vcvt_f64_f32(half ? vget_high_f32(x) : vget_low_f32(x)); }
LANES_INLINE float largest_f32(reg_f32 a) { return vmaxvq_f32(a); }
LANES_INLINE double largest_f64(reg_f64 a) { return vmaxvq_f64(a); }
LANES_INLINE double sum_f64(reg_f64 a) { return vgetq_lane_f64(a, 0) + vgetq_lane_f64(a, 1); }

#else /* portable: registers of one element */

#define REGISTERS_ARE_PLAIN

#include "fma.h"
typedef float reg_f32;
typedef double reg_f64;
enum { WIDTH_F32 = 1, WIDTH_F64 = 1, IN_FLIGHT_F32 = 1, IN_FLIGHT_F64 = 1 };
#define OP_F32(name) plain_##name##_f32
#define OP_F64(name) plain_##name##_f64
LANES_INLINE reg_f32 plain_loadu_f32(const float *x) { float a; memcpy(&a, x, sizeof a); return a; }
LANES_INLINE reg_f64 plain_loadu_f64(const double *x) { double a; memcpy(&a, x, sizeof a); return a; }
LANES_INLINE void plain_storeu_f32(float *x, reg_f32 a) { memcpy(x, &a, sizeof a); }
LANES_INLINE void plain_storeu_f64(double *x, reg_f64 a) { memcpy(x, &a, sizeof a); }
#define plain_stream_f32 plain_storeu_f32
#define plain_stream_f64 plain_storeu_f64
LANES_INLINE reg_f32 plain_set1_f32(float x) { return x; }
LANES_INLINE reg_f64 plain_set1_f64(double x) { return x; }
LANES_INLINE reg_f32 plain_add_f32(reg_f32 a, reg_f32 b) { return a + b; }
LANES_INLINE reg_f64 plain_add_f64(reg_f64 a, reg_f64 b) { return a + b; }
LANES_INLINE reg_f32 plain_sub_f32(reg_f32 a, reg_f32 b) { return a - b; }
LANES_INLINE reg_f64 plain_sub_f64(reg_f64 a, reg_f64 b) { return a - b; }
LANES_INLINE reg_f32 plain_mul_f32(reg_f32 a, reg_f32 b) { return a * b; }
LANES_INLINE reg_f64 plain_mul_f64(reg_f64 a, reg_f64 b) { return a * b; }
LANES_INLINE reg_f32 plain_max_f32(reg_f32 a, reg_f32 b) { return a > b ? a : b; }
LANES_INLINE reg_f64 plain_max_f64(reg_f64 a, reg_f64 b) { return a > b ? a : b; }
LANES_INLINE reg_f32 plain_min_f32(reg_f32 a, reg_f32 b) { return a < b ? a : b; }
LANES_INLINE reg_f64 plain_min_f64(reg_f64 a, reg_f64 b) { return a < b ? a : b; }
LANES_INLINE reg_f32 plain_fmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return fma_f32(a, b, c); }
LANES_INLINE reg_f64 plain_fmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return fma_f64(a, b, c); }
LANES_INLINE reg_f32 plain_fnmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return fma_f32(-a, b, c); }
LANES_INLINE reg_f64 plain_fnmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return fma_f64(-a, b, c); }
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { uint32_t bits; memcpy(&bits, &u, 4); bits <<= 23; memcpy(&u, &bits, 4); return u; }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { uint64_t bits; memcpy(&bits, &u, 8); bits <<= 52; memcpy(&u, &bits, 8); return u; }
LANES_INLINE reg_f32 plain_div_f32(reg_f32 a, reg_f32 b) { return a / b; }
LANES_INLINE reg_f64 plain_div_f64(reg_f64 a, reg_f64 b) { return a / b; }
LANES_INLINE reg_f64 split_f64(reg_f64 x, reg_f64 *k) {
    int64_t bits, above;
    memcpy(&bits, &x, sizeof bits);
    above = bits - ROOT_HALF_BITS;
    *k = (double)((above - (above & 0xfffffffffffff)) / 0x10000000000000);
    bits -= above & EXPONENT_MASK;
    memcpy(&x, &bits, sizeof x);
    return x;
}
LANES_INLINE reg_f32 narrow_f64(reg_f64 low, reg_f64 high) { (void)high; return (float)low; }
LANES_INLINE double first_f64(reg_f64 x) { return x; }
typedef int64_t reg_i64;
LANES_INLINE reg_i64 set1_i64(int64_t x) { return x; }
LANES_INLINE reg_i64 load_i64(const void *x) { int64_t a; memcpy(&a, x, sizeof a); return a; }
LANES_INLINE reg_i64 widen_i64(const void *x) { int32_t a; memcpy(&a, x, sizeof a); return a; }
LANES_INLINE void store_i64(void *x, reg_i64 a) { memcpy(x, &a, sizeof a); }
LANES_INLINE reg_i64 below_i64(reg_i64 a, reg_i64 b, reg_i64 y) { return (uint64_t)a < (uint64_t)b ? a : y; }
LANES_INLINE reg_i64 where_equal_i64(reg_i64 a, reg_i64 b, reg_i64 x, reg_i64 y) { return a == b ? x : y; }
LANES_INLINE int any_equal_i64(reg_i64 a, reg_i64 b) { return a == b; }
LANES_INLINE reg_f64 of_i64(reg_i64 a) { return (double)a; }
LANES_INLINE reg_f32 of_i64s(const int64_t *x) { return (float)*x; }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return c != 0.0 ? x : 0.0; }
LANES_INLINE reg_f32 where_equal_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return a == b ? x : y; }
LANES_INLINE reg_f64 where_equal_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return a == b ? x : y; }
LANES_INLINE reg_f32 where_less_f32(reg_f32 a, reg_f32 b, reg_f32 x, reg_f32 y) { return a < b ? x : y; }
LANES_INLINE reg_f64 where_less_f64(reg_f64 a, reg_f64 b, reg_f64 x, reg_f64 y) { return a < b ? x : y; }
LANES_INLINE int all_equal_f64(reg_f64 a, reg_f64 b) { return a == b; }
LANES_INLINE reg_f32 load_part_f32(const float *x, int count) { (void)count; return plain_loadu_f32(x); }
LANES_INLINE reg_f64 load_part_f64(const double *x, int count) { (void)count; return plain_loadu_f64(x); }
LANES_INLINE void store_part_f32(float *x, reg_f32 a, int count) { (void)count; plain_storeu_f32(x, a); }
LANES_INLINE void store_part_f64(double *x, reg_f64 a, int count) { (void)count; plain_storeu_f64(x, a); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { (void)half; return x; }
LANES_INLINE float largest_f32(reg_f32 a) { return a; }
LANES_INLINE double largest_f64(reg_f64 a) { return a; }
LANES_INLINE double sum_f64(reg_f64 a) { return a; }

#endif

/* The value of a register as it is now: what is derived from it takes no second look at the memory it came from. */
#if defined(REGISTERS_ARE_X86)
#define READ_ONCE(a) __asm__ volatile("" : "+x"(a))
#elif defined(REGISTERS_ARE_NEON)
#define READ_ONCE(a) __asm__ volatile("" : "+w"(a))
#else
#define READ_ONCE(a) __asm__ volatile("" : "+r"(a))
#endif

/* Loops over what is in flight: registers stay registers only where no index is left. */
#if defined(REGISTERS_ARE_PLAIN)
#define UNROLLED
#elif defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#if __clang_major__ < 19 /* 14 looks at inner loops before an outer one's unrolling makes their number a constant */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

#endif
