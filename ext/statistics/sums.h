/* sums.h: the inner loops over a tile of a row: its largest logit, then sums relative to that.
 *
 * In C for what Cython cannot ask for: unrolling, and sums that stay in registers.
 */
#ifndef SMOOTHXENT_SUMS_H
#define SMOOTHXENT_SUMS_H

#include "call/workspace.h"
#include "statistics/reference.h"

enum { GAPS = 1, MOMENTS = 2 }; /* what is summed with exp, as flags: for smoothing, for an evaluation */

/* Of a tile, but for the class left out, relative to a tile_reference. */
typedef struct {
    compensated exps, gaps; /* gaps: near - x */
    wide moments, squares;  /* exp (x - near) and exp**2, where exp is that of x - reference */
    real highest_of_next;   /* the largest logit of the tile that comes next */
} tile_sums;

/* A body for each of these, WITH being a constant in it: the inner loops hold no branch. The portable build
 * has one for all: it is not made to be fast, and the compiler would take minutes. */
#ifdef REGISTERS_ARE_PLAIN
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

/* Vectors that are taken at a time: a step of exp waits for the one before it, so several run side by side.
 * More would not stay in the registers of AVX2. */
enum { VECTORS = 4 };
_Static_assert(TILE % (VECTORS * LANES) == 0, "only the last tile of a row has vectors left over");

/* Where the logits of a tile lie, and which of them is left out: none where that is not among them. */
typedef struct {
    const stored *x;
    ptrdiff_t left_out;
} tile_logits;

/* What a row leaves for a second sweep: where exp of its classes goes, NULL where there is none, and memory
 * that is asked for early because that sweep will write it, or any other. */
typedef struct {
    real *exps;
    const char *written;
} kept_row;
LANES_INLINE kept_row kept_from(kept_row row, ptrdiff_t k) {
    return row.exps ? (kept_row){row.exps + k, row.written + k * sizeof(stored)} : row;
}

LANES_INLINE lanes without(lanes x, ptrdiff_t left_out, lanes filler) {
    return where_equal(lane_numbers(), splat((real)left_out), filler, x);
}

/* `count` vectors from class k on, with `filler` for the class left out. */
LANES_INLINE void load_vectors(lanes *v, tile_logits tile, ptrdiff_t k, const int count, lanes filler) {
    const ptrdiff_t left_out = tile.left_out - k;
    UNROLLED for (int j = 0; j < count; j++) v[j] = load_logits(tile.x + k + j * LANES);
    if (__builtin_expect((size_t)left_out < (size_t)(count * LANES), 0))
        UNROLLED for (int j = 0; j < count; j++) v[j] = without(v[j], left_out - j * LANES, filler);
}
/* Less than a vector, with `filler` beyond too. */
LANES_INLINE void load_rest(lanes *v, tile_logits tile, ptrdiff_t k, int count, lanes filler) {
    lanes x = where_less(lane_numbers(), splat((real)count), load_logits_part(tile.x + k, count), filler);
    v[0] = without(x, tile.left_out - k, filler);
}

/* The largest of `count` logits but the one left out; NaN is passed over. */
LANES_FUNCTION real highest_of(const stored *x, ptrdiff_t count, ptrdiff_t left_out) {
    const tile_logits tile = {x, left_out};
    const lanes none = splat(-(real)INFINITY);
    lanes v[VECTORS], highest[VECTORS] = {none, none, none, none}; /* each would wait for the one before it */
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

/* Terms are added as `real` before float64: powers and gaps as a tree of 2 * VECTORS of them, the others,
 * which are small or need fewer digits, 4 * VECTORS. Beside a large term small ones that are alike are
 * rounded alike: few times. */
typedef struct {
    lanes powers, gaps, rests, moments, squares;
} running_sums;

/* `count` vectors x, 1 or VECTORS, and the same where gaps are to be taken from. `exps`: where exp goes, with
 * `keep`. */
LANES_INLINE void add_vectors(running_sums *s, const lanes *x, const lanes *beside, const int count,
    const tile_reference *m, real *exps, const int with, const int keep) {
    lanes power, powers, gap, gaps, rests, moments, squares;
    UNROLLED for (int j = 0; j < count; j++) {
        const int is_second = j & 1, is_last = j == count - 1; /* of a pair */
        exp_term e = exp_term_of(x[j], m->exp);
        power = is_second ? add(power, e.power) : e.power;
        if (is_second || is_last) powers = j > 1 ? add(powers, power) : power;
        rests = j ? fused(e.rest, e.ratio, rests) : mul(e.rest, e.ratio);
        if (with & GAPS) {
            lanes own = sub(m->near, beside[j]);
            gap = is_second ? add(gap, own) : own;
            if (is_second || is_last) gaps = j > 1 ? add(gaps, gap) : gap;
        }
        if (!keep && !(with & MOMENTS)) continue;
        lanes exp = exp_of(e);
        if (keep) store(exps + j * LANES, exp);
        if (!(with & MOMENTS)) continue;
        lanes distance = sub(maximum(m->exp.least, x[j]), m->near);
        moments = j ? fused(exp, distance, moments) : mul(exp, distance);
        squares = j ? fused(exp, exp, squares) : mul(exp, exp);
    }
    s->powers = add(s->powers, powers);
    s->rests = add(s->rests, rests);
    if (with & GAPS) s->gaps = add(s->gaps, gaps);
    if (with & MOMENTS) {
        s->moments = add(s->moments, moments);
        s->squares = add(s->squares, squares);
    }
}
LANES_INLINE void flush_powers(tile_sums *sums, running_sums *s, const int with) {
    accumulate(&sums->exps.sum, &sums->exps.error, widen(s->powers));
    s->powers = splat(0);
    if (!(with & GAPS)) return;
    accumulate(&sums->gaps.sum, &sums->gaps.error, widen(s->gaps));
    s->gaps = splat(0);
}
LANES_INLINE void flush_rests(tile_sums *sums, running_sums *s, const int with) {
    accumulate(&sums->exps.sum, &sums->exps.error, widen(s->rests));
    s->rests = splat(0);
    if (!(with & MOMENTS)) return;
    sums->moments = wide_add(sums->moments, widen(s->moments));
    sums->squares = wide_add(sums->squares, widen(s->squares));
    s->moments = s->squares = splat(0);
}

/* Of `count` logits but the one left out, which has no exp and no gap. Meanwhile as many of the next tile are
 * looked at for their largest, and the one after that is asked for: so reading memory never stands still. */
LANES_INLINE void sum_tile_inline(tile_sums *to, tile_logits tile, tile_logits next, ptrdiff_t count,
    const tile_reference *reference, kept_row kept, const int with, const int keep) {
    enum { SIZE = VECTORS * LANES, BEYOND_NEXT = TILE * sizeof(stored) + AHEAD };
    const tile_reference m = *reference;
    const lanes none = splat(-(real)INFINITY);
    const wide zero = wide_splat(0.0);
    tile_sums sums = {{zero, zero}, {zero, zero}, zero, zero, 0};
    running_sums s = {splat(0), splat(0), splat(0), splat(0), splat(0)};
    lanes v[VECTORS], beside[VECTORS], highest = none;
    ptrdiff_t k = 0;
#define TAKE(load, loaded, vectors)                                              \
    load(v, next, k, loaded, none);                                              \
    UNROLLED for (int j = 0; j < vectors; j++) highest = maximum(v[j], highest); \
    load(v, tile, k, loaded, none);                                              \
    load(beside, tile, k, loaded, m.near);                                       \
    add_vectors(&s, v, beside, vectors, &m, keep ? kept.exps + k : NULL, with, keep);
    for (; k + SIZE <= count; k += SIZE) {
        UNROLLED for (int n = 0; n < SIZE * (int)sizeof(stored) / LINE; n++) {
            prefetch((const stored *)((const char *)(tile.x + k) + BEYOND_NEXT + n * LINE));
            if (keep) prefetch_to_write(kept.written + k * sizeof(stored) + n * LINE);
        }
        TAKE(load_vectors, VECTORS, VECTORS)
        if (k & SIZE) flush_powers(&sums, &s, with);
        if ((k & 3 * SIZE) == 3 * SIZE) flush_rests(&sums, &s, with);
    }
    for (; k + LANES <= count; k += LANES) { TAKE(load_vectors, 1, 1) }
    if (k < count) {
        const int left = (int)(count - k);
        TAKE(load_rest, left, 1)
    }
#undef TAKE
    flush_powers(&sums, &s, with);
    flush_rests(&sums, &s, with);
    sums.highest_of_next = largest(highest);
    *to = sums;
}
/* For kept exps there is room in whole vectors. No caller asks for them and for MOMENTS. */
LANES_FUNCTION void sum_tile(tile_sums *sums, tile_logits tile, tile_logits next, ptrdiff_t count,
    const tile_reference *m, kept_row kept, int with) {
#ifdef REGISTERS_ARE_PLAIN
    sum_tile_inline(sums, tile, next, count, m, kept, with, kept.exps != NULL);
#else
    if (kept.exps && with & GAPS) sum_tile_inline(sums, tile, next, count, m, kept, GAPS, 1);
    else if (kept.exps) sum_tile_inline(sums, tile, next, count, m, kept, 0, 1);
    else FOR_EACH(with, sum_tile_inline(sums, tile, next, count, m, kept, WITH, 0))
#endif
}

/* The same exps again, but for the class that was left out, which may become anything. */
LANES_FUNCTION void exps_of_tile(
    real *exps, const stored *x, ptrdiff_t count, const tile_reference *reference) {
    const exp_reference m = reference->exp;
    for (ptrdiff_t k = 0; k < count; k += LANES)
        store(exps + k, exp_of(exp_term_of(load_up_to(x + k, count - k), m)));
}

LANES_INLINE double total_of(compensated sum) {
    double error = LOW_PARTS ? wide_sum(sum.error) : 0.0, total = wide_sum(sum.sum);
    return error - error == 0.0 ? total + error : total; /* of inf, the error is nan */
}

#endif
