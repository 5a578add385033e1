# Row statistics of a group, one of three ways: few classes, short rows, long rows.

cdef void one_row_statistics(
    const Call *call, Py_ssize_t first, Py_ssize_t i, RowGroup *group, Kept kept, Workspace *workspace
) noexcept nogil:
    cdef RowStatistics row = no_row()
    cdef Py_ssize_t label = group.label[i] if call.has_metrics else NO_CLASS
    if group.kept[i]:
        row = statistics_of_row(
            call, row_start(&call.logits, first + i), first + i, group.anchor[i], group.by_top[i], label,
            kept_of_row(call, kept, first, i), kept_segments(call, kept, i), workspace)
    put_row(group, i, &row)


cdef void statistics_of_group(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Kept kept, Workspace *workspace
) noexcept nogil:
    cdef Py_ssize_t i
    if call.num_classes <= FEW:
        few_classes_statistics(call, task, first, count, group, workspace)
    elif call.num_classes <= TILE and not (call.has_targets or call.transforms or is_by_top(call, task)):
        short_rows(call, first, count, group, kept, workspace)
    else:
        for i in range(LANES):
            one_row_statistics(call, first, i, group, kept, workspace)
