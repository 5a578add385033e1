# Statistics of the parts of a row become those of the row: the first monoid.

cdef void rebase(const Call *call, RowStatistics *row, double offset, double scale) noexcept nogil:
    # to another reference
    cdef double factor, distance
    if row.scale == INFINITY:
        scale_pair(&row.sum_exp, 0.0)
    else:
        distance = between(row.offset, row.scale, offset, scale)
        factor = rebase_factor(row.offset, row.scale, offset, scale)
        rebase_moments(&row.moment, &row.square, pair_value(row.sum_exp), distance, factor)
        scale_pair(&row.sum_exp, factor)
        if call.uniform_smoothing and row.gap_weight.sum:
            add_value(&row.gap_sum, -pair_value(row.gap_weight) * distance, 0.0)
    row.offset = offset
    row.scale = scale


cdef void join_statistics(const Call *call, RowStatistics *row, RowStatistics other) noexcept nogil:
    # of later classes of the same row
    cdef RowStatistics swap
    cdef Reference reference
    cdef double z, low, term
    if row.by_top and other.anchor >= 0 and (row.anchor < 0 or other.anchor_logit > row.anchor_logit):
        swap = row[0]
        row[0] = other
        other = swap
    if other.scale != INFINITY and (
        row.scale == INFINITY or between(other.offset, other.scale, row.offset, row.scale) > 0.0
    ):
        rebase(call, row, other.offset, other.scale)
    else:
        rebase(call, &other, row.offset, row.scale)
    add_pair(&row.sum_exp, other.sum_exp)
    row.moment += other.moment
    row.square += other.square
    row.highest = max(row.highest, other.highest)
    row.rank += other.rank
    if not call.uniform_smoothing and other.gap_weight.sum:
        add_value(&other.gap_sum, pair_value(other.gap_weight) * (row.centre - other.centre), 0.0)
    add_pair(&row.gap_sum, other.gap_sum)
    add_pair(&row.gap_weight, other.gap_weight)
    add_pair(&row.target_sum, other.target_sum)
    row.improper |= other.improper
    if row.by_top and other.anchor >= 0 and other.anchor_logit > -INFINITY:  # it is no longer the top class
        z = distance_to_reference(other.anchor_logit, row.offset, row.scale, &low)
        if row.scale == INFINITY or z > CEILING:
            reference = reference_at(other.anchor_logit)
            rebase(call, row, reference.offset, reference.scale)
            z = distance_to_reference(other.anchor_logit, row.offset, row.scale, &low)
        term = times_exp(1.0, z, low)
        add_value(&row.sum_exp, term, 0.0)
        add_moments(&row.moment, &row.square, term, z + low)
        row.highest = max(row.highest, other.anchor_logit)


cdef inline void finish_statistics(const Call *call, RowStatistics *row) noexcept nogil:
    cdef Reference reference
    if row.scale == INFINITY:  # no other class counts: the anchor's logit will do
        reference = reference_at(row.anchor_logit)
        rebase(call, row, reference.offset, reference.scale)
