# The second sweep of rows of few classes, one row a lane: their exps are known.

cdef extern from "results/few_classes_losses.h" nogil:
    void plain_few_losses(RowGroup *, SecondSweep *, real *, double, double, double, double, bint)
    void spread_few_shares(RowGroup *, SecondSweep *)
    void few_gradient_factors(SecondSweep *)
    void few_softmax_factors(const RowGroup *, SecondSweep *)


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


cdef void few_classes_columns(
    const Call *call, int task, const RowGroup *group, SecondSweep *sweep, Workspace *workspace
) noexcept nogil:
    # what the second sweep writes, over the columns of exps, or those of logits for log_softmax
    cdef real *columns = workspace.columns if task == LOG_SOFTMAX else exps_of(call, workspace)
    cdef lanes quad[QUAD]
    cdef double numbers[LANES]
    cdef lanes anchors = group.few.anchors if task == LOSS else splat(-1), kept, x, zero = splat(0)
    cdef Py_ssize_t i, k
    for i in range(LANES):
        numbers[i] = group.kept[i] if call.needs_kept or task != LOSS else 1.0
    kept = narrow(numbers)
    if call.transforms:
        sweep.few_own = mul(sweep.few_own, slopes(group.few.anchor_logits, call.transform))
    for k in range(call.num_classes):
        if task == LOG_SOFTMAX:
            x = log_softmax_column(columns + k * LANES, group)
        else:
            if k % QUAD == 0:
                few_gradient_quad(sweep, columns + k * LANES, anchors, splat(<real> k), quad)
            x = quad[k % QUAD]
            if call.has_targets:
                x = where_equal(anchors, splat(<real> k), x, less_targets(call, sweep, x, k, workspace))
            if call.transforms:
                x = where_equal(anchors, splat(<real> k), x, mul(x, slopes(load_logits(workspace.logits + k * LANES), call.transform)))
        store(columns + k * LANES, where_equal(kept, zero, zero, x))


cdef void sweep_few_classes(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, const RowGroup *group, SecondSweep *sweep,
    Workspace *workspace,
) noexcept nogil:
    # all rows of a group whose statistics hold
    cdef Py_ssize_t i, k, stride = call.grad.class_stride, itemsize = grad_itemsize(call)
    cdef bint is_simple = not (
        call.has_targets or call.transforms or task == LOG_SOFTMAX or call.labels.has_ignore_index)
    cdef bint whole = count == LANES and group.all_hold, by_rows = stride == itemsize
    cdef char *out = row_start(&call.grad, first)
    cdef real *columns = workspace.columns if task == LOG_SOFTMAX else exps_of(call, workspace)
    cdef lanes anchors = group.few.anchors if task == LOSS else splat(-1)
    if is_simple and whole and by_rows and call.grad.inner == 1:
        few_gradient_rows(sweep, columns, anchors, call.num_classes, out, call.grad.outer_stride, call.grad_is_real)
        return
    few_classes_columns(call, task, group, sweep, workspace)
    if whole and side_by_side(&call.grad, first, itemsize):
        for k in range(call.num_classes):
            if call.grad_is_real:
                store(<real *> (out + k * stride), load(columns + k * LANES))
            else:
                store_logits(<stored *> (out + k * stride), load(columns + k * LANES))
        return
    columns_to_rows(columns, call.num_classes, workspace.rows)
    for i in range(count):
        if not (group.all_hold or group.holds[i]):
            continue
        out = row_start(&call.grad, first + i)
        if by_rows and itemsize == sizeof(real):
            memcpy(out, workspace.rows + i * call.num_classes, call.num_classes * sizeof(real))
        else:
            for k in range(call.num_classes):
                put_real(call, out + k * stride, workspace.rows[i * call.num_classes + k])
