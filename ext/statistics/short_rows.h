/* short_rows.h: rows of more than FEW classes, but of no more than a tile: one after the other, without the
 * logic of tiles.
 */
#ifndef SMOOTHXENT_SHORT_ROWS_H
#define SMOOTHXENT_SHORT_ROWS_H

#include "statistics/row_group.h"
#include "statistics/sums.h"

/* Statistics of row i of a group, which lies at x and whose largest logit but the anchor's is `highest`,
 * which becomes that of the next. Returns whether they hold, as those of few classes. */
LANES_INLINE int short_row_statistics(RowGroup *g, ptrdiff_t i, const stored *x, tile_logits next,
    ptrdiff_t num_classes, double *highest, kept_row kept, int with) {
    const tile_logits row = {x, (ptrdiff_t)g->anchor[i]};
    const double anchor_logit =
        row.left_out < 0 ? -(double)INFINITY : (double)real_of(stored_at(x + row.left_out));
    const double top = *highest, scale = reference_scale(top);
    const tile_reference m = tile_reference_of(scale);
    tile_sums sums;
    sum_tile(&sums, row, next, num_classes, &m, kept, with);
    *highest = sums.highest_of_next;
    g->sum_exp[i] = total_of(sums.exps);
    g->scale[i] = scale;
    g->offset[i] = 0.0;
    g->anchor_logit[i] = anchor_logit;
    g->gap_sum[i] = 0.0;
    if (with & GAPS)
        g->gap_sum[i] = total_of(sums.gaps) - (double)(num_classes - (row.left_out >= 0)) * m.off;
    if (with & MOMENTS)
        set_moments(g, i, wide_sum(sums.moments) + m.off * g->sum_exp[i], wide_sum(sums.squares), top);
    return (fabs(top) < LARGE_LOGIT) & (row.left_out < 0 || fabs(anchor_logit) < (double)INFINITY) &
        (fabs(g->gap_sum[i]) < (double)INFINITY);
}

/* Of rows `first` to `end`. Returns whether all hold; `fit`: which. */
LANES_FUNCTION int short_rows_statistics(RowGroup *g, double *fit, const char *const *rows, ptrdiff_t first,
    ptrdiff_t end, ptrdiff_t num_classes, const kept_row *kept, int with) {
    double highest = highest_of((const stored *)rows[first], num_classes, (ptrdiff_t)g->anchor[first]);
    int all_fit = 1;
    for (ptrdiff_t i = first; i < end; i++) {
        const ptrdiff_t after = i + 1 < end ? i + 1 : i;
        const tile_logits next = {(const stored *)rows[after], (ptrdiff_t)g->anchor[after]};
        const int fits =
            short_row_statistics(g, i, (const stored *)rows[i], next, num_classes, &highest, kept[i], with);
        fit[i] = fits;
        all_fit &= fits;
    }
    return all_fit;
}

#endif
