/* metrics.h: entropy, confidence (the largest probability) and Brier score of each row of a group, from its
 * statistics and shares. */
#pragma once

#include "statistics/reference.h"
#include "statistics/row_group.h"

/* With the anchor y, the reference m, z = x_y - m, S = sum_exp, M = moment, Q = square, h = highest, the
 * shares own and others of row_group.h, which are relative to m + max(z, 0), and T = own + others:
 *
 *     r          := others / S if z >= 0, else 1     exp(x - m) times r is exp(x - m - max(z, 0))
 *     entropy    := log T - (r M - others z) / T     if z >= 0; the anchor's x - x_y is 0
 *                   log T - (M + own z) / T          else
 *     confidence := max(own, exp(h - m - max(z, 0))) / T
 *     brier      := (r**2 Q + others**2) / T**2      sum of (p_k - [k = y])**2, where 1 - p_y = others / T
 *
 * No nearly equal numbers are subtracted: in a confident row all terms are as small as the result.
 */

/* The largest -z in the product own * z, in nats. Where -z is larger, own is the smallest number that exp
 * returns, so the exact product is almost 0, but own * z may be large. */
static const double FAR = 1000;

LANES_INLINE void metrics_of_rows(RowGroup *g, int i, double worst) {
    const reg_f64 zero = SPLAT(0.0), one = SPLAT(1.0);
    reg_f64 low, offset = ROWS(offset), scale = ROWS(scale), own = ROWS(own), others = ROWS(others),
                 sum = ROWS(sum_exp);
    reg_f64 z = distances_to_reference(ROWS(anchor_logit), offset, scale, &low), z_low = low,
            above = OP_F64(max)(zero, z);
    reg_f64 highest = distances_to_reference(ROWS(highest), offset, scale, &low) - above;
    if (LOW_PARTS) {
        highest += low - where_less_f64(zero, z, z_low, zero);
        z += z_low;
    }
    reg_f64 inverse = one / (own + others), nll = ROWS(nll), nan = nll - nll;
    reg_f64 ratio = where_less_f64(z, zero, one, where_nonzero_f64(others, others / sum));
    reg_f64 log_total = where_less_f64(z, zero, ROWS(log_sum_exp), nll);
    reg_f64 near = OP_F64(max)(SPLAT(-FAR), z); /* NaN passes */
    reg_f64 anchor_term = where_less_f64(
        z, zero, where_nonzero_f64(own, own * near), zero - where_nonzero_f64(others, others * z));
    reg_f64 entropy = log_total - FUSED(ratio, ROWS(moment), anchor_term) * inverse;
    reg_f64 most = OP_F64(max)(own, times_exps(one, highest, zero)) * inverse;
    reg_f64 square = FUSED(ratio * ratio, ROWS(square), others * others);
    nan = where_equal_f64(nll, SPLAT((double)INFINITY), zero, nan); /* nll = inf is a valid result */
    entropy = where_nonzero_f64(sum, OP_F64(max)(zero, entropy));   /* all other logits are -inf: 0 */
    SET_ROWS(entropy, entropy + nan);
    SET_ROWS(confidence, OP_F64(min)(one, most) + nan);
    SET_ROWS(brier, square * (inverse * inverse) + nan);
    SET_ROWS(label_nll, nll);
    SET_ROWS(rank, where_equal_f64(nll, nll, ROWS(rank), SPLAT(worst)));
}

/* worst: the rank of a row whose softmax is nan. */
LANES_FUNCTION void group_metrics(RowGroup *g, double worst) {
    EACH_ROW_REGISTER metrics_of_rows(g, i, worst);
}

/* Corrects label_nll and brier where the anchor is the top class and the label is another class, with
 * probability p: -log p, and sum of p_k**2 - 2 p + 1. */
LANES_FUNCTION void metrics_of_labels(RowGroup *g, const double *label_logits) {
    for (int i = 0; i < LANES; i++) {
        if (g->label[i] < 0 || g->label[i] == g->anchor[i]) continue;
        const double inverse = 1 / (g->own[i] + g->others[i]),
                     ratio = g->sum_exp[i] > 0 ? g->others[i] / g->sum_exp[i] : 0;
        const double squares = ratio * ratio * g->square[i] + g->own[i] * g->own[i];
        g->label_nll[i] = g->nll[i] + (g->anchor_logit[i] - label_logits[i]);
        g->brier[i] = squares * inverse * inverse + (1 - 2 * times_exp(1, -g->label_nll[i], 0)) +
            (g->nll[i] - g->nll[i]);
    }
}
