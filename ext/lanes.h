/* lanes.h: 16 float32 or 8 float64 virtual lanes, and their arithmetic.
 *
 * The only file that knows registers. A kernel is compiled once per instruction set and dtype; the
 * compiler's flags choose the registers, SMOOTHXENT_FLOAT64 chooses `real`:
 *
 *     real    float        or  double         one logit
 *     lanes   16 float     or  8 double       a vector of logits
 *     wide    16 double    or  8 double       the same lanes in float64: what leaves a tile is float64
 *
 * Same bits from every instruction set: each operation acts on each lane alone and rounds once, as
 * IEEE 754 says; every fused multiply-add is written out (the build says -ffp-contract=off); sums over
 * lanes take one fixed tree. The portable build is the readable twin: registers of one element.
 *
 * The inner functions know nothing of NaN: each line says what NaN does where it matters.
 */
#ifndef SMOOTHXENT_LANES_H
#define SMOOTHXENT_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) || defined(__clang__)
#define LANES_INLINE static inline __attribute__((always_inline, unused))
#else
#define LANES_INLINE static inline
#endif

/* ---- registers: one block per instruction set ------------------------------------------------
 *
 * max(a, b) is `a > b ? a : b` and min(a, b) is `a < b ? a : b`: b when either is NaN. exponent(u) moves the low bits of u into the
 * exponent field. where_nonzero(c, x) is x where c != 0, else 0: it keeps 0 * inf out of a sum.
 */

#if defined(__AVX512F__)

#include <immintrin.h>
typedef __m512 reg_f32;
typedef __m512d reg_f64;
enum { WIDTH_F32 = 16, WIDTH_F64 = 8 };
#define OP_F32(name) _mm512_##name##_ps
#define OP_F64(name) _mm512_##name##_pd
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(u), 23)); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(u), 52)); }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(c, _mm512_setzero_pd(), _CMP_NEQ_UQ), x); }
LANES_INLINE reg_f64 widen_f32(const float *x) { return _mm512_cvtps_pd(_mm256_loadu_ps(x)); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { return _mm512_cvtps_pd(_mm256_castpd_ps(half ? _mm512_extractf64x4_pd(_mm512_castps_pd(x), 1) : _mm512_castpd512_pd256(_mm512_castps_pd(x)))); }

#elif defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>
typedef __m256 reg_f32;
typedef __m256d reg_f64;
enum { WIDTH_F32 = 8, WIDTH_F64 = 4 };
#define OP_F32(name) _mm256_##name##_ps
#define OP_F64(name) _mm256_##name##_pd
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(u), 23)); }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(u), 52)); }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return _mm256_and_pd(_mm256_cmp_pd(c, _mm256_setzero_pd(), _CMP_NEQ_UQ), x); }
LANES_INLINE reg_f64 widen_f32(const float *x) { return _mm256_cvtps_pd(_mm_loadu_ps(x)); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { return _mm256_cvtps_pd(half ? _mm256_extractf128_ps(x, 1) : _mm256_castps256_ps128(x)); }

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(SMOOTHXENT_PORTABLE)

#include <arm_neon.h>
typedef float32x4_t reg_f32;
typedef float64x2_t reg_f64;
enum { WIDTH_F32 = 4, WIDTH_F64 = 2 };
#define OP_F32(name) neon_##name##_f32
#define OP_F64(name) neon_##name##_f64
LANES_INLINE reg_f32 neon_loadu_f32(const float *x) { return vld1q_f32(x); }
LANES_INLINE reg_f64 neon_loadu_f64(const double *x) { return vld1q_f64(x); }
LANES_INLINE void neon_storeu_f32(float *x, reg_f32 a) { vst1q_f32(x, a); }
LANES_INLINE void neon_storeu_f64(double *x, reg_f64 a) { vst1q_f64(x, a); }
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
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return vbslq_f64(vceqzq_f64(c), vdupq_n_f64(0.0), x); }
LANES_INLINE reg_f64 widen_f32(const float *x) { return vcvt_f64_f32(vld1_f32(x)); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { return vcvt_f64_f32(half ? vget_high_f32(x) : vget_low_f32(x)); }

#else /* portable */

typedef float reg_f32;
typedef double reg_f64;
enum { WIDTH_F32 = 1, WIDTH_F64 = 1 };
#define OP_F32(name) plain_##name##_f32
#define OP_F64(name) plain_##name##_f64
LANES_INLINE reg_f32 plain_loadu_f32(const float *x) { float a; memcpy(&a, x, sizeof a); return a; }
LANES_INLINE reg_f64 plain_loadu_f64(const double *x) { double a; memcpy(&a, x, sizeof a); return a; }
LANES_INLINE void plain_storeu_f32(float *x, reg_f32 a) { memcpy(x, &a, sizeof a); }
LANES_INLINE void plain_storeu_f64(double *x, reg_f64 a) { memcpy(x, &a, sizeof a); }
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

/* A float32 fma without the instruction: the product is exact in float64; its sum with c is rounded to
 * odd (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums"), so that the second
 * rounding, to float32, rounds the exact value. NaN and inf leave the error term NaN: no step. */
LANES_INLINE reg_f32 plain_fmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) {
    double product = (double)a * (double)b, addend = c, sum = product + addend;
    double back = sum - product, error = (product - (sum - back)) + (addend - back);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    if ((error > 0 || error < 0) && !(bits & 1)) bits += ((error > 0) == (sum > 0)) ? 1 : (uint64_t)-1;
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}
LANES_INLINE reg_f64 plain_fmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return fma(a, b, c); }
LANES_INLINE reg_f32 plain_fnmadd_f32(reg_f32 a, reg_f32 b, reg_f32 c) { return plain_fmadd_f32(-a, b, c); }
LANES_INLINE reg_f64 plain_fnmadd_f64(reg_f64 a, reg_f64 b, reg_f64 c) { return fma(-a, b, c); }
LANES_INLINE reg_f32 exponent_f32(reg_f32 u) { uint32_t bits; memcpy(&bits, &u, 4); bits <<= 23; memcpy(&u, &bits, 4); return u; }
LANES_INLINE reg_f64 exponent_f64(reg_f64 u) { uint64_t bits; memcpy(&bits, &u, 8); bits <<= 52; memcpy(&u, &bits, 8); return u; }
LANES_INLINE reg_f64 where_nonzero_f64(reg_f64 c, reg_f64 x) { return c != 0.0 ? x : 0.0; }
LANES_INLINE reg_f64 widen_f32(const float *x) { return plain_loadu_f32(x); }
LANES_INLINE reg_f64 widen_half_f32(reg_f32 x, int half) { (void)half; return x; }

#endif

/* ---- what `real` is --------------------------------------------------------------------------- */

#ifdef SMOOTHXENT_FLOAT64
typedef double real;
typedef reg_f64 reg_real;
enum { LANES = 8, WIDTH = WIDTH_F64 };
#define OP(name) OP_F64(name)
#define exponent_reg exponent_f64
#else
typedef float real;
typedef reg_f32 reg_real;
enum { LANES = 16, WIDTH = WIDTH_F32 };
#define OP(name) OP_F32(name)
#define exponent_reg exponent_f32
#endif

enum { REGISTERS = LANES / WIDTH, WIDE_REGISTERS = LANES / WIDTH_F64 };
typedef struct { reg_real r[REGISTERS]; } lanes;
typedef struct { reg_f64 r[WIDE_REGISTERS]; } wide;

#define EACH_REGISTER for (int i = 0; i < REGISTERS; i++)
#define EACH_WIDE_REGISTER for (int i = 0; i < WIDE_REGISTERS; i++)

/* ---- lanes ------------------------------------------------------------------------------------ */

LANES_INLINE lanes load(const real *x) { lanes v; EACH_REGISTER v.r[i] = OP(loadu)(x + i * WIDTH); return v; }
LANES_INLINE void store(real *x, lanes a) { EACH_REGISTER OP(storeu)(x + i * WIDTH, a.r[i]); }
LANES_INLINE lanes splat(real x) { lanes v; EACH_REGISTER v.r[i] = OP(set1)(x); return v; }
LANES_INLINE lanes add(lanes a, lanes b) { EACH_REGISTER a.r[i] = OP(add)(a.r[i], b.r[i]); return a; }
LANES_INLINE lanes sub(lanes a, lanes b) { EACH_REGISTER a.r[i] = OP(sub)(a.r[i], b.r[i]); return a; }
LANES_INLINE lanes mul(lanes a, lanes b) { EACH_REGISTER a.r[i] = OP(mul)(a.r[i], b.r[i]); return a; }
LANES_INLINE lanes maximum(lanes a, lanes b) { EACH_REGISTER a.r[i] = OP(max)(a.r[i], b.r[i]); return a; }
LANES_INLINE lanes minimum(lanes a, lanes b) { EACH_REGISTER a.r[i] = OP(min)(a.r[i], b.r[i]); return a; }
/* a * b + c and c - a * b, rounded once */
LANES_INLINE lanes fused(lanes a, lanes b, lanes c) { EACH_REGISTER c.r[i] = OP(fmadd)(a.r[i], b.r[i], c.r[i]); return c; }
LANES_INLINE lanes negative_fused(lanes a, lanes b, lanes c) { EACH_REGISTER c.r[i] = OP(fnmadd)(a.r[i], b.r[i], c.r[i]); return c; }
LANES_INLINE lanes exponent(lanes u) { EACH_REGISTER u.r[i] = exponent_reg(u.r[i]); return u; }

#if defined(__GNUC__) || defined(__clang__)
LANES_INLINE void prefetch(const real *x) { __builtin_prefetch(x); }
#else
LANES_INLINE void prefetch(const real *x) { (void)x; }
#endif

/* The largest lane. NaN lanes are passed over or win: the caller must not depend on either. */
LANES_INLINE real largest(lanes a) {
    real x[WIDTH], best;
    for (int half = REGISTERS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) a.r[i] = OP(max)(a.r[i], a.r[i + half]);
    OP(storeu)(x, a.r[0]);
    best = x[0];
    for (int i = 1; i < WIDTH; i++) best = x[i] > best ? x[i] : best;
    return best;
}

/* ---- wide ------------------------------------------------------------------------------------- */

LANES_INLINE wide wide_load(const double *x) { wide v; EACH_WIDE_REGISTER v.r[i] = OP_F64(loadu)(x + i * WIDTH_F64); return v; }
LANES_INLINE void wide_store(double *x, wide a) { EACH_WIDE_REGISTER OP_F64(storeu)(x + i * WIDTH_F64, a.r[i]); }
LANES_INLINE wide wide_splat(double x) { wide v; EACH_WIDE_REGISTER v.r[i] = OP_F64(set1)(x); return v; }
LANES_INLINE wide wide_add(wide a, wide b) { EACH_WIDE_REGISTER a.r[i] = OP_F64(add)(a.r[i], b.r[i]); return a; }
LANES_INLINE wide wide_sub(wide a, wide b) { EACH_WIDE_REGISTER a.r[i] = OP_F64(sub)(a.r[i], b.r[i]); return a; }
LANES_INLINE wide wide_fused(wide a, wide b, wide c) { EACH_WIDE_REGISTER c.r[i] = OP_F64(fmadd)(a.r[i], b.r[i], c.r[i]); return c; }
LANES_INLINE wide where_nonzero(wide c, wide x) { EACH_WIDE_REGISTER x.r[i] = where_nonzero_f64(c.r[i], x.r[i]); return x; }

#ifdef SMOOTHXENT_FLOAT64
LANES_INLINE wide wide_load_real(const real *x) { return wide_load(x); }
LANES_INLINE wide widen(lanes a) { wide v; EACH_WIDE_REGISTER v.r[i] = a.r[i]; return v; }
#else
LANES_INLINE wide wide_load_real(const real *x) { wide v; EACH_WIDE_REGISTER v.r[i] = widen_f32(x + i * WIDTH_F64); return v; }
LANES_INLINE wide widen(lanes a) {
    wide v;
    EACH_WIDE_REGISTER v.r[i] = WIDTH > 1 ? widen_half_f32(a.r[i / 2 % REGISTERS], i & 1) : widen_half_f32(a.r[i % REGISTERS], 0);
    return v;
}
#endif

/* Sums of many terms. A float32 term has 24 bits, so float64 holds 2**29 of them to its own precision: they are added
 * as float32 for STEP vectors, then as float64. float64 terms need a second level: Knuth's two-sum, lane by lane. */
typedef struct { wide sum, error; } compensated;

LANES_INLINE compensated compensated_add(compensated total, wide term) {
    EACH_WIDE_REGISTER {
        reg_f64 sum = OP_F64(add)(total.sum.r[i], term.r[i]), back = OP_F64(sub)(sum, total.sum.r[i]);
        reg_f64 lost = OP_F64(sub)(total.sum.r[i], OP_F64(sub)(sum, back));
        total.error.r[i] = OP_F64(add)(total.error.r[i], OP_F64(add)(lost, OP_F64(sub)(term.r[i], back)));
        total.sum.r[i] = sum;
    }
    return total;
}

#ifdef SMOOTHXENT_FLOAT64
enum { STEP = 1 };
LANES_INLINE compensated accumulate(compensated total, wide term) { return compensated_add(total, term); }
#else
enum { STEP = 4 };
LANES_INLINE compensated accumulate(compensated total, wide term) { total.sum = wide_add(total.sum, term); return total; }
#endif

/* Sum over lanes: halves are added to halves, the same tree whatever the width of a register. */
LANES_INLINE double wide_sum(wide a) {
    double x[WIDTH_F64];
    for (int half = WIDE_REGISTERS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) a.r[i] = OP_F64(add)(a.r[i], a.r[i + half]);
    OP_F64(storeu)(x, a.r[0]);
    for (int half = WIDTH_F64 / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) x[i] += x[i + half];
    return x[0];
}

/* ---- exp ---------------------------------------------------------------------------------------
 *
 * exp(x) * 2**scale = power + rest * ratio, with scale an integer held in `bias`:
 *
 *     u     := x * log2(e) + bias       bias = MAGIC + EXPONENT_BIAS + scale. Adding MAGIC (1.5 * 2**23) leaves
 *                                       n + EXPONENT_BIAS in the low bits of u, n = round(x log2(e)) + scale
 *     m     := u - bias                 exact: n - scale = round(x log2(e)), an integer
 *     r     := x - m * ln(2)            one rounding, |r| <= ln(2)/2, so r is right to 2**-26 whatever x is
 *     power := 2**n                     the low bits of u moved to the exponent; 0 if n is below the smallest
 *     rest  := power * r                exact
 *     ratio := (exp(r) - 1) / r         polynomial, relative error of 1 + r * ratio: 3.2e-9 (float64: 3.8e-18)
 *
 * Keeping power and rest * ratio apart halves the error twice: sums of powers of two of like size are exact, and
 * the rounding of the rest is scaled by |r| <= 0.35.
 * Needs |x * log2(e) + scale| < 2**21 (float64: 2**50) and n >= -EXPONENT_BIAS: the caller clamps x below.
 * Log2(e) needs no precision: a wrong n at a tie gives an |r| a hair above ln(2)/2. The error of ln(2) in
 * float32, LN2_ERROR = 1.9e-9, scales exp(x) by exp(-m * LN2_ERROR); the part -scale of m is common to a row
 * and is taken back in float64 (see `sum_of_powers` in group.pxi), what is left is n * 1.9e-9.
 * NaN: u, r and with them power + rest * ratio are NaN.
 * Coefficients: ext/coefficients.py.
 */
#ifdef SMOOTHXENT_FLOAT64
static const double MAGIC = 0x1.8p+52, EXPONENT_BIAS = 1023.0, LN2_ERROR = 0.0;
static const double EXP_RATIO[] = {
    0x1p+0, 0x1.000000000000ap-1, 0x1.5555555555509p-3, 0x1.555555555072cp-5, 0x1.1111111124a1ep-7, 0x1.6c16c184588c8p-10,
    0x1.a01a0138fbad2p-13, 0x1.a01999b4fdebbp-16, 0x1.71df07dad5a92p-19, 0x1.28adadeb58d78p-22, 0x1.adaa6c60e885ap-26};
#else
static const double MAGIC = 0x1.8p+23, EXPONENT_BIAS = 127.0, LN2_ERROR = 0x1.05c610ca86c39p-29;
static const float EXP_RATIO[] = {0x1p+0f, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aep-5f, 0x1.123972p-7f, 0x1.6a4f1cp-10f};
#endif
enum { EXP_DEGREE = sizeof EXP_RATIO / sizeof EXP_RATIO[0] - 1 };
static const double LOG2_E = 0x1.71547652b82fep+0, LN2 = 0x1.62e42fefa39efp-1, LN2_LOW = 0x1.abc9e3b39803fp-56;

typedef struct { lanes power, rest, ratio; } exp_parts;

LANES_INLINE exp_parts exp_lanes(lanes x, lanes bias) {
    exp_parts e;
    lanes u = fused(x, splat((real)LOG2_E), bias);
    lanes m = sub(u, bias);
    lanes r = negative_fused(m, splat((real)LN2), x);
#ifdef SMOOTHXENT_FLOAT64
    r = negative_fused(m, splat(LN2_LOW), r);
#endif
    e.ratio = splat(EXP_RATIO[EXP_DEGREE]);
    for (int i = EXP_DEGREE - 1; i >= 0; i--) e.ratio = fused(e.ratio, r, splat(EXP_RATIO[i]));
    e.power = exponent(u);
    e.rest = mul(e.power, r);
    return e;
}

/* ---- float64 functions of what a row needs once -------------------------------------------------
 * Free of branches and loops, so that loops over the rows of a group vectorise. */

LANES_INLINE double rounded(double x) { return (x + 0x1.8p+52) - 0x1.8p+52; } /* to the nearest integer, |x| < 2**51 */

LANES_INLINE double power_of_two(double n) { /* 2**n, n an integer in [-1022, 1023] */
    double u = n + (0x1.8p+52 + 1023.0);
    uint64_t bits;
    memcpy(&bits, &u, sizeof bits);
    bits <<= 52;
    memcpy(&u, &bits, sizeof u);
    return u;
}

/* a * exp(x + x_low) with one rounding at the end, subnormal results included; x <= 709, or -inf, or NaN. The
 * power is applied in two steps, of which only the second can leave the normal range (a in [2**-200, 2**200]). */
LANES_INLINE double times_exp(double a, double x, double x_low) {
    double clamped = x < -800.0 ? -800.0 : x; /* a * exp(-800) is 0 for every such a; NaN passes */
    double n = rounded(clamped * LOG2_E), half = rounded(0.5 * n);
    double r = fma(-n, LN2_LOW, fma(-n, LN2, clamped)) + x_low, ratio = 0x1.adaa6c60e885ap-26;
    ratio = fma(ratio, r, 0x1.28adadeb58d78p-22);
    ratio = fma(ratio, r, 0x1.71df07dad5a92p-19);
    ratio = fma(ratio, r, 0x1.a01999b4fdebbp-16);
    ratio = fma(ratio, r, 0x1.a01a0138fbad2p-13);
    ratio = fma(ratio, r, 0x1.6c16c184588c8p-10);
    ratio = fma(ratio, r, 0x1.1111111124a1ep-7);
    ratio = fma(ratio, r, 0x1.555555555072cp-5);
    ratio = fma(ratio, r, 0x1.5555555555509p-3);
    ratio = fma(ratio, r, 0x1.000000000000ap-1);
    ratio = fma(ratio, r, 1.0);
    return fma(a * r, ratio, a) * power_of_two(half) * power_of_two(n - half);
}

/* log(a + b) for a, b >= 0 and a + b normal, right to the last digit where a = 1 and b is tiny.
 *     a + b = w + w_low;  w = 2**k m, m in [sqrt(1/2), sqrt(2));  f = m - 1 exact;  s = f / (2 + f);  z = s**2
 *     log(1 + f) = f - f**2/2 + s (f**2/2 + z R(z)): the leading terms are free of the error of s
 * Coefficients of R: ext/coefficients.py. log(0) is -inf; inf and NaN pass. */
LANES_INLINE double log_of_sum(double a, double b) {
    const uint64_t root = 0x3fe6a09e667f3bcdULL; /* the bits of sqrt(1/2) */
    double w = a + b, back = w - a, w_low = (a - (w - back)) + (b - back), k, m;
    uint64_t bits, exponent;
    memcpy(&bits, &w, sizeof bits);
    bits += 0x3ff0000000000000ULL - root;
    exponent = (bits >> 52) | 0x4330000000000000ULL; /* 2**52 + k + 1023 */
    memcpy(&k, &exponent, sizeof k);
    k -= 0x1p+52 + 1023.0;
    bits = (bits & 0x000fffffffffffffULL) + root;
    memcpy(&m, &bits, sizeof m);
    double f = m - 1.0, s = f / (2.0 + f), z = s * s, half_square = 0.5 * f * f, series = 0x1.2f00b231cd669p-3;
    series = fma(series, z, 0x1.39a235a524da7p-3);
    series = fma(series, z, 0x1.746639fff75e2p-3);
    series = fma(series, z, 0x1.c71c5221ea87bp-3);
    series = fma(series, z, 0x1.24924941d2795p-2);
    series = fma(series, z, 0x1.999999997ffd9p-2);
    series = fma(series, z, 0x1.5555555555592p-1);
    double rest = fma(s, fma(z, series, half_square), fma(k, LN2_LOW, w_low / w)) - half_square;
    double result = fma(k, LN2, f + rest), special = w == 0.0 ? -(double)INFINITY : w;
    return w > 0.0 && w < (double)INFINITY ? result : special;
}

#endif
