# Rows of few classes: one row a lane, LANES rows at once. The group is transposed into columns, class k of row i at
# columns[k * LANES + i]; each lane has its own reference, the largest of its other classes. Rows with no reference or
# a huge one, with an anchor of infinite logit, or with gaps beyond what exp_lanes takes, are left to long_rows.pxi.

cdef extern from "statistics/few_classes.h" nogil:
    ctypedef struct column_heads:
        lanes anchors, anchor_logits, top
    enum:
        ANCHOR_TAKEN_OUT
        ANCHOR_KEPT
        ANCHOR_TOP
    void transform_columns(stored *, const char **, Py_ssize_t, bint, Py_ssize_t, Transform)
    bint columns_statistics(
        RowGroup *, column_heads *, double *, const char **, Py_ssize_t, bint, Py_ssize_t, const char *, real *, int,
        int)


cdef void targets_of_group(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Workspace *workspace
) noexcept nogil:
    # the rows' targets, class k of row i at target_columns[k * LANES + i]
    cdef Py_ssize_t i, k
    cdef const double *targets
    for i in range(LANES):
        workspace.improper = False
        targets = tile_targets(call, first + min(i, count - 1), 0, call.num_classes, workspace)
        group.improper[i] = workspace.improper
        for k in range(call.num_classes):
            workspace.target_columns[k * LANES + i] = targets[k]


cdef void weighted_gaps(
    const Call *call, RowGroup *group, lanes anchors, lanes centre, Workspace *workspace
) noexcept nogil:
    # classes without weight are left out; probabilities have the anchor's own gap among them, which is 0
    cdef compensated gaps = compensated_zero(), total = gaps
    cdef wide target, zero = wide_splat(0.0)
    cdef lanes x, number
    cdef Py_ssize_t i, k
    for k in range(call.num_classes):
        target = wide_load(workspace.target_columns + k * LANES) if call.has_probabilities \
            else wide_splat(call.smoothing[k])
        x = where_equal(anchors, splat(<real> k), centre, load(workspace.columns + k * LANES))
        total = compensated_add(total, target)
        gaps = compensated_add(
            gaps, where_nonzero(target, wide_fused(target, wide_sub(widen(centre), widen(x)), zero)))
    compensated_store(group.gap_sum, gaps)
    if call.has_probabilities:
        compensated_store(group.target_sum, total)
        for i in range(LANES):
            group.anchor_target[i] = workspace.target_columns[group.anchor[i] * LANES + i]


cdef void few_classes_statistics(
    const Call *call, Py_ssize_t first, Py_ssize_t count, bint by_top, RowGroup *group, Workspace *workspace
) noexcept nogil:
    # by_top: of all rows of the group
    cdef double fit[LANES]
    cdef column_heads heads
    cdef Py_ssize_t i, stride = call.logits.class_stride
    cdef bint side = count == LANES and side_by_side(&call.logits, first, sizeof(stored)), all_fit
    cdef const char *ahead = row_start(&call.logits, first) + LANES * call.num_classes * sizeof(stored) + AHEAD
    cdef int anchor = ANCHOR_TOP if by_top else ANCHOR_KEPT if call.has_grad else ANCHOR_TAKEN_OUT
    rows_of_group(&call.logits, first, count, workspace.starts)
    if call.transforms:  # into columns, which are read as rows side by side
        transform_columns(
            workspace.logits, <const char **> workspace.starts, stride, side, call.num_classes, call.transform)
        for i in range(LANES):
            workspace.starts[i] = <char *> (workspace.logits + i)
        stride = LANES * sizeof(stored)
        side = True
    all_fit = columns_statistics(
        group, &heads, fit, <const char **> workspace.starts, stride, side, call.num_classes, ahead,
        workspace.columns, call.sums_with, anchor)
    if call.has_metrics:
        rank_group(call, group, &heads, by_top, workspace)
    if call.has_probabilities:
        targets_of_group(call, first, count, group, workspace)
        wide_store(group.centre, widen(heads.anchor_logits))
        weighted_gaps(call, group, heads.anchors, heads.anchor_logits, workspace)
    elif call.smoothing != NULL:
        wide_store(group.centre, widen(heads.top))
        weighted_gaps(call, group, heads.anchors, heads.top, workspace)
        for i in range(count):
            if group.by_top[i] != by_top:
                fit[i] = 0.0
                all_fit = False
    if not all_fit:
        for i in range(count):
            if not fit[i]:
                one_row_statistics(call, first, i, group, workspace)
