/* halves.h: float16 and bfloat16, the 2-byte types of a logit in memory; included by lanes.h alone.
 *
 * Both are read and written as uint16_t. Widening to float32 is exact. Narrowing rounds to nearest, ties to even; a
 * NaN stays a quiet NaN with the upper bits of its payload. Same bits from every instruction set.
 *
 *     float16     1 sign, 5 exponent, 10 fraction bits: up to 65504, subnormal below 2**-14, smallest 2**-24
 *     bfloat16    the upper half of a float32
 *
 *     widen_half_type, narrow_half_type      of one number
 *     load_half_type, store_half_type        of a register of numbers
 *     load_half_quad, store_half_quad      of QUAD_F32 numbers
 */
#ifndef SMOOTHXENT_HALVES_H
#define SMOOTHXENT_HALVES_H

LANES_INLINE float float_of_bits(uint32_t bits) { float x; memcpy(&x, &bits, sizeof x); return x; }
LANES_INLINE uint32_t bits_of_float(float x) { uint32_t bits; memcpy(&bits, &x, sizeof bits); return bits; }

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
    /* moves the bias from 15 to 127; subnormals by a subtraction of normal numbers, which no mode of the CPU flushes */
    float magnitude = rest < 0x00800000 ? float_of_bits(rest + 0x38800000) - 0x1p-14f : float_of_bits(rest + 0x38000000);
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

#if defined(REGISTERS_ARE_X86)

#ifdef SMOOTHXENT_BFLOAT16
LANES_INLINE quad_f32 load_half_quad(const uint16_t *x) { return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)x))); }
LANES_INLINE __m256i narrow_8(__m256i bits, __m256 x) {
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i nearest = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
    __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(nearest, quiet, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
LANES_INLINE __m128i narrow_register_8(__m256 x) {
    __m256i halves = narrow_8(_mm256_castps_si256(x), x);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), 0x08));
}
LANES_INLINE void store_half_quad(uint16_t *x, quad_f32 a) { _mm_storel_epi64((__m128i *)x, narrow_register_8(_mm256_castps128_ps256(a))); }
#else
LANES_INLINE quad_f32 load_half_quad(const uint16_t *x) { return _mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)x)); }
LANES_INLINE __m128i narrow_register_8(__m256 x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
LANES_INLINE void store_half_quad(uint16_t *x, quad_f32 a) { _mm_storel_epi64((__m128i *)x, _mm_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)); }
#endif

#ifdef REGISTERS_ARE_512
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    _mm_storeu_si128((__m128i *)x, narrow_register_8(_mm512_castps512_ps256(a)));
    _mm_storeu_si128((__m128i *)(x + 8), narrow_register_8(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1))));
}
#ifdef SMOOTHXENT_BFLOAT16
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x)), 16)); }
#else
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)x)); }
#endif
#else
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) { _mm_storeu_si128((__m128i *)x, narrow_register_8(a)); }
#ifdef SMOOTHXENT_BFLOAT16
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)), 16)); }
#else
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)x)); }
#endif
#endif

#elif defined(REGISTERS_ARE_NEON)

#ifdef SMOOTHXENT_BFLOAT16
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x), 16)); }
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) {
    uint32x4_t bits = vreinterpretq_u32_f32(a), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t nearest = vshrq_n_u32(vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd), 16);
    uint32x4_t quiet = vorrq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(0x40));
    vst1_u16(x, vmovn_u32(vbslq_u32(vceqq_f32(a, a), nearest, quiet)));
}
#else
LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))); }
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) { vst1_u16(x, vreinterpret_u16_f16(vcvt_f16_f32(a))); }
#endif
LANES_INLINE quad_f32 load_half_quad(const uint16_t *x) { return load_half_type(x); }
LANES_INLINE void store_half_quad(uint16_t *x, quad_f32 a) { store_half_type(x, a); }

#else /* portable */

LANES_INLINE reg_f32 load_half_type(const uint16_t *x) { uint16_t half; memcpy(&half, x, sizeof half); return widen_half_type(half); }
LANES_INLINE void store_half_type(uint16_t *x, reg_f32 a) { uint16_t half = narrow_half_type(a); memcpy(x, &half, sizeof half); }

#endif

#endif
