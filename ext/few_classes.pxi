# Rows of few classes: one row a lane, LANES rows at once. The group is transposed into columns, class k of row i at
# columns[k * LANES + i]; each lane has its own reference, the largest of its other classes. Rows with no reference or
# a huge one, with an infinite label, or with gaps beyond what exp_lanes takes, are left to row_statistics.

cdef void rows_of_group(const Rows *rows, Py_ssize_t first, Py_ssize_t count, char **starts) noexcept nogil:
    # where the rows of a group start; lanes without a row have that of the last one
    cdef Py_ssize_t i
    cdef char *at = row_start(rows, first)
    if rows.inner == 1:
        for i in range(LANES):
            starts[i] = at + min(i, count - 1) * rows.outer_stride
    else:
        for i in range(LANES):
            starts[i] = row_start(rows, first + min(i, count - 1))


cdef inline void read_columns(
    const Rows *rows, const char **starts, bint together, Py_ssize_t first, int count, lanes *columns
) noexcept nogil:
    # `count` <= QUAD classes from `first` on
    cdef real buffer[LANES]
    cdef Py_ssize_t i, k, stride = rows.class_stride
    if rows.class_stride == sizeof(stored):
        if count == QUAD:  # a constant: the compiler leaves out what only parts need
            load_columns(<const stored **> starts, first, QUAD, columns)
        else:
            load_columns(<const stored **> starts, first, count, columns)
        return
    for k in range(count):
        if together:
            columns[k] = load_logits(<const stored *> (starts[0] + (first + k) * stride))
            continue
        for i in range(LANES):
            buffer[i] = real_at(starts[i] + (first + k) * stride)
        columns[k] = load(buffer)


cdef void targets_of_group(
    const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group, Scratch *scratch
) noexcept nogil:
    # the rows' targets, class k of row i at target_columns[k * LANES + i]
    cdef Py_ssize_t i, k
    cdef const double *targets
    for i in range(LANES):
        scratch.improper = False
        targets = tile_targets(job, first + min(i, count - 1), 0, job.num_classes, scratch)
        group.improper[i] = scratch.improper
        for k in range(job.num_classes):
            scratch.target_columns[k * LANES + i] = targets[k]


cdef void weighted_gaps(
    const Job *job, Group *group, lanes labels, lanes centre, Scratch *scratch
) noexcept nogil:
    # classes without weight are left out; probabilities have the label's own gap among them, which is 0
    cdef compensated gaps = compensated_zero(), total = gaps
    cdef wide target, zero = wide_splat(0.0)
    cdef lanes x, number
    cdef Py_ssize_t i, k
    for k in range(job.num_classes):
        target = wide_load(scratch.target_columns + k * LANES) if job.has_probabilities \
            else wide_splat(job.smoothing[k])
        x = where_equal(labels, splat(<real> k), centre, load(scratch.columns + k * LANES))
        total = compensated_add(total, target)
        gaps = compensated_add(
            gaps, where_nonzero(target, wide_fused(target, wide_sub(widen(centre), widen(x)), zero)))
    compensated_store(group.gap_sum, gaps)
    if job.has_probabilities:
        compensated_store(group.target_sum, total)
        for i in range(LANES):
            group.label_target[i] = scratch.target_columns[group.label[i] * LANES + i]


cdef void few_classes_statistics(
    const Job *job, Py_ssize_t first, Py_ssize_t count, bint by_top, Group *group, Scratch *scratch
) noexcept nogil:
    # by_top: of all rows of the group
    cdef real *columns = scratch.columns
    cdef real buffer[LANES]
    cdef double wholes[LANES]
    cdef double remainders[LANES]
    cdef double highest[LANES]
    cdef char **starts = scratch.starts
    cdef lanes quad[QUAD]
    cdef lanes labels, label_logits, top, scale, number, x, least = splat(<real> -INFINITY)
    cdef block_sums sums
    cdef Py_ssize_t i, k, q, begin, num_classes = job.num_classes
    cdef double others = num_classes - 1, filled
    cdef int part, fit = 1
    cdef bint together = count == LANES and side_by_side(&job.logits, first, sizeof(stored))
    # the next group is asked for early: it will be touched in all places at once
    cdef const char *ahead = row_start(&job.logits, first) + LANES * num_classes * sizeof(stored) + AHEAD
    rows_of_group(&job.logits, first, count, starts)
    for i in range(LANES):
        buffer[i] = <real> <int32_t> group.label[i]
    labels = splat(-1) if by_top else load(buffer)
    label_logits = least
    top = least
    for q in range((num_classes + QUAD - 1) // QUAD):
        begin = q * QUAD
        part = <int> min(<Py_ssize_t> QUAD, num_classes - begin)
        read_columns(&job.logits, <const char **> starts, together, begin, part, quad)
        for k in range(LANES * QUAD * <Py_ssize_t> sizeof(stored) // LINE):
            prefetch(<const stored *> (ahead + (q * LANES * QUAD * <Py_ssize_t> sizeof(stored) + k * LINE)))
        for k in range(part):
            number = splat(<real> (begin + k))
            x = quad[k]
            store(columns + (begin + k) * LANES, x)
            if by_top:  # `top` is the largest of the others
                top = maximum(minimum(x, label_logits), top)
                labels = where_less(label_logits, x, number, labels)
                label_logits = maximum(x, label_logits)
            else:
                label_logits = where_equal(labels, number, x, label_logits)
                top = maximum(where_equal(labels, number, least, x), top)
    for k in range(num_classes, (num_classes + VECTORS - 1) // VECTORS * VECTORS):
        store(columns + k * LANES, least)

    scale = sub(splat(<real> MAGIC), fused(top, splat(<real> LOG2_E), splat(<real> MAGIC)))
    x = add(splat(<real> (MAGIC + EXPONENT_BIAS)), scale)
    sum_columns(&sums, columns, (num_classes + VECTORS - 1) // VECTORS, labels, x, job.uniform_smoothing)
    compensated_store(group.sum_exp, sums.exps)
    wide_store(group.scale, widen(scale))
    wide_store(highest, widen(top))
    wide_store(group.label_logit, widen(label_logits))
    for i in range(LANES):
        group.sum_exp[i] = sum_of_powers(group.sum_exp[i], group.scale[i])
        group.offset[i] = 0.0
        fit &= (fabs(highest[i]) < LARGE_LOGIT) & (group.label_logit[i] < INFINITY)
        fit &= (group.label_logit[i] > -INFINITY) | (group.label[i] < 0)
    if by_top:
        store(buffer, labels)
        for i in range(LANES):
            group.label[i] = max(<Py_ssize_t> buffer[i], <Py_ssize_t> 0)
    if job.uniform_smoothing:
        filled = (num_classes + VECTORS - 1) // VECTORS * VECTORS - others
        wide_store(wholes, sums.wholes)
        wide_store(remainders, sums.remainders)
        for i in range(LANES):
            wholes[i] += others * group.scale[i] - filled * LOWEST_WHOLE
            remainders[i] += filled * (LOWEST_WHOLE * LN2_REST)
            group.gap_sum[i] = others * group.scale[i] * LN2_ERROR - (
                wholes[i] * <real> LN2 + (remainders[i] + wholes[i] * LN2_REST))
            fit &= wholes[i] > -MOST_WHOLES
    elif job.has_probabilities:
        targets_of_group(job, first, count, group, scratch)
        wide_store(group.centre, widen(label_logits))
        weighted_gaps(job, group, labels, label_logits, scratch)
    elif job.smoothing != NULL:
        wide_store(group.centre, widen(top))
        weighted_gaps(job, group, labels, top, scratch)
        for i in range(LANES):
            fit &= not group.by_top[i]
    if not fit:
        for i in range(count):
            if (
                not fabs(highest[i]) < LARGE_LOGIT or group.label_logit[i] == INFINITY
                or (group.label[i] >= 0 and group.label_logit[i] == -INFINITY)
                or group.by_top[i] != by_top or (job.uniform_smoothing and not wholes[i] > -MOST_WHOLES)
            ):
                one_row_statistics(job, first, i, group, scratch)


cdef void write_columns(
    const Job *job, char **rows, Py_ssize_t num_rows, bint together, Py_ssize_t first, int count,
    const lanes *columns,
) noexcept nogil:
    # `count` <= VECTORS classes from `first` on
    cdef real buffer[LANES]
    cdef char *at
    cdef Py_ssize_t i, k, stride = job.grad.class_stride
    if stride == sizeof(stored) and grad_itemsize(job) == sizeof(stored):
        for k in range(count // QUAD):
            store_columns(<stored **> rows, first + k * QUAD, QUAD, columns + k * QUAD)
        k = count // QUAD * QUAD
        if k < count:
            store_columns(<stored **> rows, first + k, <int> (count - k), columns + k)
        return
    for k in range(count):
        at = rows[0] + (first + k) * stride
        if together and job.grad_is_real:
            store(<real *> at, columns[k])
        elif together:
            store_logits(<stored *> at, columns[k])
        else:
            store(buffer, columns[k])
            for i in range(num_rows):
                put_real(job, rows[i] + (first + k) * stride, buffer[i])


cdef inline lanes narrowed(const double *values) noexcept nogil:
    cdef real buffer[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        buffer[i] = <real> values[i]
    return load(buffer)


cdef lanes less_targets(
    const Job *job, const SecondSweep *sweep, lanes values, Py_ssize_t k, const Scratch *scratch
) noexcept nogil:
    cdef real buffer[LANES]
    cdef Py_ssize_t i
    store(buffer, values)
    if job.has_probabilities:
        for i in range(LANES):
            buffer[i] = <real> (buffer[i] - sweep.target_scale[i] * scratch.target_columns[k * LANES + i])
    else:
        for i in range(LANES):
            buffer[i] = <real> (buffer[i] - sweep.target_scale[i] * job.smoothing[k])
    return load(buffer)


cdef lanes log_softmax_column(
    const real *column, const double *high, const double *low
) noexcept nogil:
    cdef real buffer[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        buffer[i] = <real> ((column[i] - high[i]) - low[i])
    return load(buffer)


cdef void sweep_few_classes(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, const Group *group, const SecondSweep *sweep,
    Scratch *scratch,
) noexcept nogil:
    # the second sweep of a group; its logits are still in columns
    cdef char **rows = scratch.starts
    cdef double numbers[LANES]
    cdef double own[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef block values
    cdef lanes bias, factor, constant, labels, of_label, ignored
    cdef Py_ssize_t i, k, b, begin
    cdef int part
    cdef bint together = count == LANES and side_by_side(&job.grad, first, grad_itemsize(job))
    cdef bint by_rows = job.grad.class_stride == sizeof(stored) and grad_itemsize(job) == sizeof(stored)
    cdef Py_ssize_t itemsize = grad_itemsize(job), n
    cdef const char *ahead = row_start(&job.grad, first) + LANES * job.num_classes * itemsize + AHEAD
    rows_of_group(&job.grad, first, count, rows)
    for i in range(count, LANES):
        rows[i] = <char *> scratch.spare
    for i in range(LANES):
        numbers[i] = group.label[i] if group.nll[i] == group.nll[i] else -1.0
        own[i] = -group.nll[i] if task == LOG_SOFTMAX else sweep.own[i]
        high[i] = low[i] = 0.0  # for the compiler, which does not see that no other task reads them
        if task == LOG_SOFTMAX:
            high[i] = log_sum_exp_of(group, i, low + i)
    labels = splat(-1) if task == SOFTMAX else narrowed(numbers)
    of_label = narrowed(own)
    bias = narrowed(sweep.bias)
    factor = narrowed(sweep.factor)
    constant = narrowed(sweep.constant)
    for i in range(LANES):
        numbers[i] = group.ignored[i]
    ignored = narrowed(numbers)
    for b in range((job.num_classes + VECTORS - 1) // VECTORS):
        begin = b * VECTORS
        part = <int> min(<Py_ssize_t> VECTORS, job.num_classes - begin)
        for n in range(LANES * VECTORS * itemsize // LINE):
            prefetch_to_write(ahead + b * LANES * VECTORS * itemsize + n * LINE)
        if task == LOG_SOFTMAX:
            for k in range(part):
                values.v[k] = log_softmax_column(scratch.columns + (begin + k) * LANES, high, low)
        else:
            values = load_columns_block(scratch.columns + begin * LANES)
            values = scaled_exps(values, bias, factor, constant, splat(<real> sweep.most))
        if job.has_targets:
            for k in range(part):
                values.v[k] = less_targets(job, sweep, values.v[k], begin + k, scratch)
        values = with_labels(values, begin, labels, of_label, ignored)
        if part == VECTORS and by_rows:
            store_columns_block(<stored **> rows, begin, values)
        else:
            write_columns(job, rows, count, together, begin, part, values.v)
