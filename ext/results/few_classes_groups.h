/* few_classes_groups.h: whole groups of rows of few classes, from labels and logits in memory to losses, gradients
 * and metrics. All groups go through one stage, then through the next: a stage is short enough that the CPU
 * overlaps the chains of operations of several groups. */
#pragma once

#include "results/few_classes_metrics.h"

enum { MOST_PLAIN_GROUPS = 16 };
/* How many groups plain_few_groups can compute at once: `columns` has room for the exps of all. */
LANES_INLINE ptrdiff_t most_plain_groups(ptrdiff_t num_classes) {
    const ptrdiff_t most = FEW / num_classes;
    return most < MOST_PLAIN_GROUPS ? most : MOST_PLAIN_GROUPS;
}

/* The losses of whole groups, and their gradients or metrics. The labels must be adjacent, the rows as
 * GroupPlace.is_rows says; with a gradient there must be no ignore_index. num_groups: at most most_plain_groups;
 * `anchors` and `losses` have LANES elements for each, and the stage has room for all. Returns the number of
 * groups before the first that is not done, because a label is out of range or the statistics are not valid. */
LANES_INLINE ptrdiff_t plain_few_groups_inline(int64_t *anchors, ptrdiff_t num_groups, const PlainLoss *p,
    const char *labels, const char *rows, real *columns, real *losses, char *grad, Stage *stage,
    const int with, const int has_grad) {
    few_statistics statistics[MOST_PLAIN_GROUPS];
    lanes ranks[MOST_PLAIN_GROUPS];
    const ptrdiff_t group_bytes = LANES * p->row_stride,
                    exps_of_group = has_grad ? LANES * p->num_classes : 0;
    ptrdiff_t g = 0;
    for (; g < num_groups; g++, labels += LANES * p->label_size, rows += group_bytes) {
        const GroupPlace place = {rows, NULL, p->row_stride, sizeof(stored), 1, 0};
        real *exps = columns + g * exps_of_group;
        few_statistics *s = statistics + g;
        if (!class_indices(anchors + g * LANES, labels, p->label_size, (uint64_t)p->num_classes,
                p->has_ignore_index, p->ignore_index))
            break;
        *s = columns_statistics_inline(anchors + g * LANES, &place, p->num_classes,
            rows + group_bytes + AHEAD, exps, exps, with, has_grad, ANCHOR_GIVEN);
        if (!few_statistics_are_valid(s, narrow_wide(s->gaps))) break;
        if (with & MOMENTS)
            ranks[g] = ranks_of_columns(columns, p->num_classes, s->anchors, s->anchor_logits, 0);
    }
    num_groups = g;
    for (g = 0; g < num_groups; g++) {
        few_factors f;
        const few_shares shares = few_shares_of(statistics + g);
        plain_few_losses_inline(statistics + g, &shares, &f, losses + g * LANES, p, with & GAPS, has_grad);
        if (with & MOMENTS) stage_few_group(stage, statistics + g, &shares, ranks[g]);
        if (has_grad)
            few_gradient_rows(&f, columns + g * exps_of_group, statistics[g].anchors, p->num_classes,
                grad + g * LANES * p->grad_stride, p->grad_stride, p->grad_is_real);
    }
    return num_groups;
}
LANES_FUNCTION ptrdiff_t plain_few_groups(int64_t *anchors, ptrdiff_t num_groups, const PlainLoss *p,
    const char *labels, const char *rows, real *columns, real *losses, char *grad, Stage *stage) {
    const int with = (p->others != 0.0 ? GAPS : 0) | (stage ? MOMENTS : 0);
#define GROUPS(with, has_grad)      \
    return plain_few_groups_inline( \
        anchors, num_groups, p, labels, rows, columns, losses, grad, stage, with, has_grad)
#ifdef REGISTERS_ARE_SCALAR
    GROUPS(with, p->has_grad);
#else
    if (p->has_grad && with & GAPS) GROUPS(GAPS, 1);
    if (p->has_grad) GROUPS(0, 1);
    FOR_EACH(with, GROUPS(WITH, 0))
#endif
#undef GROUPS
}
