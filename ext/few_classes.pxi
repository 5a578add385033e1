# Rows of few classes: one row a lane, LANES rows at once. The group is transposed into columns, class k of row i at
# columns[k * LANES + i]; each lane has its own reference, the largest of its other classes. Rows with no reference or
# a huge one, with an infinite label, or with gaps beyond what exp_lanes takes, are left to row_statistics.pxi.

cdef void rows_of_group(const Rows *rows, Py_ssize_t first, Py_ssize_t count, char **starts) noexcept nogil:
    # where the rows of a group start; lanes without a row have that of the last one
    cdef Py_ssize_t i
    cdef char *at = row_start(rows, first)
    if rows.inner == 1 and count == LANES:  # a constant: the loop vectorises
        for i in range(LANES):
            starts[i] = at + i * rows.outer_stride
    else:
        for i in range(LANES):
            starts[i] = row_start(rows, first + min(i, count - 1))


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
    cdef double fit[LANES]
    cdef column_heads heads
    cdef Py_ssize_t i, stride = job.logits.class_stride
    cdef bint side = count == LANES and side_by_side(&job.logits, first, sizeof(stored)), all_fit
    cdef const char *ahead = row_start(&job.logits, first) + LANES * job.num_classes * sizeof(stored) + AHEAD
    cdef int label = LABEL_TOP if by_top else LABEL_KEPT if job.has_grad else LABEL_TAKEN_OUT
    rows_of_group(&job.logits, first, count, scratch.starts)
    if job.transforms:  # into columns, which are read as rows side by side
        transform_columns(
            scratch.logits, <const char **> scratch.starts, stride, side, job.num_classes, job.transform)
        for i in range(LANES):
            scratch.starts[i] = <char *> (scratch.logits + i)
        stride = LANES * sizeof(stored)
        side = True
    all_fit = columns_statistics(
        group, &heads, fit, <const char **> scratch.starts, stride, side, job.num_classes, ahead,
        scratch.columns, job.sums_with, label)
    if job.measures:
        rank_group(job, group, &heads, by_top, scratch)
    if job.has_probabilities:
        targets_of_group(job, first, count, group, scratch)
        wide_store(group.centre, widen(heads.label_logits))
        weighted_gaps(job, group, heads.labels, heads.label_logits, scratch)
    elif job.smoothing != NULL:
        wide_store(group.centre, widen(heads.top))
        weighted_gaps(job, group, heads.labels, heads.top, scratch)
        for i in range(count):
            if group.by_top[i] != by_top:
                fit[i] = 0.0
                all_fit = False
    if not all_fit:
        for i in range(count):
            if not fit[i]:
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


cdef lanes log_softmax_column(const real *column, const Group *group) noexcept nogil:
    # as log_softmax_segment has it
    cdef real buffer[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        buffer[i] = <real> ((column[i] - group.label_logit[i]) - group.nll[i])
    return load(buffer)


cdef void sweep_few_classes(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, const Group *group, const SecondSweep *sweep,
    Scratch *scratch,
) noexcept nogil:
    # the second sweep of a group; its logits are still in columns
    cdef char **rows = scratch.starts
    cdef double numbers[LANES]
    cdef block values
    cdef lanes bias, factor, constant, labels, of_label, kept, x
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
    labels = narrow(numbers) if task == LOSS else splat(-1)
    of_label = narrow(sweep.own)
    bias = narrow(sweep.bias)
    factor = narrow(sweep.factor)
    constant = narrow(sweep.constant)
    if job.transforms:
        of_label = mul(of_label, slopes(narrow(group.label_logit), job.transform))
    for i in range(LANES):
        numbers[i] = group.kept[i]
    kept = narrow(numbers)
    for b in range((job.num_classes + VECTORS - 1) // VECTORS):
        begin = b * VECTORS
        part = <int> min(<Py_ssize_t> VECTORS, job.num_classes - begin)
        for n in range(LANES * VECTORS * itemsize // LINE):
            prefetch_to_write(ahead + b * LANES * VECTORS * itemsize + n * LINE)
        if task == LOG_SOFTMAX:
            for k in range(part):
                values.v[k] = log_softmax_column(scratch.columns + (begin + k) * LANES, group)
        else:
            values = load_columns_block(scratch.columns + begin * LANES)
            values = scaled_exps(values, bias, factor, constant, splat(<real> sweep.most))
        if job.has_targets:
            for k in range(part):
                values.v[k] = less_targets(job, sweep, values.v[k], begin + k, scratch)
        if job.transforms:
            for k in range(part):
                x = load(scratch.columns + (begin + k) * LANES)
                values.v[k] = mul(values.v[k], slopes(x, job.transform))
        values = with_labels(values, begin, labels, of_label, kept)
        if part == VECTORS and by_rows:
            store_columns_block(<stored **> rows, begin, values)
        else:
            write_columns(job, rows, count, together, begin, part, values.v)
