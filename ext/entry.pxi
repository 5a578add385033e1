# Rows over threads, and what Python calls.

cdef enum:
    LOSS
    SOFTMAX
    LOG_SOFTMAX
    LOG_SUM_EXP


cdef void loss_row(const Job *job, Py_ssize_t n, int thread, Scratch *scratch) noexcept nogil:
    cdef RowStatistics row
    cdef RowLoss of
    cdef Py_ssize_t label = -1
    cdef const char *at = row_start(&job.logits, n)
    of.loss = 0.0
    if not job.has_probabilities:
        label = label_of(&job.labels, n)
        if label == OUT_OF_RANGE:
            job.bad_rows[thread] = min(job.bad_rows[thread], n)
            return
    if label == IGNORED and not job.has_probabilities:
        if job.has_grad:
            write_zeros(job, row_start(&job.grad, n))
    else:
        row = row_statistics(job, at, n, label, scratch)
        of = row_loss(job, &row, n)
        if job.has_grad:
            write_gradient(job, &row, &of, n, at, row_start(&job.grad, n), scratch)
        add_exactly(&job.totals[thread], of.loss)
    if job.out != NULL:
        job.out[n] = <real> of.loss


cdef void softmax_row(const Job *job, Py_ssize_t n, int task, Scratch *scratch) noexcept nogil:
    cdef const char *at = row_start(&job.logits, n)
    cdef RowStatistics row
    cdef ScaledExp sweep
    cdef double log_sum_exp, low
    if task == LOG_SOFTMAX:
        write_log_softmax(job, at, n, row_start(&job.grad, n), scratch)
        return
    row = row_statistics(job, at, n, -1, scratch)
    log_sum_exp = log_of_sum(row.sum_exp, 0.0)
    if task == SOFTMAX:
        sweep = scaled_exp(&row, log_sum_exp, 1.0, 0.0)
        write_scaled_exp(job, &sweep, at, n, row_start(&job.grad, n), 0.0, scratch)
    else:
        log_sum_exp -= distance_to_reference(&row, 0.0, &low)
        job.out[n] = <real> (log_sum_exp - low)


cdef void chunk_of_rows(const Job *job, int task, Py_ssize_t chunk, Py_ssize_t rows, int thread) noexcept nogil:
    cdef Scratch scratch
    cdef Py_ssize_t n
    for n in range(chunk * rows, min(chunk * rows + rows, job.num_rows)):
        if task == LOSS:
            loss_row(job, n, thread, &scratch)
        else:
            softmax_row(job, n, task, &scratch)


cdef int run(const Job *job, int task, int num_threads) except -1:
    # rows in chunks over one thread or num_threads, signals looked at between portions
    cdef Py_ssize_t rows, portion, chunks, first = 0, last, chunk
    if job.num_rows == 0:
        return 0
    rows = max(<Py_ssize_t> 1, min(<Py_ssize_t> CHUNK, CHUNK_ELEMENTS // job.num_classes))
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
    job.grad_scale = 1.0
    return job


def cross_entropy(
    cnp.ndarray logits not None, labels, probabilities, double label_smoothing, prior, class_weight, sample_weight,
    ignore_index, out, grad, double grad_scale, int num_threads,
):
    cdef Job job = job_of(logits)
    cdef double *smoothing = NULL
    cdef double special
    cdef Py_ssize_t bad_row
    cdef int t
    num_threads = team(&job, num_threads)
    job.label_smoothing = label_smoothing
    job.prior = doubles(prior)
    job.class_weight = doubles(class_weight)
    job.sample_weight = doubles(sample_weight)
    job.out = NULL if out is None else <real *> cnp.PyArray_DATA(out)
    job.has_grad = grad is not None
    job.grad_scale = grad_scale
    if job.has_grad:
        job.grad = rows_of(grad)
    job.has_probabilities = probabilities is not None
    if job.has_probabilities:
        job.probabilities = rows_of(probabilities)
        job.probabilities_are_float32 = cnp.PyArray_ITEMSIZE(probabilities) == 4
    else:
        job.labels = labels_of(labels, job.num_classes, ignore_index)
    try:
        job.totals = <ExactSum *> calloc(num_threads, sizeof(ExactSum))
        job.bad_rows = <Py_ssize_t *> calloc(num_threads, sizeof(Py_ssize_t))
        if job.totals == NULL or job.bad_rows == NULL:
            raise MemoryError
        for t in range(num_threads):
            job.bad_rows[t] = job.num_rows
        if label_smoothing > 0.0 and not job.has_probabilities:
            job.uniform_smoothing = prior is None and class_weight is None
            job.smoothing_total = 1.0
            if not job.uniform_smoothing:
                smoothing = <double *> calloc(padded_size(job.num_classes), sizeof(double))
                if smoothing == NULL:
                    raise MemoryError
                fill_smoothing(&job, smoothing)
                job.smoothing = smoothing
                job.smoothing_total = sum_of(smoothing, job.num_classes)
        run(&job, LOSS, num_threads)
        bad_row = job.num_rows
        for t in range(num_threads):
            bad_row = min(bad_row, job.bad_rows[t])
        total = exact_int(job.totals, num_threads, &special)
        return (-1 if bad_row == job.num_rows else bad_row), total, special
    finally:
        free(job.totals)
        free(job.bad_rows)
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


def tally(cnp.ndarray labels not None, Py_ssize_t num_classes, class_weight, sample_weight, ignore_index):
    cdef Labels of = labels_of(labels, num_classes, ignore_index)
    cdef Py_ssize_t num_rows = cnp.PyArray_SIZE(labels), n, label, bad_row = -1, kept = 0
    cdef const double *weights = doubles(class_weight)
    cdef const double *samples = doubles(sample_weight)
    cdef bint weighted = weights != NULL or samples != NULL
    cdef double special
    cdef ExactSum total
    memset(&total, 0, sizeof(total))
    with nogil:
        for n in range(num_rows):
            label = label_of(&of, n)
            if label == OUT_OF_RANGE:
                bad_row = n
                break
            if label == IGNORED:
                continue
            if samples == NULL or samples[n] != 0.0:
                kept += 1
            if weighted:
                add_exactly(&total, (samples[n] if samples != NULL else 1.0) * (weights[label] if weights != NULL else 1.0))
    if weighted:
        return bad_row, kept, exact_int(&total, 1, &special)
    return bad_row, kept, kept << -UNIT_EXPONENT


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
