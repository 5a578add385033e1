/* few_classes.h: statistics of groups of rows with few classes: LANES rows at once, one row a lane. The logit
 * of row i and class k is columns[k * LANES + i]. */
#pragma once

#include "call/transforms.h"
#include "call/workspace.h"
#include "lanes/columns.h"
#include "statistics/reference.h"
#include "statistics/row_group.h"
#include "statistics/sums.h"

/* ---- logits to columns ---------------------------------------------------------------------------- */

enum { QUAD_BYTES = LANES * QUAD * sizeof(stored) }; /* memory of QUAD classes of a group */

_Static_assert(QUAD_BYTES % LINE == 0, "take_columns prefetches whole lines");

/* Where the logits of a group lie in memory:
 *
 *     is_rows       row i at start + i * row_stride, classes adjacent; QUAD - 1 numbers beyond are readable
 *     is_columns    class k of the first row at start + k * class_stride, rows adjacent
 *     neither       class k of row i at starts[i] + k * class_stride
 */
typedef struct {
    const char *start, *const *starts;
    ptrdiff_t row_stride, class_stride;
    int is_rows, is_columns;
} GroupPlace;

/* Loads QUAD classes from `first` on. Columns from num_classes on get any numbers. */
LANES_INLINE void load_quad_of_columns(
    const GroupPlace *place, ptrdiff_t first, ptrdiff_t num_classes, lanes *columns) {
    real buffer[LANES];
    if (place->is_rows) {
        load_columns(place->start + first * sizeof(stored), place->row_stride, columns);
        return;
    }
    for (int k = 0; k < QUAD; k++) {
        const ptrdiff_t at = (first + k < num_classes ? first + k : num_classes - 1) * place->class_stride;
        if (place->is_columns) {
            columns[k] = load_logits((const stored *)(place->start + at));
            continue;
        }
        for (int i = 0; i < LANES; i++)
            buffer[i] = real_of(stored_at((const stored *)(place->starts[i] + at)));
        columns[k] = load(buffer);
    }
}

/* Transforms the logits into columns, class k at to[k * LANES]. */
LANES_FUNCTION void transform_columns(
    stored *to, const GroupPlace *place, ptrdiff_t num_classes, Transform transform) {
    lanes quad[QUAD];
    for (ptrdiff_t first = 0; first < num_classes; first += QUAD) {
        load_quad_of_columns(place, first, num_classes, quad);
        for (int k = 0; k < QUAD && first + k < num_classes; k++)
            store_logits(to + (first + k) * LANES, transformed(quad[k], transform));
    }
}

/* Takes the logits x of class `number` into the anchors, their logits and the largest other logits, and
 * stores them as a column. ANCHOR_GIVEN: s->anchors are known, and the column gets -inf for the anchor, so
 * its exp is 0. ANCHOR_TOP: the anchor is the top class so far (the lowest of equals); sum_columns masks it.
 * NaN is skipped. */
enum { ANCHOR_GIVEN, ANCHOR_TOP };
LANES_INLINE void take_column(few_statistics *s, lanes x, lanes number, real *column, const int anchor) {
    lanes others = x;
    if (anchor == ANCHOR_TOP) {
        s->highest = maximum(minimum(x, s->anchor_logits), s->highest);
        s->anchors = where_less(s->anchor_logits, x, number, s->anchors);
        s->anchor_logits = maximum(x, s->anchor_logits);
    } else {
        others = where_equal(s->anchors, number, splat(-(real)INFINITY), x);
        s->anchor_logits = where_equal(s->anchors, number, x, s->anchor_logits);
        s->highest = maximum(others, s->highest);
    }
    store(column, others);
}

LANES_INLINE void take_columns(few_statistics *s, const GroupPlace *place, ptrdiff_t first,
    ptrdiff_t num_classes, const int count, lanes *number, const char *ahead, real *columns,
    const int anchor) {
    lanes quad[QUAD];
    UNROLLED for (int n = 0; n < QUAD_BYTES / LINE; n++) prefetch((const stored *)(ahead + n * LINE));
    if (count == 2 && num_classes == 2 && place->is_rows && place->row_stride == 2 * sizeof(stored))
        load_pairs((const stored *)place->start, quad);
#ifndef SMOOTHXENT_FLOAT64
    else if (count == 3 && num_classes == 3 && place->is_rows && place->row_stride == 3 * sizeof(stored))
        load_triples((const stored *)place->start, quad);
#endif
    else load_quad_of_columns(place, first, num_classes, quad);
    UNROLLED for (int k = 0; k < count; k++) {
        take_column(s, quad[k], *number, columns + (first + k) * LANES, anchor);
        *number = add(*number, splat(1));
    }
}

/* Loads all columns of a group. ahead: the address of a later group, which is prefetched. */
LANES_INLINE void read_columns(few_statistics *to, const GroupPlace *place, ptrdiff_t num_classes,
    const char *ahead, real *columns, const int anchor) {
    few_statistics s = *to; /* a local copy stays in registers */
    lanes number = splat(0);
    ptrdiff_t first = 0;
    s.highest = s.anchor_logits = splat(-(real)INFINITY);
    for (; first + QUAD <= num_classes; first += QUAD, ahead += QUAD_BYTES)
        take_columns(&s, place, first, num_classes, QUAD, &number, ahead, columns, anchor);
    switch (num_classes - first) { /* constant counts, which the compiler unrolls */
    case 1: take_columns(&s, place, first, num_classes, 1, &number, ahead, columns, anchor); break;
#ifndef SMOOTHXENT_FLOAT64
    case 2: take_columns(&s, place, first, num_classes, 2, &number, ahead, columns, anchor); break;
    case 3:
        take_columns(&s, place, first, num_classes, 3, &number, ahead, columns, anchor);
        break;
        _Static_assert(QUAD == 4, "up to 3 columns are left");
#else
        _Static_assert(QUAD == 2, "at most 1 column is left");
#endif
    }
    *to = s;
}

/* ---- sums ------------------------------------------------------------------------------------------
 *
 * The exps of all classes but the anchor, relative to the lane's reference, are summed as in a tile (see
 * sums.h). Gaps to `highest`, which have one sign, are added two at a time in `real`, with the rounding error
 * in `gaps_lost`, and then in float64: without it, many pairs that round the same way cost a whole ulp of a
 * smoothed loss.
 */
typedef struct {
    exp_sums exps;
    lanes lost, gaps_lost;
    compensated gaps;
    wide moments, squares;
} few_sums;

/* Each rounding of a sum of rests costs (see sums.h): float32 takes turns with two sums, `rests` and `lost`;
 * float64, whose rests are larger, keeps what the one sum loses. */
LANES_INLINE void add_rests(few_sums *s, lanes rests) {
    pair_of_lanes sum = {add(s->lost, rests), s->exps.rests};
    if (LOW_PARTS) {
        sum = pair_sum(s->exps.rests, rests);
        sum.low = add(s->lost, sum.low);
    }
    s->exps.rests = sum.high;
    s->lost = sum.low;
}

LANES_INLINE void add_gaps(few_sums *s, lanes a, lanes b) {
    pair_of_lanes sum = fast_pair_sum(minimum(a, b), maximum(a, b));
    s->gaps_lost = add(s->gaps_lost, sum.low);
    accumulate(&s->gaps, widen(sum.high));
}

/* Adds `count` <= 4 columns from class `number` on; with `save`, their exps go to `exps`. */
LANES_INLINE void sum_columns(few_sums *s, const real *columns, real *exps, const int count,
    const few_statistics *group, exp_reference m, lanes number, const int with, const int save,
    const int anchor) {
    const lanes zero = splat(0), one = splat(1);
    lanes gap_before = zero, rests, moments, squares;
    exp_term before;
    UNROLLED for (int j = 0; j < count; j++, number = add(number, one)) {
        lanes x = load(columns + j * LANES), others = x;
        if (anchor == ANCHOR_TOP) others = where_equal(group->anchors, number, splat(-(real)INFINITY), x);
        exp_term e = exp_term_of(others, m);
        if (j & 1 || j == count - 1) {
            lanes rest = j & 1 ? add_exps(&s->exps, before, e) : add_exp(&s->exps, e);
            rests = j > 1 ? add(rests, rest) : rest;
        }
        before = e;
        if (save || with & MOMENTS) {
            lanes exp = exp_of(e);
            if (save) store(exps + j * LANES, exp);
            if (with & MOMENTS) {
                lanes distance = sub(maximum(m.least, others), group->highest);
                moments = j ? fused(exp, distance, moments) : mul(exp, distance);
                squares = j ? fused(exp, exp, squares) : mul(exp, exp);
            }
        }
        if (with & GAPS) {
            lanes gap = where_equal(group->anchors, number, zero, sub(x, group->highest));
            if (j & 1 || j == count - 1) add_gaps(s, j & 1 ? gap_before : zero, gap);
            gap_before = gap;
        }
    }
    add_rests(s, rests);
    if (with & MOMENTS) {
        s->moments = wide_add(s->moments, widen(moments));
        s->squares = wide_add(s->squares, widen(squares));
    }
}

/* Statistics of a row are valid if exp_term_of can take its reference; if the anchor's logit is finite and at
 * most MOST_CONFIDENT above the others, so that their share of the sum does not underflow; and if `gaps` is
 * finite. Other rows are computed by long_rows.pxi. */
#ifdef SMOOTHXENT_FLOAT64
static const double MOST_CONFIDENT = 600; /* nats */
#else
static const double MOST_CONFIDENT = 80;
#endif
LANES_INLINE lanes magnitude(lanes x) { return maximum(x, sub(splat(0), x)); }
LANES_INLINE int few_statistics_are_valid(const few_statistics *s, lanes gaps) {
    const lanes limit = splat((real)INFINITY);
    return all_less(magnitude(s->highest), splat((real)LARGE_LOGIT)) & all_less(magnitude(gaps), limit) &
        all_less(sub(s->anchor_logits, s->highest), splat((real)MOST_CONFIDENT)) &
        all_less(sub(splat(0), s->anchor_logits), limit);
}
LANES_FUNCTION void mark_valid_rows(const few_statistics *s, real *is_valid) {
    lanes limit = splat((real)INFINITY), zero = splat(0), one = splat(1);
    lanes valid = where_less(magnitude(s->highest), splat((real)LARGE_LOGIT), one, zero);
    valid = where_less(magnitude(narrow_wide(s->gaps)), limit, valid, zero);
    valid = where_less(sub(s->anchor_logits, s->highest), splat((real)MOST_CONFIDENT), valid, zero);
    store(is_valid, where_less(sub(zero, s->anchor_logits), limit, valid, zero));
}

/* Sets s->below. Only rows with a small rest use it: the share of all classes but `highest`, if that is the top
 * (see few_classes_metrics.h). So the anchor's logit is far below, and of n terms with sum W, which are as
 * small, the moment is at most W log(n / W) (terms are relative to the reference, a step from
 * `highest` at most). If no row may be one, `below` is 0, and saves a loop. */
static const double SMALL_REST = LOW_PARTS ? 0x1p-3 : 0x1p-7, GAP_OF_SMALL_REST = LOW_PARTS ? 1.7 : 4.8,
                    MOMENT_OF_SMALL_REST = LOW_PARTS ? 1 : 0.08;
LANES_INLINE void add_below(few_statistics *s, const real *columns, ptrdiff_t num_classes, exp_reference m) {
    const lanes zero = splat(0), far = sub(s->highest, splat((real)GAP_OF_SMALL_REST));
    lanes moments = where_less(s->anchor_logits, far, sub(zero, narrow_wide(s->moments)), splat(2));
    s->below = zero;
    if (num_classes == 2 || all_less(splat((real)MOMENT_OF_SMALL_REST), moments)) return;
    for (ptrdiff_t k = 0; k < num_classes; k++) {
        lanes x = load(columns + k * LANES);
        s->below = add(s->below, where_less(x, s->highest, exp_of(exp_term_of(x, m)), zero));
    }
}

/* The statistics of a group; `with`, `save` and `anchor` are constants in each use. */
LANES_INLINE few_statistics columns_statistics_inline(const int64_t *anchors, const GroupPlace *place,
    ptrdiff_t num_classes, const char *ahead, real *columns, real *exps, const int with, const int save,
    const int anchor) {
    few_statistics s;
    const wide none = wide_splat(0.0);
    few_sums t = {no_exps(), splat(0), splat(0), {none, none}, none, none};
    lanes number = splat(0), four = splat(4);
    ptrdiff_t k = 0;
    s.anchors = anchor == ANCHOR_TOP ? splat(NO_CLASS) : lanes_from_integers(anchors);
    read_columns(&s, place, num_classes, ahead, columns, anchor);
    s.steps = sub(splat((real)MAGIC), fused(s.highest, splat((real)(STEPS * LOG2_E)), splat((real)MAGIC)));
    exp_reference m = exp_reference_of(s.steps);
#define SUM_COLUMNS(count) \
    sum_columns(           \
        &t, columns + k * LANES, exps + (save ? k * LANES : 0), count, &s, m, number, with, save, anchor)
    for (; k + 4 <= num_classes; k += 4, number = add(number, four)) SUM_COLUMNS(4);
    switch (num_classes - k) {
    case 1: SUM_COLUMNS(1); break;
    case 2: SUM_COLUMNS(2); break;
    case 3: SUM_COLUMNS(3); break;
    }
#undef SUM_COLUMNS
    pair_of_lanes sum = fast_pair_sum(sub(t.exps.powers, splat(2)), add(t.exps.rests, t.lost));
    s.sum = sum.high;
    s.sum_low = sum.low;
    s.moments = t.moments;
    s.squares = t.squares;
    if (with & MOMENTS && anchor == ANCHOR_GIVEN) add_below(&s, columns, num_classes, m);
    s.gaps = wide_splat(0.0);
    if (with & GAPS) { /* gaps to the reference: m - x_k = (m - highest) - (x_k - highest) */
        wide top_distance = wide_fused(widen(s.steps), wide_splat(STEP_LOW / STEPS),
            wide_fused(widen(s.steps), wide_splat(STEP / STEPS), widen(s.highest))); /* highest - m */
        wide others = wide_splat((double)(num_classes - 1));
        s.gaps = wide_sub(wide_sub(wide_splat(0.0), wide_mul(others, top_distance)),
            wide_add(t.gaps.sum, wide_add(t.gaps.error, widen(t.gaps_lost))));
    }
    s.anchor_logits =
        where_less(s.anchors, splat(0), s.highest, s.anchor_logits); /* no anchor: any finite number */
    return s;
}

/* Computes g->few and, with ANCHOR_TOP, g->anchor. Returns whether the statistics are valid for all rows. */
LANES_FUNCTION int columns_statistics(RowGroup *g, const GroupPlace *place, ptrdiff_t num_classes,
    const char *ahead, real *columns, real *exps, int with, int anchor) {
    real anchors[LANES];
#define STATISTICS(with, save, which) \
    g->few = columns_statistics_inline(g->anchor, place, num_classes, ahead, columns, exps, with, save, which)
#ifdef REGISTERS_ARE_SCALAR
    STATISTICS(with, exps != NULL, anchor);
#else
    if (anchor == ANCHOR_TOP && with & MOMENTS) STATISTICS(MOMENTS, 0, ANCHOR_TOP);
    else if (anchor == ANCHOR_TOP && exps) STATISTICS(0, 1, ANCHOR_TOP);
    else if (anchor == ANCHOR_TOP) STATISTICS(0, 0, ANCHOR_TOP);
    else if (exps && with & GAPS) STATISTICS(GAPS, 1, ANCHOR_GIVEN);
    else if (exps) STATISTICS(0, 1, ANCHOR_GIVEN);
    else FOR_EACH(with, STATISTICS(WITH, 0, ANCHOR_GIVEN))
#endif
#undef STATISTICS
    if (anchor == ANCHOR_TOP) {
        store(anchors, g->few.anchors);
        for (int i = 0; i < LANES; i++) g->anchor[i] = anchors[i] > 0 ? (int64_t)anchors[i] : 0;
    }
    return few_statistics_are_valid(&g->few, narrow_wide(g->few.gaps));
}

/* Stores g->few in the fields that row_group.pxi defines. */
LANES_FUNCTION void store_few_statistics(RowGroup *g, int with) {
    const few_statistics *s = &g->few;
    wide_store(g->sum_exp, wide_add(widen(s->sum), widen(s->sum_low)));
    wide_store(g->scale, wide_mul(widen(s->steps), wide_splat(1.0 / STEPS)));
    wide_store(g->offset, wide_splat(0.0));
    wide_store(g->anchor_logit, widen(s->anchor_logits));
    if (with & GAPS) wide_store(g->gap_sum, s->gaps);
    if (with & MOMENTS) {
        wide_store(g->square, s->squares);
        wide_store(g->highest, widen(s->highest));
    }
}
