/* registers.h: the operations on one register, the same for each instruction set. For lanes.h and exp_log.h.
 *
 * The compiler's flags choose one file: avx512.h, avx2.h (x86.h has what these two share), neon.h or
 * portable.h. It defines the types reg_f32, reg_f64 and reg_i64, their number of elements WIDTH_F32 and
 * WIDTH_F64, all functions below, and those that quads.h and halves.h list. Names end in the type of an
 * element, f32 or f64. OP_F32(name) and OP_F64(name) give the operations that have Intel's names: loadu,
 * storeu, stream, set1, max, min, fmadd, fnmadd, unpacklo and unpackhi. The rest of arithmetic has the
 * operators of C: + - * / of two registers act on each element.
 *
 *     max(a, b), min(a, b)      a > b ? a : b and a < b ? a : b: b when either is NaN
 *     fmadd, fnmadd             a * b + c and c - a * b, rounded once
 *     exponent(u)               float64: moves the low bits of u into the exponent field
 *     split(x, &k)              m of x = 2**k m, sqrt(1/2) <= m < sqrt(2), for normal x > 0
 *     where_nonzero(c, x)       c != 0 ? x : 0, which keeps 0 * inf out of a sum
 *     where_equal, where_less   (a, b, x, y): a == b ? x : y and a < b ? x : y
 *     all_less(a, b)            whether all of a are less than those of b; NaN is not
 *     unzip(a, b, &odd)         of the elements of a and then b, the even ones; odd: the odd ones
 *     zip(a, b, &high)          float32: elements of a and b alternate; the first half; high: the second
 *     unzip_three, zip_three    float32: the same for three registers, x[0] to x[2], in place
 *     step_powers(u)            float32: 2**(n / 8), n + 8 * 127 in the low bits of u; see STEP_ERRORS
 *     step_errors(u)            float32: the relative error of step_powers(u)
 *     widen_half(x, half)       the lower or upper half of x in float64
 *     load_part, store_part     the first `count` elements only; load_part sets the others to 0
 *     stream                    a store past the caches, to an address aligned to the register
 *     largest(a)                the largest element; none is NaN
 *     sum(a)                    the sum of all elements; halves are added, so the tree fits any width
 *     narrow(low, high)         two registers of float64 rounded to one of float32
 *     first(a)                  the first element
 *     finish_streams            stores that stream are visible to others before those that follow
 *     READ_ONCE(a)              keeps the compiler from loading a from memory again
 *
 * Registers of 64-bit integers, as wide as those of float64, for labels:
 *
 *     load_i64, widen_i64(x)    from integers of 64 or 32 bits in memory, of any alignment
 *     store_i64                 to memory, also of float64 elements
 *     below_i64(a, b, y)        a < b ? a : y, with a and b as unsigned numbers
 *     where_equal_i64           as above
 *     any_equal_i64(a, b)       whether any elements are equal
 *     f64_from_i64(a)           to float64, |a| < 2**31
 *     f32_from_i64(x)           to float32, from memory, |*x| < 2**31
 */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__) && !defined(__clang__)
#error "smoothxent needs GCC or Clang"
#endif
#define LANES_INLINE static inline __attribute__((always_inline, unused))
#define LANES_FUNCTION static __attribute__((unused))

/* For arrays: a load that crosses the end of a cache line takes two accesses. */
#define LINE_ALIGNED __attribute__((aligned(64)))

#define ROOT_HALF_BITS 0x3fe6a09e667f3bcd /* sqrt(1/2) in float64 */
#define ROOT_HALF_BITS_F32 0x3f3504f3
#define EXPONENT_MASK (-0x10000000000000)

/* Tables for step_powers and step_errors; all is there twice, for registers of 16. A power is the bits of
 * 2**(j / 8), rounded to float32, less the bits that adding n << 20 contributes: j << 20, and 127 in the
 * exponent. An error is (2**(j / 8) - power) / power. See tools/coefficients.py. */
#define STEP_POWER(bits, j) (bits) - (127 << 23) - ((j) << 20)
#define EIGHT_POWERS                                                                     \
    STEP_POWER(0x3f800000, 0), STEP_POWER(0x3f8b95c2, 1), STEP_POWER(0x3f9837f0, 2),     \
        STEP_POWER(0x3fa5fed7, 3), STEP_POWER(0x3fb504f3, 4), STEP_POWER(0x3fc5672a, 5), \
        STEP_POWER(0x3fd744fd, 6), STEP_POWER(0x3feac0c7, 7)
#define EIGHT_ERRORS                                                                          \
    0, -0x1.9c0c22p-27f, 0x1.125002p-25f, -0x1.0a3550p-25f, 0x1.26055cp-26f, 0x1.67a1cap-28f, \
        -0x1.f9c304p-27f, -0x1.a5217cp-28f
static const int32_t STEP_POWERS[] LINE_ALIGNED = {EIGHT_POWERS, EIGHT_POWERS};
static const float STEP_ERRORS[] LINE_ALIGNED = {EIGHT_ERRORS, EIGHT_ERRORS};

/* Indices for unzip_three and zip_three in registers of 16, and of 8, whose instruction reads three bits of
 * an index: element i of column k is number n = 3 i + k of the triples, so i = 11 n + 5 k modulo 16. Register
 * j begins with an element of column 2 j (registers of 16: j) modulo 3. */
#define MULTIPLES(step, k)                                                                            \
    {k, k + step, k + 2 * step, k + 3 * step, k + 4 * step, k + 5 * step, k + 6 * step, k + 7 * step, \
        k + 8 * step, k + 9 * step, k + 10 * step, k + 11 * step, k + 12 * step, k + 13 * step,       \
        k + 14 * step, k + 15 * step}
static const int32_t UNZIP_THREE[3][16] LINE_ALIGNED = {MULTIPLES(3, 0), MULTIPLES(3, 1), MULTIPLES(3, 2)};
static const int32_t ZIP_THREE[3][16] LINE_ALIGNED = {MULTIPLES(11, 0), MULTIPLES(11, 5), MULTIPLES(11, 10)};

/* SMOOTHXENT_PORTABLE chooses portable.h, whatever the flags of the compiler. */
#if defined(__AVX2__) && defined(__FMA__) && !defined(SMOOTHXENT_PORTABLE)
#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include "lanes/instruction_sets/avx512.h"
#else
#include "lanes/instruction_sets/avx2.h"
#endif
#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(SMOOTHXENT_PORTABLE)
#include "lanes/instruction_sets/neon.h"
#else
#include "lanes/instruction_sets/portable.h"
#endif

/* a + b and its rounding error (Knuth's two-sum). */
LANES_INLINE reg_f64 two_sum(reg_f64 a, reg_f64 b, reg_f64 *lost) {
    reg_f64 sum = a + b, back = sum - a;
    *lost = (a - (sum - back)) + (b - back);
    return sum;
}

/* For short loops over arrays of lanes: these stay in registers only if the loop is unrolled. */
#if defined(REGISTERS_ARE_SCALAR)
#define UNROLLED
#elif defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
/* Version 14 warns of inner loops whose counts become constants only when an outer loop is unrolled. */
#if __clang_major__ < 19
#pragma clang diagnostic ignored "-Wpass-failed"
#endif
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
