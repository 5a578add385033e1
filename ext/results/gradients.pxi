# The second sweep writes gradient, softmax or log_softmax of rows whose statistics are known, while they are in cache:
#
#     p_k = exp(x_k - m - z+) / total,  z+ = max(x_y - m, 0),  total = own + others
#
# exp(x_k - m) is saved by the first sweep for up to SAVED_CLASSES classes of a row, or computed again with the same
# bits. Exps of a tile are relative to the reference of that tile; factor_of_tile corrects for that. A probability below
# the smallest normal number may become 0.

cdef extern from "results/gradients.h" nogil:
    ctypedef struct few_factors:
        lanes anchor_gradient
    ctypedef struct SecondSweep:
        numbers_of_rows constant, target_scale, extra, anchor_gradient, factor
        double upper
        few_factors few
    void gradient_factors(const RowGroup *, SecondSweep *, double, double, double)
    void softmax_factors(const RowGroup *, SecondSweep *)
    void write_scaled(real *, const real *, Py_ssize_t, double, double, double, bint)
    lanes log_softmax_of(lanes, wide, wide)
    void log_softmax_tile(real *, const stored *, Py_ssize_t, double, double)
    void columns_to_rows(const real *, Py_ssize_t, real *)
    void few_gradient_quad(const few_factors *, const real *, lanes, lanes, lanes *)
    void few_gradient_rows(const few_factors *, const real *, lanes, Py_ssize_t, char *, Py_ssize_t, bint)


cdef void gradient_sweep(const Call *call, const RowGroup *group, Py_ssize_t first, SecondSweep *sweep) noexcept nogil:
    # s { A p_k - [k = y] (1 - label_smoothing) w_y - label_smoothing b_k }; with probabilities s { T p_k - t_k }
    cdef double target_scale = 1.0 if call.has_probabilities else call.label_smoothing
    cdef double uniform = call.label_smoothing / call.num_classes if call.uniform_smoothing else 0.0
    cdef Py_ssize_t i
    for i in range(LANES):
        sweep.target_scale[i] = 1.0
    if call.sample_weight != NULL:
        for i in range(min(<Py_ssize_t> LANES, call.num_rows - first)):
            sweep.target_scale[i] = call.sample_weight[first + i]
    if call.smoothing != NULL:
        for i in range(LANES):  # `weight` includes sample_weight
            sweep.extra[i] = (1.0 - call.label_smoothing) * group.weight[i] / call.grad_divisor
    sweep.upper = INFINITY
    gradient_factors(group, sweep, call.grad_divisor, target_scale, uniform)


cdef void put_real(const Call *call, char *at, real value) noexcept nogil:
    # stores into grad, which has the type `real` or the logits' own type
    if call.grad_is_real:
        memcpy(at, &value, sizeof(real))
    else:
        put_stored(<stored *> at, stored_of(value))


cdef void write_tile(const Call *call, char *at, const real *values, Py_ssize_t count) noexcept nogil:
    # stores a tile into grad; `values` has room for whole vectors
    cdef Py_ssize_t n, k = 0, stride = call.grad.class_stride
    if call.grad_is_real and stride == sizeof(real):  # times 1, plus -0: the same bits
        write_scaled(<real *> at, values, count, 1.0, -0.0, INFINITY, call.streams)
    elif not call.grad_is_real and stride == sizeof(stored):
        for n in range(count // LANES):
            store_logits(<stored *> at + n * LANES, load(values + n * LANES))
        k = count // LANES * LANES
        store_logits_part(<stored *> at + k, load(values + k), <int> (count - k))
    else:
        for k in range(count):
            put_real(call, at + k * stride, values[k])


cdef inline double factor_of_tile(double factor, Reference tile, Reference row) noexcept nogil:
    # the factor for exps that are relative to the reference of a tile; without a reference they are all 0 or nan
    if not has_reference(tile) or (tile.offset == row.offset and tile.scale == row.scale):
        return factor
    return factor * rebase_factor(tile, row)


cdef inline double gradient_of_former_anchor(
    const SecondSweep *sweep, Py_ssize_t i, Reference reference, double logit
) noexcept nogil:
    # the gradient of a segment's top class, whose exp is not saved, where another segment has the top class of the row:
    # a probability of at most 1/2, so `upper` is no bound
    cdef double low, z = distance_from(reference, logit, &low)
    return sweep.factor[i] * times_exp(1.0, z, low) + sweep.constant[i]


cdef void sweep_segment(
    const Call *call, const SecondSweep *sweep, const RowGroup *group, Py_ssize_t i, Py_ssize_t row, Py_ssize_t segment,
    bint with_anchor, const real *saved, const RowStatistics *statistics, Workspace *workspace,
) noexcept nogil:
    # saved: exps of the row, or NULL; statistics: those of the segment, or NULL where the row is one tile;
    # with_anchor: the anchor has a gradient of its own, as it has for a loss
    cdef Py_ssize_t tile, start, count, k, stride = call.grad.class_stride, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, call.num_classes), anchor = group.anchor[i]
    cdef const char *at = row_start(&call.logits, row)
    cdef char *out = row_start(&call.grad, row)
    cdef bint direct = call.grad_is_real and stride == sizeof(real) and not (call.has_targets or call.transforms)
    cdef const stored *x = NULL
    cdef const real *exps
    cdef real *values
    cdef real anchor_gradient
    cdef double factor
    cdef const double *targets
    cdef Reference reference, row_reference
    reference.offset = row_reference.offset = group.offset[i]
    reference.scale = row_reference.scale = group.scale[i]
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        if statistics != NULL:
            reference = statistics.references[tile]
        exps = saved + start
        if saved == NULL or call.transforms:
            x = contiguous(call, at + start * call.logits.class_stride, count, workspace.logits)
        if saved == NULL:
            exps_relative_to(reference, x, count, workspace.exps)
            exps = workspace.exps
        factor = factor_of_tile(sweep.factor[i], reference, row_reference)
        if direct:
            write_scaled(
                <real *> (out + start * stride), exps, count, factor, sweep.constant[i], sweep.upper, call.streams)
            continue
        values = workspace.columns
        write_scaled(values, exps, count, factor, sweep.constant[i], sweep.upper, False)
        if statistics != NULL and call.anchors_are_top and start <= statistics.anchor < start + count:
            values[statistics.anchor - start] = <real> gradient_of_former_anchor(
                sweep, i, row_reference, statistics.anchor_logit)
        if call.has_targets:
            targets = tile_targets(call, row, start, count, workspace)
            for k in range(count):
                values[k] = <real> (values[k] - sweep.target_scale[i] * targets[k])
        if call.smoothing != NULL and start <= group.label[i] < start + count:
            values[group.label[i] - start] = <real> (values[group.label[i] - start] - sweep.extra[i])
        if call.transforms:
            times_slopes(values, x, count, call.transform)
        write_tile(call, out + start * stride, values, count)
    if with_anchor and begin <= anchor < end and group.nll[i] == group.nll[i]:
        anchor_gradient = <real> sweep.anchor_gradient[i]
        if call.transforms:
            anchor_gradient *= slope_at(<real> group.anchor_logit[i], call.transform)
        put_real(call, out + anchor * stride, anchor_gradient)


cdef void log_softmax_segment(
    const Call *call, const RowGroup *group, Py_ssize_t i, Py_ssize_t row, Py_ssize_t segment, Workspace *workspace
) noexcept nogil:
    cdef Py_ssize_t tile, start, count, stride = call.grad.class_stride, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, call.num_classes)
    cdef const char *at = row_start(&call.logits, row)
    cdef char *out = row_start(&call.grad, row)
    cdef const stored *x
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(call, at + start * call.logits.class_stride, count, workspace.logits)
        log_softmax_tile(workspace.columns, x, count, group.anchor_logit[i], group.nll[i])
        write_tile(call, out + start * stride, workspace.columns, count)


cdef void write_segment(
    const Call *call, Py_ssize_t first, Py_ssize_t i, Py_ssize_t segment, const RowGroup *group,
    const SecondSweep *sweep, const real *saved, const RowStatistics *statistics, Workspace *workspace,
) noexcept nogil:
    cdef Py_ssize_t k
    cdef char *out
    if not group.kept[i]:
        out = row_start(&call.grad, first + i)
        for k in range(segment * SEGMENT, min(segment * SEGMENT + <Py_ssize_t> SEGMENT, call.num_classes)):
            put_real(call, out + k * call.grad.class_stride, 0)
    elif call.task == LOG_SOFTMAX:
        log_softmax_segment(call, group, i, first + i, segment, workspace)
    else:
        sweep_segment(call, sweep, group, i, first + i, segment, call.task == LOSS, saved, statistics, workspace)


cdef void write_group(
    const Call *call, Py_ssize_t first, Py_ssize_t count, const RowGroup *group, SecondSweep *sweep,
    SavedGroup saved, Workspace *workspace,
) noexcept nogil:
    cdef Py_ssize_t i, segment
    cdef const RowStatistics *segments
    cdef const real *exps
    if call.num_classes <= FEW:
        sweep_few_classes(call, first, count, group, sweep, workspace)
        if group.all_valid:
            return
    for i in range(count):
        if call.num_classes > FEW or not group.is_valid[i]:
            exps = saved_exps(call, saved, i)
            segments = saved_segments(call, saved, i)
            for segment in range(segments_of(call.num_classes)):
                write_segment(
                    call, first, i, segment, group, sweep, exps,
                    segments + segment if segments != NULL else NULL, workspace)


cdef inline Py_ssize_t grad_itemsize(const Call *call) noexcept nogil:
    return sizeof(real) if call.grad_is_real else sizeof(stored)
