/* few_classes_metrics.h: entropy, confidence and Brier score of rows of few classes, in lanes of `real`, one row
 * a lane. */
#pragma once

#include "results/few_classes_losses.h"
#include "results/metrics.h"
#include "statistics/rank.h"
#include "totals/totals.h"

/* With the anchor y, the largest other logit h, T = own + others, f = factor / T, so that p_k = exp(x_k - m) f:
 *
 *     confidence := max(own / T, exp(h - m) f)
 *     brier      := f**2 Q + (others / T)**2              sum of (p_k - [k = y])**2
 *     entropy    := -log p_t + sum of p_k (x_t - x_k)     t: the class of the largest logit
 *         y is t:   -log p_t = nll                        sum = f D + (x_y - h) others / T
 *         h is t:   -log p_t = -log(1 - q)                sum = f D + (h - x_y) own / T
 *
 * Q is the sum of exp(x_k - m)**2, D that of exp(x_k - m) (h - x_k), and q that of p_k over all classes but t.
 * All terms have one sign, so a confident row keeps its digits, also if its label is not the top class. Where q
 * is not small, log T less h - m serves for -log(1 - q). A gap is at most FAR: see metrics.h. */
#ifdef SMOOTHXENT_FLOAT64
LANES_INLINE lanes minus_log_of_rest(lanes q) {
    lanes inverse;
    return log_of_sum(splat(1), divide(q, sub(splat(1), q)), splat(0), &inverse).high;
}
#else
LANES_INLINE lanes minus_log_of_rest(lanes q) { /* the next term, q**4 / 4, is below 2**-23 q */
    return fused(mul(q, q), fused(q, splat(1 / 3.0f), splat(0.5f)), q);
}
#endif

typedef struct {
    lanes nll, entropy, confidence, brier;
} few_metrics;
LANES_INLINE few_metrics few_metrics_of(const few_statistics *s, const few_shares *shares) {
    const lanes zero = splat(0), one = splat(1), inverse = shares->inverse;
    lanes factor = mul(shares->factor, inverse), own = mul(shares->own, inverse),
          others = mul(shares->others, inverse),
          gap = maximum(splat((real)-FAR), sub(s->anchor_logits, s->highest));
    lanes top = exp_of(exp_term_of(s->highest, exp_reference_of(s->steps)));
    lanes distance = fused(s->steps, splat((real)(STEP / STEPS)), s->highest); /* h - m */
#ifdef SMOOTHXENT_FLOAT64
    distance = fused(s->steps, splat(STEP_LOW / STEPS), distance);
#endif
    lanes rest = mul(add(s->below, shares->own), inverse), nll = narrow_wide(shares->nll);
    lanes surprise = where_less(add(sub(s->sum, top), shares->own), splat((real)SMALL_REST),
        minus_log_of_rest(rest), sub(narrow_wide(shares->log_sum_exp), distance));
    surprise = where_less(gap, zero, surprise, nll);
    lanes of_anchor = where_less(gap, zero, mul(sub(zero, gap), own), mul(gap, others));
    few_metrics metrics = {nll, add(surprise, negative_fused(factor, narrow_wide(s->moments), of_anchor)),
        minimum(one, maximum(own, mul(top, factor))),
        fused(others, others, mul(factor, mul(factor, narrow_wide(s->squares))))};
    return metrics;
}

/* Appends the rows of a group to the stage; rows without an anchor are not kept. */
LANES_INLINE void stage_few_group(
    Stage *stage, const few_statistics *s, const few_shares *shares, lanes rank) {
    const ptrdiff_t at = stage->count;
    const lanes zero = splat(0);
    few_metrics metrics = few_metrics_of(s, shares);
    store(stage->nll + at, where_less(s->anchors, zero, zero, metrics.nll));
    store(stage->entropy + at, where_less(s->anchors, zero, zero, metrics.entropy));
    store(stage->confidence + at, where_less(s->anchors, zero, zero, metrics.confidence));
    store(stage->brier + at, where_less(s->anchors, zero, zero, metrics.brier));
    real ranks[LANES], anchors[LANES];
    store(ranks, rank);
    store(anchors, s->anchors);
    for (int i = 0; i < LANES; i++) {
        const real nll = stage->nll[at + i];
        stage->rank[at + i] = anchors[i] < 0 ? NOT_KEPT : nll == nll ? (int32_t)ranks[i] : NO_METRICS;
    }
    stage->count += LANES;
}

/* The metrics of rows whose anchor is the top class and whose label may be another: see metrics_of_labels. */
LANES_INLINE few_metrics few_label_metrics_of(
    const few_statistics *s, const few_shares *shares, lanes labels, lanes label_logits) {
    few_metrics metrics = few_metrics_of(s, shares);
    const lanes factor = mul(shares->factor, shares->inverse), own = mul(shares->own, shares->inverse);
    lanes share = mul(exp_of(exp_term_of(label_logits, exp_reference_of(s->steps))), factor);
    lanes squares = fused(own, own, mul(factor, mul(factor, narrow_wide(s->squares))));
    wide nll = wide_add(shares->nll, wide_sub(widen(s->anchor_logits), widen(label_logits)));
    metrics.nll = where_equal(labels, s->anchors, metrics.nll, narrow_wide(nll));
    metrics.brier =
        where_equal(labels, s->anchors, metrics.brier, add(squares, fused(splat(-2), share, splat(1))));
    return metrics;
}

/* Stores the shares of the rows whose statistics are valid, and with has_metrics their metrics. */
LANES_FUNCTION void store_few_results(RowGroup *g, int has_metrics, int anchors_are_top) {
    const few_shares shares = few_shares_of(&g->few);
    store_few_shares(g, &shares);
    if (!has_metrics) return;
    const few_metrics metrics = anchors_are_top
        ? few_label_metrics_of(&g->few, &shares, lanes_from_integers(g->label), load(g->label_logits))
        : few_metrics_of(&g->few, &shares);
    const lanes valid = g->all_valid ? splat(1) : load(g->is_valid);
    double *to[] = {g->label_nll, g->entropy, g->confidence, g->brier};
    const lanes from[] = {metrics.nll, metrics.entropy, metrics.confidence, metrics.brier};
    UNROLLED for (int i = 0; i < 4; i++)
        wide_store(to[i], widen(where_equal(valid, splat(1), from[i], narrow(to[i]))));
}
