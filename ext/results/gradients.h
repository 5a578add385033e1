/* gradients.h: the second sweep: what it needs of a row once, and its inner loops. A register of rows at a time; the formulas
 * are in gradients.pxi.
 */
#ifndef SMOOTHXENT_GRADIENTS_H
#define SMOOTHXENT_GRADIENTS_H

#include "lanes/vectors.h"
#include "statistics/reference.h"
#include "statistics/row_group.h"

/* For few classes, whose exps are known: min(exp factor + constant, most), `own` for the anchor. */
typedef struct { lanes factor, constant, own, most; } few_factors;

typedef struct { /* min(g p_k + constant, most) - target_scale t_k, and `own` for the anchor; one row a lane */
    LINE_ALIGNED double constant[LANES];
    double target_scale[LANES], own[LANES], g[LANES], bias[LANES], factor[LANES], most;
    few_factors few;
} SecondSweep;

static const double LIFT = 96, NOTHING_LEFT = 3000; /* nats below the anchor: exp is 0 in float64 too */
static const double HEADROOM = 16; /* bits of the bracket above those of g and LIFT: exp(CEILING) takes 15 */

/* bias and factor for g. As much of its exponent goes into the bracket as it has room for: the
 * least value of that, what exp makes of -inf, must be 0 times the factor. */
LANES_INLINE void scale_exps(const RowGroup *g, SecondSweep *sweep, int i, reg_f64 coefficient, reg_f64 inverse) {
    const reg_f64 zero = SPLAT(0.0), nan = SPLAT((double)NAN);
    reg_f64 low, scale = ROWS(scale), z = distances_to_reference(ROWS(anchor_logit), ROWS(offset), scale, &low);
    low = where_less_f64(z, zero, zero, low);
    z = OP_F64(min)(OP_F64(max)(z, zero), SPLAT(NOTHING_LEFT)); /* NaN: 0 */
    reg_f64 k = SUB(FUSED(z, SPLAT(LOG2_E), SPLAT(ROUND)), SPLAT(ROUND)), rho = NEGATIVE_FUSED(k, SPLAT(STEP), z);
    if (LOW_PARTS) rho = ADD(rho, NEGATIVE_FUSED(k, SPLAT(STEP_LOW), low));
    reg_f64 whole = SUB(ADD(scale, SPLAT(ROUND)), SPLAT(ROUND)); /* that of few classes is a multiple of 1 / STEPS */
    rho = NEGATIVE_FUSED(SUB(scale, whole), SPLAT(STEP), rho);
    reg_f64 e;
    split_f64(OP_F64(max)(coefficient, SUB(zero, coefficient)), &e);
    e = OP_F64(min)(e, SPLAT(EXPONENT_BIAS - LIFT - HEADROOM));
    reg_f64 lifted = ADD(e, SPLAT(LIFT));
    reg_f64 rest = MUL(coefficient, powers_of_two(SUB(zero, lifted))), nll = ROWS(nll);
    OP_F64(storeu)(sweep->bias + i, ADD(SUB(lifted, SUB(k, whole)), SPLAT(MAGIC + EXPONENT_BIAS)));
    OP_F64(storeu)(sweep->factor + i, MUL(times_exps(rest, SUB(zero, rho), zero), where_equal_f64(nll, nll, inverse, nan)));
}

/* For k = y, anchor_share (p_y - 1) + rest_share p_y, with p_y - 1 = -others / (own + others), never a subtraction. */
LANES_FUNCTION void gradient_factors(const RowGroup *g, SecondSweep *sweep, double divisor, double target_scale, double uniform) {
    EACH_ROW_REGISTER {
        reg_f64 s = DIV(OP_F64(loadu)(sweep->target_scale + i), SPLAT(divisor)), own = ROWS(own), others = ROWS(others);
        reg_f64 inverse = DIV(SPLAT(1.0), ADD(own, others)), anchor_share = ROWS(anchor_share), rest_share = ROWS(rest_share);
        reg_f64 of_anchor = SUB(MUL(rest_share, MUL(own, inverse)), MUL(anchor_share, MUL(others, inverse)));
        OP_F64(storeu)(sweep->own + i, MUL(s, of_anchor));
        OP_F64(storeu)(sweep->constant + i, MUL(s, SPLAT(-uniform)));
        OP_F64(storeu)(sweep->target_scale + i, MUL(s, SPLAT(target_scale)));
        reg_f64 coefficient = MUL(s, ADD(anchor_share, rest_share));
        OP_F64(storeu)(sweep->g + i, coefficient);
        scale_exps(g, sweep, i, coefficient, inverse);
    }
}

LANES_FUNCTION void softmax_factors(const RowGroup *g, SecondSweep *sweep) {
    sweep->most = 1.0;
    EACH_ROW_REGISTER {
        OP_F64(storeu)(sweep->constant + i, SPLAT(0.0));
        OP_F64(storeu)(sweep->g + i, SPLAT(1.0));
        scale_exps(g, sweep, i, SPLAT(1.0), DIV(SPLAT(1.0), ADD(ROWS(own), ROWS(others))));
    }
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

/* ---- few classes: one row a lane --------------------------------------------------------------------- */

/* min(g p_k + constant, most) for QUAD classes from `number` on, `own` for the anchor. */
LANES_INLINE void few_gradient_quad(const few_factors *f, const real *exps, lanes anchors, lanes number, lanes *values) {
    UNROLLED for (int k = 0; k < QUAD; k++, number = add(number, splat(1))) /* lets NaN pass */
        values[k] = where_equal(anchors, number, f->own, minimum(f->most, fused(load(exps + k * LANES), f->factor, f->constant)));
}
/* All of it, into rows `stride` bytes apart. */
LANES_INLINE void few_gradient_rows_inline(const few_factors *sweep, const real *exps, lanes anchors, ptrdiff_t num_classes, char *start, ptrdiff_t stride, const int is_real) {
    const ptrdiff_t size = is_real ? sizeof(real) : sizeof(stored);
    const char *ahead = start + LANES * num_classes * size + AHEAD;
    lanes values[QUAD], number = splat(0);
    ptrdiff_t k = 0;
    const few_factors f = *sweep; /* its lanes stay in registers */
#define STORE(count) if (is_real) store_columns(start + k * size, stride, count, values); else store_logit_columns(start + k * size, stride, count, values)
    for (; k + QUAD <= num_classes; k += QUAD, number = add(number, splat(QUAD))) {
        UNROLLED for (int n = 0; n < LANES * QUAD * (int)size / LINE; n++, ahead += LINE) prefetch_to_write(ahead);
        few_gradient_quad(&f, exps + k * LANES, anchors, number, values);
        STORE(QUAD);
    }
    if (k == num_classes) return;
    few_gradient_quad(&f, exps + k * LANES, anchors, number, values);
    if (is_real && num_classes == 2 && stride == 2 * sizeof(real)) {
        store_pairs((real *)start, values);
        return;
    }
    switch (num_classes - k) {
        case 1: STORE(1); break;
#ifndef SMOOTHXENT_FLOAT64
        case 2: STORE(2); break;
        case 3: STORE(3); break;
#endif
    }
#undef STORE
}
LANES_FUNCTION void few_gradient_rows(const few_factors *sweep, const real *exps, lanes anchors, ptrdiff_t num_classes, char *start, ptrdiff_t stride, int is_real) {
    if (is_real || sizeof(real) == sizeof(stored)) few_gradient_rows_inline(sweep, exps, anchors, num_classes, start, stride, 1);
    else few_gradient_rows_inline(sweep, exps, anchors, num_classes, start, stride, 0);
}

/* Columns become rows, one after the other. */
LANES_FUNCTION void columns_to_rows(const real *columns, ptrdiff_t num_classes, real *rows) {
    lanes values[QUAD];
    for (ptrdiff_t k = 0; k < num_classes; k += QUAD) {
        const int count = num_classes - k < QUAD ? (int)(num_classes - k) : QUAD;
        for (int j = 0; j < count; j++) values[j] = load(columns + (k + j) * LANES);
        for (int j = count; j < QUAD; j++) values[j] = splat(0);
        store_columns((char *)(rows + k), num_classes * sizeof(real), count, values);
    }
}

#endif
