/* few_classes_losses.h: shares, losses and gradient factors of rows of few classes from their statistics, in
 * lanes of `real`, one row a lane. The formulas are in losses.pxi. */
#pragma once

#include "results/gradients.h"
#include "results/losses.h"
#include "statistics/few_classes.h"

/* Shares of a group, defined as in row_group.h; inverse = 1 / (own + others). p_k = exp(x_k - reference) *
 * factor * inverse. */
typedef struct {
    wide nll, log_sum_exp;
    lanes own, others, factor, inverse;
} few_shares;

/* With z = anchor logit - reference, as a pair, and S = sum + sum_low:
 *     z >= 0    others = S exp(-z), own = 1         z < 0    own = exp(z), others = S
 * exp(-|z|) = power (1 + less_one); its product with S or 1 is exact but for less_one. */
LANES_INLINE few_shares few_shares_of(const few_statistics *s) {
    const lanes zero = splat(0), one = splat(1), step = splat((real)(STEP / STEPS));
    lanes product = mul(s->steps, step), product_low = fused(s->steps, step, sub(zero, product));
    pair_of_lanes z = pair_sum(s->anchor_logits, product);
#ifdef SMOOTHXENT_FLOAT64
    product_low = fused(s->steps, splat(STEP_LOW / STEPS), product_low);
#endif
    z.low = add(z.low, product_low); /* up to an ulp of the logits, so large if z is small */
    z = fast_pair_sum(z.high, z.low);
    lanes minus_z = sub(zero, z.high);
    exp_of_pair e = exp_of_pairs(
        (pair_of_lanes){minimum(minus_z, z.high), where_less(z.high, zero, z.low, sub(zero, z.low))});
    lanes multiplier = where_less(z.high, zero, one, s->sum),
          multiplier_low = where_less(z.high, zero, zero, s->sum_low);
    lanes high = mul(multiplier, e.power),
          rest = fused(multiplier_low, e.power, fused(multiplier, e.power, sub(zero, high)));
    rest = fused(high, e.less_one, rest);
    lanes smaller = add(high, rest);
    rest = sub(rest, sub(smaller, high));
    few_shares shares;
    pair_of_lanes log = log_of_sum(where_less(z.high, zero, s->sum, one), smaller,
        add(rest, where_less(z.high, zero, s->sum_low, zero)), &shares.inverse);
    wide wide_log = widen_pair(log), wide_z = widen_pair(z), wide_zero = wide_splat(0.0);
    shares.nll = wide_sub(wide_log, wide_minimum(wide_z, wide_zero));
    shares.log_sum_exp = wide_add(wide_log, wide_maximum(wide_zero, wide_z));
    shares.own = where_less(z.high, zero, smaller, one);
    shares.others = where_less(z.high, zero, s->sum, smaller);
    shares.factor = where_less(z.high, zero, one, fused(e.power, e.less_one, e.power));
    return shares;
}

/* ---- plain losses -------------------------------------------------------------------------------------
 *
 * Losses of class indices for calls with Call.is_plain: no weights, and label smoothing is uniform or 0.
 * uniform: label_smoothing / num_classes, the target of one other class; others: the sum of these targets.
 * grad_scale: a factor of the gradient. */
typedef struct {
    double label_smoothing, uniform, others, grad_scale;
    ptrdiff_t num_classes, row_stride, grad_stride; /* bytes between rows */
    int label_size, has_ignore_index, grad_is_real, has_grad;
    uint64_t ignore_index;
} PlainLoss;

/* Losses of the rows whose statistics are valid (0 for ignored rows), and factors of their gradient. */
LANES_INLINE void plain_few_losses_inline(const few_statistics *statistics, const few_shares *shares,
    few_factors *f, real *losses, const PlainLoss *p, const int smooth, const int has_grad) {
    const lanes zero = splat(0);
    const double anchor_share = 1.0 - p->label_smoothing + p->uniform;
    wide loss = shares->nll;
    if (smooth)
        EACH_WIDE_REGISTER loss.r[i] = SPLAT(anchor_share) * shares->nll.r[i] +
            other_terms(shares->log_sum_exp.r[i], statistics->gaps.r[i], p->uniform, p->others);
    store(losses, where_less(statistics->anchors, zero, zero, narrow_wide(loss)));
    if (!has_grad) return;
    const double scale = p->grad_scale;
    lanes anchor_gradient = mul(splat((real)(-scale * anchor_share)), shares->others);
    if (smooth) anchor_gradient = fused(splat((real)(scale * p->others)), shares->own, anchor_gradient);
    f->factor = mul(mul(shares->inverse, splat((real)(scale * (anchor_share + p->others)))), shares->factor);
    f->constant = splat((real)(-scale * p->uniform));
    f->anchor_gradient = mul(anchor_gradient, shares->inverse);
    f->upper = splat((real)INFINITY);
}

LANES_FUNCTION void plain_few_losses(RowGroup *g, few_factors *f, real *losses, const PlainLoss *p) {
    const few_shares shares = few_shares_of(&g->few);
#define LOSSES(smooth, has_grad) plain_few_losses_inline(&g->few, &shares, f, losses, p, smooth, has_grad)
#ifdef REGISTERS_ARE_SCALAR
    LOSSES(p->others != 0.0, p->has_grad);
#else
    if (p->others != 0.0 && p->has_grad) LOSSES(1, 1);
    else if (p->others != 0.0) LOSSES(1, 0);
    else if (p->has_grad) LOSSES(0, 1);
    else LOSSES(0, 0);
#endif
#undef LOSSES
}

/* ---- losses with any options -------------------------------------------------------------------------- */

/* Stores nll, log_sum_exp, own and others in RowGroup, for rows whose statistics are valid. */
LANES_INLINE void store_few_shares(RowGroup *g, const few_shares *shares) {
    wide own = widen(shares->own), others = widen(shares->others),
         valid = widen(g->all_valid ? splat(1) : load(g->is_valid));
    EACH_ROW_REGISTER {
        const int j = i / WIDTH_F64;
        SET_ROWS(nll, where_equal_f64(valid.r[j], SPLAT(1.0), shares->nll.r[j], ROWS(nll)));
        SET_ROWS(log_sum_exp,
            where_equal_f64(valid.r[j], SPLAT(1.0), shares->log_sum_exp.r[j], ROWS(log_sum_exp)));
        SET_ROWS(own, where_equal_f64(valid.r[j], SPLAT(1.0), own.r[j], ROWS(own)));
        SET_ROWS(others, where_equal_f64(valid.r[j], SPLAT(1.0), others.r[j], ROWS(others)));
    }
    g->few_factor = mul(shares->factor, shares->inverse);
}

/* Narrows the factors that gradient_factors of gradients.h computes in float64. */
LANES_INLINE void few_gradient_factors(const RowGroup *g, SecondSweep *sweep) {
    sweep->few.factor = narrow_wide(wide_mul(wide_load(sweep->coefficient), widen(g->few_factor)));
    sweep->few.constant = narrow(sweep->constant);
    sweep->few.anchor_gradient = narrow(sweep->anchor_gradient);
    sweep->few.upper = splat((real)sweep->upper);
}

/* Factors of softmax, where no class is written apart. */
LANES_FUNCTION void few_softmax_factors(const RowGroup *g, SecondSweep *sweep) {
    sweep->few.factor = divide(splat(1), g->few.sum);
    sweep->few.constant = sweep->few.anchor_gradient = splat(0);
    sweep->few.upper = splat(1);
}
