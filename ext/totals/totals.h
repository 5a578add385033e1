/* totals.h: the totals of a thread. Rows wait in arrays until STAGE of them are added at once: a short loop for
 * each total keeps its sums in registers. */
#pragma once

#include "statistics/row_group.h"
#include "totals/exact_sum.h"

/* ---- losses ------------------------------------------------------------------------------------------ */

typedef struct {
    ExactSum loss, weight;
    ptrdiff_t num_kept; /* rows that are not ignored and whose sample_weight is not 0 */
    ptrdiff_t bad_row;  /* the lowest row with a label out of range, or NO_ROW */
    ptrdiff_t waiting;  /* the number of losses and weights that follow */
    LINE_ALIGNED double losses[STAGE];
    double weights[STAGE];
} Totals;

LANES_FUNCTION void add_waiting(Totals *totals, int has_weights) {
    add_numbers(&totals->loss, totals->losses, totals->waiting);
    if (has_weights) add_numbers(&totals->weight, totals->weights, totals->waiting);
    totals->waiting = 0;
}

/* ---- metrics ----------------------------------------------------------------------------------------- */

/* Rows of an evaluation that wait. Metrics are rounded to `real`. A row that is not kept has metrics of 0. */
typedef struct {
    LINE_ALIGNED real nll[STAGE], entropy[STAGE], confidence[STAGE], brier[STAGE];
    int32_t rank[STAGE]; /* up to MOST_RANK; NO_METRICS: they are nan; NOT_KEPT */
    int32_t bins[STAGE]; /* the number of a Bin: see count_rows */
    double weights[STAGE];
    ptrdiff_t count;
} Stage;
enum { NOT_KEPT = INT32_MAX, NO_METRICS = NOT_KEPT - 1, MOST_RANK = NOT_KEPT - 2 };
_Static_assert(STAGE % LANES == 0, "a stage is full after a whole group");

typedef struct {
    ptrdiff_t k, num_rows; /* those whose rank is below k */
    ExactSum weight;       /* of these rows; unused without sample_weight */
} Hits;

/* Rows whose confidence lies in one bin, and the digits of the sum of their confidences, to the base
 * 2**CONFIDENCE_BITS. New rows are counted in `latest`, which one addition to memory changes: from bit 48 on
 * the number of rows, below the sum of the first digits; after MOST_STAGES stages it goes to the others. Rows
 * take turns with COPIES of it, so that no addition waits for that of the row before. */
enum {
    COPIES = 4,
    CONFIDENCE_BITS = 30,
    CONFIDENCE_DIGITS = 3, /* enough for a float64 number of 2**-37 or more */
    BIN_PLACES = 96,       /* of the sums of a bin when Python gets them, in BIN_DIGITS digits */
    BIN_DIGITS = 5,
    MOST_STAGES = 64
};
_Static_assert(
    MOST_STAGES *STAGE / COPIES < 1 << 16 && CONFIDENCE_BITS < 48 - 16, "`latest` does not overflow");
_Static_assert(CONFIDENCE_BITS *CONFIDENCE_DIGITS <= BIN_PLACES && BIN_PLACES % DIGIT == 0, "no bit is cut");
_Static_assert(LANES % COPIES == 0, "rows take turns with all copies");
typedef struct {
    uint64_t latest[COPIES];
    int64_t num_rows, digits[CONFIDENCE_DIGITS];
} Bin;
typedef struct {
    ExactSum confidence, weight, hit_weight;
} WeightedBin;

/* Counts of rows by nll, in half octaves from 2**-32 to 2**10; the first and the last also count the values
 * below and above. */
enum { HISTOGRAM = 86, LOWEST_HALF_OCTAVE = -64 };

/* bins: num_bins of misses, one of the rows that are not counted, num_bins of hits. */
typedef struct {
    struct MetricSums {
        ExactSum nll, nll_square, entropy, entropy_square, confidence, confidence_square, brier, brier_square;
        ExactSum weight, weight_square, hit_confidence; /* with weights only */
    } sums;
    ptrdiff_t num_rows; /* rows that are kept */
    ptrdiff_t histogram[HISTOGRAM];
    uint32_t latest[HISTOGRAM + 1][COPIES]; /* the last counts rows without an nll; nobody reads it */
    ptrdiff_t num_stages;                   /* whose rows are in `latest`, of bins too */
    ptrdiff_t num_ranks, num_bins;
    Hits *hits;
    Bin *bins;
    WeightedBin *weighted_bins; /* NULL without sample_weight */
    Stage stage;
} EvaluationTotals;

/* Appends the rows of a group to the stage. */
LANES_FUNCTION void stage_group(Stage *stage, const RowGroup *g) {
    const wide kept = wide_load(g->kept);
    const double *metrics[] = {g->label_nll, g->entropy, g->confidence, g->brier};
    real *to[] = {stage->nll, stage->entropy, stage->confidence, stage->brier};
    UNROLLED for (int i = 0; i < 4; i++)
        store(to[i] + stage->count, narrow_wide(where_nonzero(kept, wide_load(metrics[i]))));
    for (int i = 0; i < LANES; i++) {
        const double rank = g->nll[i] == g->nll[i] ? fmin(g->rank[i], MOST_RANK) : NO_METRICS;
        stage->rank[stage->count + i] = g->kept[i] != 0 ? (int32_t)rank : NOT_KEPT;
    }
    stage->count += LANES;
}

/* The numbers times their weights: a number of weight 0 counts as 0, unless it is nan. */
LANES_INLINE void weigh(double *terms, const double *numbers, const double *weights, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i += WIDTH_F64)
        OP_F64(storeu)(terms + i, weighted_terms(OP_F64(loadu)(weights + i), OP_F64(loadu)(numbers + i)));
}

/* The square of a float32 number is a float64 number. The square of a float64 number is the sum of two,
 * squares and rests; the rest is 0 where the square overflows, and is itself rounded below 2**-969. */
LANES_INLINE void squares_of(double *squares, double *rests, const double *numbers, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i += WIDTH_F64) {
        reg_f64 number = OP_F64(loadu)(numbers + i), square = number * number;
        OP_F64(storeu)(squares + i, square);
        OP_F64(storeu)(rests + i, where_finite(FUSED(number, number, SPLAT(0.0) - square)));
    }
}

/* Adds the metric of each row and its square, times the weight of the row; weights: NULL for 1. */
LANES_FUNCTION void add_metric(
    ExactSum *total, ExactSum *squares, const real *metric, const double *weights, ptrdiff_t count) {
#ifndef SMOOTHXENT_FLOAT64
    if (!weights) {
        add_with_squares(total, squares, metric, count);
        return;
    }
#endif
    double numbers[STAGE], terms[STAGE], rests[STAGE];
    for (ptrdiff_t i = 0; i < count; i++) numbers[i] = metric[i];
    squares_of(terms, rests, numbers, count);
    if (weights) {
        weigh(numbers, numbers, weights, count);
        weigh(terms, terms, weights, count);
        weigh(rests, rests, weights, count);
    }
    add_numbers(total, numbers, count);
    add_numbers(squares, terms, count);
    if (LOW_PARTS) add_numbers(squares, rests, count);
}

LANES_INLINE ptrdiff_t rows_below(const Stage *s, ptrdiff_t k) {
    const int32_t most = k < NOT_KEPT ? (int32_t)k : NOT_KEPT;
    ptrdiff_t num_rows = 0;
    for (ptrdiff_t i = 0; i < s->count; i++) num_rows += s->rank[i] < most;
    return num_rows;
}

/* Empties `latest`. */
LANES_FUNCTION void settle(EvaluationTotals *to) {
    for (Bin *bin = to->bins; bin < to->bins + 2 * to->num_bins + 1; bin++)
        for (int j = 0; j < COPIES; j++) {
            bin->num_rows += (int64_t)(bin->latest[j] >> 48);
            bin->digits[0] += (int64_t)(bin->latest[j] << 16 >> 16);
            bin->latest[j] = 0;
        }
    for (int i = 0; i < HISTOGRAM; i++)
        for (int j = 0; j < COPIES; j++) to->histogram[i] += to->latest[i][j];
    memset(to->latest, 0, sizeof to->latest);
    to->num_stages = 0;
}

/* The entry of the histogram, 0 below LOWEST_HALF_OCTAVE: a half octave is twice the exponent of nll, and 1
 * more where its mantissa is sqrt(2) or larger. */
LANES_INLINE int32_t half_octave_of(real nll) {
#ifdef SMOOTHXENT_FLOAT64
    enum { MANTISSA = 52, BIAS = 1023 };
    const int64_t one = (int64_t)1 << MANTISSA, root = 0x6a09e667f3bcd;
    int64_t bits;
#else
    enum { MANTISSA = 23, BIAS = 127 };
    const int32_t one = 1 << MANTISSA, root = 0x3504f4;
    int32_t bits;
#endif
    memcpy(&bits, &nll, sizeof bits);
    const int32_t number = (int32_t)(bits >> MANTISSA) + (int32_t)((bits + (one - root)) >> MANTISSA) -
        (2 * BIAS + LOWEST_HALF_OCTAVE - 1);
    return number < 0 ? 0 : number < HISTOGRAM ? number : HISTOGRAM - 1;
}

/* Adds the confidences of a bin to digits as in digits.h, of which the lowest is 2**-places. */
LANES_INLINE void add_confidences(int64_t *digits, const Bin *bin, int places) {
    for (int j = 0; j < CONFIDENCE_DIGITS; j++)
        add_to_digits(
            digits, (Dyadic){(uint64_t)bin->digits[j], 0, 1}, (unsigned)(places - CONFIDENCE_BITS * (j + 1)));
}

/* Counts the rows by bin and by half octave, and adds up the confidences of each bin. The first loops have no
 * branches, for the compiler to vectorise. */
LANES_FUNCTION void count_rows(EvaluationTotals *to) {
    Stage *s = &to->stage;
    const ptrdiff_t count = s->count, num_bins = to->num_bins;
    const double most = (double)num_bins - 0.5, unit = 1 << CONFIDENCE_BITS;
    int32_t half_octaves[STAGE], digits[STAGE];
    int is_left = 0;
    for (ptrdiff_t i = 0; i < count; i++) {
        const double confidence = s->rank[i] < NO_METRICS ? s->confidence[i] : 0.0,
                     bin = confidence * (double)num_bins;
        s->bins[i] = (int32_t)(bin < most ? bin : most);
        digits[i] = (int32_t)(unit * confidence);
        is_left |= digits[i] != unit * confidence;
    }
    for (ptrdiff_t i = 0; i < count; i++) {
        const int32_t bin = s->rank[i] < NO_METRICS ? s->bins[i] : (int32_t)num_bins;
        s->bins[i] = s->rank[i] < 1 ? bin + (int32_t)num_bins + 1 : bin;
        half_octaves[i] = s->rank[i] < NO_METRICS ? half_octave_of(s->nll[i]) : HISTOGRAM;
    }
    for (ptrdiff_t i = 0; i < count; i += COPIES) UNROLLED for (int j = 0; j < COPIES; j++) {
            to->bins[s->bins[i + j]].latest[j] += ((uint64_t)1 << 48) + (uint64_t)digits[i + j];
            to->latest[half_octaves[i + j]][j]++;
        }
    if (is_left)
        for (ptrdiff_t i = 0; i < count; i++) {
            double rest = s->rank[i] < NO_METRICS ? s->confidence[i] * unit - digits[i] : 0;
            for (int j = 1; j < CONFIDENCE_DIGITS; j++) {
                const int64_t digit = (int64_t)(rest *= unit);
                to->bins[s->bins[i]].digits[j] += digit;
                rest -= (double)digit;
            }
        }
    to->num_rows += rows_below(s, NOT_KEPT);
    if (++to->num_stages == MOST_STAGES) settle(to);
}

/* What needs the weights of the rows; count_rows comes first. */
LANES_FUNCTION void add_weights(EvaluationTotals *to) {
    const Stage *s = &to->stage;
    const ptrdiff_t num_bins = to->num_bins;
    double terms[STAGE], confidences[STAGE];
    memcpy(terms, s->weights, sizeof terms);
    add_numbers(&to->sums.weight, terms, s->count);
    weigh(terms, s->weights, s->weights, s->count);
    add_numbers(&to->sums.weight_square, terms, s->count);
    for (Hits *hits = to->hits; hits < to->hits + to->num_ranks; hits++) {
        for (ptrdiff_t i = 0; i < s->count; i++) terms[i] = s->rank[i] < hits->k ? s->weights[i] : 0;
        add_numbers(&hits->weight, terms, s->count);
    }
    for (ptrdiff_t i = 0; i < s->count; i++) confidences[i] = s->confidence[i];
    weigh(confidences, confidences, s->weights, s->count);
    for (ptrdiff_t i = 0; i < s->count; i++) {
        const int is_hit = s->bins[i] > num_bins;
        WeightedBin *bin = to->weighted_bins + (is_hit ? s->bins[i] - num_bins - 1 : s->bins[i]);
        terms[i] = is_hit ? confidences[i] : 0;
        if (s->bins[i] == num_bins) continue;
        add_exactly(&bin->confidence, confidences[i]);
        add_exactly(&bin->weight, s->weights[i]);
        if (is_hit) add_exactly(&bin->hit_weight, s->weights[i]);
    }
    add_numbers(&to->sums.hit_confidence, terms, s->count);
}

/* Adds the rows of the stage, and empties it. */
LANES_FUNCTION void add_stage(EvaluationTotals *to) {
    Stage *s = &to->stage;
    struct MetricSums *sums = &to->sums;
    const double *weights = to->weighted_bins ? s->weights : NULL;
    add_metric(&sums->nll, &sums->nll_square, s->nll, weights, s->count);
    add_metric(&sums->entropy, &sums->entropy_square, s->entropy, weights, s->count);
    add_metric(&sums->confidence, &sums->confidence_square, s->confidence, weights, s->count);
    add_metric(&sums->brier, &sums->brier_square, s->brier, weights, s->count);
    count_rows(to);
    for (ptrdiff_t i = 0; i < to->num_ranks; i++) to->hits[i].num_rows += rows_below(s, to->hits[i].k);
    if (weights) add_weights(to);
    s->count = 0;
}
