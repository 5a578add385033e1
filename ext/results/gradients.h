/* gradients.h: the second sweep, which writes gradients and softmax: the factors of each row, computed a
 * register of rows at a time, and the inner loops. The formulas are in gradients.pxi. */
#pragma once

#include "lanes/columns.h"
#include "statistics/reference.h"
#include "statistics/row_group.h"

/* Few classes: the result is min(exp factor + constant, upper), and anchor_gradient for the anchor. */
typedef struct {
    lanes factor, constant, upper, anchor_gradient;
} few_factors;

/* The result is min(exp factor + constant, upper) - target_scale t_k, for the label less `extra`, and
 * anchor_gradient for the anchor. */
typedef struct {
    LINE_ALIGNED double constant[LANES];
    double target_scale[LANES], extra[LANES], anchor_gradient[LANES], factor[LANES], upper;
    double coefficient[LANES]; /* coefficient of p_k; factor is that of the saved exp */
    few_factors few;
} SecondSweep;

static const double UNDERFLOW_DISTANCE = 3000; /* nats below the anchor at which exp is 0 even in float64 */

/* The factor coefficient exp(-max(z, 0)) / total, with z = x_y - reference: exp(x_k - reference) times this
 * factor is coefficient p_k. No logarithm is taken: its rounding error grows with |lse| and would become that
 * of p_k. inverse: 1 / total. */
LANES_INLINE reg_f64 factors_of_exps(const RowGroup *g, int i, reg_f64 coefficient, reg_f64 inverse) {
    const reg_f64 zero = SPLAT(0.0);
    reg_f64 low, z = distances_to_reference(ROWS(anchor_logit), ROWS(offset), ROWS(scale), &low),
                 nll = ROWS(nll);
    low = where_less_f64(z, zero, zero, low);
    z = OP_F64(min)(OP_F64(max)(z, zero), SPLAT(UNDERFLOW_DISTANCE)); /* NaN: 0 */
    reg_f64 factor = coefficient * times_exps(inverse, zero - z, zero - low);
    return where_equal_f64(nll, nll, factor, SPLAT((double)NAN));
}

/* The factors of a gradient. That of the anchor y is anchor_share (p_y - 1) + rest_share p_y, where p_y - 1
 * is taken as -others / (own + others), without subtraction. On entry sweep->target_scale holds
 * sample_weight. */
LANES_FUNCTION void gradient_factors(
    const RowGroup *g, SecondSweep *sweep, double divisor, double target_scale, double uniform) {
    EACH_ROW_REGISTER {
        reg_f64 s = OP_F64(loadu)(sweep->target_scale + i) / SPLAT(divisor), own = ROWS(own),
                others = ROWS(others);
        reg_f64 inverse = SPLAT(1.0) / (own + others), anchor_share = ROWS(anchor_share),
                rest_share = ROWS(rest_share);
        reg_f64 anchor_gradient = rest_share * (own * inverse) - anchor_share * (others * inverse);
        OP_F64(storeu)(sweep->anchor_gradient + i, s * anchor_gradient);
        OP_F64(storeu)(sweep->constant + i, s * SPLAT(-uniform));
        OP_F64(storeu)(sweep->target_scale + i, s * SPLAT(target_scale));
        reg_f64 coefficient = s * (anchor_share + rest_share);
        OP_F64(storeu)(sweep->coefficient + i, coefficient);
        OP_F64(storeu)(sweep->factor + i, factors_of_exps(g, i, coefficient, inverse));
    }
}

LANES_FUNCTION void softmax_factors(const RowGroup *g, SecondSweep *sweep) {
    const reg_f64 one = SPLAT(1.0);
    sweep->upper = 1.0;
    EACH_ROW_REGISTER {
        OP_F64(storeu)(sweep->constant + i, SPLAT(0.0));
        OP_F64(storeu)(sweep->coefficient + i, one);
        OP_F64(storeu)(sweep->factor + i, factors_of_exps(g, i, one, one / (ROWS(own) + ROWS(others))));
    }
}

LANES_INLINE lanes scaled(const real *exps, lanes factor, lanes constant, lanes upper) {
    return minimum(upper, fused(load(exps), factor, constant)); /* lets NaN pass */
}

LANES_INLINE void store_first(real *out, lanes values, ptrdiff_t count) {
    real numbers[LANES];
    store(numbers, values);
    memcpy(out, numbers, count * sizeof(real));
}
/* Writes min(exp factor + constant, upper) of a tile, past the caches if `streams`. A whole vector may be
 * read beyond the last of `exps`; `out` must be aligned to sizeof(real). */
LANES_FUNCTION void write_scaled(
    real *out, const real *exps, ptrdiff_t count, double factor, double constant, double upper, int streams) {
    const lanes f = splat((real)factor), c = splat((real)constant), m = splat((real)upper);
    ptrdiff_t k = 0;
    if (streams) {
        k = (ptrdiff_t)(-(uintptr_t)out % STREAM_ALIGNMENT / sizeof(real));
        k = k < count ? k : count;
        store_first(out, scaled(exps, f, c, m), k);
        for (; k + LANES <= count; k += LANES) stream(out + k, scaled(exps + k, f, c, m));
    }
    for (; k + LANES <= count; k += LANES) store(out + k, scaled(exps + k, f, c, m));
    if (k < count) store_first(out + k, scaled(exps + k, f, c, m), count - k);
}

/* log p_k = (x_k - x_top) + log p_top: both terms are negative, so no digit is lost. */
LANES_INLINE lanes log_softmax_of(lanes x, wide top, wide nll) {
    return narrow_wide(wide_sub(wide_sub(widen(x), top), nll));
}
/* The same for a tile; `values` has room for whole vectors. */
LANES_FUNCTION void log_softmax_tile(real *values, const stored *x, ptrdiff_t count, double top, double nll) {
    for (ptrdiff_t k = 0; k < count; k += LANES)
        store(values + k, log_softmax_of(load_up_to(x + k, count - k), wide_splat(top), wide_splat(nll)));
}

/* ---- few classes: one row a lane --------------------------------------------------------------------- */

/* The results for QUAD classes from `number` on. */
LANES_INLINE void few_gradient_quad(
    const few_factors *f, const real *exps, lanes anchors, lanes number, lanes *values) {
    UNROLLED for (int k = 0; k < QUAD; k++, number = add(number, splat(1))) values[k] = where_equal(
        anchors, number, f->anchor_gradient, scaled(exps + k * LANES, f->factor, f->constant, f->upper));
}
/* The results for all classes, written as rows `stride` bytes apart. */
LANES_INLINE void few_gradient_rows_inline(const few_factors *sweep, const real *exps, lanes anchors,
    ptrdiff_t num_classes, char *start, ptrdiff_t stride, const int is_real) {
    const ptrdiff_t size = is_real ? sizeof(real) : sizeof(stored);
    const char *ahead = start + LANES * num_classes * size + AHEAD;
    lanes values[QUAD], number = splat(0);
    ptrdiff_t k = 0;
    const few_factors f = *sweep; /* a local copy stays in registers */
#define STORE(count)                                                     \
    if (is_real) store_columns(start + k * size, stride, count, values); \
    else store_logit_columns(start + k * size, stride, count, values)
    for (; k + QUAD <= num_classes; k += QUAD, number = add(number, splat(QUAD))) {
        UNROLLED for (int n = 0; n < LANES * QUAD * (int)size / LINE; n++, ahead += LINE)
            prefetch_to_write(ahead);
        few_gradient_quad(&f, exps + k * LANES, anchors, number, values);
        STORE(QUAD);
    }
    if (k == num_classes) return;
    few_gradient_quad(&f, exps + k * LANES, anchors, number, values);
#ifndef SMOOTHXENT_FLOAT64
    if (is_real && num_classes == 2 && stride == 2 * sizeof(real)) {
        store_pairs((real *)start, values);
        return;
    }
    if (is_real && num_classes == 3 && stride == 3 * sizeof(real)) {
        store_triples((real *)start, values);
        return;
    }
#endif
    switch (num_classes - k) {
    case 1: STORE(1); break;
#ifndef SMOOTHXENT_FLOAT64
    case 2: STORE(2); break;
    case 3: STORE(3); break;
#endif
    }
#undef STORE
}
LANES_FUNCTION void few_gradient_rows(const few_factors *sweep, const real *exps, lanes anchors,
    ptrdiff_t num_classes, char *start, ptrdiff_t stride, int is_real) {
    if (is_real || sizeof(real) == sizeof(stored))
        few_gradient_rows_inline(sweep, exps, anchors, num_classes, start, stride, 1);
    else few_gradient_rows_inline(sweep, exps, anchors, num_classes, start, stride, 0);
}

/* Transposes columns to rows, one directly after the other. */
LANES_FUNCTION void columns_to_rows(const real *columns, ptrdiff_t num_classes, real *rows) {
    lanes values[QUAD];
    for (ptrdiff_t k = 0; k < num_classes; k += QUAD) {
        const int count = num_classes - k < QUAD ? (int)(num_classes - k) : QUAD;
        for (int j = 0; j < count; j++) values[j] = load(columns + (k + j) * LANES);
        for (int j = count; j < QUAD; j++) values[j] = splat(0);
        store_columns((char *)(rows + k), num_classes * sizeof(real), count, values);
    }
}
