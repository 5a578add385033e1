# Row statistics of rows of few classes: one row a lane, LANES rows at once. The group is transposed into scratch,
# class k of row i at columns[k * LANES + i]; each lane has its own reference, the largest of its other classes. Rows
# with no reference or a huge one, an infinite label or none of their own are left to row_statistics.

cdef void load_columns(const Job *job, Py_ssize_t first, Py_ssize_t count, real *columns) noexcept nogil:
    cdef Py_ssize_t i, k, stride = job.logits.class_stride
    cdef const char *at = row_start(&job.logits, first)
    cdef const char *starts[LANES]
    cdef Py_ssize_t inner = job.logits.inner
    if count == LANES and job.logits.inner_stride == sizeof(real) and first % inner + LANES <= inner:
        for k in range(job.num_classes):
            memcpy(columns + k * LANES, at + k * stride, LANES * sizeof(real))
        return
    for i in range(LANES):  # lanes without a row hold the last one
        starts[i] = row_start(&job.logits, first + min(i, count - 1))
    for k in range(job.num_classes):
        for i in range(LANES):
            columns[k * LANES + i] = real_at(starts[i] + k * stride)


cdef void few_classes_statistics(
    const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group, Scratch *scratch
) noexcept nogil:
    cdef real *columns = scratch.logits
    cdef real highest[LANES]
    cdef real label_logits[LANES]
    cdef lanes centre, scale, bias, floor, powers, rests
    cdef exp_parts e
    cdef wide wide_centre, target, gap
    cdef compensated exps, gaps
    cdef Py_ssize_t i, k, step, label, num_classes = job.num_classes
    cdef int fit = 1
    load_columns(job, first, count, columns)
    for i in range(LANES):
        label = max(group.label[i], <Py_ssize_t> 0) * LANES + i
        label_logits[i] = columns[label]
        columns[label] = -INFINITY

    centre = splat(-INFINITY)
    for k in range(num_classes):
        centre = maximum(centre, load(columns + k * LANES))
    store(highest, centre)
    scale = sub(splat(<real> MAGIC), fused(centre, splat(<real> LOG2_E), splat(<real> MAGIC)))
    bias = add(splat(<real> (MAGIC + EXPONENT_BIAS)), scale)
    floor = mul(sub(splat(<real> (CLAMP - EXPONENT_BIAS)), scale), splat(<real> LN2))
    exps = compensated_zero()
    for step in range((num_classes + STEP - 1) // STEP):
        powers = splat(0)
        rests = splat(0)
        for k in range(step * STEP, min(step * <Py_ssize_t> STEP + STEP, num_classes)):
            e = exp_lanes(maximum(floor, load(columns + k * LANES)), bias)
            powers = add(powers, e.power)
            rests = fused(e.rest, e.ratio, rests)
        exps = accumulate(accumulate(exps, widen(powers)), widen(rests))
    compensated_store(group.sum_exp, exps)
    wide_store(group.scale, widen(scale))
    wide_store(group.centre, widen(centre))

    if smooths(job):  # in float64: few terms, whose roundings would not average out
        for i in range(LANES):  # the label's gap is 0
            columns[max(group.label[i], <Py_ssize_t> 0) * LANES + i] = highest[i]
        wide_centre = widen(centre)
        gaps = compensated_zero()
        target = wide_splat(1.0)
        for k in range(num_classes):
            if job.smoothing != NULL:
                if job.smoothing[k] == 0.0:
                    continue
                target = wide_splat(job.smoothing[k])
            gap = wide_sub(wide_centre, wide_load_real(columns + k * LANES))
            gaps = accumulate(gaps, wide_fused(target, gap, wide_splat(0.0)))
        compensated_store(group.gap_sum, gaps)
    for i in range(LANES):
        group.sum_exp[i] = sum_of_powers(group.sum_exp[i], group.scale[i])
        group.offset[i] = 0.0
        group.label_logit[i] = label_logits[i]
    for i in range(LANES):
        fit &= fabs(highest[i]) < LARGE_LOGIT and fabs(label_logits[i]) < INFINITY and not group.by_top[i]
    if not fit:
        for i in range(count):
            if not (fabs(highest[i]) < LARGE_LOGIT and fabs(label_logits[i]) < INFINITY) or group.by_top[i]:
                one_row_statistics(job, first, i, group, scratch)
