# What Python calls.

# Arrays with fewer logits are computed by one thread, however many are allowed.
LEAST_PARALLEL = PARALLEL_ELEMENTS


cdef Job job_of(cnp.ndarray logits):
    cdef Job job
    memset(&job, 0, sizeof(job))
    job.logits = rows_of(logits, has_classes=True)
    job.num_classes = cnp.PyArray_DIM(logits, 1)
    job.num_rows = cnp.PyArray_DIM(logits, 0) * job.logits.inner
    job.grad_divisor = 1.0
    return job


cdef void add_labels(
    Job *job, cnp.ndarray labels, bint has_classes, cnp.ndarray class_weight, cnp.ndarray sample_weight,
    object ignore_index,
):
    job.has_probabilities = has_classes
    if has_classes:
        job.probabilities = rows_of(labels, has_classes)
        job.probabilities_are_float32 = cnp.PyArray_ITEMSIZE(labels) == 4
    else:
        job.labels = labels_of(labels, job.num_classes, ignore_index)
    job.class_weight = doubles(class_weight)
    job.sample_weight = doubles(sample_weight)


cdef int add_transforms(Job *job, tuple transforms) except -1:
    # (softcap or 0, temperature, z_loss); Python's numbers do not become `real`, which Cython takes for float
    cdef double softcap, temperature
    if transforms is not None:
        softcap, temperature, job.z_loss = transforms
        job.transform.softcap = <real> softcap
        job.transform.temperature = <real> temperature
        job.transforms = job.transform.softcap != 0 or job.transform.temperature != 1
    return 0


cdef inline bint has_weights(const Job *job) noexcept nogil:
    return job.class_weight != NULL or job.sample_weight != NULL


cdef tuple count_of(const Job *job, Py_ssize_t num_kept, const ExactSum *weight, Py_ssize_t places):
    # what the rows weigh, as Python gets it
    return (
        job.num_rows, num_kept, as_int(weight, places) if has_weights(job) else whole(num_kept, places), places
    )


cdef void add_grad(Job *job, cnp.ndarray grad):
    # where the second sweep writes: the logits' dtype or that of `real`
    job.has_grad = True
    job.grad = rows_of(grad, has_classes=True)
    job.grad_is_real = cnp.PyArray_ITEMSIZE(grad) == sizeof(real)


cdef int add_smoothing(Job *job, double label_smoothing, cnp.ndarray prior) except -1:
    # the caller frees job.smoothing
    cdef double *smoothing
    job.label_smoothing = label_smoothing
    job.prior = doubles(prior)
    if label_smoothing == 0.0 or job.has_probabilities:
        return 0
    job.uniform_smoothing = job.prior == NULL and job.class_weight == NULL
    job.smoothing_total = 1.0
    if not job.uniform_smoothing:
        smoothing = <double *> calloc(padded_size(job.num_classes), sizeof(double))
        if smoothing == NULL:
            raise MemoryError
        job.smoothing = smoothing
        fill_smoothing(job, smoothing)
        job.smoothing_total = sum_of(smoothing, job.num_classes, &job.smoothing_error)
    return 0


cdef int run_loss(Job *job, double label_smoothing, cnp.ndarray prior, int num_threads) except -1:
    # `job.totals` of the first thread become those of all, but for `loss` and `weight`, which are yet to settle
    cdef int t
    for t in range(num_threads):
        job.totals[t].bad_row = job.num_rows
    try:
        add_smoothing(job, label_smoothing, prior)
        run(job, LOSS, num_threads)
    finally:
        free(<void *> job.smoothing)
    for t in range(1, num_threads):
        job.totals.bad_row = min(job.totals.bad_row, job.totals[t].bad_row)
        job.totals.kept += job.totals[t].kept
    return 0


cdef tuple loss_of(Job *job, int num_threads):
    # what Python gets of a loss
    cdef Totals *totals = job.totals
    cdef Py_ssize_t places
    settle(&totals.loss, sizeof(Totals), num_threads)
    places = places_of(&totals.loss)
    if has_weights(job):
        settle(&totals.weight, sizeof(Totals), num_threads)
        places = max(places, places_of(&totals.weight))
    return (
        -1 if totals.bad_row == job.num_rows else totals.bad_row,
        count_of(job, totals.kept, &totals.weight, places),
        as_int(&totals.loss, places),
        totals.loss.special,
    )


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


cdef Totals *new_totals(Totals *alone, int num_threads, void **memory) except NULL:
    # one for each thread, all zero; `alone` for one, else in `memory`, which the caller frees
    if num_threads == 1:
        memset(alone, 0, sizeof(Totals))
        return alone
    memory[0] = calloc(num_threads * sizeof(Totals) + LINE, 1)
    if memory[0] == NULL:
        raise MemoryError
    return <Totals *> aligned(memory[0])


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


cdef int add_metrics_of_threads(
    Job *job, double label_smoothing, cnp.ndarray ranks, Py_ssize_t num_bins, int num_threads
) except -1:
    # the caller frees job.metrics_memory
    cdef Py_ssize_t i
    job.measures = True
    job.ranks = <const int64_t *> cnp.PyArray_DATA(ranks)
    job.num_ranks = cnp.PyArray_DIM(ranks, 0)
    job.num_bins = num_bins
    for i in range(job.num_ranks):
        job.enough = max(job.enough, <Py_ssize_t> job.ranks[i])
    job.loss_is_nll = label_smoothing == 0.0 and job.class_weight == NULL and job.z_loss == 0.0
    job.metrics_size = size_of_metrics(job.num_ranks, num_bins)
    job.metrics_memory = calloc(num_threads * job.metrics_size + LINE, 1)
    if job.metrics_memory == NULL:
        raise MemoryError
    job.metrics = <char *> aligned(job.metrics_memory)
    return 0


cdef tuple evaluation_of(Job *job, int num_threads):
    # what Python gets of an evaluation
    cdef int t
    if job.loss_is_nll:
        for t in range(num_threads):
            job.totals[t].loss = metrics_at(job, t).nll
    return *loss_of(job, num_threads), *metrics_of(job, num_threads)


cdef inline Metrics *metrics_at(const Job *job, int thread) noexcept nogil:
    return <Metrics *> (job.metrics + thread * job.metrics_size)


cdef tuple weight_of(const Job *job, Py_ssize_t num_rows, ExactSum *weight, int num_threads):
    # of some rows
    return (num_rows, 0, 0.0) if job.sample_weight == NULL else exact(weight, job.metrics_size, num_threads)


cdef Py_ssize_t rows_of_threads(const Job *job, const double *num_rows, int num_threads):
    # counts of each lane
    cdef double total = 0.0
    cdef Py_ssize_t i
    cdef int t
    for t in range(num_threads):
        for i in range(LANES):
            total += (<const double *> (<const char *> num_rows + t * job.metrics_size))[i]
    return <Py_ssize_t> total


cdef tuple hits_of_threads(const Job *job, Hits *hits, int num_threads):
    cdef Py_ssize_t num_rows = rows_of_threads(job, hits.num_rows, num_threads)
    return weight_of(job, num_rows, &hits.weight, num_threads)


cdef tuple bin_of_threads(const Job *job, Bin *held, int num_threads):
    cdef Py_ssize_t misses = 0, hits = 0
    cdef Bin *of_thread
    cdef int t
    for t in range(num_threads):
        of_thread = <Bin *> (<char *> held + t * job.metrics_size)
        misses += of_thread.num_rows[0]
        hits += of_thread.num_rows[1]
    return (
        misses + hits,
        weight_of(job, misses + hits, &held.weight, num_threads),
        exact(&held.confidence, job.metrics_size, num_threads),
        weight_of(job, hits, &held.hit_weight, num_threads),
    )


cdef tuple confidence_of(const Job *job):
    # of settled bins and what is in none
    cdef Metrics *metrics = metrics_at(job, 0)
    cdef Bin *bins = bins_of(metrics, job.num_ranks)
    cdef ExactSum total
    cdef Py_ssize_t b, i
    memset(&total, 0, sizeof(total))
    for b in range(job.num_bins):
        for i in range(LIMBS):
            total.limbs[i] += bins[b].confidence.limbs[i]
    total.special = metrics.unbinned
    return exact(&total, 0, 1)


cdef tuple metrics_of(const Job *job, int num_threads):
    # what Python gets of an evaluation beside the loss
    cdef Metrics *metrics = metrics_at(job, 0)
    cdef Py_ssize_t i, num_rows, step = job.metrics_size
    cdef int t
    num_rows = rows_of_threads(job, metrics.num_rows, num_threads)
    for t in range(1, num_threads):
        metrics.unbinned += metrics_at(job, t).unbinned
        for i in range(HISTOGRAM):
            metrics.histogram[i] += metrics_at(job, t).histogram[i]
    bins = tuple([
        bin_of_threads(job, bins_of(metrics, job.num_ranks) + i, num_threads) for i in range(job.num_bins)])
    sums = {
        "nll": exact(&metrics.nll, step, num_threads),
        "nll_square": exact(&metrics.nll_square, step, num_threads),
        "entropy": exact(&metrics.entropy, step, num_threads),
        "confidence": confidence_of(job),
        "brier": exact(&metrics.brier, step, num_threads),
    }
    if job.sample_weight != NULL:
        sums["weight"] = exact(&metrics.weight, step, num_threads)
        sums["weight_square"] = exact(&metrics.weight_square, step, num_threads)
    else:
        sums["weight"] = sums["weight_square"] = num_rows, 0, 0.0
    return (
        num_rows,
        sums,
        tuple([hits_of_threads(job, hits_of(metrics) + i, num_threads) for i in range(job.num_ranks)]),
        bins,
        tuple([metrics.histogram[i] for i in range(HISTOGRAM)]),
    )


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
            job.totals[t].bad_row = job.num_rows
        run(&job, ROW_STATISTICS, num_threads)
        for t in range(num_threads):
            bad_row = min(bad_row, job.totals[t].bad_row)
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
