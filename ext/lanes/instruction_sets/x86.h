/* x86.h: functions that AVX2 and AVX-512 share; included by avx2.h and avx512.h only. See registers.h,
 * quads.h and halves.h. */
#pragma once

#include <immintrin.h>

#include "lanes/halves.h"

LANES_INLINE void finish_streams(void) { _mm_sfence(); }
#define READ_ONCE(a) __asm__ volatile("" : "+x"(a))

LANES_INLINE float largest_quad(__m128 a) {
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
LANES_INLINE float largest_ymm(__m256 a) {
    return largest_quad(_mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}
LANES_INLINE double largest_wide_ymm(__m256d a) {
    __m128d b = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_max_sd(b, _mm_unpackhi_pd(b, b)));
}
LANES_INLINE double sum_ymm(__m256d a) {
    __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

/* ---- quads --------------------------------------------------------------------------------------- */

typedef __m128 quad_f32;
typedef __m128d quad_f64;
LANES_INLINE quad_f32 load_quad_f32(const float *x) { return _mm_loadu_ps(x); }
LANES_INLINE quad_f64 load_quad_f64(const double *x) { return _mm_loadu_pd(x); }
LANES_INLINE void store_quad_f32(float *x, quad_f32 a) { _mm_storeu_ps(x, a); }
LANES_INLINE void store_quad_f64(double *x, quad_f64 a) { _mm_storeu_pd(x, a); }
/* No masked stores: AMD's cores compute these in many steps. */
LANES_INLINE void store_quad_part_f32(float *x, quad_f32 a, int count) {
    const float last = _mm_cvtss_f32(count == 1 ? a : _mm_movehl_ps(a, a));
    if (count >= 2) _mm_storel_epi64((__m128i *)x, _mm_castps_si128(a));
    if (count != 2) memcpy(x + count - 1, &last, sizeof last);
}
LANES_INLINE void store_quad_part_f64(double *x, quad_f64 a, int count) {
    const double first = _mm_cvtsd_f64(a);
    (void)count;
    memcpy(x, &first, sizeof first);
}

/* ---- half types ---------------------------------------------------------------------------------- */

#if defined(SMOOTHXENT_BFLOAT16)
LANES_INLINE quad_f32 load_half_quad(const uint16_t *x) {
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)x)));
}
LANES_INLINE __m256i narrow_8(__m256i bits, __m256 x) {
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i nearest =
        _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
    __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(nearest, quiet, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
LANES_INLINE __m128i narrow_register_8(__m256 x) {
    __m256i halves = narrow_8(_mm256_castps_si256(x), x);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), 0x08));
}
LANES_INLINE void store_half_quad(uint16_t *x, quad_f32 a) {
    _mm_storel_epi64((__m128i *)x, narrow_register_8(_mm256_castps128_ps256(a)));
}
#elif defined(SMOOTHXENT_FLOAT16)
LANES_INLINE quad_f32 load_half_quad(const uint16_t *x) {
    return _mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)x));
}
LANES_INLINE __m128i narrow_register_8(__m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
LANES_INLINE void store_half_quad(uint16_t *x, quad_f32 a) {
    _mm_storel_epi64((__m128i *)x, _mm_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
#endif
