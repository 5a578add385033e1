# Totals over rows: sums and counts, one set for each thread. Sums are exact, so adding the sets of all threads gives
# the same numbers for any number of threads. See totals.h.

cdef extern from "totals/totals.h" nogil:
    ctypedef struct Totals:
        ExactSum loss, weight
        Py_ssize_t num_kept, bad_row, waiting
        double *losses
        double *weights
    enum:
        HISTOGRAM, CONFIDENCE_DIGITS, BIN_PLACES, BIN_DIGITS
    ctypedef struct Stage:
        real *nll
        real *brier
        double *weights
        Py_ssize_t count
    ctypedef struct Hits:
        Py_ssize_t k, num_rows
        ExactSum weight
    ctypedef struct Bin:
        int64_t num_rows
        int64_t *digits
    ctypedef struct WeightedBin:
        ExactSum confidence, weight, hit_weight
    struct MetricSums:
        ExactSum nll, nll_square, entropy, entropy_square, confidence, confidence_square, brier, brier_square
        ExactSum weight, weight_square, hit_confidence
    ctypedef struct EvaluationTotals:
        MetricSums sums
        Py_ssize_t num_rows
        Py_ssize_t *histogram
        Py_ssize_t num_ranks, num_bins
        Hits *hits
        Bin *bins
        WeightedBin *weighted_bins
        Stage stage
    void add_waiting(Totals *, bint)
    void settle(EvaluationTotals *)
    void add_confidences(int64_t *, const Bin *, int places)
    void stage_group(Stage *, const RowGroup *)
    void add_stage(EvaluationTotals *)


cdef inline void *aligned(void *memory) noexcept nogil:
    # the next multiple of LINE, to which totals are aligned
    return <void *> ((<size_t> memory + LINE - 1) // LINE * LINE)


cdef inline Py_ssize_t whole_lines(Py_ssize_t size) noexcept nogil:
    return (size + LINE - 1) // LINE * LINE


cdef inline Totals *totals_at(const Call *call, int thread) noexcept nogil:
    return <Totals *> call.totals + thread


cdef inline EvaluationTotals *metrics_at(const Call *call, int thread) noexcept nogil:
    return <EvaluationTotals *> (call.metrics + thread * call.metrics_size)


cdef void clear(Totals *totals) noexcept nogil:
    # all but the arrays, which are written before they are read
    memset(totals, 0, <char *> totals.losses - <char *> totals)
    totals.bad_row = NO_ROW


cdef Totals *new_totals(Totals *single, int count, void **memory) except NULL:
    # empty totals for each thread: `single` itself if that is one, else in `memory`, which the caller frees
    cdef Totals *totals = single
    cdef int t
    if count > 1:
        memory[0] = malloc(count * sizeof(Totals) + LINE)
        if memory[0] == NULL:
            raise MemoryError
        totals = <Totals *> aligned(memory[0])
    for t in range(count):
        clear(totals + t)
    return totals


cdef int add_metrics_of_threads(
    Call *call, cnp.ndarray ranks, Py_ssize_t num_bins, int num_threads
) except -1:
    # the caller frees call.metrics_memory
    cdef EvaluationTotals *metrics
    cdef Py_ssize_t i, num_ranks = cnp.PyArray_DIM(ranks, 0), weighted_bins = num_bins * (call.sample_weight != NULL)
    cdef const int64_t *k = <const int64_t *> cnp.PyArray_DATA(ranks)
    cdef int t
    call.has_metrics = True
    for i in range(num_ranks):
        call.rank_limit = max(call.rank_limit, <Py_ssize_t> k[i])
    call.loss_is_nll = call.label_smoothing == 0.0 and is_bare(call)
    call.metrics_size = whole_lines(
        sizeof(EvaluationTotals) + num_ranks * sizeof(Hits) + (2 * num_bins + 1) * sizeof(Bin)
        + weighted_bins * sizeof(WeightedBin))
    call.metrics_memory = calloc(num_threads * call.metrics_size + LINE, 1)
    if call.metrics_memory == NULL:
        raise MemoryError
    call.metrics = <char *> aligned(call.metrics_memory)
    for t in range(num_threads):
        metrics = metrics_at(call, t)
        metrics.hits = <Hits *> (metrics + 1)
        metrics.bins = <Bin *> (metrics.hits + num_ranks)
        if weighted_bins:
            metrics.weighted_bins = <WeightedBin *> (metrics.bins + 2 * num_bins + 1)
        metrics.num_ranks, metrics.num_bins = num_ranks, num_bins
        for i in range(num_ranks):
            metrics.hits[i].k = k[i]
    return 0


# What the threads have added up becomes the totals of the first.

cdef void join_sums(ExactSum *to, ExactSum *of_thread, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(count):
        carry(to + i)
        carry(of_thread + i)
        for j in range(LIMBS):
            to[i].limbs[j] += of_thread[i].limbs[j]
        to[i].special += of_thread[i].special


cdef void join_metrics(EvaluationTotals *to, EvaluationTotals *of_thread) noexcept nogil:
    cdef Py_ssize_t i, j
    join_sums(<ExactSum *> &to.sums, <ExactSum *> &of_thread.sums, sizeof(MetricSums) // sizeof(ExactSum))
    to.num_rows += of_thread.num_rows
    for i in range(HISTOGRAM):
        to.histogram[i] += of_thread.histogram[i]
    for i in range(to.num_ranks):
        join_sums(&to.hits[i].weight, &of_thread.hits[i].weight, 1)
        to.hits[i].num_rows += of_thread.hits[i].num_rows
    for i in range(2 * to.num_bins + 1):
        to.bins[i].num_rows += of_thread.bins[i].num_rows
        for j in range(CONFIDENCE_DIGITS):
            to.bins[i].digits[j] += of_thread.bins[i].digits[j]
    if to.weighted_bins != NULL:
        join_sums(
            <ExactSum *> to.weighted_bins, <ExactSum *> of_thread.weighted_bins,
            to.num_bins * sizeof(WeightedBin) // sizeof(ExactSum))


cdef void join_threads(const Call *call, int num_threads) noexcept nogil:
    cdef Totals *totals = totals_at(call, 0)
    cdef Totals *of_thread
    cdef int t
    for t in range(num_threads):
        of_thread = totals_at(call, t)
        add_waiting(of_thread, has_weights(call))
        if call.metrics != NULL:
            add_stage(metrics_at(call, t))
            settle(metrics_at(call, t))
        if t == 0:
            continue
        totals.bad_row = min(totals.bad_row, of_thread.bad_row)
        totals.num_kept += of_thread.num_kept
        join_sums(&totals.loss, &of_thread.loss, 2)
        if call.metrics != NULL:
            join_metrics(metrics_at(call, 0), metrics_at(call, t))
    if call.loss_is_nll:
        totals.loss = metrics_at(call, 0).sums.nll
