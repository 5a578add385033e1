# Row statistics -> what is asked of the rows of a group, but for what the second sweep writes.

cdef bint finish_group(
    const Job *job, int task, Py_ssize_t first, Py_ssize_t count, Group *group, SecondSweep *sweep, int thread
) noexcept nogil:
    # what a row needs once; False if a row is bad
    cdef Py_ssize_t i
    cdef double total
    cdef Totals *totals = totals_at(job, thread) if task == LOSS else NULL
    if job.has_probabilities:
        for i in range(count):
            if group.improper[i]:
                totals.bad_row = min(totals.bad_row, first + i)
                return False
    if task != LOSS:
        group_shares(group)
        if task == SOFTMAX:
            softmax_factors(group, sweep)
        if task == LOG_SUM_EXP:
            for i in range(count):  # of the top class, lse = x - log p
                total = group.label_logit[i] + group.nll[i]
                job.out[first + i] = <real> total if total == total else limit(job, row_start(&job.logits, first + i))
        if task == ROW_STATISTICS:
            write_measures(job, first, count, group)
        return True
    group_losses(job, group, first, count)
    if job.has_grad:
        gradient_sweep(job, group, first, sweep)
    if job.out != NULL and count == LANES:  # a constant: the loop vectorises
        for i in range(LANES):
            job.out[first + i] = <real> group.loss[i]
    elif job.out != NULL:
        for i in range(count):
            job.out[first + i] = <real> group.loss[i]
    totals.kept += kept_rows(job, first, count, group)
    if not job.loss_is_nll:
        add_group_exactly(&totals.loss, group, NULL, group.loss)
    if job.class_weight != NULL or job.sample_weight != NULL:
        add_group_exactly(&totals.weight, group, NULL, group.weight)
    if job.metrics != NULL:
        add_metrics(job, first, count, group, <Metrics *> (job.metrics + thread * job.metrics_size))
    return True


cdef inline Py_ssize_t kept_rows(const Job *job, Py_ssize_t first, Py_ssize_t count, const Group *group) noexcept nogil:
    # rows that are not ignored and whose sample_weight is not 0
    cdef Py_ssize_t i, kept = count
    if job.labels.has_ignore_index or job.sample_weight != NULL:
        for i in range(count):
            if not group.kept[i] or (job.sample_weight != NULL and job.sample_weight[first + i] == 0.0):
                kept -= 1
    return kept
