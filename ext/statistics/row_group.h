/* row_group.h: what a group of LANES rows holds. */
#ifndef SMOOTHXENT_ROW_GROUP_H
#define SMOOTHXENT_ROW_GROUP_H

#include "call/labels.h"
#include "lanes/exp_log.h"
#include "lanes/pairs.h"

/* Statistics of rows of few classes, as lanes: sum + sum_low of exp(x_k - reference), reference = -scale *
 * STEP / STEPS. */
typedef struct {
    lanes anchors, anchor_logits, top; /* class numbers, -1: none; top: the largest of the others */
    lanes scale, sum, sum_low;
    wide gaps, moments, squares;
} few_statistics;

typedef struct {
    /* Statistics, as row_group.pxi defines them; row i of the group in lane i. Lanes without a row hold
     * harmless numbers. */
    LINE_ALIGNED double sum_exp[LANES];
    double scale[LANES], offset[LANES], centre[LANES], gap_sum[LANES], anchor_logit[LANES];
    double moment[LANES], square[LANES], highest[LANES]; /* of an evaluation, as the next two */
    int64_t label[LANES]; /* of the row, or -1; where a loss alone is asked for, unset */
    double rank[LANES];
    double target_sum[LANES],
        anchor_target[LANES]; /* by_top: the targets of all classes, and of the top class */
    double kept[LANES];       /* 1, or 0 where loss and gradient are 0: ignored rows, lanes without a row */
    double weight[LANES];     /* the label's class_weight, then times sample_weight */
    int64_t anchor[LANES];    /* the class that is kept out of the sums, or NO_CLASS: the label, or the top */
    int64_t by_top[LANES];    /* flags as wide as the numbers, so that loops vectorise */
    int improper[LANES];
    LINE_ALIGNED few_statistics few; /* where num_classes <= FEW; they hold for the rows that `holds` says, */
    real holds[LANES];               /* all if `all_hold`; the others have numbers as above */
    int all_hold;
    lanes few_factor; /* a result of these rows: p_k is exp(x_k - reference) times it */
    /* Results. */
    double nll[LANES];          /* -log p of the anchor */
    double log_sum_exp[LANES];  /* relative to the reference */
    double own[LANES];          /* the anchor's part of sum_exp and */
    double others[LANES];       /* the others', both relative to the larger of anchor logit and reference */
    double anchor_share[LANES]; /* coefficient of nll: the anchor's share of the targets */
    double rest_share[LANES];   /* the other classes' share */
    double loss[LANES];
    double entropy[LANES], confidence[LANES], brier[LANES], label_nll[LANES]; /* see metrics.h */
} RowGroup;

LANES_INLINE void set_moments(RowGroup *g, ptrdiff_t i, double moment, double square, double highest) {
    g->moment[i] = moment;
    g->square[i] = square;
    g->highest[i] = highest;
}

#define EACH_ROW_REGISTER for (int i = 0; i < LANES; i += WIDTH_F64)
#define ROWS(array) OP_F64(loadu)(g->array + i)
#define SET_ROWS(array, value) OP_F64(storeu)(g->array + i, value)

/* What a group's labels say, and what holds of rows without weights. */
LANES_INLINE void keep_rows(RowGroup *g) {
    const double one = 1.0;
    int64_t bits_of_one;
    memcpy(&bits_of_one, &one, sizeof one);
    EACH_ROW_REGISTER {
        store_i64(g->kept + i,
            where_equal_i64(load_i64(g->anchor + i), set1_i64(NO_CLASS), set1_i64(0), set1_i64(bits_of_one)));
        store_i64(g->by_top + i, set1_i64(0));
        SET_ROWS(weight, SPLAT(1.0));
    }
}

#endif
