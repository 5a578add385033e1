# Totals over rows, one set for each thread. They are exact, so theirs add up to the same numbers whatever their number.

ctypedef struct Totals:
    ExactSum loss, weight
    Py_ssize_t kept  # rows that are not ignored and whose sample_weight is not 0
    Py_ssize_t bad_row  # the lowest row with a label out of range, num_rows if none

ctypedef struct Hits:
    ExactSum weight  # of the rows whose rank is below k; counted where rows have no weights
    double num_rows[LANES]

ctypedef struct Metrics:
    # of an evaluation; its Hits and Bins follow it in memory
    ExactSum nll, nll_square, entropy, brier, weight, weight_square
    double num_rows[LANES]  # those that are not ignored
    Py_ssize_t histogram[HISTOGRAM + 1]
    double unbinned  # nan once a row is in no bin


cdef inline void *aligned(void *memory) noexcept nogil:
    # to a line, as exact sums want to be
    return <void *> ((<size_t> memory + LINE - 1) // LINE * LINE)


cdef inline Py_ssize_t size_of_metrics(Py_ssize_t num_ranks, Py_ssize_t num_bins) noexcept nogil:
    return sizeof(Metrics) + num_ranks * sizeof(Hits) + num_bins * sizeof(Bin)


cdef inline Hits *hits_of(Metrics *metrics) noexcept nogil:
    return <Hits *> (metrics + 1)


cdef inline Bin *bins_of(Metrics *metrics, Py_ssize_t num_ranks) noexcept nogil:
    return <Bin *> (hits_of(metrics) + num_ranks)
