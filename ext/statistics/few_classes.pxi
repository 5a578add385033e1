# Statistics of rows of at most FEW classes: LANES rows at once, one row a lane. A group is transposed into columns: the
# logit of row i and class k is columns[k * LANES + i]. Rows that are not valid here (see few_statistics_are_valid in
# few_classes.h) are computed again by long_rows.pxi.

cdef extern from "statistics/few_classes.h" nogil:
    ctypedef struct GroupPlace:
        const char *start
        const char **starts
        Py_ssize_t row_stride, class_stride
        bint is_rows, is_columns
    enum:
        ANCHOR_GIVEN, ANCHOR_TOP
    void transform_columns(stored *, const GroupPlace *, Py_ssize_t, Transform)
    bint columns_statistics(RowGroup *, const GroupPlace *, Py_ssize_t, const char *, real *, real *, int, int)
    void mark_valid_rows(const few_statistics *, real *)
    void store_few_statistics(RowGroup *, int)


cdef inline Py_ssize_t readable_groups(const Call *call, Py_ssize_t first, Py_ssize_t stop) noexcept nogil:
    # the number of whole groups, from row `first` on, that may be read in whole quads: a quad reaches beyond the end of
    # its row, where there must be logits that no thread overwrites meanwhile
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
    # the logits in place, or a copy in workspace.rows where quads may not be read in place; lanes without a row get 0
    cdef GroupPlace place
    cdef Py_ssize_t i, size = call.num_classes * sizeof(stored)
    place.class_stride = call.logits.class_stride
    place.is_rows = place.class_stride == sizeof(stored)
    place.is_columns = count == LANES and rows_are_adjacent(&call.logits, first, sizeof(stored))
    place.start = row_start(&call.logits, first)
    place.row_stride = call.logits.outer_stride
    place.starts = <const char **> workspace.starts
    if place.is_rows and readable_groups(call, first, first + count) == 0:
        if call.logits.inner == 1 and call.logits.outer_stride == size:
            memcpy(workspace.rows, place.start, count * size)
        else:
            for i in range(count):
                memcpy(<char *> workspace.rows + i * size, row_start(&call.logits, first + i), size)
        memset(<char *> workspace.rows + count * size, 0, (LANES - count) * size)
        place.start = <const char *> workspace.rows
        place.row_stride = size
    elif not (place.is_rows or place.is_columns):
        row_starts(&call.logits, first, count, workspace.starts)
    return place


cdef inline real *exps_of(const Call *call, Workspace *workspace) noexcept nogil:
    # where the exps are saved for the second sweep: over the columns, unless weighted_gaps needs the logits there
    return workspace.exps if call.has_targets else workspace.columns


cdef void targets_of_group(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Workspace *workspace
) noexcept nogil:
    # the target of row i and class k, at target_columns[k * LANES + i]
    cdef Py_ssize_t i, k
    cdef const double *targets
    for i in range(LANES):
        workspace.bad_probability = False
        targets = tile_targets(call, first + min(i, count - 1), 0, call.num_classes, workspace)
        group.bad_probability[i] = workspace.bad_probability
        for k in range(call.num_classes):
            workspace.target_columns[k * LANES + i] = targets[k]


cdef void weighted_gaps(
    const Call *call, RowGroup *group, Workspace *workspace
) noexcept nogil:
    # gap_sum: classes with target 0 are left out; the anchor's gap, 0, is included
    cdef compensated gaps = compensated_zero(), total = gaps
    cdef wide target, zero = wide_splat(0.0)
    cdef double less_anchors[LANES]
    cdef lanes x, centre = group.few.anchor_logits
    cdef Py_ssize_t i, k
    for k in range(call.num_classes):
        target = wide_load(workspace.target_columns + k * LANES) if call.has_probabilities \
            else wide_splat(call.smoothing[k])
        x = where_equal(group.few.anchors, splat(<real> k), centre, load(workspace.columns + k * LANES))
        total = compensated_add(total, target)
        gaps = compensated_add(
            gaps, where_nonzero(target, wide_fused(target, wide_sub(widen(centre), widen(x)), zero)))
    compensated_store(group.gap_sum, gaps)
    for i in range(LANES):
        k = group.anchor[i]
        group.anchor_target[i] = \
            workspace.target_columns[k * LANES + i] if call.has_probabilities else call.smoothing[k]
        less_anchors[i] = -group.anchor_target[i]
    compensated_store(group.rest_target, compensated_add(total, wide_load(less_anchors)))


cdef void few_classes_statistics(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Workspace *workspace
) noexcept nogil:
    cdef GroupPlace given = place_of_group(call, first, count, workspace), place = given
    cdef Py_ssize_t i
    cdef int anchor = ANCHOR_TOP if call.anchors_are_top else ANCHOR_GIVEN
    cdef real *exps = NULL
    cdef const char *ahead = row_start(&call.logits, first) + LANES * call.num_classes * sizeof(stored) + AHEAD
    if call.has_grad and call.task != LOG_SOFTMAX and call.label_logits == NULL:
        exps = exps_of(call, workspace)
    if call.transforms:
        transform_columns(workspace.logits, &given, call.num_classes, call.transform)
        place.start = <const char *> workspace.logits
        place.class_stride = LANES * sizeof(stored)
        place.is_rows = False
        place.is_columns = True
    group.all_valid = columns_statistics(
        group, &place, call.num_classes, ahead, workspace.columns, exps, call.sums_with, anchor)
    if call.has_metrics:
        rank_group(call, group, workspace)
    if call.top_k:
        top_of_columns(top_of_row(call, first, 0), count, workspace.columns, call.num_classes)
    if call.has_probabilities:
        targets_of_group(call, first, count, group, workspace)
    if call.has_targets:
        weighted_gaps(call, group, workspace)
    if group.all_valid and call.is_plain:
        return
    store_few_statistics(group, call.sums_with)
    if not group.all_valid:
        if not call.needs_kept:
            set_kept_rows(group)
        mark_valid_rows(&group.few, group.is_valid)
        for i in range(count):
            if not group.is_valid[i]:
                one_row_statistics(call, first, i, group, nothing_saved(), workspace)
        if call.transforms and call.has_grad:  # the second sweep reads what one_row_statistics has overwritten
            transform_columns(workspace.logits, &given, call.num_classes, call.transform)
