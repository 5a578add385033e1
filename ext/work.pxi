# Rows over threads: groups of rows in chunks, chunks over a team.

cdef enum:
    LOSS
    SOFTMAX
    LOG_SOFTMAX
    LOG_SUM_EXP


cdef Py_ssize_t read_labels(const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group) noexcept nogil:
    # the first row of the group with a label out of range, else num_rows
    cdef Py_ssize_t i, label, bad_row = job.num_rows
    for i in range(LANES):
        label = IGNORED
        if i < count:
            label = 0 if job.has_probabilities else label_of(&job.labels, first + i)
        if label == OUT_OF_RANGE and bad_row == job.num_rows:
            bad_row = first + i
        group.label[i] = label
        group.ignored[i] = label < 0
        group.weight[i] = 1.0
        group.by_top[i] = job.has_probabilities
        if job.class_weight != NULL and not job.has_probabilities and label >= 0:
            group.weight[i] = job.class_weight[label]
        if job.smoothing != NULL and label >= 0:
            group.by_top[i] = (1.0 - job.label_smoothing) * group.weight[i] == 0.0
    return bad_row


cdef void one_row_statistics(
    const Job *job, Py_ssize_t first, Py_ssize_t i, Group *group, Scratch *scratch
) noexcept nogil:
    cdef RowStatistics row = no_row()
    cdef const char *at
    if not group.ignored[i]:
        at = row_start(&job.logits, first + i)
        row = row_statistics(job, at, first + i, group.label[i], group.by_top[i], scratch)
    put_row(group, i, &row)


cdef void statistics_of_group(
    const Job *job, Py_ssize_t first, Py_ssize_t count, Group *group, Scratch *scratch
) noexcept nogil:
    cdef Py_ssize_t i
    if job.num_classes <= FEW and not job.has_probabilities:
        few_classes_statistics(job, first, count, group, scratch)
    else:
        for i in range(LANES):
            one_row_statistics(job, first, i, group, scratch)


cdef void loss_of_group(
    const Job *job, Py_ssize_t first, Py_ssize_t count, Totals *totals, Scratch *scratch
) noexcept nogil:
    cdef Group group
    cdef Py_ssize_t i, bad_row = read_labels(job, first, count, &group)
    if bad_row < job.num_rows:
        totals.bad_row = min(totals.bad_row, bad_row)
        return
    scratch.improper_row = job.num_rows
    statistics_of_group(job, first, count, &group, scratch)
    if scratch.improper_row < job.num_rows:
        totals.bad_row = min(totals.bad_row, scratch.improper_row)
        return
    group_losses(job, &group, first, count)
    if job.has_grad:
        for i in range(count):
            if group.ignored[i]:
                write_zeros(job, row_start(&job.grad, first + i))
            else:
                write_gradient(job, &group, i, first + i, scratch)
    if job.out != NULL:
        for i in range(count):
            job.out[first + i] = <real> group.loss[i]
    totals.kept += kept_rows(job, first, count, &group)
    add_group_exactly(&totals.loss, group.loss)
    if job.class_weight != NULL or job.sample_weight != NULL:
        add_group_exactly(&totals.weight, group.weight)


cdef inline Py_ssize_t kept_rows(const Job *job, Py_ssize_t first, Py_ssize_t count, const Group *group) noexcept nogil:
    # rows that are not ignored and whose sample_weight is not 0
    cdef Py_ssize_t i, kept = count
    if job.labels.has_ignore_index or job.sample_weight != NULL:
        for i in range(count):
            if group.ignored[i] or (job.sample_weight != NULL and job.sample_weight[first + i] == 0.0):
                kept -= 1
    return kept


cdef void softmax_row(const Job *job, Py_ssize_t n, int task, Scratch *scratch) noexcept nogil:
    cdef const char *at = row_start(&job.logits, n)
    cdef RowStatistics row
    cdef ScaledExp sweep
    cdef double log_sum_exp, low
    if task == LOG_SOFTMAX:
        write_log_softmax(job, at, n, row_start(&job.grad, n), scratch)
        return
    row = row_statistics(job, at, n, -1, False, scratch)
    log_sum_exp = log_of_sum(row.sum_exp, 0.0)
    if task == SOFTMAX:
        sweep = scaled_exp(row.offset, row.scale, 0.0, 0.0, row.sum_exp, 1.0, 0.0, 1.0)
        write_scaled_exp(job, &sweep, at, n, row_start(&job.grad, n), 0.0, scratch)
    else:
        log_sum_exp -= distance_to_reference(0.0, row.offset, row.scale, &low)
        log_sum_exp -= low
        job.out[n] = <real> log_sum_exp if row.sum_exp == row.sum_exp else limit(job, at)


cdef real limit(const Job *job, const char *at) noexcept nogil:
    # log-sum-exp of a row that holds nan or +inf
    cdef Py_ssize_t k
    cdef real x
    for k in range(job.num_classes):
        x = real_at(at + k * job.logits.class_stride)
        if x != x:
            return x
    return INFINITY


cdef void chunk_of_rows(const Job *job, int task, Py_ssize_t chunk, Py_ssize_t rows, int thread) noexcept nogil:
    cdef Scratch scratch
    cdef Py_ssize_t n = chunk * rows, stop = min(chunk * rows + rows, job.num_rows)
    while n < stop:
        if task == LOSS:
            loss_of_group(job, n, min(<Py_ssize_t> LANES, stop - n), &job.totals[thread], &scratch)
            n += LANES
        else:
            softmax_row(job, n, task, &scratch)
            n += 1


cdef int run(const Job *job, int task, int num_threads) except -1:
    # rows in chunks over one thread or num_threads, signals looked at between portions
    cdef Py_ssize_t rows, portion, chunks, first = 0, last, chunk
    if job.num_rows == 0:
        return 0
    rows = min(<Py_ssize_t> CHUNK, CHUNK_ELEMENTS // job.num_classes)
    if num_threads > 1:
        rows = min(rows, job.num_rows // (CHUNKS_EACH * num_threads))
    if job.num_classes <= FEW:  # whole groups
        rows = max(rows // LANES, <Py_ssize_t> 1) * LANES
    rows = max(rows, <Py_ssize_t> 1)
    portion = max(<Py_ssize_t> 1, PORTION_ELEMENTS // (job.num_classes * rows))
    chunks = (job.num_rows + rows - 1) // rows
    while first < chunks:
        last = min(chunks, first + portion)
        with nogil:
            if num_threads == 1:
                for chunk in range(first, last):
                    chunk_of_rows(job, task, chunk, rows, 0)
            else:
                for chunk in prange(first, last, schedule="dynamic", num_threads=num_threads):
                    chunk_of_rows(job, task, chunk, rows, threadid())
        first = last
        PyErr_CheckSignals()
    return 0


cdef int team(const Job *job, int num_threads) noexcept:
    # 1, without a parallel region, for little work, inside another library's region and where there is no OpenMP
    if not SMOOTHXENT_OPENMP or inside_region() or job.num_rows * job.num_classes < PARALLEL_ELEMENTS:
        return 1
    return num_threads
