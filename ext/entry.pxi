# Rows over threads, and what Python calls.

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


cdef Job job_of(object logits):
    cdef Job job
    memset(&job, 0, sizeof(job))
    job.logits = rows_of(logits)
    job.num_classes = cnp.PyArray_DIM(logits, 1)
    job.num_rows = cnp.PyArray_DIM(logits, 0) * cnp.PyArray_DIM(logits, 2)
    job.grad_divisor = 1.0
    return job


def cross_entropy(
    cnp.ndarray logits not None, labels, probabilities, double label_smoothing, prior, class_weight, sample_weight,
    ignore_index, out, grad, double grad_divisor, int num_threads,
):
    cdef Job job = job_of(logits)
    cdef double *smoothing = NULL
    cdef double special, ignored
    cdef Py_ssize_t bad_row, num_kept
    cdef int t
    num_threads = team(&job, num_threads)
    job.label_smoothing = label_smoothing
    job.prior = doubles(prior)
    job.class_weight = doubles(class_weight)
    job.sample_weight = doubles(sample_weight)
    job.out = NULL if out is None else <real *> cnp.PyArray_DATA(out)
    job.has_grad = grad is not None
    job.grad_divisor = grad_divisor
    if job.has_grad:
        job.grad = rows_of(grad)
    job.has_probabilities = probabilities is not None
    if job.has_probabilities:
        job.probabilities = rows_of(probabilities)
        job.probabilities_are_float32 = cnp.PyArray_ITEMSIZE(probabilities) == 4
    else:
        job.labels = labels_of(labels, job.num_classes, ignore_index)
    try:
        job.totals = <Totals *> calloc(num_threads, sizeof(Totals))
        if job.totals == NULL:
            raise MemoryError
        for t in range(num_threads):
            job.totals[t].bad_row = job.num_rows
        if label_smoothing > 0.0 and not job.has_probabilities:
            job.uniform_smoothing = prior is None and class_weight is None
            job.smoothing_total = 1.0
            if not job.uniform_smoothing:
                smoothing = <double *> calloc(padded_size(job.num_classes), sizeof(double))
                if smoothing == NULL:
                    raise MemoryError
                fill_smoothing(&job, smoothing)
                job.smoothing = smoothing
                job.smoothing_total = sum_of(smoothing, job.num_classes, &job.smoothing_error)
        run(&job, LOSS, num_threads)
        bad_row = job.num_rows
        num_kept = 0
        for t in range(num_threads):
            bad_row = min(bad_row, job.totals[t].bad_row)
            num_kept += job.totals[t].kept
        total = exact_int(&job.totals.loss, sizeof(Totals), num_threads, &special)
        kept = num_kept  # a Python int
        weight = kept << -UNIT_EXPONENT
        if class_weight is not None or sample_weight is not None:
            weight = exact_int(&job.totals.weight, sizeof(Totals), num_threads, &ignored)
        return (-1 if bad_row == job.num_rows else bad_row), kept, weight, total, special
    finally:
        free(job.totals)
        free(smoothing)


def softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    cdef Job job = job_of(logits)
    job.grad = rows_of(out)
    run(&job, SOFTMAX, team(&job, num_threads))


def log_softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    cdef Job job = job_of(logits)
    job.grad = rows_of(out)
    run(&job, LOG_SOFTMAX, team(&job, num_threads))


def log_sum_exp(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    cdef Job job = job_of(logits)
    job.out = <real *> cnp.PyArray_DATA(out)
    run(&job, LOG_SUM_EXP, team(&job, num_threads))


def tally(labels, probabilities, Py_ssize_t num_classes, class_weight, sample_weight, ignore_index):
    cdef Labels of
    cdef bint is_index = labels is not None
    cdef Py_ssize_t num_rows, n, label = 0, bad_row = -1, num_kept = 0
    cdef const double *weights = doubles(class_weight) if is_index else NULL
    cdef const double *samples = doubles(sample_weight)
    cdef bint weighted = weights != NULL or samples != NULL
    cdef double special, weight
    cdef ExactSum total
    memset(&total, 0, sizeof(total))
    memset(&of, 0, sizeof(of))
    if is_index:
        of = labels_of(labels, num_classes, ignore_index)
        num_rows = cnp.PyArray_SIZE(labels)
    else:
        num_rows = cnp.PyArray_DIM(probabilities, 0) * cnp.PyArray_DIM(probabilities, 2)
        bad = check_probabilities(probabilities)
        bad_row = -1 if bad is None else bad[0]
    with nogil:
        for n in range(num_rows):
            if is_index:
                label = label_of(&of, n)
            if label == OUT_OF_RANGE:
                bad_row = n
                break
            if label == IGNORED:
                continue
            if samples == NULL or samples[n] != 0.0:
                num_kept += 1
            if weighted:
                weight = samples[n] if samples != NULL else 1.0
                add_exactly(&total, weight * weights[label] if weights != NULL else weight)
    kept = num_kept  # a Python int
    return bad_row, kept, exact_int(&total, sizeof(total), 1, &special) if weighted else kept << -UNIT_EXPONENT


def check_probabilities(cnp.ndarray probabilities not None):
    cdef Job job = job_of(probabilities)
    cdef Py_ssize_t n, k, bad_row = -1, bad_class = 0
    cdef const char *at
    job.probabilities_are_float32 = cnp.PyArray_ITEMSIZE(probabilities) == 4
    with nogil:
        for n in range(job.num_rows):
            at = row_start(&job.logits, n)
            for k in range(job.num_classes):
                if not 0.0 <= probability_at(&job, at + k * job.logits.class_stride) < INFINITY:
                    bad_row = n
                    bad_class = k
                    break
            if bad_row >= 0:
                break
    return None if bad_row < 0 else (bad_row, bad_class)


def max_threads():
    return most_threads()


def pause_threads():
    release_threads()
