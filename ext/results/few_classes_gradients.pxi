# The second sweep of rows of few classes, one row a lane; their exps are saved as columns. See gradients.pxi.

cdef extern from "results/few_classes_losses.h" nogil:
    ctypedef struct PlainLoss:
        double label_smoothing, uniform, others, grad_scale
        Py_ssize_t num_classes, row_stride, grad_stride
        int label_size
        bint has_ignore_index, grad_is_real, has_grad
        uint64_t ignore_index
    void plain_few_losses(RowGroup *, few_factors *, real *, const PlainLoss *)
    void few_gradient_factors(const RowGroup *, SecondSweep *)
    void few_softmax_factors(const RowGroup *, SecondSweep *)

cdef extern from "results/few_classes_metrics.h" nogil:
    void store_few_results(RowGroup *, bint, bint)

cdef extern from "results/few_classes_groups.h" nogil:
    enum:
        MOST_PLAIN_GROUPS
    Py_ssize_t plain_few_groups(
        int64_t *, Py_ssize_t, const PlainLoss *, const char *, const char *, real *, real *, char *, Stage *)
    Py_ssize_t most_plain_groups(Py_ssize_t)


cdef PlainLoss plain_loss_of(const Call *call) noexcept nogil:
    cdef PlainLoss p
    p.label_smoothing = call.label_smoothing
    p.uniform = call.label_smoothing / call.num_classes
    p.others = p.uniform * (call.num_classes - 1)
    p.grad_scale = 1.0 / call.grad_divisor
    p.num_classes = call.num_classes
    p.row_stride = call.logits.outer_stride
    p.grad_stride = call.grad.outer_stride
    p.label_size = call.labels.itemsize
    p.has_ignore_index = call.labels.has_ignore_index
    p.ignore_index = call.labels.ignore_index
    p.grad_is_real = call.grad_is_real
    p.has_grad = call.has_grad
    return p


cdef inline bint is_plain_evaluation(const Call *call) noexcept nogil:
    # whether only totals are needed, of few classes, without weights, own targets and z_loss
    return (
        call.metrics != NULL and call.evaluated_rows.nll == NULL and call.num_classes <= FEW
        and call.label_logits == NULL and is_bare(call) and not call.has_targets)


cdef bint can_take_plain_groups(const Call *call) noexcept nogil:
    # whether plain_few_groups can take the rows and labels from memory; where labels are adjacent, grad.inner is 1 too
    return (
        (call.is_plain or is_plain_evaluation(call)) and not call.transforms
        and call.logits.class_stride == sizeof(stored) and are_adjacent(&call.labels)
        and not (call.has_grad and (
            call.labels.has_ignore_index or call.grad.class_stride != grad_itemsize(call))))


cdef lanes subtract_targets(
    const Call *call, const RowGroup *group, const SecondSweep *sweep, lanes values, Py_ssize_t k,
    const Workspace *workspace,
) noexcept nogil:
    cdef real buffer[LANES]
    cdef double extra
    cdef Py_ssize_t i
    store(buffer, values)
    if call.has_probabilities:
        for i in range(LANES):
            buffer[i] = <real> (buffer[i] - sweep.target_scale[i] * workspace.target_columns[k * LANES + i])
    else:
        for i in range(LANES):
            extra = sweep.extra[i] if group.label[i] == k else 0.0
            buffer[i] = <real> (buffer[i] - sweep.target_scale[i] * call.smoothing[k] - extra)
    return load(buffer)


cdef void few_classes_columns(
    const Call *call, const RowGroup *group, SecondSweep *sweep, Workspace *workspace
) noexcept nogil:
    # computes the results in place: over the columns of exps, or of logits for log_softmax
    cdef real *columns = workspace.columns if call.task == LOG_SOFTMAX else exps_of(call, workspace)
    cdef lanes quad[QUAD]
    cdef double numbers[LANES]
    cdef lanes anchors = group.few.anchors if call.task == LOSS else splat(<real> NO_CLASS)
    cdef lanes kept, x, slope, zero = splat(0)
    cdef Py_ssize_t i, k
    for i in range(LANES):
        numbers[i] = group.kept[i] if call.needs_kept or call.task != LOSS else 1.0
    kept = narrow(numbers)
    if call.transforms:
        sweep.few.anchor_gradient = mul(sweep.few.anchor_gradient, slopes(group.few.anchor_logits, call.transform))
    for k in range(call.num_classes):
        if call.task == LOG_SOFTMAX:
            x = log_softmax_of(load(columns + k * LANES), wide_load(group.anchor_logit), wide_load(group.nll))
        else:
            if k % QUAD == 0:
                few_gradient_quad(&sweep.few, columns + k * LANES, anchors, splat(<real> k), quad)
            x = quad[k % QUAD]
            if call.has_targets:
                x = where_equal(anchors, splat(<real> k), x, subtract_targets(call, group, sweep, x, k, workspace))
            if call.transforms:
                slope = slopes(load_logits(workspace.logits + k * LANES), call.transform)
                x = where_equal(anchors, splat(<real> k), x, mul(x, slope))
        store(columns + k * LANES, where_equal(kept, zero, zero, x))


cdef void sweep_few_classes(
    const Call *call, Py_ssize_t first, Py_ssize_t count, const RowGroup *group, SecondSweep *sweep,
    Workspace *workspace,
) noexcept nogil:
    # writes the results of all rows of a group whose statistics are valid
    cdef Py_ssize_t i, k, stride = call.grad.class_stride, itemsize = grad_itemsize(call)
    cdef bint is_simple = not (
        call.has_targets or call.transforms or call.task == LOG_SOFTMAX or call.labels.has_ignore_index)
    cdef bint whole = count == LANES and group.all_valid, by_rows = stride == itemsize
    cdef char *out = row_start(&call.grad, first)
    cdef real *columns = workspace.columns if call.task == LOG_SOFTMAX else exps_of(call, workspace)
    cdef lanes anchors = group.few.anchors if call.task == LOSS else splat(<real> NO_CLASS)
    if is_simple and whole and by_rows and call.grad.inner == 1:
        few_gradient_rows(
            &sweep.few, columns, anchors, call.num_classes, out, call.grad.outer_stride, call.grad_is_real)
        return
    few_classes_columns(call, group, sweep, workspace)
    if whole and rows_are_adjacent(&call.grad, first, itemsize):
        for k in range(call.num_classes):
            if call.grad_is_real:
                store(<real *> (out + k * stride), load(columns + k * LANES))
            else:
                store_logits(<stored *> (out + k * stride), load(columns + k * LANES))
        return
    columns_to_rows(columns, call.num_classes, workspace.rows)
    for i in range(count):
        if not (group.all_valid or group.is_valid[i]):
            continue
        out = row_start(&call.grad, first + i)
        if by_rows and itemsize == sizeof(real):
            memcpy(out, workspace.rows + i * call.num_classes, call.num_classes * sizeof(real))
        else:
            for k in range(call.num_classes):
                put_real(call, out + k * stride, workspace.rows[i * call.num_classes + k])
