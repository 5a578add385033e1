# Merges the statistics of the segments of a row into those of the whole row.

cdef void rebase(const Call *call, RowStatistics *row, Reference reference) noexcept nogil:
    # expresses the statistics relative to another reference
    cdef double factor, distance
    if not has_reference(row.reference):
        scale_pair(&row.sum_exp, 0.0)
    else:
        distance = reference_difference(row.reference, reference)
        factor = rebase_factor(row.reference, reference)
        rebase_moments(&row.moment, &row.square, pair_value(row.sum_exp), distance, factor)
        scale_pair(&row.sum_exp, factor)
        if call.uniform_smoothing and row.gap_weight.sum:
            add_value(&row.gap_sum, -pair_value(row.gap_weight) * distance, 0.0)
    row.reference = reference


cdef void join_statistics(const Call *call, RowStatistics *row, RowStatistics other) noexcept nogil:
    # row: the segments so far; other: a later segment
    cdef RowStatistics swap
    cdef double z, low, term
    if call.anchors_are_top and other.anchor >= 0 and (row.anchor < 0 or other.anchor_logit > row.anchor_logit):
        swap = row[0]
        row[0] = other
        other = swap
    if call.anchors_are_top and other.anchor_logit != other.anchor_logit:
        row.anchor_logit = NAN
    if has_reference(other.reference) and (
        not has_reference(row.reference) or reference_difference(other.reference, row.reference) > 0.0
    ):
        rebase(call, row, other.reference)
    else:
        rebase(call, &other, row.reference)
    add_pair(&row.sum_exp, other.sum_exp)
    row.moment += other.moment
    row.square += other.square
    if other.highest > row.highest:
        row.highest = other.highest
        row.highest_tile = other.highest_tile
    row.rank += other.rank
    if not call.uniform_smoothing and other.gap_weight.sum:
        add_value(&other.gap_sum, pair_value(other.gap_weight) * (row.centre - other.centre), 0.0)
    add_pair(&row.gap_sum, other.gap_sum)
    add_pair(&row.gap_weight, other.gap_weight)
    row.bad_probability |= other.bad_probability
    if call.anchors_are_top and other.anchor >= 0 and other.anchor_logit > -INFINITY:
        # the anchor of `other` is no longer the top class: it joins the sums
        if not has_reference(row.reference) or distance_from(row.reference, other.anchor_logit, &low) > 0.0:
            rebase(call, row, reference_at(other.anchor_logit))
        z = distance_from(row.reference, other.anchor_logit, &low)
        term = times_exp(1.0, z, low)
        add_value(&row.sum_exp, term, 0.0)
        add_moments(&row.moment, &row.square, term, z + low)
        row.highest = max(row.highest, other.anchor_logit)


cdef inline void finish_statistics(const Call *call, RowStatistics *row) noexcept nogil:
    if not has_reference(row.reference):  # all other logits are -inf: refer to the anchor's logit
        rebase(call, row, reference_at(row.anchor_logit))
