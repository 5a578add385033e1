/* quads.h: 16 bytes of one row, QUAD elements, in which few classes are transposed; included by lanes.h alone.
 *
 *     load_quad, store_quad     to and from memory; with _part, the first `count` elements, as those of registers.h
 *     join_quads, split_quads   a register is filled with quads, and back
 *     transpose                 rows and columns of QUAD registers change places inside each quad
 */
#ifndef SMOOTHXENT_QUADS_H
#define SMOOTHXENT_QUADS_H

enum { QUAD_F32 = 4, QUAD_F64 = 2 };

#ifdef REGISTERS_ARE_X86

typedef __m128 quad_f32;
typedef __m128d quad_f64;
LANES_INLINE __m128i first_of_4(int count) { return _mm_cmpgt_epi32(_mm_set1_epi32(count), _mm_setr_epi32(0, 1, 2, 3)); }
LANES_INLINE __m128i first_of_2(int count) { return _mm_cmpgt_epi64(_mm_set1_epi64x(count), _mm_set_epi64x(1, 0)); }
LANES_INLINE quad_f32 load_quad_f32(const float *x) { return _mm_loadu_ps(x); }
LANES_INLINE quad_f64 load_quad_f64(const double *x) { return _mm_loadu_pd(x); }
LANES_INLINE quad_f32 load_quad_part_f32(const float *x, int count) { return _mm_maskload_ps(x, first_of_4(count)); }
LANES_INLINE quad_f64 load_quad_part_f64(const double *x, int count) { return _mm_maskload_pd(x, first_of_2(count)); }
LANES_INLINE void store_quad_f32(float *x, quad_f32 a) { _mm_storeu_ps(x, a); }
LANES_INLINE void store_quad_f64(double *x, quad_f64 a) { _mm_storeu_pd(x, a); }
LANES_INLINE void store_quad_part_f32(float *x, quad_f32 a, int count) { _mm_maskstore_ps(x, first_of_4(count), a); }
LANES_INLINE void store_quad_part_f64(double *x, quad_f64 a, int count) { _mm_maskstore_pd(x, first_of_2(count), a); }

#ifdef REGISTERS_ARE_512
LANES_INLINE reg_f32 join_quads_f32(const quad_f32 *b) { return _mm512_insertf32x4(_mm512_insertf32x4(_mm512_insertf32x4(_mm512_castps128_ps512(b[0]), b[1], 1), b[2], 2), b[3], 3); }
LANES_INLINE reg_f64 join_quads_f64(const quad_f64 *b) { return _mm512_insertf64x2(_mm512_insertf64x2(_mm512_insertf64x2(_mm512_castpd128_pd512(b[0]), b[1], 1), b[2], 2), b[3], 3); }
LANES_INLINE void split_quads_f32(reg_f32 a, quad_f32 *b) { b[0] = _mm512_castps512_ps128(a); b[1] = _mm512_extractf32x4_ps(a, 1); b[2] = _mm512_extractf32x4_ps(a, 2); b[3] = _mm512_extractf32x4_ps(a, 3); }
LANES_INLINE void split_quads_f64(reg_f64 a, quad_f64 *b) { b[0] = _mm512_castpd512_pd128(a); b[1] = _mm512_extractf64x2_pd(a, 1); b[2] = _mm512_extractf64x2_pd(a, 2); b[3] = _mm512_extractf64x2_pd(a, 3); }
#define CAST_PD(a) _mm512_castps_pd(a)
#define CAST_PS(a) _mm512_castpd_ps(a)
#else
LANES_INLINE reg_f32 join_quads_f32(const quad_f32 *b) { return _mm256_insertf128_ps(_mm256_castps128_ps256(b[0]), b[1], 1); }
LANES_INLINE reg_f64 join_quads_f64(const quad_f64 *b) { return _mm256_insertf128_pd(_mm256_castpd128_pd256(b[0]), b[1], 1); }
LANES_INLINE void split_quads_f32(reg_f32 a, quad_f32 *b) { b[0] = _mm256_castps256_ps128(a); b[1] = _mm256_extractf128_ps(a, 1); }
LANES_INLINE void split_quads_f64(reg_f64 a, quad_f64 *b) { b[0] = _mm256_castpd256_pd128(a); b[1] = _mm256_extractf128_pd(a, 1); }
#define CAST_PD(a) _mm256_castps_pd(a)
#define CAST_PS(a) _mm256_castpd_ps(a)
#endif

#elif defined(REGISTERS_ARE_NEON)

typedef float32x4_t quad_f32;
typedef float64x2_t quad_f64;
#define load_quad_f32 vld1q_f32
#define load_quad_f64 vld1q_f64
#define load_quad_part_f32 load_part_f32
#define load_quad_part_f64 load_part_f64
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

#endif

#ifndef REGISTERS_ARE_PLAIN
LANES_INLINE void transpose_f32(reg_f32 *a) {
    reg_f64 t0 = CAST_PD(OP_F32(unpacklo)(a[0], a[1])), t1 = CAST_PD(OP_F32(unpackhi)(a[0], a[1]));
    reg_f64 t2 = CAST_PD(OP_F32(unpacklo)(a[2], a[3])), t3 = CAST_PD(OP_F32(unpackhi)(a[2], a[3]));
    a[0] = CAST_PS(OP_F64(unpacklo)(t0, t2));
    a[1] = CAST_PS(OP_F64(unpackhi)(t0, t2));
    a[2] = CAST_PS(OP_F64(unpacklo)(t1, t3));
    a[3] = CAST_PS(OP_F64(unpackhi)(t1, t3));
}
LANES_INLINE void transpose_f64(reg_f64 *a) {
    reg_f64 low = OP_F64(unpacklo)(a[0], a[1]);
    a[1] = OP_F64(unpackhi)(a[0], a[1]);
    a[0] = low;
}
#endif

#endif
