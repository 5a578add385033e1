# What Python calls.

# Arrays with fewer logits are computed by one thread, however many are allowed.
LEAST_PARALLEL = PARALLEL_ELEMENTS

cdef extern from * nogil:
    """
    #if defined(__linux__)
    #include <unistd.h>
    #endif
    static Py_ssize_t last_level_cache(void) {
        Py_ssize_t bytes = 0;
    #ifdef _SC_LEVEL3_CACHE_SIZE  /* glibc's */
        bytes = (Py_ssize_t)sysconf(_SC_LEVEL3_CACHE_SIZE);
    #endif
        return bytes > 0 ? bytes : 1 << 25;
    }
    """
    Py_ssize_t last_level_cache()

# Asked for once, at import: it may trap in a virtual machine, and calls from many threads only read it.
cdef Py_ssize_t LAST_LEVEL_CACHE = last_level_cache()


cdef void settle_job(Job *job) noexcept nogil:
    # what follows from the rest of it
    job.has_targets = job.has_probabilities or job.smoothing != NULL
    job.sums_with = sums_with(job)


cdef int run(Job *job, int task, int num_threads) except -1:
    settle_job(job)
    job.streams = (
        job.has_grad and job.grad_is_real and job.grad.data != job.logits.data and is_aligned(&job.grad)
        and job.grad.class_stride == sizeof(real) and job.num_classes > FEW
        and job.num_rows * job.num_classes * <Py_ssize_t> sizeof(real) > LAST_LEVEL_CACHE)
    if job.num_rows == 0:
        return 0
    if num_threads > 1 and job.num_classes > SEGMENT and job.num_rows < ROWS_EACH * num_threads:
        return run_segments(job, task, num_threads)
    if job.num_classes > PORTION_ELEMENTS:  # within a row too signals are looked at
        return run_segments(job, task, num_threads)
    return run_rows(job, task, num_threads)


cdef int run_loss(Job *job, double label_smoothing, cnp.ndarray prior, int num_threads) except -1:
    # `job.totals` of the first thread become those of all, but for `loss` and `weight`, which are yet to settle
    cdef Totals *totals = totals_at(job, 0)
    cdef int t
    for t in range(num_threads):
        totals_at(job, t).bad_row = job.num_rows
    try:
        add_smoothing(job, label_smoothing, prior)
        run(job, LOSS, num_threads)
    finally:
        free(<void *> job.smoothing)
    for t in range(1, num_threads):
        totals.bad_row = min(totals.bad_row, totals_at(job, t).bad_row)
        totals.kept += totals_at(job, t).kept
    return 0


def cross_entropy(
    cnp.ndarray logits not None, cnp.ndarray labels not None, double label_smoothing, cnp.ndarray prior,
    cnp.ndarray class_weight, cnp.ndarray sample_weight, ignore_index, cnp.ndarray out, cnp.ndarray grad,
    double grad_divisor, tuple transforms, int num_threads,
):
    cdef Job job = job_of(logits)
    cdef Totals alone
    cdef void *memory = NULL
    num_threads = team(&job, num_threads)
    add_transforms(&job, transforms)
    add_labels(
        &job, labels, cnp.PyArray_NDIM(labels) == cnp.PyArray_NDIM(logits), class_weight, sample_weight, ignore_index)
    job.out = reals(out)
    job.grad_divisor = grad_divisor
    if grad is not None:
        add_grad(&job, grad)
    try:
        job.totals = new_totals(&alone, num_threads, &memory)
        run_loss(&job, label_smoothing, prior, num_threads)
        return loss_of(&job, num_threads)
    finally:
        free(memory)


def evaluate(
    cnp.ndarray logits not None, cnp.ndarray labels not None, double label_smoothing, cnp.ndarray prior,
    cnp.ndarray class_weight, cnp.ndarray sample_weight, ignore_index, cnp.ndarray ranks not None,
    Py_ssize_t num_bins, tuple transforms, int num_threads,
):
    cdef Job job = job_of(logits)
    cdef Totals alone
    cdef void *memory = NULL
    num_threads = team(&job, num_threads)
    add_transforms(&job, transforms)
    add_labels(&job, labels, False, class_weight, sample_weight, ignore_index)
    try:
        job.totals = new_totals(&alone, num_threads, &memory)
        add_metrics_of_threads(&job, label_smoothing, ranks, num_bins, num_threads)
        run_loss(&job, label_smoothing, prior, num_threads)
        return evaluation_of(&job, num_threads)
    finally:
        free(job.metrics_memory)
        free(memory)


def row_statistics(
    cnp.ndarray logits not None, cnp.ndarray labels, ignore_index, cnp.ndarray log_sum_exp not None,
    cnp.ndarray max_logit not None, cnp.ndarray argmax not None, cnp.ndarray entropy not None,
    cnp.ndarray confidence not None, cnp.ndarray label_logit, cnp.ndarray nll, cnp.ndarray rank, int num_threads,
):
    cdef Job job = job_of(logits)
    cdef Totals alone
    cdef void *memory = NULL
    cdef Py_ssize_t bad_row = job.num_rows
    cdef int t
    num_threads = team(&job, num_threads)
    job.measures = True
    job.enough = job.num_classes
    job.has_labels = labels is not None
    if job.has_labels:
        job.labels = labels_of(labels, job.num_classes, ignore_index)
        job.row_measures.rank = <int64_t *> cnp.PyArray_DATA(rank)
    job.row_measures.log_sum_exp = reals(log_sum_exp)
    job.row_measures.max_logit = reals(max_logit)
    job.row_measures.argmax = <int64_t *> cnp.PyArray_DATA(argmax)
    job.row_measures.entropy = reals(entropy)
    job.row_measures.confidence = reals(confidence)
    job.row_measures.label_logit = reals(label_logit)
    job.row_measures.nll = reals(nll)
    try:
        job.totals = new_totals(&alone, num_threads, &memory)
        for t in range(num_threads):
            totals_at(&job, t).bad_row = job.num_rows
        run(&job, ROW_STATISTICS, num_threads)
        for t in range(num_threads):
            bad_row = min(bad_row, totals_at(&job, t).bad_row)
        return -1 if bad_row == job.num_rows else bad_row
    finally:
        free(memory)


cdef int normalise(cnp.ndarray logits, cnp.ndarray out, int task, int num_threads) except -1:
    cdef Job job = job_of(logits)
    add_grad(&job, out)
    return run(&job, task, team(&job, num_threads))


def softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    normalise(logits, out, SOFTMAX, num_threads)


def log_softmax(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    normalise(logits, out, LOG_SOFTMAX, num_threads)


def log_sum_exp(cnp.ndarray logits not None, cnp.ndarray out not None, int num_threads):
    cdef Job job = job_of(logits)
    job.out = reals(out)
    run(&job, LOG_SUM_EXP, team(&job, num_threads))


def max_threads():
    return most_threads()


def pause_threads():
    release_threads()
    forget_team()
