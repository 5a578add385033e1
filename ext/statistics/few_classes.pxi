# Rows of few classes: one row a lane, LANES rows at once. The group is transposed into columns, class k of row i at
# columns[k * LANES + i]; each lane has its own reference, the largest of its other classes. Rows with no reference or
# a huge one, with an anchor of infinite logit or with infinite gaps are left to long_rows.pxi.

cdef extern from "statistics/few_classes.h" nogil:
    ctypedef struct GroupPlace:
        const char *start
        const char **starts
        Py_ssize_t row_stride, class_stride
        bint rows, columns
    enum:
        ANCHOR_GIVEN
        ANCHOR_TOP
    void transform_columns(stored *, const GroupPlace *, Py_ssize_t, Transform)
    bint columns_statistics(RowGroup *, const GroupPlace *, Py_ssize_t, const char *, real *, real *, int, int)
    void rows_that_hold(const few_statistics *, real *)
    void spread_few_statistics(RowGroup *, int)


cdef inline Py_ssize_t groups_before(const Call *call, Py_ssize_t first, Py_ssize_t stop) noexcept nogil:
    # how many whole groups of rows, from `first` on, may be read in whole quads, which reach beyond their last row to
    # logits that lie there and that no thread overwrites
    cdef const Rows *rows = &call.logits
    cdef Py_ssize_t size = call.num_classes * <Py_ssize_t> sizeof(stored), groups = (stop - first) // LANES
    cdef Py_ssize_t beyond = (QUAD - call.num_classes % QUAD) % QUAD * <Py_ssize_t> sizeof(stored)
    if rows.inner != 1 or rows.outer_stride < size or call.label_logits != NULL:
        return 0
    if call.has_grad and call.grad.data == rows.data:
        return 0
    while groups > 0 and (call.num_rows - first - groups * LANES) * rows.outer_stride < beyond:
        groups -= 1
    return groups


cdef GroupPlace place_of_group(
    const Call *call, Py_ssize_t first, Py_ssize_t count, Workspace *workspace
) noexcept nogil:
    # where the logits lie, or a copy of rows beyond which nothing may be read, zeros in lanes without a row
    cdef GroupPlace place
    cdef Py_ssize_t i, size = call.num_classes * sizeof(stored)
    place.class_stride = call.logits.class_stride
    place.rows = place.class_stride == sizeof(stored)
    place.columns = count == LANES and side_by_side(&call.logits, first, sizeof(stored))
    place.start = row_start(&call.logits, first)
    place.row_stride = call.logits.outer_stride
    place.starts = <const char **> workspace.starts
    if place.rows and groups_before(call, first, first + count) == 0:
        if call.logits.inner == 1 and call.logits.outer_stride == size:
            memcpy(workspace.rows, place.start, count * size)
        else:
            for i in range(count):
                memcpy(<char *> workspace.rows + i * size, row_start(&call.logits, first + i), size)
        memset(<char *> workspace.rows + count * size, 0, (LANES - count) * size)
        place.start = <const char *> workspace.rows
        place.row_stride = size
    elif not (place.rows or place.columns):
        rows_of_group(&call.logits, first, count, workspace.starts)
    return place


cdef inline real *exps_of(const Call *call, Workspace *workspace) noexcept nogil:
    # where exp of the columns goes for the second sweep: over the columns, if nothing else wants these
    return workspace.exps if call.has_targets else workspace.columns


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
    const Call *call, RowGroup *group, lanes centre, Workspace *workspace
) noexcept nogil:
    # classes without weight are left out; probabilities have the anchor's own gap among them, which is 0
    cdef compensated gaps = compensated_zero(), total = gaps
    cdef wide target, zero = wide_splat(0.0)
    cdef lanes x, number
    cdef Py_ssize_t i, k
    for k in range(call.num_classes):
        target = wide_load(workspace.target_columns + k * LANES) if call.has_probabilities \
            else wide_splat(call.smoothing[k])
        x = where_equal(group.few.anchors, splat(<real> k), centre, load(workspace.columns + k * LANES))
        total = compensated_add(total, target)
        gaps = compensated_add(
            gaps, where_nonzero(target, wide_fused(target, wide_sub(widen(centre), widen(x)), zero)))
    compensated_store(group.gap_sum, gaps)
    if call.has_probabilities:
        compensated_store(group.target_sum, total)
        for i in range(LANES):
            group.anchor_target[i] = workspace.target_columns[group.anchor[i] * LANES + i]


cdef void few_classes_statistics(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Workspace *workspace
) noexcept nogil:
    cdef GroupPlace place = place_of_group(call, first, count, workspace)
    cdef Py_ssize_t i
    cdef bint by_top = is_by_top(call, task)
    cdef int anchor = ANCHOR_TOP if by_top else ANCHOR_GIVEN
    cdef real *exps = NULL
    cdef const char *ahead = row_start(&call.logits, first) + LANES * call.num_classes * sizeof(stored) + AHEAD
    if call.has_grad and task != LOG_SOFTMAX and call.label_logits == NULL:
        exps = exps_of(call, workspace)
    if call.transforms:  # into columns
        transform_columns(workspace.logits, &place, call.num_classes, call.transform)
        place.start = <const char *> workspace.logits
        place.class_stride = LANES * sizeof(stored)
        place.rows = False
        place.columns = True
    group.all_hold = columns_statistics(
        group, &place, call.num_classes, ahead, workspace.columns, exps, call.sums_with, anchor)
    if call.has_metrics:
        rank_group(call, group, by_top, workspace)
    if call.has_probabilities:
        targets_of_group(call, first, count, group, workspace)
        wide_store(group.centre, widen(group.few.anchor_logits))
        weighted_gaps(call, group, group.few.anchor_logits, workspace)
    elif call.smoothing != NULL:
        wide_store(group.centre, widen(group.few.top))
        weighted_gaps(call, group, group.few.top, workspace)
        for i in range(count):
            group.all_hold &= group.by_top[i] == by_top
    if group.all_hold and call.is_plain:
        return
    spread_few_statistics(group, call.sums_with)
    if not group.all_hold:
        if not call.needs_kept:
            keep_rows(group)
        rows_that_hold(&group.few, group.holds)
        for i in range(count):
            if call.smoothing != NULL and group.by_top[i] != by_top:
                group.holds[i] = 0
            if not group.holds[i]:
                one_row_statistics(call, first, i, group, nothing_kept(), workspace)
