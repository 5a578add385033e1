# Statistics of a row of any length, tile by tile: the general algorithm, which takes all rows that few_classes.pxi and
# short_rows.pxi do not. row_group.pxi defines the statistics.

ctypedef struct RowSums:
    # sums over the classes of a segment so far, without the anchor
    double highest  # the largest logit
    Reference reference  # reference_at(highest)
    Pair exps, gaps, targets  # gaps: to the reference where smoothing is uniform, else to the centre of the segment
    double counted  # number of classes in `gaps`, where smoothing is uniform
    double moments, squares  # if Call.has_metrics
    Py_ssize_t rank


cdef void add_targets(
    RowSums *sums, const stored *x, Py_ssize_t count, Py_ssize_t left_out, const double *targets, double centre
) noexcept nogil:
    # adds t_k and t_k (centre - x_k) of a tile. Gaps of classes with t_k = 0 and of `left_out` count as 0.
    cdef wide middle = wide_splat(centre), zero = wide_splat(0.0), t
    cdef lanes values, numbers = lane_numbers()
    cdef compensated total = compensated_zero(), gaps = total
    cdef Py_ssize_t vector, k
    for vector in range(vectors_of(count)):
        k = vector * LANES
        values = load_up_to(x + k, count - k)
        if k <= left_out < k + LANES:
            values = where_equal(numbers, splat(<real> (left_out - k)), splat(<real> centre), values)
        t = wide_load(targets + k)
        total = compensated_add(total, t)
        gaps = compensated_add(gaps, where_nonzero(t, wide_fused(t, wide_sub(middle, widen(values)), zero)))
    add_sum(&sums.targets, &total)
    add_sum(&sums.gaps, &gaps)


cdef bint raise_anchor(
    RowStatistics *statistics, const stored *x, Py_ssize_t count, Py_ssize_t start, double highest
) noexcept nogil:
    # where the anchor is the first of the largest logits so far: whether it lies in this tile, which begins at `start`
    cdef Py_ssize_t where
    if statistics.anchor != NO_CLASS and not highest > statistics.anchor_logit:
        return False
    where = first_equal(x, count, <real> highest)
    if where == NO_CLASS:  # all are nan
        return False
    statistics.anchor = start + where
    statistics.anchor_logit = highest
    return True


cdef void find_top(
    const Call *call, const char *row, Py_ssize_t begin, Py_ssize_t end, Workspace *workspace,
    RowStatistics *statistics,
) noexcept nogil:
    # the anchor becomes the top class of these classes; NO_CLASS where all are nan
    cdef Py_ssize_t start = begin, count
    cdef const stored *x
    while start < end:
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(call, row + start * call.logits.class_stride, count, workspace.logits)
        raise_anchor(statistics, x, count, start, highest_of(x, count, NO_CLASS))
        start += count
    if isfinite(statistics.anchor_logit):
        statistics.centre = statistics.anchor_logit


cdef bint has_nan(const Call *call, const char *row, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t k
    cdef real x
    for k in range(begin, end):
        x = real_at(row + k * call.logits.class_stride)
        if x != x:
            return True
    return False


cdef inline void rebase_moments(
    double *moment, double *square, double sum_exp, double distance, double factor
) noexcept nogil:
    # to a reference lower by `distance`: each exp becomes `factor` times as large; factor is 0 where distance overflows
    moment[0] = factor * (moment[0] + (distance * sum_exp if factor != 0.0 else 0.0))
    square[0] *= factor * factor


cdef inline void add_moments(double *moment, double *square, double term, double distance) noexcept nogil:
    moment[0] += term * distance if term != 0.0 else 0.0
    square[0] += term * term


cdef void raise_reference(RowSums *sums, double highest) noexcept nogil:
    # a tile has a larger logit than all before: express the sums relative to its reference
    cdef Reference new = reference_at(highest)
    cdef double distance = reference_difference(sums.reference, new), factor = 0.0
    if sums.highest != -INFINITY:  # else all logits before were -inf or nan; nan stays in the sums
        factor = rebase_factor(sums.reference, new)
        if sums.counted:
            add_value(&sums.gaps, -sums.counted * distance, 0.0)
    rebase_moments(&sums.moments, &sums.squares, pair_value(sums.exps), distance, factor)
    scale_pair(&sums.exps, factor)
    sums.reference = new
    sums.highest = highest
    if highest == INFINITY:
        sums.exps.sum = NAN


cdef void add_logit(RowSums *sums, double logit) noexcept nogil:
    # a class that is no longer the anchor joins the sums
    cdef double low, z, term
    if logit > sums.highest:
        raise_reference(sums, logit)
    z = distance_from(sums.reference, logit, &low)
    term = times_exp(1.0, z, low)
    add_value(&sums.exps, term, 0.0)
    add_moments(&sums.moments, &sums.squares, term, z + low)


cdef void add_large_tile(
    RowSums *sums, const stored *x, Py_ssize_t count, Py_ssize_t left_out
) noexcept nogil:
    # adds exps of logits that are beyond LARGE_LOGIT, one by one in float64
    cdef Py_ssize_t k
    for k in range(count):
        if k != left_out:
            add_logit(sums, real_at(<const char *> (x + k)))


cdef void add_large_gaps(
    RowSums *sums, const stored *x, Py_ssize_t count, Py_ssize_t left_out
) noexcept nogil:
    # adds gaps whose sum overflows in `real`, one by one in float64
    cdef Py_ssize_t k
    cdef double logit, gap, low
    for k in range(count):
        if k != left_out:
            logit = real_at(<const char *> (x + k))
            gap = distance_from(sums.reference, logit, &low)
            add_value(&sums.gaps, -gap, -low)


cdef void exps_relative_to(
    Reference reference, const stored *x, Py_ssize_t count, real *exps
) noexcept nogil:
    # the exps of a tile with the bits of the first sweep; `exps` has room for whole vectors
    cdef tile_reference m
    cdef Py_ssize_t k
    cdef double logit, z, low
    if reference.offset == 0.0:
        m = tile_reference_of(reference.scale if has_reference(reference) else 0.0)
        exps_of_tile(exps, x, count, &m)
        return
    for k in range(count):
        logit = real_at(<const char *> (x + k))
        z = distance_from(reference, logit, &low)
        exps[k] = <real> times_exp(1.0, min(z, 0.0), low)  # the class that is left out may exceed the reference


cdef void add_tile(
    const Call *call, RowSums *sums, tile_logits tile, tile_logits next, Py_ssize_t count, saved_row saved,
    double *highest_of_next,
) noexcept nogil:
    # adds exps and, where smoothing is uniform, gaps, relative to a reference that no logit of the tile exceeds
    cdef tile_reference m
    cdef tile_sums added
    cdef Py_ssize_t others = count - (0 <= tile.left_out < count)
    cdef bint has_gaps = False
    if sums.reference.offset == 0.0:
        m = tile_reference_of(sums.reference.scale)
        sum_tile(&added, tile, next, count, &m, saved, call.sums_with)
        highest_of_next[0] = added.highest_of_next
        add_value(&sums.exps, added.exps, added.exps_error)
        if call.sums_with & MOMENTS:
            sums.moments += added.moments + m.near_error * with_error(added.exps, added.exps_error)
            sums.squares += added.squares
        has_gaps = call.uniform_smoothing and isfinite(with_error(added.gaps, added.gaps_error))
        if has_gaps:
            add_value(&sums.gaps, added.gaps, added.gaps_error)
            add_value(&sums.gaps, -others * m.near_error, 0.0)
    else:
        highest_of_next[0] = highest_of(next.x, count, next.left_out)
        add_large_tile(sums, tile.x, count, tile.left_out)
        if saved.exps != NULL:
            exps_relative_to(sums.reference, tile.x, count, saved.exps)
    if call.uniform_smoothing:
        sums.counted += others
        if not has_gaps:
            add_large_gaps(sums, tile.x, count, tile.left_out)


cdef void finish_segment(const Call *call, const RowSums *sums, RowStatistics *row) noexcept nogil:
    row.sum_exp = sums.exps
    row.reference = sums.reference
    row.moment = sums.moments
    row.square = sums.squares
    row.highest = sums.highest
    row.rank = sums.rank
    if sums.highest == -INFINITY:
        scale_pair(&row.sum_exp, 0.0)
        row.moment *= 0.0
        row.square *= 0.0
        row.reference.scale = INFINITY
    row.gap_sum = sums.gaps
    row.gap_weight = sums.targets
    if call.uniform_smoothing:
        row.gap_weight.sum = sums.counted


cdef void segment_statistics(
    const Call *call, const char *row, Py_ssize_t row_index, Py_ssize_t segment, Py_ssize_t anchor, Py_ssize_t label,
    saved_row saved, TopClasses *top, Workspace *workspace, RowStatistics *statistics,
) noexcept nogil:
    # anchor: the class left out of the sums, or NO_CLASS; with anchors_are_top, the top class of the segment instead,
    # which is that of the tiles so far until all are read, unless targets need its logit before the sums; label: the
    # class whose rank is needed, or NO_CLASS; top: the top classes so far
    cdef RowSums sums
    cdef Py_ssize_t index, start, count, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, call.num_classes)
    cdef tile_logits tile, next
    cdef const double *targets
    cdef real label_logit = 0
    cdef double highest, highest_of_next = 0.0, anchor_logit
    cdef bint is_in_place = call.logits.class_stride == sizeof(stored) and not call.transforms, is_known = False
    cdef bint raises_anchor = call.anchors_are_top and not call.has_targets
    memset(statistics, 0, sizeof(RowStatistics))
    memset(&sums, 0, sizeof(sums))
    sums.highest = -INFINITY
    workspace.bad_probability = False
    statistics.anchor = NO_CLASS if call.anchors_are_top else anchor
    statistics.anchor_logit = label_logit_at(call, row_index, anchor) if statistics.anchor >= 0 else -INFINITY
    if call.anchors_are_top and not raises_anchor:
        find_top(call, row, begin, end, workspace, statistics)
    if label >= 0:
        label_logit = label_logit_at(call, row_index, label)
    for index in range(tiles_of(end - begin)):
        start = begin + index * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        tile.x = contiguous(call, row + start * call.logits.class_stride, count, workspace.logits)
        tile.left_out = statistics.anchor - start if statistics.anchor >= 0 and not raises_anchor else NO_CLASS
        targets = tile_targets(call, row_index, start, count, workspace)
        highest = highest_of_next if is_known else highest_of(tile.x, count, tile.left_out)
        if top.size:
            add_tile_to_top(top, tile.x, count, start, <real> highest)
        anchor_logit = statistics.anchor_logit
        if raises_anchor and raise_anchor(statistics, tile.x, count, start, highest):
            if anchor_logit > -INFINITY:
                add_logit(&sums, anchor_logit)
            tile.left_out = statistics.anchor - start
            highest = highest_of(tile.x, count, tile.left_out)
        if highest > sums.highest:
            statistics.highest_tile = start
            raise_reference(&sums, highest)
        next = tile
        is_known = is_in_place and start + 2 * <Py_ssize_t> TILE <= end
        if is_known:
            next.x += TILE
            next.left_out = NO_CLASS if raises_anchor else tile.left_out - TILE
        add_tile(call, &sums, tile, next, count, saved_from(saved, start), &highest_of_next)
        statistics.references[index] = sums.reference
        if sums.highest == -INFINITY:
            statistics.references[index].scale = INFINITY
        if targets != NULL:
            add_targets(&sums, tile.x, count, tile.left_out, targets, statistics.centre)
        if label >= 0 and (highest >= label_logit or (0 <= tile.left_out < count and statistics.anchor != label)):
            sums.rank = rank_of(tile.x, count, label - start, label_logit, sums.rank, call.rank_limit)
    statistics.bad_probability = workspace.bad_probability
    finish_segment(call, &sums, statistics)
    if call.anchors_are_top and statistics.sum_exp.sum != statistics.sum_exp.sum and has_nan(call, row, begin, end):
        statistics.anchor_logit = NAN  # else log_sum_exp is an infinity: see irregular_log_sum_exp
    if call.has_targets and statistics.anchor >= 0:
        statistics.anchor_target = tile_targets(call, row_index, statistics.anchor, 1, workspace)[0]


cdef RowStatistics statistics_of_row(
    const Call *call, const char *row, Py_ssize_t row_index, Py_ssize_t anchor, Py_ssize_t label, saved_row saved,
    RowStatistics *segments, Workspace *workspace,
) noexcept nogil:
    # segments: receives the statistics of each segment, or NULL
    cdef RowStatistics statistics, other
    cdef TopClasses top = top_of_row(call, row_index, 0)
    cdef Py_ssize_t segment
    for segment in range(segments_of(call.num_classes)):
        segment_statistics(
            call, row, row_index, segment, anchor, label, saved, &top, workspace, &other)
        if segments != NULL:
            segments[segment] = other
        if segment == 0:
            statistics = other
        else:
            join_statistics(call, &statistics, other)
    finish_statistics(call, &statistics)
    return statistics
