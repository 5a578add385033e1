# Row statistics of a group: chooses between few_classes.pxi, short_rows.pxi and long_rows.pxi by the number of classes.

cdef void one_row_statistics(
    const Call *call, Py_ssize_t first, Py_ssize_t i, RowGroup *group, SavedGroup saved, Workspace *workspace
) noexcept nogil:
    # row i of the group by the general algorithm, that of long rows
    cdef RowStatistics row = no_row()
    cdef Py_ssize_t label = group.label[i] if call.has_metrics else NO_CLASS
    if group.kept[i]:
        row = statistics_of_row(
            call, row_start(&call.logits, first + i), first + i, group.anchor[i], label,
            saved_of_row(call, saved, first, i), saved_segments(call, saved, i), workspace)
    put_row(group, i, &row)


cdef void statistics_of_group(
    const Call *call, Py_ssize_t first, Py_ssize_t count, RowGroup *group, SavedGroup saved,
    Workspace *workspace,
) noexcept nogil:
    cdef Py_ssize_t i
    if call.num_classes <= FEW:
        few_classes_statistics(call, first, count, group, workspace)
    elif call.num_classes <= TILE and not (call.has_targets or call.transforms):
        short_rows(call, first, count, group, saved, workspace)
    else:
        for i in range(LANES):
            one_row_statistics(call, first, i, group, saved, workspace)
