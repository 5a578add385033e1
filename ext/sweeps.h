/* sweeps.h: exp of lanes, and the inner loops over a row that take it: sums for a loss, elements for a gradient.
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
 *     remainder := x - whole * STEP      one rounding, at most ln(2)/2, so it is right to 2**-26 whatever x is
 *     power     := 2**n                  the low bits of u, at least LEAST_POWER, moved to the exponent
 *     rest      := power * remainder     exact
 *     ratio     := (exp(r) - 1) / r      polynomial, relative error of 1 + r * ratio: 3.2e-9 (float64: 3.8e-18)
 *
 * Keeping power and rest * ratio apart halves the error twice: sums of powers of two of like size are exact, and
 * the rounding of the rest is scaled by |r| <= 0.35. Sums of `whole` and `remainder` give sums of x to 2**-26, in
 * float32 adds: integers add exactly, remainders are small.
 * x is clamped at LOWEST (-inf becomes that), n at LEAST_POWER, where a term is below any last digit (2**-100) and
 * `rest` not yet subnormal, which would be slow. Needs |x| <= -LOWEST and 2**n finite: the caller sees to that.
 * Log2(e) needs no precision: a wrong n at a tie gives an |r| a hair above ln(2)/2. STEP is ln(2) as `real` has it
 * (float64: with STEP_LOW), too large by STEP_ERROR. So this is exp(x + scale * STEP) * exp(-n * STEP_ERROR): exact but
 * for n, which is small where a term counts, if -scale * STEP is what the rest of the kernel takes for the reference.
 * NaN: remainder and ratio and with them rest * ratio are NaN; `power` is any number.
 * Coefficients: ext/coefficients.py.
 */
#ifdef SMOOTHXENT_FLOAT64
static const double MAGIC = 0x1.8p+52, EXPONENT_BIAS = 1023.0, STEP_ERROR = 0.0, STEP_LOW = 0x1.abc9e3b39803fp-56;
static const double EXP_RATIO[] = {
    0x1p+0, 0x1.000000000000ap-1, 0x1.5555555555509p-3, 0x1.555555555072cp-5, 0x1.1111111124a1ep-7, 0x1.6c16c184588c8p-10,
    0x1.a01a0138fbad2p-13, 0x1.a01999b4fdebbp-16, 0x1.71df07dad5a92p-19, 0x1.28adadeb58d78p-22, 0x1.adaa6c60e885ap-26};
#else
static const double MAGIC = 0x1.8p+23, EXPONENT_BIAS = 127.0, STEP_ERROR = 0x1.05c610ca86c39p-29, STEP_LOW = 0.0;
static const float EXP_RATIO[] = {0x1p+0f, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558aep-5f, 0x1.123972p-7f, 0x1.6a4f1cp-10f};
#endif
enum { EXP_DEGREE = sizeof EXP_RATIO / sizeof EXP_RATIO[0] - 1 };
static const double STEP = (double)(real)0x1.62e42fefa39efp-1, LEAST_POWER = 27.0;
/* LOWEST is a power of two times STEP, so that its `whole` and `remainder` are these in every lane. */
static const double LOWEST = -0x1p+19 * (double)(real)0x1.62e42fefa39efp-1, LOWEST_WHOLE = -0x1p+19; /* times STEP */

typedef struct { lanes power, rest, ratio, whole, remainder; } exp_parts;

enum { VECTORS = 4 };
typedef struct { lanes v[VECTORS]; } block;
_Static_assert(VECTORS == 4, "kernel.pxi says v[4], SUM_BLOCKS ends with up to 3 vectors, bare_exp_sum adds 4");
_Static_assert(VECTORS % IN_FLIGHT == 0, "scaled_exps takes IN_FLIGHT vectors at a time");
_Static_assert(VECTORS % QUAD == 0, "store_columns_block stores QUAD vectors at a time");

#define EACH_VECTOR UNROLLED for (int j = 0; j < VECTORS; j++)

/* Of `count` vectors, IN_FLIGHT at most, each step for all of them before the next: a step waits for the one before it,
 * and this keeps the units busy meanwhile. IN_FLIGHT is as many as the registers hold; `count` is a constant. */
#define EACH_IN_FLIGHT UNROLLED for (int j = 0; j < count; j++)
LANES_INLINE void exp_lanes(const lanes *x, const int count, lanes bias, exp_parts *e) {
    lanes u[IN_FLIGHT], r[IN_FLIGHT], ratio[IN_FLIGHT];
    EACH_IN_FLIGHT r[j] = maximum(splat((real)LOWEST), x[j]); /* this order lets NaN pass */
    EACH_IN_FLIGHT u[j] = fused(r[j], splat((real)LOG2_E), bias);
    EACH_IN_FLIGHT e[j].whole = sub(u[j], bias);
    EACH_IN_FLIGHT r[j] = negative_fused(e[j].whole, splat((real)STEP), r[j]);
#ifdef SMOOTHXENT_FLOAT64
    EACH_IN_FLIGHT r[j] = negative_fused(e[j].whole, splat(STEP_LOW), r[j]);
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
    wide wholes, remainders; /* of GAPS */
    wide moments, squares;   /* of MOMENTS: exp (x - reference) and exp**2, where exp is that of x - reference */
} block_sums;

enum { GAPS = 1, MOMENTS = 2 };    /* what is summed with exp, as flags: for smoothing, for an evaluation */

/* A body for each of these, WITH being a constant in it: the inner loops hold no branch. The portable build has one for
 * all: it is not made to be fast, and the compiler would take minutes. */
#ifdef REGISTERS_ARE_PLAIN
#define FOR_EACH(with, body) { const int WITH = with; body; }
#else
#define FOR_EACH(with, body)                                                                            \
    switch (with) {                                                                                     \
        case 0: { enum { WITH = 0 }; body; break; }                                                     \
        case GAPS: { enum { WITH = GAPS }; body; break; }                                               \
        case MOMENTS: { enum { WITH = MOMENTS }; body; break; }                                         \
        default: { enum { WITH = GAPS | MOMENTS }; body; }                                              \
    }
#endif

enum { BLOCKS_PER_FLUSH = 4 }; /* before these sums go to float64: 16 terms, of which the integers add exactly */
_Static_assert(BLOCKS_PER_FLUSH * VECTORS <= 1 << (24 - 20), "so many integers below 2**20 are below 2**24: LOWEST_WHOLE");

LANES_INLINE block load_block(const stored *x) { block b; EACH_VECTOR b.v[j] = load_logits(x + j * LANES); return b; }
LANES_INLINE block load_columns_block(const real *x) { block b; EACH_VECTOR b.v[j] = load(x + j * LANES); return b; }
LANES_INLINE void store_block(real *x, block b) { EACH_VECTOR store(x + j * LANES, b.v[j]); }
LANES_INLINE void store_logits_block(stored *x, block b) { EACH_VECTOR store_logits(x + j * LANES, b.v[j]); }
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

/* Of a loss: sum of exp and, with GAPS, of what x is made of. Terms are added as `real` for the vectors of one call,
 * those of GAPS until the next flush, those of MOMENTS first so and then so: beside a large term small ones that are alike
 * are rounded alike, and few times. Powers are added in pairs: beside one of 1, three of half its last digit would be lost
 * one by one. `vectors` is a constant. */
typedef struct { lanes *wholes, *remainders, *moments, *squares; wide *exps, *error; } running;
LANES_INLINE void add_vectors(running s, const lanes *x, const int vectors, lanes bias, const int with) {
    exp_parts e[IN_FLIGHT];
    lanes pair, powers, rests, moments, squares, scale = sub(bias, splat((real)(MAGIC + EXPONENT_BIAS)));
    UNROLLED for (int first = 0; first < vectors; first += IN_FLIGHT) {
        const int count = vectors - first < IN_FLIGHT ? vectors - first : IN_FLIGHT;
        exp_lanes(x + first, count, bias, e);
        EACH_IN_FLIGHT {
            const int n = first + j, last = n == vectors - 1;
            pair = n & 1 ? add(pair, e[j].power) : e[j].power;
            if (n & 1 || last) powers = n > 1 ? add(powers, pair) : pair;
            rests = n ? fused(e[j].rest, e[j].ratio, rests) : mul(e[j].rest, e[j].ratio);
            if (with & GAPS) {
                *s.wholes = add(*s.wholes, e[j].whole);
                *s.remainders = add(*s.remainders, e[j].remainder);
            }
            if (with & MOMENTS) {
                lanes clamped = maximum(splat((real)LOWEST), x[n]), distance = fused(scale, splat((real)STEP), clamped);
#ifdef SMOOTHXENT_FLOAT64
                distance = fused(scale, splat(STEP_LOW), distance);
#endif
                lanes term = fused(e[j].rest, e[j].ratio, e[j].power);
                moments = n ? fused(term, distance, moments) : mul(term, distance);
                squares = n ? fused(term, term, squares) : mul(term, term);
            }
        }
    }
    if (with & MOMENTS) {
        *s.moments = add(*s.moments, moments);
        *s.squares = add(*s.squares, squares);
    }
    accumulate(s.exps, s.error, widen(powers));
    accumulate(s.exps, s.error, widen(rests));
}

/* A loop over `num_vectors` vectors, in blocks; `next` makes b, block n. Sums stay in registers only if they are
 * variables of their own. */
#define FLUSH                                                                                           \
    {                                                                                                   \
        if (with & GAPS) {                                                                              \
            sums->wholes = wide_add(sums->wholes, widen(wholes));                                       \
            sums->remainders = wide_add(sums->remainders, widen(remainders));                           \
            wholes = remainders = splat(0);                                                             \
        }                                                                                               \
        if (with & MOMENTS) {                                                                           \
            sums->moments = wide_add(sums->moments, widen(moments));                                    \
            sums->squares = wide_add(sums->squares, widen(squares));                                    \
            moments = squares = splat(0);                                                               \
        }                                                                                               \
    }
#define SUM_BLOCKS(num_vectors, next)                                                                   \
    block b;                                                                                            \
    lanes wholes = splat(0), remainders = wholes, moments = wholes, squares = wholes;                   \
    wide exps = wide_splat(0.0), error = exps;                                                          \
    running s = {&wholes, &remainders, &moments, &squares, &exps, &error};                              \
    ptrdiff_t n = 0, blocks = (num_vectors) / VECTORS;                                                  \
    sums->wholes = sums->remainders = sums->moments = sums->squares = exps;                             \
    for (; n < blocks; n++) {                                                                           \
        next;                                                                                           \
        add_vectors(s, b.v, VECTORS, bias, with);                                                       \
        if (n % BLOCKS_PER_FLUSH == BLOCKS_PER_FLUSH - 1) FLUSH                                         \
    }                                                                                                   \
    switch ((num_vectors) % VECTORS) {                                                                  \
        case 1: { next; add_vectors(s, b.v, 1, bias, with); break; }                                    \
        case 2: { next; add_vectors(s, b.v, 2, bias, with); break; }                                    \
        case 3: { next; add_vectors(s, b.v, 3, bias, with); break; }                                    \
    }                                                                                                   \
    FLUSH                                                                                               \
    sums->exps.sum = exps;                                                                              \
    sums->exps.error = error;

enum { AHEAD = 4096 }; /* bytes by which memory is asked for early: hardware stops at the end of each page */

/* `count` logits of a row, without the one left out. Copies of its block and of the last, partial one hold -inf instead,
 * so that one loop without branches goes over all. */
LANES_INLINE void sum_row_inline(block_sums *sums, const stored *x, ptrdiff_t count, ptrdiff_t left_out, lanes bias, const int with) {
    enum { SIZE = VECTORS * LANES };
    const ptrdiff_t whole = count / SIZE, special = left_out < 0 ? -1 : left_out / SIZE;
    stored without[SIZE], last[SIZE];
    lanes highest = splat(-(real)INFINITY);
    if (whole * SIZE < count) store_logits_block(last, load_block_part(x + whole * SIZE, count - whole * SIZE, left_out - whole * SIZE));
    if (special >= 0 && special < whole) {
        memcpy(without, x + special * SIZE, sizeof without);
        without[left_out - special * SIZE] = stored_of(-(real)INFINITY);
    }
    SUM_BLOCKS((count + LANES - 1) / LANES, {
        const stored *at = n == whole ? last : x + n * SIZE;
        prefetch_block(x + n * SIZE + AHEAD / sizeof *x);
        b = load_block(n == special && n != whole ? without : at);
        highest = highest_of(b, highest);
    })
    sums->highest = highest;
}
LANES_FUNCTION void sum_row(block_sums *sums, const stored *x, ptrdiff_t count, ptrdiff_t left_out, lanes bias, int with) {
    FOR_EACH(with, sum_row_inline(sums, x, count, left_out, bias, WITH))
}

LANES_INLINE double total_of(compensated exps) {
    double error = LOW_PARTS ? wide_sum(exps.error) : 0.0, sum = wide_sum(exps.sum);
    return error - error == 0.0 ? sum + error : sum; /* of inf, the error is nan */
}

/* Of a gradient or softmax: min(exp * factor + constant, most). */
LANES_INLINE block scaled_exps(block b, lanes bias, lanes factor, lanes constant, lanes most) {
    exp_parts e[IN_FLIGHT];
    UNROLLED for (int first = 0; first < VECTORS; first += IN_FLIGHT) {
        const int count = IN_FLIGHT;
        exp_lanes(b.v + first, count, bias, e);
        EACH_IN_FLIGHT { /* lets NaN pass */
            lanes p = fused(e[j].rest, e[j].ratio, e[j].power);
            b.v[first + j] = minimum(most, fused(p, factor, constant));
        }
    }
    return b;
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
            const int count = IN_FLIGHT;
            exp_lanes(b.v + first, count, bias, e);
            EACH_IN_FLIGHT sums[first + j] = add(sums[first + j], fused(e[j].rest, e[j].ratio, e[j].power));
        }
    }
    return wide_sum(widen(add(add(sums[0], sums[1]), add(sums[2], sums[3])))) + largest(highest);
}

#endif
