# The second sweep: gradient, softmax and log_softmax of rows whose statistics are known, while they are in cache.
#
#     p_k = exp(x_k - m - z+) / total,  z+ = max(x_y - m, 0) = K STEP + rho,  total = own + others
#     g p_k = [exp(x_k) 2**scale'] * factor,  scale' = scale + e + LIFT - K
# with g = f 2**e folded in: the bracket is what the lanes' exp gives, factor = f 2**-LIFT exp(-rho) / total. No
# logarithm is taken, whose rounding would be one of p_k times |lse|. LIFT keeps the
# bracket normal where the product is subnormal, so that the one rounding into the subnormals is the product's.

cdef extern from "results/gradients.h" nogil:
    ctypedef struct few_factors:
        lanes own
    ctypedef struct SecondSweep:
        double *constant
        double *target_scale
        double *own
        double *g
        double *bias
        double *factor
        double most
        few_factors few
    void gradient_factors(const RowGroup *, SecondSweep *, double, double, double)
    void softmax_factors(const RowGroup *, SecondSweep *)
    block scaled_exps(block, lanes, lanes, lanes, lanes)
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
    sweep.most = INFINITY
    gradient_factors(group, sweep, call.grad_divisor, target_scale, uniform)


cdef void sweep_row_tile(
    const SecondSweep *sweep, Py_ssize_t i, const stored *x, Py_ssize_t count, real *out
) noexcept nogil:
    cdef lanes bias = splat(<real> sweep.bias[i]), factor = splat(<real> sweep.factor[i])
    cdef lanes constant = splat(<real> sweep.constant[i]), most = splat(<real> sweep.most)
    cdef block part
    cdef real rest[BLOCK]
    cdef Py_ssize_t b, whole = count // BLOCK * BLOCK
    for b in range(count // BLOCK):
        store_block(out + b * BLOCK, scaled_exps(load_block(x + b * BLOCK), bias, factor, constant, most))
    if whole < count:
        part = load_block_part(x + whole, count - whole, NO_CLASS)
        store_block(rest, scaled_exps(part, bias, factor, constant, most))
        memcpy(out + whole, rest, (count - whole) * sizeof(real))


cdef void large_tile(
    const SecondSweep *sweep, const RowGroup *group, Py_ssize_t i, const stored *x, Py_ssize_t count, real *out
) noexcept nogil:
    # logits too large for exp_lanes
    cdef Py_ssize_t k
    cdef double anchor_low, above, low, z, total = group.own[i] + group.others[i]
    if group.nll[i] != group.nll[i]:
        total = NAN
    above = distance_to_reference(group.anchor_logit[i], group.offset[i], group.scale[i], &anchor_low)
    if not above >= 0.0:
        above = 0.0
        anchor_low = 0.0
    for k in range(count):
        z = distance_to_reference(real_at(<const char *> (x + k)), group.offset[i], group.scale[i], &low)
        z = sweep.g[i] * times_exp(1.0, z - above, low - anchor_low) / total + sweep.constant[i]
        out[k] = <real> min(z, sweep.most)


cdef void put_real(const Call *call, char *at, real value) noexcept nogil:
    # into `grad`, which has the logits' dtype or that of `real`
    if call.grad_is_real:
        memcpy(at, &value, sizeof(real))
    else:
        put_stored(at, stored_of(value))


cdef void write_tile(const Call *call, char *at, real *values, Py_ssize_t count) noexcept nogil:
    # values has room for whole blocks
    cdef Py_ssize_t n, k = 0, stride = call.grad.class_stride, aligned
    if at == <char *> values:
        return
    if call.grad_is_real and stride == sizeof(real):
        if not call.streams:
            memcpy(at, values, count * sizeof(real))
            return
        aligned = (-<Py_ssize_t> at & (STREAM_ALIGNMENT - 1)) // sizeof(real)
        aligned = min(aligned, count)
        memcpy(at, values, aligned * sizeof(real))
        for n in range((count - aligned) // LANES):
            stream(<real *> at + aligned + n * LANES, load(values + aligned + n * LANES))
        k = aligned + (count - aligned) // LANES * LANES
        memcpy(<real *> at + k, values + k, (count - k) * sizeof(real))
    elif not call.grad_is_real and stride == sizeof(stored):
        for n in range(count // LANES):
            store_logits(<stored *> at + n * LANES, load(values + n * LANES))
        k = count // LANES * LANES
        store_logits_part(<stored *> at + k, load(values + k), <int> (count - k))
    else:
        for k in range(count):
            put_real(call, at + k * stride, values[k])


cdef void sweep_segment(
    const Call *call, const SecondSweep *sweep, const RowGroup *group, Py_ssize_t i, Py_ssize_t row, Py_ssize_t segment,
    bint with_own, Workspace *workspace,
) noexcept nogil:
    cdef Py_ssize_t tile, start, count, k, stride = call.grad.class_stride, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, call.num_classes), anchor = group.anchor[i]
    cdef const char *at = row_start(&call.logits, row)
    cdef char *out = row_start(&call.grad, row)
    cdef bint direct = call.grad_is_real and stride == sizeof(real) and not call.streams and not call.has_targets
    cdef const stored *x
    cdef real *values
    cdef real own
    cdef const double *targets
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(call, at + start * call.logits.class_stride, count, workspace.logits)
        values = <real *> (out + start * stride) if direct else workspace.columns
        if group.offset[i] == 0.0:
            sweep_row_tile(sweep, i, x, count, values)
        else:
            large_tile(sweep, group, i, x, count, workspace.columns)
            values = workspace.columns
        if call.has_targets:
            targets = tile_targets(call, row, start, count, workspace)
            for k in range(count):
                values[k] = <real> (values[k] - sweep.target_scale[i] * targets[k])
        if call.transforms:
            times_slopes(values, x, count, call.transform)
        write_tile(call, out + start * stride, values, count)
    if with_own and begin <= anchor < end and group.nll[i] == group.nll[i]:
        own = <real> sweep.own[i]
        if call.transforms:
            own *= slope_at(<real> group.anchor_logit[i], call.transform)
        put_real(call, out + anchor * stride, own)


cdef void log_softmax_segment(
    const Call *call, const RowGroup *group, Py_ssize_t i, Py_ssize_t row, Py_ssize_t segment, Workspace *workspace
) noexcept nogil:
    # log p_k = (x_k - x_top) + log p_top: both terms are negative, so no digit is lost
    cdef Py_ssize_t tile, start, count, k, stride = call.grad.class_stride, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, call.num_classes)
    cdef const char *at = row_start(&call.logits, row)
    cdef char *out = row_start(&call.grad, row)
    cdef const stored *x
    cdef double top = group.anchor_logit[i], nll = group.nll[i]
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(call, at + start * call.logits.class_stride, count, workspace.logits)
        for k in range(count):
            workspace.columns[k] = <real> ((real_at(<const char *> (x + k)) - top) - nll)
        write_tile(call, out + start * stride, workspace.columns, count)


cdef void write_segment(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t i, Py_ssize_t segment, const RowGroup *group,
    const SecondSweep *sweep, Workspace *workspace,
) noexcept nogil:
    cdef Py_ssize_t k
    cdef char *out
    if not group.kept[i]:
        out = row_start(&call.grad, first + i)
        for k in range(segment * SEGMENT, min(segment * SEGMENT + <Py_ssize_t> SEGMENT, call.num_classes)):
            put_real(call, out + k * call.grad.class_stride, 0)
    elif task == LOG_SOFTMAX:
        log_softmax_segment(call, group, i, first + i, segment, workspace)
    else:
        sweep_segment(call, sweep, group, i, first + i, segment, task == LOSS, workspace)


cdef void write_group(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, const RowGroup *group, SecondSweep *sweep,
    Workspace *workspace,
) noexcept nogil:
    cdef Py_ssize_t i, segment
    if call.num_classes <= FEW:
        sweep_few_classes(call, task, first, count, group, sweep, workspace)
        if group.all_hold:
            return
    for i in range(count):
        if call.num_classes > FEW or not group.holds[i]:
            for segment in range(segments_of(call.num_classes)):
                write_segment(call, task, first, i, segment, group, sweep, workspace)


cdef inline Py_ssize_t grad_itemsize(const Call *call) noexcept nogil:
    return sizeof(real) if call.grad_is_real else sizeof(stored)
