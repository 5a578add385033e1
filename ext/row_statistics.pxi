# Row statistics of a row of many classes, tile by tile; see group.pxi for what they are.

ctypedef struct Reference:
    real offset, ceiling  # ceiling is relative to offset; -inf while there is no reference
    double scale
    lanes bias, floor

ctypedef struct Tile:
    # up to TILE classes as runs of whole vectors; the classes left out and the padding are -inf in `logits` and
    # `centre` in `summed`, so that they add nothing to either sum
    const real *logits[4]
    const real *summed[4]
    Py_ssize_t vectors[4]
    int runs

ctypedef struct TileSums:
    lanes highest
    compensated exps, gaps

ctypedef struct RowSums:
    Reference reference
    compensated exps, gaps, targets
    double joined  # what was added to exps class by class
    bint centred  # whether a finite logit has set the centre
    double moved  # what the gaps taken so far lack since the centre moved

cdef enum:
    LARGE_LOGIT = 1 << 20
    CEILING = 10  # nats above the reference: costs 14 * LN2_ERROR = 2.7e-8 of relative error at most
    CLAMP = 27  # powers of two above the smallest, so that `power * r` is not subnormal (slow)


cdef inline Reference reference_at(real highest) noexcept nogil:
    # the reference for logits whose maximum is near `highest`; none for -inf
    cdef Reference reference
    cdef double relative = 0.0
    reference.offset = highest if fabs(highest) >= LARGE_LOGIT and isfinite(highest) else 0
    if isfinite(highest):
        relative = <double> highest - reference.offset
    reference.scale = -rounded(relative * LOG2_E)
    reference.ceiling = <real> (relative + CEILING) if isfinite(highest) else <real> -INFINITY
    set_scale(&reference, reference.scale)
    return reference


cdef inline void set_scale(Reference *reference, double scale) noexcept nogil:
    reference.scale = scale
    reference.bias = splat(<real> (MAGIC + EXPONENT_BIAS + scale))
    reference.floor = splat(<real> ((CLAMP - EXPONENT_BIAS - scale) * LN2))


cdef inline double rebase_factor(const Reference *old, const Reference *new) noexcept nogil:
    # takes a sum relative to `old` to one relative to `new`; a power of two where the offsets agree
    cdef double shift, low
    if old.ceiling == -INFINITY:
        return 0.0  # nothing but -inf (or NaN, which stays) was seen
    shift = new.scale - old.scale
    if old.offset == new.offset:
        return power_of_two(shift) if shift > -1000 else 0.0
    shift = distance_to_reference(old.offset, new.offset, shift, &low)
    return times_exp(1.0, shift, low)


cdef void copy_classes(real *to, const char *at, Py_ssize_t stride, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t k
    if stride == sizeof(real):
        memcpy(to, at, count * sizeof(real))
    else:
        for k in range(count):
            to[k] = real_at(at + k * stride)


cdef inline void add_run(Tile *tile, const real *logits, const real *summed, Py_ssize_t vectors) noexcept nogil:
    if vectors:
        tile.logits[tile.runs] = logits
        tile.summed[tile.runs] = summed
        tile.vectors[tile.runs] = vectors
        tile.runs += 1


cdef void add_copied_run(
    Tile *tile, Scratch *scratch, Py_ssize_t used, const char *at, Py_ssize_t stride, Py_ssize_t count,
    Py_ssize_t left_out, real offset, real centre,
) noexcept nogil:
    # a run through scratch[used:], without the class `left_out`, padded to whole vectors
    cdef Py_ssize_t k
    cdef real *logits = scratch.logits + used
    cdef real *summed = scratch.summed + used
    copy_classes(summed, at, stride, count)
    for k in range(count):
        logits[k] = summed[k] - offset
    for k in range(count, padded_size(count)):
        logits[k] = -INFINITY
        summed[k] = centre
    if 0 <= left_out < count:
        logits[left_out] = -INFINITY
        summed[left_out] = centre
    add_run(tile, logits, summed, vectors_of(count))


cdef void cut_tile(
    Tile *tile, Scratch *scratch, const char *at, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t left_out, real offset,
    real centre,
) noexcept nogil:
    # contiguous logits are read where they lie; the label's block and the tail go through scratch. Only the last run
    # may hold a part of a block: whichever way a tile is cut, the same terms are summed together.
    cdef const real *x = <const real *> at
    cdef Py_ssize_t whole = count // BLOCK, block
    tile.runs = 0
    if stride != sizeof(real) or offset != 0:
        add_copied_run(tile, scratch, 0, at, stride, count, left_out, offset, centre)
        return
    block = left_out // BLOCK if 0 <= left_out < whole * BLOCK else whole
    add_run(tile, x, x, block * VECTORS)
    if block < whole:
        at = <const char *> (x + block * BLOCK)
        add_copied_run(tile, scratch, 0, at, stride, BLOCK, left_out - block * BLOCK, 0, centre)
        add_run(tile, x + (block + 1) * BLOCK, x + (block + 1) * BLOCK, (whole - block - 1) * VECTORS)
    if count > whole * BLOCK:
        at = <const char *> (x + whole * BLOCK)
        add_copied_run(tile, scratch, BLOCK, at, stride, count - whole * BLOCK, left_out - whole * BLOCK, 0, centre)


cdef real raw_maximum(
    const char *at, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t left_out, Py_ssize_t *where
) noexcept nogil:
    # the first largest of `count` logits; NaN is passed over; where = -1 if all are NaN or there are none
    cdef Py_ssize_t k
    cdef real best = -INFINITY, x
    where[0] = -1
    for k in range(count):
        x = real_at(at + k * stride)
        if k != left_out and (x > best or (where[0] < 0 and x == best)):
            best = x
            where[0] = k
    return best


cdef real first_maximum(const char *at, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t left_out) noexcept nogil:
    # of the first block: near enough to the maximum of the row to begin with
    cdef real first[BLOCK]
    cdef lanes highest = splat(-INFINITY)
    cdef Py_ssize_t k, vectors
    count = min(count, <Py_ssize_t> BLOCK)
    vectors = vectors_of(count)
    copy_classes(first, at, stride, count)
    for k in range(count, vectors * LANES):
        first[k] = -INFINITY
    if 0 <= left_out < count:
        first[left_out] = -INFINITY
    for k in range(vectors):
        highest = maximum(highest, load(first + k * LANES))
    return largest(highest)


cdef inline TileSums sweep(const Tile *tile, const Reference *reference, double centre, bint with_gaps) noexcept nogil:
    # the one touch of the logits: maximum, sum of exp, sum of gaps
    cdef TileSums sums
    cdef exp_parts e
    cdef lanes bias = reference.bias, floor = reference.floor, powers, rests, x
    cdef wide middle = wide_splat(centre)
    cdef const real *logits
    cdef const real *summed
    cdef Py_ssize_t run, step, first, vector
    sums.highest = splat(-INFINITY)
    sums.exps = compensated_zero()
    sums.gaps = sums.exps
    for run in range(tile.runs):
        logits = tile.logits[run]
        summed = tile.summed[run]
        for step in range((tile.vectors[run] + STEP - 1) // STEP):
            powers = splat(0)
            rests = splat(0)
            first = step * STEP
            for vector in range(first, min(first + <Py_ssize_t> STEP, tile.vectors[run])):
                prefetch(logits + vector * LANES + AHEAD)
                x = load(logits + vector * LANES)
                sums.highest = maximum(sums.highest, x)
                e = exp_lanes(maximum(floor, x), bias)  # this order lets NaN pass
                powers = add(powers, e.power)
                rests = fused(e.rest, e.ratio, rests)
                if with_gaps:  # in float64: their roundings need not average out
                    sums.gaps = accumulate(sums.gaps, wide_sub(middle, wide_load_real(summed + vector * LANES)))
            sums.exps = accumulate(accumulate(sums.exps, widen(powers)), widen(rests))
    return sums


cdef void add_targets(
    RowSums *sums, const char *at, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t left_out, const double *targets,
    real centre,
) noexcept nogil:
    # t_k and t_k (centre - x_k) of a tile; of the gaps t_k = 0 and `left_out` are left out; `targets` is padded
    cdef real buffer[LANES]
    cdef wide middle = wide_splat(centre), zero = wide_splat(0.0), t, x
    cdef Py_ssize_t vector, k
    for vector in range(vectors_of(count)):
        k = vector * LANES
        if stride == sizeof(real) and k + LANES <= count and not k <= left_out < k + LANES:
            x = wide_load_real(<const real *> at + k)
        else:
            memset(buffer, 0, sizeof(buffer))
            copy_classes(buffer, at + k * stride, stride, min(<Py_ssize_t> LANES, count - k))
            if k <= left_out < k + LANES:
                buffer[left_out - k] = centre
            x = wide_load_real(buffer)
        t = wide_load(targets + k)
        sums.targets = compensated_add(sums.targets, t)
        sums.gaps = compensated_add(sums.gaps, where_nonzero(t, wide_fused(t, wide_sub(middle, x), zero)))


cdef void move_centre(
    const Job *job, RowStatistics *row, RowSums *sums, real centre, Py_ssize_t seen
) noexcept nogil:
    # gaps of the first `seen` classes were taken to the old centre
    cdef double weight = compensated_sum(sums.targets)
    if job.uniform_smoothing:
        weight = seen - (0 <= row.label < seen)
    elif not row.by_top and 0 <= row.label < seen and job.smoothing != NULL:
        weight -= job.smoothing[row.label]
    if sums.centred:
        sums.moved += weight * (<double> centre - row.centre)
    sums.centred = True
    row.centre = centre


cdef void move_reference(RowSums *sums, real highest) noexcept nogil:
    cdef Reference reference = reference_at(highest)
    cdef double factor = rebase_factor(&sums.reference, &reference)
    sums.joined *= factor
    # what the lanes summed holds exp(scale * LN2_ERROR): from the old scale's to the new one's
    sums.exps = compensated_scale(sums.exps, sum_of_powers(factor, sums.reference.scale - reference.scale))
    sums.reference = reference


cdef void join(RowSums *sums, real x) noexcept nogil:
    # one more class
    cdef double z, low
    if x - sums.reference.offset > sums.reference.ceiling:
        move_reference(sums, x)
    z = distance_to_reference(x, sums.reference.offset, sums.reference.scale, &low)
    sums.joined += times_exp(1.0, z, low)


cdef void raise_top(
    const Job *job, RowStatistics *row, RowSums *sums, real top, Py_ssize_t label, Py_ssize_t seen
) noexcept nogil:
    # a larger logit than the top class so far: gaps are to the new one, the old one joins the sum
    if row.label >= 0 and row.label_logit != -INFINITY:
        join(sums, <real> row.label_logit)
    if isfinite(top):
        move_centre(job, row, sums, top, seen)
    row.label_logit = top
    row.label = label


cdef void add_tile(
    const Job *job, RowStatistics *row, RowSums *sums, const char *at, Py_ssize_t start, Py_ssize_t count,
    Py_ssize_t left_out, Scratch *scratch,
) noexcept nogil:
    # sum of exp and, where smoothing is uniform, of gaps
    cdef Tile cut
    cdef TileSums of
    cdef Py_ssize_t stride = job.logits.class_stride, where
    cdef real highest, offset = sums.reference.offset
    cut_tile(&cut, scratch, at, stride, count, left_out, offset, <real> row.centre)
    of = sweep(&cut, &sums.reference, row.centre, job.uniform_smoothing)
    highest = largest(of.highest)
    if highest > sums.reference.ceiling:
        if offset != 0:  # largest() is relative to it, and rounded
            highest = raw_maximum(at, stride, count, left_out, &where)
        if highest == INFINITY:
            sums.joined = NAN
            highest = 0
        move_reference(sums, highest)
        if not row.by_top:
            move_centre(job, row, sums, highest, start)
        cut_tile(&cut, scratch, at, stride, count, left_out, sums.reference.offset, <real> row.centre)
        of = sweep(&cut, &sums.reference, row.centre, job.uniform_smoothing)
    sums.exps = merged(sums.exps, of.exps)
    if job.uniform_smoothing:
        sums.gaps = merged(sums.gaps, of.gaps)


cdef RowStatistics row_statistics(
    const Job *job, const char *row, Py_ssize_t row_index, Py_ssize_t label, bint by_top, Scratch *scratch
) noexcept nogil:
    # label: the class left out of sum_exp, or -1; by_top: it is the top class, found on the way
    cdef RowStatistics statistics
    cdef RowSums sums
    cdef Py_ssize_t stride = job.logits.class_stride, tile, start, count, left_out, where
    cdef const char *at
    cdef const double *targets
    cdef double scale = 1.0 if job.has_probabilities else job.label_smoothing
    cdef real highest
    memset(&statistics, 0, sizeof(statistics))
    statistics.by_top = by_top
    statistics.label = -1 if by_top else label
    statistics.label_logit = real_at(row + label * stride) if statistics.label >= 0 else -INFINITY
    sums.reference = reference_at(-INFINITY)
    sums.joined = 0.0
    sums.moved = 0.0
    sums.centred = False
    sums.exps = compensated_zero()
    sums.gaps = sums.exps
    sums.targets = sums.exps
    for tile in range(tiles_of(job.num_classes)):
        start = tile * TILE
        at = row + start * stride
        count = min(<Py_ssize_t> TILE, job.num_classes - start)
        targets = tile_targets(job, row_index, start, count, scratch)
        if by_top:
            highest = raw_maximum(at, stride, count, -1, &where)
            if where >= 0 and (statistics.label < 0 or highest > statistics.label_logit):
                raise_top(job, &statistics, &sums, highest, start + where, start)
        left_out = statistics.label - start if statistics.label >= start else -1
        if start == 0:
            highest = first_maximum(at, stride, count, left_out)
            sums.reference = reference_at(highest if highest < INFINITY else <real> -INFINITY)
            if not by_top and isfinite(highest):
                move_centre(job, &statistics, &sums, highest, 0)
        add_tile(job, &statistics, &sums, at, start, count, left_out, scratch)
        if targets != NULL:
            add_targets(&sums, at, stride, count, left_out, targets, <real> statistics.centre)
    if sums.reference.ceiling == -INFINITY:  # no other class counts: the label's logit will do
        move_reference(&sums, <real> statistics.label_logit)
    statistics.sum_exp = sum_of_powers(compensated_sum(sums.exps), sums.reference.scale) + sums.joined
    statistics.scale = sums.reference.scale
    statistics.offset = sums.reference.offset
    statistics.gap_sum = compensated_sum(sums.gaps) + sums.moved
    if by_top:
        statistics.gap_sum *= scale
        statistics.target_sum = scale * compensated_sum(sums.targets)
        if statistics.label >= 0:
            statistics.label_target = scale * tile_targets(job, row_index, statistics.label, 1, scratch)[0]
    return statistics
