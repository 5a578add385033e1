/* short_rows.h: rows of more than FEW classes, but of no more than a tile: one after the other, without the logic of tiles.
 */
#ifndef SMOOTHXENT_SHORT_ROWS_H
#define SMOOTHXENT_SHORT_ROWS_H

#include "call/workspace.h"
#include "statistics/reference.h"
#include "statistics/row_group.h"
#include "statistics/sums.h"

_Static_assert(FEW >= 2 * VECTORS * LANES, "a row of more than FEW classes has a block at either end");

/* The largest logit at both ends of a row of two blocks at least: where the largest of all is in rows in order. */
LANES_INLINE real highest_at_ends(const stored *x, ptrdiff_t count, ptrdiff_t left_out) {
    const ptrdiff_t size = VECTORS * LANES, last = count - size;
    lanes highest = highest_of(load_block_part(x, size, left_out), splat(-(real)INFINITY));
    return largest(highest_of(load_block_part(x + last, size, left_out - last), highest));
}

/* Statistics of rows `first` to `end` of a group; as columns_statistics. */
LANES_INLINE int short_rows_statistics_inline(RowGroup *g, double *fit, const char *const *rows, ptrdiff_t first, ptrdiff_t end, ptrdiff_t num_classes, const int with) {
    const ptrdiff_t padded = (num_classes + LANES - 1) / LANES * LANES, last_block = num_classes - VECTORS * LANES;
    const ptrdiff_t step = end - first > 1 ? rows[first + 1] - rows[first] : 0;
    int all_fit = 1;
    double highest = highest_at_ends((const stored *)rows[first], num_classes, g->anchor[first]), next = 0;
    for (ptrdiff_t i = first; i < end; i++, highest = next) {
        const stored *x = (const stored *)rows[i];
        const ptrdiff_t anchor = (ptrdiff_t)g->anchor[i];
        const double anchor_logit = anchor < 0 ? -(double)INFINITY : (double)real_of(stored_at(x + anchor));
        double scale = reference_scale(highest);
        block_sums sums;
        const stored *ahead = (const stored *)(rows[i] + 2 * step); /* its ends are wanted before the sums come there */
        prefetch_block(ahead);
        prefetch_block(ahead + last_block);
        if (i + 1 < end) next = highest_at_ends((const stored *)rows[i + 1], num_classes, g->anchor[i + 1]); /* early: this row's sums don't wait for it */
        sum_row_inline(&sums, x, num_classes, anchor, bias_of(scale), with);
        const double top = largest(sums.highest);
        if (!(top <= highest + CEILING)) {
            scale = reference_scale(top);
            sum_row(&sums, x, num_classes, anchor, bias_of(scale), with);
        }
        g->sum_exp[i] = total_of(sums.exps);
        g->scale[i] = scale;
        g->offset[i] = 0.0;
        g->anchor_logit[i] = anchor_logit;
        if (with & MOMENTS) set_moments(g, i, wide_sum(sums.moments), wide_sum(sums.squares), top);
        int fits = fabs(top) < LARGE_LOGIT && (anchor < 0 || fabs(anchor_logit) < (double)INFINITY);
        if (with & GAPS) {
            const double others = (double)(num_classes - (anchor >= 0)), filled = (double)padded - others;
            const double whole = wide_sum(sums.wholes) - filled * LOWEST_WHOLE + others * scale;
            g->gap_sum[i] = -(whole * STEP + (wide_sum(sums.remainders) + (filled * LOWEST_WHOLE + whole) * STEP_LOW));
            fits = fits && whole > -MOST_WHOLES;
        }
        fit[i] = fits;
        all_fit &= fits;
    }
    return all_fit;
}
LANES_FUNCTION int short_rows_statistics(RowGroup *g, double *fit, const char *const *rows, ptrdiff_t first, ptrdiff_t end, ptrdiff_t num_classes, int with) {
    FOR_EACH(with, return short_rows_statistics_inline(g, fit, rows, first, end, num_classes, WITH))
}

#endif
