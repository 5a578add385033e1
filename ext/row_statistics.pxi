# Row statistics of a row of many classes, tile by tile; see group.pxi for what they are.

ctypedef struct Reference:
    real offset, ceiling  # ceiling is relative to offset; -inf while there is no reference
    double scale
    lanes bias, floor

ctypedef struct Tile:
    # up to TILE classes as runs of whole blocks; the classes left out and the padding are -inf in `logits` and
    # `centre` in `summed`, so that they add nothing to either sum
    const real *logits[4]
    const real *summed[4]
    Py_ssize_t blocks[4]
    int runs

ctypedef struct TileSums:
    lanes highest, powers, rests, gaps

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
    cdef double shift
    if old.ceiling == -INFINITY:
        return 0.0  # nothing but -inf (or NaN, which stays) was seen
    shift = new.scale - old.scale
    if old.offset == new.offset:
        return power_of_two(shift) if shift > -1000 else 0.0
    return times_exp(1.0, (<double> old.offset - <double> new.offset) + shift * LN2, 0.0)


cdef void copy_classes(real *to, const char *at, Py_ssize_t stride, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t k
    if stride == sizeof(real):
        memcpy(to, at, count * sizeof(real))
    else:
        for k in range(count):
            to[k] = real_at(at + k * stride)


cdef inline void add_run(Tile *tile, const real *logits, const real *summed, Py_ssize_t blocks) noexcept nogil:
    if blocks:
        tile.logits[tile.runs] = logits
        tile.summed[tile.runs] = summed
        tile.blocks[tile.runs] = blocks
        tile.runs += 1


cdef void add_copied_run(
    Tile *tile, Scratch *scratch, Py_ssize_t used, const char *at, Py_ssize_t stride, Py_ssize_t count,
    Py_ssize_t left_out, real offset, real centre,
) noexcept nogil:
    # a run through scratch[used:], without the class `left_out`, padded to whole blocks
    cdef Py_ssize_t k, padded = (count + BLOCK - 1) // BLOCK * BLOCK
    cdef real *logits = scratch.logits + used
    cdef real *summed = scratch.summed + used
    copy_classes(summed, at, stride, count)
    for k in range(count):
        logits[k] = summed[k] - offset
    for k in range(count, padded):
        logits[k] = -INFINITY
        summed[k] = centre
    if 0 <= left_out < count:
        logits[left_out] = -INFINITY
        summed[left_out] = centre
    add_run(tile, logits, summed, padded // BLOCK)


cdef void cut_tile(
    Tile *tile, Scratch *scratch, const char *at, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t left_out, real offset,
    real centre,
) noexcept nogil:
    # contiguous logits are read where they lie; the label's block and the tail go through scratch
    cdef const real *x = <const real *> at
    cdef Py_ssize_t whole = count // BLOCK, block
    tile.runs = 0
    if stride != sizeof(real) or offset != 0:
        add_copied_run(tile, scratch, 0, at, stride, count, left_out, offset, centre)
        return
    block = left_out // BLOCK if 0 <= left_out < whole * BLOCK else whole
    add_run(tile, x, x, block)
    if block < whole:
        add_copied_run(tile, scratch, 0, <const char *> (x + block * BLOCK), stride, BLOCK, left_out - block * BLOCK,
                       0, centre)
        add_run(tile, x + (block + 1) * BLOCK, x + (block + 1) * BLOCK, whole - block - 1)
    if count > whole * BLOCK:
        add_copied_run(tile, scratch, BLOCK, <const char *> (x + whole * BLOCK), stride, count - whole * BLOCK,
                       left_out - whole * BLOCK, 0, centre)


cdef real first_block_maximum(const Tile *tile) noexcept nogil:
    cdef const real *x = tile.logits[0]
    return largest(maximum(maximum(load(x), load(x + LANES)), maximum(load(x + 2 * LANES), load(x + 3 * LANES))))


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


cdef inline TileSums sweep(const Tile *tile, const Reference *reference, real centre, bint with_gaps) noexcept nogil:
    # the one touch of the logits: maximum, sum of exp, sum of gaps
    cdef TileSums sums
    cdef exp_parts e0, e1, e2, e3
    cdef lanes x0, x1, x2, x3
    cdef lanes bias = reference.bias, floor = reference.floor, middle = splat(centre)
    cdef const real *x
    cdef const real *y
    cdef Py_ssize_t run, block
    sums.highest = splat(-INFINITY)
    sums.powers = splat(0)
    sums.rests = splat(0)
    sums.gaps = splat(0)
    for run in range(tile.runs):
        x = tile.logits[run]
        y = tile.summed[run]
        for block in range(tile.blocks[run]):
            x0 = load(x)
            x1 = load(x + LANES)
            x2 = load(x + 2 * LANES)
            x3 = load(x + 3 * LANES)
            sums.highest = maximum(sums.highest, maximum(maximum(x0, x1), maximum(x2, x3)))
            e0 = exp_lanes(maximum(floor, x0), bias)  # this order lets NaN pass
            e1 = exp_lanes(maximum(floor, x1), bias)
            e2 = exp_lanes(maximum(floor, x2), bias)
            e3 = exp_lanes(maximum(floor, x3), bias)
            sums.powers = add(sums.powers, add(add(e0.power, e1.power), add(e2.power, e3.power)))
            sums.rests = add(sums.rests, add(fused(e0.rest, e0.ratio, mul(e1.rest, e1.ratio)),
                                             fused(e2.rest, e2.ratio, mul(e3.rest, e3.ratio))))
            if with_gaps:
                sums.gaps = add(sums.gaps, add(add(sub(middle, load(y)), sub(middle, load(y + LANES))),
                                               add(sub(middle, load(y + 2 * LANES)), sub(middle, load(y + 3 * LANES)))))
            x += BLOCK
            y += BLOCK
    return sums


cdef Compensated add_target_gaps(
    Compensated total, const char *at, Py_ssize_t stride, Py_ssize_t count, Py_ssize_t left_out, const double *targets,
    real centre,
) noexcept nogil:
    # total + sum of t_k (centre - x_k) over a tile, t_k = 0 and `left_out` left out; `targets` is padded with zeros
    cdef real buffer[LANES]
    cdef wide middle = wide_splat(centre), t, x
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
        total = compensated_add(total, where_nonzero(t, wide_fused(t, wide_sub(middle, x), wide_splat(0.0))))
    return total


cdef RowStatistics row_statistics(
    const Job *job, const char *row, Py_ssize_t row_index, Py_ssize_t label, Scratch *scratch
) noexcept nogil:
    # label: the class left out of sum_exp, or -1. With probability labels it is the top class, found on the way:
    # when a larger logit turns up, the old top joins the sum.
    cdef RowStatistics statistics
    cdef Reference reference, moved
    cdef Tile cut
    cdef TileSums sums
    cdef Compensated total, gaps
    cdef Py_ssize_t stride = job.logits.class_stride, tile, start, count, left_out, where
    cdef const char *at
    cdef const double *targets = NULL
    cdef double joined = 0.0, centre = 0.0, error
    cdef real highest, top = -INFINITY
    cdef bint tracks_top = job.has_probabilities
    total.sum = wide_splat(0.0)
    total.error = total.sum
    gaps = total
    reference = reference_at(-INFINITY)
    statistics.target_sum = 0.0
    statistics.gap_sum = 0.0
    for tile in range(tiles_of(job.num_classes)):
        start = tile * TILE
        at = row + start * stride
        count = min(<Py_ssize_t> TILE, job.num_classes - start)
        targets = tile_targets(job, row_index, start, count, scratch)
        if tracks_top:
            highest = raw_maximum(at, stride, count, -1, &where)
            if where >= 0 and (label < 0 or highest > top):
                if label >= 0 and top != -INFINITY:
                    if top - reference.offset > reference.ceiling:
                        moved = reference_at(top)
                        total = compensated_scale(total, rebase_factor(&reference, &moved))
                        joined *= rebase_factor(&reference, &moved)
                        reference = moved
                    joined += times_exp(1.0, (<double> top - reference.offset) + reference.scale * LN2, 0.0)
                if isfinite(highest):
                    statistics.gap_sum += statistics.target_sum * (highest - centre)
                    centre = highest
                top = highest
                label = start + where
        left_out = label - start if label >= start else -1
        cut_tile(&cut, scratch, at, stride, count, left_out, reference.offset, <real> centre)
        if start == 0:
            highest = first_block_maximum(&cut)
            reference = reference_at(highest if highest < INFINITY else <real> -INFINITY)
            if not tracks_top and isfinite(highest):
                centre = highest
            cut_tile(&cut, scratch, at, stride, count, left_out, reference.offset, <real> centre)
        sums = sweep(&cut, &reference, <real> centre, job.uniform_smoothing)
        highest = largest(sums.highest)
        if highest > reference.ceiling:
            if reference.offset != 0:
                highest = raw_maximum(at, stride, count, left_out, &where)
            if highest == INFINITY:
                joined = NAN
            moved = reference_at(highest if highest < INFINITY else <real> 0)
            total = compensated_scale(total, rebase_factor(&reference, &moved))
            joined *= rebase_factor(&reference, &moved)
            if moved.offset != reference.offset:
                cut_tile(&cut, scratch, at, stride, count, left_out, moved.offset, <real> centre)
            reference = moved
            sums = sweep(&cut, &reference, <real> centre, job.uniform_smoothing)
        total = compensated_add(total, wide_add(widen(sums.powers), widen(sums.rests)))
        if targets != NULL:
            gaps.sum = wide_splat(0.0)
            gaps.error = gaps.sum
            gaps = add_target_gaps(gaps, at, stride, count, left_out, targets, <real> centre)
            statistics.gap_sum += compensated_sum(gaps)
            if tracks_top:
                statistics.target_sum += sum_of(targets, count, &error) + error
        elif job.uniform_smoothing:
            gaps = compensated_add(gaps, widen(sums.gaps))
    if targets == NULL and job.uniform_smoothing:
        statistics.gap_sum = compensated_sum(gaps)
    statistics.label_logit = real_at(row + label * stride) if label >= 0 else -INFINITY
    if reference.ceiling == -INFINITY:  # no other class counts: the label's logit will do
        total = compensated_scale(total, 0.0)
        reference = reference_at(<real> statistics.label_logit)
    statistics.sum_exp = sum_of_powers(compensated_sum(total), reference.scale) + joined
    statistics.scale = reference.scale
    statistics.offset = reference.offset
    statistics.centre = centre
    statistics.label = label
    statistics.label_target = tile_targets(job, row_index, label, 1, scratch)[0] if tracks_top and label >= 0 else 0.0
    return statistics
