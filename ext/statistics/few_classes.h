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

/* What a group's rows start with: the label (-1: none), its logit and the largest of the others, -inf where there is
 * none. NaN is passed over. */
typedef struct { lanes labels, label_logits, top; } column_heads;

/* Class k. With `label`: TAKEN_OUT, the columns hold -inf for it; KEPT, its logit, which the second sweep wants: exp of
 * -inf, times a factor, is subnormal there, which is slow; TOP, the label is the top class so far, the first of equals. */
enum { LABEL_TAKEN_OUT, LABEL_KEPT, LABEL_TOP };
LANES_INLINE void take_column(column_heads *heads, lanes x, ptrdiff_t k, real *columns, const int label) {
    lanes least = splat(-(real)INFINITY), number = splat((real)k), others = x;
    if (label == LABEL_TOP) {
        heads->top = maximum(minimum(x, heads->label_logits), heads->top);
        heads->labels = where_less(heads->label_logits, x, number, heads->labels);
        heads->label_logits = maximum(x, heads->label_logits);
    } else {
        others = where_equal(heads->labels, number, least, x);
        heads->label_logits = where_equal(heads->labels, number, x, heads->label_logits);
        heads->top = maximum(others, heads->top);
    }
    store(columns + k * LANES, label == LABEL_TAKEN_OUT ? others : x);
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
LANES_INLINE void take_columns(column_heads *heads, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t first, const int count, const char *ahead, real *columns, const int label) {
    lanes quad[QUAD];
    UNROLLED for (int n = 0; n < QUAD_BYTES / LINE; n++) prefetch((const stored *)(ahead + n * LINE));
    load_quad_of_columns(rows, stride, side_by_side, first, count, quad);
    UNROLLED for (int k = 0; k < count; k++) take_column(heads, quad[k], first + k, columns, label);
}

LANES_INLINE void read_columns(column_heads *heads, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, const char *ahead, real *columns, const int label) {
    column_heads h = *heads; /* of its own, so that it stays in registers */
    ptrdiff_t first = 0;
    for (; first < num_classes / QUAD * QUAD; first += QUAD, ahead += QUAD_BYTES)
        take_columns(&h, rows, stride, side_by_side, first, QUAD, ahead, columns, label);
#define LAST_COLUMNS(count) case count: take_columns(&h, rows, stride, side_by_side, first, count, ahead, columns, label); break
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

LANES_INLINE void sum_columns(block_sums *sums, const real *columns, ptrdiff_t num_classes, lanes labels, lanes bias, const int with, const int label) {
    lanes number = splat(0), least = splat(-(real)INFINITY);
    SUM_BLOCKS(num_classes, {
        b = load_columns_block(columns + n * VECTORS * LANES); /* there is room for whole blocks */
        if (label != LABEL_TAKEN_OUT) EACH_VECTOR {
            b.v[j] = where_equal(labels, number, least, b.v[j]);
            number = add(number, splat(1));
        }
    })
}

/* Statistics of a group, of which the first `fit` numbers say whether they hold for a row; returns whether all do. They
 * don't where a row has no reference or a huge one, an infinite label, or gaps beyond what exp_lanes takes. */
LANES_INLINE int columns_statistics_inline(RowGroup *g, column_heads *heads, double *fit, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, const char *ahead, real *columns, const int with, const int label) {
    const reg_f64 zero = SPLAT(0.0), one = SPLAT(1.0);
    const double others = (double)(num_classes - 1);
    reg_f64 all = one;
    block_sums sums;
    heads->labels = label == LABEL_TOP ? splat(-1) : of_integers(g->label);
    heads->label_logits = heads->top = splat(-(real)INFINITY);
    read_columns(heads, rows, stride, side_by_side, num_classes, ahead, columns, label);
    for (ptrdiff_t k = num_classes; k % VECTORS; k++) store(columns + k * LANES, splat(-(real)INFINITY));
    lanes scale = sub(splat((real)MAGIC), fused(heads->top, splat((real)LOG2_E), splat((real)MAGIC)));
    sum_columns(&sums, columns, num_classes, heads->labels, add(splat((real)(MAGIC + EXPONENT_BIAS)), scale), with, label);
    if (label == LABEL_TOP) {
        real labels[LANES];
        store(labels, heads->labels);
        for (int i = 0; i < LANES; i++) g->label[i] = labels[i] > 0 ? (int64_t)labels[i] : 0;
    }
    wide scales = widen(scale), tops = widen(heads->top);
    wide label_logits = widen(heads->label_logits);
    EACH_ROW_REGISTER {
        const int j = i / WIDTH_F64;
        reg_f64 x = label_logits.r[j], top = tops.r[j], label_of = of_i64(load_i64(g->label + i)), fits = one;
        SET_ROWS(sum_exp, LOW_PARTS ? ADD(sums.exps.sum.r[j], where_finite(sums.exps.error.r[j])) : sums.exps.sum.r[j]);
        SET_ROWS(scale, scales.r[j]);
        SET_ROWS(offset, zero);
        SET_ROWS(label_logit, x);
        if (with & MOMENTS) {
            SET_ROWS(moment, sums.moments.r[j]);
            SET_ROWS(square, sums.squares.r[j]);
            SET_ROWS(highest, top);
        }
        if (with & GAPS) { /* the label's column, -inf, is among the sums */
            reg_f64 whole = FUSED(SPLAT(others), scales.r[j], SUB(sums.wholes.r[j], SPLAT(LOWEST_WHOLE)));
            reg_f64 rest = ADD(sums.remainders.r[j], MUL(ADD(whole, SPLAT(LOWEST_WHOLE)), SPLAT(STEP_LOW)));
            SET_ROWS(gap_sum, SUB(zero, FUSED(whole, SPLAT(STEP), rest)));
            fits = where_less_f64(SPLAT(-MOST_WHOLES), whole, one, zero);
        }
        fits = where_less_f64(OP_F64(max)(x, SUB(zero, x)), SPLAT((double)INFINITY), fits, where_less_f64(label_of, zero, fits, zero));
        fits = where_less_f64(OP_F64(max)(top, SUB(zero, top)), SPLAT(LARGE_LOGIT), fits, zero);
        OP_F64(storeu)(fit + i, fits);
        all = OP_F64(min)(all, fits);
    }
    return all_equal_f64(all, one);
}
LANES_FUNCTION int columns_statistics(RowGroup *g, column_heads *heads, double *fit, const char *const *rows, ptrdiff_t stride, int side_by_side, ptrdiff_t num_classes, const char *ahead, real *columns, int with, int label) {
#define OF(with, label) return columns_statistics_inline(g, heads, fit, rows, stride, side_by_side, num_classes, ahead, columns, with, label)
#ifdef REGISTERS_ARE_PLAIN
    OF(with, label);
#else
    if (label == LABEL_TOP && with & MOMENTS) OF(MOMENTS, LABEL_TOP);
    if (label == LABEL_TOP) OF(0, LABEL_TOP);
    if (label == LABEL_KEPT && with & GAPS) OF(GAPS, LABEL_KEPT);
    if (label == LABEL_KEPT) OF(0, LABEL_KEPT);
    FOR_EACH(with, OF(WITH, LABEL_TAKEN_OUT))
#endif
#undef OF
}

#endif
