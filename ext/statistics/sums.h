/* sums.h: the inner loops over one tile of a row: its largest logit, then the sums relative to the reference
 * that follows from it. In C, as Cython cannot unroll loops or keep sums in
 * registers. */
#ifndef SMOOTHXENT_SUMS_H
#define SMOOTHXENT_SUMS_H

#include "call/workspace.h"
#include "statistics/reference.h"

enum { GAPS = 1, MOMENTS = 2 }; /* flags: sums in addition to that of exp; for label smoothing, for metrics */

/* Sums over a tile without the class that is left out, relative to a tile_reference. */
typedef struct {
    compensated exps, gaps; /* gaps: near - x */
    wide moments, squares;  /* e_k (x_k - near) and e_k**2, with e_k = exp(x_k - reference) */
    real highest_of_next;   /* the largest logit of the next tile */
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

/* Sums in `real`, which are flushed to float64 after 2 * VECTORS vectors (powers, gaps) or 4 * VECTORS (the
 * others: small, or needed with fewer digits). Equal small terms that are added to a large one are all
 * rounded the same way, so few are added before a flush. */
typedef struct {
    lanes powers, gaps, rests, moments, squares;
} running_sums;

/* Adds `count` vectors, 1 or VECTORS. x: logits, -inf for the class that is left out; for_gaps: the same, but
 * `near` for that class; with `save`, the exps go to `exps`. */
LANES_INLINE void add_vectors(running_sums *s, const lanes *x, const lanes *for_gaps, const int count,
    const tile_reference *m, real *exps, const int with, const int save) {
    lanes power, powers, gap, gaps, rests, moments, squares;
    UNROLLED for (int j = 0; j < count; j++) {
        const int is_second = j & 1, is_last = j == count - 1; /* of two vectors that are added first */
        exp_term e = exp_term_of(x[j], m->exp);
        power = is_second ? add(power, e.power) : e.power;
        if (is_second || is_last) powers = j > 1 ? add(powers, power) : power;
        rests = j ? fused(e.rest, e.ratio, rests) : mul(e.rest, e.ratio);
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

/* The sums over `count` logits without the one that is left out. The same loop finds the largest of the first
 * `count` logits of the next tile, and prefetches the tile after that, so that reading memory overlaps with
 * arithmetic. */
LANES_INLINE void sum_tile_inline(tile_sums *to, tile_logits tile, tile_logits next, ptrdiff_t count,
    const tile_reference *reference, saved_row saved, const int with, const int save) {
    enum { SIZE = VECTORS * LANES, BEYOND_NEXT = TILE * sizeof(stored) + AHEAD };
    const tile_reference m = *reference;
    const lanes none = splat(-(real)INFINITY);
    const wide zero = wide_splat(0.0);
    tile_sums sums = {{zero, zero}, {zero, zero}, zero, zero, 0};
    running_sums s = {splat(0), splat(0), splat(0), splat(0), splat(0)};
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

LANES_INLINE double total_of(compensated sum) {
    double error = LOW_PARTS ? wide_sum(sum.error) : 0.0, total = wide_sum(sum.sum);
    return error - error == 0.0 ? total + error : total; /* the error of inf is nan */
}

#endif
