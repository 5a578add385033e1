# Row statistics: the few numbers of a row from which its loss, gradient and metrics are computed.
#
# RowGroup holds the statistics of LANES rows, so that one lane computes the results of one row. RowStatistics holds
# those of one row or one segment while they are summed and merged.
#
# The anchor is the class that is left out of the sums, so that its term cannot absorb the others: the row's label, or
# its top class where there is no label or each class has a target of its own. With S the sum over the other classes:
#     sum_exp = S exp(x_k - reference)                  reference = offset - scale * STEP, close to the largest x_k
#     gap_sum = S c_k (centre - x_k)                    gap_weight = S c_k
# and for metrics, with e_k = exp(x_k - reference):
#     moment = S e_k (x_k - reference)                  square = S e_k**2
#     highest = the largest x_k                         rank = the number of classes that beat the label
#     highest_tile = where its tile begins
# Where smoothing is uniform, c_k = 1 and centre = reference. Where each class has a target of its own, c_k is w_k u_k,
# or with probabilities the target; the anchor's is included, and centre is the logit of the anchor.
# STEP is ln(2) rounded to `real`, and `scale` is a multiple of 1 / STEPS, so exp can add it to the exponent. `offset`
# is 0 unless logits reach LARGE_LOGIT, beyond which the exp of lanes is not exact: then it is the largest logit.
#
# Where a logit is nan, so is sum_exp. It is also nan where several logits are +inf: the two differ in the logit of an
# anchor that is the top class, which is nan or +inf.

ctypedef double *numbers_of_rows  # LANES numbers

cdef extern from "statistics/row_group.h" nogil:
    ctypedef struct few_statistics:
        lanes anchors, anchor_logits, highest
    ctypedef struct RowGroup:
        few_statistics few
        real *is_valid
        real *label_logits
        bint all_valid
        numbers_of_rows sum_exp, scale, offset, gap_sum, anchor_logit, moment, square, highest, rank
        numbers_of_rows anchor_target, rest_target, kept, weight, nll, log_sum_exp, own, others
        numbers_of_rows anchor_share, rest_share, loss, entropy, confidence, brier, label_nll
        int64_t *anchor
        int64_t *label
        int64_t *highest_tile
        bint *bad_probability
    void set_kept_rows(RowGroup *)

cdef enum:
    SEGMENT_TILES = SEGMENT // TILE

ctypedef struct RowStatistics:
    Pair sum_exp, gap_sum, gap_weight
    Reference reference  # none where all other logits are -inf or nan: sum_exp is 0 or nan then
    double centre, anchor_target, anchor_logit
    double moment, square, highest  # for metrics, as are highest_tile and rank
    Py_ssize_t highest_tile  # the first class of the first tile that holds the highest logit
    Py_ssize_t anchor, rank
    bint bad_probability  # a probability is negative or not finite
    Reference references[SEGMENT_TILES]  # the reference of each tile of a segment, for its saved exps


ctypedef struct SavedGroup:
    # what the first sweep over a group saves for the second, in memory of the thread
    real *exps  # row i begins at exps + i * padded_size(num_classes); or NULL
    RowStatistics *segments  # row i begins at segments + i * segments_of(num_classes); NULL where a row is one tile


cdef inline SavedGroup nothing_saved() noexcept nogil:
    cdef SavedGroup saved
    saved.exps = NULL
    saved.segments = NULL
    return saved


cdef inline real *saved_exps(const Call *call, SavedGroup saved, Py_ssize_t i) noexcept nogil:
    return saved.exps + i * padded_size(call.num_classes) if saved.exps != NULL else NULL


cdef inline saved_row no_saved_row() noexcept nogil:
    cdef saved_row row
    row.exps = NULL
    row.written = NULL
    return row


cdef inline saved_row saved_of_row(const Call *call, SavedGroup saved, Py_ssize_t first, Py_ssize_t i) noexcept nogil:
    cdef saved_row row
    row.exps = saved_exps(call, saved, i)
    row.written = <const char *> row.exps  # already in cache, so asking for it costs nothing
    if row.exps != NULL and not call.streams and call.grad.class_stride == sizeof(stored):
        row.written = row_start(&call.grad, first + i)
    return row


cdef inline RowStatistics *saved_segments(const Call *call, SavedGroup saved, Py_ssize_t i) noexcept nogil:
    return saved.segments + i * segments_of(call.num_classes) if saved.segments != NULL else NULL


cdef inline void put_row(RowGroup *group, Py_ssize_t i, const RowStatistics *row) noexcept nogil:
    group.sum_exp[i] = pair_value(row.sum_exp)
    group.scale[i] = row.reference.scale
    group.offset[i] = row.reference.offset
    group.gap_sum[i] = pair_value(row.gap_sum)
    group.anchor_target[i] = row.anchor_target
    group.rest_target[i] = (row.gap_weight.sum - row.anchor_target) + row.gap_weight.error
    group.anchor_logit[i] = row.anchor_logit
    group.moment[i] = row.moment
    group.square[i] = row.square
    group.highest[i] = row.highest
    group.highest_tile[i] = row.highest_tile
    group.rank[i] = row.rank
    group.anchor[i] = row.anchor
    group.bad_probability[i] = row.bad_probability


cdef inline RowStatistics no_row() noexcept nogil:
    # an ignored row, or a lane without a row: loss 0
    cdef RowStatistics row
    memset(&row, 0, sizeof(row))
    row.anchor = NO_CLASS
    return row


cdef Py_ssize_t read_labels(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group
) noexcept nogil:
    # sets the group's anchors, labels, weights and flags; returns the first row whose label is out of range, or NO_ROW
    cdef Py_ssize_t i, bad_row
    if call.task != LOSS or call.has_probabilities:
        for i in range(LANES):
            group.anchor[i] = NO_CLASS
            group.kept[i] = i < count
            group.weight[i] = 1.0
            group.label[i] = NO_CLASS
        return labels_of_group(&call.labels, first, count, group.label) if call.has_labels else NO_ROW
    bad_row = labels_of_group(&call.labels, first, count, group.anchor)
    if bad_row != NO_ROW:
        return bad_row
    if call.has_metrics or call.smoothing != NULL:
        memcpy(group.label, group.anchor, LANES * sizeof(int64_t))
    if call.needs_kept:
        set_kept_rows(group)
    if call.class_weight != NULL:
        for i in range(count):
            if group.anchor[i] >= 0:
                group.weight[i] = call.class_weight[group.anchor[i]]
    return NO_ROW
