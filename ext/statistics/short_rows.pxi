# Rows of more than FEW classes, but of no more than a tile, without targets of their own. See short_rows.h.

cdef extern from "statistics/short_rows.h" nogil:
    bint short_rows_statistics(Group *, double *, const char **, Py_ssize_t, Py_ssize_t, Py_ssize_t, int)


cdef void short_rows(
    const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group, Scratch *scratch
) noexcept nogil:
    cdef double fit[LANES]
    cdef Py_ssize_t i, stride = job.logits.class_stride
    cdef bint all_fit = count == LANES
    rows_of_group(&job.logits, first, count, scratch.starts)
    if stride == sizeof(stored):
        all_fit &= short_rows_statistics(
            group, fit, <const char **> scratch.starts, 0, count, job.num_classes, job.sums_with)
        if job.measures:
            for i in range(count):
                rank_row(job, group, i, <const stored *> scratch.starts[i])
    else:
        for i in range(count):
            copy_classes(scratch.logits, scratch.starts[i], stride, job.num_classes)
            scratch.starts[i] = <char *> scratch.logits
            all_fit &= short_rows_statistics(
                group, fit, <const char **> scratch.starts, i, i + 1, job.num_classes, job.sums_with)
            if job.measures:
                rank_row(job, group, i, scratch.logits)
    if not all_fit:
        for i in range(LANES):
            if i >= count or not fit[i]:
                one_row_statistics(job, first, i, group, scratch)
