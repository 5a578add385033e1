/* metrics.h: what an evaluation asks of a row beside its loss and rank: entropy, confidence, Brier score.
 */
#ifndef SMOOTHXENT_METRICS_H
#define SMOOTHXENT_METRICS_H

#include "statistics/reference.h"
#include "statistics/row_group.h"

/* ---- of groups --------------------------------------------------------------------------------------------
 *
 * For the anchor y, with S = sum_exp, M = moment, Q = square, h = highest of the others, m the reference,
 * z = x_y - m, and what losses.h makes of these, own and others relative to m + max(z, 0), T = own + others:
 *     r          := others / S where z >= 0, else 1         takes exp(x - m) to exp(x - m - max(z, 0))
 *     entropy    := log T - (r M - others z) / T            where z >= 0: of the anchor x - x_y = 0
 *                   log T - (M + own z) / T                 else
 *     confidence := max(own, exp(h - m - max(z, 0))) / T
 *     brier      := (r**2 Q + others**2) / T**2             sum of (p_k - [k = y])**2; 1 - p_y = others / T
 * No difference of near numbers is taken: in a certain row all terms are as small as the result.
 */
/* Nats below the reference where the anchor's exp is the least number that its way has, however far away it
 * is. */
static const double FAR = 1000;
LANES_INLINE void metrics_of_rows(RowGroup *g, int i, double worst) {
    const reg_f64 zero = SPLAT(0.0), one = SPLAT(1.0);
    reg_f64 low, offset = ROWS(offset), scale = ROWS(scale), own = ROWS(own), others = ROWS(others),
                 sum = ROWS(sum_exp);
    reg_f64 z = distances_to_reference(ROWS(anchor_logit), offset, scale, &low), z_low = low,
            above = OP_F64(max)(zero, z);
    reg_f64 highest = SUB(distances_to_reference(ROWS(highest), offset, scale, &low), above);
    if (LOW_PARTS) {
        highest = ADD(highest, SUB(low, where_less_f64(zero, z, z_low, zero)));
        z = ADD(z, z_low);
    }
    reg_f64 inverse = DIV(one, ADD(own, others)), nll = ROWS(nll), nan = SUB(nll, nll);
    reg_f64 ratio = where_less_f64(z, zero, one, where_nonzero_f64(others, DIV(others, sum)));
    reg_f64 log_total = where_less_f64(z, zero, ROWS(log_sum_exp), nll);
    reg_f64 near = OP_F64(max)(SPLAT(-FAR), z); /* beyond, own may be more than it should: NaN passes */
    reg_f64 of_anchor = where_less_f64(z, zero, where_nonzero_f64(own, MUL(own, near)),
        SUB(zero, where_nonzero_f64(others, MUL(others, z))));
    reg_f64 entropy = SUB(log_total, MUL(FUSED(ratio, ROWS(moment), of_anchor), inverse));
    reg_f64 most = MUL(OP_F64(max)(own, times_exps(one, highest, zero)), inverse);
    reg_f64 square = FUSED(MUL(ratio, ratio), ROWS(square), MUL(others, others));
    nan = where_equal_f64(nll, SPLAT((double)INFINITY), zero, nan); /* that of inf says nothing of p */
    entropy = where_nonzero_f64(sum, OP_F64(max)(zero, entropy));   /* no other class counts: 0 */
    SET_ROWS(entropy, ADD(entropy, nan));
    SET_ROWS(confidence, ADD(OP_F64(min)(one, most), nan));
    SET_ROWS(brier, ADD(MUL(square, MUL(inverse, inverse)), nan));
    SET_ROWS(label_nll, nll);
    SET_ROWS(rank, where_equal_f64(nll, nll, ROWS(rank), SPLAT(worst)));
}
/* A row without a softmax has the `worst` rank. */
LANES_FUNCTION void group_metrics(RowGroup *g, double worst) {
    EACH_ROW_REGISTER metrics_of_rows(g, i, worst);
}

/* Where the anchor is the top class and the label another one, of lower or equal logit: -log p and sum of
 * p**2 - 2 p + 1, p that of the label. */
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

#endif
