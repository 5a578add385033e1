# Statistics of rows of more than FEW classes that fit into one tile, if the classes have no targets of their own
# and the logits are not transformed. Rows that are not valid here go to long_rows.pxi. See
# short_rows.h.

cdef extern from "statistics/short_rows.h" nogil:
    bint short_rows_statistics(
        RowGroup *, double *, const char **, Py_ssize_t, Py_ssize_t, Py_ssize_t, const saved_row *, int, bint)


cdef void rank_row(
    const Call *call, Py_ssize_t first, RowGroup *group, Py_ssize_t i, const stored *x
) noexcept nogil:
    # row i of the group, at x, with one tile of classes; its other statistics are known. Also its list of top classes
    cdef Py_ssize_t label = group.label[i]
    cdef double anchor_logit = group.anchor_logit[i]
    cdef TopClasses top = top_of_row(call, first + i, 0)
    group.rank[i] = 0.0
    if label >= 0 and (label != group.anchor[i] if call.anchors_are_top else not anchor_logit > group.highest[i]):
        group.rank[i] = rank_of(x, call.num_classes, label, real_at(<const char *> (x + label)), 0, call.rank_limit)
    if top.size:
        add_tile_to_top(&top, x, call.num_classes, 0, <real> anchor_logit)


cdef void short_rows(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, SavedGroup saved, Workspace *workspace
) noexcept nogil:
    cdef double is_valid[LANES]
    cdef Py_ssize_t i, stride = call.logits.class_stride
    cdef saved_row saved_rows[LANES]
    cdef bint all_valid = count == LANES
    for i in range(LANES):
        saved_rows[i] = saved_of_row(call, saved, first, min(i, count - 1))
    row_starts(&call.logits, first, count, workspace.starts)
    if stride == sizeof(stored):
        all_valid &= short_rows_statistics(
            group, is_valid, <const char **> workspace.starts, 0, count, call.num_classes, saved_rows, call.sums_with,
            call.anchors_are_top)
        if call.has_metrics:
            for i in range(count):
                rank_row(call, first, group, i, <const stored *> workspace.starts[i])
    else:
        for i in range(count):
            copy_classes(workspace.logits, workspace.starts[i], stride, call.num_classes)
            workspace.starts[i] = <char *> workspace.logits
            all_valid &= short_rows_statistics(
                group, is_valid, <const char **> workspace.starts, i, i + 1, call.num_classes, saved_rows,
                call.sums_with, call.anchors_are_top)
            if call.has_metrics:
                rank_row(call, first, group, i, workspace.logits)
    if not all_valid:
        for i in range(LANES):
            if i >= count or not is_valid[i]:
                one_row_statistics(call, first, i, group, saved, workspace)
