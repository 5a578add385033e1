# The second sweep: gradient, softmax and log_softmax of a row whose statistics are known, while the row is in cache.
#
#     p_k = exp(x_k - m - z+) / total,  z+ = max(x_y - m, 0) = K ln(2) + rho,  total = own + others
#     g p_k = [exp(x_k - offset) 2**scale'] * factor,  scale' = scale + e + LIFT - K
# with g = f 2**e folded in: the bracket is what the lanes' exp gives, factor = f 2**-LIFT exp(-rho) / total. No
# logarithm is taken, whose rounding would be one of p_k times |lse|. LIFT keeps the
# bracket normal where the product is subnormal, so that the one rounding into the subnormals is the product's.

cdef enum:
    LIFT = 96
    NOTHING_LEFT = 3000  # nats below the label: exp is 0 in float64 too
    LARGEST_EXPONENT = 0  # of g inside the bracket, so that it cannot overflow

ctypedef struct ScaledExp:
    Reference reference
    lanes factor, constant, most


cdef ScaledExp scaled_exp(
    double offset, double scale, double above, double above_low, double total, double g, double constant,
    double most,
) noexcept nogil:
    # min(g p + constant, most); `above`, in two parts, is z+
    cdef ScaledExp of
    cdef int e = 0
    cdef double k, rho, factor
    if above > NOTHING_LEFT:
        above = NOTHING_LEFT
    k = rounded(above * LOG2_E)
    rho = fma(-k, LN2, above) + (above_low - k * LN2_LOW)
    k -= scale
    if isfinite(g):
        frexp(g, &e)
        e = min(e, <int> LARGEST_EXPONENT)
    factor = times_exp(ldexp(g, -e - LIFT), -rho, 0.0) / total
    of.reference.offset = <real> offset
    set_scale(&of.reference, e + LIFT - k)
    of.factor = splat(<real> (sum_of_powers(factor, -k) if total != 0.0 else NAN))
    of.constant = splat(<real> constant)
    of.most = splat(<real> most)
    return of


cdef inline void scaled_exp_lanes(const ScaledExp *of, const real *x, real *out) noexcept nogil:
    cdef exp_parts e = exp_lanes(maximum(of.reference.floor, load(x)), of.reference.bias)
    store(out, minimum(of.most, fused(fused(e.rest, e.ratio, e.power), of.factor, of.constant)))  # lets NaN pass


cdef void scaled_exp_tile(const ScaledExp *of, const real *x, Py_ssize_t count, real *out) noexcept nogil:
    # out may be x
    cdef real buffer[LANES]
    cdef Py_ssize_t vector, k, whole = count // LANES * LANES
    for vector in range(count // LANES):
        k = vector * LANES
        scaled_exp_lanes(of, x + k, out + k)
    if whole < count:
        memset(buffer, 0, sizeof(buffer))
        memcpy(buffer, x + whole, (count - whole) * sizeof(real))
        scaled_exp_lanes(of, buffer, buffer)
        memcpy(out + whole, buffer, (count - whole) * sizeof(real))


cdef void write_classes(char *at, Py_ssize_t stride, const real *values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t k
    if at != <char *> values:
        for k in range(count):
            put_real(at + k * stride, values[k])


cdef void write_scaled_exp(
    const Job *job, const ScaledExp *of, const char *row, Py_ssize_t row_index, char *out, double target_scale,
    Scratch *scratch,
) noexcept nogil:
    # out_k = g exp(x_k - lse) + constant - target_scale * t_k
    cdef Py_ssize_t tile, start, count, k, stride = job.logits.class_stride, out_stride = job.grad.class_stride
    cdef const real *x
    cdef real *values
    cdef const double *targets
    for tile in range(tiles_of(job.num_classes)):
        start = tile * TILE
        count = min(<Py_ssize_t> TILE, job.num_classes - start)
        x = <const real *> (row + start * stride)
        if stride != sizeof(real) or of.reference.offset != 0:
            copy_classes(scratch.logits, <const char *> x, stride, count)
            for k in range(count):
                scratch.logits[k] -= of.reference.offset
            x = scratch.logits
        values = <real *> (out + start * out_stride) if out_stride == sizeof(real) else scratch.logits
        scaled_exp_tile(of, x, count, values)
        targets = tile_targets(job, row_index, start, count, scratch)
        if targets != NULL:
            for k in range(count):
                values[k] = <real> (values[k] - target_scale * targets[k])
        write_classes(out + start * out_stride, out_stride, values, count)


cdef void write_gradient(
    const Job *job, const Group *group, Py_ssize_t i, Py_ssize_t row_index, Scratch *scratch
) noexcept nogil:
    # s { A p_k - [k = y] (1 - label_smoothing) w_y - label_smoothing b_k }; with probabilities s { T p_k - t_k }; for
    # k = y, label_part (p_y - 1) + rest_part p_y, with p_y - 1 = -others / (own + others), never a subtraction
    cdef double s = 1.0, constant = 0.0, label_part = group.label_part[i], own, target_scale, low, z
    cdef double all_classes = group.own[i] + group.others[i] if group.nll[i] == group.nll[i] else NAN
    cdef Py_ssize_t label = group.label[i]
    cdef char *out = row_start(&job.grad, row_index)
    cdef ScaledExp sweep
    if job.sample_weight != NULL:
        s = job.sample_weight[row_index]
    s /= job.grad_divisor
    target_scale = s if job.has_probabilities else s * job.label_smoothing
    if job.uniform_smoothing:
        constant = -target_scale / job.num_classes
    own = group.rest_part[i] * (group.own[i] / all_classes) - label_part * (group.others[i] / all_classes)
    z = distance_to_reference(group.label_logit[i], group.offset[i], group.scale[i], &low)
    if not z >= 0.0:
        z = 0.0
        low = 0.0
    sweep = scaled_exp(
        group.offset[i], group.scale[i], z, low, all_classes, s * (label_part + group.rest_part[i]), constant,
        INFINITY,
    )
    write_scaled_exp(job, &sweep, row_start(&job.logits, row_index), row_index, out, target_scale, scratch)
    if label >= 0 and group.nll[i] == group.nll[i]:
        put_real(out + label * job.grad.class_stride, <real> (s * own))


cdef void write_zeros(const Job *job, char *out) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(job.num_classes):
        put_real(out + k * job.grad.class_stride, 0)


cdef void write_log_softmax(
    const Job *job, const char *at, Py_ssize_t row_index, char *out, Scratch *scratch
) noexcept nogil:
    # x_k - lse, lse in two parts; a class with p > 1/2 would lose its digits to the subtraction: it gets -nll
    cdef RowStatistics row = row_statistics(job, at, row_index, -1, False, scratch)
    cdef Group group
    cdef double log_sum_exp = log_of_sum(row.sum_exp, 0.0), high, low
    cdef Py_ssize_t k, i, where = -1, stride = job.logits.class_stride, out_stride = job.grad.class_stride
    high = log_sum_exp - distance_to_reference(0.0, row.offset, row.scale, &low)
    high -= low
    low = (log_sum_exp - distance_to_reference(high, row.offset, row.scale, &low)) - low
    if isfinite(high) and raw_maximum(at, stride, job.num_classes, -1, &where) > high + low - LN2:
        row = row_statistics(job, at, row_index, where, False, scratch)
        for i in range(LANES):
            put_row(&group, i, &row)
        group_shares(&group)
    else:
        where = -1
    for k in range(job.num_classes):
        put_real(out + k * out_stride, <real> ((real_at(at + k * stride) - high) - low))
    if where >= 0:
        put_real(out + where * out_stride, <real> -group.nll[0])
