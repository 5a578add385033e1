/* group.h: what a group of LANES rows holds, what a thread works in, and labels in memory to class indices. */
#ifndef SMOOTHXENT_GROUP_H
#define SMOOTHXENT_GROUP_H

#include "functions.h"
#include "transforms.h"

enum { CEILING = 10 }; /* nats above the reference: costs 14 * STEP_ERROR = 2.7e-8 of relative error at most */

enum {
    TILE = 1024, /* classes: 4 kB of float32, 8 kB of float64 */
    FEW = 128    /* classes up to which a row takes one lane */
};
_Static_assert(FEW * LANES >= TILE, "Scratch.logits and columns hold a tile, or a group of rows of few classes");
_Static_assert(TILE % (VECTORS * LANES) == 0, "a tile is whole blocks; the targets of all but the last, whole lanes");
_Static_assert(FEW % VECTORS == 0, "columns of few classes are filled up to whole blocks");
_Static_assert(TILE <= 1 << 24, "class numbers within a tile, and counts of them, are exact in float32");

typedef struct { /* what a thread works in */
    LINE_ALIGNED stored logits[FEW * LANES];  /* a tile of strided logits, or a group of rows of few classes, transformed */
    LINE_ALIGNED real columns[FEW * LANES]; /* a group of rows of few classes, or a tile */
    LINE_ALIGNED double targets[TILE];
    LINE_ALIGNED double target_columns[FEW * LANES];
    stored spare[FEW];   /* where lanes without a row write */
    char *starts[LANES]; /* of the rows of a group */
    int improper;        /* a probability was negative or not finite */
} Scratch;

typedef struct {
    /* Statistics, as group.pxi defines them; row i of the group in lane i. Lanes without a row hold harmless numbers. */
    LINE_ALIGNED double sum_exp[LANES];
    double scale[LANES], offset[LANES], centre[LANES], gap_sum[LANES], label_logit[LANES];
    double moment[LANES], square[LANES], highest[LANES]; /* of an evaluation, as the next two */
    int64_t ranked[LANES];                               /* the row's label, whatever `label` is */
    double rank[LANES];
    double target_sum[LANES], label_target[LANES]; /* by_top: the targets of all classes, and of the top class */
    double kept[LANES];                            /* 1, or 0 where loss and gradient are 0: ignored rows, lanes without a row */
    double weight[LANES];                          /* the label's class_weight, then times sample_weight */
    int64_t label[LANES];                          /* class index, IGNORED or OUT_OF_RANGE */
    int64_t by_top[LANES];                         /* flags as wide as the numbers, so that loops vectorise */
    int improper[LANES];
    /* Results. */
    double nll[LANES];         /* -log p of the label */
    double log_sum_exp[LANES]; /* relative to the reference */
    double own[LANES];         /* the label's part of sum_exp and */
    double others[LANES];      /* the others', both relative to the larger of label logit and reference */
    double label_part[LANES];  /* coefficient of nll: the label's share of the targets */
    double rest_part[LANES];   /* the other classes' share */
    double loss[LANES];
    double entropy[LANES], confidence[LANES], brier[LANES], ranked_nll[LANES]; /* see measures.h */
} Group;

static const double LARGE_LOGIT = 0x1p+17; /* above, the lanes' exp needs an offset */
/* `whole` of gaps, in all, above which the lanes clamped nothing: LOWEST_WHOLE less those of LARGE_LOGIT and of a tile
 * whose logits are all at the ceiling. */
static const double MOST_WHOLES = 0x1p+18;

/* LANES labels of 8 bytes, or of 4 with a sign, to class indices, IGNORED or OUT_OF_RANGE; returns whether all are in
 * range. Each is read once: nothing that another thread writes meanwhile comes between the comparison and the use. */
enum { IGNORED = -1, OUT_OF_RANGE = -2 };
LANES_INLINE int class_indices(int64_t *indices, const char *labels, int itemsize, uint64_t num_classes, int has_ignore_index, uint64_t ignore_index) {
    const reg_i64 limit = set1_i64((int64_t)num_classes), ignored = set1_i64((int64_t)ignore_index), out_of_range = set1_i64(OUT_OF_RANGE);
    int bad = 0;
    for (int i = 0; i < LANES; i += WIDTH_F64) {
        reg_i64 raw = itemsize == 8 ? load_i64(labels + i * 8) : widen_i64(labels + i * 4);
        READ_ONCE(raw);
        reg_i64 index = below_i64(raw, limit, out_of_range);
        if (has_ignore_index) index = where_equal_i64(raw, ignored, set1_i64(IGNORED), index);
        store_i64(indices + i, index);
        bad |= any_equal_i64(index, out_of_range);
    }
    return !bad;
}

LANES_INLINE double reference_scale(double highest) { return -rounded(highest * LOG2_E); }

LANES_INLINE lanes bias_of(double scale) { return splat((real)(MAGIC + EXPONENT_BIAS + scale)); }

LANES_INLINE void set_moments(Group *g, ptrdiff_t i, double moment, double square, double highest) {
    g->moment[i] = moment;
    g->square[i] = square;
    g->highest[i] = highest;
}

#define EACH_ROW_REGISTER for (int i = 0; i < LANES; i += WIDTH_F64)
#define ROWS(array) OP_F64(loadu)(g->array + i)
#define SET_ROWS(array, value) OP_F64(storeu)(g->array + i, value)

LANES_INLINE reg_f64 where_finite(reg_f64 x) { return where_equal_f64(SUB(x, x), SPLAT(0.0), x, SPLAT(0.0)); }

/* x - offset + scale * STEP and, where it matters, its rounding error; beyond MAGIC that may be large itself, and is not
 * worth an ulp. */
LANES_INLINE reg_f64 distances_to_reference(reg_f64 x, reg_f64 offset, reg_f64 scale, reg_f64 *low) {
    reg_f64 a = SUB(x, offset), product = MUL(scale, SPLAT(STEP)), z = ADD(a, product), back, error;
    *low = SPLAT(0.0);
    if (LOW_PARTS) {
        back = SUB(a, x);
        error = SUB(SUB(x, SUB(a, back)), ADD(offset, back));
        back = SUB(z, a);
        error = ADD(error, ADD(SUB(a, SUB(z, back)), SUB(product, back)));
        error = ADD(error, FUSED(scale, SPLAT(STEP_LOW), FUSED(scale, SPLAT(STEP), SUB(SPLAT(0.0), product))));
        *low = where_less_f64(OP_F64(max)(z, SUB(SPLAT(0.0), z)), SPLAT(MAGIC), error, SPLAT(0.0));
    }
    return z;
}
LANES_INLINE double distance_to_reference(double x, double offset, double scale, double *low) {
    reg_f64 of, z = distances_to_reference(SPLAT(x), SPLAT(offset), SPLAT(scale), &of);
    *low = first_f64(of);
    return first_f64(z);
}

/* What a group's labels say, and what holds of rows without weights. */
LANES_INLINE void keep_rows(Group *g) {
    const double one = 1.0;
    int64_t bits_of_one;
    memcpy(&bits_of_one, &one, sizeof one);
    EACH_ROW_REGISTER {
        store_i64(g->kept + i, where_equal_i64(load_i64(g->label + i), set1_i64(IGNORED), set1_i64(0), set1_i64(bits_of_one)));
        store_i64(g->by_top + i, set1_i64(0));
        SET_ROWS(weight, SPLAT(1.0));
    }
}

#endif
