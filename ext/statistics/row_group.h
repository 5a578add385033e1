/* row_group.h: RowGroup, the statistics and the results of LANES rows, and access to it by registers;
 * statistics/ fills the statistics, results/ the rest. row_group.pxi has the definitions. */
#pragma once

#include "call/labels.h"
#include "lanes/exp_log.h"
#include "lanes/pairs.h"

/* Statistics of rows of few classes, one row a lane. The sum of exp(x_k - reference) is sum + sum_low;
 * reference = -steps * STEP / STEPS, so `steps` is STEPS times the scale of RowGroup. */
typedef struct {
    lanes anchors;                /* class numbers, or NO_CLASS */
    lanes anchor_logits, highest; /* highest: the largest of the other logits */
    lanes steps, sum, sum_low;
    wide gaps;
    lanes below; /* for metrics: the sum without the terms of the logits that equal `highest`; and sums */
    wide moments, squares; /* of e_k (x_k - highest) and e_k**2, e_k = exp(x_k - reference) */
} few_statistics;

/* Element i belongs to row i of the group. No result uses the numbers of lanes without a row. */
typedef struct {
    /* ---- statistics, as row_group.pxi defines them ---- */
    LINE_ALIGNED double sum_exp[LANES];
    double scale[LANES], offset[LANES], gap_sum[LANES], anchor_logit[LANES];
    double moment[LANES], square[LANES], highest[LANES]; /* set if Call.has_metrics, as are label and rank */
    int64_t highest_tile[LANES];                         /* set for rows of more than one tile */
    int64_t label[LANES];                                /* or NO_CLASS */
    double rank[LANES];
    double anchor_target[LANES]; /* if Call.has_targets: c_k of the anchor */
    double rest_target[LANES];   /* if Call.has_targets: the sum of c_k of all other classes */
    double kept[LANES];          /* 1; 0 for an ignored row and for a lane without a row */
    double weight[LANES];       /* class_weight of the label; group_losses multiplies sample_weight into it */
    int64_t anchor[LANES];      /* the class that is left out of the sums, or NO_CLASS */
    int bad_probability[LANES]; /* a flag: a probability is negative or not finite */
    /* ---- statistics of few classes ---- */
    LINE_ALIGNED few_statistics few; /* set where num_classes <= FEW */
    real label_logits[LANES];        /* for metrics, where the anchor is the top class */
    real is_valid[LANES];            /* 1 if `few` is valid for the row; else the row has numbers as above */
    int all_valid;                   /* `few` is valid for all rows; is_valid is not set then */
    /* ---- results ---- */
    lanes few_factor;           /* few classes: p_k = exp(x_k - reference) * few_factor */
    double nll[LANES];          /* -log p of the anchor */
    double log_sum_exp[LANES];  /* log sum exp(x_k - reference), over all classes */
    double own[LANES];          /* exp(x - h), x the anchor logit and h = max(x, reference) */
    double others[LANES];       /* sum of exp(x_k - h) over the other classes */
    double anchor_share[LANES]; /* coefficient of nll in the loss: the target of the anchor */
    double rest_share[LANES];   /* the sum of the targets of all other classes */
    double loss[LANES];
    double entropy[LANES], confidence[LANES], brier[LANES], label_nll[LANES]; /* see metrics.h */
} RowGroup;

LANES_INLINE void set_moments(RowGroup *g, ptrdiff_t i, double moment, double square, double highest) {
    g->moment[i] = moment;
    g->square[i] = square;
    g->highest[i] = highest;
}

/* Loops over the rows of the group `g`, a register of float64 at a time. */
#define EACH_ROW_REGISTER for (int i = 0; i < LANES; i += WIDTH_F64)
#define ROWS(array) OP_F64(loadu)(g->array + i)
#define SET_ROWS(array, value) OP_F64(storeu)(g->array + i, value)

/* Sets the fields that follow from the anchors where these are labels and there are no weights. */
LANES_INLINE void set_kept_rows(RowGroup *g) {
    const double one = 1.0;
    int64_t bits_of_one;
    memcpy(&bits_of_one, &one, sizeof one);
    EACH_ROW_REGISTER {
        store_i64(g->kept + i,
            where_equal_i64(load_i64(g->anchor + i), set1_i64(NO_CLASS), set1_i64(0), set1_i64(bits_of_one)));
        SET_ROWS(weight, SPLAT(1.0));
    }
}
