# Rows of more than FEW classes, but of no more than a tile, whose anchor is known and whose targets and logits are
# nothing special. See short_rows.h.

cdef extern from "statistics/short_rows.h" nogil:
    bint short_rows_statistics(
        RowGroup *, double *, const char **, Py_ssize_t, Py_ssize_t, Py_ssize_t, const kept_row *, int)


cdef void short_rows(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Kept kept, Workspace *workspace
) noexcept nogil:
    cdef double fit[LANES]
    cdef Py_ssize_t i, stride = call.logits.class_stride
    cdef kept_row of_rows[LANES]
    cdef bint all_fit = count == LANES
    for i in range(LANES):
        of_rows[i] = kept_of_row(call, kept, first, min(i, count - 1))
    rows_of_group(&call.logits, first, count, workspace.starts)
    if stride == sizeof(stored):
        all_fit &= short_rows_statistics(
            group, fit, <const char **> workspace.starts, 0, count, call.num_classes, of_rows, call.sums_with)
        if call.has_metrics:
            for i in range(count):
                rank_row(call, group, i, <const stored *> workspace.starts[i])
    else:
        for i in range(count):
            copy_classes(workspace.logits, workspace.starts[i], stride, call.num_classes)
            workspace.starts[i] = <char *> workspace.logits
            all_fit &= short_rows_statistics(
                group, fit, <const char **> workspace.starts, i, i + 1, call.num_classes, of_rows,
                call.sums_with)
            if call.has_metrics:
                rank_row(call, group, i, workspace.logits)
    if not all_fit:
        for i in range(LANES):
            if i >= count or not fit[i]:
                one_row_statistics(call, first, i, group, kept, workspace)
