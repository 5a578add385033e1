/* sums.h: the inner loops over one tile of a row: its largest logit, then the sums relative to the reference
 * that follows from it. In C, as Cython cannot unroll loops or keep sums in
 * registers. */
#pragma once

#include "call/workspace.h"
#include "lanes/pairs.h"
#include "statistics/reference.h"

enum { GAPS = 1, MOMENTS = 2 }; /* flags: sums in addition to that of exp; for label smoothing, for metrics */

/* Sums over a tile without the class that is left out, relative to a tile_reference. In float64 kernels each
 * sum has its rounding error, else 0. */
typedef struct {
    double exps, exps_error, gaps, gaps_error; /* gaps: near - x */
    double moments, squares;                   /* e_k (x_k - near) and e_k**2, e_k = exp(x_k - reference) */
    real highest_of_next;                      /* the largest logit of the next tile */
} tile_sums;

/* Compiles the body once for each value of `with`, the constant WITH, so that inner loops have no branches.
 * The portable build compiles it once: it need not be fast, and would take minutes to compile. */
#ifdef REGISTERS_ARE_SCALAR
#define FOR_EACH(with, body)   \
    {                          \
        const int WITH = with; \
        body;                  \
    }
#else
#define FOR_EACH(with, body)            \
    switch (with) {                     \
    case 0: {                           \
        enum { WITH = 0 };              \
        body;                           \
        break;                          \
    }                                   \
    case GAPS: {                        \
        enum { WITH = GAPS };           \
        body;                           \
        break;                          \
    }                                   \
    case MOMENTS: {                     \
        enum { WITH = MOMENTS };        \
        body;                           \
        break;                          \
    }                                   \
    default: {                          \
        enum { WITH = GAPS | MOMENTS }; \
        body;                           \
    }                                   \
    }
#endif

/* Vectors that are computed at a time: each step of exp waits for the step before it, so the CPU overlaps
 * several independent chains. More vectors would not fit into the registers of AVX2. */
enum { VECTORS = 4 };
_Static_assert(TILE % (VECTORS * LANES) == 0, "only the last tile of a row has vectors left over");

/* The logits of a tile, and the position of the one that is left out: none if it is outside the tile. */
typedef struct {
    const stored *x;
    ptrdiff_t left_out;
} tile_logits;

/* What a row saves for the second sweep. exps: memory for exp of its classes, or NULL where they are not
 * saved; written: memory that the second sweep will write, which is prefetched. */
typedef struct {
    real *exps;
    const char *written;
} saved_row;
LANES_INLINE saved_row saved_from(saved_row row, ptrdiff_t k) {
    return row.exps ? (saved_row){row.exps + k, row.written + k * sizeof(stored)} : row;
}

LANES_INLINE lanes without(lanes x, ptrdiff_t left_out, lanes filler) {
    return where_equal(lane_numbers(), splat((real)left_out), filler, x);
}

/* `count` vectors from class k on; `filler` takes the place of the class that is left out. */
LANES_INLINE void load_vectors(lanes *v, tile_logits tile, ptrdiff_t k, const int count, lanes filler) {
    const ptrdiff_t left_out = tile.left_out - k;
    UNROLLED for (int j = 0; j < count; j++) v[j] = load_logits(tile.x + k + j * LANES);
    if (__builtin_expect((size_t)left_out < (size_t)(count * LANES), 0))
        UNROLLED for (int j = 0; j < count; j++) v[j] = without(v[j], left_out - j * LANES, filler);
}
/* The last `count` < LANES classes; `filler` also fills the other lanes. */
LANES_INLINE void load_rest(lanes *v, tile_logits tile, ptrdiff_t k, int count, lanes filler) {
    lanes x = where_less(lane_numbers(), splat((real)count), load_logits_part(tile.x + k, count), filler);
    v[0] = without(x, tile.left_out - k, filler);
}

/* The largest of `count` logits without the one that is left out; NaN is skipped. */
LANES_FUNCTION real highest_of(const stored *x, ptrdiff_t count, ptrdiff_t left_out) {
    const tile_logits tile = {x, left_out};
    const lanes none = splat(-(real)INFINITY);
    lanes v[VECTORS], highest[VECTORS] = {none, none, none, none}; /* independent chains, see VECTORS */
    ptrdiff_t k = 0;
    for (; k + VECTORS * LANES <= count; k += VECTORS * LANES) {
        load_vectors(v, tile, k, VECTORS, none);
        UNROLLED for (int j = 0; j < VECTORS; j++) highest[j] = maximum(v[j], highest[j]);
    }
    for (; k < count; k += LANES) {
        if (k + LANES <= count) load_vectors(v, tile, k, 1, none);
        else load_rest(v, tile, k, (int)(count - k), none);
        highest[0] = maximum(v[0], highest[0]);
    }
    return largest(maximum(maximum(highest[0], highest[1]), maximum(highest[2], highest[3])));
}

/* The sum of exps, as powers and rests (see exp.h), lane by lane. A power is at most 1, for float32 next to a
 * tie a step more, and the sum of powers starts at 2, so the sum is never smaller than a term: then three
 * operations give the rounding error of an addition (Dekker 1971, fast two-sum), which joins the rests. Powers are added to the sum two at a time; only
 * the sum of the two is rounded.
 *
 * The errors of the sum, in u = 2**-24 (float64: 2**-53) of it, if the largest term is 1 and all else is made
 * to be worst: 1 from the pair that holds the largest term, whose power is exact; 0.44 from the polynomial
 * (float64: 0.6, with those of r and ratio); and half an ulp of the rests at each addition to them while they
 * hold the rest of that term, 0.03 u each for at most 20 additions in float32, 0.25 u each for at most 5 in
 * float64, where they are flushed: in all 2.1 u and 2.9 u. An ulp of the loss is u to 2 u of it, and the
 * loss adds half an ulp for its own rounding, and in float64 up to 2 u for the sum of the lanes, exp(-z) and
 * the logarithm: the promise, 3 ulp (float64: 6), leaves room. bench/accuracy/breeding.py searches for worse.
 */
typedef struct {
    lanes powers, rests;
} exp_sums;
LANES_INLINE exp_sums no_exps(void) { return (exp_sums){splat(2), splat(0)}; }

/* Add one term or two to the powers; return their rests, with what the sum of powers has lost. */
LANES_INLINE lanes add_power(exp_sums *s, lanes power) {
    pair_of_lanes sum = fast_pair_sum(s->powers, power);
    s->powers = sum.high;
    return sum.low;
}
LANES_INLINE lanes add_exp(exp_sums *s, exp_term a) { return fused(a.rest, a.ratio, add_power(s, a.power)); }
LANES_INLINE lanes add_exps(exp_sums *s, exp_term a, exp_term b) {
    lanes lost = add_power(s, add(a.power, b.power));
    return fused(b.rest, b.ratio, fused(a.rest, a.ratio, lost));
}

/* Other sums in `real`. Moments and squares are flushed to float64 after 4 * VECTORS vectors; gaps, which are
 * not small, after 2 * VECTORS: equal small terms that are added to a large one are all rounded the same way.
 * So are rests in float64, where they are up to a third of a power. */
typedef struct {
    exp_sums exps;
    lanes gaps, moments, squares;
} running_sums;
typedef struct {
    compensated exps, gaps;
    wide moments, squares;
} flushed_sums;

/* Adds `count` vectors, 1 or VECTORS. x: logits, -inf for the class that is left out; for_gaps: the same, but
 * `near` for that class; with `save`, the exps go to `exps`. */
LANES_INLINE void add_vectors(running_sums *s, const lanes *x, const lanes *for_gaps, const int count,
    const tile_reference *m, real *exps, const int with, const int save) {
    lanes gap, gaps, rests, moments, squares;
    exp_term before;
    UNROLLED for (int j = 0; j < count; j++) {
        const int is_second = j & 1, is_last = j == count - 1; /* of two vectors that are added first */
        exp_term e = exp_term_of(x[j], m->exp);
        if (is_second || is_last) {
            lanes rest = is_second ? add_exps(&s->exps, before, e) : add_exp(&s->exps, e);
            rests = j > 1 ? add(rests, rest) : rest;
        }
        before = e;
        if (with & GAPS) {
            lanes new_gap = sub(m->near, for_gaps[j]);
            gap = is_second ? add(gap, new_gap) : new_gap;
            if (is_second || is_last) gaps = j > 1 ? add(gaps, gap) : gap;
        }
        if (!save && !(with & MOMENTS)) continue;
        lanes exp = exp_of(e);
        if (save) store(exps + j * LANES, exp);
        if (!(with & MOMENTS)) continue;
        lanes distance = sub(maximum(m->exp.least, x[j]), m->near);
        moments = j ? fused(exp, distance, moments) : mul(exp, distance);
        squares = j ? fused(exp, exp, squares) : mul(exp, exp);
    }
    s->exps.rests = add(s->exps.rests, rests);
    if (with & GAPS) s->gaps = add(s->gaps, gaps);
    if (with & MOMENTS) {
        s->moments = add(s->moments, moments);
        s->squares = add(s->squares, squares);
    }
}
LANES_INLINE void flush_rests(flushed_sums *to, running_sums *s) {
    accumulate(&to->exps, widen(s->exps.rests));
    s->exps.rests = splat(0);
}
LANES_INLINE void flush_gaps(flushed_sums *to, running_sums *s, const int with) {
    if (!(with & GAPS)) return;
    accumulate(&to->gaps, widen(s->gaps));
    s->gaps = splat(0);
}
LANES_INLINE void flush_moments(flushed_sums *to, running_sums *s, const int with) {
    if (!(with & MOMENTS)) return;
    to->moments = wide_add(to->moments, widen(s->moments));
    to->squares = wide_add(to->squares, widen(s->squares));
    s->moments = s->squares = splat(0);
}

/* The sum of a tile's exps over the lanes, each less than 2**10. In float64 each lane's sum is divided into a
 * multiple of 2**-41, whose sum is exact, and the rest. */
LANES_INLINE double sum_of_exps(compensated exps, exp_sums s, double *error) {
    accumulate(&exps, widen(sub(s.powers, splat(2))));
    if (!LOW_PARTS) {
        *error = 0.0;
        return wide_sum(exps.sum);
    }
    const wide coarse = wide_splat(0x1.8p+11), high = wide_sub(wide_add(exps.sum, coarse), coarse);
    *error = wide_sum(wide_add(exps.error, wide_sub(exps.sum, high)));
    return wide_sum(high);
}

/* The sums over `count` logits without the one that is left out. The same loop finds the largest of the first
 * `count` logits of the next tile, and prefetches the tile after that, so that reading memory overlaps with
 * arithmetic. */
LANES_INLINE void sum_tile_inline(tile_sums *to, tile_logits tile, tile_logits next, ptrdiff_t count,
    const tile_reference *reference, saved_row saved, const int with, const int save) {
    enum { SIZE = VECTORS * LANES, BEYOND_NEXT = TILE * sizeof(stored) + AHEAD };
    const tile_reference m = *reference;
    const lanes none = splat(-(real)INFINITY);
    const wide zero = wide_splat(0.0);
    flushed_sums sums = {{zero, zero}, {zero, zero}, zero, zero};
    running_sums s = {no_exps(), splat(0), splat(0), splat(0)};
    lanes v[VECTORS], for_gaps[VECTORS], highest = none;
    ptrdiff_t k = 0;
#define TAKE(load, loaded, vectors)                                              \
    load(v, next, k, loaded, none);                                              \
    UNROLLED for (int j = 0; j < vectors; j++) highest = maximum(v[j], highest); \
    load(v, tile, k, loaded, none);                                              \
    load(for_gaps, tile, k, loaded, m.near);                                     \
    add_vectors(&s, v, for_gaps, vectors, &m, save ? saved.exps + k : NULL, with, save);
    for (; k + SIZE <= count; k += SIZE) {
        UNROLLED for (int n = 0; n < SIZE * (int)sizeof(stored) / LINE; n++) {
            prefetch((const stored *)((const char *)(tile.x + k) + BEYOND_NEXT + n * LINE));
            if (save) prefetch_to_write(saved.written + k * sizeof(stored) + n * LINE);
        }
        TAKE(load_vectors, VECTORS, VECTORS)
        if (LOW_PARTS && k & SIZE) flush_rests(&sums, &s);
        if (k & SIZE) flush_gaps(&sums, &s, with);
        if ((k & 3 * SIZE) == 3 * SIZE) flush_moments(&sums, &s, with);
    }
    for (; k + LANES <= count; k += LANES) { TAKE(load_vectors, 1, 1) }
    if (k < count) {
        const int left = (int)(count - k);
        TAKE(load_rest, left, 1)
    }
#undef TAKE
    flush_rests(&sums, &s);
    flush_gaps(&sums, &s, with);
    flush_moments(&sums, &s, with);
    to->exps = sum_of_exps(sums.exps, s.exps, &to->exps_error);
    to->gaps = wide_sum(sums.gaps.sum);
    to->gaps_error = LOW_PARTS ? wide_sum(sums.gaps.error) : 0.0;
    to->moments = wide_sum(sums.moments);
    to->squares = wide_sum(sums.squares);
    to->highest_of_next = largest(highest);
}
/* saved.exps has room for whole vectors. No caller wants both saved exps and MOMENTS. */
LANES_FUNCTION void sum_tile(tile_sums *sums, tile_logits tile, tile_logits next, ptrdiff_t count,
    const tile_reference *m, saved_row saved, int with) {
#ifdef REGISTERS_ARE_SCALAR
    sum_tile_inline(sums, tile, next, count, m, saved, with, saved.exps != NULL);
#else
    if (saved.exps && with & GAPS) sum_tile_inline(sums, tile, next, count, m, saved, GAPS, 1);
    else if (saved.exps) sum_tile_inline(sums, tile, next, count, m, saved, 0, 1);
    else FOR_EACH(with, sum_tile_inline(sums, tile, next, count, m, saved, WITH, 0))
#endif
}

/* The exps that sum_tile saves, computed again with the same bits; the class that is left out gets any value.
 */
LANES_FUNCTION void exps_of_tile(
    real *exps, const stored *x, ptrdiff_t count, const tile_reference *reference) {
    const exp_reference m = reference->exp;
    for (ptrdiff_t k = 0; k < count; k += LANES)
        store(exps + k, exp_of(exp_term_of(load_up_to(x + k, count - k), m)));
}

LANES_INLINE double with_error(double sum, double error) {
    return error - error == 0.0 ? sum + error : sum; /* the error of inf is nan */
}
