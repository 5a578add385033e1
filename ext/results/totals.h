/* totals.h: the squares, counts, bins and histogram of an evaluation: adds the rows of a group, a register of
 * rows at a time. */
#pragma once

#include "results/exact_sum.h"

/* ---- squares ----------------------------------------------------------------------------------------- */

/* Metrics are rounded to `real`. The square of a float32 number is a float64 number. The square of a float64
 * number is the sum of two: squares, rounded down, and rests. So neither is negative, as `cut` requires. The
 * rest is 0 where the square overflows, and is itself rounded below 2**-969. */
enum { SQUARES_HAVE_RESTS = sizeof(real) == sizeof(double) };
LANES_INLINE void squares_of_rows(const double *values, double *squares, double *rests) {
    const reg_f64 zero = SPLAT(0.0);
    EACH_ROW_REGISTER {
        reg_f64 value = OP_F64(loadu)(values + i), square = value * value;
        if (SQUARES_HAVE_RESTS) {
            reg_f64 rest = FUSED(value, value, zero - square);
            square = where_less_f64(rest, zero, square * SPLAT(0x1.fffffffffffffp-1), square);
            rest = FUSED(value, value, zero - square);
            OP_F64(storeu)(rests + i, where_finite(rest));
        }
        OP_F64(storeu)(squares + i, square);
    }
}

/* ---- counts ------------------------------------------------------------------------------------------ */

/* Counts, lane by lane, the kept rows whose rank is below `most`. */
LANES_INLINE void count_rows(double *counts, const RowGroup *g, double most) {
    EACH_ROW_REGISTER OP_F64(storeu)(counts + i,
        OP_F64(loadu)(counts + i) + where_less_f64(ROWS(rank), SPLAT(most), ROWS(kept), SPLAT(0.0)));
}

/* The confidence of each row whose top class is the label; 0 for other rows. */
LANES_INLINE void confidence_of_hits(const RowGroup *g, double *confidence) {
    EACH_ROW_REGISTER OP_F64(storeu)(
        confidence + i, where_less_f64(ROWS(rank), SPLAT(1.0), ROWS(confidence), SPLAT(0.0)));
}

/* ---- bins of the confidence -------------------------------------------------------------------------- */

typedef struct {
    ExactSum confidence, weight, hit_weight;
    ptrdiff_t num_rows[2]; /* rows with rank > 0, and rows with rank 0: the hits */
    /* Keeps bins of float32 from lying 4 kB apart, which would be one set of the cache. */
    double spare[LANES];
} Bin;

/* The bin of each row: the whole part of the number. -1 for a row that is not kept, nan for a confidence of
 * nan. */
LANES_INLINE void bins_of_rows(double *bins, const RowGroup *g, double num_bins) {
    EACH_ROW_REGISTER {
        reg_f64 bin = OP_F64(min)(SPLAT(num_bins - 0.5), ROWS(confidence) * SPLAT(num_bins));
        OP_F64(storeu)(bins + i, where_equal_f64(ROWS(kept), SPLAT(0.0), SPLAT(-1.0), bin));
    }
}
/* Counts each row in its bin and adds `cuts` pieces of its confidence: row i to lane i of the bin's pieces,
 * so that no addition waits for that of the row before. Returns a bit for each row whose bin has full pieces.
 */
LANES_INLINE int add_to_bins(
    Bin *bins, const RowGroup *g, const double *bin_numbers, const double *pieces, int cuts) {
    int full = 0;
    for (ptrdiff_t i = 0; i < LANES; i++) {
        if (!(bin_numbers[i] >= 0)) continue;
        Bin *bin = bins + (ptrdiff_t)bin_numbers[i];
        for (ptrdiff_t j = 0; j < cuts; j++) bin->confidence.pieces[j * LANES + i] += pieces[j * LANES + i];
        if (++bin->num_rows[g->rank[i] < 1] % (MOST_CUT / 2) == 0) full |= 1 << i;
    }
    return full;
}

/* ---- histogram ---------------------------------------------------------------------------------------
 *
 * Counts of rows by nll, in half octaves from 2**-32 to 2**10; the first and the last also count the values
 * below and above. The exponent of nll**2 is the number of the half octave. One more entry counts the rows
 * that are not kept or have no nll; nobody reads it. */
enum { HISTOGRAM = 86, LOWEST_HALF_OCTAVE = -65 };
LANES_INLINE void add_to_histogram(ptrdiff_t *counts, const RowGroup *g) {
    const reg_f64 zero = SPLAT(0.0), none = powers_of_two(SPLAT(HISTOGRAM + LOWEST_HALF_OCTAVE));
    const reg_f64 lowest = powers_of_two(SPLAT(LOWEST_HALF_OCTAVE)),
                  highest = powers_of_two(SPLAT(HISTOGRAM - 1 + LOWEST_HALF_OCTAVE));
    double exponents[LANES];
    int64_t bits;
    EACH_ROW_REGISTER {
        reg_f64 nll = ROWS(label_nll), square = nll * nll,
                counted = where_equal_f64(square, square, ROWS(kept), zero);
        square = OP_F64(max)(lowest, OP_F64(min)(highest, square));
        OP_F64(storeu)(exponents + i, where_equal_f64(counted, zero, none, square));
    }
    for (int i = 0; i < LANES; i++) {
        memcpy(&bits, exponents + i, sizeof bits);
        counts[(bits >> 52) - (1023 + LOWEST_HALF_OCTAVE)]++;
    }
}
