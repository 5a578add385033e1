/* losses.h: shares and losses of a group of rows from their statistics, in float64, a register of rows at a
 * time. The formulas are in losses.pxi. */
#pragma once

#include "statistics/reference.h"
#include "statistics/row_group.h"

/* Sets own, others, nll and log_sum_exp. */
LANES_FUNCTION void group_shares(RowGroup *g) {
    const reg_f64 zero = SPLAT(0.0), one = SPLAT(1.0);
    EACH_ROW_REGISTER {
        reg_f64 low, x = ROWS(anchor_logit), sum = ROWS(sum_exp);
        reg_f64 z = distances_to_reference(x, ROWS(offset), ROWS(scale), &low);
        reg_f64 below = OP_F64(min)(zero, z), above = OP_F64(max)(zero, z); /* NaN passes */
        reg_f64 smaller = where_less_f64(z, zero, one, sum),
                towards = where_less_f64(z, zero, low, zero - low);
        smaller = times_exps(smaller, below - above, towards);
        reg_f64 own = where_less_f64(z, zero, smaller, one), others = where_less_f64(z, zero, sum, smaller);
        reg_f64 log_total = logs_of_sums(own, others), nll = log_total - below,
                log_sum_exp = log_total + above;
        if (LOW_PARTS) {
            nll -= where_less_f64(z, zero, low, zero);
            log_sum_exp = where_less_f64(z, zero, log_sum_exp, z + (log_total + low));
        }
        /* all other logits are -inf: 0, or nan if the anchor's logit is not finite */
        nll = where_equal_f64(sum, zero, x - x, nll);
        nll = where_equal_f64(x, SPLAT((double)INFINITY), x - x, nll);
        SET_ROWS(own, own);
        SET_ROWS(others, others);
        SET_ROWS(nll, nll);
        SET_ROWS(log_sum_exp, log_sum_exp);
    }
}

/* The terms of the other classes; see uniform_losses. */
LANES_INLINE reg_f64 other_terms(reg_f64 log_sum_exp, reg_f64 gap_sum, double uniform, double others) {
    return FUSED(SPLAT(others), log_sum_exp, SPLAT(uniform) * gap_sum);
}

/* Losses of class indices, with uniform label smoothing or none. uniform: label_smoothing / num_classes, the
 * target of one other class; others: the sum of these targets. A term with coefficient 0 is left out unless
 * it is nan. */
LANES_FUNCTION void uniform_losses(RowGroup *g, double label_smoothing, double uniform, double others) {
    EACH_ROW_REGISTER {
        reg_f64 anchor_share = FUSED(SPLAT(1.0 - label_smoothing), ROWS(weight), SPLAT(uniform));
        reg_f64 loss = weighted_terms(anchor_share, ROWS(nll));
        if (others != 0.0) loss += other_terms(ROWS(log_sum_exp), ROWS(gap_sum), uniform, others);
        SET_ROWS(anchor_share, anchor_share);
        SET_ROWS(rest_share, SPLAT(others));
        SET_ROWS(loss, where_nonzero_f64(ROWS(kept), loss));
    }
}

/* Weighted losses of rows whose nll is below DBL_MIN, where it has few digits or none, although the weighted
 * loss may be a normal number. As log(1 + x) = x for tiny x, the loss is weight * anchor_share * S exp(-z),
 * taken in one step: each factor is m 2**k, and k goes into the scale of the reference, since STEP is ln(2)
 * in float64. A loss that has terms of other classes is larger and stays. weights: sample_weight, or NULL
 * for 1. */
LANES_FUNCTION void tiny_losses(RowGroup *g, const double *weights, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const double weight = weights ? weights[i] : 1, share = g->anchor_share[i], nll = g->nll[i];
        if (!(nll < DBL_MIN && g->sum_exp[i] > 0 && g->kept[i] && weight >= DBL_MIN && share >= DBL_MIN))
            continue;
        if (g->loss[i] != weight * (share * nll)) continue;
        reg_f64 k, share_k, m = split_f64(SPLAT(weight), &k), share_m = split_f64(SPLAT(share), &share_k);
        double low, scale = g->scale[i] - first_f64(k) - first_f64(share_k);
        double z = distance_to_reference(g->anchor_logit[i], g->offset[i], scale, &low);
        g->loss[i] = times_exp(first_f64(m * share_m) * g->sum_exp[i], -z, -low);
    }
}
