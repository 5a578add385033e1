/* few_classes.h: the inner loops over few classes: LANES rows at once, one a lane. Class k of the group's row i lies at
 * columns[k * LANES + i].
 */
#ifndef SMOOTHXENT_FEW_CLASSES_H
#define SMOOTHXENT_FEW_CLASSES_H

#include "call/transforms.h"
#include "call/workspace.h"
#include "statistics/reference.h"
#include "statistics/row_group.h"
#include "statistics/sums.h"

/* ---- logits to columns ---------------------------------------------------------------------------- */

enum { QUAD_BYTES = LANES * QUAD * sizeof(stored) }; /* of QUAD classes of a group */

_Static_assert(QUAD_BYTES % LINE == 0, "take_columns asks for whole lines");

/* What a group's rows start with: the anchor (-1: none), its logit and the largest of the others, -inf where there is
 * none. NaN is passed over. */
typedef struct { lanes anchors, anchor_logits, top; } column_heads;

/* Class k. With `anchor`: TAKEN_OUT, the columns hold -inf for it; KEPT, its logit, which the second sweep wants: exp of
 * -inf, times a factor, is subnormal there, which is slow; TOP, the anchor is the top class so far, the first of equals. */
enum { ANCHOR_TAKEN_OUT, ANCHOR_KEPT, ANCHOR_TOP };
LANES_INLINE void take_column(column_heads *heads, lanes x, ptrdiff_t k, real *columns, const int anchor) {
    lanes least = splat(-(real)INFINITY), number = splat((real)k), others = x;
    if (anchor == ANCHOR_TOP) {
        heads->top = maximum(minimum(x, heads->anchor_logits), heads->top);
        heads->anchors = where_less(heads->anchor_logits, x, number, heads->anchors);
        heads->anchor_logits = maximum(x, heads->anchor_logits);
    } else {
        others = where_equal(heads->anchors, number, least, x);
        heads->anchor_logits = where_equal(heads->anchors, number, x, heads->anchor_logits);
        heads->top = maximum(others, heads->top);
    }
    store(columns + k * LANES, anchor == ANCHOR_TAKEN_OUT ? others : x);
}

/* `count` <= QUAD classes from `first` on. Rows side by side are columns already. */
LANES_INLINE void load_quad_of_columns(const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t first, int count, lanes *columns) {
    real buffer[LANES];
    if (stride == sizeof(stored)) {
        load_columns((const stored *const *)rows, first, count, columns);
        return;
    }
    for (int k = 0; k < count; k++) {
        ptrdiff_t place = (first + k) * stride;
        if (side_by_side) {
            columns[k] = load_logits((const stored *)(rows[0] + place));
            continue;
        }
        for (int i = 0; i < LANES; i++) buffer[i] = real_of(stored_at((const stored *)(rows[i] + place)));
        columns[k] = load(buffer);
    }
}

/* Columns of what logits become, class k at to[k * LANES]. */
LANES_FUNCTION void transform_columns(stored *to, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, Transform of) {
    lanes quad[QUAD];
    for (ptrdiff_t first = 0; first < num_classes; first += QUAD) {
        const int count = num_classes - first < QUAD ? (int)(num_classes - first) : QUAD;
        load_quad_of_columns(rows, stride, side_by_side, first, count, quad);
        for (int k = 0; k < count; k++) store_logits(to + (first + k) * LANES, transformed(quad[k], of));
    }
}

/* `count` <= QUAD classes from `first` on. `ahead`: where the next group lies, which is asked for early: it will be touched
 * in all places at once. */
LANES_INLINE void take_columns(column_heads *heads, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t first, const int count, const char *ahead, real *columns, const int anchor) {
    lanes quad[QUAD];
    UNROLLED for (int n = 0; n < QUAD_BYTES / LINE; n++) prefetch((const stored *)(ahead + n * LINE));
    load_quad_of_columns(rows, stride, side_by_side, first, count, quad);
    UNROLLED for (int k = 0; k < count; k++) take_column(heads, quad[k], first + k, columns, anchor);
}

LANES_INLINE void read_columns(column_heads *heads, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, const char *ahead, real *columns, const int anchor) {
    column_heads h = *heads; /* of its own, so that it stays in registers */
    ptrdiff_t first = 0;
    for (; first < num_classes / QUAD * QUAD; first += QUAD, ahead += QUAD_BYTES)
        take_columns(&h, rows, stride, side_by_side, first, QUAD, ahead, columns, anchor);
#define LAST_COLUMNS(count) case count: take_columns(&h, rows, stride, side_by_side, first, count, ahead, columns, anchor); break
    switch (num_classes - first) { /* constants, for which the compiler leaves out what other numbers need */
        LAST_COLUMNS(1);
#ifndef SMOOTHXENT_FLOAT64
        LAST_COLUMNS(2);
        LAST_COLUMNS(3);
        _Static_assert(QUAD == 4, "up to 3 are left");
#else
        _Static_assert(QUAD == 2, "1 is left at most");
#endif
    }
#undef LAST_COLUMNS
    *heads = h;
}

/* ---- sums ------------------------------------------------------------------------------------------ */

LANES_INLINE void sum_columns(block_sums *sums, const real *columns, ptrdiff_t num_classes, lanes anchors, lanes bias, const int with, const int anchor) {
    lanes number = splat(0), least = splat(-(real)INFINITY);
    SUM_BLOCKS(num_classes, {
        b = load_columns_block(columns + n * VECTORS * LANES); /* there is room for whole blocks */
        if (anchor != ANCHOR_TAKEN_OUT) EACH_VECTOR {
            b.v[j] = where_equal(anchors, number, least, b.v[j]);
            number = add(number, splat(1));
        }
    })
}

/* Statistics of a group, of which the first `fit` numbers say whether they hold for a row; returns whether all do. They
 * don't where a row has no reference or a huge one, an anchor of infinite logit, or gaps beyond what exp_lanes takes. */
LANES_INLINE int columns_statistics_inline(RowGroup *g, column_heads *heads, double *fit, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, const char *ahead, real *columns, const int with, const int anchor) {
    const reg_f64 zero = SPLAT(0.0), one = SPLAT(1.0);
    const double others = (double)(num_classes - 1);
    reg_f64 all = one;
    block_sums sums;
    heads->anchors = anchor == ANCHOR_TOP ? splat(-1) : of_integers(g->anchor);
    heads->anchor_logits = heads->top = splat(-(real)INFINITY);
    read_columns(heads, rows, stride, side_by_side, num_classes, ahead, columns, anchor);
    for (ptrdiff_t k = num_classes; k % VECTORS; k++) store(columns + k * LANES, splat(-(real)INFINITY));
    lanes scale = sub(splat((real)MAGIC), fused(heads->top, splat((real)LOG2_E), splat((real)MAGIC)));
    sum_columns(&sums, columns, num_classes, heads->anchors, add(splat((real)(MAGIC + EXPONENT_BIAS)), scale), with, anchor);
    if (anchor == ANCHOR_TOP) {
        real anchors[LANES];
        store(anchors, heads->anchors);
        for (int i = 0; i < LANES; i++) g->anchor[i] = anchors[i] > 0 ? (int64_t)anchors[i] : 0;
    }
    wide scales = widen(scale), tops = widen(heads->top);
    wide anchor_logits = widen(heads->anchor_logits);
    EACH_ROW_REGISTER {
        const int j = i / WIDTH_F64;
        reg_f64 x = anchor_logits.r[j], top = tops.r[j], anchor_numbers = of_i64(load_i64(g->anchor + i)), fits = one;
        SET_ROWS(sum_exp, LOW_PARTS ? ADD(sums.exps.sum.r[j], where_finite(sums.exps.error.r[j])) : sums.exps.sum.r[j]);
        SET_ROWS(scale, scales.r[j]);
        SET_ROWS(offset, zero);
        SET_ROWS(anchor_logit, x);
        if (with & MOMENTS) {
            SET_ROWS(moment, sums.moments.r[j]);
            SET_ROWS(square, sums.squares.r[j]);
            SET_ROWS(highest, top);
        }
        if (with & GAPS) { /* the anchor's column, -inf, is among the sums */
            reg_f64 whole = FUSED(SPLAT(others), scales.r[j], SUB(sums.wholes.r[j], SPLAT(LOWEST_WHOLE)));
            reg_f64 rest = ADD(sums.remainders.r[j], MUL(ADD(whole, SPLAT(LOWEST_WHOLE)), SPLAT(STEP_LOW)));
            SET_ROWS(gap_sum, SUB(zero, FUSED(whole, SPLAT(STEP), rest)));
            fits = where_less_f64(SPLAT(-MOST_WHOLES), whole, one, zero);
        }
        fits = where_less_f64(OP_F64(max)(x, SUB(zero, x)), SPLAT((double)INFINITY), fits, where_less_f64(anchor_numbers, zero, fits, zero));
        fits = where_less_f64(OP_F64(max)(top, SUB(zero, top)), SPLAT(LARGE_LOGIT), fits, zero);
        OP_F64(storeu)(fit + i, fits);
        all = OP_F64(min)(all, fits);
    }
    return all_equal_f64(all, one);
}
LANES_FUNCTION int columns_statistics(RowGroup *g, column_heads *heads, double *fit, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, const char *ahead, real *columns, int with, int anchor) {
#define OF(with, anchor) return columns_statistics_inline(g, heads, fit, rows, stride, side_by_side, num_classes, ahead, columns, with, anchor)
#ifdef REGISTERS_ARE_PLAIN
    OF(with, anchor);
#else
    if (anchor == ANCHOR_TOP && with & MOMENTS) OF(MOMENTS, ANCHOR_TOP);
    if (anchor == ANCHOR_TOP) OF(0, ANCHOR_TOP);
    if (anchor == ANCHOR_KEPT && with & GAPS) OF(GAPS, ANCHOR_KEPT);
    if (anchor == ANCHOR_KEPT) OF(0, ANCHOR_KEPT);
    FOR_EACH(with, OF(WITH, ANCHOR_TAKEN_OUT))
#endif
#undef OF
}

#endif
