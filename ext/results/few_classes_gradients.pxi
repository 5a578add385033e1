# The second sweep of rows of few classes, whose logits are still in columns: one row a lane.

cdef void write_columns(
    const Call *call, char **rows, Py_ssize_t num_rows, bint together, Py_ssize_t first, int count,
    const lanes *columns,
) noexcept nogil:
    # `count` <= VECTORS classes from `first` on
    cdef real buffer[LANES]
    cdef char *at
    cdef Py_ssize_t i, k, stride = call.grad.class_stride
    if stride == sizeof(stored) and grad_itemsize(call) == sizeof(stored):
        for k in range(count // QUAD):
            store_columns(<stored **> rows, first + k * QUAD, QUAD, columns + k * QUAD)
        k = count // QUAD * QUAD
        if k < count:
            store_columns(<stored **> rows, first + k, <int> (count - k), columns + k)
        return
    for k in range(count):
        at = rows[0] + (first + k) * stride
        if together and call.grad_is_real:
            store(<real *> at, columns[k])
        elif together:
            store_logits(<stored *> at, columns[k])
        else:
            store(buffer, columns[k])
            for i in range(num_rows):
                put_real(call, rows[i] + (first + k) * stride, buffer[i])


cdef lanes less_targets(
    const Call *call, const SecondSweep *sweep, lanes values, Py_ssize_t k, const Workspace *workspace
) noexcept nogil:
    cdef real buffer[LANES]
    cdef Py_ssize_t i
    store(buffer, values)
    if call.has_probabilities:
        for i in range(LANES):
            buffer[i] = <real> (buffer[i] - sweep.target_scale[i] * workspace.target_columns[k * LANES + i])
    else:
        for i in range(LANES):
            buffer[i] = <real> (buffer[i] - sweep.target_scale[i] * call.smoothing[k])
    return load(buffer)


cdef lanes log_softmax_column(const real *column, const RowGroup *group) noexcept nogil:
    # as log_softmax_segment has it
    cdef real buffer[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        buffer[i] = <real> ((column[i] - group.anchor_logit[i]) - group.nll[i])
    return load(buffer)


cdef void sweep_few_classes(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, const RowGroup *group, const SecondSweep *sweep,
    Workspace *workspace,
) noexcept nogil:
    # the second sweep of a group; its logits are still in columns
    cdef char **rows = workspace.starts
    cdef double numbers[LANES]
    cdef block values
    cdef lanes bias, factor, constant, anchors, of_anchor, kept, x
    cdef Py_ssize_t i, k, b, begin
    cdef int part
    cdef bint together = count == LANES and side_by_side(&call.grad, first, grad_itemsize(call))
    cdef bint by_rows = call.grad.class_stride == sizeof(stored) and grad_itemsize(call) == sizeof(stored)
    cdef Py_ssize_t itemsize = grad_itemsize(call), n
    cdef const char *ahead = row_start(&call.grad, first) + LANES * call.num_classes * itemsize + AHEAD
    rows_of_group(&call.grad, first, count, rows)
    for i in range(count, LANES):
        rows[i] = <char *> workspace.spare
    for i in range(LANES):
        numbers[i] = group.anchor[i] if group.nll[i] == group.nll[i] else -1.0
    anchors = narrow(numbers) if task == LOSS else splat(-1)
    of_anchor = narrow(sweep.own)
    bias = narrow(sweep.bias)
    factor = narrow(sweep.factor)
    constant = narrow(sweep.constant)
    if call.transforms:
        of_anchor = mul(of_anchor, slopes(narrow(group.anchor_logit), call.transform))
    for i in range(LANES):
        numbers[i] = group.kept[i]
    kept = narrow(numbers)
    for b in range((call.num_classes + VECTORS - 1) // VECTORS):
        begin = b * VECTORS
        part = <int> min(<Py_ssize_t> VECTORS, call.num_classes - begin)
        for n in range(LANES * VECTORS * itemsize // LINE):
            prefetch_to_write(ahead + b * LANES * VECTORS * itemsize + n * LINE)
        if task == LOG_SOFTMAX:
            for k in range(part):
                values.v[k] = log_softmax_column(workspace.columns + (begin + k) * LANES, group)
        else:
            values = load_columns_block(workspace.columns + begin * LANES)
            values = scaled_exps(values, bias, factor, constant, splat(<real> sweep.most))
        if call.has_targets:
            for k in range(part):
                values.v[k] = less_targets(call, sweep, values.v[k], begin + k, workspace)
        if call.transforms:
            for k in range(part):
                x = load(workspace.columns + (begin + k) * LANES)
                values.v[k] = mul(values.v[k], slopes(x, call.transform))
        values = with_anchors(values, begin, anchors, of_anchor, kept)
        if part == VECTORS and by_rows:
            store_columns_block(<stored **> rows, begin, values)
        else:
            write_columns(call, rows, count, together, begin, part, values.v)
