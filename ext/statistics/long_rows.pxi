# Rows of many classes, tile by tile; see row_group.pxi for what they are.

ctypedef struct RowSums:
    Reference reference
    Pair exps, joined, gaps, targets  # joined: what is added to exps class by class
    double wholes, remainders, counted  # of the classes whose gaps the lanes took; wholes are relative to the reference
    double joined_gaps, joined_count  # the other gaps to the reference
    bint centred  # whether a finite logit has set the centre
    double moved  # what the gaps taken so far lack since the centre moved
    double moments, squares, highest  # of an evaluation
    Py_ssize_t rank


cdef void add_targets(
    RowSums *sums, const stored *x, Py_ssize_t count, Py_ssize_t left_out, const double *targets, double centre
) noexcept nogil:
    # t_k and t_k (centre - x_k) of a tile; of the gaps t_k = 0 and `left_out` are left out; `targets` is padded
    cdef wide middle = wide_splat(centre), zero = wide_splat(0.0), t
    cdef lanes values, numbers = lane_numbers()
    cdef compensated total = compensated_zero(), gaps = total
    cdef Py_ssize_t vector, k
    for vector in range(vectors_of(count)):
        k = vector * LANES
        values = load_logits(x + k) if k + LANES <= count else load_logits_part(x + k, <int> (count - k))
        if k <= left_out < k + LANES:
            values = where_equal(numbers, splat(<real> (left_out - k)), splat(<real> centre), values)
        t = wide_load(targets + k)
        total = compensated_add(total, t)
        gaps = compensated_add(gaps, where_nonzero(t, wide_fused(t, wide_sub(middle, widen(values)), zero)))
    add_sum(&sums.targets, &total)
    add_sum(&sums.gaps, &gaps)


cdef real largest_of(const stored *x, Py_ssize_t count) noexcept nogil:
    # NaN is passed over
    cdef lanes highest = splat(<real> -INFINITY)
    cdef Py_ssize_t b
    for b in range(count // BLOCK):
        highest = highest_of(load_block(x + b * BLOCK), highest)
    b = count // BLOCK * BLOCK
    return max(largest(highest), block_highest(x + b, count - b, NO_CLASS))


cdef Py_ssize_t first_of(const stored *x, Py_ssize_t count, real value) noexcept nogil:
    # of at most a tile; -1 if there is none. What pads the last lanes comes after all that counts
    cdef lanes wanted = splat(value), numbers = lane_numbers(), none = splat(<real> -INFINITY), first = none, values
    cdef Py_ssize_t vector, k
    cdef real at
    for vector in range(vectors_of(count)):
        k = vector * LANES
        values = load_logits(x + k) if k + LANES <= count else load_logits_part(x + k, <int> (count - k))
        first = maximum(first, where_equal(values, wanted, sub(splat(<real> -k), numbers), none))
    at = -largest(first)
    return <Py_ssize_t> at if at < count else -1


cdef void move_centre(
    const Call *call, RowStatistics *row, RowSums *sums, double centre, Py_ssize_t seen
) noexcept nogil:
    # gaps of the segment's classes before `seen` were taken to the old centre, but for the anchor's own
    cdef Py_ssize_t begin = seen // SEGMENT * SEGMENT
    cdef double weight = pair_value(sums.targets)
    if not row.by_top and begin <= row.anchor < seen and call.smoothing != NULL:
        weight -= call.smoothing[row.anchor]
    if sums.centred:
        sums.moved += weight * (centre - row.centre)
    sums.centred = True
    row.centre = centre


cdef void settle_gaps(RowSums *sums) noexcept nogil:
    # from what exp_lanes makes of x to gaps
    sums.joined_gaps -= sums.wholes * STEP + (sums.remainders + sums.wholes * STEP_LOW)
    sums.joined_count += sums.counted
    sums.wholes = 0.0
    sums.remainders = 0.0
    sums.counted = 0.0


cdef inline void rebase_moments(
    double *moment, double *square, double sum_exp, double distance, double factor
) noexcept nogil:
    # to a reference lower by `distance`, where exp is `factor` times as large; where that is 0, distances may overflow
    moment[0] = factor * (moment[0] + (distance * sum_exp if factor != 0.0 else 0.0))
    square[0] *= factor * factor


cdef void move_reference(RowSums *sums, double highest) noexcept nogil:
    cdef Reference old = sums.reference, new = reference_at(highest)
    cdef double factor = 0.0
    sums.reference = new
    if old.ceiling == -INFINITY:  # nothing but -inf (or NaN, which stays) was seen
        scale_pair(&sums.exps, 0.0)
        scale_pair(&sums.joined, 0.0)
        sums.moments *= 0.0
        sums.squares *= 0.0
        return
    factor = rebase_factor(old.offset, old.scale, new.offset, new.scale)
    rebase_moments(
        &sums.moments, &sums.squares, pair_value(sums.exps) + pair_value(sums.joined),
        between(old.offset, old.scale, new.offset, new.scale), factor)
    scale_pair(&sums.exps, factor)
    scale_pair(&sums.joined, factor)
    if old.offset != new.offset:
        settle_gaps(sums)
    sums.wholes += sums.counted * (new.scale - old.scale)
    if sums.joined_count:
        sums.joined_gaps -= sums.joined_count * between(old.offset, old.scale, new.offset, new.scale)


cdef inline void add_moments(double *moment, double *square, double term, double distance) noexcept nogil:
    moment[0] += term * distance if term != 0.0 else 0.0
    square[0] += term * term


cdef void join(RowSums *sums, double x) noexcept nogil:
    # one more class, of any size
    cdef double z, low, term
    if x > sums.reference.ceiling:
        move_reference(sums, x)
    z = distance_to_reference(x, sums.reference.offset, sums.reference.scale, &low)
    term = times_exp(1.0, z, low)
    add_value(&sums.joined, term, 0.0)
    add_moments(&sums.moments, &sums.squares, term, z + low)


cdef void join_gaps(RowSums *sums, const stored *x, Py_ssize_t count, Py_ssize_t left_out) noexcept nogil:
    cdef Py_ssize_t k
    cdef Pair gaps
    cdef double gap, low
    gaps.sum = sums.joined_gaps
    gaps.error = 0.0
    for k in range(count):
        if k != left_out:
            gap = distance_to_reference(
                real_at(<const char *> (x + k)), sums.reference.offset, sums.reference.scale, &low)
            add_value(&gaps, -gap, -low)
    sums.joined_gaps = pair_value(gaps)


cdef void raise_top(
    const Call *call, RowStatistics *row, RowSums *sums, double top, Py_ssize_t anchor, Py_ssize_t seen
) noexcept nogil:
    # a larger logit than the top class so far: gaps are to the new one, the old one joins the sum
    if row.anchor >= 0 and row.anchor_logit != -INFINITY:
        join(sums, row.anchor_logit)
        sums.highest = max(sums.highest, row.anchor_logit)
    if isfinite(top):
        move_centre(call, row, sums, top, seen)
    row.anchor_logit = top
    row.anchor = anchor


cdef double add_tile(
    const Call *call, RowStatistics *row, RowSums *sums, const stored *x, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t left_out,
) noexcept nogil:
    # sum of exp and, where smoothing is uniform, of gaps; returns the largest logit but the one left out
    cdef block_sums tile_sums
    cdef Py_ssize_t k, counted = count - (left_out >= 0), filled
    cdef double highest, most, wholes
    sum_row(&tile_sums, x, count, left_out, bias_of(sums.reference.scale), call.sums_with)
    highest = most = largest(tile_sums.highest)
    sums.highest = max(sums.highest, highest)
    if highest > sums.reference.ceiling:
        if highest == INFINITY:
            sums.joined.sum = NAN
            highest = 0.0
        move_reference(sums, highest)
        if not (row.by_top or call.uniform_smoothing):
            move_centre(call, row, sums, highest, start)
        sum_row(&tile_sums, x, count, left_out, bias_of(sums.reference.scale), call.sums_with)
    if sums.reference.offset == 0.0:
        add_sum(&sums.exps, &tile_sums.exps)
        if call.sums_with & MOMENTS:
            sums.moments += wide_sum(tile_sums.moments)
            sums.squares += wide_sum(tile_sums.squares)
    else:
        for k in range(count):
            if k != left_out:
                join(sums, real_at(<const char *> (x + k)))
    if call.uniform_smoothing:
        filled = padded_size(count) - counted
        wholes = wide_sum(tile_sums.wholes) - filled * LOWEST_WHOLE + counted * sums.reference.scale
        if wholes > -MOST_WHOLES and sums.reference.offset == 0.0:
            sums.wholes += wholes
            sums.remainders += wide_sum(tile_sums.remainders) + filled * LOWEST_WHOLE * STEP_LOW
            sums.counted += counted
        else:  # logits that the lanes clamped, -inf among them
            join_gaps(sums, x, count, left_out)
            sums.joined_count += counted
    return most


cdef RowStatistics segment_statistics(
    const Call *call, const char *row, Py_ssize_t row_index, Py_ssize_t segment, Py_ssize_t anchor, bint by_top,
    Py_ssize_t label, Workspace *workspace,
) noexcept nogil:
    # anchor: the class left out of sum_exp, or NO_CLASS; by_top: it is the segment's top class, found on the way;
    # label: the class whose rank is asked for, or NO_CLASS
    cdef RowStatistics statistics
    cdef RowSums sums
    cdef Py_ssize_t tile, start, count, left_out, where, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, call.num_classes)
    cdef const stored *x
    cdef const double *targets
    cdef real label_logit
    cdef double highest, scale = call.label_smoothing if by_top and not call.has_probabilities else 1.0
    memset(&statistics, 0, sizeof(statistics))
    memset(&sums, 0, sizeof(sums))
    statistics.by_top = by_top
    workspace.improper = False
    statistics.anchor = NO_CLASS if by_top else anchor
    statistics.anchor_logit = label_logit_at(call, row_index, anchor) if statistics.anchor >= 0 else -INFINITY
    sums.reference = reference_at(-INFINITY)
    sums.highest = -INFINITY
    label_logit = label_logit_at(call, row_index, label) if label >= 0 else 0
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(call, row + start * call.logits.class_stride, count, workspace.logits)
        targets = tile_targets(call, row_index, start, count, workspace)
        if by_top:
            highest = largest_of(x, count)
            if statistics.anchor < 0 or highest > statistics.anchor_logit:
                where = first_of(x, count, <real> highest)
                if where >= 0:
                    raise_top(call, &statistics, &sums, highest, start + where, start)
        left_out = statistics.anchor - start if start <= statistics.anchor < start + count else NO_CLASS
        if start == begin:
            highest = block_highest(x, count, left_out)
            sums.reference = reference_at(highest if highest < INFINITY else -INFINITY)
            if not by_top and isfinite(highest):
                move_centre(call, &statistics, &sums, highest, begin)
        highest = add_tile(call, &statistics, &sums, x, start, count, left_out)
        if targets != NULL:
            add_targets(&sums, x, count, left_out, targets, statistics.centre)
        if label >= 0 and (highest >= label_logit or (left_out >= 0 and start + left_out != label)):
            sums.rank = rank_of(x, count, label - start, label_logit, sums.rank, call.enough)
    statistics.improper = workspace.improper
    statistics.sum_exp = sums.exps
    add_pair(&statistics.sum_exp, sums.joined)
    statistics.scale = sums.reference.scale
    statistics.offset = sums.reference.offset
    statistics.moment = sums.moments
    statistics.square = sums.squares
    statistics.highest = sums.highest
    statistics.rank = sums.rank
    if sums.reference.ceiling == -INFINITY:
        scale_pair(&statistics.sum_exp, 0.0)
        statistics.moment *= 0.0
        statistics.square *= 0.0
        statistics.scale = INFINITY
    if call.uniform_smoothing:
        settle_gaps(&sums)
        statistics.gap_weight.sum = sums.joined_count
        statistics.gap_sum.sum = sums.joined_gaps
        return statistics
    statistics.gap_weight = sums.targets
    statistics.gap_sum = sums.gaps
    add_value(&statistics.gap_sum, sums.moved, 0.0)
    scale_pair(&statistics.gap_weight, scale)
    scale_pair(&statistics.gap_sum, scale)
    if by_top:
        statistics.target_sum = statistics.gap_weight
        if statistics.anchor >= 0 and call.has_targets:
            statistics.anchor_target = scale * tile_targets(call, row_index, statistics.anchor, 1, workspace)[0]
    elif call.smoothing != NULL and begin <= anchor < end:
        add_value(&statistics.gap_weight, -call.smoothing[anchor], 0.0)
    return statistics


cdef RowStatistics statistics_of_row(
    const Call *call, const char *row, Py_ssize_t row_index, Py_ssize_t anchor, bint by_top, Py_ssize_t label,
    Workspace *workspace,
) noexcept nogil:
    cdef RowStatistics statistics = segment_statistics(call, row, row_index, 0, anchor, by_top, label, workspace)
    cdef Py_ssize_t segment
    for segment in range(1, segments_of(call.num_classes)):
        join_statistics(
            call, &statistics, segment_statistics(call, row, row_index, segment, anchor, by_top, label, workspace))
    finish_statistics(call, &statistics)
    return statistics
