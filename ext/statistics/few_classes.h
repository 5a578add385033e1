/* few_classes.h: the inner loops over few classes: LANES rows at once, one a lane. Class k of the group's row
 * i lies at columns[k * LANES + i].
 */
#ifndef SMOOTHXENT_FEW_CLASSES_H
#define SMOOTHXENT_FEW_CLASSES_H

#include "call/transforms.h"
#include "call/workspace.h"
#include "lanes/columns.h"
#include "statistics/reference.h"
#include "statistics/row_group.h"
#include "statistics/sums.h"

/* ---- logits to columns ---------------------------------------------------------------------------- */

enum { QUAD_BYTES = LANES * QUAD * sizeof(stored) }; /* of QUAD classes of a group */

_Static_assert(QUAD_BYTES % LINE == 0, "take_columns asks for whole lines");

/* Where the logits of a group lie. `rows`: one after the other, the first at `start` and the others
 * row_stride bytes apart, QUAD - 1 numbers beyond each may be read; or else `columns`: class k of all rows at
 * start + k * class_stride; or each row at its own place, starts[i]. */
typedef struct {
    const char *start, *const *starts;
    ptrdiff_t row_stride, class_stride;
    int rows, columns;
} GroupPlace;

/* QUAD classes from `first` on; of those from `num_classes` on, any numbers. */
LANES_INLINE void load_quad_of_columns(
    const GroupPlace *place, ptrdiff_t first, ptrdiff_t num_classes, lanes *columns) {
    real buffer[LANES];
    if (place->rows) {
        load_columns(place->start + first * sizeof(stored), place->row_stride, columns);
        return;
    }
    for (int k = 0; k < QUAD; k++) {
        const ptrdiff_t at = (first + k < num_classes ? first + k : num_classes - 1) * place->class_stride;
        if (place->columns) {
            columns[k] = load_logits((const stored *)(place->start + at));
            continue;
        }
        for (int i = 0; i < LANES; i++)
            buffer[i] = real_of(stored_at((const stored *)(place->starts[i] + at)));
        columns[k] = load(buffer);
    }
}

/* Columns of what logits become, class k at to[k * LANES]. */
LANES_FUNCTION void transform_columns(
    stored *to, const GroupPlace *place, ptrdiff_t num_classes, Transform transform) {
    lanes quad[QUAD];
    for (ptrdiff_t first = 0; first < num_classes; first += QUAD) {
        load_quad_of_columns(place, first, num_classes, quad);
        for (int k = 0; k < QUAD && first + k < num_classes; k++)
            store_logits(to + (first + k) * LANES, transformed(quad[k], transform));
    }
}

/* Class `number`. ANCHOR_GIVEN: the columns hold -inf for the anchor, which makes its exp 0. ANCHOR_TOP: the
 * anchor is the top class so far, the first of equals, and its column is masked later. NaN is passed over. */
enum { ANCHOR_GIVEN, ANCHOR_TOP };
LANES_INLINE void take_column(few_statistics *s, lanes x, lanes number, real *column, const int anchor) {
    lanes others = x;
    if (anchor == ANCHOR_TOP) {
        s->top = maximum(minimum(x, s->anchor_logits), s->top);
        s->anchors = where_less(s->anchor_logits, x, number, s->anchors);
        s->anchor_logits = maximum(x, s->anchor_logits);
    } else {
        others = where_equal(s->anchors, number, splat(-(real)INFINITY), x);
        s->anchor_logits = where_equal(s->anchors, number, x, s->anchor_logits);
        s->top = maximum(others, s->top);
    }
    store(column, others);
}

LANES_INLINE void take_columns(few_statistics *s, const GroupPlace *place, ptrdiff_t first,
    ptrdiff_t num_classes, const int count, lanes *number, const char *ahead, real *columns,
    const int anchor) {
    lanes quad[QUAD];
    UNROLLED for (int n = 0; n < QUAD_BYTES / LINE; n++) prefetch((const stored *)(ahead + n * LINE));
    if (count == 2 && num_classes == 2 && place->rows && place->row_stride == 2 * sizeof(stored))
        load_pairs((const stored *)place->start, quad);
    else load_quad_of_columns(place, first, num_classes, quad);
    UNROLLED for (int k = 0; k < count; k++) {
        take_column(s, quad[k], *number, columns + (first + k) * LANES, anchor);
        *number = add(*number, splat(1));
    }
}

/* `ahead`: where the next group lies, which is asked for early: it will be touched in all places at once. */
LANES_INLINE void read_columns(few_statistics *to, const GroupPlace *place, ptrdiff_t num_classes,
    const char *ahead, real *columns, const int anchor) {
    few_statistics s = *to; /* of its own, so that it stays in registers */
    lanes number = splat(0);
    ptrdiff_t first = 0;
    s.top = s.anchor_logits = splat(-(real)INFINITY);
    for (; first + QUAD <= num_classes; first += QUAD, ahead += QUAD_BYTES)
        take_columns(&s, place, first, num_classes, QUAD, &number, ahead, columns, anchor);
    switch (num_classes - first) { /* constants, for which the compiler leaves out what other numbers need */
    case 1: take_columns(&s, place, first, num_classes, 1, &number, ahead, columns, anchor); break;
#ifndef SMOOTHXENT_FLOAT64
    case 2: take_columns(&s, place, first, num_classes, 2, &number, ahead, columns, anchor); break;
    case 3:
        take_columns(&s, place, first, num_classes, 3, &number, ahead, columns, anchor);
        break;
        _Static_assert(QUAD == 4, "up to 3 are left");
#else
        _Static_assert(QUAD == 2, "1 is left at most");
#endif
    }
    *to = s;
}

/* ---- sums ------------------------------------------------------------------------------------------
 *
 * exp of the classes but the anchor, relative to the lane's reference, is summed as powers and rests (see
 * exp.h). Powers are at most 1, and their sum starts with 2: so what an addition of two of them to it loses
 * is known from three operations (Dekker 1971, a fast two-sum). Only the sum of the two is rounded. So is
 * that of two gaps to `top`, which have one sign; further sums of gaps are in float64.
 */
typedef struct {
    lanes powers, lost, rests;
    wide gaps, gaps_error, moments, squares;
} few_sums;

LANES_INLINE void add_powers(few_sums *s, lanes powers) {
    lanes sum = add(s->powers, powers);
    s->lost = add(s->lost, sub(powers, sub(sum, s->powers)));
    s->powers = sum;
}
LANES_INLINE void add_rests(
    few_sums *s, lanes rests) { /* small beside the powers, but not so in float64, whose steps are long */
    pair_of_lanes sum = {add(s->rests, rests), splat(0)};
    if (LOW_PARTS) sum = exact_sum(s->rests, rests);
    s->rests = sum.high;
    if (LOW_PARTS) s->lost = add(s->lost, sum.low);
}
LANES_INLINE void add_gaps(few_sums *s, lanes a, lanes b) {
    accumulate(&s->gaps, &s->gaps_error, widen(add(a, b)));
}

/* `count` <= 4 columns from class `number` on. `exps`: where their exp goes, with `keep`. */
LANES_INLINE void sum_columns(few_sums *s, const real *columns, real *exps, const int count,
    const few_statistics *group, exp_reference m, lanes number, const int with, const int keep,
    const int anchor) {
    const lanes zero = splat(0), one = splat(1);
    lanes powers[4], gaps[4], rests, moments, squares;
    UNROLLED for (int j = 0; j < count; j++, number = add(number, one)) {
        lanes x = load(columns + j * LANES), others = x;
        if (anchor == ANCHOR_TOP) others = where_equal(group->anchors, number, splat(-(real)INFINITY), x);
        exp_term e = exp_term_of(others, m);
        powers[j] = e.power;
        rests = j ? fused(e.rest, e.ratio, rests) : mul(e.rest, e.ratio);
        if (keep || with & MOMENTS) {
            lanes exp = exp_of(e);
            if (keep) store(exps + j * LANES, exp);
            if (with & MOMENTS) {
                lanes moment = mul(exp, sub(maximum(m.least, others), group->top));
                moments = j ? add(moments, moment) : moment;
                squares = j ? fused(exp, exp, squares) : mul(exp, exp);
            }
        }
        if (with & GAPS) gaps[j] = where_equal(group->anchors, number, zero, sub(x, group->top));
    }
    add_powers(s, count > 1 ? add(powers[0], powers[1]) : powers[0]);
    if (count > 2) add_powers(s, count > 3 ? add(powers[2], powers[3]) : powers[2]);
    add_rests(s, rests);
    if (with & GAPS) {
        add_gaps(s, gaps[0], count > 1 ? gaps[1] : zero);
        if (count > 2) add_gaps(s, gaps[2], count > 3 ? gaps[3] : zero);
    }
    if (with & MOMENTS) {
        s->moments = wide_add(s->moments, widen(moments));
        s->squares = wide_add(s->squares, widen(squares));
    }
}

/* Rows whose statistics hold: the reference is one that exp_term_of can take; the anchor's logit is finite
 * and not so far above the others that their share of the sum is near the smallest numbers; and `gaps`, or
 * what depends on them, is finite. */
#ifdef SMOOTHXENT_FLOAT64
static const double CERTAIN = 600; /* nats */
#else
static const double CERTAIN = 80;
#endif
LANES_INLINE lanes magnitude(lanes x) { return maximum(x, sub(splat(0), x)); }
LANES_INLINE int few_statistics_hold(const few_statistics *s, lanes gaps) {
    const lanes limit = splat((real)INFINITY);
    return all_less(magnitude(s->top), splat((real)LARGE_LOGIT)) & all_less(magnitude(gaps), limit) &
        all_less(sub(s->anchor_logits, s->top), splat((real)CERTAIN)) &
        all_less(sub(splat(0), s->anchor_logits), limit);
}
LANES_FUNCTION void rows_that_hold(const few_statistics *s, real *hold) {
    lanes limit = splat((real)INFINITY), zero = splat(0), one = splat(1);
    lanes holds = where_less(magnitude(s->top), splat((real)LARGE_LOGIT), one, zero);
    holds = where_less(magnitude(narrow_wide(s->gaps)), limit, holds, zero);
    holds = where_less(sub(s->anchor_logits, s->top), splat((real)CERTAIN), holds, zero);
    store(hold, where_less(sub(zero, s->anchor_logits), limit, holds, zero));
}

/* Statistics of a group. */
LANES_INLINE few_statistics columns_statistics_inline(const int64_t *anchors, const GroupPlace *place,
    ptrdiff_t num_classes, const char *ahead, real *columns, real *exps, const int with, const int keep,
    const int anchor) {
    few_statistics s;
    few_sums t = {
        splat(2), splat(0), splat(0), wide_splat(0.0), wide_splat(0.0), wide_splat(0.0), wide_splat(0.0)};
    lanes number = splat(0), four = splat(4);
    ptrdiff_t k = 0;
    s.anchors = anchor == ANCHOR_TOP ? splat(-1) : of_integers(anchors);
    read_columns(&s, place, num_classes, ahead, columns, anchor);
    s.scale = sub(splat((real)MAGIC), fused(s.top, splat((real)(STEPS * LOG2_E)), splat((real)MAGIC)));
    exp_reference m = exp_reference_of(s.scale);
#define SUM_COLUMNS(count) \
    sum_columns(           \
        &t, columns + k * LANES, exps + (keep ? k * LANES : 0), count, &s, m, number, with, keep, anchor)
    for (; k + 4 <= num_classes; k += 4, number = add(number, four)) SUM_COLUMNS(4);
    switch (num_classes - k) {
    case 1: SUM_COLUMNS(1); break;
    case 2: SUM_COLUMNS(2); break;
    case 3: SUM_COLUMNS(3); break;
    }
#undef SUM_COLUMNS
    lanes powers = sub(t.powers, splat(2)), low = add(t.rests, t.lost);
    s.sum = add(powers, low);
    s.sum_low = sub(low, sub(s.sum, powers));
    s.gaps = s.moments = s.squares = wide_splat(0.0);
    wide to_top = wide_splat(0.0);
    if (with)
        to_top = wide_fused(widen(s.scale), wide_splat(STEP_LOW / STEPS),
            wide_fused(widen(s.scale), wide_splat(STEP / STEPS), widen(s.top))); /* top - m */
    if (with & GAPS) { /* of the reference: m - x_k = (m - top) - (x_k - top) */
        wide others = wide_splat((double)(num_classes - 1));
        s.gaps =
            wide_sub(wide_sub(wide_splat(0.0), wide_mul(others, to_top)), wide_add(t.gaps, t.gaps_error));
    }
    if (with & MOMENTS) {
        s.moments = wide_fused(to_top, wide_add(widen(s.sum), widen(s.sum_low)), t.moments);
        s.squares = t.squares;
    }
    s.anchor_logits = where_less(s.anchors, splat(0), s.top, s.anchor_logits); /* a harmless number */
    return s;
}

/* Into g->few, and the anchors that are found on the way into g->anchor; returns whether they hold for all
 * rows. */
LANES_FUNCTION int columns_statistics(RowGroup *g, const GroupPlace *place, ptrdiff_t num_classes,
    const char *ahead, real *columns, real *exps, int with, int anchor) {
    real anchors[LANES];
#define STATISTICS(with, keep, which) \
    g->few = columns_statistics_inline(g->anchor, place, num_classes, ahead, columns, exps, with, keep, which)
#ifdef REGISTERS_ARE_PLAIN
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
    return few_statistics_hold(&g->few, narrow_wide(g->few.gaps));
}

/* From lanes to the numbers that row_group.pxi defines. */
LANES_FUNCTION void spread_few_statistics(RowGroup *g, int with) {
    const few_statistics *s = &g->few;
    wide_store(g->sum_exp, wide_add(widen(s->sum), widen(s->sum_low)));
    wide_store(g->scale, wide_mul(widen(s->scale), wide_splat(1.0 / STEPS)));
    wide_store(g->offset, wide_splat(0.0));
    wide_store(g->anchor_logit, widen(s->anchor_logits));
    if (with & GAPS) wide_store(g->gap_sum, s->gaps);
    if (with & MOMENTS) {
        wide_store(g->moment, s->moments);
        wide_store(g->square, s->squares);
        wide_store(g->highest, widen(s->top));
    }
}

#endif
