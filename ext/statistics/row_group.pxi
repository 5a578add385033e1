# Row statistics: the only thing that is read from the logits for a loss.
#
# The anchor is the class that is kept out of the sums, so that its own term hides no other: the row's label, or its top
# class where there is no label or the label has no share. With S the sum over the other classes:
#     sum_exp = S of exp(x_k - reference)               reference = offset - scale * STEP, next to the largest x_k
#     gap_sum = S of c_k (centre - x_k)                 gap_weight = S of c_k
# and for an evaluation, with e_k = exp(x_k - reference),
#     moment = S of e_k (x_k - reference)               square = S of e_k**2
#     highest = the largest of these x_k                rank = how many of all x_k beat the row's own label
# c_k = 1 and centre = reference where smoothing is uniform; else c_k are the row's targets and centre is a logit.
# `scale` counts STEP, which is ln(2) as the lanes have it, in multiples of 1 / STEPS: so the lanes' exp can add it to
# the exponent. `offset` is 0 except where the logits are so large (2**17) that the lanes' exp could not reduce them.
#
# Rows are taken in groups of LANES, so that what a row needs once is done for a whole group in lanes.

cdef extern from "statistics/row_group.h" nogil:
    ctypedef struct few_statistics:
        lanes anchors, anchor_logits, top
    ctypedef struct RowGroup:
        few_statistics few
        real *holds
        bint all_hold
        double *sum_exp
        double *scale
        double *offset
        double *centre
        double *gap_sum
        double *anchor_logit
        double *moment
        double *square
        double *highest
        int64_t *label
        double *rank
        double *target_sum
        double *anchor_target
        double *kept
        double *weight
        double *nll
        double *log_sum_exp
        double *own
        double *others
        double *anchor_share
        double *rest_share
        double *loss
        double *entropy
        double *confidence
        double *brier
        double *label_nll
        int64_t *anchor
        int64_t *by_top
        bint *improper
    void keep_rows(RowGroup *)

cdef enum:
    SEGMENT_TILES = SEGMENT // TILE

ctypedef struct RowStatistics:
    Pair sum_exp, gap_sum, gap_weight, target_sum
    Reference reference  # there is none where no class counts: sum_exp is 0 then, or nan
    double centre, anchor_target
    double anchor_logit
    double moment, square, highest  # of an evaluation, as `rank`
    Py_ssize_t anchor, rank
    bint by_top  # the anchor is the top class, whatever the label: with probabilities, and where it has no share
    bint improper  # a probability is negative or not finite
    Reference references[SEGMENT_TILES]  # of a segment's tiles: what their exps are relative to


ctypedef struct Kept:
    # what the first sweep over a group leaves for the second, in a thread's memory
    real *exps  # of row i from exps + i * padded_size(num_classes) on, or NULL
    RowStatistics *segments  # of row i from segments + i * segments_of(num_classes) on; NULL where rows are one tile


cdef inline Kept nothing_kept() noexcept nogil:
    cdef Kept kept
    kept.exps = NULL
    kept.segments = NULL
    return kept


cdef inline real *kept_exps(const Call *call, Kept kept, Py_ssize_t i) noexcept nogil:
    return kept.exps + i * padded_size(call.num_classes) if kept.exps != NULL else NULL


cdef inline kept_row nothing_of_row() noexcept nogil:
    cdef kept_row row
    row.exps = NULL
    row.written = NULL
    return row


cdef inline kept_row kept_of_row(const Call *call, Kept kept, Py_ssize_t first, Py_ssize_t i) noexcept nogil:
    cdef kept_row row
    row.exps = kept_exps(call, kept, i)
    row.written = <const char *> row.exps  # which are in cache
    if row.exps != NULL and not call.streams and call.grad.class_stride == sizeof(stored):
        row.written = row_start(&call.grad, first + i)
    return row


cdef inline RowStatistics *kept_segments(const Call *call, Kept kept, Py_ssize_t i) noexcept nogil:
    return kept.segments + i * segments_of(call.num_classes) if kept.segments != NULL else NULL


cdef inline void put_row(RowGroup *group, Py_ssize_t i, const RowStatistics *row) noexcept nogil:
    group.sum_exp[i] = pair_value(row.sum_exp)
    group.scale[i] = row.reference.scale
    group.offset[i] = row.reference.offset
    group.centre[i] = row.centre
    group.gap_sum[i] = pair_value(row.gap_sum)
    group.target_sum[i] = pair_value(row.target_sum)
    group.anchor_target[i] = row.anchor_target
    group.anchor_logit[i] = row.anchor_logit
    group.moment[i] = row.moment
    group.square[i] = row.square
    group.highest[i] = row.highest
    group.rank[i] = row.rank
    group.anchor[i] = row.anchor
    group.by_top[i] = row.by_top
    group.improper[i] = row.improper


cdef inline RowStatistics no_row() noexcept nogil:
    # what an ignored or missing row counts as: certain of its label
    cdef RowStatistics row
    memset(&row, 0, sizeof(row))
    row.anchor = NO_CLASS
    return row


cdef Py_ssize_t read_labels(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, RowGroup *group
) noexcept nogil:
    # the first row of the group with a label out of range, or NO_ROW
    cdef Py_ssize_t i, bad_row, by_top = is_by_top(call, task)
    if task != LOSS or call.has_probabilities:
        for i in range(LANES):
            group.by_top[i] = by_top
            group.anchor[i] = NO_CLASS
            group.kept[i] = i < count
            group.weight[i] = 1.0
            group.label[i] = NO_CLASS
        return labels_of_group(&call.labels, first, count, group.label) if call.has_labels else NO_ROW
    bad_row = labels_of_group(&call.labels, first, count, group.anchor)
    if bad_row != NO_ROW:
        return bad_row
    if call.has_metrics:
        memcpy(group.label, group.anchor, LANES * sizeof(int64_t))
    if call.needs_kept:
        keep_rows(group)
    if call.class_weight != NULL:
        for i in range(count):
            if group.anchor[i] >= 0:
                group.weight[i] = call.class_weight[group.anchor[i]]
    if call.smoothing != NULL:
        for i in range(count):
            group.by_top[i] = group.anchor[i] >= 0 and (1.0 - call.label_smoothing) * group.weight[i] == 0.0
    return NO_ROW
