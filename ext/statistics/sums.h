/* sums.h: the inner loops over a row that sum exp of its logits.
 *
 * In C for what Cython cannot ask for: unrolling, and sums that stay in registers.
 */
#ifndef SMOOTHXENT_SUMS_H
#define SMOOTHXENT_SUMS_H

#include "lanes/vectors.h"

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

/* `whole` of gaps, in all, above which the lanes clamped nothing: LOWEST_WHOLE less those of LARGE_LOGIT and of a tile
 * whose logits are all at the ceiling. */
static const double MOST_WHOLES = 0x1p+18;
enum { BLOCKS_PER_FLUSH = 4 }; /* before these sums go to float64: 16 terms, of which the integers add exactly */
_Static_assert(BLOCKS_PER_FLUSH * VECTORS <= 1 << (24 - 20), "so many integers below 2**20 are below 2**24: LOWEST_WHOLE");

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
#endif
