# Rows of few classes: one row a lane, LANES rows at once. The group is transposed into columns, class k of row i at
# columns[k * LANES + i]; each lane has its own reference, the largest of its other classes. Rows with no reference or
# a huge one, with an infinite label, or with gaps beyond what exp_lanes takes, are left to long_rows.pxi.

cdef extern from "statistics/few_classes.h" nogil:
    ctypedef struct column_heads:
        lanes labels, label_logits, top
    enum:
        LABEL_TAKEN_OUT
        LABEL_KEPT
        LABEL_TOP
    void transform_columns(stored *, const char **, Py_ssize_t, bint, Py_ssize_t, Transform)
    bint columns_statistics(
        Group *, column_heads *, double *, const char **, Py_ssize_t, bint, Py_ssize_t, const char *, real *, int, int)


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
