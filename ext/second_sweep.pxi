# The second sweep: gradient, softmax and log_softmax of rows whose statistics are known, while they are in cache.
#
#     p_k = exp(x_k - m - z+) / total,  z+ = max(x_y - m, 0) = K ln(2) + rho,  total = own + others
#     g p_k = [exp(x_k) 2**scale'] * factor,  scale' = scale + e + LIFT - K
# with g = f 2**e folded in: the bracket is what the lanes' exp gives, factor = f 2**-LIFT exp(-rho) / total. No
# logarithm is taken, whose rounding would be one of p_k times |lse|. LIFT keeps the
# bracket normal where the product is subnormal, so that the one rounding into the subnormals is the product's.

cdef enum:
    LIFT = 96
    NOTHING_LEFT = 3000  # nats below the label: exp is 0 in float64 too
    HEADROOM = 16  # bits of the bracket above those of g and LIFT: exp(CEILING) takes 15

ctypedef struct SecondSweep:
    # min(g p_k + constant, most) - target_scale t_k, and `own` for the label; one row a lane
    double g[LANES]
    double constant[LANES]
    double target_scale[LANES]
    double own[LANES]
    double most
    double bias[LANES]
    double factor[LANES]


cdef inline double exponent_of(double x) noexcept nogil:
    # as frexp gives it, for normal numbers
    cdef uint64_t bits
    memcpy(&bits, &x, 8)
    return <double> <int64_t> (bits >> 52 & 0x7FF) - 1022.0


cdef void scale_exps(const Group *group, SecondSweep *sweep) noexcept nogil:
    # bias and factor from g
    cdef Py_ssize_t i
    cdef double k, rho, e, z, low, total
    # of g inside the bracket, whose least value, what exp makes of -inf, must be 0 times the factor
    cdef double largest_exponent = EXPONENT_BIAS - LIFT - HEADROOM
    for i in range(LANES):
        z = distance_to_reference(group.label_logit[i], group.offset[i], group.scale[i], &low)
        low = low if z >= 0.0 else 0.0
        z = z if z >= 0.0 else 0.0
        z = z if z < NOTHING_LEFT else NOTHING_LEFT
        k = rounded(z * LOG2_E)
        rho = fma(-k, LN2, z) + (low - k * LN2_LOW)
        k -= group.scale[i]
        e = exponent_of(sweep.g[i])
        e = e if e < largest_exponent else largest_exponent
        total = group.own[i] + group.others[i]
        total = total if total != 0.0 and group.nll[i] == group.nll[i] else NAN
        sweep.bias[i] = MAGIC + EXPONENT_BIAS + e + LIFT - k
        sweep.factor[i] = sum_of_powers(times_exp(sweep.g[i] * power_of_two(-e - LIFT), -rho, 0.0) / total, -k)


cdef void gradient_sweep(const Job *job, const Group *group, Py_ssize_t first, SecondSweep *sweep) noexcept nogil:
    # s { A p_k - [k = y] (1 - label_smoothing) w_y - label_smoothing b_k }; with probabilities s { T p_k - t_k }; for
    # k = y, label_part (p_y - 1) + rest_part p_y, with p_y - 1 = -others / (own + others), never a subtraction
    cdef double scale = 1.0 if job.has_probabilities else job.label_smoothing, s, all_classes
    cdef double uniform = job.label_smoothing / job.num_classes if job.uniform_smoothing else 0.0
    cdef Py_ssize_t i
    for i in range(LANES):
        sweep.target_scale[i] = 1.0
    if job.sample_weight != NULL:
        for i in range(min(<Py_ssize_t> LANES, job.num_rows - first)):
            sweep.target_scale[i] = job.sample_weight[first + i]
    for i in range(LANES):
        s = sweep.target_scale[i] / job.grad_divisor
        all_classes = group.own[i] + group.others[i]
        sweep.own[i] = s * (group.rest_part[i] * (group.own[i] / all_classes)
                            - group.label_part[i] * (group.others[i] / all_classes))
        sweep.g[i] = s * (group.label_part[i] + group.rest_part[i])
        sweep.constant[i] = -s * uniform
        sweep.target_scale[i] = s * scale
    sweep.most = INFINITY
    scale_exps(group, sweep)


cdef void softmax_sweep(const Group *group, SecondSweep *sweep) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(LANES):
        sweep.g[i] = 1.0
        sweep.constant[i] = 0.0
        sweep.target_scale[i] = 0.0
    sweep.most = 1.0
    scale_exps(group, sweep)


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
        part = load_block_part(x + whole, count - whole, -1)
        store_block(rest, scaled_exps(part, bias, factor, constant, most))
        memcpy(out + whole, rest, (count - whole) * sizeof(real))


cdef void large_tile(
    const SecondSweep *sweep, const Group *group, Py_ssize_t i, const stored *x, Py_ssize_t count, real *out
) noexcept nogil:
    # logits too large for exp_lanes
    cdef Py_ssize_t k
    cdef double label_low, above, low, z, total = group.own[i] + group.others[i]
    if group.nll[i] != group.nll[i]:
        total = NAN
    above = distance_to_reference(group.label_logit[i], group.offset[i], group.scale[i], &label_low)
    if not above >= 0.0:
        above = 0.0
        label_low = 0.0
    for k in range(count):
        z = distance_to_reference(real_at(<const char *> (x + k)), group.offset[i], group.scale[i], &low)
        z = sweep.g[i] * times_exp(1.0, z - above, low - label_low) / total + sweep.constant[i]
        out[k] = <real> min(z, sweep.most)


cdef void put_real(const Job *job, char *at, real value) noexcept nogil:
    # into `grad`, which has the logits' dtype or that of `real`
    if job.grad_is_real:
        memcpy(at, &value, sizeof(real))
    else:
        put_stored(at, stored_of(value))


cdef void write_tile(const Job *job, char *at, real *values, Py_ssize_t count) noexcept nogil:
    # values has room for whole blocks
    cdef Py_ssize_t n, k = 0, stride = job.grad.class_stride, aligned
    if at == <char *> values:
        return
    if job.grad_is_real and stride == sizeof(real):
        if not job.streams:
            memcpy(at, values, count * sizeof(real))
            return
        aligned = (-<Py_ssize_t> at & (STREAM_ALIGNMENT - 1)) // sizeof(real)
        aligned = min(aligned, count)
        memcpy(at, values, aligned * sizeof(real))
        for n in range((count - aligned) // LANES):
            stream(<real *> at + aligned + n * LANES, load(values + aligned + n * LANES))
        k = aligned + (count - aligned) // LANES * LANES
        memcpy(<real *> at + k, values + k, (count - k) * sizeof(real))
    elif not job.grad_is_real and stride == sizeof(stored):
        for n in range(count // LANES):
            store_logits(<stored *> at + n * LANES, load(values + n * LANES))
        k = count // LANES * LANES
        store_logits_part(<stored *> at + k, load(values + k), <int> (count - k))
    else:
        for k in range(count):
            put_real(job, at + k * stride, values[k])


cdef void sweep_segment(
    const Job *job, const SecondSweep *sweep, const Group *group, Py_ssize_t i, Py_ssize_t row, Py_ssize_t segment,
    bint with_own, Scratch *scratch,
) noexcept nogil:
    cdef Py_ssize_t tile, start, count, k, stride = job.grad.class_stride, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, job.num_classes), label = group.label[i]
    cdef const char *at = row_start(&job.logits, row)
    cdef char *out = row_start(&job.grad, row)
    cdef bint direct = job.grad_is_real and stride == sizeof(real) and not job.streams and not job.has_targets
    cdef const stored *x
    cdef real *values
    cdef const double *targets
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(job, at + start * job.logits.class_stride, count, scratch.logits)
        values = <real *> (out + start * stride) if direct else scratch.columns
        if group.offset[i] == 0.0:
            sweep_row_tile(sweep, i, x, count, values)
        else:
            large_tile(sweep, group, i, x, count, scratch.columns)
            values = scratch.columns
        if job.has_targets:
            targets = tile_targets(job, row, start, count, scratch)
            for k in range(count):
                values[k] = <real> (values[k] - sweep.target_scale[i] * targets[k])
        write_tile(job, out + start * stride, values, count)
    if with_own and begin <= label < end and group.nll[i] == group.nll[i]:
        put_real(job, out + label * stride, <real> sweep.own[i])


cdef double log_sum_exp_of(const Group *group, Py_ssize_t i, double *low) noexcept nogil:
    # in two parts
    cdef double rest, high = distance_to_reference(0.0, group.offset[i], group.scale[i], low)
    high = (group.log_sum_exp[i] - high) - low[0]
    low[0] = 0.0
    if isfinite(high):
        rest = group.log_sum_exp[i] - distance_to_reference(high, group.offset[i], group.scale[i], low)
        low[0] = rest - low[0]
    return high if group.nll[i] == group.nll[i] else NAN


cdef void log_softmax_segment(
    const Job *job, const Group *group, Py_ssize_t i, Py_ssize_t row, Py_ssize_t segment, Scratch *scratch
) noexcept nogil:
    # x_k - lse, lse in two parts; the top class, whose digits the subtraction might lose, gets -nll
    cdef Py_ssize_t tile, start, count, k, stride = job.grad.class_stride, begin = segment * SEGMENT
    cdef Py_ssize_t end = min(begin + <Py_ssize_t> SEGMENT, job.num_classes)
    cdef const char *at = row_start(&job.logits, row)
    cdef char *out = row_start(&job.grad, row)
    cdef const stored *x
    cdef double high, low
    high = log_sum_exp_of(group, i, &low)
    for tile in range(tiles_of(end - begin)):
        start = begin + tile * TILE
        count = min(<Py_ssize_t> TILE, end - start)
        x = contiguous(job, at + start * job.logits.class_stride, count, scratch.logits)
        for k in range(count):
            scratch.columns[k] = <real> ((real_at(<const char *> (x + k)) - high) - low)
        if start <= group.label[i] < start + count:
            scratch.columns[group.label[i] - start] = <real> -group.nll[i]
        write_tile(job, out + start * stride, scratch.columns, count)
