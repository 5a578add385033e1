# Totals over rows: sums and counts, one set for each thread. Sums are exact, so adding the sets of all threads gives
# the same numbers for any number of threads.

cdef extern from "results/totals.h" nogil:
    ctypedef struct Bin:
        ExactSum confidence, weight, hit_weight
        Py_ssize_t *num_rows
    enum:
        HISTOGRAM, SQUARES_HAVE_RESTS
    void count_rows(double *, const RowGroup *, double)
    void bins_of_rows(double *, const RowGroup *, double)
    int add_to_bins(Bin *, const RowGroup *, const double *, const double *, int)
    void squares_of_rows(const double *, double *, double *)
    void confidence_of_hits(const RowGroup *, double *)
    void add_to_histogram(Py_ssize_t *, const RowGroup *)

ctypedef struct Totals:
    ExactSum loss, weight
    Py_ssize_t num_kept  # rows that are not ignored and whose sample_weight is not 0
    Py_ssize_t bad_row  # the lowest row with a label out of range, or NO_ROW

ctypedef struct Hits:
    ExactSum weight  # sum of sample_weight over the rows whose rank is below k; unused without sample_weight
    double num_rows[LANES]

ctypedef struct EvaluationTotals:
    # the totals of an evaluation; its Hits and Bins follow it in memory
    ExactSum nll, nll_square, entropy, entropy_square, brier, brier_square, confidence_square, hit_confidence
    ExactSum weight, weight_square
    double num_rows[LANES]  # rows that are not ignored, lane by lane
    Py_ssize_t histogram[HISTOGRAM + 1]
    double unbinned  # nan if a row has no bin, as its confidence is nan


cdef inline void *aligned(void *memory) noexcept nogil:
    # the next multiple of LINE, to which ExactSum is aligned
    return <void *> ((<size_t> memory + LINE - 1) // LINE * LINE)


cdef inline Py_ssize_t whole_lines(Py_ssize_t size) noexcept nogil:
    return (size + LINE - 1) // LINE * LINE


cdef inline Py_ssize_t size_of_metrics(Py_ssize_t num_ranks, Py_ssize_t num_bins) noexcept nogil:
    return sizeof(EvaluationTotals) + num_ranks * sizeof(Hits) + num_bins * sizeof(Bin)


cdef inline Hits *hits_of(EvaluationTotals *metrics) noexcept nogil:
    return <Hits *> (metrics + 1)


cdef inline Bin *bins_of(EvaluationTotals *metrics, Py_ssize_t num_ranks) noexcept nogil:
    return <Bin *> (hits_of(metrics) + num_ranks)


cdef inline Totals *totals_at(const Call *call, int thread) noexcept nogil:
    return <Totals *> call.totals + thread


cdef inline EvaluationTotals *metrics_at(const Call *call, int thread) noexcept nogil:
    return <EvaluationTotals *> (call.metrics + thread * call.metrics_size)


cdef Totals *new_totals(Totals *single, Py_ssize_t count, void **memory) except NULL:
    # zeroed totals for each thread: `single` itself if that is one, else in `memory`, which the caller frees
    if count == 1:
        memset(single, 0, sizeof(Totals))
        return single
    memory[0] = calloc(count * sizeof(Totals) + LINE, 1)
    if memory[0] == NULL:
        raise MemoryError
    return <Totals *> aligned(memory[0])


cdef int add_metrics_of_threads(
    Call *call, cnp.ndarray ranks, Py_ssize_t num_bins, int num_threads
) except -1:
    # the caller frees call.metrics_memory
    cdef Py_ssize_t i
    call.has_metrics = True
    call.ranks = <const int64_t *> cnp.PyArray_DATA(ranks)
    call.num_ranks = cnp.PyArray_DIM(ranks, 0)
    call.num_bins = num_bins
    for i in range(call.num_ranks):
        call.rank_limit = max(call.rank_limit, <Py_ssize_t> call.ranks[i])
    call.loss_is_nll = call.label_smoothing == 0.0 and is_bare(call)
    call.metrics_size = size_of_metrics(call.num_ranks, num_bins)
    call.metrics_memory = calloc(num_threads * call.metrics_size + LINE, 1)
    if call.metrics_memory == NULL:
        raise MemoryError
    call.metrics = <char *> aligned(call.metrics_memory)
    return 0
