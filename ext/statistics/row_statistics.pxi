# Row statistics of a group, one of three ways: few classes, short rows, long rows.

cdef void one_row_statistics(
    const Job *job, Py_ssize_t first, Py_ssize_t i, Group *group, Scratch *scratch
) noexcept nogil:
    cdef RowStatistics row = no_row()
    cdef Py_ssize_t ranked = group.ranked[i] if job.measures else -1
    cdef const char *at
    if group.kept[i]:
        at = row_start(&job.logits, first + i)
        row = statistics_of_row(job, at, first + i, group.label[i], group.by_top[i], ranked, scratch)
    put_row(group, i, &row)


cdef void statistics_of_group(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, Group *group, Scratch *scratch
) noexcept nogil:
    cdef Py_ssize_t i
    if job.num_classes <= FEW:
        few_classes_statistics(job, first, count, is_by_top(job, task), group, scratch)
    elif job.num_classes <= TILE and not (job.has_targets or job.transforms or is_by_top(job, task)):
        short_rows(job, first, count, group, scratch)
    else:
        for i in range(LANES):
            one_row_statistics(job, first, i, group, scratch)
