# What Python calls.

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
        job.grad_is_real = cnp.PyArray_ITEMSIZE(grad) == sizeof(real)
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


cdef int normalise(object logits, object out, int task, int num_threads) except -1:
    cdef Job job = job_of(logits)
    job.has_grad = True
    job.grad = rows_of(out)
    job.grad_is_real = cnp.PyArray_ITEMSIZE(out) == sizeof(real)
    return run(&job, task, team(&job, num_threads))


def softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    normalise(logits, out, SOFTMAX, num_threads)


def log_softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    normalise(logits, out, LOG_SOFTMAX, num_threads)


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
