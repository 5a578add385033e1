/* sweeps.h: exp of lanes, and the inner loops that take it: of rows or columns for a loss, of blocks for a gradient.
 *
 * In C for what Cython cannot ask for: unrolling, and sums that stay in registers.
 */
#ifndef SMOOTHXENT_SWEEPS_H
#define SMOOTHXENT_SWEEPS_H

#include <stddef.h>

#include "functions.h"
#include "lanes.h"

/* ---- exp ---------------------------------------------------------------------------------------
 *
 * exp(x) * 2**scale = power + rest * ratio, with scale an integer held in `bias`:
 *
 *     u         := x * log2(e) + bias    bias = MAGIC + EXPONENT_BIAS + scale. Adding MAGIC (1.5 * 2**23) leaves
 *                                        n + EXPONENT_BIAS in the low bits of u, n = round(x log2(e)) + scale
 *     whole     := u - bias              exact: n - scale = round(x log2(e)), an integer
 *     remainder := x - whole * ln(2)     one rounding, at most ln(2)/2, so it is right to 2**-26 whatever x is
 *     power     := 2**n                  the low bits of u, at least LEAST_POWER, moved to the exponent
 *     rest      := power * remainder     exact
 *     ratio     := (exp(r) - 1) / r      polynomial, relative error of 1 + r * ratio: 3.2e-9 (float64: 3.8e-18)
 *
 * Keeping power and rest * ratio apart halves the error twice: sums of powers of two of like size are exact, and
 * the rounding of the rest is scaled by |r| <= 0.35. Sums of `whole` and `remainder` give sums of x to 2**-26, in
 * float32 adds: integers add exactly, remainders are small.
 * x is clamped at LOWEST (-inf becomes that), n at LEAST_POWER, where a term is below any last digit (2**-100) and
 * `rest` not yet subnormal, which would be slow. Needs |x| <= -LOWEST and 2**n finite: the caller sees to that.
 * Log2(e) needs no precision: a wrong n at a tie gives an |r| a hair above ln(2)/2. The error of ln(2) in
 * float32, LN2_ERROR = 1.9e-9, scales exp(x) by exp(-whole * LN2_ERROR); the part -scale of `whole` is common to a
 * row and is taken back in float64 (see `sum_of_powers` in group.pxi), what is left is n * 1.9e-9.
 * NaN: remainder and ratio and with them rest * ratio are NaN; `power` is any number.
 * Coefficients: ext/coefficients.py.
 */
#ifdef SMOOTHXENT_FLOAT64
static const double MAGIC = 0x1.8p+52, EXPONENT_BIAS = 1023.0, LN2_ERROR = 0.0, LN2_REST = 0x1.abc9e3b39803fp-56;
static const double EXP_RATIO[] = {
    0x1p+0, 0x1.000000000000ap-1, 0x1.5555555555509p-3, 0x1.555555555072cp-5, 0x1.1111111124a1ep-7, 0x1.6c16c184588c8p-10,
    0x1.a01a0138fbad2p-13, 0x1.a01999b4fdebbp-16, 0x1.71df07dad5a92p-19, 0x1.28adadeb58d78p-22, 0x1.adaa6c60e885ap-26};
#else
static const double MAGIC = 0x1.8p+23, EXPONENT_BIAS = 127.0, LN2_ERROR = 0x1.05c610ca86c39p-29, LN2_REST = 0.0;
static const float EXP_RATIO[] = {0x1p+0f, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aep-5f, 0x1.123972p-7f, 0x1.6a4f1cp-10f};
#endif
enum { EXP_DEGREE = sizeof EXP_RATIO / sizeof EXP_RATIO[0] - 1 };
static const double LEAST_POWER = 27.0;
/* LOWEST is a power of two times ln(2), so that its `whole` and `remainder` are these in every lane. */
static const double LOWEST = -0x1p+19 * (double)(real)0x1.62e42fefa39efp-1, LOWEST_WHOLE = -0x1p+19;

typedef struct { lanes power, rest, ratio, whole, remainder; } exp_parts;

enum { VECTORS = 4 };
typedef struct { lanes v[VECTORS]; } block;

#define EACH_VECTOR UNROLLED for (int j = 0; j < VECTORS; j++)

/* Of IN_FLIGHT vectors, each step for all of them before the next: a step waits for the one before it, and this keeps
 * the units busy meanwhile. There are as many as the registers hold. */
#define EACH_IN_FLIGHT UNROLLED for (int j = 0; j < IN_FLIGHT; j++)
LANES_INLINE void exp_lanes(const lanes *x, lanes bias, exp_parts *e) {
    lanes u[IN_FLIGHT], r[IN_FLIGHT], ratio[IN_FLIGHT];
    EACH_IN_FLIGHT r[j] = maximum(splat((real)LOWEST), x[j]); /* this order lets NaN pass */
    EACH_IN_FLIGHT u[j] = fused(r[j], splat((real)LOG2_E), bias);
    EACH_IN_FLIGHT e[j].whole = sub(u[j], bias);
    EACH_IN_FLIGHT r[j] = negative_fused(e[j].whole, splat((real)LN2), r[j]);
#ifdef SMOOTHXENT_FLOAT64
    EACH_IN_FLIGHT r[j] = negative_fused(e[j].whole, splat(LN2_REST), r[j]);
#endif
    EACH_IN_FLIGHT ratio[j] = splat(EXP_RATIO[EXP_DEGREE]);
    UNROLLED for (int i = EXP_DEGREE - 1; i >= 0; i--)
        EACH_IN_FLIGHT ratio[j] = fused(ratio[j], r[j], splat(EXP_RATIO[i]));
    EACH_IN_FLIGHT e[j].power = exponent(maximum(splat((real)(MAGIC + LEAST_POWER)), u[j]));
    EACH_IN_FLIGHT e[j].rest = mul(e[j].power, r[j]);
    EACH_IN_FLIGHT e[j].remainder = r[j];
    EACH_IN_FLIGHT e[j].ratio = ratio[j];
}

/* ---- blocks: what the inner loops do with VECTORS vectors, in C for the unrolling ------------------ */

typedef struct {
    lanes highest;
    compensated exps;
    wide wholes, remainders;
} block_sums;

enum { BLOCKS_PER_FLUSH = 4 }; /* before sums of gaps go to float64: 16 terms, of which the integers add exactly */

LANES_INLINE block load_block(const stored *x) { block b; EACH_VECTOR b.v[j] = load_logits(x + j * LANES); return b; }
LANES_INLINE block load_columns_block(const real *x) { block b; EACH_VECTOR b.v[j] = load(x + j * LANES); return b; }
LANES_INLINE void store_block(real *x, block b) { EACH_VECTOR store(x + j * LANES, b.v[j]); }
LANES_INLINE lanes highest_of(block b, lanes highest) { EACH_VECTOR highest = maximum(b.v[j], highest); return highest; } /* NaN is passed over */
LANES_INLINE void prefetch_block(const stored *x) { EACH_VECTOR prefetch(x + j * LANES); }

/* The next of `count` logits, -inf for those beyond and for the one left out. */
LANES_INLINE block load_block_part(const stored *x, ptrdiff_t count, ptrdiff_t left_out) {
    lanes least = splat(-(real)INFINITY), numbers = lane_numbers();
    block b;
    EACH_VECTOR {
        ptrdiff_t have = count - j * LANES;
        lanes v = least;
        if (have >= LANES) v = load_logits(x + j * LANES);
        else if (have > 0) v = where_less(numbers, splat((real)have), load_logits_part(x + j * LANES, (int)have), least);
        b.v[j] = where_equal(numbers, splat((real)(left_out - j * LANES)), least, v);
    }
    return b;
}
LANES_FUNCTION real block_highest(const stored *x, ptrdiff_t count, ptrdiff_t left_out) { return largest(highest_of(load_block_part(x, count, left_out), splat(-(real)INFINITY))); }

/* Of a loss: maximum, sum of exp and, with_gaps, of what x is made of. */
typedef struct { lanes *highest, *wholes, *remainders; wide *exps, *error; } running;
LANES_INLINE void add_block(running s, block b, lanes bias, int with_gaps) {
    exp_parts e[IN_FLIGHT];
    lanes powers = splat(0), rests = splat(0);
    *s.highest = highest_of(b, *s.highest);
    UNROLLED for (int first = 0; first < VECTORS; first += IN_FLIGHT) {
        exp_lanes(b.v + first, bias, e);
        EACH_IN_FLIGHT {
            powers = add(powers, e[j].power);
            rests = fused(e[j].rest, e[j].ratio, rests);
            if (with_gaps) {
                *s.wholes = add(*s.wholes, e[j].whole);
                *s.remainders = add(*s.remainders, e[j].remainder);
            }
        }
    }
    accumulate(s.exps, s.error, widen(powers));
    accumulate(s.exps, s.error, widen(rests));
}

/* A loop over blocks. The compiler keeps the sums in registers only if they are variables of their own. */
#define SUM_BLOCKS(blocks, next)                                                                        \
    lanes highest = splat(-(real)INFINITY), wholes, remainders;                                         \
    wide exps = wide_splat(0.0), error = exps, all_wholes = exps, all_remainders = exps;                \
    running s = {&highest, &wholes, &remainders, &exps, &error};                                        \
    for (ptrdiff_t n = 0; n < (blocks);) {                                                              \
        ptrdiff_t stop = n + BLOCKS_PER_FLUSH < (blocks) ? n + BLOCKS_PER_FLUSH : (blocks);             \
        wholes = remainders = splat(0);                                                                 \
        for (; n < stop; n++, x += VECTORS * LANES) {                                                   \
            block b;                                                                                    \
            next;                                                                                       \
            add_block(s, b, bias, with_gaps);                                                           \
        }                                                                                               \
        if (with_gaps) {                                                                                \
            all_wholes = wide_add(all_wholes, widen(wholes));                                           \
            all_remainders = wide_add(all_remainders, widen(remainders));                               \
        }                                                                                               \
    }                                                                                                   \
    sums->highest = highest;                                                                            \
    sums->exps.sum = exps;                                                                              \
    sums->exps.error = error;                                                                           \
    sums->wholes = all_wholes;                                                                          \
    sums->remainders = all_remainders;


enum { AHEAD = 4096 }; /* bytes by which memory is asked for early: hardware stops at the end of each page */

/* `count` logits of a row, without the one left out. */
LANES_INLINE void sum_row_inline(block_sums *sums, const stored *x, ptrdiff_t count, ptrdiff_t left_out, lanes bias, int with_gaps) {
    const ptrdiff_t size = VECTORS * LANES, whole = count / size, special = left_out < 0 ? -1 : left_out / size;
    SUM_BLOCKS(whole + (whole * size < count), {
        prefetch_block(x + AHEAD / sizeof *x);
        if (n != special && n != whole) b = load_block(x);
        else b = load_block_part(x, count - n * size, left_out - n * size);
    })
}
LANES_FUNCTION void sum_row(block_sums *sums, const stored *x, ptrdiff_t count, ptrdiff_t left_out, lanes bias, int with_gaps) {
    if (with_gaps) sum_row_inline(sums, x, count, left_out, bias, 1);
    else sum_row_inline(sums, x, count, left_out, bias, 0);
}

/* `blocks` blocks of columns, without each lane's label. */
LANES_INLINE void sum_columns_inline(block_sums *sums, const real *x, ptrdiff_t blocks, lanes labels, lanes bias, int with_gaps) {
    lanes number = splat(0), least = splat(-(real)INFINITY);
    SUM_BLOCKS(blocks, {
        b = load_columns_block(x);
        EACH_VECTOR {
            b.v[j] = where_equal(labels, number, least, b.v[j]);
            number = add(number, splat(1));
        }
    })
}
LANES_FUNCTION void sum_columns(block_sums *sums, const real *x, ptrdiff_t blocks, lanes labels, lanes bias, int with_gaps) {
    if (with_gaps) sum_columns_inline(sums, x, blocks, labels, bias, 1);
    else sum_columns_inline(sums, x, blocks, labels, bias, 0);
}

/* Of a gradient or softmax: min(exp * factor + constant, most). */
LANES_INLINE block scaled_exps(block b, lanes bias, lanes factor, lanes constant, lanes most) {
    exp_parts e[IN_FLIGHT];
    UNROLLED for (int first = 0; first < VECTORS; first += IN_FLIGHT) {
        exp_lanes(b.v + first, bias, e);
        EACH_IN_FLIGHT { /* lets NaN pass */
            lanes p = fused(e[j].rest, e[j].ratio, e[j].power);
            b.v[first + j] = minimum(most, fused(p, factor, constant));
        }
    }
    return b;
}

/* Columns `first` and on: a lane's own value for its label, 0 in the lanes to be ignored. */
LANES_INLINE block with_labels(block b, ptrdiff_t first, lanes labels, lanes own, lanes ignored) {
    EACH_VECTOR {
        b.v[j] = where_equal(labels, splat((real)(first + j)), own, b.v[j]);
        b.v[j] = where_equal(ignored, splat(1), splat(0), b.v[j]);
    }
    return b;
}
LANES_INLINE void store_columns_block(stored *const *rows, ptrdiff_t first, block b) {
    UNROLLED for (int k = 0; k < VECTORS; k += QUAD) store_columns(rows, first + k, QUAD, b.v + k);
}

/* The least that a loss takes: maximum, exp and one sum, of logits that need no reading. */
LANES_FUNCTION double bare_exp_sum(const real *x, ptrdiff_t blocks) {
    lanes highest = splat(-(real)INFINITY), bias = splat((real)(MAGIC + EXPONENT_BIAS)), sums[VECTORS];
    exp_parts e[IN_FLIGHT];
    EACH_VECTOR sums[j] = splat(0);
    for (ptrdiff_t n = 0; n < blocks; n++) {
        block b = load_columns_block(x + n * VECTORS * LANES);
        highest = highest_of(b, highest);
        UNROLLED for (int first = 0; first < VECTORS; first += IN_FLIGHT) {
            exp_lanes(b.v + first, bias, e);
            EACH_IN_FLIGHT sums[first + j] = add(sums[first + j], fused(e[j].rest, e[j].ratio, e[j].power));
        }
    }
    return wide_sum(widen(add(add(sums[0], sums[1]), add(sums[2], sums[3])))) + largest(highest);
}

#endif
