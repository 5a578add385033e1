/* few_classes_losses.h: what rows of few classes need once, from their statistics: shares of the anchor and of the others,
 * losses, factors of the second sweep; in lanes of the logits' own type, one row a lane. The formulas are in losses.pxi.
 */
#ifndef SMOOTHXENT_FEW_CLASSES_LOSSES_H
#define SMOOTHXENT_FEW_CLASSES_LOSSES_H

#include "results/gradients.h"

/* own and others relative to the larger of anchor logit and reference, as row_group.h has them; p_k is exp(x_k - reference)
 * times factor * again / (own + others), again being a power of two. */
typedef struct {
    wide nll, log_sum_exp;
    lanes own, others, factor, again;
} few_shares;

/* With z = anchor logit - reference, two numbers, and S = sum + sum_low:
 *     z >= 0    others = S exp(-z), own = 1         z < 0    own = exp(z), others = S
 * exp(-|z|) = power (1 + less_one) again; its product with S or 1 is exact but for less_one. */
LANES_INLINE few_shares few_shares_of(const few_statistics *s) {
    const lanes zero = splat(0), one = splat(1), step = splat((real)(STEP / STEPS));
    lanes product = mul(s->scale, step), product_low = fused(s->scale, step, sub(zero, product));
    pair_of_lanes z = exact_sum(s->anchor_logits, product);
#ifdef SMOOTHXENT_FLOAT64
    product_low = fused(s->scale, splat(STEP_LOW / STEPS), product_low);
#endif
    z.low = add(z.low, product_low);
    lanes minus_z = sub(zero, z.high);
    exp_of_pair e = exp_of_pairs((pair_of_lanes){minimum(minus_z, z.high), where_less(z.high, zero, z.low, sub(zero, z.low))});
    lanes of_exp = where_less(z.high, zero, one, s->sum), of_exp_low = where_less(z.high, zero, zero, s->sum_low);
    lanes high = mul(of_exp, e.power), rest = fused(of_exp_low, e.power, fused(of_exp, e.power, sub(zero, high)));
    rest = fused(high, e.less_one, rest);
    lanes smaller = add(high, rest);
    rest = mul(sub(rest, sub(smaller, high)), e.again);
    smaller = mul(smaller, e.again);
    pair_of_lanes log = log_of_sum(where_less(z.high, zero, s->sum, one), smaller, add(rest, where_less(z.high, zero, s->sum_low, zero)));
    wide wide_log = widen_pair(log), wide_z = widen_pair(z), wide_zero = wide_splat(0.0);
    few_shares shares;
    shares.nll = wide_sub(wide_log, wide_minimum(wide_z, wide_zero));
    shares.log_sum_exp = wide_add(wide_log, wide_maximum(wide_zero, wide_z));
    shares.own = where_less(z.high, zero, smaller, one);
    shares.others = where_less(z.high, zero, s->sum, smaller);
    shares.factor = where_less(z.high, zero, one, fused(e.power, e.less_one, e.power));
    shares.again = where_less(z.high, zero, one, e.again);
    return shares;
}

/* For class indices without weights, smoothing uniform or none, no z_loss: `uniform` is its share of one class. Losses of the
 * rows whose statistics hold, 0 for those that are ignored, and factors for s times the gradient. */
LANES_INLINE void plain_few_losses_inline(RowGroup *g, SecondSweep *sweep, real *losses, double label_smoothing, double uniform, double others, double s, const int smooth, const int has_grad) {
    const lanes zero = splat(0);
    const double anchor_share = 1.0 - label_smoothing + uniform;
    few_shares shares = few_shares_of(&g->few);
    wide loss = shares.nll;
    if (smooth) loss = wide_add(wide_mul(wide_splat(anchor_share), shares.nll), wide_fused(wide_splat(others), shares.log_sum_exp, wide_mul(wide_splat(uniform), g->few.gaps)));
    store(losses, where_less(g->few.anchors, zero, zero, narrow_wide(loss)));
    if (!has_grad) return;
    lanes inverse = divide(splat((real)s), add(shares.own, shares.others));
    lanes of_anchor = mul(splat((real)-anchor_share), shares.others);
    if (smooth) of_anchor = fused(splat((real)others), shares.own, of_anchor);
    sweep->few_factor = mul(mul(mul(inverse, splat((real)(anchor_share + others))), shares.factor), shares.again);
    sweep->few_constant = splat((real)(-s * uniform));
    sweep->few_own = mul(of_anchor, inverse);
}
LANES_FUNCTION void plain_few_losses(RowGroup *g, SecondSweep *sweep, real *losses, double label_smoothing, double uniform, double others, double s, int has_grad) {
    const int smooth = others != 0.0;
#define LOSSES(smooth, has_grad) plain_few_losses_inline(g, sweep, losses, label_smoothing, uniform, others, s, smooth, has_grad)
    if (smooth && has_grad) LOSSES(1, 1);
    else if (smooth) LOSSES(1, 0);
    else if (has_grad) LOSSES(0, 1);
    else LOSSES(0, 0);
#undef LOSSES
}

/* nll and log_sum_exp, own and others of the group; only of the rows whose statistics hold if not all do. */
LANES_FUNCTION void spread_few_shares(RowGroup *g, SecondSweep *sweep) {
    few_shares shares = few_shares_of(&g->few);
    wide own = widen(shares.own), others = widen(shares.others), hold = widen(g->all_hold ? splat(1) : load(g->holds));
    EACH_ROW_REGISTER {
        const int j = i / WIDTH_F64;
        SET_ROWS(nll, where_equal_f64(hold.r[j], SPLAT(1.0), shares.nll.r[j], ROWS(nll)));
        SET_ROWS(log_sum_exp, where_equal_f64(hold.r[j], SPLAT(1.0), shares.log_sum_exp.r[j], ROWS(log_sum_exp)));
        SET_ROWS(own, where_equal_f64(hold.r[j], SPLAT(1.0), own.r[j], ROWS(own)));
        SET_ROWS(others, where_equal_f64(hold.r[j], SPLAT(1.0), others.r[j], ROWS(others)));
    }
    sweep->few_factor = divide(shares.factor, add(shares.own, shares.others));
    sweep->few_again = shares.again;
}

/* From what gradients.h makes of them, in float64. */
LANES_INLINE void few_gradient_factors(SecondSweep *sweep) {
    sweep->few_factor = mul(mul(narrow(sweep->g), sweep->few_factor), sweep->few_again);
    sweep->few_constant = narrow(sweep->constant);
    sweep->few_own = narrow(sweep->own);
}

/* Without an anchor. */
LANES_FUNCTION void few_softmax_factors(const RowGroup *g, SecondSweep *sweep) {
    sweep->most = 1.0;
    sweep->few_factor = divide(splat(1), g->few.sum);
    sweep->few_constant = sweep->few_own = splat(0);
}

#endif
