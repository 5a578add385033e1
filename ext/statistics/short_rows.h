/* short_rows.h: statistics of rows of more than FEW classes that fit into one tile, one row after the other. */
#pragma once

#include "statistics/rank.h"
#include "statistics/sums.h"

/* Statistics of row i of a group, with its logits at x. highest: on entry the largest logit of this row
 * without the anchor's, on return that of the next row; with anchors_are_top, the largest of all. Returns
 * whether the statistics are valid: the reference has no offset, the anchor's logit and the gaps are finite,
 * and, with anchors_are_top, no logit is nan. */
LANES_INLINE int short_row_statistics(RowGroup *g, ptrdiff_t i, const stored *x, tile_logits next,
    ptrdiff_t num_classes, double *highest, saved_row saved, int with, int anchors_are_top) {
    if (anchors_are_top) {
        g->anchor[i] = first_equal(x, num_classes, (real)*highest);
        *highest = highest_of(x, num_classes, (ptrdiff_t)g->anchor[i]);
    }
    const tile_logits row = {x, (ptrdiff_t)g->anchor[i]};
    const double anchor_logit =
        row.left_out < 0 ? -(double)INFINITY : (double)real_of(stored_at(x + row.left_out));
    const double row_highest = *highest, scale = reference_scale(row_highest);
    const tile_reference m = tile_reference_of(scale);
    tile_sums sums;
    sum_tile(&sums, row, next, num_classes, &m, saved, with);
    *highest = sums.highest_of_next;
    g->sum_exp[i] = with_error(sums.exps, sums.exps_error);
    g->scale[i] = scale;
    g->offset[i] = 0.0;
    g->anchor_logit[i] = anchor_logit;
    g->gap_sum[i] = 0.0;
    if (with & GAPS)
        g->gap_sum[i] = with_error(sums.gaps, sums.gaps_error) -
            (double)(num_classes - (row.left_out >= 0)) * m.near_error;
    if (with & MOMENTS)
        set_moments(g, i, sums.moments + m.near_error * g->sum_exp[i], sums.squares, row_highest);
    return (fabs(row_highest) < LARGE_LOGIT) & (row.left_out < 0 || fabs(anchor_logit) < (double)INFINITY) &
        (fabs(g->gap_sum[i]) < (double)INFINITY) & (!anchors_are_top || g->sum_exp[i] == g->sum_exp[i]);
}

/* Statistics of the rows from `first` to before `end`. With anchors_are_top, their anchors become the top
 * classes, and must be NO_CLASS before. Returns whether all are valid; is_valid: which are. */
LANES_FUNCTION int short_rows_statistics(RowGroup *g, double *is_valid, const char *const *rows,
    ptrdiff_t first, ptrdiff_t end, ptrdiff_t num_classes, const saved_row *saved, int with,
    int anchors_are_top) {
    double highest = highest_of((const stored *)rows[first], num_classes, (ptrdiff_t)g->anchor[first]);
    int all_valid = 1;
    for (ptrdiff_t i = first; i < end; i++) {
        const ptrdiff_t after = i + 1 < end ? i + 1 : i;
        const tile_logits next = {(const stored *)rows[after], (ptrdiff_t)g->anchor[after]};
        const int valid = short_row_statistics(
            g, i, (const stored *)rows[i], next, num_classes, &highest, saved[i], with, anchors_are_top);
        is_valid[i] = valid;
        all_valid &= valid;
    }
    return all_valid;
}
