# Row statistics of a group, one of three ways: few classes, short rows, long rows.

cdef void one_row_statistics(
    const Call *call, Py_ssize_t first, Py_ssize_t i, RowGroup *group, Workspace *workspace
) noexcept nogil:
    cdef RowStatistics row = no_row()
    cdef Py_ssize_t label = group.label[i] if call.has_metrics else NO_CLASS
    cdef const char *at
    if group.kept[i]:
        at = row_start(&call.logits, first + i)
        row = statistics_of_row(call, at, first + i, group.anchor[i], group.by_top[i], label, workspace)
    put_row(group, i, &row)


cdef void statistics_of_group(
    const Call *call, int task, Py_ssize_t first, Py_ssize_t count, RowGroup *group, Workspace *workspace
) noexcept nogil:
    cdef Py_ssize_t i
    if call.num_classes <= FEW:
        few_classes_statistics(call, task, first, count, group, workspace)
    elif call.num_classes <= TILE and not (call.has_targets or call.transforms or is_by_top(call, task)):
        short_rows(call, first, count, group, workspace)
    else:
        for i in range(LANES):
            one_row_statistics(call, first, i, group, workspace)
